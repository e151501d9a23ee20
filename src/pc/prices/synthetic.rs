//! Made-up bars for machines without market data: a market that obeys the exchange's rules and belongs to nobody.
//!
//! One index moves everything: the fund on it, its inverse, its double, a growth index that follows it loosely, and a
//! share. Days are KRX sessions, prices stand on the tick grid inside the daily limits, volatility comes in waves and the
//! trend changes every few months. Whoever stores these bars names [`SYNTHETIC_VENDOR`] as their vendor, so that nobody
//! takes them for prices that traded.
//!
//! The same seed gives the same bars on every platform: the generator is SplitMix64, a normal number is the sum of twelve
//! uniform ones less six, and nothing but `+ - * /` and square roots is calculated, which IEEE 754 rounds exactly.

use std::collections::BTreeMap;

use crate::time::Calendar;
use crate::time::CalendarFault;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Board;
use crate::trading::Instrument;
use crate::trading::Kind;
use crate::trading::Leverage;
use crate::trading::price_limits;
use crate::trading::tick_size;

/// The vendor's name of made-up bars.
pub const SYNTHETIC_VENDOR: &str = "synthetic";

/// What is made up.
#[derive(Clone, Debug)]
pub struct SyntheticSpec {
    /// The same seed and days, the same bars.
    pub seed: u64,
    /// First day.
    pub from: TradingDate,
    /// Last day.
    pub to: TradingDate,
    /// A suspension, as vendors report one.
    pub halt: Option<Halt>,
}

/// Sessions in a row on which a ticker does not trade: no open, high, low and volume, and the close before.
#[derive(Clone, Debug)]
pub struct Halt {
    /// The ticker.
    pub ticker: String,
    /// The day from which on it does not trade.
    pub from: TradingDate,
    /// For how many sessions.
    pub sessions: usize,
}

/// Bars cannot be made up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntheticFault {
    /// The calendar does not cover the days.
    #[error(transparent)]
    Calendar(#[from] CalendarFault),
    /// There is no session between the days.
    #[error("no session between {from} and {to}")]
    NoSession {
        /// First day.
        from: TradingDate,
        /// Last day.
        to: TradingDate,
    },
    /// The suspended ticker is not made up.
    #[error("cannot suspend {0}: no such made-up ticker")]
    UnknownHalt(String),
}

/// How many prices a session has, the open first and the close last.
const POINTS: usize = 8;

/// Moves since the close before, at every point of a session.
type Path = [f64; POINTS];

/// Who leads a ticker.
#[derive(Clone, Copy)]
enum Leader {
    Market,
    Growth,
}

/// One made-up ticker.
struct Member {
    ticker: &'static str,
    instrument: Instrument,
    leader: Leader,
    /// Its move for one of its leader's.
    beta: f64,
    /// Daily deviation of its own.
    own: f64,
    start: f64,
    volume: f64,
}

const ETF: Instrument = Instrument::plain(Kind::Etf);
const DOUBLE: Instrument = Instrument { kind: Kind::Etf, leverage: Leverage::Double };

#[rustfmt::skip]
const MEMBERS: [Member; 6] = [
    Member { ticker: "069500", instrument: ETF, leader: Leader::Market, beta: 1.0, own: 0.0, start: 30_000.0, volume: 8e6 },
    Member { ticker: "229200", instrument: ETF, leader: Leader::Growth, beta: 1.0, own: 0.0, start: 12_000.0, volume: 6e6 },
    Member { ticker: "114800", instrument: ETF, leader: Leader::Market, beta: -1.0, own: 0.0, start: 7_000.0, volume: 2e7 },
    Member { ticker: "122630", instrument: DOUBLE, leader: Leader::Market, beta: 2.0, own: 0.0, start: 15_000.0, volume: 3e7 },
    Member {
        ticker: "005930", instrument: Instrument::plain(Kind::Stock(Board::Kospi)), leader: Leader::Market, beta: 1.1,
        own: 0.011, start: 55_000.0, volume: 1.5e7,
    },
    Member {
        ticker: "^KS11", instrument: Instrument::plain(Kind::Index), leader: Leader::Market, beta: 1.0, own: 0.0,
        start: 2_200.0, volume: 5e5,
    },
];

/// Makes up the bars of 069500, 229200, 114800, 122630, 005930 and ^KS11 on every session of the days. They have the form
/// of a vendor's file: normalise them like one.
///
/// # Errors
/// The calendar does not cover the days, they hold no session, or the suspended ticker is not one of these.
pub fn synthetic_bars(spec: &SyntheticSpec, calendar: &Calendar) -> Result<BTreeMap<String, Bars>, SyntheticFault> {
    if let Some(halt) = spec.halt.as_ref().filter(|halt| MEMBERS.iter().all(|member| member.ticker != halt.ticker)) {
        return Err(SyntheticFault::UnknownHalt(halt.ticker.clone()));
    }
    let mut sessions = Vec::new();
    for date in spec.from.iter_days().take_while(|date| *date <= spec.to) {
        sessions.extend(calendar.session(date)?.map(|session| session.date));
    }
    if sessions.is_empty() {
        return Err(SyntheticFault::NoSession { from: spec.from, to: spec.to });
    }
    let (market, growth) = leaders(spec.seed, sessions.len());
    let of_member = |(number, member): (u64, &Member)| {
        let leader = match member.leader {
            Leader::Market => &market,
            Leader::Growth => &growth,
        };
        let halt = spec.halt.as_ref().filter(|halt| halt.ticker == member.ticker);
        let mut random = Random::stream(spec.seed, 16 + number);
        (member.ticker.to_owned(), bars(member, (&sessions, leader), halt, &mut random))
    };
    Ok((0..).zip(&MEMBERS).map(of_member).collect())
}

/// The paths of the index and of the growth index.
fn leaders(seed: u64, sessions: usize) -> (Vec<Path>, Vec<Path>) {
    /// What an average day does by trend: up, down, nowhere.
    const TRENDS: [f64; 3] = [0.0013, -0.0013, 0.0];
    const CALM: f64 = 0.011;
    let (mut random, mut own) = (Random::stream(seed, 1), Random::stream(seed, 2));
    let (mut trend, mut variance) = (0, CALM * CALM);
    let (mut market, mut growth) = (Vec::with_capacity(sessions), Vec::with_capacity(sessions));
    for _ in 0..sessions {
        if random.uniform() < 1.0 / 55.0 {
            trend = (trend + if random.uniform() < 0.5 { 1 } else { 2 }) % TRENDS.len();
        }
        let path = random.path(TRENDS[trend], variance.sqrt()).map(|point| point.clamp(-0.12, 0.12));
        let close = path[POINTS - 1];
        variance = 0.02 * CALM * CALM + 0.08 * close * close + 0.90 * variance;
        let noise = own.path(0.0, 0.008);
        market.push(path);
        growth.push(std::array::from_fn(|at| (0.8 * path[at] + noise[at]).clamp(-0.13, 0.13)));
    }
    (market, growth)
}

/// The bars of a ticker along its leader's path.
fn bars(
    member: &Member,
    (sessions, leader): (&[TradingDate], &[Path]),
    halt: Option<&Halt>,
    random: &mut Random,
) -> Bars {
    let mut bars = Bars::default();
    let halted_from = halt.map_or(sessions.len(), |halt| sessions.partition_point(|date| *date < halt.from));
    let halted = halted_from..halted_from + halt.map_or(0, |halt| halt.sessions);
    // The value follows the leader exactly; the price is that value on the grid.
    let (mut value, mut close) = (member.start, member.start);
    for (at, (date, path)) in sessions.iter().zip(leader).enumerate() {
        let own = random.path(0.0, member.own);
        let crowd = 0.6 + 0.8 * random.uniform();
        if halted.contains(&at) {
            bars.push(*date, [0.0, 0.0, 0.0, close, 0.0]);
            continue;
        }
        let values: Path = std::array::from_fn(|at| value * (1.0 + member.beta * path[at] + own[at]));
        let prices = values.map(|value| on_grid(member.instrument, value, close, *date));
        let (open, last) = (prices[0], prices[POINTS - 1]);
        let (high, low) = (prices.into_iter().fold(open, f64::max), prices.into_iter().fold(open, f64::min));
        let moved = (last / close - 1.0).abs();
        let volume = (member.volume * crowd * (1.0 + 25.0 * moved)).floor();
        bars.push(*date, [open, high, low, last, volume]);
        let cut = (values[POINTS - 1] / last - 1.0).abs() > 0.01;
        (value, close) = (if cut { last } else { values[POINTS - 1] }, last);
    }
    bars
}

/// The price next to a value: on the tick grid and inside the day's limits; of an index with two decimals.
fn on_grid(instrument: Instrument, value: f64, previous_close: f64, date: TradingDate) -> f64 {
    if instrument.kind == Kind::Index {
        return (value * 100.0 + 0.5).floor() / 100.0;
    }
    let tick = tick_size(instrument.kind, value as i64, date);
    let price = ((value / tick as f64 + 0.5).floor() as i64).saturating_mul(tick).max(tick);
    let limits = price_limits(instrument, previous_close as i64, date);
    price.clamp(limits.lower.max(1), limits.upper.max(1)) as f64
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// A stream of its own for each use, so that one more ticker changes no other.
    fn stream(seed: u64, number: u64) -> Self {
        Self(Self(seed).next() ^ Self(number.wrapping_mul(GOLDEN)).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1, never beyond 6.
    fn normal(&mut self) -> f64 {
        (0..12).fold(-6.0, |sum, _| sum + self.uniform())
    }

    /// A walk from the close before: overnight, then through the session.
    fn path(&mut self, drift: f64, deviation: f64) -> Path {
        let steps = POINTS as f64;
        let step = deviation / steps.sqrt();
        let mut at = 0.0;
        std::array::from_fn(|_| {
            at += drift / steps + step * self.normal();
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        let mut random = Random(1_234_567);
        let found = [random.next(), random.next(), random.next()];
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
