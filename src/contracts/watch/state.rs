//! SPIKE_STATE_V1 and HOLDING_STATE_V1: what was alerted and when, so that a restart forgets nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Percent;
use super::is_code;
use crate::contracts::Document;
use crate::contracts::Json;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// SPIKE_STATE_V1, `state/spike/spike_state.json`. Keys are `<ticker>_UP` and `<ticker>_DOWN`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpikeState {
    /// `SPIKE_STATE_V1`
    pub schema: String,
    /// When it was written.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// When each was alerted last.
    #[serde(default)]
    pub last_sent: BTreeMap<String, Stamp>,
    /// What that alert said and what became of it.
    #[serde(default)]
    pub last_alert: BTreeMap<String, AlertMark>,
}

/// HOLDING_STATE_V1, `state/holding_watch/holding_state.json`. Keys of the marks are `<ticker>_<kind>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingState {
    /// `HOLDING_STATE_V1`
    pub schema: String,
    /// When it was written.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// When each was alerted last.
    #[serde(default)]
    pub last_sent: BTreeMap<String, Stamp>,
    /// What that alert said and what became of it.
    #[serde(default)]
    pub last_alert: BTreeMap<String, AlertMark>,
    /// What is held, by ticker.
    #[serde(default)]
    pub positions: BTreeMap<String, Position>,
}

/// One alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertMark {
    /// The size of the move, positive; null in states of older programs.
    pub size_pct: Option<Percent>,
    /// PENDING before it was handed over; UNKNOWN when the program ended then; else as in the receipt.
    pub delivery_actual: Option<String>,
}

/// One holding as the watcher saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// Its average price in ten-thousandths of a won; another one is another entry.
    pub avg_price_e4: Option<i64>,
    /// The highest price since entry, in won.
    pub max_price_seen: Option<u64>,
    /// The highest profit since entry.
    pub max_pnl_seen: Option<Percent>,
}

impl Document for SpikeState {
    const SCHEMA: &'static str = "SPIKE_STATE_V1";
}

impl Document for HoldingState {
    const SCHEMA: &'static str = "HOLDING_STATE_V1";
}

impl SpikeState {
    /// Reads a state, also one of an older program, which names no schema.
    ///
    /// # Errors
    /// The bytes are no such document.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
        if json.get("schema").is_some() || !json.is_object() {
            return Self::parse(bytes).map_err(|fault| fault.to_string());
        }
        let mut state = Self { schema: Self::SCHEMA.to_owned(), ..Self::default() };
        match json.get("last_sent") {
            None => Ok(state),
            Some(Json::Object(sent)) => {
                for (key, at) in sent {
                    let at = at.as_str().ok_or("last_sent holds what is no time")?;
                    state.last_sent.insert(key.clone(), Stamp::from(at));
                }
                Ok(state)
            }
            Some(_) => Err("last_sent is no object".to_owned()),
        }
    }
}

impl HoldingState {
    /// Reads a state, also one of an older program: a mapping from tickers, without a schema.
    ///
    /// # Errors
    /// The bytes are no such document.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
        let Json::Object(rows) = &json else { return Err("not a JSON object".to_owned()) };
        if rows.contains_key("schema") {
            return Self::parse(bytes).map_err(|fault| fault.to_string());
        }
        let mut state = Self { schema: Self::SCHEMA.to_owned(), ..Self::default() };
        for (ticker, row) in rows.iter().filter(|(ticker, _)| is_code(ticker)) {
            let percent = |key| row.get(key).and_then(Json::as_number).and_then(Percent::rounded);
            let max_pnl_seen = percent("max_pnl_seen");
            state.positions.insert(ticker.clone(), Position { max_pnl_seen, ..Position::default() });
            let text = |key| row.get(key).and_then(Json::as_str);
            if let (Some(kind), Some(at)) = (text("last_alert_type"), text("last_alert_iso")) {
                let key = format!("{ticker}_{kind}");
                let size_pct = percent("last_alert_pnl").map(|pnl| Percent::of_bp(pnl.bp().abs()));
                state.last_sent.insert(key.clone(), Stamp::from(at));
                state.last_alert.insert(key, AlertMark { size_pct, delivery_actual: None });
            }
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_of_older_programs_are_read() {
        let spike =
            SpikeState::read(br#"{"last_sent":{"069500_DOWN":"2026-01-25T22:57:16.477202"}}"#).expect("a state");
        assert_eq!(spike.last_sent.keys().collect::<Vec<_>>(), ["069500_DOWN"]);
        assert_eq!(SpikeState::read(b"{}").expect("empty").last_sent.len(), 0);
        let text = r#"{"005930":{"max_pnl_seen":176.54545454545453,"last_alert_ts":1769431700.5515485,
            "last_alert_pnl":176.54545454545453,"last_alert_type":"PNL_UP","last_alert_iso":"2026-01-26T21:48:20.551550"}}"#;
        let holding = HoldingState::read(text.as_bytes()).expect("a state");
        assert_eq!(holding.positions["005930"].max_pnl_seen, Some(Percent::of_bp(17_655)));
        assert_eq!(holding.last_alert["005930_PNL_UP"].size_pct, Some(Percent::of_bp(17_655)));
        for bad in ["", "[]", "{\"last_sent\":[]}", "{\"last_sent\":{\"a\":1}}", "{\"schema\":\"X\"}"] {
            assert!(SpikeState::read(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in ["", "[]", "{\"schema\":\"X\"}", "{\"schema\":\"HOLDING_STATE_V1\",\"last_sent\":[]}"] {
            assert!(HoldingState::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
