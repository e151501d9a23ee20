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

use super::asking::address;
use super::asking::body_of;
use super::asking::name;
use super::asking::usual;
use super::asking::written;
use super::asking::wrong;
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
        _ => usual(member.kind),
    }
}

fn path_of(route: &Route) -> String {
    let pairs: Vec<_> = route.query.iter().map(|member| (member.name, good(member))).collect();
    address(&route.path.replace("{id}", "smoke"), &pairs)
}

fn call(site: &Site, route: &Route, body: &Map<String, Value>) -> Answer {
    let body = written(route, body);
    let request = request(route.verb.as_str(), &path_of(route), body.as_deref(), &[TOKEN]);
    raw(site.server.address(), request.as_bytes())
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
            check(route, &call(&site, route, &body_of(route, good)), place);
        }
    }
    for file in ["state/kill_switch.json", "state/emergency_stop.json", "state/execution_gate.json"] {
        site.store.write(file, b"{half").expect("written");
    }
    for route in routes().filter(|route| route.verb == Verb::Get) {
        check(route, &call(&site, route, &body_of(route, good)), "damaged");
    }
}

#[test]
fn what_a_route_of_the_dashboard_cannot_use_is_refused_with_a_code() {
    let site = super::dash_site();
    let codes: BTreeSet<&str> =
        ["INVALID_PARAM", "INVALID_TYPE", "INVALID_SEVERITY", "INVALID_TRACE_ID", "REASON_REQUIRED"].into();
    for route in routes() {
        for member in route.body {
            let mut body = body_of(route, good);
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
