//! `daily_ops runs` and `daily_ops explain`.

use serde::Serialize;

use super::args::Language;
use super::args::RunsCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::Reason;
use crate::contracts::StageClass;
use crate::contracts::run::RunRecord;
use crate::pipeline::ChainReport;
use crate::pipeline::History;
use crate::pipeline::HistoryFault;
use crate::pipeline::Listed;
use crate::pipeline::RunDiff;
use crate::pipeline::explain;
use crate::settings::Lang;

#[derive(Serialize)]
struct RunList<'a> {
    schema: &'static str,
    runs: Vec<&'a RunRecord>,
    unreadable: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize)]
struct Explanation<'a> {
    schema: &'static str,
    run_id: &'a str,
    lines: Vec<String>,
}

pub(super) fn runs(context: &Context, what: RunsCommand, output: &Output) -> Result<u8, Failure> {
    let history = History::new(&context.store);
    match what {
        RunsCommand::List { count } => {
            let runs = history.list(count)?;
            say_list(&runs, output);
            Ok(exit::DONE)
        }
        RunsCommand::Show { run } => {
            let record = history.find(&run).map_err(not_found)?;
            output.result(&record, || shown(&record));
            Ok(exit::DONE)
        }
        RunsCommand::Diff { a, b } => {
            let (a, b) = (history.find(&a).map_err(not_found)?, history.find(&b).map_err(not_found)?);
            let diff = History::diff(&a, &b);
            output.result(&diff, || compared(&diff));
            Ok(exit::DONE)
        }
        RunsCommand::Verify { expect } => {
            let report = history.verify(expect.as_deref())?;
            output.result(&report, || proved(&report));
            Ok(if report.broken.is_none() { exit::DONE } else { exit::FAULT })
        }
    }
}

/// A name that no run has is wrong usage; a record that cannot be read is a fault.
fn not_found(fault: HistoryFault) -> Failure {
    match fault {
        HistoryFault::NotFound(name) if name == "latest" => {
            Failure::Usage("there is no run yet; `daily_ops run` makes one".to_owned())
        }
        HistoryFault::NotFound(_) => Failure::Usage(fault.to_string()),
        HistoryFault::Damaged { .. } | HistoryFault::Store(_) => Failure::Fault(fault.into()),
    }
}

fn say_list(runs: &[Listed], output: &Output) {
    let document = RunList {
        schema: "DAILY_OPS_RUN_LIST_V1",
        runs: runs.iter().filter_map(|run| run.as_ref().ok()).collect(),
        unreadable: runs
            .iter()
            .filter_map(|run| run.as_ref().err())
            .map(|(file, why)| (file.as_str(), why.as_str()))
            .collect(),
    };
    output.result(&document, || {
        let mut lines: Vec<String> = runs.iter().map(listed).collect();
        if lines.is_empty() {
            lines.push("no run yet; `daily_ops run` makes one".to_owned());
        }
        lines
    });
}

fn listed(run: &Listed) -> String {
    let run = match run {
        Ok(run) => run,
        Err((file, why)) => return format!("❌ {file}: {why}"),
    };
    let started = run.started_at.instant().map_or_else(String::new, crate::time::line_stamp);
    let exit = run.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let took: u64 = run.stages.iter().map(|stage| stage.elapsed_ms).sum();
    let reason = run.reason.as_ref().map_or("UNFINISHED", Reason::as_str);
    let marks: String = run.stages.iter().map(|stage| mark(stage.class)).collect();
    format!("{started}  exit {exit}  {marks}  {took:>6} ms  {reason:<24} {}", run.run_id)
}

/// One letter a stage: done, warned, blocked, failed, not reached.
fn mark(class: StageClass) -> char {
    match class {
        StageClass::Ok => '.',
        StageClass::Warn => 'w',
        StageClass::Block => 'B',
        StageClass::Fail => 'F',
        StageClass::Skipped => '-',
    }
}

fn shown(run: &RunRecord) -> Vec<String> {
    let text = |value: &Option<String>| value.as_deref().unwrap_or("-").to_owned();
    let mut lines = vec![
        listed(&Ok(run.clone())),
        format!("trace {}  trigger {:?}  version {}", run.trace_id, run.trigger, run.version).to_lowercase(),
        format!("revision {} -> {}", text(&run.host_rev_before), text(&run.host_rev_after)),
        format!(
            "safety gate={} sender={} stop={}  trading day {}",
            run.safety.gate,
            run.safety.sender,
            run.safety.stop,
            run.trading_day.map_or_else(|| "unknown".to_owned(), |day| day.to_string())
        ),
    ];
    for stage in &run.stages {
        let detail = stage.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        lines.push(format!(
            "[{}/5] {} {:<17} {:>6} ms  {}{detail}",
            stage.n,
            mark(stage.class),
            stage.name.title(),
            stage.elapsed_ms,
            stage.code
        ));
    }
    for found in &run.warnings {
        let detail = found.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        lines.push(format!("⚠️ {}{detail}", found.code));
    }
    lines.push(format!(
        "cycle {} {} {}",
        text(&run.cycle.result),
        text(&run.cycle.decision),
        text(&run.cycle.cycle_id)
    ));
    lines.push(format!(
        "record {}  number {}  sha256 {}",
        run.snapshot_ref, run.chain.seq, run.integrity.payload_sha256
    ));
    lines
}

fn compared(diff: &RunDiff) -> Vec<String> {
    let mut lines = vec![format!("a  {}", diff.a), format!("b  {}", diff.b), String::new()];
    for stage in &diff.stages {
        let sign = if stage.differs { '≠' } else { '=' };
        let change = i128::from(stage.b_ms) - i128::from(stage.a_ms);
        lines.push(format!(
            "[{}/5] {sign} {:<17} {:>6} ms -> {:>6} ms ({change:+})",
            stage.n, stage.title, stage.a_ms, stage.b_ms
        ));
        if stage.differs {
            lines.push(format!("        a {}", stage.a));
            lines.push(format!("        b {}", stage.b));
        }
    }
    lines.push(String::new());
    if diff.fields.is_empty() {
        lines.push("no field differs".to_owned());
    }
    for field in &diff.fields {
        lines.push(format!("{:<26} {} -> {}", field.field, field.a, field.b));
    }
    lines
}

fn proved(report: &ChainReport) -> Vec<String> {
    let head = report.head_sha256.as_deref().unwrap_or("-");
    let noun = if report.records == 1 { "record" } else { "records" };
    let counts = format!("{} {noun}, {} of them pruned, head {head}", report.records, report.pruned);
    match &report.broken {
        None => vec![format!("✓ the chain is intact: {counts}")],
        Some(broken) => vec![
            format!("❌ the chain breaks at record {}{}: {}", broken.seq, named(&broken.run_id), broken.what),
            format!("   in {}", broken.file),
            format!("   proved before it: {counts}"),
        ],
    }
}

/// A run's name in brackets, nothing for a run that is not known.
fn named(run_id: &str) -> String {
    if run_id.is_empty() { String::new() } else { format!(" ({run_id})") }
}

pub(super) fn explain_run(
    context: &Context,
    run: &str,
    lang: Option<Language>,
    output: &Output,
) -> Result<u8, Failure> {
    let record = History::new(&context.store).find(run).map_err(not_found)?;
    let korean = match lang {
        Some(Language::Ko) => true,
        Some(Language::En) => false,
        None => context.settings.output.lang == Lang::Ko,
    };
    let language = if korean { crate::pipeline::Language::Korean } else { crate::pipeline::Language::English };
    let lines = explain(&record, language);
    let document =
        Explanation { schema: "DAILY_OPS_EXPLANATION_V1", run_id: record.run_id.as_str(), lines: lines.clone() };
    output.result(&document, || lines);
    Ok(exit::DONE)
}
