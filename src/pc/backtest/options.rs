//! Named parameters, as a case file or the command line writes them, become a strategy.
//!
//! A name that the strategy does not have is a fault: a misspelled parameter must not run with a default unnoticed.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::BacktestFault;
use super::Frequency;
use super::MomentumParams;
use super::Strategy;
use crate::trading::AdxMethod;
use crate::trading::GateParams;

/// Parameters by name.
pub type Options = Map<String, Value>;

/// The names of the strategies.
pub const STRATEGIES: [&str; 3] = ["ma_cross", "regime_ma_adx", "krx_momentum_v1"];

const CROSS: &[&str] = &["fast", "slow"];
/// The parameters that mean something only where a gate applies; the first is the bundle's name of the fifth.
pub const GATE_PARAMETERS: [&str; 6] =
    ["adx_filter_min", "ma_short", "ma_long", "adx_period", "adx_threshold", "adx_method"];
const GATE: &[&str] = &["ma_short", "ma_long", "adx_period", "adx_threshold", "adx_method"];
const MOMENTUM: &[&str] = &[
    "momentum_period",
    "volatility_period",
    "entry_threshold",
    "exit_threshold",
    "adx_filter_min",
    "max_positions",
    "min_cash_pct",
    "max_position_pct",
    "max_drawdown_pct",
    "frequency",
    "time_kst",
    "rebalance_threshold",
    "gate",
];

impl Strategy {
    /// The strategy's name in documents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MaCross { .. } => STRATEGIES[0],
            Self::RegimeMaAdx(_) => STRATEGIES[1],
            Self::KrxMomentum(_) => STRATEGIES[2],
        }
    }

    /// The strategy of a name and its parameters; what is not given has its default. The values' ranges are checked by
    /// [`super::simulate`].
    ///
    /// # Errors
    /// There is no such strategy, it has no such parameter, or a value is of the wrong kind.
    pub fn of_options(name: &str, options: &Options) -> Result<Self, BacktestFault> {
        let word = name.to_ascii_lowercase();
        let strategy = STRATEGIES.iter().position(|known| *known == word);
        let known: Vec<&'static str> = match strategy {
            Some(0) => CROSS.to_vec(),
            Some(1) => GATE.to_vec(),
            Some(_) => [MOMENTUM, GATE].concat(),
            None => return Err(BacktestFault::UnknownStrategy(name.to_owned())),
        };
        if let Some(unknown) = options.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(BacktestFault::UnknownParameter { name: unknown.clone(), known: known.join(", ") });
        }
        let read = Reader(options);
        Ok(match strategy {
            Some(0) => Self::MaCross { fast: read.count("fast", 5)?, slow: read.count("slow", 20)? },
            Some(1) => Self::RegimeMaAdx(read.gate("adx_threshold")?),
            _ => Self::KrxMomentum(read.momentum()?),
        })
    }
}

impl Strategy {
    /// Every parameter of the strategy by name, defaults included; read back, it is the same strategy.
    #[must_use]
    pub fn options(&self) -> Options {
        let value = match self {
            Self::MaCross { fast, slow } => json!({"fast": fast, "slow": slow}),
            Self::RegimeMaAdx(gate) => gate_options(gate),
            Self::KrxMomentum(params) => {
                let mut value = gate_options(&params.gate.unwrap_or_default());
                value["momentum_period"] = json!(params.momentum_period);
                value["entry_threshold"] = json!(params.entry_threshold);
                value["exit_threshold"] = json!(params.exit_threshold);
                value["max_positions"] = json!(params.max_positions);
                value["max_position_pct"] = json!(params.max_position_pct);
                value["min_cash_pct"] = json!(params.min_cash_pct);
                value["rebalance_threshold"] = json!(params.rebalance_threshold);
                value["frequency"] = json!(params.rebalance);
                value["gate"] = json!(params.gate.is_some());
                value
            }
        };
        value.as_object().cloned().unwrap_or_default()
    }
}

fn gate_options(gate: &GateParams) -> Value {
    let method = match gate.adx_method {
        AdxMethod::Simple => "simple",
        AdxMethod::Wilder => "wilder",
    };
    json!({
        "ma_short": gate.ma_short, "ma_long": gate.ma_long, "adx_period": gate.adx_period,
        "adx_threshold": gate.adx_threshold, "adx_method": method,
    })
}

/// Reads values by name and kind.
struct Reader<'a>(&'a Options);

impl Reader<'_> {
    fn value<T>(
        &self,
        (name, rule): (&'static str, &'static str),
        default: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, BacktestFault> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        read(value).ok_or_else(|| BacktestFault::Parameter { name, value: value.to_string(), rule })
    }

    fn count(&self, name: &'static str, default: usize) -> Result<usize, BacktestFault> {
        self.value((name, "a whole number"), default, |value| usize::try_from(value.as_u64()?).ok())
    }

    fn number(&self, name: &'static str, default: f64) -> Result<f64, BacktestFault> {
        self.value((name, "a number"), default, Value::as_f64)
    }

    fn gate(&self, threshold: &'static str) -> Result<GateParams, BacktestFault> {
        let default = GateParams::default();
        let methods = "\"simple\" or \"wilder\"";
        Ok(GateParams {
            ma_short: self.count("ma_short", default.ma_short)?,
            ma_long: self.count("ma_long", default.ma_long)?,
            adx_period: self.count("adx_period", default.adx_period)?,
            adx_threshold: self.number(threshold, default.adx_threshold)?,
            adx_method: self.value(("adx_method", methods), default.adx_method, |value| match value.as_str()? {
                "simple" => Some(AdxMethod::Simple),
                "wilder" => Some(AdxMethod::Wilder),
                _ => None,
            })?,
        })
    }

    fn momentum(&self) -> Result<MomentumParams, BacktestFault> {
        let default = MomentumParams::default();
        // Two names of one value: the bundle's and the gate's.
        let names = ["adx_filter_min", "adx_threshold"];
        if names.iter().all(|name| self.0.contains_key(*name)) {
            let value = self.number(names[0], 0.0)?.to_string();
            return Err(BacktestFault::Parameter {
                name: names[0],
                value,
                rule: "left out when adx_threshold is given",
            });
        }
        let gate = self.gate(if self.0.contains_key(names[0]) { names[0] } else { names[1] })?;
        let gate_on = self.value(("gate", "true or false"), false, Value::as_bool)?;
        self.count("volatility_period", 14)?;
        self.number("max_drawdown_pct", 0.15)?;
        self.value(("time_kst", "a text"), String::new(), |value| value.as_str().map(str::to_owned))?;
        let frequencies = "DAILY, WEEKLY or MONTHLY";
        Ok(MomentumParams {
            momentum_period: self.count("momentum_period", default.momentum_period)?,
            entry_threshold: self.number("entry_threshold", default.entry_threshold)?,
            exit_threshold: self.number("exit_threshold", default.exit_threshold)?,
            max_positions: self.count("max_positions", default.max_positions)?,
            max_position_pct: self.number("max_position_pct", default.max_position_pct)?,
            min_cash_pct: self.number("min_cash_pct", default.min_cash_pct)?,
            rebalance_threshold: self.number("rebalance_threshold", default.rebalance_threshold)?,
            rebalance: self.value(("frequency", frequencies), default.rebalance, |value| match value.as_str()? {
                "DAILY" => Some(Frequency::Daily),
                "WEEKLY" => Some(Frequency::Weekly),
                "MONTHLY" => Some(Frequency::Monthly),
                _ => None,
            })?,
            gate: gate_on.then_some(gate),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn names_become_a_strategy_and_a_wrong_one_is_named() {
        let cases = [
            ("ma_cross", r#"{"fast":3}"#, Ok(Strategy::MaCross { fast: 3, slow: 20 })),
            ("regime_ma_adx", "{}", Ok(Strategy::RegimeMaAdx(GateParams::default()))),
            ("krx_momentum_v1", r#"{"gate":false}"#, Ok(Strategy::KrxMomentum(MomentumParams::default()))),
            (
                "KRX_MOMENTUM_V1",
                r#"{"gate":true,"adx_filter_min":20,"frequency":"WEEKLY"}"#,
                Ok(Strategy::KrxMomentum(MomentumParams {
                    gate: Some(GateParams { adx_threshold: 20.0, ..GateParams::default() }),
                    rebalance: Frequency::Weekly,
                    ..MomentumParams::default()
                })),
            ),
            ("buy_low", "{}", Err("no strategy buy_low")),
            ("ma_cross", r#"{"fats":3}"#, Err("no parameter fats")),
            ("ma_cross", r#"{"fast":3.5}"#, Err("fast is 3.5, must be a whole number")),
            ("ma_cross", r#"{"fast":"3"}"#, Err("fast is \"3\", must be a whole number")),
            ("krx_momentum_v1", r#"{"gate":1}"#, Err("gate is 1, must be true or false")),
            ("krx_momentum_v1", r#"{"frequency":"daily"}"#, Err("frequency is \"daily\"")),
            ("krx_momentum_v1", r#"{"adx_filter_min":20,"adx_threshold":20}"#, Err("must be left out")),
        ];
        for (name, text, want) in cases {
            match (Strategy::of_options(name, &options(text)), want) {
                (found, Ok(want)) => {
                    assert_eq!(found, Ok(want.clone()), "{name} {text}");
                    assert_eq!(Strategy::of_options(name, &want.options()), Ok(want), "{name} {text}: read back");
                }
                (Err(fault), Err(want)) => assert!(fault.to_string().contains(want), "{name} {text}: {fault}"),
                (Ok(found), Err(_)) => panic!("{name} {text}: {found:?}"),
            }
        }
    }
}
