//! The records of past runs: list, show, compare, and the check of their hash chain, all without a backend.
//!
//! `reports/ops/daily_ops/chain.jsonl` has one line a run: number, run id, snapshot, the record's hash and the hash of
//! the record before. The records carry the same link, so a record cannot be changed, removed, added or moved without a
//! difference between the two. Snapshots that retention deleted stay proved by their lines.

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::Json;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageReport;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::TradingDate;
use crate::time::parse_file_stamp;

/// One line of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainLine {
    schema: String,
    pub(super) seq: u64,
    run_id: String,
    snapshot_ref: String,
    pub(super) sha256: String,
    prev_sha256: String,
}

impl ChainLine {
    pub(super) fn of(record: &RunRecord) -> Self {
        Self {
            schema: "DAILY_OPS_CHAIN_V1".to_owned(),
            seq: record.chain.seq,
            run_id: record.run_id.to_string(),
            snapshot_ref: record.snapshot_ref.clone(),
            sha256: record.integrity.payload_sha256.clone(),
            prev_sha256: record.chain.prev_sha256.clone(),
        }
    }

    pub(super) fn text(&self) -> String {
        // A struct of texts and a number always renders.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The last line that can be read.
    pub(super) fn last(store: &Store) -> Result<Option<Self>, StoreFault> {
        let bytes = store.read(layout::RUN_CHAIN)?.unwrap_or_default();
        Ok(bytes.rsplit(|b| *b == b'\n').find_map(|line| serde_json::from_slice(line).ok()))
    }
}

/// What the check of the chain found.
#[derive(Clone, Debug, Serialize)]
pub struct ChainReport {
    /// `DAILY_OPS_CHAIN_REPORT_V1`
    pub schema: &'static str,
    /// Lines of the chain.
    pub records: u64,
    /// Lines whose snapshot retention has deleted.
    pub pruned: u64,
    /// Hash of the newest record: note it elsewhere to prove later that nothing was cut off.
    pub head_sha256: Option<String>,
    /// The first broken link; nothing after it is proved.
    pub broken: Option<BrokenLink>,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenLink {
    /// Number of the record.
    pub seq: u64,
    /// Its run.
    pub run_id: String,
    /// The file in which the difference shows.
    pub file: String,
    /// What is wrong.
    pub what: String,
}

/// Two runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct RunDiff {
    /// `DAILY_OPS_RUN_DIFF_V1`
    pub schema: &'static str,
    /// The earlier named run.
    pub a: String,
    /// The later named run.
    pub b: String,
    /// What differs, field by field.
    pub fields: Vec<FieldDiff>,
    /// All five stages.
    pub stages: Vec<StageDiff>,
}

/// A field with two values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldDiff {
    /// Its name.
    pub field: &'static str,
    /// In the first run.
    pub a: String,
    /// In the second run.
    pub b: String,
}

/// A stage in both runs.
#[derive(Clone, Debug, Serialize)]
pub struct StageDiff {
    /// 1 to 5.
    pub n: u8,
    /// Title.
    pub title: &'static str,
    /// Class, code and detail in the first run.
    pub a: String,
    /// Class, code and detail in the second run.
    pub b: String,
    /// Time in the first run.
    pub a_ms: u64,
    /// Time in the second run.
    pub b_ms: u64,
    /// Whether class, code or detail differ.
    pub differs: bool,
}

/// A run cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryFault {
    /// No run of this name.
    #[error("no run is named {0:?}; `daily_ops runs list` shows them, and `latest` or `-1`, `-2` … name the newest")]
    NotFound(String),
    /// The record cannot be used.
    #[error("{file}: {why}")]
    Damaged {
        /// Which file.
        file: String,
        /// Why.
        why: String,
    },
    /// The workspace cannot be read.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// A record, or the file that cannot be read and why.
pub type Listed = Result<RunRecord, (String, String)>;

/// The run records of one workspace.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    store: &'a Store,
}

impl<'a> History<'a> {
    /// The records behind `store`.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// The newest `count` records, newest first; a record that cannot be read is given as its file and the reason.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self, count: usize) -> Result<Vec<Listed>, StoreFault> {
        let files = self.store.snapshots(layout::RUN.snapshots)?;
        let mut runs: Vec<_> = files.into_iter().take(count).map(|file| self.record(&file.reference)).collect();
        // The newest run may still be under way, or have been killed: it is in `latest` only.
        if let Stored::Present(latest) = self.store.document::<RunRecord>(layout::RUN.latest)
            && latest.finished_at.is_none()
            // One that was sealed but for its last step has its snapshot already.
            && !runs.iter().flatten().any(|run: &RunRecord| run.run_id == latest.run_id)
        {
            runs.insert(0, Ok(latest));
            runs.truncate(count);
        }
        Ok(runs)
    }

    /// The records of runs that started on a day in Korea, newest first; unreadable ones are left out.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn of_day(&self, day: TradingDate) -> Result<Vec<RunRecord>, StoreFault> {
        let mut files = self.store.snapshots(layout::RUN.snapshots)?;
        files.retain(|file| file.stamp.is_some_and(|stamp| stamp.date() == day));
        Ok(files.iter().filter_map(|file| self.record(&file.reference).ok()).collect())
    }

    /// One record by its run id, by `latest`, or counted from the newest by `-1`, `-2` …
    ///
    /// # Errors
    /// There is no such run, or its record cannot be read.
    pub fn find(&self, name: &str) -> Result<RunRecord, HistoryFault> {
        let not_found = || HistoryFault::NotFound(name.to_owned());
        let damaged = |(file, why)| HistoryFault::Damaged { file, why };
        let back = if name == "latest" { Some(1) } else { name.strip_prefix('-').and_then(|n| n.parse().ok()) };
        if let Some(back) = back.filter(|n| *n > 0) {
            let runs = self.list(back)?;
            return runs.into_iter().nth(back - 1).ok_or_else(not_found)?.map_err(damaged);
        }
        let mut same_second = None;
        for run in self.list(usize::MAX)? {
            match run {
                Ok(run) if run.run_id.as_str() == name => return Ok(run),
                Ok(_) => {}
                // A damaged record has no id to compare; its file and the id carry the same second.
                Err(fault) if parse_file_stamp(name).is_some_and(|s| parse_file_stamp(&fault.0) == Some(s)) => {
                    same_second = Some(fault);
                }
                Err(_) => {}
            }
        }
        Err(same_second.map_or_else(not_found, damaged))
    }

    fn record(&self, file: &str) -> Result<RunRecord, (String, String)> {
        match self.store.document(file) {
            Stored::Present(record) => Ok(record),
            Stored::Missing => Err((file.to_owned(), "the file is missing".to_owned())),
            Stored::Damaged(why) => Err((file.to_owned(), why)),
        }
    }

    /// Checks the whole chain and names its first broken link. `expected` is a head hash that was noted elsewhere: the
    /// chain must still contain it, so that cutting records off the end shows too.
    ///
    /// # Errors
    /// The chain's file cannot be read at all.
    pub fn verify(&self, expected: Option<&str>) -> Result<ChainReport, StoreFault> {
        let bytes = self.store.read(layout::RUN_CHAIN)?.unwrap_or_default();
        let snapshots = self.store.snapshots(layout::RUN.snapshots)?;
        let mut report =
            ChainReport { schema: "DAILY_OPS_CHAIN_REPORT_V1", records: 0, pruned: 0, head_sha256: None, broken: None };
        let mut last: Option<ChainLine> = None;
        let mut seen_snapshot = false;
        let mut found_expected = expected.is_none();
        for (index, text) in bytes.split(|b| *b == b'\n').enumerate().filter(|(_, text)| !text.is_empty()) {
            let line: ChainLine = match serde_json::from_slice(text) {
                Ok(line) => line,
                Err(fault) => {
                    report.broken = Some(after(last.as_ref(), &format!("line {} cannot be read: {fault}", index + 1)));
                    return Ok(report);
                }
            };
            if let Err(broken) = self.link(&line, last.as_ref(), &mut seen_snapshot, &mut report.pruned) {
                report.broken = Some(broken);
                return Ok(report);
            }
            report.records += 1;
            found_expected |= expected == Some(line.sha256.as_str());
            report.head_sha256 = Some(line.sha256.clone());
            last = Some(line);
        }
        report.broken = self.unchained(last.as_ref(), &bytes, &snapshots);
        if report.broken.is_none() {
            report.broken = self.cut_off(last.as_ref());
        }
        if report.broken.is_none() && !found_expected {
            report.broken = Some(after(last.as_ref(), "the expected hash is not in the chain: records are missing"));
        }
        Ok(report)
    }

    fn link(
        &self,
        line: &ChainLine,
        last: Option<&ChainLine>,
        seen_snapshot: &mut bool,
        pruned: &mut u64,
    ) -> Result<(), BrokenLink> {
        let broken = |file: &str, what: String| BrokenLink {
            seq: line.seq,
            run_id: line.run_id.clone(),
            file: file.to_owned(),
            what,
        };
        let expected = last.map_or(1, |last| last.seq + 1);
        if line.seq != expected {
            return Err(broken(layout::RUN_CHAIN, format!("record {expected} is missing, {} follows", line.seq)));
        }
        if line.prev_sha256 != last.map_or("", |last| last.sha256.as_str()) {
            return Err(broken(layout::RUN_CHAIN, "the line does not name the hash of the line before".to_owned()));
        }
        let Some(bytes) = self.store.read(&line.snapshot_ref).map_err(|f| broken(&line.snapshot_ref, f.to_string()))?
        else {
            if *seen_snapshot {
                return Err(broken(&line.snapshot_ref, "the record was removed, but older ones are there".to_owned()));
            }
            *pruned += 1;
            return Ok(());
        };
        *seen_snapshot = true;
        let json = Json::parse(&bytes).map_err(|fault| broken(&line.snapshot_ref, fault.to_string()))?;
        if payload_sha256(&json).as_deref() != Some(line.sha256.as_str()) {
            return Err(broken(&line.snapshot_ref, "the record's content does not match its hash".to_owned()));
        }
        let chain = json.get("chain");
        let seq = chain.and_then(|c| c.get("seq")).and_then(Json::as_integer);
        let prev = chain.and_then(|c| c.get("prev_sha256")).and_then(Json::as_str);
        if seq.and_then(|n| u64::try_from(n).ok()) != Some(line.seq) || prev != Some(line.prev_sha256.as_str()) {
            return Err(broken(&line.snapshot_ref, "the record's link differs from its line".to_owned()));
        }
        Ok(())
    }

    /// The newest record knows its own number: a chain that ends before it has lost its end.
    fn cut_off(&self, last: Option<&ChainLine>) -> Option<BrokenLink> {
        let latest = self.store.document::<RunRecord>(layout::RUN.latest).present()?;
        let end = last.map_or(0, |line| line.seq);
        // An unfinished record gets its line when it is sealed.
        let finished = latest.finished_at.is_some();
        let ours = last.filter(|line| finished && line.seq == latest.chain.seq);
        let content = Json::of(&latest).ok().and_then(|json| payload_sha256(&json));
        if let Some(line) = ours.filter(|line| content.as_deref() != Some(line.sha256.as_str())) {
            return Some(BrokenLink {
                seq: line.seq,
                run_id: line.run_id.clone(),
                file: layout::RUN.latest.to_owned(),
                what: "the newest record's copy does not match its hash".to_owned(),
            });
        }
        let missing = finished && latest.chain.seq > end;
        missing.then(|| BrokenLink {
            run_id: latest.run_id.to_string(),
            ..after(last, "the chain ends before the newest record")
        })
    }

    /// A snapshot without a line, unless its run can still be sealed.
    fn unchained(
        &self,
        last: Option<&ChainLine>,
        chain: &[u8],
        snapshots: &[crate::store::SnapshotFile],
    ) -> Option<BrokenLink> {
        let chain = String::from_utf8_lossy(chain);
        let open = self.store.document::<RunRecord>(layout::RUN.latest).present().map(|record| record.snapshot_ref);
        let stray = snapshots
            .iter()
            .rev()
            .find(|file| !chain.contains(&format!("{:?}", file.reference)) && open.as_ref() != Some(&file.reference))?;
        Some(BrokenLink { file: stray.reference.clone(), ..after(last, "a record has no line in the chain") })
    }

    /// Compares two records.
    #[must_use]
    pub fn diff(a: &RunRecord, b: &RunRecord) -> RunDiff {
        let fields = facts(a)
            .into_iter()
            .zip(facts(b))
            .filter(|((_, a), (_, b))| a != b)
            .map(|((field, a), (_, b))| FieldDiff { field, a, b })
            .collect();
        let said = |stage: &StageReport| {
            let class = format!("{:?}", stage.class).to_lowercase();
            let detail = stage.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("{class} {}{detail}", stage.code)
        };
        let stages = a
            .stages
            .iter()
            .zip(&b.stages)
            .map(|(a, b)| StageDiff {
                n: a.n,
                title: a.name.title(),
                a: said(a),
                b: said(b),
                a_ms: a.elapsed_ms,
                b_ms: b.elapsed_ms,
                differs: (a.class, &a.code, &a.detail) != (b.class, &b.code, &b.detail),
            })
            .collect();
        RunDiff { schema: "DAILY_OPS_RUN_DIFF_V1", a: a.run_id.to_string(), b: b.run_id.to_string(), fields, stages }
    }
}

fn after(last: Option<&ChainLine>, what: &str) -> BrokenLink {
    BrokenLink {
        seq: last.map_or(1, |line| line.seq + 1),
        run_id: String::new(),
        file: layout::RUN_CHAIN.to_owned(),
        what: what.to_owned(),
    }
}

fn facts(run: &RunRecord) -> Vec<(&'static str, String)> {
    let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let joined = |codes: Vec<&str>| codes.join(",");
    let bundle = run.bundle.as_ref();
    vec![
        ("exit_code", run.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string())),
        ("reason", text(run.reason.as_ref().map(|r| r.as_str()))),
        ("reason_detail", text(run.reason_detail.as_deref())),
        ("ops_status", text(run.ops_status.as_deref())),
        ("cycle.result", text(run.cycle.result.as_deref())),
        ("cycle.decision", text(run.cycle.decision.as_deref())),
        ("cycle.reason", text(run.cycle.reason.as_ref().map(|r| r.as_str()))),
        ("cycle.delivery_actual", text(run.cycle.delivery_actual.as_deref())),
        ("cycle.bundle_stale", run.cycle.bundle_stale.map_or_else(|| "-".to_owned(), |s| s.to_string())),
        ("cycle.reco", text(run.cycle.reco.as_deref())),
        ("bundle.bundle_id", text(bundle.and_then(|b| b.bundle_id.as_deref()))),
        ("bundle.decision", text(bundle.map(|b| b.decision.as_str()))),
        ("bundle.signature_verified", bundle.map_or_else(|| "-".to_owned(), |b| b.signature_verified.to_string())),
        ("host_rev_after", text(run.host_rev_after.as_deref())),
        ("safety.gate", run.safety.gate.clone()),
        ("safety.sender", run.safety.sender.to_string()),
        ("safety.stop", run.safety.stop.to_string()),
        ("trading_day", run.trading_day.map_or_else(|| "-".to_owned(), |d| d.to_string())),
        ("late", run.late.to_string()),
        ("version", run.version.clone()),
        ("warnings", joined(run.warnings.iter().map(|w| w.code.as_str()).collect())),
        ("risks", joined(run.risks.iter().map(|r| r.as_str()).collect())),
    ]
}
