//! The page in a real browser at each step: what must be visible, and a picture of it.

use std::time::Duration;

use serde_json::Value;

use super::Pictures;
use super::show::Show;
use crate::rehearsal::browser::Browser;
use crate::rehearsal::browser::BrowserFault;
use crate::rehearsal::browser::Page;
use crate::rehearsal::browser::Scheme;
use crate::rehearsal::browser::Screen;
use crate::settings::Lang;

/// Every picture of the demo.
pub(super) const PICTURES: [&str; 6] =
    ["0005_intro.png", "0025_event.png", "0060_group.png", "0085_type.png", "0095_trace.png", "0142_export.png"];
/// How long the page may take to show something: a second, and a browser on a small machine.
const VISIBLE: Duration = Duration::from_secs(10);
const SCREEN: Screen = Screen::desktop(1440, 900, Scheme::Dark);

/// A browser with the page in it. The page is dropped before the browser.
pub(super) struct Camera {
    page: Page,
    _browser: Browser,
    taken: Vec<&'static str>,
}

impl Camera {
    fn start(program: &std::path::Path) -> Result<Self, BrowserFault> {
        let browser = Browser::start(program)?;
        let mut page = browser.page()?;
        page.set_screen(SCREEN)?;
        Ok(Self { page, _browser: browser, taken: Vec::new() })
    }
}

/// The pictures that nobody took yet.
pub(super) fn missing(show: &Show<'_>) -> Vec<String> {
    let taken = show.camera.as_ref().map(|camera| camera.taken.as_slice()).unwrap_or_default();
    PICTURES.iter().filter(|name| !taken.contains(name)).map(|name| (*name).to_owned()).collect()
}

/// Starts the browser before the time runs.
pub(super) fn prepare(show: &mut Show<'_>) {
    let Pictures::Taken(program) = &show.demo.pictures else { return };
    match Camera::start(program) {
        Ok(camera) => show.camera = Some(camera),
        Err(fault) => {
            show.note("browser", Err(fault.to_string()));
        }
    }
}

/// Opens the page and waits until its cards are filled and its connection lives.
pub(super) fn open(show: &mut Show<'_>) {
    let url = show.demo.base.join("/ops");
    let lang = if show.demo.lang == Lang::Ko { "ko" } else { "en" };
    let Some(camera) = &mut show.camera else { return };
    let outcome = camera.page.open(&url).map_err(|fault| fault.to_string());
    let filled =
        "['health','drop','subs'].every(id => /[0-9A-Z]/.test((document.getElementById(id) || {}).innerText || ''))";
    let live = "/live|connected|실시간|연결됨/i.test((document.getElementById('sseStatus') || {}).innerText || '')";
    let spoken =
        format!("document.documentElement.lang === '{lang}' || (document.getElementById('langToggle').click(), false)");
    let outcome = outcome.and_then(|()| see(camera, &format!("{filled} && {live}")));
    let outcome = outcome.and_then(|()| see(camera, &spoken));
    show.note("s1.browser", outcome.map(|()| "the cards are filled and the indicator says Live".to_owned()));
}

fn see(camera: &mut Camera, script: &str) -> Result<(), String> {
    camera.page.wait_until(script, VISIBLE).map(|_| ()).map_err(|fault| fault.to_string())
}

/// A text as a literal of a script.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

fn look(show: &mut Show<'_>, id: &'static str, script: &str) {
    let Some(camera) = &mut show.camera else { return };
    let outcome = see(camera, script).map(|()| "visible on the page".to_owned());
    show.note(id, outcome);
}

pub(super) fn see_row(show: &mut Show<'_>, trace: &str) {
    let trace = literal(trace);
    look(show, "s2.browser", &format!("document.getElementById('events').innerText.includes({trace}.slice(0, 8))"));
}

pub(super) fn see_group(show: &mut Show<'_>, trace: &str) {
    let trace = literal(trace);
    let script = format!(
        "(() => {{ const text = document.getElementById('events').innerText; return text.includes({trace}.slice(0, 8)) && \
         ['SignalGenerated', 'RiskEvaluated', 'OrderStatusChanged'].every(kind => text.includes(kind)); }})()"
    );
    look(show, "s3.browser", &script);
}

/// Chooses in a control as a person does, then waits for the badge that says that a filter is on.
fn choose(show: &mut Show<'_>, id: &'static str, (control, value, event): (&str, &str, &str)) {
    let value = literal(value);
    let script = format!(
        "(() => {{ const control = document.getElementById('{control}'); control.value = {value}; \
         control.dispatchEvent(new Event('{event}', {{bubbles: true}})); return control.value === {value}; }})()"
    );
    look(show, id, &script);
}

pub(super) fn see_type(show: &mut Show<'_>, kind: &str) {
    choose(show, "s4.browser", ("typeFilter", kind, "change"));
}

pub(super) fn see_search(show: &mut Show<'_>, part: &str) {
    if let Some(camera) = &mut show.camera {
        // What is chosen here is looked at below; the type is taken back so that the search stands alone.
        let script = "(() => { const control = document.getElementById('typeFilter'); control.value = ''; \
                      control.dispatchEvent(new Event('change', {bubbles: true})); return true; })()";
        camera.page.evaluate(script).ok();
    }
    choose(show, "s5.browser", ("traceSearch", part, "input"));
}

pub(super) fn see_export(show: &mut Show<'_>) {
    look(show, "s6.browser", "document.getElementById('exportBtn') && !document.getElementById('exportBtn').disabled");
}

/// Takes a picture of what the page shows now.
pub(super) fn take(show: &mut Show<'_>, name: &'static str) {
    let Some(camera) = &mut show.camera else { return };
    // A page draws a few times a second; the picture waits for two of its frames.
    let drawn = "new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))), 400))";
    camera.page.evaluate(drawn).ok();
    match camera.page.screenshot() {
        Ok(bytes) => {
            camera.taken.push(name);
            show.keep(&format!("screenshots/{name}"), &bytes);
        }
        Err(fault) => {
            show.note("screenshot", Err(format!("{name}: {fault}")));
        }
    }
}
