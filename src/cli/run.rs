//! `daily_ops run`: against the configured backend, or with one of its own inside the process.

use serde::Serialize;

use super::args::RunArgs;
use super::args::TriggerArg;
use super::context::Context;
use super::exit::Failure;
use super::output::Output;
use super::serve::Embedded;
use crate::contracts::run::RunRecord;
use crate::contracts::run::Trigger;
use crate::pipeline::EventsTo;
use crate::pipeline::Mode;
use crate::pipeline::Pull;
use crate::pipeline::RunOptions;
use crate::pipeline::RunOutcome;
use crate::pipeline::run_daily;

/// The result of a run as a document.
#[derive(Serialize)]
struct RunReport<'a> {
    schema: &'static str,
    result: &'static str,
    code: String,
    exit_code: u8,
    message: Option<&'a str>,
    summary_line: Option<String>,
    record: Option<&'a RunRecord>,
}

pub(super) fn run(context: &mut Context, args: &RunArgs, output: &mut Output) -> Result<u8, Failure> {
    context.apply(&[("api_url", args.api_url.clone())])?;
    for warning in &context.settings.warnings {
        output.story(&format!("⚠️ {warning}"));
    }
    context.heed_signals()?;
    let embedded = if args.embedded { Some(Embedded::start(context)?) } else { None };
    let url = embedded.as_ref().map_or_else(|| context.settings.api_url.clone(), Embedded::url);
    // A backend inside this process ends with it; its bus is nobody's.
    let events = embedded.as_ref().map_or_else(|| context.events_to(&url), Embedded::events);
    let outcome = run_at(context, (&url, events), options(context, args), output);
    if let Some(embedded) = embedded {
        embedded.stop();
    }
    report(&outcome, output);
    Ok(outcome.exit_code)
}

/// Does a run against the backend at an address. Its events go where they are to go, if the settings want any.
pub(super) fn run_at(
    context: &Context,
    (url, events): (&str, EventsTo),
    options: RunOptions,
    output: &mut Output,
) -> RunOutcome {
    let rules = || context.settings.bundle_policy().map_err(|faults| faults.to_string());
    let mut site = context.site(url, &rules);
    if context.settings.pipeline.publish_events {
        site.events = events;
    }
    run_daily(&site, &context.settings.pipeline, options, output)
}

fn options(context: &Context, args: &RunArgs) -> RunOptions {
    let trigger = match args.trigger {
        Some(TriggerArg::Cron) => Some(Trigger::Cron),
        Some(TriggerArg::Manual) => Some(Trigger::Manual),
        Some(TriggerArg::Test) => Some(Trigger::Test),
        None => context.settings.pipeline.trigger,
    };
    let skip = args.no_git_pull || context.settings.pipeline.no_git_pull;
    RunOptions {
        trigger: trigger.unwrap_or(Trigger::Manual),
        pull: if skip { Pull::No } else { Pull::Yes },
        mode: if args.dry_run { Mode::DryRun } else { Mode::Act },
    }
}

/// Prints how a run ended.
pub(super) fn report(outcome: &RunOutcome, output: &Output) {
    let refusal = outcome.refusal.as_ref();
    if let Some(refusal) = refusal {
        output.remark(&format!("❌ {}: {}", refusal.code, refusal.text));
    }
    let record = outcome.record.as_ref();
    let code = refusal.map(|r| r.code.as_str().to_owned());
    let code = code.or_else(|| record?.reason.as_ref().map(ToString::to_string)).unwrap_or_default();
    let document = RunReport {
        schema: "DAILY_OPS_RUN_RESULT_V1",
        result: match outcome.exit_code {
            0 => "DONE",
            2 => "BLOCKED",
            _ => "FAULT",
        },
        code,
        exit_code: outcome.exit_code,
        message: refusal.map(|r| r.text.as_str()).or(outcome.unsealed.as_deref()),
        summary_line: outcome.result_lines().pop(),
        record,
    };
    output.result(&document, || outcome.result_lines());
}
