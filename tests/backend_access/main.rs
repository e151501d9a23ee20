//! Who may do what over real sockets: tokens, roles, remote access, approvals, windows, and the trail that it all leaves.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod approvals;
#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "every test here has a clock of its own")]
mod client;
mod command;
mod random;
mod remote;
mod roles;

use std::sync::Arc;

use client::Answer;
use client::Site;
use daily_ops::backend::ServeFault;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::AuditEntry;
use daily_ops::gates::Gates;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;

/// Where the clock of every test begins.
fn start() -> KstTime {
    Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time")
}

fn admin() -> Actor {
    Actor::new("op", Role::Admin, "test")
}

/// A backend whose clock only moves when told to, and that clock.
fn site() -> (Site, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at(start()));
    (Site::with(|store| store, Arc::<SimClock>::clone(&clock), OpsPolicy::default()), clock)
}

/// A server over a workspace of its own, open to other machines when the options say so.
fn serve(options: ServeOptions, prepare: impl FnOnce(&Gates<'_>)) -> Result<Site, ServeFault> {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    prepare(&Gates::new(&store));
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    let ops = Arc::new(Ops::new(store.clone(), Arc::new(SimClock::at(start())), policy));
    let server = Server::start(ops, &ServeOptions { port: 0, workers: 1, ..options })?;
    Ok(Site { dir, store, server })
}

fn token(gates: &Gates<'_>, name: &str, role: Role) -> String {
    gates.create_token(name, role, &admin(), start()).expect("made").text
}

fn with_token(site: &Site, token: &str, method: &str, path: &str, body: Option<&str>) -> Answer {
    site.call(method, path, body, &[("authorization", &format!("Bearer {token}"))])
}

fn trail(site: &Site) -> Vec<AuditEntry> {
    Gates::new(&site.store).newest_audit_entries(1000).expect("readable")
}
