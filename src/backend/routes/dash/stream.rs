//! `/events`: the bus as server-sent events.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::header;
use axum::response::Response;
use bytes::BytesMut;
use futures_util::FutureExt as _;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::App;
use super::frames::Desk;
use super::frames::WRITE;
use super::frames::join;
use super::frames::period;
use crate::telemetry::Item;
use crate::telemetry::Transport;

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
    (header::CACHE_CONTROL, "no-cache, no-transform"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// Answers with a stream that lasts until one side ends it.
pub(in crate::backend::routes) async fn events(app: Arc<App>, request: Request) -> Response {
    if *request.method() == Method::HEAD {
        return answer(Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()));
    }
    // Before the place is taken: whatever comes after it is told.
    let rounds = app.dash.rounds.subscribe();
    match join(&app, &request, Transport::Sse) {
        Ok((desk, _line)) => answer(Body::from_stream(stream::unfold(Writer::new(desk, rounds), Writer::next))),
        Err(refusal) => refusal.into_response(),
    }
}

fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Writes what one subscriber is told. It is asked for more when the socket has taken the rest.
struct Writer {
    desk: Desk,
    rounds: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    beat: Pin<Box<Sleep>>,
    /// What the socket is about to take.
    handed: Vec<Item>,
    at: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was said yet.
    Hello,
    /// There may be events that nobody announces any more.
    Behind,
    /// Everything was told that there was at the last round.
    Level,
    /// Everything was said.
    Over,
}

impl Writer {
    fn new(desk: Desk, rounds: watch::Receiver<()>) -> Self {
        let stopping = desk.app.dash.stopping.clone();
        let beat = Box::pin(tokio::time::sleep(period(&desk)));
        Self { desk, rounds, stopping, beat, handed: Vec::new(), at: Stage::Hello }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let bytes = match self.at {
            Stage::Hello => self.hello(),
            Stage::Behind | Stage::Level => self.more().await,
            Stage::Over => return None,
        };
        Some((Ok(bytes), self))
    }

    fn hello(&mut self) -> Bytes {
        self.at = Stage::Behind;
        let mut frame = BytesMut::new();
        // Writing to memory cannot fail.
        writeln!(frame, "retry: {}", self.desk.app.dash.options.settings.retry_ms).ok();
        control(&mut frame, "hello", &self.desk.hello());
        frame.freeze()
    }

    async fn more(&mut self) -> Bytes {
        if !self.handed.is_empty() {
            self.desk.subscription.wrote(&std::mem::take(&mut self.handed));
        }
        let mut bytes = BytesMut::new();
        loop {
            let is_stopping = *self.stopping.borrow();
            if self.at == Stage::Behind || is_stopping {
                self.take(&mut bytes);
            }
            if is_stopping {
                control(&mut bytes, "shutdown", &self.desk.shutdown());
                self.at = Stage::Over;
            } else if (&mut self.beat).now_or_never().is_some() {
                control(&mut bytes, "heartbeat", &self.desk.heartbeat());
                self.beat = Box::pin(tokio::time::sleep(period(&self.desk)));
            }
            if !bytes.is_empty() {
                return bytes.freeze();
            }
            if self.at == Stage::Level {
                self.wait().await;
            }
        }
    }

    fn take(&mut self, bytes: &mut BytesMut) {
        self.rounds.borrow_and_update();
        let was_again = self.desk.subscription.is_replaying();
        let items = self.desk.subscription.take(WRITE);
        let length = |item: &Item| if let Item::Event(frame) = item { frame.sse.len() } else { 128 };
        bytes.reserve(items.iter().map(length).sum());
        for item in &items {
            match item {
                Item::Event(frame) => bytes.extend_from_slice(&frame.sse),
                Item::Gap(gap) => control(bytes, "gap", gap),
            }
        }
        self.at = if was_again || bytes.len() >= WRITE { Stage::Behind } else { Stage::Level };
        self.handed = items;
    }

    async fn wait(&mut self) {
        tokio::select! {
            // The senders live as long as the server.
            _ = self.stopping.wait_for(|stop| *stop) => {}
            _ = self.rounds.changed() => self.at = Stage::Behind,
            () = &mut self.beat => {}
        }
    }
}

/// A frame that is no event: it has a name and no id.
fn control(into: &mut BytesMut, name: &str, data: &impl Serialize) {
    // None of these can fail to become JSON, and memory takes whatever is written.
    let json = serde_json::to_string(data).unwrap_or_default();
    write!(into, "event: {name}\ndata: {json}\n\n").ok();
}
