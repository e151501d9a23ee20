//! The keys, types and ranges that a bundle must have, one row per rule.

use crate::contracts::json::Json;

const TOP: &[&str] =
    &["schema", "bundle_id", "created_at", "source", "strategy", "compat", "evidence_refs", "integrity"];

const SECTIONS: &[(&str, &[&str])] = &[
    ("source", &["pc_host", "git_commit", "git_branch", "active_surface_sha256"]),
    (
        "strategy",
        &[
            "name",
            "version",
            "universe",
            "lookbacks",
            "rebalance_rule",
            "risk_limits",
            "position_limits",
            "decision_params",
        ],
    ),
    ("compat", &["min_oci_version", "expected_python"]),
    ("integrity", &["payload_sha256", "signed_by", "algorithm"]),
];

/// What a value must be.
enum Rule {
    /// Text that is not empty.
    Text,
    /// An integer token within bounds.
    Integer(i64, i64),
    /// Any number within closed bounds.
    Number(f64, f64),
    /// Any number between open bounds.
    Between(f64, f64),
    /// One of the words.
    OneOf(&'static [&'static str]),
    /// `HH:MM`.
    TimeOfDay,
}

const VALUES: &[(&str, &str, Rule)] = &[
    ("lookbacks", "momentum_period", Rule::Integer(2, 250)),
    ("lookbacks", "volatility_period", Rule::Integer(2, 250)),
    ("rebalance_rule", "frequency", Rule::OneOf(&["DAILY", "WEEKLY", "MONTHLY"])),
    ("rebalance_rule", "time_kst", Rule::TimeOfDay),
    ("risk_limits", "max_position_pct", Rule::Number(0.0, 1.0)),
    ("risk_limits", "max_drawdown_pct", Rule::Number(0.0, 1.0)),
    ("position_limits", "max_positions", Rule::Integer(1, 50)),
    ("position_limits", "min_cash_pct", Rule::Number(0.0, 1.0)),
    ("decision_params", "entry_threshold", Rule::Number(-0.5, 0.5)),
    ("decision_params", "exit_threshold", Rule::Between(-1.0, 0.0)),
    ("decision_params", "adx_filter_min", Rule::Number(0.0, 100.0)),
];

/// The first group of checks: without all keys and the right schema nothing further is looked at.
pub(super) fn missing_keys(bundle: &Json) -> Vec<String> {
    let missing = |object: &Json, prefix: &str, keys: &[&str]| -> Vec<String> {
        keys.iter().filter(|key| object.get(key).is_none()).map(|key| format!("KEY_MISSING: {prefix}{key}")).collect()
    };
    let mut issues = missing(bundle, "", TOP);
    if !issues.is_empty() {
        return issues;
    }
    match bundle.get("schema").and_then(Json::as_str) {
        Some(super::BUNDLE_SCHEMA) => {}
        found => {
            return vec![format!("SCHEMA_WRONG: {}, expected {}", found.unwrap_or("no text"), super::BUNDLE_SCHEMA)];
        }
    }
    for (section, keys) in SECTIONS {
        let Some(object) = bundle.get(section) else { continue };
        if object.is_object() {
            issues.extend(missing(object, &format!("{section}."), keys));
        } else {
            issues.push(format!("TYPE_WRONG: {section} is no object"));
        }
    }
    issues
}

/// Types and ranges of what the host acts on.
pub(super) fn bad_values(bundle: &Json) -> Vec<String> {
    let mut issues = Vec::new();
    for key in ["bundle_id", "created_at"] {
        if bundle.get(key).and_then(Json::as_str).is_none() {
            issues.push(format!("TYPE_WRONG: {key} is no text"));
        }
    }
    let Some(strategy) = bundle.get("strategy") else { return issues };
    for key in ["name", "version"] {
        issues.extend(broken(&Rule::Text, strategy.get(key), &format!("strategy.{key}")));
    }
    issues.extend(bad_universe(strategy.get("universe")));
    for (section, key, rule) in VALUES {
        let value = strategy.get(section).and_then(|s| s.get(key));
        issues.extend(broken(rule, value, &format!("strategy.{section}.{key}")));
    }
    issues
}

/// Refs inside a bundle are shown, never followed; they must not even look like a way out of the workspace.
pub(super) fn unsafe_refs(bundle: &Json) -> Vec<String> {
    let Some(refs) = bundle.get("evidence_refs").and_then(Json::as_array) else {
        return vec!["TYPE_WRONG: evidence_refs is no list".to_owned()];
    };
    refs.iter()
        .filter_map(|item| match item.as_str() {
            None => Some("EVIDENCE_REF_UNSAFE: a ref is no text".to_owned()),
            Some(text) => is_unsafe(text).then(|| format!("EVIDENCE_REF_UNSAFE: {}", text.escape_debug())),
        })
        .collect()
}

fn is_unsafe(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let drive = text.as_bytes().get(1) == Some(&b':') && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    text.is_empty()
        || drive
        || text.starts_with('/')
        || text.chars().any(char::is_control)
        || ["..", "\\", "//", "%2e", "%2f", "%5c", "%00"].iter().any(|token| lower.contains(token))
        || ["json:", "file:", "http:", "https:"].iter().any(|scheme| lower.starts_with(scheme))
}

fn bad_universe(universe: Option<&Json>) -> Vec<String> {
    let Some(items) = universe.and_then(Json::as_array) else {
        return vec!["TYPE_WRONG: strategy.universe is no list".to_owned()];
    };
    let mut issues = Vec::new();
    if !(1..=50).contains(&items.len()) {
        issues.push(format!("RANGE: strategy.universe has {} tickers, 1 to 50 are allowed", items.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        let ticker = item.as_str().unwrap_or_default();
        let well_formed = ticker.len() == 6 && ticker.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if !well_formed {
            issues.push(format!("TICKER_WRONG: {}", item.canonical(crate::contracts::json::Text::Raw)));
        } else if !seen.insert(ticker) {
            issues.push(format!("TICKER_TWICE: {ticker}"));
        }
    }
    issues
}

fn broken(rule: &Rule, value: Option<&Json>, name: &str) -> Option<String> {
    let Some(value) = value else {
        return Some(format!("KEY_MISSING: {name}"));
    };
    let number = value.as_number();
    let (holds, wanted) = match rule {
        Rule::Text => (value.as_str().is_some_and(|t| !t.trim().is_empty()), "text".to_owned()),
        Rule::Integer(min, max) => {
            (value.as_integer().is_some_and(|n| (*min..=*max).contains(&n)), format!("an integer from {min} to {max}"))
        }
        Rule::Number(min, max) => {
            (number.is_some_and(|n| (*min..=*max).contains(&n)), format!("a number from {min} to {max}"))
        }
        Rule::Between(min, max) => {
            (number.is_some_and(|n| n > *min && n < *max), format!("a number between {min} and {max}"))
        }
        Rule::OneOf(words) => {
            (value.as_str().is_some_and(|t| words.contains(&t)), format!("one of {}", words.join(", ")))
        }
        Rule::TimeOfDay => (value.as_str().is_some_and(is_time_of_day), "a time HH:MM".to_owned()),
    };
    (!holds)
        .then(|| format!("RANGE: {name} is {}, must be {wanted}", value.canonical(crate::contracts::json::Text::Raw)))
}

fn is_time_of_day(text: &str) -> bool {
    let Some((hours, minutes)) = text.split_once(':') else { return false };
    let part = |text: &str, max: u32| text.len() == 2 && text.parse::<u32>().is_ok_and(|n| n <= max);
    part(hours, 23) && part(minutes, 59)
}
