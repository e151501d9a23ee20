//! A server that is open to other machines. A second address of this one stands for them; the mode is the same.

use std::net::IpAddr;

use daily_ops::backend::ServeFault;
use daily_ops::backend::ServeOptions;
use daily_ops::contracts::actor::Role;
use daily_ops::contracts::token::TokenHash;
use daily_ops::gates::Gates;
use daily_ops::store::layout;

use crate::admin;
use crate::serve;
use crate::start;
use crate::token;
use crate::trail;
use crate::with_token;

const GATE: &str = "/api/execution_gate";
const BODY: Option<&str> = Some(r#"{"mode":"DRY_RUN","reason":"r"}"#);

fn remote() -> ServeOptions {
    ServeOptions { host: IpAddr::from([127, 0, 0, 2]), remote: true, ..ServeOptions::default() }
}

#[test]
fn without_a_token_nobody_starts_it() {
    let none = serve(remote(), |_| {}).err().expect("no token");
    assert!(matches!(none, ServeFault::NoToken) && none.to_string().contains("daily_ops token create"), "{none}");
    let revoked = serve(remote(), |gates| {
        token(gates, "gone", Role::Admin);
        gates.revoke_token("gone", &admin(), start()).expect("revoked");
    });
    assert!(matches!(revoked, Err(ServeFault::NoToken)));
    serve(remote(), |gates| drop(token(gates, "good", Role::Viewer))).expect("one is enough");
    let with_environment = ServeOptions { operator_token: Some(TokenHash::of("token-of-the-shell")), ..remote() };
    serve(with_environment, |_| {}).expect("the one of the environment is enough");
    let closed = ServeOptions { host: IpAddr::from([10, 0, 0, 1]), ..ServeOptions::default() };
    assert!(matches!(serve(closed, |_| {}), Err(ServeFault::NotLoopback { .. })));
}

#[test]
fn a_file_of_tokens_that_cannot_be_used_is_told_and_lets_nobody_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = daily_ops::store::Store::new(dir.path());
    store.write(layout::TOKENS, b"{").expect("written");
    let policy = Box::new(|| Ok(daily_ops::ops::OpsPolicy::default()));
    let clock = std::sync::Arc::new(daily_ops::time::SystemClock::new());
    let ops = std::sync::Arc::new(daily_ops::ops::Ops::new(store, clock, policy));
    let fault = daily_ops::backend::Server::start(ops, &ServeOptions { port: 0, ..remote() }).expect_err("damaged");
    assert!(matches!(fault, ServeFault::Tokens(_)) && fault.to_string().contains(layout::TOKENS), "{fault}");
}

#[test]
fn everything_but_health_needs_a_token() {
    let mut viewer = String::new();
    let site = serve(remote(), |gates| viewer = token(gates, "desk", Role::Viewer)).expect("serving");
    let host = [("host", "ops.example:8000")];
    assert_ne!(site.call("GET", "/health", None, &host).status, 401);
    for (method, path) in [("GET", GATE), ("POST", GATE), ("GET", "/api/nowhere"), ("PUT", GATE), ("POST", "/health")] {
        let answer = site.call(method, path, BODY.filter(|_| method == "POST"), &host);
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.json()["error"]["code"], "TOKEN_REQUIRED");
    }
    let answer = with_token(&site, &viewer, "GET", GATE, None);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    assert_eq!(with_token(&site, &viewer, "POST", GATE, BODY).status, 403);
    assert_eq!(with_token(&site, &viewer, "GET", "/api/nowhere", None).status, 404);
    assert!(site.call("GET", "/health", None, &[]).header("access-control-allow-origin").is_none());
}

#[test]
fn any_host_is_right_and_only_its_own_pages_may_change() {
    let shell = "token-of-the-shell-1";
    let options = ServeOptions { operator_token: Some(TokenHash::of(shell)), ..remote() };
    let site = serve(options, |_| {}).expect("serving");
    let bearer = format!("Bearer {shell}");
    let cases = [
        ("another name", "ops.example", None, 200),
        ("its own page", "ops.example:8000", Some("http://ops.example:8000"), 200),
        ("its own page behind a proxy", "ops.example", Some("https://ops.example"), 200),
        ("a foreign page", "ops.example", Some("http://evil.example"), 403),
        ("another port", "ops.example:8000", Some("http://ops.example:9000"), 403),
        ("a sandboxed page", "ops.example", Some("null"), 403),
        ("no name", "", None, 400),
    ];
    for (name, host, origin, status) in cases {
        let mut headers = vec![("host", host), ("authorization", bearer.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = site.call("POST", GATE, BODY, &headers);
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
    let who: Vec<_> = trail(&site).into_iter().map(|entry| (entry.actor, entry.role)).collect();
    assert_eq!(who, vec![("OPS_TOKEN".to_owned(), Role::Operator); 3]);
    let open = Some(r#"{"mode":"REAL_ENABLED","reason":"r"}"#);
    assert_eq!(
        with_token(&site, shell, "POST", GATE, open).status,
        403,
        "the extra token operates, it does not decide"
    );
    assert!(Gates::new(&site.store).verify_audit(None).expect("readable").is_good());
}
