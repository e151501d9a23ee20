//! The goldens and pages as they stand in `contracts/`, and what is done to them.

use std::path::Path;

use serde_json::Value;

pub(crate) const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts");

/// Lists whose rows belong to the strategy and are passed on as they are.
const OPAQUE: &[&str] = &["top_picks", "holding_actions", "recommendations"];
/// Objects whose keys are names of parameters: every key in them is data and is passed on.
pub(crate) const BY_NAME: &[&str] =
    &["best_params", "params", "candidate", "last_sent", "last_alert", "positions", "packages"];

pub(crate) fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(CONTRACTS).join(file)).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

pub(crate) fn golden(name: &str) -> Value {
    serde_json::from_str(&text(&format!("{name}.json"))).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

pub(crate) fn bytes_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON")
}

/// One row of a page's table: the field's path and whether it is required.
pub(crate) fn fields(name: &str) -> Vec<(String, bool)> {
    let page = text(&format!("{name}.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(field, rest)| (field.to_owned(), rest.contains("(required)"))).collect()
}

pub(crate) fn is_required(fields: &[(String, bool)], path: &str) -> bool {
    path == "schema" || fields.iter().any(|(field, required)| field == path && *required)
}

/// Every place of a document: its JSON pointer, and its path as the pages write it.
fn places(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
    let mut enter = |key: &str, inner: &Value, path: String| {
        let pointer = format!("{pointer}/{key}");
        found.push((pointer.clone(), path.clone()));
        if !OPAQUE.contains(&key) {
            places(inner, &pointer, &path, found);
        }
    };
    match value {
        Value::Object(map) => {
            let dot = if path.is_empty() { "" } else { "." };
            map.iter().for_each(|(key, inner)| enter(key, inner, format!("{path}{dot}{key}")));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| enter(&i.to_string(), inner, format!("{path}[]")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn all_places(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    places(value, "", "", &mut found);
    found
}

pub(crate) fn removed(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("a place") {
        Value::Object(map) => drop(map.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().expect("an index"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("no container at {parent}"),
    }
    document
}
