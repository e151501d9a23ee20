//! Every typed document across versions: new keys, missing keys, values of another type, and the page that names each key.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use super::support::BY_NAME;
use super::support::CONTRACTS;
use super::support::all_places;
use super::support::bytes_of;
use super::support::fields;
use super::support::golden;
use super::support::is_required;
use super::support::removed;
use super::support::text;
use super::typed::Ours;
use super::typed::TYPED;
use crate::schemas::Schemas;
use crate::schemas::stated;

#[test]
fn each_golden_is_written_as_it_was_read() {
    for (name, rewrite, ours) in TYPED {
        let file = text(&format!("{name}.json"));
        let again = rewrite(file.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(rewrite(&again).as_ref(), Ok(&again), "{name}: what is written is read the same");
        if *ours != Ours::Read {
            assert_eq!(String::from_utf8(again).expect("text"), file, "{name}: the golden is the program's own bytes");
        }
    }
}

#[test]
fn an_old_reader_ignores_new_keys_at_every_level() {
    for (name, rewrite, _) in TYPED {
        let document = golden(name);
        let want = rewrite(&bytes_of(&document)).expect("readable");
        let mut objects: Vec<_> = all_places(&document).into_iter().map(|(pointer, _)| pointer).collect();
        objects.push(String::new());
        let mut tried = 0;
        for pointer in objects {
            if pointer.split('/').any(|key| BY_NAME.contains(&key)) {
                continue;
            }
            let mut newer = document.clone();
            let Some(Value::Object(map)) = newer.pointer_mut(&pointer) else { continue };
            map.insert("zz_new".to_owned(), json!({"a": [1, null, "x"]}));
            map.insert("새로운".to_owned(), json!(7));
            assert_eq!(rewrite(&bytes_of(&newer)).as_ref(), Ok(&want), "{name}: new keys at {pointer:?}");
            tried += 1;
        }
        assert!(tried > 0, "{name}");
    }
}

/// An older program reads a newer document, changes nothing that it knows, and writes it again: what it leaves must still be
/// that document for the newer program.
#[test]
fn what_an_old_writer_makes_of_new_data_is_still_the_document() {
    let schemas = Schemas::load();
    for (name, rewrite, ours) in TYPED {
        if *ours == Ours::Read {
            continue;
        }
        let mut newer = golden(name);
        newer.as_object_mut().expect("an object").insert("zz_new".to_owned(), json!({"a": 1}));
        let left: Value = serde_json::from_slice(&rewrite(&bytes_of(&newer)).expect("readable")).expect("JSON");
        let schema = stated(&left).expect("a schema").to_owned();
        assert_eq!(schemas.faults(&schema, &left).as_deref(), Some(&[][..]), "{name}");
        assert_eq!(left, golden(name), "{name}: nothing that was known is lost");
    }
}

#[test]
fn a_new_reader_does_without_keys_that_are_not_required() {
    for (name, rewrite, _) in TYPED {
        let document = golden(name);
        let fields = fields(name);
        for (pointer, path) in all_places(&document) {
            let parsed = rewrite(&bytes_of(&removed(&document, &pointer)));
            assert_eq!(parsed.is_err(), is_required(&fields, &path), "{name}: without {pointer}: {parsed:?}");
        }
    }
}

#[test]
fn a_value_of_another_type_is_missing_or_a_fault_and_never_a_panic() {
    let others = [
        json!(null),
        json!(true),
        json!(-7),
        json!(0.5),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"x": [0]}),
    ];
    for (name, rewrite, ours) in TYPED {
        let document = golden(name);
        let fields = fields(name);
        let kind = |value: &Value| std::mem::discriminant(value);
        for (pointer, path) in all_places(&document) {
            for other in &others {
                let mut damaged = document.clone();
                let place = damaged.pointer_mut(&pointer).expect("a place");
                if kind(place) == kind(other) {
                    continue;
                }
                *place = other.clone();
                let parsed = rewrite(&bytes_of(&damaged));
                if *ours == Ours::WrittenStrict || is_required(&fields, &path) {
                    continue;
                }
                let parsed = parsed.unwrap_or_else(|fault| panic!("{name}: {pointer} is {other}: {fault}"));
                let parsed: Value = serde_json::from_slice(&parsed).expect("JSON");
                let top = pointer.split('/').nth(1).expect("a key");
                for (key, value) in document.as_object().expect("an object") {
                    if key != top && *ours == Ours::Written {
                        assert_eq!(parsed.get(key), Some(value), "{name}: {pointer} is {other}: {key} changed too");
                    }
                }
            }
        }
    }
}

#[test]
fn required_fields_of_another_type_are_faults() {
    let cases = [
        ("execution_gate_v1", "mode", json!(1)),
        ("execution_gate_v1", "mode", json!("REAL")),
        ("real_sender_enable_v1", "enabled", json!("false")),
        ("emergency_stop_v1", "enabled", json!(0)),
        ("emergency_stop_v1", "schema", json!("EMERGENCY_STOP_V2")),
        ("kill_switch_v1", "is_on", json!("false")),
        ("kill_switch_v1", "status", json!("KILLED")),
        ("daily_ops_run_v1", "stages", json!({})),
        ("daily_ops_run_v1", "run_id", json!("a b")),
        ("daily_ops_run_v1", "exit_code", json!(256)),
    ];
    for (name, key, value) in cases {
        let (_, rewrite, _) = TYPED.iter().find(|(typed, _, _)| *typed == name).expect("typed");
        let mut document = golden(name);
        document[key] = value.clone();
        assert!(rewrite(&bytes_of(&document)).is_err(), "{name}: {key} is {value}");
    }
}

#[test]
fn each_golden_has_a_page_that_names_its_fields_and_a_row_in_the_index() {
    let index = text("README.md");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(CONTRACTS).expect("listed") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        // The JSON Schemas have a test of their own.
        if name == "README.md" || name == "decisions" || name.ends_with(".schema.json") {
            continue;
        }
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.');
        assert!(plain, "{name}: lower-case snake only");
        assert!(index.contains(&format!("]({name})")), "{name} is not in contracts/README.md");
        names.insert(name);
    }
    for name in &names {
        let stem = name.split('.').next().unwrap_or_default();
        let page = if stem == "krx_calendar" { "krx_calendar_v1" } else { stem };
        assert!(names.contains(&format!("{page}.md")), "{name} has no page");
        if name.ends_with(".md") {
            let golden = [format!("{stem}.json"), format!("{stem}.jsonl"), "krx_calendar.json".to_owned()];
            assert!(golden.iter().any(|file| names.contains(file)), "{name} has no golden");
            continue;
        }
        let fields = fields(page);
        for line in
            if name.ends_with(".jsonl") { text(name).lines().map(str::to_owned).collect() } else { vec![text(name)] }
        {
            let document: Value = serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            // Published forms that never had their page's name in them.
            let nameless = ["daily_ledger_v1", "oos_validation_v1"].contains(&page) && document.get("schema").is_none();
            let name_of = |key: &str| document.get(key).and_then(Value::as_str);
            let shown = name_of("schema").or_else(|| name_of("schema_version")).unwrap_or_default().to_lowercase();
            assert!(shown == page || nameless || shown.starts_with("execution_receipt_v"), "{name} holds {shown}");
            for key in document.as_object().expect("an object").keys() {
                assert!(fields.iter().any(|(field, _)| field == key), "{page}.md does not name {key}");
            }
        }
    }
}
