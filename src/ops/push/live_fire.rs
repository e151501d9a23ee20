//! LIVE_FIRE_OPS_RECEIPT_V1: one real message, after which window and sender are closed whatever became of it.

use super::checks::Checked;
use super::send::SenderAfter;
use super::send::Sending;
use super::send::Windows;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::push::LiveFireReceipt;
use crate::contracts::push::LiveFireRefs;
use crate::contracts::push::SendDecision;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::ops::resolves;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// A live fire that was decided and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFireOutcome {
    /// What happened.
    pub receipt: LiveFireReceipt,
    /// Where it lies.
    pub published: Published,
    /// One line for people.
    pub message: String,
}

impl Ops {
    /// Sends one message if everything allows it. Before it is handed over the windows are used up and the sender is
    /// disabled. That it was asked for is recorded before anything else; windows, attempt and sender have entries of their
    /// own.
    ///
    /// # Errors
    /// A file cannot be written. When that was the audit trail or the attempt's own record, nothing was sent.
    pub fn run_live_fire(&self, actor: &Actor) -> Result<LiveFireOutcome, StoreFault> {
        let _held = self.store.exclusive(layout::PUSH_LOCK)?;
        let now = self.clock.now();
        let messenger = self.messenger();
        let checked = self.check_send(&messenger, now)?;
        let run_id = uuid::Uuid::new_v4().to_string();
        let refused = checked.verdict.as_ref().err();
        let change = Change {
            action: "push.live_fire",
            target: run_id.clone(),
            reason: refused.map(|refused| refused.reason.to_owned()).unwrap_or_default(),
            before: serde_json::Value::Null,
            after: serde_json::json!({"run_id": run_id, "allowed": refused.is_none()}),
        };
        let named = checked.named;
        let sending = Sending { messenger: &messenger, actor, named, after: SenderAfter::Disabled };
        Gates::new(&self.store).recorded(actor, change, now, || self.fire(&sending, checked, run_id))
    }

    fn fire(&self, sending: &Sending<'_>, checked: Checked, run_id: String) -> Result<LiveFireOutcome, StoreFault> {
        let mut receipt = LiveFireReceipt {
            schema: LiveFireReceipt::SCHEMA.to_owned(),
            run_id: Some(run_id),
            precheck_summary: checked.precheck,
            channel: Some(checked.named.names()),
            ..LiveFireReceipt::default()
        };
        let message = match checked.verdict {
            Err(refused) => {
                receipt.blocked_reason = Some(refused.reason.to_owned());
                format!("{}: {}", refused.decision.as_str(), refused.text)
            }
            Ok(ready) => {
                let attempt = self.attempt(sending, ready);
                // Whatever became of it, and whether or not that can be written down, the sender does not stay open.
                let closed = self.close_after_use(sending.actor);
                let made = attempt?;
                let sent = self.publish_send(made.receipt, sending.actor)?;
                closed?;
                receipt.attempted = sent.receipt.decision.is_some_and(SendDecision::is_attempt);
                receipt.blocked_reason.clone_from(&sent.receipt.blocked_reason);
                receipt.send_http_status = sent.receipt.http_status;
                receipt.channel.clone_from(&sent.receipt.channel);
                receipt.message_id.clone_from(&sent.receipt.message_id);
                receipt.window_consumed = made.windows == Windows::Used;
                receipt.sender_disabled_after = made.windows == Windows::Used;
                receipt.refs = self.live_fire_refs(checked.outbox_snapshot, &sent.published)?;
                sent.message()
            }
        };
        self.publish_live_fire(receipt, message)
    }

    /// Disables the sender once its window is used up. A switch that was closed in between keeps the message back, but not
    /// the sender open.
    fn close_after_use(&self, actor: &Actor) -> Result<(), StoreFault> {
        let (gates, now) = (Gates::new(&self.store), self.clock.now());
        if gates.real_enable(now).consumed && gates.switches().sender.value {
            self.disable_sender(actor, now)?;
        }
        Ok(())
    }

    fn live_fire_refs(&self, outbox: Option<String>, sent: &Published) -> Result<LiveFireRefs, StoreFault> {
        let now = self.clock.now();
        let made = self.publish_postmortem(self.look_back(now)?, now)?;
        let outbox = outbox.unwrap_or_else(|| layout::OUTBOX.latest.to_owned());
        Ok(LiveFireRefs {
            outbox_snapshot_path: Some(outbox).filter(|reference| resolves(&self.store, reference)),
            send_latest_path: Some(sent.latest_ref.to_owned()),
            postmortem_latest_path: Some(made.published.latest_ref.to_owned()),
        })
    }

    fn publish_live_fire(&self, receipt: LiveFireReceipt, message: String) -> Result<LiveFireOutcome, StoreFault> {
        let now = self.clock.now();
        let (receipt, published) = self.store.publish(layout::LIVE_FIRE, now, &|snapshot_ref| LiveFireReceipt {
            asof: Some(Stamp::of(now)),
            snapshot_ref: Some(snapshot_ref.to_owned()),
            ..receipt.clone()
        })?;
        Ok(LiveFireOutcome { receipt, published, message })
    }
}
