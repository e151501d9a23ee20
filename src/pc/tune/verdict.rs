//! `verdict.json`: whether the run can be believed at all, check by check.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::tune::CheckStatus;
use crate::pc::prices::SYNTHETIC_VENDOR;
use crate::time::Calendar;

use super::config::TuneData;
use super::guard;
use super::lab::Trial;
use super::rundir::Manifest;

/// Rows on closed days, or missing sessions, above this share are a failure.
const MAX_SHARE: f64 = 0.01;
/// Reasons that the head of the verdict names.
const TOP_REASONS: usize = 5;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCheck {
    /// How it came out.
    pub status: CheckStatus,
    /// What it rests on.
    pub evidence: String,
    /// Why it does not hold; absent when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The five checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictChecks {
    /// The prices are a market's, not a generator's.
    pub real_data: VerdictCheck,
    /// Every ticker has bars over the range.
    pub universe: VerdictCheck,
    /// Trials were scored on more than one window.
    pub multi_lookback: VerdictCheck,
    /// There are enough walk-forward windows.
    pub walkforward_presence: VerdictCheck,
    /// They end before the sealed test, are in order, and trade.
    pub walkforward_validity: VerdictCheck,
}

impl VerdictChecks {
    fn all(&self) -> [(&'static str, &VerdictCheck); 5] {
        [
            ("real_data", &self.real_data),
            ("universe", &self.universe),
            ("multi_lookback", &self.multi_lookback),
            ("walkforward_presence", &self.walkforward_presence),
            ("walkforward_validity", &self.walkforward_validity),
        ]
    }
}

/// The files of a run, relative to the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    /// `manifest.json`
    pub manifest: String,
    /// `report.md`
    pub report: String,
    /// `trials.csv`
    pub trials: String,
    /// The telemetry.
    pub telemetry: String,
    /// The snapshot of the result.
    pub tune_result: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The run.
    pub run_id: String,
    /// FAIL when a check or gate 1 or 2 says no; WARN when something has a remark; else PASS.
    pub verdict: CheckStatus,
    /// The checks.
    pub checks: VerdictChecks,
    /// What matters most, worst first.
    pub top_reasons: Vec<String>,
    /// The files.
    pub artifacts: Artifacts,
}

fn outcome(failure: CheckStatus, reason: Option<String>, evidence: String) -> VerdictCheck {
    let status = if reason.is_some() { failure } else { CheckStatus::Pass };
    VerdictCheck { status, evidence, reason }
}

/// Judges a run. The verdict's artifacts are filled in when they exist.
#[must_use]
pub fn verdict(manifest: &Manifest, data: &TuneData, trials: &[Trial]) -> Verdict {
    let checks = VerdictChecks {
        real_data: real_data(data),
        universe: universe(manifest, data),
        multi_lookback: multi_lookback(manifest, trials),
        walkforward_presence: presence(manifest),
        walkforward_validity: validity(manifest),
    };
    let mut reasons: Vec<(CheckStatus, String)> = Vec::new();
    for report in &manifest.results.gates {
        let remarks = report.checks.iter().filter(|check| check.status != CheckStatus::Pass);
        reasons.extend(
            remarks.map(|check| (check.status, format!("gate {}: {}: {}", report.gate, check.code, check.detail))),
        );
    }
    for (name, check) in checks.all() {
        if let Some(reason) = &check.reason {
            reasons.push((check.status, format!("{name}: {reason}")));
        }
    }
    if let Some(warning) = &manifest.results.splits.warning {
        reasons.push((CheckStatus::Warn, format!("splits: {warning}")));
    }
    if manifest.config.preset == guard::Preset::Lax {
        reasons.push((CheckStatus::Warn, "preset lax: this result may not be promoted".to_owned()));
    }
    if manifest.results.timed_out {
        reasons.push((CheckStatus::Warn, "the time limit ended the search".to_owned()));
    }
    // What was not reached says nothing by itself: the gate before it does.
    reasons.retain(|(status, _)| *status != CheckStatus::NotReached);
    reasons.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
    let verdict = reasons.first().map_or(CheckStatus::Pass, |(status, _)| *status);
    let top_reasons = reasons.into_iter().map(|(_, reason)| reason).take(TOP_REASONS).collect();
    Verdict { run_id: manifest.run_id.clone(), verdict, checks, top_reasons, artifacts: Artifacts::default() }
}

/// A ticker's rows on closed days are counted on its own: among four files one invented one must not drown.
fn real_data(data: &TuneData) -> VerdictCheck {
    #![expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
    let mut told = Vec::new();
    let (mut wrong, mut odd, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    for (ticker, file) in &data.files {
        if file.splices > 0 {
            odd.push(format!("{ticker} has {} seams between rows of different origin", file.splices));
        }
        let share = file.rows_on_closed_days as f64 / file.rows_raw.max(1) as f64;
        told.push(format!("{ticker} {} of {} rows on closed days", file.rows_on_closed_days, file.rows_raw));
        if share > MAX_SHARE {
            wrong.push(format!("{ticker} has {:.1} % of its rows on closed days (limit 1 %)", share * 100.0));
        }
        match (&file.doubt, file.vendor.as_deref()) {
            (Some(doubt), _) => wrong.push(format!("{ticker} has prices of unknown origin: {doubt}; collect it again")),
            (None, Some(SYNTHETIC_VENDOR)) => wrong.push(format!("{ticker} has generated prices")),
            (None, Some(_)) => {}
            (None, None) => silent.push(ticker.as_str()),
        }
    }
    if data.files.is_empty() {
        wrong.push("there is no price file".to_owned());
    }
    if !silent.is_empty() {
        odd.push(format!("nothing says where the prices of {} are from", silent.join(", ")));
    }
    let failure = if wrong.is_empty() { CheckStatus::Warn } else { CheckStatus::Fail };
    wrong.append(&mut odd);
    let reason = (!wrong.is_empty()).then(|| wrong.join("; "));
    outcome(failure, reason, told.join(", "))
}

fn universe(manifest: &Manifest, data: &TuneData) -> VerdictCheck {
    #![expect(clippy::cast_precision_loss, reason = "counts of sessions are far below 2^52")]
    let splits = &manifest.results.splits;
    let is_session = |date: &chrono::NaiveDate| matches!(Calendar::krx().session(*date), Ok(Some(_)));
    let days = splits.train.start.iter_days().take_while(|date| *date <= splits.test.end);
    let sessions: BTreeSet<_> = days.filter(is_session).collect();
    let tickers = manifest.config.params.get("universe").and_then(serde_json::Value::as_array);
    let tickers: Vec<&str> = tickers.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let (mut worst, mut told) = (CheckStatus::Pass, Vec::new());
    for ticker in &tickers {
        let Some(bars) = data.market.get(*ticker).filter(|bars| !bars.is_empty()) else {
            worst = CheckStatus::Fail;
            told.push(format!("{ticker} has no bar"));
            continue;
        };
        let missing = sessions.iter().filter(|date| bars.index_of(**date).is_none()).count();
        if missing > 0 {
            let share = missing as f64 / sessions.len().max(1) as f64;
            worst = worst.max(if share > MAX_SHARE { CheckStatus::Fail } else { CheckStatus::Warn });
            told.push(format!("{ticker} misses {missing} of {} sessions", sessions.len()));
        }
    }
    let evidence = format!("{} tickers, {} sessions", tickers.len(), sessions.len());
    VerdictCheck { status: worst, evidence, reason: (!told.is_empty()).then(|| told.join("; ")) }
}

fn multi_lookback(manifest: &Manifest, trials: &[Trial]) -> VerdictCheck {
    let judged = manifest.results.judged.as_ref().map(|judged| judged.trial);
    let windows = trials.iter().find(|trial| Some(trial.trial) == judged).map(|trial| trial.look_backs.as_slice());
    let windows = windows.unwrap_or_default();
    let told: Vec<String> = windows
        .iter()
        .map(|window| format!("{} months {}: {:.4}", window.months, window.segment, window.score))
        .collect();
    let distinct: BTreeSet<_> = windows.iter().map(|window| window.segment).collect();
    let reason = (distinct.len() < 2).then(|| format!("{} distinct look-back windows; at least 2", distinct.len()));
    outcome(CheckStatus::Fail, reason, told.join(", "))
}

fn is_reached(manifest: &Manifest) -> bool {
    manifest.results.gates.iter().any(|report| report.gate == 2 && report.status != CheckStatus::NotReached)
}

fn not_reached() -> VerdictCheck {
    let reason = Some("gate 1 said no".to_owned());
    VerdictCheck { status: CheckStatus::NotReached, evidence: "no walk-forward".to_owned(), reason }
}

fn presence(manifest: &Manifest) -> VerdictCheck {
    if !is_reached(manifest) {
        return not_reached();
    }
    let count = manifest.results.walk_forward.len();
    let reason = (count < guard::MIN_WINDOWS).then(|| format!("{count} windows; at least {}", guard::MIN_WINDOWS));
    outcome(CheckStatus::Fail, reason, format!("{count} windows of 12 + 3 + 3 months"))
}

fn validity(manifest: &Manifest) -> VerdictCheck {
    if !is_reached(manifest) {
        return not_reached();
    }
    let splits = &manifest.results.splits;
    let windows = &manifest.results.walk_forward;
    let mut wrong = Vec::new();
    for result in windows {
        let window = &result.window;
        if window.train.end >= window.validation.start || window.validation.end >= window.out_sample.start {
            wrong.push(format!("the parts of the window of {} overlap", window.train.start));
        }
        if window.out_sample.end >= splits.test.start {
            wrong.push(format!("the window of {} reaches into the sealed test", window.train.start));
        }
    }
    let trades: usize = windows.iter().map(|result| result.out_sample.total_trades).sum();
    if trades == 0 {
        wrong.push("no trade out of sample".to_owned());
    }
    let last =
        windows.last().map_or_else(String::new, |result| format!(", the last ends {}", result.window.out_sample.end));
    let evidence = format!("{trades} trades out of sample{last}, the sealed test starts {}", splits.test.start);
    outcome(CheckStatus::Fail, (!wrong.is_empty()).then(|| wrong.join("; ")), evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pc::tune::config::FileFacts;

    fn data(rows_raw: usize, rows_on_closed_days: usize, vendor: Option<&str>) -> TuneData {
        let day = |text: &str| text.parse().expect("a date");
        let facts = |rows_on_closed_days, vendor: Option<&str>| FileFacts {
            first: day("2024-01-02"),
            last: day("2025-12-30"),
            rows: rows_raw - rows_on_closed_days,
            sha256: "0".repeat(64),
            rows_raw,
            rows_on_closed_days,
            splices: 0,
            vendor: vendor.map(str::to_owned),
            doubt: None,
        };
        let files = [("069500", facts(0, Some("naver"))), ("114800", facts(rows_on_closed_days, vendor))];
        TuneData { files: files.map(|(ticker, facts)| (ticker.to_owned(), facts)).into(), ..TuneData::default() }
    }

    #[test]
    fn prices_that_no_market_made_are_told() {
        let mut doubtful = data(1_000, 0, None);
        doubtful.files.get_mut("114800").expect("a file").doubt = Some("the meta describes another file".to_owned());
        let cases = [
            ("clean", data(1_000, 0, Some("naver")), CheckStatus::Pass),
            ("one percent", data(1_000, 10, Some("naver")), CheckStatus::Pass),
            ("more than one percent of one file", data(1_000, 11, Some("naver")), CheckStatus::Fail),
            ("of nobody", data(1_000, 0, None), CheckStatus::Warn),
            ("other bytes", doubtful, CheckStatus::Fail),
            ("generated", data(1_000, 0, Some(SYNTHETIC_VENDOR)), CheckStatus::Fail),
            ("nothing", TuneData::default(), CheckStatus::Fail),
        ];
        for (name, data, want) in cases {
            let found = real_data(&data);
            assert_eq!((found.status, found.reason.is_some()), (want, want != CheckStatus::Pass), "{name}");
        }
    }
}
