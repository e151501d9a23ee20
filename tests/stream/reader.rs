//! A backend with settings of its own, and readers that take apart what a stream says.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use daily_ops::backend::DashOptions;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::event::EventDraft;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::settings::DashboardSettings;
use daily_ops::store::Store;
use daily_ops::telemetry::Bus;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A backend over a workspace of its own.
pub(crate) struct Host {
    _dir: tempfile::TempDir,
    pub(crate) server: Option<Server>,
}

impl Host {
    pub(crate) fn new(change: impl FnOnce(&mut DashboardSettings)) -> Self {
        Self::with_workers(1, change)
    }

    pub(crate) fn with_workers(workers: usize, change: impl FnOnce(&mut DashboardSettings)) -> Self {
        Self::with_options(workers, |dash| change(&mut dash.settings))
    }

    pub(crate) fn with_options(workers: usize, change: impl FnOnce(&mut DashOptions)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let policy = Box::new(|| Ok(OpsPolicy::default()));
        let ops = Arc::new(Ops::new(Store::new(dir.path()), Arc::new(SystemClock::new()), policy));
        let mut options = ServeOptions { port: 0, workers, ..ServeOptions::default() };
        change(&mut options.dash);
        let server = Server::start(ops, &options).expect("serving");
        Self { _dir: dir, server: Some(server) }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    pub(crate) fn bus(&self) -> &Arc<Bus> {
        self.server().bus()
    }

    /// Publishes so many events in one go, with padding.
    pub(crate) fn publish(&self, count: usize, padding: usize) {
        let draft = EventDraft::new("test-event", "test", "한글 message").with("padding", "x".repeat(padding));
        self.bus().publish(vec![draft; count], None);
    }

    pub(crate) fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server().address()).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    }

    /// A stream of server-sent events. `more` is further lines of the request's head.
    pub(crate) fn events(&self, path: &str, more: &str) -> Events {
        Events::over(self.connect(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")))
    }
}

/// Looks again and again until it is true.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    while !is_true() {
        assert!(clock.monotonic() - begun < PATIENCE, "waited too long until {what}");
        clock.wait(Duration::from_millis(2));
    }
}

/// One frame of server-sent events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) id: Option<u64>,
    pub(crate) event: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: Value,
}

impl Frame {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.event.as_deref() == Some(name)
    }

    fn parse(text: &str) -> Self {
        let mut frame = Self { id: None, event: None, retry: None, data: Value::Null };
        for line in text.lines() {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
            match name {
                "id" => frame.id = value.parse().ok(),
                "event" => frame.event = Some(value.to_owned()),
                "retry" => frame.retry = value.parse().ok(),
                "data" => frame.data = serde_json::from_str(value).expect("JSON"),
                _ => panic!("an unknown field: {line:?}"),
            }
        }
        frame
    }
}

/// A reader of server-sent events over a bare socket.
pub(crate) struct Events {
    stream: TcpStream,
    pub(crate) head: String,
    is_chunked: bool,
    raw: Vec<u8>,
    body: Vec<u8>,
    is_over: bool,
}

impl Events {
    pub(crate) fn over(stream: TcpStream) -> Self {
        let mut events =
            Self { stream, head: String::new(), is_chunked: false, raw: Vec::new(), body: Vec::new(), is_over: false };
        let end = loop {
            if let Some(at) = events.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            assert!(events.read(1 << 16), "the head: {:?}", String::from_utf8_lossy(&events.raw));
        };
        events.head = String::from_utf8(events.raw[..end].to_vec()).expect("text");
        events.raw.drain(..end + 4);
        events.is_chunked = events.head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        events.unwrap();
        events
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once, at most so many bytes; says whether there was anything.
    pub(crate) fn read(&mut self, most: usize) -> bool {
        let mut bytes = vec![0; most];
        let read = self.stream.read(&mut bytes).unwrap_or(0);
        self.raw.extend_from_slice(&bytes[..read]);
        if !self.head.is_empty() {
            self.unwrap();
        }
        read > 0
    }

    /// Takes the body out of its chunks.
    fn unwrap(&mut self) {
        if !self.is_chunked {
            self.body.append(&mut self.raw);
            return;
        }
        let mut used = 0;
        while let Some(end) = self.raw[used..].windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&self.raw[used..used + end]).expect("text");
            let size = usize::from_str_radix(size, 16).expect("a size");
            let begin = used + end + 2;
            if self.raw.len() < begin + size + 2 {
                break;
            }
            assert!(size <= 256 << 10, "one write has 256 KiB at most: {size}");
            self.body.extend_from_slice(&self.raw[begin..begin + size]);
            used = begin + size + 2;
            self.is_over |= size == 0;
        }
        self.raw.drain(..used);
    }

    /// The next frame, when it is here already.
    pub(crate) fn ready(&mut self) -> Option<Frame> {
        let end = self.body.windows(2).position(|two| two == b"\n\n")?;
        let text: Vec<u8> = self.body.drain(..end + 2).collect();
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(!text.contains('\r'), "LF line ends");
        Some(Frame::parse(text.trim_end_matches('\n')))
    }

    /// The next frame; none when the stream is over.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready() {
                return Some(frame);
            }
            if !self.read(1 << 16) {
                return None;
            }
        }
    }

    /// The next frame that is no heartbeat.
    pub(crate) fn news(&mut self) -> Frame {
        loop {
            let frame = self.next().expect("the stream goes on");
            if !frame.is("heartbeat") {
                return frame;
            }
        }
    }

    pub(crate) fn hello(&mut self) -> Frame {
        let frame = self.next().expect("the stream goes on");
        assert!(frame.is("hello"), "{frame:?}");
        frame
    }

    /// Whether the stream was ended in order.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

/// What a subscriber knows: nothing silent, nothing twice.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The newest id that is accounted for.
    pub(crate) last: u64,
    pub(crate) received: u64,
    pub(crate) missed: u64,
    gap_stands: bool,
}

impl Ledger {
    pub(crate) fn after(last: u64) -> Self {
        Self { last, ..Self::default() }
    }

    pub(crate) fn take(&mut self, frame: &Frame) {
        if let Some(id) = frame.id {
            assert_eq!((frame.event.as_ref(), &frame.data["id"]), (None, &Value::from(id)));
            assert_eq!(id, self.last + 1, "a hole or a repetition without a word");
            self.last = id;
            self.received += 1;
            self.gap_stands = false;
            return;
        }
        assert!(!self.gap_stands, "an event follows a gap at once: {frame:?}");
        if frame.is("gap") {
            let number = |name: &str| frame.data[name].as_u64().expect("a number");
            assert_eq!(number("from_id"), self.last + 1, "{frame:?}");
            assert_eq!(number("missed"), number("to_id") + 1 - number("from_id"), "{frame:?}");
            self.last = number("to_id");
            self.missed += number("missed");
            self.gap_stands = true;
        }
    }

    /// Reads until everything up to this id is accounted for.
    pub(crate) fn read_to(&mut self, events: &mut Events, last: u64) {
        while self.last < last {
            let frame = events.next().expect("the stream goes on");
            self.take(&frame);
        }
    }
}
