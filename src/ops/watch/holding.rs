//! The holding watcher: profit, loss and the fall from the highest price since entry, on what is held.
//!
//! One kind of alert a holding and look: a loss before a trail stop before a profit. The trail stop is armed once the
//! highest price was above the average price. Another average price is another entry.

use std::collections::BTreeMap;

use super::Look;
use super::MarketQuote;
use super::WatchOrder;
use super::deliver::Book;
use super::deliver::Deliveries;
use super::deliver::Draft;
use super::listed;
use super::marks::Marks;
use super::marks::Rule;
use super::plain_name;
use super::prices;
use super::won;
use crate::contracts::Document as _;
use crate::contracts::portfolio::Holding;
use crate::contracts::portfolio::Portfolio;
use crate::contracts::watch::HoldingAlert;
use crate::contracts::watch::HoldingReceipt;
use crate::contracts::watch::HoldingSettings;
use crate::contracts::watch::HoldingState;
use crate::contracts::watch::Percent;
use crate::contracts::watch::Position;
use crate::contracts::watch::WatchReason;
use crate::contracts::watch::WatchStatus;
use crate::ops::Ops;
use crate::ops::resolving;
use crate::settings::Lang;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Ten-thousandths of a won in a won.
const E4: i128 = 10_000;
/// Above this a price is no price.
const MOST_WON: f64 = 1e12;

/// A holding whose cost is known.
#[derive(Clone, Debug)]
struct Held {
    holding: Holding,
    avg_price: f64,
    avg_e4: i64,
}

/// What one look saw.
#[derive(Debug, Default)]
struct Standings {
    alerts: Vec<HoldingAlert>,
    drafts: Vec<Draft>,
    checked: u64,
    held_back: u64,
    missing: Vec<String>,
    positions: BTreeMap<String, Position>,
}

impl Ops {
    /// One look. Both sides are an end; the error side ends early.
    pub(super) fn look_at_holdings(&self, order: &WatchOrder) -> Result<Look, Look> {
        let now = self.clock.now();
        self.in_hours(order, now)?;
        let settings = self.holding_settings()?;
        self.in_own_hours(order, settings.session_kst.as_ref(), now)?;
        let held = self.held()?;
        let policy = self.watch_policy()?;
        let symbols: Vec<String> = held.iter().map(|held| held.holding.ticker.clone()).collect();
        let quotes = prices(&policy, &symbols)?;
        let now = self.clock.now();
        let (mut marks, known) = self.holding_state(now);
        let mut seen = Standings::default();
        for held in &held {
            seen.judge(held, &quotes, &settings, (&mut marks, &known, now, policy.lang));
        }
        if seen.positions != known {
            marks.touch();
        }
        let positions = std::mem::take(&mut seen.positions);
        let write = |marks: &Marks, now: KstTime| self.write_holding_state(marks, &positions, now);
        let mut book = Book { marks, write: &write };
        let done = self.deliver_alerts(&mut book, &seen.drafts, &policy.messenger, order);
        let mut concerns: Vec<String> = book.marks.concern().into_iter().collect();
        if !seen.missing.is_empty() {
            concerns.push(format!("no price of {}", listed(&seen.missing)));
        }
        let mut look = done.look(seen.held_back, concerns);
        if let Err(fault) = self.publish_holdings(seen, &done) {
            look.status = WatchStatus::Error;
            look.reason = WatchReason::ApiFail;
            look.detail = fault.to_string();
        }
        Ok(look)
    }

    fn holding_settings(&self) -> Result<HoldingSettings, Look> {
        match self.watch_settings()?.and_then(|settings| settings.holding) {
            None => Err(Look::skipped(WatchReason::DisabledBySettings, "nobody has set the holding watcher")),
            Some(holding) if !holding.enabled => Err(Look::skipped(WatchReason::DisabledBySettings, "")),
            Some(holding) => Ok(holding),
        }
    }

    /// What is held and states what it cost.
    fn held(&self) -> Result<Vec<Held>, Look> {
        let file = layout::PORTFOLIO.latest;
        let portfolio = match self.store.read(file) {
            Ok(None) => return Err(Look::skipped(WatchReason::NoWatchlist, "there is no portfolio")),
            Ok(Some(bytes)) => Portfolio::read(&bytes).map_err(|_private| Look::damaged(file))?,
            Err(_unreadable) => return Err(Look::damaged(file)),
        };
        if portfolio.holdings.is_empty() {
            return Err(Look::skipped(WatchReason::EmptyWatchlist, "nothing is held"));
        }
        let held: Vec<Held> = portfolio.holdings.into_iter().filter_map(Held::of).collect();
        if held.is_empty() {
            return Err(Look::skipped(WatchReason::NoEnabledTargets, "no holding states its average price"));
        }
        Ok(held)
    }

    fn holding_state(&self, now: KstTime) -> (Marks, BTreeMap<String, Position>) {
        let state = match self.store.read(layout::HOLDING_STATE) {
            Ok(None) => return (Marks::default(), BTreeMap::new()),
            Ok(Some(bytes)) => HoldingState::read(&bytes).ok(),
            Err(_unreadable) => None,
        };
        match state {
            Some(state) => (Marks::settled(&state.last_sent, &state.last_alert, now), state.positions),
            None => (Marks::unreadable(), BTreeMap::new()),
        }
    }

    fn write_holding_state(
        &self,
        marks: &Marks,
        positions: &BTreeMap<String, Position>,
        now: KstTime,
    ) -> Result<(), StoreFault> {
        let (last_sent, last_alert) = marks.maps();
        let state = HoldingState {
            schema: HoldingState::SCHEMA.to_owned(),
            updated_at: Some(Stamp::of(now)),
            last_sent,
            last_alert,
            positions: positions.clone(),
        };
        self.store.write_document(layout::HOLDING_STATE, &state)
    }

    fn publish_holdings(&self, seen: Standings, done: &Deliveries) -> Result<(), StoreFault> {
        let mut alerts = seen.alerts;
        for (alert, made) in alerts.iter_mut().zip(&done.made) {
            alert.delivery_actual = made.as_ref().map(|made| made.actual.as_str().to_owned());
            alert.channels = made.as_ref().map(|made| made.channels.clone()).unwrap_or_default();
        }
        let now = self.clock.now();
        let refs = [layout::PORTFOLIO.latest, layout::WATCH_SETTINGS.latest].map(str::to_owned);
        let receipt = HoldingReceipt {
            schema: HoldingReceipt::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            checked_count: seen.checked,
            alerts_generated: alerts.len() as u64,
            sent_count: done.sent(),
            skipped_count: seen.held_back,
            alerts,
            delivery_actual: done.worst(),
            snapshot_ref: None,
            evidence_refs: resolving(&self.store, refs),
        };
        let named =
            |snapshot_ref: &str| HoldingReceipt { snapshot_ref: Some(snapshot_ref.to_owned()), ..receipt.clone() };
        self.store.publish(layout::HOLDING, now, &named).map(drop)
    }
}

impl Held {
    #[expect(clippy::cast_possible_truncation, reason = "far below the limit of i64")]
    fn of(holding: Holding) -> Option<Self> {
        let avg_price = holding.avg_price.filter(|price| *price >= 1.0 && *price < MOST_WON / 1e4)?;
        let avg_e4 = (avg_price * 1e4).round() as i64;
        Some(Self { holding, avg_price, avg_e4 })
    }

    /// Profit or loss of a price, cut towards zero.
    fn pnl(&self, price: u64) -> Percent {
        let (price, avg) = (i128::from(price) * E4, i128::from(self.avg_e4));
        Percent::of_bp(i64::try_from((price - avg) * E4 / avg).unwrap_or(i64::MAX))
    }

    /// The highest price since entry, with the one of now.
    fn highest(&self, known: Option<&Position>, price: u64) -> u64 {
        let same = known.filter(|position| position.avg_price_e4.is_none_or(|avg| avg == self.avg_e4));
        let before = same.and_then(|position| {
            // Older programs kept the highest profit only.
            let of_pnl = |pnl: Percent| i128::from(self.avg_e4) * (E4 + i128::from(pnl.bp())) / (E4 * E4);
            position.max_price_seen.or_else(|| u64::try_from(of_pnl(position.max_pnl_seen?)).ok())
        });
        before.unwrap_or_default().max(price)
    }

    /// What there is to say about a price: its kind and its size.
    fn verdict(&self, price: u64, highest: u64, settings: &HoldingSettings) -> Option<(&'static str, Percent)> {
        let pnl = self.pnl(price);
        if pnl.bp() <= -settings.pnl_down_pct.bp() {
            return Some(("PNL_DOWN", Percent::of_bp(-pnl.bp())));
        }
        let fall = fall(price, highest);
        let armed = i128::from(highest) * E4 > i128::from(self.avg_e4);
        if settings.use_trail_stop && armed && fall >= settings.trail_stop_pct {
            return Some(("TRAIL_STOP", fall));
        }
        (pnl >= settings.pnl_up_pct).then_some(("PNL_UP", pnl))
    }
}

/// The fall from the highest price, cut towards zero.
fn fall(price: u64, highest: u64) -> Percent {
    let fallen = i128::from(highest.saturating_sub(price)) * E4;
    Percent::of_bp(i64::try_from(fallen / i128::from(highest.max(1))).unwrap_or(i64::MAX))
}

impl Standings {
    fn judge(
        &mut self,
        held: &Held,
        quotes: &[MarketQuote],
        settings: &HoldingSettings,
        (marks, known, now, lang): (&mut Marks, &BTreeMap<String, Position>, KstTime, Lang),
    ) {
        let ticker = &held.holding.ticker;
        let position = known.get(ticker);
        let Some(quote) = quotes.iter().find(|quote| quote.symbol == *ticker) else {
            self.missing.push(ticker.clone());
            // Without a price nothing is known to have changed.
            self.positions.extend(position.map(|position| (ticker.clone(), position.clone())));
            return;
        };
        self.checked += 1;
        let highest = held.highest(position, quote.price);
        let seen = Position {
            avg_price_e4: Some(held.avg_e4),
            max_price_seen: Some(highest),
            max_pnl_seen: Some(held.pnl(highest)),
        };
        self.positions.insert(ticker.clone(), seen);
        let Some((kind, size)) = held.verdict(quote.price, highest, settings) else { return };
        let key = format!("{ticker}_{kind}");
        let rule = Rule { cooldown_minutes: settings.cooldown_m, step: settings.realert_delta_pp };
        let last_alert_pnl = marks.size(&key);
        let Some(why) = marks.judge(&key, size, now, rule) else {
            self.held_back += 1;
            return;
        };
        let name = held.holding.name.as_deref().or(quote.name.as_deref()).unwrap_or_default();
        let alert = HoldingAlert {
            ticker: ticker.clone(),
            name: plain_name(name),
            kind: kind.to_owned(),
            pnl_pct: held.pnl(quote.price),
            price: quote.price,
            avg_price: held.avg_price,
            qty: held.holding.quantity,
            market_value_krw: held.holding.quantity.map(|shares| shares * quote.price as f64),
            drawdown_pct: (kind == "TRAIL_STOP").then_some(size),
            reason: why.as_str().to_owned(),
            last_alert_pnl,
            ..HoldingAlert::default()
        };
        let alert = HoldingAlert { formatted_msg: message(&alert, lang), ..alert };
        let title = if lang == Lang::Ko { "보유 종목 알림" } else { "Holding alert" };
        self.drafts.push(Draft { key, size, title: title.to_owned(), text: alert.formatted_msg.clone() });
        self.alerts.push(alert);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive price far below the limit")]
fn message(alert: &HoldingAlert, lang: Lang) -> String {
    let (average, now, high) = match lang {
        Lang::Ko => ("평단", "현재", "고점 대비"),
        Lang::En => ("avg", "now", "from the high"),
    };
    let sign = if alert.pnl_pct.bp() > 0 { "+" } else { "" };
    let who = format!("{} {}", alert.ticker, alert.name);
    let fallen = alert.drawdown_pct.map(|fall| format!(", {high} -{fall}%")).unwrap_or_default();
    format!(
        "💼 {} {} {sign}{}% ({average} {} / {now} {}{fallen})",
        alert.kind,
        who.trim_end(),
        alert.pnl_pct,
        won(alert.avg_price.round() as u64),
        won(alert.price)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(avg_price: f64) -> Held {
        let holding = Holding {
            ticker: "005930".to_owned(),
            quantity: Some(10.0),
            price: None,
            avg_price: Some(avg_price),
            name: None,
        };
        Held::of(holding).expect("a cost")
    }

    fn settings() -> HoldingSettings {
        HoldingSettings {
            enabled: true,
            pnl_up_pct: Percent::of_bp(500),
            pnl_down_pct: Percent::of_bp(300),
            use_trail_stop: true,
            trail_stop_pct: Percent::of_bp(200),
            cooldown_m: 15,
            realert_delta_pp: Percent::of_bp(100),
            session_kst: None,
        }
    }

    #[test]
    fn thresholds_are_exact_to_the_won() {
        let cases = [
            ("flat", 100_000.0, 100_000, 100_000, None),
            ("one won short of a profit", 100_000.0, 104_999, 104_999, None),
            ("a profit", 100_000.0, 105_000, 105_000, Some(("PNL_UP", 500))),
            ("one won short of a loss", 100_000.0, 97_001, 97_001, None),
            ("a loss", 100_000.0, 97_000, 97_000, Some(("PNL_DOWN", 300))),
            ("one won short of a trail stop", 100_000.0, 107_801, 110_000, Some(("PNL_UP", 780))),
            ("a trail stop", 100_000.0, 107_800, 110_000, Some(("TRAIL_STOP", 200))),
            ("a loss before a trail stop", 100_000.0, 96_000, 110_000, Some(("PNL_DOWN", 400))),
            ("a fall that never was in profit", 100_000.0, 97_500, 99_900, None),
            ("an average of a fraction", 33_333.333_3, 35_000, 35_000, Some(("PNL_UP", 500))),
        ];
        for (name, avg, price, highest, want) in cases {
            let found = held(avg).verdict(price, highest, &settings());
            assert_eq!(found.map(|(kind, size)| (kind, size.bp())), want, "{name}");
        }
        let off = HoldingSettings { use_trail_stop: false, ..settings() };
        assert_eq!(held(100_000.0).verdict(103_000, 110_000, &off), None);
    }

    #[test]
    fn the_highest_price_belongs_to_one_entry() {
        let of = |avg_e4, price, pnl| Position {
            avg_price_e4: avg_e4,
            max_price_seen: price,
            max_pnl_seen: Option::<i64>::map(pnl, Percent::of_bp),
        };
        let cases = [
            ("unknown", None, 100),
            ("known", Some(of(Some(1_000_000), Some(120), None)), 120),
            ("bought more", Some(of(Some(1_000_001), Some(120), None)), 100),
            ("only the profit is known", Some(of(None, None, Some(1_500))), 115),
            ("nothing is known", Some(of(None, None, None)), 100),
        ];
        for (name, position, want) in cases {
            assert_eq!(held(100.0).highest(position.as_ref(), 100), want, "{name}");
        }
        for cost in [0.0, 0.5, -1.0, f64::NAN, 1e300] {
            let holding = Holding { avg_price: Some(cost), ..held(1.0).holding };
            assert!(Held::of(holding).is_none(), "{cost}");
        }
    }
}
