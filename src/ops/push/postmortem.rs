//! LIVE_FIRE_POSTMORTEM_V1: whether everything is closed again, as the files say now.

use std::collections::BTreeMap;

use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::push::ObservedContext;
use crate::contracts::push::ObservedSend;
use crate::contracts::push::Postmortem;
use crate::contracts::push::SafetyInvariants;
use crate::contracts::push::SafetyStatus;
use crate::contracts::push::SendDecision;
use crate::contracts::push::SendReceipt;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::ops::resolves;
use crate::ops::resolving;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// A look back that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PostmortemOutcome {
    /// What was seen.
    pub postmortem: Postmortem,
    /// Where it lies.
    pub published: Published,
}

impl Ops {
    /// Looks back at the last sending and at the switches, and stores what it saw, once that is recorded.
    ///
    /// # Errors
    /// A file cannot be read or written, the audit trail first of all.
    pub fn regenerate_postmortem(&self, actor: &Actor) -> Result<PostmortemOutcome, StoreFault> {
        let _held = self.store.exclusive(layout::PUSH_LOCK)?;
        let now = self.clock.now();
        let seen = self.look_back(now)?;
        let status =
            |postmortem: &Postmortem| serde_json::json!({"overall_safety_status": postmortem.overall_safety_status});
        let before = self.store.document::<Postmortem>(layout::POSTMORTEM.latest).present();
        let change = Change {
            action: "push.postmortem",
            target: layout::POSTMORTEM.latest.to_owned(),
            reason: String::new(),
            before: before.as_ref().map(status).unwrap_or_default(),
            after: status(&seen),
        };
        Gates::new(&self.store).recorded(actor, change, now, || self.publish_postmortem(seen, now))
    }

    /// What is seen now, without its refs.
    pub(super) fn look_back(&self, now: KstTime) -> Result<Postmortem, StoreFault> {
        let gates = Gates::new(&self.store);
        let switches = gates.switches();
        let last = self.last_send()?;
        let invariants = SafetyInvariants {
            // What cannot be read is not known to be off.
            sender_is_currently_disabled: !switches.sender.value && switches.sender.damage().is_none(),
            window_was_consumed: gates.real_enable(now).consumed,
            emergency_stop_is_off: !switches.stop.value,
        };
        let is_safe = invariants.sender_is_currently_disabled && (!last.attempted || invariants.window_was_consumed);
        Ok(Postmortem {
            schema: Postmortem::SCHEMA.to_owned(),
            event_id: Some(uuid::Uuid::new_v4().to_string()),
            asof: Some(Stamp::of(now)),
            overall_safety_status: Some(if is_safe { SafetyStatus::Safe } else { SafetyStatus::Unsafe }),
            context_observed: ObservedContext {
                gate_mode: switches.gate.value.as_str().to_owned(),
                sender_enabled: switches.sender.value,
                emergency_stop_enabled: switches.stop.value,
                self_test_decision: self.self_test_decision(),
            },
            send_attempt_observed: last,
            safety_invariants: invariants,
            ..Postmortem::default()
        })
    }

    /// Stores what was seen.
    pub(super) fn publish_postmortem(&self, seen: Postmortem, now: KstTime) -> Result<PostmortemOutcome, StoreFault> {
        let cited = resolving(
            &self.store,
            [
                layout::EVIDENCE_INDEX.latest,
                layout::LIVE_FIRE.latest,
                layout::SEND.latest,
                layout::OUTBOX.latest,
                layout::SELF_TEST.latest,
            ]
            .map(str::to_owned),
        );
        let (postmortem, published) = self.store.publish(layout::POSTMORTEM, now, &|snapshot_ref| Postmortem {
            evidence_refs: [snapshot_ref, layout::POSTMORTEM.latest]
                .map(str::to_owned)
                .into_iter()
                .chain(cited.iter().cloned())
                .collect(),
            snapshot_ref: Some(snapshot_ref.to_owned()),
            ..seen.clone()
        })?;
        Ok(PostmortemOutcome { postmortem, published })
    }

    /// The last sending: an attempt without an outcome if there is one, else the newest receipt.
    fn last_send(&self) -> Result<ObservedSend, StoreFault> {
        let bytes = self.store.read(layout::SEND_RECEIPTS)?.unwrap_or_default();
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let Ok(receipt) = SendReceipt::parse(line) else { continue };
            let Some(id) = receipt.send_id else { continue };
            match receipt.decision {
                Some(SendDecision::Attempted) => drop(open.insert(id, number)),
                _ => drop(open.remove(&id)),
            }
        }
        if let Some(number) = open.into_values().max() {
            let reference = format!("{}:line{number}", layout::SEND_RECEIPTS);
            return Ok(ObservedSend {
                attempted: true,
                decision: Some(SendDecision::Attempted.as_str().to_owned()),
                http_status: None,
                reference: Some(reference).filter(|reference| resolves(&self.store, reference)),
            });
        }
        let Some(receipt) = self.store.document::<SendReceipt>(layout::SEND.latest).present() else {
            return Ok(ObservedSend::default());
        };
        Ok(ObservedSend {
            attempted: receipt.decision.is_some_and(SendDecision::is_attempt),
            decision: receipt.decision.map(|decision| decision.as_str().to_owned()),
            http_status: receipt.http_status,
            reference: Some(layout::SEND.latest.to_owned()).filter(|reference| resolves(&self.store, reference)),
        })
    }
}
