//! The shared files: what normalisation finds in each of them.

use super::*;
use crate::time::Calendar;
use crate::trading::known;

fn normalized(path: &Path) -> Normalized {
    let raw = read_file(path).expect("a readable file");
    let what = known(&raw.ticker).map_or(SHARE, |(what, _)| what);
    normalize(&raw, what, Calendar::krx())
}

#[test]
fn every_shared_layout_is_read() {
    let cases = [
        ("prices/069500.parquet", 1472, "2020-01-02", "2025-12-29"),
        ("prices/000660.parquet", 249, "2024-10-16", "2025-10-24"),
        ("prices/^KS11.parquet", 246, "2024-11-21", "2025-11-26"),
        ("reconcile/evidence_069500_capitalised.parquet", 1472, "2020-01-02", "2025-12-29"),
        ("reconcile/reference_weekday/input/069500.parquet", 1806, "2019-01-01", "2025-12-30"),
    ];
    for (name, rows, first, last) in cases {
        let Some(path) = shared(name) else { continue };
        let found = read_file(&path).expect(name);
        assert_eq!(found.bars.len(), rows, "{name}");
        assert_eq!(found.bars.first_date(), Some(day(first)), "{name}");
        assert_eq!(found.bars.last_date(), Some(day(last)), "{name}");
        assert!(found.bars.close.iter().all(|close| *close > 0.0), "{name}");
    }
}

#[test]
fn a_real_file_has_its_known_defects_and_no_others() {
    let cases = [
        ("069500", 1472, 0),
        ("114800", 1472, 0),
        ("122630", 1472, 0),
        ("229200", 1472, 31),
        ("005930", 1472, 0),
        ("000660", 249, 0),
        ("^KS11", 246, 0),
    ];
    for (ticker, rows_total, repaired_rows) in cases {
        let Some(path) = shared(&format!("prices/{ticker}.parquet")) else { continue };
        let found = normalized(&path);
        let want = Quality { rows_total, repaired_rows, ..Quality::default() };
        assert_eq!(found.quality, want, "{ticker}");
        assert_eq!(found.bars.len(), rows_total, "{ticker}");
        let known = Findings { repaired: found.findings.repaired.clone(), ..Findings::of(ticker) };
        assert_eq!(found.findings, known, "{ticker}");
        assert_eq!(found.findings.is_clean(), repaired_rows == 0, "{ticker}");
    }
}

#[test]
fn the_repaired_bars_of_229200_are_a_few_won_wide() {
    let Some(path) = shared("prices/229200.parquet") else { return };
    let raw = read_file(&path).expect("a readable file");
    let found = normalized(&path);
    assert_eq!(found.findings.repaired.len(), 31);
    assert_eq!(found.findings.repaired[..2], dates(&["2020-01-10", "2020-01-22"]));
    for date in &found.findings.repaired {
        let (before, after) = (raw.bars.index_of(*date), found.bars.index_of(*date));
        let (before, after) = before.zip(after).expect("the date");
        let moved = found.bars.high[after] - raw.bars.high[before];
        assert!((1.0..=3.0).contains(&moved), "{date}: high moved by {moved}");
        assert_eq!(found.bars.low[after].to_bits(), raw.bars.low[before].to_bits(), "{date}");
    }
}

#[test]
fn the_spliced_file_is_called_spliced_with_its_dates() {
    let Some(path) = shared("reconcile/reference_weekday/input/069500.parquet") else { return };
    let found = normalized(&path);
    let quality = Quality { rows_total: 1806, rows_dropped_non_session: 72, ..Quality::default() };
    assert_eq!(found.quality, quality);
    let findings = &found.findings;
    let of_2024 = findings.non_session.iter().filter(|date| **date > day("2024-01-01"));
    assert_eq!(of_2024.count(), 15);
    let four = ["2024-01-18", "2024-08-27", "2024-10-30", "2024-11-05"];
    let back = ["2024-01-19", "2024-08-28", "2024-10-31", "2024-11-06"];
    let foreign = findings.splices.iter().filter(|splice| splice.cause == SpliceCause::ForeignRows);
    let want: Vec<TradingDate> = four.iter().zip(back).flat_map(|(out, back)| [day(out), day(back)]).collect();
    assert_eq!(foreign.map(|splice| splice.date).collect::<Vec<_>>(), want);
    assert!(findings.is_spliced());
    assert_eq!(findings.splices.len(), 33);
    assert!(findings.splices.iter().all(|splice| splice.cause != SpliceCause::LevelShift));
    let long = Stretch { from: day("2019-01-01"), to: day("2024-01-01"), rows: 1305, closed_day_rows: 57 };
    assert_eq!(findings.synthetic.first(), Some(&long));
    let short: Vec<_> = findings.synthetic.iter().skip(1).collect();
    assert_eq!(short.len(), 12);
    assert!(short.iter().all(|stretch| stretch.rows == stretch.closed_day_rows));
    assert_eq!(short.iter().map(|stretch| stretch.rows).sum::<usize>(), 15);
    let jumps: Vec<_> = findings.jumps.iter().map(|jump| jump.date).collect();
    assert_eq!(jumps, std::iter::once(day("2024-01-02")).chain(want).collect::<Vec<_>>());
    assert_eq!(findings.basis_changes, [BasisChange { date: day("2025-10-30"), whole_won: true }]);
    assert_eq!(findings.missing_sessions, []);
}

#[test]
fn a_window_is_judged_on_real_files() {
    let window = |from: &str, to: &str| day(from)..=day(to);
    let cases = [
        ("069500", window("2021-01-04", "2025-12-29"), "1224 of 1224"),
        ("069500", window("2021-01-04", "2025-12-28"), "1223 of 1223"),
        ("069500", window("2021-01-04", "2025-12-30"), "no bar on 2025-12-30"),
        ("000660", window("2024-10-16", "2025-10-26"), "249 of 249"),
        ("000660", window("2024-01-02", "2025-10-24"), "no bar, more than 1 % (2024-01-02, 2024-01-03"),
    ];
    for (ticker, window, want) in cases {
        let Some(path) = shared(&format!("prices/{ticker}.parquet")) else { continue };
        let found = match normalized(&path).verdict(&window, Calendar::krx()) {
            Ok(found) => format!("{} of {}", found.sessions - found.missing.len(), found.sessions),
            Err(fault) => fault.to_string(),
        };
        assert!(found.contains(want), "{ticker} {window:?}: {found}");
    }
}
