//! The words of a bundle: codes, enumerations, details for people, and nothing personal.

use serde_json::Value;

use super::Findings;
use crate::contracts::reason::is_code;

/// Longest text beside a code.
const DETAIL: usize = 240;

/// Where a bundle has a word of a closed list.
const LISTS: &[(&str, &[&str])] = &[
    ("/strategy/regime/code", &["RISK_ON", "RISK_OFF", "NEUTRAL", "VOLATILE"]),
    ("/strategy/scorer/status", &["OK", "SKIPPED"]),
    ("/strategy/holding_action/status", &["OK", "SKIPPED", "NO_ACTION"]),
    ("/integrity/signed_by", &["PC_LOCAL"]),
    ("/integrity/algorithm", &["HMAC-SHA256", "ed25519"]),
];

/// Words of one item of the holding action.
const ITEM: &[(&str, &[&str])] = &[("action", &["HOLD", "REDUCE", "ADD"]), ("confidence", &["LOW", "MEDIUM", "HIGH"])];

/// Fields that hold what somebody owns.
const PERSONAL: &[&str] = &[
    "portfolio",
    "holdings",
    "positions",
    "quantity",
    "qty",
    "shares",
    "avg_price",
    "average_price",
    "cash",
    "cash_balance",
    "total_value",
    "market_value",
    "current_price",
    "cash_ratio_pct",
    "portfolio_id",
    "account",
    "account_id",
    "account_no",
    "account_number",
];

/// Checks that no field of a document holds what somebody owns.
pub(super) fn personal(file: &str, value: &Value, found: &mut Findings) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                owned(file, key, found);
                personal(file, inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| personal(file, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn owned(file: &str, key: &str, found: &mut Findings) {
    if PERSONAL.contains(&key.to_ascii_lowercase().as_str()) {
        found.add(file, &format!("{key} is personal and never published"));
    }
}

/// Checks every word of the bundle `file`.
pub(super) fn check(file: &str, bundle: &Value, found: &mut Findings) {
    for (pointer, words) in LISTS {
        if let Some(value) = bundle.pointer(pointer) {
            let is_word = value.as_str().is_some_and(|text| words.contains(&text));
            found.require(
                file,
                &format!("{} must be one of {}", pointer.trim_start_matches('/'), words.join(", ")),
                is_word,
            );
        }
    }
    let items = bundle.pointer("/strategy/holding_action/items").and_then(Value::as_array);
    for item in items.into_iter().flatten() {
        for (key, words) in ITEM {
            let is_word = item[key].as_str().is_some_and(|text| words.contains(&text));
            found.require(file, &format!("holding_action.items: {key} must be one of {}", words.join(", ")), is_word);
        }
    }
    fields(file, bundle, found);
}

/// Every field by its name, at every level.
fn fields(file: &str, value: &Value, found: &mut Findings) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                field(file, key, inner, found);
                fields(file, inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(file, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn field(file: &str, key: &str, value: &Value, found: &mut Findings) {
    owned(file, key, found);
    let text = || value.as_str().unwrap_or_default();
    if key == "reason" {
        found.require(file, "every reason must be a code of A-Z, 0-9 and _", is_code(text()));
    }
    if key == "reason_detail" {
        let text = text();
        let plain = value.is_string()
            && !text.contains(['\r', '\n', '\t', '"'])
            && !text.contains("  ")
            && text.chars().count() <= DETAIL;
        let rule =
            "every reason_detail must be one line of at most 240 characters, without double quotes and double blanks";
        found.require(file, rule, plain);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundle() -> Value {
        json!({
            "strategy": {
                "name": "모멘텀",
                "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
                "risk_limits": {"max_position_pct": 0.25},
                "regime": {"code": "NEUTRAL", "reason": "DATA_MISSING", "reason_detail": ""},
                "scorer": {
                    "status": "OK", "reason": "SUCCESS", "reason_detail": "지수 없음",
                    "top_picks": [{"ticker": "069500", "score": 77.5, "reason": "RANK_SCORE", "reason_detail": "a=1/4"}],
                },
                "holding_action": {
                    "status": "OK", "reason": "SUCCESS", "reason_detail": "",
                    "items": [{"ticker": "069500", "action": "ADD", "confidence": "LOW", "reason": "NEW_ENTRY", "reason_detail": ""}],
                },
            },
            "integrity": {"signed_by": "PC_LOCAL", "algorithm": "ed25519"},
        })
    }

    fn found(bundle: &Value) -> Vec<String> {
        let mut found = Findings::default();
        check("b.json", bundle, &mut found);
        found.rows
    }

    #[test]
    fn each_word_has_its_rule() {
        assert_eq!(found(&bundle()), Vec::<String>::new());
        type Edit = fn(&mut Value);
        let cases: [(&str, Edit, &str); 12] = [
            ("regime", |b| b["strategy"]["regime"]["code"] = "UP".into(), "regime/code"),
            ("regime, a number", |b| b["strategy"]["regime"]["code"] = 1.into(), "regime/code"),
            ("scorer", |b| b["strategy"]["scorer"]["status"] = "ok".into(), "scorer/status"),
            ("holding action", |b| b["strategy"]["holding_action"]["status"] = "".into(), "holding_action/status"),
            ("action", |b| b["strategy"]["holding_action"]["items"][0]["action"] = "BUY".into(), "action must be"),
            ("confidence", |b| b["strategy"]["holding_action"]["items"][0]["confidence"] = "SURE".into(), "confidence"),
            ("reason", |b| b["strategy"]["scorer"]["top_picks"][0]["reason"] = "it is good".into(), "reason must"),
            ("reason missing", |b| b["strategy"]["scorer"]["reason"] = Value::Null, "reason must"),
            ("line break", |b| b["strategy"]["scorer"]["reason_detail"] = "a\nb".into(), "reason_detail"),
            ("too long", |b| b["strategy"]["scorer"]["reason_detail"] = "가".repeat(241).into(), "reason_detail"),
            ("signed by", |b| b["integrity"]["signed_by"] = "ME".into(), "signed_by"),
            ("holdings", |b| b["strategy"]["portfolio"] = json!({"cash": 1}), "personal"),
        ];
        for (name, edit, want) in cases {
            let mut bundle = bundle();
            edit(&mut bundle);
            let found = found(&bundle);
            assert!(found.iter().any(|row| row.contains(want)), "{name}: {found:?}");
        }
    }
}
