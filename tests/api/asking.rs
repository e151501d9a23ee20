//! What a route is asked in a test: values that its members take and values that they do not.

use daily_ops::backend::Kind;
use daily_ops::backend::Member;
use daily_ops::backend::Route;
use daily_ops::backend::Verb;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A value that most members of this kind take.
pub(crate) fn usual(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!("smoke"),
        Kind::Switch => json!(false),
        Kind::Count => json!(10),
        Kind::Number => json!(10_000_000),
        Kind::Object => json!({}),
        Kind::List => json!([]),
    }
}

/// A value of another type.
pub(crate) fn wrong(member: &Member) -> Value {
    match member.kind {
        Kind::Text | Kind::Count | Kind::Number | Kind::Object | Kind::List => json!(true),
        Kind::Switch => json!("false"),
    }
}

/// A path whose query holds `pairs`.
pub(crate) fn address(path: &str, pairs: &[(&str, Value)]) -> String {
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", said(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Every member of the route's body, each with a value that `good` makes for it.
pub(crate) fn body_of(route: &Route, good: fn(&Member) -> Value) -> Map<String, Value> {
    route.body.iter().map(|member| (member.name.to_owned(), good(member))).collect()
}

/// The body as a request carries it: none where the route takes none or nothing is said.
pub(crate) fn written(route: &Route, body: &Map<String, Value>) -> Option<String> {
    (route.verb == Verb::Post && !body.is_empty()).then(|| Value::Object(body.clone()).to_string())
}

/// How a fault calls the route.
pub(crate) fn name(route: &Route) -> String {
    format!("{} {}", route.verb.as_str(), route.path)
}
