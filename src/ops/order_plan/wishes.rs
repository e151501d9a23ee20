//! Which orders a recommendation asks for, before anybody looks at prices and money.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::portfolio::Account;
use crate::contracts::reason::detail;
use crate::contracts::reco::RecoReport;

const HIGH: &str = "HIGH";
const LOW: &str = "LOW";
const CONFIDENCES: [&str; 3] = [LOW, "MEDIUM", HIGH];

/// What is to be done with a holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Sell,
    Reduce,
    Buy,
    Hold,
}

impl Action {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "SELL" => Self::Sell,
            "REDUCE" => Self::Reduce,
            "BUY" | "ADD" => Self::Buy,
            "HOLD" => Self::Hold,
            _ => return None,
        })
    }
}

/// An order that somebody wants, not sized yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) ticker: String,
    pub(super) intent: &'static str,
    pub(super) confidence: &'static str,
    pub(super) reason: &'static str,
    pub(super) reason_detail: String,
    /// Shares to sell; 0 for a buy, whose size follows from the money.
    pub(super) quantity: i64,
}

/// Sales in the order of the actions, then buys in the order of the picks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) sells: Vec<Wish>,
    pub(super) buys: Vec<Wish>,
}

struct Row {
    action: Action,
    confidence: &'static str,
    detail: String,
}

/// Reads a recommendation against what is held.
///
/// # Errors
/// A row has no ticker, a ticker stands twice in one list, or an action is unknown: then nothing of it is acted on.
pub(super) fn wishes(reco: &RecoReport, account: &Account) -> Result<Wishes, String> {
    let mut actions: BTreeMap<&str, Row> = BTreeMap::new();
    let mut in_order = Vec::new();
    for row in reco.holding_actions.iter().flatten() {
        let ticker = ticker(row)?;
        if actions.insert(ticker, action(row, ticker)?).is_some() {
            return Err(format!("the recommendation has two actions for {ticker}"));
        }
        in_order.push(ticker);
    }
    let mut picked: Vec<&str> = Vec::new();
    let mut found = Wishes::default();
    for row in reco.top_picks.iter().flatten() {
        let ticker = ticker(row)?;
        if picked.contains(&ticker) {
            return Err(format!("the recommendation picks {ticker} twice"));
        }
        picked.push(ticker);
        let (confidence, reason, text) = match actions.get(ticker) {
            None => (HIGH, "TOP_PICK", score(row)),
            Some(row) if row.action == Action::Buy => (row.confidence, "RECO_BUY", row.detail.clone()),
            Some(_) => continue,
        };
        found.buys.push(buy(account, ticker, (confidence, reason, text)));
    }
    for ticker in in_order {
        let Some(row) = actions.get(ticker) else { continue };
        let held = account.quantity(ticker);
        let sell = |intent, reason, quantity| Wish {
            ticker: ticker.to_owned(),
            intent,
            confidence: row.confidence,
            reason,
            reason_detail: row.detail.clone(),
            quantity,
        };
        match row.action {
            Action::Sell if held > 0 => found.sells.push(sell("EXIT", "RECO_SELL", held)),
            // Half of an odd number is rounded up.
            Action::Reduce if held > 0 => found.sells.push(sell("REDUCE", "RECO_REDUCE", held - held / 2)),
            Action::Buy if !picked.contains(&ticker) => {
                found.buys.push(buy(account, ticker, (row.confidence, "RECO_BUY", row.detail.clone())));
            }
            // What is not held cannot be sold, and a hold is no order.
            Action::Sell | Action::Reduce | Action::Buy | Action::Hold => {}
        }
    }
    Ok(found)
}

fn buy(account: &Account, ticker: &str, (confidence, reason, text): (&'static str, &'static str, String)) -> Wish {
    Wish {
        ticker: ticker.to_owned(),
        intent: if account.quantity(ticker) > 0 { "ADD" } else { "NEW_ENTRY" },
        confidence,
        reason,
        reason_detail: text,
        quantity: 0,
    }
}

fn ticker(row: &Value) -> Result<&str, String> {
    let ticker = row.get("ticker").and_then(Value::as_str);
    let is_ticker = |text: &&str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    ticker.filter(is_ticker).ok_or_else(|| "a row of the recommendation has no ticker".to_owned())
}

fn action(row: &Value, ticker: &str) -> Result<Row, String> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
    let action = Action::parse(text("action")).ok_or_else(|| format!("the action for {ticker} is unknown"))?;
    // Who does not say how sure he is, is not sure.
    let confidence = CONFIDENCES.into_iter().find(|word| *word == text("confidence")).unwrap_or(LOW);
    let parts: Vec<&str> =
        [text("reason"), text("reason_detail")].into_iter().filter(|part| !part.is_empty()).collect();
    Ok(Row { action, confidence, detail: detail(&parts.join(": ")) })
}

fn score(row: &Value) -> String {
    match row.get("score").filter(|score| score.is_number()) {
        Some(score) => format!("Score: {score}"),
        None => "Score: none".to_owned(),
    }
}
