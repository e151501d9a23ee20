//! Everything before stage 1: earlier records, the calendar, the header with the safety files, the first record.

use crate::contracts::RunCode;
use crate::contracts::run::RunRecord;
use crate::contracts::run::Trigger;
use crate::store::Holder;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::kst;
use crate::time::line_stamp;

use super::history::History;
use super::perform;
use super::record;
use super::runner::Run;
use super::safety;

/// The run is due at this minute of the day in Korea.
const DUE: (u32, u32) = (9, 5);
/// A start up to this much before or after the due minute is on time.
const ON_TIME_MINUTES: i64 = 5;

/// Whether a run goes on after its beginning.
pub(super) enum Start {
    Go,
    Skip(String),
}

impl Run<'_> {
    /// Everything before stage 1: earlier records, the calendar, the header, the safety files, the first record.
    pub(super) fn begin(&mut self, left_by: Option<&Holder>) -> Result<Start, StoreFault> {
        if self.acts() {
            let before = record::recover(self.site.store, self.started)?;
            self.record.chain = before.link;
            self.record.rerun = self.is_rerun(before.latest.as_ref());
            if let Some(killed) = before.killed {
                let told = if killed.reason == Some(RunCode::Killed.into()) {
                    killed.reason_detail.unwrap_or_default()
                } else {
                    "it had come to its end, but what it leaves behind was not complete; it is now".to_owned()
                };
                let text = format!("{}: {told}", killed.run_id);
                self.warn(RunCode::PreviousRunKilled, text);
            } else if let Some(holder) = left_by {
                let text = format!("pid {} with {} left its lock; the lock is taken over", holder.pid, holder.run_id);
                self.warn(RunCode::PreviousRunKilled, text);
            }
            if let Some(broken) = before.broken {
                self.warn(RunCode::ChainBroken, broken);
            }
            // After a killed run the name may have been taken by the record just sealed.
            self.record.snapshot_ref = self.site.store.free_snapshot_ref(layout::RUN, self.started);
        }
        self.look_at_calendar();
        self.header();
        self.look_at_disk();
        if self.acts() {
            let revision = perform::revision(self);
            record::prove_start(self.site.store, self.started, revision.as_deref())?;
            self.record.host_rev_before.clone_from(&revision);
            self.record.host_rev_after = revision;
        }
        if let Some(text) = self.too_late() {
            return Ok(Start::Skip(text));
        }
        if self.acts() {
            record::progress(self.site.store, &mut self.record)?;
        }
        Ok(Start::Go)
    }

    fn is_rerun(&self, latest: Option<&RunRecord>) -> bool {
        let today = self.started.with_timezone(&kst()).date_naive();
        let succeeded = |run: &RunRecord| {
            let day = run.started_at.instant().map(|at| at.date_naive());
            let skipped = run.reason == Some(RunCode::LateRunSkipped.into());
            day == Some(today) && run.exit_code == Some(0) && !skipped
        };
        latest.is_some_and(succeeded)
            || History::new(self.site.store).of_day(today).is_ok_and(|runs| runs.iter().any(succeeded))
    }

    fn look_at_calendar(&mut self) {
        let today = self.started.with_timezone(&kst()).date_naive();
        match Calendar::krx().session(today) {
            Ok(session) => self.record.trading_day = Some(session.is_some()),
            Err(fault) => self.warn(RunCode::CalendarUnknown, fault.to_string()),
        }
    }

    fn look_at_disk(&mut self) {
        let limit = f64::from(self.site.low_disk_percent);
        if let Some(free) = self.site.store.free_disk().map(|share| share * 100.0).filter(|free| *free < limit) {
            self.warn(RunCode::LowDisk, format!("{free:.1} % free, the limit is {limit:.0} %"));
        }
    }

    fn header(&mut self) {
        let record = &self.record;
        let today = self.started.with_timezone(&kst()).date_naive();
        let day = match record.trading_day {
            Some(true) => "yes".to_owned(),
            Some(false) => {
                format!("no ({}); nothing may be ordered", Calendar::krx().closed_for(today).unwrap_or("closed"))
            }
            None => "unknown; nothing may be ordered".to_owned(),
        };
        let trigger = format!("{:?}", record.trigger).to_lowercase();
        let dry = if record.dry_run { " dry-run" } else { "" };
        let lines = [
            format!(
                "daily_ops {} {} trigger={trigger}{dry}; times are Asia/Seoul, the host is in {}",
                record.version, record.run_id, record.host_zone
            ),
            format!("trading day: {day}; backend {}", self.site.backend.url()),
            safety::header(&record.safety),
        ];
        for line in lines {
            self.story.say(&line);
        }
        for found in safety::local_warnings(&self.switches) {
            self.note(found);
        }
    }

    /// A start of the scheduler that comes too late does nothing; `None` when it is in time.
    fn too_late(&mut self) -> Option<String> {
        let due = last_due(self.started)?;
        let late = self.started - due;
        if self.options.trigger != Trigger::Cron || late <= chrono::Duration::minutes(ON_TIME_MINUTES) {
            return None;
        }
        self.record.late = true;
        let text = format!("{} min after {}", late.num_minutes(), line_stamp(due));
        let limit = chrono::Duration::from_std(self.policy.max_late).unwrap_or(chrono::Duration::MAX);
        if late > limit {
            return Some(format!("{text}; the limit is {} min", limit.num_minutes()));
        }
        self.warn(RunCode::LateRun, text);
        None
    }
}

/// When the run after `now` is due.
pub(super) fn next_due(now: KstTime) -> Option<KstTime> {
    let today = now.with_timezone(&kst()).date_naive();
    let due = |day: chrono::NaiveDate| day.and_hms_opt(DUE.0, DUE.1, 0)?.and_local_timezone(kst()).single();
    due(today).filter(|at| *at > now + chrono::Duration::minutes(ON_TIME_MINUTES)).or_else(|| due(today.succ_opt()?))
}

/// The newest due time that is not more than five minutes ahead of `now`.
fn last_due(now: KstTime) -> Option<KstTime> {
    let soon = now.with_timezone(&kst()) + chrono::Duration::minutes(ON_TIME_MINUTES);
    let due = |day: chrono::NaiveDate| day.and_hms_opt(DUE.0, DUE.1, 0)?.and_local_timezone(kst()).single();
    let today = soon.date_naive();
    due(today).filter(|at| *at <= soon).or_else(|| due(today.pred_opt()?))
}
