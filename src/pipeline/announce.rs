//! What a run tells people: the day's status after a good run, an incident for each stage that blocked or failed.
//!
//! It is asked after the verdict and before the seal. So what became of it stands in the record's warnings under the same
//! hash, nothing is rewritten, and neither reason nor exit code can change any more. A backend that does not offer the
//! endpoint answers 404, and nothing is missing.

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
use crate::settings::Lang;
use crate::settings::Secret;
use crate::store::Family;
use crate::store::Store;
use crate::store::layout;
use crate::time::Stamp;
use crate::time::line_stamp;

use super::client::Answer;
use super::client::CallFault;
use super::explain::next_step;
use super::fallback;
use super::fallback::Direct;
use super::fallback::Told;
use super::heartbeat;
use super::runner::Run;

/// Characters of a reason.
const REASON: usize = 100;
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
    for (kind, stage) in owed {
        if !unreachable {
            report(run, kind, &stage);
        } else if kind == IncidentKind::BackendDown {
            send_directly(run, &stage);
        }
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
    // Whoever ended the run knows of it, and a limit that is used up leaves no time for messages.
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

fn report(run: &mut Run<'_>, kind: IncidentKind, stage: &StageReport) {
    let step = format!("{}/5 {}", stage.n, stage.name.title());
    let path = incident_path(kind, &step, &reason(run, stage));
    let answer = ask(run, &path);
    match judged(&answer) {
        Outcome::Fine(text) => run.story.say(&format!("incident {}: {text}", kind.as_str())),
        Outcome::NotOffered => {}
        _ if kind == IncidentKind::BackendDown && matches!(answer, Err(CallFault::NoConnection(_))) => {
            send_directly(run, stage);
        }
        Outcome::NotDelivered(text) | Outcome::NotMade(text) => {
            run.warn(RunCode::PushFailed, format!("incident {}: {text}", kind.as_str()));
        }
    }
}

fn ask(run: &Run<'_>, path: &str) -> Result<Answer, CallFault> {
    let backend = run.site.backend.clone().for_run(run.record.trace_id.as_str());
    backend.announce(&run.control, run.site.clock, path)
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
    match text("delivery_actual").as_deref() {
        Some(failed @ ("TELEGRAM_FAILED" | "TELEGRAM_ERROR")) => Outcome::NotDelivered(format!("{failed}{because}")),
        other => Outcome::Fine(format!("{}{because}", other.unwrap_or("made"))),
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

/// Nobody can be asked: the run sends the incident itself.
fn send_directly(run: &mut Run<'_>, stage: &StageReport) {
    let kind = IncidentKind::BackendDown;
    let lang = run.site.outside.lang;
    let alert = alert(run, stage);
    let meaning = if lang == Lang::Ko { kind.korean() } else { kind.english() };
    let text = format!("{}\n{meaning}\n{}", alert.title, alert.text(lang));
    let direct = Direct {
        store: run.site.store,
        clock: run.site.clock,
        messenger: &run.site.outside.messenger,
        name: kind.snapshot_kind(),
        title: &alert.title,
        text: &text,
    };
    let held = fallback::may_not_be_shown(&direct);
    let (key, told) = fallback::send(&direct, &run.control);
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
