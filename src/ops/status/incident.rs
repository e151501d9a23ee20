//! INCIDENT_PUSH_V1: something that a person must look at, once a kind and day.

use super::Delivery;
use super::Letter;
use super::Message;
use super::MessageOutcome;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::IncidentKind;
use crate::contracts::message::IncidentPush;
use crate::contracts::message::MessageMode;
use crate::gates::OnceADay;
use crate::notify::alert::Alert;
use crate::notify::alert::HELD_BACK;
use crate::notify::alert::cut;
use crate::notify::alert::is_suspect;
use crate::notify::alert::plain;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::resolving;
use crate::settings::Lang;
use crate::store::Family;
use crate::store::layout;
use crate::time::Stamp;
use crate::time::line_stamp;

/// Characters of a reason, and of a step.
const REASON: usize = 100;
/// Lines of the run's log that are shown.
const LINES: usize = 5;
/// The end of the log that is looked at, in bytes.
const TAIL: usize = 4096;

const TESTS: Family = Family { kind: "incident_test", ..layout::INCIDENT };

/// An incident as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// What it is about.
    pub kind: IncidentKind,
    /// The stage, in the words of who reports.
    pub step: &'a str,
    /// Why; cut to 100 characters.
    pub reason: &'a str,
    /// Once a day, or a test.
    pub mode: MessageMode,
}

impl Message for IncidentPush {
    fn key(&self) -> &str {
        &self.idempotency_key
    }

    fn delivery(&self) -> Option<DeliveryActual> {
        self.delivery_actual
    }

    fn with(self, key: &str, delivery: &Delivery) -> Self {
        let held = |text: String| if delivery.text == HELD_BACK { HELD_BACK.to_owned() } else { text };
        Self {
            idempotency_key: key.to_owned(),
            step: held(self.step),
            reason: held(self.reason),
            message: delivery.text.clone(),
            delivery_actual: delivery.actual,
            not_sent_because: delivery.because.clone(),
            send_receipt: delivery.receipt.clone(),
            ..self
        }
    }

    fn at(self, snapshot_ref: &str) -> Self {
        Self { snapshot_ref: Some(snapshot_ref.to_owned()), ..self }
    }
}

impl Ops {
    /// Reports an incident, once a kind and day.
    ///
    /// # Errors
    /// A file cannot be read or written; before the call was recorded nothing left.
    pub fn send_incident(&self, report: Report<'_>, actor: &Actor) -> Result<MessageOutcome<IncidentPush>, OpsFault> {
        let once = OnceADay::of_backend(&self.store)?;
        let now = self.clock.now();
        let lang = (self.policy)().map_or(Lang::Ko, |policy| policy.lang);
        let kind = report.kind;
        let (step, reason) = (cut(&plain(report.step), REASON), cut(&plain(report.reason), REASON));
        let alert = Alert {
            title: format!("[{}] {}", kind.severity(), kind.as_str()),
            why: if reason.is_empty() { meaning(kind, lang).to_owned() } else { reason.clone() },
            lines: self.last_lines(),
            next: "daily_ops explain".to_owned(),
            ..Alert::default()
        };
        let (where_, when) = if lang == Lang::Ko { ("단계", "시각") } else { ("Step", "At") };
        let step_line = if step.is_empty() { String::new() } else { format!("{where_}: {step}\n") };
        let text = format!(
            "{}\n{}\n{step_line}{when}: {} KST\n{}",
            alert.title,
            meaning(kind, lang),
            line_stamp(now),
            alert.text(lang)
        );
        let refs = [layout::RUN.latest, layout::SUMMARY.latest, layout::CYCLE.latest].map(str::to_owned);
        let document = IncidentPush {
            schema: IncidentPush::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            mode: report.mode,
            kind: Some(kind),
            severity: kind.severity().to_owned(),
            step,
            reason,
            evidence_refs: resolving(&self.store, refs),
            ..IncidentPush::default()
        };
        let family = Family { kind: kind.snapshot_kind(), ..layout::INCIDENT };
        let letter = Letter {
            family,
            tests: TESTS,
            name: kind.snapshot_kind(),
            push_type: "ALERT",
            mode: report.mode,
            title: &alert.title,
            text: &text,
        };
        self.deliver(&once, &letter, document, actor)
    }

    /// The end of the run's log; a log that cannot be read has none.
    fn last_lines(&self) -> Vec<String> {
        let log = self.store.read(layout::RUN_LOG).ok().flatten().unwrap_or_default();
        let end = String::from_utf8_lossy(log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
        let first = lines.len().saturating_sub(LINES);
        // One line that may not leave must not cost the whole message.
        let secrets = self.message_secrets();
        let may_not = |line: &str| is_suspect(line) || secrets.is_told_in(line);
        let shown = |line: &&str| if may_not(line) { HELD_BACK.to_owned() } else { (*line).to_owned() };
        lines.get(first..).unwrap_or_default().iter().map(shown).collect()
    }
}

fn meaning(kind: IncidentKind, lang: Lang) -> &'static str {
    if lang == Lang::Ko { kind.korean() } else { kind.english() }
}
