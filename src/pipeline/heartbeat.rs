//! The dead man's switch: a file at the start and the end of each run, and an address that is called at the same times.
//!
//! The address is called as `<url>/start` when stage 1 begins, `<url>` after a run that ended well and `<url>/fail` after
//! one that was blocked or failed; a query of the address stays behind what is added. A run that started too late and did nothing calls nothing: the silence is the alarm.
//! The address is a secret; what is said of a call never holds it.

use std::time::Duration;

use crate::contracts::Document as _;
use crate::contracts::RunCode;
use crate::contracts::heartbeat::Beat;
use crate::contracts::heartbeat::Heartbeat;
use crate::contracts::run::Ending;
use crate::contracts::run::RunRecord;
use crate::settings::Secret;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Clock;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;

use super::control::Control;
use super::history::History;
use super::opening::next_due;

/// How long one call may take.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// What is said when the address says nothing.
const NO_ANSWER: &str = "no answer in time";
/// Records that are looked at when there is no heartbeat to go on from.
const LOOK_BACK: usize = 60;

/// What is told to the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ping {
    Start,
    Success,
    Fail,
}

impl Ping {
    fn path(self) -> &'static str {
        match self {
            Self::Start => "/start",
            Self::Success => "",
            Self::Fail => "/fail",
        }
    }
}

/// Writes that a run has started.
pub(super) fn started(store: &Store, record: &RunRecord, now: KstTime) -> Result<(), StoreFault> {
    let mut heartbeat = before(store);
    // The one before died without a word.
    if heartbeat.result == Some(Beat::Running) {
        let began = heartbeat.started_at.clone();
        fell(&mut heartbeat, began.clone(), began);
    }
    heartbeat.schema = Heartbeat::SCHEMA.to_owned();
    heartbeat.run_id = record.run_id.to_string();
    heartbeat.trading_date = now.with_timezone(&kst()).date_naive().to_string();
    heartbeat.started_at = Some(record.started_at.clone());
    heartbeat.ended_at = None;
    heartbeat.result = Some(Beat::Running);
    heartbeat.exit_code = None;
    heartbeat.reason = None;
    heartbeat.next_due_at = next_due(now).map(Stamp::of);
    store.write_document_view(layout::HEARTBEAT, &heartbeat)
}

/// Writes how a run has ended, and says how the runs stand since.
pub(super) fn ended(store: &Store, record: &RunRecord, now: KstTime) -> Result<Heartbeat, StoreFault> {
    let mut heartbeat = after(store, record, now);
    heartbeat.next_due_at = next_due(now).map(Stamp::of);
    store.write_document_view(layout::HEARTBEAT, &heartbeat)?;
    Ok(heartbeat)
}

/// The heartbeat as it will be when this run has ended.
pub(super) fn after(store: &Store, record: &RunRecord, now: KstTime) -> Heartbeat {
    let mut heartbeat = before(store);
    heartbeat.schema = Heartbeat::SCHEMA.to_owned();
    heartbeat.run_id = record.run_id.to_string();
    heartbeat.started_at = Some(record.started_at.clone());
    let started = record.started_at.instant().unwrap_or(now);
    heartbeat.trading_date = started.with_timezone(&kst()).date_naive().to_string();
    let end = Some(record.finished_at.clone().unwrap_or_else(|| Stamp::of(now)));
    heartbeat.ended_at.clone_from(&end);
    heartbeat.exit_code = record.exit_code;
    heartbeat.reason = record.reason.as_ref().map(ToString::to_string);
    let skipped = record.reason == Some(RunCode::LateRunSkipped.into());
    let result = match record.ending() {
        _ if skipped => Beat::Skipped,
        Some(Ending::Done) => Beat::Done,
        Some(Ending::Warned) => Beat::Warned,
        Some(Ending::Blocked) => Beat::Blocked,
        Some(Ending::Failed) | None => Beat::Failed,
    };
    heartbeat.result = Some(result);
    match result {
        Beat::Done | Beat::Warned => {
            heartbeat.last_success_at = end;
            heartbeat.first_failure_at = None;
            heartbeat.consecutive_failures = 0;
        }
        Beat::Blocked | Beat::Failed => fell(&mut heartbeat, Some(record.started_at.clone()), end),
        // Nothing was done: neither good nor bad.
        Beat::Skipped | Beat::Running => {}
    }
    heartbeat
}

fn fell(heartbeat: &mut Heartbeat, began: Option<Stamp>, end: Option<Stamp>) {
    heartbeat.last_failure_at = end;
    heartbeat.consecutive_failures += 1;
    if heartbeat.first_failure_at.is_none() {
        heartbeat.first_failure_at = began;
    }
}

/// The heartbeat so far; without a readable one, what the records of earlier runs tell.
fn before(store: &Store) -> Heartbeat {
    match store.document::<Heartbeat>(layout::HEARTBEAT) {
        Stored::Present(heartbeat) => heartbeat,
        Stored::Missing | Stored::Damaged(_) => told_by_records(store),
    }
}

fn told_by_records(store: &Store) -> Heartbeat {
    let mut heartbeat = Heartbeat::default();
    let records = History::new(store).list(LOOK_BACK).unwrap_or_default();
    for record in records.into_iter().rev().flatten().filter(|record| record.finished_at.is_some()) {
        let end = record.finished_at.clone();
        match record.exit_code {
            _ if record.reason == Some(RunCode::LateRunSkipped.into()) => {}
            Some(0) => {
                heartbeat.last_success_at = end;
                heartbeat.first_failure_at = None;
                heartbeat.consecutive_failures = 0;
            }
            _ => fell(&mut heartbeat, Some(record.started_at), end),
        }
    }
    heartbeat
}

/// Calls the address. A signal does not keep the last call back: that is when it counts.
pub(super) fn ping(url: &Secret, what: Ping, clock: &dyn Clock) -> Result<(), String> {
    let control = Control::new(std::sync::Arc::default(), clock, PING_LIMIT);
    let address = address(url.expose(), what);
    let asked = control.ask(clock, PING_LIMIT, move || call(&address));
    asked.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()))
}

/// The address with what is told at the end of its path, before a query.
fn address(url: &str, what: Ping) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{}{}{query}", path.trim_end_matches('/'), what.path())
}

fn call(address: &str) -> Result<(), String> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(PING_LIMIT))
        .max_redirects(3)
        .user_agent(concat!("daily_ops/", env!("CARGO_PKG_VERSION")));
    if ["://127.", "://localhost", "://[::1]"].iter().any(|own| address.contains(own)) {
        config = config.proxy(None);
    }
    let agent: ureq::Agent = config.build().into();
    agent.get(address).call().map(drop).map_err(|fault| cause(&fault))
}

/// Why a call failed, in words of this program: the fault's own text could hold the address.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a call that broke off")]
fn cause(fault: &ureq::Error) -> String {
    match fault {
        ureq::Error::StatusCode(status) => format!("the address answered HTTP {status}"),
        ureq::Error::Timeout(_) => NO_ANSWER.to_owned(),
        ureq::Error::HostNotFound => "the host's name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "the host does not answer".to_owned(),
        ureq::Error::Tls(_) | ureq::Error::NativeTls(_) => "no secure connection (TLS)".to_owned(),
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => "the address redirects to no end".to_owned(),
        ureq::Error::Io(source) => format!("no connection: {}", source.kind()),
        _ => "the address could not be called".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_goes_to_the_end_of_the_path_and_before_a_query() {
        let cases = [
            ("https://h/ping/u", ["https://h/ping/u/start", "https://h/ping/u", "https://h/ping/u/fail"]),
            ("https://h/ping/u/", ["https://h/ping/u/start", "https://h/ping/u", "https://h/ping/u/fail"]),
            ("https://h/u/?rid=5", ["https://h/u/start?rid=5", "https://h/u?rid=5", "https://h/u/fail?rid=5"]),
            ("https://h?to=/x/", ["https://h/start?to=/x/", "https://h?to=/x/", "https://h/fail?to=/x/"]),
        ];
        for (url, want) in cases {
            assert_eq!([Ping::Start, Ping::Success, Ping::Fail].map(|what| address(url, what)), want, "{url}");
        }
    }
    #[test]
    fn a_cause_is_named_and_never_holds_the_address() {
        let secret = || "https://h/5bd2b3a4".to_owned();
        let cases = [
            (ureq::Error::StatusCode(503), "the address answered HTTP 503"),
            (ureq::Error::HostNotFound, "the host's name is not known"),
            (ureq::Error::Io(std::io::ErrorKind::ConnectionRefused.into()), "no connection: connection refused"),
            (ureq::Error::Io(std::io::Error::other(secret())), "no connection: other error"),
            (ureq::Error::BadUri(secret()), "the address could not be called"),
            (ureq::Error::RequireHttpsOnly(secret()), "the address could not be called"),
        ];
        for (fault, want) in cases {
            assert_eq!(cause(&fault), want);
        }
    }
}
