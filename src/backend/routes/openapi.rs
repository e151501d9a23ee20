//! `/api/openapi.json`: the route table as an OpenAPI document.
//!
//! Everything in it comes from [`ROUTES`] and [`DASH_ROUTES`], so it can neither lack a route nor promise one that is not there.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::App;
use super::Call;
use super::DASH_ROUTES;
use super::Kind;
use super::Member;
use super::ROUTES;
use super::Route;
use super::Verb;
use super::route::Answer;
use super::route::Turn;
use crate::backend::reply::Reply;
use crate::contracts::actor::Role;

/// Where it is served.
pub(super) const PATH: &str = "/api/openapi.json";

static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from(described(&[ROUTES, DASH_ROUTES].concat()).to_string()));

pub(super) fn document(_app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(Reply::new(StatusCode::OK, DOCUMENT.clone()))
}

/// The OpenAPI document of a route table.
fn described(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.verb.as_str().to_lowercase(), operation(route));
        }
    }
    let tags: std::collections::BTreeSet<&str> = routes.iter().map(tag).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "daily-ops backend",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The operations API of the host and its dashboard. Bound to loopback, reads are open; a change \
                comes from this machine or carries a token. Timestamps are RFC 3339 with +09:00; those of the dashboard \
                are milliseconds since 1970 too.",
        },
        "servers": [{"url": "/"}],
        "tags": tags.into_iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "paths": paths,
        "components": components(),
    })
}

/// The part of the path that groups it: `ops`, `tickets`, `health`.
fn tag(route: &Route) -> &'static str {
    if route.is_dash() {
        return "dashboard";
    }
    route.path.trim_start_matches('/').trim_start_matches("api/").split(['/', '.']).next().unwrap_or_default()
}

fn operation(route: &Route) -> Value {
    let name: Vec<&str> = route.path.split(['/', '{', '}', '.']).filter(|part| !part.is_empty()).collect();
    let mut operation = json!({
        "operationId": format!("{}_{}", route.verb.as_str().to_lowercase(), name.join("_")),
        "summary": route.summary,
        "tags": [tag(route)],
        "parameters": parameters(route),
        "responses": responses(route),
        "x-least-role": route.role.as_str(),
    });
    if route.needs_token() {
        operation["security"] = json!([{"token": []}]);
    } else if route.role > Role::Viewer {
        // Without a token a request of this machine is let in, so the empty requirement stands beside it.
        operation["security"] = json!([{"token": []}, {}]);
    }
    if route.successor().is_some() {
        operation["deprecated"] = json!(true);
    }
    if !route.schema.is_empty() && !route.is_dash() {
        operation["x-document-schema"] = json!(route.schema);
    }
    if let Some(body) = body(route) {
        operation["requestBody"] = body;
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let of_query = |member: &Member| {
        json!({
            "name": member.name,
            "in": "query",
            "required": member.needed,
            "description": member.about,
            "schema": kind(member.kind),
        })
    };
    let mut found: Vec<Value> = route.query.iter().map(of_query).collect();
    if let Some(confirm) = route.confirm {
        found.push(json!({
            "name": "confirm",
            "in": "query",
            "required": !confirm.in_body,
            "description": "must be true",
            "schema": {"type": "boolean"},
        }));
    }
    if route.path.contains("{id}") {
        found.push(json!({
            "name": "id",
            "in": "path",
            "required": true,
            "description": if route.is_dash() { "its name" } else { "a file name of the list" },
            "schema": {"type": "string", "pattern": id_pattern(route)},
        }));
    }
    found
}

fn id_pattern(route: &Route) -> &'static str {
    if route.is_dash() { "^[A-Za-z0-9_.:-]+$" } else { r"^[A-Za-z0-9_.-]+\.json$" }
}

fn body(route: &Route) -> Option<Value> {
    let confirm = route.confirm.filter(|confirm| confirm.in_body).is_some();
    if route.body.is_empty() && !confirm {
        return None;
    }
    let mut properties = Map::new();
    for member in route.body {
        let mut schema = kind(member.kind);
        schema["description"] = json!(member.about);
        properties.insert(member.name.to_owned(), schema);
    }
    if confirm {
        properties
            .insert("confirm".to_owned(), json!({"type": "boolean", "description": "true, here or in the query"}));
    }
    let needed: Vec<&str> = route.body.iter().filter(|member| member.needed).map(|member| member.name).collect();
    Some(json!({
        "required": !needed.is_empty(),
        "content": {"application/json": {"schema": {"type": "object", "properties": properties, "required": needed}}},
    }))
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Number => json!({"type": "number"}),
        Kind::Object => json!({"type": "object"}),
        Kind::List => json!({"type": "array", "items": {}}),
    }
}

fn responses(route: &Route) -> Value {
    let mut codes: Vec<u16> = route.refusals.to_vec();
    codes.extend([401, 403, 422, 500]);
    if route.confirm.is_some() {
        codes.push(400);
    }
    if route.verb == Verb::Post {
        codes.extend([408, 413]);
    }
    if route.turn != Turn::Now {
        codes.push(503);
    }
    if route.is_rehearsal() {
        codes.push(404);
    }
    codes.sort_unstable();
    codes.dedup();
    let refusal = if route.is_dash() { "DashRefusal" } else { "Refusal" };
    let of = |text: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{refusal}")});
        json!({"description": text, "content": {"application/json": {"schema": schema}}})
    };
    let (code, good) = good(route);
    let mut responses = Map::from_iter([(code.to_owned(), good)]);
    for code in codes {
        let text = StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).unwrap_or("refused");
        responses.insert(code.to_string(), of(text));
    }
    Value::Object(responses)
}

/// The reply when all is well, and its status.
fn good(route: &Route) -> (&'static str, Value) {
    let (code, media, schema) = match (route.answer, route.path) {
        (Answer::Socket, _) => return ("101", json!({"description": route.summary})),
        (Answer::Events, _) => ("200", "text/event-stream", json!({"type": "string"})),
        (Answer::Reply, "/metrics" | "/log-tail") => ("200", "text/plain", json!({"type": "string"})),
        (Answer::Reply, path) if path.starts_with("/static/") => ("200", "*/*", json!({"type": "string"})),
        (Answer::Reply, path) if route.is_dash() && !path.starts_with("/api/") => {
            ("200", "text/html", json!({"type": "string"}))
        }
        (Answer::Reply, path) => {
            let name = match (route.is_dash(), route.verb) {
                (true, _) => "Dash",
                (false, Verb::Get) => "Document",
                (false, Verb::Post) => "Result",
            };
            let code = if path.ends_with("/emit-10k") { "202" } else { "200" };
            (code, "application/json", json!({"$ref": format!("#/components/schemas/{name}")}))
        }
    };
    (code, json!({"description": route.summary, "content": {media: {"schema": schema}}}))
}

fn components() -> Value {
    let mut schemas = dash_schemas();
    schemas.extend(ops_schemas());
    json!({
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": schemas,
    })
}

/// What the operations API answers with.
fn ops_schemas() -> Map<String, Value> {
    members(json!({
        "Error": {
            "description": "null, a text, or a code with a message",
            "type": ["null", "string", "object"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
        "Document": {
            "type": "object",
            "description": "a stored document in its envelope; x-document-schema of the operation names it",
            "properties": {
                "status": {"type": "string"},
                "schema": {"type": "string"},
                "asof": {"type": ["string", "null"]},
                "row_count": {"type": "integer", "minimum": 0},
                "rows": {"type": ["array", "null"], "items": {}},
                "data": {"type": ["object", "null"]},
                "error": {"$ref": "#/components/schemas/Error"},
            },
        },
        "Result": {
            "type": "object",
            "description": "what was done: result is OK unless the operation says otherwise",
            "properties": {"result": {"type": "string"}, "message": {"type": "string"}},
        },
        "Refusal": {
            "type": "object",
            "description": "why not; errors of the reference stand under detail",
            "properties": {
                "detail": {},
                "result": {"type": "string"},
                "message": {"type": "string"},
                "error": {"$ref": "#/components/schemas/Error"},
            },
        },
    }))
}

/// What the dashboard answers with.
fn dash_schemas() -> Map<String, Value> {
    members(json!({
        "Dash": {
            "type": "object",
            "description": "a reply of the dashboard; ts counts milliseconds",
            "properties": {
                "contract_version": {"type": "string"},
                "trace_id": {"type": "string"},
                "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
                "count": {"type": "integer", "minimum": 0},
            },
        },
        "Event": {
            "type": "object",
            "description": "the envelope, the same on every stream, in lists, export and log",
            "required": ["contract_version", "id", "type", "event_type", "ts", "ts_iso", "trace_id", "source",
                "severity", "message", "data"],
            "properties": {
                "contract_version": {"type": "string"},
                "id": {"type": "integer", "minimum": 1},
                "type": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$"},
                "event_type": {"type": "string"},
                "ts": {"type": "integer"},
                "ts_iso": {"type": "string"},
                "trace_id": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"},
                "source": {"type": "string"},
                "severity": {"type": "string", "enum": ["INFO", "WARN", "ERROR", "CRITICAL"]},
                "message": {"type": "string"},
                "data": {"type": "object"},
            },
        },
        "DashRefusal": {
            "type": "object",
            "description": "why not: code for machines, error.message for people",
            "required": ["error", "code", "contract_version", "trace_id"],
            "properties": {
                "error": {"$ref": "#/components/schemas/Error"},
                "code": {"type": "string"},
                "contract_version": {"type": "string"},
                "trace_id": {"type": ["string", "null"]},
                "index": {"type": "integer", "minimum": 0},
            },
        },
    }))
}

fn members(object: Value) -> Map<String, Value> {
    if let Value::Object(members) = object { members } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_an_operation_with_its_members() {
        let all = [ROUTES, DASH_ROUTES].concat();
        let document = described(&all);
        let count = |value: &Value| value.as_object().map_or(0, Map::len);
        let operations: usize = document["paths"].as_object().expect("paths").values().map(count).sum();
        assert_eq!(operations, all.len());
        for route in &all {
            let operation = &document["paths"][route.path][route.verb.as_str().to_lowercase()];
            assert_eq!(operation["summary"], route.summary, "{}", route.path);
            let parameters = operation["parameters"].as_array().expect("a list");
            let expected = route.query.len() + usize::from(route.confirm.is_some()) + route.path.matches('{').count();
            assert_eq!(parameters.len(), expected, "{}", route.path);
            for member in route.body {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                assert!(schema["properties"][member.name].is_object(), "{} {}", route.path, member.name);
            }
        }
    }
}
