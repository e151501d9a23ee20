//! The JSON Schemas in `contracts/` against the goldens beside them and against every real document at hand.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod schemas;

use std::path::Path;

use schemas::CONTRACTS;
use schemas::Schemas;
use schemas::documents;
use schemas::files;
use schemas::is_schema;
use schemas::stated;
use serde_json::Value;
use serde_json::json;

/// Goldens that are tables of this program and not documents of the hand-off.
const TABLES: &[&str] = &["krx_calendar"];

/// Every golden: the name of its schema, its file, its documents.
fn goldens() -> Vec<(String, String, Vec<Value>)> {
    let is_golden = |path: &std::path::PathBuf| !is_schema(path) && path.parent() == Some(Path::new(CONTRACTS));
    let mut found = Vec::new();
    for path in files(Path::new(CONTRACTS)).into_iter().filter(is_golden) {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let mut read = documents(&path);
        // A golden of lines also shows the older versions that its readers take; they are not the schema's.
        let own = stem.to_uppercase();
        if read.iter().any(|document| stated(document) == Some(&own)) {
            read.retain(|document| stated(document) == Some(&own));
        }
        let Some(first) = read.first().filter(|_| !TABLES.contains(&stem.as_str())) else { continue };
        found.push((stated(first).unwrap_or(&own).to_owned(), stem, read));
    }
    assert!(found.len() > 30, "only {} goldens found", found.len());
    found
}

#[test]
fn each_golden_has_a_schema_that_accepts_it() {
    let schemas = Schemas::load();
    for (name, stem, read) in goldens() {
        for document in read {
            let faults = schemas.faults(&name, &document);
            assert_eq!(faults.as_deref(), Some(&[][..]), "{stem} against {name}");
        }
    }
    let named: Vec<String> = goldens().into_iter().map(|(name, ..)| name).collect();
    for name in schemas.names() {
        assert!(named.iter().any(|golden| golden == name), "{name} has no golden");
    }
}

#[test]
fn a_schema_refuses_what_lacks_a_required_member_or_has_another_type() {
    let schemas = Schemas::load();
    let mut refused = 0;
    for (name, stem, read) in goldens() {
        let path = Path::new(CONTRACTS).join(format!("{stem}.schema.json"));
        let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
        let document = read.first().expect("a document");
        for member in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut without = document.clone();
            without.as_object_mut().expect("an object").remove(member);
            assert_ne!(schemas.faults(&name, &without).as_deref(), Some(&[][..]), "{stem} without {member}");
            refused += 1;
        }
        for member in document.as_object().expect("an object").keys() {
            let mut other = document.clone();
            let stood = &schema["properties"][member];
            // Two types cannot both be what a member may hold, unless it may hold anything.
            let odd = [json!(["x"]), json!({"x": 1})];
            let all = odd.iter().all(|value| {
                other[member] = value.clone();
                schemas.faults(&name, &other).as_deref() == Some(&[][..])
            });
            // Some members were an object in older documents and are a list now.
            let kinds = stood["type"].as_array().map_or(0, |kinds| kinds.iter().filter(|kind| *kind != "null").count());
            assert!(!all || stood.get("type").is_none() || kinds == 2, "{stem}.{member} takes anything");
        }
    }
    assert!(refused > 200, "only {refused} refusals");
}

#[test]
fn every_real_document_is_accepted_by_the_schema_that_it_names() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !data.is_dir() {
        return;
    }
    let schemas = Schemas::load();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for path in files(data) {
        // Replies carry documents in envelopes of their own.
        if path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("captured")) {
            continue;
        }
        for document in documents(&path) {
            let Some(faults) = stated(&document).and_then(|name| schemas.faults(name, &document)) else { continue };
            checked += 1;
            wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 300, "only {checked} documents were checked");
}
