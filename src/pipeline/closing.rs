//! The end of a run: the last look, the verdict, the seal, and who is told of it.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::run::Ending;
use crate::contracts::verdict_of;
use crate::store::layout;
use crate::time::Stamp;

use super::announce::announce;
use super::heartbeat;
use super::heartbeat::Ping;
use super::line;
use super::perform;
use super::record;
use super::runner::Run;
use super::runner::RunOutcome;
use super::safety::warning;

/// Said when the end fails like the start did: the code and the cause stand above already.
const PING_AGAIN: &str = "the dead man's switch could not be told of the end either";

impl Run<'_> {
    /// The last reading, the verdict, the seal.
    pub(super) fn finish(mut self) -> RunOutcome {
        if self.record.exit_code.is_none() {
            // A defect while closing must not cost the record.
            if catch_unwind(AssertUnwindSafe(|| perform::last_look(&mut self))).is_err() {
                self.warn(RunCode::Panicked, "in the last look".to_owned());
            }
            self.conclude();
            self.events.deliver_before_acting();
            if self.acts()
                && self.site.outside.messages
                && catch_unwind(AssertUnwindSafe(|| announce(&mut self))).is_err()
            {
                self.warn(RunCode::PushFailed, "a defect in the messages".to_owned());
            }
        }
        self.record.finished_at = Some(Stamp::of(self.site.clock.now()));
        record::sign(&mut self.record);
        let mut outcome =
            RunOutcome { exit_code: self.record.exit_code.unwrap_or(3), record: None, refusal: None, unsealed: None };
        if self.acts()
            && let Err(fault) = record::seal(self.site.store, &self.record)
        {
            self.story.say(&format!("❌ {}: {fault}", RunCode::StoreFailed));
            outcome.exit_code = 3;
            outcome.unsealed = Some(fault.to_string());
            self.record.exit_code = Some(3);
            self.record.reason = Some(RunCode::StoreFailed.into());
            self.record.reason_detail = Some(fault.to_string());
            record::sign(&mut self.record);
        }
        self.events.run_finished(&self.record);
        self.beat_end();
        self.tell_events();
        self.last_words();
        outcome.record = Some(self.record);
        outcome
    }

    /// Waits for the events and says what became of those that no server has. It changes nothing.
    fn tell_events(&mut self) {
        let told = self.events.close();
        let cause = told.cause.unwrap_or_else(|| "no server is asked".to_owned());
        if told.spooled > 0 {
            self.story.log(&format!("– {} events wait in {}: {cause}", told.spooled, layout::EVENT_SPOOL));
        }
        if told.lost > 0 {
            self.story.say(&format!("⚠️ {} events of this run are lost: {cause}", told.lost));
        }
    }

    /// Writes the heartbeat of an end and calls the address. The record is sealed and takes no more warnings.
    fn beat_end(&mut self) {
        if !self.acts() {
            return;
        }
        if let Err(fault) = heartbeat::ended(self.site.store, &self.record, self.site.clock.now()) {
            self.story.say(&format!("⚠️ {}: {fault}", RunCode::HeartbeatFailed));
        }
        let what = match self.record.exit_code {
            Some(0) if self.record.reason == Some(RunCode::LateRunSkipped.into()) => return,
            Some(0) => Ping::Success,
            _ => Ping::Fail,
        };
        if let Some(Err(why)) = self.ping(what) {
            let known = self.record.warnings.contains(&warning(RunCode::PingFailed, why.clone()));
            let text = if known { PING_AGAIN.to_owned() } else { format!("{}: {why}", RunCode::PingFailed) };
            self.story.say(&format!("⚠️ {text}"));
        }
    }

    fn conclude(&mut self) {
        let classes: Vec<StageClass> = self.record.stages.iter().map(|stage| stage.class).collect();
        let verdict = verdict_of(&classes);
        let reco_reason = self.receipt.as_ref().and_then(|r| r.reco.as_ref()).and_then(|r| r.reason.clone());
        let (reason, detail) = line::reason_of(&self.record, self.summary.as_ref(), reco_reason.as_deref());
        self.record.exit_code = Some(verdict.exit_code());
        self.record.reason = Some(reason);
        self.record.reason_detail = detail;
        self.record.risks = line::risks_of(&self.record, self.summary.as_ref());
    }

    fn last_words(&mut self) {
        let reason = self.record.reason.as_ref().map_or_else(String::new, Reason::to_string);
        let exit = self.record.exit_code.unwrap_or(3);
        let word = match self.record.ending() {
            Some(Ending::Done) => "done",
            Some(Ending::Warned) => "done with warnings",
            Some(Ending::Blocked) => "blocked",
            Some(Ending::Failed) | None => "failed",
        };
        let hint = if self.acts() { "; `daily_ops explain` says why" } else { "; nothing was written" };
        self.story.say(&format!("{word}: {reason} (exit {exit}){hint}"));
        let outcome = RunOutcome { exit_code: exit, record: Some(self.record.clone()), refusal: None, unsealed: None };
        if self.acts() {
            for line in outcome.result_lines() {
                self.story.log(&line);
            }
        }
    }
}
