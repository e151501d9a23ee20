//! Every reply to a change names its trace: that of the request, or one that was made for it.

use daily_ops::backend::ROUTES;
use daily_ops::contracts::event::is_trace;

use crate::client::Site;

/// The headers of a request, and the trace that its reply carries; any, when none is named.
type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);

#[test]
fn every_reply_to_a_change_carries_the_trace_of_its_request_refused_or_not() {
    let site = Site::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    let cases: [Case<'_>; 5] = [
        (&[("X-Trace-Id", "run_1")], Some("run_1")),
        (&[("traceparent", parent)], Some(uuid)),
        (&[("X-Trace-Id", "run_1"), ("Origin", "http://elsewhere.example")], Some("run_1")),
        (&[("X-Trace-Id", "run_1"), ("Authorization", "Bearer wrong")], Some("run_1")),
        (&[("X-Trace-Id", "no trace id")], None),
    ];
    let changes = ROUTES.iter().filter(|route| route.verb.as_str() == "POST");
    for (route, (headers, want)) in changes.flat_map(|route| cases.map(|case| (route, case))) {
        let answer = site.call("POST", route.path, None, headers);
        let trace = answer.header("x-trace-id").unwrap_or_default();
        assert!(is_trace(trace), "{} {headers:?}: {trace:?}", route.path);
        assert!(want.is_none_or(|want| want == trace), "{} {headers:?}: {trace}", route.path);
    }
    let read = site.call("GET", "/api/ops/summary/latest", None, &[("X-Trace-Id", "run_1")]);
    assert_eq!(read.header("x-trace-id"), None, "a read belongs to nothing");
}

#[test]
fn a_trace_in_the_body_counts_when_no_header_names_one() {
    let site = Site::new();
    let body = r#"{"request_type":"REQUEST_REPORTS","payload":{},"trace_id":"of-the-body"}"#;
    let trace = |headers: &[(&str, &str)]| {
        let answer = site.call("POST", "/api/tickets", Some(body), headers);
        answer.header("x-trace-id").map(str::to_owned)
    };
    assert_eq!(trace(&[]).as_deref(), Some("of-the-body"));
    assert_eq!(trace(&[("X-Trace-Id", "of-the-header")]).as_deref(), Some("of-the-header"));
}
