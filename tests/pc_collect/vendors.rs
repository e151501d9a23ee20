//! One call of a vendor: what is sent, what is repeated, what each failure is called.

use std::io::Read as _;
use std::io::Write as _;
use std::time::Duration;

use daily_ops::pc::vendors::Client;
use daily_ops::pc::vendors::DailyVendor;
use daily_ops::pc::vendors::Naver;
use daily_ops::pc::vendors::Realtime;
use daily_ops::pc::vendors::Span;
use daily_ops::pc::vendors::VendorFault;
use daily_ops::time::Clock as _;

use crate::fake::Trouble;
use crate::place::Place;
use crate::place::day;
use crate::place::days;

/// Whether a fault is the expected one.
type IsIt = fn(&VendorFault) -> bool;

fn span() -> Span {
    Span { from: day("2026-10-01"), to: day("2026-11-20") }
}

#[test]
fn naver_is_asked_as_a_browser_would() {
    let place = Place::new();
    place.naver.holds("005930", &days("2026-10-01", "2026-11-20"));
    let bars = place.naver_client().daily("005930", span(), &place.clock).expect("bars");
    assert_eq!((bars.first_date(), bars.last_date()), (Some(day("2026-10-01")), Some(day("2026-11-20"))));
    assert_eq!(
        place.naver.targets(),
        ["/siseJson.naver?symbol=005930&requestType=1&startTime=20261001&endTime=20261120&timeframe=day"]
    );
    let head = place.naver.heads().remove(0).to_lowercase();
    assert!(head.contains("user-agent: mozilla/5.0 (") && head.contains("referer: https://finance.naver.com\r\n"));
    assert!(head.contains("accept-encoding: gzip"), "{head}");
}

#[test]
fn yahoo_is_asked_for_the_main_board_then_for_the_growth_board() {
    let place = Place::new();
    let history = days("2026-10-01", "2026-11-20");
    place.yahoo.holds("005930.KS", &history).holds("035720.KQ", &history).holds("^KS11", &history);
    let cases = [("005930", 1, ".KS"), ("035720", 2, ".KQ"), ("^KS11", 1, "%5EKS11")];
    for (ticker, calls, last) in cases {
        place.yahoo.forget_requests();
        let bars = place.yahoo_client().daily(ticker, span(), &place.clock).expect(ticker);
        assert_eq!(bars.len(), history.len(), "{ticker}");
        let targets = place.yahoo.targets();
        assert_eq!(targets.len(), calls, "{ticker}: {targets:?}");
        assert!(targets[calls - 1].contains(last), "{ticker}: {targets:?}");
        assert!(targets[0].contains("period1=1790780400&period2=1795186800&interval=1d"), "{targets:?}");
    }
    assert!(place.yahoo.heads()[0].to_lowercase().contains("user-agent: mozilla/5.0\r\n"));
    assert_eq!(place.yahoo_client().daily("999999", span(), &place.clock), Err(VendorFault::Status(404)));
}

#[test]
fn each_failure_has_its_own_name_and_only_passing_ones_are_repeated() {
    let cases: [(&str, Trouble, usize, IsIt); 11] = [
        ("404", Trouble::Status(404), 1, |f| *f == VendorFault::Status(404)),
        ("403", Trouble::Status(403), 1, |f| *f == VendorFault::Status(403)),
        ("500", Trouble::Status(500), 4, |f| *f == VendorFault::Status(500)),
        ("429", Trouble::Status(429), 4, |f| *f == VendorFault::Status(429)),
        ("redirect", Trouble::Redirect, 1, |f| *f == VendorFault::Status(302)),
        ("cut", Trouble::Cut, 4, |f| matches!(f, VendorFault::Truncated(_))),
        ("cut while packed", Trouble::CutPacked, 4, |f| matches!(f, VendorFault::Truncated(_))),
        ("closed", Trouble::Close, 4, |f| matches!(f, VendorFault::Truncated(_))),
        ("page", Trouble::Page, 1, |f| f.to_string() == "unreadable answer: a page instead of data"),
        ("empty", Trouble::Empty, 1, |f| *f == VendorFault::Empty),
        ("bomb", Trouble::Bomb, 1, |f| f.to_string() == "unreadable answer: the body is larger than 8 MiB"),
    ];
    for (name, trouble, calls, is_it) in cases {
        let place = Place::new();
        place.naver.holds("005930", &days("2026-10-01", "2026-11-20")).always("005930", trouble);
        let fault = place.naver_client().daily("005930", span(), &place.clock).expect_err(name);
        assert!(is_it(&fault), "{name}: {fault:?}");
        assert_eq!(place.naver.asked("005930"), calls, "{name}");
        assert!(!fault.to_string().contains("127.0.0.1"), "{name}: {fault}");
    }
}

#[test]
fn a_vendor_that_recovers_is_heard() {
    for trouble in [Trouble::Status(500), Trouble::Status(429), Trouble::Cut] {
        let place = Place::new();
        place.naver.holds("005930", &days("2026-10-01", "2026-11-20")).troubles("005930", 3, trouble.clone());
        assert!(place.naver_client().daily("005930", span(), &place.clock).is_ok(), "{trouble:?}");
        assert_eq!(place.naver.asked("005930"), 4, "{trouble:?}");
    }
}

#[test]
fn the_pauses_are_one_two_and_four() {
    let place = Place::new();
    place.naver.always("005930", Trouble::Status(503));
    let vendor = Naver::new(Client::new(&place.naver.url(), place.limit, Duration::from_secs(1)));
    let before = place.clock.monotonic();
    assert_eq!(vendor.daily("005930", span(), &place.clock), Err(VendorFault::Status(503)));
    assert_eq!(place.clock.monotonic() - before, Duration::from_secs(7));
    let before = place.clock.monotonic();
    place.naver.recovers().always("005930", Trouble::Status(400));
    assert_eq!(vendor.daily("005930", span(), &place.clock), Err(VendorFault::Status(400)));
    assert_eq!(place.clock.monotonic(), before, "a refusal is final at once");
}

#[test]
fn a_silent_vendor_is_a_timeout_and_a_closed_port_is_no_connection() {
    let mut place = Place::new();
    place.limit = Duration::from_millis(120);
    place.naver.always("005930", Trouble::Hang);
    let fault = place.naver_client().daily("005930", span(), &place.clock).expect_err("silent");
    assert_eq!((fault, place.naver.asked("005930")), (VendorFault::Timeout(place.limit), 4));
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let nobody = Naver::new(Client::new(&format!("http://{free}"), Duration::from_secs(20), Duration::ZERO));
    let fault = nobody.daily("005930", span(), &place.clock).expect_err("nobody");
    assert!(matches!(fault, VendorFault::Network(_)), "{fault:?}");
}

#[test]
fn an_https_address_speaks_tls_and_nothing_else() {
    let place = Place::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let first = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut hello = [0; 512];
        let read = stream.read(&mut hello).expect("its hello");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("sent");
        hello[..read].to_vec()
    });
    let secure = Naver::new(Client::new(&format!("https://{address}"), place.limit, Duration::ZERO));
    let fault = secure.daily("005930", span(), &place.clock).expect_err("no TLS there");
    let hello = first.join().expect("no panic");
    assert_eq!(hello.first(), Some(&22), "a handshake record");
    assert!(!hello.windows(4).any(|four| four == b"GET "), "nothing is asked in the open");
    assert!(matches!(&fault, VendorFault::Network(why) if why.starts_with("TLS: ")), "{fault:?}");
}

#[test]
fn a_packed_answer_is_the_same_answer() {
    let place = Place::new();
    place.naver.holds("005930", &days("2026-10-01", "2026-11-20"));
    let plain = place.naver_client().daily("005930", span(), &place.clock).expect("bars");
    place.naver.packs();
    assert_eq!(place.naver_client().daily("005930", span(), &place.clock), Ok(plain));
}

#[test]
fn quotes_are_asked_twenty_codes_a_call_and_unknown_codes_are_left_out() {
    let place = Place::new();
    let codes: Vec<String> = (0..45).map(|number| format!("{number:06}")).collect();
    for code in codes.iter().filter(|code| *code != "000007") {
        place.naver.holds(code, &days("2026-11-20", "2026-11-20"));
    }
    let vendor = Realtime::new(Client::new(&place.naver.url(), place.limit, Duration::ZERO));
    let quotes = vendor.quotes(&codes, &place.clock).expect("quotes");
    assert_eq!((quotes.len(), place.naver.targets().len()), (44, 3));
    assert!(place.naver.targets()[0].starts_with("/api/realtime?query=SERVICE_ITEM:000000,SERVICE_ITEM:000001,"));
    assert_eq!(place.naver.targets()[2].matches("SERVICE_ITEM").count(), 5);
    assert_eq!((quotes[0].price, quotes[0].change, quotes[0].value_krw), (50_000.0, Some(150.0), Some(72_500_000.0)));
    place.naver.always("realtime", Trouble::Page);
    assert!(matches!(vendor.quotes(&codes, &place.clock), Err(VendorFault::Unreadable(_))));
}
