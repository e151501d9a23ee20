//! The portfolio as this program writes it, and as it counts with it: whole won, whole shares, exact prices.

use serde::Deserialize;
use serde::Serialize;

use super::Portfolio;
use super::PortfolioFault;
use super::is_ticker;
use super::present;
use crate::contracts::document::Document;
use crate::contracts::document::lenient;
use crate::contracts::json::Json;
use crate::contracts::json::sha256_hex;
use crate::contracts::money::MAX_QUANTITY;
use crate::contracts::money::MAX_WON;
use crate::contracts::money::Price;
use crate::contracts::money::tenths_of_percent;
use crate::contracts::reco::PayloadHash;
use crate::time::Stamp;

/// Who may change a portfolio, as the document says it.
pub const UPDATERS: [&str; 5] = ["ui", "api", "sync", "manual_seed", "manual_update"];
/// Most holdings of one portfolio.
const MAX_HOLDINGS: usize = 500;

/// PORTFOLIO_SNAPSHOT_V1 as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortfolioSnapshot {
    /// `PORTFOLIO_SNAPSHOT_V1`
    #[serde(deserialize_with = "lenient")]
    pub schema: String,
    /// When it was so.
    #[serde(deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// UUID; the same from one change to the next.
    #[serde(deserialize_with = "lenient")]
    pub portfolio_id: Option<String>,
    /// Cash in won.
    #[serde(deserialize_with = "lenient")]
    pub cash: i64,
    /// What is held, in the order of the tickers.
    #[serde(deserialize_with = "lenient")]
    pub holdings: Vec<HoldingRow>,
    /// Cash and holdings in won.
    #[serde(deserialize_with = "lenient")]
    pub total_value: i64,
    /// Cash in percent of the whole, one decimal; 100 when there is nothing.
    #[serde(deserialize_with = "lenient")]
    pub cash_ratio_pct: f64,
    /// When it was changed last.
    #[serde(deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// One of [`UPDATERS`].
    #[serde(deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// Its frozen copy.
    #[serde(deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// Nothing: a portfolio is personal and is cited nowhere.
    #[serde(deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// The hash of the holdings.
    #[serde(deserialize_with = "lenient")]
    pub integrity: Option<PayloadHash>,
}

impl Document for PortfolioSnapshot {
    const SCHEMA: &'static str = super::PORTFOLIO_SCHEMA;
}

/// One row of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoldingRow {
    /// Six digits or capitals.
    #[serde(deserialize_with = "lenient")]
    pub ticker: String,
    /// For people.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Shares.
    #[serde(deserialize_with = "lenient")]
    pub quantity: i64,
    /// What a share cost, in won.
    #[serde(deserialize_with = "lenient")]
    pub avg_price: Price,
    /// What a share is worth, in won.
    #[serde(deserialize_with = "lenient")]
    pub current_price: Price,
    /// Shares times current price in won, the rest of a won cut off.
    #[serde(deserialize_with = "lenient")]
    pub market_value: i64,
}

impl PortfolioSnapshot {
    /// Cash and rows with everything that follows from them; ids, times and hash are the writer's.
    #[must_use]
    pub fn computed(cash: i64, mut holdings: Vec<HoldingRow>) -> Self {
        holdings.sort_by(|a, b| a.ticker.cmp(&b.ticker));
        for row in &mut holdings {
            row.market_value = row.current_price.times(row.quantity);
        }
        let total_value = holdings.iter().fold(cash, |sum, row| sum.saturating_add(row.market_value));
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand tenths")]
        let cash_ratio_pct = tenths_of_percent(cash, total_value) as f64 / 10.0;
        Self { schema: Self::SCHEMA.to_owned(), cash, holdings, total_value, cash_ratio_pct, ..Self::default() }
    }
}

/// A value of a portfolio that cannot be. The place is named, the value is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {rule}")]
pub struct BadField {
    /// `cash`, `holdings[0].quantity` ...
    pub place: String,
    /// What is wrong with it.
    pub rule: &'static str,
}

impl BadField {
    fn at(place: impl Into<String>, rule: &'static str) -> Self {
        Self { place: place.into(), rule }
    }
}

/// Cash as a request states it.
///
/// # Errors
/// It is no whole number of won from 0 to [`MAX_WON`].
pub fn cash(json: &Json) -> Result<i64, BadField> {
    whole(json, "cash", MAX_WON)
}

/// Rows as a request states them.
///
/// # Errors
/// A row has no ticker, one of another form or one of another row, a number that is negative, too large or none, or more
/// than 500 rows are given.
pub fn holdings(rows: &[Json]) -> Result<Vec<HoldingRow>, BadField> {
    if rows.len() > MAX_HOLDINGS {
        return Err(BadField::at("holdings", "has too many rows"));
    }
    let mut read: Vec<HoldingRow> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let row = holding(row, &format!("holdings[{index}]"))?;
        if read.iter().any(|other| other.ticker == row.ticker) {
            return Err(BadField::at(format!("holdings[{index}].ticker"), "is there twice"));
        }
        read.push(row);
    }
    Ok(read)
}

fn holding(row: &Json, place: &str) -> Result<HoldingRow, BadField> {
    if !row.is_object() {
        return Err(BadField::at(place, "must be an object"));
    }
    let inside = |key: &str| format!("{place}.{key}");
    let ticker = present(row, "ticker").and_then(Json::as_str).filter(|text| is_ticker(text));
    let ticker = ticker.ok_or_else(|| BadField::at(inside("ticker"), "must be six digits or capital letters"))?;
    let name = match present(row, "name") {
        None => String::new(),
        Some(name) => crate::contracts::reason::detail(
            name.as_str().ok_or_else(|| BadField::at(inside("name"), "must be a text"))?,
        ),
    };
    let needed = |key: &str| present(row, key).ok_or_else(|| BadField::at(inside(key), "is missing"));
    let quantity = whole(needed("quantity")?, &inside("quantity"), MAX_QUANTITY)?;
    if quantity == 0 {
        return Err(BadField::at(inside("quantity"), "is 0: what is not held has no row"));
    }
    let avg_price = price(needed("avg_price")?, &inside("avg_price"))?;
    let current_price = match present(row, "current_price") {
        None => avg_price,
        Some(stated) => price(stated, &inside("current_price"))?,
    };
    Ok(HoldingRow { ticker: ticker.to_owned(), name, quantity, avg_price, current_price, market_value: 0 })
}

/// A whole number from 0 to `most`; a float without a rest is one.
fn whole(json: &Json, place: &str, most: i64) -> Result<i64, BadField> {
    let value = json.as_number().filter(|value| value.is_finite());
    let value = value.ok_or_else(|| BadField::at(place, "must be a number"))?;
    if value < 0.0 {
        return Err(BadField::at(place, "is negative"));
    }
    if value.fract() != 0.0 {
        return Err(BadField::at(place, "must be a whole number"));
    }
    bounded(value, most).ok_or_else(|| BadField::at(place, "is too large"))
}

fn bounded(value: f64, most: i64) -> Option<i64> {
    #[expect(clippy::cast_precision_loss, reason = "every bound is below 2^53")]
    let fits = value <= most as f64;
    #[expect(clippy::cast_possible_truncation, reason = "compared with a bound")]
    fits.then_some(value as i64)
}

fn price(json: &Json, place: &str) -> Result<Price, BadField> {
    match json.as_number() {
        None => Err(BadField::at(place, "must be a number")),
        Some(value) if value < 0.0 => Err(BadField::at(place, "is negative")),
        Some(_) => Price::of(json).ok_or_else(|| BadField::at(place, "is too large")),
    }
}

/// A portfolio to count with: read from any published form, in whole won and shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Cash in won, the rest of a won cut off.
    pub cash: i64,
    /// Everything in won: as stated, else cash and holdings.
    pub total_value: i64,
    /// What is held.
    pub positions: Vec<Position>,
    /// When it was changed last, when the file says so.
    pub updated_at: Option<Stamp>,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// One position of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The ticker.
    pub ticker: String,
    /// Shares, more than 0.
    pub quantity: i64,
    /// What a share is worth: the current price, else the average one.
    pub price: Option<Price>,
}

impl Account {
    /// Reads a portfolio.
    ///
    /// # Errors
    /// It is no portfolio, or one whose numbers are no whole shares or beyond every bound.
    pub fn read(bytes: &[u8]) -> Result<Self, PortfolioFault> {
        let found = Portfolio::read(bytes)?;
        let json = Json::parse(bytes)?;
        let won = |value: f64, place: &str| {
            bounded(value.floor(), MAX_WON).ok_or_else(|| PortfolioFault::Type(place.to_owned(), "a sum of won"))
        };
        let mut positions = Vec::new();
        for (index, holding) in found.holdings.into_iter().enumerate() {
            let wrong = |what, rule| PortfolioFault::Type(format!("holding {}: {what}", index + 1), rule);
            let quantity = holding.quantity.filter(|shares| shares.fract() == 0.0);
            let quantity = quantity.and_then(|shares| bounded(shares, MAX_QUANTITY));
            let quantity = quantity.ok_or_else(|| wrong("quantity", "a whole number of shares"))?;
            let price = holding.price.map(|price| Price::number(price).ok_or_else(|| wrong("price", "a price")));
            positions.push(Position { ticker: holding.ticker, quantity, price: price.transpose()? });
        }
        let cash = won(found.cash, "cash")?;
        let worth = positions.iter().filter_map(|position| Some(position.price?.times(position.quantity)));
        let total_value = match present(&json, "total_value") {
            Some(_) => won(found.total_value, "total_value")?,
            None => worth.fold(cash, i64::saturating_add),
        };
        let updated_at = present(&json, "updated_at").or_else(|| present(&json, "asof")).and_then(Json::as_str);
        Ok(Self { cash, total_value, positions, updated_at: updated_at.map(Stamp::from), sha256: sha256_hex(bytes) })
    }

    /// Whether the total is cash and holdings. Each position may be cut to the won, and the cash too; a position without a
    /// price is worth nothing that could be checked.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let worth = self.positions.iter().filter_map(|position| Some(position.price?.times(position.quantity)));
        let counted = worth.fold(self.cash, i64::saturating_add);
        let cut = u64::try_from(self.positions.len()).unwrap_or(u64::MAX);
        self.total_value.abs_diff(counted) <= cut.saturating_add(1)
    }

    /// Shares of a ticker; 0 when it is not held.
    #[must_use]
    pub fn quantity(&self, ticker: &str) -> i64 {
        self.position(ticker).map_or(0, |position| position.quantity)
    }

    /// The position of a ticker.
    #[must_use]
    pub fn position(&self, ticker: &str) -> Option<&Position> {
        self.positions.iter().find(|position| position.ticker == ticker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn everything_that_follows_from_cash_and_rows_is_computed() {
        let rows = json(
            r#"[{"ticker":"229200","quantity":144,"avg_price":15580.5,"current_price":15600},
                {"ticker":"069500","name":"KODEX 200","quantity":37,"avg_price":61000.55}]"#,
        );
        let rows = holdings(rows.as_array().expect("rows")).expect("holdings");
        let found = PortfolioSnapshot::computed(5_000_000, rows);
        let values: Vec<_> = found.holdings.iter().map(|row| (row.ticker.as_str(), row.market_value)).collect();
        assert_eq!(values, [("069500", 2_257_020), ("229200", 2_246_400)]);
        assert_eq!((found.total_value, found.cash_ratio_pct.to_string()), (9_503_420, "52.6".to_owned()));
        let none = PortfolioSnapshot::computed(0, Vec::new());
        assert_eq!((none.total_value, none.cash_ratio_pct.to_string()), (0, "100".to_owned()));
    }

    #[test]
    fn a_row_that_cannot_be_is_refused_by_its_place_without_its_value() {
        let good = r#""ticker":"069500","quantity":1,"avg_price":1"#;
        let cases = [
            ("no object", "[7]".to_owned(), "holdings[0] must be an object"),
            ("no ticker", r#"[{"quantity":1,"avg_price":1}]"#.to_owned(), "holdings[0].ticker must be six"),
            ("short", r#"[{"ticker":"69500","quantity":1,"avg_price":1}]"#.to_owned(), "holdings[0].ticker must be"),
            ("twice", format!("[{{{good}}},{{{good}}}]"), "holdings[1].ticker is there twice"),
            ("no quantity", r#"[{"ticker":"069500","avg_price":1}]"#.to_owned(), "holdings[0].quantity is missing"),
            (
                "negative",
                r#"[{"ticker":"069500","quantity":-987,"avg_price":1}]"#.to_owned(),
                "holdings[0].quantity is neg",
            ),
            (
                "part of a share",
                r#"[{"ticker":"069500","quantity":0.5,"avg_price":1}]"#.to_owned(),
                "holdings[0].quantity must be a whole",
            ),
            ("none", r#"[{"ticker":"069500","quantity":0,"avg_price":1}]"#.to_owned(), "holdings[0].quantity is 0"),
            (
                "too many",
                r#"[{"ticker":"069500","quantity":1e12,"avg_price":1}]"#.to_owned(),
                "holdings[0].quantity is too",
            ),
            (
                "text for a price",
                r#"[{"ticker":"069500","quantity":1,"avg_price":"987"}]"#.to_owned(),
                "holdings[0].avg_price must be a number",
            ),
            (
                "negative price",
                format!(r#"[{{{good},"current_price":-987}}]"#),
                "holdings[0].current_price is negative",
            ),
            ("name a number", format!(r#"[{{{good},"name":987}}]"#), "holdings[0].name must be a text"),
        ];
        for (name, text, want) in cases {
            let said = holdings(json(&text).as_array().expect("rows")).expect_err(name).to_string();
            assert!(said.starts_with(want) && !said.contains("987"), "{name}: {said}");
        }
        let sums = [("-1", "cash is negative"), ("0.5", "cash must be a whole number"), ("1e15", "cash is too large")];
        for (text, want) in sums {
            assert_eq!(cash(&json(text)).expect_err(text).to_string(), want);
        }
        assert_eq!(cash(&json("100.0")), Ok(100));
    }

    #[test]
    fn a_total_agrees_with_cash_and_holdings_to_one_won_a_position_and_one() {
        let cases = [
            ("not stated", "", true),
            ("as counted", r#""total_value":9046801,"#, true),
            ("two more", r#""total_value":9046803,"#, true),
            ("two less", r#""total_value":9046799,"#, true),
            ("three more", r#""total_value":9046804,"#, false),
            ("three less", r#""total_value":9046798,"#, false),
            ("tenfold", r#""total_value":90468010,"#, false),
            ("nothing", r#""total_value":0,"#, false),
            ("negative", r#""total_value":-9046801,"#, false),
        ];
        for (name, total, want) in cases {
            let text =
                format!(r#"{{"cash":9000000,{total}"holdings":{{"229200":{{"qty":3,"current_price":15600.5}}}}}}"#);
            assert_eq!(Account::read(text.as_bytes()).expect(name).is_consistent(), want, "{name}");
        }
        let unpriced = br#"{"cash":5,"total_value":500,"holdings":{"229200":3}}"#;
        assert!(!Account::read(unpriced).expect("an account").is_consistent());
    }

    #[test]
    fn every_published_form_becomes_an_account() {
        let older = r#"{"updated_at":"2026-02-08T09:05:35","total_value":10000000,"cash":3000100.7,
            "holdings":{"069500":{"quantity":100,"avg_price":30000,"current_price":31000.5},"229200":{"qty":50}}}"#;
        let found = Account::read(older.as_bytes()).expect("an account");
        assert_eq!((found.cash, found.total_value), (3_000_100, 10_000_000));
        assert_eq!(found.positions[0].price.map(|price| price.times(100)), Some(3_100_050));
        assert_eq!((found.quantity("229200"), found.quantity("005930")), (50, 0));
        assert!(found.updated_at.is_some());
        let worth = Account::read(br#"{"cash":5,"holdings":[{"ticker":"069500","quantity":2,"avg_price":10}]}"#);
        assert_eq!(worth.expect("an account").total_value, 25);
        for text in [
            r#"{"cash":1e14}"#,
            r#"{"holdings":[{"ticker":"069500","quantity":0.5}]}"#,
            r#"{"holdings":[{"ticker":"069500"}]}"#,
            r#"{"holdings":[{"ticker":"069500","quantity":1,"avg_price":1e12}]}"#,
        ] {
            assert!(Account::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
