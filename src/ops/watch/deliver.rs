//! An alert on its way out: marked durably first, then permitted or simulated, never handed over twice.

use std::fmt;

use super::Look;
use super::WatchHours;
use super::WatchOrder;
use super::marks::Marks;
use super::marks::PENDING;
use crate::contracts::channel::ChannelRow;
use crate::contracts::channel::Channels;
use crate::contracts::message::DeliveryActual;
use crate::contracts::watch::Percent;
use crate::contracts::watch::WatchReason;
use crate::contracts::watch::WatchStatus;
use crate::gates::Action;
use crate::gates::Change;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::notify::Messenger;
use crate::notify::Outgoing;
use crate::notify::verdict::delivered_word;
use crate::notify::verdict::judge;
use crate::ops::Ops;
use crate::store::StoreFault;
use crate::time::KstTime;
use crate::time::Stamp;

/// The type of a watcher's message in the routing table of channels.
const ALERT: &str = "ALERT";

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

/// What became of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) actual: DeliveryActual,
    /// One row a channel, when one was called.
    pub(super) channels: Vec<ChannelRow>,
}

impl Handed {
    fn without_call(actual: DeliveryActual) -> Self {
        Self { actual, channels: Vec::new() }
    }
}

/// What became of the alerts of one look.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// One an alert, in their order; none for what was not handed over.
    pub(super) made: Vec<Option<Handed>>,
    /// Why the rest was not.
    pub(super) fault: Option<StoreFault>,
}

impl Deliveries {
    fn ways(&self) -> impl Iterator<Item = DeliveryActual> {
        self.made.iter().flatten().map(|handed| handed.actual)
    }

    pub(super) fn sent(&self) -> u64 {
        use DeliveryActual::Delivered;
        use DeliveryActual::DeliveredPartly;
        use DeliveryActual::Telegram;
        self.ways().filter(|way| [Telegram, Delivered, DeliveredPartly].contains(way)).count() as u64
    }

    fn failed(&self) -> usize {
        self.ways().filter(|way| way.is_failure()).count()
    }

    /// The worst way of all.
    pub(super) fn worst(&self) -> Option<String> {
        let worst = DeliveryActual::ALL.into_iter().find(|way| self.ways().any(|other| other == *way));
        worst.map(|way| way.as_str().to_owned())
    }

    /// What the look came to.
    pub(super) fn look(&self, held_back: u64, concerns: Vec<String>) -> Look {
        let alerts = self.made.len() as u64;
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
        let mut done = Deliveries { made: vec![None; drafts.len()], fault: None };
        for (draft, made) in drafts.iter().zip(&mut done.made) {
            let now = self.clock.now();
            book.marks.set(&draft.key, draft.size, now, PENDING);
            if let Err(fault) = book.save(now) {
                done.fault = Some(fault);
                return done;
            }
            let outcome = self.hand_over(draft, messenger, order);
            book.marks.delivered(&draft.key, outcome.actual.as_str());
            *made = Some(outcome);
        }
        done.fault = book.save(self.clock.now()).err();
        done
    }

    fn hand_over(&self, draft: &Draft, messenger: &Messenger, order: &WatchOrder) -> Handed {
        let (gates, now) = (Gates::new(&self.store), self.clock.now());
        let simulated = || Handed::without_call(DeliveryActual::ConsoleSimulated);
        if order.hours == WatchHours::Forced || gates.permit(Action::Send, now) != Permission::Permit {
            return simulated();
        }
        let choice = messenger.choose(gates.switches().channels(), ALERT);
        // What cannot be recorded does not leave. The entry names the alert, no amount.
        let names = Channels::of(&choice.go).names();
        let change = Change {
            action: "watch.send",
            target: draft.key.clone(),
            reason: choice.refusal().unwrap_or("a watcher's alert").to_owned(),
            after: serde_json::json!({"channel": names, "delivery_actual": PENDING}),
            ..Change::default()
        };
        if gates.record(&order.actor, change, now).is_err() {
            return Handed::without_call(DeliveryActual::TelegramError);
        }
        // Somebody may have closed a switch or a channel while this was written.
        let choice = choice.still(gates.switches().channels());
        if choice.refusal().is_some() || gates.permit(Action::Send, self.clock.now()) != Permission::Permit {
            return simulated();
        }
        let called = messenger.send_all(&choice.go, Outgoing { title: &draft.title, text: &draft.text });
        let judged = judge(&called, &choice.skipped, delivered_word(&choice.go), Stamp::of(now));
        Handed { actual: judged.delivery, channels: judged.receipt.channels }
    }
}
