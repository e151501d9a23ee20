//! The exchange's price grid: tick sizes by band, and the daily limits around the base price. Whole won.

use chrono::NaiveDate;

use super::instrument::Instrument;
use super::instrument::Kind;
use crate::time::TradingDate;

/// Ticks of shares of all boards since 2023-01-25: the band's upper end (exclusive) and the tick.
const STOCK: &[(i64, i64)] =
    &[(2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500), (i64::MAX, 1_000)];

/// Ticks of funds and notes since December 2023; before, five won throughout.
const FUND: &[(i64, i64)] = &[(2_000, 1), (i64::MAX, 5)];

/// The lowest and highest price of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceLimits {
    /// The lowest price that may trade.
    pub lower: i64,
    /// The highest price that may trade.
    pub upper: i64,
}

/// The tick at a price, in won. An index has no grid; its tick is one.
#[must_use]
pub fn tick_size(kind: Kind, price: i64, date: TradingDate) -> i64 {
    let bands = match kind {
        Kind::Stock(_) => STOCK,
        Kind::Etf | Kind::Etn if NaiveDate::from_ymd_opt(2023, 12, 11).is_some_and(|start| date < start) => {
            &[(i64::MAX, 5)]
        }
        Kind::Etf | Kind::Etn => FUND,
        Kind::Index => &[(i64::MAX, 1)],
    };
    bands.iter().find(|(end, _)| price < *end).map_or(1, |(_, tick)| *tick)
}

/// The day's limits around `base`, the previous close: the permitted move is cut to the base price's tick, then each
/// end is moved inwards to its own band's tick. How the exchange treats a limit that crosses a band is not published in
/// detail; this is the reading that never permits more.
#[must_use]
pub fn price_limits(instrument: Instrument, base: i64, date: TradingDate) -> PriceLimits {
    let tick = |price| tick_size(instrument.kind, price, date);
    let percent = if instrument.daily_limit() > 0.5 { 60 } else { 30 };
    let amount = base.saturating_mul(percent) / 100;
    let amount = amount - amount % tick(base);
    let (upper, lower) = (base.saturating_add(amount), base - amount);
    let upper = upper - upper % tick(upper);
    let lower = match lower % tick(lower) {
        0 => lower,
        rest => lower - rest + tick(lower),
    };
    PriceLimits { lower, upper }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::instrument::Board;
    use crate::contracts::instrument::Leverage;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a date")
    }

    #[test]
    fn the_tick_depends_on_band_kind_and_date() {
        let share = Kind::Stock(Board::Kospi);
        let cases = [
            (share, 1_999, "2024-01-02", 1),
            (share, 2_000, "2024-01-02", 5),
            (share, 5_000, "2024-01-02", 10),
            (share, 19_990, "2024-01-02", 10),
            (share, 20_000, "2024-01-02", 50),
            (share, 50_000, "2024-01-02", 100),
            (share, 200_000, "2024-01-02", 500),
            (share, 500_000, "2024-01-02", 1_000),
            (Kind::Etf, 1_999, "2024-01-02", 1),
            (Kind::Etf, 2_000, "2024-01-02", 5),
            (Kind::Etn, 60_000, "2024-01-02", 5),
            (Kind::Etf, 1_999, "2023-06-01", 5),
        ];
        for (kind, price, date, want) in cases {
            assert_eq!(tick_size(kind, price, day(date)), want, "{kind:?} {price} {date}");
        }
    }

    #[test]
    fn limits_lie_on_the_grid_and_never_permit_more_than_the_rate() {
        let date = day("2024-01-02");
        let share = Instrument::plain(Kind::Stock(Board::Kospi));
        let double = Instrument { kind: Kind::Etf, leverage: Leverage::Double };
        let cases = [(share, 10_000, 7_000, 13_000), (share, 1_795, 1_257, 2_330), (double, 10_000, 4_000, 16_000)];
        for (instrument, base, lower, upper) in cases {
            assert_eq!(price_limits(instrument, base, date), PriceLimits { lower, upper }, "{base}");
        }
        for base in (1..600_000).step_by(37) {
            let base = base - base % tick_size(share.kind, base, date);
            let found = price_limits(share, base, date);
            assert!(found.upper * 100 <= base * 130 && found.lower * 100 >= base * 70, "{base}: {found:?}");
            for end in [found.lower, found.upper] {
                assert_eq!(end % tick_size(share.kind, end, date), 0, "{base}: {found:?}");
            }
        }
    }
}
