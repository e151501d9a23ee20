//! The four input files: read once, with what the documents say about each.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use super::Request;
use super::calendar::CalendarMode;
use super::calendar::Days;
use super::evidence::Evidence;
use super::ledger::BadLine;
use super::ledger::Ledger;
use super::ledger::Trades;
use super::refusal::Refusal;
use crate::contracts::Json;
use crate::contracts::ReconCode;
use crate::contracts::json::sha256_hex;
use crate::contracts::recon::Baseline;
use crate::contracts::recon::Source;
use crate::pc::prices;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::time::kst;

/// Where the inputs lie. Without a baseline nothing has to be covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFiles {
    /// L1: one JSON line a day with `actual_trades`.
    pub ledger: PathBuf,
    /// L2: a validation with a number of trades for each year.
    pub validation: PathBuf,
    /// Prices of the benchmark.
    pub evidence: PathBuf,
    /// The days that the evidence has to cover.
    pub baseline: Option<PathBuf>,
}

/// What a file holds.
enum Content {
    Missing,
    Bytes(Vec<u8>),
    Unreadable(String),
}

/// The files as they were read.
pub(super) struct Inputs {
    /// LEDGER, EVIDENCE, VALIDATION, BASELINE.
    pub(super) sources: Vec<Source>,
    /// Trades of the validation.
    pub(super) l2_trades: u64,
    /// What was read as missing although a file is there.
    pub(super) warnings: Vec<String>,
    ledger: Result<Option<Ledger>, BadLine>,
    evidence: Result<Option<prices::RawBars>, String>,
    baseline: Result<Option<Covered>, String>,
    ledger_name: String,
    evidence_name: String,
}

/// What the baseline demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) document: Baseline,
    pub(super) days: Days,
}

impl Inputs {
    pub(super) fn read(request: &Request<'_>) -> Self {
        let files = &request.files;
        let (ledger, ledger_source) = one("LEDGER", &files.ledger, request.root);
        let (evidence_source, evidence) = evidence_of(&files.evidence, request.root);
        let (validation, validation_source) = one("VALIDATION", &files.validation, request.root);
        let (baseline, baseline_source) = files.baseline.as_deref().map_or_else(
            || (Content::Missing, absent("BASELINE", "none".to_owned())),
            |path| one("BASELINE", path, request.root),
        );
        let mut warnings = Vec::new();
        let l2_trades = l2_of(&validation).unwrap_or_else(|why| {
            warnings.push(format!("{}: {why}; L2_trades counts as 0", validation_source.path));
            0
        });
        Self {
            l2_trades,
            warnings,
            ledger: match ledger {
                Content::Missing => Ok(None),
                Content::Bytes(bytes) => Ledger::parse(&bytes).map(Some),
                Content::Unreadable(why) => Err(BadLine { number: 0, why }),
            },
            evidence,
            baseline: baseline_of(&baseline),
            sources: vec![ledger_source, evidence_source, validation_source, baseline_source],
            ledger_name: file_name(&files.ledger),
            evidence_name: file_name(&files.evidence),
        }
    }

    /// The days to compare: as asked for, else those of the ledger, else those of the reference.
    pub(super) fn period(&self, request: &Request<'_>) -> Result<Days, Refusal> {
        let reference = || {
            let day = |month, day, year| TradingDate::from_ymd_opt(year, month, day);
            Some(Days { from: day(1, 1, 2024)?, to: day(12, 31, 2025)? })
        };
        let found = match (request.from, request.to, request.calendar) {
            (Some(from), Some(to), _) => Some(Days { from, to }),
            (_, _, CalendarMode::Weekday) => reference(),
            (_, _, CalendarMode::Krx) => {
                self.ledger.as_ref().map_err(|bad| self.bad_line(bad))?.as_ref().and_then(Ledger::days)
            }
        };
        let found =
            found.map(|days| Days { from: request.from.unwrap_or(days.from), to: request.to.unwrap_or(days.to) });
        match found {
            Some(days) if days.from <= days.to => Ok(days),
            Some(days) => Err(Refusal::new(
                ReconCode::ReconNotReady,
                format!("대사 기간이 올바르지 않습니다: {} ~ {}.", days.from, days.to),
                format!("the period {}..{} holds no day", days.from, days.to),
            )),
            None => Err(Refusal::new(
                ReconCode::ReconNotReady,
                format!(
                    "원장({})에 기록이 없어 대사 기간을 정할 수 없습니다. 백테스트를 먼저 실행하거나 기간을 지정하십시오.",
                    self.sources[0].path
                ),
                format!(
                    "there is no ledger line in {} to take the period from; make a backtest first, or name --from and --to",
                    self.sources[0].path
                ),
            )),
        }
    }

    /// The trades that count.
    pub(super) fn trades(&self, calendar: CalendarMode, period: &Days) -> Result<Trades, Refusal> {
        match &self.ledger {
            Ok(None) => Ok(Trades::default()),
            Ok(Some(ledger)) => ledger.trades(calendar, period).map_err(|bad| self.bad_line(&bad)),
            Err(bad) => Err(self.bad_line(bad)),
        }
    }

    fn bad_line(&self, bad: &BadLine) -> Refusal {
        let path = &self.sources[0].path;
        let (korean, english) = match bad.number {
            0 => (format!("원장({path})을 읽을 수 없습니다."), format!("{path}: {}", bad.why)),
            number => (
                format!("원장({path})의 {number}번째 줄을 읽을 수 없습니다."),
                format!("{path}, line {number}: {}", bad.why),
            ),
        };
        Refusal::new(ReconCode::LedgerParse, korean, english)
    }

    /// The evidence with its gate; without a file it has no rows.
    pub(super) fn evidence(&self, calendar: CalendarMode) -> Result<Evidence, Refusal> {
        let path = &self.sources[1].path;
        match &self.evidence {
            Ok(raw) => Ok(Evidence::of(raw.as_ref(), calendar)),
            Err(why) => Err(Refusal::new(
                ReconCode::EvidenceRead,
                format!("증거 데이터 파일({path})을 읽을 수 없습니다."),
                format!("{path}: {why}"),
            )),
        }
    }

    /// What has to be covered.
    pub(super) fn baseline(&self) -> Result<Option<&Covered>, Refusal> {
        let path = &self.sources[3].path;
        self.baseline.as_ref().map(Option::as_ref).map_err(|why| {
            let korean = format!("기준 범위 파일({path})을 읽을 수 없습니다.");
            Refusal::new(ReconCode::BaselineRead, korean, format!("{path}: {why}"))
        })
    }

    /// The baseline as documents show it; empty without one.
    pub(super) fn baseline_document(&self) -> Baseline {
        self.baseline.iter().flatten().map(|covered| covered.document.clone()).next().unwrap_or_default()
    }

    /// Names of the ledger's and the evidence's file.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.ledger_name, &self.evidence_name)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().replace('\\', "/")
}

fn absent(name: &str, path: String) -> Source {
    Source { name: name.to_owned(), path, error: Some("File Not Found".to_owned()), ..Source::default() }
}

fn found(name: &str, path: String, meta: &std::fs::Metadata) -> Source {
    let mtime = meta.modified().ok().map(|at| chrono::DateTime::<chrono::Utc>::from(at).with_timezone(&kst()));
    Source {
        name: name.to_owned(),
        path,
        mtime_iso: mtime.map(|at: KstTime| Stamp::of(at)),
        size_bytes: Some(meta.len()),
        ..Source::default()
    }
}

/// A file's metadata; `None` when there is no file.
fn metadata(path: &Path) -> Result<Option<std::fs::Metadata>, String> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(Some(meta)),
        Ok(_) => Err("not a regular file".to_owned()),
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault.to_string()),
    }
}

/// A file as bytes, and what the documents say about it.
fn one(name: &str, path: &Path, root: &Path) -> (Content, Source) {
    let shown = shown_path(path, root);
    let unreadable = |why: String, shown| {
        let source = Source { error: Some(why.clone()), ..absent(name, shown) };
        (Content::Unreadable(why), source)
    };
    let meta = match metadata(path) {
        Ok(Some(meta)) => meta,
        Ok(None) => return (Content::Missing, absent(name, shown)),
        Err(why) => return unreadable(why, shown),
    };
    match std::fs::read(path) {
        Ok(bytes) => {
            let size = Some(bytes.len() as u64);
            let source = Source { sha256: Some(sha256_hex(&bytes)), size_bytes: size, ..found(name, shown, &meta) };
            (Content::Bytes(bytes), source)
        }
        Err(fault) => unreadable(fault.to_string(), shown),
    }
}

fn evidence_of(path: &Path, root: &Path) -> (Source, Result<Option<prices::RawBars>, String>) {
    let (name, shown) = ("EVIDENCE", shown_path(path, root));
    let unreadable = |why: String, shown| {
        let source = Source { error: Some(why.clone()), ..absent(name, shown) };
        (source, Err(why))
    };
    let meta = match metadata(path) {
        Ok(Some(meta)) => meta,
        Ok(None) => return (absent(name, shown), Ok(None)),
        Err(why) => return unreadable(why, shown),
    };
    match prices::read_file(path) {
        Ok(raw) => {
            let source = Source { sha256: Some(raw.sha256.clone()), ..found(name, shown, &meta) };
            (source, Ok(Some(raw)))
        }
        Err(fault) => unreadable(without_path(fault), shown),
    }
}

/// What is wrong with a price file; the documents name the file themselves, relative to the root.
fn without_path(fault: prices::PriceFault) -> String {
    if let prices::PriceFault::Shape { why, .. } = fault {
        why
    } else if let prices::PriceFault::Read { source, .. } = fault {
        source.to_string()
    } else {
        "cannot be read as prices".to_owned()
    }
}

/// The trades of all years; a validation that is not there counts none.
fn l2_of(content: &Content) -> Result<u64, String> {
    let bytes = match content {
        Content::Missing => return Err("there is no validation".to_owned()),
        Content::Unreadable(why) => return Err(why.clone()),
        Content::Bytes(bytes) => bytes,
    };
    let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
    let Some(Json::Object(years)) = json.get("years") else { return Err("years is no object".to_owned()) };
    years.iter().try_fold(0_u64, |sum, (year, value)| {
        let trades = value.get("summary").and_then(|summary| summary.get("trades"));
        let count = trades.and_then(Json::as_integer).and_then(|count| u64::try_from(count).ok());
        count.and_then(|count| sum.checked_add(count)).ok_or_else(|| format!("years.{year}.summary.trades is no count"))
    })
}

fn baseline_of(content: &Content) -> Result<Option<Covered>, String> {
    let bytes = match content {
        Content::Missing => return Ok(None),
        Content::Unreadable(why) => return Err(why.clone()),
        Content::Bytes(bytes) => bytes,
    };
    let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
    match json.get("policy_id") {
        None => {}
        Some(Json::String(policy)) if policy == "COVERAGE_BASELINE_V1" => {}
        Some(_) => return Err("policy_id is not COVERAGE_BASELINE_V1".to_owned()),
    }
    let text = |key: &str| json.get("evidence").and_then(|evidence| evidence.get(key)).and_then(Json::as_str);
    let day = |key: &str| {
        let date = text(key).and_then(|date| TradingDate::parse_from_str(date, "%Y-%m-%d").ok());
        date.ok_or_else(|| format!("evidence.{key} is {:?}, must be YYYY-MM-DD", text(key).unwrap_or("missing")))
    };
    let days = Days { from: day("min_date")?, to: day("max_date")? };
    let document = Baseline {
        symbol: text("symbol").map(str::to_owned),
        min_date: Some(days.from.to_string()),
        max_date: Some(days.to.to_string()),
    };
    Ok(Some(Covered { document, days }))
}

/// A path as documents show it: relative to the root, with forward slashes, without the machine's own directories.
#[must_use]
pub fn shown_path(path: &Path, root: &Path) -> String {
    let (path, root) = (plain(path), plain(root));
    let shared = path.iter().zip(&root).take_while(|(a, b)| a == b).count();
    let up = root.len() - shared;
    let parts: Vec<&str> = std::iter::repeat_n("..", up).chain(path[shared..].iter().map(String::as_str)).collect();
    parts.join("/").replace('\\', "/")
}

/// The parts of an absolute path; `..` and `.` are resolved in the text.
fn plain(path: &Path) -> Vec<String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_unknown| path.to_owned());
    let mut parts = Vec::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir | Component::RootDir => {}
            Component::Prefix(_) | Component::Normal(_) => parts.push(part.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_relative_to_the_root() {
        let cases = [
            ("inside", "/w/data/cache/a.parquet", "/w", "data/cache/a.parquet"),
            ("beside", "/w/x/../in put/원장 1.jsonl", "/w/case", "../in put/원장 1.jsonl"),
            ("dots", "/w/./a/b.json", "/w/", "a/b.json"),
            ("far", "/p/q.json", "/w/x", "../../p/q.json"),
            ("backslash", "/w/a\\b.json", "/w", "a/b.json"),
        ];
        for (name, path, root, want) in cases {
            assert_eq!(shown_path(Path::new(path), Path::new(root)), want, "{name}");
        }
        assert_eq!(shown_path(Path::new("a/b.json"), Path::new(".")), "a/b.json");
    }

    #[test]
    fn a_validation_is_the_sum_of_its_years_or_nothing() {
        let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
        let good = bytes(r#"{"years": {"2024": {"summary": {"trades": 3}}, "2025": {"summary": {"trades": 4}}}}"#);
        assert_eq!(l2_of(&good), Ok(7));
        assert_eq!(l2_of(&bytes(r#"{"years": {}}"#)), Ok(0));
        let cases = [
            ("missing", Content::Missing),
            ("unreadable", Content::Unreadable("no".to_owned())),
            ("half", bytes("{")),
            ("no years", bytes("{}")),
            ("list", bytes(r#"{"years": [1]}"#)),
            ("text", bytes(r#"{"years": {"2024": {"summary": {"trades": "3"}}}}"#)),
            ("negative", bytes(r#"{"years": {"2024": {"summary": {"trades": -3}}}}"#)),
            ("no summary", bytes(r#"{"years": {"2024": {}}}"#)),
        ];
        for (name, content) in cases {
            assert!(l2_of(&content).is_err(), "{name}");
        }
    }

    #[test]
    fn a_baseline_is_read_whole_or_is_a_fault() {
        let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
        let good = r#"{"evidence": {"symbol": "069500", "min_date": "2024-01-02", "max_date": "2025-12-30"}, "policy_id": "COVERAGE_BASELINE_V1"}"#;
        let covered = baseline_of(&bytes(good)).expect("readable").expect("there");
        assert_eq!(covered.document.max_date.as_deref(), Some("2025-12-30"));
        assert_eq!(baseline_of(&Content::Missing), Ok(None));
        let cases = [
            ("unreadable", Content::Unreadable("no".to_owned())),
            ("empty", bytes("")),
            ("other policy", bytes(&good.replace("_V1", "_V2"))),
            ("no evidence", bytes(r#"{"policy_id": "COVERAGE_BASELINE_V1"}"#)),
            ("no day", bytes(&good.replace("2024-01-02", "2024-13-02"))),
            ("number", bytes(&good.replace("\"2025-12-30\"", "20251230"))),
        ];
        for (name, content) in cases {
            assert!(baseline_of(&content).is_err(), "{name}");
        }
    }
}
