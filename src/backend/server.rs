//! The listening side: bind, serve connections with limits, stop gracefully.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::sync::watch;

use super::routes;
use crate::ops::Ops;

/// A request's header must be there within this time; an idle connection is closed after it.
const HEADER_LIMIT: Duration = Duration::from_secs(30);
/// A connection is asked to close after this time, so that a client that never reads cannot stay.
const CONNECTION_LIFE: Duration = Duration::from_secs(600);
/// What a running request is given after its connection was asked to close.
const GRACE: Duration = Duration::from_secs(10);
/// What a domain function that is still at work is given after the grace.
const LAST_GRACE: Duration = Duration::from_secs(2);
/// Connections served at once; further ones wait in the system's queue.
const MAX_CONNECTIONS: u32 = 256;
/// Largest request header, in bytes.
const MAX_HEADER: usize = 16 << 10;
/// Threads for domain functions. They end when they have nothing to do.
const BLOCKING_THREADS: usize = 8;
/// How often a waiting owner looks whether the server still lives.
const LIFE_CHECK: Duration = Duration::from_millis(500);

/// Where and how to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// A loopback address.
    pub host: IpAddr,
    /// The port; 0 takes any free one.
    pub port: u16,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// Threads for connections, at least 1. One thread is enough for a single client.
    pub workers: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { host: Ipv4Addr::LOCALHOST.into(), port: 8000, body_limit: 1 << 20, workers: 2 }
    }
}

/// The backend cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// Somebody else listens there.
    #[error(
        "port {} of {} is in use: another daily_ops serve may be running, look at the service manager (systemctl status) \
         and at the listener (ss -ltnp 'sport = :{}') and use or stop that one first",
        address.port(), address.ip(), address.port()
    )]
    PortInUse {
        /// Where this server was to listen.
        address: SocketAddr,
    },
    /// The address can be reached from other machines.
    #[error("{host} is no loopback address, the backend listens on loopback only")]
    NotLoopback {
        /// The address asked for.
        host: IpAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The threads cannot be started.
    #[error("cannot start the server's threads: {0}")]
    Threads(#[source] io::Error),
}

/// A running backend. Dropping it stops it as [`Server::stop`] does.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds and starts to serve on threads of its own. When it returns, connections are accepted.
    ///
    /// # Errors
    /// The address is no loopback address or cannot be listened on, or no thread can be started.
    pub fn start(ops: Arc<Ops>, options: &ServeOptions) -> Result<Self, ServeFault> {
        let listener = bind(options)?;
        let address = listener.local_addr().map_err(ServeFault::Threads)?;
        let runtime = runtime(options.workers).map_err(ServeFault::Threads)?;
        let router = routes::router(ops, options.body_limit);
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("backend".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, router, stopped));
                runtime.shutdown_timeout(LAST_GRACE);
            })
            .map_err(ServeFault::Threads)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its addresses, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting, lets running requests end (10 s at most) and returns.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// Serves until a message comes or every sender is gone, then stops as [`Server::stop`] does. Returns early when the
    /// server itself has ended.
    pub fn wait_for(mut self, stop: &Receiver<()>) {
        let lives = |server: &Self| server.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        while lives(&self) && stop.recv_timeout(LIFE_CHECK) == Err(RecvTimeoutError::Timeout) {}
        self.shut_down();
    }

    fn shut_down(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread ended by a panic");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn bind(options: &ServeOptions) -> Result<StdListener, ServeFault> {
    if !options.host.is_loopback() {
        return Err(ServeFault::NotLoopback { host: options.host });
    }
    let address = SocketAddr::new(options.host, options.port);
    let fault = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServeFault::PortInUse { address }
        } else {
            ServeFault::Bind { address, source }
        }
    };
    let listener = StdListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// With one worker the server's own thread does all the work, and no other is started before a domain function runs.
fn runtime(workers: usize) -> io::Result<Runtime> {
    let mut builder = if workers > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    if workers > 1 {
        builder.worker_threads(workers).thread_name("backend-worker");
    }
    builder.max_blocking_threads(BLOCKING_THREADS).enable_io().enable_time().build()
}

async fn serve(listener: StdListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(fault) => {
            tracing::error!(%fault, "the listener cannot be used");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        if let Some((stream, permit)) = accepted {
            let (router, stopped) = (router.clone(), stopped.clone());
            tokio::spawn(async move {
                connection(stream, router, stopped).await;
                drop(permit);
            });
        }
    }
    drop(listener);
    // Every connection holds one permit, so all of them together mean that nobody is served any more.
    if tokio::time::timeout(GRACE, room.acquire_many(MAX_CONNECTIONS)).await.is_err() {
        tracing::warn!(seconds = GRACE.as_secs(), "requests were still running and are cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Replies are small; waiting to fill a packet only adds latency. Failing here means the peer is gone.
            stream.set_nodelay(true).ok()?;
            Some((stream, permit))
        }
        Err(fault) => {
            tracing::warn!(%fault, "a connection was not accepted");
            // Out of file descriptors, most likely: without a pause this loop would only burn time.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        _ = stopped.wait_for(|stop| *stop) => None,
        () = tokio::time::sleep(CONNECTION_LIFE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            // Past the grace the connection is dropped with whatever it was doing.
            tokio::time::timeout(GRACE, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(%fault, "a connection ended early");
    }
}
