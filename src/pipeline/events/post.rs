//! The thread that posts events, and what the run sees of it.
//!
//! The first events are posted at once, later ones are gathered for [`GATHER`] and posted in one go. An event stays with
//! the run until the server has acknowledged it or it stands in the spool, so that the end of the run can spool what a
//! hanging server holds up.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use crate::contracts::json::decode;
use crate::pipeline::client::calls;
use crate::settings::Secret;
use crate::store::Store;
use crate::store::layout;

use super::EventsTo;
use super::Told;
use super::spool;

/// How long one post may take, from the name of the host to the last byte of the answer.
const POST: Duration = Duration::from_secs(2);
/// How long more events are waited for before a post.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes of an answer.
const MAX_REPLY: u64 = 64 << 10;
const PATH: &str = "/api/ops/events";

/// Posts the events of one run.
#[derive(Debug)]
pub(super) struct Poster {
    shared: Arc<Shared>,
    has_thread: bool,
    store: Store,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
}

/// What the run and its thread share.
#[derive(Debug, Default)]
struct Queue {
    /// Not posted yet.
    waiting: Vec<String>,
    /// Posted or spooled at this moment.
    under_way: Vec<String>,
    /// The run waits: nothing more is gathered.
    hurried: bool,
    /// The run has gone on without the thread.
    closed: bool,
    /// The server failed once; the rest is spooled.
    spool_only: bool,
    told: Told,
}

/// How to reach the server.
#[derive(Clone, Debug)]
struct Server {
    url: String,
    token: Option<Secret>,
}

/// What became of a post.
#[derive(Debug, PartialEq, Eq)]
enum Posted {
    /// The server has them.
    Taken,
    /// It has not, or nobody knows; later it may.
    Later(String),
    /// It never will: something in them breaks its rules.
    Never(String),
}

impl Poster {
    pub(super) fn new(to: &EventsTo, store: Store) -> Self {
        let server = match to {
            EventsTo::Server { url, token } => Some(Server { url: url.clone(), token: token.clone() }),
            EventsTo::Nowhere | EventsTo::Spool(_) => None,
        };
        let shared = Arc::<Shared>::default();
        let has_thread = server.is_some_and(|server| {
            let (shared, store) = (Arc::clone(&shared), store.clone());
            let work = move || work(&shared, &server, &store);
            // Without a thread everything is spooled at the end.
            std::thread::Builder::new().name("events".to_owned()).spawn(work).is_ok()
        });
        Self { shared, has_thread, store }
    }

    /// Takes objects; returns at once.
    pub(super) fn send(&self, objects: Vec<String>) {
        self.shared.lock().waiting.extend(objects);
        self.shared.news.notify_all();
    }

    /// Nothing more comes soon: what waits is posted now.
    pub(super) fn hurry(&self) {
        self.shared.lock().hurried = true;
        self.shared.news.notify_all();
    }

    /// Waits until the server has what was sent so far, at most `patience`; not at all when it has failed before.
    pub(super) fn drain(&self, patience: Duration) {
        if self.has_thread {
            self.hurry();
            let busy = |queue: &mut Queue| queue.is_busy() && !queue.spool_only;
            let waited = self.shared.news.wait_timeout_while(self.shared.lock(), patience, busy);
            waited.unwrap_or_else(PoisonError::into_inner).0.hurried = false;
        }
    }

    /// Waits until nothing is left or `patience` is over. What is left then is spooled.
    pub(super) fn close(self, patience: Duration) -> Told {
        self.hurry();
        let queue = self.shared.lock();
        let mut queue = if self.has_thread {
            let waited = self.shared.news.wait_timeout_while(queue, patience, |queue| queue.is_busy());
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            queue
        };
        queue.closed = true;
        let mut left = std::mem::take(&mut queue.under_way);
        left.append(&mut queue.waiting);
        if !left.is_empty() && self.has_thread {
            queue.told.cause.get_or_insert_with(|| format!("no answer within {patience:?}"));
        }
        keep(&mut queue.told, &self.store, &left);
        let told = std::mem::take(&mut queue.told);
        drop(queue);
        self.shared.news.notify_all();
        told
    }
}

impl Queue {
    fn is_busy(&self) -> bool {
        !(self.waiting.is_empty() && self.under_way.is_empty())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: until the run has gone on without it.
fn work(shared: &Shared, server: &Server, store: &Store) {
    let agent = agent_of_post();
    let mut patience = Duration::ZERO;
    while let Some((lines, spool_only)) = next(shared, patience) {
        patience = GATHER;
        let posted = if spool_only { Posted::Later(String::new()) } else { post(&agent, server, store, &lines) };
        let mut told = Told::default();
        match posted {
            Posted::Taken => {}
            Posted::Later(why) => {
                shared.lock().spool_only = true;
                told.cause = (!why.is_empty()).then_some(why);
                if shared.lock().closed {
                    return;
                }
                keep(&mut told, store, &lines);
            }
            Posted::Never(why) => {
                told.lost = lines.len();
                told.cause = Some(why);
            }
        }
        let mut queue = shared.lock();
        queue.told.add(told);
        queue.under_way.clear();
        drop(queue);
        shared.news.notify_all();
    }
}

/// The next objects to post, and whether only the spool is left; `None` when the run has gone on.
fn next(shared: &Shared, gather: Duration) -> Option<(Vec<String>, bool)> {
    let empty = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
    let queue = shared.news.wait_while(shared.lock(), empty).unwrap_or_else(PoisonError::into_inner);
    let early = |queue: &mut Queue| !queue.hurried && !queue.closed;
    let gathered = shared.news.wait_timeout_while(queue, gather, early);
    let mut queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
    if queue.closed {
        return None;
    }
    queue.under_way = std::mem::take(&mut queue.waiting);
    Some((queue.under_way.clone(), queue.spool_only))
}

/// Spools objects and notes what became of them.
fn keep(told: &mut Told, store: &Store, lines: &[String]) {
    let lost = match spool::keep(store, lines) {
        Ok(()) => 0,
        Err((lost, why)) => {
            told.cause = Some(why);
            lost
        }
    };
    told.lost += lost;
    told.spooled += lines.len() - lost;
}

impl Told {
    fn add(&mut self, more: Self) {
        self.spooled += more.spooled;
        self.lost += more.lost;
        // What cost an event is what is told.
        if more.lost > 0 || self.cause.is_none() {
            self.cause = more.cause.or(self.cause.take());
        }
    }
}

fn agent_of_post() -> ureq::Agent {
    calls().timeout_global(Some(POST)).build().into()
}

fn post(agent: &ureq::Agent, server: &Server, store: &Store, lines: &[String]) -> Posted {
    let body = format!("{{\"events\":[{}]}}", lines.join(","));
    let mut request = agent.post(format!("{}{PATH}", server.url)).header("Content-Type", "application/json");
    if let Some(token) = token(server, store) {
        request = request.header("Authorization", format!("Bearer {}", token.expose()));
    }
    match request.send(body.as_bytes()) {
        Ok(mut response) => {
            let status = response.status().as_u16();
            let text = response.body_mut().with_config().limit(MAX_REPLY).read_to_vec();
            judge(status, text.as_deref().unwrap_or_default(), lines.len())
        }
        // The fault's own text could name what it was given.
        Err(fault) => Posted::Later(cause(&fault)),
    }
}

/// Only a server that says how many it has taken is the right one.
fn judge(status: u16, reply: &[u8], count: usize) -> Posted {
    let accepted = || serde_json::from_slice::<Value>(reply).ok()?.get("accepted")?.as_u64();
    match status {
        200 if accepted() == u64::try_from(count).ok() => Posted::Taken,
        // These will not get better by waiting.
        400 | 413 | 415 | 422 => Posted::Never(format!("the server refuses them: HTTP {status}")),
        _ => Posted::Later(format!("the server answers HTTP {status}")),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a call that broke off")]
fn cause(fault: &ureq::Error) -> String {
    match fault {
        ureq::Error::Timeout(_) => "the server does not answer in time".to_owned(),
        ureq::Error::HostNotFound => "the server's name is not known".to_owned(),
        ureq::Error::Io(source) => format!("no connection to the server: {}", source.kind()),
        _ => "the server cannot be called".to_owned(),
    }
}

/// The configured token; else the one that the server made for this workspace, for an address of this machine alone.
fn token(server: &Server, store: &Store) -> Option<Secret> {
    if server.token.is_some() {
        return server.token.clone();
    }
    if !is_here(&server.url) {
        return None;
    }
    // One that is missing or open to others is not shown: the server then says no, and the events wait in the spool.
    let bytes = store.read_secret(layout::OPS_TOKEN).ok().flatten()?;
    let token = decode(&bytes).ok()?.trim();
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| Secret::new(token))
}

/// Whether an address leads to this machine.
fn is_here(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
