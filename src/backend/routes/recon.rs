//! `/api/recon/*` and `/api/report/*`: what the PC reconciled and reported.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document;
use crate::contracts::Json;
use crate::contracts::recon::AiReport;
use crate::contracts::recon::HumanReport;
use crate::contracts::recon::ReconDaily;
use crate::contracts::recon::ReconSummary;
use crate::ops::SummaryView;
use crate::store::Stored;
use crate::store::layout;
use crate::time::kst;

const NOTHING: Option<&str> = None;

pub(super) fn summary(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let view = app.ops.recon_summary();
    let (status, code, message) = match (&view, stored::<ReconSummary>(app.store(), layout::RECON_SUMMARY)) {
        (SummaryView::Present(_), Stored::Present((_, raw))) => {
            let extra = [("status", text("ready")), ("schema", text(ReconSummary::SCHEMA))];
            let asof = ("asof", serde_json::to_string(&view.stated_at()).unwrap_or_else(|_| "null".to_owned()));
            return Ok(spread(&raw, &[&extra[..], &[asof, ("error", "null".to_owned())]].concat()));
        }
        (SummaryView::Missing, _) => ("not_ready", "A1_FILE_NOT_FOUND", "Recon summary not found".to_owned()),
        (SummaryView::DaysWithoutSummary, _) => {
            let message = "There are days and no summary: the publish was cut short";
            ("error", "IC_SUMMARY_INCONSISTENT_WITH_DAILY", message.to_owned())
        }
        (SummaryView::Damaged(why), _) => ("error", "A3_JSON_INVALID", why.clone()),
        // It changed between the two looks.
        (SummaryView::Present(_), Stored::Missing | Stored::Damaged(_)) => {
            ("error", "A3_JSON_INVALID", "the summary is being replaced".to_owned())
        }
    };
    Ok(Fields::new()
        .with("status", status)
        .with("schema", ReconSummary::SCHEMA)
        .asof_now(app.now())
        .with("message", &message)
        .with("error", code)
        .ok())
}

pub(super) fn daily(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let today = app.now().with_timezone(&kst()).date_naive();
    let fields =
        |status: &str| Fields::new().with("status", status).with("schema", ReconDaily::SCHEMA).with("asof", &today);
    let none: [&RawValue; 0] = [];
    Ok(match app.ops.recon_days() {
        Stored::Present(found) => fields("ready")
            .with("row_count", &found.rows.len())
            .with("rows", &found.rows)
            .with("bad_lines", &found.bad_lines)
            .with("error", &NOTHING),
        Stored::Missing => fields("not_ready")
            .with("message", "Recon daily not found")
            .with("row_count", &0)
            .with("rows", &none)
            .with("error", &Problem { code: "IC_RECON_NOT_READY", message: "Recon daily not found" }),
        Stored::Damaged(why) => fields("error")
            .with("message", &why)
            .with("row_count", &0)
            .with("rows", &none)
            .with("error", &Problem { code: "READ_ERROR", message: &why }),
    }
    .ok())
}

pub(super) fn report_human(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(report::<HumanReport>(app, layout::REPORT_HUMAN, "Human report not found"))
}

pub(super) fn report_ai(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(report::<AiReport>(app, layout::REPORT_AI, "AI report not found"))
}

/// The report's own members at the top, and the report once more as `data`.
fn report<D: Document>(app: &App, file: &str, missing: &str) -> Reply {
    let failed = |status: &str, code: &str, message: &str| {
        Fields::new()
            .with("result", "FAIL")
            .with("message", message)
            .with("status", status)
            .with("schema", D::SCHEMA)
            .asof_now(app.now())
            .with("data", &NOTHING)
            .with("error", &Problem { code, message })
            .ok()
    };
    match stored::<D>(app.store(), file) {
        Stored::Present((_, raw)) => {
            let extra = [
                ("status", text("ready")),
                ("schema", text(D::SCHEMA)),
                ("data", raw.get().to_owned()),
                ("error", "null".to_owned()),
            ];
            spread(&raw, &extra)
        }
        Stored::Missing => failed("not_ready", "IC_REPORT_NOT_READY", missing),
        Stored::Damaged(why) => failed("error", "IC_REPORT_SCHEMA_MISMATCH", &why),
    }
}

fn text(word: &str) -> String {
    format!("\"{word}\"")
}

/// A stored object with members added behind its own; what it says itself stands.
fn spread(document: &RawValue, extra: &[(&str, String)]) -> Reply {
    let own = Json::parse(document.get().as_bytes()).unwrap_or(Json::Null);
    let mut body = document.get().trim_end().strip_suffix('}').unwrap_or("{").to_owned();
    for (key, value) in extra.iter().filter(|(key, _)| own.get(key).is_none()) {
        if body.len() > 1 {
            body.push(',');
        }
        body.push_str(&format!("\"{key}\":{value}"));
    }
    body.push('}');
    Reply::new(StatusCode::OK, Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_says_itself_stands() {
        let extra = [("status", text("ready")), ("error", "null".to_owned())];
        for (document, want) in [
            (r#"{"status":"bootstrap","a":{"b":1.50}}"#, r#"{"status":"bootstrap","a":{"b":1.50},"error":null}"#),
            ("{}", r#"{"status":"ready","error":null}"#),
        ] {
            let raw = RawValue::from_string(document.to_owned()).expect("JSON");
            assert_eq!(spread(&raw, &extra).body, want);
        }
    }
}
