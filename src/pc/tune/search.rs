//! The search itself: trials on every core, recorded in the order of their numbers.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use crate::pc::backtest::Market;

use super::Progress;
use super::Site;
use super::TuneFault;
use super::lab::Candidate;
use super::lab::Lab;
use super::lab::Trial;
use super::rundir::RunDir;
use super::split::Splits;

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every trial is done.
    Complete,
    /// The time limit.
    TimedOut,
    /// The caller asked it to.
    Interrupted,
}

/// What a search gives.
#[derive(Debug)]
pub(super) struct Searched {
    /// Trials by number.
    pub(super) trials: Vec<Trial>,
    pub(super) ended: Ended,
}

/// What the workers share.
struct Shared {
    /// The next pending trial to hand out.
    next: usize,
    /// The next one to record.
    next_recorded: usize,
    /// Done, but an earlier one is not.
    waiting: BTreeMap<usize, Result<Trial, TuneFault>>,
    trials: BTreeMap<usize, Trial>,
    best: Option<f64>,
    ended: Ended,
    fault: Option<TuneFault>,
}

/// A search under way.
pub(super) struct Search<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) lab: &'a Lab<'a>,
    pub(super) dir: &'a RunDir<'a>,
    pub(super) splits: &'a Splits,
    pub(super) market: &'a Market,
}

impl Search<'_> {
    /// Runs every candidate that is not known yet. Each trial is recorded as soon as those before it are, so that a killed
    /// run has lost at most what was being computed and what waited for it, and the record does not depend on the number
    /// of cores.
    ///
    /// # Errors
    /// A trial panicked, the cache is wrong, or a record cannot be written.
    pub(super) fn run(&self, candidates: &[Candidate], known: BTreeMap<usize, Trial>) -> Result<Searched, TuneFault> {
        let pending: Vec<&Candidate> =
            candidates.iter().filter(|candidate| !known.contains_key(&candidate.trial)).collect();
        let best = known.values().filter_map(|trial| trial.score).reduce(f64::max);
        let total = candidates.len();
        (self.site.progress)(&Progress { done: known.len(), total, resumed: known.len(), best });
        let resumed = known.len();
        let shared = Mutex::new(Shared {
            next: 0,
            next_recorded: 0,
            waiting: BTreeMap::new(),
            trials: known,
            best,
            ended: Ended::Complete,
            fault: None,
        });
        let deadline = self.site.timeout.map(|limit| self.site.clock.monotonic() + limit);
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads() {
                scope.spawn(|_| self.work(&shared, (&pending, deadline), (resumed, total)));
            }
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = shared.fault {
            return Err(fault);
        }
        Ok(Searched { trials: shared.trials.into_values().collect(), ended: shared.ended })
    }

    fn work(
        &self,
        shared: &Mutex<Shared>,
        (pending, deadline): (&[&Candidate], Option<Duration>),
        (resumed, total): (usize, usize),
    ) {
        loop {
            let claimed = {
                let mut shared = lock(shared);
                self.claim(&mut shared, pending.len(), deadline)
            };
            let Some((at, candidate)) = claimed.and_then(|at| Some((at, *pending.get(at)?))) else { return };
            let outcome = self.one(candidate);
            let mut shared = lock(shared);
            shared.waiting.insert(at, outcome);
            self.record(&mut shared, (resumed, total));
        }
    }

    /// The next trial to run; `None` when the search is over.
    fn claim(&self, shared: &mut Shared, pending: usize, deadline: Option<Duration>) -> Option<usize> {
        if shared.fault.is_some() || shared.ended != Ended::Complete || shared.next >= pending {
            return None;
        }
        if (self.site.stop)(shared.trials.len()) {
            shared.ended = Ended::Interrupted;
            return None;
        }
        if deadline.is_some_and(|deadline| self.site.clock.monotonic() >= deadline) {
            shared.ended = Ended::TimedOut;
            return None;
        }
        shared.next += 1;
        Some(shared.next - 1)
    }

    /// Records what is done and has nothing undone before it.
    fn record(&self, shared: &mut Shared, (resumed, total): (usize, usize)) {
        while shared.fault.is_none()
            && let Some(outcome) = shared.waiting.remove(&shared.next_recorded)
        {
            let recorded = outcome.and_then(|trial| self.dir.trial(&trial).map(|()| trial));
            match recorded {
                Ok(trial) => {
                    shared.best = [shared.best, trial.score].into_iter().flatten().reduce(f64::max);
                    shared.trials.insert(trial.trial, trial);
                    shared.next_recorded += 1;
                    (self.site.progress)(&Progress { done: shared.trials.len(), total, resumed, best: shared.best });
                }
                Err(fault) => shared.fault = Some(fault),
            }
        }
    }

    fn one(&self, candidate: &Candidate) -> Result<Trial, TuneFault> {
        let run = || self.lab.trial(candidate, self.splits, self.market);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(outcome) => Ok(outcome?),
            Err(payload) => Err(TuneFault::Panicked { trial: candidate.trial, message: message(payload.as_ref()) }),
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
