//! `daily_ops pc run`: the day's work, one command after the other, up to the push.
//!
//! Each stage is the command of its name, run in this process and told in one line. What a stage would do alone, it does
//! here; what it would exit with alone, the work ends with here. Nothing is published unless every stage before it is done.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use clap::Parser as _;
use serde_json::Value;

use super::publish;
use crate::cli::args::Cli;
use crate::cli::args::Command;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Kept;
use crate::cli::output::Output;
use crate::contracts::Document as _;
use crate::contracts::pc_run::PcEnd;
use crate::contracts::pc_run::PcRun;
use crate::contracts::pc_run::PcStage;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::Stamp;
use crate::time::line_stamp;

/// Longer than any day's work; a holder past it is worth a look.
const LOCK_LIMIT: Duration = Duration::from_secs(2 * 3600);

/// `pc run`
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// Use the prices that are there; fetch none
    #[arg(long, conflicts_with = "synthetic")]
    offline: bool,
    /// Use generated prices in place of fetched ones; everything says so
    #[arg(long, value_name = "SEED")]
    synthetic: Option<u64>,
    /// Do everything but the commit and the push; say what they would do
    #[arg(long)]
    dry_run: bool,
    /// Publish the report of a reconciliation that ended in an error
    #[arg(long)]
    allow_error: bool,
    /// Publish nothing when no session opens within 24 hours
    #[arg(long)]
    only_before_session: bool,
}

/// A stage: its name and the arguments of the command that does it; the first one has no command of its own.
struct Stage {
    name: &'static str,
    args: Vec<String>,
    /// The workspace as it was named on the command line, for the command that repeats the stage.
    root: Option<String>,
}

/// What a stage came to, and its result as a document.
struct Ended {
    row: PcStage,
    document: Value,
}

pub(super) fn day(args: &RunArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    output.set_log_format(context.settings.output.log_format);
    let run = work(args, global, &context, output)?;
    output.result(&run, || vec![ending(&run)]);
    Ok(run.exit_code)
}

/// The day's work of a workspace on generated prices, told by what it gives.
pub(in crate::cli) fn generated_day(root: &Path, seed: u64) -> Result<PcRun, Failure> {
    let global = Global { root: Some(root.to_owned()), json: true, quiet: true, set: Vec::new() };
    let args = RunArgs {
        offline: false,
        synthetic: Some(seed),
        dry_run: false,
        allow_error: false,
        only_before_session: false,
    };
    work(&args, &global, &Context::load(&global)?, &Output::keeping())
}

fn work(args: &RunArgs, global: &Global, context: &Context, output: &Output) -> Result<PcRun, Failure> {
    let _lock = lock(context)?;
    let now = context.clock.now();
    let started = context.clock.monotonic();
    output.story(&format!("pc run  {} KST  {}", line_stamp(now), context.store.root().display()));
    let mut run = PcRun {
        schema: PcRun::SCHEMA.to_owned(),
        asof: Stamp::of(now),
        result: PcEnd::Done,
        exit_code: exit::DONE,
        failed_stage: None,
        run_id: None,
        stages: Vec::new(),
        duration_ms: 0,
    };
    for stage in stages(args, global.root.as_deref()) {
        let ended = match run.failed_stage {
            Some(_) => skipped(&stage),
            None => performed(&stage, context, global),
        };
        tell(&ended.row, output);
        let goes_on = ended.row.end == PcEnd::Done || (args.allow_error && states_an_error(&ended));
        if run.failed_stage.is_none() && !goes_on {
            run.failed_stage = Some(ended.row.stage.clone());
            run.result = ended.row.end;
            run.exit_code = ended.row.exit_code.unwrap_or(exit::FAULT);
        }
        run.run_id = published(&ended);
        run.stages.push(ended.row);
    }
    run.duration_ms = millis(context.clock.monotonic() - started);
    context.store.write_document(layout::PC_RUN, &run)?;
    Ok(run)
}

/// The story of a stage. What ended it badly is said even when quiet.
fn tell(row: &PcStage, output: &Output) {
    match row.end {
        PcEnd::Done | PcEnd::Skipped => output.story(&stage_line(row)),
        PcEnd::Blocked | PcEnd::Fault | PcEnd::Usage => output.remark(&stage_line(row)),
    }
    for remark in row.remarks.iter().filter(|_| !output.is_json()) {
        output.remark(&format!("             {remark}"));
    }
}

/// Whether a reconciliation ended in an error and wrote it down, which is what `--allow-error` publishes.
fn states_an_error(ended: &Ended) -> bool {
    ended.row.stage == "reconcile" && ended.document["summary"]["error"].is_object()
}

/// The id that a publish gave the host; none when nothing new was pushed.
fn published(ended: &Ended) -> Option<String> {
    let told = &ended.document;
    let travels = ended.row.stage == "publish"
        && ended.row.end == PcEnd::Done
        && told["result"] == "OK"
        && told["pushed"] == true
        && told["dry_run"] != true;
    told["run_id"].as_str().filter(|_| travels).map(str::to_owned)
}

/// One day's work at a time.
fn lock(context: &Context) -> Result<RunLock, Failure> {
    let now = context.clock.now();
    let holder = Holder::this_process("pc run", now, LOCK_LIMIT);
    match context.store.try_lock(layout::PC_RUN_LOCK, &holder)? {
        LockOutcome::Acquired(taken) => Ok(taken.lock),
        LockOutcome::Held(other) => {
            let held = other.held_seconds(now).map_or_else(String::new, |seconds| format!(" for {seconds} s"));
            let text = format!("ALREADY_RUNNING: process {} has been doing the day's work{held}", other.pid);
            if other.is_overdue(now) {
                return Err(anyhow::anyhow!("{text}; that is too long, look at that process").into());
            }
            Err(Failure::Blocked(text))
        }
    }
}

fn stages(args: &RunArgs, root: Option<&Path>) -> Vec<Stage> {
    let mut collect = vec!["collect".to_owned()];
    if args.offline {
        collect.push("--offline".to_owned());
    }
    if let Some(seed) = args.synthetic {
        collect.extend(["--synthetic".to_owned(), seed.to_string()]);
    }
    let mut publish = vec!["publish".to_owned()];
    let flags = [
        (args.dry_run, "--dry-run"),
        (args.synthetic.is_some(), "--allow-synthetic"),
        (args.allow_error, "--allow-error"),
        (args.only_before_session, "--only-before-session"),
    ];
    publish.extend(flags.iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| (*flag).to_owned()));
    let root = root.map(|dir| quoted(&dir.display().to_string()));
    let stage = |name: &'static str, args: Vec<String>| Stage { name, args, root: root.clone() };
    let plain = |name: &'static str| stage(name, vec![name.to_owned()]);
    vec![
        stage("prepare", Vec::new()),
        stage("collect", collect),
        plain("backtest"),
        plain("reconcile"),
        plain("report"),
        plain("bundle"),
        stage("publish", publish),
    ]
}

/// A path as the shells of both systems take it.
fn quoted(path: &str) -> String {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/\\:._-".contains(c));
    if plain { path.to_owned() } else { format!("\"{path}\"") }
}

impl Stage {
    /// What to type to do the stage alone.
    fn command(&self) -> String {
        let root = self.root.as_ref().map(|dir| format!(" --root {dir}")).unwrap_or_default();
        match self.args.is_empty() {
            true => format!("daily_ops{root} pc publish --dry-run"),
            false => format!("daily_ops{root} pc {}", self.args.join(" ")),
        }
    }

    fn row(&self, end: PcEnd) -> PcStage {
        PcStage {
            stage: self.name.to_owned(),
            end,
            exit_code: None,
            command: self.command(),
            summary: String::new(),
            remarks: Vec::new(),
            duration_ms: 0,
        }
    }
}

fn skipped(stage: &Stage) -> Ended {
    let row = PcStage { summary: "not begun".to_owned(), ..stage.row(PcEnd::Skipped) };
    Ended { row, document: Value::Null }
}

fn performed(stage: &Stage, context: &Context, global: &Global) -> Ended {
    let started = context.clock.monotonic();
    let (code, kept) = match stage.args.is_empty() {
        true => prepared(context),
        false => commanded(stage, global),
    };
    let document: Value = serde_json::from_str(&kept.result).unwrap_or_default();
    let mut remarks = kept.remarks;
    let (end, exit_code) = match &code {
        Ok(code) => (end_of(*code), *code),
        Err(failure) => {
            remarks.push(failure.text());
            (end_of(failure.code()), failure.code())
        }
    };
    let told = match end {
        PcEnd::Done => None,
        PcEnd::Blocked | PcEnd::Fault | PcEnd::Usage | PcEnd::Skipped => take_cause(&mut remarks),
    };
    let row = PcStage {
        exit_code: Some(exit_code),
        summary: told.unwrap_or_else(|| summary(stage.name, &document)),
        remarks,
        duration_ms: millis(context.clock.monotonic() - started),
        ..stage.row(end)
    };
    Ended { row, document }
}

fn end_of(code: u8) -> PcEnd {
    match code {
        exit::DONE => PcEnd::Done,
        exit::BLOCKED => PcEnd::Blocked,
        exit::USAGE => PcEnd::Usage,
        _ => PcEnd::Fault,
    }
}

/// Takes the cause out of what a stage said: what is marked as one, else the last that was said.
fn take_cause(remarks: &mut Vec<String>) -> Option<String> {
    let marked = remarks.iter().rposition(|remark| remark.starts_with('❌'));
    let cause = remarks.remove(marked.or_else(|| remarks.len().checked_sub(1))?);
    Some(cause.trim_start_matches('❌').trim_start().to_owned())
}

/// The tree is in order and the newest before anything is made on it.
fn prepared(context: &Context) -> (Result<u8, Failure>, Kept) {
    let output = Output::keeping();
    let code = publish::prepare(context).map(|prepared| match prepared {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| output.remark(&format!("⚠️ {warning}")));
            exit::DONE
        }
        Err(stop) => {
            output.remark(&format!("{}: {}", stop.code.as_str(), stop.message));
            if stop.code.is_refusal() { exit::BLOCKED } else { exit::FAULT }
        }
    });
    (code, output.kept())
}

/// The stage's own command, with the settings of this one.
fn commanded(stage: &Stage, global: &Global) -> (Result<u8, Failure>, Kept) {
    let line = ["daily_ops", "pc"].into_iter().map(str::to_owned).chain(stage.args.iter().cloned());
    let mut output = Output::keeping();
    let quiet = Global { root: global.root.clone(), json: true, quiet: true, set: global.set.clone() };
    let code = match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Some(Command::Pc { what })) => super::pc(what, &quiet, &mut output),
        Ok(_) | Err(_) => Err(Failure::Usage(format!("{:?} is no command", stage.command()))),
    };
    (code, output.kept())
}

/// One line of what a person would look for in a stage's result.
fn summary(stage: &str, told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown =
        |value: &Value, digits: usize| value.as_f64().map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    match stage {
        "prepare" => "the work tree is in order and the newest".to_owned(),
        "collect" => {
            let rows = told["tickers"].as_array().map(Vec::as_slice).unwrap_or_default();
            let vendors: std::collections::BTreeSet<&str> =
                rows.iter().filter_map(|row| row["vendor"].as_str()).collect();
            let vendors = vendors.into_iter().collect::<Vec<_>>().join(", ");
            format!("{} of {} tickers to {} ({vendors})", told["fresh"], rows.len(), text(&told["last_session"]))
        }
        "backtest" => {
            let (sum, meta) = (&told["summary"], &told["meta"]);
            format!(
                "{} {}..{}  CAGR {} %  MDD {} %  Sharpe {}  {} fills",
                text(&meta["strategy"]),
                text(&meta["start_date"]),
                text(&meta["end_date"]),
                shown(&sum["cagr"], 2),
                shown(&sum["mdd"], 2),
                shown(&sum["sharpe"], 2),
                sum["total_trades"]
            )
        }
        "reconcile" => {
            let (badge, kpis) = (text(&told["badge"]), &told["summary"]["kpis"]);
            let [open, chop, bear, none, executed] =
                ["gate_open", "chop_block", "bear_block", "no_data", "executed"].map(|key| kpis[key].to_string());
            format!("{badge}  open {open}, no trend {chop}, falling {bear}, no data {none}; fills on {executed} days")
        }
        "report" => format!("{}  {}", text(&told["badge"]), text(&told["page"][0])),
        "bundle" => bundle_summary(told),
        _ => publish_summary(told),
    }
}

fn bundle_summary(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = text(&told["bundle_id"]);
    let picks = told["scorer"]["top_picks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let picks = picks.iter().take(3).map(|pick| format!("{} {}", text(&pick["ticker"]), pick["score"]));
    format!(
        "{}  {}  {}",
        id.get(..8).unwrap_or(&id),
        text(&told["regime"]["code"]),
        picks.collect::<Vec<_>>().join(", ")
    )
}

fn publish_summary(told: &Value) -> String {
    let commit = told["commit"].as_str().and_then(|commit| commit.get(..10)).unwrap_or("no commit");
    let files = told["files"].as_array().map_or(0, Vec::len);
    match (told["dry_run"].as_bool(), told["pushed"].as_bool()) {
        (Some(true), _) => format!("dry run: {files} files would be committed"),
        (_, Some(true)) => format!("{commit}  {files} files pushed to {}", told["branch"].as_str().unwrap_or_default()),
        _ => told["message"].as_str().unwrap_or_default().to_owned(),
    }
}

/// A stage as people read it.
pub(in crate::cli) fn stage_line(row: &PcStage) -> String {
    let mark = match row.end {
        PcEnd::Done => '✓',
        PcEnd::Blocked | PcEnd::Fault | PcEnd::Usage => '❌',
        PcEnd::Skipped => '·',
    };
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let seconds = row.duration_ms as f64 / 1000.0;
    match row.end {
        PcEnd::Skipped => format!("{mark} {:<10} {}", row.stage, row.summary),
        PcEnd::Done | PcEnd::Blocked | PcEnd::Fault | PcEnd::Usage => {
            format!("{mark} {:<10} {}  [{seconds:.1} s]", row.stage, row.summary)
        }
    }
}

fn ending(run: &PcRun) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let seconds = run.duration_ms as f64 / 1000.0;
    let stage = run.failed_stage.as_deref().and_then(|name| run.stages.iter().find(|row| row.stage == name));
    match stage {
        None => {
            format!("done in {seconds:.1} s{}", run.run_id.as_ref().map(|id| format!(", run {id}")).unwrap_or_default())
        }
        Some(stage) => format!(
            "{} at {} (exit {}): {}; repeat it alone: {}",
            if run.result == PcEnd::Blocked { "blocked" } else { "failed" },
            stage.stage,
            run.exit_code,
            if stage.stage == "publish" { "see above what was kept" } else { "nothing was published" },
            stage.command
        ),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
