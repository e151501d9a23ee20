//! The dashboard's pages and assets over real sockets: what is served, under which rules, in both languages.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod assets;
#[expect(dead_code, reason = "the pages are only read")]
#[path = "../client/mod.rs"]
mod client;
mod pages;
mod runs;
mod words;

use std::sync::Arc;

use client::Answer;
use client::Site;
use client::raw;
use client::request;
use daily_ops::backend::DashOptions;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::settings::Lang;
use daily_ops::store::Store;
use daily_ops::time::SystemClock;

/// The record of a real run.
const RECORD: &str = include_str!("../../contracts/daily_ops_run_v1.json");
/// Its id.
const RUN: &str = "run_20261121_144637_23a32f5c";

/// One address of a site that speaks English.
fn in_english(path: &str) -> Answer {
    let dir = tempfile::tempdir().expect("a directory");
    let ops =
        Arc::new(Ops::new(Store::new(dir.path()), Arc::new(SystemClock::new()), Box::new(|| Ok(OpsPolicy::default()))));
    let dash = DashOptions { lang: Lang::En, ..DashOptions::default() };
    let options = ServeOptions { port: 0, workers: 1, dash, ..ServeOptions::default() };
    let server = Server::start(ops, &options).expect("serving");
    let answer = raw(server.address(), request("GET", path, None, &[]).as_bytes());
    server.stop();
    answer
}

/// A site with the record of a real run.
fn with_run() -> Site {
    let site = Site::new();
    let file = "reports/ops/daily_ops/snapshots/daily_ops_20261121_144637.json";
    site.store.write(file, RECORD.as_bytes()).expect("written");
    site
}

/// The values of an attribute in a page, in order.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}
