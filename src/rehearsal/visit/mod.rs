//! Calls to the dashboard as `curl` would make them: an answer of any status, or the way in which none came.

mod base;
mod sse;
mod stream;
mod ws;

use std::time::Duration;

use serde_json::Value;

use crate::settings::Secret;
use crate::time::Clock;
use crate::time::SystemClock;

pub use base::BaseUrl;
pub use stream::Frame;
pub use stream::Listener;
pub use stream::Sort;

/// Largest body that is read.
const MAX_BODY: u64 = 64 << 20;
/// How much of an answer is shown.
const EXCERPT: usize = 300;

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers that are looked at: name in small letters, value.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// From the request to the last byte.
    pub took: Duration,
}

impl Answer {
    /// A header by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The beginning of the body on one line.
    #[must_use]
    pub fn excerpt(&self) -> String {
        one_line(&self.text())
    }
}

/// The first characters of a text with control characters as spaces.
#[must_use]
pub(super) fn one_line(text: &str) -> String {
    text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A member of a document as people read it, without the quotes of a JSON text.
#[must_use]
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// There was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Nobody listens there.
    #[error("connection refused: nothing listens there")]
    Refused,
    /// The connection was made, and no answer came.
    #[error("connected, but no answer within {} ms", .0.as_millis())]
    Mute(Duration),
    /// The machine cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// What came is no HTTP, or it broke off.
    #[error("no sound HTTP answer: {0}")]
    Broken(String),
}

/// With which calls a token is shown. A wrong one is refused even where none is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// With each.
    Always,
    /// Only with those that need one.
    WhenNeeded,
}

/// A token and when it is shown.
#[derive(Clone, Debug)]
pub struct Key {
    /// The token.
    pub secret: Secret,
    /// When it is shown.
    pub showing: Showing,
}

/// Somebody who calls one dashboard.
#[derive(Debug)]
pub struct Visitor {
    base: BaseUrl,
    key: Option<Key>,
    agent: ureq::Agent,
    clock: SystemClock,
    limit: Duration,
}

impl Visitor {
    /// Visits `base`, showing `key` where it is to be shown, and waits `limit` for each answer.
    #[must_use]
    pub fn new(base: BaseUrl, key: Option<Key>, limit: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // A kept connection to a server that was restarted would look like a fault of the next call.
            .max_idle_connections(0)
            .timeout_global(Some(limit))
            .user_agent(concat!("daily_ops-rehearsal/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { base, key, agent: config.into(), clock: SystemClock::new(), limit }
    }

    /// Where it calls.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Time since this visitor was made, on a clock that is never simulated: what is measured here is real.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Waits in real time.
    pub fn pause(&self, duration: Duration) {
        self.clock.wait(duration);
    }

    /// GET of a path with its query.
    ///
    /// # Errors
    /// There was no answer.
    pub fn get(&self, path: &str) -> Result<Answer, Silence> {
        let start = self.elapsed();
        let outcome = self.shown(self.agent.get(self.base.join(path))).call();
        self.answer(outcome, start)
    }

    /// POST of a JSON value.
    ///
    /// # Errors
    /// There was no answer; the request may have worked.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer, Silence> {
        self.send(self.shown(self.agent.post(self.base.join(path))), body)
    }

    /// POST of a JSON value where a token is needed.
    ///
    /// # Errors
    /// There was no answer; the request may have worked.
    pub fn post_closed(&self, path: &str, body: &Value) -> Result<Answer, Silence> {
        let token = self.key.as_ref().map(|key| &key.secret);
        self.send(with(token, self.agent.post(self.base.join(path))), body)
    }

    fn send(&self, request: ureq::RequestBuilder<ureq::typestate::WithBody>, body: &Value) -> Result<Answer, Silence> {
        let start = self.elapsed();
        self.answer(request.header("Content-Type", "application/json").send(body.to_string()), start)
    }

    /// Opens `/events`; live only.
    ///
    /// # Errors
    /// There was no answer in time.
    pub fn listen(&self) -> Result<Listener, Silence> {
        sse::open(&self.base, self.token(), self.limit)
    }

    /// Opens a WebSocket at `path`.
    ///
    /// # Errors
    /// There was no answer in time, or no upgrade.
    pub fn socket(&self, path: &str) -> Result<Listener, Silence> {
        ws::open(&self.base, path, self.token(), self.limit)
    }

    /// The token that every call shows.
    fn token(&self) -> Option<&Secret> {
        self.key.as_ref().filter(|key| key.showing == Showing::Always).map(|key| &key.secret)
    }

    fn shown<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        with(self.token(), request)
    }

    fn answer(
        &self,
        outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        start: Duration,
    ) -> Result<Answer, Silence> {
        let mut response = outcome.map_err(|fault| self.silence(fault))?;
        let headers = response.headers().iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let headers = headers.collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec();
        let body = body.map_err(|fault| self.silence(fault))?;
        Ok(Answer { status, headers, body, took: self.elapsed().saturating_sub(start) })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken answer")]
    fn silence(&self, fault: ureq::Error) -> Silence {
        match fault {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Silence::Unreachable("connecting took too long".to_owned())
            }
            ureq::Error::Timeout(_) => Silence::Mute(self.limit),
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Silence::Unreachable(fault.to_string()),
            ureq::Error::Io(source) => told(&source, self.limit),
            other => Silence::Broken(other.to_string()),
        }
    }
}

fn with<B>(token: Option<&Secret>, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
    match token {
        Some(token) => request.header("Authorization", format!("Bearer {}", token.expose())),
        None => request,
    }
}

/// What a fault of a socket means.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken answer")]
fn told(fault: &std::io::Error, limit: Duration) -> Silence {
    use std::io::ErrorKind as Kind;
    match fault.kind() {
        Kind::ConnectionRefused => Silence::Refused,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => {
            Silence::Unreachable(fault.to_string())
        }
        Kind::TimedOut | Kind::WouldBlock => Silence::Mute(limit),
        _ => Silence::Broken(fault.to_string()),
    }
}
