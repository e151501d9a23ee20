//! One defect a case, and what holds for every file.

use chrono::Datelike as _;
use proptest::prelude::*;

use super::*;
use crate::time::Calendar;
use crate::trading::Leverage;

const DOUBLE: Instrument = Instrument { kind: Kind::Etf, leverage: Leverage::Double };

fn of(raw: &RawBars, instrument: Instrument) -> Normalized {
    normalize(raw, instrument, Calendar::krx())
}

/// A bar as a row of five numbers.
fn bar(bars: &Bars, at: usize) -> [f64; 5] {
    [bars.open[at], bars.high[at], bars.low[at], bars.close[at], bars.volume[at]]
}

const GOOD: [f64; 5] = [100.0, 110.0, 90.0, 105.0, 7.0];

/// What becomes of a row.
enum Fate {
    Kept,
    Halted,
    Changed([f64; 5]),
    Repaired([f64; 5]),
    LeftOut,
}

/// A good row with other values at some places.
fn but(changes: &[(usize, f64)]) -> [f64; 5] {
    let mut row = GOOD;
    for (at, value) in changes {
        row[*at] = *value;
    }
    row
}

#[test]
fn each_rule_of_the_table_touches_its_rows_and_counts_them() {
    let (open, high, low, close, volume) = (0, 1, 2, 3, 4);
    let cases = [
        ("a good row", SHARE, GOOD, Fate::Kept),
        ("suspended", SHARE, [0.0, 0.0, 0.0, 105.0, 0.0], Fate::Halted),
        ("a price below zero", SHARE, but(&[(low, -1.0)]), Fate::Halted),
        ("no number for high", SHARE, but(&[(high, f64::NAN)]), Fate::Halted),
        ("a price beyond reason", SHARE, but(&[(high, 1e12)]), Fate::Halted),
        ("no volume of a share", SHARE, but(&[(volume, 0.0)]), Fate::Halted),
        ("volume of a fund below zero", FUND, but(&[(volume, -3.0)]), Fate::Halted),
        ("unknown volume of a fund", FUND, but(&[(volume, f64::NAN)]), Fate::Halted),
        ("no open of an index", INDEX, but(&[(open, 0.0)]), Fate::Halted),
        ("no volume of an index", INDEX, but(&[(volume, 0.0)]), Fate::Kept),
        ("unknown volume of an index", INDEX, but(&[(volume, f64::NAN)]), Fate::Changed(but(&[(volume, 0.0)]))),
        ("close above high", SHARE, but(&[(high, 104.0)]), Fate::Repaired(but(&[(high, 105.0)]))),
        ("open below low", SHARE, but(&[(open, 80.0)]), Fate::Repaired(but(&[(open, 80.0), (low, 80.0)]))),
        ("high below low", SHARE, but(&[(high, 90.0), (low, 110.0)]), Fate::Repaired(GOOD)),
        ("no close", SHARE, but(&[(close, f64::NAN)]), Fate::LeftOut),
        ("all zero", SHARE, [0.0; 5], Fate::LeftOut),
        ("close below zero", SHARE, but(&[(close, -105.0)]), Fate::LeftOut),
        ("endless close", SHARE, but(&[(close, f64::INFINITY)]), Fate::LeftOut),
        ("close beyond reason", SHARE, but(&[(close, 1e10)]), Fate::LeftOut),
    ];
    for (name, instrument, row, fate) in cases {
        let raw = rows(&[("2024-01-03", GOOD), ("2024-01-04", row), ("2024-01-05", GOOD)]);
        let found = of(&raw, instrument);
        let (want, halted, repaired) = match fate {
            Fate::Kept => (Some(row), 0, 0),
            Fate::Halted => (Some([105.0, 105.0, 105.0, 105.0, 0.0]), 1, 0),
            Fate::Changed(bar) => (Some(bar), 0, 0),
            Fate::Repaired(bar) => (Some(bar), 0, 1),
            Fate::LeftOut => (None, 0, 0),
        };
        let at = found.bars.index_of(day("2024-01-04"));
        assert_eq!(at.map(|at| bar(&found.bars, at)), want, "{name}");
        assert_eq!(at.map(|at| found.bars.halted[at]), want.map(|_| halted == 1), "{name}");
        let quality = Quality { rows_total: 3, halted_rows: halted, repaired_rows: repaired, ..Quality::default() };
        assert_eq!(found.quality, quality, "{name}");
        let named = |count: usize| vec![day("2024-01-04"); count];
        let left_out = named(usize::from(want.is_none()));
        let findings = Findings {
            unusable: left_out.clone(),
            missing_sessions: left_out,
            halted: named(halted),
            repaired: named(repaired),
            ..Findings::of("000001")
        };
        assert_eq!(found.findings, findings, "{name}");
    }
}

#[test]
fn rows_are_sorted_and_the_last_of_equal_dates_stays() {
    let row = |close: f64| [close, close, close, close, 1.0];
    let raw = rows(&[
        ("2024-01-04", row(104.0)),
        ("2024-01-03", row(1.0)),
        ("2024-01-05", row(105.0)),
        ("2024-01-03", row(2.0)),
        ("2024-01-03", row(103.0)),
    ]);
    let found = of(&raw, SHARE);
    assert_eq!(found.bars.date, dates(&["2024-01-03", "2024-01-04", "2024-01-05"]));
    assert_eq!(found.bars.close, [103.0, 104.0, 105.0]);
    assert_eq!(found.quality, Quality { rows_total: 5, rows_dropped_duplicate: 2, ..Quality::default() });
    assert_eq!(found.findings.duplicates, dates(&["2024-01-03", "2024-01-03"]));
    let stored = sorted(&raw);
    assert_eq!(stored.close, [1.0, 2.0, 103.0, 104.0, 105.0], "parity keeps every row");
}

#[test]
fn rows_of_closed_days_go_and_weekdays_beyond_the_calendar_stay() {
    let cases = [
        ("new year", "2024-01-01", false),
        ("a saturday", "2024-01-06", false),
        ("a sunday", "2024-01-07", false),
        ("a monday", "2024-01-08", true),
        ("a holiday before the calendar", "2019-01-01", true),
        ("a saturday before the calendar", "2019-01-05", false),
        ("a weekday after the calendar", "2028-01-03", true),
    ];
    for (name, date, stays) in cases {
        let found = of(&rows(&[(date, [100.0, 110.0, 90.0, 105.0, 7.0])]), SHARE);
        assert_eq!(found.bars.len(), usize::from(stays), "{name}");
        assert_eq!(found.quality.rows_dropped_non_session, usize::from(!stays), "{name}");
        assert_eq!(found.findings.non_session.len(), usize::from(!stays), "{name}");
    }
}

#[test]
fn a_move_beyond_the_daily_limit_is_a_jump() {
    let cases = [
        ("a share at its limit", SHARE, 130.0, false),
        ("a share a tick above", SHARE, 130.5, false),
        ("a share beyond", SHARE, 130.6, true),
        ("a share down beyond", SHARE, 69.4, true),
        ("a doubled fund", DOUBLE, 160.0, false),
        ("a doubled fund beyond", DOUBLE, 160.6, true),
        ("an index", INDEX, 131.0, true),
    ];
    for (name, instrument, close, jumps) in cases {
        let row = |close: f64| [close, close, close, close, 1.0];
        let found = of(&rows(&[("2024-01-03", row(100.0)), ("2024-01-04", row(close))]), instrument);
        let want = if jumps { dates(&["2024-01-04"]) } else { Vec::new() };
        assert_eq!(found.findings.jumps.iter().map(|jump| jump.date).collect::<Vec<_>>(), want, "{name}");
        assert_eq!(found.findings.is_spliced(), jumps, "{name}");
    }
}

#[test]
fn seams_are_told_apart_by_what_surrounds_them() {
    let (jan, feb, mar) = (("2024-01-02", "2024-01-31"), ("2024-02-01", "2024-02-29"), ("2024-03-04", "2024-03-29"));
    let join = |parts: &[Vec<(TradingDate, [f64; 5])>]| file(&parts.concat());
    let at = |(from, to): (&str, &str), price| level(from, to, price);
    let holiday = |price: f64| vec![(day("2024-02-09"), [price, price, price, price, 5.0])];
    let cases = [
        ("one level", join(&[at(jan, 1000.0), at(feb, 1010.0)]), vec![], 0),
        ("a split", join(&[at(jan, 1000.0), at(feb, 200.0)]), vec![("2024-02-01", SpliceCause::LevelShift)], 0),
        (
            "a piece of another series",
            join(&[at(jan, 1000.0), at(("2024-02-01", "2024-02-05"), 3000.0), at(mar, 1000.0)]),
            vec![("2024-02-01", SpliceCause::ForeignRows), ("2024-03-04", SpliceCause::ForeignRows)],
            0,
        ),
        (
            "an invented holiday at a foreign price",
            join(&[at(jan, 1000.0), holiday(3000.0), at(mar, 1000.0)]),
            vec![("2024-02-09", SpliceCause::ClosedDayRows), ("2024-03-04", SpliceCause::ClosedDayRows)],
            1,
        ),
        ("a holiday that repeats the close", join(&[at(jan, 1000.0), holiday(1005.0), at(mar, 1000.0)]), vec![], 0),
        ("an invented holiday at the level", join(&[at(jan, 1000.0), holiday(1001.0), at(mar, 1000.0)]), vec![], 1),
    ];
    for (name, raw, want, stretches) in cases {
        let found = of(&raw, SHARE).findings;
        let want: Vec<_> = want.into_iter().map(|(date, cause)| (day(date), cause)).collect();
        let splices: Vec<_> = found.splices.iter().map(|splice| (splice.date, splice.cause)).collect();
        assert_eq!(splices, want, "{name}");
        assert_eq!(found.synthetic.len(), stretches, "{name}: {:?}", found.synthetic);
    }
}

#[test]
fn a_walk_over_every_weekday_is_one_stretch() {
    let days = day("2023-01-02").iter_days().take_while(|date| *date <= day("2023-06-30"));
    let weekdays = days.filter(|date| !matches!(Calendar::krx().closed_for(*date), Some("Saturday" | "Sunday")));
    let price = |at: usize| 1000.0 + f64::from(u32::try_from(at % 17).expect("small"));
    let walk: Vec<_> = weekdays.enumerate().map(|(at, date)| (date, [price(at); 5])).collect();
    let found = of(&file(&walk), SHARE);
    let stretch = Stretch { from: day("2023-01-02"), to: day("2023-06-30"), rows: 130, closed_day_rows: 7 };
    assert_eq!(found.findings.synthetic, [stretch]);
    assert_eq!(found.quality.rows_dropped_non_session, 7);
    assert!(!found.findings.is_spliced());
}

#[test]
fn a_change_between_fractions_and_whole_won_is_reported_once() {
    let fractions = level("2024-01-02", "2024-02-29", 1000.25);
    let whole = level("2024-03-04", "2024-04-30", 1000.0);
    let found = of(&file(&[fractions.clone(), whole.clone()].concat()), SHARE).findings;
    assert_eq!(found.basis_changes, [BasisChange { date: day("2024-03-04"), whole_won: true }]);
    assert_eq!(of(&file(&[fractions, whole[..19].to_vec()].concat()), SHARE).findings.basis_changes, []);
    let index = [level("2024-01-02", "2024-02-29", 1000.25), whole].concat();
    assert_eq!(of(&file(&index), INDEX).findings.basis_changes, [], "an index has no won");
}

#[test]
fn a_window_needs_its_last_session_and_ninety_nine_of_a_hundred() {
    // 244 sessions in 2024: two may be missing, three may not.
    let year = level("2024-01-01", "2024-12-31", 1000.0);
    let without = |gone: &[usize]| {
        let kept = year.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        of(&file(&kept.map(|(_, row)| *row).collect::<Vec<_>>()), SHARE)
    };
    let all = || day("2024-01-01")..=day("2024-12-31");
    let old = || {
        let days = day("2017-09-01").iter_days().take_while(|date| *date <= day("2020-01-03"));
        let weekdays = days.filter(|date| date.weekday().number_from_monday() <= 5);
        weekdays.map(|date| (date, [1000.0, 1010.0, 990.0, 1005.0, 100.0]))
    };
    // The longest holidays ever: ten days without a session. A month and more is none.
    let out = |last: &str| {
        let gone = day("2017-10-01")..=day(last);
        let kept: Vec<_> = old().filter(|(date, _)| !gone.contains(date)).collect();
        of(&file(&kept), SHARE)
    };
    let (old, older, hole) = (out("2017-10-09"), out("2017-10-09"), out("2017-12-29"));
    let cases = [
        ("complete", without(&[]), all(), "244, 0 missing"),
        ("two are missing", without(&[10, 20]), all(), "244, 2 missing"),
        ("three are missing", without(&[10, 20, 30]), all(), "3 of 244 sessions have no bar"),
        (
            "the first three are missing",
            without(&[0, 1, 2]),
            all(),
            "2024-01-02, 2024-01-03, 2024-01-04; bars: 2024-01-05",
        ),
        ("the last is missing", without(&[243]), all(), "no bar on 2024-12-30"),
        ("nothing at all", of(&rows(&[]), SHARE), all(), "bars: none"),
        ("a weekend", without(&[]), day("2024-06-01")..=day("2024-06-02"), "no session between"),
        ("backwards", without(&[]), day("2024-06-05")..=day("2024-06-03"), "no session between"),
        ("beyond the calendar", without(&[]), day("2024-01-01")..=day("2028-01-03"), "does not cover 2028-01-03"),
        ("long before the data", without(&[]), day("1990-01-01")..=day("2024-12-31"), "1990-01-01, 1990-01-02"),
        ("before the calendar, with holidays", old, day("2019-01-02")..=day("2019-12-30"), "does not cover 2019-12-30"),
        ("from before the calendar, with holidays", older, day("2017-09-01")..=day("2020-01-03"), ", 0 missing"),
        (
            "from before the calendar, with a hole",
            hole,
            day("2017-09-01")..=day("2020-01-03"),
            "2017-10-12, 2017-10-13",
        ),
        ("from before the calendar", without(&[]), day("2019-06-03")..=day("2020-01-31"), "no bar on 2020-01-31"),
    ];
    for (name, found, window, want) in cases {
        let found = match found.verdict(&window, Calendar::krx()) {
            Ok(found) => format!("{}, {} missing", found.sessions, found.missing.len()),
            Err(fault) => fault.to_string(),
        };
        assert!(found.contains(want), "{name}: {found}");
    }
}

#[test]
fn the_counters_are_the_published_ones_in_the_published_order() {
    let text = serde_json::to_string(&Quality { rows_total: 1472, ..Quality::default() }).expect("a document");
    let want = "{\"rows_total\":1472,\"rows_dropped_duplicate\":0,\"rows_dropped_non_session\":0,\"halted_rows\":0,\
                \"repaired_rows\":0}";
    assert_eq!(text, want);
}

/// Numbers as bad files hold them.
fn price() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => 900.0..1100.0_f64,
        5 => (1..2000_i32).prop_map(f64::from),
        1 => Just(0.0),
        1 => Just(-5.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(1e15),
    ]
}

fn messy() -> impl Strategy<Value = RawBars> {
    let row = (-20..80_i64, [price(), price(), price(), price(), price()]);
    prop::collection::vec(row, 0..60).prop_map(|found| {
        let first = day("2023-12-20");
        let dated = found.into_iter().map(|(days, row)| (first + chrono::Duration::days(days), row));
        file(&dated.collect::<Vec<_>>())
    })
}

proptest! {
    #[test]
    fn what_comes_out_is_in_order_enclosed_and_accounted_for(raw in messy(), index in any::<bool>()) {
        let found = of(&raw, if index { INDEX } else { SHARE });
        let (bars, quality) = (&found.bars, found.quality);
        prop_assert!(bars.date.windows(2).all(|pair| pair[0] < pair[1]));
        let dropped = quality.rows_dropped_duplicate + quality.rows_dropped_non_session + found.findings.unusable.len();
        prop_assert_eq!(bars.len() + dropped, raw.bars.len());
        for at in 0..bars.len() {
            let [open, high, low, close, volume] = bar(bars, at);
            prop_assert!(high >= open.max(close) && low <= open.min(close) && low > 0.0 && high <= MAX_PRICE);
            prop_assert!(volume >= 0.0 && volume.is_finite());
            prop_assert!(!bars.halted[at] || (open == close && high == low && volume == 0.0));
            let stored = raw.bars.date.iter().rposition(|date| *date == bars.date[at]).expect("no invented bar");
            prop_assert_eq!(raw.bars.close[stored].to_bits(), close.to_bits());
        }
    }

    #[test]
    fn a_second_pass_changes_nothing(raw in messy(), index in any::<bool>()) {
        let instrument = if index { INDEX } else { SHARE };
        let once = of(&raw, instrument);
        let twice = of(&RawBars { bars: once.bars.clone(), ..raw }, instrument);
        prop_assert_eq!(&twice.bars, &once.bars);
        let halted_rows = once.quality.halted_rows;
        prop_assert_eq!(twice.quality, Quality { rows_total: once.bars.len(), halted_rows, ..Quality::default() });
        prop_assert_eq!(twice.findings.jumps, once.findings.jumps);
    }

    #[test]
    fn the_order_of_different_dates_changes_nothing(raw in messy()) {
        let once = of(&raw, SHARE);
        let stored = sorted(&raw);
        prop_assert_eq!(of(&RawBars { bars: stored, ..raw }, SHARE), once);
    }
}
