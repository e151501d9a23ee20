//! One GET of a vendor: its limits, its repeats, and the ways in which it can fail.
//!
//! Redirects are not followed and proxies are not used. A timeout, a broken transfer, a 429 and a 5xx are tried again
//! three times, after one, two and four pauses; every other status is the vendor's last word.

use std::io::ErrorKind;
use std::time::Duration;

use crate::time::Clock;

/// Largest body that is read, unpacked: some forty times what the longest history of one ticker takes.
const MAX_BODY: u64 = 8 << 20;
/// How often a call is repeated.
const REPEATS: u32 = 3;

/// A vendor gave no usable answer. The texts name no address: who asked knows vendor and ticker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VendorFault {
    /// The answer did not come in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// No connection was made.
    #[error("no connection: {0}")]
    Network(String),
    /// The vendor refused or failed.
    #[error("HTTP {0}")]
    Status(u16),
    /// The transfer broke off before its end.
    #[error("the answer broke off: {0}")]
    Truncated(String),
    /// The body is not what the vendor sends.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
    /// Too many sessions between the first and the last bar have none.
    #[error("the answer has holes: {0}")]
    Holes(String),
    /// The history begins later than it should.
    #[error("the history is cut: {0}")]
    Cut(String),
    /// The vendor has nothing for this ticker and span.
    #[error("no data for this ticker")]
    Empty,
}

impl VendorFault {
    /// Whether the same call may work a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Truncated(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Network(_) | Self::Unreadable(_) | Self::Holes(_) | Self::Cut(_) | Self::Empty => false,
        }
    }

    /// A body that is not what the vendor sends.
    pub fn unreadable(why: impl Into<String>) -> Self {
        Self::Unreadable(why.into())
    }
}

/// Asks one vendor's address.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
    limit: Duration,
    pause: Duration,
}

/// What is sent beside the address.
pub type Header = (&'static str, &'static str);

impl Client {
    /// A client for the address `base` (scheme, host and port): one call may take `limit`, the first repeat comes after
    /// `pause`.
    #[must_use]
    pub fn new(base: &str, limit: Duration, pause: Duration) -> Self {
        // The provider is only asked for https; plain http on loopback never comes to it.
        let tls = ureq::tls::TlsConfig::builder()
            .provider(ureq::tls::TlsProvider::NativeTls)
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(limit))
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), agent: config.into(), limit, pause }
    }

    /// The same client with a limit that is not above `most`.
    #[must_use]
    pub fn within(mut self, most: Duration) -> Self {
        self.limit = self.limit.min(most);
        self
    }

    /// The body of `path` (with its query), tried as often as it may help.
    ///
    /// # Errors
    /// No try had an answer with the status 200 and a whole body.
    pub fn get(&self, path: &str, headers: &[Header], clock: &dyn Clock) -> Result<Vec<u8>, VendorFault> {
        let mut repeat = 0;
        loop {
            let outcome = self.once(path, headers);
            match outcome {
                Err(fault) if fault.may_pass() && repeat < REPEATS => {
                    clock.wait(self.pause.saturating_mul(1 << repeat));
                    repeat += 1;
                }
                _ => return outcome,
            }
        }
    }

    fn once(&self, path: &str, headers: &[Header]) -> Result<Vec<u8>, VendorFault> {
        let limit = self.limit;
        let mut request = self.agent.get(format!("{}{path}", self.base)).config().timeout_global(Some(limit)).build();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.call().map_err(|fault| told(fault, limit))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(VendorFault::Status(status));
        }
        response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(|fault| told(fault, limit))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken transfer")]
fn told(fault: ureq::Error, limit: Duration) -> VendorFault {
    match fault {
        ureq::Error::Timeout(_) => VendorFault::Timeout(limit),
        ureq::Error::BodyExceedsLimit(_) => {
            VendorFault::unreadable(format!("the body is larger than {} MiB", MAX_BODY >> 20))
        }
        ureq::Error::HostNotFound => VendorFault::Network("the host's name is not known".to_owned()),
        ureq::Error::ConnectionFailed => VendorFault::Network("the host does not answer".to_owned()),
        ureq::Error::Tls(why) => VendorFault::Network(format!("TLS: {why}")),
        ureq::Error::NativeTls(why) => VendorFault::Network(format!("TLS: {why}")),
        ureq::Error::BadUri(_) => VendorFault::Network("the vendor's address in the settings is no address".to_owned()),
        ureq::Error::Decompress(_, why) => VendorFault::Truncated(format!("cannot be unpacked: {why}")),
        ureq::Error::Io(source) => of_io(&source, limit),
        other => VendorFault::Truncated(other.to_string()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything not named is a broken transfer")]
fn of_io(source: &std::io::Error, limit: Duration) -> VendorFault {
    match source.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => VendorFault::Timeout(limit),
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => VendorFault::Network(source.to_string()),
        _ => VendorFault::Truncated(source.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let cases = [
            (VendorFault::Timeout(Duration::from_secs(10)), true),
            (VendorFault::Truncated("x".to_owned()), true),
            (VendorFault::Status(429), true),
            (VendorFault::Status(500), true),
            (VendorFault::Status(503), true),
            (VendorFault::Status(404), false),
            (VendorFault::Status(403), false),
            (VendorFault::Status(302), false),
            (VendorFault::Network("x".to_owned()), false),
            (VendorFault::Unreadable("x".to_owned()), false),
            (VendorFault::Empty, false),
        ];
        for (fault, want) in cases {
            assert_eq!(fault.may_pass(), want, "{fault}");
        }
    }
}
