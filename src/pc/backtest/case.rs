//! A case file: one simulation with everything it rests on, and its result in the same form (BACKTEST_GOLDEN_V1).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::BacktestFault;
use super::Costs;
use super::Market;
use super::Outcome;
use super::Setup;
use super::Strategy;
use super::holding::holding;
use super::ledger::ledger;
use super::options::Options;
use super::rounding::round;
use super::rounding::rounded;
use super::rows::GateSeriesRow;
use super::rows::PositionRow;
use super::rows::trade_record;
use crate::contracts::Json;
use crate::time::TradingDate;
use crate::trading::FeeTable;
use crate::trading::Instrument;
use crate::trading::Kind;
use crate::trading::known;

/// The schema of a case file and of its result.
pub const CASE_SCHEMA: &str = "BACKTEST_GOLDEN_V1";

/// Cash at the start when a case does not say.
const INITIAL_CAPITAL: f64 = 10_000_000.0;

/// The gate's ticker when a case does not say.
pub const BENCHMARK: &str = "069500";

/// What is simulated.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case is called.
    #[serde(default)]
    pub name: String,
    /// The strategy's name.
    pub strategy: String,
    /// The tickers.
    pub universe: Vec<String>,
    /// The gate's ticker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<String>,
    /// What each ticker is: `stock`, `etf`, `etn`, `index`; one that is not named is what the built-in table says.
    #[serde(default)]
    pub instrument: BTreeMap<String, String>,
    /// First day of the window.
    pub start: TradingDate,
    /// Last day of the window.
    pub end: TradingDate,
    /// Cash at the start in won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_capital: Option<f64>,
    /// The strategy's parameters.
    #[serde(default)]
    pub params: Options,
}

/// What a trade costs, as a case says it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseCosts {
    /// Broker's commission, each side.
    pub commission_rate: f64,
    /// Distance between open and fill, each side.
    pub slippage_rate: f64,
}

impl Default for CaseCosts {
    fn default() -> Self {
        let Costs { commission_rate, slippage_rate, .. } = Costs::default();
        Self { commission_rate, slippage_rate }
    }
}

/// A case file that was read.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// What is simulated.
    pub case: Case,
    /// What a trade costs.
    pub costs: CaseCosts,
}

/// What a result on standard output has besides the keys of a case file.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Sentences.
    pub warnings: Vec<String>,
    /// How long the simulation took, in milliseconds.
    pub compute_ms: f64,
}

/// A case cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CaseFault {
    /// The bytes are no case.
    #[error("not a {CASE_SCHEMA} case: {0}")]
    Shape(String),
    /// The simulation refuses.
    #[error(transparent)]
    Backtest(#[from] BacktestFault),
}

impl CaseFile {
    /// Reads a case file, with or without a result in it, or a bare case object.
    ///
    /// # Errors
    /// The bytes are no JSON object of that form.
    pub fn parse(bytes: &[u8]) -> Result<Self, CaseFault> {
        let shape = |why: &dyn std::fmt::Display| CaseFault::Shape(why.to_string());
        // The strict reader runs first: serde would let the last of two equal keys win.
        Json::parse(bytes).map_err(|why| shape(&why))?;
        let mut value: Value = serde_json::from_slice(bytes).map_err(|why| shape(&why))?;
        let schema = value.get("schema").map(|schema| schema.as_str().unwrap_or_default().to_owned());
        if let Some(other) = schema.filter(|schema| schema != CASE_SCHEMA) {
            return Err(shape(&format!("schema is {other:?}")));
        }
        let case = value.get_mut("case").map(Value::take);
        let costs = value.get_mut("costs").map(Value::take);
        let case = serde_json::from_value(case.unwrap_or(value)).map_err(|why| shape(&format!("case: {why}")))?;
        let costs = costs.map(serde_json::from_value).transpose().map_err(|why| shape(&format!("costs: {why}")))?;
        let mut file = Self { case, costs: costs.unwrap_or_default() };
        file.take_account_options()?;
        Ok(file)
    }

    /// Moves what is about the account, not the strategy, from the parameters to its own place: `initial_capital`,
    /// `commission_rate`, `slippage_rate` and `benchmark` may be given as parameters too.
    ///
    /// # Errors
    /// One of them is of the wrong kind.
    pub fn take_account_options(&mut self) -> Result<(), CaseFault> {
        let params = &mut self.case.params;
        let mut number = |name: &'static str| -> Result<Option<f64>, BacktestFault> {
            let Some(value) = params.remove(name) else { return Ok(None) };
            let wrong = || BacktestFault::Parameter { name, value: value.to_string(), rule: "a number" };
            value.as_f64().ok_or_else(wrong).map(Some)
        };
        let capital = number("initial_capital")?;
        self.costs.commission_rate = number("commission_rate")?.unwrap_or(self.costs.commission_rate);
        self.costs.slippage_rate = number("slippage_rate")?.unwrap_or(self.costs.slippage_rate);
        self.case.initial_capital = capital.or(self.case.initial_capital);
        if let Some(value) = self.case.params.remove("benchmark") {
            let wrong = || BacktestFault::Parameter { name: "benchmark", value: value.to_string(), rule: "a ticker" };
            self.case.benchmark = Some(value.as_str().ok_or_else(wrong)?.to_owned());
        }
        Ok(())
    }

    /// What the simulation takes.
    ///
    /// # Errors
    /// There is no such strategy, parameter or kind of instrument.
    pub fn setup<'a>(&self, fees: &'a FeeTable) -> Result<Setup<'a>, CaseFault> {
        let case = &self.case;
        let instruments = case.universe.iter().map(|ticker| {
            let word = case.instrument.get(ticker).map(String::as_str);
            Ok((ticker.clone(), instrument_of(ticker, word)?))
        });
        Ok(Setup {
            strategy: Strategy::of_options(&case.strategy, &case.params)?,
            instruments: instruments.collect::<Result<_, CaseFault>>()?,
            universe: case.universe.clone(),
            benchmark: case.benchmark.clone().unwrap_or_else(|| BENCHMARK.to_owned()),
            start: case.start,
            end: case.end,
            costs: Costs { commission_rate: self.costs.commission_rate, slippage_rate: self.costs.slippage_rate, fees },
            initial_capital: case.initial_capital.unwrap_or(INITIAL_CAPITAL),
        })
    }

    /// The result in the form of a case file: one row a line.
    ///
    /// # Errors
    /// A ticker has no bars.
    pub fn render(&self, outcome: &Outcome, market: &Market) -> Result<String, CaseFault> {
        Ok(self.sections(outcome, market)?.end())
    }

    /// The same with what a caller at a prompt wants to know besides. The time is the only value in it that differs
    /// between two runs.
    ///
    /// # Errors
    /// A ticker has no bars.
    pub fn render_with(&self, outcome: &Outcome, market: &Market, beside: &Beside) -> Result<String, CaseFault> {
        let mut text = self.sections(outcome, market)?;
        text.object("warnings", &beside.warnings);
        text.object("compute_ms", &beside.compute_ms);
        Ok(text.end())
    }

    fn sections(&self, outcome: &Outcome, market: &Market) -> Result<Sections, CaseFault> {
        let window = (self.case.start, self.case.end);
        let mut tickers = BTreeMap::new();
        for ticker in &self.case.universe {
            let held = holding(market, ticker, window)?;
            let [cagr, mdd] = [held.cagr, held.mdd].map(|value| value.map(|value| round(value, 4)));
            let win_rate = held.win_rate.map(|value| round(value, 2));
            tickers.insert(ticker, TickerRow { cagr, mdd, win_rate, score: None });
        }
        let mut text = Sections::default();
        text.object("schema", &CASE_SCHEMA);
        text.object("case", &self.case);
        text.object("costs", &self.costs);
        text.object("metrics", &rounded(&outcome.metrics));
        text.object("tickers", &tickers);
        text.rows("final_positions", outcome.final_positions.iter().map(PositionRow::of));
        text.rows("trades", outcome.trades.iter().map(trade_record));
        text.rows("equity_curve", outcome.days.iter().map(|day| (day.date, round(day.equity, 2))));
        text.rows("ledger", ledger(outcome).into_iter());
        let gates = outcome.days.iter().filter_map(|day| Some(GateSeriesRow::of(day.date, &day.gate?)));
        if outcome.days.iter().any(|day| day.gate.is_some()) {
            text.rows("gate_series", gates);
        }
        Ok(text)
    }
}

/// What a ticker is: the word's kind, with the leverage that is known of it; without a word what the built-in table says.
///
/// # Errors
/// The word is no kind.
pub fn instrument_of(ticker: &str, word: Option<&str>) -> Result<Instrument, CaseFault> {
    let from_table = known(ticker).map(|(what, _)| what);
    let Some(word) = word else { return Ok(from_table.unwrap_or_else(Instrument::unknown)) };
    let rule = "stock, kospi, kosdaq, konex, etf, etn or index";
    let kind = Kind::parse(word).ok_or_else(|| BacktestFault::Parameter {
        name: "instrument",
        value: format!("{word:?} for {ticker}"),
        rule,
    })?;
    Ok(from_table.map_or(Instrument::plain(kind), |table| Instrument { kind, ..table }))
}

#[derive(Serialize)]
struct TickerRow {
    cagr: Option<f64>,
    mdd: Option<f64>,
    win_rate: Option<f64>,
    score: Option<f64>,
}

/// A JSON object whose lists have one element a line, so that two results can be compared line by line.
#[derive(Default)]
struct Sections {
    text: String,
}

impl Sections {
    fn key(&mut self, key: &str) {
        self.text.push_str(if self.text.is_empty() { "{\n" } else { ",\n" });
        // Writing to a text cannot fail.
        write!(self.text, " \"{key}\": ").ok();
    }

    fn object(&mut self, key: &str, value: &impl Serialize) {
        self.key(key);
        self.value(value);
    }

    fn value(&mut self, value: &impl Serialize) {
        // Texts and finite numbers always render.
        self.text.push_str(&serde_json::to_string(value).unwrap_or_default());
    }

    fn rows<T: Serialize>(&mut self, key: &str, rows: impl Iterator<Item = T>) {
        self.key(key);
        let mut before = "[\n";
        for row in rows {
            self.text.push_str(before);
            self.text.push_str("  ");
            self.value(&row);
            before = ",\n";
        }
        self.text.push_str(if before == "[\n" { "[]" } else { "\n ]" });
    }

    fn end(mut self) -> String {
        self.text.push_str("\n}\n");
        self.text
    }
}
