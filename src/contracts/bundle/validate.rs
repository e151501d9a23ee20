//! The validator: file, keys, values, refs, hash, signature, age, in this order.

use serde::Deserialize;
use serde::Serialize;

use super::age::Age;
use super::age::Staleness;
use super::age::judge;
use super::shape;
use super::signature::Algorithm;
use super::signature::VerifyingKey;
use super::signature::message;
use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::verify;
use crate::contracts::json::Json;
use crate::time::KstTime;
use crate::time::Stamp;

/// What the host accepts.
#[derive(Clone, Debug)]
pub struct BundlePolicy {
    /// Oldest bundle that counts as fresh, in seconds.
    pub max_age_seconds: u64,
    /// What else keeps a bundle fresh.
    pub staleness: Staleness,
    /// Whether a bundle without a proved origin is a warning instead of a failure.
    pub allow_unsigned: bool,
    /// Algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// Keys that are accepted; several while a key is being changed.
    pub keys: Vec<VerifyingKey>,
}

impl Default for BundlePolicy {
    fn default() -> Self {
        Self {
            max_age_seconds: 86_400,
            staleness: Staleness::Sessions,
            allow_unsigned: false,
            algorithms: vec![Algorithm::HmacSha256, Algorithm::Ed25519],
            keys: Vec::new(),
        }
    }
}

/// The answer about a bundle as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BundleDecision {
    /// Nothing to say against it.
    Pass,
    /// Valid, with a warning: stale, unsigned but allowed.
    Warn,
    /// Not to be used.
    Fail,
    /// There is no file.
    NoBundle,
}

impl BundleDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::NoBundle => "NO_BUNDLE",
        }
    }
}

/// What is known about a bundle after all checks. Every consumer shows and uses this one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// PASS, WARN, FAIL or NO_BUNDLE.
    pub decision: BundleDecision,
    /// Whether the content may be used at all.
    pub valid: bool,
    /// Whether it is too old, or of unknown age, or invalid.
    pub stale: bool,
    /// Why it is stale.
    pub stale_reason: Option<String>,
    /// Whole seconds since `created_at`, when that is a time.
    pub age_seconds: Option<i64>,
    /// The bundle's id.
    pub bundle_id: Option<String>,
    /// When it was made, as written.
    pub created_at: Option<Stamp>,
    /// The strategy's name.
    pub strategy_name: Option<String>,
    /// The strategy's version.
    pub strategy_version: Option<String>,
    /// What makes it invalid, each starting with a code.
    pub issues: Vec<String>,
    /// What is to be looked at, each starting with a code.
    pub warnings: Vec<String>,
    /// Whether a key that the host knows signed it.
    pub signature_verified: bool,
}

impl Validation {
    /// Whether the bundle may be acted on: valid and fresh.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.valid && !self.stale
    }

    /// The answer when nothing could be checked: a failure with one issue, whatever was known so far.
    #[must_use]
    pub fn unverifiable(self, issue: String) -> Self {
        Self {
            decision: BundleDecision::Fail,
            valid: false,
            stale: true,
            stale_reason: Some("VALIDATION_FAIL".to_owned()),
            issues: vec![issue],
            warnings: Vec::new(),
            signature_verified: false,
            ..self
        }
    }

    fn of(decision: BundleDecision, bundle: Option<&Json>) -> Self {
        let text = |key: &str| bundle.and_then(|b| b.get(key)).and_then(Json::as_str).map(str::to_owned);
        let strategy = |key: &str| {
            bundle.and_then(|b| b.get("strategy")).and_then(|s| s.get(key)).and_then(Json::as_str).map(str::to_owned)
        };
        Self {
            decision,
            valid: false,
            stale: true,
            stale_reason: None,
            age_seconds: None,
            bundle_id: text("bundle_id"),
            created_at: text("created_at").as_deref().map(Stamp::from),
            strategy_name: strategy("name"),
            strategy_version: strategy("version"),
            issues: Vec::new(),
            warnings: Vec::new(),
            signature_verified: false,
        }
    }

    fn failed(bundle: Option<&Json>, issues: Vec<String>) -> Self {
        let stale_reason = Some("VALIDATION_FAIL".to_owned());
        Self { issues, stale_reason, ..Self::of(BundleDecision::Fail, bundle) }
    }
}

/// Validates the bytes of a bundle's file; `None` means that there is no file.
#[must_use]
pub fn validate(bytes: Option<&[u8]>, policy: &BundlePolicy, now: KstTime) -> Validation {
    let Some(bytes) = bytes else {
        return Validation {
            issues: vec!["NO_BUNDLE_YET".to_owned()],
            stale_reason: Some("NO_BUNDLE".to_owned()),
            ..Validation::of(BundleDecision::NoBundle, None)
        };
    };
    let bundle = match Json::parse(bytes) {
        Ok(json) if json.is_object() => json,
        Ok(_) => return Validation::failed(None, vec!["JSON_PARSE_ERROR: not a JSON object".to_owned()]),
        Err(fault) => return Validation::failed(None, vec![format!("JSON_PARSE_ERROR: {fault}")]),
    };
    let missing = shape::missing_keys(&bundle);
    if !missing.is_empty() {
        return Validation::failed(Some(&bundle), missing);
    }
    let mut issues = shape::bad_values(&bundle);
    issues.extend(shape::unsafe_refs(&bundle));
    issues.extend(hash_issue(&bundle));
    let mut found = Validation::of(BundleDecision::Pass, Some(&bundle));
    match signature(&bundle, policy) {
        Signature::Verified => found.signature_verified = true,
        Signature::Tolerated(warning) => found.warnings.push(warning),
        Signature::Refused(issue) => issues.push(issue),
    }
    let created_at = found.created_at.clone().unwrap_or_default();
    match judge(&created_at, policy.max_age_seconds, policy.staleness, now) {
        Age::Fresh { seconds, near_limit } => {
            found.stale = false;
            found.age_seconds = Some(seconds);
            if near_limit {
                found.warnings.push("AGE_NEAR_LIMIT: over 80 % of the allowed age is used".to_owned());
            }
        }
        Age::Stale { seconds, detail } => {
            found.age_seconds = Some(seconds);
            found.stale_reason = Some(format!("AGE_OVER_LIMIT: {detail}"));
            found.warnings.push(format!("BUNDLE_STALE: {detail}"));
        }
        Age::Unknown(code) => {
            found.stale_reason = Some(code.to_owned());
            found.warnings.push(code.to_owned());
        }
        Age::Future { ahead } => {
            found.age_seconds = Some(-ahead);
            issues.push(format!("CREATED_AT_IN_FUTURE: {ahead} s ahead, 300 s are tolerated"));
        }
    }
    if !issues.is_empty() {
        return Validation { age_seconds: found.age_seconds, ..Validation::failed(Some(&bundle), issues) };
    }
    found.valid = true;
    // An age near its limit is told to the operator, but the bundle is still a plain PASS.
    if found.stale || found.warnings.iter().any(|w| !w.starts_with("AGE_NEAR_LIMIT")) {
        found.decision = BundleDecision::Warn;
    }
    found
}

fn hash_issue(bundle: &Json) -> Option<String> {
    let short = |text: &str| text.chars().take(16).collect::<String>();
    match verify(bundle) {
        Integrity::Proven => None,
        Integrity::Unproven => Some("PAYLOAD_SHA256_MISSING: not 64 lower-case hex digits".to_owned()),
        Integrity::Mismatch { stated, computed } => {
            Some(format!("PAYLOAD_SHA256_MISMATCH: expected={}..., computed={}...", short(&stated), short(&computed)))
        }
    }
}

enum Signature {
    Verified,
    Tolerated(String),
    Refused(String),
}

fn signature(bundle: &Json, policy: &BundlePolicy) -> Signature {
    let integrity = |key: &str| bundle.get("integrity").and_then(|i| i.get(key)).and_then(Json::as_str);
    let tolerate = |code: &str, why: &str| {
        let text = format!("{code}: {why}");
        if policy.allow_unsigned { Signature::Tolerated(text) } else { Signature::Refused(text) }
    };
    let signature = integrity("signature").filter(|text| !text.is_empty() && !text.starts_with("auto-"));
    if policy.keys.is_empty() {
        let code = if policy.allow_unsigned { "SIGNATURE_UNVERIFIED" } else { "SIGNATURE_KEY_MISSING" };
        return tolerate(code, "this host has no key to check a signature with");
    }
    let Some(signature) = signature else {
        return tolerate("SIGNATURE_INVALID", "the bundle is not signed");
    };
    let Some(algorithm) = integrity("algorithm").and_then(Algorithm::parse) else {
        return Signature::Refused("SIGNATURE_ALGORITHM: unknown algorithm".to_owned());
    };
    if !policy.algorithms.contains(&algorithm) {
        return Signature::Refused(format!("SIGNATURE_ALGORITHM: {} is not accepted here", algorithm.as_str()));
    }
    let text = |key: &str| bundle.get(key).and_then(Json::as_str).unwrap_or_default();
    let signed = message(text("bundle_id"), text("created_at"), integrity("payload_sha256").unwrap_or_default());
    let known = policy.keys.iter().filter(|key| key.algorithm() == algorithm);
    if known.into_iter().any(|key| key.verifies(&signed, signature)) {
        Signature::Verified
    } else {
        // A wrong signature is a forgery until proved otherwise: no setting tolerates it.
        Signature::Refused("SIGNATURE_INVALID: no key of this host made this signature".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::SigningKey;
    use crate::contracts::integrity::payload_sha256;

    const NOW: &str = "2026-11-20T20:00:00+09:00";

    fn now() -> KstTime {
        Stamp::from(NOW).instant().expect("a time")
    }

    fn key() -> SigningKey {
        SigningKey::hmac(b"test-key-do-not-use").expect("long enough")
    }

    fn policy() -> BundlePolicy {
        BundlePolicy { keys: vec![key().verifying()], ..BundlePolicy::default() }
    }

    /// A valid bundle, changed by `edit`, hashed and signed afterwards.
    fn bundle(edit: impl Fn(&mut serde_json::Value)) -> serde_json::Value {
        let mut doc = serde_json::json!({
            "schema": "STRATEGY_BUNDLE_V1",
            "bundle_id": "206c5ca5-6baf-4d97-8483-c32e0fd5411c",
            "created_at": "2026-11-20T19:00:00+09:00",
            "source": {"pc_host": "PC", "git_commit": "f614fdd0", "git_branch": "main", "active_surface_sha256": "unknown"},
            "strategy": {
                "name": "KRX_MOMENTUM_V1", "version": "1.0.0", "universe": ["069500", "229200"],
                "lookbacks": {"momentum_period": 20, "volatility_period": 14},
                "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
                "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
                "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
                "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
            },
            "compat": {"min_oci_version": "1.49", "expected_python": "3.10+"},
            "evidence_refs": ["reports/backtest/latest/backtest_result.json"],
            "integrity": {"payload_sha256": "", "signed_by": "PC_LOCAL", "signature": "", "algorithm": "HMAC-SHA256"},
        });
        edit(&mut doc);
        if let Some(sha) = payload_sha256(&Json::of(&doc).expect("valid")) {
            let text = |key: &str| doc[key].as_str().unwrap_or_default().to_owned();
            let signature = key().sign(&message(&text("bundle_id"), &text("created_at"), &sha));
            if let Some(integrity) = doc["integrity"].as_object_mut() {
                integrity.insert("payload_sha256".to_owned(), sha.into());
                integrity.insert("signature".to_owned(), signature.into());
            }
        }
        doc
    }

    fn check(doc: &serde_json::Value, policy: &BundlePolicy) -> Validation {
        validate(Some(doc.to_string().as_bytes()), policy, now())
    }

    #[test]
    fn a_signed_fresh_bundle_passes() {
        let found = check(&bundle(|_| ()), &policy());
        assert_eq!((found.decision, found.valid, found.stale), (BundleDecision::Pass, true, false), "{found:?}");
        assert!(found.signature_verified);
        assert_eq!(found.age_seconds, Some(3600));
        assert_eq!(found.strategy_name.as_deref(), Some("KRX_MOMENTUM_V1"));
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row per rule")]
    fn every_rule_of_the_shape_is_enforced() {
        type Edit = fn(&mut serde_json::Value);
        let cases: [(&str, Edit, &str); 28] = [
            (
                "time with signs",
                |d| d["strategy"]["rebalance_rule"]["time_kst"] = "+9:+5".into(),
                "RANGE: strategy.rebalance_rule.time_kst",
            ),
            ("empty id", |d| d["bundle_id"] = "".into(), "RANGE: bundle_id"),
            ("source value null", |d| d["source"]["pc_host"] = serde_json::Value::Null, "TYPE_WRONG: source.pc_host"),
            (
                "compat value a list",
                |d| d["compat"]["min_oci_version"] = serde_json::json!([]),
                "TYPE_WRONG: compat.min_oci_version",
            ),
            ("no strategy", |d| drop(d.as_object_mut().map(|o| o.remove("strategy"))), "KEY_MISSING: strategy"),
            ("schema", |d| d["schema"] = "X".into(), "SCHEMA_WRONG"),
            ("source no object", |d| d["source"] = 7.into(), "TYPE_WRONG: source"),
            (
                "no pc_host",
                |d| drop(d["source"].as_object_mut().map(|o| o.remove("pc_host"))),
                "KEY_MISSING: source.pc_host",
            ),
            ("no compat key", |d| d["compat"] = serde_json::json!({}), "KEY_MISSING: compat.min_oci_version"),
            (
                "no lookbacks",
                |d| drop(d["strategy"].as_object_mut().map(|o| o.remove("lookbacks"))),
                "KEY_MISSING: strategy.lookbacks",
            ),
            (
                "period too short",
                |d| d["strategy"]["lookbacks"]["momentum_period"] = 1.into(),
                "RANGE: strategy.lookbacks.momentum_period",
            ),
            (
                "period a float",
                |d| d["strategy"]["lookbacks"]["momentum_period"] = 20.0.into(),
                "RANGE: strategy.lookbacks.momentum_period",
            ),
            (
                "period a text",
                |d| d["strategy"]["lookbacks"]["volatility_period"] = "14".into(),
                "RANGE: strategy.lookbacks.volatility_period",
            ),
            (
                "frequency",
                |d| d["strategy"]["rebalance_rule"]["frequency"] = "HOURLY".into(),
                "RANGE: strategy.rebalance_rule.frequency",
            ),
            (
                "time",
                |d| d["strategy"]["rebalance_rule"]["time_kst"] = "9:05".into(),
                "RANGE: strategy.rebalance_rule.time_kst",
            ),
            (
                "time of no clock",
                |d| d["strategy"]["rebalance_rule"]["time_kst"] = "24:00".into(),
                "RANGE: strategy.rebalance_rule.time_kst",
            ),
            (
                "percent",
                |d| d["strategy"]["risk_limits"]["max_position_pct"] = 25.into(),
                "RANGE: strategy.risk_limits.max_position_pct",
            ),
            (
                "positions",
                |d| d["strategy"]["position_limits"]["max_positions"] = 0.into(),
                "RANGE: strategy.position_limits.max_positions",
            ),
            (
                "exit at zero",
                |d| d["strategy"]["decision_params"]["exit_threshold"] = 0.0.into(),
                "RANGE: strategy.decision_params.exit_threshold",
            ),
            (
                "entry",
                |d| d["strategy"]["decision_params"]["entry_threshold"] = 0.6.into(),
                "RANGE: strategy.decision_params.entry_threshold",
            ),
            ("empty universe", |d| d["strategy"]["universe"] = serde_json::json!([]), "RANGE: strategy.universe"),
            ("bad ticker", |d| d["strategy"]["universe"] = serde_json::json!(["69500"]), "TICKER_WRONG"),
            ("ticker a number", |d| d["strategy"]["universe"] = serde_json::json!([69500]), "TICKER_WRONG"),
            (
                "ticker twice",
                |d| d["strategy"]["universe"] = serde_json::json!(["069500", "069500"]),
                "TICKER_TWICE: 069500",
            ),
            ("refs no list", |d| d["evidence_refs"] = "x".into(), "TYPE_WRONG: evidence_refs"),
            ("ref up", |d| d["evidence_refs"] = serde_json::json!(["a/../b"]), "EVIDENCE_REF_UNSAFE"),
            ("ref scheme", |d| d["evidence_refs"] = serde_json::json!(["file:x"]), "EVIDENCE_REF_UNSAFE"),
            ("ref drive", |d| d["evidence_refs"] = serde_json::json!(["C:x"]), "EVIDENCE_REF_UNSAFE"),
        ];
        for (name, edit, issue) in cases {
            let found = check(&bundle(edit), &policy());
            assert_eq!((found.decision, found.valid, found.stale), (BundleDecision::Fail, false, true), "{name}");
            assert!(found.issues.iter().any(|i| i.starts_with(issue)), "{name}: {:?}", found.issues);
        }
    }

    #[test]
    fn signatures_follow_their_table() {
        let signed = bundle(|_| ());
        let with = |signature: serde_json::Value| {
            let mut doc = signed.clone();
            doc["integrity"]["signature"] = signature;
            doc
        };
        let none = BundlePolicy::default();
        let lax = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
        let lax_with_key = BundlePolicy { allow_unsigned: true, ..policy() };
        let stranger = SigningKey::hmac(b"another-key-of-16").expect("long enough").verifying();
        let two_keys = BundlePolicy { keys: vec![stranger.clone(), key().verifying()], ..policy() };
        let wrong_key = BundlePolicy { keys: vec![stranger], allow_unsigned: true, ..policy() };
        let only_curve = BundlePolicy { algorithms: vec![Algorithm::Ed25519], ..policy() };
        let auto = serde_json::Value::from("auto-945f86fdb9ed90d2");
        let cases = [
            ("key, valid", signed.clone(), policy(), BundleDecision::Pass, ""),
            ("one of two keys", signed.clone(), two_keys, BundleDecision::Pass, ""),
            ("key, wrong key even if lax", signed.clone(), wrong_key, BundleDecision::Fail, "SIGNATURE_INVALID"),
            ("key, auto text", with(auto.clone()), policy(), BundleDecision::Fail, "SIGNATURE_INVALID"),
            ("key, missing", with(serde_json::Value::Null), policy(), BundleDecision::Fail, "SIGNATURE_INVALID"),
            ("key, auto text, lax", with(auto.clone()), lax_with_key, BundleDecision::Warn, "SIGNATURE_INVALID"),
            ("no key", signed.clone(), none.clone(), BundleDecision::Fail, "SIGNATURE_KEY_MISSING"),
            ("no key, auto text", with(auto.clone()), none, BundleDecision::Fail, "SIGNATURE_KEY_MISSING"),
            ("no key, lax", with(auto), lax, BundleDecision::Warn, "SIGNATURE_UNVERIFIED"),
            ("algorithm not accepted", signed, only_curve, BundleDecision::Fail, "SIGNATURE_ALGORITHM"),
        ];
        for (name, doc, policy, decision, code) in cases {
            let found = check(&doc, &policy);
            assert_eq!(found.decision, decision, "{name}: {found:?}");
            let said = found.issues.iter().chain(&found.warnings).any(|text| text.starts_with(code));
            assert!(code.is_empty() || said, "{name}: {found:?}");
        }
    }

    #[test]
    fn the_signature_protects_id_and_time() {
        for key in ["bundle_id", "created_at"] {
            let mut doc = bundle(|_| ());
            doc[key] = "2026-11-20T19:30:00+09:00".into();
            let found = check(&doc, &policy());
            assert!(found.issues.iter().any(|i| i.starts_with("SIGNATURE_INVALID")), "{key}");
        }
        let mut doc = bundle(|_| ());
        doc["strategy"]["version"] = "1.0.1".into();
        assert!(check(&doc, &policy()).issues.iter().any(|i| i.starts_with("PAYLOAD_SHA256_MISMATCH")));
    }

    #[test]
    fn age_is_a_warning_and_the_future_a_failure() {
        let aged = |stamp: &'static str| check(&bundle(move |d| d["created_at"] = stamp.into()), &policy());
        let stale = aged("2026-01-24T19:00:04.789863");
        assert_eq!((stale.decision, stale.valid, stale.stale), (BundleDecision::Warn, true, true));
        let empty = aged("");
        assert_eq!((empty.decision, empty.valid, empty.stale), (BundleDecision::Warn, true, true));
        let future = aged("2026-11-21T19:00:00+09:00");
        assert_eq!((future.decision, future.stale), (BundleDecision::Fail, true));
        assert!(future.issues.iter().any(|i| i.starts_with("CREATED_AT_IN_FUTURE")));
        assert!(!stale.is_usable() && !empty.is_usable() && !future.is_usable());
    }

    #[test]
    fn absent_empty_damaged_and_foreign_files_are_told_apart() {
        let cases: [(&str, Option<&[u8]>, BundleDecision, &str); 6] = [
            ("absent", None, BundleDecision::NoBundle, "NO_BUNDLE_YET"),
            ("empty", Some(b""), BundleDecision::Fail, "JSON_PARSE_ERROR"),
            ("half", Some(b"{\"schema\": "), BundleDecision::Fail, "JSON_PARSE_ERROR"),
            ("list", Some(b"[]"), BundleDecision::Fail, "JSON_PARSE_ERROR"),
            ("nothing in it", Some(b"{}"), BundleDecision::Fail, "KEY_MISSING: schema"),
            ("duplicate key", Some(b"{\"a\":1,\"a\":1}"), BundleDecision::Fail, "JSON_PARSE_ERROR"),
        ];
        for (name, bytes, decision, issue) in cases {
            let found = validate(bytes, &policy(), now());
            assert_eq!((found.decision, found.valid, found.stale), (decision, false, true), "{name}");
            assert!(found.issues.iter().any(|i| i.starts_with(issue)), "{name}: {:?}", found.issues);
        }
    }

    #[test]
    fn both_hash_forms_of_a_korean_name_are_accepted() {
        let raw = bundle(|d| d["strategy"]["name"] = "모멘텀".into());
        assert_eq!(check(&raw, &policy()).decision, BundleDecision::Pass);
        let mut escaped = raw;
        let json = Json::of(&escaped).expect("valid");
        let sha = json.get("strategy").expect("a strategy").sha256(crate::contracts::json::Text::Escaped);
        let text = |key: &str| escaped[key].as_str().unwrap_or_default().to_owned();
        let signature = key().sign(&message(&text("bundle_id"), &text("created_at"), &sha));
        escaped["integrity"]["payload_sha256"] = sha.into();
        escaped["integrity"]["signature"] = signature.into();
        assert_eq!(check(&escaped, &policy()).decision, BundleDecision::Pass);
    }
}
