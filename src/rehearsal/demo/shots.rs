//! The page in a real browser at each step: what must be visible, and a picture of it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::KillPart;
use super::Pictures;
use super::show::Show;
use super::steps::STORY;
use super::steps::is_export;
use crate::contracts::json::sha256_hex;
use crate::rehearsal::browser::Browser;
use crate::rehearsal::browser::BrowserFault;
use crate::rehearsal::browser::Page;
use crate::rehearsal::browser::Scheme;
use crate::rehearsal::browser::Screen;
use crate::rehearsal::diagnosis::counted;
use crate::settings::Lang;

/// Every picture of the demo.
pub(super) const PICTURES: [&str; 6] =
    ["0005_intro.png", "0025_event.png", "0060_group.png", "0085_type.png", "0095_trace.png", EXPORT];
const EXPORT: &str = "0142_export.png";
/// The picture of a kill switch that is on; only of a demo that shows it.
pub(super) const KILL: &str = "0205_kill.png";
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
    fn start(program: &Path) -> Result<Self, BrowserFault> {
        let browser = Browser::start(program)?;
        let mut page = browser.page()?;
        page.set_screen(SCREEN)?;
        Ok(Self { page, _browser: browser, taken: Vec::new() })
    }
}

/// The pictures that nobody took yet.
pub(super) fn missing(show: &Show<'_>) -> Vec<String> {
    let taken = show.camera.as_ref().map(|camera| camera.taken.as_slice()).unwrap_or_default();
    let kill = (show.demo.kill == KillPart::Shown).then_some(&KILL);
    PICTURES.iter().chain(kill).filter(|name| !taken.contains(name)).map(|name| (*name).to_owned()).collect()
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
    let what = "the cards are filled and the indicator says Live";
    let Some(camera) = &mut show.camera else { return show.leave("s1.browser", &format!("{what}; look at the page")) };
    let outcome = camera.page.open(&url).map_err(|fault| fault.to_string());
    let filled =
        "['health','drop','subs'].every(id => /[0-9A-Z]/.test((document.getElementById(id) || {}).innerText || ''))";
    let live = "/live|connected|실시간|연결됨/i.test((document.getElementById('sseStatus') || {}).innerText || '')";
    let spoken =
        format!("document.documentElement.lang === '{lang}' || (document.getElementById('langToggle').click(), false)");
    let outcome = outcome.and_then(|()| see(camera, &format!("{filled} && {live}")));
    let outcome = outcome.and_then(|()| see(camera, &spoken));
    show.note("s1.browser", outcome.map(|()| format!("on the page: {what}")));
}

fn see(camera: &mut Camera, script: &str) -> Result<(), String> {
    camera.page.wait_until(script, VISIBLE).map(|_| ()).map_err(|fault| fault.to_string())
}

/// A text as a literal of a script.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// What must be visible: seen in the browser, or left to a person where there is none.
fn look(show: &mut Show<'_>, id: &'static str, (what, script): (&str, &str)) -> bool {
    let Some(camera) = &mut show.camera else {
        show.leave(id, &format!("{what}; look at the page"));
        return true;
    };
    let outcome = see(camera, script).map(|()| format!("on the page: {what}"));
    show.note(id, outcome)
}

/// Waits until the page says that the kill switch is on, on its card and on its timeline; `false` when it does not. The
/// search of the story before is cleared, for it would hide the row.
pub(super) fn see_kill(show: &mut Show<'_>) -> bool {
    let script = format!(
        "{} && /\\bON\\b/.test(document.querySelector('#killsw [data-part=value]').innerText) && \
         {EVENTS}.some(row => row.dataset.type === 'KillSwitchChanged')",
        set("traceSearch", "", "input")
    );
    look(show, "k.browser", ("the kill switch card says ON, and its event is on the timeline", &script))
}

/// The group of a trace and the rows inside of it, if the page shows just one such group.
const STORY_OF: &str = "(trace => { const found = [...document.querySelectorAll('#events .group')].filter(row => \
    row.dataset.trace === trace); if (found.length !== 1) return null; const rows = []; \
    for (let row = found[0].nextElementSibling; row && row.matches('.event'); row = row.nextElementSibling) rows.push(row); \
    return {count: Number(found[0].dataset.count), total: Number(found[0].dataset.total), rows}; })";
const EVENTS: &str = "[...document.querySelectorAll('#events .event')]";

/// The beginning of a trace id, as the page shows it.
fn short(trace: &str) -> String {
    trace.chars().take(8).collect()
}

pub(super) fn see_row(show: &mut Show<'_>, trace: &str) {
    let what = format!("the row of the event under its trace {}", short(trace));
    let script = format!(
        "(story => story !== null && story.rows.some(row => row.querySelector('.message').textContent === 'demo'))\
         ({STORY_OF}({}))",
        literal(trace)
    );
    look(show, "s2.browser", (&what, &script));
}

pub(super) fn see_group(show: &mut Show<'_>, trace: &str) {
    let what = format!("one group of {STORY} under the trace {}", short(trace));
    let script = format!(
        "(story => story !== null && story.count === {STORY} && story.rows.length === {STORY} && \
         ['SignalGenerated', 'RiskEvaluated', 'OrderStatusChanged'].every(kind => \
         story.rows.some(row => row.dataset.type === kind)))({STORY_OF}({}))",
        literal(trace)
    );
    look(show, "s3.browser", (&what, &script));
}

/// Sets a control as a person does; true once it has taken the value.
fn set(control: &str, value: &str, event: &str) -> String {
    let value = literal(value);
    format!(
        "(() => {{ const control = document.getElementById('{control}'); if (control.value !== {value}) {{ \
         control.value = {value}; control.dispatchEvent(new Event('{event}', {{bubbles: true}})); }} \
         return control.value === {value}; }})()"
    )
}

/// The rows that the filter leaves: of one type, and one of ours.
pub(super) fn see_type(show: &mut Show<'_>, kind: &str, trace: &str) {
    let what = format!("the type filter leaves rows of {kind} alone, ours among them");
    let script = format!(
        "{} && (rows => rows.length > 0 && rows.every(row => row.dataset.type === {}))({EVENTS}) && \
         (story => story !== null && story.rows.length === 1 && story.total === {STORY})({STORY_OF}({}))",
        set("typeFilter", kind, "change"),
        literal(kind),
        literal(trace)
    );
    look(show, "s4.browser", (&what, &script));
}

/// The rows that the search leaves: our story and no other. The type is taken back, so that the search stands alone.
pub(super) fn see_search(show: &mut Show<'_>, part: &str, trace: &str) {
    let what = format!("the search for {part} leaves the {STORY} rows of {} alone", short(trace));
    let script = format!(
        "{} && {} && document.querySelectorAll('#events .group').length === 1 && {EVENTS}.length === {STORY} && \
         (story => story !== null && story.count === {STORY} && story.rows.length === {STORY})({STORY_OF}({}))",
        set("typeFilter", "", "change"),
        set("traceSearch", part, "input"),
        literal(trace)
    );
    look(show, "s5.browser", (&what, &script));
}

/// Presses Export JSON with the filter that stands, and looks at the file that arrives and at the toast.
pub(super) fn press_export(show: &mut Show<'_>, trace: &str) {
    if show.camera.is_none() {
        let what = format!(
            "Export JSON pressed: a file ops_events_*.json with {STORY} events, and the toast; do it on the page"
        );
        return show.leave("s6.browser", &what);
    }
    let outcome = pressed(show, trace);
    show.note("s6.browser", outcome);
}

fn pressed(show: &mut Show<'_>, trace: &str) -> Result<String, String> {
    let camera = show.camera.as_mut().ok_or("there is no browser")?;
    camera.page.click("#exportBtn").map_err(|fault| fault.to_string())?;
    let folder = camera.page.downloads().to_owned();
    let (name, bytes) = show.until(VISIBLE, |_| downloaded(&folder))?;
    show.keep(&format!("09_export/browser/{name}"), &bytes);
    is_right(&name, &bytes, trace)?;
    let hash = sha256_hex(&bytes);
    let told = format!("{} && {TOAST}.includes({})", toast_says(&name), literal(&hash[..12]));
    let camera = show.camera.as_mut().ok_or("there is no browser")?;
    see(camera, &told).map_err(|why| format!("the toast does not tell name and hash of {name}: {why}"))?;
    Ok(format!("Export JSON pressed: {name} arrived with {STORY} events, sha256 {hash} as the toast says"))
}

/// The file that the browser has saved, once it is whole.
fn downloaded(folder: &Path) -> Result<(String, Vec<u8>), String> {
    let none = || format!("no file arrived in {}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(|fault| fault.to_string())?;
    let mut files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "json")).ok_or_else(none)?;
    let bytes = std::fs::read(&file).map_err(|fault| fault.to_string())?;
    serde_json::from_slice::<Value>(&bytes).map_err(|fault| format!("{} is no JSON: {fault}", file.display()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok((name.ok_or_else(none)?, bytes))
}

/// Whether a saved file is the server's export of one story.
fn is_right(name: &str, bytes: &[u8], trace: &str) -> Result<(), String> {
    let file: Value = serde_json::from_slice(bytes).map_err(|fault| format!("{name} is no JSON: {fault}"))?;
    let events = file["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = events.iter().filter(|event| event["trace_id"] == trace).count();
    if !is_export(name) {
        return Err(format!("the file that arrived is called {name}"));
    }
    if file["origin"] != "server" {
        return Err(format!("{name} has the origin {}, not \"server\"", file["origin"]));
    }
    if file["count"] == STORY && (events.len(), ours) == (STORY, STORY) {
        return Ok(());
    }
    Err(format!(
        "{name} says {} and holds {}, {ours} of them ours; {STORY} are right",
        file["count"],
        counted(events.len(), "event", "events")
    ))
}

const TOAST: &str = "document.getElementById('toast').innerText";

fn toast_says(text: &str) -> String {
    format!("!document.getElementById('toast').hidden && {TOAST}.includes({})", literal(text))
}

/// The picture of the export. The toast goes and does not come back, so one that still stands was on the picture.
pub(super) fn take_export(show: &mut Show<'_>) {
    take(show, EXPORT);
    let Some(camera) = &mut show.camera else { return };
    let stands = camera.page.evaluate(&toast_says("ops_events_")).map_err(|fault| fault.to_string());
    let outcome = match stands {
        Ok(Value::Bool(true)) => Ok(format!("{EXPORT} shows the toast")),
        Ok(_) => Err(format!("the toast does not stand on {EXPORT}")),
        Err(why) => Err(why),
    };
    show.note("s6.picture", outcome);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_saved_file_is_right_when_it_is_the_servers_export_of_the_story() {
        let name = "ops_events_2026-11-21T014204899Z.json";
        let file = |origin: &str, count: usize, traces: &[&str]| {
            let events: Vec<_> = traces.iter().map(|trace| json!({"trace_id": trace})).collect();
            json!({"origin": origin, "count": count, "events": events}).to_string().into_bytes()
        };
        assert_eq!(is_right(name, &file("server", 4, &["t"; 4]), "t"), Ok(()));
        for (name, file, want) in [
            ("export.json", file("server", 4, &["t"; 4]), "is called export.json"),
            (name, file("browser", 4, &["t"; 4]), "the origin \"browser\""),
            (name, file("server", 3, &["t"; 3]), "says 3 and holds 3"),
            (name, file("server", 4, &["t", "t", "t", "u"]), "3 of them ours"),
            (name, b"{".to_vec(), "is no JSON"),
        ] {
            let why = is_right(name, &file, "t").expect_err("wrong");
            assert!(why.contains(want), "{why}");
        }
    }

    #[test]
    fn a_file_has_arrived_once_it_is_whole() {
        use std::io::Write as _;
        let dir = tempfile::tempdir().expect("a directory");
        let put = |name: &str, text: &str| {
            let mut file = std::fs::File::create(dir.path().join(name)).expect("made");
            file.write_all(text.as_bytes()).expect("written");
        };
        put("a.crdownload", "{}");
        assert!(downloaded(dir.path()).is_err());
        put("a.json", "{");
        assert!(downloaded(dir.path()).is_err());
        put("a.json", "{}");
        assert_eq!(downloaded(dir.path()), Ok(("a.json".to_owned(), b"{}".to_vec())));
    }
}
