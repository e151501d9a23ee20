//! `daily_ops init`, `config` and `store`.

use std::path::Path;

use anyhow::Context as _;

use super::args::StoreCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::GateMode;
use crate::gates::Gates;
use crate::gates::Origin;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::store::Act;
use crate::store::Retention;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// What a host generates must not be tracked, or every pull would meet changed files.
const IGNORED: &str = "\
# Written by daily_ops on the host; never committed there.
/logs/
/metrics/
/evidence/
/data/
/reports/live/
/reports/ops/
/state/locks/
/state/secrets/
/state/rollback.json
/daily_ops.toml
/state/execution_gate.json
/state/real_sender_enable.json
/state/emergency_stop.json
/state/tickets/
/state/push/
/state/approvals/
/state/real_enable_windows/
";

const SETTINGS: &str = "\
# Settings of this workspace. `daily_ops config show` lists every key with its value and its origin.

[pipeline]
# branch = \"main\"
# git_policy = \"warn\"

[bundle]
# hmac_key_file = \"state/secrets/bundle_hmac.key\"
";

pub(super) fn init(dir: &Path, output: &Output) -> Result<u8, Failure> {
    let store = Store::new(dir);
    let made = make(&store)?;
    output.result(&serde_json::json!({"schema": "DAILY_OPS_INIT_V1", "made": made}), || {
        if made.is_empty() {
            return vec!["the workspace is complete already; nothing changed".to_owned()];
        }
        let mut lines: Vec<String> = made.iter().map(|file| format!("made {file}")).collect();
        lines.push(format!("next: daily_ops --root {} check", dir.display()));
        lines
    });
    Ok(exit::DONE)
}

/// Makes what is missing of a workspace and leaves alone what is there.
pub(super) fn make(store: &Store) -> Result<Vec<String>, Failure> {
    let mut made = Vec::new();
    for directory in [
        layout::LOGS,
        "contracts",
        "reports/phase_c/latest",
        "reports/ops/summary/snapshots",
        "reports/live/cycle/latest",
        "state/strategy_bundle/latest",
        "state/strategy_bundle/snapshots",
        "state/locks",
    ] {
        if !store.path(directory).exists() {
            let path = store.path(directory);
            std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
            made.push(format!("{directory}/"));
        }
    }
    for (file, text) in [(".gitignore", IGNORED), ("daily_ops.toml", SETTINGS)] {
        if store.read(file)?.is_none() {
            store.write(file, text.as_bytes())?;
            made.push(file.to_owned());
        }
    }
    let gates = Gates::new(store);
    let now = SystemClock::new().now();
    let switches = gates.switches();
    if switches.gate.origin == Origin::Missing {
        gates.set_gate(GateMode::DryRun, "init", "new workspace", now)?;
        made.push(layout::GATE.to_owned());
    }
    if switches.sender.origin == Origin::Missing {
        gates.set_sender(Sender::Off, "init", "new workspace", now)?;
        made.push(layout::SENDER.to_owned());
    }
    if switches.stop.origin == Origin::Missing {
        gates.set_stop(Stop::Off, "init", "new workspace", now)?;
        made.push(layout::STOP.to_owned());
    }
    Ok(made)
}

pub(super) fn config(context: &Context, output: &Output) -> Result<u8, Failure> {
    let rows = context.settings.rows();
    let document: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "key": row.key, "env": row.env, "value": row.value,
                "origin": row.origin.to_string(), "help": row.help,
            })
        })
        .collect();
    for warning in &context.settings.warnings {
        output.remark(&format!("⚠️ {warning}"));
    }
    output.result(&serde_json::json!({"schema": "DAILY_OPS_CONFIG_V1", "settings": document}), || {
        let wide = |pick: &dyn Fn(&crate::settings::SettingRow) -> usize| rows.iter().map(pick).max().unwrap_or(0);
        let key = wide(&|row| row.key.len());
        let value = wide(&|row| row.value.chars().count()).min(40);
        rows.iter()
            .map(|row| {
                let shown = if row.value.is_empty() { "(none)" } else { row.value.as_str() };
                format!("{:<key$}  {shown:<value$}  {:<18} {}", row.key, row.origin.to_string(), row.env)
            })
            .collect()
    });
    Ok(exit::DONE)
}

pub(super) fn store(context: &Context, what: StoreCommand, output: &Output) -> Result<u8, Failure> {
    match what {
        StoreCommand::Usage => {
            let rows = context.store.usage()?;
            output.result(&serde_json::json!({"schema": "DAILY_OPS_USAGE_V1", "rows": rows}), || {
                if rows.is_empty() {
                    return vec!["nothing is stored yet; `daily_ops init` makes a workspace".to_owned()];
                }
                rows.iter().map(|row| format!("{:>12} bytes {:>7} files  {}", row.bytes, row.files, row.path)).collect()
            });
        }
        StoreCommand::Prune { dry_run } => {
            let keep = Retention {
                snapshots: context.settings.retention.snapshots,
                log_lines: context.settings.retention.log_lines,
            };
            let act = if dry_run { Act::DryRun } else { Act::Now };
            let report = context.store.prune(keep, act)?;
            if !dry_run {
                context.store.sweep_temporaries()?;
            }
            output.result(
                &serde_json::json!({"schema": "DAILY_OPS_PRUNE_V1", "dry_run": dry_run, "report": report}),
                || {
                    let verb = if dry_run { "would delete" } else { "deleted" };
                    let mut lines: Vec<String> = report.removed.iter().map(|file| format!("{verb} {file}")).collect();
                    lines.extend(report.cut_logs.iter().map(|(log, cut)| format!("{log}: the oldest {cut} lines")));
                    lines.extend(report.skipped.iter().map(|log| format!("{log}: skipped, a run is writing it")));
                    lines.push(format!(
                        "{verb} {} snapshots, {} kept because they are named; {} bytes",
                        report.removed.len(),
                        report.kept_referenced.len(),
                        report.freed_bytes
                    ));
                    lines
                },
            );
        }
    }
    Ok(exit::DONE)
}
