//! Reading a request: all of a body that is taken, and enough of one that is refused for its sender to hear why.

use std::sync::Arc;

use axum::body::Body;
use axum::body::BodyDataStream;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header;
use futures_util::StreamExt as _;

use super::App;
use super::Call;
use super::route::Route;
use super::route::Verb;
use crate::backend::guard;
use crate::backend::guard::Refusal;
use crate::backend::line::Line;
use crate::backend::query::Query;
use crate::contracts::actor::Actor;

/// Bytes that are read of a body that is refused for its length.
const SWALLOWED: usize = 16 << 20;

/// The largest body that a route reads.
pub(super) fn limit(app: &App, route: &Route) -> usize {
    route.dash.map_or(app.bounds.bytes, |row| row.body_limit)
}

/// Reads what a handler is told about a request.
pub(super) async fn read(app: &App, route: &Route, request: Request, actor: Actor) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let body = match route.verb {
        Verb::Get => Bytes::new(),
        Verb::Post => collect(body, app, limit(app, route)).await?,
    };
    if let Some(line) = parts.extensions.get::<Arc<Line>>() {
        line.works();
    }
    let tail = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Call { query: Query::parse(parts.uri.query()), headers: parts.headers, body, actor, tail })
}

async fn collect(body: Body, app: &App, limit: usize) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let all = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            // The fault is a client that went away, and it reads no reply.
            let chunk = chunk.map_err(|_gone| guard::TOO_LARGE)?;
            if bytes.len() + chunk.len() > limit {
                swallow(&mut stream).await;
                return Err(guard::TOO_LARGE);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(bytes))
    };
    tokio::time::timeout(app.bounds.time, all).await.unwrap_or(Err(guard::TOO_SLOW))
}

/// Reads a body that is refused, so that its sender comes to read the reply: a connection that is closed over unread
/// bytes is reset, and the reply is lost with it. Who waits to be told to go on has sent nothing yet.
pub(super) async fn drain(app: &App, request: Request) {
    if !request.headers().contains_key(header::EXPECT) {
        let mut stream = request.into_body().into_data_stream();
        // Past the time the connection is closed over what is left.
        tokio::time::timeout(app.bounds.time, swallow(&mut stream)).await.ok();
    }
}

async fn swallow(stream: &mut BodyDataStream) {
    let mut swallowed = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        swallowed += chunk.len();
        if swallowed > SWALLOWED {
            break;
        }
    }
}
