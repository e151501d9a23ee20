//! Step 5: every file that would travel is read back and checked, first for secrets, then by the rules of its kind.

use serde_json::Value;

use super::GeneratedPrices;
use super::Publisher;
use super::gather::Gathered;
use super::pair::Reports;
use super::secrets;
use super::words;
use crate::contracts::BundleDecision;
use crate::contracts::BundlePolicy;
use crate::contracts::Json;
use crate::contracts::Validation;
use crate::contracts::bundle::validate;
use crate::pc::bundle::SYNTHETIC;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// A bundle is published shortly after it was made.
const FRESH_SECONDS: i64 = 600;

/// No published file is larger.
const FILE_BYTES: u64 = 10_000_000;
/// No bundle is larger.
const BUNDLE_BYTES: u64 = 1_000_000;

/// The schemas that are published of the state on request.
const STATE_SCHEMAS: [&str; 2] = ["STRATEGY_PARAMS_V1", "DECISION_PARAMS_V1"];

/// What breaks a rule: file and rule, never a value.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) rows: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, file: &str, rule: &str) {
        let row = format!("{file}: {rule}");
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
    }

    pub(super) fn require(&mut self, file: &str, rule: &str, holds: bool) {
        if !holds {
            self.add(file, rule);
        }
    }
}

/// What a publish says about its content when it is sound.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// The newest bundle.
    pub(super) bundle: Option<Value>,
    /// The badge of the reconciliation.
    pub(super) badge: Option<&'static str>,
    /// What is to be looked at.
    pub(super) warnings: Vec<String>,
}

/// Whether the files are about to be committed, or are all in the last commit already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    Committed,
}

impl Publisher<'_> {
    /// Checks the size of every file before anything reads it.
    pub(super) fn sized(&self, files: &Gathered, found: &mut Findings) {
        for file in &files.present {
            let is_bundle = super::paths::kind(file) == Some(super::paths::Kind::Bundle);
            let limit = if is_bundle { BUNDLE_BYTES } else { FILE_BYTES };
            // What has no size is missing or unreadable, which reading it tells.
            let size = std::fs::metadata(self.store.path(file)).map_or(0, |held| held.len());
            found.require(file, &format!("has {size} bytes, more than the limit of {limit}"), size <= limit);
        }
    }

    /// Reads and checks every file that would travel.
    pub(super) fn validated(&self, files: &Gathered, novelty: Novelty, found: &mut Findings) -> Content {
        let read = self.read(files, found);
        for (file, bytes) in &read {
            for rule in secrets::findings(bytes, self.keys) {
                found.add(file, &format!("holds what must not travel: {rule}"));
            }
        }
        // What holds a secret is not looked at any further: a rule's text could repeat it.
        if !found.rows.is_empty() {
            return Content::default();
        }
        let mut content = Content::default();
        let documents: Vec<(&str, Value)> = read
            .iter()
            .filter(|(file, _)| file.ends_with(".json"))
            .filter_map(|(file, bytes)| Some((file.as_str(), parsed(file, bytes, found)?)))
            .collect();
        let document = |file: &str| documents.iter().find(|(name, _)| *name == file).map(|(_, value)| value.clone());
        for (file, document) in &documents {
            admitted(file, document, found);
        }
        if files.what.has_path(layout::RECON_SUMMARY) {
            let summary = document(layout::RECON_SUMMARY);
            content.badge = summary.as_ref().map(super::pair::badge);
            let daily = read.iter().find(|(file, _)| file == layout::RECON_DAILY).map(|(_, bytes)| bytes.clone());
            let (human, ai) = (document(layout::REPORT_HUMAN), document(layout::REPORT_AI));
            Reports { summary, human, ai, daily }.check(self.options.error_summary, found);
        }
        if files.what.has_path(layout::BUNDLE.latest) {
            self.bundles(&read, novelty, (&mut content, found));
            content.bundle = document(layout::BUNDLE.latest);
        }
        content
    }

    /// The content of every file; what has to be there and is not is a finding.
    fn read(&self, files: &Gathered, found: &mut Findings) -> Vec<(String, Vec<u8>)> {
        for file in super::paths::fixed(files.what) {
            let may_miss = file == layout::RECON_DAILY;
            found.require(&file, "is missing", may_miss || files.present.contains(&file));
        }
        if files.what == super::PublishWhat::State && files.present.is_empty() && files.removed.is_empty() {
            return Vec::new();
        }
        let mut read = Vec::new();
        for file in &files.present {
            match self.store.read(file) {
                Ok(Some(bytes)) => read.push((file.clone(), bytes)),
                Ok(None) => found.add(file, "is missing"),
                Err(fault) => found.add(file, &format!("cannot be read: {}", fault.source)),
            }
        }
        read
    }

    fn bundles(&self, read: &[(String, Vec<u8>)], novelty: Novelty, (content, found): (&mut Content, &mut Findings)) {
        let now = self.clock.now();
        for (file, bytes) in
            read.iter().filter(|(file, _)| super::paths::kind(file) == Some(super::paths::Kind::Bundle))
        {
            let Ok(bundle) = serde_json::from_slice::<Value>(bytes) else { continue };
            let made = bundle["created_at"].as_str().map(Stamp::from).and_then(|at| at.instant());
            let is_latest = file == layout::BUNDLE.latest;
            // Age is asked of what is published now; an older snapshot and a commit that only waits for its push were
            // young enough in their time.
            let asked = if is_latest && novelty == Novelty::New { now } else { made.map_or(now, |made| made.min(now)) };
            let judged = validate(Some(bytes), self.policy, asked);
            content.warnings.extend(verdict(file, &judged, self.policy, found));
            if is_latest && novelty == Novelty::New {
                fresh(file, made, now, found);
            }
            words::check(file, &bundle, found);
            let may_travel = self.options.generated_prices == GeneratedPrices::Allowed || !is_generated(&bundle);
            let rule =
                "strategy.scorer.data_source is SYNTHETIC: generated prices are published with --allow-synthetic only";
            found.require(file, rule, may_travel);
        }
    }
}

/// Whether a bundle says that its prices were generated.
pub(super) fn is_generated(bundle: &Value) -> bool {
    bundle.pointer("/strategy/scorer/data_source").is_some_and(|source| source == SYNTHETIC)
}

/// PASS, or what its policy tolerates by name: an unproved origin.
fn verdict(file: &str, judged: &Validation, policy: &BundlePolicy, found: &mut Findings) -> Vec<String> {
    let tolerated = policy.allow_unsigned && judged.warnings.iter().all(|warning| warning.starts_with("SIGNATURE_"));
    match judged.decision {
        BundleDecision::Pass => {}
        BundleDecision::Warn if tolerated && !judged.stale => {
            return judged.warnings.iter().map(|warning| format!("{file}: {warning}")).collect();
        }
        BundleDecision::Warn | BundleDecision::Fail | BundleDecision::NoBundle => {
            let why = judged.issues.iter().chain(&judged.warnings).chain(&judged.stale_reason);
            let why: Vec<_> = why.map(String::as_str).collect();
            found.add(file, &format!("the bundle is {}: {}", judged.decision.as_str(), why.join("; ")));
        }
    }
    Vec::new()
}

fn fresh(file: &str, made: Option<KstTime>, now: KstTime, found: &mut Findings) {
    let age = made.map(|made| (now - made).num_seconds());
    if age.is_none_or(|age| age.abs() > FRESH_SECONDS) {
        let age = age.map_or_else(|| "unknown".to_owned(), |age| format!("{age} s"));
        found.add(
            file,
            &format!("created_at must be within {FRESH_SECONDS} s of the publish, its age is {age}; make it again"),
        );
    }
}

/// A document read strictly: no duplicate keys, no numbers that are none.
fn parsed(file: &str, bytes: &[u8], found: &mut Findings) -> Option<Value> {
    let strict = Json::parse(bytes).map_err(|fault| fault.to_string());
    match strict {
        Ok(json) if json.is_object() => {
            serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()
        }
        Ok(_) => {
            found.add(file, "must be a JSON object");
            None
        }
        Err(why) => {
            found.add(file, &format!("cannot be read as a document: {why}"));
            None
        }
    }
}

/// What is published of the state is of a known schema and holds nothing personal; a portfolio travels under no name.
fn admitted(file: &str, document: &Value, found: &mut Findings) {
    let is_live = file.starts_with("state/live/");
    let is_state = super::paths::kind(file) == Some(super::paths::Kind::State);
    let schema = document["schema"].as_str();
    found.require(file, "a portfolio is personal and never published", schema != Some("PORTFOLIO_SNAPSHOT_V1"));
    if is_live {
        decision_params(file, document, found);
    }
    if is_state {
        let known = STATE_SCHEMAS.iter().any(|known| schema == Some(known));
        found.require(file, &format!("schema must be one of {}", STATE_SCHEMAS.join(", ")), known);
    }
    if is_live || is_state {
        words::personal(file, document, found);
    }
}

/// DECISION_PARAMS_V1, by the rules that the host checks again.
fn decision_params(file: &str, document: &Value, found: &mut Findings) {
    let params = &document["params"];
    let share = |value: &Value| value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share));
    let (buy, sell) = (params["rsi_buy_threshold"].as_i64(), params["rsi_sell_threshold"].as_i64());
    let ordered = buy.zip(sell).is_some_and(|(buy, sell)| 0 < buy && buy < sell && sell < 100);
    let dated = document["asof"].as_str().map(Stamp::from).is_some_and(|at| at.has_offset());
    let regime = params["regime_current"].as_str();
    let rules = [
        ("schema must be DECISION_PARAMS_V1", document["schema"] == "DECISION_PARAMS_V1"),
        ("asof must be a time with an offset", dated),
        ("generated_by must be PC_BACKTEST", document["generated_by"] == "PC_BACKTEST"),
        ("params.regime_current must be BULL, BEAR or CHOP", matches!(regime, Some("BULL" | "BEAR" | "CHOP"))),
        ("0 < params.rsi_buy_threshold < params.rsi_sell_threshold < 100 must hold", ordered),
        ("params.position_size_pct must be from 0 to 1", share(&params["position_size_pct"])),
        ("params.stop_loss_pct must be from 0 to 1", share(&params["stop_loss_pct"])),
        ("confidence_score must be from 0 to 1", share(&document["confidence_score"])),
    ];
    for (rule, holds) in rules {
        found.require(file, rule, holds);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_schemas_without_personal_fields_are_admitted() {
        let golden = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let decision = golden(include_str!("../../../contracts/decision_params_v1.json"));
        let strategy = golden(include_str!("../../../contracts/strategy_params_v1.json"));
        let portfolio = golden(include_str!("../../../contracts/portfolio_snapshot_v1.json"));
        let with = |document: &Value, key: &str| {
            let mut document = document.clone();
            document["params"][key] = json!(1);
            document
        };
        let (live, state) = ("state/live/x.json", "state/x/latest/x.json");
        let cases = [
            ("decision parameters", live, decision.clone(), ""),
            ("strategy parameters", state, strategy.clone(), ""),
            ("decision parameters on request", state, decision.clone(), ""),
            ("a portfolio", live, portfolio.clone(), "a portfolio is personal"),
            ("a portfolio on request", state, portfolio.clone(), "a portfolio is personal"),
            ("a portfolio in place of the summary", layout::RECON_SUMMARY, portfolio, "a portfolio is personal"),
            ("another schema", live, strategy.clone(), "schema must be DECISION_PARAMS_V1"),
            ("no schema", state, json!({}), "schema must be one of"),
            ("holdings", live, with(&decision, "Holdings"), "personal"),
            ("a price paid", state, with(&strategy, "avg_price"), "personal"),
            ("an account", state, with(&strategy, "account_id"), "personal"),
            ("cash", state, with(&strategy, "cash"), "personal"),
        ];
        for (name, file, document, want) in cases {
            let mut found = Findings::default();
            admitted(file, &document, &mut found);
            let rows = found.rows;
            let is_want = if want.is_empty() { rows.is_empty() } else { rows.iter().any(|row| row.contains(want)) };
            assert!(is_want && rows.iter().all(|row| row.starts_with(file)), "{name}: {rows:?}");
        }
    }

    #[test]
    fn decision_parameters_keep_their_ranges() {
        let sound = json!({
            "schema": "DECISION_PARAMS_V1", "asof": "2026-11-20T19:00:00+09:00", "generated_by": "PC_BACKTEST",
            "params": {"regime_current": "BULL", "rsi_buy_threshold": 30, "rsi_sell_threshold": 70,
                "position_size_pct": 0.2, "stop_loss_pct": 0.05},
            "confidence_score": 0.7,
        });
        let rows = |document: &Value| {
            let mut found = Findings::default();
            decision_params(layout::DECISION_PARAMS, document, &mut found);
            found.rows
        };
        assert_eq!(rows(&sound), Vec::<String>::new());
        let cases = [
            ("/schema", json!("X"), "schema"),
            ("/asof", json!("2026-11-20T19:00:00"), "offset"),
            ("/generated_by", json!("ME"), "PC_BACKTEST"),
            ("/params/regime_current", json!("UP"), "regime_current"),
            ("/params/rsi_buy_threshold", json!(70), "rsi_buy_threshold"),
            ("/params/rsi_sell_threshold", json!(100), "rsi_sell_threshold"),
            ("/params/position_size_pct", json!(20), "position_size_pct"),
            ("/params/stop_loss_pct", json!(-0.1), "stop_loss_pct"),
            ("/confidence_score", json!("0.7"), "confidence_score"),
        ];
        for (pointer, value, want) in cases {
            let mut document = sound.clone();
            *document.pointer_mut(pointer).expect("there") = value;
            let rows = rows(&document);
            assert!(rows.len() == 1 && rows[0].contains(want), "{pointer}: {rows:?}");
        }
    }
}
