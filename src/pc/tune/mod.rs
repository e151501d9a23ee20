//! Tuning: a seeded search over a grid, scored on validation data, judged by three gates, promoted by hand.
//!
//! The last segment of the data is sealed: nothing is simulated on it, and the simulator does not even get its bars,
//! before the walk-forward windows of gate 2 have passed. Every trial is on disk as soon as it is done, so that a killed
//! run continues where it stopped and ends with the same result.
//!
//! The same seed, data and configuration give the same trials, the same ranking and the same documents, on any machine
//! and any number of cores; only times differ.

pub mod config;
pub mod guard;
pub mod input;
mod judge;
pub mod lab;
pub mod objective;
pub mod outputs;
pub mod promotion;
pub mod rundir;
pub mod sampler;
pub mod sealed;
mod search;
pub mod segment;
pub mod space;
pub mod split;
pub mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::contracts::DocumentFault;
use crate::contracts::JsonFault;
use crate::contracts::tune::CheckStatus;
use crate::contracts::tune::TuneResult;
use crate::pc::backtest::ENGINE_VERSION;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::trading::FeeTable;

use config::TuneConfig;
use config::TuneData;
use judge::Judge;
use lab::Candidate;
use lab::Lab;
use lab::LabFault;
use lab::Simulate;
use lab::Trial;
use rundir::Manifest;
use rundir::ManifestData;
use rundir::RunDir;
use sealed::Sealed;
use search::Ended;
use search::Search;
use search::Searched;
use split::SplitFault;
use split::Splits;
use verdict::Verdict;

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Trials on disk.
    pub done: usize,
    /// Trials in all.
    pub total: usize,
    /// Those of them that an earlier process did.
    pub resumed: usize,
    /// The highest score so far.
    pub best: Option<f64>,
}

/// What a run works with beside its configuration and its data.
pub struct Site<'a> {
    /// The workspace.
    pub store: &'a Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Sale taxes.
    pub fees: &'a FeeTable,
    /// The simulator.
    pub simulate: Simulate<'a>,
    /// Asked before each trial with the number of recorded ones; `true` interrupts the run.
    pub stop: &'a (dyn Fn(usize) -> bool + Sync),
    /// Told of each recorded trial, in order.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
    /// No trial starts later than this after the search began.
    pub timeout: Option<Duration>,
}

impl std::fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("store", &self.store).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A run that came to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The result document.
    pub result: TuneResult,
    /// The verdict.
    pub verdict: Verdict,
    /// The manifest.
    pub manifest: Manifest,
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// Every file is written.
    Finished(Box<Finished>),
    /// It was asked to stop and can be resumed.
    Interrupted {
        /// Trials on disk.
        done: usize,
        /// Trials in all.
        total: usize,
    },
}

/// A run cannot start, go on or end.
#[derive(Debug, thiserror::Error)]
pub enum TuneFault {
    /// The range is too short.
    #[error(transparent)]
    Split(#[from] SplitFault),
    /// A run directory was made under other conditions.
    #[error("{run_id} cannot be resumed: {}", differences.join("; "))]
    Differs {
        /// The run.
        run_id: String,
        /// What differs, one text each.
        differences: Vec<String>,
    },
    /// There is nothing to resume.
    #[error("{0} is complete; see data/tuning_runs/{0}/report.md")]
    Complete(String),
    /// Another process works on the run.
    #[error("ALREADY_RUNNING: process {pid} works on {run_id}")]
    Running {
        /// The run.
        run_id: String,
        /// The process.
        pid: u32,
    },
    /// There is no such run.
    #[error("there is no run {0:?} in data/tuning_runs")]
    NoSuchRun(String),
    /// No trial has a score: why.
    #[error("no_completed_trials: {0}")]
    NoCompletedTrials(String),
    /// The search would promise something that it cannot measure.
    #[error("{0}")]
    Unmeasured(String),
    /// A ticker has no bars where the range starts, so the first walk-forward window could not be simulated.
    #[error(
        "{ticker}: its first bar is {first}, but the range and its first walk-forward window start on {start}; \
         --start {first} is the earliest that its prices allow"
    )]
    StartsLater {
        /// The ticker.
        ticker: String,
        /// Its first bar.
        first: TradingDate,
        /// The first session of the range.
        start: TradingDate,
    },
    /// A trial panicked.
    #[error("trial {trial} panicked: {message}")]
    Panicked {
        /// Its number.
        trial: usize,
        /// What it said.
        message: String,
    },
    /// A file of the run directory cannot be believed.
    #[error("{file}: {why}")]
    Damaged {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A simulation that had worked failed, or the cache is wrong.
    #[error(transparent)]
    Lab(#[from] LabFault),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A number is not finite.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// A document cannot be rendered.
    #[error("cannot render a document: {0}")]
    Render(#[from] serde_json::Error),
    /// The table cannot be rendered.
    #[error("cannot render trials.csv: {0}")]
    Table(#[from] csv::Error),
    /// A document breaks its rules.
    #[error(transparent)]
    Document(#[from] DocumentFault),
}

impl TuneFault {
    /// Whether a rule said no, rather than something being broken.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Split(_) | Self::Differs { .. } | Self::Complete(_) | Self::Running { .. })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Split(_) => "Split",
            Self::Differs { .. } => "Differs",
            Self::Complete(_) => "Complete",
            Self::Running { .. } => "Running",
            Self::NoSuchRun(_) => "NoSuchRun",
            Self::NoCompletedTrials(_) => "NoCompletedTrials",
            Self::Unmeasured(_) => "Unmeasured",
            Self::StartsLater { .. } => "StartsLater",
            Self::Panicked { .. } => "Panic",
            Self::Damaged { .. } => "Damaged",
            Self::Lab(_) => "Lab",
            Self::Store(_) => "Store",
            Self::Json(_) => "Json",
            Self::Render(_) => "Render",
            Self::Table(_) => "Table",
            Self::Document(_) => "Document",
        }
    }
}

/// Starts a run under a new name.
///
/// # Errors
/// The range is too short or starts before the prices, no trial is completed, a trial panics, or a file cannot be written.
pub fn run(site: &Site<'_>, run_id: &str, (config, data): (TuneConfig, TuneData)) -> Result<End, TuneFault> {
    let splits = Splits::of(config.start, config.end)?;
    judge_start((&config, &splits), &data)?;
    let dir = RunDir::new(site.store, site.clock, run_id);
    let _lock = lock(site, &dir)?;
    let facts = ManifestData { fingerprint: data.fingerprint(), tickers: data.files.clone() };
    let created_at = Stamp::of(site.clock.now());
    let manifest = Manifest::new(run_id, created_at, config, (facts, splits));
    drive(site, &dir, manifest, (data, BTreeMap::new()))
}

/// Continues a run that was killed or interrupted. Its recorded trials are not run again.
///
/// # Errors
/// As [`run`]; besides, there is no such run, it is complete, another process works on it, its records cannot be believed,
/// or it was made with another configuration, other data or another version of the simulator.
pub fn resume(site: &Site<'_>, run_id: &str, (config, data): (TuneConfig, TuneData)) -> Result<End, TuneFault> {
    let dir = RunDir::new(site.store, site.clock, run_id);
    let manifest = stored(&dir)?;
    let _lock = lock(site, &dir)?;
    if dir.verdict()?.is_some() {
        return Err(TuneFault::Complete(run_id.to_owned()));
    }
    let mut differences = manifest.config.differences(&config)?;
    let mut compare = |name: &str, there: &str, here: &str| {
        if there != here {
            differences.push(format!("{name}: {there} there, {here} here"));
        }
    };
    compare("data_fingerprint", &manifest.data.fingerprint, &data.fingerprint());
    compare("engine_version", &manifest.environment.engine_version, ENGINE_VERSION);
    if !differences.is_empty() {
        return Err(TuneFault::Differs { run_id: run_id.to_owned(), differences });
    }
    let logged = dir.logged_trials()?;
    let candidates = candidates(&manifest.config)?;
    judge_start((&manifest.config, &manifest.results.splits), &data)?;
    for (number, trial) in &logged.trials {
        let is_ours = candidates.get(*number).is_some_and(|candidate| candidate.hash == trial.params_hash);
        if !is_ours {
            let why = format!("trial {number} has parameters that the seed {} does not give", manifest.config.seed);
            return Err(TuneFault::Damaged { file: dir.file("trials.jsonl"), why });
        }
    }
    if logged.damaged_lines > 0 {
        dir.log(&format!("{} damaged lines in trials.jsonl; their trials are run again", logged.damaged_lines))?;
    }
    site.store.remove(&dir.file("crash.json"))?;
    // The results of a run that was killed between two gates are made again.
    let facts = (manifest.data, manifest.results.splits);
    let manifest = Manifest::new(run_id, manifest.created_at, manifest.config, facts);
    drive(site, &dir, manifest, (data, logged.trials))
}

/// Refuses before the search what would end a run after it.
fn judge_start((config, splits): (&TuneConfig, &Splits), data: &TuneData) -> Result<(), TuneFault> {
    if let Some(why) = config.unmeasured() {
        return Err(TuneFault::Unmeasured(why));
    }
    let start = splits.train.start;
    let firsts = data.market.iter().filter_map(|(ticker, bars)| Some((bars.first_date()?, ticker)));
    // The latest one: the start that it allows is one that all others allow.
    match firsts.max_by_key(|(first, _)| *first) {
        Some((first, ticker)) if first > start => Err(TuneFault::StartsLater { ticker: ticker.clone(), first, start }),
        Some(_) | None => Ok(()),
    }
}

/// The manifest of a run that exists.
///
/// # Errors
/// There is no such run, or its manifest cannot be read.
pub fn stored(dir: &RunDir<'_>) -> Result<Manifest, TuneFault> {
    let missing = || TuneFault::NoSuchRun(dir.run_id().to_owned());
    if !rundir::is_run_id(dir.run_id()) {
        return Err(missing());
    }
    dir.manifest()?.ok_or_else(missing)
}

fn lock(site: &Site<'_>, dir: &RunDir<'_>) -> Result<RunLock, TuneFault> {
    let holder = Holder::this_process(dir.run_id(), site.clock.now(), Duration::ZERO);
    match site.store.try_lock(&dir.file("run.lock"), &holder)? {
        LockOutcome::Acquired(acquired) => Ok(acquired.lock),
        LockOutcome::Held(other) => Err(TuneFault::Running { run_id: dir.run_id().to_owned(), pid: other.pid }),
    }
}

fn candidates(config: &TuneConfig) -> Result<Vec<Candidate>, JsonFault> {
    lab::candidates(sampler::sample(&config.space, config.seed, config.n_trials))
}

/// Runs what is left of a run; a fault leaves `crash.json` and a TUNE_END FAIL behind.
fn drive(
    site: &Site<'_>,
    dir: &RunDir<'_>,
    manifest: Manifest,
    (data, known): (TuneData, BTreeMap<usize, Trial>),
) -> Result<End, TuneFault> {
    let ended = drive_guarded(site, dir, manifest, (data, known));
    if let Err(fault) = &ended {
        let reason = if matches!(fault, TuneFault::NoCompletedTrials(_)) {
            // As below: the fault is told by its return.
            dir.log(&fault.to_string()).ok();
            "no_completed_trials".to_owned()
        } else {
            let mut traceback = vec![format!("{} of {}", fault.kind(), dir.run_id())];
            let causes = std::iter::successors(std::error::Error::source(fault), |cause| cause.source());
            traceback.extend(causes.map(|cause| format!("caused by: {cause}")));
            dir.crash(fault.kind(), &fault.to_string(), &traceback);
            fault.to_string()
        };
        // The fault is told by its return; a disk that refuses this line has nothing to add.
        dir.event("TUNE_END", &json!({"status": "FAIL", "reason": reason})).ok();
    }
    ended
}

fn drive_guarded(
    site: &Site<'_>,
    dir: &RunDir<'_>,
    mut manifest: Manifest,
    (data, known): (TuneData, BTreeMap<usize, Trial>),
) -> Result<End, TuneFault> {
    let started = site.clock.monotonic();
    let config = manifest.config.clone();
    let splits = manifest.results.splits.clone();
    let candidates = candidates(&config)?;
    dir.write_manifest(&manifest)?;
    dir.log(&format!("{} trials, {} done before; {}", candidates.len(), known.len(), splits.validation))?;
    let payload = json!({
        "n_trials": config.n_trials, "space_size": config.space.size(), "seed": config.seed, "resumed_trials": known.len(),
        "splits": splits, "data_fingerprint": manifest.data.fingerprint, "engine_version": ENGINE_VERSION,
    });
    dir.event("TUNE_START", &payload)?;
    let sealed = Sealed::after(data.market.clone(), splits.validation.end);
    let lab = Lab::new(&config, (site.fees, site.simulate), &manifest.data.fingerprint)?;
    let search = Search { site, lab: &lab, dir, splits: &splits, market: sealed.open() };
    let Searched { trials, ended } = search.run(&candidates, known)?;
    if ended == Ended::Interrupted {
        let (done, total) = (trials.len(), candidates.len());
        dir.log(&format!("interrupted after {done} of {total} trials"))?;
        return Ok(End::Interrupted { done, total });
    }
    manifest.results.timed_out = ended == Ended::TimedOut;
    let judge = Judge { config: &config, lab: &lab, splits: &splits, sealed: &sealed };
    let on_stage = |manifest: &Manifest| {
        dir.log(&format!("stage {}", manifest.stage.as_str()))?;
        dir.write_manifest(manifest)
    };
    if !judge.judge(&trials, &mut manifest, &on_stage)? {
        dir.write_manifest(&manifest)?;
        return Err(no_completed(&manifest, &trials));
    }
    let seconds = (site.clock.monotonic().saturating_sub(started).as_secs_f64() * 1e3).round() / 1e3;
    finish(site, dir, manifest, (&data, &trials, seconds))
}

/// Writes every document of a run; the verdict last, because it says that all others are there.
fn finish(
    site: &Site<'_>,
    dir: &RunDir<'_>,
    manifest: Manifest,
    (data, trials, seconds): (&TuneData, &[Trial], f64),
) -> Result<End, TuneFault> {
    let mut verdict = verdict::verdict(&manifest, data, trials);
    let now = site.clock.now();
    let times = (Stamp::of(now), seconds);
    let Some(result) = outputs::result(&manifest, trials, verdict.verdict, times) else {
        return Err(no_completed(&manifest, trials));
    };
    let names: Vec<&str> = manifest.config.space.grids().map(|(name, _)| name).collect();
    dir.write_text("trials.csv", &outputs::trials_csv(trials, &names)?)?;
    dir.write_text("report.md", &outputs::report(&manifest, &result, &verdict))?;
    dir.write_manifest(&manifest)?;
    let (result, published) = site.store.publish(layout::TUNE, now, &|_| result.clone())?;
    verdict.artifacts = verdict::Artifacts {
        manifest: dir.file("manifest.json"),
        report: dir.file("report.md"),
        trials: dir.file("trials.csv"),
        telemetry: dir.telemetry()?,
        tune_result: published.snapshot_ref,
    };
    let payload = json!({
        "status": "OK", "verdict": verdict.verdict, "stage": manifest.stage, "best_score": result.best_score,
        "judged_trial": result.judged.trial, "completed_trials": result.meta.completed_trials,
        "pruned_trials": result.meta.pruned_trials, "runtime_sec": seconds,
    });
    dir.event("TUNE_END", &payload)?;
    dir.log(&format!("verdict {}", verdict.verdict.as_str()))?;
    dir.write_json("verdict.json", &verdict)?;
    Ok(End::Finished(Box::new(Finished { result, verdict, manifest })))
}

fn no_completed(manifest: &Manifest, trials: &[Trial]) -> TuneFault {
    if manifest.results.timed_out && trials.is_empty() {
        return TuneFault::NoCompletedTrials("the time limit ended the search before the first trial".to_owned());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in trials.iter().filter_map(|trial| trial.prune_reason.as_deref()) {
        *counts.entry(reason.split(':').next().unwrap_or(reason)).or_default() += 1;
    }
    let reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let (count, reasons) = (trials.len(), reasons.join(", "));
    TuneFault::NoCompletedTrials(if manifest.results.timed_out {
        format!("the time limit ended the search after {count} trials, and all were pruned ({reasons})")
    } else {
        format!("all {count} trials were pruned ({reasons})")
    })
}

/// Whether a finished run is one that a gate said no to.
#[must_use]
pub fn is_refused(finished: &Finished) -> bool {
    finished.verdict.verdict == CheckStatus::Fail
}
