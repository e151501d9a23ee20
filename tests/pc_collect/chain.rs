//! Which vendor's bars a file gets: never two vendors in one, and nothing of a vendor in trouble.

use daily_ops::contracts::VendorName;
use daily_ops::pc::collect::Action;
use daily_ops::pc::collect::Mode;

use crate::fake::Trouble;
use crate::place::MONDAY;
use crate::place::Place;
use crate::place::day;
use crate::place::days;
use crate::place::times;

const FIVE: [&str; 5] = ["000001", "000002", "000003", "000004", "000005"];

/// Both vendors know five tickers; Yahoo's closes are 10 % lower.
fn five() -> Place {
    let place = Place::new();
    let history = days("2026-10-01", "2026-11-20");
    for ticker in FIVE {
        place.naver.holds(ticker, &history);
        place.yahoo.holds(&format!("{ticker}.KS"), &history);
    }
    place.yahoo.adjusts_by(0.9);
    place
}

fn vendors(place: &Place) -> Vec<VendorName> {
    let report = place.collect(&FIVE);
    assert_eq!(report.not_fresh, Vec::<String>::new());
    report.tickers.iter().map(|row| row.vendor.expect("a vendor")).collect()
}

#[test]
fn naver_is_used_when_half_of_the_tickers_answered_and_the_rest_comes_from_yahoo() {
    let place = five();
    place.naver.forgets("000002").always("000004", Trouble::Status(500));
    let (n, y) = (VendorName::Naver, VendorName::Yahoo);
    assert_eq!(vendors(&place), [n, y, n, y, n]);
    for ticker in FIVE {
        let first = place.bars(ticker).close[0];
        let want = if place.meta(ticker).vendor == n { 50_000.0 } else { 45_000.0 };
        assert!((first - want).abs() < 1e-9, "{ticker}: one vendor a file");
    }
}

#[test]
fn nothing_of_naver_is_used_when_more_than_half_of_the_tickers_failed() {
    let place = five();
    for ticker in ["000001", "000003", "000005"] {
        place.naver.always(ticker, Trouble::Status(500));
    }
    assert_eq!(vendors(&place), [VendorName::Yahoo; 5]);
    assert!((place.bars("000002").close[0] - 45_000.0).abs() < 1e-9, "also where it answered");
}

#[test]
fn a_vendor_that_cannot_come_to_half_is_not_asked_on() {
    let place = five();
    place.naver.always("siseJson", Trouble::Status(404));
    assert_eq!(vendors(&place), [VendorName::Yahoo; 5]);
    assert_eq!(place.naver.targets().len(), 3, "three of five are more than half");
}

#[test]
fn exactly_half_is_enough() {
    let place = five();
    place.naver.forgets("000001").forgets("000002");
    let report = place.collect(&FIVE[..4]);
    let names: Vec<_> = report.tickers.iter().map(|row| row.vendor.expect("a vendor").as_str()).collect();
    assert_eq!(names, ["yahoo", "yahoo", "naver", "naver"]);
}

#[test]
fn an_index_is_asked_from_yahoo_alone_and_counts_for_nothing_with_naver() {
    let place = five();
    place.yahoo.holds("^KS11", &[(day("2026-11-19"), 2_500.37), (day("2026-11-20"), 2_510.12)]);
    let report = place.collect(&["^KS11", "000001"]);
    assert_eq!(report.not_fresh, Vec::<String>::new());
    assert_eq!((place.naver.targets().len(), place.naver.asked("KS11")), (1, 0));
    let (index, share) = (place.meta("^KS11"), place.meta("000001"));
    assert_eq!((index.vendor, index.adjusted), (VendorName::Yahoo, false));
    assert_eq!((share.vendor, share.adjusted), (VendorName::Naver, true));
    let close = place.bars("^KS11").close;
    assert!((close[0] - 2_500.37).abs() < 1e-9, "levels keep their decimals: {close:?}");
}

#[test]
fn a_file_changes_its_vendor_only_as_a_whole() {
    let place = five();
    assert_eq!(place.one("000001").vendor, Some(VendorName::Naver));
    let longer = days("2026-10-01", "2026-11-23");
    place.naver.always("siseJson", Trouble::Status(500));
    place.yahoo.holds("000001.KS", &longer);
    place.later("2026-11-23T18:00:00+09:00");
    let row = place.one("000001");
    assert_eq!((row.vendor, row.action), (Some(VendorName::Yahoo), Action::Refetched));
    assert_eq!(row.reason.as_deref(), Some("the file was naver's"));
    let bars = place.bars("000001");
    let want: Vec<f64> = times(&longer, 0.9).iter().map(|(_, close)| *close).collect();
    assert_eq!(bars.close, want, "every bar is the new vendor's");
    let back = days("2026-10-01", "2026-11-24");
    place.naver.recovers().holds("000001", &back);
    let row = place.later("2026-11-24T18:00:00+09:00").one("000001");
    assert_eq!((row.vendor, row.action), (Some(VendorName::Naver), Action::Refetched));
    assert_eq!(place.bars("000001").len(), back.len());
}

#[test]
fn a_vendor_with_a_shorter_history_does_not_take_a_file_over() {
    let place = five();
    place.one("000001");
    let before = place.bytes("000001");
    place.naver.always("siseJson", Trouble::Status(500));
    place.yahoo.holds("000001.KS", &days("2026-11-10", "2026-11-23"));
    let row = place.later("2026-11-23T18:00:00+09:00").one("000001");
    assert_eq!((row.action, row.fresh, place.bytes("000001") == before), (Action::Stale, false, true));
    let reason = row.reason.expect("a reason");
    assert_eq!(reason, "naver: HTTP 500; yahoo: unreadable answer: 10 rows, the file has 35");
}

#[test]
fn when_both_fail_the_old_file_stays_and_both_reasons_are_told() {
    let place = five();
    place.one("000001");
    let before = (place.bytes("000001"), place.meta("000001"));
    place.naver.always("siseJson", Trouble::Page);
    place.yahoo.always("chart", Trouble::Status(404));
    let row = place.later("2026-11-23T18:00:00+09:00").one("000001");
    assert_eq!((row.action, row.vendor, row.last), (Action::Stale, Some(VendorName::Naver), Some(day("2026-11-20"))));
    assert_eq!(row.reason.as_deref(), Some("naver: unreadable answer: a page instead of data; yahoo: HTTP 404"));
    assert_eq!((place.bytes("000001"), place.meta("000001")), before);
    let report = place.collect(&["000001", "999999"]);
    assert_eq!(report.not_fresh, ["000001", "999999"]);
    assert_eq!((report.tickers[1].action, report.tickers[1].rows), (Action::Missing, 0));
}

#[test]
fn a_price_of_the_moment_never_becomes_a_bar() {
    let place = Place::at("2026-11-20T11:00:00+09:00");
    place.naver.holds("000001", &[(day("2026-11-20"), 50_000.0)]);
    place.yahoo.holds("000001.KS", &[(day("2026-11-20"), 50_000.0)]);
    let row = place.one("000001");
    assert_eq!((row.action, row.rows), (Action::Missing, 0));
    assert_eq!(place.store.read("data/cache/000001.parquet").expect("readable"), None);
}

#[test]
fn generated_prices_never_replace_a_vendors_nor_the_reverse_unnoticed() {
    let place = five();
    let history = days("2026-10-01", "2026-11-20");
    place.naver.holds("069500", &history);
    place.one("069500");
    let real = place.bytes("069500");
    let refused = place.generate(&["114800", "069500"], Mode::Fetch, 7).expect_err("refused").to_string();
    assert!(refused.starts_with("data/cache/069500.parquet holds prices that this program did not"), "{refused}");
    assert_eq!(place.store.read("data/cache/114800.parquet").expect("readable"), None, "all or nothing");
    let report = place.generate(&["114800"], Mode::Fetch, 7).expect("generated");
    assert_eq!(report.tickers[0].vendor, Some(VendorName::Synthetic));
    assert_eq!((report.tickers[0].last, report.tickers[0].fresh), (Some(day("2026-11-20")), true));
    let first = place.bytes("114800");
    place.generate(&["114800"], Mode::Fetch, 7).expect("again");
    assert_eq!(place.bytes("114800"), first, "the same seed, the same bytes");
    place.generate(&["114800"], Mode::Fetch, 8).expect("again");
    assert_ne!(place.bytes("114800"), first);
    place.generate(&["069500"], Mode::Refetch, 7).expect("forced");
    assert_ne!(place.bytes("069500"), real);
    assert_eq!((place.meta("069500").vendor, place.meta("069500").adjusted), (VendorName::Synthetic, false));
    let row = place.one("069500");
    assert_eq!((row.action, row.vendor), (Action::Refetched, Some(VendorName::Naver)), "fresh, but no market's");
    assert_eq!(place.bytes("069500"), real);
    place.naver.always("siseJson", Trouble::Status(404));
    place.yahoo.always("chart", Trouble::Status(404));
    let row = place.one("114800");
    assert_eq!((row.action, row.fresh), (Action::Stale, false), "generated bars do not stand in");
    let offline = place.later(MONDAY).try_collect(&["114800"], "2026-10-01", Mode::Offline).expect("judged");
    assert_eq!((offline.tickers[0].vendor, offline.fresh), (Some(VendorName::Synthetic), 1));
    let unknown = place.generate(&["000001"], Mode::Fetch, 7).expect_err("refused").to_string();
    assert!(unknown.starts_with("000001 cannot be generated; these can: 005930, 069500"), "{unknown}");
}
