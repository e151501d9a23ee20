//! Publishes at fixed times by POST, on one kept connection.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::target::TOKEN;
use crate::target::Target;

/// When which event is due. Ids begin at 1 with each target.
pub(crate) struct Schedule {
    batch: u64,
    every: Duration,
    posts: u64,
    padding: usize,
    begun: OnceLock<Instant>,
    slowest_us: AtomicU64,
}

impl Schedule {
    pub(crate) fn new(rate: u64, every: Duration, seconds: u64, padding: usize) -> Self {
        let each_second = u64::try_from(Duration::from_secs(1).as_micros() / every.as_micros()).expect("few");
        let batch = (rate / each_second).max(1);
        let posts = rate * seconds / batch;
        let every = Duration::from_secs(seconds) / u32::try_from(posts).expect("few");
        Self { batch, every, posts, padding, begun: OnceLock::new(), slowest_us: AtomicU64::new(0) }
    }

    pub(crate) fn events(&self) -> u64 {
        self.posts * self.batch
    }

    /// How long ago the event was due.
    pub(crate) fn delay(&self, id: u64, now: Instant) -> Duration {
        let begun = self.begun.get().expect("the first event came after the beginning");
        now.saturating_duration_since(*begun + self.due((id - 1) / self.batch))
    }

    fn due(&self, post: u64) -> Duration {
        self.every * u32::try_from(post).expect("few")
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(crate) fn slowest_ms(&self) -> f64 {
        self.slowest_us.load(Ordering::Relaxed) as f64 / 1e3
    }

    fn body(&self) -> String {
        let event = serde_json::json!({
            "type": "load-event", "source": "bench", "message": "one event of a load test", "trace_id": "load",
            "data": {"padding": "x".repeat(self.padding), "run": 1},
        });
        serde_json::json!({ "events": vec![event; usize::try_from(self.batch).expect("few")] }).to_string()
    }
}

pub(crate) fn start(target: &Target, schedule: &Arc<Schedule>) -> JoinHandle<()> {
    let schedule = Arc::clone(schedule);
    let mut stream = TcpStream::connect(target.address).expect("connected");
    stream.set_nodelay(true).expect("set");
    std::thread::spawn(move || {
        let body = schedule.body();
        let request = format!(
            "POST /api/ops/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let begun = *schedule.begun.get_or_init(Instant::now);
        for post in 0..schedule.posts {
            let due = begun + schedule.due(post);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let asked = Instant::now();
            stream.write_all(request.as_bytes()).expect("sent");
            accepted(&mut stream);
            let took = u64::try_from(asked.elapsed().as_micros()).expect("short");
            schedule.slowest_us.fetch_max(took, Ordering::Relaxed);
        }
    })
}

fn accepted(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut bytes[filled..]).expect("a reply");
        assert!(read > 0, "the connection ended");
        filled += read;
        let text = String::from_utf8_lossy(&bytes[..filled]);
        assert!(!text.contains("\r\n") || text.starts_with("HTTP/1.1 200"), "{text}");
        // The reply is one flat object and comes in one piece.
        if text.contains("\r\n\r\n") && text.ends_with('}') {
            return;
        }
    }
}
