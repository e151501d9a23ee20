//! The rules of the values that are more than a word or a number.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

/// The backend's address without slashes at its end.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    let fault = |rule: &str| Err(rule.to_owned());
    let Some((scheme, rest)) = text.split_once("://") else { return fault("must start with http://") };
    if scheme.eq_ignore_ascii_case("https") {
        return fault("must start with http://: the backend speaks plain http on loopback, not https");
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return fault("must start with http://");
    }
    let rest = address(rest)?;
    Ok(format!("http://{rest}"))
}

/// A vendor's address without slashes at its end.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    let schemes = ["https", "http"];
    let split = text.split_once("://");
    let known = split.and_then(|(scheme, rest)| Some((schemes.iter().find(|s| s.eq_ignore_ascii_case(scheme))?, rest)));
    let (scheme, rest) = known.ok_or_else(|| "must start with http:// or https://".to_owned())?;
    Ok(format!("{scheme}://{}", address(rest)?))
}

/// An address that is called at the start and the end of a run: what tells the two apart goes to the end of its path,
/// so a fragment has no place in it. The rule never holds a part of the text, which is a secret.
pub(super) fn ping_url(text: &str) -> Result<String, String> {
    if text.contains('#') {
        return Err("must not hold a fragment".to_owned());
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("must be of visible ASCII characters".to_owned());
    }
    let (base, query) = text.split_once('?').map_or((text, None), |(base, query)| (base, Some(query)));
    let base = web_url(base)?;
    Ok(query.map_or_else(|| base.clone(), |query| format!("{base}?{query}")))
}

/// Host, port and path behind the scheme.
fn address(rest: &str) -> Result<String, String> {
    let fault = |rule: &str| Err(rule.to_owned());
    if rest.contains(['?', '#']) {
        return fault("must not hold a query or a fragment");
    }
    if rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return fault("must not hold blanks or backslashes");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return fault("must not hold a user or a password");
    }
    let (host, port) = host_and_port(authority);
    if !is_host(host) {
        return fault("must name a host");
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |number| number == 0 || port.starts_with('+'))) {
        return fault("the port must be a whole number from 1 to 65535");
    }
    Ok(format!("{authority}{}", path.trim_end_matches('/')))
}

/// Whether the checked address points at this machine.
pub(super) fn is_local(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, _) = host_and_port(authority);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    match authority.get(end_of_host..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => {
            let (host, port) = authority.split_at(end_of_host + colon);
            (host, port.get(1..))
        }
        None => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
    }
}

/// An address and a port to listen on. Whether others than loopback are allowed is decided when all settings are read.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let is_local = |host: &str| host.eq_ignore_ascii_case("localhost");
    let bind = match text.rsplit_once(':') {
        Some((host, port)) if is_local(host) => rank(port).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ => text.parse().ok(),
    };
    bind.ok_or_else(|| "must be an address and a port such as 127.0.0.1:8000".to_owned())
}

fn rank(port: &str) -> Option<u16> {
    port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten()
}

/// Where an observation log may lie, and the beginnings of what the product itself keeps there. The log is written, put
/// aside and swept under its name: it must be nobody else's.
const LOG_PLACES: [&str; 3] = ["metrics/", "logs/", "data/"];
const NOT_LOGS: [&str; 4] = ["metrics/spool", "metrics/kill_audit", "data/cache/", "data/tuning_runs/"];

/// An observation log: a file of plain parts, none of them hidden or upwards, in a place for logs.
pub(super) fn observation_log(text: &str) -> Result<String, String> {
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    let is_there = LOG_PLACES.iter().any(|place| text.starts_with(place)) && text.ends_with(".jsonl");
    if !is_there || !text.split('/').all(is_plain) {
        return Err("must be a .jsonl file below metrics, logs or data, such as metrics/live_obs.jsonl".to_owned());
    }
    // Some file systems do not tell large letters from small ones.
    let small = text.to_lowercase();
    match NOT_LOGS.iter().find(|own| small.starts_with(**own)) {
        Some(own) => Err(format!("must not be a file of the product's own: none that begins with {own}")),
        None => Ok(text.to_owned()),
    }
}

/// The exact origin of a web page, as a browser writes it.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match rest {
        Some(rest) if !rest.is_empty() && rest.chars().all(is_plain) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} must be an origin such as http://localhost:3000, in small letters, without a path")),
    }
}

/// The name of a host, without a port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} must be the name of a host without a port"))
    }
}

/// The name of a branch, by git's rules for the names of references.
pub(super) fn branch(text: &str) -> Result<String, String> {
    let wrong_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let wrong_char = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let is_wrong = text.starts_with('-')
        || text.ends_with('.')
        || text == "@"
        || text.contains("..")
        || text.contains("@{")
        || text.contains(wrong_char)
        || text.split('/').any(wrong_part);
    if is_wrong { Err("must be a name that git accepts for a branch".to_owned()) } else { Ok(text.to_owned()) }
}

/// The name of a remote. Addresses are refused, because they may carry a password.
pub(super) fn remote(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'));
    let name = branch(text).ok().filter(|_| is_plain);
    name.ok_or_else(|| "must be the name of a git remote, not its address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_may_be_reached_in_the_open_and_encrypted() {
        let cases = [
            ("https://a.example/", Ok("https://a.example")),
            ("HTTP://127.0.0.1:81", Ok("http://127.0.0.1:81")),
            ("ftp://a.example", Err("must start with http:// or https://")),
            ("https://me:pw@a.example", Err("must not hold a user or a password")),
            ("https://", Err("must name a host")),
        ];
        for (text, want) in cases {
            assert_eq!(web_url(text), want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn the_address_that_is_called_has_a_path_and_a_query_and_no_fragment_or_user() {
        let cases = [
            ("https://hc.example/ping/5bd2", Ok("https://hc.example/ping/5bd2")),
            ("http://127.0.0.1:81/ping/5bd2/", Ok("http://127.0.0.1:81/ping/5bd2")),
            ("HTTPS://hc.example/ping/5bd2/?rid=5&x=/y", Ok("https://hc.example/ping/5bd2?rid=5&x=/y")),
            ("https://hc.example?id=5bd2", Ok("https://hc.example?id=5bd2")),
            ("https://hc.example/ping/5bd2?", Ok("https://hc.example/ping/5bd2?")),
            ("https://hc.example/ping/5bd2#x", Err("must not hold a fragment")),
            ("https://hc.example/ping/5bd2?rid=5#x", Err("must not hold a fragment")),
            ("https://me:pw@hc.example/ping/5bd2", Err("must not hold a user or a password")),
            ("https://5bd2@hc.example?x", Err("must not hold a user or a password")),
            ("ftp://hc.example/5bd2", Err("must start with http:// or https://")),
            ("hc.example/ping/5bd2", Err("must start with http:// or https://")),
            ("https://?5bd2", Err("must name a host")),
            ("https:///5bd2", Err("must name a host")),
            ("https://hc.example:0/5bd2", Err("the port must be a whole number from 1 to 65535")),
            ("https://hc.example/5bd2 x", Err("must be of visible ASCII characters")),
            ("https://hc.example/5bd2?\u{7}", Err("must be of visible ASCII characters")),
            ("https://hc.example\\@h/5bd2", Err("must not hold blanks or backslashes")),
        ];
        for (text, want) in cases {
            let got = ping_url(text);
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{text}");
            assert!(got.is_ok_and(|url| ping_url(&url) == Ok(url.clone())) || want.is_err(), "{text}: taken again");
        }
    }

    #[test]
    fn the_address_of_the_backend_is_plain_http_without_user_or_query() {
        let cases = [
            ("plain", "http://127.0.0.1:8000", Ok("http://127.0.0.1:8000")),
            ("slash", "http://127.0.0.1:8000/", Ok("http://127.0.0.1:8000")),
            ("slashes", "http://localhost//", Ok("http://localhost")),
            ("capital scheme", "HTTP://localhost", Ok("http://localhost")),
            ("path", "http://localhost:8000/krx/", Ok("http://localhost:8000/krx")),
            ("six", "http://[::1]:8000", Ok("http://[::1]:8000")),
            ("six without port", "http://[::1]/", Ok("http://[::1]")),
            ("name", "http://oci-host_1.local:80", Ok("http://oci-host_1.local:80")),
            ("https", "https://127.0.0.1", Err("not https")),
            ("file", "file:///etc/passwd", Err("http://")),
            ("no scheme", "127.0.0.1:8000", Err("http://")),
            ("empty", "", Err("http://")),
            ("no host", "http://", Err("host")),
            ("port only", "http://:8000", Err("host")),
            ("user", "http://me@localhost", Err("user")),
            ("user and password", "http://me:pw@localhost:8000", Err("user")),
            ("query", "http://localhost?x=1", Err("query")),
            ("fragment", "http://localhost/#x", Err("fragment")),
            ("blank", "http://local host", Err("blanks")),
            ("backslash", "http://localhost\\@evil", Err("backslashes")),
            ("port 0", "http://localhost:0", Err("port")),
            ("large port", "http://localhost:65536", Err("port")),
            ("signed port", "http://localhost:+80", Err("port")),
            ("empty port", "http://localhost:", Err("port")),
            ("open bracket", "http://[::1", Err("host")),
            ("bracketed name", "http://[localhost]", Err("host")),
        ];
        for (name, text, want) in cases {
            match (api_url(text), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{name}"),
                (Err(rule), Err(part)) => assert!(rule.contains(part), "{name}: {rule}"),
                (got, want) => panic!("{name}: {got:?} is not {want:?}"),
            }
        }
    }

    #[test]
    fn an_address_elsewhere_is_recognized() {
        let cases = [
            ("http://127.0.0.1:8000", true),
            ("http://127.8.8.8", true),
            ("http://localhost/x", true),
            ("http://[::1]:80", true),
            ("http://10.0.0.5:8000", false),
            ("http://backend", false),
        ];
        for (url, local) in cases {
            assert_eq!(is_local(url), local, "{url}");
        }
    }

    #[test]
    fn a_listener_is_an_address_and_a_port() {
        for (text, local) in [
            ("127.0.0.1:8000", true),
            ("localhost:0", true),
            ("LOCALHOST:65535", true),
            ("[::1]:8001", true),
            ("0.0.0.0:8000", false),
            ("[::]:8000", false),
            ("10.0.0.5:80", false),
        ] {
            assert_eq!(listener(text).map(|bind| bind.ip().is_loopback()), Ok(local), "{text}");
        }
        for text in
            ["", "127.0.0.1", "localhost", "::1", "localhost:", "localhost:+1", "localhost:65536", "host:80", ":80"]
        {
            assert!(listener(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_an_origin_and_a_host_are_plain() {
        for (text, ok) in [
            ("metrics/live_obs.jsonl", true),
            ("logs/a/b.jsonl", true),
            ("data/obs.jsonl", true),
            ("metrics/a.log", false),
            ("a.jsonl", false),
            ("state/a.jsonl", false),
            ("daily_ops.toml", false),
            ("metrics/spool.jsonl", false),
            ("metrics/Spool_rejected.jsonl", false),
            ("metrics/kill_audit.jsonl", false),
            ("data/cache/a.jsonl", false),
            ("", false),
            ("/metrics/x.jsonl", false),
            ("metrics//b.jsonl", false),
            ("../metrics/x.jsonl", false),
            ("metrics/../state/x.jsonl", false),
            ("metrics/.x.jsonl", false),
            ("metrics/C:x.jsonl", false),
        ] {
            assert_eq!(observation_log(text).is_ok(), ok, "{text:?}");
        }
        for (text, ok) in [
            ("http://localhost:3000", true),
            ("https://ops.example", true),
            ("http://[::1]:3000", true),
            ("http://localhost:3000/", false),
            ("http://Localhost", false),
            ("localhost:3000", false),
            ("null", false),
            ("*", false),
            ("http://", false),
        ] {
            assert_eq!(origin(text).is_ok(), ok, "{text:?}");
        }
        for (text, ok) in [("ops.example", true), ("OPS", true), ("ops:80", false), ("", false), ("a b", false)] {
            assert_eq!(host_name(text).is_ok(), ok, "{text:?}");
        }
    }

    #[test]
    fn names_for_git_are_checked_before_git_sees_them() {
        let cases = [
            ("main", true, true),
            ("archive-rebuild", true, true),
            ("release/2026-01", true, true),
            ("한글", true, false),
            ("", false, false),
            ("-f", false, false),
            ("a b", false, false),
            ("a..b", false, false),
            ("a.lock", false, false),
            ("a//b", false, false),
            ("/a", false, false),
            ("a/", false, false),
            (".a", false, false),
            ("a.", false, false),
            ("@", false, false),
            ("a@{1}", false, false),
            ("a~1", false, false),
            ("a\nb", false, false),
            ("https://me:pw@host/repo", false, false),
            ("git@host", true, false),
        ];
        for (text, is_branch, is_remote) in cases {
            assert_eq!(branch(text).is_ok(), is_branch, "branch {text:?}");
            assert_eq!(remote(text).is_ok(), is_remote, "remote {text:?}");
        }
    }
}
