//! What the page does not hold: holes that are filled as far as the server can, and old events that a filter finds.

use daily_ops::backend::Keeping;
use serde_json::Value;
use serde_json::json;

use crate::lab;
use crate::site::LIVE;
use crate::site::Look as _;
use crate::site::Site;

const IDS: &str = "[...document.querySelectorAll('#events .event')].map(row => Number(row.dataset.id))";
const STATE: &str = "document.querySelector('#sseStatus').dataset.state";

fn numbered(from: u32, to: u32) -> Vec<Value> {
    (from..=to).map(|n| json!({"message": format!("number {n}"), "trace_id": format!("t-{n}")})).collect()
}

/// A page that has seen three events and missed the next ones, up to `last`; five were sent again.
fn cut_off(site: &Site, page: &mut daily_ops::rehearsal::Page, last: u32) {
    page.sees(&format!("JSON.stringify({IDS}) === '[3,2,1]'"));
    site.door.shut();
    page.sees(&format!("{STATE} === 'reconnecting'"));
    site.publish_all(&numbered(4, last));
    site.door.open(site.address());
    page.sees(LIVE);
    page.sees("document.querySelector('#events .gap button:not([hidden])')");
}

/// Presses the button of the hole whenever there is one, until the row says so.
fn pressed_until(said: &str) -> String {
    format!(
        "(() => {{ const gap = document.querySelector('#events .gap'); if (!gap) return false;
            if (gap.innerText.includes('{said}')) return true;
            const button = gap.querySelector('button'); if (!button.hidden && !button.disabled) button.click();
            return false; }})()"
    )
}

#[test]
fn a_hole_that_is_larger_than_the_page_keeps_its_row_and_says_what_is_still_missing() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.replay = 5);
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/");
    cut_off(&site, &mut page, 6008);
    let said = page.now("document.querySelector('#events .gap').innerText").to_string();
    assert!(said.contains("6,000건 누락 (id 4–6003)"), "{said}");
    page.sees(&pressed_until("2,000건은 화면 한도"));
    let said = page.now("document.querySelector('#events .gap').innerText").to_string();
    assert!(said.contains("(id 4–2003)"), "{said}");
    assert_eq!(page.now("document.querySelector('#events .gap').dataset.state"), "full");
    page.sees("/^4,00[0-9]건/.test(document.querySelector('#eventCount').innerText)");
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_hole_whose_events_are_gone_says_how_many_and_stays() {
    let Some(browser) = lab::browser() else { return };
    let change = |dash: &mut daily_ops::backend::DashOptions| {
        dash.settings.replay = 5;
        dash.journal = Keeping::Memory;
    };
    let site = Site::with(|_| {}, change);
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/#flat=1");
    cut_off(&site, &mut page, 20);
    page.sees(&pressed_until("12건은 서버 이력에도 없음"));
    assert_eq!(page.now("document.querySelector('#events .gap button').hidden"), true);
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_hole_that_is_filled_on_a_paused_page_is_gone_and_its_events_are_there() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.replay = 5);
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/#flat=1");
    cut_off(&site, &mut page, 20);
    page.click("#pauseBtn").expect("paused");
    // The log may get the events a moment later than the page asks for them.
    page.sees(
        "(() => { const gap = document.querySelector('#events .gap'); if (!gap) return true;
            const button = gap.querySelector('button'); if (!button.hidden && !button.disabled) button.click();
            return false; })()",
    );
    let want: Vec<u32> = (1..=20).rev().collect();
    page.sees(&format!("JSON.stringify({IDS}) === '{}'", json!(want)));
    assert_eq!(page.now("document.querySelector('#pauseNews').innerText.trim()"), "+0 새 이벤트");
    page.is_content_but_for_lost_requests();
}

#[test]
fn a15_a_filter_finds_old_events_that_the_page_never_loaded() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.replay = 50);
    site.publish_all(&[
        json!({"type": "OldKind", "trace_id": "old-trace-1", "message": "the old one"}),
        json!({"type": "OldKind", "trace_id": "old-trace-2", "message": "the other old one"}),
    ]);
    site.publish_all(&numbered(3, 400));
    let mut page = site.open(browser, "/ops#q=old-trace&flat=1");
    page.sees(&format!("JSON.stringify({IDS}) === '[2,1]'"));
    page.click("#clearFilters").expect("cleared");
    page.sees(&format!("{IDS}.length > 100 && !{IDS}.includes(1)"));
    page.click("#traceSearch").expect("clicked");
    page.type_text("OLD-TRACE-2").expect("typed");
    page.sees(&format!("JSON.stringify({IDS}) === '[2]'"));
    page.now("location.hash = '#type=OldKind&flat=1'");
    page.sees(&format!("JSON.stringify({IDS}) === '[2,1]'"));
    site.publish(json!({"type": "OldKind", "trace_id": "new-trace"}));
    page.sees(&format!("JSON.stringify({IDS}) === '[401,2,1]'"));
    page.is_content();
}

#[test]
fn a_flat_row_names_its_trace_and_a_row_of_a_group_is_indented_after_each_change() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    site.publish_all(&numbered(1, 3));
    let mut page = site.open(browser, "/");
    let rows = "[...document.querySelectorAll('#events .event')]";
    let grouped = format!(
        "{rows}.length === 3 && {rows}.every(r => r.classList.contains('inside') && !r.querySelector('[data-act=trace]'))"
    );
    let flat = format!(
        "{rows}.length === 3 && {rows}.every(r => !r.classList.contains('inside') && r.querySelector('[data-act=trace]'))"
    );
    page.sees(&grouped);
    for _ in 0..2 {
        page.click("#groupBtn").expect("flat");
        page.sees(&flat);
        page.click("#groupBtn").expect("groups");
        page.sees(&grouped);
    }
    page.is_content();
}
