//! The dashboard's pages and their assets.
//!
//! Pages are made here and filled by scripts of this server. Nothing comes from another host, and nothing that somebody
//! wrote into an event or a document can become markup or script: maud escapes, and the policy below allows no inline.

mod assets;
mod board;
mod chart;
mod facts;
mod run;
mod runs;
mod shell;
mod words;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header;
use maud::Markup;

use super::App;
use super::Call;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Reply;
use crate::contracts::RunId;

/// What a page may load and do: its own scripts, styles and addresses, nothing inline, nothing around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page of this server.
fn html(status: StatusCode, markup: Markup) -> Reply {
    Reply::new(status, Bytes::from(markup.into_string()))
        .with_header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .with_header(header::CONTENT_SECURITY_POLICY, POLICY)
}

/// `/` and `/ops`
pub(super) fn board(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(html(StatusCode::OK, board::page(app.dash.options.lang, app.dash.options.settings.retry_ms)))
}

/// `/ops/runs`
pub(super) fn runs(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(html(StatusCode::OK, runs::page(app)))
}

/// `/ops/runs/{id}`
pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let record = RunId::try_from(call.tail.clone()).ok().and_then(|id| app.ops.daily_run(id.as_str()));
    match record {
        Some(record) => Ok(html(StatusCode::OK, run::page(app, &record))),
        None => Err(html(StatusCode::NOT_FOUND, run::unknown(app.dash.options.lang))),
    }
}

/// `/static/{id}`: a browser asks again each time and is told when it has the file already.
pub(super) fn asset(app: &App, call: &Call) -> Result<Reply, Reply> {
    let Some(asset) = assets::find(&call.tail) else {
        return Err(refuse((StatusCode::NOT_FOUND, "NOT_FOUND"), "there is no such asset", None, app.now()));
    };
    let known = call.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.tag));
    let (status, body) = if fresh {
        (StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        (StatusCode::OK, Bytes::from_static(asset.text.as_bytes()))
    };
    Ok(Reply::new(status, body)
        .with_header(header::CONTENT_TYPE, asset.content_type)
        .with_header(header::CACHE_CONTROL, "no-cache")
        .with_header(header::ETAG, &asset.tag))
}
