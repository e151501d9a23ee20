//! What cards, engine, banner and kill panel say, line by line of the page's specification.

use daily_ops::rehearsal::Page;
use daily_ops::rehearsal::browser::Scheme;
use daily_ops::rehearsal::browser::Screen;
use serde_json::Value;
use serde_json::json;

use crate::canned::Canned;
use crate::canned::Reply;
use crate::lab;
use crate::modes::open;
use crate::site::Look as _;
use crate::site::NOTE_COPIES;
use crate::site::Site;
use crate::site::TOKEN;

const KILL: &str = "GET /api/control/kill-switch";
const STATUS: &str = "document.querySelector('#killPanel').dataset.status";

/// What the cards show of these metrics, one answer after the other: tone, text and title of one card.
fn card(page: &mut Page, id: &str, answers: &Value) -> (String, String, String) {
    let script = format!(
        "import('/static/cards.js').then(({{Cards}}) => {{ const cards = new Cards(); for (const told of {answers}) cards.took(told);
            const card = document.querySelector('#{id}'); return [card.dataset.tone, card.innerText, card.title]; }})"
    );
    let seen = page.now(&script);
    let part = |at: usize| seen[at].as_str().expect("text").replace("\n\n", " | ").replace('\n', " ");
    (part(0), part(1), part(2))
}

#[test]
fn each_card_has_its_value_its_words_and_its_tone() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    let health = |word: &str, reasons: Value| json!([{"health": word, "health_reasons": reasons}]);
    let drops = |counts: Value| {
        let told = |n: usize| json!({"boot_id": "b", "uptime_sec": 500, "drop_count": counts[n][0], "deliveries_total": counts[n][1]});
        json!([told(0), told(1)])
    };
    let subs =
        |n: u32| json!([{"subscribers": n, "subscribers_sse": n - 1, "subscribers_ws": 1, "subscribers_max": 2000}]);
    let queue =
        |pending: u32| json!([{"queue_maxsize": 200, "event_pending": pending, "event_queue_depth_max_seen": 1017}]);
    let kill = |status: Value| json!([{"kill_switch_status": status}]);
    for (id, answers, tone, words) in [
        ("health", health("OK", json!([])), "ok", "OK | 이상 없음"),
        ("health", health("WARN", json!(["kill_switch_armed", "drops_recent"])), "warn", "WARN | 킬 스위치 준비"),
        ("health", health("CRITICAL", json!(["engine_dead"])), "bad", "CRITICAL | 엔진 중단"),
        ("health", health("UNKNOWN", json!(["starting"])), "none", "UNKNOWN | 시작 중"),
        ("health", json!([{}]), "none", "UNKNOWN | 사유 없음"),
        ("drop", drops(json!([[0, 0], [0, 100]])), "plain", "0 | "),
        ("drop", drops(json!([[1_234_567, 10], [1_234_567, 20]])), "plain", "1,234,567 | "),
        ("drop", drops(json!([[5, 1000], [14, 1991]])), "warn", "14 | "),
        ("drop", drops(json!([[5, 1000], [15, 1990]])), "bad", "15 | "),
        ("drop", json!([{}]), "plain", "— | "),
        ("subs", subs(1799), "plain", "1,799 / 2,000 | SSE 1,798 · WS 1"),
        ("subs", subs(1800), "warn", "1,800 / 2,000 | SSE 1,799 · WS 1"),
        ("subs", json!([{}]), "plain", "— / — | SSE — · WS —"),
        ("killsw", kill(json!("ON")), "bad", "ON | 신규 주문 차단"),
        ("killsw", kill(json!("ARMED")), "warn", "ARMED | 준비 상태, 차단 없음"),
        ("killsw", kill(json!("OFF")), "plain", "OFF | 킬 스위치 해제 상태"),
        ("killsw", kill(json!(null)), "none", "? | 확인되지 않음"),
        ("killsw", json!([{"kill_switch": false}]), "none", "? | 확인되지 않음"),
        ("risk", json!([{"mode": "KILL", "risk_level": "CRITICAL"}]), "bad", "KILL | CRITICAL · 하향 단계 —"),
        ("risk", json!([{}]), "none", "? | — · 하향 단계 —"),
        ("qmax", queue(0), "plain", "200 | 대기 0 · 최대 1,017"),
        ("qmax", queue(200), "warn", "200 | 대기 200 · 최대 1,017"),
        ("qmax", json!([{}]), "plain", "— | 대기 — · 최대 —"),
    ] {
        let (seen, text, _) = card(&mut page, id, &answers);
        assert!(seen == tone && text.contains(&format!("| {words}")), "{id} {answers}: {seen} {text:?}");
    }
    let reasons =
        "[document.querySelector('#healthMore').checkVisibility(), document.querySelector('#healthCount').innerText,
        [...document.querySelectorAll('#healthReasons li')].map(line => line.innerText)]";
    for (said, want) in [
        (json!(["engine_dead"]), json!([false, "0", []])),
        (json!(["engine_dead", "drops_recent", "of_tomorrow"]), json!([true, "2", ["최근 누락 발생", "of_tomorrow"]])),
    ] {
        card(&mut page, "health", &health("CRITICAL", said.clone()));
        page.now("document.querySelector('#healthMore').open = true");
        assert_eq!(page.now(reasons), want, "{said}");
    }
    assert_eq!(card(&mut page, "subs", &subs(7)).2, "SSE 6 · WebSocket 1");
    page.is_content();
}

#[test]
fn metrics_are_asked_for_each_second_and_a_half_and_given_up_after_five_seconds() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    let what = "GET /api/ops/metrics";
    for (reply, name, least, most) in [
        (Reply::Says(site.get("/api/ops/metrics").json()), "says", 1.4, 6.0),
        (Reply::IsSilent, "is silent", 6.4, 14.0),
    ] {
        canned.set(what, reply);
        let before = canned.asked(what).len();
        let asked = lab::until("four questions", || Some(canned.asked(what)).filter(|asked| asked.len() >= before + 4));
        let waits: Vec<f64> = asked[before + 1..].windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
        lab::report(&format!("seconds between two questions to a server that {name}: {waits:?}"));
        assert!(waits.iter().all(|wait| (least..most).contains(wait)), "{name}: {waits:?}");
    }
    page.is_content_but_for_lost_requests();
}

#[test]
fn nothing_that_the_page_asks_for_comes_from_a_cache() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = browser.page().expect("a page");
    let watch = "{ const real = window.fetch.bind(window); window.asked = [];
        window.fetch = (path, more) => { asked.push([path.split('?')[0], more?.cache]); return real(path, more); }; }";
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": watch})).expect("added");
    site.show(&mut page, "/");
    for path in [
        "/api/ops/metrics",
        "/api/v1/ops/state",
        "/api/v1/ops/positions",
        "/api/v1/ops/risks",
        "/api/control/kill-switch",
    ] {
        page.sees(&format!("asked.some(([path]) => path === '{path}')"));
    }
    assert_eq!(page.now("asked.filter(([, cache]) => cache !== 'no-store')"), json!([]));
    page.is_content();
}

/// An engine as the page's own module draws it.
fn engine(page: &mut Page, engine: &Value) -> Value {
    let reply = json!({"engine": engine, "counters": {"published": 0, "consumed": 1_234_567, "pending_total": 3},
        "freshness": {"checkpoint_status": "FRESH", "checkpoint_age_sec": 4}});
    page.now(&format!(
        "import('/static/tables.js').then(({{drawEngine}}) => {{ drawEngine({reply}, 3725, 'none');
            return ['engineState', 'enginePid', 'engineUptime', 'enginePublished', 'engineConsumed', 'enginePending', 'engineRestarts']
              .map(id => document.querySelector('#' + id).innerText); }})"
    ))
}

#[test]
fn the_engine_is_running_idle_or_dead_with_its_counts_and_a_dash_for_what_is_missing() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    for (told, state, pid) in [
        (json!({"alive": true, "pid": 4242, "task_state": "RUNNING", "health_status": "OK"}), "가동 중", "4242"),
        (
            json!({"alive": false, "pid": null, "task_state": "IDLE", "health_status": "OK"}),
            "엔진 미가동 (세션 외)",
            "—",
        ),
        (
            json!({"alive": false, "pid": 4242, "task_state": "RUNNING", "health_status": "CRITICAL"}),
            "엔진 중단",
            "4242",
        ),
    ] {
        assert_eq!(engine(&mut page, &told), json!([state, pid, "1시간", "0", "1,234,567", "3", "—"]), "{told}");
    }
    page.is_content();
}

#[test]
fn data_that_stand_still_while_the_engine_works_are_amber_after_one_minute_and_red_after_two() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let canned = Canned::before(site.address());
    site.door.open(canned.address());
    let alive = json!({"engine": {"pid": 4242, "alive": true, "task_state": "RUNNING", "health_status": "OK"}, "counters": {}, "freshness": {}});
    canned.set("GET /api/v1/ops/state", Reply::Says(alive));
    let mut page = browser.page().expect("a page");
    let fed = include_str!("day.js");
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": fed})).expect("added");
    site.show(&mut page, "/");
    page.now("live(1)");
    page.sees("document.querySelector('#engineState').innerText === '가동 중' && document.querySelector('#engineFreeze').hidden");
    // A heartbeat each five seconds: the line lives, nothing happens on it.
    let quiet = |seconds: u32| {
        format!("for (let n = 0; n < {seconds}; n += 5) {{ later(5000); fed.say('heartbeat', {{ts: Date.now()}}); }}")
    };
    for (seconds, tone, words) in [(61, "warn", "60초 넘게"), (60, "bad", "120초 넘게")] {
        page.now(&quiet(seconds));
        page.sees(&format!(
            "(note => note.checkVisibility() && note.dataset.tone === '{tone}' && note.innerText.includes('{words}'))(document.querySelector('#engineFreeze'))"
        ));
        assert_eq!(page.now("document.querySelector('#sseStatus').dataset.state"), "live");
        let ages =
            "[document.querySelector('#lastHeartbeat').innerText, document.querySelector('#dataChanged').innerText]";
        let seen = page.now(ages);
        assert!(seen[0].to_string().contains("초 전") && seen[1].to_string().contains("분 전"), "{seen}");
    }
    page.now("live(1)");
    page.sees("document.querySelector('#engineFreeze').hidden");
    page.is_content();
}

/// Opens the question of the kill switch with a reason and types the token.
fn asked(page: &mut Page) {
    page.sees("document.querySelector('#killState').innerText !== ''");
    page.click("#killReason").expect("clicked");
    page.type_text("a drill").expect("typed");
    page.click("#killToggle").expect("clicked");
    page.sees("document.querySelector('#killDialog').open");
    page.type_text(TOKEN).expect("typed");
}

#[test]
fn a_switch_that_is_on_its_way_cannot_be_pressed_again() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    asked(&mut page);
    let post = "POST /api/control/kill-switch";
    canned.set(post, Reply::IsSilent);
    page.press("Enter").expect("pressed");
    page.sees("document.querySelector('#killConfirm').disabled && document.querySelector('#killToggle').disabled");
    page.press("Enter").expect("pressed");
    page.sees(&format!("{STATUS} === '?' && document.querySelector('#killState').innerText === '상태 확인 중'"));
    assert_eq!(canned.asked(post).len(), 1, "one press, one request");
    page.sees(&format!("{STATUS} === 'OFF' && !document.querySelector('#killToggle').disabled"));
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_refused_switch_shows_code_and_text_and_the_state_is_read_again() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    // Off, of a switch that somebody else has moved since the page has read it.
    site.post("/api/control/kill-switch", &json!({"is_on": true, "reason": "ours"}));
    page.sees(&format!("{STATUS} === 'ON'"));
    canned.set(KILL, Reply::Says(site.get("/api/control/kill-switch").json()));
    for is_on in [false, true] {
        site.post("/api/control/kill-switch", &json!({"is_on": is_on, "reason": "somebody else"}));
    }
    asked(&mut page);
    let before = canned.asked(KILL).len();
    page.press("Enter").expect("pressed");
    page.sees("/^VERSION_CONFLICT: .+/.test(document.querySelector('#killError').innerText)");
    assert!(canned.asked(KILL).len() > before, "read again");
    assert_eq!(site.get("/api/control/kill-switch").json()["reason"], "somebody else");
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_switch_of_which_nobody_knows_is_turned_on_and_never_off() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    site.post("/api/control/kill-switch", &json!({"is_on": true, "reason": "loss"}));
    page.sees(&format!("{STATUS} === 'ON' && document.querySelector('#killToggle').dataset.will === 'off'"));
    canned.set(KILL, Reply::Fails);
    page.sees(&format!("{STATUS} === '?' && document.querySelector('#killToggle').dataset.will === 'on'"));
    page.sees(
        "document.querySelector('#killBannerText').innerText === '킬 스위치 ON — 신규 주문 차단 · loss · 상태 확인 중'",
    );
    asked(&mut page);
    assert_eq!(page.now("document.querySelector('#killDialogTitle').innerText"), "킬 스위치를 켤까요?");
    canned.unset(KILL);
    page.press("Enter").expect("pressed");
    page.sees(&format!("{STATUS} === 'ON' && document.querySelector('#killResult').checkVisibility()"));
    assert_eq!(site.get("/api/control/kill-switch").json()["is_on"], true);
    page.is_content_but_for_lost_requests();
}

#[test]
fn the_audit_id_can_be_copied_and_no_key_turns_the_kill_switch() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.now(NOTE_COPIES);
    asked(&mut page);
    page.press("Enter").expect("pressed");
    page.sees(&format!("{STATUS} === 'ON'"));
    let audit = page.sees("document.querySelector('#killAudit').innerText.trim()");
    page.click("#killCopy").expect("clicked");
    page.sees("document.querySelector('#toast').innerText.startsWith('복사됨')");
    assert_eq!(page.now("copied"), audit);
    assert!(page.now("document.querySelector('#killDoneText').innerText").to_string().contains(':'), "the time");
    page.now("document.activeElement.blur()");
    for key in "abcdfhijklmnoqrsuvwxyz0123456789".chars() {
        page.press(&key.to_string()).expect("pressed");
    }
    assert_eq!(page.now("document.querySelector('dialog[open]')"), json!(null));
    assert_eq!(site.get("/api/control/kill-switch").json()["version"], 1);
    page.is_content();
}

/// Whether a thing that stays in the window lies on the kill panel, at any place to which the page can be scrolled.
const COVERS: &str = "(() => { const panel = document.querySelector('#killPanel'), found = [];
    for (let top = 0; top < document.documentElement.scrollHeight; top += 40) { window.scrollTo({top, behavior: 'instant'});
      const box = panel.getBoundingClientRect();
      for (let x = box.left + 5; x < box.right; x += 30) for (let y = Math.max(0, box.top + 5); y < Math.min(innerHeight, box.bottom); y += 15)
        if (document.elementFromPoint(x, y)?.closest('#downgrade')) found.push([top, x, y]); }
    window.scrollTo({top: 0, behavior: 'instant'}); return found; })()";

#[test]
fn a_level_downgrade_is_a_banner_until_it_is_acknowledged_and_never_lies_on_the_kill_panel() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    let down = |before: u32, after: u32| {
        let data = json!({"previous_level": before, "new_level": after, "reason": "slippage", "affected_symbols": ["005930", "000660"]});
        json!({"type": "LEVEL_DOWNGRADED", "severity": "WARN", "trace_id": "level-trace-1", "data": data})
    };
    site.publish(down(4, 2));
    page.sees("document.querySelector('#downgradeText').innerText === '레벨 하향 4 → 2 · slippage'");
    let more = page.now("document.querySelector('#downgradeMore').innerText").to_string();
    assert!(more.contains("005930, 000660 · level-trace-1 · 20"), "symbols, trace and time: {more}");
    for (width, sticky) in [(1440, "sticky"), (1200, "sticky"), (1100, "sticky"), (360, "static")] {
        page.set_screen(Screen::desktop(width, 700, Scheme::Dark)).expect("set");
        assert_eq!(page.now("getComputedStyle(document.querySelector('#downgrade')).position"), sticky, "{width}");
        assert_eq!(page.now(COVERS), json!([]), "{width}");
    }
    page.set_screen(Screen::desktop(1440, 900, Scheme::Dark)).expect("set");
    page.reload().expect("loaded again");
    page.sees("document.querySelector('#downgrade').checkVisibility()");
    page.now("document.querySelector('#downgradeOk').focus()");
    page.press("Enter").expect("pressed");
    page.sees("document.querySelector('#downgrade').hidden && document.activeElement !== document.body");
    page.reload().expect("loaded again");
    page.sees("document.querySelectorAll('#events .event').length === 1");
    assert_eq!(page.now("document.querySelector('#downgrade').hidden"), true);
    site.publish(down(2, 0));
    page.sees("document.querySelector('#downgradeText').innerText === '레벨 하향 2 → 0 · slippage'");
    page.is_content();
}

#[test]
fn the_dark_page_has_the_colors_and_sizes_that_were_agreed_and_nothing_glows() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    let tokens = "['--up', '--down', '--warn', '--info', '--bg'].map(name => getComputedStyle(document.documentElement).getPropertyValue(name).trim())";
    assert_eq!(page.now(tokens), json!(["#0ecb81", "#f6465d", "#f0b90b", "#4ea1ff", "#0b0e11"]));
    let glow = "[...document.querySelectorAll('*')].filter(node => { const style = getComputedStyle(node);
        return style.textShadow !== 'none' || style.filter !== 'none' || (style.boxShadow !== 'none' && !style.boxShadow.includes('inset')); }).map(node => node.outerHTML.slice(0, 80))";
    assert_eq!(page.now(glow), json!([]));
    let small = "[...document.querySelectorAll('main *')].filter(node => node.checkVisibility() && [...node.childNodes].some(one => one.nodeType === 3 && one.data.trim())
        && parseFloat(getComputedStyle(node).fontSize) < 14).map(node => node.outerHTML.slice(0, 80))";
    assert_eq!(page.now(small), json!([]));
    let figures = "[...document.querySelectorAll('.card .value')].every(node => { const style = getComputedStyle(node), size = parseFloat(style.fontSize);
        return size >= 16 && size <= 20 && style.fontVariantNumeric.includes('tabular-nums'); })";
    for width in [1440, 360] {
        page.set_screen(Screen::desktop(width, 900, Scheme::Dark)).expect("set");
        assert_eq!(page.now(figures), true, "{width}");
    }
    page.is_content();
}

#[test]
fn nothing_moves_for_somebody_who_wants_little_motion() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    site.door.shut();
    page.sees("document.querySelector('#sseStatus').dataset.state === 'reconnecting'");
    let moving = "document.getAnimations().length";
    assert_eq!(page.now(moving), 0, "little motion is wanted");
    page.set_screen(Screen { still: false, ..Screen::desktop(1440, 900, Scheme::Dark) }).expect("set");
    page.sees(&format!("document.querySelector('#sseStatus').dataset.state !== 'reconnecting' || {moving} > 0"));
    page.is_content_but_for_lost_requests();
}

#[test]
fn a_screen_reader_is_told_one_sentence_in_five_seconds_however_much_happens() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    page.now("window.told = []; new MutationObserver(() => told.push([performance.now(), document.querySelector('#eventsSummary').textContent]))
        .observe(document.querySelector('#eventsSummary'), {childList: true, characterData: true, subtree: true}); 0");
    assert_eq!(
        page.now("document.querySelector('#eventScroll').getAttribute('aria-live')"),
        "off",
        "rows are not read out"
    );
    for (n, severity) in ["INFO", "ERROR", "WARN"].iter().enumerate() {
        let event = |m: usize| json!({"message": format!("event {n} {m}"), "severity": severity});
        site.publish_all(&(0..20).map(event).collect::<Vec<_>>());
        page.sees(&format!("told.length > {n}"));
    }
    let told = page.now("told");
    let told = told.as_array().expect("a list");
    assert_eq!(told[1][1], "새 이벤트 20건, 최고 심각도 ERROR");
    let at = |n: usize| told[n][0].as_f64().expect("milliseconds");
    assert!((1..told.len()).all(|n| at(n) - at(n - 1) > 4500.0), "{told:?}");
    page.is_content();
}
