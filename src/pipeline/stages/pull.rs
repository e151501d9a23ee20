//! Stage 1: the work tree is fast-forwarded, and what the PC published is looked at.

use crate::contracts::Json;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::run::GitReport;
use crate::contracts::run::Warning;
use crate::pipeline::safety::warning;
use crate::settings::GitPolicy;
use crate::store::Store;
use crate::store::layout;
use crate::sync::PullOutcome;
use crate::sync::Pulled;
use crate::time::KstTime;
use crate::time::Stamp;

use super::Judged;

/// A report older than this is stale.
const REPORT_LIMIT_DAYS: i64 = 3;

/// Judges a pull.
pub(in crate::pipeline) fn judge(pulled: &Pulled, policy: GitPolicy) -> Judged {
    let short = |rev: &Option<String>| rev.as_deref().map_or("none", |rev| rev.get(..10).unwrap_or(rev)).to_owned();
    match pulled.outcome {
        PullOutcome::Updated => {
            let text = format!("{} -> {}", short(&pulled.before), short(&pulled.after));
            Judged::ok(RunCode::GitPullUpdated, text)
        }
        PullOutcome::NoChanges => Judged::ok(RunCode::GitPullNoChanges, short(&pulled.after)),
        PullOutcome::Failed => {
            let detail = pulled.detail.map_or("UNKNOWN", |detail| detail.as_str());
            let text = format!("{detail}: {}", pulled.message);
            match policy {
                GitPolicy::Strict => Judged::fail(RunCode::GitPullFailed, format!("{text}; not updated")),
                GitPolicy::Warn => {
                    let text = match &pulled.after {
                        Some(_) => format!("{text}; not updated, continuing with {}", short(&pulled.after)),
                        None => format!("{text}; not updated, continuing with the files that are there"),
                    };
                    Judged::new(StageClass::Warn, RunCode::GitPullFailed, &text)
                        .warned(vec![warning(RunCode::GitPullFailed, text)])
                }
            }
        }
    }
}

/// The record's short form of a pull.
pub(in crate::pipeline) fn report(judged: &Judged, detail: Option<&str>) -> GitReport {
    GitReport { code: judged.code.clone(), detail: detail.map(str::to_owned) }
}

/// Looks at the reports that the PC publishes. Nothing here stops a run.
pub(in crate::pipeline) fn published_files(store: &Store, now: KstTime) -> Vec<Warning> {
    let reports = [layout::RECON_SUMMARY, layout::REPORT_HUMAN, layout::REPORT_AI];
    let mut warnings: Vec<Warning> = reports.iter().filter_map(|file| report_warning(store, file, now)).collect();
    if matches!(store.read(layout::RECON_DAILY), Ok(None)) {
        warnings.push(warning(RunCode::PcReportMissing, layout::RECON_DAILY.to_owned()));
    }
    warnings.extend(params_warning(store));
    warnings
}

fn report_warning(store: &Store, file: &str, now: KstTime) -> Option<Warning> {
    let told = |code, why: String| Some(warning(code, format!("{file}{why}")));
    let bytes = match store.read(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return told(RunCode::PcReportMissing, String::new()),
        Err(fault) => return told(RunCode::PcReportInvalid, format!(": {}", fault.source)),
    };
    let json = match Json::parse(&bytes) {
        Ok(json) if json.is_object() => json,
        Ok(_) => return told(RunCode::PcReportInvalid, ": not a JSON object".to_owned()),
        Err(fault) => return told(RunCode::PcReportInvalid, format!(": {fault}")),
    };
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    match text("status") {
        Some("bootstrap") => return told(RunCode::PcReportBootstrap, String::new()),
        Some("error") => return told(RunCode::PcReportInvalid, ": the report states an error".to_owned()),
        _ => {}
    }
    let made = text("generated_at").or_else(|| text("asof")).map(Stamp::from);
    match made.as_ref().and_then(Stamp::instant) {
        Some(at) if now - at > chrono::Duration::days(REPORT_LIMIT_DAYS) => {
            told(RunCode::PcReportStale, format!(": generated {}, limit is {REPORT_LIMIT_DAYS} days", Stamp::of(at)))
        }
        Some(_) => None,
        None => told(RunCode::PcReportInvalid, ": generated_at is missing or no time".to_owned()),
    }
}

/// DECISION_PARAMS_V1: absent is normal; anything out of its range makes the whole file unusable.
fn params_warning(store: &Store) -> Option<Warning> {
    let file = layout::DECISION_PARAMS;
    let told = |why: String| Some(warning(RunCode::DecisionParamsInvalid, format!("{file}: {why}")));
    let bytes = match store.read(file) {
        Ok(None) => return None,
        Ok(Some(bytes)) => bytes,
        Err(fault) => return told(fault.source.to_string()),
    };
    let json = match Json::parse(&bytes) {
        Ok(json) => json,
        Err(fault) => return told(fault.to_string()),
    };
    if json.get("schema").and_then(Json::as_str) != Some("DECISION_PARAMS_V1") {
        return told("schema is not DECISION_PARAMS_V1".to_owned());
    }
    let params = json.get("params");
    let number = |key: &str| params.and_then(|p| p.get(key)).and_then(Json::as_number);
    let whole = |key: &str| params.and_then(|p| p.get(key)).and_then(Json::as_integer);
    let share = |value: Option<f64>| value.is_some_and(|v| (0.0..=1.0).contains(&v));
    let regime = params.and_then(|p| p.get("regime_current")).and_then(Json::as_str);
    let thresholds = whole("rsi_buy_threshold").zip(whole("rsi_sell_threshold"));
    let rules = [
        (
            "asof is no time with offset",
            json.get("asof").and_then(Json::as_str).map(Stamp::from).is_some_and(|s| s.has_offset()),
        ),
        ("generated_by is not PC_BACKTEST", json.get("generated_by").and_then(Json::as_str) == Some("PC_BACKTEST")),
        ("regime_current is not BULL, BEAR or CHOP", matches!(regime, Some("BULL" | "BEAR" | "CHOP"))),
        (
            "0 < rsi_buy_threshold < rsi_sell_threshold < 100 does not hold",
            thresholds.is_some_and(|(buy, sell)| 0 < buy && buy < sell && sell < 100),
        ),
        ("position_size_pct is not from 0 to 1", share(number("position_size_pct"))),
        ("stop_loss_pct is not from 0 to 1", share(number("stop_loss_pct"))),
        ("confidence_score is not from 0 to 1", share(json.get("confidence_score").and_then(Json::as_number))),
    ];
    rules.into_iter().find(|(_, holds)| !holds).and_then(|(rule, _)| told(rule.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::GitDetail;

    fn pulled(outcome: PullOutcome, detail: Option<GitDetail>) -> Pulled {
        Pulled {
            outcome,
            before: Some("aaaaaaaaaaaaaaaa".to_owned()),
            after: Some("bbbbbbbbbbbbbbbb".to_owned()),
            detail,
            message: "m".to_owned(),
            notes: Vec::new(),
            run_id: None,
        }
    }

    #[test]
    fn a_failed_pull_is_a_warning_unless_the_policy_is_strict() {
        use PullOutcome::Failed;
        use PullOutcome::NoChanges;
        use PullOutcome::Updated;
        let cases = [
            ("updated", Updated, GitPolicy::Strict, StageClass::Ok, "GIT_PULL_UPDATED"),
            ("no changes", NoChanges, GitPolicy::Strict, StageClass::Ok, "GIT_PULL_NO_CHANGES"),
            ("failed", Failed, GitPolicy::Warn, StageClass::Warn, "GIT_PULL_FAILED"),
            ("failed, strict", Failed, GitPolicy::Strict, StageClass::Fail, "GIT_PULL_FAILED"),
        ];
        for (name, outcome, policy, class, code) in cases {
            let detail = (outcome == Failed).then_some(GitDetail::Timeout);
            let judged = judge(&pulled(outcome, detail), policy);
            assert_eq!((judged.class, judged.code.as_str()), (class, code), "{name}");
            let text = judged.detail.unwrap_or_default();
            assert_eq!(text.contains("not updated"), outcome == Failed, "{name}: {text}");
            assert_eq!(text.contains("continuing with bbbbbbbbbb"), class == StageClass::Warn, "{name}: {text}");
        }
    }

    #[test]
    fn the_published_files_are_looked_at() {
        let now = Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time");
        let params = |edit: &str| {
            let good = r#"{"schema":"DECISION_PARAMS_V1","asof":"2026-11-19T19:00:00+09:00","generated_by":"PC_BACKTEST","params":{"regime_current":"BULL","rsi_buy_threshold":30,"rsi_sell_threshold":70,"position_size_pct":0.2,"stop_loss_pct":0.05},"confidence_score":0.7,"notes":""}"#;
            let (from, to) = edit.split_once('>').unwrap_or(("", ""));
            good.replace(from, to)
        };
        let fresh = r#"{"generated_at":"2026-11-19T19:00:00+09:00"}"#;
        let cases: [(&str, &str, String, &str); 11] = [
            ("fresh", layout::RECON_SUMMARY, fresh.to_owned(), ""),
            (
                "stale",
                layout::RECON_SUMMARY,
                r#"{"generated_at":"2026-11-17T09:04:59+09:00"}"#.to_owned(),
                "PC_REPORT_STALE",
            ),
            ("bootstrap", layout::RECON_SUMMARY, r#"{"status":"bootstrap"}"#.to_owned(), "PC_REPORT_BOOTSTRAP"),
            ("error form", layout::RECON_SUMMARY, r#"{"status":"error"}"#.to_owned(), "PC_REPORT_INVALID"),
            ("no time", layout::REPORT_AI, "{}".to_owned(), "PC_REPORT_INVALID"),
            ("half", layout::REPORT_HUMAN, "{".to_owned(), "PC_REPORT_INVALID"),
            ("params", layout::DECISION_PARAMS, params(">"), ""),
            (
                "params, no offset",
                layout::DECISION_PARAMS,
                params("19:00:00+09:00>19:00:00"),
                "DECISION_PARAMS_INVALID",
            ),
            ("params, order", layout::DECISION_PARAMS, params("70>30"), "DECISION_PARAMS_INVALID"),
            ("params, regime", layout::DECISION_PARAMS, params("BULL>UP"), "DECISION_PARAMS_INVALID"),
            ("params, share", layout::DECISION_PARAMS, params("0.05>1.5"), "DECISION_PARAMS_INVALID"),
        ];
        for (name, file, text, code) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            for report in [layout::RECON_SUMMARY, layout::REPORT_HUMAN, layout::REPORT_AI] {
                store.write(report, fresh.as_bytes()).expect("written");
            }
            store.write(layout::RECON_DAILY, b"").expect("written");
            store.write(file, text.as_bytes()).expect("written");
            let got: Vec<_> = published_files(&store, now).into_iter().map(|w| w.code.to_string()).collect();
            let want: Vec<&str> = if code.is_empty() { Vec::new() } else { vec![code] };
            assert_eq!(got, want, "{name}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let missing = published_files(&Store::new(dir.path()), now);
        assert_eq!(missing.len(), 4);
        assert!(missing.iter().all(|w| w.code.as_str() == "PC_REPORT_MISSING"));
    }
}
