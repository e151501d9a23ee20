//! One connection: the requests that come on it, how long it may take, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::watch;

use crate::backend::dash::Dash;
use crate::backend::line::Line;
use crate::backend::line::STREAM_GRACE;
use crate::backend::line::Socket;
use crate::backend::routes::Peer;

/// Largest request header, in bytes.
const MAX_HEADER: usize = 16 << 10;

/// How long a client may take. Nobody can hold a connection for ever, whatever is left unsent or unread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a request's header; an idle connection is closed after it too.
    pub(super) header: Duration,
    /// For a request's body.
    pub(super) body: Duration,
    /// For a turn among the handlers that wait for the network.
    pub(super) turn: Duration,
    /// After this time a connection is asked to close.
    pub(super) life: Duration,
    /// What a running request is given after its connection was asked to close.
    pub(super) grace: Duration,
    /// What a request that is not here whole is given when the server stops.
    pub(super) unheard: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            turn: Duration::from_secs(10),
            life: Duration::from_secs(600),
            grace: Duration::from_secs(10),
            unheard: Duration::from_secs(2),
        }
    }
}

/// Why a connection is over before its client ended it.
enum Over {
    /// The server stops.
    Stop,
    /// It has lived long enough.
    Age,
    /// Its client takes nothing.
    Hung,
    /// It is a stream that nobody listens to any more.
    Left,
}

/// Serves one connection to its end: its client's, or ours after which it is given a grace.
pub(super) async fn connection(
    (stream, line): (TcpStream, Arc<Line>),
    (router, dash): (Router, Arc<Dash>),
    stopped: watch::Receiver<bool>,
    limits: Limits,
) {
    let router = TowerToHyperService::new(router);
    let told = Arc::clone(&line);
    let service = service_fn(move |mut request| {
        let extensions = Request::extensions_mut(&mut request);
        extensions.insert(Peer(told.peer.ip().to_canonical()));
        extensions.insert(Arc::clone(&told));
        told.begins();
        let (line, answer) = (Arc::clone(&told), router.call(request));
        async move {
            let answer = answer.await;
            line.answered();
            answer
        }
    });
    let socket = Socket::new(stream, Arc::clone(&line));
    let from = socket.reading_side();
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Ok(ended),
        over = over((&line, &from), &dash, stopped, limits) => Err(over),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(Over::Hung) => {
            if line.is_stream() {
                dash.bus.cut_off();
            }
            tracing::warn!(peer = %line.peer, "a client took nothing for too long and is cut off");
            line.cut();
            return;
        }
        Err(Over::Left) => return,
        Err(over) => {
            served.as_mut().graceful_shutdown();
            let grace = if line.is_stream() { limits.grace.min(STREAM_GRACE) } else { limits.grace };
            let unheard = async {
                tokio::time::sleep(limits.unheard).await;
                if !(matches!(over, Over::Stop) && line.is_receiving()) {
                    std::future::pending::<()>().await;
                }
            };
            // Past the grace the connection is dropped with whatever it was doing.
            tokio::select! {
                ended = tokio::time::timeout(grace, served) => ended.unwrap_or(Ok(())),
                () = unheard => Ok(()),
            }
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(%fault, "a connection ended early");
    }
}

/// Waits for a reason to end a connection.
async fn over(
    (line, from): (&Line, &OwnedReadHalf),
    dash: &Dash,
    mut stopped: watch::Receiver<bool>,
    limits: Limits,
) -> Over {
    let life = async {
        tokio::time::sleep(limits.life).await;
        if line.is_stream() {
            std::future::pending::<()>().await;
        }
    };
    let streamed = async {
        line.stream().await;
        line.left(from).await;
    };
    let patience = Duration::from_secs(dash.options.settings.slow_disconnect_seconds);
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => Over::Stop,
        () = life => Over::Age,
        // A stream or an answer: both wait in memory.
        () = line.hung(patience) => Over::Hung,
        () = streamed => Over::Left,
    }
}
