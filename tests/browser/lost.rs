//! Lines that break and servers that go: what the indicator says, and that nothing is lost in silence or shown twice.

use daily_ops::backend::DashOptions;
use daily_ops::backend::Keeping;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::canned::Canned;
use crate::canned::Reply;
use crate::lab;
use crate::lab::SOON;
use crate::site::LIVE;
use crate::site::Look as _;
use crate::site::Site;

pub(crate) const IDS: &str = "[...document.querySelectorAll('#events .event')].map(row => Number(row.dataset.id))";
const STATE: &str = "document.querySelector('#sseStatus').dataset.state";
const HISTORY: &str = "GET /api/ops/events";

/// Numbered events, `from` to `to`, each of its own trace.
pub(crate) fn numbered(from: u32, to: u32) -> Vec<Value> {
    (from..=to).map(|n| json!({"message": format!("number {n}"), "trace_id": format!("t-{n}")})).collect()
}

/// The flat page shows exactly the ids from the newest down to the oldest.
pub(crate) fn shows_down(newest: u32, oldest: u32) -> String {
    let want: Vec<u32> = (oldest..=newest).rev().collect();
    format!("JSON.stringify({IDS}) === '{}'", json!(want))
}

/// One page, one stream, after all that happened.
fn has_one_stream(site: &Site) {
    has_streams(site, 1);
}

/// Waits until the server counts so many streams.
pub(crate) fn has_streams(site: &Site, count: u32) {
    lab::until("the streams", || (site.get("/api/ops/metrics").json()["subscribers"] == count).then_some(()));
}

#[test]
fn a_restarted_server_loses_and_doubles_no_event() {
    let Some(browser) = lab::browser() else { return };
    let mut site = Site::new();
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&shows_down(3, 1));
    site.door.shut();
    page.sees(&format!("{STATE} === 'reconnecting'"));
    site.publish_all(&numbered(4, 6));
    site.stop();
    site.start_again();
    site.publish_all(&numbered(7, 9));
    page.sees(LIVE);
    page.sees(&shows_down(9, 1));
    let texts = "[...document.querySelectorAll('#events .event .message')].map(m => m.textContent).join()";
    assert_eq!(page.now(texts), "number 9,number 8,number 7,number 6,number 5,number 4,number 3,number 2,number 1");
    site.publish_all(&numbered(10, 10));
    page.sees(&shows_down(10, 1));
    assert_eq!(page.now("document.querySelectorAll('#events .gap').length"), 0);
    has_one_stream(&site);
    page.is_content_but_for_lost_requests();
}

#[test]
fn a12_a_stream_that_was_lost_for_15_seconds_comes_back_by_itself_and_whole() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    site.publish_all(&numbered(1, 2));
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&shows_down(2, 1));
    site.door.shut();
    let cut = page.now("performance.now()");
    page.sees(&format!(
        "{STATE} === 'reconnecting' && document.querySelector('#sseStatus').innerText.includes('재연결 중')"
    ));
    site.publish_all(&numbered(3, 40));
    page.sees("/UNKNOWN|stale|불명/i.test(document.querySelector('#health').innerText)");
    page.sees(&format!("performance.now() - {cut} >= 15000"));
    assert_eq!(page.now(STATE), "reconnecting");
    site.door.open(site.address());
    let clock = SystemClock::new();
    page.sees(LIVE);
    lab::report(&format!("live again {} ms after the line came back", clock.monotonic().as_millis()));
    page.sees(&shows_down(40, 1));
    has_one_stream(&site);
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_silent_line_is_stale_and_not_live() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/#flat=1");
    site.door.hold();
    page.sees(&format!("{STATE} === 'stale' && document.querySelector('#sseStatus').innerText.includes('지연')"));
    site.publish_all(&numbered(1, 5));
    site.door.let_go();
    page.sees(LIVE);
    page.sees(&shows_down(5, 1));
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_page_without_a_line_for_a_minute_is_offline_and_comes_back_at_once_when_the_network_does() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.timed(browser);
    site.show(&mut page, "/");
    site.door.shut();
    page.sees(&format!("{STATE} === 'reconnecting'"));
    page.now("later(61000)");
    page.sees(&format!("{STATE} === 'offline' && document.querySelector('#sseStatus').innerText.includes('끊김')"));
    page.sees("/UNKNOWN/.test(document.querySelector('#health').innerText)");
    site.door.open(site.address());
    page.now("window.dispatchEvent(new Event('online'))");
    page.sees(LIVE);
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_full_server_is_told_as_such_and_entered_when_there_is_room() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.streams = 1);
    let first = site.open(browser, "/");
    let mut second = browser.page().expect("a page");
    second.open(&site.door.url()).expect("opened");
    second.sees(&format!("{STATE} === 'full' && document.querySelector('#sseStatus').innerText.includes('접속 한도')"));
    drop(first);
    second.sees(LIVE);
    second.is_content_but_for_lost_requests();
}

#[test]
fn what_a_slow_page_missed_is_a_row_that_loads_it() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.queue = 5);
    let mut page = site.open(browser, "/#flat=1");
    site.publish_all(&numbered(1, 60));
    page.sees("document.querySelector('#events .gap')");
    let missed = "[...document.querySelectorAll('#events .gap')].map(gap => gap.innerText).join(' ')";
    let said = page.now(missed).to_string();
    assert!(said.contains("55건 누락 (id 1–55)"), "{said}");
    page.sees(&shows_down(60, 56));
    page.click("#events .gap button").expect("clicked");
    page.sees(&shows_down(60, 1));
    assert_eq!(page.now("document.querySelectorAll('#events .gap').length"), 0);
    page.is_content();
}

#[test]
fn what_left_the_ring_while_the_line_was_cut_is_a_row_and_not_silence() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.replay = 5);
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&shows_down(3, 1));
    site.door.shut();
    page.sees(&format!("{STATE} === 'reconnecting'"));
    site.publish_all(&numbered(4, 20));
    site.door.open(site.address());
    page.wait_until("document.querySelector('#events .gap')", SOON).expect("a hole");
    let said = page.now("document.querySelector('#events .gap').innerText").to_string();
    assert!(said.contains("12건 누락 (id 4–15)"), "{said}");
    page.sees(&format!("JSON.stringify({IDS}) === '[20,19,18,17,16,3,2,1]'"));
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_server_that_lost_its_log_counts_anew_and_the_page_with_it() {
    let Some(browser) = lab::browser() else { return };
    let mut site = Site::with(|_| {}, |dash| dash.journal = Keeping::Memory);
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&shows_down(3, 1));
    site.stop();
    page.sees(&format!("{STATE} === 'reconnecting'"));
    site.start_shut();
    site.publish_all(&numbered(11, 15));
    site.door.open(site.address());
    page.sees(&shows_down(5, 1));
    let texts = "[...document.querySelectorAll('#events .event .message')].map(m => m.textContent).join()";
    page.sees(&format!("{texts} === 'number 15,number 14,number 13,number 12,number 11'"));
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_network_that_came_back_gets_a_new_connection_also_when_the_old_one_looks_alive() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = browser.page().expect("a page");
    let fed = include_str!("day.js");
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": fed})).expect("added");
    site.show(&mut page, "/");
    assert_eq!(page.now("window.opened"), 1);
    assert_eq!(page.now("window.dispatchEvent(new Event('online')) && window.opened"), 2);
    page.sees(LIVE);
    // Twice the heartbeat and two seconds is stale; a little later the line is taken for dead.
    page.now("later(12500)");
    page.sees(&format!("{STATE} === 'stale'"));
    page.now("later(2000)");
    page.sees("window.opened === 3");
    page.sees(LIVE);
    page.is_content();
}

#[test]
fn a_history_that_cannot_be_read_is_told_and_read_later_while_the_stream_goes_on_and_breaks() {
    let Some(browser) = lab::browser() else { return };
    for how in [Reply::Fails, Reply::BreaksOff] {
        let settings = |dash: &mut DashOptions| (dash.settings.heartbeat_seconds, dash.settings.queue) = (60, 1000);
        let site = Site::with(|_| {}, settings);
        site.publish_all(&numbered(1, 3));
        let canned = Canned::before(site.address());
        canned.set(HISTORY, how);
        site.door.open(canned.address());
        let mut page = site.timed(browser);
        site.show(&mut page, "/#flat=1");
        page.sees("document.querySelector('#historyNote').innerText.includes('지난 이벤트를 불러오지 못했습니다')");
        // More than a history has: the read that comes later must not begin at what is newest then.
        site.publish_all(&numbered(4, 250));
        page.sees(&shows_down(250, 4));
        site.door.shut();
        page.sees(&format!("{STATE} === 'reconnecting'"));
        site.publish_all(&numbered(251, 253));
        site.door.open(canned.address());
        page.sees(&shows_down(253, 4));
        assert_eq!(page.now("document.querySelector('#historyNote').hidden"), false);
        canned.unset(HISTORY);
        page.sees("later(5000), document.querySelector('#historyNote').hidden");
        page.sees(&shows_down(253, 1));
        site.publish_all(&numbered(254, 254));
        page.sees(&shows_down(254, 1));
        assert_eq!(page.now("document.querySelectorAll('#events .gap').length"), 0);
        has_one_stream(&site);
        page.is_content_but_for_lost_requests();
    }
}

#[test]
fn a_stream_that_opened_and_said_nothing_is_connecting_and_not_live() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    for reply in [Reply::Streams, Reply::IsSilent] {
        let canned = Canned::before(site.address());
        site.door.open(canned.address());
        canned.set("GET /events", reply);
        let mut page = browser.page().expect("a page");
        // What the indicator said, one after the other.
        let watch = "document.addEventListener('DOMContentLoaded', () => { const node = document.querySelector('#sseStatus');
            window.said = [node.dataset.state]; new MutationObserver(() => said.push(`${node.dataset.state} ${node.innerText}`))
              .observe(node, {attributes: true, attributeFilter: ['data-state']}); });";
        page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": watch})).expect("added");
        page.open(&site.door.url()).expect("opened");
        page.sees("document.querySelector('#sseText').innerText === '연결 중'");
        let ages =
            "[document.querySelector('#lastHeartbeat').innerText, document.querySelector('#dataChanged').innerText]";
        assert_eq!(page.now(ages), json!(["—", "—"]));
        page.sees("document.querySelector('#sseStatus').dataset.state === 'reconnecting'");
        assert_eq!(page.now("said.some(word => word.includes('live'))"), false, "{}", page.now("said"));
        canned.unset("GET /events");
        page.sees("document.querySelector('#sseStatus').dataset.state === 'live'");
        page.is_content_but_for_lost_requests();
    }
}

#[test]
fn a_lost_stream_is_tried_again_after_one_two_four_and_eight_seconds_a_fifth_more_or_less() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    let waits = "import('/static/stream.js').then(({backoff}) => [1, 2, 3, 4, 5, 50].map(n => [0, 0.5, 1].map(chance => backoff(n, chance))))";
    let want = json!([
        [800, 1000, 1200],
        [1600, 2000, 2400],
        [3200, 4000, 4800],
        [6400, 8000, 9600],
        [6400, 8000, 9600],
        [6400, 8000, 9600]
    ]);
    assert_eq!(page.now(waits), want);
    page.is_content();
}
