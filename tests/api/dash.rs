//! Every route of the dashboard is called: well, with what it cannot use, and over a workspace of damaged files.

use std::collections::BTreeSet;

use daily_ops::backend::DASH_ROUTES;
use daily_ops::backend::Kind;
use daily_ops::backend::Member;
use daily_ops::backend::Route;
use daily_ops::backend::Verb;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::client::Answer;
use super::client::Site;
use super::client::raw;
use super::client::request;

const TOKEN: (&str, &str) = ("x-ops-token", super::TOKEN);

fn good(member: &Member) -> Value {
    match member.name {
        "severity" | "severity_min" => json!("WARN"),
        "order" => json!("asc"),
        "detail" | "expected_version" => json!(0),
        "since_ms" | "after" => json!(0),
        "events" => json!([{}]),
        _ => match member.kind {
            Kind::Text => json!("smoke"),
            Kind::Switch => json!(false),
            Kind::Count | Kind::Number => json!(10),
            Kind::Object => json!({}),
            Kind::List => json!([]),
        },
    }
}

fn wrong(member: &Member) -> Value {
    match member.kind {
        Kind::Text | Kind::Count | Kind::Number | Kind::Object | Kind::List => json!(true),
        Kind::Switch => json!("false"),
    }
}

fn path_of(route: &Route) -> String {
    let value = |member: &Member| good(member).as_str().map_or_else(|| good(member).to_string(), str::to_owned);
    let pairs: Vec<String> = route.query.iter().map(|member| format!("{}={}", member.name, value(member))).collect();
    let path = route.path.replace("{id}", "smoke");
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

fn body_of(route: &Route) -> Map<String, Value> {
    route.body.iter().map(|member| (member.name.to_owned(), good(member))).collect()
}

fn call(site: &Site, route: &Route, body: &Map<String, Value>) -> Answer {
    let text = Value::Object(body.clone()).to_string();
    let body = (route.verb == Verb::Post && !body.is_empty()).then_some(text.as_str());
    raw(site.server.address(), request(route.verb.as_str(), &path_of(route), body, &[TOKEN]).as_bytes())
}

fn name(route: &Route) -> String {
    format!("{} {}", route.verb.as_str(), route.path)
}

/// Routes that answer at once; a stream has tests of its own, and a page that is not built yet has none.
fn routes() -> impl Iterator<Item = &'static Route> {
    DASH_ROUTES.iter().filter(|route| !route.is_stream())
}

fn check(route: &Route, answer: &Answer, place: &str) {
    let (name, said) = (name(route), &answer.text);
    let known = [200, 202, 422, 501].contains(&answer.status) || route.refusals.contains(&answer.status);
    assert!(known, "{place}: {name} answers {} {said}", answer.status);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{place}: {name}");
    assert_eq!(answer.header("deprecation").is_some(), route.successor().is_some(), "{place}: {name}");
    if answer.header("content-type") == Some("application/json") {
        let body = answer.json();
        assert!(body.is_object(), "{place}: {name} {said}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{place}: {name}");
        if answer.status >= 400 {
            let has_all = ["error", "code", "contract_version", "trace_id"].iter().all(|key| body.get(key).is_some());
            assert!(has_all && body["code"] == body["error"]["code"], "{place}: {name} {said}");
        }
    }
}

#[test]
fn every_route_of_the_dashboard_answers_over_any_workspace() {
    let site = super::dash_site();
    for place in ["empty", "second time"] {
        for route in routes() {
            check(route, &call(&site, route, &body_of(route)), place);
        }
    }
    for file in ["state/kill_switch.json", "state/emergency_stop.json", "state/execution_gate.json"] {
        site.store.write(file, b"{half").expect("written");
    }
    for route in routes().filter(|route| route.verb == Verb::Get) {
        check(route, &call(&site, route, &body_of(route)), "damaged");
    }
}

#[test]
fn what_a_route_of_the_dashboard_cannot_use_is_refused_with_a_code() {
    let site = super::dash_site();
    let codes: BTreeSet<&str> =
        ["INVALID_PARAM", "INVALID_TYPE", "INVALID_SEVERITY", "INVALID_TRACE_ID", "REASON_REQUIRED"].into();
    for route in routes() {
        for member in route.body {
            let mut body = body_of(route);
            body.insert(member.name.to_owned(), wrong(member));
            let answer = call(&site, route, &body);
            let told = answer.status == 422 && answer.json()["code"].as_str().is_some_and(|code| codes.contains(code));
            // What stands in no envelope is data, and data may be anything.
            let is_data = ["index", "total"].contains(&member.name) && answer.status == 200;
            assert!(told || is_data, "{} with a wrong {}: {} {}", name(route), member.name, answer.status, answer.text);
        }
        for member in route.query.iter().filter(|member| member.kind == Kind::Count) {
            let answer = site.call(route.verb.as_str(), &format!("{}?{}=-1", route.path, member.name), None, &[TOKEN]);
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (422, &json!("INVALID_PARAM")),
                "{} {}",
                name(route),
                member.name
            );
        }
    }
}

#[test]
fn a_token_is_asked_for_exactly_where_the_table_says_so() {
    let site = super::dash_site();
    for route in routes() {
        let status = site.call(route.verb.as_str(), &path_of(route), None, &[]).status;
        assert_eq!(status == 401, route.needs_token(), "{}: {status}", name(route));
        let foreign = site.call(route.verb.as_str(), &path_of(route), None, &[("host", "evil.example"), TOKEN]);
        assert_eq!(foreign.status, 403, "{}", name(route));
    }
}
