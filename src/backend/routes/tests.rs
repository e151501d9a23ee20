//! What holds for every row of the route table.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_route_is_listed_once_and_explained() {
    let mut seen = BTreeSet::new();
    for route in ROUTES {
        assert!(
            seen.insert((route.verb.as_str(), route.path)),
            "{} {} is listed twice",
            route.verb.as_str(),
            route.path
        );
        assert!(!route.summary.is_empty() && route.path.starts_with('/'), "{}", route.path);
        assert!(route.verb == Verb::Get || route.watched.is_empty(), "a change is never kept: {}", route.path);
        assert!(route.verb == Verb::Post || route.role == Role::Viewer, "everybody reads: {}", route.path);
    }
}

#[test]
fn what_stops_everything_never_waits_for_a_turn() {
    let slow: BTreeSet<&str> = ROUTES.iter().filter(|route| route.slow).map(|route| route.path).collect();
    for word in ["emergency_stop", "execution_gate", "real_sender_enable", "window", "approvals", "latest"] {
        assert!(!slow.iter().any(|path| path.contains(word)), "{word}");
    }
    for word in ["send/run", "live_fire/run", "daily_status/send", "incident/send", "spike/run", "holding/run"] {
        assert!(slow.iter().any(|path| path.contains(word)), "{word}");
    }
    // They wait for the same lock while a plan asks a vendor for prices.
    for path in ["/api/order_plan/regenerate", "/api/order_plan/confirm", "/api/portfolio/upsert"] {
        assert!(slow.contains(path), "{path}");
    }
    assert!(ROUTES.iter().all(|route| route.verb == Verb::Post || !route.slow), "readers never wait");
}
