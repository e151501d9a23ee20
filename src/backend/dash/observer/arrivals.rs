//! What a pull brings: the strategy bundle, the publish that a run names, and the end of a run that does not say so itself.
//!
//! A new bundle waits until a run names it: bundle and publish are then told in one go under the run's trace. A bundle that
//! no run names in time came by another way and has a trace of its own.

use std::time::Duration;

use serde_json::Value;

use crate::backend::cache::Look;
use crate::backend::dash::past::Order;
use crate::contracts::event::Event;
use crate::contracts::event::millis_stamp;
use crate::contracts::event::new_trace;
use crate::contracts::json::sha256_hex;
use crate::contracts::run::RunRecord;
use crate::ops::DailyRun;
use crate::ops::Ops;
use crate::store::layout;
use crate::telemetry::EventFilter;

use super::Change;
use super::Glance;
use super::Known;
use super::words;

/// What a run says at its end.
const RUN_FINISHED: &str = "run_finished";

/// The strategy bundle as it was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct BundleSeen {
    pub(super) bundle_id: Option<String>,
    /// The hash of its file; `None` when there is none.
    pub(super) sha256: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) decision: Value,
}

impl BundleSeen {
    pub(super) fn read(ops: &Ops) -> Self {
        let found = ops.bundle().validation;
        let bytes = ops.store().read(layout::BUNDLE.latest).ok().flatten();
        Self {
            bundle_id: found.bundle_id,
            sha256: bytes.map(|bytes| sha256_hex(&bytes)),
            created_at: found.created_at.map(|at| at.as_str().to_owned()),
            decision: serde_json::to_value(found.decision).unwrap_or_default(),
        }
    }
}

/// A bundle that no run has named yet, and since when it is there.
#[derive(Debug)]
pub(super) struct Coming {
    seen: BundleSeen,
    since: Duration,
    /// The newest event of the last note, when it was there at the start.
    found: Option<u64>,
}

/// A run that ended and has not said so on the bus, and since when that is known.
#[derive(Debug)]
pub(super) struct Silent {
    run: Box<DailyRun>,
    finished_at: Option<String>,
    since: Duration,
    /// The newest event of the last note, when it had ended at the start.
    found: Option<u64>,
}

impl Glance<'_> {
    /// A bundle that is another one than before.
    pub(super) fn bundle(&self, known: &mut Known) {
        let now = BundleSeen::read(self.ops);
        let newest = known.coming.as_ref().map_or(&known.bundle, |coming| &coming.seen);
        if now.sha256 == newest.sha256 {
            return;
        }
        // One that nobody named is told before the next.
        self.tell_bundle(known);
        let can_be_named = now.bundle_id.is_some();
        known.coming = Some(Coming { seen: now, since: self.now(), found: self.since });
        if !can_be_named {
            self.tell_bundle(known);
        }
    }

    /// A bundle that no run has named in time.
    pub(super) fn late_bundle(&self, known: &mut Known) {
        if known.coming.as_ref().is_some_and(|coming| self.is_over(coming.since)) {
            self.tell_bundle(known);
            // A publish that was kept back for it.
            self.run(known);
        }
    }

    /// Tells of the bundle that is waited for, under a trace of its own.
    fn tell_bundle(&self, known: &mut Known) {
        if let Some(change) = self.arrived(known) {
            self.tell(vec![change], &new_trace());
        }
    }

    /// The bundle that is waited for as an event; from now on it is known.
    fn arrived(&self, known: &mut Known) -> Option<Change> {
        let Coming { seen, found, .. } = known.coming.take()?;
        let before = std::mem::replace(&mut known.bundle, seen);
        let now = &known.bundle;
        let draft = words::bundle_changed(before.bundle_id.as_deref(), now);
        let [old, new] = [&before, now].map(|one| one.sha256.as_deref().unwrap_or_default());
        let id = words::change_id(&[layout::BUNDLE.latest, old, new]);
        Some(Change { draft, id, at: written_at(self.ops), since: found })
    }

    /// What the newest run's record says: the publish, the bundle that it brought, its end.
    pub(super) fn run(&self, known: &mut Known) {
        // A record that cannot be read is no news: the health tells of it.
        let Some(record) = self.ops.latest_daily_run().present() else { return };
        self.publish(known, &record);
        let Some(ended) = ended(&record).filter(|ended| known.ended.as_ref() != Some(ended)) else { return };
        let run = Box::new(DailyRun::of(&record));
        let finished_at = record.finished_at.as_ref().map(|at| at.as_str().to_owned());
        let earlier = known.silent.replace(Silent { run, finished_at, since: self.now(), found: self.since });
        known.settled = known.ended.replace(ended);
        if let Some(earlier) = earlier {
            self.tell_unless_told(earlier);
        }
    }

    /// The publish and the bundle that a run names, in one go.
    fn publish(&self, known: &mut Known, record: &RunRecord) {
        let publish = publish_of(record).filter(|publish| known.publish.as_ref() != Some(publish));
        let named = record.bundle.as_ref().map(|bundle| bundle.bundle_id.as_deref());
        if known.coming.is_some() && publish.is_some() && named.is_none() && record.exit_code.is_none() {
            // The run is about to name the bundle that it has pulled.
            return;
        }
        let mut changes = Vec::new();
        if known.coming.as_ref().is_some_and(|coming| named == Some(coming.seen.bundle_id.as_deref())) {
            changes.extend(self.arrived(known));
        }
        if let Some(publish) = publish {
            let id = words::change_id(&["publish", &publish, record.run_id.as_str()]);
            changes.push(self.change(words::publish_seen(record, &publish), id));
            known.publish = Some(publish);
        }
        self.tell(changes, record.trace_id.as_str());
    }

    /// A run that ended and does not say so.
    pub(super) fn silent(&self, known: &mut Known) {
        let Some(silent) = known.silent.take_if(|silent| self.has_spoken(&silent.run) || self.is_over(silent.since))
        else {
            return;
        };
        self.tell_unless_told(silent);
    }

    fn tell_unless_told(&self, silent: Silent) {
        let Silent { run, finished_at, found, .. } = silent;
        if !self.has_spoken(&run) && !self.has_logged(&run) {
            let id = words::change_id(&[RUN_FINISHED, &run.run_id]);
            let change = Change { draft: words::run_finished(&run), id, at: finished_at, since: found };
            self.tell(vec![change], &run.trace_id);
        }
    }

    /// Whether the run itself has said that it ended, as far as the bus remembers.
    fn has_spoken(&self, run: &DailyRun) -> bool {
        self.dash.bus.recent().iter().rev().any(|frame| is_end_of(run, &frame.event))
    }

    /// The same, as far as the log goes back: it costs more, and is asked once.
    fn has_logged(&self, run: &DailyRun) -> bool {
        let since_ms = run.started_at.instant().map(|at| at.timestamp_millis());
        let filter = EventFilter { kinds: vec![RUN_FINISHED.to_owned()], since_ms, ..EventFilter::default() };
        !self.dash.find_where(&filter, &|event| is_end_of(run, event), 1, Order::NewestFirst).records.is_empty()
    }
}

fn is_end_of(run: &DailyRun, event: &Event) -> bool {
    event.kind == RUN_FINISHED && event.data.get("run_id").and_then(Value::as_str) == Some(&run.run_id)
}

/// When the bundle's file was written here.
fn written_at(ops: &Ops) -> Option<String> {
    let look = Look::at(&ops.store().path(layout::BUNDLE.latest))?;
    let at = chrono::DateTime::from_timestamp_millis(look.modified_ms())?;
    Some(millis_stamp(at.with_timezone(&crate::time::kst())))
}

/// The publish that a run's pull brought, by its run id.
pub(super) fn publish_of(record: &RunRecord) -> Option<String> {
    (record.trace_id != record.run_id).then(|| record.trace_id.to_string())
}

/// The run of a record, when it has ended.
pub(super) fn ended(record: &RunRecord) -> Option<String> {
    record.exit_code.and(record.finished_at.as_ref()).map(|_| record.run_id.to_string())
}
