//! How many shares: whole won, whole shares, and never more than the limits allow.
//!
//! Every rounding is to the careful side: the cash floor is rounded up, the largest position and each part of the budget
//! down, a buy's value up; the assumed commission of 0.015 % is inside a buy's part. Proceeds of the plan's own sales are
//! not spent.

use super::prices::Prices;
use super::wishes::Wish;
use super::wishes::Wishes;
use crate::contracts::instrument::Instrument;
use crate::contracts::instrument::known;
use crate::contracts::money::Price;
use crate::contracts::money::Share;
use crate::contracts::order_plan::CashDebug;
use crate::contracts::order_plan::Order;
use crate::contracts::portfolio::Account;
use crate::contracts::reco::Constraints;
use crate::contracts::tick::tick_size;
use crate::time::TradingDate;

/// One share costs this many hundred-thousandths of its price: the price and the commission.
const WITH_COMMISSION: i128 = 100_015;
const WHOLE: i128 = 100_000;
/// Prices count in ten-thousandths of a won.
const STEPS: i128 = 10_000;

/// The limits that a plan keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) max_position: Share,
    pub(super) max_positions: usize,
    pub(super) min_cash: Share,
    /// As the recommendation states it, to be shown.
    pub(super) min_cash_pct: f64,
    /// Orders worth less are left out, in won.
    pub(super) min_value: i64,
    /// Whose price grid holds.
    pub(super) date: TradingDate,
}

impl Limits {
    /// Limits from a recommendation; `None` when a share is no fraction.
    pub(super) fn of(stated: &Constraints, min_value: u64, date: TradingDate) -> Option<Self> {
        Some(Self {
            max_position: Share::fraction(stated.max_position_pct)?,
            max_positions: usize::try_from(stated.max_positions).ok()?,
            min_cash: Share::fraction(stated.min_cash_pct)?,
            min_cash_pct: stated.min_cash_pct,
            min_value: i64::try_from(min_value).unwrap_or(i64::MAX),
            date,
        })
    }
}

/// Orders with their sizes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sized {
    pub(super) orders: Vec<Order>,
    pub(super) cash: CashDebug,
    /// What was left out and why.
    pub(super) left_out: Vec<String>,
}

/// Why nothing can be sized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoSize {
    /// No price is known for this ticker.
    PriceMissing(String),
    /// The floor cannot be kept.
    CashFloorBreach,
}

/// Sizes every wish: sales first, then buys.
pub(super) fn size(
    wishes: Wishes,
    account: &Account,
    prices: &Prices,
    limits: &Limits,
) -> Result<(Sized, Option<NoSize>), NoSize> {
    let mut sized = Sized::default();
    for wish in &wishes.sells {
        let order = sale(wish, prices, limits)?;
        sized.keep(order, limits.min_value);
    }
    let wanted = within_positions(wishes.buys, account, limits.max_positions, &mut sized);
    let total = if account.total_value <= 0 { account.cash } else { account.total_value };
    let floor = limits.min_cash.of_up(total);
    let budget = (total - floor).min(account.cash - floor).max(0);
    let part = i64::try_from(wanted.len()).ok().filter(|n| *n > 0).map_or(0, |n| budget / n);
    let mut buys = Vec::new();
    for wish in &wanted {
        let (price, source) = prices.get(&wish.ticker).ok_or_else(|| NoSize::PriceMissing(wish.ticker.clone()))?;
        let room = limits.max_position.of_down(total) - price.times_up(account.quantity(&wish.ticker));
        buys.push(buy(wish, (price, source), part.min(room), limits)?);
    }
    let most = (total - floor).max(0);
    let kept = trim(buys, most, limits.min_value, &mut sized.left_out);
    let planned = kept.iter().filter_map(|order| order.value).fold(0, i64::saturating_add);
    sized.cash = CashDebug {
        total_value: total,
        min_cash_pct: limits.min_cash_pct,
        required_cash_floor: floor,
        max_buy_budget: budget,
        planned_buy_notional: planned,
        breached: planned > budget,
    };
    sized.orders.extend(kept);
    let breach = sized.cash.breached.then_some(NoSize::CashFloorBreach);
    Ok((sized, breach))
}

impl Sized {
    fn keep(&mut self, order: Order, min_value: i64) {
        if order.value.unwrap_or_default() < min_value || order.quantity.unwrap_or_default() < 1 {
            self.left_out.push(format!("{} {}: worth less than {min_value} won", order.side, order.ticker));
        } else {
            self.orders.push(order);
        }
    }
}

/// The buys for which there is a place, counted after the sales that stand.
fn within_positions(buys: Vec<Wish>, account: &Account, most: usize, sized: &mut Sized) -> Vec<Wish> {
    let gone = |order: &&Order| order.quantity.is_some_and(|sold| sold >= account.quantity(&order.ticker));
    let held = account.positions.len().saturating_sub(sized.orders.iter().filter(gone).count());
    let mut free = most.saturating_sub(held);
    let mut kept = Vec::new();
    for wish in buys {
        if wish.intent == "NEW_ENTRY" {
            let Some(rest) = free.checked_sub(1) else {
                sized.left_out.push(format!("BUY {}: {most} positions are the most", wish.ticker));
                continue;
            };
            free = rest;
        }
        kept.push(wish);
    }
    kept
}

fn sale(wish: &Wish, prices: &Prices, limits: &Limits) -> Result<Order, NoSize> {
    let missing = || NoSize::PriceMissing(wish.ticker.clone());
    let (price, source) = prices.get(&wish.ticker).ok_or_else(missing)?;
    let tick = tick_of(wish, price.ceil(), limits);
    let limit = (price.ceil() + tick - 1) / tick * tick;
    Ok(order(wish, "SELL", (price, source, limit), (wish.quantity, price.times(wish.quantity))))
}

fn buy(wish: &Wish, (price, source): (Price, &'static str), amount: i64, limits: &Limits) -> Result<Order, NoSize> {
    let tick = tick_of(wish, price.floor(), limits);
    let limit = price.floor() / tick * tick;
    if limit < 1 {
        return Err(NoSize::PriceMissing(wish.ticker.clone()));
    }
    let cost = i128::from(price.steps()) * WITH_COMMISSION;
    let quantity = i128::from(amount.max(0)) * STEPS * WHOLE / cost;
    let quantity = i64::try_from(quantity).unwrap_or_default();
    Ok(order(wish, "BUY", (price, source, limit), (quantity, price.times_up(quantity))))
}

/// The grid of a ticker that the table does not know is the one of shares, whose prices are all on the grid of funds too.
fn tick_of(wish: &Wish, price: i64, limits: &Limits) -> i64 {
    let what = known(&wish.ticker).map_or(Instrument::unknown(), |(what, _)| what);
    tick_size(what.kind, price, limits.date).max(1)
}

fn order(
    wish: &Wish,
    side: &str,
    (price, source, limit): (Price, &'static str, i64),
    (quantity, value): (i64, i64),
) -> Order {
    Order {
        ticker: wish.ticker.clone(),
        side: side.to_owned(),
        intent: wish.intent.to_owned(),
        confidence: wish.confidence.to_owned(),
        quantity: Some(quantity),
        price: Some(price),
        price_source: Some(source.to_owned()),
        limit_price: Some(limit),
        value: Some(value),
        reason: wish.reason.to_owned(),
        reason_detail: wish.reason_detail.clone(),
    }
}

/// Cuts the buys to a sum, beginning with the last one, and leaves out what becomes too small.
fn trim(mut buys: Vec<Order>, most: i64, min_value: i64, left_out: &mut Vec<String>) -> Vec<Order> {
    let mut over = buys.iter().filter_map(|buy| buy.value).fold(0, i64::saturating_add) - most;
    for buy in buys.iter_mut().rev() {
        if over <= 0 {
            break;
        }
        let (quantity, price) = (buy.quantity.unwrap_or_default(), buy.price.unwrap_or_default());
        let shares = over / price.floor().max(1) + 1;
        let kept = (quantity - shares).max(0);
        let value = price.times_up(kept);
        over -= buy.value.unwrap_or_default() - value;
        (buy.quantity, buy.value) = (Some(kept), Some(value));
    }
    buys.retain(|buy| {
        let stays = buy.value.unwrap_or_default() >= min_value && buy.quantity.unwrap_or_default() > 0;
        if !stays {
            left_out.push(format!("BUY {}: worth less than {min_value} won", buy.ticker));
        }
        stays
    });
    buys
}

#[cfg(test)]
mod tests;
