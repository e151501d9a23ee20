//! Small servers on ports of their own.

use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use daily_ops::sync::Pulled;
use daily_ops::sync::Remote;
use daily_ops::time::Clock;
use daily_ops::time::SystemClock;

use crate::site::Site;

/// Calls `serve` on a thread for each connection, and lives as long as the returned end of the channel.
pub(crate) fn listener(serve: impl Fn(TcpStream, &Gone) + Send + Sync + 'static) -> (u16, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (alive, gone) = channel();
    let serve = Arc::new(serve);
    let gone = Arc::new(Gone(Mutex::new(gone)));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (serve, gone) = (Arc::clone(&serve), Arc::clone(&gone));
            thread::spawn(move || serve(stream, &gone));
        }
    });
    (port, alive)
}

/// Tells whether the test has ended.
pub(crate) struct Gone(Mutex<Receiver<()>>);

impl Gone {
    pub(crate) fn within(&self, time: Duration) -> bool {
        let ended = self.0.lock().unwrap().recv_timeout(time);
        ended == Err(RecvTimeoutError::Disconnected)
    }
}

/// Pulls on the host, expects that nothing changed, and tells how long it took.
pub(crate) fn pulled_within(site: &Site, limit: Duration) -> (Pulled, Duration) {
    let clock = SystemClock::new();
    let before = site.host_state();
    let pulled = Remote { limit, ..site.host() }.pull();
    let took = clock.monotonic();
    assert!(site.host_state() == before, "the work tree, the index or the branch changed");
    (pulled, took)
}
