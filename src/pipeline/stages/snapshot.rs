//! Stage 5: the receipt's snapshot can be read back through the resolver and belongs to this cycle.

use serde_json::Value;

use crate::contracts::EvidenceRef;
use crate::contracts::RunCode;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::unwrap;
use crate::pipeline::client::Answer;
use crate::pipeline::client::CallFault;

use super::Judged;

/// What the log shows for the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Shown {
    /// Resolved and right.
    Ok,
    /// There was no ref.
    NotAvailable,
    /// It was not, or could not be, resolved.
    Skip,
}

impl Shown {
    pub(in crate::pipeline) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NotAvailable => "N/A",
            Self::Skip => "SKIP",
        }
    }
}

/// The ref to resolve, or why there is none.
pub(in crate::pipeline) fn reference(receipt: &CycleReceipt) -> Result<&str, (Judged, Shown)> {
    let text = receipt.snapshot_ref.as_deref().unwrap_or_default();
    if text.is_empty() {
        let judged = Judged::fail(RunCode::SnapshotRefMissing, "the receipt's snapshot_ref is null, empty or missing");
        return Err((judged, Shown::NotAvailable));
    }
    match EvidenceRef::parse(text) {
        Ok(_) => Ok(text),
        Err(fault) => Err((Judged::fail(RunCode::SnapshotRefInvalid, fault.to_string()), Shown::Skip)),
    }
}

/// Judges the resolver's answer.
pub(in crate::pipeline) fn judge(
    answer: &Result<Answer, CallFault>,
    reference: &str,
    cycle_id: Option<&str>,
) -> (Judged, Shown) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return (Judged::no_answer(RunCode::SnapshotUnresolved, fault, ""), Shown::Skip),
    };
    let unresolved = || {
        let text = format!("{reference}: {}", answer.excerpt());
        (Judged::fail(RunCode::SnapshotUnresolved, text).with_status(answer.status), Shown::Skip)
    };
    let ready = |reply: &&Value| reply.get("status").and_then(Value::as_str) == Some("ready");
    let row = answer.json().filter(ready).and_then(|reply| unwrap(reply, "EVIDENCE_VIEW_V1"));
    let Some(row) = row.filter(|_| answer.status == 200) else { return unresolved() };
    let kind = row.get("source").and_then(|source| source.get("kind")).and_then(Value::as_str);
    let Some(data) = row.get("data").and_then(Value::as_object).filter(|_| kind == Some("JSON")) else {
        return unresolved();
    };
    let found = data.get("cycle_id").and_then(Value::as_str);
    if found.is_none() || found != cycle_id {
        let text =
            format!("{reference} belongs to {}, this cycle is {}", found.unwrap_or("none"), cycle_id.unwrap_or("none"));
        return (Judged::fail(RunCode::SnapshotMismatch, text).with_status(200), Shown::Skip);
    }
    (Judged::ok(RunCode::SnapshotOk, reference).with_status(200), Shown::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::StageClass;
    use crate::pipeline::client::Body;
    use serde_json::json;

    const REF: &str = "reports/live/cycle/snapshots/live_cycle_20261121_015408.json";

    #[test]
    fn the_ref_of_the_receipt_is_checked_before_it_is_asked_for() {
        let cases = [
            (Some(REF), None),
            (None, Some(("SNAPSHOT_REF_MISSING", "N/A"))),
            (Some(""), Some(("SNAPSHOT_REF_MISSING", "N/A"))),
            (Some("reports\\live\\cycle\\snapshots\\x.json"), Some(("SNAPSHOT_REF_INVALID", "SKIP"))),
            (Some("../etc/passwd"), Some(("SNAPSHOT_REF_INVALID", "SKIP"))),
            (Some("state/other.json"), Some(("SNAPSHOT_REF_INVALID", "SKIP"))),
        ];
        for (text, want) in cases {
            let receipt = CycleReceipt { snapshot_ref: text.map(str::to_owned), ..CycleReceipt::default() };
            let got = reference(&receipt).err().map(|(judged, shown)| (judged.code.to_string(), shown.as_str()));
            assert_eq!(got, want.map(|(code, shown)| (code.to_owned(), shown)), "{text:?}");
        }
    }

    #[test]
    fn only_the_snapshot_of_this_cycle_will_do() {
        let reply = |status: &str, rows: Value| json!({"status": status, "rows": rows, "error": null});
        let row = |kind: &str, data: Value| json!([{"ref": REF, "data": data, "source": {"kind": kind}}]);
        let mine = json!({"cycle_id": "c"});
        let cases = [
            ("resolved", 200, Body::Json(reply("ready", row("JSON", mine.clone()))), "SNAPSHOT_OK", "OK"),
            (
                "another cycle",
                200,
                Body::Json(reply("ready", row("JSON", json!({"cycle_id": "d"})))),
                "SNAPSHOT_MISMATCH",
                "SKIP",
            ),
            ("no cycle", 200, Body::Json(reply("ready", row("JSON", json!({})))), "SNAPSHOT_MISMATCH", "SKIP"),
            ("parse error with 200", 200, Body::Json(reply("error", json!([]))), "SNAPSHOT_UNRESOLVED", "SKIP"),
            (
                "error with a row",
                200,
                Body::Json(reply("error", row("JSON", mine.clone()))),
                "SNAPSHOT_UNRESOLVED",
                "SKIP",
            ),
            ("no row", 200, Body::Json(reply("ready", json!([]))), "SNAPSHOT_UNRESOLVED", "SKIP"),
            ("a line", 200, Body::Json(reply("ready", row("JSONL_LINE", mine.clone()))), "SNAPSHOT_UNRESOLVED", "SKIP"),
            (
                "data of another type",
                200,
                Body::Json(reply("ready", row("JSON", json!("c")))),
                "SNAPSHOT_UNRESOLVED",
                "SKIP",
            ),
            ("not found", 404, Body::Json(reply("ready", row("JSON", mine))), "SNAPSHOT_UNRESOLVED", "SKIP"),
            ("html", 200, Body::Other("x".into()), "SNAPSHOT_UNRESOLVED", "SKIP"),
        ];
        for (name, status, body, code, shown) in cases {
            let (judged, got) = judge(&Ok(Answer { status, body }), REF, Some("c"));
            assert_eq!((judged.code.as_str(), got.as_str()), (code, shown), "{name}");
            assert_eq!(judged.class == StageClass::Ok, code == "SNAPSHOT_OK", "{name}");
        }
        let (judged, shown) = judge(&Err(CallFault::NoConnection("x".into())), REF, Some("c"));
        assert_eq!((judged.code.as_str(), shown.as_str()), ("SNAPSHOT_UNRESOLVED", "SKIP"));
    }
}
