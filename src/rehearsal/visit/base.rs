//! The address of a dashboard: `http://HOST:PORT` and nothing behind it.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::ToSocketAddrs as _;
use std::time::Duration;

use super::Silence;
use super::told;

/// Scheme, host and port of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    host: String,
    port: u16,
}

impl BaseUrl {
    /// Reads an address. A slash at its end is cut off; a path, a query (a filter of the page) or a user is refused, and
    /// so is https: streams are followed byte by byte here, and a remote dashboard is visited through an SSH tunnel.
    ///
    /// # Errors
    /// A text for people that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let no = |why: &str| format!("the address {text:?} {why}; it looks like http://127.0.0.1:8000");
        if text.starts_with("https://") {
            return Err(no("is an https one: open an SSH tunnel (ssh -L 8000:127.0.0.1:8000 HOST) and name its end"));
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| no("does not begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '@' | '\\');
        if rest.contains(odd) {
            return Err(no("has more than a host and a port"));
        }
        let bracket = rest.rfind(']');
        let colon = rest.rfind(':').filter(|at| bracket.is_none_or(|end| *at > end));
        let (host, port) = match colon {
            Some(at) => (&rest[..at], rest[at + 1..].parse().map_err(|_other| no("has no sound port"))?),
            None => (rest, 80),
        };
        if host.is_empty() || (host.contains(':') && bracket.is_none()) || port == 0 {
            return Err(no("has no sound host and port"));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The address of a path.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }

    /// `HOST:PORT`, as in the Host header.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this machine is meant.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Every address behind the name.
    ///
    /// # Errors
    /// The name is not known.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, Silence> {
        let host = self.host.trim_matches(['[', ']']);
        let found = (host, self.port).to_socket_addrs();
        found.map(Iterator::collect).map_err(|fault| Silence::Unreachable(fault.to_string()))
    }

    /// A connection to the first address that takes one.
    ///
    /// # Errors
    /// None does.
    pub fn connect(&self, limit: Duration) -> Result<TcpStream, Silence> {
        let mut last = Silence::Unreachable(format!("{} has no address", self.host));
        for address in self.addresses()? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return Ok(stream),
                Err(fault) => last = told(&fault, limit),
            }
        }
        Err(match last {
            // Nobody took the connection: that is no silent server.
            Silence::Mute(_) => Silence::Unreachable("connecting took too long".to_owned()),
            Silence::Refused | Silence::Unreachable(_) | Silence::Broken(_) => last,
        })
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_and_a_port_are_an_address() {
        let cases = [
            ("http://127.0.0.1:8000", Some(("127.0.0.1:8000", true))),
            ("http://localhost:9/", Some(("localhost:9", true))),
            ("http://[::1]:8000", Some(("[::1]:8000", true))),
            ("http://ops.example", Some(("ops.example:80", false))),
            ("http://10.1.2.3:8000", Some(("10.1.2.3:8000", false))),
            ("http://127.0.0.1:8000/ops", None),
            ("http://127.0.0.1:8000/#type=x", None),
            ("http://127.0.0.1:8000?q=1", None),
            ("http://user@127.0.0.1:8000", None),
            ("http://127.0.0.1:99999", None),
            ("http://127.0.0.1:0", None),
            ("http://", None),
            ("http://::1:8000", None),
            ("https://127.0.0.1:8000", None),
            ("127.0.0.1:8000", None),
        ];
        for (text, want) in cases {
            let got = BaseUrl::parse(text);
            let seen = got.as_ref().ok().map(|base| (base.authority(), base.is_local()));
            assert_eq!(seen, want.map(|(authority, local)| (authority.to_owned(), local)), "{text}: {got:?}");
        }
    }
}
