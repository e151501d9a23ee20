//! The timeline line by line: the head of a group, the filter and its badge, and what stays in sight while rows come in.

use serde_json::Value;
use serde_json::json;

use crate::lab;
use crate::site::Look as _;
use crate::site::NOTE_COPIES;
use crate::site::Site;

const TRACES: &str = "[...document.querySelectorAll('#events .group')].map(row => row.dataset.trace)";
const FULL: &str = "9f3c2d4e-aaaa-4bbb-8ccc-1234567890ab";

#[test]
fn a_group_says_when_it_was_and_copies_its_whole_trace_id() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let event = |kind: &str, severity: &str| json!({"type": kind, "trace_id": FULL, "severity": severity});
    site.publish_all(&[
        event("SignalGenerated", "INFO"),
        event("RiskEvaluated", "ERROR"),
        event("RiskEvaluated", "WARN"),
    ]);
    site.publish(event("OrderPlaced", "INFO"));
    let mut page = site.open(browser, "/");
    page.now(NOTE_COPIES);
    let part = |name: &str| format!("document.querySelector('#events .group [data-part={name}]').innerText");
    page.sees(&format!("{} === '4건'", part("many")));
    assert_eq!(page.now("document.querySelector('#events .group .trace').innerText"), "9f3c2d4e");
    let when = page.now(&part("when"));
    let times = "/^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} → \\d\\d:\\d\\d:\\d\\d\\.\\d{3}$/";
    assert_eq!(page.now(&format!("{times}.test({when})")), true, "{when}");
    let first = site.get("/api/ops/events?order=asc&limit=1").json()["events"][0]["ts_iso"].clone();
    let clock = first.as_str().and_then(|text| text.get(11..23)).expect("a time");
    assert!(when.as_str().is_some_and(|text| text.starts_with(clock)), "Korean time: {when}, {first}");
    assert_eq!(
        page.now("[...document.querySelectorAll('#events .group .chip')].map(chip => chip.innerText)"),
        json!(["SignalGenerated", "RiskEvaluated ×2", "OrderPlaced"])
    );
    assert_eq!(page.now(&part("worst")), "■ ERROR");
    page.click("#events .group [data-act=copy]").expect("clicked");
    page.sees(&format!("document.querySelector('#toast').innerText === '복사됨: {FULL}'"));
    assert_eq!(page.now("copied"), FULL);
    page.is_content();
}

#[test]
fn events_without_a_trace_come_last_and_types_are_sorted_with_their_counts() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    for (kind, trace) in
        [("Zulu", "one"), ("Alpha", "two"), ("Mike", "no-trace"), ("Alpha", "one"), ("Alpha", "no-trace")]
    {
        site.publish(json!({"type": kind, "trace_id": trace}));
    }
    let mut page = site.open(browser, "/");
    page.sees(&format!("JSON.stringify({TRACES}) === '[\"one\",\"two\",\"no-trace\"]'"));
    let options = "[...document.querySelector('#typeFilter').options].map(option => [option.value, option.text])";
    assert_eq!(
        page.now(options),
        json!([["", "전체 유형"], ["Alpha", "Alpha (3)"], ["Mike", "Mike (1)"], ["Zulu", "Zulu (1)"]])
    );
    page.is_content();
}

#[test]
fn type_and_trace_hold_together_stand_in_the_address_and_go_with_the_button_of_the_badge() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    for (kind, trace) in [("Alpha", "one-a"), ("Beta", "one-b"), ("Alpha", "two-a")] {
        site.publish(json!({"type": kind, "trace_id": trace}));
    }
    let mut page = site.open(browser, "/#type=Alpha");
    page.sees(&format!("JSON.stringify({TRACES}) === '[\"two-a\",\"one-a\"]'"));
    // Three letters at once are one search, a moment later.
    let typed = "(() => { const input = document.querySelector('#traceSearch'); window.searches = []; const real = history.replaceState.bind(history);
        history.replaceState = (...more) => { searches.push(more[2]); real(...more); }; const begun = performance.now();
        for (const text of ['O', 'ON', ' ONE ']) { input.value = text; input.dispatchEvent(new Event('input', {bubbles: true})); }
        return new Promise(done => { const look = () => searches.length > 0 ? done(performance.now() - begun) : setTimeout(look, 1); look(); }); })()";
    let waited = page.now(typed).as_f64().expect("milliseconds");
    assert!(waited >= 149.0, "{waited} ms");
    page.sees(&format!("JSON.stringify({TRACES}) === '[\"one-a\"]'"));
    assert_eq!(page.now("location.hash"), "#type=Alpha&q=ONE");
    assert_eq!(page.now("searches.length"), 1);
    assert_eq!(
        page.now("document.querySelector('#filterBadge').innerText.replace(/\\s+/g, ' ').trim()"),
        "필터 적용 중 · 2건 숨김 ✕"
    );
    page.click("#badgeClear").expect("clicked");
    page.sees(&format!(
        "{TRACES}.length === 3 && document.querySelector('#filterBadge').hidden && location.hash === ''"
    ));
    page.sees("document.activeElement !== document.body");
    page.is_content();
}

#[test]
fn what_is_in_sight_stays_there_while_newer_rows_come_in() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let many =
        |from: u32, to: u32| (from..to).map(|n| json!({"message": format!("number {n}")})).collect::<Vec<Value>>();
    site.publish_all(&many(1, 151));
    let mut page = site.open(browser, "/#flat=1");
    page.sees("document.querySelectorAll('#events .event').length === 150");
    assert_eq!(page.now("getComputedStyle(document.querySelector('#latestBtn')).visibility"), "hidden");
    page.now("document.querySelector('#eventScroll').scrollTop = 1500");
    let seen = "(() => { const box = document.querySelector('#eventScroll').getBoundingClientRect();
        const row = [...document.querySelectorAll('#events .event')].find(row => row.getBoundingClientRect().top >= box.top);
        return [row.dataset.id, Math.round(row.getBoundingClientRect().top - box.top)]; })()";
    page.sees("getComputedStyle(document.querySelector('#latestBtn')).visibility === 'visible'");
    let before = page.now(seen);
    site.publish_all(&many(151, 181));
    page.sees("document.querySelector('#latestNews').innerText === '+30 새 이벤트'");
    page.sees("document.querySelectorAll('#events .event').length === 180");
    let after = page.now(seen);
    assert_eq!(after[0], before[0]);
    let moved = after[1].as_i64().expect("pixels") - before[1].as_i64().expect("pixels");
    assert!(moved.abs() <= 1, "{before} {after}");
    page.click("#latestBtn").expect("clicked");
    page.sees("document.querySelector('#eventScroll').scrollTop === 0");
    page.sees(
        "document.querySelector('#events .event').dataset.id === '180' && document.activeElement !== document.body",
    );
    page.is_content();
}

#[test]
fn the_rows_are_drawn_at_most_four_times_a_second() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/#flat=1");
    page.now("window.drawn = []; new MutationObserver(() => drawn.push(performance.now())).observe(document.querySelector('#eventRows'), {childList: true}); 0");
    for n in 1..=60 {
        site.publish(json!({"message": format!("number {n}")}));
    }
    page.sees("document.querySelectorAll('#events .event').length === 60");
    let drawn = page.now("[drawn.length, drawn.at(-1) - drawn[0]]");
    lab::report(&format!("60 events one by one: draws and milliseconds {drawn}"));
    let most = drawn[1].as_f64().expect("milliseconds") / 250.0 + 1.5;
    assert!(drawn[0].as_f64().is_some_and(|draws| draws <= most), "{drawn}");
    page.is_content();
}
