//! The last lines of the logs, for people.

use std::ops::RangeInclusive;

use axum::http::StatusCode;
use axum::http::header;

use super::App;
use super::Call;
use crate::backend::dash::params::Params;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::store::layout;

/// Lines of a log in one reply.
const LINES: RangeInclusive<u64> = 1..=500;
const USUAL_LINES: u64 = 200;

fn log(app: &App, call: &Call, file: &str) -> Result<(Vec<String>, u64), Reply> {
    let params = Params::new(&call.query, app.now());
    let limit = match params.whole("limit", LINES)? {
        Some(limit) => limit,
        None => params.whole("lines", LINES)?.unwrap_or(USUAL_LINES),
    };
    let lines = app.ops.log_lines(file, usize::try_from(limit).unwrap_or(usize::MAX)).map_err(|fault| {
        refuse((StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"), &fault.to_string(), None, app.now())
    })?;
    Ok((lines, limit))
}

pub(super) fn stdout(app: &App, call: &Call) -> Result<Reply, Reply> {
    let (lines, limit) = log(app, call, layout::RUN_LOG)?;
    Ok(Fields::new().with("logs", &lines).with("limit", &limit).with("source", layout::RUN_LOG).ok())
}

pub(super) fn stderr(app: &App, call: &Call) -> Result<Reply, Reply> {
    let (lines, limit) = log(app, call, layout::BACKEND_LOG)?;
    Ok(Fields::new().with("logs", &lines).with("limit", &limit).with("source", layout::BACKEND_LOG).ok())
}

pub(super) fn log_tail(app: &App, call: &Call) -> Result<Reply, Reply> {
    let (lines, _) = log(app, call, layout::RUN_LOG)?;
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    Ok(Reply::new(StatusCode::OK, text.into()).with_header(header::CONTENT_TYPE, "text/plain; charset=utf-8"))
}
