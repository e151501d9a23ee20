//! What a run tells people: the day's status after a good run, an incident for each stage that blocked or failed.
//!
//! It is asked after the verdict and before the seal. So what became of it stands in the record's warnings under the same
//! hash, nothing is rewritten, and neither reason nor exit code can change any more. A backend that does not offer the
//! endpoint answers 404, and nothing is missing; only that the backend is down is told by the run itself then.
//!
//! Each message has ten seconds of its own, also when the run's limit is used up: a run that ran out of time is what
//! people must hear of. The record's end and duration show the time that messages took.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::IncidentKind;
use crate::contracts::message::IncidentPush;
use crate::contracts::run::StageName;
use crate::contracts::run::StageReport;
use crate::notify::Messenger;
use crate::notify::alert::Alert;
use crate::notify::alert::HELD_BACK;
use crate::notify::alert::cut;
use crate::notify::alert::is_suspect;
use crate::notify::alert::plain;
use crate::settings::Lang;
use crate::settings::Secret;
use crate::store::Family;
use crate::store::Store;
use crate::store::layout;
use crate::time::Stamp;
use crate::time::line_stamp;

use super::client::Answer;
use super::client::CallFault;
use super::client::MESSAGE;
use super::control::Control;
use super::control::Ended;
use super::explain::next_step;
use super::fallback;
use super::fallback::Direct;
use super::fallback::Told;
use super::heartbeat;
use super::runner::Run;

/// Characters of a reason.
const REASON: usize = 100;
/// What a call may take beyond its own limit before it is given up.
const SPARE: Duration = Duration::from_secs(1);
/// Lines of a log in an alert, and how much of its end is looked at.
const LINES: usize = 5;
const TAIL: usize = 8192;

/// What of the outside world a run may speak to.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Whether the run asks for messages.
    pub messages: bool,
    /// Their language.
    pub lang: Lang,
    /// The channels, for the day when no backend answers.
    pub messenger: Messenger,
    /// Called at the start and the end of a run.
    pub ping_url: Option<Secret>,
}

/// Asks for every message that this run owes.
pub(super) fn announce(run: &mut Run<'_>) {
    let unreachable = run.record.stages.iter().any(|stage| stage.name == StageName::Health && is_unreachable(stage));
    let owed: Vec<(IncidentKind, StageReport)> =
        run.record.stages.iter().filter_map(|stage| Some((kind_of(stage)?, stage.clone()))).collect();
    if !owed.is_empty() && run.control.check(run.site.clock) == Err(Ended::OutOfTime) {
        let each = MESSAGE.as_secs();
        run.story.say(&format!("the limit of the run is used up; each message has {each} s of its own"));
    }
    // What nobody could be asked for is named in the message that the run sends itself.
    let mut untold: Vec<String> = Vec::new();
    for (kind, stage) in owed {
        if kind == IncidentKind::BackendDown {
            report_down(run, &stage, unreachable, &untold);
            continue;
        }
        if unreachable {
            run.story.say(&format!("incident {}: no backend to ask; it goes with BACKEND_DOWN", kind.as_str()));
        } else if report(run, kind, &stage) {
            continue;
        }
        untold.push(named(run, kind, &stage));
    }
    if run.record.exit_code == Some(0) {
        daily_status(run);
    }
}

/// No answer at all: then nothing can be asked of the backend.
fn is_unreachable(stage: &StageReport) -> bool {
    stage.class == StageClass::Fail && stage.http_status.is_none() && stage.code == RunCode::BackendDown.into()
}

/// The incident that a stage's end is.
fn kind_of(stage: &StageReport) -> Option<IncidentKind> {
    let code = |code: RunCode| stage.code == code.into();
    // Whoever ended the run knows of it.
    if code(RunCode::Interrupted) {
        return None;
    }
    match (stage.name, stage.class) {
        (StageName::Pull, StageClass::Warn | StageClass::Fail) if code(RunCode::GitPullFailed) => {
            Some(IncidentKind::GitPullFailed)
        }
        (StageName::Pull, StageClass::Fail) => Some(IncidentKind::GitPullFailed),
        (StageName::Health, StageClass::Fail) => Some(IncidentKind::BackendDown),
        (StageName::Summary, StageClass::Fail) => Some(IncidentKind::OpsFailed),
        (StageName::Summary, StageClass::Block) => Some(IncidentKind::OpsBlocked),
        (StageName::LiveCycle, StageClass::Fail) => Some(IncidentKind::LiveFailed),
        (StageName::LiveCycle, StageClass::Block) => Some(IncidentKind::LiveBlocked),
        (StageName::Snapshot, StageClass::Fail) => Some(IncidentKind::SnapshotFailed),
        _ => None,
    }
}

fn daily_status(run: &mut Run<'_>) {
    let path = "/api/push/daily_status/send?confirm=true&mode=normal".to_owned();
    match judged(&ask(run, &path)) {
        Outcome::Fine(text) => run.story.say(&format!("daily status: {text}")),
        Outcome::NotOffered => {}
        Outcome::NotDelivered(text) => run.warn(RunCode::PushFailed, format!("daily status: {text}")),
        Outcome::NotMade(text) => {
            run.warn(RunCode::PushFailed, format!("daily status: {text}"));
            let path = incident_path(IncidentKind::PushFailed, "daily_status", &text);
            if let Outcome::NotDelivered(text) | Outcome::NotMade(text) = judged(&ask(run, &path)) {
                run.warn(RunCode::PushFailed, format!("{}: {text}", IncidentKind::PushFailed.as_str()));
            }
        }
    }
}

/// Asks for an incident; whether its document was made.
fn report(run: &mut Run<'_>, kind: IncidentKind, stage: &StageReport) -> bool {
    let answer = ask_for(run, kind, stage);
    told(run, kind, judged(&answer))
}

/// Says what became of an incident; whether its document was made.
fn told(run: &mut Run<'_>, kind: IncidentKind, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Fine(text) => {
            run.story.say(&format!("incident {}: {text}", kind.as_str()));
            true
        }
        Outcome::NotOffered => false,
        Outcome::NotDelivered(text) => {
            run.warn(RunCode::PushFailed, format!("incident {}: {text}", kind.as_str()));
            true
        }
        Outcome::NotMade(text) => {
            run.warn(RunCode::PushFailed, format!("incident {}: {text}", kind.as_str()));
            false
        }
    }
}

/// That the backend is down is told by the backend only when it says that it did; whatever else listens on its port is
/// no reason to be silent.
fn report_down(run: &mut Run<'_>, stage: &StageReport, unreachable: bool, untold: &[String]) {
    let kind = IncidentKind::BackendDown;
    if unreachable {
        return send_directly(run, stage, untold);
    }
    let answer = ask_for(run, kind, stage);
    if !took_nothing(&answer) {
        told(run, kind, judged(&answer));
        return;
    }
    let why = answer.map_or_else(|fault| fault.to_string(), |answer| answer.excerpt());
    run.story.say(&format!("incident {}: the backend did not take it: {}", kind.as_str(), cut(&why, REASON)));
    send_directly(run, stage, untold);
}

/// Whether nobody can have made an incident. An answer that did not come, or broke off, may hide one that was sent.
fn took_nothing(answer: &Result<Answer, CallFault>) -> bool {
    match answer {
        Ok(answer) => !is_reply(answer),
        Err(CallFault::NoConnection(_) | CallFault::TooLarge(_)) => true,
        Err(CallFault::Timeout(_) | CallFault::Broken(_) | CallFault::Ended(_)) => false,
    }
}

/// Whether an answer says that an incident was made, now or before.
fn is_reply(answer: &Answer) -> bool {
    let Some(reply) = answer.json().filter(|_| answer.is_success()) else { return false };
    let is_made =
        reply.get("skipped") == Some(&Value::Bool(true)) || reply.get("delivery_actual").is_some_and(Value::is_string);
    reply.get("result").and_then(Value::as_str) == Some("OK") && is_made
}

fn ask_for(run: &Run<'_>, kind: IncidentKind, stage: &StageReport) -> Result<Answer, CallFault> {
    let step = format!("{}/5 {}", stage.n, stage.name.title());
    ask(run, &incident_path(kind, &step, &reason(run, stage)))
}

fn ask(run: &Run<'_>, path: &str) -> Result<Answer, CallFault> {
    let backend = run.backend.clone();
    backend.announce(&own_time(run, MESSAGE + SPARE), run.site.clock, path)
}

/// Time that does not come from the run's; a signal ends it all the same.
fn own_time(run: &Run<'_>, limit: Duration) -> Control {
    Control::new(Arc::clone(&run.site.interrupted), run.site.clock, limit)
}

/// One incident in a line of another one's message. A line that may not leave must not cost the whole message.
fn named(run: &Run<'_>, kind: IncidentKind, stage: &StageReport) -> String {
    let detail = stage.detail.as_deref().map(|text| format!(": {}", cut(&plain(text), REASON))).unwrap_or_default();
    if is_suspect(&detail) || run.site.outside.messenger.secrets.is_told_in(&detail) {
        return format!("{}: {HELD_BACK}", kind.as_str());
    }
    format!("{}{detail}", kind.as_str())
}

fn incident_path(kind: IncidentKind, step: &str, reason: &str) -> String {
    let encoded = |text: &str| {
        percent_encoding::utf8_percent_encode(&cut(text, REASON), percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    format!(
        "/api/push/incident/send?confirm=true&mode=normal&kind={}&step={}&reason={}",
        kind.as_str(),
        encoded(step),
        encoded(reason)
    )
}

/// What an answer to a request for a message comes to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Fine(String),
    NotOffered,
    NotDelivered(String),
    NotMade(String),
}

fn judged(answer: &Result<Answer, CallFault>) -> Outcome {
    let answer = match answer {
        Ok(answer) if answer.status == 404 => return Outcome::NotOffered,
        Ok(answer) => answer,
        Err(fault) => return Outcome::NotMade(fault.to_string()),
    };
    let Some(reply) = answer.json().filter(|reply| answer.is_success() && reply.is_object()) else {
        return Outcome::NotMade(answer.excerpt());
    };
    if reply.get("result").and_then(Value::as_str) != Some("OK") {
        return Outcome::NotMade(answer.excerpt());
    }
    let text = |key: &str| reply.get(key).and_then(Value::as_str).map(|text| cut(text, REASON));
    if reply.get("skipped") == Some(&Value::Bool(true)) {
        return Outcome::Fine(text("message").unwrap_or_else(|| "already sent today".to_owned()));
    }
    let because = text("not_sent_because").map(|why| format!(" ({why})")).unwrap_or_default();
    let word = text("delivery_actual");
    match word.as_deref().and_then(DeliveryActual::parse) {
        Some(failed) if failed.is_failure() => Outcome::NotDelivered(format!("{}{because}", failed.as_str())),
        _ => Outcome::Fine(format!("{}{because}", word.as_deref().unwrap_or("made"))),
    }
}

/// Code, since when, how often, and the detail as far as it fits.
fn reason(run: &Run<'_>, stage: &StageReport) -> String {
    let heartbeat = heartbeat::after(run.site.store, &run.record, run.site.clock.now());
    let since = heartbeat.first_failure_at.as_ref().and_then(Stamp::instant).map(line_stamp);
    let since = match (heartbeat.consecutive_failures, since) {
        (n, Some(since)) if n > 1 => format!(" [{n}x since {since}]"),
        _ => String::new(),
    };
    let detail = stage.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    cut(&format!("{}{since}{detail}", stage.code), REASON)
}

/// The whole alert of a run: why, since when, the last lines, what to type.
fn alert(run: &Run<'_>, stage: &StageReport) -> Alert {
    let heartbeat = heartbeat::after(run.site.store, &run.record, run.site.clock.now());
    let kind = IncidentKind::BackendDown;
    let detail = stage.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    let mut lines = last_lines(run.site.store, layout::RUN_LOG);
    lines.retain(|line| !run.site.outside.messenger.secrets.is_told_in(line));
    Alert {
        title: format!("[{}] {}", kind.severity(), kind.as_str()),
        why: format!("{}{detail}", stage.code),
        since: heartbeat.first_failure_at.as_ref().and_then(Stamp::instant).map(|at| format!("{} KST", line_stamp(at))),
        bad_runs: heartbeat.consecutive_failures,
        lines,
        next: next_step(stage.code.as_str(), run.site.outside.lang),
    }
}

/// The last lines of a log; one that cannot be read has none.
pub(super) fn last_lines(store: &Store, file: &str) -> Vec<String> {
    let log = store.read(file).ok().flatten().unwrap_or_default();
    let end = String::from_utf8_lossy(log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(LINES);
    lines.get(first..).unwrap_or_default().iter().map(|line| (*line).to_owned()).collect()
}

/// Nobody can be asked: the run sends the incident itself, with what else nobody was told.
fn send_directly(run: &mut Run<'_>, stage: &StageReport, untold: &[String]) {
    let kind = IncidentKind::BackendDown;
    let lang = run.site.outside.lang;
    let alert = alert(run, stage);
    let meaning = if lang == Lang::Ko { kind.korean() } else { kind.english() };
    let also = if lang == Lang::Ko { "함께" } else { "Also" };
    let also: String = untold.iter().map(|other| format!("{also}: {other}\n")).collect();
    let text = format!("{}\n{meaning}\n{also}{}", alert.title, alert.text(lang));
    let direct = Direct {
        store: run.site.store,
        clock: run.site.clock,
        messenger: &run.site.outside.messenger,
        name: kind.snapshot_kind(),
        title: &alert.title,
        text: &text,
    };
    let held = fallback::may_not_be_shown(&direct);
    let (key, told) = fallback::send(&direct, &own_time(run, fallback::LONGEST));
    let (delivery, because, receipt) = match told {
        Told::Repeated(why) => return run.story.say(&format!("incident {}: {why}", kind.as_str())),
        Told::NotSent(why) => {
            run.story.say(&format!("incident {}: not sent: {why}", kind.as_str()));
            (DeliveryActual::ConsoleSimulated, Some(why), None)
        }
        Told::Faulty(why) => return run.warn(RunCode::PushFailed, format!("incident {}: {why}", kind.as_str())),
        Told::Tried(attempt) => {
            let text = format!("incident {}: {}", kind.as_str(), attempt.delivery.as_str());
            if attempt.delivery == DeliveryActual::FallbackCurl {
                run.story.say(&text);
            } else {
                run.warn(RunCode::PushFailed, text);
            }
            (attempt.delivery, None, Some(attempt.receipt))
        }
    };
    let shown = |text: String| if held { HELD_BACK.to_owned() } else { text };
    let document = IncidentPush {
        idempotency_key: key,
        step: format!("{}/5 {}", stage.n, stage.name.title()),
        reason: shown(reason(run, stage)),
        message: shown(text),
        delivery_actual: Some(delivery),
        not_sent_because: because,
        send_receipt: receipt,
        ..IncidentPush::default()
    };
    keep(run, document);
}

/// Leaves the document that the backend would have left.
fn keep(run: &mut Run<'_>, document: IncidentPush) {
    let (kind, now, store) = (IncidentKind::BackendDown, run.site.clock.now(), run.site.store);
    let own = EvidenceRef::parse(layout::RUN.latest).ok().filter(|own| store.resolve(own).is_ok());
    let document = IncidentPush {
        schema: IncidentPush::SCHEMA.to_owned(),
        asof: Some(Stamp::of(now)),
        kind: Some(kind),
        severity: kind.severity().to_owned(),
        evidence_refs: own.iter().map(ToString::to_string).collect(),
        ..document
    };
    let family = Family { kind: kind.snapshot_kind(), ..layout::INCIDENT };
    let made = store.publish(family, now, &|reference| IncidentPush {
        snapshot_ref: Some(reference.to_owned()),
        ..document.clone()
    });
    if let Err(fault) = made {
        run.warn(RunCode::PushFailed, fault.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::client::Body;
    use serde_json::json;

    #[test]
    fn an_answer_is_judged_by_what_it_says() {
        let cases = [
            ("not offered", 404, json!({"detail": "Not Found"}), "NotOffered"),
            ("simulated", 200, json!({"result": "OK", "delivery_actual": "CONSOLE_SIMULATED"}), "Fine"),
            ("repeated", 200, json!({"result": "OK", "skipped": true, "message": "m"}), "Fine"),
            ("refused", 200, json!({"result": "OK", "delivery_actual": "TELEGRAM_FAILED"}), "NotDelivered"),
            ("unknown", 200, json!({"result": "OK", "delivery_actual": "TELEGRAM_ERROR"}), "NotDelivered"),
            ("error in a good status", 200, json!({"result": "ERROR", "message": "Unknown kind"}), "NotMade"),
            ("a list", 200, json!([]), "NotMade"),
            ("server error", 500, json!({"result": "OK"}), "NotMade"),
        ];
        for (name, status, body, want) in cases {
            let outcome = judged(&Ok(Answer { status, body: Body::Json(body) }));
            assert!(format!("{outcome:?}").starts_with(want), "{name}: {outcome:?}");
        }
        assert!(matches!(judged(&Err(CallFault::NoConnection(String::new()))), Outcome::NotMade(_)));
    }

    #[test]
    fn that_the_backend_is_down_is_left_to_it_only_when_it_may_have_told_it() {
        let json = |status: u16, body: Value| Ok(Answer { status, body: Body::Json(body) });
        let cases = [
            ("made", json(200, json!({"result": "OK", "delivery_actual": "CONSOLE_SIMULATED"})), false),
            ("made before", json(200, json!({"result": "OK", "skipped": true})), false),
            ("refused by Telegram", json(200, json!({"result": "OK", "delivery_actual": "TELEGRAM_FAILED"})), false),
            ("not offered", json(404, json!({"detail": "Not Found"})), true),
            ("server error", json(500, json!({"result": "OK", "delivery_actual": "TELEGRAM"})), true),
            ("refused", json(401, json!({"result": "ERROR"})), true),
            ("an error in a good status", json(200, json!({"result": "ERROR"})), true),
            ("another program", json(200, json!({"result": "OK"})), true),
            ("a list", json(200, json!([])), true),
            ("a page", Ok(Answer { status: 200, body: Body::Other("<html>".to_owned()) }), true),
            ("nothing", Ok(Answer { status: 200, body: Body::Empty }), true),
            ("no connection", Err(CallFault::NoConnection(String::new())), true),
            ("too large", Err(CallFault::TooLarge(200)), true),
            ("no answer", Err(CallFault::Timeout(MESSAGE)), false),
            ("broken", Err(CallFault::Broken(String::new())), false),
            ("a signal", Err(CallFault::Ended(crate::pipeline::client::Stop::Interrupted)), false),
        ];
        for (name, answer, want) in cases {
            assert_eq!(took_nothing(&answer), want, "{name}");
        }
    }

    #[test]
    fn each_way_a_stage_ends_is_its_own_incident() {
        use RunCode as C;
        use StageClass as K;
        use StageName as N;
        let cases = [
            (N::Pull, K::Ok, C::GitPullNoChanges, None),
            (N::Pull, K::Warn, C::GitPullFailed, Some("GIT_PULL_FAILED")),
            (N::Pull, K::Fail, C::GitPullFailed, Some("GIT_PULL_FAILED")),
            (N::Pull, K::Fail, C::StoreFailed, Some("GIT_PULL_FAILED")),
            (N::Health, K::Fail, C::BackendDown, Some("BACKEND_DOWN")),
            (N::Health, K::Warn, C::BackendWarning, None),
            (N::Summary, K::Fail, C::SummaryInvalid, Some("OPS_FAILED")),
            (N::Summary, K::Block, C::OpsBlocked, Some("OPS_BLOCKED")),
            (N::LiveCycle, K::Fail, C::LiveRunFailed, Some("LIVE_FAILED")),
            (N::LiveCycle, K::Block, C::BundleStale, Some("LIVE_BLOCKED")),
            (N::Snapshot, K::Fail, C::SnapshotMismatch, Some("SNAPSHOT_FAILED")),
            (N::Snapshot, K::Skipped, C::NotReached, None),
            (N::LiveCycle, K::Fail, C::Interrupted, None),
        ];
        for (name, class, code, want) in cases {
            let stage = StageReport { class, code: code.into(), ..StageReport::not_reached(name) };
            assert_eq!(kind_of(&stage).map(IncidentKind::as_str), want, "{name:?} {class:?} {code}");
        }
    }

    #[test]
    fn a_reason_is_cut_before_it_is_encoded() {
        let path = incident_path(IncidentKind::LiveFailed, "4/5 Live cycle", &"가&=\n".repeat(60));
        let reason = path.rsplit("reason=").next().expect("a reason");
        let read = percent_encoding::percent_decode_str(reason).decode_utf8().expect("text");
        assert_eq!(read.chars().count(), REASON);
        assert!(!reason.contains(['&', '=', ' ', '\n']));
    }
}
