//! The JSON caches that other programs leave behind: histories of many tickers, closes of an index, real-time quotes.
//!
//! They are read strictly. A missing value is NaN, which normalisation judges; anything that is neither number nor
//! `null` is a fault that names ticker, row and field.

use std::collections::BTreeMap;
use std::path::Path;

use super::PriceFault;
use super::RawBars;
use super::columns::date_in;
use super::columns::number_in;
use crate::contracts::Json;
use crate::contracts::json::sha256_hex;
use crate::trading::Bars;

const BAR_FIELDS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A quote of a real-time cache. What the vendor left out is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedQuote {
    /// When it was fetched, in seconds since 1970.
    pub fetched_at: f64,
    /// Who gave it.
    pub provider: Option<String>,
    /// The ticker's name.
    pub name: Option<String>,
    /// The last price.
    pub price: f64,
    /// Change since the last close in percent.
    pub change_pct: Option<f64>,
    /// Change since the last close in won.
    pub change_val: Option<f64>,
    /// Shares traded.
    pub volume: Option<f64>,
    /// Won traded.
    pub value_krw: Option<f64>,
    /// Net asset value of a fund.
    pub nav: Option<f64>,
}

/// Reads a cache of histories: `{ticker: {prices: [{date, open, high, low, close, volume}], ..}}`.
///
/// # Errors
/// The file cannot be read or has another form.
pub fn read_history_cache(path: &Path) -> Result<BTreeMap<String, RawBars>, PriceFault> {
    let (json, sha256) = document(path)?;
    let shape = |why: String| PriceFault::Shape { path: path.to_owned(), why };
    let of_ticker = |(ticker, entry): (&String, &Json)| {
        let bars = history(entry).map_err(|why| shape(format!("{ticker}: {why}")))?;
        Ok((ticker.clone(), RawBars { ticker: ticker.clone(), bars, sha256: sha256.clone() }))
    };
    members(&json).map_err(shape)?.iter().map(of_ticker).collect()
}

/// Reads the closes of an index, the oldest first: `{prices: [{close}]}`.
///
/// # Errors
/// The file cannot be read, has another form, or a close is no price.
pub fn read_index_closes(path: &Path) -> Result<Vec<f64>, PriceFault> {
    let (json, _) = document(path)?;
    let shape = |why: String| PriceFault::Shape { path: path.to_owned(), why };
    let close = |(at, row): (usize, &Json)| match number(row, "close") {
        Ok(close) if super::normalize::usable(close) => Ok(close),
        Ok(_) => Err(format!("row {}: close is no price", at + 1)),
        Err(why) => Err(format!("row {}: {why}", at + 1)),
    };
    rows(&json).and_then(|rows| rows.iter().enumerate().map(close).collect()).map_err(shape)
}

/// Reads a cache of real-time quotes: `{ticker: {_ts, data: {price, ..}}}`. A ticker whose data is `null` is left out.
///
/// # Errors
/// The file cannot be read or has another form, or a quote has no time or no price.
pub fn read_quote_cache(path: &Path) -> Result<BTreeMap<String, CachedQuote>, PriceFault> {
    let (json, _) = document(path)?;
    let shape = |why: String| PriceFault::Shape { path: path.to_owned(), why };
    let entries = members(&json).map_err(shape)?.iter();
    let of_ticker = |(ticker, entry): (&String, &Json)| {
        let data = entry.get("data").filter(|data| **data != Json::Null)?;
        let quote = quote(entry, data).map_err(|why| shape(format!("{ticker}: {why}")));
        Some(quote.map(|quote| (ticker.clone(), quote)))
    };
    entries.filter_map(of_ticker).collect()
}

fn document(path: &Path) -> Result<(Json, String), PriceFault> {
    let bytes = super::bytes(path)?;
    let json = Json::parse(&bytes).map_err(|why| PriceFault::Shape { path: path.to_owned(), why: why.to_string() })?;
    Ok((json, sha256_hex(&bytes)))
}

fn members(json: &Json) -> Result<&BTreeMap<String, Json>, String> {
    if let Json::Object(members) = json { Ok(members) } else { Err("is no object of tickers".to_owned()) }
}

fn rows(entry: &Json) -> Result<&[Json], String> {
    entry.get("prices").and_then(Json::as_array).ok_or_else(|| "has no list prices".to_owned())
}

fn history(entry: &Json) -> Result<Bars, String> {
    let mut bars = Bars::default();
    for (at, row) in rows(entry)?.iter().enumerate() {
        let at = at + 1;
        let date = row.get("date").and_then(Json::as_str).and_then(date_in);
        let date = date.ok_or_else(|| format!("row {at}: date is no date"))?;
        let mut bar = [0.0; 5];
        for (value, field) in bar.iter_mut().zip(BAR_FIELDS) {
            *value = number(row, field).map_err(|why| format!("row {at}: {why}"))?;
        }
        bars.push(date, bar);
    }
    Ok(bars)
}

fn quote(entry: &Json, data: &Json) -> Result<CachedQuote, String> {
    let known = |field: &str| number(data, field).map(|value| Some(value).filter(|value| !value.is_nan()));
    let text = |field: &str| data.get(field).and_then(Json::as_str).map(str::to_owned);
    Ok(CachedQuote {
        fetched_at: number(entry, "_ts")?,
        provider: text("provider"),
        name: text("name"),
        price: known("price")?.filter(|price| super::normalize::usable(*price)).ok_or("price is no price")?,
        change_pct: known("change_pct")?,
        change_val: known("change_val")?,
        volume: known("volume")?,
        value_krw: known("value_krw")?,
        nav: known("nav")?,
    })
    .and_then(|quote| if quote.fetched_at.is_nan() { Err("_ts is missing".to_owned()) } else { Ok(quote) })
}

/// A number, or NaN for a missing member and `null`.
fn number(row: &Json, field: &str) -> Result<f64, String> {
    let found = match row.get(field) {
        None | Some(Json::Null) => Some(f64::NAN),
        Some(Json::String(text)) => number_in(text),
        Some(value) => value.as_number(),
    };
    found.ok_or_else(|| format!("{field} is no number"))
}
