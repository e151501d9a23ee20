//! What an engine would say: modes, the kill switch that it arms, positions and risks.

use daily_ops::rehearsal::Browser;
use daily_ops::rehearsal::Page;
use daily_ops::rehearsal::browser::Scheme;
use daily_ops::rehearsal::browser::Screen;
use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::canned::Canned;
use crate::canned::Reply;
use crate::lab;
use crate::looks::STICKS_OUT;
use crate::site::Look as _;
use crate::site::Site;
use crate::site::TOKEN;

pub(crate) const METRICS: &str = "GET /api/ops/metrics";
const SNAPSHOT: &str = "GET /api/ops/risk-snapshot";
pub(crate) const STATE: &str = "GET /api/v1/ops/state";
pub(crate) const POSITIONS: &str = "GET /api/v1/ops/positions";
pub(crate) const RISKS: &str = "GET /api/v1/ops/risks";

/// Ground and text of the page and its parts.
const PAINT: &str = "['html', 'body', 'main', '.cards', '#health', '#drop', '#eventScroll', '#killPanel', '#positions', 'header'].map(s => {
    const style = getComputedStyle(document.querySelector(s)); return [style.backgroundColor, style.backgroundImage, style.color, style.filter]; })";
const LINE: &str = "(() => { const style = getComputedStyle(document.querySelector('header.bar'));
    return `${style.borderBottomWidth} ${style.borderBottomStyle} ${style.borderBottomColor}`; })()";
const STATUS: &str = "document.querySelector('#killPanel').dataset.status";
const FOCUS: &str = "document.activeElement.id";

/// The page with a server before the real one that can be told what to say.
pub(crate) fn open(site: &Site, browser: &Browser, address: &str) -> (Canned, Page) {
    let canned = Canned::before(site.address());
    site.door.open(canned.address());
    let page = site.open(browser, address);
    (canned, page)
}

/// Lets the page ask at once.
pub(crate) fn look_again(site: &Site) {
    site.publish(json!({"type": "guardrail_update", "trace_id": "no-trace"}));
}

fn engine() -> Value {
    json!({"contract_version": "v1", "ts": 1_795_219_500_123_i64,
        "engine": {"pid": 4242, "alive": true, "cmdline_hint": "engine --live", "task_state": "RUNNING", "health_status": "OK"},
        "kill": {"is_on": false, "reason": "", "audit_id": ""},
        "counters": {"published": 1_234_567, "consumed": 1_234_560, "pending_total": 7, "restart_count": 0},
        "freshness": {"checkpoint_age_sec": 4.2, "checkpoint_status": "FRESH", "is_stale": false, "last_health_ok": null, "flap_detected": false}})
}

#[test]
fn a_mode_is_a_line_or_a_badge_and_recolors_nothing_else() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    let mut metrics = site.get("/api/ops/metrics").json();
    let mut snapshot = site.get("/api/ops/risk-snapshot").json();
    let (plain, amber, red) =
        ("1px solid rgb(40, 49, 59)", "1px solid rgb(240, 185, 11)", "4px solid rgb(246, 70, 93)");
    let mut paint = None;
    for (mode, risk, level, line) in [
        ("NORMAL", "OK", 0, plain),
        ("WARN", "WARNING", 0, amber),
        ("DOWNGRADE", "WARNING", 1, plain),
        ("DOWNGRADE", "CRITICAL", 2, plain),
        ("KILL", "CRITICAL", 2, red),
        ("NORMAL", "OK", 0, plain),
    ] {
        for told in [&mut metrics, &mut snapshot] {
            (told["mode"], told["risk_level"]) = (json!(mode), json!(risk));
        }
        snapshot["downgrade_level"] = json!(level);
        canned.set(METRICS, Reply::Says(metrics.clone()));
        canned.set(SNAPSHOT, Reply::Says(snapshot.clone()));
        look_again(&site);
        let card = format!("{mode}\n\n{risk} · 하향 단계 {level}");
        page.sees(&format!("document.querySelector('#risk').innerText.endsWith({})", json!(card)));
        page.sees(&format!("document.body.dataset.mode === '{mode}'"));
        assert_eq!(page.now(LINE), line, "{mode}");
        let badge = page.now("(b => b.checkVisibility() ? b.innerText : '')(document.querySelector('#modeBadge'))");
        assert_eq!(badge, if mode == "DOWNGRADE" { "하향 운용 중 (DOWNGRADE)" } else { "" }, "{mode}");
        let seen = page.now(PAINT);
        assert_eq!(paint.get_or_insert(seen.clone()), &seen, "{mode}");
    }
    page.is_content();
}

#[test]
fn the_badge_of_a_downgrade_is_told_in_english_and_to_a_screen_reader_and_goes_when_nothing_is_known() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/ops");
    let mut metrics = site.get("/api/ops/metrics").json();
    metrics["mode"] = json!("DOWNGRADE");
    canned.set(METRICS, Reply::Says(metrics));
    page.sees("!document.querySelector('#modeBadge').hidden");
    page.click("#langToggle").expect("clicked");
    page.sees("document.querySelector('#modeBadge').innerText === 'Running downgraded (DOWNGRADE)'");
    assert_eq!(page.now("document.querySelector('#modeBadge').getAttribute('role')"), "status");
    canned.set(METRICS, Reply::Fails);
    page.sees("document.querySelector('#modeBadge').hidden && document.body.dataset.mode === 'UNKNOWN'");
    page.sees("document.querySelector('#risk [data-part=value]').innerText === '?'");
    page.is_content_but_for_lost_requests();
}

/// A kill switch that the trading part has armed.
fn arm(store: &Store) {
    let armed = json!({"schema": "KILL_SWITCH_V1", "is_on": false, "status": "ARMED", "reason": "the loss nears its limit",
        "audit_id": "0b7e5a52-6c1b-4e0d-9a55-3f2f7f1f1c01", "trace_id": "3f1c2a9e-6f0a-4a53-8d9e-2f9f0f7f7b10", "actor": "trading",
        "ts": 1_795_219_500_123_i64, "ts_iso": "2026-11-21T09:05:00.123+09:00", "version": 1});
    store.write(layout::KILL_SWITCH, armed.to_string().as_bytes()).expect("written");
}

#[test]
fn an_armed_kill_switch_is_amber_and_blocks_nothing() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(arm, |_| {});
    let mut page = site.open(browser, "/");
    page.sees(&format!(
        "{STATUS} === 'ARMED' && document.querySelector('#killState').innerText === 'ARMED · 준비, 차단 없음'"
    ));
    page.sees("document.querySelector('#killsw').innerText.endsWith('ARMED\\n\\n준비 상태, 차단 없음')");
    let color = |selector: &str| format!("getComputedStyle(document.querySelector('{selector}')).color");
    for selector in ["#killState", "#killsw .value"] {
        assert_eq!(page.now(&color(selector)), "rgb(240, 185, 11)", "{selector}");
    }
    assert!(
        page.now("document.querySelector('#killDetail').innerText").to_string().contains("the loss nears its limit")
    );
    let open = "[document.querySelector('#killBanner').hidden, document.body.dataset.mode === 'KILL',
        document.querySelector('#killToggle').disabled, document.querySelector('#killToggle').dataset.will,
        document.querySelector('#killOff').checkVisibility()]";
    assert_eq!(page.now(open), json!([true, false, false, "on", true]));
    assert_eq!(site.get("/api/ops/risk-snapshot").json()["kill_switch"], false);
    page.is_content();
}

/// Gives a reason, presses the button and says yes by keyboard; the token is asked for once.
fn switch(page: &mut Page, button: &str) {
    page.click("#killReason").expect("clicked");
    page.type_text("a drill").expect("typed");
    page.now(&format!("document.querySelector('{button}').focus()"));
    page.press("Enter").expect("pressed");
    page.sees("document.querySelector('#killDialog').open");
    if page.now(FOCUS) == "killToken" {
        page.type_text(TOKEN).expect("typed");
    }
    page.now("document.querySelector('#killConfirm').focus()");
    page.press("Enter").expect("pressed");
}

#[test]
fn the_focus_stays_at_the_kill_switch_after_each_of_its_ways() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(arm, |_| {});
    let mut page = site.open(browser, "/");
    page.sees(&format!("{STATUS} === 'ARMED'"));
    for (button, status) in [
        ("#killOff", "OFF"),
        ("#killToggle", "ON"),
        ("#killToggle", "OFF"),
        ("#killToggle", "ON"),
        ("#killToggle", "OFF"),
    ] {
        switch(&mut page, button);
        page.sees(&format!(
            "{STATUS} === '{status}' && !document.querySelector('#killDialog').open && {FOCUS} === 'killToggle'"
        ));
        let after = "[document.querySelector('#killOff').hidden, document.querySelector('#killToggle').disabled]";
        assert_eq!(page.now(after), json!([true, false]), "{status}");
        // Two looks at the server later it is still there.
        page.now(
            "new Promise(done => { let n = 0; const look = new PerformanceObserver(list => {
            n += list.getEntriesByName(location.origin + '/api/control/kill-switch').length;
            if (n >= 2) { look.disconnect(); done(n); } }); look.observe({entryTypes: ['resource']}); })",
        );
        assert_eq!(page.now(FOCUS), "killToggle", "{status}");
    }
    page.is_content();
}

#[test]
fn a_switch_that_another_door_disarms_leaves_the_focus_on_the_button_beside_it() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(arm, |_| {});
    let mut page = site.open(browser, "/");
    page.sees(&format!("{STATUS} === 'ARMED'"));
    page.now("document.querySelector('#killOff').focus()");
    site.post("/api/control/kill-switch", &json!({"is_on": false, "reason": "disarmed elsewhere"}));
    page.sees(&format!("{STATUS} === 'OFF' && document.querySelector('#killOff').hidden"));
    assert_eq!(page.now(FOCUS), "killToggle");
    page.is_content();
}

/// What an engine with one position and one risk says.
pub(crate) fn set_engine(canned: &Canned) {
    let position = json!({"symbol": "005930", "name": "삼성전자", "qty": 10, "avg_entry_price": 71_500, "mark_price": 73_200,
        "pnl": 17_000, "pnl_pct": 2.38, "market_value": 732_000, "currency": "KRW", "ts": 1_795_219_500_123_i64});
    let risk = json!({"timestamp": 1_795_219_500_123_i64, "event_id": 1, "event_type": "RISK_TRIGGERED", "severity": "ERROR",
        "level": "ERROR", "reason": "loss limit", "trace_id": "risk-trace-1", "data": {}});
    canned.set(STATE, Reply::Says(engine()));
    canned.set(POSITIONS, Reply::Says(positions(&json!([position]))));
    canned.set(RISKS, Reply::Says(json!({"contract_version": "v1", "count": 1, "items": [risk]})));
}

fn positions(rows: &Value) -> Value {
    json!({"contract_version": "v1", "ts": 1_795_219_500_123_i64, "positions": rows, "as_of_ms": 1_795_219_500_123_i64, "stale": false})
}

/// Rows as they come, and the cells that they are.
fn holdings() -> Vec<(Value, [&'static str; 6])> {
    let row = |symbol: &str, name: Option<&str>, figures: [Value; 5]| {
        let [qty, avg, mark, pnl, pct] = figures;
        json!({"symbol": symbol, "name": name, "qty": qty, "avg_entry_price": avg, "mark_price": mark, "pnl": pnl, "pnl_pct": pct,
            "market_value": null, "currency": "KRW", "ts": 1_795_219_500_123_i64})
    };
    let won = [json!(1250), json!(71_500), json!(73_200), json!(2_125_000), json!(2.377)];
    let lost = [json!(10), json!(182_000.4), json!(171_000), json!(-110_004), json!(-6.044)];
    let even = [json!(0), json!(50_000), json!(50_000), json!(0), json!(0)];
    let unknown = [json!(3), json!(9_900), json!(null), json!(null), json!(null)];
    vec![
        (
            row("005930", Some("삼성전자"), won),
            ["삼성전자005930", "1,250", "71,500", "73,200", "▲ +2,125,000", "▲ +2.38%"],
        ),
        (
            row("000660", Some("SK하이닉스"), lost),
            ["SK하이닉스000660", "10", "182,000", "171,000", "▼ −110,004", "▼ −6.04%"],
        ),
        (row("069500", Some(""), even), ["069500", "0", "50,000", "50,000", "0", "0.00%"]),
        (row("035420", None, unknown), ["035420", "3", "9,900", "—", "—", "—"]),
        (json!({}), ["—", "—", "—", "—", "—", "—"]),
    ]
}

const CELLS: &str = "[...document.querySelectorAll('#positionRows tr:not(.total)')].map(row => [...row.cells].map(cell => cell.textContent))";
const TOTAL: &str = "document.querySelector('#positionRows .total').innerText.replace(/\\s+/g, ' ').trim()";

#[test]
fn every_position_is_a_row_with_grouped_figures_zero_as_zero_and_a_dash_for_what_is_missing() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (rows, cells): (Vec<Value>, Vec<_>) = holdings().into_iter().unzip();
    for address in ["/", "/ops"] {
        let (canned, mut page) = open(&site, browser, address);
        canned.set(STATE, Reply::Says(engine()));
        canned.set(POSITIONS, Reply::Says(positions(&json!(rows))));
        look_again(&site);
        page.sees(&format!("JSON.stringify({CELLS}) === JSON.stringify({})", json!(cells)));
        assert_eq!(page.now(TOTAL), "합계 —", "a sum that lacks a part is none");
        let color = |row: u32| {
            format!(
                "getComputedStyle(document.querySelector('#positionRows tr:nth-child({row}) td:nth-child(5)')).color"
            )
        };
        assert_eq!(page.now(&color(1)), "rgb(14, 203, 129)");
        assert_eq!(page.now(&color(2)), "rgb(246, 70, 93)");
        assert_eq!(page.now(&color(3)), page.now("getComputedStyle(document.body).color"), "no change, no color");
        let mut known = positions(&json!(rows[..3]));
        known["stale"] = json!(true);
        canned.set(POSITIONS, Reply::Says(known));
        look_again(&site);
        page.sees(&format!("{TOTAL} === '합계 ▲ +2,014,996'"));
        page.sees("document.querySelector('#positionsStale').checkVisibility() && document.querySelector('#positionsStale').innerText === '지연'");
        canned.set(POSITIONS, Reply::Says(positions(&json!([]))));
        look_again(&site);
        page.sees("document.querySelector('#positionsEmpty').innerText === '보유 종목 없음' && !document.querySelector('#positionsTable').checkVisibility()");
        page.sees("document.querySelector('#positionsStale').hidden");
        page.is_content();
    }
}

#[test]
fn the_last_twenty_risks_stand_newest_first_with_their_time_and_a_link_to_their_trace() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/ops");
    let item = |n: i64| {
        json!({"timestamp": 1_795_219_500_123_i64 - n * 1000, "event_id": 100 - n, "event_type": "RISK_TRIGGERED", "severity": "CRITICAL",
            "level": "CRITICAL", "reason": format!("limit {n}"), "trace_id": format!("risk-{n}"), "data": {}})
    };
    let mut items: Vec<Value> = (0..25).map(item).collect();
    items[1] = json!({"timestamp": null, "event_type": null, "severity": "WARN", "reason": null, "trace_id": null});
    items[2] = json!({});
    canned.set(RISKS, Reply::Says(json!({"contract_version": "v1", "count": 25, "items": items})));
    look_again(&site);
    page.sees("document.querySelectorAll('#riskRows tr').length === 20");
    let cells = "[...document.querySelectorAll('#riskRows tr')].slice(0, 4).map(row => [...row.cells].map(cell => cell.textContent))";
    let seen = page.now(cells);
    let day = |time: &str| seen[0][0].as_str().is_some_and(|text| text == time || text == "11-21 09:05");
    assert!(day("09:05:00"), "{seen}");
    assert_eq!(
        seen[0].as_array().expect("cells")[1..],
        [json!("◆ CRITICAL"), json!("RISK_TRIGGERED"), json!("limit 0"), json!("risk-0")]
    );
    assert_eq!(seen[1], json!(["—", "▲ WARN", "—", "—", "—"]));
    assert_eq!(seen[2], json!(["—", "· INFO", "—", "—", "—"]));
    assert_eq!(seen[3][3], "limit 3");
    page.click("#riskRows tr:first-child button").expect("clicked");
    page.sees("document.querySelector('#traceSearch').value === 'risk-0'");
    page.click("#riskRows tr:first-child button").expect("clicked");
    page.sees("document.querySelector('#traceSearch').value === ''");
    canned.set(RISKS, Reply::Says(json!({"contract_version": "v1", "count": 0, "items": []})));
    look_again(&site);
    page.sees("document.querySelector('#risksEmpty').innerText === '최근 리스크 없음' && !document.querySelector('#risksTable').checkVisibility()");
    page.is_content();
}

#[test]
fn wide_tables_scroll_inside_their_panel_on_a_phone() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let canned = Canned::before(site.address());
    site.door.open(canned.address());
    let (mut rows, _): (Vec<Value>, Vec<_>) = holdings().into_iter().unzip();
    rows[0]["name"] = json!("이름이 아주 긴 종목 TIGER 미국필라델피아반도체나스닥(합성 H)");
    rows[0]["pnl"] = json!(-123_456_789_012_i64);
    set_engine(&canned);
    canned.set(POSITIONS, Reply::Says(positions(&json!(rows))));
    let mut page = browser.page().expect("a page");
    page.set_screen(Screen::phone(360, 740, Scheme::Dark)).expect("set");
    for address in ["/", "/ops"] {
        site.show(&mut page, address);
        page.sees("document.querySelectorAll('#positionRows tr').length === 6 && document.querySelectorAll('#riskRows tr').length === 1");
        assert_eq!(page.now(STICKS_OUT), json!([true, []]));
        let inside = "(at => [at.scrollWidth > at.clientWidth, at.getBoundingClientRect().right <= 360, getComputedStyle(at).overflowX,
            (at.scrollLeft = 9999, at.scrollLeft > 0), document.documentElement.scrollLeft])(document.querySelector('#positionsTable'))";
        assert_eq!(page.now(inside), json!([true, true, "auto", true, 0]));
    }
    page.is_content();
}
