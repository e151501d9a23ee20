//! The listening side: bind, accept as many connections as there is room for, stop gracefully.

mod connection;
#[cfg(test)]
mod tests;

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
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::sync::watch;

use connection::Limits;
use connection::connection;

use super::access::Access;
use super::access::Reach;
use super::dash::Dash;
use super::dash::DashOptions;
use super::dash::observer;
use super::line::Line;
use super::routes;
use super::routes::Bounds;
use crate::contracts::token::TokenHash;
use crate::gates::Gates;
use crate::gates::TokenFault;
use crate::ops::Ops;
use crate::telemetry::Bus;

/// What a domain function that is still at work is given after the grace.
const LAST_GRACE: Duration = Duration::from_secs(2);
/// Connections served at once beside those of streams, so that streams never take the place of the kill switch. Further
/// ones wait in the system's queue.
const PLAIN_CONNECTIONS: usize = 256;
/// Connections that wait in the system's queue: a thousand browsers come back at once when a server has started.
#[cfg(unix)]
const BACKLOG: i32 = 1024;
/// Threads for domain functions. They end when they have nothing to do.
pub(super) const BLOCKING_THREADS: usize = 8;
/// How often a waiting owner looks whether the server still lives.
const LIFE_CHECK: Duration = Duration::from_millis(500);

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The address; any but a loopback one only with [`ServeOptions::remote`].
    pub host: IpAddr,
    /// The port; 0 takes any free one.
    pub port: u16,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// Threads for connections, at least 1. One thread is enough for a single client.
    pub workers: usize,
    /// Whether other machines are expected. Then everything but GET /health needs a token, wherever this listens.
    pub remote: bool,
    /// The hash of one more operator token, beside those of the workspace.
    pub operator_token: Option<TokenHash>,
    /// The live side.
    pub dash: DashOptions,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 8000,
            body_limit: 1 << 20,
            workers: 2,
            remote: false,
            operator_token: None,
            dash: DashOptions::default(),
        }
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
    #[error("{host} is no loopback address: the backend listens on loopback only, unless serve.remote is true")]
    NotLoopback {
        /// The address asked for.
        host: IpAddr,
    },
    /// Other machines are expected, and nobody could come in.
    #[error(
        "remote access is on and there is no token: make one with `daily_ops token create --name NAME --role ROLE`, or \
         set OPS_TOKEN"
    )]
    NoToken,
    /// Other machines are expected, and the tokens cannot be read.
    #[error("remote access is on and {0}")]
    Tokens(#[source] TokenFault),
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
    dash: Arc<Dash>,
}

impl Server {
    /// Binds and starts to serve on threads of its own. When it returns, connections are accepted.
    ///
    /// # Errors
    /// The address is no loopback address or cannot be listened on, remote access is on without a token, or no thread can
    /// be started.
    pub fn start(ops: Arc<Ops>, options: &ServeOptions) -> Result<Self, ServeFault> {
        Self::start_within(ops, options, Limits::default())
    }

    fn start_within(ops: Arc<Ops>, options: &ServeOptions, limits: Limits) -> Result<Self, ServeFault> {
        let reach = if options.remote { Reach::Remote } else { Reach::Loopback };
        let access = Access::new(reach, options.operator_token.clone());
        if options.remote && !access.has_tokens(&Gates::new(ops.store())).map_err(ServeFault::Tokens)? {
            return Err(ServeFault::NoToken);
        }
        let listener = bind(options)?;
        let address = listener.local_addr().map_err(ServeFault::Threads)?;
        let runtime = runtime(options.workers).map_err(ServeFault::Threads)?;
        let bounds = Bounds { bytes: options.body_limit, time: limits.body, turn: limits.turn };
        let (stop, stopped) = watch::channel(false);
        let dash = Dash::new(ops.shared_clock(), ops.store(), options.dash.clone(), stopped.clone());
        // Before anybody is served: what happened while no server was there is told first.
        dash.look(&ops);
        runtime.spawn(observer::watch(Arc::clone(&dash), Arc::clone(&ops), stopped.clone()));
        let router = routes::router(ops, Arc::clone(&dash), access, bounds);
        raise_file_limit();
        let served = Arc::clone(&dash);
        let thread = std::thread::Builder::new()
            .name("backend".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, (router, served), stopped, limits));
                runtime.shutdown_timeout(LAST_GRACE);
            })
            .map_err(ServeFault::Threads)?;
        Ok(Self { address, stop, thread: Some(thread), dash })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bus whose events its streams carry, for whoever runs in the same process.
    #[must_use]
    pub fn bus(&self) -> &Arc<Bus> {
        &self.dash.bus
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
        // Last, so that what the last requests published is in it.
        self.dash.stop_journal();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn bind(options: &ServeOptions) -> Result<StdListener, ServeFault> {
    if !options.host.is_loopback() && !options.remote {
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
    #[cfg(unix)]
    rustix::net::listen(&listener, BACKLOG).map_err(|code| fault(code.into()))?;
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

/// Each stream is an open file, and the usual limit is a thousand.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::Resource;
    use rustix::process::Rlimit;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(fault) = rustix::process::setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%fault, now = limit.current, "the limit of open files stays as it is");
    }
}

#[cfg(not(unix))]
fn raise_file_limit() {}

async fn serve(
    listener: StdListener,
    (router, dash): (Router, Arc<Dash>),
    mut stopped: watch::Receiver<bool>,
    limits: Limits,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(fault) => {
            tracing::error!(%fault, "the listener cannot be used");
            return;
        }
    };
    let pacing = Arc::clone(&dash);
    tokio::spawn(async move { pacing.pace().await });
    let places = PLAIN_CONNECTIONS.saturating_add(dash.options.settings.streams).min(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(places));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        if let Some((stream, line)) = accepted {
            let (router, dash, stopped) = (router.clone(), Arc::clone(&dash), stopped.clone());
            tokio::spawn(connection((stream, line), (router, dash), stopped, limits));
        }
    }
    drop(listener);
    // Every connection holds one permit, so all of them together mean that nobody is served any more.
    let all = u32::try_from(places).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.grace, room.acquire_many(all)).await.is_err() {
        tracing::warn!(seconds = limits.grace.as_secs(), "requests were still running and are cut off");
    }
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, Arc<Line>)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Replies are small; waiting to fill a packet only adds latency. Failing here means the peer is gone.
            stream.set_nodelay(true).ok()?;
            Some((stream, Line::new(peer, place)))
        }
        Err(fault) => {
            tracing::warn!(%fault, "a connection was not accepted");
            // Out of file descriptors, most likely: without a pause this loop would only burn time.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
