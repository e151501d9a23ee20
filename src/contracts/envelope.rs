//! The reply wrappers of the backend's API, and the one function that takes a document out of them.
//!
//! Seven families of wrapper are in use (rows, data, row, flat, raw, bundle/report, result), and errors may come once
//! more inside `detail`. A reader says which schema it expects and gets the document or nothing; an empty list, a null
//! and a value of another type all mean "no document", never an empty document.

use serde_json::Map;
use serde_json::Value;

/// An object of a reply.
pub type Object = Map<String, Value>;

/// Takes the document of schema `expected` out of a reply; `None` when the reply carries none.
///
/// ```
/// use daily_ops::contracts::unwrap;
/// let reply = serde_json::json!({"status": "ready", "rows": [{"overall_status": "OK"}], "error": null});
/// assert_eq!(unwrap(&reply, "OPS_SUMMARY_V1").unwrap()["overall_status"], "OK");
/// assert!(unwrap(&serde_json::json!({"status": "ready", "rows": []}), "OPS_SUMMARY_V1").is_none());
/// ```
#[must_use]
pub fn unwrap<'a>(reply: &'a Value, expected: &str) -> Option<&'a Object> {
    let outer = reply.as_object()?;
    let outer = outer.get("detail").and_then(Value::as_object).unwrap_or(outer);
    if let Some(rows) = outer.get("rows") {
        return rows.as_array()?.first()?.as_object();
    }
    if let Some(data) = outer.get("data") {
        return data.as_object();
    }
    if let Some(row) = outer.get("row") {
        return row.as_object();
    }
    match expected {
        "RECO_REPORT_V1" if outer.contains_key("report") => outer.get("report")?.as_object(),
        // A raw cycle receipt has a `bundle` of its own: only a bundle's reader looks for the wrapper's.
        "STRATEGY_BUNDLE_V1" if outer.contains_key("bundle") => outer.get("bundle")?.as_object(),
        _ => Some(outer),
    }
}

/// The error that a reply states: its code and its message. A key `error` whose value is null is no error.
#[must_use]
pub fn error_of(reply: &Value) -> Option<(String, String)> {
    let outer = reply.as_object()?;
    let outer = match outer.get("detail") {
        Some(Value::String(text)) => return Some((String::new(), text.clone())),
        Some(Value::Object(inner)) => inner,
        Some(Value::Array(items)) => return Some((String::new(), Value::Array(items.clone()).to_string())),
        _ => outer,
    };
    match outer.get("error") {
        Some(Value::String(text)) => Some((text.clone(), String::new())),
        Some(Value::Object(error)) => {
            let part = |key| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            Some((part("code"), part("message")))
        }
        _ => {
            let text = |key| outer.get(key).and_then(Value::as_str);
            let said = text("message").or_else(|| text("reason"))?;
            Some((String::new(), said.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_family_gives_its_document() {
        let doc = json!({"schema": "S", "x": 1});
        let cases = [
            ("rows", json!({"status": "ready", "rows": [doc]}), "S", true),
            ("data", json!({"status": "ready", "data": doc}), "S", true),
            ("row", json!({"status": "ready", "row": doc}), "S", true),
            ("flat or raw", doc.clone(), "S", true),
            ("detail", json!({"detail": {"rows": [doc]}}), "S", true),
            ("report", json!({"status": "ready", "report": doc}), "RECO_REPORT_V1", true),
            ("bundle", json!({"status": "ready", "bundle": doc}), "STRATEGY_BUNDLE_V1", true),
            ("empty rows", json!({"rows": []}), "S", false),
            ("null rows", json!({"rows": null}), "S", false),
            ("rows of another type", json!({"rows": {"x": 1}}), "S", false),
            ("row of another type", json!({"rows": ["x"]}), "S", false),
            ("null data", json!({"data": null}), "S", false),
            ("list", json!([doc]), "S", false),
            ("text", json!("x"), "S", false),
            ("null report", json!({"report": null}), "RECO_REPORT_V1", false),
            ("null bundle", json!({"bundle": null}), "STRATEGY_BUNDLE_V1", false),
        ];
        for (name, reply, expected, found) in cases {
            let got = unwrap(&reply, expected);
            assert_eq!(got.is_some(), found, "{name}");
            if let Some(object) = got {
                assert_eq!(object.get("x"), Some(&json!(1)), "{name}");
            }
        }
    }

    #[test]
    fn a_raw_receipt_keeps_its_own_bundle_key() {
        let receipt = json!({"schema": "LIVE_CYCLE_RECEIPT_V1", "cycle_id": "c", "bundle": {"stale": false}});
        let got = unwrap(&receipt, "LIVE_CYCLE_RECEIPT_V1").expect("a receipt");
        assert_eq!(got.get("cycle_id"), Some(&json!("c")));
    }

    #[test]
    fn the_error_of_a_reply_is_its_value_not_its_key() {
        let cases = [
            (json!({"error": null}), None),
            (json!({"error": "E"}), Some(("E", ""))),
            (json!({"error": {"code": "C", "message": "m"}}), Some(("C", "m"))),
            (json!({"detail": {"error": {"code": "C", "message": "m"}}}), Some(("C", "m"))),
            (json!({"detail": "Not Found"}), Some(("", "Not Found"))),
            (json!({"result": "BLOCKED", "message": "confirm"}), Some(("", "confirm"))),
            (json!(7), None),
        ];
        for (reply, want) in cases {
            let want = want.map(|(c, m): (&str, &str)| (c.to_owned(), m.to_owned()));
            assert_eq!(error_of(&reply), want, "{reply}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        fn any_value() -> impl Strategy<Value = Value> {
            let key = prop_oneof![
                Just("rows".to_owned()),
                Just("data".to_owned()),
                Just("row".to_owned()),
                Just("detail".to_owned()),
                Just("report".to_owned()),
                Just("bundle".to_owned()),
                Just("error".to_owned()),
                "[a-z]{1,3}",
            ];
            let leaf = prop_oneof![
                Just(Value::Null),
                any::<bool>().prop_map(Into::into),
                any::<i32>().prop_map(Into::into),
                "[a-z]*".prop_map(Value::from)
            ];
            leaf.prop_recursive(4, 32, 4, move |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                    prop::collection::hash_map(key.clone(), inner, 0..4)
                        .prop_map(|m| Value::Object(m.into_iter().collect())),
                ]
            })
        }

        proptest! {
            #[test]
            fn prop_unwrap_never_panics_and_gives_a_part_of_the_reply(value in any_value()) {
                for schema in ["OPS_SUMMARY_V1", "RECO_REPORT_V1", "STRATEGY_BUNDLE_V1"] {
                    if let Some(object) = unwrap(&value, schema) {
                        let text = Value::Object(object.clone()).to_string();
                        prop_assert!(value.to_string().contains(&text));
                    }
                }
                let (code, _) = error_of(&value).unwrap_or_default();
                prop_assert!(code.len() <= value.to_string().len());
            }
        }
    }
}
