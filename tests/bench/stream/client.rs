//! Subscribers in one thread: they read every byte and check every id.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::publisher::Schedule;
use crate::target::cpu;

/// Upper end of the histogram, in tenths of a millisecond.
const SLOTS: usize = 100_000;
/// How long is waited for the last events.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn raise_file_limit() {
    use rustix::process::Resource;
    use rustix::process::Rlimit;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .expect("set");
}

/// What all subscribers together have seen.
pub(crate) struct Seen {
    pub(crate) received: u64,
    pub(crate) missed: u64,
    pub(crate) cpu: f64,
    slots: Vec<u64>,
    _stalled: Vec<std::net::TcpStream>,
}

impl Seen {
    /// A delay in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.received as f64 * part).ceil() as u64;
        let mut count = 0;
        for (slot, events) in self.slots.iter().enumerate() {
            count += events;
            if count >= wanted.max(1) {
                return (slot + 1) as f64 / 10.0;
            }
        }
        f64::INFINITY
    }
}

pub(crate) struct Client {
    runtime: Runtime,
    subscribers: Vec<Subscriber>,
    stalled: Vec<std::net::TcpStream>,
}

struct Subscriber {
    stream: TcpStream,
    rest: Vec<u8>,
    last: u64,
    received: u64,
    missed: u64,
    slots: Vec<u64>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, subscribers: usize, stalled: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a client");
        let dial = || async move {
            let stream = TcpStream::connect(address).await.expect("connected");
            let head: &[u8] = b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n";
            assert_eq!(stream.try_write(head).expect("sent"), head.len());
            stream
        };
        let (subscribers, stalled) = runtime.block_on(async {
            let mut all = Vec::new();
            for _ in 0..subscribers {
                let mut one = Subscriber::new(dial().await);
                one.hello().await;
                all.push(one);
            }
            let mut hung = Vec::new();
            for _ in 0..stalled {
                let mut one = Subscriber::new(dial().await);
                one.hello().await;
                hung.push(one.stream.into_std().expect("a socket"));
            }
            (all, hung)
        });
        Self { runtime, subscribers, stalled }
    }

    /// Reads until every subscriber has everything that is published, or nothing comes any more.
    pub(crate) fn read(self, schedule: &Arc<Schedule>, publisher: JoinHandle<()>) -> Seen {
        let before = cpu("self");
        let done = Arc::new(AtomicU64::new(0));
        let mut seen = Seen { received: 0, missed: 0, cpu: 0.0, slots: vec![0; SLOTS], _stalled: self.stalled };
        self.runtime.block_on(async {
            let mut tasks = Vec::new();
            for subscriber in self.subscribers {
                let (schedule, done) = (Arc::clone(schedule), Arc::clone(&done));
                tasks.push(tokio::spawn(async move {
                    let all = subscriber.follow(&schedule, PATIENCE).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    all
                }));
            }
            for task in tasks {
                let one = task.await.expect("no defect");
                seen.received += one.received;
                seen.missed += one.missed;
                for (slot, count) in one.slots.iter().enumerate() {
                    seen.slots[slot] += count;
                }
            }
        });
        seen.cpu = cpu("self") - before;
        publisher.join().expect("no defect");
        seen
    }
}

thread_local! {
    /// All subscribers read into the same place.
    static ROOM: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; 1 << 20]);
}

impl Subscriber {
    fn new(stream: TcpStream) -> Self {
        Self { stream, rest: Vec::new(), last: 0, received: 0, missed: 0, slots: Vec::new() }
    }

    async fn hello(&mut self) {
        let mut bytes = vec![0; 4096];
        let mut filled = 0;
        while !bytes[..filled].windows(13).any(|part| part == b"\"reset\":false") {
            self.stream.readable().await.expect("a connection");
            match self.stream.try_read(&mut bytes[filled..]) {
                Ok(0) => panic!("the stream ended: {}", String::from_utf8_lossy(&bytes[..filled])),
                Ok(read) => filled += read,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => {}
                Err(fault) => panic!("{fault}"),
            }
        }
    }

    async fn follow(mut self, schedule: &Schedule, patience: Duration) -> Self {
        while self.last < schedule.events() {
            if tokio::time::timeout(patience, self.stream.readable()).await.is_err() {
                break;
            }
            match ROOM.with_borrow_mut(|room| self.take(room, schedule)) {
                Ok(0) => break,
                Ok(_) => {}
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => {}
                Err(fault) => panic!("{fault}"),
            }
        }
        self
    }

    fn take(&mut self, room: &mut [u8], schedule: &Schedule) -> std::io::Result<usize> {
        let kept = self.rest.len();
        room[..kept].copy_from_slice(&self.rest);
        let read = self.stream.try_read(&mut room[kept..])?;
        let now = Instant::now();
        let mut bytes = &room[..kept + read];
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.line(&bytes[..end], schedule, now);
            bytes = &bytes[end + 1..];
        }
        self.rest.clear();
        self.rest.extend_from_slice(bytes);
        Ok(read)
    }

    fn line(&mut self, line: &[u8], schedule: &Schedule, now: Instant) {
        if let Some(id) = line.strip_prefix(b"id: ") {
            let id = number(id);
            assert_eq!(id, self.last + 1, "a hole without a word");
            self.last = id;
            self.received += 1;
            let slot = usize::try_from(schedule.delay(id, now).as_micros() / 100).unwrap_or(SLOTS).min(SLOTS - 1);
            if self.slots.len() <= slot {
                self.slots.resize(slot + 1, 0);
            }
            self.slots[slot] += 1;
        } else if let Some(gap) = line.strip_prefix(b"data: {\"from_id\":") {
            let gap: serde_json::Value = serde_json::from_slice(&[b"{\"from_id\":", gap].concat()).expect("JSON");
            assert_eq!(gap["from_id"].as_u64(), Some(self.last + 1));
            self.missed += gap["missed"].as_u64().expect("a number");
            self.last = gap["to_id"].as_u64().expect("a number");
        }
    }
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
