//! A history that is short or has holes: never cached as a good one, and made good by the next collection.

use daily_ops::contracts::VendorName;
use daily_ops::pc::collect::Action;
use daily_ops::pc::collect::Mode;
use daily_ops::pc::collect::TickerReport;

use crate::fake::Day;
use crate::fake::Trouble;
use crate::place::Place;
use crate::place::day;
use crate::place::days;

/// What is done to a place.
type Change = fn(&Place);

const TICKER: &str = "069500";
const BOARD: &str = "069500.KS";
/// The day asked for; a history that begins in August is late.
const FROM: &str = "2026-01-02";

fn whole() -> Vec<Day> {
    days(FROM, "2026-11-20")
}

fn young() -> Vec<Day> {
    days("2026-08-03", "2026-11-20")
}

/// The whole history without every fifth day.
fn holed() -> Vec<Day> {
    whole().into_iter().enumerate().filter(|(at, _)| at % 5 != 2).map(|(_, day)| day).collect()
}

fn collect(place: &Place, mode: Mode) -> TickerReport {
    let report = place.try_collect(&[TICKER], FROM, mode).expect("collected");
    report.tickers.into_iter().next().expect("a row")
}

fn fetch(place: &Place) -> TickerReport {
    collect(place, Mode::Fetch)
}

/// Makes the file and its document what they were before holes were looked for.
fn store_holes(place: &Place) {
    let other = Place::new();
    other.naver.holds(TICKER, &whole());
    fetch(&other);
    let whole = other.bars(TICKER);
    let mut bars = daily_ops::trading::Bars::default();
    for (date, _) in holed() {
        let at = whole.index_of(date).expect("a row");
        bars.push(date, [whole.open[at], whole.high[at], whole.low[at], whole.close[at], whole.volume[at]]);
    }
    let file = daily_ops::pc::prices::write_layout_a(&bars).expect("bytes");
    let mut meta = other.meta(TICKER);
    (meta.rows, meta.sha256) = (bars.len(), daily_ops::contracts::json::sha256_hex(&file));
    place.store.write("data/cache/069500.parquet", &file).expect("written");
    place.store.write_document("data/cache/069500.meta.json", &meta).expect("written");
}

#[test]
fn an_answer_with_holes_is_a_vendors_fault_and_the_next_one_is_asked() {
    let place = Place::new();
    place.naver.holds(TICKER, &holed());
    let row = fetch(&place);
    assert_eq!((row.action, row.fresh), (Action::Missing, false));
    let reason = row.reason.expect("a reason");
    assert!(reason.starts_with("naver: the answer has holes: ") && reason.contains(": 2026-01-06, "), "{reason}");
    assert_eq!(place.store.read("data/cache/069500.parquet").expect("readable"), None);
    place.yahoo.holds(BOARD, &whole());
    let row = fetch(&place);
    assert_eq!((row.action, row.vendor, row.rows), (Action::Full, Some(VendorName::Yahoo), whole().len()));
}

#[test]
fn a_file_with_holes_is_fetched_again_as_a_whole_and_not_fresh_until_then() {
    let place = Place::new();
    store_holes(&place);
    let offline = collect(&place, Mode::Offline);
    assert_eq!((offline.action, offline.fresh), (Action::Stale, false));
    assert!(offline.reason.expect("a reason").starts_with("the file has holes, "));
    place.naver.always("siseJson", Trouble::Status(404));
    let failed = fetch(&place);
    assert_eq!((failed.action, failed.fresh, failed.rows), (Action::Stale, false, holed().len()));
    place.naver.recovers().holds(TICKER, &whole());
    let row = fetch(&place);
    assert_eq!((row.action, row.rows, row.fresh), (Action::Refetched, whole().len(), true));
    assert_eq!(row.reason.as_deref(), Some("the file has holes"));
    assert_eq!(fetch(&place).action, Action::Hit);
}

#[test]
fn new_bars_do_not_bring_holes_into_a_file() {
    let place = Place::new();
    place.naver.holds(TICKER, &whole());
    fetch(&place);
    let before = place.bytes(TICKER);
    let longer = days(FROM, "2026-12-10");
    let gap: Vec<Day> =
        longer.iter().copied().filter(|(d, _)| *d <= day("2026-11-20") || *d > day("2026-12-04")).collect();
    place.naver.holds(TICKER, &gap);
    place.later("2026-12-10T18:00:00+09:00");
    let row = fetch(&place);
    assert_eq!((row.action, row.fresh, place.bytes(TICKER) == before), (Action::Stale, false, true), "{row:?}");
    place.naver.holds(TICKER, &longer);
    assert_eq!((fetch(&place).action, place.bars(TICKER).len()), (Action::Incremental, longer.len()));
}

#[test]
fn a_start_that_the_other_vendor_confirms_is_a_young_ticker() {
    let place = Place::new();
    place.naver.holds(TICKER, &young());
    place.yahoo.holds(BOARD, &days("2026-08-05", "2026-11-20"));
    let row = fetch(&place);
    assert_eq!((row.action, row.vendor, row.warning), (Action::Full, Some(VendorName::Naver), None));
    assert_eq!(place.meta(TICKER).from, Some(day(FROM)));
    assert_eq!(place.yahoo.asked("chart"), 1);
    assert_eq!(fetch(&place).action, Action::Hit);
    let longer = days("2026-08-03", "2026-11-23");
    place.naver.holds(TICKER, &longer);
    place.later("2026-11-23T18:00:00+09:00");
    assert_eq!(fetch(&place).action, Action::Incremental, "no whole history a day");
    assert_eq!(place.yahoo.asked("chart"), 1, "what was confirmed is not asked again");
    // The past changes while the witness is away: what was confirmed stays so.
    let changed = crate::place::times(&days("2026-08-03", "2026-11-24"), 0.9);
    place.naver.holds(TICKER, &changed);
    place.yahoo.always("chart", Trouble::Status(404));
    place.later("2026-11-24T18:00:00+09:00");
    let row = fetch(&place);
    assert_eq!((row.action, row.warning, place.meta(TICKER).from), (Action::Refetched, None, Some(day(FROM))));
}

#[test]
fn a_start_that_the_other_vendor_denies_is_a_cut_history() {
    let place = Place::new();
    place.naver.holds(TICKER, &young());
    place.yahoo.holds(BOARD, &whole());
    let row = fetch(&place);
    assert_eq!((row.vendor, row.first, row.warning), (Some(VendorName::Yahoo), Some(day(FROM)), None));
    let place = Place::new();
    place.naver.holds(TICKER, &whole());
    place.naver.troubles("siseJson", 1, Trouble::Status(404));
    place.yahoo.holds(BOARD, &young());
    let row = fetch(&place);
    let reason = row.reason.expect("a reason");
    let want = "naver: HTTP 404; yahoo: the history is cut: the history begins with 2026-08-03, 2026-01-02 was asked for; \
                naver begins with 2026-01-02";
    assert_eq!((row.action, reason.as_str()), (Action::Missing, want));
}

#[test]
fn a_start_that_nobody_can_confirm_is_told_and_asked_for_again() {
    let nobody: [(&str, Change); 3] = [
        ("unknown there", |_| ()),
        ("down", |place| {
            place.yahoo.always("chart", Trouble::Status(404));
        }),
        ("later there", |place| {
            place.yahoo.holds(BOARD, &days("2026-10-01", "2026-11-20"));
        }),
    ];
    for (name, nobody) in nobody {
        let place = Place::new();
        place.naver.holds(TICKER, &young());
        nobody(&place);
        let row = fetch(&place);
        assert_eq!((row.action, row.fresh, row.rows), (Action::Full, true, young().len()), "{name}");
        let warning = row.warning.expect(name);
        let start = "the history begins with 2026-08-03, 2026-01-02 was asked for; yahoo ";
        assert!(warning.starts_with(start), "{name}: {warning}");
        assert_eq!(place.meta(TICKER).from, Some(day("2026-08-03")), "{name}");
        let report = place.try_collect(&[TICKER], FROM, Mode::Fetch).expect("collected");
        assert_eq!(report.tickers[0].action, Action::Refetched, "{name}: no silent hit");
        assert!(report.lines()[0].contains("(⚠️ the history begins with 2026-08-03"), "{name}: {:?}", report.lines());
        place.naver.holds(TICKER, &whole());
        let row = fetch(&place);
        assert_eq!((row.first, row.warning), (Some(day(FROM)), None), "{name}: repaired");
        assert_eq!(fetch(&place).action, Action::Hit, "{name}");
    }
}

#[test]
fn a_late_index_has_no_second_vendor_and_says_so() {
    let place = Place::new();
    place.yahoo.holds("^KS11", &young());
    for action in [Action::Full, Action::Refetched] {
        let report = place.try_collect(&["^KS11"], FROM, Mode::Fetch).expect("collected");
        let row = &report.tickers[0];
        assert_eq!((row.action, row.fresh), (action, true));
        let warning = row.warning.as_deref().expect("a warning");
        assert!(warning.ends_with("; naver does not have it to confirm that"), "{warning}");
    }
    assert_eq!(place.naver.targets(), Vec::<String>::new());
}

#[test]
fn a_close_below_half_a_won_spoils_no_answer_of_yahoo() {
    let place = Place::new();
    let mut history = whole();
    history[0].1 = 200.0;
    place.yahoo.holds(BOARD, &history).adjusts_by(0.002);
    let row = fetch(&place);
    assert_eq!((row.vendor, row.rows, row.fresh), (Some(VendorName::Yahoo), history.len(), true), "{row:?}");
    let close = place.bars(TICKER).close;
    assert!((close[0] - 0.4).abs() < 1e-9 && (close[1] - 100.0).abs() < 1e-9, "{:?}", &close[..2]);
    place.yahoo.adjusts_by(0.0);
    assert_eq!(collect(&place, Mode::Refetch).action, Action::Stale, "no close at all is no history");
}
