//! What a stream says beside events: hello, heartbeat, gap, shutdown; and the place where a subscriber goes on.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use serde::Serialize;

use super::App;
use crate::backend::dash::refusal::refuse;
use crate::backend::line::Line;
use crate::backend::query::Query;
use crate::backend::reply::Reply;
use crate::backend::routes::failed;
use crate::contracts::event::CONTRACT_VERSION;
use crate::telemetry::Subscription;
use crate::telemetry::Transport;

/// Bytes of events in one write; the longest event and the frames beside it stay within 256 KiB.
pub(super) const WRITE: usize = 192 << 10;

/// The first thing that a subscriber is told.
#[derive(Debug, Serialize)]
pub(super) struct Hello<'a> {
    contract_version: &'static str,
    boot_id: &'a str,
    server_ts: i64,
    last_id: u64,
    oldest_id: u64,
    heartbeat_sec: u64,
    replay: Replayed,
}

#[derive(Debug, Serialize)]
struct Replayed {
    requested_after: Option<u64>,
    replayed: u64,
    gap: bool,
    missed: u64,
    reset: bool,
}

/// That the stream lives.
#[derive(Debug, Serialize)]
pub(super) struct Heartbeat {
    ts: i64,
    last_id: u64,
    queue_depth: u64,
    dropped: u64,
}

/// That the server goes.
#[derive(Debug, Serialize)]
pub(super) struct Shutdown {
    ts: i64,
    reason: &'static str,
}

/// Makes the control frames of one subscriber.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) app: Arc<App>,
    pub(super) subscription: Subscription,
}

impl Desk {
    pub(super) fn hello(&self) -> Hello<'_> {
        let (ids, replay) = (self.subscription.ids(), self.subscription.replay());
        Hello {
            contract_version: CONTRACT_VERSION,
            boot_id: self.subscription.bus().boot_id(),
            server_ts: self.ts(),
            last_id: ids.last,
            oldest_id: ids.oldest,
            heartbeat_sec: self.app.dash.options.settings.heartbeat_seconds,
            replay: Replayed {
                requested_after: replay.requested_after,
                replayed: replay.replayed,
                gap: replay.missed > 0,
                missed: replay.missed,
                reset: replay.reset,
            },
        }
    }

    pub(super) fn heartbeat(&self) -> Heartbeat {
        let (queue_depth, dropped) = self.subscription.backlog();
        Heartbeat { ts: self.ts(), last_id: self.subscription.bus().ids().last, queue_depth, dropped }
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        Shutdown { ts: self.ts(), reason: "server_stopping" }
    }

    fn ts(&self) -> i64 {
        self.subscription.bus().clock().now().timestamp_millis()
    }
}

/// Between two heartbeats.
pub(super) fn period(desk: &Desk) -> Duration {
    Duration::from_secs(desk.app.dash.options.settings.heartbeat_seconds)
}

/// Takes a place for the one who asks, and remembers on its connection that it is a stream.
pub(super) fn join(app: &Arc<App>, request: &Request, transport: Transport) -> Result<(Desk, Arc<Line>), Reply> {
    let Some(line) = request.extensions().get::<Arc<Line>>().map(Arc::clone) else {
        return Err(failed(app, None));
    };
    let after = last_event_id(request.headers(), request.uri().query());
    match app.dash.bus.subscribe(transport, &line.peer.to_string(), after) {
        Ok(subscription) => {
            match transport {
                Transport::Sse => line.becomes_one_way(),
                Transport::Ws | Transport::Hung => line.becomes_stream(),
            }
            Ok((Desk { app: Arc::clone(app), subscription }, line))
        }
        Err(full) => {
            let code = (StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_SUBSCRIBERS");
            Err(refuse(code, &full.to_string(), None, app.now()).with_header(header::RETRY_AFTER, "5"))
        }
    }
}

/// The id after which a subscriber goes on; none means that it begins now. A header that says something wins.
fn last_event_id(headers: &HeaderMap, query: Option<&str>) -> Option<u64> {
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    if let Some(value) = header {
        return value.to_str().ok().and_then(id);
    }
    Query::parse(query).text("last_event_id").ok().flatten().and_then(id)
}

/// A number that no id can have any more is beyond the last one too.
fn id(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_header_wins_over_the_query_and_what_is_no_number_means_from_now_on() {
        type Row<'a> = (Option<&'a [u8]>, Option<&'a str>, Option<u64>);
        let rows: &[Row<'_>] = &[
            (None, None, None),
            (None, Some("last_event_id=7"), Some(7)),
            (Some(b"9"), Some("last_event_id=7"), Some(9)),
            (Some(b""), Some("last_event_id=7"), Some(7)),
            (Some(b"x"), Some("last_event_id=7"), None),
            (Some(b"\xff"), None, None),
            (Some(b"0"), None, Some(0)),
            (Some(b"007"), None, Some(7)),
            (Some(b"-1"), None, None),
            (Some(b"+1"), None, None),
            (Some(b"1.5"), None, None),
            (Some(b"99999999999999999999999"), None, Some(u64::MAX)),
            (None, Some("last_event_id="), None),
            (None, Some("last_event_id=1&last_event_id=2"), None),
            (None, Some("other=1"), None),
        ];
        for (header, query, want) in rows {
            let mut headers = HeaderMap::new();
            if let Some(bytes) = header {
                headers.insert("last-event-id", HeaderValue::from_bytes(bytes).expect("a value"));
            }
            assert_eq!(last_event_id(&headers, *query), *want, "{header:?} {query:?}");
        }
    }
}
