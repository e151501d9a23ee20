//! `/api/ops/export`: events as evidence, unmodified, with their hash.

use axum::http::HeaderName;
use axum::http::header;
use serde::Serialize;

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::params::Params;
use crate::backend::dash::past::Order;
use crate::backend::reply::Reply;
use crate::contracts::event::millis_stamp;
use crate::contracts::json::sha256_hex;
use crate::time::KstTime;

const HASH: HeaderName = HeaderName::from_static("x-content-sha256");

/// The process that exported.
#[derive(Serialize)]
struct Server<'a> {
    boot_id: &'a str,
    version: &'a str,
}

pub(super) fn export(app: &App, call: &Call) -> Result<Reply, Reply> {
    let now = app.now();
    let params = Params::new(&call.query, now);
    let filter = params.filter()?;
    let limit = params.limit(1000, 10_000)?;
    let order = params.order(&filter)?;
    let mut found = app.dash.find(&filter, limit, order);
    if order == Order::NewestFirst {
        found.records.reverse();
    }
    let id = |record: Option<&crate::backend::dash::past::Record>| record.map(|record| record.event().id);
    let server = Server { boot_id: app.dash.bus.boot_id(), version: env!("CARGO_PKG_VERSION") };
    let reply = head()
        .with("exported_at", &millis_stamp(now))
        .with("exported_at_ms", &now.timestamp_millis())
        .with("origin", "server")
        .with("count", &found.records.len())
        .with("first_id", &id(found.records.first()))
        .with("last_id", &id(found.records.last()))
        .with("truncated", &found.has_more)
        .with("filters", &filter)
        .with("server", &server)
        .with("events", &found.records)
        .ok();
    let hash = sha256_hex(&reply.body);
    let place = format!("attachment; filename=\"{}\"", file_name(now));
    Ok(reply.with_header(header::CONTENT_DISPOSITION, &place).with_header(HASH, &hash))
}

/// The time in it is UTC.
fn file_name(now: KstTime) -> String {
    now.to_utc().format("ops_events_%Y-%m-%dT%H%M%S%3fZ.json").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    #[test]
    fn the_name_of_the_file_is_in_utc_without_colons_and_points() {
        let now = Stamp::from("2026-11-22T08:05:00.007999+09:00").instant().expect("a time");
        assert_eq!(file_name(now), "ops_events_2026-11-21T230500007Z.json");
    }
}
