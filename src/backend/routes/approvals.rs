//! `/api/approvals/*`, `/api/real_enable_window/*` and the allowlist: what real execution needs.

use axum::http::StatusCode;

use super::App;
use super::Call;
use crate::backend::body::RequestBody;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document;
use crate::contracts::approval::Approval;
use crate::contracts::approval::WINDOW_SECONDS;
use crate::contracts::approval::Window;
use crate::contracts::safety::AllowlistHead;
use crate::gates::ApprovalFault;
use crate::gates::WindowFault;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;

const NOTHING: Option<&str> = None;
/// How long a window is open when the request does not say, in seconds.
const USUAL_SECONDS: i64 = 600;

pub(super) fn request(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (by, reason) = (body.text("requested_by")?, body.text("reason")?);
    if by.trim().is_empty() {
        return Err(no_approval(&ApprovalFault::Empty("requested_by")));
    }
    let actor = call.actor.named(Some(by));
    let approval = app.gates().request_approval(&actor, reason, app.now()).map_err(|fault| no_approval(&fault))?;
    Ok(done(&approval).ok())
}

pub(super) fn approve(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (id, key, by) = (body.text("approval_id")?, body.text("key_id")?, body.text("approver_id")?);
    if by.trim().is_empty() {
        return Err(no_approval(&ApprovalFault::Empty("approver_id")));
    }
    // Whoever shows a token gives the key in the token's name, whatever the request says: two people are two tokens.
    let actor = call.actor.named(Some(by));
    let approval = app.gates().approve(id, key, &actor, app.now()).map_err(|fault| no_approval(&fault))?;
    Ok(done(&approval).with("keys_count", &approval.keys.len()).ok())
}

fn done(approval: &Approval) -> Fields {
    Fields::new().with("result", "OK").with("approval_id", &approval.approval_id).with("status", &approval.status)
}

fn no_approval(fault: &ApprovalFault) -> Reply {
    let (status, result) = match fault {
        ApprovalFault::Empty(_) => (StatusCode::BAD_REQUEST, "FAIL"),
        ApprovalFault::Unknown => (StatusCode::NOT_FOUND, "FAIL"),
        ApprovalFault::Expired => (StatusCode::CONFLICT, "EXPIRED"),
        ApprovalFault::Decided(_) | ApprovalFault::Doubtful => (StatusCode::CONFLICT, "CONFLICT"),
        ApprovalFault::SameKey | ApprovalFault::SamePerson => (StatusCode::CONFLICT, "DUPLICATE"),
        ApprovalFault::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "FAIL"),
    };
    refused(status, result, &fault.to_string())
}

pub(super) fn latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let (latest, unreadable) = readable(app.gates().latest_approval(app.now()));
    let status = if latest.approval.is_some() { "ready" } else { "not_ready" };
    let fields = Fields::new().with("status", status).with("schema", Approval::SCHEMA).asof_now(app.now());
    let fields = fields.with("data", &latest.approval);
    Ok(warned(fields, layout::APPROVALS, latest.bad_lines, unreadable).with("error", &NOTHING).ok())
}

pub(super) fn window_request(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let reason = body.text("reason")?;
    let seconds = body.whole_or_default("ttl_seconds", 1..=WINDOW_SECONDS)?.unwrap_or(USUAL_SECONDS);
    let seconds = u32::try_from(seconds).unwrap_or_default();
    let window = app.gates().open_window(seconds, &call.actor, reason, app.now()).map_err(|fault| no_window(&fault))?;
    Ok(Fields::new().with("result", "OK").with("schema", Window::SCHEMA).with("data", &window).ok())
}

pub(super) fn window_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let (latest, unreadable) = readable(app.gates().latest_window(app.now()));
    let rows: Vec<Window> = latest.window.into_iter().collect();
    let fields = Fields::new().with("status", "ready").with("schema", Window::SCHEMA).asof_now(app.now());
    let fields = fields.with("row_count", &rows.len()).with("rows", &rows);
    Ok(warned(fields, layout::WINDOWS, latest.bad_lines, unreadable).with("error", &NOTHING).ok())
}

pub(super) fn window_revoke(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (id, reason) = (body.text("window_id")?, body.text_or_default("reason")?.unwrap_or_default());
    app.gates().revoke_window(id, &call.actor, reason, app.now()).map_err(|fault| no_window(&fault))?;
    Ok(Fields::new().with("result", "OK").with("window_id", id).with("status", "REVOKED").ok())
}

fn no_window(fault: &WindowFault) -> Reply {
    let (status, result) = match fault {
        WindowFault::Empty(_) => (StatusCode::BAD_REQUEST, "FAIL"),
        WindowFault::Unknown => (StatusCode::NOT_FOUND, "FAIL"),
        WindowFault::StillOpen(_) | WindowFault::NotOpen(_) | WindowFault::SenderUsed => {
            (StatusCode::CONFLICT, "CONFLICT")
        }
        WindowFault::NotRecorded(_) | WindowFault::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "FAIL"),
    };
    refused(status, result, &fault.to_string())
}

pub(super) fn allowlist(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let nothing_allowed = |status: StatusCode, message: &str| {
        Fields::new()
            .with("status", "error")
            .with("message", message)
            .with("schema", AllowlistHead::SCHEMA)
            .asof_now(app.now())
            .with("data", &NOTHING)
            .with("immutable_path", layout::ALLOWLIST)
            .with("error", &Problem { code: "ALLOWLIST_UNUSABLE", message })
            .reply(status)
    };
    match stored::<AllowlistHead>(app.store(), layout::ALLOWLIST) {
        Stored::Present((_, document)) => Ok(Fields::new()
            .with("status", "ready")
            .with("schema", AllowlistHead::SCHEMA)
            .asof_now(app.now())
            .with("data", &document)
            .with("immutable_path", layout::ALLOWLIST)
            .with("error", &NOTHING)
            .ok()),
        Stored::Missing => Err(nothing_allowed(StatusCode::NOT_FOUND, "Allowlist not found: nothing is allowed")),
        Stored::Damaged(why) => {
            let message = format!("Allowlist unreadable, nothing is allowed: {why}");
            Err(nothing_allowed(StatusCode::INTERNAL_SERVER_ERROR, &message))
        }
    }
}

/// What was read, or nothing and why.
fn readable<T: Default>(read: Result<T, StoreFault>) -> (T, Option<String>) {
    match read {
        Ok(read) => (read, None),
        Err(fault) => (T::default(), Some(fault.to_string())),
    }
}

/// Says which lines do not count. They permit nothing, and neither does what stood before them.
fn warned(fields: Fields, file: &str, bad_lines: usize, unreadable: Option<String>) -> Fields {
    match (unreadable, bad_lines) {
        (Some(why), _) => fields.with("warning", &format!("{why}; it counts as empty")),
        (None, 0) => fields,
        (None, lines) => {
            let text = format!("{file}: {lines} unreadable lines; nothing that stood before the last of them counts");
            fields.with("warning", &text)
        }
    }
}

fn refused(status: StatusCode, result: &str, message: &str) -> Reply {
    Fields::new().with("result", result).with("message", message).reply(status)
}
