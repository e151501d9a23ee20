//! `daily_ops audit`: the newest changes, and the proof that none was altered.

use serde::Serialize;
use serde_json::json;

use super::args::AuditCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::gates::AuditEntry;
use crate::gates::AuditProof;
use crate::gates::Gates;
use crate::store::layout;

#[derive(Serialize)]
struct ProofReport<'a> {
    schema: &'static str,
    path: &'static str,
    is_good: bool,
    #[serde(flatten)]
    proof: &'a AuditProof,
}

pub(super) fn audit(context: &Context, what: AuditCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    match what {
        AuditCommand::Show { count } => {
            let entries = gates.newest_audit_entries(count)?;
            show(&entries, output);
            Ok(exit::DONE)
        }
        AuditCommand::Verify { expect } => {
            let proof = gates.verify_audit(expect.as_deref())?;
            let is_good = proof.is_good();
            let report =
                ProofReport { schema: "DAILY_OPS_AUDIT_PROOF_V1", path: layout::AUDIT, is_good, proof: &proof };
            output.result(&report, || told(&proof));
            Ok(if is_good { exit::DONE } else { exit::FAULT })
        }
    }
}

fn show(entries: &[AuditEntry], output: &Output) {
    let document = json!({
        "schema": "DAILY_OPS_AUDIT_V1", "path": layout::AUDIT, "row_count": entries.len(), "rows": entries,
    });
    output.result(&document, || match entries {
        [] => vec!["no change was recorded".to_owned()],
        entries => entries.iter().map(line).collect(),
    });
}

fn line(entry: &AuditEntry) -> String {
    let outcome = entry.of_seq.map(|seq| format!("  FAILED, see {seq}")).unwrap_or_default();
    let reason = if entry.reason.is_empty() { String::new() } else { format!("  {:?}", entry.reason) };
    format!(
        "{:>6}  {}  {:<20} {}  {} ({}, {}){reason}{outcome}",
        entry.seq,
        entry.at.as_str(),
        entry.action,
        entry.target,
        entry.actor,
        entry.role.as_str(),
        entry.from
    )
}

fn told(proof: &AuditProof) -> Vec<String> {
    let mut lines = match (&proof.broken, proof.entries) {
        (Some(broken), good) => {
            let seq = broken.seq.map(|seq| format!(" (seq {seq})")).unwrap_or_default();
            vec![format!("BROKEN at line {}{seq}: {}; {good} entries before it are good", broken.line, broken.what)]
        }
        (None, 0) if !proof.is_there => vec!["there is no audit trail: nothing was proved".to_owned()],
        (None, 0) => vec!["the audit trail is empty: nothing was proved".to_owned()],
        (None, good) => vec![format!("good: {good} entries, every link holds")],
    };
    if proof.torn_lines > 0 {
        lines.push(format!("{} half lines of killed writers were passed over", proof.torn_lines));
    }
    lines.extend(proof.head_fault.iter().map(|why| format!("BROKEN at the end: {why}")));
    match proof.has_expected {
        Some(true) => lines.push("the expected entry is in the chain".to_owned()),
        Some(false) => lines.push("BROKEN: the expected entry is not in the chain; entries were cut off".to_owned()),
        None => {}
    }
    lines.extend(proof.head_sha256.iter().map(|head| format!("head {head}")));
    lines
}
