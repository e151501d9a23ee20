//! Tabs that nobody looks at: a browser allows six connections to a host, so they give theirs back, and lose nothing by it.

use crate::lab;
use crate::lost::has_streams;
use crate::lost::numbered;
use crate::lost::shows_down;
use crate::site::LIVE;
use crate::site::Look as _;
use crate::site::Site;
use daily_ops::rehearsal::Browser;
use daily_ops::rehearsal::Page;
use serde_json::json;

/// A site with three events, whose streams may be quiet for longer than a tab is hidden, and a page that is the test's to
/// hide.
fn begin(browser: &Browser) -> (Site, Page) {
    let site = Site::with(|_| {}, |dash| dash.settings.heartbeat_seconds = 60);
    site.publish_all(&numbered(1, 3));
    let page = site.timed(browser);
    (site, page)
}

/// The page shows each event up to this one once, without a hole, over its one stream.
fn is_whole(page: &mut Page, site: &Site, newest: u32) {
    page.sees(&shows_down(newest, 1));
    assert_eq!(page.now("document.querySelectorAll('#events .gap').length"), 0);
    has_streams(site, 1);
    page.is_content();
}

#[test]
fn a_tab_hidden_for_a_minute_closes_its_stream_and_shown_again_goes_on_where_it_was() {
    let Some(browser) = lab::browser() else { return };
    let (site, mut page) = begin(browser);
    site.show(&mut page, "/#flat=1");
    page.sees(&shows_down(3, 1));
    for round in 1..=2 {
        let last = 3 + (round - 1) * 6;
        page.now("turn('hidden'), later(59000)");
        site.publish_all(&numbered(last + 1, last + 2));
        has_streams(&site, 1);
        page.now("later(2000)");
        has_streams(&site, 0);
        // Whatever tells the page to try again, nobody looks at it.
        page.now("window.dispatchEvent(new Event('online')), later(30000)");
        site.publish_all(&numbered(last + 3, last + 6));
        assert_eq!(page.now("opened"), json!(round));
        page.now("turn('visible')");
        page.sees(LIVE);
        is_whole(&mut page, &site, last + 6);
        assert_eq!(page.now("opened"), json!(round + 1));
    }
    site.publish_all(&numbered(16, 16));
    is_whole(&mut page, &site, 16);
}

#[test]
fn a_tab_hidden_for_less_than_a_minute_keeps_its_stream_however_often() {
    let Some(browser) = lab::browser() else { return };
    let (site, mut page) = begin(browser);
    site.show(&mut page, "/#flat=1");
    page.sees(&shows_down(3, 1));
    for event in 4..=6 {
        page.now("turn('hidden'), later(40000)");
        site.publish_all(&numbered(event, event));
        page.now("turn('visible')");
        is_whole(&mut page, &site, event);
    }
    assert_eq!(page.now("opened"), 1);
}

#[test]
fn a_tab_opened_where_nobody_looks_closes_its_stream_after_a_minute_too() {
    let Some(browser) = lab::browser() else { return };
    let (site, mut page) = begin(browser);
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": "turn('hidden')"})).expect("added");
    site.show(&mut page, "/#flat=1");
    has_streams(&site, 1);
    page.now("later(61000)");
    has_streams(&site, 0);
    site.publish_all(&numbered(4, 5));
    page.now("turn('visible')");
    page.sees(LIVE);
    is_whole(&mut page, &site, 5);
    assert_eq!(page.now("opened"), 2);
}
