//! What the observer says: one draft for each kind of change.

use sha2::Digest as _;
use sha2::Sha256;
use uuid::Uuid;

use crate::contracts::event::EventDraft;
use crate::contracts::event::Severity;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::contracts::run::RunRecord;
use crate::ops::DailyRun;
use crate::store::layout;

use super::arrivals::BundleSeen;

/// A name for a change, made of what it consists of: the same one whoever tells it, and when.
pub(super) fn change_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let half = hash.finalize().iter().take(16).fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    Uuid::from_u128(half).to_string()
}

/// Says of an event that it was found at the start, and when it happened if a file says so.
pub(super) fn found_at_start(draft: EventDraft, at: Option<String>) -> EventDraft {
    let draft = draft.with("found_at_start", true);
    match at {
        Some(at) => draft.with("occurred_at", at),
        None => draft,
    }
}

pub(super) fn safety_changed(file: &str, (before, after): (&str, &str), reason: &str) -> EventDraft {
    EventDraft::new("safety_changed", "daily_ops", &format!("{file}: {before} -> {after}: {reason}"))
        .severity(Severity::Warn)
        .with("file", file)
        .with("before", before)
        .with("after", after)
        .with("reason", reason)
}

/// The name of a change of the kill switch.
pub(super) fn kill_change_id(before: KillStatus, now: &KillSwitch) -> String {
    let version = now.version.to_string();
    change_id(&[layout::KILL_SWITCH, before.as_str(), now.status.as_str(), &now.audit_id, &version])
}

/// The event of a kill switch that was set; `source` is `control` for this server's own door.
pub(crate) fn kill_changed(before: KillStatus, now: &KillSwitch, source: &str) -> EventDraft {
    let message = format!("kill switch {} by {}: {}", now.status.as_str(), now.actor, now.reason);
    EventDraft::new("KillSwitchChanged", source, &message)
        .severity(if now.status == KillStatus::On { Severity::Critical } else { Severity::Warn })
        .with("scope", "GLOBAL")
        .with("prevStatus", before.as_str())
        .with("newStatus", now.status.as_str())
        .with("reason", now.reason.as_str())
        .with("actor", now.actor.as_str())
        .with("details", serde_json::json!({}))
        .with("audit_id", now.audit_id.as_str())
        .with("version", now.version)
        .with("change_id", kill_change_id(before, now))
}

pub(super) fn bundle_changed(before: Option<&str>, now: &BundleSeen) -> EventDraft {
    let is_well = now.decision == "PASS";
    let decision = now.decision.as_str().unwrap_or_default();
    let message = format!("strategy bundle {}: {decision}", now.bundle_id.as_deref().unwrap_or("-"));
    EventDraft::new("bundle_changed", "daily_ops", &message)
        .severity(if is_well { Severity::Info } else { Severity::Warn })
        .with("file", layout::BUNDLE.latest)
        .with("before", before)
        .with("after", now.bundle_id.clone())
        .with("created_at", now.created_at.clone())
        .with("decision", now.decision.clone())
}

pub(super) fn publish_seen(record: &RunRecord, publish: &str) -> EventDraft {
    let bundle = record.bundle.as_ref().and_then(|bundle| bundle.bundle_id.clone());
    EventDraft::new("publish_seen", "daily_ops", &format!("the publish {publish} of the PC arrived"))
        .with("publish_run_id", publish)
        .with("run_id", record.run_id.as_str())
        .with("revision", record.host_rev_after.clone())
        .with("bundle_id", bundle)
}

pub(super) fn run_finished(run: &DailyRun) -> EventDraft {
    let severity = match run.result {
        "DONE" => Severity::Info,
        "WARNED" | "BLOCKED" => Severity::Warn,
        _ => Severity::Error,
    };
    let message = format!("daily run {}: {}", run.result, run.reason.as_deref().unwrap_or("-"));
    EventDraft::new("run_finished", "daily_ops", &message)
        .severity(severity)
        .with("run_id", run.run_id.as_str())
        .with("status", run.result)
        .with("exit_code", run.exit_code)
        .with("duration_ms", run.duration_ms)
        .with("reason", run.reason.clone())
        // It is taken from the record, because the run did not say so itself.
        .with("from_record", true)
}
