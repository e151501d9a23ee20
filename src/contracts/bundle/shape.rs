//! The keys, types and ranges that a bundle must have, one row per rule.

use std::collections::BTreeSet;

use crate::contracts::json::Json;
use crate::contracts::json::Text;

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
    /// `YYYY-MM-DD`.
    Date,
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

/// A section of signals. It may be missing; once it is there it must be sound, or damage would read as "no signal".
struct Signals {
    section: &'static str,
    statuses: &'static [&'static str],
    list: &'static str,
    rows: Rows,
}

/// What the rows of a section name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Tickers of the universe.
    Picks,
    /// An action for any ticker.
    Actions,
}

const SIGNALS: &[Signals] = &[
    Signals { section: "scorer", statuses: &["OK", "SKIPPED"], list: "top_picks", rows: Rows::Picks },
    Signals {
        section: "holding_action",
        statuses: &["OK", "SKIPPED", "NO_ACTION"],
        list: "items",
        rows: Rows::Actions,
    },
];

const ACTIONS: &[&str] = &["BUY", "SELL", "HOLD", "ADD", "REDUCE"];

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
    if bundle.get("bundle_id").and_then(Json::as_str).is_some_and(|id| id.trim().is_empty()) {
        issues.push("RANGE: bundle_id is empty".to_owned());
    }
    for (section, keys) in SECTIONS.iter().filter(|(section, _)| *section != "strategy") {
        for key in *keys {
            let text = bundle.get(section).and_then(|object| object.get(key)).and_then(Json::as_str);
            if text.is_none() {
                issues.push(format!("TYPE_WRONG: {section}.{key} is no text"));
            }
        }
    }
    if let Some(strategy) = bundle.get("strategy") {
        issues.extend(strategy_issues(strategy));
    }
    issues
}

/// What is wrong with the values of a strategy section: one text for each, with the field, its value and the rule.
#[must_use]
pub fn strategy_issues(strategy: &Json) -> Vec<String> {
    let mut issues = Vec::new();
    for key in ["name", "version"] {
        issues.extend(broken(&Rule::Text, strategy.get(key), &format!("strategy.{key}")));
    }
    issues.extend(bad_universe(strategy.get("universe")));
    for (section, key, rule) in VALUES {
        let value = strategy.get(section).and_then(|s| s.get(key));
        // Without it the gate's own threshold holds.
        if value.is_some() || *key != "adx_filter_min" {
            issues.extend(broken(rule, value, &format!("strategy.{section}.{key}")));
        }
    }
    for signals in SIGNALS {
        issues.extend(bad_signals(signals, strategy));
    }
    issues.extend(bad_regime(strategy));
    issues.extend(bad_prices(strategy));
    issues
}

const REGIMES: &[&str] = &["RISK_ON", "RISK_OFF", "NEUTRAL", "VOLATILE"];

fn bad_regime(strategy: &Json) -> Vec<String> {
    let Some(regime) = present(strategy, "regime") else { return Vec::new() };
    if !regime.is_object() {
        return vec!["TYPE_WRONG: strategy.regime is no object".to_owned()];
    }
    let code = broken(&Rule::OneOf(REGIMES), regime.get("code"), "strategy.regime.code");
    code.into_iter().chain(bad_reason(regime, "strategy.regime")).collect()
}

/// An order's size comes from these closes: a price that is none must not get that far.
fn bad_prices(strategy: &Json) -> Vec<String> {
    let scorer = present(strategy, "scorer").filter(|scorer| scorer.is_object());
    let Some(prices) = scorer.and_then(|scorer| present(scorer, "prices")) else { return Vec::new() };
    let Json::Object(prices) = prices else {
        return vec!["TYPE_WRONG: strategy.scorer.prices is no object".to_owned()];
    };
    let universe = strategy.get("universe").and_then(Json::as_array).unwrap_or_default();
    let mut issues = Vec::new();
    for (ticker, point) in prices {
        let name = format!("strategy.scorer.prices.{}", ticker.escape_debug());
        if !universe.iter().any(|member| member.as_str() == Some(ticker)) {
            issues.push(format!("TICKER_UNKNOWN: {name} is not in strategy.universe"));
        }
        issues.extend(broken(&Rule::Between(0.0, 1e9), point.get("close"), &format!("{name}.close")));
        issues.extend(broken(&Rule::Date, point.get("date"), &format!("{name}.date")));
    }
    issues
}

/// A section with null in its place counts as missing.
fn bad_signals(signals: &Signals, strategy: &Json) -> Vec<String> {
    let name = format!("strategy.{}", signals.section);
    let Some(section) = present(strategy, signals.section) else { return Vec::new() };
    if !section.is_object() {
        return vec![format!("TYPE_WRONG: {name} is no object")];
    }
    let mut issues = Vec::new();
    issues.extend(broken(&Rule::OneOf(signals.statuses), section.get("status"), &format!("{name}.status")));
    issues.extend(bad_reason(section, &name));
    let list = format!("{name}.{}", signals.list);
    let Some(rows) = section.get(signals.list).and_then(Json::as_array) else {
        issues.push(format!("TYPE_WRONG: {list} is no list"));
        return issues;
    };
    let universe = strategy.get("universe").and_then(Json::as_array).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let name = format!("{list}[{index}]");
        if !row.is_object() {
            issues.push(format!("TYPE_WRONG: {name} is no object"));
            continue;
        }
        match row.get("ticker").and_then(Json::as_str).filter(|ticker| is_ticker(ticker)) {
            None => issues.push(format!("TICKER_WRONG: {name}.ticker")),
            Some(ticker) if !seen.insert(ticker) => issues.push(format!("TICKER_TWICE: {name}.ticker is {ticker}")),
            Some(ticker) if signals.rows == Rows::Picks && !universe.iter().any(|t| t.as_str() == Some(ticker)) => {
                issues.push(format!("TICKER_UNKNOWN: {name}.ticker is {ticker}, not in strategy.universe"));
            }
            Some(_) => {}
        }
        if signals.rows == Rows::Actions {
            issues.extend(broken(&Rule::OneOf(ACTIONS), row.get("action"), &format!("{name}.action")));
        }
        if let Some(weight) = present(row, "weight_pct") {
            issues.extend(broken(&Rule::Number(0.0, 1.0), Some(weight), &format!("{name}.weight_pct")));
        }
        issues.extend(bad_reason(row, &name));
    }
    issues
}

/// A code of capitals, digits and underscores, when there is one.
fn bad_reason(object: &Json, name: &str) -> Option<String> {
    let reason = present(object, "reason")?;
    let is_code = reason.as_str().is_some_and(|text| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    });
    (!is_code).then(|| format!("CODE_WRONG: {name}.reason is {}", reason.canonical(Text::Raw)))
}

fn present<'a>(object: &'a Json, key: &str) -> Option<&'a Json> {
    object.get(key).filter(|value| !matches!(value, Json::Null))
}

fn is_ticker(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
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
    let mut seen = BTreeSet::new();
    for item in items {
        let ticker = item.as_str().unwrap_or_default();
        if !is_ticker(ticker) {
            issues.push(format!("TICKER_WRONG: {}", item.canonical(Text::Raw)));
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
        Rule::Date => (value.as_str().is_some_and(is_date), "a date YYYY-MM-DD".to_owned()),
        Rule::TimeOfDay => (value.as_str().is_some_and(is_time_of_day), "a time HH:MM".to_owned()),
    };
    (!holds).then(|| format!("RANGE: {name} is {}, must be {wanted}", value.canonical(Text::Raw)))
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn is_time_of_day(text: &str) -> bool {
    let Some((hours, minutes)) = text.split_once(':') else { return false };
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let part = |text: &str, max: u32| digits(text) && text.parse::<u32>().is_ok_and(|n| n <= max);
    part(hours, 23) && part(minutes, 59)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about a strategy with these two sections.
    fn said(scorer: &str, holding_action: &str) -> String {
        let text = format!(r#"{{"universe":["069500","229200"],"scorer":{scorer},"holding_action":{holding_action}}}"#);
        let strategy = Json::parse(text.as_bytes()).expect("valid");
        SIGNALS.iter().flat_map(|signals| bad_signals(signals, &strategy)).collect::<Vec<_>>().join("; ")
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row per defect")]
    fn a_section_of_signals_is_missing_or_sound() {
        let scorer = |rows: &str| format!(r#"{{"status":"OK","reason":"SUCCESS","top_picks":{rows}}}"#);
        let action = |rows: &str| format!(r#"{{"status":"OK","reason":"SUCCESS","items":{rows}}}"#);
        let null = || "null".to_owned();
        let cases = [
            ("both null", null(), null(), ""),
            ("a pick", scorer(r#"[{"ticker":"069500","score":1,"reason":"RANK_SCORE"}]"#), null(), ""),
            ("skipped", r#"{"status":"SKIPPED","reason":"DATA_MISSING","top_picks":[]}"#.to_owned(), null(), ""),
            ("an action outside", null(), action(r#"[{"ticker":"005930","action":"HOLD","weight_pct":null}]"#), ""),
            ("no action", null(), r#"{"status":"NO_ACTION","items":[]}"#.to_owned(), ""),
            ("weights", null(), action(r#"[{"ticker":"005930","action":"ADD","weight_pct":1}]"#), ""),
            ("a list", "[]".to_owned(), null(), "TYPE_WRONG: strategy.scorer is no object"),
            ("a word", null(), r#""OK""#.to_owned(), "TYPE_WRONG: strategy.holding_action is no object"),
            ("no status", r#"{"top_picks":[]}"#.to_owned(), null(), "KEY_MISSING: strategy.scorer.status"),
            ("lower case", r#"{"status":"ok","top_picks":[]}"#.to_owned(), null(), "RANGE: strategy.scorer.status"),
            (
                "the status of the other",
                r#"{"status":"NO_ACTION","top_picks":[]}"#.to_owned(),
                null(),
                "RANGE: strategy.scorer.status",
            ),
            (
                "status a number",
                null(),
                r#"{"status":1,"items":[]}"#.to_owned(),
                "RANGE: strategy.holding_action.status",
            ),
            ("no list", r#"{"status":"OK"}"#.to_owned(), null(), "TYPE_WRONG: strategy.scorer.top_picks is no list"),
            ("rows an object", null(), action("{}"), "TYPE_WRONG: strategy.holding_action.items is no list"),
            ("a row no object", scorer("[7]"), null(), "TYPE_WRONG: strategy.scorer.top_picks[0] is no object"),
            ("no ticker", scorer("[{}]"), null(), "TICKER_WRONG: strategy.scorer.top_picks[0].ticker"),
            (
                "a short ticker",
                scorer(r#"[{"ticker":"69500"}]"#),
                null(),
                "TICKER_WRONG: strategy.scorer.top_picks[0].ticker",
            ),
            (
                "a pick outside",
                scorer(r#"[{"ticker":"005930"}]"#),
                null(),
                "TICKER_UNKNOWN: strategy.scorer.top_picks[0].ticker is 005930",
            ),
            (
                "a pick twice",
                scorer(r#"[{"ticker":"069500"},{"ticker":"069500"}]"#),
                null(),
                "TICKER_TWICE: strategy.scorer.top_picks[1].ticker",
            ),
            (
                "no action word",
                null(),
                action(r#"[{"ticker":"005930"}]"#),
                "KEY_MISSING: strategy.holding_action.items[0].action",
            ),
            (
                "another action",
                null(),
                action(r#"[{"ticker":"005930","action":"DANCE"}]"#),
                "RANGE: strategy.holding_action.items[0].action",
            ),
            (
                "a weight too large",
                null(),
                action(r#"[{"ticker":"005930","action":"ADD","weight_pct":1.01}]"#),
                "RANGE: strategy.holding_action.items[0].weight_pct",
            ),
            (
                "a weight as text",
                null(),
                action(r#"[{"ticker":"005930","action":"ADD","weight_pct":"0.5"}]"#),
                "RANGE: strategy.holding_action.items[0].weight_pct",
            ),
            (
                "a reason with text",
                r#"{"status":"OK","reason":"SUCCESS: 4","top_picks":[]}"#.to_owned(),
                null(),
                "CODE_WRONG: strategy.scorer.reason",
            ),
            (
                "a row's reason a number",
                scorer(r#"[{"ticker":"069500","reason":7}]"#),
                null(),
                "CODE_WRONG: strategy.scorer.top_picks[0].reason",
            ),
        ];
        for (name, scorer, action, want) in cases {
            let said = said(&scorer, &action);
            assert_eq!(said.is_empty(), want.is_empty(), "{name}: {said}");
            assert!(said.starts_with(want), "{name}: {said}");
            assert!(!said.contains(';'), "{name}: one defect, one issue: {said}");
        }
    }

    #[test]
    fn regime_and_prices_are_missing_or_sound() {
        let cases = [
            ("none", "null", "null", ""),
            ("a regime", r#"{"code":"RISK_ON","reason":"ABOVE_MA200_STRONG"}"#, "null", ""),
            ("a word", r#""RISK_ON""#, "null", "TYPE_WRONG: strategy.regime is no object"),
            ("no code", "{}", "null", "KEY_MISSING: strategy.regime.code"),
            ("another code", r#"{"code":"BULL"}"#, "null", "RANGE: strategy.regime.code"),
            ("a text", r#"{"code":"RISK_ON","reason":"up!"}"#, "null", "CODE_WRONG: strategy.regime.reason"),
            ("a price", "null", r#"{"069500":{"close":60720,"date":"2026-11-20"}}"#, ""),
            ("no prices", "null", "{}", ""),
            ("a list", "null", "[]", "TYPE_WRONG: strategy.scorer.prices is no object"),
            (
                "outside",
                "null",
                r#"{"005930":{"close":1,"date":"2026-11-20"}}"#,
                "TICKER_UNKNOWN: strategy.scorer.prices.005930",
            ),
            (
                "zero",
                "null",
                r#"{"069500":{"close":0,"date":"2026-11-20"}}"#,
                "RANGE: strategy.scorer.prices.069500.close",
            ),
            (
                "a text for a close",
                "null",
                r#"{"069500":{"close":"1","date":"2026-11-20"}}"#,
                "RANGE: strategy.scorer.prices.069500.close",
            ),
            ("no day", "null", r#"{"069500":{"close":1}}"#, "KEY_MISSING: strategy.scorer.prices.069500.date"),
            (
                "no such day",
                "null",
                r#"{"069500":{"close":1,"date":"2026-02-30"}}"#,
                "RANGE: strategy.scorer.prices.069500.date",
            ),
            (
                "a number",
                "null",
                r#"{"069500":{"close":1,"date":20261120}}"#,
                "RANGE: strategy.scorer.prices.069500.date",
            ),
        ];
        for (name, regime, prices, want) in cases {
            let text = format!(r#"{{"universe":["069500"],"regime":{regime},"scorer":{{"prices":{prices}}}}}"#);
            let strategy = Json::parse(text.as_bytes()).expect("valid");
            let said: Vec<String> = bad_regime(&strategy).into_iter().chain(bad_prices(&strategy)).collect();
            assert_eq!(said.is_empty(), want.is_empty(), "{name}: {said:?}");
            assert!(said.iter().all(|issue| issue.starts_with(want)), "{name}: {said:?}");
        }
    }

    #[test]
    fn every_real_bundle_has_sound_values() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci");
        let mut directories = vec![std::path::PathBuf::from(root)];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if entry.file_name().to_string_lossy().starts_with("strategy_bundle_20")
                    || path.ends_with("strategy_bundle/latest/strategy_bundle_latest.json")
                {
                    let bundle = Json::parse(&std::fs::read(&path).expect("readable")).expect("valid");
                    assert_eq!(missing_keys(&bundle), Vec::<String>::new(), "{}", path.display());
                    assert_eq!(bad_values(&bundle), Vec::<String>::new(), "{}", path.display());
                }
            }
        }
    }
}
