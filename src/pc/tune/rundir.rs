//! The run directory: what a run is made of, every trial as soon as it is done, and what came of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::contracts::Json;
use crate::contracts::tune::GateReport;
use crate::contracts::tune::TuneJudged;
use crate::contracts::tune::TuneStage;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::file_stamp;
use crate::time::line_stamp;

use super::TuneFault;
use super::config::FileFacts;
use super::config::TuneConfig;
use super::lab::Trial;
use super::segment::Figures;
use super::space::Point;
use super::split::Splits;
use super::split::Window;
use super::verdict::Verdict;

/// The version of the manifest's form.
const MANIFEST_VERSION: &str = "4.1";

/// A name for a run that starts at `at`; `salt` keeps two runs of one second apart.
#[must_use]
pub fn run_id(at: KstTime, salt: u32) -> String {
    format!("tune_{}_{:06x}", file_stamp(at), salt & 0x00ff_ffff)
}

/// Whether a text is such a name: nothing else becomes a path.
#[must_use]
pub fn is_run_id(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let hex = |part: &str| part.len() == 6 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = text.split('_').collect();
    matches!(parts[..], ["tune", day, time, salt] if digits(day, 8) && digits(time, 6) && hex(salt))
}

/// The prices as the manifest states them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestData {
    /// SHA-256 over tickers and files.
    pub fingerprint: String,
    /// What is known of each file.
    pub tickers: BTreeMap<String, FileFacts>,
}

/// A walk-forward window and its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowResult {
    /// The window.
    pub window: Window,
    /// Figures of its training part.
    pub train: Figures,
    /// Figures of its validation part.
    pub validation: Figures,
    /// Figures of its last part, which gate 2 judges.
    pub out_sample: Figures,
}

/// The figures of the parameters in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Their values by name.
    pub params: Point,
    /// Figures of the validation segment.
    pub validation: Figures,
    /// Figures of the sealed test; null before gate 2 has passed.
    pub test: Option<Figures>,
}

/// What a run has found so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The segments.
    pub splits: Splits,
    /// Trials with a score.
    pub completed_trials: usize,
    /// Trials that were pruned.
    pub pruned_trials: usize,
    /// Whether the time limit ended the search.
    pub timed_out: bool,
    /// The trial with the highest score.
    pub best_trial: Option<usize>,
    /// The trial that the gates judged.
    pub judged: Option<TuneJudged>,
    /// The parameters in force, simulated; null when they cannot be.
    pub baseline: Option<Baseline>,
    /// The gates.
    pub gates: Vec<GateReport>,
    /// The walk-forward windows of gate 2.
    pub walk_forward: Vec<WindowResult>,
}

/// The program that made the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Name and version of the program.
    pub program: String,
    /// The simulator's version.
    pub engine_version: String,
    /// Operating system and processor.
    pub platform: String,
}

/// What the simulator refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineHealth {
    /// `OK`, or `DEGRADED` when trials failed.
    pub status: String,
    /// Trials that could not be simulated.
    pub failed_trials: usize,
    /// Why, each reason once.
    pub faults: Vec<String>,
}

/// `manifest.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `4.1`
    pub schema_version: String,
    /// The run.
    pub run_id: String,
    /// When it started.
    pub created_at: Stamp,
    /// How far it came.
    pub stage: TuneStage,
    /// What it is made of.
    pub config: TuneConfig,
    /// The prices.
    pub data: ManifestData,
    /// What it found.
    pub results: Results,
    /// The program.
    pub environment: Environment,
    /// What the simulator refused.
    pub engine_health: EngineHealth,
}

impl Manifest {
    /// The manifest of a run that starts.
    #[must_use]
    pub fn new(run_id: &str, created_at: Stamp, config: TuneConfig, (data, splits): (ManifestData, Splits)) -> Self {
        Self {
            schema_version: MANIFEST_VERSION.to_owned(),
            run_id: run_id.to_owned(),
            created_at,
            stage: TuneStage::Tuning,
            config,
            data,
            results: Results {
                splits,
                completed_trials: 0,
                pruned_trials: 0,
                timed_out: false,
                best_trial: None,
                judged: None,
                baseline: None,
                gates: Vec::new(),
                walk_forward: Vec::new(),
            },
            environment: Environment {
                program: concat!("daily-ops ", env!("CARGO_PKG_VERSION")).to_owned(),
                engine_version: crate::pc::backtest::ENGINE_VERSION.to_owned(),
                platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            },
            engine_health: EngineHealth { status: "OK".to_owned(), ..EngineHealth::default() },
        }
    }
}

/// The trials that a run directory holds.
#[derive(Debug, Default)]
pub struct LoggedTrials {
    /// By number.
    pub trials: BTreeMap<usize, Trial>,
    /// Lines that are no trial: a killed writer leaves at most one. Their trials are run again.
    pub damaged_lines: usize,
}

/// A run's directory and its telemetry.
#[derive(Debug)]
pub struct RunDir<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    run_id: String,
    /// The name of the telemetry once a line of this run is in it.
    telemetry: OnceLock<String>,
}

impl<'a> RunDir<'a> {
    /// The directory of a run; nothing is made.
    #[must_use]
    pub fn new(store: &'a Store, clock: &'a dyn Clock, run_id: &str) -> Self {
        Self { store, clock, run_id: run_id.to_owned(), telemetry: OnceLock::new() }
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// A file of the directory, relative to the workspace.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        format!("{}/{}/{name}", layout::TUNE_RUNS, self.run_id)
    }

    /// The run's telemetry, relative to the workspace: the second of its start, and `_2`, `_3` ... when other runs of that
    /// second have a file already.
    ///
    /// # Errors
    /// A file of that second cannot be read.
    pub fn telemetry(&self) -> Result<String, StoreFault> {
        if let Some(name) = self.telemetry.get() {
            return Ok(name.clone());
        }
        let stem = self.run_id.rsplit_once('_').map_or(self.run_id.as_str(), |(stem, _)| stem);
        let own = format!("\"run_id\":\"{}\"", self.run_id);
        let mut number = 1_u32;
        loop {
            let tail = if number > 1 { format!("_{number}") } else { String::new() };
            let name = format!("{}/{stem}{tail}.jsonl", layout::TUNE_TELEMETRY);
            let bytes = self.store.read(&name)?.unwrap_or_default();
            // A resumed run goes on in the file that names it.
            if bytes.is_empty() || String::from_utf8_lossy(&bytes).contains(&own) {
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Adds a line to `run.log`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn log(&self, text: &str) -> Result<(), StoreFault> {
        let line = format!("[{}] {text}", line_stamp(self.clock.now()));
        self.store.append(&self.file("run.log"), &line, Durability::Buffered)
    }

    /// Adds an event to the telemetry.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&self, event: &str, payload: &Value) -> Result<(), StoreFault> {
        let line =
            json!({"ts": Stamp::of(self.clock.now()), "run_id": self.run_id, "event": event, "payload": payload});
        if let Some(name) = self.telemetry.get() {
            return self.store.append(name, &line.to_string(), Durability::Buffered);
        }
        // Two runs that start at once must not both find the same name free.
        let _lock = self.store.exclusive(&format!("{}/telemetry.lock", layout::TUNE_TELEMETRY))?;
        let name = self.telemetry()?;
        self.store.append(&name, &line.to_string(), Durability::Buffered)?;
        self.telemetry.get_or_init(|| name);
        Ok(())
    }

    /// Records a finished trial: on disk when this returns.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn trial(&self, trial: &Trial) -> Result<(), TuneFault> {
        let metrics = trial.validation.map(serde_json::to_value).transpose()?;
        let payload = json!({
            "trial": trial.trial, "params": trial.params, "score": trial.score,
            "pruned": trial.prune_reason.is_some(), "prune_reason": trial.prune_reason, "metrics": metrics,
        });
        self.event("TRIAL_END", &payload)?;
        self.log(&trial_line(trial))?;
        let line = serde_json::to_string(trial)?;
        Ok(self.store.append(&self.file("trials.jsonl"), &line, Durability::Durable)?)
    }

    /// The trials that were recorded.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn logged_trials(&self) -> Result<LoggedTrials, StoreFault> {
        let bytes = self.store.read(&self.file("trials.jsonl"))?.unwrap_or_default();
        let mut logged = LoggedTrials::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Trial>(line) {
                Ok(trial) => drop(logged.trials.insert(trial.trial, trial)),
                Err(_half) => logged.damaged_lines += 1,
            }
        }
        Ok(logged)
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), TuneFault> {
        self.write_json("manifest.json", manifest)
    }

    /// Writes a JSON file of the directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), TuneFault> {
        let mut bytes = serde_json::to_vec_pretty(value)?;
        bytes.push(b'\n');
        Ok(self.store.write(&self.file(name), &bytes)?)
    }

    /// Writes a text of the directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), StoreFault> {
        self.store.write(&self.file(name), text.as_bytes())
    }

    /// Reads the manifest; `None` when there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is no such manifest.
    pub fn manifest(&self) -> Result<Option<Manifest>, TuneFault> {
        let name = self.file("manifest.json");
        let Some(bytes) = self.store.read(&name)? else { return Ok(None) };
        let damaged = |why: String| TuneFault::Damaged { file: name.clone(), why };
        // The strict reader runs first: it refuses duplicate keys.
        Json::parse(&bytes).map_err(|fault| damaged(fault.to_string()))?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|fault| damaged(fault.to_string()))?;
        if manifest.schema_version != MANIFEST_VERSION {
            return Err(damaged(format!("schema_version is {}, expected {MANIFEST_VERSION}", manifest.schema_version)));
        }
        Ok(Some(manifest))
    }

    /// Reads the verdict; `None` when the run has none yet.
    ///
    /// # Errors
    /// The file cannot be read, or is no verdict.
    pub fn verdict(&self) -> Result<Option<Verdict>, TuneFault> {
        let name = self.file("verdict.json");
        let Some(bytes) = self.store.read(&name)? else { return Ok(None) };
        let damaged = |why: String| TuneFault::Damaged { file: name.clone(), why };
        Json::parse(&bytes).map_err(|fault| damaged(fault.to_string()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|fault| damaged(fault.to_string()))
    }

    /// Leaves `crash.json` of a run that died.
    pub fn crash(&self, error_type: &str, error_msg: &str, traceback: &[String]) {
        let crash = json!({
            "run_id": self.run_id, "ts": Stamp::of(self.clock.now()),
            "error_type": error_type, "error_msg": error_msg, "traceback": traceback,
        });
        // The fault itself is told by whoever called; a disk that refuses this too has nothing to add.
        self.write_json("crash.json", &crash).ok();
        self.log(&format!("CRASH {error_type}: {error_msg}")).ok();
    }
}

fn trial_line(trial: &Trial) -> String {
    let params: Vec<String> = trial.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let end = match (&trial.prune_reason, trial.completed()) {
        (None, Some((score, figures))) => format!(
            "score {score:.4} sharpe {:.3} mdd {:.2} % trades {}",
            figures.sharpe, figures.mdd, figures.total_trades
        ),
        (reason, _) => format!("pruned {}", reason.as_deref().unwrap_or_default()),
    };
    format!("trial {} {} {end}", trial.trial, params.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_have_their_own_telemetry_and_a_resumed_run_goes_on_in_its_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let clock = crate::time::SimClock::at(Stamp::from("2026-01-05T19:00:00+09:00").instant().expect("a time"));
        let tell = |salt: &str| {
            let run = RunDir::new(&store, &clock, &format!("tune_20260105_190000_{salt}"));
            run.event("TUNE_START", &json!({})).expect("written");
            run.event("TUNE_END", &json!({})).expect("written");
            run.telemetry().expect("readable")
        };
        let cases = [
            ("the first", "00002a", "", 2),
            ("another", "00002b", "_2", 2),
            ("a third", "00002c", "_3", 2),
            ("the second again", "00002b", "_2", 4),
            ("the first again", "00002a", "", 4),
        ];
        for (name, salt, tail, lines) in cases {
            let file = tell(salt);
            assert_eq!(file, format!("reports/tune/telemetry/tune_20260105_190000{tail}.jsonl"), "{name}");
            let text = store.read(&file).expect("readable").expect("there");
            let text = String::from_utf8(text).expect("text");
            assert_eq!(text.lines().filter(|line| line.contains(salt)).count(), lines, "{name}");
            assert_eq!(text.lines().count(), lines, "{name}: nobody else's");
        }
    }

    #[test]
    fn a_run_id_is_one_file_name_and_nothing_else() {
        let at = Stamp::from("2026-11-20T19:00:04+09:00").instant().expect("a time");
        let id = run_id(at, 0x12ab_cdef);
        assert_eq!(id, "tune_20261120_190004_abcdef");
        assert!(is_run_id(&id));
        for text in ["", "..", "tune_20261120_190004_abcdeg", "tune_20261120_190004_../x", "tune_2026_190004_abcdef"] {
            assert!(!is_run_id(text), "{text}");
        }
    }
}
