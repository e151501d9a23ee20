//! Events are read back.

use crate::refused;
use crate::site;

#[test]
fn b01_another_method_is_told_which_ones_there_are() {
    let site = site();
    for (method, path, allowed) in [
        ("GET", "/api/ops/test-event", "POST"),
        ("PUT", "/api/ops/events", "GET,HEAD,POST"),
        ("DELETE", "/api/ops/metrics", "GET,HEAD"),
        ("GET", "/api/dev/emit-10k", "POST"),
    ] {
        let answer = site.call(method, path, None, &[]);
        refused(&answer, 405, "METHOD_NOT_ALLOWED", path);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}
