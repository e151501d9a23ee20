//! One ticket file: what was appended since the last look, and its last lines.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::contracts::json::sha256;
use crate::contracts::ticket::ReceiptLine;
use crate::contracts::ticket::ReceiptTime;
use crate::contracts::ticket::RequestLine;
use crate::contracts::ticket::ResultEvent;
use crate::contracts::ticket::ResultLine;
use crate::contracts::ticket::TicketStatus;
use crate::store::Store;
use crate::store::jsonl::MAX_LINE;
use crate::store::jsonl::Place;
use crate::store::jsonl::Tail;
use crate::store::layout;
use crate::time::Stamp;

/// Characters that are kept of the message of a failed ticket.
const PREFIX: usize = 200;
/// Events handed over at a time.
const BATCH: usize = 4096;

/// A ticket's id in 16 bytes: the UUID itself, or a hash of any other text.
pub(super) type Key = [u8; 16];

/// Which of the three files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Requests,
    Results,
    Receipts,
}

impl Source {
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Requests => layout::TICKET_REQUESTS,
            Self::Results => layout::TICKET_RESULTS,
            Self::Receipts => layout::TICKET_RECEIPTS,
        }
    }
}

/// What one line says about its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) key: Key,
    /// Where the line starts.
    pub(super) offset: u64,
    pub(super) effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The ticket exists; when it was asked for, in microseconds.
    Requested { at: Option<i64> },
    /// Its newest result, and when.
    Status { status: TicketStatus, at: Option<i64> },
    /// Its newest receipt: whether a guard refused the execution.
    Receipt { blocked: bool },
}

/// What a file hands over, in the order of its lines.
#[derive(Debug)]
pub(super) enum Batch {
    /// Forget what came from this file.
    Restart(Source),
    Events(Vec<Event>),
}

/// What a line is.
enum Line {
    Blank,
    Bad,
    /// A receipt of a version that is not known.
    PassedOver,
    Event(Key, Effect),
}

/// What the recent window needs to know of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// The number of the line.
    pub(super) number: u64,
    /// When it was written, in microseconds.
    pub(super) at: Option<i64>,
    /// Of a result only.
    pub(super) status: Option<TicketStatus>,
    /// How the message of a failed one begins.
    pub(super) message: String,
}

impl Trace {
    /// `None` for a line that cannot matter to the recent window.
    pub(super) fn of(number: u64, effect: Effect, line: &[u8]) -> Option<Self> {
        let line = unmarked(line);
        match effect {
            Effect::Status { status, at } => {
                let message = if status == TicketStatus::Failed { message_of(line) } else { String::new() };
                Some(Self { number, at, status: Some(status), message })
            }
            Effect::Receipt { blocked: true } => {
                let receipt = serde_json::from_slice::<ReceiptTime>(line).unwrap_or_default();
                let at = receipt.at().and_then(Stamp::instant).map(|at| at.timestamp_micros());
                Some(Self { number, at, status: None, message: String::new() })
            }
            Effect::Requested { .. } | Effect::Receipt { blocked: false } => None,
        }
    }
}

/// How a message begins. A longer beginning than this marks no clean-up.
fn message_of(line: &[u8]) -> String {
    let message = serde_json::from_slice::<ResultEvent>(line).map(|event| event.message).unwrap_or_default();
    message.chars().take(PREFIX).collect()
}

/// The last lines of a file as far as they count: a long line costs no more than a short one.
#[derive(Debug, Default)]
struct Ring {
    capacity: usize,
    lines: VecDeque<Trace>,
}

impl Ring {
    fn push(&mut self, trace: Trace) {
        if self.capacity == 0 {
            return;
        }
        if self.lines.len() >= self.capacity {
            self.lines.pop_front();
        }
        self.lines.push_back(trace);
    }
}

/// One of the three files and how far it was read.
#[derive(Debug)]
pub(super) struct TicketFile {
    source: Source,
    tail: Tail,
    ring: Ring,
    bad_lines: u64,
    /// A last line without an end that can be read: its number and text. It is not consumed.
    pending: Option<(Place, Vec<u8>)>,
    /// Whether the file ends within a line, readable or not.
    within_a_line: bool,
    /// Why the file could not be read the last time.
    fault: Option<String>,
}

struct Reading<'a> {
    source: Source,
    ring: &'a mut Ring,
    bad_lines: &'a mut u64,
    events: Vec<Event>,
    send: &'a mut dyn FnMut(Batch),
}

impl Reading<'_> {
    fn restart(&mut self) {
        self.ring.lines.clear();
        *self.bad_lines = 0;
        self.events.clear();
        (self.send)(Batch::Restart(self.source));
    }

    fn line(&mut self, at: Place, line: &[u8]) {
        match parse(self.source, line) {
            Line::Blank | Line::PassedOver => {}
            Line::Bad => *self.bad_lines += 1,
            Line::Event(key, effect) => {
                if let Some(trace) = Trace::of(at.number, effect, line) {
                    self.ring.push(trace);
                }
                self.events.push(Event { key, offset: at.offset, effect });
                if self.events.len() >= BATCH {
                    let full = std::mem::replace(&mut self.events, Vec::with_capacity(BATCH));
                    (self.send)(Batch::Events(full));
                }
            }
        }
    }
}

impl TicketFile {
    /// A file of which the last `recent` lines are kept.
    pub(super) fn new(source: Source, recent: usize) -> Self {
        let ring = Ring { capacity: recent, lines: VecDeque::new() };
        Self { source, tail: Tail::default(), ring, bad_lines: 0, pending: None, within_a_line: false, fault: None }
    }

    /// Hands over what was appended since the last call.
    pub(super) fn read(&mut self, store: &Store, send: &mut dyn FnMut(Batch)) {
        let (source, path) = (self.source, store.path(self.source.file()));
        let (ring, bad_lines) = (&mut self.ring, &mut self.bad_lines);
        let reading = RefCell::new(Reading { source, ring, bad_lines, events: Vec::new(), send });
        let rest = self.tail.read(&path, &mut || reading.borrow_mut().restart(), &mut |at, line| {
            reading.borrow_mut().line(at, line);
        });
        let reading = reading.into_inner();
        if !reading.events.is_empty() {
            (reading.send)(Batch::Events(reading.events));
        }
        match rest {
            Ok(rest) => {
                self.fault = None;
                self.within_a_line = !rest.is_empty() || self.tail.is_too_long();
                let readable = matches!(parse(source, &rest), Line::Event(..));
                self.pending = readable.then(|| (self.tail.next(), rest));
            }
            Err(fault) => {
                self.fault = Some(format!("{}: {fault}", source.file()));
                self.pending = None;
                self.within_a_line = false;
            }
        }
    }

    /// Bytes that the next call will about read, as far as the length tells.
    pub(super) fn unread(&self, store: &Store) -> u64 {
        let length = store.path(self.source.file()).metadata().map_or(0, |meta| meta.len());
        length.checked_sub(self.tail.reached()).unwrap_or(length)
    }

    pub(super) fn path(&self) -> &'static str {
        self.source.file()
    }

    pub(super) fn is_within_a_line(&self) -> bool {
        self.within_a_line
    }

    /// The number that the next line will have, once the last one has ended.
    pub(super) fn next_line(&self) -> u64 {
        self.tail.next().number
    }

    pub(super) fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// What the last line says when it has no end yet.
    pub(super) fn pending(&self) -> Option<Event> {
        let (at, line) = self.pending.as_ref()?;
        let Line::Event(key, effect) = parse(self.source, line) else { return None };
        Some(Event { key, offset: at.offset, effect })
    }

    /// The last `count` lines, oldest first: every result, or the receipts that say BLOCKED.
    pub(super) fn recent(&self, count: usize) -> Vec<Trace> {
        let pending = self.pending.as_ref().zip(self.pending());
        let pending = pending.and_then(|((at, line), event)| Trace::of(at.number, event.effect, line));
        let skipped = (self.ring.lines.len() + usize::from(pending.is_some())).saturating_sub(count);
        self.ring.lines.iter().cloned().chain(pending).skip(skipped).collect()
    }
}

/// A line without the byte-order mark that some editors put before the first one.
pub(super) fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn parse(source: Source, line: &[u8]) -> Line {
    let line = unmarked(line);
    if line.iter().all(u8::is_ascii_whitespace) {
        return Line::Blank;
    }
    // serde would take a list for an object whose fields come in order.
    let is_object = line.trim_ascii_start().first() == Some(&b'{');
    if !is_object || line.len() > MAX_LINE {
        return Line::Bad;
    }
    let event = match source {
        Source::Requests => serde_json::from_slice::<RequestLine<'_>>(line)
            .ok()
            .map(|l| (key_of(&l.request_id), Effect::Requested { at: l.requested_at.micros() })),
        Source::Results => serde_json::from_slice::<ResultLine<'_>>(line)
            .ok()
            .map(|l| (key_of(&l.request_id), Effect::Status { status: l.status, at: l.processed_at.micros() })),
        Source::Receipts => match serde_json::from_slice::<ReceiptLine<'_>>(line) {
            Ok(receipt) if !receipt.is_known() => return Line::PassedOver,
            Ok(l) => Some((key_of(&l.request_id), Effect::Receipt { blocked: l.is_blocked() })),
            Err(_) => None,
        },
    };
    match event {
        Some((Some(key), effect)) => Line::Event(key, effect),
        _ => Line::Bad,
    }
}

/// The key of an id; `None` for an empty one.
pub(super) fn key_of(id: &str) -> Option<Key> {
    if id.is_empty() {
        return None;
    }
    // Only the usual form is taken as the number it is: ids are texts, and two spellings of one number are two ids.
    let usual = id.len() == 36 && !id.bytes().any(|b| b.is_ascii_uppercase());
    if let Some(uuid) = usual.then(|| uuid::Uuid::try_parse(id).ok()).flatten() {
        return Some(*uuid.as_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(&sha256(id.as_bytes())[..16]);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_number_or_its_hash() {
        let lower = key_of("206c5ca5-6baf-4d97-8483-c32e0fd5411c").expect("an id");
        assert_eq!(lower[..4], [0x20, 0x6c, 0x5c, 0xa5]);
        let others = ["206C5CA5-6BAF-4D97-8483-C32E0FD5411C", "206c5ca56baf4d978483c32e0fd5411c", "zzz", "N/A", "한글"];
        let mut keys: Vec<_> = others.iter().filter_map(|id| key_of(id)).collect();
        keys.push(lower);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
        assert_eq!(key_of(""), None);
    }

    #[test]
    fn the_last_lines_are_kept_by_what_counts_whatever_their_length() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let long = "x".repeat(1 << 20);
        for status in ["DONE", "FAILED", "FAILED"] {
            let line = format!(r#"{{"request_id":"a","status":"{status}","message":"REAPER_{long}","x":"{long}"}}"#);
            store.append(layout::TICKET_RESULTS, &line, crate::store::Durability::Buffered).expect("written");
        }
        let mut file = TicketFile::new(Source::Results, 2);
        file.read(&store, &mut |_| ());
        let kept = file.recent(5);
        assert_eq!(kept.iter().map(|trace| trace.number).collect::<Vec<_>>(), [2, 3]);
        assert!(kept.iter().all(|trace| trace.message.starts_with("REAPER_xx") && trace.message.len() == PREFIX));
        assert!(kept.iter().all(|trace| trace.status == Some(TicketStatus::Failed) && trace.at.is_none()));
        assert!(file.ring.lines.iter().all(|trace| trace.message.capacity() < 1024), "nothing else is held");
    }

    #[test]
    fn lines_are_sorted_into_events_and_bad_ones() {
        let kind = |source, text: &str| match parse(source, text.as_bytes()) {
            Line::Blank => "blank",
            Line::Bad => "bad",
            Line::PassedOver => "passed over",
            Line::Event(..) => "event",
        };
        let cases = [
            (Source::Requests, r#"{"request_id":"a","payload":{"mode":"FULL"}}"#, "event"),
            (Source::Requests, "\u{feff}{\"request_id\":\"a\"}", "event"),
            (Source::Requests, r#"{"request_id":"a","requested_at":7}"#, "event"),
            (Source::Requests, "  ", "blank"),
            (Source::Requests, "", "blank"),
            (Source::Requests, r#"{"request_id":"a""#, "bad"),
            (Source::Requests, r#"{"request_id":7}"#, "bad"),
            (Source::Requests, r#"{"request_id":""}"#, "bad"),
            (Source::Requests, r#"{"request_id":"a","request_id":"b"}"#, "bad"),
            (Source::Requests, r#"["request_id"]"#, "bad"),
            (Source::Results, r#"{"request_id":"a","status":"DONE"}"#, "event"),
            (Source::Results, r#"{"request_id":"a","status":"GONE"}"#, "bad"),
            (Source::Results, r#"{"request_id":"a"}"#, "bad"),
            (Source::Results, r#"{"request_id":"a","status":"DONE"} trailing"#, "bad"),
            (Source::Receipts, r#"{"request_id":"a"}"#, "event"),
            (Source::Receipts, r#"{"schema":"EXECUTION_RECEIPT_V9","request_id":"a"}"#, "passed over"),
            (Source::Receipts, r#"{"decision":"BLOCKED"}"#, "bad"),
        ];
        for (source, text, want) in cases {
            assert_eq!(kind(source, text), want, "{source:?} {text}");
        }
    }
}
