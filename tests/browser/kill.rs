//! The kill switch on the page: a reason, a second look, a token, an audit id, and every other tab.

use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::gates::Stop;
use daily_ops::store::Store;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::json;

use crate::lab;
use crate::site::Look as _;
use crate::site::Site;
use crate::site::TOKEN;

const STATUS: &str = "document.querySelector('#killPanel').dataset.status";
const OPEN: &str = "document.querySelector('#killDialog').open";

#[test]
fn a14_the_kill_switch_needs_a_reason_a_second_look_and_a_token_and_shows_its_audit_id() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    let mut other = site.open(browser, "/ops");
    page.sees(&format!("{STATUS} === 'OFF'"));
    page.click("#killToggle").expect("clicked");
    page.sees(
        "document.activeElement.id === 'killReason' && document.querySelector('#killReasonError').innerText.length > 0",
    );
    assert_eq!(page.now(OPEN), false, "no reason, no question");
    page.type_text("주문 중단 연습 <b>").expect("typed");
    page.click("#killToggle").expect("clicked");
    page.sees(OPEN);
    assert_eq!(page.now("document.querySelector('#killDialogReason').textContent"), "주문 중단 연습 <b>");
    page.sees("document.activeElement.id === 'killToken' && document.activeElement.type === 'password'");
    page.type_text("not-the-token-of-anybody").expect("typed");
    page.click("#killConfirm").expect("clicked");
    page.sees("document.querySelector('#killDialogError').innerText.includes('AUTH_INVALID')");
    assert_eq!(site.get("/api/control/kill-switch").json()["is_on"], false);
    page.sees("document.querySelector('#killDialogError').innerText.includes('토큰이 올바르지 않습니다')");
    page.click("#killToken").expect("clicked");
    page.type_text(TOKEN).expect("typed");
    page.press("Enter").expect("pressed");
    page.sees(&format!("!{OPEN} && {STATUS} === 'ON'"));
    page.sees("document.activeElement.id === 'killToggle'");
    let clock = SystemClock::new();
    other.sees(&format!("{STATUS} === 'ON' && /ON/.test(document.querySelector('#killsw').innerText)"));
    lab::report(&format!("kill switch in the other tab after {} ms", clock.monotonic().as_millis()));
    let audit = page.sees("document.querySelector('#killAudit').innerText.trim()");
    let state = site.get("/api/control/kill-switch").json();
    assert_eq!((&state["is_on"], &state["audit_id"]), (&json!(true), &audit));
    assert_eq!(state["reason"], "주문 중단 연습 <b>");
    page.sees("!document.querySelector('#killBanner').hidden && document.querySelector('#killBanner').innerText.includes('<b>')");
    other.sees("document.querySelector('#events').innerText.includes('KillSwitchChanged')");
    let kept = page
        .now("JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + document.cookie + location");
    assert!(!kept.to_string().contains(TOKEN), "the token lives in memory only: {kept}");
    page.click("#killReason").expect("clicked");
    page.type_text("연습 끝").expect("typed");
    page.click("#killToggle").expect("clicked");
    page.sees(OPEN);
    assert_eq!(page.now("document.querySelector('#killTokenRow').hidden"), true, "asked once");
    page.click("#killConfirm").expect("clicked");
    page.sees(&format!("{STATUS} === 'OFF'"));
    other.sees(&format!("{STATUS} === 'OFF'"));
    assert_ne!(page.sees("document.querySelector('#killAudit').innerText.trim()"), audit);
    page.is_content_but_for_lost_requests();
    other.is_content();
}

#[test]
fn the_question_keeps_the_focus_and_gives_it_back() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.click("#killReason").expect("clicked");
    page.type_text("a reason").expect("typed");
    page.click("#killToggle").expect("clicked");
    page.sees(OPEN);
    for key in ["Tab", "Tab", "Tab", "Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"] {
        page.press(key).expect("pressed");
        let inside = "document.activeElement === document.body || !!document.activeElement.closest('#killDialog')";
        assert_eq!(page.now(inside), true, "{}", page.now("document.activeElement.outerHTML.slice(0, 200)"));
    }
    page.press("Escape").expect("pressed");
    page.sees(&format!("!{OPEN} && document.activeElement.id === 'killToggle'"));
    assert_eq!(site.get("/api/control/kill-switch").json()["is_on"], false);
    page.is_content();
}

#[test]
fn a_switch_that_got_no_answer_is_looked_up_and_never_assumed() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.click("#killReason").expect("clicked");
    page.type_text("no answer").expect("typed");
    page.click("#killToggle").expect("clicked");
    page.sees(OPEN);
    page.type_text(TOKEN).expect("typed");
    site.door.shut();
    page.press("Enter").expect("pressed");
    page.sees(&format!("{STATUS} === '?' && document.querySelector('#killPanel').innerText.includes('상태 확인 중')"));
    site.door.open(site.address());
    page.sees(&format!("{STATUS} === 'OFF'"));
    page.is_content_but_for_lost_requests();
}

#[test]
fn an_emergency_stop_is_said_first_and_nobody_promises_orders() {
    let Some(browser) = lab::browser() else { return };
    let stop = |store: &Store| {
        let admin = Actor::new("admin", Role::Admin, "test");
        Gates::new(store).set_stop(Stop::On, &admin, "halt", SystemClock::new().now()).expect("set");
    };
    let site = Site::with(stop, |_| {});
    let mut page = site.open(browser, "/");
    page.sees("document.querySelector('#killState').innerText.startsWith('비상 정지로 신규 주문 차단')");
    page.sees("document.querySelector('#killsw').innerText.includes('비상 정지로 신규 주문 차단')");
    assert_eq!(page.now(STATUS), "OFF", "the switch itself");
    assert_eq!(page.now("document.body.innerText.includes('주문 가능')"), false);
    page.is_content();
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.sees("document.querySelector('#killState').innerText === 'OFF · 킬 스위치 해제 상태'");
    page.sees("document.querySelector('#killsw').innerText.includes('킬 스위치 해제 상태')");
    page.sees("document.querySelector('#engineState').innerText === '엔진 연결 안 됨'");
    page.sees("document.querySelector('#positionsEmpty').innerText === '엔진 연결 안 됨' && document.querySelector('#positionsStale').hidden");
    assert_eq!(page.now("document.querySelector('#engineRestarts').innerText"), "—", "nobody counts restarts");
    assert_eq!(page.now("document.body.innerText.includes('주문 가능')"), false);
    page.is_content();
}
