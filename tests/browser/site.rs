//! A workspace with the real server, a door in front of it, and the dashboard open in a browser.

use std::net::SocketAddr;
use std::sync::Arc;

use daily_ops::backend::DashOptions;
use daily_ops::backend::Keeping;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::token::TokenHash;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::rehearsal::Browser;
use daily_ops::rehearsal::Page;
use daily_ops::rehearsal::browser::Complaint;
use daily_ops::store::Store;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::client;
use crate::client::Answer;
use crate::lab;
use crate::lab::Door;
use crate::lab::SOON;

/// An operator's token.
pub(crate) const TOKEN: &str = "the-operator-of-the-tests";

pub(crate) struct Site {
    dir: tempfile::TempDir,
    server: Option<Server>,
    pub(crate) door: Door,
    options: ServeOptions,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// A site whose workspace and whose live side were changed before it serves.
    pub(crate) fn with(prepare: impl FnOnce(&Store), change: impl FnOnce(&mut DashOptions)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        prepare(&Store::new(dir.path()));
        let mut dash = DashOptions { journal: Keeping::Log, ..DashOptions::default() };
        dash.settings.heartbeat_seconds = 1;
        dash.settings.retry_ms = 200;
        change(&mut dash);
        let operator_token = Some(TokenHash::of(TOKEN));
        let options = ServeOptions { port: 0, operator_token, dash, ..ServeOptions::default() };
        let server = start(dir.path(), &options);
        let door = Door::new(server.address());
        Self { dir, server: Some(server), door, options }
    }

    /// Where the server really is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("serving").address()
    }

    /// Ends the server; who comes to the door stands before it.
    pub(crate) fn stop(&mut self) {
        self.door.shut();
        drop(self.server.take());
    }

    /// Starts it again on the same workspace, behind the same door.
    pub(crate) fn start_again(&mut self) {
        self.start_shut();
        self.door.open(self.address());
    }

    /// The same with the door still shut.
    pub(crate) fn start_shut(&mut self) {
        self.server = Some(start(self.dir.path(), &self.options));
    }

    /// The dashboard in a window of its own, when it says that it is live.
    pub(crate) fn open(&self, browser: &Browser, address: &str) -> Page {
        let mut page = browser.page().expect("a page");
        self.show(&mut page, address);
        page
    }

    /// A page whose clock and whose visibility are the test's.
    pub(crate) fn timed(&self, browser: &Browser) -> Page {
        let mut page = browser.page().expect("a page");
        let clock = include_str!("clock.js");
        page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": clock})).expect("added");
        page
    }

    pub(crate) fn show(&self, page: &mut Page, address: &str) {
        page.open(&format!("{}{address}", self.door.url())).expect("opened");
        page.wait_until(LIVE, SOON).expect("live");
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        client::raw(self.address(), client::request("GET", path, None, &[]).as_bytes())
    }

    /// Posts with the operator's token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {TOKEN}");
        let text = body.to_string();
        let request =
            client::request("POST", path, Some(&text), &[("authorization", &bearer), ("connection", "close")]);
        let answer = client::raw(self.address(), request.as_bytes());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// Publishes one event through the door for trials and gives its trace.
    pub(crate) fn publish(&self, body: Value) -> String {
        self.post("/api/ops/test-event", &body)["trace_id"].as_str().expect("a trace").to_owned()
    }

    /// Publishes events, 500 at a time.
    pub(crate) fn publish_all(&self, events: &[Value]) {
        for batch in events.chunks(500) {
            self.post("/api/ops/events", &json!({"events": batch}));
        }
    }
}

fn start(root: &std::path::Path, options: &ServeOptions) -> Server {
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    let ops = Arc::new(Ops::new(Store::new(root), Arc::new(SystemClock::new()), policy));
    Server::start(ops, options).expect("serving")
}

/// The page says that its stream is live.
pub(crate) const LIVE: &str = "document.querySelector('#sseStatus').dataset.state === 'live'";

/// Lets the page note in `copied` what the clipboard took.
pub(crate) const NOTE_COPIES: &str = "{ const real = navigator.clipboard.writeText.bind(navigator.clipboard);
    navigator.clipboard.writeText = text => real(text).then(() => { window.copied = text; }); }";

/// What the test looks at again and again.
pub(crate) trait Look {
    /// Waits until the script comes to something and gives it.
    fn sees(&mut self, script: &str) -> Value;
    /// What the script comes to now.
    fn now(&mut self, script: &str) -> Value;
    /// The page has complained about nothing.
    fn is_content(&mut self);
    /// It complained about nothing but lost requests: somebody cut its line.
    fn is_content_but_for_lost_requests(&mut self);
}

impl Look for Page {
    fn sees(&mut self, script: &str) -> Value {
        self.wait_until(script, SOON).unwrap_or_else(|fault| {
            let shown = self.evaluate("document.querySelector('main')?.innerText.slice(0, 3000)");
            panic!("{fault}\ncomplaints: {:?}\nthe page shows: {}", self.complaints(), shown.unwrap_or_default())
        })
    }

    fn now(&mut self, script: &str) -> Value {
        self.evaluate(script).unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn is_content(&mut self) {
        assert_eq!(self.complaints().expect("heard"), []);
    }

    fn is_content_but_for_lost_requests(&mut self) {
        let heard = self.complaints().expect("heard");
        let rest: Vec<_> = heard.iter().filter(|one| !matches!(one, Complaint::Network(_))).collect();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

/// A file that the page has saved, as JSON, and its name.
pub(crate) fn saved(page: &Page) -> (String, Value) {
    lab::until("a saved file", || {
        let found = std::fs::read_dir(page.downloads()).ok()?.filter_map(Result::ok);
        let file = found.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "json"))?;
        let value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
        std::fs::remove_file(&file).ok();
        Some((file.file_name()?.to_string_lossy().into_owned(), value))
    })
}
