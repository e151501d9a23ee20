//! Judging bundles with the validator and the settings that a host of this workspace would use.

use anyhow::Context as _;
use serde_json::json;

use super::VerifyArgs;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::BundlePolicy;
use crate::contracts::Validation;
use crate::contracts::bundle::validate;
use crate::store::SnapshotFile;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;

/// Most snapshots of a list.
const LISTED: usize = 20;

pub(super) fn verify(args: &VerifyArgs, global: &Global, output: &Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    let now = match &args.at {
        None => context.clock.now(),
        Some(text) => Stamp::from(text.as_str())
            .instant()
            .ok_or_else(|| Failure::Usage(format!("--at {text:?} is no time, as in 2026-11-23T09:05:00+09:00")))?,
    };
    let (shown, bytes) = match &args.file {
        None => (layout::BUNDLE.latest.to_owned(), context.store.read(layout::BUNDLE.latest)?),
        Some(file) => {
            let shown = file.to_string_lossy().into_owned();
            match std::fs::read(file) {
                Ok(bytes) => (shown, Some(bytes)),
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => (shown, None),
                Err(fault) => return Err(fault).with_context(|| format!("cannot read {shown}")).map_err(Failure::from),
            }
        }
    };
    let found = validate(bytes.as_deref(), &policy(&context)?, now);
    tell(&shown, &found, now, output);
    Ok(if found.is_usable() { exit::DONE } else { exit::BLOCKED })
}

fn policy(context: &Context) -> Result<BundlePolicy, Failure> {
    context.settings.bundle_policy().map_err(|faults| Failure::Usage(faults.to_string()))
}

fn tell(file: &str, found: &Validation, now: KstTime, output: &Output) {
    let document = json!({
        "schema": "PC_BUNDLE_VERIFY_V1",
        "file": file,
        "at": Stamp::of(now),
        "usable": found.is_usable(),
        "validation": found,
    });
    output.result(&document, || {
        let fresh = if found.stale { "stale" } else { "fresh" };
        let mut lines = vec![format!("{} {fresh}  {file}", found.decision.as_str())];
        let mut fact = |name: &str, value: Option<String>| {
            lines.extend(value.map(|value| format!("{name:<10}  {value}")));
        };
        fact("bundle_id", found.bundle_id.clone());
        fact("created_at", found.created_at.as_ref().map(ToString::to_string));
        fact("age", found.age_seconds.map(|age| format!("{age} s at {}", Stamp::of(now))));
        let strategy = found.strategy_name.as_ref().zip(found.strategy_version.as_ref());
        fact("strategy", strategy.map(|(name, version)| format!("{name} {version}")));
        let proof = if found.signature_verified { "verified" } else { "not verified" };
        fact("signature", Some(proof.to_owned()));
        fact("stale", found.stale_reason.clone());
        lines.extend(found.issues.iter().map(|issue| format!("❌ {issue}")));
        lines.extend(found.warnings.iter().map(|warning| format!("⚠️ {warning}")));
        lines
    });
}

pub(super) fn list(global: &Global, output: &Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    let (policy, now) = (policy(&context)?, context.clock.now());
    let latest = context.store.read(layout::BUNDLE.latest)?;
    let mut rows = Vec::new();
    let snapshots = context.store.snapshots(layout::BUNDLE.snapshots)?;
    let all = snapshots.len();
    for snapshot in snapshots.into_iter().take(LISTED) {
        let bytes = context.store.read(&snapshot.reference)?;
        let is_latest = bytes.is_some() && bytes == latest;
        rows.push((validate(bytes.as_deref(), &policy, now), is_latest, snapshot));
    }
    let documents: Vec<_> = rows.iter().map(document).collect();
    let document = json!({"schema": "PC_BUNDLE_LIST_V1", "snapshots": all, "rows": documents});
    output.result(&document, || {
        if rows.is_empty() {
            return vec!["no bundle is kept yet; `daily_ops pc bundle` makes one".to_owned()];
        }
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        if all > rows.len() {
            lines.push(format!("and {} older ones", all - rows.len()));
        }
        lines
    });
    Ok(exit::DONE)
}

type Row = (Validation, bool, SnapshotFile);

fn document((found, is_latest, snapshot): &Row) -> serde_json::Value {
    json!({
        "file": snapshot.reference,
        "size_bytes": snapshot.size_bytes,
        "is_latest": is_latest,
        "bundle_id": found.bundle_id,
        "created_at": found.created_at,
        "decision": found.decision,
        "stale": found.stale,
        "signature_verified": found.signature_verified,
        "issues": found.issues,
    })
}

fn line((found, is_latest, snapshot): &Row) -> String {
    let mark = if *is_latest { '*' } else { ' ' };
    let fresh = if found.stale { "stale" } else { "fresh" };
    let id = found.bundle_id.as_deref().unwrap_or("-");
    let issue = found.issues.first().map(|issue| format!("  {issue}")).unwrap_or_default();
    format!("{mark} {:<40} {:<5} {fresh}  {id}{issue}", snapshot.name, found.decision.as_str())
}
