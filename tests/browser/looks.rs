//! How the pages look on a desk and on a phone, in dark and in light, and whether everybody can use them.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use daily_ops::rehearsal::Page;
use daily_ops::rehearsal::browser::Scheme;
use daily_ops::rehearsal::browser::Screen;
use serde_json::Value;
use serde_json::json;

use crate::lab;
use crate::lab::SOON;
use crate::runs::write_runs;
use crate::site::LIVE;
use crate::site::Look as _;
use crate::site::Site;

const AXE: &str = include_str!("axe.js");

/// What sticks out of the page to the side and does not scroll inside its panel.
pub(crate) const STICKS_OUT: &str = "(() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = node => { for (let at = node.parentElement; at; at = at.parentElement)
    if (/auto|scroll|hidden|clip/.test(getComputedStyle(at).overflowX)) return true; return false; };
  const out = [...document.body.querySelectorAll('*')].filter(node => node.checkVisibility({visibilityProperty: true})
    && node.getBoundingClientRect().width > 0 && !node.closest('.sr, [hidden]')
    && (node.getBoundingClientRect().right > wide + 1 || node.getBoundingClientRect().left < -1) && !scrolls(node));
  return [document.documentElement.scrollWidth <= wide, out.map(node => node.outerHTML.slice(0, 120)).slice(0, 5)];
})()";

/// Controls that the page shows and whose middle another thing covers, after they were scrolled to.
const COVERED: &str = "(() => [...document.querySelectorAll('main button, main input, main select, header button, header a')]
  .filter(node => node.checkVisibility({visibilityProperty: true}) && !node.disabled && !node.closest('dialog:not([open])'))
  .map(node => { node.scrollIntoView({block: 'center', behavior: 'instant'}); const box = node.getBoundingClientRect();
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const free = !node.isConnected || box.width === 0 || hit && (node.contains(hit) || hit.contains(node) || hit.closest('label')?.control === node);
    return free ? null : `${node.outerHTML.slice(0, 100)} by ${hit?.outerHTML.slice(0, 100)} at ${box.left},${box.top} of ${innerWidth},${innerHeight}`; })
  .filter(found => found !== null))()";

/// Controls that a finger misses: lower than 44 px, links inside a text aside.
const SMALL: &str = "[...document.querySelectorAll('button, select, input:not([type=checkbox]):not([type=hidden]), nav a')]
  .filter(node => node.checkVisibility({visibilityProperty: true}) && node.getBoundingClientRect().height > 0
    && node.getBoundingClientRect().height < 43.5).map(node => `${Math.round(node.getBoundingClientRect().height)} px: ${node.outerHTML.slice(0, 100)}`)";

/// A site on which everything has something to show.
pub(crate) fn full_site() -> Site {
    let site = Site::with(write_runs, |_| {});
    let long = "a-very-long-identifier-without-any-place-to-break-".repeat(3);
    let mut events = vec![
        json!({"type": "RISK_TRIGGERED", "severity": "CRITICAL", "message": "손실 한도 초과", "trace_id": "9f3c2d4e-aaaa-4bbb-8ccc-1234567890ab",
            "source": "engine", "data": {"symbol": "005930", "limit": 500_000, "loss": 612_000}}),
        json!({"type": "OrderPlaced", "message": long, "trace_id": long.get(..120), "source": "trading", "data": {"order_id": long}}),
        json!({"type": "test-event", "message": "추적 없는 이벤트", "trace_id": "no-trace"}),
    ];
    for (kind, severity) in [
        ("SignalGenerated", "INFO"),
        ("RiskEvaluated", "WARN"),
        ("OrderPlaced", "INFO"),
        ("FillReceived", "INFO"),
        ("ORDER_REJECTED", "ERROR"),
    ] {
        for n in 0..3 {
            let trace = format!("7a1b0c2d-000{n}-4bbb-8ccc-1234567890ab");
            events.push(json!({"type": kind, "severity": severity, "trace_id": trace, "source": "trading",
                "message": format!("{kind}: 삼성전자 10주 @ 71,500"), "data": {"symbol": "005930", "qty": 10}}));
        }
    }
    site.publish_all(&events);
    site
}

/// Names of controls as the browser computes them for a screen reader: those without one.
fn nameless(page: &mut Page) -> Vec<Value> {
    let tree = page.command("Accessibility.getFullAXTree", &json!({})).expect("a tree");
    let is_control = |node: &&Value| {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let controls = [
            "button",
            "link",
            "textbox",
            "searchbox",
            "combobox",
            "checkbox",
            "radio",
            "switch",
            "slider",
            "log",
            "dialog",
        ];
        controls.contains(&role) && node["ignored"] != true
    };
    let named = |node: &&Value| node["name"]["value"].as_str().is_some_and(|name| !name.trim().is_empty());
    let nodes = tree["nodes"].as_array().expect("nodes");
    let controls: Vec<_> = nodes.iter().filter(is_control).collect();
    assert!(controls.len() > 3, "only {} controls were seen", controls.len());
    controls.into_iter().filter(|node| !named(node)).cloned().collect()
}

fn faults(page: &mut Page) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    faults
        .extend(page.now(AXE).as_array().expect("a list").iter().map(|fault| fault.as_str().unwrap_or("?").to_owned()));
    faults.extend(nameless(page).iter().map(|node| format!("name: {} has none", node["role"]["value"])));
    let out = page.now(STICKS_OUT);
    if out != json!([true, []]) {
        faults.push(format!("width: {out}"));
    }
    faults
}

/// Opens each page on the screen and gathers what is wrong with it.
fn look(site: &Site, screen: Screen, name: &str) {
    let Some(browser) = lab::browser() else { return };
    let mut page = browser.page().expect("a page");
    page.set_screen(screen).expect("set");
    let mut faults_seen = Vec::new();
    let paths = ["/", "/#flat=1", "/ops/runs", "/ops/runs/run_20261121_144637_23a32f5c"];
    for path in paths {
        page.open(&format!("{}{path}", site.door.url())).expect("opened");
        if path.starts_with("/#") || path == "/" {
            page.wait_until(LIVE, SOON).expect("live");
            page.sees("document.querySelectorAll('#events .event').length >= 18");
            page.sees("document.querySelectorAll('#runStages li').length === 5 && document.querySelector('#health').dataset.stale === 'false'");
            // One event's data is open, as when somebody reads it.
            page.now("document.querySelector('#events [data-act=data]').click()");
        }
        faults_seen.extend(faults(&mut page).into_iter().map(|fault| format!("{path}: {fault}")));
        if screen.phone {
            let small = page.now(SMALL);
            faults_seen.extend((small != json!([])).then(|| format!("{path}: small: {small}")));
        }
        let covered = page.now(COVERED);
        faults_seen.extend((covered != json!([])).then(|| format!("{path}: covered: {covered}")));
    }
    assert!(faults_seen.is_empty(), "{name}:\n{}", faults_seen.join("\n"));
    page.is_content();
}

/// How many of the elements stand beside each other in the first row.
fn columns(page: &mut Page, elements: &str) -> Value {
    page.now(&format!("(() => {{ const tops = [...document.querySelectorAll({elements})].map(n => Math.round(n.getBoundingClientRect().top));
        return tops.filter(top => top === tops[0]).length; }})()"))
}

#[test]
fn a_wide_desk_shows_six_cards_in_dark_and_in_light_and_everybody_can_use_it() {
    let site = full_site();
    look(&site, Screen::desktop(1440, 900, Scheme::Dark), "1440 dark");
    look(&site, Screen::desktop(1440, 900, Scheme::Light), "1440 light");
}

#[test]
fn a_small_desk_and_a_zoomed_one_have_no_less() {
    let site = full_site();
    look(&site, Screen::desktop(1024, 768, Scheme::Dark), "1024 dark");
    look(&site, Screen::desktop(720, 450, Scheme::Light), "1440 at 200 %, light");
}

#[test]
fn a_phone_of_360_pixels_scrolls_only_down_and_has_room_for_fingers() {
    let site = full_site();
    look(&site, Screen::phone(360, 740, Scheme::Dark), "360 dark");
    look(&site, Screen::phone(360, 740, Scheme::Light), "360 light");
}

#[test]
fn the_cards_stand_in_six_three_or_two_columns() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let mut page = site.open(browser, "/");
    for (width, cards) in [(1440, 6), (1439, 3), (1024, 3), (1023, 2), (360, 2)] {
        page.set_screen(Screen::desktop(width, 900, Scheme::Dark)).expect("set");
        let seen = columns(&mut page, "'#health, #drop, #subs, #killsw, #risk, #qmax'");
        assert_eq!(seen, cards, "at {width} px");
        let columns =
            page.now("getComputedStyle(document.querySelector('.columns')).gridTemplateColumns.split(' ').length");
        assert_eq!(columns, if width >= 1180 { 2 } else { 1 }, "at {width} px");
    }
    page.is_content();
}

#[test]
fn what_has_the_focus_is_seen_and_the_order_is_that_of_the_page() {
    let Some(browser) = lab::browser() else { return };
    let site = full_site();
    for scheme in [Scheme::Dark, Scheme::Light] {
        let mut page = browser.page().expect("a page");
        page.set_screen(Screen::desktop(1440, 900, scheme)).expect("set");
        site.show(&mut page, "/");
        page.sees("document.querySelectorAll('#events .event').length >= 18");
        let mut seen = Vec::new();
        for _ in 0..40 {
            page.press("Tab").expect("pressed");
            let focus = "(() => { const node = document.activeElement; if (node === document.body) return null;
                const style = getComputedStyle(node); const box = node.getBoundingClientRect();
                const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== 'none';
                return {ring, inSight: box.bottom > 0 && box.top < innerHeight && box.width > 0,
                  what: node.id || node.className || node.tagName}; })()";
            let focus = page.now(focus);
            if focus.is_null() {
                break;
            }
            assert!(focus["ring"] == true && focus["inSight"] == true, "{scheme:?}: {focus}");
            seen.push(focus["what"].to_string());
        }
        let at = |id: &str| seen.iter().position(|what| what.contains(id));
        assert!(at("langToggle").is_some() && at("typeFilter").is_some(), "{seen:?}");
        assert!(at("typeFilter") < at("traceSearch"), "{seen:?}");
    }
}

#[test]
fn the_log_and_the_messages_are_told_to_a_screen_reader() {
    let Some(browser) = lab::browser() else { return };
    let site = full_site();
    let mut page = site.open(browser, "/");
    for (selector, attribute, value) in [
        ("#events", "role", "log"),
        ("#events", "aria-live", "polite"),
        ("#sseStatus", "role", "status"),
        ("#killError", "role", "alert"),
        ("#killReasonError", "role", "alert"),
        ("#killDialogError", "role", "alert"),
        ("#killResult", "role", "alert"),
        ("#killState", "role", "status"),
        ("#metricsSaid", "role", "status"),
        ("#toast", "role", "status"),
    ] {
        let found = page.now(&format!("document.querySelector('{selector}').getAttribute('{attribute}')"));
        assert_eq!(found, value, "{selector} {attribute}");
    }
    assert_eq!(page.now("document.querySelector('noscript') !== null"), true);
    let headless = "[...document.querySelectorAll('.panel, .card, .tile')].filter(part => !part.querySelector('h2, h3')?.textContent.trim()).map(part => part.id)";
    assert_eq!(page.now(headless), json!([]), "each part has its heading");
    page.is_content();
}

#[test]
#[ignore = "pictures for people to look at: SHOTS=folder cargo test --test browser pictures -- --ignored"]
fn pictures() {
    let (Some(browser), Some(folder)) = (lab::browser(), std::env::var_os("SHOTS").map(PathBuf::from)) else { return };
    std::fs::create_dir_all(&folder).expect("a folder");
    let site = full_site();
    let mut page = browser.page().expect("a page");
    for (name, screen) in [
        ("1440-dark", Screen::desktop(1440, 900, Scheme::Dark)),
        ("1440-light", Screen::desktop(1440, 900, Scheme::Light)),
        ("1024-dark", Screen::desktop(1024, 768, Scheme::Dark)),
        ("360-dark", Screen::phone(360, 740, Scheme::Dark)),
        ("360-light", Screen::phone(360, 740, Scheme::Light)),
    ] {
        page.set_screen(screen).expect("set");
        for (part, path) in [("board", "/"), ("runs", "/ops/runs"), ("run", "/ops/runs/run_20261121_144637_23a32f5c")] {
            page.open(&format!("{}{path}", site.door.url())).expect("opened");
            if part == "board" {
                page.wait_until(LIVE, SOON).expect("live");
                page.sees("document.querySelectorAll('#events .event').length >= 18");
                page.sees("document.querySelector('#health').dataset.stale === 'false'");
            }
            for (end, picture) in [("", page.screenshot()), ("-all", page.full_screenshot())] {
                let mut file = File::create(folder.join(format!("{part}-{name}{end}.png"))).expect("a file");
                file.write_all(&picture.expect("a picture")).expect("written");
            }
        }
    }
}
