//! `daily_ops schedule`: prints the schedule, or installs it once.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context as _;

use super::args::ScheduleArgs;
use super::args::ScheduleCommand;
use super::args::Scheduler;
use super::context::Context;
use super::context::host_zone_name;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use super::schedule;
use super::schedule::Install;
use super::schedule::Unit;
use crate::settings::QuoteVendor;
use crate::store::Store;
use crate::time::Clock as _;
use crate::time::host_zone;

pub(super) fn schedule(context: &Context, what: ScheduleCommand, output: &Output) -> Result<u8, Failure> {
    let (args, install) = match &what {
        ScheduleCommand::Print(args) => (args, false),
        ScheduleCommand::Install(args) => (args, true),
    };
    let target = target(context, args)?;
    match (args.system, install) {
        (Scheduler::Cron, false) => {
            let text = cron_entry(context, args, &target)?;
            output.result(&serde_json::json!({"schema": "SCHEDULE_CRON_V1", "crontab": text}), || {
                vec![text.trim_end().to_owned()]
            });
        }
        (Scheduler::Systemd, false) => {
            let units = units(context, &target);
            let rows: Vec<_> = units.iter().map(|u| serde_json::json!({"name": u.name, "text": u.text})).collect();
            output.result(&serde_json::json!({"schema": "SCHEDULE_SYSTEMD_V1", "units": rows}), || {
                units.iter().map(|unit| format!("# ---- {} ----\n{}", unit.name, unit.text)).collect()
            });
        }
        (Scheduler::Cron, true) => install_cron(context, args, &target, output)?,
        (Scheduler::Systemd, true) => install_systemd(context, &args.unit_dir, &target, output)?,
    }
    Ok(exit::DONE)
}

fn target(context: &Context, args: &ScheduleArgs) -> Result<Install, Failure> {
    let root = context.store.root().canonicalize().context("the workspace cannot be found")?;
    let binary = match &args.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe().context("this program's own path is not known; use --binary")?,
    };
    let user = args.user.clone().unwrap_or_else(|| context.user());
    Install::new(&root, &binary, &user).map_err(|fault| Failure::Usage(fault.to_string()))
}

fn cron_entry(context: &Context, args: &ScheduleArgs, install: &Install) -> Result<String, Failure> {
    let name = args.zone.clone().unwrap_or_else(host_zone_name);
    let zone = host_zone(&name, context.clock.now());
    // An unknown name counts as UTC, which is right for a host that does not know better and wrong for a mistyped flag.
    if args.zone.is_some() && zone.name != name {
        return Err(Failure::Usage(format!("--zone {name:?} is no time zone; use a name such as UTC or Asia/Seoul")));
    }
    let lines = [schedule::cron_line, schedule::cron_cycle_line, schedule::cron_prune_line];
    let watch = if watches(context) { schedule::cron_watch_lines(&zone, install) } else { String::new() };
    Ok(format!("{}{watch}", lines.map(|line| with_end(line(&zone, install))).concat()))
}

/// Without a vendor of prices a watcher could only say that it has none.
fn watches(context: &Context) -> bool {
    context.settings.watch.quotes != QuoteVendor::None
}

fn units(context: &Context, install: &Install) -> Vec<Unit> {
    let mut units = schedule::systemd_units(install);
    if watches(context) {
        units.extend(schedule::systemd_watch_units(install));
    }
    units
}

fn with_end(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

fn install_cron(context: &Context, args: &ScheduleArgs, install: &Install, output: &Output) -> Result<(), Failure> {
    make_logs(context)?;
    let listed = Command::new("crontab").arg("-l").output().context("the program crontab cannot be started")?;
    // Without a crontab, `crontab -l` fails too; with any other cause what others have in it would be lost.
    let said = String::from_utf8_lossy(&listed.stderr);
    if !listed.status.success() && !said.to_lowercase().contains("no crontab") {
        let why = said.trim();
        return Err(Failure::Fault(anyhow::anyhow!("crontab -l failed, nothing was installed: {why}")));
    }
    let old = String::from_utf8(listed.stdout).context("the crontab is not UTF-8")?;
    for concern in schedule::crontab_concerns(&old).into_iter().chain(schedule::crontab_foreign(&old, install)) {
        output.remark(&format!("⚠️ {concern}"));
    }
    let Some(new) = schedule::merged_crontab(&old, &cron_entry(context, args, install)?) else {
        output.result(&serde_json::json!({"schema": "SCHEDULE_INSTALL_V1", "changed": false}), || {
            vec!["the crontab holds this schedule already; nothing changed".to_owned()]
        });
        return Ok(());
    };
    let mut child = Command::new("crontab")
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .context("the program crontab cannot be started")?;
    if let Some(stdin) = child.stdin.as_mut() {
        stdin.write_all(new.as_bytes()).context("the crontab cannot be handed over")?;
    }
    let status = child.wait().context("crontab did not end")?;
    if !status.success() {
        return Err(anyhow::anyhow!("crontab refused the new table ({status}); the old one is unchanged").into());
    }
    output.result(&serde_json::json!({"schema": "SCHEDULE_INSTALL_V1", "changed": true}), || {
        vec!["installed; `crontab -l` shows it".to_owned()]
    });
    Ok(())
}

fn install_systemd(context: &Context, directory: &Path, install: &Install, output: &Output) -> Result<(), Failure> {
    make_logs(context)?;
    let store = Store::new(directory);
    let mut changed: Vec<PathBuf> = Vec::new();
    for unit in units(context, install) {
        if store.read(unit.name)?.as_deref() != Some(unit.text.as_bytes()) {
            let written = store.write(unit.name, unit.text.as_bytes());
            written.with_context(|| format!("{} cannot be written, are you root?", directory.display()))?;
            changed.push(directory.join(unit.name));
        }
    }
    let document =
        serde_json::json!({"schema": "SCHEDULE_INSTALL_V1", "changed": !changed.is_empty(), "files": changed});
    output.result(&document, || {
        let mut lines: Vec<String> = changed.iter().map(|path| format!("wrote {}", path.display())).collect();
        if lines.is_empty() {
            lines.push("the units are installed already; nothing changed".to_owned());
        } else {
            lines.push("now: systemctl daemon-reload".to_owned());
            let watch = if watches(context) { " daily-ops-watch.timer" } else { "" };
            lines.push(format!(
                "then: systemctl enable --now daily-ops-backend.service daily-ops.timer daily-ops-cycle.timer \
                 daily-ops-prune.timer{watch}"
            ));
        }
        lines
    });
    Ok(())
}

/// A redirect or `append:` into a missing directory would lose the first run.
fn make_logs(context: &Context) -> Result<(), Failure> {
    std::fs::create_dir_all(context.store.path(crate::store::layout::LOGS)).context("logs/ cannot be made")?;
    Ok(())
}
