//! The prices of a bundle from a directory: one file a ticker, normalised.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use super::holding::Held;
use super::regime::MarketSeries;
use super::regime::Series;
use super::signals::Evidence;
use crate::pc::prices::Normalized;
use crate::pc::prices::Origin;
use crate::pc::prices::PriceFault;
pub use crate::pc::prices::SYNTHETIC;
use crate::pc::prices::normalize;
use crate::pc::prices::origin;
use crate::pc::prices::read_ticker;
use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Instrument;
use crate::trading::known;

/// The index whose closes give the regime when its file is there.
const INDEX: &str = "^KS11";
/// The fund that stands for the index.
const BENCHMARK: &str = "069500";
/// A seam within this many bars before the end spoils the means of the regime.
const REGIME_BARS: usize = 200;

/// The directory cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the prices in {path}: {source}")]
pub struct LoadFault {
    /// The directory.
    pub path: String,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// For the signals; the portfolio is still missing.
    pub evidence: Evidence,
    /// SHA-256 of each price file that was read, by its ticker.
    pub files: BTreeMap<String, String>,
}

/// One ticker's file.
enum Found {
    Missing,
    Damaged(String),
    File(Box<Normalized>, Origin),
}

/// Reads the universe's prices and the market's series. A missing file is no fault, a damaged one is told apart from it.
///
/// # Errors
/// The directory cannot be read. One that does not exist holds no prices.
pub fn load(dir: &Path, universe: &[String], data_source: &str) -> Result<Loaded, LoadFault> {
    match std::fs::read_dir(dir) {
        Ok(_) => {}
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(LoadFault { path: dir.display().to_string(), source }),
    }
    let wanted: BTreeSet<&str> = universe.iter().map(String::as_str).chain([INDEX, BENCHMARK]).collect();
    let found: BTreeMap<&str, Found> = wanted.into_iter().map(|ticker| (ticker, file_of(dir, ticker))).collect();
    let mut loaded = Loaded {
        evidence: Evidence {
            bars: BTreeMap::new(),
            damaged: BTreeMap::new(),
            jumps: BTreeMap::new(),
            market: MarketSeries {
                index: (INDEX.to_owned(), series(&found[INDEX])),
                benchmark: (BENCHMARK.to_owned(), series(&found[BENCHMARK])),
            },
            held: Held::Missing,
            data_source: data_source.to_owned(),
        },
        files: BTreeMap::new(),
    };
    for (ticker, found) in found {
        let is_member = universe.iter().any(|member| member == ticker);
        match found {
            Found::Missing => {}
            Found::Damaged(why) if is_member => drop(loaded.evidence.damaged.insert(ticker.to_owned(), why)),
            Found::Damaged(_) => {}
            Found::File(file, origin) => {
                if origin.is_synthetic() {
                    loaded.evidence.data_source = SYNTHETIC.to_owned();
                }
                loaded.files.insert(ticker.to_owned(), file.sha256.clone());
                if is_member {
                    loaded.evidence.jumps.insert(ticker.to_owned(), jumps(&file));
                    loaded.evidence.bars.insert(ticker.to_owned(), file.bars);
                }
            }
        }
    }
    Ok(loaded)
}

fn file_of(dir: &Path, ticker: &str) -> Found {
    match read_ticker(dir, ticker) {
        Ok(raw) => match origin(dir, ticker, &raw.sha256) {
            Ok(origin) => {
                let instrument = known(ticker).map_or_else(Instrument::unknown, |(instrument, _)| instrument);
                Found::File(Box::new(normalize(&raw, instrument, Calendar::krx())), origin)
            }
            Err(fault) => Found::Damaged(fault.why),
        },
        Err(PriceFault::NotFound { .. }) => Found::Missing,
        // These faults name the whole path, which is nobody's business in a published document.
        Err(PriceFault::Read { source, .. }) => Found::Damaged(source.to_string()),
        Err(PriceFault::Shape { why, .. }) => Found::Damaged(why),
        Err(fault @ (PriceFault::Ticker { .. } | PriceFault::Write(_))) => Found::Damaged(fault.to_string()),
    }
}

fn series(found: &Found) -> Series {
    match found {
        Found::Missing => Series::Missing,
        Found::Damaged(why) => Series::Damaged(why.clone()),
        Found::File(file, _) => {
            let from = file.bars.len().saturating_sub(REGIME_BARS);
            let seam = file.findings.jumps.iter().find(|jump| file.bars.first_from(jump.date) > from);
            match seam {
                Some(jump) => Series::Damaged(format!("the close of {} is beyond the daily limit", jump.date)),
                None => Series::Bars(file.bars.clone()),
            }
        }
    }
}

fn jumps(file: &Normalized) -> BTreeSet<TradingDate> {
    file.findings.jumps.iter().map(|jump| jump.date).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pc::prices::write_layout_a;
    use crate::store::Store;
    use crate::trading::Bars;

    /// Closes on the sessions up to 2026-11-20, written as a price file.
    fn file(dir: &Path, ticker: &str, closes: &[f64]) {
        let last = TradingDate::from_ymd_opt(2026, 11, 20).expect("a date");
        let is_session = |day: &TradingDate| Calendar::krx().session(*day).is_ok_and(|session| session.is_some());
        let back = (0..).map(|days| last - chrono::Days::new(days)).filter(is_session).take(closes.len());
        let mut days: Vec<TradingDate> = back.collect();
        days.reverse();
        let mut bars = Bars::default();
        days.iter().zip(closes).for_each(|(day, close)| bars.push(*day, [*close, *close, *close, *close, 10.0]));
        let bytes = write_layout_a(&bars).expect("rendered");
        Store::new(dir).write(&format!("{ticker}.parquet"), &bytes).expect("written");
    }

    #[test]
    fn a_seam_in_the_benchmark_spoils_the_regime_while_it_is_in_the_window() {
        let cases = [("none", None, true), ("inside", Some(100), false), ("at the start", Some(50), true)];
        for (name, seam, is_sound) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            let closes: Vec<f64> =
                (0..250).map(|n| if seam.is_some_and(|at| n < at) { 200.0 } else { 100.0 }).collect();
            file(dir.path(), BENCHMARK, &closes);
            let loaded = load(dir.path(), &["069500".to_owned()], "FILES").expect("read");
            let series = &loaded.evidence.market.benchmark.1;
            assert_eq!(matches!(series, Series::Bars(_)), is_sound, "{name}: {series:?}");
            assert_eq!(loaded.evidence.jumps["069500"].len(), usize::from(seam.is_some()), "{name}");
            assert_eq!(loaded.files.keys().collect::<Vec<_>>(), ["069500"], "{name}");
        }
    }

    #[test]
    fn missing_and_damaged_files_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        file(dir.path(), "005930", &[100.0; 30]);
        Store::new(dir.path()).write("114800.parquet", b"PAR1 and nothing").expect("written");
        Store::new(dir.path()).write("069500.csv", b"no table").expect("written");
        let universe = ["005930", "114800", "229200"].map(str::to_owned);
        let loaded = load(dir.path(), &universe, "FILES").expect("read");
        assert_eq!(loaded.evidence.bars.keys().collect::<Vec<_>>(), ["005930"]);
        assert_eq!(loaded.evidence.damaged.keys().collect::<Vec<_>>(), ["114800"]);
        assert!(!loaded.evidence.damaged["114800"].contains(&*dir.path().to_string_lossy()), "no path in a document");
        assert!(matches!(loaded.evidence.market.index.1, Series::Missing));
        assert!(
            matches!(loaded.evidence.market.benchmark.1, Series::Damaged(_)),
            "damaged, though not of the universe"
        );
        assert!(load(&dir.path().join("nowhere"), &universe, "FILES").expect("empty").evidence.bars.is_empty());
        assert!(load(&dir.path().join("005930.parquet"), &universe, "FILES").is_err(), "a file is no directory");
    }
}
