//! Random sequences of ticket operations on two backends over one workspace, against a model of a few lines; and what the
//! reaper leaves and refuses.

use std::time::Duration;

use proptest::prelude::*;

use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::TicketStatus;
use crate::contracts::ticket::documents::ReaperReport;
use crate::contracts::ticket::payload::RequestType;
use crate::ops::Completion;
use crate::ops::Ops;
use crate::ops::Outcome;
use crate::ops::TicketDraft;
use crate::ops::TicketFault;
use crate::ops::tests::site::Site;
use crate::store::layout;

const IN_PROGRESS: TicketState = TicketState::Has(TicketStatus::InProgress);
const DONE: TicketState = TicketState::Has(TicketStatus::Done);
const FAILED: TicketState = TicketState::Has(TicketStatus::Failed);

fn actor() -> Actor {
    Actor::program("test")
}

fn draft() -> TicketDraft {
    let payload = Json::parse(br#"{"mode":"FULL","reason":"why"}"#).expect("JSON");
    TicketDraft { kind: RequestType::Reconcile, payload, trace_id: None }
}

pub(super) fn made(ops: &Ops) -> String {
    ops.create_ticket(&draft(), &actor()).expect("made").request_id
}

fn states(ops: &Ops) -> Vec<(String, TicketState)> {
    let board = ops.ticket_board(None, 1000).expect("a board");
    assert_eq!(board.total, board.rows.len() as u64);
    let state = |word: &str| TicketState::parse(word).expect("a state");
    board.rows.into_iter().map(|row| (row.request_id, state(row.current_status))).collect()
}

fn state_of(ops: &Ops, id: &str) -> TicketState {
    states(ops).into_iter().find(|(other, _)| other == id).expect("a ticket").1
}

fn lines(site: &Site, file: &str) -> usize {
    let bytes = site.store.read(file).expect("readable").unwrap_or_default();
    bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count()
}

#[derive(Clone, Debug)]
enum Step {
    Create,
    Consume(usize),
    Complete(usize, Outcome),
    Reap {
        older_than_hours: u64,
        at_most: usize,
    },
    Work,
    /// The process is killed and started again.
    Restart,
    /// A writer is killed within a line: a share of it is there.
    Half(usize, usize),
    /// A writer is killed before the end of a line that takes a ticket.
    Whole(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(Outcome::Done), Just(Outcome::Failed)];
    prop_oneof![
        4 => Just(Step::Create),
        4 => (0..12usize).prop_map(Step::Consume),
        4 => (0..12usize, end).prop_map(|(at, end)| Step::Complete(at, end)),
        1 => (0..6u64, 0..3usize).prop_map(|(older_than_hours, at_most)| Step::Reap { older_than_hours, at_most }),
        2 => Just(Step::Work),
        1 => Just(Step::Restart),
        1 => (0..3usize, 1..60usize).prop_map(|(file, bytes)| Step::Half(file, bytes)),
        1 => (0..12usize).prop_map(Step::Whole),
    ]
}

/// What must be true, told in memory.
#[derive(Default)]
struct Model {
    /// Oldest first: id, state, hour of its last result.
    tickets: Vec<(String, TicketState, u64)>,
    hour: u64,
    audited: usize,
    results: usize,
    bad: u64,
}

impl Model {
    /// What a change must answer, and the change itself.
    fn change(&mut self, at: usize, from: TicketState, to: TicketState) -> Result<(), Option<TicketState>> {
        let hour = self.hour;
        let (_, state, since) = self.tickets.get_mut(at).ok_or(None)?;
        if *state != from {
            return Err(Some(*state));
        }
        (*state, *since) = (to, hour);
        self.audited += 1;
        self.results += 1;
        Ok(())
    }

    fn id(&self, at: usize) -> String {
        self.tickets.get(at).map_or_else(|| "nobody".to_owned(), |(id, ..)| id.clone())
    }

    fn reap(&mut self, threshold: u64, at_most: usize) -> (u64, u64) {
        let hour = self.hour;
        let stale =
            |(_, state, since): &&mut (String, TicketState, u64)| *state == IN_PROGRESS && hour - since > threshold;
        let mut stale: Vec<_> = self.tickets.iter_mut().filter(stale).collect();
        let found = stale.len() as u64;
        stale.truncate(at_most);
        stale.iter_mut().for_each(|ticket| (ticket.1, ticket.2) = (FAILED, hour));
        self.audited += usize::from(!stale.is_empty());
        self.results += stale.len();
        (found, stale.len() as u64)
    }

    fn work(&mut self) -> Option<String> {
        let hour = self.hour;
        let (id, state, since) = self.tickets.iter_mut().find(|(_, state, _)| *state == TicketState::Open)?;
        (*state, *since) = (DONE, hour);
        self.audited += 2;
        self.results += 2;
        Some(id.clone())
    }
}

fn answer<T>(outcome: Result<T, TicketFault>) -> Result<(), Option<TicketState>> {
    match outcome {
        Ok(_) => Ok(()),
        Err(TicketFault::NotFound) => Err(None),
        Err(TicketFault::Conflict { state, .. }) => Err(Some(state)),
        Err(fault) => panic!("{fault}"),
    }
}

fn raw(site: &Site, file: &str, text: &str) {
    let path = site.store.path(file);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    let mut open = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("opened");
    std::io::Write::write_all(&mut open, text.as_bytes()).expect("written");
}

fn is_half(site: &Site, file: &str) -> bool {
    site.store.read(file).expect("readable").is_some_and(|bytes| !bytes.is_empty() && !bytes.ends_with(b"\n"))
}

fn take(site: &Site, ops: &Ops, model: &mut Model, step: Step) {
    let end = |done| Completion { done, message: "m".into(), processor: "p".into(), artifacts: vec![] };
    match step {
        Step::Create => {
            let id = made(ops);
            model.tickets.push((id, TicketState::Open, model.hour));
            model.audited += 1;
        }
        Step::Consume(at) => {
            let id = model.id(at);
            let want = model.change(at, TicketState::Open, IN_PROGRESS);
            assert_eq!(answer(ops.consume_ticket(&id, "p", &actor())), want, "consume {at}");
        }
        Step::Complete(at, done) => {
            let id = model.id(at);
            let want = model.change(at, IN_PROGRESS, if done == Outcome::Done { DONE } else { FAILED });
            assert_eq!(answer(ops.complete_ticket(&id, &end(done), &actor())), want, "complete {at}");
        }
        Step::Reap { older_than_hours, at_most } => {
            let done = ops.reap_tickets(older_than_hours * 3600, at_most, &actor()).expect("reaped");
            assert_eq!((done.stale_count, done.cleaned_count), model.reap(older_than_hours, at_most));
        }
        Step::Work => {
            let done = ops.work_one_ticket(&actor()).expect("worked");
            assert_eq!(done.selected_request_id, model.work());
            assert_eq!(done.receipt_ref.is_some(), done.attempted);
        }
        Step::Restart => {}
        Step::Half(file, bytes) => {
            let file = [layout::TICKET_REQUESTS, layout::TICKET_RESULTS, layout::TICKET_RECEIPTS][file];
            let line = r#"{"request_id":"half","status":"DONE","decision":"BLOCKED","processed_at":"2026"}"#;
            if !is_half(site, file) {
                raw(site, file, &line[..bytes]);
                model.bad += 1;
            }
        }
        Step::Whole(at) => {
            let id = model.id(at);
            if !is_half(site, layout::TICKET_RESULTS) && model.change(at, TicketState::Open, IN_PROGRESS).is_ok() {
                model.audited -= 1;
                let at = crate::time::Stamp::of(crate::time::Clock::now(&*site.clock));
                let line = format!(r#"{{"request_id":"{id}","status":"IN_PROGRESS","processed_at":"{at}"}}"#);
                raw(site, layout::TICKET_RESULTS, &line);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn prop_tickets_go_where_the_model_says(steps in proptest::collection::vec((any::<bool>(), step()), 1..40)) {
        let site = Site::empty();
        let mut both = [site.ops(), site.ops()];
        let mut model = Model::default();
        for (which, step) in steps {
            if matches!(step, Step::Restart) {
                both[usize::from(which)] = site.ops();
            }
            take(&site, &both[usize::from(which)], &mut model, step);
            site.clock.advance(Duration::from_secs(3600));
            model.hour += 1;
            let want: Vec<_> = model.tickets.iter().rev().map(|(id, state, _)| (id.clone(), *state)).collect();
            prop_assert_eq!(states(&both[usize::from(!which)]), want, "the other backend sees it");
        }
        prop_assert_eq!(states(&site.ops()), states(&both[0]), "read anew");
        let bad = lines(&site, layout::TICKET_RESULTS) + lines(&site, layout::TICKET_REQUESTS)
            - model.results - model.tickets.len();
        prop_assert!(bad as u64 <= model.bad, "no line is doubled");
        prop_assert_eq!(lines(&site, layout::AUDIT), model.audited, "one entry a change");
    }
}

#[test]
fn a_ticket_line_that_cannot_be_written_is_recorded_as_a_failure() {
    let site = Site::empty();
    std::fs::create_dir_all(site.store.path(layout::TICKET_REQUESTS)).expect("made");
    assert!(matches!(site.ops().create_ticket(&draft(), &actor()), Err(TicketFault::Store(_))));
    let trail = String::from_utf8(site.store.read(layout::AUDIT).expect("read").expect("there")).expect("text");
    let failed: Vec<bool> = trail.lines().map(|line| line.contains(r#""outcome":"FAILED""#)).collect();
    assert_eq!(failed, [false, true], "{trail}");
}

#[test]
fn a_ticket_whose_results_cannot_be_read_is_not_taken() {
    let site = Site::empty();
    let ops = site.ops();
    let id = made(&ops);
    std::fs::create_dir_all(site.store.path(layout::TICKET_RESULTS)).expect("made");
    assert!(matches!(ops.consume_ticket(&id, "p", &actor()), Err(TicketFault::Store(_))));
    assert!(ops.ticket_board(None, 10).is_err() && ops.work_one_ticket(&actor()).is_err());
    assert!(ops.reap_tickets(0, 1, &actor()).is_err());
}

#[test]
fn a_change_that_cannot_be_recorded_is_not_made() {
    let site = Site::empty();
    let ops = site.ops();
    std::fs::create_dir_all(site.store.path(layout::AUDIT)).expect("made");
    assert!(matches!(ops.create_ticket(&draft(), &actor()), Err(TicketFault::Store(_))));
    assert_eq!(states(&ops).len(), 0, "nothing on the board");
    for id in ["open", "taken"] {
        let line = format!(r#"{{"request_id":"{id}","requested_at":"2026-11-01T20:00:00+09:00"}}"#);
        site.line(layout::TICKET_REQUESTS, &line);
    }
    let line = r#"{"request_id":"taken","status":"IN_PROGRESS","processed_at":"2026-11-01T20:00:00+09:00"}"#;
    site.line(layout::TICKET_RESULTS, line);
    let end = Completion { message: "m".to_owned(), ..Completion::default() };
    assert!(ops.consume_ticket("open", "p", &actor()).is_err());
    assert!(ops.complete_ticket("taken", &end, &actor()).is_err());
    assert!(ops.reap_tickets(0, 1, &actor()).is_err() && ops.work_one_ticket(&actor()).is_err());
    assert_eq!([state_of(&ops, "open"), state_of(&ops, "taken")], [TicketState::Open, IN_PROGRESS]);
    assert_eq!((lines(&site, layout::TICKET_RESULTS), lines(&site, layout::TICKET_RECEIPTS)), (1, 0));
}

#[test]
fn a_text_that_is_too_long_is_refused_by_the_name_of_its_member() {
    let site = Site::empty();
    let ops = site.ops();
    let text = |length: usize| "가".repeat(length);
    let name = |fault: TicketFault| if let TicketFault::Payload(fault) = fault { fault.field } else { "none" };
    let with = |payload: String| TicketDraft {
        payload: Json::parse(format!(r#"{{"mode":"FULL","x":{payload}}}"#).as_bytes()).expect("JSON"),
        ..draft()
    };
    let traced = |length| TicketDraft { trace_id: Some(text(length)), ..draft() };
    for (draft, want) in [
        (traced(201), "trace_id"),
        (with(format!("\"{}\"", "x".repeat(17 << 10))), "payload"),
        (with(format!("{}{}", "[".repeat(16), "]".repeat(16))), "payload"),
    ] {
        assert_eq!(ops.create_ticket(&draft, &actor()).map_err(name).err(), Some(want));
    }
    assert_eq!((lines(&site, layout::TICKET_REQUESTS), lines(&site, layout::AUDIT)), (0, 0));
    let id = ops.create_ticket(&traced(200), &actor()).expect("made").request_id;
    assert_eq!(ops.consume_ticket(&text(201), "p", &actor()).map_err(name).err(), Some("request_id"));
    assert_eq!(ops.consume_ticket(&id, &text(201), &actor()).map_err(name).err(), Some("processor_id"));
    ops.consume_ticket(&id, &text(200), &actor()).expect("taken");
    let fits = Completion {
        message: text(2000),
        processor: text(200),
        artifacts: vec![text(512); 64],
        ..Completion::default()
    };
    for (end, want) in [
        (Completion { message: text(2001), ..fits.clone() }, "message"),
        (Completion { processor: text(201), ..fits.clone() }, "processor_id"),
        (Completion { artifacts: vec![text(513)], ..fits.clone() }, "artifacts"),
        (Completion { artifacts: vec![text(1); 65], ..fits.clone() }, "artifacts"),
    ] {
        assert_eq!(ops.complete_ticket(&id, &end, &actor()).map_err(name).err(), Some(want));
    }
    ops.complete_ticket(&id, &fits, &actor()).expect("finished");
}

#[test]
fn the_reaper_fails_what_is_older_than_its_threshold_and_reports_every_run() {
    let site = Site::empty();
    let ops = site.ops();
    let report = || site.store.document::<ReaperReport>(layout::REAPER.latest).present().expect("a report");
    let none = ops.reap_tickets(86_400, 50, &actor()).expect("reaped");
    assert_eq!((none.decision.as_str(), report().decision.as_str()), ("NONE", "NONE"));
    assert_eq!(lines(&site, layout::AUDIT), 0, "a run that changes nothing is no change");
    let (old, young, open) = (made(&ops), made(&ops), made(&ops));
    ops.consume_ticket(&old, "p", &actor()).expect("taken");
    site.clock.advance(Duration::from_secs(86_400));
    ops.consume_ticket(&young, "p", &actor()).expect("taken");
    assert_eq!(
        ops.reap_tickets(86_400, 50, &actor()).expect("reaped").stale_count,
        0,
        "exactly the threshold is not older"
    );
    site.clock.advance(Duration::from_secs(1));
    let done = ops.reap_tickets(86_400, 50, &actor()).expect("reaped");
    assert_eq!((done.decision.as_str(), done.stale_count, done.cleaned_count), ("CLEANED", 1, 1));
    assert_eq!(
        [state_of(&ops, &old), state_of(&ops, &young), state_of(&ops, &open)],
        [FAILED, IN_PROGRESS, TicketState::Open]
    );
    let report = report();
    assert_eq!(report.cleaned_items[0].request_id, old);
    assert_eq!(report.cleaned_items[0].request_type.as_deref(), Some("REQUEST_RECONCILE"));
    let reason = "AUTO_CLEANUP_STALE_IN_PROGRESS: threshold=86400s, age=86401s";
    assert_eq!(report.cleaned_items[0].reason, reason);
    assert_eq!(report.evidence_refs, ["state/tickets/ticket_results.jsonl:line3"]);
    let line = site.store.resolve(&"state/tickets/ticket_results.jsonl:line3".parse_ref()).expect("resolves");
    assert!(line.data.get().contains(reason) && line.data.get().contains("TICKET_REAPER"));
    assert_eq!(
        ReaperReport::parse(&site.store.read(&done.published.snapshot_ref).expect("read").expect("there")),
        Ok(report)
    );
    let summary = ops.regenerate_summary().expect("made").summary;
    let (tickets, recent) = (summary.tickets.expect("counts"), summary.tickets_recent.expect("counts"));
    assert_eq!((tickets.open, tickets.in_progress, tickets.failed), (1, 1, 1));
    assert_eq!((recent.failed, recent.excluded_cleanup_failed), (0, 1), "a clean-up is no failure");
}

trait ParseRef {
    fn parse_ref(&self) -> crate::contracts::EvidenceRef;
}

impl ParseRef for str {
    fn parse_ref(&self) -> crate::contracts::EvidenceRef {
        crate::contracts::EvidenceRef::parse(self).expect("a ref")
    }
}

#[test]
fn one_run_of_the_reaper_fails_a_thousand_at_most_with_one_entry_and_one_write() {
    let writes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = writes.clone();
    let site = Site::empty();
    let ops = site.ops_observed(std::sync::Arc::new(move |path: &std::path::Path| {
        let is_result = path.to_string_lossy().ends_with("ticket_results.jsonl");
        seen.fetch_add(usize::from(is_result), std::sync::atomic::Ordering::SeqCst);
    }));
    let at = "2026-11-01T20:00:00+09:00";
    let all = |more: &str| (0..1003).map(|n| format!("{{\"request_id\":\"t{n}\",{more}}}\n")).collect::<String>();
    let taken = format!(r#""status":"IN_PROGRESS","processed_at":"{at}""#);
    site.store.write(layout::TICKET_REQUESTS, all(&format!(r#""requested_at":"{at}""#)).as_bytes()).expect("written");
    site.store.write(layout::TICKET_RESULTS, all(&taken).as_bytes()).expect("written");
    let done = ops.reap_tickets(0, usize::MAX, &actor()).expect("reaped");
    assert_eq!((done.stale_count, done.cleaned_count), (1003, 1000));
    assert_eq!((lines(&site, layout::TICKET_RESULTS), lines(&site, layout::AUDIT)), (2003, 1));
    assert_eq!(writes.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(ops.reap_tickets(0, usize::MAX, &actor()).expect("reaped").cleaned_count, 3);
}

#[test]
fn a_ticket_without_any_time_is_stale_and_one_from_the_future_has_none() {
    let site = Site::empty();
    let ops = site.ops();
    for (id, requested, processed) in [
        ("no-time", "x", "y"),
        ("only-asked", "2026-11-18T20:00:00+09:00", "y"),
        ("asked-now", "2026-11-20T20:00:00+09:00", "y"),
        ("future", "2026-11-18T20:00:00+09:00", "2027-01-01T00:00:00+09:00"),
        ("all future", "2027-01-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00"),
        ("a little ahead", "2026-11-18T20:00:00+09:00", "2026-11-20T20:04:59+09:00"),
        ("old form", "2026-11-18T20:00:00", "2026-11-18T20:00:00.123456"),
    ] {
        site.line(layout::TICKET_REQUESTS, &format!(r#"{{"request_id":"{id}","requested_at":"{requested}"}}"#));
        let line = format!(r#"{{"request_id":"{id}","status":"IN_PROGRESS","processed_at":"{processed}"}}"#);
        site.line(layout::TICKET_RESULTS, &line);
    }
    let done = ops.reap_tickets(86_400, 50, &actor()).expect("reaped");
    assert_eq!((done.stale_count, done.cleaned_count), (5, 5));
    for (id, want) in [
        ("no-time", FAILED),
        ("only-asked", FAILED),
        ("asked-now", IN_PROGRESS),
        ("future", FAILED),
        ("all future", FAILED),
        ("a little ahead", IN_PROGRESS),
        ("old form", FAILED),
    ] {
        assert_eq!(state_of(&ops, id), want, "{id}");
    }
}
