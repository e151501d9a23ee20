//! One POST of JSON with its limits, and what can go wrong with it in words that hold no address.
//!
//! Redirects are not followed, proxies are not used, a call is made once and its connection is not used again.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::Sent;

/// More of an answer is not read.
const MAX_BODY: u64 = 64 << 10;
/// No wait that another side asks for is believed beyond a day.
const LONGEST_WAIT: u64 = 86_400;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

/// Whether a secret may travel to an address: encrypted, or not leaving this machine.
pub(super) fn is_safe(address: &str) -> bool {
    let Ok(uri) = address.parse::<ureq::http::Uri>() else { return false };
    let has_user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => !has_user && !host.is_empty(),
        Some("http") => !has_user && is_this_machine(host),
        _ => false,
    }
}

/// Whether a host's name can only mean this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Sends a body and reads the answer, all within `limit`.
pub(super) fn post(address: &str, body: &Value, limit: Duration) -> Result<Answer, Sent> {
    // The provider is only asked for https; plain http on loopback never comes to it.
    let tls = ureq::tls::TlsConfig::builder()
        .provider(ureq::tls::TlsProvider::NativeTls)
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(limit))
        .build()
        .into();
    let request = agent.post(address).header("content-type", "application/json").header("accept-encoding", "identity");
    let mut response = request.send(body.to_string().as_bytes()).map_err(|fault| told(&fault, limit))?;
    let status = response.status().as_u16();
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds: Option<u64> = header.and_then(|text| text.trim().parse().ok());
    let retry_after = seconds.map(wait);
    let body = match response.body_mut().with_config().limit(MAX_BODY).read_to_vec() {
        Ok(body) => body,
        // The other side has decided; what it said about that is of no more use.
        Err(_) if status != 200 => Vec::new(),
        Err(fault) => return Err(with_status(told(&fault, limit), status)),
    };
    Ok(Answer { status, body, retry_after })
}

/// A wait that another side asks for.
pub(super) fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LONGEST_WAIT))
}

/// Classes that mean the same on every channel.
pub(super) fn class_of(status: u16, who: &str) -> (&'static str, String) {
    match status {
        429 => ("RATE_LIMITED", format!("{who} wants to be asked later (HTTP 429)")),
        500..=599 => ("SERVER_ERROR", format!("{who} failed (HTTP {status}); whether it was delivered is unknown")),
        300..=399 => {
            ("RESPONSE_INVALID", format!("{who} answered with a redirect (HTTP {status}), which is not followed"))
        }
        400..=499 => ("REJECTED", format!("{who} refused the message (HTTP {status})")),
        _ => ("RESPONSE_INVALID", format!("{who} answered HTTP {status}; whether it was delivered is unknown")),
    }
}

fn with_status(sent: Sent, status: u16) -> Sent {
    match sent {
        Sent::Failed { class, message, retry_after, .. } => {
            Sent::Failed { http_status: Some(status), class, message, retry_after }
        }
        other @ (Sent::Delivered { .. } | Sent::NotConfigured(_)) => other,
    }
}

/// The library's own texts may hold the address: only their kind is told.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken transfer")]
fn told(fault: &ureq::Error, limit: Duration) -> Sent {
    match fault {
        ureq::Error::Timeout(_) => timeout(limit),
        ureq::Error::BodyExceedsLimit(_) => {
            Sent::failed("RESPONSE_INVALID", "the answer is too large; whether it was delivered is unknown")
        }
        ureq::Error::HostNotFound => Sent::failed("CONNECT", "the host's name is not known"),
        ureq::Error::ConnectionFailed => Sent::failed("CONNECT", "the host does not answer"),
        ureq::Error::Tls(_) | ureq::Error::NativeTls(_) => {
            Sent::failed("CONNECT", "the host does not prove who it is (TLS)")
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Sent::failed("BAD_ADDRESS", "the address is no address"),
        ureq::Error::Io(source) => of_io(source, limit),
        _ => Sent::failed("RESPONSE_INVALID", "the transfer broke off; whether it was delivered is unknown"),
    }
}

pub(super) fn timeout(limit: Duration) -> Sent {
    Sent::Failed {
        http_status: None,
        class: "TIMEOUT",
        message: format!("no answer within {} ms; whether it was delivered is unknown", limit.as_millis()),
        retry_after: None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken transfer")]
pub(super) fn of_io(source: &std::io::Error, limit: Duration) -> Sent {
    match source.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => timeout(limit),
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => Sent::failed("CONNECT", "no connection was made"),
        _ => Sent::failed("RESPONSE_INVALID", "the transfer broke off; whether it was delivered is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_encrypted_or_not_at_all() {
        let cases = [
            ("https://api.telegram.org", true),
            ("https://example.com:8443/x", true),
            ("http://127.0.0.1:9", true),
            ("http://[::1]:9/hook", true),
            ("http://localhost:9", true),
            ("http://example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com/", false),
            ("https://user@example.com/", false),
            ("http://10.0.0.1", false),
            ("ftp://127.0.0.1", false),
            ("file:///etc/passwd", false),
            ("/hook", false),
            ("", false),
            ("https://", false),
            ("not an address", false),
        ];
        for (address, want) in cases {
            assert_eq!(is_safe(address), want, "{address}");
        }
    }
}
