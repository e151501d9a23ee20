//! `daily_ops check`: a look without acting, or one thing done and verified.

use serde::Serialize;

use super::args::CheckArgs;
use super::args::CheckCommand;
use super::args::HeartbeatArgs;
use super::context::Context;
use super::dashboard;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::StageClass;
use crate::gates::Gates;
use crate::pipeline::Backend;
use crate::pipeline::CheckMode;
use crate::pipeline::CheckOutcome;
use crate::pipeline::Control;
use crate::pipeline::Finding;
use crate::pipeline::HeartbeatSource;
use crate::pipeline::Limits;
use crate::pipeline::SilenceCheck;
use crate::pipeline::check_heartbeat;
use crate::pipeline::check_live_cycle;
use crate::pipeline::check_ops_cycle;
use crate::pipeline::check_ops_summary;
use crate::pipeline::preflight;
use crate::store::Acquired;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::layout;
use crate::time::Clock as _;

#[derive(Serialize)]
struct CheckReport<'a> {
    schema: &'static str,
    check: &'static str,
    exit_code: u8,
    lines: &'a [String],
    remarks: &'a [String],
}

#[derive(Serialize)]
struct PreflightReport<'a> {
    schema: &'static str,
    exit_code: u8,
    findings: &'a [Finding],
}

pub(super) fn check(context: &mut Context, what: Option<CheckCommand>, output: &Output) -> Result<u8, Failure> {
    if let Some(CheckCommand::Heartbeat(HeartbeatArgs { max_age, .. })) = &what {
        context.apply(&[("heartbeat.max_age", max_age.clone())])?;
    }
    if let Some(CheckCommand::Dashboard(args)) = &what {
        return dashboard::check(context, args, output);
    }
    context.heed_signals()?;
    let context = &*context;
    if let Some(CheckCommand::Heartbeat(args)) = &what {
        return heartbeat(context, args, output);
    }
    let rules = || context.settings.bundle_policy().map_err(|faults| faults.to_string());
    let site = context.site(&context.settings.api_url, &rules);
    let Some(what) = what else {
        let mut findings = preflight(&site, &context.settings.pipeline);
        findings.extend(context.settings.warnings.iter().map(|text| Finding {
            name: "settings",
            class: StageClass::Warn,
            text: text.clone(),
        }));
        return Ok(say_preflight(&findings, output));
    };
    let control = Control::new(
        std::sync::Arc::clone(&context.interrupted),
        context.clock.as_ref(),
        context.settings.pipeline.run_limit,
    );
    let mode = |args: &CheckArgs| if args.no_run { CheckMode::NoRun } else { CheckMode::Run };
    let clock = context.clock.as_ref();
    // A check that runs a cycle is a run as far as others are concerned.
    let acts = match &what {
        CheckCommand::LiveCycle(args) => !args.no_run,
        CheckCommand::OpsSummary(_) | CheckCommand::Heartbeat(_) | CheckCommand::Dashboard(_) => false,
        CheckCommand::OpsCycle => true,
    };
    let _held = if acts { Some(take_lock(context)?) } else { None };
    let (name, outcome) = match &what {
        CheckCommand::LiveCycle(args) => {
            let gates = Gates::new(&context.store);
            ("live-cycle", check_live_cycle(&site.backend, &control, clock, &gates, mode(args)))
        }
        CheckCommand::OpsSummary(args) => {
            ("ops-summary", check_ops_summary(&site.backend, &control, clock, mode(args)))
        }
        CheckCommand::OpsCycle | CheckCommand::Heartbeat(_) | CheckCommand::Dashboard(_) => {
            ("ops-cycle", check_ops_cycle(&site.backend, &control, clock))
        }
    };
    Ok(say(name, &outcome, output))
}

fn heartbeat(context: &Context, args: &HeartbeatArgs, output: &Output) -> Result<u8, Failure> {
    let settings = &context.settings;
    let source = match (&args.file, &args.url) {
        (Some(file), _) => HeartbeatSource::File(file.clone()),
        (None, Some(url)) => {
            let url = url.trim_end_matches('/');
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(Failure::Usage("--url is no http or https address".to_owned()));
            }
            HeartbeatSource::Backend(Box::new(Backend::new(url, Limits::from(&settings.pipeline))))
        }
        (None, None) => HeartbeatSource::File(context.store.path(layout::HEARTBEAT)),
    };
    let check = SilenceCheck {
        store: &context.store,
        clock: context.clock.as_ref(),
        source,
        max_age: settings.heartbeat.max_age,
        lang: settings.output.lang,
        notify: args.notify.then(|| context.messenger()),
    };
    let control =
        Control::new(std::sync::Arc::clone(&context.interrupted), context.clock.as_ref(), settings.pipeline.run_limit);
    let alarm = check_heartbeat(&check, &control);
    let mut remarks = alarm.alert;
    remarks.extend(alarm.notified.map(|text| format!("alert: {text}")));
    let outcome = CheckOutcome { exit_code: alarm.exit_code, lines: vec![alarm.line], remarks };
    Ok(say("heartbeat", &outcome, output))
}

fn take_lock(context: &Context) -> Result<Acquired, Failure> {
    let limit = context.settings.pipeline.run_limit;
    let holder = Holder::this_process("check", context.clock.now(), limit);
    match context.store.try_lock(layout::RUN_LOCK, &holder)? {
        LockOutcome::Acquired(acquired) => Ok(acquired),
        LockOutcome::Held(other) => {
            Err(Failure::Blocked(format!("ALREADY_RUNNING: pid {} runs {}", other.pid, other.run_id)))
        }
    }
}

fn say(check: &'static str, outcome: &CheckOutcome, output: &Output) -> u8 {
    let document = CheckReport {
        schema: "DAILY_OPS_CHECK_V1",
        check,
        exit_code: outcome.exit_code,
        lines: &outcome.lines,
        remarks: &outcome.remarks,
    };
    for remark in &outcome.remarks {
        output.remark(remark);
    }
    output.result(&document, || outcome.lines.clone());
    outcome.exit_code
}

fn say_preflight(findings: &[Finding], output: &Output) -> u8 {
    let any = |class: StageClass| findings.iter().any(|finding| finding.class == class);
    let exit_code = match (any(StageClass::Fail), any(StageClass::Block)) {
        (true, _) => exit::FAULT,
        (_, true) => exit::BLOCKED,
        _ => exit::DONE,
    };
    let document = PreflightReport { schema: "DAILY_OPS_PREFLIGHT_V1", exit_code, findings };
    output.result(&document, || {
        let mark = |class: StageClass| match class {
            StageClass::Ok => "✓",
            StageClass::Warn => "⚠️",
            StageClass::Block | StageClass::Fail => "❌",
            StageClass::Skipped => "–",
        };
        findings.iter().map(|found| format!("{} {:<15} {}", mark(found.class), found.name, found.text)).collect()
    });
    exit_code
}
