//! The dashboard's control side over real sockets and files: kill switch, tokens, origins, health, state views.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "every test here makes its own server")]
mod client;
mod command;
mod door;
mod kill;
mod random;
mod switch;
mod views;

use std::sync::Arc;

use client::Answer;
use client::Site;
use daily_ops::backend::DashOptions;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::token::TokenHash;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;

/// The operator token of the servers here.
const TOKEN: &str = "token-for-tests-0123456789";
const SWITCH: &str = "/api/control/kill-switch";

/// Where the clock of every test begins.
fn start() -> KstTime {
    Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time")
}

/// A server over a workspace that is there already.
fn serve(store: &Store, dash: DashOptions, token: Option<&str>) -> (Server, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at(start()));
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    let ops = Arc::new(Ops::new(store.clone(), Arc::<SimClock>::clone(&clock), policy));
    let operator_token = token.map(TokenHash::of);
    let options = ServeOptions { port: 0, workers: 1, operator_token, dash, ..ServeOptions::default() };
    (Server::start(ops, &options).expect("serving"), clock)
}

fn site_with(dash: DashOptions, token: Option<&str>) -> (Site, Arc<SimClock>) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let (server, clock) = serve(&store, dash, token);
    (Site { dir, store, server }, clock)
}

fn site() -> Site {
    site_with(DashOptions::default(), Some(TOKEN)).0
}

/// A POST with the token.
fn post(site: &Site, path: &str, body: &str) -> Answer {
    site.call("POST", path, Some(body), &[("authorization", &format!("Bearer {TOKEN}"))])
}

fn set(site: &Site, body: serde_json::Value) -> Answer {
    post(site, SWITCH, &body.to_string())
}
