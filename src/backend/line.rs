//! One connection as the server keeps it: its socket, and whether the other end still takes bytes.
//!
//! A stream lasts as long as both sides want, so nothing but the socket can tell a slow reader from one that hangs. The
//! kernel says "not now" to both. The one that hangs is the one to which no byte at all could be given for a while.

use std::io;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::sync::OwnedSemaphorePermit;

/// What a stream is given to take its last frame when the server stops.
pub(super) const STREAM_GRACE: Duration = Duration::from_secs(2);
/// How often a blocked socket is looked at before it counts as hung.
const LOOKS: u32 = 15;
/// Bytes that a deaf socket reads and throws away at most.
const UNHEARD: usize = 1 << 20;

/// What is known of a connection beside its bytes. It holds the connection's place among all.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) peer: SocketAddr,
    is_stream: AtomicBool,
    became_stream: Notify,
    /// Whether nothing that the other end still says matters.
    is_one_way: AtomicBool,
    /// Bytes that the socket has taken.
    taken: AtomicU64,
    /// Whether bytes wait that the socket did not take.
    is_blocked: AtomicBool,
    /// Whether the next write is tried although the socket did not say that it has room.
    tries_anyway: AtomicBool,
    is_deaf: AtomicBool,
    is_cut: AtomicBool,
    /// Which of the three [`RECEIVING`], [`WORKING`] and [`ANSWERED`].
    request: AtomicU8,
    _place: OwnedSemaphorePermit,
}

/// No request is here whole; one may be on its way.
const RECEIVING: u8 = 0;
/// A whole request is being handled.
const WORKING: u8 = 1;
/// Its answer is made, and perhaps not written yet.
const ANSWERED: u8 = 2;

impl Line {
    pub(super) fn new(peer: SocketAddr, place: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self {
            peer,
            is_stream: AtomicBool::new(false),
            became_stream: Notify::new(),
            is_one_way: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            is_blocked: AtomicBool::new(false),
            tries_anyway: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            request: AtomicU8::new(RECEIVING),
            _place: place,
        })
    }

    /// The head of a request is here.
    pub(super) fn begins(&self) {
        self.request.store(RECEIVING, Ordering::Release);
    }

    /// The request is here whole.
    pub(super) fn works(&self) {
        self.request.store(WORKING, Ordering::Release);
    }

    /// The answer is made.
    pub(super) fn answered(&self) {
        self.request.store(ANSWERED, Ordering::Release);
    }

    /// Whether nothing is done or written here, only waited for.
    pub(super) fn is_receiving(&self) -> bool {
        self.request.load(Ordering::Acquire) == RECEIVING
    }

    /// More came after an answer: the next request.
    fn heard(&self) {
        self.request.compare_exchange(ANSWERED, RECEIVING, Ordering::AcqRel, Ordering::Acquire).ok();
    }

    /// From now on this connection carries a stream to which the other end says nothing, whatever it sends.
    pub(super) fn becomes_one_way(&self) {
        self.is_one_way.store(true, Ordering::Release);
        self.becomes_stream();
    }

    /// From now on this connection carries a stream: it may last, and it must take what it is given.
    pub(super) fn becomes_stream(&self) {
        self.is_stream.store(true, Ordering::Release);
        self.became_stream.notify_one();
    }

    pub(super) fn is_stream(&self) -> bool {
        self.is_stream.load(Ordering::Acquire)
    }

    /// Returns when this connection has become a stream.
    pub(super) async fn stream(&self) {
        while !self.is_stream() {
            self.became_stream.notified().await;
        }
    }

    /// Returns when the other end of a one-way stream has gone, or says more than anybody would by mistake. What it says is
    /// thrown away: were it left where it is, nobody would see the end behind it.
    pub(super) async fn left(&self, from: &OwnedReadHalf) {
        if !self.is_one_way.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        let (mut bytes, mut unheard) = ([0; 4096], 0);
        while unheard < UNHEARD {
            let read = match from.readable().await {
                Ok(()) => from.try_read(&mut bytes),
                Err(fault) => Err(fault),
            };
            match read {
                Ok(0) => return,
                Ok(count) => unheard += count,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(_reset) => return,
            }
        }
    }

    /// Returns when bytes have waited for this long and the socket took none of them.
    pub(super) async fn hung(&self, patience: Duration) {
        let mut looks = 0;
        let mut before = self.taken.load(Ordering::Acquire);
        while looks < LOOKS {
            tokio::time::sleep(patience / LOOKS).await;
            let taken = self.taken.load(Ordering::Acquire);
            let stands = taken == before && self.is_blocked.load(Ordering::Acquire);
            looks = if stands { looks + 1 } else { 0 };
            before = taken;
            self.tries_anyway.store(stands, Ordering::Release);
        }
    }

    /// What is still unsent is given up when the socket is dropped, by the kernel too.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    /// What still comes in is thrown away, so that closing does not look like a reset to the other end.
    pub(super) fn turn_deaf(&self) {
        self.is_deaf.store(true, Ordering::Release);
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(count)) => {
                self.taken.fetch_add(u64::try_from(*count).unwrap_or(u64::MAX), Ordering::AcqRel);
                self.is_blocked.store(false, Ordering::Release);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.is_blocked.store(true, Ordering::Release),
        }
    }
}

/// A socket that keeps its [`Line`] informed.
#[derive(Debug)]
pub(super) struct Socket {
    from: Arc<OwnedReadHalf>,
    into: OwnedWriteHalf,
    line: Arc<Line>,
    unheard: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        let (from, into) = stream.into_split();
        Self { from: Arc::new(from), into, line, unheard: 0 }
    }

    /// The reading side, for whoever waits for the end of a stream while nobody reads.
    pub(super) fn reading_side(&self) -> Arc<OwnedReadHalf> {
        Arc::clone(&self.from)
    }

    fn poll_from(&self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.from.as_ref().as_ref().poll_read_ready(context))?;
            match self.from.try_read(into.initialize_unfilled()) {
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                // Somebody else has read it; the socket tells when there is more.
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
    }

    /// The kernel says that a socket has room when a third of its buffer is free. A slow reader frees less for a long time;
    /// one byte is enough to know that it lives.
    #[cfg(unix)]
    fn try_anyway(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        use rustix::net::SendFlags;
        if !self.line.tries_anyway.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        match rustix::net::send(self.into.as_ref(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            // All the room is filled at one look. Were it one write a look, a large buffer would take minutes to fill, and
            // somebody who reads nothing would seem to live for as long.
            Ok(count) => Poll::Ready(Ok(count)),
            // A fault that lasts shows when the socket says that it is ready.
            Err(_) => {
                self.line.tries_anyway.store(false, Ordering::Release);
                Poll::Pending
            }
        }
    }

    #[cfg(not(unix))]
    fn try_anyway(&self, _bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        while self.unheard < UNHEARD {
            let mut chunk = ReadBuf::new(&mut bytes);
            ready!(self.poll_from(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                break;
            }
            self.unheard += chunk.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.is_cut.load(Ordering::Acquire) {
            // Without it the kernel goes on trying for minutes; failing here costs only its patience.
            self.into.as_ref().set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.is_deaf.load(Ordering::Acquire) {
            return this.discard(context);
        }
        let before = into.filled().len();
        let read = this.poll_from(context, into);
        if into.filled().len() > before {
            this.line.heard();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = Pin::new(&mut this.into).poll_write(context, bytes);
        if written.is_pending() {
            written = this.try_anyway(bytes);
        }
        this.line.wrote(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = Pin::new(&mut this.into).poll_write_vectored(context, parts);
        if written.is_pending() {
            let first = parts.iter().find(|part| !part.is_empty());
            written = first.map_or(Poll::Pending, |part| this.try_anyway(part));
        }
        this.line.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.into.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().into).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().into).poll_shutdown(context)
    }
}
