//! A demo under way: it calls, speaks, notes every command and keeps what the checks came to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::Audience;
use super::Check;
use super::Demo;
use super::Mark;
use super::Said;
use super::Speed;
use super::script::Beat;
use super::shots::Camera;
use crate::contracts::event::millis_stamp;
use crate::rehearsal::evidence::Evidence;
use crate::rehearsal::evidence::EvidenceFault;
use crate::rehearsal::evidence::Redaction;
use crate::rehearsal::visit::Answer;
use crate::rehearsal::visit::Listener;
use crate::rehearsal::visit::Silence;
use crate::rehearsal::visit::Visitor;
use crate::store::layout;
use crate::time::KstTime;

/// How often a signal is looked for while the schedule waits.
const LOOK: Duration = Duration::from_millis(200);
/// How often something is looked at again.
const AGAIN: Duration = Duration::from_millis(50);

/// What goes into the master log, one text a section.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) before: Option<Value>,
    pub(super) trigger: Vec<String>,
    pub(super) sse: String,
    pub(super) ws: String,
    pub(super) after: Option<Value>,
}

/// The demo under way.
pub(super) struct Show<'a> {
    pub(super) demo: &'a Demo<'a>,
    pub(super) visitor: Visitor,
    pub(super) evidence: Result<Evidence, EvidenceFault>,
    pub(super) checks: Vec<Check>,
    pub(super) sections: Sections,
    pub(super) sse: Option<Listener>,
    pub(super) ws: Option<Listener>,
    pub(super) camera: Option<Camera>,
    pub(super) boot_id: Value,
    pub(super) started: KstTime,
    redaction: Redaction,
    audience: &'a mut dyn Audience,
    /// When the first step began, on the schedule's clock.
    zero: Duration,
}

impl<'a> Show<'a> {
    pub(super) fn begin(demo: &'a Demo<'a>, audience: &'a mut dyn Audience) -> Self {
        let secrets = demo.secrets.iter().cloned().chain(demo.key.as_ref().map(|key| key.secret.clone())).collect();
        let redaction = Redaction::of(secrets);
        let started = demo.clock.now();
        let parent = demo.evidence.clone().unwrap_or_else(|| demo.store.path(layout::DEMO_EVIDENCE));
        let mut show = Self {
            demo,
            visitor: Visitor::new(demo.base.clone(), demo.key.clone(), demo.patience.answer),
            evidence: Evidence::begin(&parent, started, redaction.clone()),
            checks: Vec::new(),
            sections: Sections::default(),
            sse: None,
            ws: None,
            camera: None,
            boot_id: Value::Null,
            started,
            redaction,
            audience,
            zero: Duration::ZERO,
        };
        show.tell(Said { ko: "라이브 대시보드 2분 시연", en: "The live dashboard in two minutes" });
        show.say(&format!("  {}", demo.base));
        show
    }

    pub(super) fn failed(&self) -> usize {
        self.count(Mark::Fail)
    }

    pub(super) fn passed(&self) -> usize {
        self.count(Mark::Pass)
    }

    fn count(&self, mark: Mark) -> usize {
        self.checks.iter().filter(|check| check.result == mark).count()
    }

    /// The checks that are left to a person.
    pub(super) fn manual(&self) -> Vec<&'static str> {
        self.checks.iter().filter(|check| check.result == Mark::Manual).map(|check| check.id).collect()
    }

    pub(super) fn stamp(&self) -> String {
        millis_stamp(self.demo.clock.now())
    }

    /// A line for the presenter; it is part of the evidence.
    pub(super) fn say(&mut self, line: &str) {
        let line = self.redaction.text(line);
        self.audience.say(&line);
        self.log("demo.log", line);
    }

    /// A line that nobody may miss, also where little is said.
    pub(super) fn alarm(&mut self, line: &str) {
        let line = self.redaction.text(line);
        self.audience.alarm(&line);
        self.log("demo.log", line);
    }

    pub(super) fn tell(&mut self, said: Said) {
        self.say(said.to(self.demo.lang));
    }

    /// The start of a step: what to say, what to show.
    pub(super) fn announce(&mut self, beat: &Beat) {
        let lang = self.demo.lang;
        let (say, show) = (Said { ko: "말하기", en: "say " }, Said { ko: "보이기", en: "show" });
        self.say("");
        self.say(&format!("[{}-{} s]", beat.from, beat.to));
        self.say(&format!("  {}: {}", say.to(lang), beat.say.to(lang)));
        self.say(&format!("  {}: {}", show.to(lang), beat.show.to(lang)));
    }

    /// Notes what a check came to: what was seen when it passed, what was wrong otherwise.
    pub(super) fn note(&mut self, id: &'static str, outcome: Result<String, String>) -> bool {
        self.judge(id, outcome, None)
    }

    /// The same with what to do about a failure.
    pub(super) fn judge(&mut self, id: &'static str, outcome: Result<String, String>, remedy: Option<&str>) -> bool {
        let passed = outcome.is_ok();
        let (Ok(detail) | Err(detail)) = outcome;
        let remedy = remedy.filter(|_| !passed).map(str::to_owned);
        self.enter(id, if passed { Mark::Pass } else { Mark::Fail }, (detail, remedy.clone()));
        if let Some(remedy) = remedy {
            let word = Said { ko: "조치", en: "remedy" }.to(self.demo.lang);
            self.say(&format!("  {word}: {remedy}"));
        }
        passed
    }

    /// Leaves a check to a person: what is to be seen. Nobody has seen it, so it has neither passed nor failed.
    pub(super) fn leave(&mut self, id: &'static str, what: &str) {
        self.enter(id, Mark::Manual, (what.to_owned(), None));
    }

    /// A signal ends the demo, and a demo that was ended has failed.
    pub(super) fn note_signal(&mut self) {
        self.note("interrupted", Err("the demo was ended by a signal".to_owned()));
    }

    fn enter(&mut self, id: &'static str, result: Mark, (detail, remedy): (String, Option<String>)) {
        let check = Check { id, result, detail: self.redaction.text(&detail), remedy, ts_iso: self.stamp() };
        let line = check.line();
        self.audience.check(&line);
        self.log("demo.log", line);
        self.checks.push(check);
    }

    /// Keeps a file; one that cannot be kept is a failed check.
    pub(super) fn keep(&mut self, name: &str, bytes: &[u8]) {
        let fault = self.evidence.as_ref().ok().and_then(|evidence| evidence.write(name, bytes).err());
        if let Some(fault) = fault {
            self.note("evidence", Err(fault.to_string()));
        }
    }

    pub(super) fn keep_json(&mut self, name: &str, value: &Value) {
        self.keep(name, format!("{value:#}\n").as_bytes());
    }

    /// A line of a log. A disk that takes none is found by the checklist and by the files.
    fn log(&self, name: &str, line: String) {
        if let Ok(evidence) = &self.evidence {
            evidence.append(name, &[line]).ok();
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Answer, String> {
        let outcome = self.visitor.get(path);
        self.command(&format!("GET {path}"), outcome)
    }

    pub(super) fn post(&mut self, path: &str, body: &Value) -> Result<Answer, String> {
        let outcome = self.visitor.post(path, body);
        self.command(&format!("POST {path} {body}"), outcome)
    }

    pub(super) fn post_closed(&mut self, path: &str, body: &Value) -> Result<Answer, String> {
        let outcome = self.visitor.post_closed(path, body);
        self.command(&format!("POST {path} (with the token) {body}"), outcome)
    }

    fn command(&self, command: &str, outcome: Result<Answer, Silence>) -> Result<Answer, String> {
        let told = match &outcome {
            Ok(answer) => format!("{} in {} ms: {}", answer.status, answer.took.as_millis(), answer.excerpt()),
            Err(silence) => silence.to_string(),
        };
        self.log("commands.log", format!("{} {command} -> {told}", self.stamp()));
        outcome.map_err(|silence| silence.to_string())
    }

    /// GET of a document; any status but 200 is a fault.
    pub(super) fn read(&mut self, path: &str) -> Result<Answer, String> {
        let answer = self.get(path)?;
        if answer.status == 200 { Ok(answer) } else { Err(format!("HTTP {}: {}", answer.status, answer.excerpt())) }
    }

    pub(super) fn listen(&mut self) -> Result<Listener, String> {
        let outcome = self.visitor.listen();
        self.opened("GET /events", outcome)
    }

    pub(super) fn socket(&mut self) -> Result<Listener, String> {
        let path = "/api/ws/events";
        let outcome = self.visitor.socket(path);
        self.opened(&format!("WS {path}"), outcome)
    }

    fn opened(&self, command: &str, outcome: Result<Listener, Silence>) -> Result<Listener, String> {
        let told = match &outcome {
            Ok(listener) => listener.status.to_string(),
            Err(silence) => silence.to_string(),
        };
        self.log("commands.log", format!("{} {command} -> {told}", self.stamp()));
        let listener = outcome.map_err(|silence| silence.to_string())?;
        match listener.status {
            200 | 101 => Ok(listener),
            status => Err(format!("HTTP {status}")),
        }
    }

    /// Looks again until something is so, or the time for an event is over; real time, whatever the schedule does.
    pub(super) fn until<T>(
        &mut self,
        within: Duration,
        mut look: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        let end = self.visitor.elapsed() + within;
        loop {
            match look(self) {
                Ok(found) => return Ok(found),
                Err(last) if self.visitor.elapsed() >= end || self.is_interrupted() => return Err(last),
                Err(_) => self.visitor.pause(AGAIN),
            }
        }
    }

    /// The schedule starts.
    pub(super) fn start_schedule(&mut self) {
        self.zero = self.demo.clock.monotonic();
    }

    /// Waits until `seconds` after the start of the schedule; not at all in a fast demo. `false` when the demo is to end.
    pub(super) fn reach(&self, seconds: u64) -> bool {
        let target = self.zero + Duration::from_secs(seconds);
        while self.demo.speed == Speed::Real && !self.is_interrupted() {
            let left = target.saturating_sub(self.demo.clock.monotonic());
            if left.is_zero() {
                break;
            }
            self.demo.clock.wait(left.min(LOOK));
        }
        !self.is_interrupted()
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.demo.interrupted.load(Ordering::SeqCst)
    }
}
