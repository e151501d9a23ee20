//! PORTFOLIO_SNAPSHOT_V1, `state/portfolio/latest/portfolio_latest.json`: what is held. Personal: never published.
//!
//! Three forms are read: the published one with a list of holdings, and two older ones with a mapping by ticker, without
//! a schema, `qty` for `quantity`. Numbers are never guessed from texts. No fault repeats a value of the portfolio,
//! because faults are printed and logged.

mod snapshot;

use std::collections::BTreeSet;

pub use snapshot::Account;
pub use snapshot::BadField;
pub use snapshot::HoldingRow;
pub use snapshot::PortfolioSnapshot;
pub use snapshot::Position;
pub use snapshot::UPDATERS;
pub use snapshot::cash;
pub use snapshot::holdings as rows;

use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::verify;
use crate::contracts::json::Json;
use crate::contracts::json::JsonFault;

/// The schema's name.
pub const PORTFOLIO_SCHEMA: &str = "PORTFOLIO_SNAPSHOT_V1";

/// A portfolio, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Portfolio {
    /// Cash in won, not negative; zero when it is not stated.
    pub cash: f64,
    /// The value of everything in won: as stated, else cash plus holdings.
    pub total_value: f64,
    /// What is held, by ticker; nothing with a quantity of zero.
    pub holdings: Vec<Holding>,
}

/// One holding.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// The ticker.
    pub ticker: String,
    /// Shares, positive; `None` when it is not stated.
    pub quantity: Option<f64>,
    /// Price in won: the current one, else the average one; `None` when neither is stated.
    pub price: Option<f64>,
    /// What a share cost on average, in won.
    pub avg_price: Option<f64>,
    /// The name, when it is stated as a text.
    pub name: Option<String>,
}

/// Why a file is no portfolio. Places are named, values are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortfolioFault {
    /// Not acceptable JSON.
    #[error("not acceptable JSON")]
    Json(#[from] JsonFault),
    /// Another document.
    #[error("schema is not {PORTFOLIO_SCHEMA}")]
    Schema,
    /// A field of another type than it must have.
    #[error("{0} must be {1}")]
    Type(String, &'static str),
    /// A negative number where none may be.
    #[error("{0} is negative")]
    Negative(String),
    /// A ticker twice.
    #[error("{0} repeats a ticker")]
    Twice(String),
    /// The stated hash is not the hash of the holdings.
    #[error("integrity.payload_sha256 is not the hash of the holdings")]
    Hash,
}

impl Portfolio {
    /// Reads a portfolio.
    ///
    /// # Errors
    /// The bytes are no JSON object, of another schema, state a hash that does not agree, or hold a negative cash, quantity
    /// or price, a ticker twice, or a field of another type.
    pub fn read(bytes: &[u8]) -> Result<Self, PortfolioFault> {
        let json = Json::parse(bytes)?;
        if !json.is_object() {
            return Err(PortfolioFault::Type("the document".to_owned(), "an object"));
        }
        match present(&json, "schema") {
            None => {}
            Some(schema) if schema.as_str() == Some(PORTFOLIO_SCHEMA) => {}
            Some(_) => return Err(PortfolioFault::Schema),
        }
        if matches!(verify(&json), Integrity::Mismatch { .. }) {
            return Err(PortfolioFault::Hash);
        }
        let cash = amount(&json, "cash", "cash")?;
        let holdings = holdings(&json)?;
        let stated = number(&json, "total_value", "total_value")?;
        let held = || holdings.iter().map(Holding::value).sum::<f64>();
        Ok(Self {
            cash: cash.unwrap_or_default(),
            total_value: stated.unwrap_or_else(|| cash.unwrap_or_default() + held()),
            holdings: holdings.into_iter().filter(|holding| holding.quantity != Some(0.0)).collect(),
        })
    }
}

impl Holding {
    /// Quantity times price; zero when one is not stated.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.quantity.unwrap_or_default() * self.price.unwrap_or_default()
    }
}

fn holdings(json: &Json) -> Result<Vec<Holding>, PortfolioFault> {
    let rows: Vec<(String, Option<&str>, &Json)> = match present(json, "holdings") {
        None => Vec::new(),
        Some(Json::Array(rows)) => {
            rows.iter().enumerate().map(|(index, row)| (format!("holdings[{index}]"), None, row)).collect()
        }
        Some(Json::Object(rows)) => rows
            .iter()
            .enumerate()
            .map(|(index, (ticker, row))| (format!("holdings[{index}]"), Some(ticker.as_str()), row))
            .collect(),
        Some(_) => return Err(PortfolioFault::Type("holdings".to_owned(), "a list or an object")),
    };
    let mut seen = BTreeSet::new();
    let mut holdings = Vec::new();
    for (place, key, row) in rows {
        let holding = holding(&place, key, row)?;
        if !seen.insert(holding.ticker.clone()) {
            return Err(PortfolioFault::Twice(place));
        }
        holdings.push(holding);
    }
    Ok(holdings)
}

fn holding(place: &str, key: Option<&str>, row: &Json) -> Result<Holding, PortfolioFault> {
    let inside = |field: &str| format!("{place}.{field}");
    // The shortest mapping is from a ticker to a number of shares.
    let quantity = match (key, row.as_number()) {
        (Some(_), Some(shares)) => Some(not_negative(shares, place)?),
        _ if !row.is_object() => return Err(PortfolioFault::Type(place.to_owned(), "an object")),
        _ => match amount(row, "quantity", &inside("quantity"))? {
            None => amount(row, "qty", &inside("qty"))?,
            stated => stated,
        },
    };
    let ticker = match key {
        Some(key) => Some(key),
        None => present(row, "ticker").or_else(|| present(row, "code")).and_then(Json::as_str),
    };
    let ticker = ticker
        .filter(|text| is_ticker(text))
        .ok_or_else(|| PortfolioFault::Type(inside("ticker"), "six digits or capital letters"))?;
    let current = amount(row, "current_price", &inside("current_price"))?;
    let avg_price = amount(row, "avg_price", &inside("avg_price"))?;
    let name = present(row, "name").and_then(Json::as_str).map(str::to_owned);
    Ok(Holding { ticker: ticker.to_owned(), quantity, price: current.or(avg_price), avg_price, name })
}

/// A number that is not negative; `None` when there is none.
fn amount(object: &Json, key: &str, place: &str) -> Result<Option<f64>, PortfolioFault> {
    number(object, key, place)?.map(|value| not_negative(value, place)).transpose()
}

fn not_negative(value: f64, place: &str) -> Result<f64, PortfolioFault> {
    if value < 0.0 { Err(PortfolioFault::Negative(place.to_owned())) } else { Ok(value) }
}

fn number(object: &Json, key: &str, place: &str) -> Result<Option<f64>, PortfolioFault> {
    let Some(value) = present(object, key) else { return Ok(None) };
    let value = value.as_number().filter(|value| value.is_finite());
    value.map(Some).ok_or_else(|| PortfolioFault::Type(place.to_owned(), "a number"))
}

fn present<'a>(object: &'a Json, key: &str) -> Option<&'a Json> {
    object.get(key).filter(|value| !matches!(value, Json::Null))
}

fn is_ticker(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Portfolio, PortfolioFault> {
        Portfolio::read(text.as_bytes())
    }

    #[test]
    fn every_form_of_holdings_is_read() {
        let cases = [
            (
                "list",
                r#"{"cash":100,"holdings":[{"ticker":"069500","name":"코덱스","quantity":2,"current_price":10}]}"#,
                120.0,
            ),
            ("list with code", r#"{"cash":100,"holdings":[{"code":"069500","qty":2,"avg_price":10.5}]}"#, 121.0),
            ("mapping", r#"{"holdings":{"069500":{"qty":2,"avg_price":10}}}"#, 20.0),
            ("mapping to shares", r#"{"cash":1,"holdings":{"069500":2}}"#, 1.0),
            ("stated total", r#"{"cash":1,"total_value":0,"holdings":[{"ticker":"069500","quantity":2}]}"#, 0.0),
            (
                "current before average",
                r#"{"holdings":[{"ticker":"069500","quantity":2,"avg_price":5,"current_price":6}]}"#,
                12.0,
            ),
        ];
        for (name, text, total) in cases {
            let found = read(text).expect(name);
            assert_eq!(found.holdings.len(), 1, "{name}");
            assert_eq!(found.holdings[0].ticker, "069500", "{name}");
            assert!((found.total_value - total).abs() < 1e-9, "{name}: {}", found.total_value);
        }
        let none = read(r#"{"cash":5,"holdings":[{"ticker":"069500","quantity":0,"avg_price":9}]}"#).expect("sold");
        assert_eq!((none.holdings.len(), none.cash, none.total_value), (0, 5.0, 5.0));
        assert_eq!(read("{}").expect("empty"), Portfolio { cash: 0.0, total_value: 0.0, holdings: Vec::new() });
    }

    #[test]
    fn what_must_not_be_is_refused_without_a_word_of_its_content() {
        let cases = [
            ("no JSON", "{", "not acceptable JSON"),
            ("no object", "[]", "the document must be an object"),
            ("schema", r#"{"schema":"X"}"#, "schema is not PORTFOLIO_SNAPSHOT_V1"),
            ("cash", r#"{"cash":-987}"#, "cash is negative"),
            ("cash a text", r#"{"cash":"987"}"#, "cash must be a number"),
            ("quantity", r#"{"holdings":[{"ticker":"069500","quantity":-987}]}"#, "holdings[0].quantity is negative"),
            ("qty", r#"{"holdings":{"069500":{"qty":-987}}}"#, "holdings[0].qty is negative"),
            ("shares", r#"{"holdings":{"069500":-987}}"#, "holdings[0] is negative"),
            (
                "price",
                r#"{"holdings":[{"ticker":"069500","current_price":-987}]}"#,
                "holdings[0].current_price is negative",
            ),
            (
                "average behind a current price",
                r#"{"holdings":[{"ticker":"069500","current_price":1,"avg_price":-987}]}"#,
                "holdings[0].avg_price is negative",
            ),
            ("twice", r#"{"holdings":[{"ticker":"069500"},{"code":"069500"}]}"#, "holdings[1] repeats a ticker"),
            ("ticker a number", r#"{"holdings":[{"ticker":69500}]}"#, "holdings[0].ticker must be six"),
            ("ticker short", r#"{"holdings":{"69500":1}}"#, "holdings[0].ticker must be six"),
            ("holdings a word", r#"{"holdings":"none"}"#, "holdings must be a list or an object"),
            ("a holding a word", r#"{"holdings":["069500"]}"#, "holdings[0] must be an object"),
            ("mapping to a word", r#"{"holdings":{"069500":"987"}}"#, "holdings[0] must be an object"),
            (
                "hash",
                r#"{"schema":"PORTFOLIO_SNAPSHOT_V1","holdings":[],"integrity":{"payload_sha256":"0000000000000000000000000000000000000000000000000000000000000987"}}"#,
                "integrity.payload_sha256 is not the hash of the holdings",
            ),
        ];
        for (name, text, want) in cases {
            let said = read(text).expect_err(name).to_string();
            assert!(said.starts_with(want), "{name}: {said}");
            assert!(!said.contains("987"), "{name}: {said}");
        }
    }

    #[test]
    fn a_hash_that_agrees_or_a_seed_without_one_is_accepted() {
        let empty = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
        for hash in [empty, "seed_placeholder"] {
            let text = format!(
                r#"{{"schema":"PORTFOLIO_SNAPSHOT_V1","cash":1,"holdings":[],"integrity":{{"payload_sha256":"{hash}"}}}}"#
            );
            assert!(read(&text).is_ok(), "{hash}");
        }
    }

    #[test]
    fn the_real_portfolios_are_read() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/oci/at");
        for at in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let file = at.path().join("state/portfolio/latest/portfolio_latest.json");
            if file.exists() {
                let found = Portfolio::read(&std::fs::read(&file).expect("readable")).expect("a portfolio");
                assert_eq!(found.holdings.len(), 2, "{}", file.display());
            }
        }
    }
}
