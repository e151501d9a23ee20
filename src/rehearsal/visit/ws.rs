//! A reader of the WebSocket: one JSON object a text frame.

use std::time::Duration;

use serde_json::Value;
use tungstenite::HandshakeError;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderValue;
use tungstenite::http::header::AUTHORIZATION;

use super::BaseUrl;
use super::Listener;
use super::Silence;
use super::Sort;
use super::told;
use crate::settings::Secret;

pub(super) fn open(base: &BaseUrl, path: &str, token: Option<&Secret>, limit: Duration) -> Result<Listener, Silence> {
    let broken = |fault: &dyn std::fmt::Display| Silence::Broken(fault.to_string());
    let mut request =
        format!("ws://{}{path}", base.authority()).into_client_request().map_err(|fault| broken(&fault))?;
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let value = value.map_err(|_unsound| broken(&"the token cannot be sent in a header"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let socket = base.connect(limit)?;
    let fault = |fault: std::io::Error| told(&fault, limit);
    socket.set_read_timeout(Some(limit)).map_err(fault)?;
    let wire = socket.try_clone().map_err(fault)?;
    let (mut wire, response) = tungstenite::client::client(request, wire).map_err(|fault| match fault {
        HandshakeError::Interrupted(_) => Silence::Mute(limit),
        HandshakeError::Failure(tungstenite::Error::Io(fault)) => told(&fault, limit),
        HandshakeError::Failure(fault) => broken(&fault),
    })?;
    socket.set_read_timeout(None).map_err(fault)?;
    let head = format!("GET {path} -> {}\n", response.status());
    Listener::start(socket, (response.status().as_u16(), head), move |teller| {
        while let Ok(message) = wire.read() {
            let Message::Text(text) = message else { continue };
            if !teller.tell(sort_of(&text), None, (&text, text.to_string())) {
                return;
            }
        }
    })
}

fn sort_of(text: &str) -> Sort {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    match value["type"].as_str() {
        Some("ws_hello") => Sort::Hello,
        Some("ws_heartbeat") => Sort::Heartbeat,
        Some("ws_gap") => Sort::Gap,
        Some("ws_shutdown") => Sort::Shutdown,
        _ if value["id"].is_u64() => Sort::Event,
        _ => Sort::Other,
    }
}
