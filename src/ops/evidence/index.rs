//! EVIDENCE_INDEX_V1: what there is, newest first, as far as it resolves.
//!
//! The index is bounded: the newest 50 ticket receipts, the newest 20 ops runs, and the one newest document of each other
//! kind. What cannot be read is left out here; whether that matters is for the health check to say.

use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::evidence_index::IndexRow;
use crate::contracts::evidence_index::evidence_id;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::evidence::text;
use crate::ops::guarded;
use crate::ops::resolves;
use crate::ops::turn::Turn;
use crate::store::Published;
use crate::store::Store;
use crate::store::layout;
use crate::time::Stamp;

/// Ticket receipts that are listed.
const RECEIPTS: usize = 50;
/// Ops runs that are listed.
const RUNS: usize = 20;

/// One document of a kind: kind, file, schema, title, the member that says how it ended.
const DOCUMENTS: [(&str, &str, &str, &str, &str); 6] = [
    ("PUSH_SEND", layout::SEND.latest, "PUSH_SEND_RECEIPT_V1", "Push send", "decision"),
    (
        "PUSH_POSTMORTEM",
        layout::POSTMORTEM.latest,
        "LIVE_FIRE_POSTMORTEM_V1",
        "Live fire postmortem",
        "overall_safety_status",
    ),
    ("SECRETS_SELF_TEST", layout::SELF_TEST.latest, "SECRETS_SELF_TEST_V1", "Secrets self-test", "decision"),
    ("PHASE_C_LATEST", layout::RECON_SUMMARY, "RECON_SUMMARY_V1", "Reconciliation summary", "status"),
    ("PHASE_C_LATEST", layout::REPORT_HUMAN, "REPORT_HUMAN_V1", "Report for people", "status"),
    ("PHASE_C_LATEST", layout::REPORT_AI, "REPORT_AI_V1", "Report for models", "status"),
];

/// An index that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexOutcome {
    /// The index.
    pub index: EvidenceIndex,
    /// Where it lies.
    pub published: Published,
}

impl Ops {
    /// Makes the index of evidence anew.
    ///
    /// # Errors
    /// The index cannot be stored, or the program met a defect of its own.
    pub fn regenerate_index(&self) -> Result<IndexOutcome, OpsFault> {
        let turn = self.turn()?;
        guarded(|| self.publish_index(&turn)).map_err(OpsFault::Defect)?
    }

    fn publish_index(&self, turn: &Turn<'_>) -> Result<IndexOutcome, OpsFault> {
        let rows = rows(&self.store);
        let index = EvidenceIndex {
            schema: EvidenceIndex::SCHEMA.to_owned(),
            asof: Some(Stamp::of(turn.now)),
            row_count: rows.len() as u64,
            rows: Some(rows),
        };
        let (index, published) =
            self.store.publish(layout::EVIDENCE_INDEX, turn.now, &|_snapshot_ref| index.clone())?;
        Ok(IndexOutcome { index, published })
    }
}

/// Every row that resolves, newest first; what states no time comes last.
fn rows(store: &Store) -> Vec<IndexRow> {
    let mut rows: Vec<IndexRow> = receipts(store).into_iter().chain(runs(store)).chain(documents(store)).collect();
    rows.retain(|row| resolves(store, &row.reference));
    let at = |row: &IndexRow| row.created_at.as_ref().and_then(Stamp::instant);
    // The sort is stable, and every list comes newest first.
    rows.sort_by_key(|row| std::cmp::Reverse(at(row)));
    rows
}

fn receipts(store: &Store) -> Vec<IndexRow> {
    let lines = store.last_lines(layout::TICKET_RECEIPTS, RECEIPTS).unwrap_or_default();
    let row = |(number, line): (u64, Vec<u8>)| {
        let json = Json::parse(&line).ok().filter(Json::is_object)?;
        let reference = format!("{}:line{number}", layout::TICKET_RECEIPTS);
        let ended = [text(&json, "decision"), text(&json, "result")].into_iter().find(|word| !word.is_empty());
        let kind = text(&json, "request_type");
        let title = format!("Ticket receipt #{number}: {} {}", or_none(kind), or_none(ended.unwrap_or_default()));
        let mut row = new_row("TICKET_RECEIPT", &reference, title, &json);
        row.severity = severity(ended.unwrap_or_default()).to_owned();
        row.tags = [kind, ended.unwrap_or_default(), text(&json, "mode")]
            .into_iter()
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
            .collect();
        row.ticket_line_ref = Some(reference);
        Some(row)
    };
    lines.into_iter().rev().filter_map(row).collect()
}

fn runs(store: &Store) -> Vec<IndexRow> {
    let mut files: Vec<_> = [layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS]
        .into_iter()
        .flat_map(|directory| store.snapshots(directory).unwrap_or_default())
        .filter(|file| file.name.starts_with(layout::OPS_RUN.kind))
        .collect();
    files.sort_by(|a, b| b.stamp.cmp(&a.stamp).then_with(|| b.name.cmp(&a.name)));
    let row = |reference: String| {
        let json = parsed(store, &reference)?;
        let status =
            [text(&json, "overall_status"), text(&json, "status")].into_iter().find(|word| !word.is_empty())?;
        let mut row = new_row("OPS_RUN", &reference, format!("Ops run: {status}"), &json);
        row.severity = severity(status).to_owned();
        row.tags = vec![status.to_owned()];
        Some(row)
    };
    files.into_iter().take(RUNS).filter_map(|file| row(file.reference)).collect()
}

fn documents(store: &Store) -> Vec<IndexRow> {
    let row = |(kind, file, schema, title, member): (&str, &str, &str, &str, &str)| {
        let json = parsed(store, file)?;
        // Older reports state their schema under another name; a document of another schema is not this evidence.
        let stated = text(&json, "schema");
        if !stated.is_empty() && stated != schema {
            return None;
        }
        let ended = text(&json, member);
        let title = if ended.is_empty() { title.to_owned() } else { format!("{title}: {ended}") };
        let mut row = new_row(kind, file, title, &json);
        row.severity = severity(ended).to_owned();
        row.tags = Some(ended.to_owned()).filter(|tag| !tag.is_empty()).into_iter().collect();
        Some(row)
    };
    DOCUMENTS.into_iter().filter_map(row).collect()
}

fn parsed(store: &Store, file: &str) -> Option<Json> {
    Json::parse(&store.read(file).ok()??).ok().filter(Json::is_object)
}

fn new_row(kind: &str, reference: &str, title: String, json: &Json) -> IndexRow {
    let stated = ["asof", "issued_at", "finished_at", "generated_at", "started_at"];
    let created_at = stated.into_iter().find_map(|key| Stamp::from(text(json, key)).instant()).map(Stamp::of);
    IndexRow {
        evidence_id: evidence_id(reference),
        created_at,
        title,
        kind: kind.to_owned(),
        severity: "INFO".to_owned(),
        reference: reference.to_owned(),
        tags: Vec::new(),
        ticket_line_ref: None,
    }
}

/// How much attention an end deserves. A guard that said no warns; what broke is an error.
fn severity(ended: &str) -> &'static str {
    match ended {
        "FAILED" | "UNSAFE" | "error" => "ERROR",
        "BLOCKED" | "STOPPED" | "DONE_WITH_SKIPS" | "SELF_TEST_FAIL" => "WARN",
        _ => "INFO",
    }
}

fn or_none(word: &str) -> &str {
    if word.is_empty() { "-" } else { word }
}
