//! What a publish says: the commit's message, the summary lines in their fixed order, the log, the document on disk.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Progress;
use super::PublishMode;
use super::PublishOutcome;
use super::PublishStop;
use super::PublishWhat;
use super::Publisher;
use super::validate::Content;
use crate::contracts::RunId;
use crate::contracts::publish::PublishEnd;
use crate::contracts::publish::PublishResult;
use crate::pc::bundle::SYNTHETIC;
use crate::store::Durability;
use crate::store::layout;
use crate::sync::RUN_TRAILER;
use crate::time::KstTime;
use crate::time::file_stamp;
use crate::time::kst;
use crate::time::line_stamp;

/// How many rows of a list are said.
const ROWS: usize = 12;

/// At most twelve rows and the number of the others.
pub(super) fn listed(rows: &[String]) -> String {
    let shown = rows.iter().take(ROWS).map(String::as_str).collect::<Vec<_>>().join("; ");
    match rows.len().checked_sub(ROWS) {
        Some(more) if more > 0 => format!("{shown}; and {more} more"),
        _ => shown,
    }
}

/// Subject, body and the trailer by which the host knows the run.
pub(super) fn commit_message(what: PublishWhat, content: &Content, run_id: &RunId, now: KstTime) -> String {
    let subject = match what {
        PublishWhat::Everything => format!("Daily recon update - {}", now.with_timezone(&kst()).date_naive()),
        PublishWhat::Bundle => format!("bundle(pc): publish {}", file_stamp(now)),
        PublishWhat::State => "state: update via ui".to_owned(),
    };
    let mut body = Vec::new();
    if let Some(bundle) = &content.bundle {
        body.push(format!("bundle: {}", word(&bundle["bundle_id"])));
        body.push(format!("payload: {}", prefix(bundle)));
        body.extend(super::validate::is_generated(bundle).then(|| format!("prices: {SYNTHETIC}")));
    }
    body.extend(content.badge.map(|badge| format!("recon: {badge}")));
    let body = if body.is_empty() { String::new() } else { format!("{}\n\n", body.join("\n")) };
    format!("{subject}\n\n{body}{RUN_TRAILER}: {run_id}\n")
}

/// What was done, in one sentence.
pub(super) fn done(end: PublishEnd, progress: &Progress, mode: PublishMode) -> String {
    let count = progress.files.len();
    match (mode, end) {
        (PublishMode::DryRun, PublishEnd::NoChanges) if progress.ahead.is_empty() => {
            "would change nothing: no changes, and the remote has every commit".to_owned()
        }
        (PublishMode::DryRun, PublishEnd::NoChanges) => {
            format!("would commit nothing and push {} kept commits: {}", progress.ahead.len(), listed(&progress.ahead))
        }
        (PublishMode::DryRun, _) => {
            let kept = if progress.ahead.is_empty() {
                String::new()
            } else {
                format!(", and push {} kept commits too: {}", progress.ahead.len(), listed(&progress.ahead))
            };
            format!("would commit and push {count} files: {}{kept}", listed(&progress.files))
        }
        (PublishMode::Act, PublishEnd::NoChanges) if progress.pushed => {
            "no changes; kept commits were pushed".to_owned()
        }
        (PublishMode::Act, PublishEnd::NoChanges) => "no changes".to_owned(),
        (PublishMode::Act, _) => format!("{count} files committed and pushed"),
    }
}

/// What is said about the content, taken before the rest is known.
pub(super) struct Told {
    rows: Vec<String>,
}

impl Told {
    pub(super) fn of(publisher: &Publisher<'_>, ended: &Result<PublishEnd, PublishStop>, progress: &Progress) -> Self {
        if ended.is_err() {
            return Self { rows: Vec::new() };
        }
        let none = Value::Null;
        let bundle = progress.content.bundle.as_ref().unwrap_or(&none);
        let dry = publisher.options.mode == PublishMode::DryRun;
        let commit = match (&progress.commit, progress.files.is_empty()) {
            (Some(commit), _) => format!("new {commit:.10}"),
            (None, false) if dry => format!("would be new, {} files", progress.files.len()),
            (None, _) => "unchanged".to_owned(),
        };
        let push = match (progress.pushed, dry) {
            (true, _) => "ok",
            (false, true) if !progress.files.is_empty() || !progress.ahead.is_empty() => "would be done",
            (false, _) => "nothing to push",
        };
        Self {
            rows: vec![
                format!("created_at: {}", word(&bundle["created_at"])),
                format!("bundle_id: {}", word(&bundle["bundle_id"])),
                format!("regime: {}", word(&bundle["strategy"]["regime"]["code"])),
                format!("scorer: {}", scorer(&bundle["strategy"]["scorer"])),
                format!("holding_action: {}", holding_action(&bundle["strategy"]["holding_action"])),
                format!("sha256: {}", prefix(bundle)),
                format!("commit: {commit}"),
                format!("push: {push}"),
            ],
        }
    }

    /// The lines in their fixed order.
    pub(super) fn lines(self, publisher: &Publisher<'_>, result: &PublishResult) -> Vec<String> {
        let mut lines = self.rows;
        if !lines.is_empty() {
            lines
                .push(format!("duration: {:.1} s", std::time::Duration::from_millis(result.duration_ms).as_secs_f64()));
            lines.push(format!("log: {}", layout::PUBLISH_LOG));
            lines.push(format!("worktree: {} on {}", publisher.store.root().display(), result.branch));
        }
        lines
    }
}

impl Publisher<'_> {
    /// Writes the document and the log. What cannot be written is told and changes nothing else.
    pub(super) fn keep(&self, outcome: &mut PublishOutcome) {
        let stamp = line_stamp(self.clock.now());
        let result = &outcome.result;
        let mut rows: Vec<String> = result.warnings.iter().map(|text| format!("[{stamp}] [WARN] {text}")).collect();
        rows.extend(outcome.lines.iter().map(|text| format!("[{stamp}] [INFO] {text}")));
        let level = if result.result == PublishEnd::Failed { "ERROR" } else { "INFO" };
        let code = result.code.map_or_else(String::new, |code| format!("{code}: "));
        rows.push(format!("[{stamp}] [{level}] {code}{}", result.message));
        let logged = rows.iter().try_for_each(|row| self.store.append(layout::PUBLISH_LOG, row, Durability::Buffered));
        outcome.result.warnings.extend(logged.err().map(|fault| fault.to_string()));
        let kept = self.store.write_document(layout::PUBLISH_RESULT, &outcome.result);
        outcome.result.warnings.extend(kept.err().map(|fault| fault.to_string()));
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// The first sixteen digits of the payload's hash.
fn prefix(bundle: &Value) -> &str {
    let sha = word(&bundle["integrity"]["payload_sha256"]);
    sha.get(..16).unwrap_or(sha)
}

fn scorer(scorer: &Value) -> String {
    let picks = scorer["top_picks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pick = |pick: &Value| format!("{} {}", word(&pick["ticker"]), pick["score"]);
    let top: Vec<_> = picks.iter().take(3).map(pick).collect();
    if top.is_empty() {
        word(&scorer["status"]).to_owned()
    } else {
        format!("{}, {}", word(&scorer["status"]), top.join(", "))
    }
}

fn holding_action(action: &Value) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in action["items"].as_array().map(Vec::as_slice).unwrap_or_default() {
        *counts.entry(word(&item["action"])).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(action, count)| format!("{action} {count}")).collect();
    let status = word(&action["status"]);
    if counts.is_empty() { status.to_owned() } else { format!("{status}, {}", counts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::Stamp;

    #[test]
    fn each_kind_of_publish_has_its_subject_and_the_trailer_of_its_run() {
        let now = Stamp::from("2026-11-20T23:30:00+09:00").instant().expect("a time");
        let run = RunId::new(now, 7);
        let bundle = json!({"bundle_id": "b-1", "integrity": {"payload_sha256": "0123456789abcdef0123"}});
        let full = Content { bundle: Some(bundle), badge: Some("AMBER"), warnings: Vec::new() };
        let bundle_only = Content { badge: None, ..full.clone() };
        let mut generated = bundle_only.clone();
        generated.bundle.as_mut().expect("a bundle")["strategy"]["scorer"]["data_source"] = SYNTHETIC.into();
        let body = "bundle: b-1\npayload: 0123456789abcdef\n";
        let trailer = "Daily-Ops-Run: run_20261120_233000_00000007\n";
        let cases = [
            (
                PublishWhat::Everything,
                &full,
                format!("Daily recon update - 2026-11-20\n\n{body}recon: AMBER\n\n{trailer}"),
            ),
            (PublishWhat::Bundle, &bundle_only, format!("bundle(pc): publish 20261120_233000\n\n{body}\n{trailer}")),
            (
                PublishWhat::Bundle,
                &generated,
                format!("bundle(pc): publish 20261120_233000\n\n{body}prices: SYNTHETIC\n\n{trailer}"),
            ),
            (PublishWhat::State, &Content::default(), format!("state: update via ui\n\n{trailer}")),
        ];
        for (what, content, want) in cases {
            assert_eq!(commit_message(what, content, &run, now), want, "{what:?}");
        }
    }

    #[test]
    fn picks_and_actions_are_told_in_short() {
        let picks = json!({"status": "OK", "top_picks": [
            {"ticker": "229200", "score": 77.5}, {"ticker": "122630", "score": 67.5},
            {"ticker": "069500", "score": 65.0}, {"ticker": "114800", "score": 40.0},
        ]});
        assert_eq!(scorer(&picks), "OK, 229200 77.5, 122630 67.5, 069500 65.0");
        assert_eq!(scorer(&Value::Null), "-");
        let actions = json!({"status": "OK", "items": [{"action": "HOLD"}, {"action": "ADD"}, {"action": "HOLD"}]});
        assert_eq!(holding_action(&actions), "OK, ADD 1, HOLD 2");
        assert_eq!(holding_action(&json!({"status": "SKIPPED", "items": []})), "SKIPPED");
        let rows: Vec<String> = (0..14).map(|n| n.to_string()).collect();
        assert!(listed(&rows).ends_with("11; and 2 more"));
    }
}
