//! Files of every format: what goes out comes back, what is broken is refused with its place.

use proptest::prelude::*;

use super::*;
use crate::store::Store;
use crate::time::Calendar;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::new(dir.path());
    for (name, bytes) in files {
        store.write_view(name, bytes).expect("written");
    }
    dir
}

fn back(bars: &Bars) -> Bars {
    let bytes = write_layout_a(bars).expect("written");
    let dir = folder(&[("x.parquet", &bytes)]);
    read_file(&dir.path().join("x.parquet")).expect("readable").bars
}

/// Equal bit for bit, NaN included.
fn same(a: &Bars, b: &Bars) -> bool {
    let bits = |bars: &Bars| {
        let columns = [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume];
        columns.map(|column| column.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
    };
    a.date == b.date && bits(a) == bits(b)
}

#[test]
fn layout_a_comes_back_bit_for_bit() {
    let cases = [
        ("whole won", vec![("2024-01-03", [100.0, 110.0, 90.0, 105.0, 7.0])]),
        ("an index", vec![("2024-01-03", [2474.62, 2496.97, 2470.1, 2480.63, 451_100.0])]),
        ("one fraction", vec![("2024-01-03", [1.0; 5]), ("2024-01-04", [1.0, 1.5, 1.0, 1.0, 2.0])]),
        ("a fraction of volume", vec![("2024-01-03", [1.0, 1.0, 1.0, 1.0, 0.5])]),
        ("nothing where a number was due", vec![("2024-01-03", [f64::NAN, 1.0, 1.0, 1.0, f64::INFINITY])]),
        ("minus zero and large", vec![("2024-01-03", [-0.0, 1e300, 1.0, 9_007_199_254_740_993.0, -3.0])]),
        ("no row", vec![]),
    ];
    for (name, found) in cases {
        let bars = rows(&found).bars;
        assert!(same(&back(&bars), &bars), "{name}");
        assert_eq!(write_layout_a(&bars).expect(name), write_layout_a(&bars).expect(name), "{name}");
    }
}

#[test]
fn a_written_file_has_the_types_of_layout_a() {
    let types = |bars: &[(&str, [f64; 5])]| parquet::types(write_layout_a(&rows(bars).bars).expect("written"));
    let name = |types: [&str; 7]| {
        let names = ["date", "open", "high", "low", "close", "volume", "등락률"];
        names.iter().zip(types).map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>()
    };
    let whole = types(&[("2024-01-03", [100.0, 110.0, 90.0, 105.0, 7.0])]);
    assert_eq!(whole, name(["INT64", "INT64", "INT64", "INT64", "INT64", "INT64", "DOUBLE"]));
    let index = types(&[("2024-01-03", [100.5, 110.0, 90.0, 105.0, 7.0])]);
    assert_eq!(index, name(["INT64", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE", "INT64", "DOUBLE"]));
}

#[test]
fn every_shared_file_comes_back_from_layout_a() {
    for ticker in ["069500", "229200", "114800", "122630", "005930", "000660", "^KS11"] {
        let Some(path) = shared(&format!("prices/{ticker}.parquet")) else { continue };
        let bars = read_file(&path).expect(ticker).bars;
        assert!(same(&back(&bars), &bars), "{ticker}");
    }
}

#[test]
fn bars_that_no_file_can_hold_are_refused() {
    let mut short = rows(&[("2024-01-03", [1.0; 5])]).bars;
    short.volume.clear();
    let far = rows(&[("2300-01-03", [1.0; 5])]).bars;
    for (name, bars, want) in [("columns", short, "differ in length"), ("date", far, "2300-01-03 is outside")] {
        let fault = write_layout_a(&bars).expect_err(name).to_string();
        assert!(fault.contains(want), "{name}: {fault}");
    }
}

#[test]
fn a_file_is_known_by_its_content() {
    let good = write_layout_a(&rows(&[("2024-01-03", [1.0; 5])]).bars).expect("written");
    let text = b"date,open,high,low,close,volume\n2024-01-03,1,1,1,1,1\n".as_slice();
    let cases: [(&str, &[u8], Result<usize, &str>); 9] = [
        ("a.parquet", &good, Ok(1)),
        ("parquet_named.csv", &good, Ok(1)),
        ("a.csv", text, Ok(1)),
        ("a.txt", text, Ok(1)),
        ("csv_named.parquet", text, Err("is no parquet file: it does not begin with PAR1")),
        ("cut.parquet", &good[..good.len() / 2], Err("not a readable parquet file")),
        ("empty.parquet", b"", Err("is no parquet file")),
        ("a.json", b"{}", Err("JSON cache of many tickers")),
        ("empty.csv", b"", Err("empty")),
    ];
    for (name, bytes, want) in cases {
        let dir = folder(&[(name, bytes)]);
        match (read_file(&dir.path().join(name)), want) {
            (Ok(found), Ok(count)) => assert_eq!(found.bars.len(), count, "{name}"),
            (Err(fault), Err(part)) => {
                let text = fault.to_string();
                assert!(text.contains(part) && text.contains(name), "{name}: {text}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn a_ticker_is_found_in_its_folder_or_the_fault_says_where_it_was_looked_for() {
    let parquet = write_layout_a(&rows(&[("2024-01-03", [1.0; 5])]).bars).expect("written");
    let text = b"date,open,high,low,close,volume\n2024-01-03,2,2,2,2,2\n";
    let dir = folder(&[("both.parquet", &parquet), ("both.csv", text), ("^KS11.csv", text)]);
    let cases = [
        ("both", Ok(1.0)),
        ("^KS11", Ok(2.0)),
        ("005930", Err("looked for 005930.parquet or 005930.csv")),
        ("", Err("ticker \"\" may only have letters")),
        ("../both", Err("may only have letters")),
        ("..", Err("may only have letters")),
        ("a/b", Err("may only have letters")),
        ("a\\b", Err("may only have letters")),
    ];
    for (ticker, want) in cases {
        match (read_ticker(dir.path(), ticker), want) {
            (Ok(found), Ok(close)) => {
                assert_eq!((found.ticker.as_str(), found.bars.close.as_slice()), (ticker, [close].as_slice()));
                assert_eq!(found.sha256.len(), 64);
            }
            (Err(fault), Err(part)) => assert!(fault.to_string().contains(part), "{ticker}: {fault}"),
            (found, _) => panic!("{ticker}: {found:?}"),
        }
    }
}

#[test]
fn a_market_is_read_by_ticker_and_its_first_fault_is_told() {
    let halted = b"date,open,high,low,close,volume\n2024-01-03,2,2,2,2,0\n";
    let broken = b"date,open,high,low,close,volume\n2024-01-03,2,2,2,x,0\n";
    let dir = folder(&[("069500.csv", halted), ("A.csv", halted), ("X.csv", broken), ("Y.csv", broken)]);
    let load = |tickers: &[&str]| {
        let tickers: Vec<String> = tickers.iter().map(|ticker| (*ticker).to_owned()).collect();
        let instruments = [("A".to_owned(), INDEX)].into();
        load_market(dir.path(), &tickers, &instruments, Calendar::krx())
    };
    let found = load(&["A", "069500", "A"]).expect("readable");
    let halted: Vec<_> = found.iter().map(|(ticker, of)| (ticker.as_str(), of.quality.halted_rows)).collect();
    assert_eq!(halted, [("069500", 1), ("A", 0)], "the instrument decides whether no volume is a halt");
    assert!(load(&[]).expect("nothing to read").is_empty());
    for _ in 0..20 {
        let fault = load(&["Y", "A", "X", "nowhere"]).expect_err("broken").to_string();
        assert!(fault.contains("X.csv") && fault.contains("line 2, column close"), "{fault}");
    }
}

#[test]
fn a_history_cache_holds_many_tickers() {
    let text = br#"{
        "069500": {"price": 9, "data_source": "naver", "prices": [
            {"date": "20240103", "open": 100, "high": 110, "low": 90, "close": 105, "volume": 7},
            {"date": "2024-01-04", "open": "1,100", "high": null, "close": 105.5, "low": 90, "volume": 7}]},
        "114800": {"prices": []}}"#;
    let dir = folder(&[("f.json", text)]);
    let found = read_history_cache(&dir.path().join("f.json")).expect("readable");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["069500", "114800"]);
    let bars = &found["069500"].bars;
    assert_eq!(bars.date, dates(&["2024-01-03", "2024-01-04"]));
    assert_eq!((bars.open[1], bars.close[1]), (1100.0, 105.5));
    assert!(bars.high[1].is_nan());
    let row = |row: &str| format!(r#"{{"A": {{"prices": [{row}]}}}}"#);
    let cases = [
        ("no list", r#"{"A": {}}"#.to_owned(), "A: has no list prices"),
        ("no object", "[]".to_owned(), "is no object of tickers"),
        ("a date", row(r#"{"date": "2024", "close": 1}"#), "A: row 1: date is no date"),
        ("a word", row(r#"{"date": "20240103", "close": "x"}"#), "A: row 1: close is no number"),
        ("a truth", row(r#"{"date": "20240103", "volume": true}"#), "A: row 1: volume is no number"),
        ("twice", r#"{"A": {"prices": []}, "A": {"prices": []}}"#.to_owned(), "occurs twice"),
    ];
    for (name, text, want) in cases {
        let dir = folder(&[("f.json", text.as_bytes())]);
        let fault = read_history_cache(&dir.path().join("f.json")).expect_err(name).to_string();
        assert!(fault.contains(want) && fault.contains("f.json"), "{name}: {fault}");
    }
}

#[test]
fn closes_of_an_index_and_quotes_are_read_from_their_caches() {
    let closes = br#"{"prices": [{"close": 2500.5}, {"close": 2510}]}"#;
    let quotes = br#"{"005930": {"_ts": 1769731200.5, "data": {"provider": "naver", "price": 72500, "change_pct": -0.7,
        "change_val": -500, "volume": 1, "value_krw": 72500, "nav": null, "name": "x"}}, "A": {"_ts": 1, "data": null}}"#;
    let bad_close = br#"{"prices": [{"close": 1}, {"close": 0}]}"#;
    let bad_quote = br#"{"A": {"_ts": 1, "data": {"price": -1}}}"#;
    let no_time = br#"{"A": {"data": {"price": 1}}}"#;
    let files: [(&str, &[u8]); 5] =
        [("g", closes), ("h", quotes), ("bad_g", bad_close), ("bad_h", bad_quote), ("no_time", no_time)];
    let dir = folder(&files);
    let at = |name: &str| dir.path().join(name);
    assert_eq!(read_index_closes(&at("g")).expect("closes"), [2500.5, 2510.0]);
    let found = read_quote_cache(&at("h")).expect("quotes");
    assert_eq!(found.len(), 1);
    let quote = &found["005930"];
    assert_eq!((quote.price, quote.change_val, quote.nav), (72_500.0, Some(-500.0), None));
    assert_eq!(quote.provider.as_deref(), Some("naver"));
    assert!(read_index_closes(&at("bad_g")).expect_err("zero").to_string().contains("row 2: close is no price"));
    assert!(read_quote_cache(&at("bad_h")).expect_err("negative").to_string().contains("A: price is no price"));
    assert!(read_quote_cache(&at("no_time")).expect_err("no time").to_string().contains("A: _ts is missing"));
}

proptest! {
    #[test]
    fn any_bars_come_back_bit_for_bit(
        found in prop::collection::vec((0..80_000_i64, prop::array::uniform5(any::<f64>())), 0..50),
        whole in any::<bool>(),
    ) {
        let dated = found.into_iter().map(|(days, row)| {
            let row = if whole { row.map(|value| (value % 1e6).trunc()) } else { row };
            (day("1700-01-01") + chrono::Duration::days(days), row)
        });
        let bars = file(&dated.collect::<Vec<_>>()).bars;
        prop_assert!(same(&back(&bars), &bars));
    }

    #[test]
    fn bytes_that_are_no_file_never_end_the_program(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..900_usize) {
        let mut good = write_layout_a(&rows(&[("2024-01-03", [1.0; 5]); 3]).bars).expect("written");
        let spot = cut % good.len();
        for (to, from) in good[spot..].iter_mut().zip(&bytes) {
            *to = *from;
        }
        for bytes in [bytes, good] {
            let dir = folder(&[("x.csv", &bytes)]);
            let found = read_file(&dir.path().join("x.csv"));
            prop_assert!(found.is_err() || found.is_ok_and(|raw| raw.bars.close.len() == raw.bars.len()));
        }
    }
}
