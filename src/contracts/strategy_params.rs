//! STRATEGY_PARAMS_V1: the parameters that research found and the bundle carries, `state/strategy_params/latest/`.
//!
//! The sections travel as they were written, because the bundle's hash covers every number token; what the program
//! computes with is read from them once, by the same rules that the bundle's validator applies.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::bundle::strategy_issues;
use super::document::Document;
use super::document::DocumentFault;
use super::json::Json;
use crate::time::Stamp;

/// The sections of a strategy that are parameters.
pub const PARAM_SECTIONS: [&str; 6] =
    ["universe", "lookbacks", "rebalance_rule", "risk_limits", "position_limits", "decision_params"];

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyParams {
    /// `STRATEGY_PARAMS_V1`
    pub schema: String,
    /// When they were set.
    pub asof: Stamp,
    /// Name of the strategy, for example `KRX_MOMENTUM_V1`.
    pub strategy: String,
    /// Version of the strategy.
    pub version: String,
    /// The sections, as written.
    pub params: Value,
}

impl Document for StrategyParams {
    const SCHEMA: &'static str = "STRATEGY_PARAMS_V1";
}

/// When new positions may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// Every session.
    #[default]
    Daily,
    /// The first session of an ISO week.
    Weekly,
    /// The first session of a month.
    Monthly,
}

/// What the program computes with. Fractions, not percent.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamValues {
    /// The tickers, as written.
    pub universe: Vec<String>,
    /// Window of the score in bars.
    pub momentum_period: usize,
    /// Window of the volatility in bars.
    pub volatility_period: usize,
    /// When new positions may be opened.
    pub frequency: Frequency,
    /// When the host acts, `HH:MM`.
    pub time_kst: String,
    /// Largest share of equity in one ticker.
    pub max_position_pct: f64,
    /// The drawdown that stops a promotion, positive.
    pub max_drawdown_pct: f64,
    /// Most tickers held.
    pub max_positions: usize,
    /// Share of equity that stays cash.
    pub min_cash_pct: f64,
    /// Smallest score that opens a position.
    pub entry_threshold: f64,
    /// Score or return that closes one; negative.
    pub exit_threshold: f64,
    /// The gate's threshold, when it is written.
    pub adx_filter_min: Option<f64>,
}

#[derive(Deserialize)]
struct Sections {
    universe: Vec<String>,
    lookbacks: Lookbacks,
    rebalance_rule: RebalanceRule,
    risk_limits: RiskLimits,
    position_limits: PositionLimits,
    decision_params: DecisionParams,
}

#[derive(Deserialize)]
struct Lookbacks {
    momentum_period: usize,
    volatility_period: usize,
}

#[derive(Deserialize)]
struct RebalanceRule {
    frequency: Frequency,
    time_kst: String,
}

#[derive(Deserialize)]
struct RiskLimits {
    max_position_pct: f64,
    max_drawdown_pct: f64,
}

#[derive(Deserialize)]
struct PositionLimits {
    max_positions: usize,
    min_cash_pct: f64,
}

#[derive(Deserialize)]
struct DecisionParams {
    entry_threshold: f64,
    exit_threshold: f64,
    adx_filter_min: Option<f64>,
}

impl StrategyParams {
    /// The strategy section of a bundle: name, version and the sections, nothing else of `params`.
    #[must_use]
    pub fn strategy_section(&self) -> Value {
        let mut section = serde_json::Map::new();
        section.insert("name".to_owned(), self.strategy.clone().into());
        section.insert("version".to_owned(), self.version.clone().into());
        for key in PARAM_SECTIONS {
            if let Some(value) = self.params.get(key) {
                section.insert(key.to_owned(), value.clone());
            }
        }
        Value::Object(section)
    }

    /// The parameters of a bundle's strategy section; `asof` is the bundle's time.
    #[must_use]
    pub fn of_strategy(strategy: &Value, asof: Stamp) -> Self {
        let text = |key: &str| strategy.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let sections = PARAM_SECTIONS.iter().filter_map(|key| Some(((*key).to_owned(), strategy.get(*key)?.clone())));
        Self {
            schema: Self::SCHEMA.to_owned(),
            asof,
            strategy: text("name"),
            version: text("version"),
            params: Value::Object(sections.collect()),
        }
    }

    /// Reads the values by the rules of the bundle's validator.
    ///
    /// # Errors
    /// Every rule that is broken, with the field, its value and the rule.
    pub fn values(&self) -> Result<ParamValues, DocumentFault> {
        let section = self.strategy_section();
        let issues = strategy_issues(&Json::of(&section)?);
        if !issues.is_empty() {
            return Err(DocumentFault::Shape(issues.join("; ")));
        }
        let read: Sections = serde_json::from_value(section).map_err(|why| DocumentFault::Shape(why.to_string()))?;
        Ok(ParamValues {
            universe: read.universe,
            momentum_period: read.lookbacks.momentum_period,
            volatility_period: read.lookbacks.volatility_period,
            frequency: read.rebalance_rule.frequency,
            time_kst: read.rebalance_rule.time_kst,
            max_position_pct: read.risk_limits.max_position_pct,
            max_drawdown_pct: read.risk_limits.max_drawdown_pct,
            max_positions: read.position_limits.max_positions,
            min_cash_pct: read.position_limits.min_cash_pct,
            entry_threshold: read.decision_params.entry_threshold,
            exit_threshold: read.decision_params.exit_threshold,
            adx_filter_min: read.decision_params.adx_filter_min,
        })
    }
}

/// The parameters that a new workspace starts with: the published defaults of the momentum strategy.
#[must_use]
pub fn default_params(asof: Stamp) -> StrategyParams {
    StrategyParams {
        schema: StrategyParams::SCHEMA.to_owned(),
        asof,
        strategy: "KRX_MOMENTUM_V1".to_owned(),
        version: "1.0.0".to_owned(),
        params: serde_json::json!({
            "universe": ["069500", "229200", "114800", "122630"],
            "lookbacks": {"momentum_period": 20, "volatility_period": 14},
            "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
            "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
            "position_limits": {"max_positions": 4, "min_cash_pct": 0.10},
            "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(edit: impl FnOnce(&mut Value)) -> StrategyParams {
        let mut params = default_params(Stamp::from("2026-11-20T19:00:00+09:00"));
        edit(&mut params.params);
        params
    }

    #[test]
    fn the_defaults_hash_to_the_published_vector() {
        let section = Json::of(&params(|_| ()).strategy_section()).expect("valid");
        assert_eq!(
            section.sha256(crate::contracts::Text::Raw),
            "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241"
        );
    }

    #[test]
    fn values_follow_the_rules_of_the_bundle() {
        type Edit = fn(&mut Value);
        let cases: [(&str, Edit, &str); 6] = [
            ("sound", |_| (), ""),
            ("positive stop", |p| p["decision_params"]["exit_threshold"] = 0.12.into(), "exit_threshold is 0.12"),
            ("no stop", |p| p["decision_params"]["exit_threshold"] = Value::Null, "exit_threshold is null"),
            ("long window", |p| p["lookbacks"]["momentum_period"] = 251.into(), "momentum_period is 251"),
            ("no universe", |p| p["universe"] = serde_json::json!([]), "universe has 0 tickers"),
            ("frequency", |p| p["rebalance_rule"]["frequency"] = "HOURLY".into(), "frequency is \"HOURLY\""),
        ];
        for (name, edit, want) in cases {
            match params(edit).values() {
                Ok(values) => assert!(want.is_empty() && values.momentum_period == 20, "{name}"),
                Err(fault) => assert!(!want.is_empty() && fault.to_string().contains(want), "{name}: {fault}"),
            }
        }
        let without = params(|p| {
            p["decision_params"].as_object_mut().expect("an object").remove("adx_filter_min");
        });
        assert_eq!(without.values().expect("optional").adx_filter_min, None);
    }

    #[test]
    fn a_bundle_gives_its_parameters_back() {
        let stamp = Stamp::from("2026-11-20T19:00:00+09:00");
        let first = params(|p| p["lookbacks"]["momentum_period"] = 24.into());
        let mut strategy = first.strategy_section();
        strategy["scorer"] = serde_json::json!({"status": "OK"});
        assert_eq!(StrategyParams::of_strategy(&strategy, stamp), first);
    }
}
