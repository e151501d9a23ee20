//! `/api/ws/events`: the bus by WebSocket.
//!
//! Writing and reading go on side by side, so that a client that leaves is seen while a write waits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::FromRequestParts as _;
use axum::extract::Request;
use axum::extract::ws::CloseFrame;
use axum::extract::ws::Message;
use axum::extract::ws::Utf8Bytes;
use axum::extract::ws::WebSocket;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::SplitSink;
use futures_util::stream::SplitStream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Sleep;
use tungstenite::Error as WsError;
use tungstenite::error::ProtocolError;

use super::App;
use super::frames::Desk;
use super::frames::WRITE;
use super::frames::join;
use super::frames::period;
use crate::backend::dash::refusal::refuse;
use crate::backend::line::Line;
use crate::backend::line::STREAM_GRACE;
use crate::telemetry::Gap;
use crate::telemetry::Item;
use crate::telemetry::Transport;

/// Bytes of a client's message.
const MESSAGE: usize = 4 << 10;
/// What the last words are given to leave, and the client to hear them.
const FAREWELL: Duration = Duration::from_secs(1);

/// The server goes.
const GOING: u16 = 1001;
/// The client sent what is no WebSocket.
const PROTOCOL: u16 = 1002;
/// The client sent too much.
const TOO_BIG: u16 = 1009;

/// Upgrades the connection and sends events until one side ends it.
pub(in crate::backend::routes) async fn socket(app: Arc<App>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refused(&app, &rejection.to_string()),
    };
    let rounds = app.dash.rounds.subscribe();
    match join(&app, &Request::from_parts(parts, body), Transport::Ws) {
        Ok((desk, line)) => upgrade
            .max_message_size(MESSAGE)
            .max_frame_size(MESSAGE)
            .on_upgrade(move |socket| serve(socket, (desk, rounds), line)),
        Err(refusal) => refusal.into_response(),
    }
}

fn refused(app: &App, why: &str) -> Response {
    let code = (StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED");
    let message = format!("this address speaks WebSocket only: {why}");
    refuse(code, &message, None, app.now())
        .with_header(header::UPGRADE, "websocket")
        .with_header(header::CONNECTION, "upgrade")
        .into_response()
}

/// Why it is over.
enum End {
    /// The client has gone, or says that it goes.
    Left,
    /// The connection takes no more, or the client does not answer.
    Lost,
    /// It took nothing for too long.
    Hung,
    /// This side ends it, and says why.
    Closed(u16, &'static str),
}

async fn serve(socket: WebSocket, (desk, rounds): (Desk, watch::Receiver<()>), line: Arc<Line>) {
    let patience = Duration::from_secs(desk.app.dash.options.settings.slow_disconnect_seconds);
    let bus = Arc::clone(desk.subscription.bus());
    let stopping = desk.app.dash.stopping.clone();
    let (mut into, mut from) = socket.split();
    let answered = AtomicBool::new(true);
    let mut writer = Writer::new(desk, rounds, &answered);
    let end = tokio::select! {
        end = writer.run(&mut into) => end,
        end = listen(&mut from, &answered) => end,
        () = line.hung(patience) => End::Hung,
        () = past(stopping) => End::Lost,
    };
    // The place is free before the last words are said.
    drop(writer);
    match end {
        End::Hung => {
            bus.cut_off();
            tracing::warn!(peer = %line.peer, "a subscriber took nothing for too long and is cut off");
            line.cut();
        }
        End::Lost => line.cut(),
        End::Left => {
            tokio::time::timeout(FAREWELL, into.close()).await.ok();
        }
        End::Closed(code, reason) => {
            line.turn_deaf();
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            let farewell = async {
                into.send(Message::Close(Some(frame))).await.ok();
                while let Some(Ok(_)) = from.next().await {}
            };
            tokio::time::timeout(FAREWELL, farewell).await.ok();
        }
    }
}

/// Returns when the server stops and the last words had their time.
async fn past(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the server.
    stopping.wait_for(|stop| *stop).await.ok();
    tokio::time::sleep(STREAM_GRACE).await;
}

/// Reads until there is a reason to end. What the client says does not matter, only that it lives.
async fn listen(from: &mut SplitStream<WebSocket>, answered: &AtomicBool) -> End {
    loop {
        match from.next().await {
            Some(Ok(Message::Pong(_))) => answered.store(true, Ordering::Relaxed),
            Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_))) => {}
            None | Some(Ok(Message::Close(_))) => return End::Left,
            Some(Err(fault)) => return ended(fault),
        }
    }
}

fn ended(fault: axum::Error) -> End {
    let inner = fault.into_inner();
    let is_reset = |fault: &ProtocolError| matches!(fault, ProtocolError::ResetWithoutClosingHandshake);
    match inner.downcast_ref::<WsError>() {
        Some(WsError::Capacity(_)) => End::Closed(TOO_BIG, "a message of a client has 4 KiB at most"),
        Some(WsError::Protocol(fault)) if !is_reset(fault) => End::Closed(PROTOCOL, "this is no WebSocket frame"),
        Some(_) | None => End::Lost,
    }
}

/// A control message: its kind, then its members.
#[derive(Serialize)]
struct Control<T: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    members: T,
}

#[derive(Serialize)]
struct Beat<T: Serialize> {
    severity: &'static str,
    msg: &'static str,
    #[serde(flatten)]
    members: T,
}

struct Writer<'a> {
    desk: Desk,
    rounds: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    answered: &'a AtomicBool,
    beat: Pin<Box<Sleep>>,
    /// Until the next ping, or until the pong to the last one is due.
    pulse: Pin<Box<Sleep>>,
    is_asked: bool,
}

type Sink = SplitSink<WebSocket, Message>;

impl<'a> Writer<'a> {
    fn new(desk: Desk, rounds: watch::Receiver<()>, answered: &'a AtomicBool) -> Self {
        let stopping = desk.app.dash.stopping.clone();
        let beat = Box::pin(tokio::time::sleep(period(&desk)));
        let pulse = Box::pin(tokio::time::sleep(desk.app.dash.options.ping_every));
        Self { desk, rounds, stopping, answered, beat, pulse, is_asked: false }
    }

    async fn run(&mut self, into: &mut Sink) -> End {
        let hello = control("ws_hello", self.desk.hello());
        match self.talk(into, hello).await {
            Ok(end) => end,
            Err(_gone) => End::Lost,
        }
    }

    async fn talk(&mut self, into: &mut Sink, hello: Message) -> Result<End, axum::Error> {
        into.send(hello).await?;
        self.desk.subscription.wrote_messages(1);
        let mut is_behind = true;
        loop {
            let is_stopping = *self.stopping.borrow();
            if is_behind || is_stopping {
                is_behind = self.take(into).await?;
            }
            if is_stopping {
                self.say(into, control("ws_shutdown", self.desk.shutdown())).await?;
                return Ok(End::Closed(GOING, "server_stopping"));
            }
            if (&mut self.beat).now_or_never().is_some() {
                let beat = Beat { severity: "info", msg: "heartbeat", members: self.desk.heartbeat() };
                self.say(into, control("ws_heartbeat", beat)).await?;
                self.beat = Box::pin(tokio::time::sleep(period(&self.desk)));
            }
            if (&mut self.pulse).now_or_never().is_some() {
                match self.pulse(into).await? {
                    Some(end) => return Ok(end),
                    None => continue,
                }
            }
            if !is_behind {
                is_behind = self.wait().await;
            }
        }
    }

    /// Sends what there is, in one go; says whether there may be more.
    async fn take(&mut self, into: &mut Sink) -> Result<bool, axum::Error> {
        self.rounds.borrow_and_update();
        let was_again = self.desk.subscription.is_replaying();
        let items = self.desk.subscription.take(WRITE);
        if items.is_empty() {
            return Ok(was_again);
        }
        let mut bytes = 0;
        for item in &items {
            let message = match item {
                Item::Event(frame) => {
                    bytes += frame.sse.len();
                    // An envelope is JSON, so it is text.
                    Message::Text(Utf8Bytes::try_from(frame.line.clone()).unwrap_or_default())
                }
                Item::Gap(gap) => control::<&Gap>("ws_gap", gap),
            };
            into.feed(message).await?;
        }
        into.flush().await?;
        self.desk.subscription.wrote(&items);
        self.desk.subscription.wrote_messages(items.len());
        Ok(was_again || bytes >= WRITE)
    }

    async fn say(&mut self, into: &mut Sink, message: Message) -> Result<(), axum::Error> {
        into.send(message).await?;
        self.desk.subscription.wrote_messages(1);
        Ok(())
    }

    /// Asks whether the client lives, or looks whether it has said so.
    async fn pulse(&mut self, into: &mut Sink) -> Result<Option<End>, axum::Error> {
        let next = if self.is_asked {
            if !self.answered.load(Ordering::Relaxed) {
                return Ok(Some(End::Lost));
            }
            self.is_asked = false;
            // What is left until it is asked again.
            let options = &self.desk.app.dash.options;
            options.ping_every.saturating_sub(options.pong_within)
        } else {
            self.answered.store(false, Ordering::Relaxed);
            self.is_asked = true;
            into.send(Message::Ping(axum::body::Bytes::new())).await?;
            self.desk.app.dash.options.pong_within
        };
        self.pulse = Box::pin(tokio::time::sleep(next));
        Ok(None)
    }

    /// Returns whether there is news.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            // The senders live as long as the server.
            _ = self.stopping.wait_for(|stop| *stop) => false,
            _ = self.rounds.changed() => true,
            () = &mut self.beat => false,
            () = &mut self.pulse => false,
        }
    }
}

fn control<T: Serialize>(kind: &'static str, members: T) -> Message {
    // None of these can fail to become JSON.
    Message::Text(serde_json::to_string(&Control { kind, members }).unwrap_or_default().into())
}
