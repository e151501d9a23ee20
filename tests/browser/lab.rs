//! What the tests share: one browser, small pages, and a door in front of a server that can be shut.

use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::rehearsal::Browser;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;

/// Generous: a machine that builds beside the tests is slow. Nothing waits that long unless it is broken.
pub(crate) const SOON: Duration = Duration::from_secs(60);

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn tell(word: &str) {
    println!("{word}");
}

/// A figure that a test measured and does not judge.
pub(crate) fn report(words: &str) {
    tell(&format!("measured: {words}"));
}

/// The browser of all tests, or a word why there is none. It goes with this process.
pub(crate) fn browser() -> Option<&'static Browser> {
    static BROWSER: OnceLock<Option<Browser>> = OnceLock::new();
    let started = BROWSER.get_or_init(|| {
        let named = std::env::var_os("OPS_BROWSER");
        let found = Browser::find(named.as_deref().map(Path::new));
        found.map(|program| Browser::start(&program).unwrap_or_else(|fault| panic!("{fault}")))
    });
    if started.is_none() {
        let is_required = std::env::var_os("REQUIRE_BROWSER").is_some_and(|value| value == "1");
        assert!(!is_required, "REQUIRE_BROWSER=1, and neither OPS_BROWSER nor the PATH has a browser");
        tell("skipped: no browser; install chromium or set OPS_BROWSER");
    }
    started.as_ref()
}

/// Looks again and again until there is something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.monotonic() < SOON, "{what} did not come");
        clock.wait(Duration::from_millis(10));
    }
}

/// Serves small pages for ever; an unknown path is 404. Each carries a policy that forbids inline scripts.
pub(crate) fn serve(pages: &'static [(&'static str, &'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, pages));
        }
    });
    format!("http://{address}")
}

/// The head of a request, and what came with it; none when nobody asks.
pub(crate) fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    Some(request)
}

fn answer(mut stream: TcpStream, pages: &[(&str, &str, &str)]) {
    let Some(request) = head(&mut stream) else { return };
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/");
    let page = pages.iter().find(|page| page.0 == path);
    let (status, kind, body) = page.map_or(("404 Not Found", "text/plain", "none"), |page| ("200 OK", page.1, page.2));
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\
         content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok();
}

/// A door in front of a server. When it is shut, what runs through it breaks off and nobody else comes in; when it is held,
/// nothing passes and nothing breaks off. Behind it, the server may move.
#[derive(Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_held: Arc<AtomicBool>,
}

struct State {
    /// Where the server is; none while the door is shut.
    open_to: Option<SocketAddr>,
    running: Vec<TcpStream>,
}

impl Door {
    pub(crate) fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        let state = State { open_to: Some(to), running: Vec::new() };
        let door = Self { address, state: Arc::new(Mutex::new(state)), is_held: Arc::default() };
        let keeper = door.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                keeper.let_in(stream);
            }
        });
        door
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn shut(&self) {
        let mut state = self.state.lock().expect("whole");
        state.open_to = None;
        for stream in state.running.drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    pub(crate) fn open(&self, to: SocketAddr) {
        self.state.lock().expect("whole").open_to = Some(to);
    }

    pub(crate) fn hold(&self) {
        self.is_held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn let_go(&self) {
        self.is_held.store(false, Ordering::SeqCst);
    }

    fn let_in(&self, visitor: TcpStream) {
        let mut state = self.state.lock().expect("whole");
        let Some(server) = state.open_to.and_then(|to| TcpStream::connect(to).ok()) else { return };
        for (from, to) in [(&visitor, &server), (&server, &visitor)] {
            let (from, to) = (from.try_clone().expect("cloned"), to.try_clone().expect("cloned"));
            let is_held = Arc::clone(&self.is_held);
            std::thread::spawn(move || pass(from, to, &is_held));
        }
        state.running.push(visitor);
        state.running.push(server);
    }
}

/// Carries bytes one way until an end, and stands still while it is held.
pub(crate) fn pass(mut from: TcpStream, mut to: TcpStream, is_held: &AtomicBool) {
    let clock = SystemClock::new();
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while is_held.load(Ordering::SeqCst) {
            clock.wait(Duration::from_millis(10));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}
