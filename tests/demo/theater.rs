//! A workspace with the real server, and demos that are performed on it.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use daily_ops::backend::DashOptions;
use daily_ops::backend::Keeping;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::token::TokenHash;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::rehearsal::demo::Audience;
use daily_ops::rehearsal::demo::Demo;
use daily_ops::rehearsal::demo::KillPart;
use daily_ops::rehearsal::demo::Mark;
use daily_ops::rehearsal::demo::Outcome;
use daily_ops::rehearsal::demo::Patience;
use daily_ops::rehearsal::demo::Pictures;
use daily_ops::rehearsal::demo::Speed;
use daily_ops::rehearsal::demo::perform;
use daily_ops::rehearsal::visit::BaseUrl;
use daily_ops::rehearsal::visit::Key;
use daily_ops::rehearsal::visit::Showing;
use daily_ops::settings::Lang;
use daily_ops::settings::Secret;
use daily_ops::store::Store;
use daily_ops::time::SystemClock;
use serde_json::Value;

/// The operator's token of the tests.
pub(crate) const TOKEN: &str = "planted-token-of-the-tests";
pub(crate) const LOG: &str = "metrics/live_obs.jsonl";

pub(crate) struct Theater {
    dir: tempfile::TempDir,
    server: Server,
    pub(crate) store: Store,
    pub(crate) clock: SystemClock,
    pub(crate) interrupted: AtomicBool,
}

/// What was said and shown.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) said: Vec<String>,
    pub(crate) checks: Vec<String>,
}

impl Audience for Heard {
    fn say(&mut self, line: &str) {
        self.said.push(line.to_owned());
    }

    fn check(&mut self, line: &str) {
        self.checks.push(line.to_owned());
    }
}

impl Theater {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A theater whose live side was changed.
    pub(crate) fn with(change: impl FnOnce(&mut DashOptions)) -> Self {
        Self::prepared(|_| (), change)
    }

    /// In a workspace that something was done to before its server starts.
    pub(crate) fn prepared(prepare: impl FnOnce(&Path), change: impl FnOnce(&mut DashOptions)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut dash = DashOptions { journal: Keeping::Log, ..DashOptions::default() };
        dash.settings.heartbeat_seconds = 1;
        change(&mut dash);
        prepare(dir.path());
        let store = Store::new(dir.path());
        let server = serve(&store, dash);
        Self { dir, server, store, clock: SystemClock::new(), interrupted: AtomicBool::new(false) }
    }

    /// Another server of the same workspace.
    pub(crate) fn second(&self) -> Server {
        serve(&self.store, DashOptions { journal: Keeping::Log, ..DashOptions::default() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A demo at `address`, which waits longer than a presenter would: the machine of a test may be busy.
    pub(crate) fn demo(&self, address: SocketAddr) -> Demo<'_> {
        let long = Duration::from_secs(20);
        Demo {
            base: base(address),
            key: Some(Key { secret: Secret::new(TOKEN), showing: Showing::WhenNeeded }),
            secrets: Vec::new(),
            lang: Lang::En,
            speed: Speed::Fast,
            kill: KillPart::Left,
            pictures: Pictures::ByHand,
            operator: Some("Kim".to_owned()),
            host: "test".to_owned(),
            store: &self.store,
            log: LOG.to_owned(),
            evidence: None,
            clock: &self.clock,
            interrupted: &self.interrupted,
            patience: Patience { answer: long, event: long, hello: long, ready: Duration::ZERO },
        }
    }
}

fn serve(store: &Store, dash: DashOptions) -> Server {
    let options = ServeOptions { port: 0, operator_token: Some(TokenHash::of(TOKEN)), dash, ..ServeOptions::default() };
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    let ops = Arc::new(Ops::new(store.clone(), Arc::new(SystemClock::new()), policy));
    Server::start(ops, &options).expect("serving")
}

pub(crate) fn base(address: SocketAddr) -> BaseUrl {
    BaseUrl::parse(&format!("http://{address}")).expect("an address")
}

/// A port where nothing listens.
pub(crate) fn nowhere() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    listener.local_addr().expect("an address")
}

pub(crate) fn play(demo: &Demo<'_>) -> (Outcome, Heard) {
    let mut heard = Heard::default();
    let outcome = perform(demo, &mut heard);
    (outcome, heard)
}

/// The checks that failed.
pub(crate) fn failed(outcome: &Outcome) -> Vec<&'static str> {
    outcome.checks.iter().filter(|check| check.result == Mark::Fail).map(|check| check.id).collect()
}

pub(crate) fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Every file below a directory.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
