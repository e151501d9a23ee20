//! The backend over real sockets: every route, every guard, every code.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
mod client;
mod life;
mod lookups;
mod refusals;
mod shapes;
mod traces;

use client::Site;
use serde_json::Value;

const SUMMARY: &str = "/api/ops/summary/latest";
const STOP: &str = "/api/emergency_stop";

/// One row of a table of requests: name, method, path, body, status, and members of the reply by JSON pointer.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>, u16, Value);

fn check(site: &Site, rows: &[Row]) {
    for (name, method, path, body, status, want) in rows {
        let answer = site.call(method, path, *body, &[]);
        let got = answer.json();
        assert_eq!(answer.status, *status, "{name}: {got}");
        for (pointer, value) in want.as_object().expect("pointers") {
            assert_eq!(got.pointer(pointer), Some(value), "{name} at {pointer}: {got}");
        }
    }
}
