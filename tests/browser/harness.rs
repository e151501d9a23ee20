//! The browser itself, on small pages: what it sees, types, clicks, downloads and complains about, and that it goes.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use daily_ops::rehearsal::Browser;
use daily_ops::rehearsal::BrowserFault;
use daily_ops::rehearsal::browser::Complaint;
use daily_ops::rehearsal::browser::Scheme;
use daily_ops::rehearsal::browser::Screen;
use serde_json::json;

use crate::lab;
use crate::lab::Door;
use crate::lab::SOON;

const PAGE: &str = "<!doctype html><html lang=en><meta name=viewport content='width=device-width'><title>Small</title>
<link rel=icon href='data:,'><link rel=stylesheet href=/style.css><script src=/script.js defer></script>
<label>Name <input id=name></label><button id=go>Go</button><button id=under>Under</button><div id=over></div>
<a id=file download=made.txt href='/made.txt'>file</a><p id=out></p>";

const SCRIPT: &str = "
document.querySelector('#go').onclick = () => setTimeout(() => {
  document.querySelector('#out').textContent = 'Hello ' + document.querySelector('#name').value; }, 50);
document.addEventListener('keydown', e => { document.body.dataset.key = `${e.key}|${e.code}|${e.shiftKey}`; });";

const STYLE: &str = "#under { position: fixed; left: 0; bottom: 0; width: 100px; height: 50px }
#over { position: fixed; left: 0; bottom: 0; width: 200px; height: 100px; background: gray; z-index: 1 }";

const BAD: &str =
    "console.error('an error', 7); console.log('a note'); setTimeout(() => { throw new Error('thrown'); });
fetch('/none');";

const PAGES: &[(&str, &str, &str)] = &[
    ("/", "text/html", PAGE),
    ("/script.js", "text/javascript", SCRIPT),
    ("/style.css", "text/css", STYLE),
    (
        "/bad",
        "text/html",
        "<!doctype html><link rel=icon href='data:,'><script>alert(1)</script><script src=/bad.js></script>",
    ),
    ("/bad.js", "text/javascript", BAD),
    ("/made.txt", "application/octet-stream", "made here"),
];

#[test]
fn a_page_is_opened_typed_into_clicked_and_pictured() {
    let Some(browser) = lab::browser() else { return };
    let mut page = browser.page().expect("a page");
    page.open(&lab::serve(PAGES)).expect("opened");
    assert_eq!(page.evaluate("document.title").expect("a title"), "Small");
    page.click("#name").expect("clicked");
    page.type_text("한국 <b>").expect("typed");
    page.press("x").expect("pressed");
    page.press("Backspace").expect("pressed");
    page.click("#go").expect("clicked");
    let out = page.wait_until("document.querySelector('#out').textContent", SOON).expect("an answer");
    assert_eq!(out, "Hello 한국 <b>");
    page.evaluate("document.activeElement.blur()").expect("blurred");
    page.press("?").expect("pressed");
    assert_eq!(page.evaluate("document.body.dataset.key").expect("a key"), "?|Slash|true");
    let picture = page.screenshot().expect("a picture");
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    let big = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((big(16), big(20)), (1440, 900), "as wide and high as the screen");
    assert_eq!(page.complaints().expect("heard"), []);
}

#[test]
fn what_cannot_be_done_says_why() {
    let Some(browser) = lab::browser() else { return };
    let mut page = browser.page().expect("a page");
    page.open(&lab::serve(PAGES)).expect("opened");
    let said = |fault: Result<(), BrowserFault>| fault.expect_err("a fault").to_string();
    assert_eq!(said(page.click("#none")), "#none cannot be clicked: there is no such element");
    assert_eq!(said(page.click("#under")), "#under cannot be clicked: div#over. lies on it");
    let late = said(page.wait_until("document.title === 'Big'", Duration::from_millis(100)).map(drop));
    assert_eq!(late, "document.title === 'Big' did not come within 100 ms; last seen: false");
    assert!(said(page.evaluate("nothing.here").map(drop)).contains("nothing is not defined"));
    assert!(said(page.open("http://127.0.0.1:1/")).contains("ERR_"), "nobody listens there");
    assert!(said(page.open("http://example.com/")).contains("ERR_NAME_NOT_RESOLVED"), "it stays on this machine");
}

#[test]
fn errors_exceptions_lost_requests_and_broken_policies_are_heard() {
    let Some(browser) = lab::browser() else { return };
    let mut page = browser.page().expect("a page");
    page.open(&format!("{}/bad", lab::serve(PAGES))).expect("opened");
    let mut heard = Vec::new();
    let missing = lab::until("four kinds of complaints", || {
        heard.extend(page.complaints().expect("heard"));
        let has = |test: fn(&Complaint) -> bool| heard.iter().any(test);
        let all = has(|c| matches!(c, Complaint::Console(text) if text == "an error 7"))
            && has(|c| matches!(c, Complaint::Exception(text) if text.contains("thrown")))
            && has(|c| matches!(c, Complaint::Policy(_)))
            && has(|c| matches!(c, Complaint::Network(text) if text.contains("404")));
        all.then_some(false)
    });
    assert!(!missing, "{heard:?}");
}

#[test]
fn a_page_sees_the_screen_that_was_set_and_storage_of_its_own() {
    let Some(browser) = lab::browser() else { return };
    let base = lab::serve(PAGES);
    let mut page = browser.page().expect("a page");
    page.set_screen(Screen::phone(360, 740, Scheme::Light)).expect("set");
    page.open(&base).expect("opened");
    let seen = "[innerWidth, matchMedia('(prefers-color-scheme: light)').matches,
        matchMedia('(prefers-reduced-motion: reduce)').matches, matchMedia('(pointer: coarse)').matches,
        document.visibilityState, document.hasFocus()]";
    assert_eq!(page.evaluate(seen).expect("seen"), json!([360, true, true, true, "visible", true]));
    page.evaluate("localStorage.setItem('a', 'b')").expect("kept");
    let read = "localStorage.getItem('a')";
    let mut beside = browser.page_beside(&page).expect("a second page");
    beside.open(&base).expect("opened");
    assert_eq!(beside.evaluate(read).expect("read"), "b");
    let mut other = browser.page().expect("another page");
    other.open(&base).expect("opened");
    assert_eq!(other.evaluate(read).expect("read"), json!(null));
    for page in [&mut page, &mut beside, &mut other] {
        assert_eq!(page.evaluate("document.visibilityState").expect("seen"), "visible", "nobody is in the back");
    }
}

#[test]
fn a_download_lands_in_the_folder_of_the_page() {
    let Some(browser) = lab::browser() else { return };
    let mut page = browser.page().expect("a page");
    page.open(&lab::serve(PAGES)).expect("opened");
    page.click("#file").expect("clicked");
    let file = page.downloads().join("made.txt");
    let text = lab::until("the file", || std::fs::read_to_string(&file).ok().filter(|text| !text.is_empty()));
    assert_eq!(text, "made here");
}

#[test]
fn a_shut_door_breaks_off_what_runs_and_opens_again() {
    let Some(browser) = lab::browser() else { return };
    let base = lab::serve(PAGES);
    let address = base.trim_start_matches("http://").parse().expect("an address");
    let door = Door::new(address);
    let mut page = browser.page().expect("a page");
    page.open(&door.url()).expect("opened");
    door.shut();
    let fetched = "fetch('/').then(r => r.status, () => 'lost')";
    assert_eq!(page.evaluate(fetched).expect("tried"), "lost");
    door.open(address);
    assert_eq!(page.evaluate(fetched).expect("tried"), 200);
}

/// A browser of its own, and where it is.
fn own_browser() -> Option<(Browser, PathBuf)> {
    lab::browser()?;
    let named = std::env::var_os("OPS_BROWSER").map(PathBuf::from);
    let browser = Browser::start(&Browser::find(named.as_deref())?).expect("started");
    let folder = browser.folder().to_owned();
    Some((browser, folder))
}

#[test]
fn a_dropped_browser_leaves_no_process_and_no_folder() {
    let Some((browser, folder)) = own_browser() else { return };
    let port = std::fs::read_to_string(folder.join("DevToolsActivePort")).expect("a port");
    let port: u16 = port.lines().next().and_then(|line| line.parse().ok()).expect("a number");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "it listens");
    drop(browser);
    assert!(!folder.exists(), "{}", folder.display());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}

#[test]
#[ignore = "a part of the next test, in a process of its own"]
fn dies_with_a_browser() {
    let Some((browser, folder)) = own_browser() else { return };
    println!("folder={}", folder.display());
    std::mem::forget(browser);
    std::process::abort();
}

#[test]
fn a_killed_process_leaves_no_browser_behind() {
    if lab::browser().is_none() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "harness::dies_with_a_browser", "--ignored", "--nocapture"]);
    let output = child.output().expect("run");
    assert!(!output.status.success(), "it was killed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = text.lines().find_map(|line| line.split_once("folder=")).expect("a folder").1;
    lab::until("the end of the folder", || (!PathBuf::from(folder).exists()).then_some(()));
}
