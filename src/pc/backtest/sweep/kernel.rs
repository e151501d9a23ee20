//! `ma_cross` over and over: the single run's arithmetic on one ticker, without its bookkeeping.
//!
//! What does not depend on the windows is done once: the line of each mean, whether and at what price each session would
//! fill, the highest and lowest close of every stretch. A cell then is
//!
//! 1. one bit a session, whether the fast mean is above the slow one; shifted by a day they say when a position is held,
//! 2. a jump from change to change, with the fills of [`crate::pc::backtest::book`] in the same order,
//! 3. the equity of the held stretches, and the moments of the blocks that they touch.
//!
//! A flat stretch costs nothing, and the figures are still those of the whole curve to the bit: see
//! [`crate::pc::backtest::moments`].

use std::collections::BTreeMap;

use super::stretch::Extremes;
use crate::pc::backtest::BacktestFault;
use crate::pc::backtest::Costs;
use crate::pc::backtest::Market;
use crate::pc::backtest::Setup;
use crate::pc::backtest::Side;
use crate::pc::backtest::book::Fill;
use crate::pc::backtest::book::shares;
use crate::pc::backtest::lanes::LANES;
use crate::pc::backtest::lanes::Lanes;
use crate::pc::backtest::metrics::Curve;
use crate::pc::backtest::metrics::Metrics;
use crate::pc::backtest::metrics::Shape;
use crate::pc::backtest::metrics::Totals;
use crate::pc::backtest::moments::BLOCK;
use crate::pc::backtest::moments::Fall;
use crate::pc::backtest::moments::Moments;
use crate::pc::backtest::moments::Sums;
use crate::pc::backtest::moments::larger;
use crate::pc::backtest::timeline::Series;
use crate::pc::backtest::timeline::Timeline;
use crate::time::TradingDate;
use crate::trading::indicator::RunningSums;

/// Sessions in a word of bits.
const WORD: usize = 64;

/// What a fill on a session costs.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    /// Fill price of a purchase.
    buy: f64,
    /// The same with commission.
    buy_whole: f64,
    buy_slip: f64,
    /// Fill price of a sale.
    sell: f64,
    sell_slip: f64,
    tax_rate: f64,
}

/// A session on which one side does not fill; a position stays as it is.
#[derive(Clone, Copy, Debug)]
struct Lapse {
    session: usize,
    buys: bool,
    sells: bool,
}

/// Everything that the cells share.
pub(super) struct Kernel {
    first: TradingDate,
    last: TradingDate,
    initial_capital: f64,
    commission_rate: f64,
    sessions: usize,
    /// Closes of the window, and zeros up to a whole block more.
    close: Vec<f64>,
    days: Vec<Day>,
    lapses: Vec<Lapse>,
    /// The means of the window's sessions by their length, NaN where undefined and up to a whole word.
    means: BTreeMap<usize, Vec<f64>>,
    extremes: Extremes,
}

/// What a cell works with; kept for its memory.
pub(super) struct Scratch {
    /// One bit a session.
    want: Vec<u64>,
    held: Vec<u64>,
    changes: Vec<u32>,
    stretches: Vec<Stretch>,
    equity: Vec<f64>,
}

/// A stretch with a position, from the session of the purchase up to, but not, the session of the sale.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: usize,
    to: usize,
    qty: f64,
    /// Cash while it is held, and after its sale.
    cash: f64,
    after: f64,
}

impl Kernel {
    /// Prepares the window for means of the given lengths; `None` when its closes are no positive numbers, which only
    /// the general simulation copes with.
    pub(super) fn of(
        setup: &Setup<'_>,
        market: &Market,
        lengths: impl Iterator<Item = usize>,
    ) -> Result<Option<Self>, BacktestFault> {
        let timeline = Timeline::of(setup, market)?;
        let sessions = timeline.dates.len();
        let (Some(series), [first, ..], [.., last]) =
            (timeline.series.first(), timeline.dates.as_slice(), timeline.dates.as_slice())
        else {
            return Err(BacktestFault::EmptyWindow { start: setup.start, end: setup.end });
        };
        let start = series.bar(0).unwrap_or_default();
        let mut close = series.bars.close.get(start..start + sessions).unwrap_or_default().to_vec();
        if close.len() != sessions || !close.iter().all(|close| close.is_finite() && *close > 0.0) {
            return Ok(None);
        }
        let (days, lapses) = days_of(series, &timeline.dates, &setup.costs)?;
        let padded = sessions.next_multiple_of(WORD);
        let Some(sums) = RunningSums::of(&series.bars.close) else { return Ok(None) };
        let line = |length: usize| {
            let all = sums.mean(length);
            let mut line = all.raw().get(start..start + sessions).unwrap_or_default().to_vec();
            line.resize(padded, f64::NAN);
            (length, line)
        };
        let extremes = Extremes::of(&close);
        close.resize(sessions + BLOCK, 0.0);
        Ok(Some(Self {
            first: *first,
            last: *last,
            initial_capital: setup.initial_capital,
            commission_rate: setup.costs.commission_rate,
            sessions,
            close,
            days,
            lapses,
            means: lengths.map(line).collect(),
            extremes,
        }))
    }

    pub(super) fn scratch(&self) -> Scratch {
        let words = self.sessions.div_ceil(WORD);
        Scratch {
            want: vec![0; words],
            held: vec![0; words],
            // A word writes its first changes without looking how many there are.
            changes: vec![0; self.sessions + 2 * WORD],
            stretches: Vec::with_capacity(self.sessions / 2 + 1),
            equity: vec![0.0; self.sessions + 2 * BLOCK + 1],
        }
    }

    /// The figures of one cell; `None` when a mean was not prepared.
    #[inline(always)]
    pub(super) fn cell<L: Lanes>(&self, lanes: L, (fast, slow): (usize, usize), work: &mut Scratch) -> Option<Metrics> {
        let (fast, slow) = (self.means.get(&fast)?, self.means.get(&slow)?);
        let signal_days = wanted(lanes, (fast, slow), &mut work.want);
        self.hold(work);
        let count = changes(&work.held, &mut work.changes);
        let mut totals = self.trade(count, work);
        totals.signal_days = signal_days;
        let (deepest, last_value) = self.mark(lanes, work);
        let shape = Shape {
            first: self.first,
            last: self.last,
            initial_capital: self.initial_capital,
            count: self.sessions,
            last_value,
            moments: moments(lanes, work, self.sessions),
            deepest,
        };
        Some(Metrics::of_shape(&shape, &totals).unwrap_or_else(|_weak| self.of_whole_curve(work, &totals)))
    }

    /// On which sessions a position is held at the close: what the close before wanted, save where a fill lapses.
    #[inline(always)]
    fn hold(&self, work: &mut Scratch) {
        let mut carry = 0;
        for (held, want) in work.held.iter_mut().zip(&work.want) {
            *held = want << 1 | carry;
            carry = want >> (WORD - 1);
        }
        for lapse in &self.lapses {
            let before = lapse.session - 1;
            let (wanted, was) = (bit(&work.want, before), bit(&work.held, before));
            let held = if wanted { was || !lapse.buys } else { was && lapse.sells };
            let mask = 1 << (lapse.session % WORD);
            let word = &mut work.held[lapse.session / WORD];
            *word = if held { *word | mask } else { *word & !mask };
        }
    }

    /// Fills every change in order; what is held when and with how much cash goes to the scratch.
    #[inline(always)]
    fn trade(&self, count: usize, work: &mut Scratch) -> Totals {
        let Scratch { want, changes, stretches, .. } = work;
        stretches.clear();
        let mut totals = Totals::default();
        let mut cash = self.initial_capital;
        let mut at = 0;
        while at < count {
            let from = changes[at] as usize;
            let to = if at + 1 < count { (changes[at + 1] as usize).min(self.sessions) } else { self.sessions };
            at += 2;
            if from >= self.sessions {
                break;
            }
            let Some((from, qty)) = self.entry((from, to), cash, want) else { continue };
            let day = &self.days[from];
            let held = shares(qty);
            let notional = held * day.buy;
            let commission = notional * self.commission_rate;
            let spent = notional + commission;
            cash -= spent;
            totals.trades += 1;
            totals.notional += notional;
            totals.commission += commission;
            totals.slippage += day.buy_slip * held;
            totals.held_sessions += to - from;
            let mut stretch = Stretch { from, to, qty: held, cash, after: cash };
            if to < self.sessions {
                let day = &self.days[to];
                let notional = held * day.sell;
                let (commission, tax) = (notional * self.commission_rate, notional * day.tax_rate);
                let proceeds = notional - commission - tax;
                cash += proceeds;
                let pnl = proceeds - spent;
                totals.trades += 1;
                totals.notional += notional;
                totals.commission += commission;
                totals.tax += tax;
                totals.slippage += day.sell_slip * held;
                totals.sells += 1;
                totals.winning_sells += usize::from(pnl > 0.0);
                totals.realized_pnl += pnl;
                stretch.after = cash;
            }
            stretches.push(stretch);
        }
        totals
    }

    /// The session of a purchase and its shares. Cash that does not buy one share tries again on every later session
    /// whose close before still wanted to.
    #[inline(always)]
    fn entry(&self, (from, to): (usize, usize), cash: f64, want: &[u64]) -> Option<(usize, i64)> {
        let qty = self.affordable(from, cash);
        if qty > 0 {
            return Some((from, qty));
        }
        self.later_entry((from, to), cash, want)
    }

    #[cold]
    fn later_entry(&self, (from, to): (usize, usize), cash: f64, want: &[u64]) -> Option<(usize, i64)> {
        let fills = |session: usize| {
            let lapsed = self.lapses.binary_search_by_key(&session, |lapse| lapse.session);
            bit(want, session - 1) && !lapsed.is_ok_and(|at| self.lapses[at].buys)
        };
        let tries = (from + 1..to).filter(|session| fills(*session));
        tries.map(|session| (session, self.affordable(session, cash))).find(|(_, qty)| *qty > 0)
    }

    /// The shares that `cash` buys, as the book counts them.
    #[inline(always)]
    fn affordable(&self, session: usize, cash: f64) -> i64 {
        let day = &self.days[session];
        // The quotient is not negative, so that cutting off is rounding down.
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let qty = (cash / day.buy_whole) as i64;
        if self.cost(qty, day) > cash { self.fewer(qty, day, cash) } else { qty }
    }

    /// What shares cost with commission.
    #[inline(always)]
    fn cost(&self, qty: i64, day: &Day) -> f64 {
        let notional = shares(qty) * day.buy;
        notional + notional * self.commission_rate
    }

    /// The quotient was rounded up to a share that lacks a fraction of a won.
    #[cold]
    #[inline(never)]
    fn fewer(&self, mut qty: i64, day: &Day, cash: f64) -> i64 {
        while qty > 0 && self.cost(qty, day) > cash {
            qty -= 1;
        }
        qty
    }

    /// Writes the equity of every block that a held stretch touches; the deepest fall and the last equity.
    #[inline(always)]
    fn mark<L: Lanes>(&self, lanes: L, work: &mut Scratch) -> (f64, f64) {
        let Scratch { stretches, equity, .. } = work;
        let mut flat = self.initial_capital;
        let mut fall = Fall::new();
        fall.see(flat);
        fill(equity, 0, flat);
        let mut flat_from = 0;
        for stretch in stretches.iter() {
            let Stretch { from, to, qty, cash, after } = *stretch;
            if from > flat_from + BLOCK {
                fill(equity, from - BLOCK - 1, flat);
            }
            hold(lanes, (&mut equity[from..], &self.close[from..]), (to - from, cash, qty));
            // Equity grows with the close, so the extremes of one are those of the other.
            let worst = self.extremes.of_stretch(from, to);
            let (highest, lowest) = (cash + qty * worst.highest, cash + qty * worst.lowest);
            let part = fall.part();
            // A fall inside the stretch is at most that of its closes, because cash does not fall.
            let is_mild = highest <= fall.peak || worst.ratio >= part || self.extremes.ratio_of(from, to) >= part;
            if is_mild {
                fall.see(lowest);
                fall.peak = larger(fall.peak, highest);
            } else {
                fall.see_all(&equity[from..to]);
            }
            (flat, flat_from) = if to < self.sessions {
                fall.see(after);
                (after, to)
            } else {
                (equity[to - 1], to)
            };
            fill(equity, to, flat);
        }
        (fall.deepest, flat)
    }

    /// The figures by way of the whole curve.
    #[cold]
    fn of_whole_curve(&self, work: &mut Scratch, totals: &Totals) -> Metrics {
        let equity = &mut work.equity[..self.sessions];
        equity.fill(self.initial_capital);
        for stretch in &work.stretches {
            for (equity, close) in equity[stretch.from..stretch.to].iter_mut().zip(&self.close[stretch.from..]) {
                *equity = stretch.cash + stretch.qty * close;
            }
            equity[stretch.to..].fill(stretch.after);
        }
        let curve =
            Curve { first: self.first, last: self.last, initial_capital: self.initial_capital, equity: &*equity };
        Metrics::of(&curve, totals)
    }
}

/// What a fill would cost on each session, and where it lapses. The first session only decides.
fn days_of(
    series: &Series<'_>,
    dates: &[TradingDate],
    costs: &Costs<'_>,
) -> Result<(Vec<Day>, Vec<Lapse>), BacktestFault> {
    let mut days = Vec::with_capacity(dates.len());
    let mut lapses = Vec::new();
    for (session, date) in dates.iter().enumerate() {
        let tax_rate = costs.fees.sale_tax_rate(series.instrument.kind, *date)?;
        let open_on = |side| {
            let fill = Fill { series, bar: series.bar(session)?, signal_date: *date, date: *date };
            fill.open(side).ok()
        };
        let (buys, sells) = (open_on(Side::Buy), open_on(Side::Sell));
        if session > 0 && (buys.is_none() || sells.is_none()) {
            lapses.push(Lapse { session, buys: buys.is_none(), sells: sells.is_none() });
        }
        let mut day = Day { tax_rate, ..Day::default() };
        if let Some(open) = buys {
            day.buy = open * (1.0 + costs.slippage_rate);
            day.buy_whole = day.buy * (1.0 + costs.commission_rate);
            day.buy_slip = (day.buy - open).abs();
        }
        if let Some(open) = sells {
            day.sell = open * (1.0 - costs.slippage_rate);
            day.sell_slip = (day.sell - open).abs();
        }
        days.push(day);
    }
    Ok((days, lapses))
}

/// One bit a session: whether its close wants a position. How many do.
#[inline(always)]
fn wanted<L: Lanes>(lanes: L, (fast, slow): (&[f64], &[f64]), want: &mut [u64]) -> usize {
    let (fast, _) = fast.as_chunks::<WORD>();
    let (slow, _) = slow.as_chunks::<WORD>();
    let mut count = 0;
    for ((word, fast), slow) in want.iter_mut().zip(fast).zip(slow) {
        *word = lanes.above(fast, slow);
        count += word.count_ones() as usize;
    }
    count
}

/// The places where a bit differs from the one before it, the first of which is 0; how many there are.
#[inline(always)]
fn changes(bits: &[u64], places: &mut [u32]) -> usize {
    let mut count = 0;
    let mut before = 0;
    let mut base = 0;
    for word in bits {
        let mut left = word ^ (word << 1 | before);
        before = word >> (WORD - 1);
        let found = left.count_ones() as usize;
        // Most words hold a few changes: writing four without asking saves a wrong guess of the processor.
        let room = &mut places[count..count + WORD];
        for place in &mut room[..4] {
            *place = base + left.trailing_zeros();
            left &= left.wrapping_sub(1);
        }
        let mut more = 4;
        while left != 0 {
            room[more % WORD] = base + left.trailing_zeros();
            left &= left - 1;
            more += 1;
        }
        count += found;
        base += 64;
    }
    count
}

fn bit(words: &[u64], at: usize) -> bool {
    words[at / WORD] >> (at % WORD) & 1 == 1
}

/// Writes one value into a place and the block after it.
#[inline(always)]
fn fill(equity: &mut [f64], from: usize, value: f64) {
    if let Some(places) = equity.get_mut(from..from + BLOCK + 1) {
        places.copy_from_slice(&[value; BLOCK + 1]);
    }
}

/// The equity of a held stretch, in whole blocks: what lies behind its end is overwritten next.
#[inline(always)]
fn hold<L: Lanes>(l: L, (equity, close): (&mut [f64], &[f64]), (count, cash, qty): (usize, f64, f64)) {
    let (equity, _) = equity.as_chunks_mut::<LANES>();
    let (close, _) = close.as_chunks::<LANES>();
    let (cash, qty) = (l.splat(cash), l.splat(qty));
    let blocks = count.div_ceil(BLOCK) * (BLOCK / LANES);
    for (equity, close) in equity.iter_mut().zip(close).take(blocks) {
        *equity = l.store(l.add(cash, l.mul(qty, l.load(close))));
    }
}

/// The moments of the curve from the blocks that a held stretch touches.
#[inline(always)]
fn moments<L: Lanes>(lanes: L, work: &Scratch, sessions: usize) -> Moments {
    let mut sums = Sums::new(lanes);
    let mut done = 0;
    for stretch in &work.stretches {
        // The first step of a stretch leads into its first session.
        let first = (stretch.from - 1) / BLOCK;
        if first > done {
            sums.add_blocks(&work.equity, (done, done + 1));
            done = first;
        }
        let full = (stretch.to - 1) / BLOCK;
        sums.add_blocks(&work.equity, (done, full));
        done = full;
    }
    if done * BLOCK + 1 < sessions {
        sums.add_blocks(&work.equity, (done, done + 1));
    }
    sums.end()
}
