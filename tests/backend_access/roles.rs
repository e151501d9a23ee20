//! Every route against every role, and what a token changes on a server of this machine.

use daily_ops::backend::ROUTES;
use daily_ops::backend::Verb;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::store::layout;

use crate::admin;
use crate::client::Site;
use crate::site;
use crate::start;
use crate::token;
use crate::trail;
use crate::with_token;

const GATE: &str = "/api/execution_gate";
const STOP: &str = "/api/emergency_stop";

#[test]
fn each_route_refuses_the_roles_below_its_own_and_lets_in_the_others() {
    let (site, _clock) = site();
    let gates = Gates::new(&site.store);
    let tokens = Role::ALL.map(|role| (role, token(&gates, role.as_str(), role)));
    let mut refused = 0;
    for route in ROUTES {
        let path = route.path.replace("{id}", "x.json");
        for (role, text) in &tokens {
            // A body that no route accepts: what is let in is refused later, and nothing is done.
            let body = (route.verb == Verb::Post).then_some("{x");
            let answer = with_token(&site, text, route.verb.as_str(), &path, body);
            let is_refusal = answer.status == 403;
            assert_eq!(is_refusal, *role < route.role, "{} as {}: {}", route.path, role.as_str(), answer.text);
            if is_refusal {
                refused += 1;
                assert_eq!(answer.json()["error"]["code"], "ROLE_TOO_LOW", "{}", route.path);
                assert_eq!(answer.json()["status"], "error");
            }
        }
        let viewer_may = route.verb == Verb::Get;
        assert_eq!(route.role == Role::Viewer, viewer_may, "{}: whoever only reads changes nothing", route.path);
    }
    assert!(refused > 20, "only {refused} refusals were seen");
}

#[test]
fn what_opens_needs_an_admin_and_what_closes_an_operator() {
    let (site, _clock) = site();
    let gates = Gates::new(&site.store);
    let (operator, chief) = (token(&gates, "desk", Role::Operator), token(&gates, "chief", Role::Admin));
    let cases = [
        ("gate open", GATE, r#"{"mode":"REAL_ENABLED","reason":"r"}"#, 403, 409),
        ("gate dry", GATE, r#"{"mode":"DRY_RUN","reason":"r"}"#, 200, 200),
        ("sender on", "/api/real_sender_enable", r#"{"enabled":true,"reason":"r"}"#, 403, 200),
        ("sender off", "/api/real_sender_enable", r#"{"enabled":false}"#, 200, 200),
        ("stop on", STOP, r#"{"enabled":true,"reason":"r"}"#, 200, 200),
        ("stop off", STOP, r#"{"enabled":false}"#, 200, 200),
        ("ask", "/api/approvals/real_enable/request", r#"{"requested_by":"x","reason":"r"}"#, 200, 200),
        ("window", "/api/real_enable_window/request", r#"{"reason":"r"}"#, 403, 200),
        (
            "approve",
            "/api/approvals/real_enable/approve",
            r#"{"approval_id":"x","key_id":"k","approver_id":"a"}"#,
            403,
            404,
        ),
    ];
    for (name, path, body, desk, chief_gets) in cases {
        assert_eq!(with_token(&site, &operator, "POST", path, Some(body)).status, desk, "{name} as operator");
        assert_eq!(with_token(&site, &chief, "POST", path, Some(body)).status, chief_gets, "{name} as admin");
    }
}

#[test]
fn a_token_names_its_holder_whatever_the_body_says() {
    let (site, _clock) = site();
    let desk = token(&Gates::new(&site.store), "desk", Role::Operator);
    let body = Some(r#"{"enabled":true,"operator_id":"somebody","reason":"r"}"#);
    assert_eq!(with_token(&site, &desk, "POST", STOP, body).status, 200);
    assert_eq!(site.post(STOP, Some(r#"{"enabled":false,"operator_id":"kim"}"#)).status, 200);
    let who: Vec<_> = trail(&site)
        .into_iter()
        .filter(|entry| entry.action == "stop.set")
        .map(|entry| (entry.actor, entry.role, entry.from))
        .collect();
    let from = "http 127.0.0.1".to_owned();
    assert_eq!(who, [("desk".to_owned(), Role::Operator, from.clone()), ("kim".to_owned(), Role::Admin, from)]);
}

#[test]
fn a_token_that_is_shown_must_be_valid() {
    let (site, clock) = site();
    let gates = Gates::new(&site.store);
    let desk = token(&gates, "desk", Role::Operator);
    assert_eq!(site.get(GATE).status, 200, "reads are open without one");
    assert_eq!(with_token(&site, &desk, "GET", GATE, None).status, 200);
    for header in ["Bearer nonsense", "Basic abc", "Bearer", ""] {
        for path in [GATE, "/health", "/api/nowhere"] {
            let answer = site.call("GET", path, None, &[("authorization", header)]);
            assert_eq!(answer.status, 401, "{header:?} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{header:?} {path}");
            assert_eq!(answer.json()["error"]["code"], "TOKEN_INVALID");
        }
    }
    clock.advance(std::time::Duration::from_secs(60));
    gates.revoke_token("desk", &admin(), start()).expect("revoked");
    assert_eq!(with_token(&site, &desk, "GET", GATE, None).status, 401, "from the next request on");
    let other = token(&gates, "other", Role::Operator);
    assert_eq!(with_token(&site, &other, "GET", GATE, None).status, 200);
    site.store.write(layout::TOKENS, b"{").expect("written");
    assert_eq!(with_token(&site, &other, "GET", GATE, None).status, 401, "a damaged file makes none valid");
    assert_eq!(site.get(GATE).status, 200);
}

#[test]
fn twenty_wrong_tokens_a_minute_are_enough() {
    let (site, clock) = site();
    let desk = token(&Gates::new(&site.store), "desk", Role::Operator);
    for _ in 0..20 {
        assert_eq!(with_token(&site, "wrong", "GET", GATE, None).status, 401);
    }
    let answer = with_token(&site, "wrong", "GET", GATE, None);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("60")));
    assert_eq!(site.get(GATE).status, 200, "who shows none is not held up");
    assert_eq!(with_token(&site, &desk, "GET", GATE, None).status, 200, "nor who shows the right one");
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(with_token(&site, "wrong", "GET", GATE, None).status, 401);
}

#[test]
fn a_token_is_nowhere_but_in_its_request() {
    let (site, _clock) = site();
    let text = token(&Gates::new(&site.store), "desk", Role::Admin);
    let mut said = String::new();
    for (path, body) in [
        (GATE, r#"{"mode":"DRY_RUN","reason":"r"}"#),
        ("/api/approvals/real_enable/request", r#"{"requested_by":"x","reason":"r"}"#),
        ("/api/real_enable_window/request", r#"{"reason":"r","ttl_seconds":60}"#),
    ] {
        let answer = with_token(&site, &text, "POST", path, Some(body));
        said.push_str(&format!("{}{}", answer.head, answer.text));
        said.push_str(&with_token(&site, &format!("{text}x"), "GET", path, None).text);
    }
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let answer = with_token(&site, &text, "GET", route.path, None);
        said.push_str(&format!("{}{}", answer.head, answer.text));
    }
    let secret = text.strip_prefix("dops_").expect("the prefix");
    assert!(!said.contains(secret), "in a reply");
    for (file, bytes) in files(&site) {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "in {file}");
    }
}

/// Every file of the workspace.
fn files(site: &Site) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![site.dir.path().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), std::fs::read(&path).expect("readable")));
            }
        }
    }
    assert!(found.len() > 3);
    found
}
