//! The backend's API as a whole: what the route table promises is what the server does.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod asking;
#[path = "../client/mod.rs"]
mod client;
mod dash;
mod openapi;
#[path = "../schemas/mod.rs"]
#[expect(dead_code, reason = "some helpers are for the other test crates")]
mod schemas;
mod smoke;

use std::sync::Arc;

use client::Site;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::token::TokenHash;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::SystemClock;

const TOKEN: &str = "a-token-of-the-tests-1";

/// A backend with a token and the endpoints for rehearsals.
fn dash_site() -> Site {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let ops = Arc::new(Ops::new(store.clone(), Arc::new(SystemClock::new()), Box::new(|| Ok(OpsPolicy::default()))));
    let token = Some(TokenHash::of(TOKEN));
    let mut options = ServeOptions { port: 0, workers: 1, operator_token: token, ..ServeOptions::default() };
    options.dash.settings.dev = true;
    let server = Server::start(ops, &options).expect("serving");
    Site { dir, store, server }
}
