//! A stream of events while somebody listens: what came, when, and whether it ended.

use std::net::Shutdown;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::Silence;
use crate::time::Clock;
use crate::time::SystemClock;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The greeting of a stream.
    Hello,
    /// An event of the bus.
    Event,
    /// A sign of life.
    Heartbeat,
    /// Events that this listener lost.
    Gap,
    /// The server stops.
    Shutdown,
    /// Something else.
    Other,
}

/// One frame of a stream.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is.
    pub sort: Sort,
    /// The id line of server-sent events.
    pub id: Option<u64>,
    /// Its data as JSON; null when it is none.
    pub value: Value,
    /// What came over the wire.
    pub raw: String,
    /// When it came, on the listener's clock.
    pub at: Duration,
}

impl Frame {
    /// Whether it is an event of this trace.
    #[must_use]
    pub fn is_of(&self, trace_id: &str) -> bool {
        self.sort == Sort::Event && self.value["trace_id"] == *trace_id
    }
}

/// An open stream. Dropping it closes the connection.
#[derive(Debug)]
pub struct Listener {
    /// The status line and the headers of the answer.
    pub head: String,
    /// The status.
    pub status: u16,
    socket: TcpStream,
    frames: Receiver<Frame>,
    heard: Vec<Frame>,
    clock: Arc<SystemClock>,
    reader: Option<JoinHandle<()>>,
}

/// How a reader gives its frames to the listener.
pub(super) struct Teller {
    frames: Sender<Frame>,
    clock: Arc<SystemClock>,
}

impl Teller {
    /// `false` when nobody listens any more.
    pub(super) fn tell(&self, sort: Sort, id: Option<u64>, (data, raw): (&str, String)) -> bool {
        let value = serde_json::from_str(data).unwrap_or(Value::Null);
        self.frames.send(Frame { sort, id, value, raw, at: self.clock.monotonic() }).is_ok()
    }
}

impl Listener {
    /// Starts to read what follows the head of the answer.
    pub(super) fn start(
        socket: TcpStream,
        (status, head): (u16, String),
        read: impl FnOnce(&Teller) + Send + 'static,
    ) -> Result<Self, Silence> {
        let clock = Arc::new(SystemClock::new());
        let (frames, received) = channel();
        let teller = Teller { frames, clock: Arc::clone(&clock) };
        let reader = std::thread::Builder::new().name("listener".to_owned()).spawn(move || read(&teller));
        let reader = reader.map_err(|fault| Silence::Broken(format!("no thread can be started: {fault}")))?;
        Ok(Self { head, status, socket, frames: received, heard: Vec::new(), clock, reader: Some(reader) })
    }

    /// The listener's clock now.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Everything that came so far.
    pub fn heard(&mut self) -> &[Frame] {
        self.heard.extend(self.frames.try_iter());
        &self.heard
    }

    /// How often frames that fit came so far.
    pub fn count(&mut self, fits: impl Fn(&Frame) -> bool) -> usize {
        self.heard().iter().filter(|frame| fits(frame)).count()
    }

    /// Waits for the first frame that fits, counting those that came before; `None` when it does not come in time or the
    /// stream has ended.
    pub fn wait_for(&mut self, within: Duration, fits: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let end = self.clock.monotonic() + within;
        if let Some(found) = self.heard().iter().find(|frame| fits(frame)) {
            return Some(found.clone());
        }
        loop {
            let left = end.saturating_sub(self.clock.monotonic());
            match self.frames.recv_timeout(left) {
                Ok(frame) => {
                    self.heard.push(frame.clone());
                    if fits(&frame) {
                        return Some(frame);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Head and frames as they came, for a file of evidence.
    pub fn log(&mut self) -> String {
        let mut text = self.head.clone();
        for frame in self.heard() {
            text.push_str(&format!("[+{:.3} s]\n{}\n", frame.at.as_secs_f64(), frame.raw));
        }
        text
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A connection that is gone already cannot be closed again.
        self.socket.shutdown(Shutdown::Both).ok();
        if let Some(reader) = self.reader.take() {
            // A reader that ended by a panic has told its frames before.
            reader.join().ok();
        }
    }
}
