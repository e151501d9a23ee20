//! The timeline: events as they come, in groups, filtered, searched, paused, exported, by mouse and by keyboard.

use daily_ops::rehearsal::Page;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::lab;
use crate::lab::SOON;
use crate::site::Look as _;
use crate::site::Site;
use crate::site::saved;

/// The ids of the events that are shown, from top to bottom.
const IDS: &str = "[...document.querySelectorAll('#events .event')].map(row => Number(row.dataset.id))";
/// Trace, matching events and all events of each group that is shown, from top to bottom.
const GROUPS: &str = "[...document.querySelectorAll('#events .group')]
    .map(row => [row.dataset.trace, Number(row.dataset.count), Number(row.dataset.total)])";

/// Four events of one trace and two of others.
fn story(site: &Site) {
    let event = |kind: &str, trace: &str, severity: &str| json!({"type": kind, "trace_id": trace, "severity": severity, "message": format!("{kind} of {trace}")});
    site.publish_all(&[
        event("SignalGenerated", "story-aaaa-1", "INFO"),
        event("RiskEvaluated", "other-bbbb-2", "INFO"),
        event("RiskEvaluated", "story-aaaa-1", "WARN"),
        event("OrderPlaced", "story-aaaa-1", "INFO"),
        event("HealthChanged", "lonely-cccc-3", "ERROR"),
        event("OrderStatusChanged", "story-aaaa-1", "INFO"),
    ]);
}

fn seen(script: &str, want: &Value) -> String {
    format!("JSON.stringify({script}) === JSON.stringify({want})")
}

#[test]
fn a05_an_event_is_on_the_page_within_a_second_of_its_post() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.sees("document.querySelector('#events').innerText.includes('이벤트 대기 중')");
    let clock = SystemClock::new();
    for round in 0..5 {
        let trace = site.publish(json!({"message": format!("round {round}"), "source": "investor"}));
        let posted = clock.monotonic();
        let shown = format!(
            "[...document.querySelectorAll('#events .event')].filter(row => row.innerText.includes('round {round}')).length"
        );
        assert_eq!(page.sees(&shown), 1);
        lab::report(&format!("post to row: {} ms", (clock.monotonic() - posted).as_millis()));
        assert_eq!(
            page.now(&format!("document.querySelector('#events .group').dataset.trace === {}", json!(trace))),
            true
        );
    }
    assert_eq!(page.now(IDS), json!([5, 4, 3, 2, 1]));
    page.is_content();
}

#[test]
fn events_are_grouped_by_trace_with_the_newest_group_on_top() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/ops");
    page.sees(&seen(GROUPS, &json!([["story-aaaa-1", 4, 4], ["lonely-cccc-3", 1, 1], ["other-bbbb-2", 1, 1]])));
    assert_eq!(page.now(IDS), json!([1, 3, 4, 6, 5, 2]), "ascending inside a group");
    let head = page.now("document.querySelector('#events .group').innerText").to_string();
    for part in ["story-aa", "SignalGenerated", "RiskEvaluated", "WARN"] {
        assert!(head.contains(part), "{part}: {head}");
    }
    page.click("#events .group [data-act=fold]").expect("folded");
    page.sees(&seen(IDS, &json!([5, 2])));
    site.publish(json!({"type": "FillReceived", "trace_id": "other-bbbb-2"}));
    page.sees(&seen(GROUPS, &json!([["other-bbbb-2", 2, 2], ["story-aaaa-1", 4, 4], ["lonely-cccc-3", 1, 1]])));
    page.click("#groupBtn").expect("flat");
    page.sees(&seen(IDS, &json!([7, 6, 5, 4, 3, 2, 1])));
    assert_eq!(page.now(GROUPS), json!([]));
    page.reload().expect("loaded again");
    page.sees(&seen(IDS, &json!([7, 6, 5, 4, 3, 2, 1])));
    page.is_content();
}

#[test]
fn a07_the_type_filter_keeps_only_that_type_and_says_what_it_hides() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/");
    page.sees(&seen(&format!("{IDS}.length"), &json!(6)));
    page.sees(
        "[...document.querySelector('#typeFilter').options].some(o => o.value === 'RiskEvaluated' && /2/.test(o.text))",
    );
    let choose = "(() => { const s = document.querySelector('#typeFilter'); s.value = 'RiskEvaluated';
        s.dispatchEvent(new Event('change', {bubbles: true})); })()";
    page.now(choose);
    page.sees(&seen(GROUPS, &json!([["story-aaaa-1", 1, 4], ["other-bbbb-2", 1, 1]])));
    assert_eq!(page.now(IDS), json!([3, 2]));
    let head = page.now("document.querySelector('#events .group').innerText").to_string();
    assert!(head.contains("1/4") || head.contains("1 / 4"), "matched of total: {head}");
    page.sees("document.body.innerText.includes('필터 적용 중') && /4건 숨김/.test(document.body.innerText)");
    site.publish(json!({"type": "RiskEvaluated", "trace_id": "new-dddd-4"}));
    site.publish(json!({"type": "OrderPlaced", "trace_id": "new-dddd-4"}));
    page.sees(&seen(GROUPS, &json!([["new-dddd-4", 1, 2], ["story-aaaa-1", 1, 4], ["other-bbbb-2", 1, 1]])));
    page.reload().expect("loaded again");
    page.sees(&seen(IDS, &json!([7, 3, 2])));
    page.click("#clearFilters").expect("cleared");
    page.sees(&seen(&format!("{IDS}.length"), &json!(8)));
    assert_eq!(page.now("location.hash"), "");
    page.is_content();
}

#[test]
fn a15_a_trace_is_found_by_a_part_and_by_a_click() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/");
    page.sees(&seen(&format!("{IDS}.length"), &json!(6)));
    page.click("#traceSearch").expect("clicked");
    page.type_text("  RY-AAAA ").expect("typed");
    page.sees(&seen(GROUPS, &json!([["story-aaaa-1", 4, 4]])));
    page.press("Escape").expect("cleared");
    page.sees(&seen(&format!("{GROUPS}.length"), &json!(3)));
    assert_eq!(page.now("document.querySelector('#traceSearch').value"), "");
    let button = "#events .group[data-trace=lonely-cccc-3] [data-act=trace]";
    page.click(button).expect("clicked");
    page.sees(&seen(IDS, &json!([5])));
    page.click(button).expect("clicked again");
    page.sees(&seen(&format!("{IDS}.length"), &json!(6)));
    page.click("#traceSearch").expect("clicked");
    page.type_text("nobody").expect("typed");
    page.sees("document.querySelector('#events').innerText.includes('조건에 맞는 이벤트 없음 (6건 숨김)')");
    page.is_content();
}

#[test]
fn a08_the_export_is_the_server_s_file_with_the_filter_of_the_page() {
    let Some(browser) = lab::browser() else { return };
    let mut site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/#q=story-aaaa");
    page.sees(&seen(GROUPS, &json!([["story-aaaa-1", 4, 4]])));
    page.click("#exportBtn").expect("clicked");
    let (name, file) = saved(&page);
    assert!(name.starts_with("ops_events_") && name.len() == "ops_events_2026-01-01T000000000Z.json".len(), "{name}");
    assert_eq!((&file["origin"], &file["count"]), (&json!("server"), &json!(4)));
    assert_eq!(file["filters"]["q"], "story-aaaa");
    let events = file["events"].as_array().expect("events");
    let original = site.get("/api/ops/events?q=story-aaaa&order=asc").json();
    assert_eq!(events, original["events"].as_array().expect("events"), "unmodified");
    page.sees("/4/.test(document.querySelector('#toast').innerText)");
    site.stop();
    page.click("#exportBtn").expect("clicked");
    let (name, file) = saved(&page);
    assert!(name.starts_with("ops_events_"), "{name}");
    assert_eq!((&file["origin"], &file["count"]), (&json!("browser"), &json!(4)), "what the page holds");
    assert_eq!(file["events"].as_array().expect("events"), events);
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_paused_page_stands_still_counts_and_goes_on() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&seen(IDS, &json!([6, 5, 4, 3, 2, 1])));
    page.click("#pauseBtn").expect("paused");
    assert_eq!(page.now("document.querySelector('#pauseBtn').getAttribute('aria-pressed')"), "true");
    site.publish(json!({"message": "unseen"}));
    site.publish(json!({"message": "unseen"}));
    page.sees(
        "/\\+2/.test(document.querySelector('#pauseBtn').innerText + document.querySelector('#pauseNews')?.innerText)",
    );
    assert_eq!(page.now(IDS), json!([6, 5, 4, 3, 2, 1]));
    page.click("#pauseBtn").expect("resumed");
    page.sees(&seen(IDS, &json!([8, 7, 6, 5, 4, 3, 2, 1])));
    page.is_content();
}

#[test]
fn keys_do_what_the_help_says_and_nothing_while_typing() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/");
    page.sees(&seen(&format!("{IDS}.length"), &json!(6)));
    page.press("/").expect("pressed");
    page.sees("document.activeElement.id === 'traceSearch'");
    for key in ["p", "g", "e", "/", "t"] {
        page.press(key).expect("pressed");
    }
    assert_eq!(page.now("document.querySelector('#traceSearch').value"), "pge/t", "typing is typing");
    page.press("Escape").expect("pressed");
    page.sees("document.querySelector('#traceSearch').value === ''");
    page.now("document.activeElement.blur()");
    page.press("t").expect("pressed");
    page.sees("document.activeElement.id === 'typeFilter'");
    page.now("document.activeElement.blur()");
    page.press("p").expect("pressed");
    page.sees("document.querySelector('#pauseBtn').getAttribute('aria-pressed') === 'true'");
    page.press("p").expect("pressed");
    page.press("g").expect("pressed");
    page.sees(&seen(GROUPS, &json!([])));
    page.press("g").expect("pressed");
    page.sees(&seen(&format!("{GROUPS}.length"), &json!(3)));
    page.press("?").expect("pressed");
    page.sees("document.querySelector('dialog[open]')?.innerText.length > 20");
    page.press("Escape").expect("pressed");
    page.sees("!document.querySelector('dialog[open]')");
    page.press("e").expect("pressed");
    assert_eq!(saved(&page).1["count"], 6);
    page.is_content();
}

#[test]
fn the_language_changes_at_once_and_stays() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    assert_eq!(page.now("document.documentElement.lang"), "ko");
    for word in ["Health", "DropCount", "Subscribers", "킬 스위치", "실시간"] {
        page.sees(&format!("document.body.innerText.includes({})", json!(word)));
    }
    page.click("#langToggle").expect("clicked");
    page.sees("document.documentElement.lang === 'en'");
    for word in ["Health", "DropCount", "Subscribers", "Kill switch", "Live", "Waiting for events", "Event timeline"] {
        page.sees(&format!("document.body.innerText.toLowerCase().includes({}.toLowerCase())", json!(word)));
    }
    let korean = "document.body.innerText.match(/[가-힣]+/g)";
    lab::report(&format!("Korean words left in the English page: {}", page.now(korean)));
    page.reload().expect("loaded again");
    page.wait_until("document.documentElement.lang === 'en'", SOON).expect("kept");
    page.is_content();
}

#[test]
fn drops_of_the_last_minute_are_not_zero_after_a_reload() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(|_| {}, |dash| dash.settings.queue = 5);
    let mut page = site.open(browser, "/");
    let many: Vec<Value> = (0..60).map(|n| json!({"message": format!("number {n}")})).collect();
    site.publish_all(&many);
    page.sees("document.querySelector('#events .gap')");
    page.reload().expect("loaded again");
    page.sees("['warn', 'bad'].includes(document.querySelector('#drop').dataset.tone)");
    page.sees("/최근 60초 \\+[1-9]/.test(document.querySelector('#drop').innerText)");
    // A server that is older than a minute: the page knows only what it saw itself, and says so.
    let shown = "import('/static/cards.js').then(({Cards}) => { const cards = new Cards();
        const told = {drop_count: 7, deliveries_total: 100, uptime_sec: 500, boot_id: 'b', health_reasons: REASONS};
        cards.took(told); const card = document.querySelector('#drop'); return [card.dataset.tone, card.innerText]; })";
    let recent = page.now(&shown.replace("REASONS", "['drops_recent']"));
    assert_eq!(recent[0], "warn", "{recent}");
    assert!(recent[1].to_string().contains("최근 60초 누락 있음 · 집계 중"), "{recent}");
    let quiet = page.now(&shown.replace("REASONS", "[]"));
    assert!(quiet[1].to_string().contains("집계 중") && !quiet[1].to_string().contains("최근 60초 +0"), "{quiet}");
    page.is_content();
}

#[test]
fn a_long_message_is_folded_and_a_risk_that_has_the_focus_keeps_it() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let long = "a long story ".repeat(100);
    site.publish(json!({"type": "RISK_TRIGGERED", "severity": "ERROR", "trace_id": "first", "message": long}));
    let mut page = site.open(browser, "/");
    page.sees("document.querySelector('#events .clamp')?.getBoundingClientRect().height < 100");
    page.click("#events [data-act=unfold]").expect("clicked");
    page.sees("!document.querySelector('#events .clamp') && document.querySelector('#events [data-act=unfold]').innerText === '접기'");
    page.sees("document.querySelectorAll('#riskRows tr').length === 1");
    page.now("(window.held = document.querySelector('#riskRows button')).focus()");
    site.publish(json!({"type": "RISK_TRIGGERED", "severity": "ERROR", "trace_id": "second", "message": "short"}));
    page.sees("document.querySelectorAll('#riskRows tr').length === 2");
    assert_eq!(page.now("document.activeElement === window.held && window.held.isConnected"), true);
    page.is_content();
}

/// The list of types: whether it is open, whether it has the focus, what is chosen, and how many types it has.
const TYPES: &str =
    "(list => [list.matches(':open'), document.activeElement === list, list.value, list.options.length - 1])
    (document.querySelector('#typeFilter'))";

#[test]
fn the_list_of_types_keeps_its_focus_its_open_choice_and_its_value_while_types_come() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    story(&site);
    let mut page = site.open(browser, "/#flat=1");
    page.sees(&seen(TYPES, &json!([false, false, "", 5])));
    // A new type that would stand first, and beside it an event that the page shows when it has drawn both.
    let comes = |page: &mut Page, kind: &str, total: usize| {
        site.publish_all(&[json!({"type": kind}), json!({"type": "OrderPlaced"})]);
        page.sees(&seen(&format!("{IDS}[0]"), &json!(total)));
    };
    page.click("#typeFilter").expect("opened");
    page.press("ArrowDown").expect("pressed");
    page.press("ArrowDown").expect("pressed");
    comes(&mut page, "Alpha", 8);
    assert_eq!(page.now(TYPES), json!([true, true, "", 5]), "an open list stands still");
    page.press("Enter").expect("chosen");
    page.sees(&seen(TYPES, &json!([false, true, "OrderPlaced", 6])));
    page.sees(&seen(IDS, &json!([8, 4])));
    comes(&mut page, "Beta", 10);
    page.sees(&seen(TYPES, &json!([false, true, "OrderPlaced", 7])));
    // Closed again without a choice, it goes on learning; and opened once more, it stands still again.
    for (closing, kind, total) in [("Escape", "Gamma", 12), ("Enter", "Iota", 14)] {
        let known = total / 2 + 1;
        page.click("#typeFilter").expect("opened");
        comes(&mut page, kind, total);
        assert_eq!(page.now(TYPES), json!([true, true, "OrderPlaced", known]), "{closing}");
        page.press(closing).expect("closed");
        page.sees(&seen(TYPES, &json!([false, true, "OrderPlaced", known + 1])));
    }
    page.now("document.activeElement.blur()");
    assert_eq!(page.now(TYPES), json!([false, false, "OrderPlaced", 9]));
    page.is_content();
}
