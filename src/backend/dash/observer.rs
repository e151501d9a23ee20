//! The observer: sees what other processes change in the workspace and tells it on the bus.
//!
//! It looks once a second and after each POST of the operations API: at the switches, the kill switch, the strategy
//! bundle and the newest daily run. A file is read only when it looks different. What the observer publishes changes no
//! file, so it never answers itself.
//!
//! The first look compares with what an earlier server of the workspace has told, see `noted`, and tells what happened in
//! between: such an event says `found_at_start`, and `occurred_at` when that is known. Where nothing is noted, what is
//! there is known and tells nothing.
//!
//! Which publish of the PC a pull brought is known from the daily run's record, the one document of the host that names
//! it: its trace is the publish's run id.

mod arrivals;
mod noted;
mod switches;
mod words;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::Dash;
use super::past::Order;
use super::past::Record;
use crate::backend::cache::Look;
use crate::contracts::event::Event;
use crate::contracts::event::EventDraft;
use crate::contracts::kill::KillStatus;
use crate::contracts::observed::OpsObserved;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::layout;
use crate::telemetry::EventFilter;

use arrivals::BundleSeen;
use arrivals::Coming;
use arrivals::Silent;
use noted::Notes;
use switches::KillSeen;

pub(crate) use words::kill_changed;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long a finished run is given to tell so itself, the way through the spool included, and any run to name a bundle.
const OWN_WORDS: Duration = Duration::from_secs(12);

/// The events that tell how switches and guardrail stand.
const TURNS: [&str; 3] = ["safety_changed", "KillSwitchChanged", "guardrail_update"];
/// Uses of the kill switch that are remembered.
const OWN_USES: usize = 64;

/// The files, in the order of [`Known::looks`].
const FILES: [&str; 6] =
    [layout::GATE, layout::SENDER, layout::STOP, layout::KILL_SWITCH, layout::BUNDLE.latest, layout::RUN.latest];

/// What the observer has seen; empty before the first look.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    known: Mutex<(Option<Known>, Notes)>,
    /// Uses of the kill switch by this server's own door, which tells of them itself.
    own_uses: Mutex<VecDeque<OwnUse>>,
    /// Requests that set a switch, the newest last.
    requests: Mutex<Vec<Setting>>,
}

/// A use of the kill switch by this server's own door.
#[derive(Debug)]
struct OwnUse {
    audit_id: String,
    word: OwnWord,
}

/// What a use of the kill switch by this server's own door has told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OwnWord {
    /// Nothing yet.
    Coming,
    /// That nothing has changed.
    Same,
    /// The change, and the position of the guardrail that it published with it.
    Told(String),
}

/// A request that sets a switch.
#[derive(Debug)]
struct Setting {
    trace: String,
    phase: Phase,
}

/// How far a request is that sets a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// It has ended, and the next look sees what it did.
    Done,
    /// A look that began after its end is at work.
    Seen,
}

impl Observer {
    /// Leaves it to this use of the kill switch to tell of itself.
    pub(crate) fn leave_to_its_maker(&self, audit_id: &str) {
        let mut own = self.own_uses.lock().unwrap_or_else(PoisonError::into_inner);
        own.push_back(OwnUse { audit_id: audit_id.to_owned(), word: OwnWord::Coming });
        if own.len() > OWN_USES {
            own.pop_front();
        }
    }

    /// This use of the kill switch has told of itself: with a guardrail of this position, when it changed something.
    pub(crate) fn has_told(&self, audit_id: &str, position: Option<String>) {
        let mut own = self.own_uses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = own.iter_mut().find(|one| one.audit_id == audit_id) {
            one.word = position.map_or(OwnWord::Same, OwnWord::Told);
        }
    }

    /// What a use of this server's own door has told; `None` when it is somebody else's.
    fn own_word(&self, audit_id: &str) -> Option<OwnWord> {
        let own = self.own_uses.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().find(|one| one.audit_id == audit_id).map(|one| one.word.clone())
    }

    /// A request of this trace is about to set a switch.
    pub(crate) fn begins(&self, trace: &str) {
        self.settings().push(Setting { trace: trace.to_owned(), phase: Phase::Running });
    }

    /// It has ended.
    pub(crate) fn ends(&self, trace: &str) {
        let is_it = |one: &&mut Setting| one.trace == trace && one.phase == Phase::Running;
        if let Some(ended) = self.settings().iter_mut().find(is_it) {
            ended.phase = Phase::Done;
        }
    }

    /// The trace of the newest request that sets a switch, if there is one. What somebody else changes in the same moment
    /// is told under it as well: nobody could tell the two apart.
    fn cause(&self) -> Option<String> {
        self.settings().last().map(|newest| newest.trace.clone())
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Vec<Setting>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Known {
    looks: [Option<Look>; FILES.len()],
    /// Gate, sender and stop: how each stood.
    switches: [String; 3],
    kill: KillSeen,
    /// Since when a use by this server's own door has not told of itself.
    unsaid: Option<Duration>,
    /// The position of the guardrail.
    rail: String,
    bundle: BundleSeen,
    /// A bundle that no run has named yet.
    coming: Option<Coming>,
    /// The newest run that ended, by its id.
    ended: Option<String>,
    /// The one before, as long as `silent` is waited for.
    settled: Option<String>,
    /// The newest publish that a run named.
    publish: Option<String>,
    /// A run that ended and has not said so on the bus.
    silent: Option<Silent>,
}

/// Looks until the server stops.
pub(crate) async fn watch(dash: Arc<Dash>, ops: Arc<Ops>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let (dash, ops) = (Arc::clone(&dash), Arc::clone(&ops));
        let looked = tokio::task::spawn_blocking(move || dash.look(&ops)).await;
        if let Err(fault) = looked {
            tracing::error!(%fault, "the observer of the workspace's files failed once");
        }
    }
}

impl Dash {
    /// Looks at the files now and tells what changed.
    pub(crate) fn look(&self, ops: &Ops) {
        self.has_recent_drops();
        // Somebody looks already, or will within a second: nobody waits here, and the emergency stop least of all.
        let mut state = match self.observer.known.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let (known, notes) = &mut *state;
        // What these did is there to be seen.
        for one in self.observer.settings().iter_mut().filter(|one| one.phase == Phase::Done) {
            one.phase = Phase::Seen;
        }
        let looks = FILES.map(|file| Look::at(&ops.store().path(file)));
        match known {
            Some(known) => Glance { dash: self, ops, since: None }.compare(known, looks),
            None => {
                let told = notes.read(self);
                let mut first = Known::first(self, ops, looks);
                if let Some(told) = told {
                    first.go_back_to(&told);
                    first.go_on(self, told.event_id);
                    Glance { dash: self, ops, since: Some(told.event_id) }.compare(&mut first, looks);
                }
                *known = Some(first);
            }
        }
        if let Some(known) = known {
            notes.keep(self, known.document(self));
        }
        self.observer.settings().retain(|one| one.phase != Phase::Seen);
    }

    /// Notes what was told, when the log has ended and nothing more is told.
    pub(crate) fn note_last(&self) {
        let mut state = self.observer.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, notes) = &mut *state;
        if let Some(known) = known {
            notes.keep(self, known.document(self));
        }
    }

    /// Counts that orders were let go again.
    pub(crate) fn note_recovery(&self, before: KillStatus, now: KillStatus) {
        if before == KillStatus::On && now != KillStatus::On {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One event that tells of a change.
struct Change {
    draft: EventDraft,
    /// The same for the same change, whoever tells it.
    id: String,
    /// When it happened, as far as a file says so.
    at: Option<String>,
    /// The newest event of the last note, when it was found at the start.
    since: Option<u64>,
}

impl Change {
    fn draft(self) -> EventDraft {
        let draft = self.draft.with("change_id", self.id);
        if self.since.is_some() { words::found_at_start(draft, self.at) } else { draft }
    }
}

/// One look at the files.
struct Glance<'a> {
    dash: &'a Dash,
    ops: &'a Ops,
    /// The newest event of the last note, when this look finds what happened before the start.
    since: Option<u64>,
}

impl Glance<'_> {
    fn now(&self) -> Duration {
        self.dash.bus.clock().monotonic()
    }

    /// Whether something that is waited for since then has had its time.
    fn is_over(&self, since: Duration) -> bool {
        self.now().saturating_sub(since) >= OWN_WORDS
    }

    fn compare(&self, known: &mut Known, looks: [Option<Look>; FILES.len()]) {
        // At the start, and where the file system tells nothing, every file is read.
        let differs: Vec<&str> = FILES
            .into_iter()
            .zip(looks.iter().zip(&known.looks))
            .filter(|(_, (now, before))| self.is_first() || now.is_none() || now != before)
            .map(|(file, _)| file)
            .collect();
        let is_changed = |files: &[&str]| files.iter().any(|file| differs.contains(file));
        let mut cause = None;
        if is_changed(&[layout::GATE, layout::SENDER, layout::STOP]) {
            cause = self.switches(known);
        }
        if is_changed(&[layout::KILL_SWITCH]) || known.unsaid.is_some() {
            self.kill(known);
        }
        // At every look: a window that runs out changes it, and no file.
        if known.unsaid.is_none() {
            self.rail(known, cause);
        }
        if is_changed(&[layout::BUNDLE.latest]) {
            self.bundle(known);
        }
        if is_changed(&[layout::RUN.latest]) || known.coming.is_some() {
            self.run(known);
        }
        self.late_bundle(known);
        self.silent(known);
        known.looks = looks;
    }

    /// Whether this look finds what happened before the start.
    fn is_first(&self) -> bool {
        self.since.is_some()
    }

    /// A change that this look found.
    fn change(&self, draft: EventDraft, id: String) -> Change {
        Change { draft, id, at: None, since: self.since }
    }

    /// Publishes in one go and under one trace what the log does not have yet.
    fn tell(&self, changes: Vec<Change>, trace: &str) {
        let drafts: Vec<_> = changes.into_iter().filter(|change| !self.is_told(change)).map(Change::draft).collect();
        if !drafts.is_empty() {
            self.dash.bus.publish(drafts, Some(trace));
        }
    }

    /// Whether an earlier server told this change and died before it could note that.
    fn is_told(&self, change: &Change) -> bool {
        let Some(since) = change.since else { return false };
        // How switches stood was read from there; the same move a second time is a change.
        if TURNS.contains(&change.draft.kind()) {
            return false;
        }
        let kinds = vec![change.draft.kind().to_owned()];
        let filter = EventFilter { after: Some(since), kinds, ..EventFilter::default() };
        let is_it = |event: &Event| event.data.get("change_id").and_then(Value::as_str) == Some(&change.id);
        !self.dash.find_where(&filter, &is_it, 1, Order::NewestFirst).records.is_empty()
    }
}

impl Known {
    /// What is there.
    fn first(dash: &Dash, ops: &Ops, looks: [Option<Look>; FILES.len()]) -> Self {
        let gates = Gates::new(ops.store());
        let record = ops.latest_daily_run().present();
        let ended = record.as_ref().and_then(arrivals::ended);
        Self {
            looks,
            switches: switches::read(ops).map(|switch| switch.position),
            kill: KillSeen::of(&gates.kill_switch()),
            unsaid: None,
            rail: dash.guardrail(ops).position(),
            bundle: BundleSeen::read(ops),
            coming: None,
            settled: ended.clone(),
            ended,
            publish: record.as_ref().and_then(arrivals::publish_of),
            silent: None,
        }
    }

    /// What was told, in the place of what is there.
    fn go_back_to(&mut self, told: &OpsObserved) {
        self.switches = [told.gate.clone(), told.sender.clone(), told.stop.clone()];
        self.kill = KillSeen { position: told.kill.clone(), version: told.kill_version };
        self.rail.clone_from(&told.guardrail);
        self.bundle = BundleSeen {
            bundle_id: told.bundle_id.clone(),
            sha256: told.bundle_sha256.clone(),
            ..BundleSeen::default()
        };
        self.ended.clone_from(&told.run_id);
        self.settled.clone_from(&told.run_id);
        self.publish.clone_from(&told.publish_run_id);
    }

    /// Goes on to how the switches stood by what the log has after the note: a server that was killed has told more than it
    /// could note. This decides what is told, and never a state: an event that somebody made up can make this server tell
    /// of a switch once more, or leave out a change that ends where the event says.
    fn go_on(&mut self, dash: &Dash, since: u64) {
        let mut after = Some(since);
        // One visit reads so much of the log at most.
        while after.is_some() {
            let kinds = TURNS.map(str::to_owned).to_vec();
            let filter = EventFilter { after, kinds, ..EventFilter::default() };
            let mut see = |record: Record| {
                self.turn(record.event());
                ControlFlow::Continue(())
            };
            let visited = dash.visit(&filter, Order::OldestFirst, &mut see);
            after = visited.scanned_id.filter(|scanned| !visited.is_all && Some(*scanned) > after);
        }
    }
}

#[cfg(test)]
mod tests;
