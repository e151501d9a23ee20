//! Cash, positions and fills: the money arithmetic of the simulation, in one place.
//!
//! Every figure is `f64` and is computed in this order, so that a kernel that wants the same bits can repeat it:
//!
//! ```text
//! buy   price = open * (1 + slippage)        sale  price = open * (1 - slippage)
//!       notional = qty * price                     notional = qty * price
//!       commission = notional * rate               commission = notional * rate,  tax = notional * tax rate
//!       cash = cash - (notional + commission)      cash = cash + (notional - commission - tax)
//! qty of a buy with a budget = floor(budget / (price * (1 + rate))), one less while notional + commission > budget
//! equity = cash + (qty * close + qty * close + ...), tickers in ascending order
//! ```

use super::BacktestFault;
use super::Costs;
use super::FinalPosition;
use super::Lapsed;
use super::Side;
use super::Trade;
use super::metrics::Totals;
use super::timeline::Series;
use crate::time::TradingDate;
use crate::trading::Kind;
use crate::trading::price_limits;

/// Shares as a factor of money.
pub(super) fn shares(qty: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of shares is far below 2^53")]
    let shares = qty as f64;
    shares
}

/// The whole part of a number of shares; none for what is no number.
pub(super) fn whole_shares(shares: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and cutting off is the rule")]
    let whole = shares.floor().max(0.0) as i64;
    whole
}

/// What is held of one ticker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    pub(super) qty: i64,
    /// Purchase notional of the shares held.
    entry_notional: f64,
    /// Purchase notional and commission of the shares held.
    basis: f64,
    /// The last close seen.
    pub(super) close: f64,
}

impl Position {
    /// Purchase notional a share, without commission.
    pub(super) fn average_entry(&self) -> f64 {
        self.entry_notional / shares(self.qty)
    }

    pub(super) fn market_value(&self) -> f64 {
        shares(self.qty) * self.close
    }
}

/// What a decision asks for at the next session's open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// The ticker's place in the universe.
    pub(super) at: usize,
    /// Shares; of a buy the most that the budget may get.
    pub(super) qty: i64,
    pub(super) reason: &'static str,
}

/// Where and when a fill happens.
#[derive(Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) series: &'a Series<'a>,
    pub(super) bar: usize,
    pub(super) signal_date: TradingDate,
    pub(super) date: TradingDate,
}

/// Why an order lapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// The ticker did not trade.
    Halt,
    /// It opened at the day's limit.
    Limit,
}

impl Lapsed {
    pub(super) fn count(&mut self, lapse: Lapse) {
        match lapse {
            Lapse::Halt => self.halt += 1,
            Lapse::Limit => self.limit += 1,
        }
    }
}

impl Fill<'_> {
    /// The open at which an order fills; a lapse where the ticker is halted, or opens at the day's limit on the side
    /// where nobody trades against it. The limits rest on the previous close of the bars; adjusted prices make them an
    /// approximation of the day's real ones. Where they leave no room to move, which such prices of a few won do, there
    /// are none.
    pub(super) fn open(&self, side: Side) -> Result<f64, Lapse> {
        let bars = self.series.bars;
        let open = bars.open[self.bar];
        if bars.halted[self.bar] || !open.is_finite() || open <= 0.0 {
            return Err(Lapse::Halt);
        }
        let base = self.bar.checked_sub(1).map(|before| bars.close[before]);
        let Some(base) = base.filter(|_| self.series.instrument.kind != Kind::Index) else { return Ok(open) };
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates; prices are far below 2^63")]
        let base = base.round() as i64;
        let limits = price_limits(self.series.instrument, base, self.date);
        let has_room = limits.lower < base || base < limits.upper;
        let lapses = match side {
            Side::Buy => open >= shares(limits.upper),
            Side::Sell => open <= shares(limits.lower),
        };
        if has_room && lapses { Err(Lapse::Limit) } else { Ok(open) }
    }
}

/// The account of a simulation.
pub(super) struct Book<'a> {
    costs: &'a Costs<'a>,
    pub(super) cash: f64,
    pub(super) positions: Vec<Position>,
    pub(super) trades: Vec<Trade>,
    pub(super) totals: Totals,
    pub(super) lapsed: Lapsed,
}

impl<'a> Book<'a> {
    pub(super) fn new(costs: &'a Costs<'a>, cash: f64, tickers: usize) -> Self {
        let positions = vec![Position::default(); tickers];
        Self { costs, cash, positions, trades: Vec::new(), totals: Totals::default(), lapsed: Lapsed::default() }
    }

    /// How many tickers are held.
    pub(super) fn held(&self) -> usize {
        self.positions.iter().filter(|position| position.qty > 0).count()
    }

    /// The positions at their last closes.
    pub(super) fn market_value(&self) -> f64 {
        self.positions.iter().filter(|position| position.qty > 0).map(Position::market_value).sum()
    }

    /// Buys at `open` up to the wanted shares and within `budget`; what was spent, 0 when not one share fits.
    pub(super) fn buy(&mut self, order: Order, open: f64, (fill, budget): (Fill<'_>, f64)) -> f64 {
        let price = open * (1.0 + self.costs.slippage_rate);
        let rate = self.costs.commission_rate;
        let mut qty = order.qty.min(whole_shares(budget / (price * (1.0 + rate))));
        let cost = |qty: i64| {
            let notional = shares(qty) * price;
            (notional, notional * rate)
        };
        let (mut notional, mut commission) = cost(qty);
        // The quotient may round up to a share that the budget lacks a fraction of a won for.
        while qty > 0 && notional + commission > budget {
            qty -= 1;
            (notional, commission) = cost(qty);
        }
        if qty <= 0 {
            return 0.0;
        }
        let spent = notional + commission;
        self.cash -= spent;
        let position = &mut self.positions[order.at];
        position.qty += qty;
        position.entry_notional += notional;
        position.basis += spent;
        let slippage = (price - open).abs() * shares(qty);
        let trade = Amounts { qty, price, notional, commission, tax: 0.0, slippage, realized_pnl: None };
        self.record(order, open, (fill, Side::Buy), trade);
        spent
    }

    /// Sells at `open`.
    pub(super) fn sell(&mut self, order: Order, open: f64, fill: Fill<'_>) -> Result<(), BacktestFault> {
        let held = self.positions[order.at];
        let qty = order.qty.min(held.qty);
        if qty <= 0 {
            return Ok(());
        }
        let tax_rate = self.costs.fees.sale_tax_rate(fill.series.instrument.kind, fill.date)?;
        let price = open * (1.0 - self.costs.slippage_rate);
        let notional = shares(qty) * price;
        let (commission, tax) = (notional * self.costs.commission_rate, notional * tax_rate);
        let proceeds = notional - commission - tax;
        self.cash += proceeds;
        let part = |whole: f64| if qty == held.qty { whole } else { whole * shares(qty) / shares(held.qty) };
        let basis = part(held.basis);
        let position = &mut self.positions[order.at];
        position.qty -= qty;
        position.basis -= basis;
        position.entry_notional -= part(held.entry_notional);
        let slippage = (price - open).abs() * shares(qty);
        let realized_pnl = Some(proceeds - basis);
        let trade = Amounts { qty, price, notional, commission, tax, slippage, realized_pnl };
        self.record(order, open, (fill, Side::Sell), trade);
        Ok(())
    }

    fn record(&mut self, order: Order, open: f64, (fill, side): (Fill<'_>, Side), trade: Amounts) {
        let Amounts { qty, price, notional, commission, tax, slippage, realized_pnl } = trade;
        let totals = &mut self.totals;
        totals.trades += 1;
        totals.notional += notional;
        totals.commission += commission;
        totals.tax += tax;
        totals.slippage += slippage;
        if let Some(pnl) = realized_pnl {
            totals.sells += 1;
            totals.winning_sells += usize::from(pnl > 0.0);
            totals.realized_pnl += pnl;
        }
        self.trades.push(Trade {
            seq: totals.trades,
            signal_date: fill.signal_date,
            date: fill.date,
            ticker: fill.series.ticker.to_owned(),
            side,
            qty,
            ref_price: open,
            price,
            notional,
            commission,
            tax,
            slippage,
            realized_pnl,
            reason: order.reason,
        });
    }

    /// What is held, by ticker.
    pub(super) fn final_positions(&self, series: &[Series<'_>]) -> Vec<FinalPosition> {
        let held = self.positions.iter().zip(series).filter(|(position, _)| position.qty > 0);
        held.map(|(position, series)| FinalPosition {
            ticker: series.ticker.to_owned(),
            qty: position.qty,
            avg_entry: position.average_entry(),
            basis: position.basis,
            close: position.close,
        })
        .collect()
    }
}

/// The figures of one fill.
struct Amounts {
    qty: i64,
    price: f64,
    notional: f64,
    commission: f64,
    tax: f64,
    slippage: f64,
    realized_pnl: Option<f64>,
}
