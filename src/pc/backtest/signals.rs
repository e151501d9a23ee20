//! What the strategies decide at a close.

use super::BacktestFault;
use super::Frequency;
use super::Market;
use super::MomentumParams;
use super::Setup;
use super::Strategy;
use super::book::Book;
use super::book::Order;
use super::book::Position;
use super::book::shares;
use super::book::whole_shares;
use super::timeline::Timeline;
use super::timeline::bars_of;
use super::timeline::places;
use crate::time::TradingDate;
use crate::trading::GateDecision;
use crate::trading::GateParams;
use crate::trading::GateReason;
use crate::trading::GateRow;
use crate::trading::gate_rows;
use crate::trading::indicator::Line;
use crate::trading::indicator::momentum;
use crate::trading::indicator::sma;
use chrono::Datelike as _;

/// What a close asks for at the next open. Kept between closes, so that its lists are made once.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// In ascending order of ticker.
    pub(super) sells: Vec<Order>,
    /// In order of rank.
    pub(super) buys: Vec<Order>,
    /// Cash that no purchase may touch.
    pub(super) reserve: f64,
    /// Most tickers held after a purchase.
    pub(super) max_positions: usize,
    /// Whether exposure was wanted, or a ticker was a candidate.
    pub(super) signal: bool,
    /// Entries that the close asked for.
    pub(super) potential_signals: usize,
}

impl Decision {
    fn clear(&mut self) {
        self.sells.clear();
        self.buys.clear();
        (self.reserve, self.max_positions, self.signal, self.potential_signals) = (0.0, usize::MAX, false, 0);
    }
}

/// The gate in the sessions of a window.
struct Gate {
    rows: Vec<GateRow>,
    bar_of_session: Vec<Option<usize>>,
}

impl Gate {
    fn of(
        params: &GateParams,
        (ticker, market): (&str, &Market),
        dates: &[TradingDate],
    ) -> Result<Self, BacktestFault> {
        let bars = bars_of(market, ticker)?;
        Ok(Self { rows: gate_rows(bars, params), bar_of_session: places(bars, dates) })
    }

    fn at(&self, session: usize) -> GateRow {
        let bar = self.bar_of_session.get(session).copied().flatten();
        let none = GateRow { ma_short: None, ma_long: None, adx: None, reason: GateReason::NoData };
        bar.and_then(|bar| self.rows.get(bar)).copied().unwrap_or(none)
    }
}

/// A strategy with its indicators over all bars.
pub(super) struct Signals {
    gate: Option<Gate>,
    rules: Rules,
}

enum Rules {
    /// Fast and slow mean of the one ticker.
    Cross { fast: Line, slow: Line },
    /// The gate alone.
    Regime,
    /// Ranks.
    Momentum(Ranks),
}

impl Signals {
    pub(super) fn of(setup: &Setup<'_>, market: &Market, timeline: &Timeline<'_>) -> Result<Self, BacktestFault> {
        let gate = |params: &GateParams, ticker: &str| Gate::of(params, (ticker, market), &timeline.dates);
        let alone = timeline.series.first();
        let (gate, rules) = match (&setup.strategy, alone) {
            (Strategy::MaCross { fast, slow }, Some(alone)) => {
                let close = &alone.bars.close;
                (None, Rules::Cross { fast: sma(close, *fast), slow: sma(close, *slow) })
            }
            (Strategy::RegimeMaAdx(params), Some(alone)) => (Some(gate(params, alone.ticker)?), Rules::Regime),
            (Strategy::KrxMomentum(params), _) => {
                let gate = params.gate.map(|params| gate(&params, &setup.benchmark)).transpose()?;
                (gate, Rules::Momentum(Ranks::of(*params, timeline)))
            }
            (_, None) => return Err(BacktestFault::EmptyWindow { start: setup.start, end: setup.end }),
        };
        Ok(Self { gate, rules })
    }

    /// The gate at a session's close; `None`: the strategy has none.
    pub(super) fn gate(&self, session: usize) -> Option<GateRow> {
        self.gate.as_ref().map(|gate| gate.at(session))
    }

    /// Decides at the close of a session, after its fills.
    pub(super) fn decide(&mut self, close: &Close<'_, '_>, decision: &mut Decision) {
        decision.clear();
        let gate = self.gate(close.session);
        match &mut self.rules {
            Rules::Cross { fast, slow } => {
                let bar = close.timeline.series.first().and_then(|series| series.bar(close.session));
                let means = bar.and_then(|bar| Some((fast.at(bar)?, slow.at(bar)?)));
                let (long, reason) = match means {
                    Some((fast, slow)) if fast > slow => (true, "SIGNAL_LONG"),
                    Some(_) => (false, "SIGNAL_FLAT"),
                    None => (false, "DATA_MISSING"),
                };
                all_or_nothing(long, reason, (close, decision));
            }
            Rules::Regime => {
                let reason = gate.map_or(GateReason::NoData, |row| row.reason);
                let long = reason.decision() == GateDecision::Pass;
                all_or_nothing(long, if long { "GATE_PASS" } else { reason.as_str() }, (close, decision));
            }
            Rules::Momentum(ranks) => ranks.decide(close, gate.map(|row| row.reason), decision),
        }
    }
}

/// A session's close.
pub(super) struct Close<'a, 'b> {
    pub(super) session: usize,
    pub(super) timeline: &'a Timeline<'b>,
    pub(super) book: &'a Book<'a>,
    pub(super) equity: f64,
}

/// The one ticker with all cash, or not at all.
fn all_or_nothing(long: bool, reason: &'static str, (close, decision): (&Close<'_, '_>, &mut Decision)) {
    let held = close.book.positions.first().map_or(0, |position| position.qty);
    decision.signal = long;
    if long && held == 0 {
        decision.potential_signals = 1;
        decision.buys.push(Order { at: 0, qty: i64::MAX, reason });
    } else if !long && held > 0 {
        decision.sells.push(Order { at: 0, qty: held, reason });
    }
}

/// `krx_momentum_v1`.
struct Ranks {
    params: MomentumParams,
    /// The score of each ticker at each of its bars.
    scores: Vec<Line>,
    /// Candidates of one close: score and the ticker's place. Kept for its memory.
    candidates: Vec<(f64, usize)>,
}

impl Ranks {
    fn of(params: MomentumParams, timeline: &Timeline<'_>) -> Self {
        let scores =
            timeline.series.iter().map(|series| momentum(&series.bars.close, params.momentum_period)).collect();
        Self { params, scores, candidates: Vec::with_capacity(timeline.series.len()) }
    }

    fn decide(&mut self, close: &Close<'_, '_>, gate: Option<GateReason>, decision: &mut Decision) {
        let blocked = gate.filter(|reason| reason.decision() == GateDecision::Block);
        let rebalance = is_rebalance_day(self.params.rebalance, close);
        let may_open = blocked.is_none() && rebalance;
        decision.reserve = self.params.min_cash_pct * close.equity;
        decision.max_positions = self.params.max_positions;
        let frozen = self.sort_out(close, (blocked, may_open), decision);
        decision.signal = !self.candidates.is_empty();
        if rebalance {
            self.reweigh(close, frozen, decision);
        }
        decision.sells.sort_unstable_by_key(|order| order.at);
    }

    /// Exits, candidates and entries asked for; how many held tickers have no score and stay as they are.
    fn sort_out(
        &mut self,
        close: &Close<'_, '_>,
        (blocked, may_open): (Option<GateReason>, bool),
        decision: &mut Decision,
    ) -> usize {
        let mut frozen = 0;
        self.candidates.clear();
        for (at, (series, position)) in close.timeline.series.iter().zip(&close.book.positions).enumerate() {
            let bar = series.bar(close.session);
            let score = bar.and_then(|bar| self.scores[at].at(bar));
            if position.qty > 0 {
                match (self.exit_reason(position, score, blocked), score) {
                    (Some(reason), _) => decision.sells.push(Order { at, qty: position.qty, reason }),
                    (None, Some(score)) => self.candidates.push((score, at)),
                    (None, None) => frozen += 1,
                }
                continue;
            }
            let Some(score) = score.filter(|score| *score >= self.params.entry_threshold) else { continue };
            if bar.is_none_or(|bar| series.bars.halted[bar]) {
                continue;
            }
            decision.potential_signals += 1;
            if may_open {
                self.candidates.push((score, at));
            }
        }
        frozen
    }

    fn exit_reason(&self, held: &Position, score: Option<f64>, blocked: Option<GateReason>) -> Option<&'static str> {
        let exit = self.params.exit_threshold;
        match (blocked, score) {
            (Some(reason), _) => Some(reason.as_str()),
            _ if held.close / held.average_entry() - 1.0 <= exit => Some("STOP_LOSS"),
            (None, Some(score)) if score <= exit => Some("MOMENTUM_EXIT"),
            _ => None,
        }
    }

    /// Ranks the candidates, drops what is not selected and sizes the rest.
    fn reweigh(&mut self, close: &Close<'_, '_>, frozen: usize, decision: &mut Decision) {
        self.candidates.sort_unstable_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
        let slots = self.params.max_positions.saturating_sub(frozen).min(self.candidates.len());
        let (selected, dropped) = self.candidates.split_at(slots);
        for (_, at) in dropped {
            let qty = close.book.positions[*at].qty;
            if qty > 0 {
                decision.sells.push(Order { at: *at, qty, reason: "RANK_OUT" });
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of tickers")]
        let share = (1.0 - self.params.min_cash_pct) / (selected.len() + frozen) as f64;
        let weight = self.params.max_position_pct.min(share);
        for (_, at) in selected {
            let position = &close.book.positions[*at];
            let (held, equity) = (position.qty, close.equity);
            let drift = (weight - shares(held) * position.close / equity).abs();
            if held > 0 && drift <= self.params.rebalance_threshold {
                continue;
            }
            let target = whole_shares(weight * equity / position.close);
            let reason = if held > 0 { "REBALANCE" } else { "ENTRY" };
            if target > held {
                decision.buys.push(Order { at: *at, qty: target - held, reason });
            } else if target < held {
                decision.sells.push(Order { at: *at, qty: held - target, reason });
            }
        }
    }
}

/// Whether new positions may be opened at a close. What counts is the last bar before it, also one before the window: a
/// window that starts in the middle of a week does not make a new week.
fn is_rebalance_day(frequency: Frequency, close: &Close<'_, '_>) -> bool {
    let Some(date) = close.timeline.dates.get(close.session) else { return false };
    let Some(previous) = close.timeline.previous(close.session) else { return true };
    match frequency {
        Frequency::Daily => true,
        Frequency::Weekly => date.iso_week() != previous.iso_week(),
        Frequency::Monthly => (date.year(), date.month()) != (previous.year(), previous.month()),
    }
}
