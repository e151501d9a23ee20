//! Which part of a document its `integrity.payload_sha256` covers, and the check of it.
//!
//! One schema name has two rules: a recommendation report is hashed by the keys that it carries. The two text forms
//! differ only beyond ASCII; a producer here writes [`Text::Raw`], a reader accepts either.

use std::collections::BTreeMap;

use super::json::Json;
use super::json::Text;

/// The answer of an integrity check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// The hash was recomputed and agrees.
    Proven,
    /// The document carries no hash of 64 hex digits: nothing is proved.
    Unproven,
    /// The hash was recomputed and differs.
    Mismatch {
        /// What the document says.
        stated: String,
        /// What its content gives (raw form).
        computed: String,
    },
}

/// The hashed section of a document, by its schema and the keys it carries; `None` when the schema has no rule or the
/// section is missing.
#[must_use]
pub fn hashed_section(document: &Json) -> Option<Json> {
    let pick = |keys: &[&str]| {
        let members = keys.iter().map(|key| Some(((*key).to_owned(), document.get(key)?.clone())));
        Some(Json::Object(members.collect::<Option<BTreeMap<_, _>>>()?))
    };
    match document.get("schema").and_then(Json::as_str)? {
        "STRATEGY_BUNDLE_V1" => document.get("strategy").cloned(),
        "LIVE_CYCLE_RECEIPT_V1" => pick(&["bundle", "reco", "ops_summary", "push"]),
        "RECO_REPORT_V1" if document.get("top_picks").is_some() => pick(&["top_picks", "holding_actions"]),
        "RECO_REPORT_V1" => document.get("recommendations").cloned(),
        "ORDER_PLAN_V1" => document.get("orders").cloned(),
        "PORTFOLIO_SNAPSHOT_V1" => document.get("holdings").cloned(),
        "DAILY_OPS_RUN_V1" => match document {
            Json::Object(map) => Some(Json::Object(
                map.iter().filter(|(k, _)| *k != "integrity").map(|(k, v)| (k.clone(), v.clone())).collect(),
            )),
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Float(_) | Json::String(_) | Json::Array(_) => None,
        },
        _ => None,
    }
}

/// The hash that a producer writes: raw form over the hashed section.
#[must_use]
pub fn payload_sha256(document: &Json) -> Option<String> {
    hashed_section(document).map(|section| section.sha256(Text::Raw))
}

/// Recomputes the hash of a document and compares it with the one it states.
#[must_use]
pub fn verify(document: &Json) -> Integrity {
    let stated = document.get("integrity").and_then(|i| i.get("payload_sha256")).and_then(Json::as_str);
    let Some(stated) = stated.filter(|text| is_sha256(text)) else {
        return Integrity::Unproven;
    };
    let Some(section) = hashed_section(document) else {
        return Integrity::Unproven;
    };
    let computed = section.sha256(Text::Raw);
    if stated == computed || stated == section.sha256(Text::Escaped) {
        Integrity::Proven
    } else {
        Integrity::Mismatch { stated: stated.to_owned(), computed }
    }
}

/// Whether a text is 64 lower-case hex digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(document: &str) -> Integrity {
        verify(&Json::parse(document.as_bytes()).expect("valid"))
    }

    #[test]
    fn each_producer_rule_is_recognised() {
        let empty = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
        let korean = Json::String("한글".to_owned());
        let cases = [
            (
                "reco, base form",
                format!(
                    r#"{{"schema":"RECO_REPORT_V1","recommendations":[],"integrity":{{"payload_sha256":"{empty}"}}}}"#
                ),
                true,
            ),
            (
                "plan",
                format!(r#"{{"schema":"ORDER_PLAN_V1","orders":[],"integrity":{{"payload_sha256":"{empty}"}}}}"#),
                true,
            ),
            (
                "reco, later form has another rule",
                format!(
                    r#"{{"schema":"RECO_REPORT_V1","recommendations":[],"top_picks":[],"holding_actions":[],"integrity":{{"payload_sha256":"{empty}"}}}}"#
                ),
                false,
            ),
            (
                "raw form",
                format!(
                    r#"{{"schema":"STRATEGY_BUNDLE_V1","strategy":"한글","integrity":{{"payload_sha256":"{}"}}}}"#,
                    korean.sha256(Text::Raw)
                ),
                true,
            ),
            (
                "escaped form",
                format!(
                    r#"{{"schema":"STRATEGY_BUNDLE_V1","strategy":"한글","integrity":{{"payload_sha256":"{}"}}}}"#,
                    korean.sha256(Text::Escaped)
                ),
                true,
            ),
        ];
        for (name, document, proven) in cases {
            assert_eq!(stated(&document) == Integrity::Proven, proven, "{name}");
        }
    }

    #[test]
    fn without_a_hash_nothing_is_proved() {
        let cases = [
            r#"{"schema":"ORDER_PLAN_V1","orders":[]}"#,
            r#"{"schema":"ORDER_PLAN_V1","orders":[],"integrity":{"payload_sha256":"seed"}}"#,
            r#"{"schema":"ORDER_PLAN_V1","orders":[],"integrity":"x"}"#,
            r#"[]"#,
        ];
        for document in cases {
            assert_eq!(stated(document), Integrity::Unproven, "{document}");
        }
    }
}
