//! Who may come in: tokens, names of the server, pages of other origins.

use daily_ops::backend::DashOptions;
use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::settings::DashboardSettings;
use serde_json::json;

use crate::SWITCH;
use crate::TOKEN;
use crate::site;
use crate::site_with;
use crate::start;

const BODY: &str = r#"{"is_on":true,"reason":"r"}"#;
const PAGE: &str = "https://desk.example";

fn code(answer: &crate::Answer) -> (u16, String) {
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

fn listed() -> DashOptions {
    let options = DashOptions::default();
    let settings = DashboardSettings {
        cors_origins: vec![PAGE.to_owned()],
        allowed_hosts: vec!["desk.internal".to_owned()],
        ..options.settings
    };
    DashOptions { settings, ..options }
}

#[test]
fn a_switch_needs_a_token_on_this_machine_too() {
    let site = site();
    let none = site.post(SWITCH, Some(BODY));
    assert_eq!(code(&none), (401, "AUTH_MISSING".to_owned()));
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    for (header, value, want) in [
        ("authorization", "Bearer wrong".to_owned(), (401, "AUTH_INVALID")),
        ("authorization", TOKEN.to_owned(), (401, "AUTH_INVALID")),
        ("x-ops-token", "wrong".to_owned(), (401, "AUTH_INVALID")),
        ("x-ops-token", TOKEN.to_owned(), (200, "")),
        ("x-admin-api-key", TOKEN.to_owned(), (200, "")),
        ("authorization", format!("bearer {TOKEN}"), (200, "")),
    ] {
        let answer = site.call("POST", SWITCH, Some(BODY), &[(header, &value)]);
        assert_eq!(code(&answer), (want.0, want.1.to_owned()), "{header}: {value}");
        assert_eq!(answer.header("www-authenticate").is_some(), want.0 == 401, "{header}: {value}");
    }
    for path in ["/api/ops/logs/stdout", "/api/ops/logs/stderr", "/log-tail"] {
        assert_eq!(code(&site.get(path)), (401, "AUTH_MISSING".to_owned()), "{path}");
    }
    assert_eq!(site.get(SWITCH).status, 200, "reading is open");
}

#[test]
fn a_token_of_the_store_counts_by_its_role() {
    let (site, _clock) = site_with(DashOptions::default(), None);
    let gates = Gates::new(&site.store);
    let none = site.post(SWITCH, Some(BODY));
    assert_eq!(code(&none), (503, "AUTH_NOT_CONFIGURED".to_owned()));
    let guess = site.call("POST", SWITCH, Some(BODY), &[("x-ops-token", "some-token-that-is-none")]);
    assert_eq!(code(&guess), (503, "AUTH_NOT_CONFIGURED".to_owned()));
    let admin = Actor::new("op", Role::Admin, "test");
    for (role, want) in
        [(Role::Viewer, (403, "ROLE_INSUFFICIENT")), (Role::Operator, (200, "")), (Role::Admin, (200, ""))]
    {
        let made = gates.create_token(role.as_str(), role, &admin, start()).expect("made");
        let answer = site.call("POST", SWITCH, Some(BODY), &[("authorization", &format!("Bearer {}", made.text))]);
        assert_eq!(code(&answer), (want.0, want.1.to_owned()), "{}", role.as_str());
    }
}

#[test]
fn b07_foreign_names_and_foreign_pages_are_turned_away_and_learn_nothing() {
    let (site, _clock) = site_with(listed(), Some(TOKEN));
    let forbidden = |code: &str| (403, code.to_owned());
    let token = format!("Bearer {TOKEN}");
    for host in ["evil.example", "desk.internal.evil.example:8000", "10.0.0.1:8000", "0.0.0.0"] {
        for (method, path, body) in
            [("GET", "/api/ops/overview", None), ("POST", SWITCH, Some(BODY)), ("GET", "/events", None)]
        {
            let headers = [("host", host), ("origin", PAGE), ("authorization", token.as_str())];
            let answer = site.call(method, path, body, &headers);
            assert_eq!(code(&answer), forbidden("HOST_NOT_ALLOWED"), "{host} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{host} {path}");
        }
    }
    for origin in
        ["null", "https://evil.example", "http://127.0.0.1:9999", "http://localhost:8000", "http://desk.example"]
    {
        let answer = site.call("POST", SWITCH, Some(BODY), &[("origin", origin), ("authorization", &token)]);
        assert_eq!(code(&answer), forbidden("ORIGIN_NOT_ALLOWED"), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        let socket = site.call("GET", "/api/ws/events", None, &[("origin", origin)]);
        assert_eq!(code(&socket), forbidden("ORIGIN_NOT_ALLOWED"), "{origin}");
        let read = site.call("GET", SWITCH, None, &[("origin", origin)]);
        assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None), "{origin}");
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:8000", "desk.internal", "Desk.Internal:8443"] {
        assert_eq!(site.call("GET", SWITCH, None, &[("host", host)]).status, 200, "{host}");
    }
    let own = [("origin", "http://127.0.0.1:8000"), ("authorization", token.as_str())];
    assert_eq!(site.call("POST", SWITCH, Some(BODY), &own).status, 200, "its own page");
}

#[test]
fn a_page_is_its_own_by_the_very_name_and_port_that_it_was_opened_by() {
    let (site, _clock) = site_with(listed(), Some(TOKEN));
    let token = format!("Bearer {TOKEN}");
    let own = [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("desk.internal:8080", "http://desk.internal:8080"),
        ("desk.internal", "https://desk.internal"),
    ];
    let others = [
        ("127.0.0.1:8000", "http://localhost:8000", "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:8000", "http://[::1]:8000", "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:8000", "http://127.9.9.9:8000", "ORIGIN_NOT_ALLOWED"),
        ("localhost:8000", "http://127.0.0.1:8000", "ORIGIN_NOT_ALLOWED"),
        ("desk.internal:8080", "http://desk.internal:9090", "ORIGIN_NOT_ALLOWED"),
        ("desk.internal:8080", "http://127.0.0.1:8080", "ORIGIN_NOT_ALLOWED"),
        ("desk.internal:8080", "https://evil.example", "ORIGIN_NOT_ALLOWED"),
        ("evil.example:8080", "http://evil.example:8080", "HOST_NOT_ALLOWED"),
        ("evil.example", PAGE, "HOST_NOT_ALLOWED"),
    ];
    let wanted = own.iter().map(|(host, origin)| (*host, *origin, "")).chain(others);
    for (host, origin, want) in wanted {
        let headers = [("host", host), ("origin", origin), ("authorization", token.as_str())];
        let (status, upgraded) = if want.is_empty() { (200, 426) } else { (403, 403) };
        for (path, body) in [(SWITCH, BODY), ("/api/ops/test-event", "{}")] {
            let answer = site.call("POST", path, Some(body), &headers);
            assert_eq!(code(&answer), (status, want.to_owned()), "{host} {origin} {path}");
        }
        // Past the door a WebSocket is refused only for what it lacks to be one.
        assert_eq!(site.call("GET", "/api/ws/events", None, &headers).status, upgraded, "{host} {origin}");
    }
}

#[test]
fn a_listed_page_is_let_in_by_its_exact_origin() {
    let (site, _clock) = site_with(listed(), Some(TOKEN));
    let token = format!("Bearer {TOKEN}");
    let answer = site.call("POST", SWITCH, Some(BODY), &[("origin", PAGE), ("authorization", &token)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(PAGE)));
    assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let unproved = site.call("POST", SWITCH, Some(BODY), &[("origin", PAGE)]);
    assert_eq!((unproved.status, unproved.header("access-control-allow-origin")), (401, Some(PAGE)), "it may read why");
}

#[test]
fn every_reply_says_how_a_browser_is_to_take_it_and_none_is_for_everybody() {
    let (site, _clock) = site_with(listed(), Some(TOKEN));
    let evil = "https://evil.example";
    let paths =
        ["/health", "/api/ops/health", "/api/emergency_stop", "/api/ops/metrics", "/", "/nowhere", "/api/ops/x"];
    for path in paths {
        for (host, origin) in [("127.0.0.1:8000", PAGE), ("127.0.0.1:8000", evil), ("evil.example", evil)] {
            let answer = site.call("GET", path, None, &[("host", host), ("origin", origin)]);
            for (name, value) in
                [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
            {
                assert_eq!(answer.header(name), Some(value), "{path} {host} {origin}");
            }
            let may_read = origin == PAGE && !["/nowhere", "/api/ops/x"].contains(&path);
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, may_read.then_some(PAGE), "{path} {host} {origin}");
            assert_eq!(answer.header("vary").is_some(), may_read, "{path} {host} {origin}");
            assert_eq!(answer.status == 403, host == "evil.example", "{path} {host}");
        }
    }
    let stop = site.call("POST", "/api/emergency_stop", Some(r#"{"enabled":false}"#), &[("origin", PAGE)]);
    assert_eq!((stop.status, stop.header("access-control-allow-origin")), (403, None), "it reads, and changes nothing");
}

#[test]
fn a_preflight_is_answered_for_listed_pages_alone() {
    let (site, _clock) = site_with(listed(), Some(TOKEN));
    let asks = |path: &str, headers: &[(&str, &str)]| site.call("OPTIONS", path, None, headers);
    let method = ("access-control-request-method", "POST");
    let yes = asks(SWITCH, &[("origin", PAGE), method, ("access-control-request-headers", "authorization")]);
    assert_eq!((yes.status, yes.header("access-control-allow-origin")), (204, Some(PAGE)));
    assert_eq!(yes.header("access-control-allow-methods"), Some("GET, POST"));
    assert_eq!(yes.header("access-control-allow-headers"), Some("Content-Type, Authorization, X-OPS-TOKEN"));
    assert_eq!(yes.header("access-control-allow-credentials"), None);
    assert!(yes.header("vary").is_some_and(|vary| vary.starts_with("Origin")));
    for (name, path, headers) in [
        ("another page", SWITCH, vec![("origin", "https://evil.example"), method]),
        ("null", SWITCH, vec![("origin", "null"), method]),
        ("no page", SWITCH, vec![method]),
        ("no preflight", SWITCH, vec![("origin", PAGE)]),
        ("another name", SWITCH, vec![("origin", PAGE), method, ("host", "evil.example")]),
        ("the operations API", "/api/emergency_stop", vec![("origin", PAGE), method]),
    ] {
        let no = asks(path, &headers);
        assert!([403, 405].contains(&no.status), "{name}: {}", no.status);
        for header in ["access-control-allow-origin", "access-control-allow-methods"] {
            assert_eq!(no.header(header), None, "{name}");
        }
    }
    let other = asks(SWITCH, &[("origin", "https://evil.example"), method]);
    assert_eq!(other.json()["code"], json!("METHOD_NOT_ALLOWED"));
    assert!(other.header("allow").is_some_and(|allow| allow.contains("POST")), "{}", other.head);
}

#[test]
fn an_unknown_path_in_the_dashboards_places_is_refused_in_its_own_words() {
    let site = site();
    let places = "v1/ops v1/dev control dev state history ws".split(' ').map(|place| format!("/api/{place}/nothing"));
    let others = ["/api/ops/nothing", "/api/ops", "/ops/nothing", "/events/x", "/metrics/x", "/api/ops/traces/a/b"];
    for path in &places.chain(others.map(str::to_owned)).collect::<Vec<_>>() {
        let answer = site.get(path);
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["code"], &body["contract_version"]),
            (404, &"NOT_FOUND".into(), &"v1".into()),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    for path in ["/api/nothing", "/opsx", "/api/ops/summary/latest/", "/api/v1", "/api/v1/nothing", "/api/controls/x"] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.json()), (404, serde_json::json!({"detail": "Not Found"})), "{path}");
    }
    let plain = site.get("/api/ops/health");
    assert_eq!(plain.header("x-content-type-options"), Some("nosniff"), "every JSON reply says so");
}
