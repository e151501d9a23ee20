//! One conversation with the browser: commands with their answers, and what it tells in between.

use std::io;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::protocol::WebSocketConfig;

use super::fault::BrowserFault;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// What the browser is given to answer a command. Generous: a machine that builds beside it is slow.
const ANSWER: Duration = Duration::from_secs(60);
/// How long one read waits before deadlines are looked at again.
const SLICE: Duration = Duration::from_millis(20);
/// A full-page picture as text.
const MAX_MESSAGE: usize = 256 << 20;
/// News that nobody fetches is forgotten from the old end.
const MAX_NEWS: usize = 20_000;

/// A connection to one target.
#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    /// What the browser told unasked, oldest first.
    news: Vec<Value>,
    clock: SystemClock,
}

impl Wire {
    pub(super) fn connect(port: u16, path: &str) -> Result<Self, BrowserFault> {
        let io = |fault: io::Error| BrowserFault::Connection(fault.to_string());
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        stream.set_write_timeout(Some(ANSWER)).map_err(io)?;
        stream.set_read_timeout(Some(ANSWER)).map_err(io)?;
        let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let url = format!("ws://127.0.0.1:{port}{path}");
        let (socket, _) = tungstenite::client::client_with_config(url, stream, Some(config))
            .map_err(|fault| BrowserFault::Connection(fault.to_string()))?;
        socket.get_ref().set_read_timeout(Some(SLICE)).map_err(io)?;
        Ok(Self { socket, last_id: 0, news: Vec::new(), clock: SystemClock::new() })
    }

    /// Gives a command and waits for its answer.
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Result<Value, BrowserFault> {
        self.last_id += 1;
        let id = self.last_id;
        let command = json!({"id": id, "method": method, "params": params}).to_string();
        self.socket.send(Message::text(command)).map_err(|fault| BrowserFault::Connection(fault.to_string()))?;
        let end = self.clock.monotonic() + ANSWER;
        while self.clock.monotonic() < end {
            let Some(mut message) = self.read()? else { continue };
            if message["id"] == id {
                return match message["error"]["message"].as_str() {
                    Some(words) => Err(BrowserFault::Refused { method: method.to_owned(), message: words.to_owned() }),
                    None => Ok(message["result"].take()),
                };
            }
            self.keep(message);
        }
        let what = format!("an answer to {method}");
        Err(BrowserFault::TimedOut { what, within: ANSWER, last: "nothing".to_owned() })
    }

    /// Waits for news of this kind that came after the last look.
    pub(super) fn wait_for(&mut self, method: &str, within: Duration) -> Result<Value, BrowserFault> {
        let end = self.clock.monotonic() + within;
        loop {
            if let Some(at) = self.news.iter().position(|news| news["method"] == method) {
                return Ok(self.news.remove(at));
            }
            if self.clock.monotonic() >= end {
                return Err(BrowserFault::TimedOut { what: method.to_owned(), within, last: "nothing".to_owned() });
            }
            if let Some(message) = self.read()? {
                self.keep(message);
            }
        }
    }

    /// Forgets news of this kind.
    pub(super) fn forget(&mut self, method: &str) {
        self.news.retain(|news| news["method"] != method);
    }

    /// Everything told since the last time.
    pub(super) fn take_news(&mut self) -> Result<Vec<Value>, BrowserFault> {
        // What an answered command has caused stands before its answer on the wire.
        self.call("Runtime.evaluate", &json!({"expression": "0"}))?;
        Ok(std::mem::take(&mut self.news))
    }

    pub(super) fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn keep(&mut self, message: Value) {
        if message.get("method").is_some() {
            self.news.push(message);
        }
        if self.news.len() > MAX_NEWS {
            self.news.drain(..MAX_NEWS / 2);
        }
    }

    /// The next message, if one comes within a slice of time.
    fn read(&mut self) -> Result<Option<Value>, BrowserFault> {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                let parsed = serde_json::from_str(text.as_str());
                parsed.map(Some).map_err(|fault| BrowserFault::Connection(fault.to_string()))
            }
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(fault))
                if matches!(fault.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Ok(None)
            }
            Err(fault) => Err(BrowserFault::Connection(fault.to_string())),
        }
    }
}
