//! `daily_ops init`, `config` and `store`.

use std::path::Path;

use anyhow::Context as _;

use super::args::StoreCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::GateMode;
use crate::contracts::actor::Actor;
use crate::contracts::strategy_params::default_params;
use crate::gates::Gates;
use crate::gates::Origin;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::store::Act;
use crate::store::Retention;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::SystemClock;

/// What either machine generates for itself must not be tracked, or every pull would meet changed files and every publish
/// a dirty tree. What the PC publishes is not here.
const IGNORED: &str = "\
# Written by daily_ops for this machine alone; never committed.
/logs/
/metrics/
/evidence/
/data/
/reports/live/
/reports/ops/
/reports/pc/
/reports/backtest/
/reports/tune/
/reports/validation/
/reports/phase_c/snapshots/
/state/locks/
/state/secrets/
/state/ops_token
/state/kill_switch.json
/state/portfolio/
/state/settings/
/state/watchlist/
/state/spike/
/state/holding_watch/
/state/order_plan/
/state/deps/
/state/pc_publish.lock
/state/rollback.json
/daily_ops.toml
/state/execution_gate.json
/state/real_sender_enable.json
/state/emergency_stop.json
/state/tickets/
/state/push/
/state/approvals/
/state/real_enable_windows/
/state/audit/
/state/heartbeat.json
/state/ops_observed.json
/state/ops_runner.lock
/state/real_sender_window_consumed.json
/state/worker.lock
/reports/tickets/
";

/// Provenance hashes text files as they are stored, so git must not convert their line ends on any machine.
const ATTRIBUTES: &str = "\
# Documents are hashed as stored: their line ends are LF everywhere, whatever core.autocrlf says.
*.json text eol=lf
*.jsonl text eol=lf
*.parquet binary
";

const SETTINGS: &str = "\
# Settings of this workspace. `daily_ops config show` lists every key with its value and its origin.

[pipeline]
# branch = \"main\"
# git_policy = \"warn\"

[bundle]
# hmac_key_file = \"state/secrets/bundle_hmac.key\"
";

pub(super) fn init(dir: &Path, role: Role, output: &Output) -> Result<u8, Failure> {
    let store = Store::new(dir);
    let mut made = make(&store)?;
    if role == Role::Pc && make_params(&store, SystemClock::new().now())? {
        made.push(format!("{} (the published defaults: review them)", layout::STRATEGY_PARAMS.latest));
    }
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

/// Which machine a workspace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Either.
    Any,
    /// The research PC, which needs parameters.
    Pc,
}

/// Writes the published default parameters where there are none; says whether it did.
pub(super) fn make_params(store: &Store, now: KstTime) -> Result<bool, Failure> {
    let is_missing = store.read(layout::STRATEGY_PARAMS.latest)?.is_none();
    if is_missing {
        store.write_document(layout::STRATEGY_PARAMS.latest, &default_params(Stamp::of(now)))?;
    }
    Ok(is_missing)
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
    if store.read("daily_ops.toml")?.is_none() {
        store.write("daily_ops.toml", SETTINGS.as_bytes())?;
        made.push("daily_ops.toml".to_owned());
    }
    for (file, lines) in [(".gitignore", IGNORED), (".gitattributes", ATTRIBUTES)] {
        let before = store.read(file)?.unwrap_or_default();
        if let Some(after) = completed(&String::from_utf8_lossy(&before), lines) {
            store.write(file, after.as_bytes())?;
            made.push(if before.is_empty() { file.to_owned() } else { format!("lines of {file}") });
        }
    }
    let gates = Gates::new(store);
    let now = SystemClock::new().now();
    let init = Actor::new("init", crate::contracts::actor::Role::Admin, "cli");
    let switches = gates.switches();
    if switches.gate.origin == Origin::Missing {
        gates.set_gate(GateMode::DryRun, &init, "new workspace", now)?;
        made.push(layout::GATE.to_owned());
    }
    if switches.sender.origin == Origin::Missing {
        gates.set_sender(Sender::Off, &init, "new workspace", now)?;
        made.push(layout::SENDER.to_owned());
    }
    if switches.stop.origin == Origin::Missing {
        gates.set_stop(Stop::Off, &init, "new workspace", now)?;
        made.push(layout::STOP.to_owned());
    }
    Ok(made)
}

/// The text with the lines that it lacks at its end; `None` when it has them all. What a person wrote stays as it is.
fn completed(text: &str, wanted: &str) -> Option<String> {
    let has = |line: &&str| text.lines().any(|own| own.trim_end() == *line);
    let missing: Vec<&str> = wanted.lines().filter(|line| !has(line)).collect();
    if missing.iter().all(|line| line.starts_with('#')) {
        return None;
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Some(format!("{text}{gap}{}\n", missing.join("\n")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_missing_lines_are_added() {
        let cases = [
            ("nothing yet", "", Some("# head\n/a/\n/b/\n")),
            ("complete, in another order", "/b/\n/a/\nown\n", None),
            ("one missing, no newline at the end", "# head\n/a/", Some("# head\n/a/\n/b/\n")),
            ("line ends of the other system", "# head\r\n/a/\r\n/b/\r\n", None),
        ];
        for (name, text, want) in cases {
            assert_eq!(completed(text, "# head\n/a/\n/b/\n").as_deref(), want, "{name}");
        }
    }
}
