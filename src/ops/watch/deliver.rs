//! An alert on its way out: marked durably first, then permitted or simulated, never handed over twice.

use std::fmt;

use super::Look;
use super::WatchHours;
use super::WatchOrder;
use super::marks::Marks;
use super::marks::PENDING;
use crate::contracts::watch::Percent;
use crate::contracts::watch::WatchReason;
use crate::contracts::watch::WatchStatus;
use crate::gates::Action;
use crate::gates::Change;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::notify::Channel;
use crate::notify::Messenger;
use crate::notify::Outgoing;
use crate::notify::Sent;
use crate::ops::Ops;
use crate::store::StoreFault;
use crate::time::KstTime;

const SIMULATED: &str = "CONSOLE_SIMULATED";
const TELEGRAM: &str = "TELEGRAM";
const FAILED: &str = "TELEGRAM_FAILED";
const ERROR: &str = "TELEGRAM_ERROR";

/// An alert that is due.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Of its mark.
    pub(super) key: String,
    pub(super) size: Percent,
    pub(super) title: String,
    pub(super) text: String,
}

/// Marks, and how they are written.
pub(super) struct Book<'a> {
    pub(super) marks: Marks,
    pub(super) write: &'a dyn Fn(&Marks, KstTime) -> Result<(), StoreFault>,
}

impl fmt::Debug for Book<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("marks", &self.marks).finish_non_exhaustive()
    }
}

impl Book<'_> {
    pub(super) fn save(&mut self, now: KstTime) -> Result<(), StoreFault> {
        if self.marks.is_changed() {
            (self.write)(&self.marks, now)?;
            self.marks.saved();
        }
        Ok(())
    }
}

/// What became of the alerts of one look.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// One word an alert, in their order; none for what was not handed over.
    pub(super) words: Vec<Option<&'static str>>,
    /// Why the rest was not.
    pub(super) fault: Option<StoreFault>,
}

impl Deliveries {
    pub(super) fn sent(&self) -> u64 {
        self.words.iter().filter(|word| **word == Some(TELEGRAM)).count() as u64
    }

    fn failed(&self) -> usize {
        self.words.iter().filter(|word| matches!(**word, Some(FAILED | ERROR))).count()
    }

    /// The worst word of all.
    pub(super) fn worst(&self) -> Option<String> {
        let worst = [ERROR, FAILED, SIMULATED, TELEGRAM];
        worst.into_iter().find(|word| self.words.contains(&Some(*word))).map(str::to_owned)
    }

    /// What the look came to.
    pub(super) fn look(&self, held_back: u64, concerns: Vec<String>) -> Look {
        let alerts = self.words.len() as u64;
        let reason = match (alerts, held_back) {
            (0, 0) => WatchReason::NoAlerts,
            (0, _) => WatchReason::CooldownActive,
            _ => WatchReason::AlertsGenerated,
        };
        let mut concerns = concerns;
        if self.failed() > 0 {
            concerns.insert(0, format!("{} alert(s) not delivered", self.failed()));
        }
        let (status, reason) = match &self.fault {
            Some(fault) => {
                concerns.insert(0, fault.to_string());
                (WatchStatus::Error, WatchReason::ApiFail)
            }
            None if concerns.is_empty() => (WatchStatus::Ok, reason),
            None => (WatchStatus::Warn, reason),
        };
        Look { status, reason, detail: concerns.join("; "), alerts, sent: self.sent() }
    }
}

impl Ops {
    /// Hands alerts over, one after the other; each is on disk as pending before anything else happens with it.
    pub(super) fn deliver_alerts(
        &self,
        book: &mut Book<'_>,
        drafts: &[Draft],
        messenger: &Messenger,
        order: &WatchOrder,
    ) -> Deliveries {
        let mut done = Deliveries { words: vec![None; drafts.len()], fault: None };
        for (draft, word) in drafts.iter().zip(&mut done.words) {
            let now = self.clock.now();
            book.marks.set(&draft.key, draft.size, now, PENDING);
            if let Err(fault) = book.save(now) {
                done.fault = Some(fault);
                return done;
            }
            let outcome = self.hand_over(draft, messenger, order);
            book.marks.delivered(&draft.key, outcome);
            *word = Some(outcome);
        }
        done.fault = book.save(self.clock.now()).err();
        done
    }

    fn hand_over(&self, draft: &Draft, messenger: &Messenger, order: &WatchOrder) -> &'static str {
        let (gates, now) = (Gates::new(&self.store), self.clock.now());
        if order.hours == WatchHours::Forced || gates.permit(Action::Send, now) != Permission::Permit {
            return SIMULATED;
        }
        // What cannot be recorded does not leave. The entry names the alert, no amount.
        let change = Change {
            action: "watch.send",
            target: draft.key.clone(),
            reason: "a watcher's alert".to_owned(),
            after: serde_json::json!({"channel": "TELEGRAM", "delivery_actual": PENDING}),
            ..Change::default()
        };
        if gates.record(&order.actor, change, now).is_err() {
            return ERROR;
        }
        match messenger.send(Channel::Telegram, Outgoing { title: &draft.title, text: &draft.text }) {
            Sent::Delivered { .. } => TELEGRAM,
            Sent::Failed { http_status: Some(_), .. } => FAILED,
            Sent::Failed { http_status: None, .. } => ERROR,
            Sent::NotConfigured(_) => SIMULATED,
        }
    }
}
