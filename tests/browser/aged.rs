//! Old values: what a service that fails, hangs or was not asked leaves on the page is grey and says so.

use serde_json::json;

use crate::canned::Canned;
use crate::canned::Reply;
use crate::lab;
use crate::modes::METRICS;
use crate::modes::POSITIONS;
use crate::modes::RISKS;
use crate::modes::STATE;
use crate::modes::look_again;
use crate::modes::open;
use crate::modes::set_engine;
use crate::site::Look as _;
use crate::site::Site;

const STATUS: &str = "document.querySelector('#killPanel').dataset.status";

/// Whether the panel is marked as old, the word that says so is seen, and its texts are grey.
fn age_of(panel: &str, text: &str) -> String {
    format!(
        "(() => {{ const panel = document.querySelector('#{panel}'), word = document.querySelector('#{panel}Stale');
            const grey = getComputedStyle(document.querySelector('{text}')).color === 'rgb(154, 165, 177)';
            return JSON.stringify([panel.dataset.stale, word.checkVisibility() ? word.innerText : '', grey]); }})()"
    )
}

/// Each panel, a text in it, what it is read from, and what the panel says while all is well.
const PANELS: &[(&str, &str, &str, &str)] = &[
    ("engine", "#enginePid", STATE, "4242"),
    ("positions", "#positionRows td:nth-child(5)", POSITIONS, "17,000"),
    ("risks", "#riskRows td:nth-child(4)", RISKS, "loss limit"),
    ("day", "#gate .value", "GET /api/ops/overview", "MOCK"),
];

#[test]
fn a_panel_whose_read_fails_or_hangs_keeps_its_values_in_grey_and_says_so_until_it_is_back() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    set_engine(&canned);
    look_again(&site);
    let shows = |panel: &str, words: &str| format!("document.querySelector('#{panel}').innerText.includes('{words}')");
    for (panel, text, _, words) in PANELS {
        page.sees(&format!("{} && {} === '[\"false\",\"\",false]'", shows(panel, words), age_of(panel, text)));
    }
    for reply in [Reply::Fails, Reply::IsSilent] {
        for (panel, text, what, words) in PANELS {
            canned.set(what, reply.clone());
            look_again(&site);
            page.sees(&format!("{} === '[\"true\",\"지연\",true]' && {}", age_of(panel, text), shows(panel, words)));
            for (other, text, ..) in PANELS.iter().filter(|other| other.0 != *panel) {
                assert_eq!(page.now(&age_of(other, text)), "[\"false\",\"\",false]", "{other} while {panel} fails");
            }
            canned.unset(what);
            set_engine(&canned);
            page.sees(&format!("{} === '[\"false\",\"\",false]'", age_of(panel, text)));
        }
    }
    page.is_content_but_for_lost_requests();
}

#[test]
fn what_was_read_more_than_ten_seconds_ago_is_not_shown_as_current() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let canned = Canned::before(site.address());
    site.door.open(canned.address());
    set_engine(&canned);
    let mut page = browser.page().expect("a page");
    // A clock that the test moves on, and a tab that it sends to the back: there the page asks nothing.
    let fed = "{ const real = Date.now.bind(Date); let more = 0; Date.now = () => real() + more; window.later = ms => { more += ms; };
        let away = false; Object.defineProperty(document, 'hidden', {get: () => away});
        window.look = seen => { away = !seen; document.dispatchEvent(new Event('visibilitychange')); }; }";
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": fed})).expect("added");
    site.show(&mut page, "/");
    page.sees("document.querySelector('#enginePid').innerText === '4242' && document.querySelector('#health').dataset.stale === 'false'");
    page.sees(&format!("{STATUS} === 'OFF'"));
    page.now("look(false), later(3000)");
    for (panel, text, ..) in PANELS {
        assert_eq!(page.now(&age_of(panel, text)), "[\"false\",\"\",false]", "{panel}");
    }
    page.now("later(8000)");
    for (panel, text, ..) in PANELS {
        page.sees(&format!("{} === '[\"true\",\"지연\",true]'", age_of(panel, text)));
    }
    page.sees("document.querySelector('#health .value').innerText === 'UNKNOWN (지연)'");
    page.sees("document.querySelector('#killsw .value').innerText === '?' && document.querySelector('#risk .value').innerText === '?'");
    page.sees(&format!("{STATUS} === '?' && document.querySelector('#killState').innerText === '상태 확인 중'"));
    page.now("look(true)");
    for (panel, text, ..) in PANELS {
        page.sees(&format!("{} === '[\"false\",\"\",false]'", age_of(panel, text)));
    }
    page.sees(&format!("{STATUS} === 'OFF' && document.querySelector('#killsw .value').innerText === 'OFF'"));
    page.sees("document.querySelector('#health').dataset.stale === 'false'");
    page.is_content();
}

#[test]
fn cards_without_an_answer_are_grey_say_unknown_and_keep_their_figures() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let (canned, mut page) = open(&site, browser, "/");
    let mut metrics = site.get("/api/ops/metrics").json();
    (metrics["drop_count"], metrics["subscribers"], metrics["subscribers_max"]) =
        (json!(12_345), json!(7), json!(2000));
    let cards = "[...document.querySelectorAll('.card')].map(card => [card.id, card.dataset.stale, card.querySelector('.value').innerText,
        getComputedStyle(card.querySelector('.value')).color === 'rgb(154, 165, 177)'])";
    let grey = json!([
        ["health", "true", "UNKNOWN (지연)", true],
        ["drop", "true", "12,345", true],
        ["subs", "true", "7 / 2,000", true],
        ["killsw", "true", "?", true],
        ["risk", "true", "?", true],
        ["qmax", "true", "200", true]
    ]);
    for reply in [Reply::Fails, Reply::IsSilent] {
        canned.set(METRICS, Reply::Says(metrics.clone()));
        page.sees("document.querySelector('#drop .value').innerText === '12,345'");
        page.sees("/^[0-9]초 전$/.test(document.querySelector('#lastTs').innerText)");
        canned.set(METRICS, reply);
        page.sees(&format!("JSON.stringify({cards}) === JSON.stringify({grey})"));
        page.sees("/^지표 수신 실패 · 마지막 [0-9]+초 전$/.test(document.querySelector('#metricsError').innerText)");
        assert_eq!(page.now("document.querySelector('#metricsSaid').innerText"), "지표 수신 실패");
        canned.unset(METRICS);
        page.sees("[...document.querySelectorAll('.card')].every(card => card.dataset.stale === 'false') && document.querySelector('#metricsError').hidden");
        page.sees("['OK', 'WARN', 'CRITICAL'].includes(document.querySelector('#health .value').innerText)");
    }
    page.is_content_but_for_lost_requests();
}
