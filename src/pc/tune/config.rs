//! What a run is made of: everything that its trials depend on, and the data they see.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::contracts::Json;
use crate::contracts::JsonFault;
use crate::contracts::Text;
use crate::contracts::json::sha256_hex;
use crate::contracts::tune::TuneSource;
use crate::pc::backtest::ENGINE_VERSION;
use crate::pc::backtest::Market;
use crate::time::TradingDate;

use super::guard::Preset;
use super::objective::Combine;
use super::segment::Ground;
use super::space::Space;

/// Trials unless told otherwise.
pub const DEFAULT_TRIALS: usize = 50;
/// Seed unless told otherwise.
pub const DEFAULT_SEED: u64 = 42;

/// What a trade costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostConfig {
    /// Broker's commission, each side.
    pub commission_rate: f64,
    /// Distance between open and fill, each side.
    pub slippage_rate: f64,
    /// SHA-256 of the tax table.
    pub fee_table_sha256: String,
}

/// Everything but the data that a run's trials depend on. A run is resumed under the same one only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneConfig {
    /// `full` or `custom`.
    pub mode: String,
    /// First day of the range.
    pub start: TradingDate,
    /// Last day of the range.
    pub end: TradingDate,
    /// What varies.
    pub space: Space,
    /// Trials asked for.
    pub n_trials: usize,
    /// Seed of the sampler.
    pub seed: u64,
    /// How strict the guardrails are.
    pub preset: Preset,
    /// How look-back scores become one.
    pub objective: Combine,
    /// Name of the strategy.
    pub strategy: String,
    /// Version of the strategy.
    pub version: String,
    /// The parameters in force; what does not vary is taken from here.
    pub params: Value,
    /// Where they come from.
    pub param_source: TuneSource,
    /// What a trade costs.
    pub costs: CostConfig,
    /// Cash at the start, won.
    pub initial_capital: f64,
    /// Weight drift that is left alone.
    pub rebalance_threshold: f64,
    /// Whether the market gate applies.
    pub gate: bool,
}

/// One price file as a run saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileFacts {
    /// First normalised bar.
    pub first: TradingDate,
    /// Last normalised bar.
    pub last: TradingDate,
    /// Normalised bars.
    pub rows: usize,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Rows as stored.
    pub rows_raw: usize,
    /// Rows as stored that fall on closed days.
    pub rows_on_closed_days: usize,
    /// Places in the file where rows of another origin begin.
    pub splices: usize,
    /// Who the prices are from, when the document beside them says.
    pub vendor: Option<String>,
    /// Why that document is not to be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// The prices of a run.
#[derive(Clone, Debug, Default)]
pub struct TuneData {
    /// Normalised bars.
    pub market: Market,
    /// What is known of each file.
    pub files: BTreeMap<String, FileFacts>,
}

impl TuneData {
    /// SHA-256 over the sorted list of tickers and their files' hashes.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let lines: Vec<String> =
            self.files.iter().map(|(ticker, file)| format!("{ticker} {}\n", file.sha256)).collect();
        sha256_hex(lines.concat().as_bytes())
    }
}

impl TuneConfig {
    /// What a simulation depends on beside its point and its span.
    ///
    /// # Errors
    /// A number is not finite.
    pub fn ground(&self, data_fingerprint: &str) -> Result<Ground, JsonFault> {
        let base = serde_json::json!({
            "params": self.params, "gate": self.gate, "initial_capital": self.initial_capital,
            "rebalance_threshold": self.rebalance_threshold,
        });
        Ok(Ground {
            costs: Json::of(&self.costs)?.sha256(Text::Raw),
            data_fingerprint: data_fingerprint.to_owned(),
            engine_version: ENGINE_VERSION.to_owned(),
            base: Json::of(&base)?.sha256(Text::Raw),
        })
    }

    /// Why a search would promise something that it cannot measure; `None` when it does not.
    #[must_use]
    pub fn unmeasured(&self) -> Option<String> {
        let is_searched = self.space.grids().any(|(name, _)| name == "adx_filter_min");
        (is_searched && !self.gate).then(|| {
            "--space adx_filter_min: only the market gate reads it, and the gate is off (pc.gate = false): every value \
             would give the same figures; turn the gate on, or leave it out"
                .to_owned()
        })
    }

    /// What differs from another configuration, one line a key: `seed: 42 there, 7 here`.
    ///
    /// # Errors
    /// A number is not finite.
    pub fn differences(&self, here: &Self) -> Result<Vec<String>, serde_json::Error> {
        let (there, here) = (serde_json::to_value(self)?, serde_json::to_value(here)?);
        let keys = there.as_object().into_iter().flat_map(serde_json::Map::keys);
        Ok(keys
            .filter(|key| there.get(key.as_str()) != here.get(key.as_str()))
            .map(|key| format!("{key}: {} there, {} here", there[key.as_str()], here[key.as_str()]))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_covers_tickers_and_files_in_any_order() {
        let facts = |sha256: &str| FileFacts {
            first: "2024-01-02".parse().expect("a date"),
            last: "2024-01-03".parse().expect("a date"),
            rows: 2,
            sha256: sha256.to_owned(),
            rows_raw: 2,
            rows_on_closed_days: 0,
            splices: 0,
            vendor: None,
            doubt: None,
        };
        let data = |files: &[(&str, &str)]| TuneData {
            files: files.iter().map(|(ticker, sha)| ((*ticker).to_owned(), facts(sha))).collect(),
            ..TuneData::default()
        };
        let first = data(&[("A", "1"), ("B", "2")]).fingerprint();
        assert_eq!(first, data(&[("B", "2"), ("A", "1")]).fingerprint());
        assert_eq!(first, sha256_hex(b"A 1\nB 2\n"));
        assert_ne!(first, data(&[("A", "2"), ("B", "1")]).fingerprint());
        assert_ne!(first, data(&[("A", "1")]).fingerprint());
    }
}
