//! Blocking calls to the backend, each with its own limits and number of tries.
//!
//! An answer is any HTTP status with a body that is JSON, something else, or empty; everything short of that is a fault.
//! Redirects are not followed and proxies are not used. A POST is never repeated: it may have worked.

use std::time::Duration;

use serde_json::Value;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use super::control::Control;
use super::control::Ended;
use crate::contracts::json::decode;
use crate::settings::PipelineSettings;
use crate::settings::Secret;
use crate::time::Clock;

/// Largest body that is read.
const MAX_BODY: u64 = 16 << 20;
/// How long a message may take.
pub(super) const MESSAGE: Duration = Duration::from_secs(10);
/// How much of a body is shown.
const EXCERPT: usize = 500;

/// How long the calls may take, and how often they are tried.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connecting, for every call.
    pub connect: Duration,
    /// Health.
    pub health: Duration,
    /// Reading a document or resolving a ref.
    pub get: Duration,
    /// Regenerating the summary.
    pub regenerate: Duration,
    /// Running the live cycle.
    pub cycle: Duration,
    /// Tries of the health call while no connection is made.
    pub health_tries: u32,
    /// Tries of a reading call.
    pub get_tries: u32,
    /// Between two tries.
    pub retry_pause: Duration,
}

impl From<&PipelineSettings> for Limits {
    fn from(settings: &PipelineSettings) -> Self {
        Self {
            connect: settings.connect_limit,
            health: settings.health_limit,
            get: settings.get_limit,
            regenerate: settings.regenerate_limit,
            cycle: settings.cycle_limit,
            health_tries: settings.health_tries,
            get_tries: settings.get_tries,
            retry_pause: settings.retry_pause,
        }
    }
}

/// What came in the body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// JSON.
    Json(Value),
    /// Nothing.
    Empty,
    /// Something else; its beginning, made printable.
    Other(String),
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Body,
}

impl Answer {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of the body.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        if let Body::Json(value) = &self.body { Some(value) } else { None }
    }

    /// Status and the first 500 characters, for a log.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let body = match &self.body {
            Body::Json(value) => one_line(&value.to_string()),
            Body::Empty => "empty body".to_owned(),
            Body::Other(text) => text.clone(),
        };
        format!("HTTP {}: {body}", self.status)
    }
}

/// There was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// No connection was made.
    #[error("HTTP 000: no connection: {0}")]
    NoConnection(String),
    /// The answer did not come in time.
    #[error("HTTP 000: no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke or the answer is no HTTP.
    #[error("HTTP 000: the answer broke off: {0}")]
    Broken(String),
    /// The body is larger than 16 MiB.
    #[error("HTTP {0}: the body is larger than 16 MiB")]
    TooLarge(u16),
    /// The run itself ended.
    #[error("the run ended before the answer came")]
    Ended(Stop),
}

/// Why the run ended while a call was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal.
    Interrupted,
    /// The limit of the whole run.
    RunTimeout,
}

/// What is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Nothing: the call may have worked.
    Never,
    /// Any fault.
    AnyFault,
    /// Only that no connection was made.
    NoConnection,
}

/// The backend behind one URL.
#[derive(Clone, Debug)]
pub struct Backend {
    url: String,
    agent: ureq::Agent,
    limits: Limits,
    trace_id: Option<String>,
    token: Option<Secret>,
}

impl Backend {
    /// A client for the backend at `url` (scheme, host and port without a slash at the end).
    #[must_use]
    pub fn new(url: &str, limits: Limits) -> Self {
        let config = calls().timeout_connect(Some(limits.connect)).build();
        Self { url: url.to_owned(), agent: config.into(), limits, trace_id: None, token: None }
    }

    /// The same backend, told in every call which run asks.
    #[must_use]
    pub fn for_run(mut self, trace_id: &str) -> Self {
        self.trace_id = Some(trace_id.to_owned());
        self
    }

    /// The same backend, shown a token in every call; for one that is open to other machines.
    #[must_use]
    pub fn with_token(mut self, token: Option<Secret>) -> Self {
        self.token = token;
        self
    }

    /// Where the backend is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// GET `/api/ops/health`.
    ///
    /// # Errors
    /// There was no answer.
    pub fn health(&self, control: &Control, clock: &dyn Clock) -> Result<Answer, CallFault> {
        let call = Call::get("/api/ops/health", self.limits.health);
        self.tried(control, clock, (Again::NoConnection, self.limits.health_tries), &call)
    }

    /// GET of a document.
    ///
    /// # Errors
    /// There was no answer.
    pub fn get(&self, control: &Control, clock: &dyn Clock, path: &str) -> Result<Answer, CallFault> {
        self.tried(control, clock, (Again::AnyFault, self.limits.get_tries), &Call::get(path, self.limits.get))
    }

    /// GET `/api/evidence/resolve` of a ref, percent-encoded.
    ///
    /// # Errors
    /// There was no answer.
    pub fn resolve(&self, control: &Control, clock: &dyn Clock, reference: &str) -> Result<Answer, CallFault> {
        let encoded = percent_encoding::utf8_percent_encode(reference, percent_encoding::NON_ALPHANUMERIC);
        self.get(control, clock, &format!("/api/evidence/resolve?ref={encoded}"))
    }

    /// POST `/api/ops/summary/regenerate`.
    ///
    /// # Errors
    /// There was no answer.
    pub fn regenerate_summary(&self, control: &Control, clock: &dyn Clock) -> Result<Answer, CallFault> {
        let call = Call::post("/api/ops/summary/regenerate?confirm=true", self.limits.regenerate);
        self.tried(control, clock, (Again::Never, 1), &call)
    }

    /// POST `/api/live/cycle/run`.
    ///
    /// # Errors
    /// There was no answer; the cycle may have run.
    pub fn run_cycle(&self, control: &Control, clock: &dyn Clock) -> Result<Answer, CallFault> {
        let call = Call::post("/api/live/cycle/run?confirm=true", self.limits.cycle);
        self.tried(control, clock, (Again::Never, 1), &call)
    }

    /// POST of a request for a message.
    ///
    /// # Errors
    /// There was no answer; the message may have been sent.
    pub(super) fn announce(&self, control: &Control, clock: &dyn Clock, path: &str) -> Result<Answer, CallFault> {
        self.tried(control, clock, (Again::Never, 1), &Call::post(path, MESSAGE))
    }

    /// POST `/api/ops/cycle/run`.
    ///
    /// # Errors
    /// There was no answer; the cycle may have run.
    pub fn run_ops_cycle(&self, control: &Control, clock: &dyn Clock) -> Result<Answer, CallFault> {
        let call = Call::post("/api/ops/cycle/run?confirm=true", self.limits.cycle);
        self.tried(control, clock, (Again::Never, 1), &call)
    }

    fn tried(
        &self,
        control: &Control,
        clock: &dyn Clock,
        (again, tries): (Again, u32),
        call: &Call,
    ) -> Result<Answer, CallFault> {
        let mut left = tries.max(1);
        loop {
            let outcome = self.once(control, clock, call);
            left -= 1;
            let retry = match &outcome {
                Err(CallFault::NoConnection(_)) => again != Again::Never,
                Err(CallFault::Timeout(_) | CallFault::Broken(_)) => again == Again::AnyFault,
                Err(CallFault::TooLarge(_) | CallFault::Ended(_)) | Ok(_) => false,
            };
            if left == 0 || !retry {
                return outcome;
            }
            control.wait(clock, self.limits.retry_pause).map_err(stopped)?;
        }
    }

    fn once(&self, control: &Control, clock: &dyn Clock, call: &Call) -> Result<Answer, CallFault> {
        let left = control.left(clock);
        let limit = call.limit.min(left);
        let (backend, asked) = (self.clone(), call.clone());
        // The client has limits of its own; the waiting side's is a little longer and holds whatever happens.
        let waited = control.ask(clock, limit + Duration::from_millis(250), move || backend.perform(&asked, limit));
        match waited {
            // What was cut short by the end of the run is the run's timeout, whoever noticed it first.
            Ok(Err(CallFault::Timeout(_))) | Err(Ended::CallTimeout) if left <= call.limit => {
                Err(stopped(Ended::OutOfTime))
            }
            Ok(outcome) => outcome,
            Err(Ended::CallTimeout) => Err(CallFault::Timeout(limit)),
            Err(Ended::Died) => Err(CallFault::Broken("the call ended in a defect".to_owned())),
            Err(ended @ (Ended::Interrupted | Ended::OutOfTime)) => Err(stopped(ended)),
        }
    }

    fn perform(&self, call: &Call, limit: Duration) -> Result<Answer, CallFault> {
        let url = format!("{}{}", self.url, call.path);
        let limit = limit.max(Duration::from_millis(1));
        let outcome = match call.method {
            Method::Get => self.traced(self.agent.get(&url)).config().timeout_global(Some(limit)).build().call(),
            Method::Post => {
                self.traced(self.agent.post(&url)).config().timeout_global(Some(limit)).build().send_empty()
            }
        };
        let mut response = outcome.map_err(|fault| told(fault, limit, 0))?;
        let status = response.status().as_u16();
        let bytes = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_vec()
            .map_err(|fault| told(fault, limit, status))?;
        Ok(Answer { status, body: body_of(&bytes) })
    }

    fn traced<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let request = match &self.trace_id {
            Some(id) => request.header("X-Daily-Ops-Run", id).header("X-Trace-Id", id),
            None => request,
        };
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", token.expose())),
            None => request,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Method {
    Get,
    Post,
}

#[derive(Clone, Debug)]
struct Call {
    method: Method,
    path: String,
    limit: Duration,
}

impl Call {
    fn get(path: &str, limit: Duration) -> Self {
        Self { method: Method::Get, path: path.to_owned(), limit }
    }

    fn post(path: &str, limit: Duration) -> Self {
        Self { method: Method::Post, path: path.to_owned(), limit }
    }
}

/// How a run calls a server: a redirect would show a token to somebody else, a proxy is between no two programs of one
/// host, and a kept connection to a backend that was restarted would look like a fault of the next call.
pub(super) fn calls() -> ConfigBuilder<AgentScope> {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_idle_connections(0)
        .user_agent(concat!("daily_ops/", env!("CARGO_PKG_VERSION")))
}

fn stopped(ended: Ended) -> CallFault {
    CallFault::Ended(if ended == Ended::Interrupted { Stop::Interrupted } else { Stop::RunTimeout })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken answer")]
fn told(fault: ureq::Error, limit: Duration, status: u16) -> CallFault {
    use std::io::ErrorKind as Kind;
    match fault {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            CallFault::NoConnection("connecting took too long".to_owned())
        }
        ureq::Error::Timeout(_) => CallFault::Timeout(limit),
        ureq::Error::BodyExceedsLimit(_) => CallFault::TooLarge(status),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => CallFault::NoConnection(fault.to_string()),
        ureq::Error::Io(source) => match source.kind() {
            Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => {
                CallFault::NoConnection(source.to_string())
            }
            Kind::TimedOut | Kind::WouldBlock => CallFault::Timeout(limit),
            _ => CallFault::Broken(source.to_string()),
        },
        other => CallFault::Broken(other.to_string()),
    }
}

fn body_of(bytes: &[u8]) -> Body {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Body::Empty;
    }
    match decode(bytes).ok().and_then(|text| serde_json::from_str(text).ok()) {
        Some(value) => Body::Json(value),
        None => Body::Other(one_line(&String::from_utf8_lossy(bytes))),
    }
}

/// The first 500 characters with control characters as spaces and what looks like a credential masked.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    masked(&plain)
}

/// Hides what follows `Bearer ` and the token of a `bot<digits>:` address, should a backend echo them.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut secret = false;
    for word in text.split_inclusive([' ', '"', '/', ',']) {
        let bare = word.trim_end_matches([' ', '"', '/', ',']);
        let bot = bare.strip_prefix("bot").and_then(|rest| rest.split_once(':'));
        let is_bot = bot.is_some_and(|(digits, _)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        if secret || is_bot {
            shown.push_str("***");
            shown.push_str(&word[bare.len()..]);
        } else {
            shown.push_str(word);
        }
        secret = bare.eq_ignore_ascii_case("bearer");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_not_shown() {
        let cases = [
            ("plain text", "plain text"),
            ("auth: Bearer abc.def-1 x", "auth: Bearer *** x"),
            ("https://h/bot12345:AAE_x/send", "https://h/***/send"),
            ("a robot: fine", "a robot: fine"),
        ];
        for (text, want) in cases {
            assert_eq!(one_line(text), want);
        }
    }
}
