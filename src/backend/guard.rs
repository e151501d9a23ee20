//! Who may ask: only this machine, by its own name, and for changes only from a page of this server. A server that is
//! open to other machines may have any name; there, tokens guard everything.
//!
//! The Host check closes the door that a foreign web page opens by pointing its own name at 127.0.0.1. A page is ours when
//! its origin is the very name and port of the Host header: whoever else listens on this machine is somebody else.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;

/// Why a request is turned away before its route is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

const FOREIGN_HOST: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "FOREIGN_HOST",
    message: "the Host header must be localhost, a loopback address or a name of OPS_ALLOWED_HOSTS",
};
const NO_HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    code: "HOST_UNCLEAR",
    message: "the request must name this server in exactly one Host header",
};
const FOREIGN_ORIGIN: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "FOREIGN_ORIGIN",
    message: "changes are accepted from pages of this server only",
};
/// A body beyond the limit.
pub(crate) const TOO_LARGE: Refusal = Refusal {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    code: "BODY_TOO_LARGE",
    message: "the request body is larger than this server accepts",
};
/// Nothing is there.
pub(crate) const NOT_FOUND: Refusal =
    Refusal { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: "there is nothing at this address" };
/// A body that does not arrive.
pub(crate) const TOO_SLOW: Refusal = Refusal {
    status: StatusCode::REQUEST_TIMEOUT,
    code: "BODY_TOO_SLOW",
    message: "the request body did not arrive in time",
};
/// Too many requests that wait for the network.
pub(crate) const BUSY: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "BUSY",
    message: "other requests that wait for the network are running; nothing was done, try again later",
};

/// Too many reads of logs and records.
pub(crate) const BUSY_READING: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "BUSY",
    message: "other reads of logs and records are running, try again later",
};

/// Checks that the request names this machine: one Host header, loopback, and no other name in the address line.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    let named = only(headers, header::HOST).filter(|named| is_loopback(named)).ok_or(FOREIGN_HOST)?;
    match uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(named) => Err(FOREIGN_HOST),
        _ => Ok(()),
    }
}

/// Whether the request names one of the hosts that the settings add, and no other.
pub(crate) fn is_allowed(headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> bool {
    let listed = |authority: &str| {
        name_of(authority).is_some_and(|name| allowed.iter().any(|host| host.eq_ignore_ascii_case(name)))
    };
    let Some(named) = only(headers, header::HOST).filter(|named| listed(named)) else { return false };
    uri.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(named))
}

/// Checks the stated length of a body, before a byte of it is read.
pub(crate) fn length(headers: &HeaderMap, limit: usize) -> Result<(), Refusal> {
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    if stated.is_some_and(|length| length > limit) { Err(TOO_LARGE) } else { Ok(()) }
}

/// Checks that a server that is open to other machines was named at all, and in one way only.
pub(crate) fn any_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    let named = only(headers, header::HOST).filter(|host| !host.trim().is_empty()).ok_or(NO_HOST)?;
    match uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(named) => Err(NO_HOST),
        _ => Ok(()),
    }
}

/// Checks that a change comes from a page of the server that the request names, or from no page at all. The name itself
/// was judged before. The page may have come encrypted, through a server that stands before this one.
pub(crate) fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let host = only(headers, header::HOST).ok_or(NO_HOST)?;
    let (scheme, page) = only(headers, header::ORIGIN).and_then(|page| page.split_once("://")).ok_or(FOREIGN_ORIGIN)?;
    // A browser leaves out the port that the scheme stands for; not everybody between here and there does.
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(FOREIGN_ORIGIN),
    };
    let host = host.strip_suffix(usual).unwrap_or(host);
    if page.eq_ignore_ascii_case(host) { Ok(()) } else { Err(FOREIGN_ORIGIN) }
}

fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// Whether `host[:port]` names this machine.
fn is_loopback(authority: &str) -> bool {
    let Some(name) = name_of(authority) else { return false };
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()))
}

/// The name in `host[:port]`, an IPv6 address with its brackets; `None` when something else than a port follows.
fn name_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (name, port) = authority.split_at(end);
    let is_port = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn only_loopback_names_are_hosts() {
        let cases = [
            ("localhost", true),
            ("LocalHost:8000", true),
            ("127.0.0.1", true),
            ("127.0.0.1:65535", true),
            ("127.8.8.8:1", true),
            ("[::1]", true),
            ("[::1]:8000", true),
            ("", false),
            ("evil.example", false),
            ("evil.example:8000", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("evil.example#127.0.0.1", false),
            ("0.0.0.0:8000", false),
            ("10.0.0.1", false),
            ("[::]:8000", false),
            ("[::1", false),
            ("::1", false),
            ("0177.0.0.1", false),
            ("2130706433", false),
            ("127.1", false),
            ("localhost:", false),
            ("localhost:x", false),
            ("localhost:+80", false),
            ("localhost:99999", false),
            ("localhost:80:80", false),
            ("localhost ", false),
        ];
        for (text, own) in cases {
            assert_eq!(host(&headers(&[("host", text)]), &Uri::from_static("/x")).is_ok(), own, "{text:?}");
        }
        let plain = Uri::from_static("/x");
        assert!(host(&HeaderMap::new(), &plain).is_err(), "no Host at all");
        assert!(host(&headers(&[("host", "localhost"), ("host", "localhost")]), &plain).is_err(), "two of them");
        let absolute = Uri::from_static("http://evil.example/x");
        assert!(host(&headers(&[("host", "localhost")]), &absolute).is_err(), "another name in the address line");
        let own = Uri::from_static("http://localhost:8000/x");
        assert!(host(&headers(&[("host", "localhost:8000")]), &own).is_ok());
    }

    #[test]
    fn a_change_comes_from_no_page_or_from_one_of_the_very_name_and_port_that_was_asked() {
        let cases = [
            ("ours", "127.0.0.1:8000", "http://127.0.0.1:8000", true),
            ("ours by name", "localhost:8000", "http://localhost:8000", true),
            ("ours of the sixth version", "[::1]:8000", "http://[::1]:8000", true),
            ("through a tunnel", "localhost:18000", "http://localhost:18000", true),
            ("behind a proxy", "dash.example", "https://dash.example", true),
            ("a name of the settings", "dash.example:8080", "http://dash.example:8080", true),
            ("in capitals", "dash.example:8080", "http://Dash.example:8080", true),
            ("another name of this machine", "127.0.0.1:8000", "http://localhost:8000", false),
            ("and the other way round", "localhost:8000", "http://127.0.0.1:8000", false),
            ("its other address", "127.0.0.1:8000", "http://[::1]:8000", false),
            ("one more of its addresses", "127.0.0.1:8000", "http://127.9.9.9:8000", false),
            ("another program here", "127.0.0.1:8000", "http://127.0.0.1:3000", false),
            ("no port", "127.0.0.1:8000", "http://127.0.0.1", false),
            ("foreign", "127.0.0.1:8000", "http://evil.example:8000", false),
            ("foreign with our name in it", "127.0.0.1:8000", "http://127.0.0.1:8000.evil.example", false),
            ("another scheme", "127.0.0.1:8000", "ftp://127.0.0.1:8000", false),
            ("a sandboxed page", "127.0.0.1:8000", "null", false),
            ("empty", "127.0.0.1:8000", "", false),
            ("with a path", "127.0.0.1:8000", "http://127.0.0.1:8000/", false),
            ("a proxy that names the usual port", "dash.example:443", "https://dash.example", true),
            ("the usual port", "127.0.0.1:80", "http://127.0.0.1", true),
            ("the usual port of the other scheme", "dash.example:443", "http://dash.example", false),
            ("a name that goes on", "dash.example:443.evil.example", "https://dash.example", false),
        ];
        for (name, host, page, ok) in cases {
            assert_eq!(same_origin(&headers(&[("host", host), ("origin", page)])).is_ok(), ok, "{name}");
        }
        assert!(same_origin(&headers(&[("host", "a")])).is_ok(), "no page");
        let two = headers(&[("host", "a"), ("origin", "http://a"), ("origin", "http://a")]);
        assert!(same_origin(&two).is_err(), "two pages");
    }

    #[test]
    fn a_name_of_the_settings_is_a_host_with_any_port_and_nothing_else_behind_it() {
        let allowed = ["dash.example".to_owned()];
        for (text, ok) in [
            ("dash.example", true),
            ("Dash.Example:8080", true),
            ("dash.example:", false),
            ("dash.example:abc", false),
            ("dash.example:80@evil.example", false),
            ("dash.example.", false),
            ("evil.example", false),
        ] {
            assert_eq!(is_allowed(&headers(&[("host", text)]), &Uri::from_static("/x"), &allowed), ok, "{text}");
        }
    }

    #[test]
    fn a_remote_server_has_any_name_but_one() {
        let plain = Uri::from_static("/x");
        for (name, pairs, ok) in [
            ("any name", &[("host", "ops.example:8000")][..], true),
            ("none", &[][..], false),
            ("empty", &[("host", "")][..], false),
            ("two", &[("host", "a"), ("host", "a")][..], false),
        ] {
            assert_eq!(any_host(&headers(pairs), &plain).is_ok(), ok, "{name}");
        }
        let absolute = Uri::from_static("http://evil.example/x");
        assert!(any_host(&headers(&[("host", "ops.example")]), &absolute).is_err());
    }

    #[test]
    fn a_stated_length_beyond_the_limit_is_refused_unread() {
        for (text, ok) in [("0", true), ("10", true), ("11", false), ("99999999999999999999", true)] {
            // A length that no number holds is refused by the HTTP parser before it comes here.
            assert_eq!(length(&headers(&[("content-length", text)]), 10).is_ok(), ok, "{text}");
        }
        assert!(length(&HeaderMap::new(), 10).is_ok());
    }
}
