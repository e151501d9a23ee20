//! A process that dies at any point neither sends twice nor forgets that it may have sent.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use daily_ops::contracts::actor::Actor;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::SEND;
use crate::client;
use crate::fake::Act;
use crate::fake::Fake;
use crate::lines;
use crate::open;
use crate::ops;
use crate::put;
use crate::read;
use crate::window;
use crate::yes;

#[test]
fn a_crash_after_any_write_never_sends_twice() {
    for is_fire in [false, true] {
        let actor = Actor::program("test");
        let run = |ops: &daily_ops::ops::Ops| {
            if is_fire {
                drop(ops.run_live_fire(&actor).expect("done"))
            } else {
                drop(ops.run_send(&actor).expect("done"))
            }
        };
        let (mut last, mut dead) = (0, true);
        while dead {
            let fake = yes();
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            open(&store);
            let done = AtomicUsize::new(0);
            let observer = Arc::new(move |_: &Path| {
                assert!(done.fetch_add(1, Ordering::SeqCst) < last, "killed");
            });
            let ops_dying = ops(&fake, &store, Some(observer));
            dead = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&ops_dying))).is_err();
            let called = fake.seen().len();
            if called > 0 {
                assert_eq!(read(&store, layout::WINDOW_CONSUMED)["consumed"], true, "write {last}");
                assert_eq!(lines(&store, layout::SEND_RECEIPTS)[0]["decision"], "ATTEMPTED", "write {last}");
                assert!(!is_fire || read(&store, layout::SENDER)["enabled"] == false, "write {last}");
            }
            // Somebody opens everything again; what may have left does not leave again.
            let again = ops(&fake, &store, None);
            run(&again);
            assert!(fake.seen().len() <= 1, "write {last}: used up");
            store.write(layout::SENDER, crate::SENDER.as_bytes()).expect("written");
            store.remove(layout::WINDOW_CONSUMED).expect("removed");
            put(&store, layout::WINDOWS, &window("w2"));
            run(&again);
            assert!(fake.seen().len() <= 1, "write {last}: {called} before");
            last += 1;
        }
        assert!(last > 8, "only {last} writes");
    }
}

/// The program's own server on a workspace.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(root: &Path, fake: &Fake) -> Self {
        Self::with_hook(root, fake, "")
    }

    /// The same with a webhook.
    fn with_hook(root: &Path, fake: &Fake, hook: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_daily_ops"))
            .args(["--json", "--root"])
            .arg(root)
            .args(["serve", "--port", "0"])
            .env_clear()
            .env("HOME", root)
            .env("TELEGRAM_BOT_TOKEN", crate::TOKEN)
            .env("TELEGRAM_CHAT_ID", "42")
            .env("DAILY_OPS_TELEGRAM_URL", fake.url())
            .env("SLACK_WEBHOOK_URL", hook)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let url = loop {
            assert!(lines.read_line(&mut text).expect("read") > 0, "no address: {text}");
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                break value["url"].as_str().expect("an address").to_owned();
            }
        };
        Self { child, address: url.trim_start_matches("http://").parse().expect("an address") }
    }

    /// Is asked to send, and killed when the message has arrived.
    fn die_while_sending(self, arrived: &Receiver<()>) {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        stream.write_all(client::request("POST", SEND, None, &[]).as_bytes()).expect("asked");
        arrived.recv_timeout(Duration::from_secs(60)).expect("the message arrived");
        self.kill();
    }

    fn post(&self, path: &str) -> Value {
        client::raw(self.address, client::request("POST", path, None, &[]).as_bytes()).json()
    }

    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

/// A channel that takes a message and never answers, and word of each that arrived.
fn hanging() -> (Fake, Receiver<()>) {
    let (say, arrived) = mpsc::channel();
    let say = Mutex::new(say);
    let fake = Fake::http(move |_| {
        say.lock().expect("sound").send(()).expect("heard");
        Act::hang()
    });
    (fake, arrived)
}

/// The one receipt of a process that died while it sent.
fn receipt_of_the_try(store: &Store) -> Value {
    let mut written = lines(store, layout::SEND_RECEIPTS);
    assert_eq!((written.len(), &written[0]["decision"]), (1, &Value::from("ATTEMPTED")));
    written.remove(0)
}

/// Makes everything say yes by the real clock.
fn open_now(store: &Store) {
    open(store);
    let now = SystemClock::new().now();
    let at = |minutes: i64| Value::from(Stamp::of(now + chrono::Duration::minutes(minutes)).as_str());
    let mut window = window("w1");
    (window["created_at"], window["expires_at"]) = (at(-1), at(9));
    let mut approval = crate::approval();
    (approval["requested_at"], approval["expires_at"]) = (at(-60), at(60));
    put(store, layout::WINDOWS, &window);
    put(store, layout::APPROVALS, &approval);
}

#[test]
fn a_process_killed_while_the_channel_is_silent_does_not_send_again() {
    let (fake, arrived) = hanging();
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open_now(&store);
    let served = Served::start(dir.path(), &fake);
    served.die_while_sending(&arrived);
    receipt_of_the_try(&store);
    assert_eq!(read(&store, layout::WINDOW_CONSUMED)["consumed"], true);
    let served = Served::start(dir.path(), &fake);
    assert_eq!(served.post(SEND)["blocked_reason"], "NO_MESSAGES");
    store.remove(layout::WINDOW_CONSUMED).expect("removed");
    open_now(&store);
    assert_eq!(served.post(SEND)["blocked_reason"], "NO_MESSAGES", "it may have left");
    assert_eq!(served.post("/api/ops/push/postmortem/regenerate?confirm=true")["result"], "OK");
    let look = read(&store, layout::POSTMORTEM.latest);
    assert_eq!(look["send_attempt_observed"]["decision"], "ATTEMPTED", "{look}");
    assert_eq!(fake.seen().len(), 1);
    served.kill();
}

#[test]
fn a_process_killed_while_one_of_two_channels_is_silent_sends_again_to_none() {
    let (bot, (hook, arrived)) = (yes(), hanging());
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let open_both = || {
        open_now(&store);
        let sender = r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"channel":"TELEGRAM+SLACK","reason":"t"}"#;
        store.write(layout::SENDER, sender.as_bytes()).expect("written");
    };
    open_both();
    let address = format!("{}/services/planted-hook", hook.url());
    let served = Served::with_hook(dir.path(), &bot, &address);
    served.die_while_sending(&arrived);
    let receipt = receipt_of_the_try(&store);
    let rows = receipt["channels"].as_array().expect("rows");
    let told: Vec<_> = rows.iter().map(|row| row["decision"].as_str().expect("a word")).collect();
    assert_eq!(told, ["UNKNOWN", "UNKNOWN", "SKIPPED"]);
    let served = Served::with_hook(dir.path(), &bot, &address);
    store.remove(layout::WINDOW_CONSUMED).expect("removed");
    open_both();
    assert_eq!(served.post(SEND)["blocked_reason"], "NO_MESSAGES", "one of them may have it");
    assert!(bot.connections() <= 1, "told at most once");
    assert_eq!(hook.connections(), 1);
    served.kill();
}
