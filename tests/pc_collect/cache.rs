//! The rules of the cache: hit, incremental, full, in-session bar, failure, crash, two at once.

use std::sync::Arc;
use std::sync::Mutex;

use daily_ops::contracts::VendorName;
use daily_ops::pc::collect::Action;
use daily_ops::pc::collect::CollectFault;
use daily_ops::pc::collect::Mode;

use crate::fake::Trouble;
use crate::place::EVENING;
use crate::place::MONDAY;
use crate::place::Place;
use crate::place::day;
use crate::place::days;
use crate::place::times;

/// What is done to a filled place.
type Change = fn(&Place);
/// The files of a directory: name and bytes.
type Files = Vec<(String, Vec<u8>)>;

fn filled() -> Place {
    let place = Place::new();
    place.naver.holds("069500", &days("2026-10-01", "2026-11-20"));
    assert_eq!(place.one("069500").action, Action::Full);
    place.naver.forget_requests();
    place
}

#[test]
fn a_first_collection_fetches_the_whole_history_and_says_where_it_is_from() {
    let place = Place::new();
    place.naver.holds("069500", &days("2026-10-01", "2026-11-20"));
    let report = place.collect(&["069500"]);
    let row = &report.tickers[0];
    assert_eq!((report.last_session, report.fresh, row.fresh), (day("2026-11-20"), 1, true));
    assert_eq!((row.action, row.rows, row.quality.rows_total), (Action::Full, 35, 35));
    let meta = place.meta("069500");
    assert_eq!((meta.ticker.as_str(), meta.vendor, meta.rows), ("069500", VendorName::Naver, 35));
    assert_eq!((meta.first, meta.last, meta.from), (day("2026-10-01"), day("2026-11-20"), Some(day("2026-10-01"))));
    assert_eq!(meta.fetched_at, place.now());
    assert_eq!(meta.sha256, daily_ops::contracts::json::sha256_hex(&place.bytes("069500")));
    assert!(meta.adjusted);
    let bars = place.bars("069500");
    assert_eq!((bars.close[0], bars.open[0], bars.volume[0]), (50_000.0, 49_950.0, 150_000.0));
}

#[test]
fn a_file_that_holds_the_last_completed_session_is_not_fetched_again() {
    let place = filled();
    for (now, hit) in [
        (EVENING, true),
        ("2026-11-22T12:00:00+09:00", true),
        (MONDAY, true),
        ("2026-11-23T15:29:00+09:00", true),
        ("2026-11-23T15:59:59+09:00", true),
        ("2026-11-23T16:00:00+09:00", false),
    ] {
        let row = place.later(now).one("069500");
        assert_eq!(row.action == Action::Hit, hit, "{now}: {row:?}");
        assert_eq!(place.naver.targets().is_empty(), hit, "{now}");
    }
}

#[test]
fn new_sessions_are_put_on_top_with_ten_asked_for_again() {
    let place = filled();
    let longer = days("2026-10-01", "2026-11-24");
    place.naver.holds("069500", &longer);
    let row = place.later("2026-11-24T18:00:00+09:00").one("069500");
    assert_eq!((row.action, row.rows, row.last), (Action::Incremental, 37, Some(day("2026-11-24"))));
    assert_eq!(place.naver.targets().len(), 1);
    assert!(place.naver.targets()[0].contains("startTime=20261109&endTime=20261124"), "{:?}", place.naver.targets());
    let bars = place.bars("069500");
    assert_eq!(bars.close, longer.iter().map(|(_, close)| *close).collect::<Vec<_>>());
    assert_eq!(place.meta("069500").from, Some(day("2026-10-01")));
    let alone = Place::at("2026-11-24T18:00:00+09:00");
    alone.naver.holds("069500", &longer);
    alone.one("069500");
    assert_eq!(alone.bytes("069500"), place.bytes("069500"), "grown or whole, the same bytes");
}

#[test]
fn a_vendor_that_changed_its_past_is_fetched_as_a_whole() {
    let place = filled();
    let adjusted = times(&days("2026-10-01", "2026-11-23"), 0.99);
    place.naver.holds("069500", &adjusted);
    let row = place.later("2026-11-23T18:00:00+09:00").one("069500");
    assert_eq!((row.action, row.reason.as_deref()), (Action::Refetched, Some("the vendor has changed its past")));
    assert_eq!(place.naver.targets().len(), 2);
    assert!(place.naver.targets()[1].contains("startTime=20261001"));
    assert_eq!(place.bars("069500").close, adjusted.iter().map(|(_, close)| *close).collect::<Vec<_>>());
}

#[test]
fn a_wons_rounding_is_no_change_of_the_past() {
    let place = filled();
    let mut longer = days("2026-10-01", "2026-11-23");
    longer.iter_mut().rev().skip(1).for_each(|(_, close)| *close += 1.0);
    place.naver.holds("069500", &longer);
    let row = place.later("2026-11-23T18:00:00+09:00").one("069500");
    assert_eq!(row.action, Action::Incremental);
    let close = place.bars("069500").close;
    assert_eq!((close[24], close[25]), (52_400.0, 52_501.0), "the overlap is the vendor's, what is before stays");
}

#[test]
fn a_bar_of_a_session_that_is_not_over_is_left_out() {
    for (now, kept, dropped) in [
        ("2026-11-20T11:00:00+09:00", "2026-11-19", Some("2026-11-20")),
        ("2026-11-20T15:45:00+09:00", "2026-11-19", Some("2026-11-20")),
        ("2026-11-20T16:00:00+09:00", "2026-11-20", None),
    ] {
        let place = Place::at(now);
        place.naver.holds("069500", &days("2026-10-01", "2026-11-20"));
        let row = place.one("069500");
        assert_eq!((row.fresh, row.last, row.open_session_dropped), (true, Some(day(kept)), dropped.map(day)), "{now}");
        assert_eq!(place.bars("069500").last_date(), Some(day(kept)), "{now}");
    }
}

#[test]
fn a_file_without_the_last_session_fails_the_run_by_name() {
    let place = filled();
    place.naver.holds("114800", &days("2026-10-01", "2026-11-23"));
    let report = place.later("2026-11-23T18:00:00+09:00").collect(&["069500", "114800"]);
    assert_eq!((report.not_fresh.as_slice(), report.fresh), (["069500".to_owned()].as_slice(), 1));
    assert_eq!(report.tickers[0].action, Action::Stale);
    assert_eq!(report.tickers[0].reason.as_deref(), Some("naver has no bar of 2026-11-23 yet"));
    let total = report.lines().pop().expect("a total");
    assert_eq!(total, "1 of 2 tickers hold the last completed session 2026-11-23 (1 full, 1 STALE)");
}

#[test]
fn an_earlier_start_fetches_a_whole_history_and_a_later_one_gives_nothing_up() {
    let place = filled();
    place.naver.holds("069500", &days("2026-09-01", "2026-11-20"));
    let row = |from, mode| {
        let report = place.try_collect(&["069500"], from, mode).expect("collected");
        report.tickers.into_iter().next().expect("a row")
    };
    let earlier = row("2026-09-01", Mode::Fetch);
    assert_eq!((earlier.action, earlier.first), (Action::Refetched, Some(day("2026-09-01"))));
    assert_eq!(earlier.reason.as_deref(), Some("it began with 2026-10-01"));
    assert_eq!(row("2026-11-01", Mode::Fetch).action, Action::Hit);
    let young = row("2026-08-01", Mode::Fetch);
    assert_eq!((young.action, young.first), (Action::Refetched, Some(day("2026-09-01"))));
    assert_eq!(row("2026-08-01", Mode::Fetch).action, Action::Hit, "a young ticker is not asked for every time");
    let forced = row("2026-11-01", Mode::Refetch);
    assert_eq!((forced.action, forced.reason.as_deref()), (Action::Refetched, Some("asked for")));
    assert_eq!(forced.first, Some(day("2026-09-01")));
}

#[test]
fn defects_of_an_answer_are_counted_and_told() {
    let place = Place::new();
    let mut history = days("2026-01-02", "2026-11-20");
    let sessions = history.len();
    history.remove(5);
    history.push((day("2026-11-14"), 60_000.0));
    history.push((day("2026-11-20"), 190_000.0));
    place.naver.holds("069500", &history);
    let report = place.try_collect(&["069500"], "2026-01-02", Mode::Fetch).expect("collected");
    let row = &report.tickers[0];
    assert_eq!((row.rows, row.quality.rows_total), (sessions - 1, sessions + 1));
    assert_eq!((row.quality.rows_dropped_duplicate, row.quality.rows_dropped_non_session), (1, 1));
    assert_eq!(row.findings.missing_sessions.len(), 1);
    assert_eq!(row.findings.jumps.len(), 1);
    let text = place.collect(&["069500"]).lines().join("\n");
    assert!(text.contains("sessions without a bar: 2026-01-09"), "{text}");
    assert!(text.contains("moves beyond the daily limit: 2026-11-20"), "{text}");
}

#[test]
fn a_file_that_nobody_vouches_for_is_kept_until_a_whole_one_has_come() {
    let put: [(&str, Change); 5] = [
        ("no document", |place| {
            place.store.remove("data/cache/069500.meta.json").expect("removed");
        }),
        ("a broken document", |place| {
            place.store.write("data/cache/069500.meta.json", b"{").expect("written");
        }),
        ("another file", |place| {
            let other = Place::new();
            other.naver.holds("069500", &days("2026-10-02", "2026-11-20"));
            other.try_collect(&["069500"], "2026-10-02", Mode::Fetch).expect("collected");
            place.store.write("data/cache/069500.parquet", &other.bytes("069500")).expect("written");
        }),
        ("no price file", |place| {
            place.store.write("data/cache/069500.parquet", b"PAR1 no").expect("written");
        }),
        ("another's document", |place| {
            let meta = place.store.read("data/cache/069500.meta.json").expect("readable").expect("a file");
            let meta = String::from_utf8(meta).expect("text").replace("069500", "114800");
            place.store.write("data/cache/069500.meta.json", meta.as_bytes()).expect("written");
        }),
    ];
    for (name, put) in put {
        let place = filled();
        put(&place);
        let before = place.bytes("069500");
        place.naver.always("siseJson", Trouble::Status(404));
        let row = place.one("069500");
        assert_eq!((row.action, row.fresh, row.vendor), (Action::Stale, false, None), "{name}");
        assert_eq!(place.bytes("069500"), before, "{name}");
        let offline = place.try_collect(&["069500"], "2026-10-01", Mode::Offline).expect("judged");
        assert_eq!(offline.not_fresh, ["069500"], "{name}");
        place.naver.recovers();
        let row = place.one("069500");
        assert_eq!((row.action, row.rows, row.vendor), (Action::Refetched, 35, Some(VendorName::Naver)), "{name}");
        assert_eq!(place.one("069500").action, Action::Hit, "{name}");
    }
}

#[test]
fn a_collection_that_was_cut_at_any_write_is_made_good_by_the_next() {
    let want = {
        let place = filled();
        place.naver.holds("069500", &days("2026-10-01", "2026-11-23"));
        place.later("2026-11-23T18:00:00+09:00").one("069500");
        place.bytes("069500")
    };
    // What the directory holds after each step of the writing, as a crash there would leave it.
    let mut place = filled();
    place.naver.holds("069500", &days("2026-10-01", "2026-11-23"));
    let states: Arc<Mutex<Vec<Files>>> = Arc::default();
    let (seen, folder) = (Arc::clone(&states), place.store.path("data/cache"));
    place.store = place.store.clone().observed_by(Arc::new(move |_| {
        let files = std::fs::read_dir(&folder).expect("listed").map(|entry| entry.expect("an entry"));
        let state = files.map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("readable"))
        });
        seen.lock().expect("lock").push(state.collect());
    }));
    place.later("2026-11-23T18:00:00+09:00").one("069500");
    let states = states.lock().expect("lock").clone();
    assert!(states.len() >= 4, "{} steps", states.len());
    let mut unknown = 0;
    for (step, files) in states.iter().enumerate() {
        let next = Place::at("2026-11-23T18:00:00+09:00");
        next.naver.holds("069500", &days("2026-10-01", "2026-11-23"));
        for (name, bytes) in files {
            next.store.write(&format!("data/cache/{name}"), bytes).expect("written");
        }
        let row = next.one("069500");
        assert!(row.fresh, "step {step}: {row:?}");
        unknown += usize::from(row.action == Action::Refetched);
        assert_eq!(next.bytes("069500"), want, "step {step}");
        assert_eq!(next.one("069500").action, Action::Hit, "step {step}");
    }
    assert!(unknown > 0, "the file without its document was seen");
}

#[test]
fn two_collections_at_once_are_one_and_a_refusal() {
    let place = filled();
    place.naver.holds("069500", &days("2026-10-01", "2026-11-23")).always("siseJson", Trouble::Hang);
    place.later("2026-11-23T18:00:00+09:00");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| place.try_collect(&["069500"], "2026-10-01", Mode::Fetch));
        place.naver.await_request();
        let second = place.try_collect(&["069500"], "2026-10-01", Mode::Fetch);
        assert!(matches!(second, Err(CollectFault::Running(_))), "{second:?}");
        let third = place.generate(&["069500"], Mode::Refetch, 1);
        assert!(matches!(third, Err(CollectFault::Running(_))), "{third:?}");
        let look = place.try_collect(&["069500"], "2026-10-01", Mode::Offline).expect("a look is always free");
        assert_eq!(look.not_fresh, ["069500"]);
        place.later("2026-11-23T20:00:00+09:00");
        let late = place.try_collect(&["069500"], "2026-10-01", Mode::Fetch);
        assert!(matches!(late, Err(CollectFault::Stuck(_))), "{late:?}");
        place.naver.recovers().release();
        assert!(first.join().expect("no panic").is_ok());
    });
}

#[test]
fn a_day_beyond_the_calendar_is_a_fault() {
    let place = filled();
    let outcome = place.later("2031-01-06T18:00:00+09:00").try_collect(&["069500"], "2026-10-01", Mode::Fetch);
    assert!(matches!(outcome, Err(CollectFault::Calendar(_))), "{outcome:?}");
}
