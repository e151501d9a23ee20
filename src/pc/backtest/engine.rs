//! The daily loop: fill what the last close decided, mark, decide.

use super::BacktestFault;
use super::DayRow;
use super::Market;
use super::Outcome;
use super::Setup;
use super::Side;
use super::book::Book;
use super::book::Fill;
use super::book::Lapse;
use super::check::check;
use super::metrics::Curve;
use super::metrics::Metrics;
use super::signals::Close;
use super::signals::Decision;
use super::signals::Signals;
use super::timeline::Timeline;

/// Simulates a strategy over a window. Bars before the window warm the indicators up; nothing after a close is known at
/// it, and the first session only decides.
///
/// An order lapses when its ticker has no bar on the day of the fill, is halted, opens at the day's price limit, or would
/// open one position too many because a sale lapsed; the close of that day decides again.
///
/// # Errors
/// A parameter breaks its rule, a ticker (or the gate's benchmark) has no bars, no bar lies in the window, or the fee
/// table does not cover it.
pub fn simulate(setup: &Setup<'_>, market: &Market) -> Result<Outcome, BacktestFault> {
    check(setup)?;
    let timeline = Timeline::of(setup, market)?;
    let dates = &timeline.dates;
    if let Some(first) = dates.first() {
        // A window that the table does not cover is refused whether or not it would have sold something.
        for series in &timeline.series {
            setup.costs.fees.sale_tax_rate(series.instrument.kind, *first)?;
        }
    }
    let mut signals = Signals::of(setup, market, &timeline)?;
    let mut book = Book::new(&setup.costs, setup.initial_capital, timeline.series.len());
    let mut decision = Decision::default();
    let mut days = Vec::with_capacity(dates.len());
    let mut equities = Vec::with_capacity(dates.len());
    for (session, date) in dates.iter().enumerate() {
        let before = book.trades.len();
        if session > 0 {
            execute(&decision, (&timeline, session), &mut book)?;
        }
        mark(&timeline, session, &mut book);
        let market_value = book.market_value();
        let equity = book.cash + market_value;
        signals.decide(&Close { session, timeline: &timeline, book: &book, equity }, &mut decision);
        book.totals.held_sessions += usize::from(market_value > 0.0);
        book.totals.signal_days += usize::from(decision.signal);
        equities.push(equity);
        days.push(DayRow {
            date: *date,
            equity,
            market_value,
            fills: book.trades.len() - before,
            potential_signals: decision.potential_signals,
            gate: signals.gate(session),
        });
    }
    let (first, last) = (dates.first().copied(), dates.last().copied());
    let (first, last) = (first.unwrap_or(setup.start), last.unwrap_or(setup.end));
    let curve = Curve { first, last, initial_capital: setup.initial_capital, equity: &equities };
    let metrics = Metrics::of(&curve, &book.totals);
    let final_positions = book.final_positions(&timeline.series);
    Ok(Outcome { days, final_positions, trades: book.trades, metrics, lapsed: book.lapsed })
}

/// Fills the decision of the session before at this session's open: sales by ticker, then purchases by rank.
fn execute(
    decision: &Decision,
    (timeline, session): (&Timeline<'_>, usize),
    book: &mut Book<'_>,
) -> Result<(), BacktestFault> {
    let fill_of = |at: usize| {
        let series = timeline.series.get(at)?;
        let (signal_date, date) = (timeline.dates[session - 1], timeline.dates[session]);
        Some(Fill { series, bar: series.bar(session)?, signal_date, date })
    };
    let open_of = |at, side| fill_of(at).ok_or(Lapse::Halt).and_then(|fill| Ok((fill, fill.open(side)?)));
    for order in &decision.sells {
        match open_of(order.at, Side::Sell) {
            Ok((fill, open)) => book.sell(*order, open, fill)?,
            Err(lapse) => book.lapsed.count(lapse),
        }
    }
    let mut budget = book.cash - decision.reserve;
    for order in &decision.buys {
        let is_new = book.positions[order.at].qty == 0;
        if is_new && book.held() >= decision.max_positions {
            continue;
        }
        match open_of(order.at, Side::Buy) {
            Ok((fill, open)) => budget -= book.buy(*order, open, (fill, budget)),
            Err(lapse) => book.lapsed.count(lapse),
        }
    }
    Ok(())
}

/// Takes over the closes of a session; a ticker without a bar keeps its last one.
fn mark(timeline: &Timeline<'_>, session: usize, book: &mut Book<'_>) {
    for (series, position) in timeline.series.iter().zip(&mut book.positions) {
        if let Some(bar) = series.bar(session) {
            position.close = series.bars.close[bar];
        }
    }
}
