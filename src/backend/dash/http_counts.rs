//! Requests that were answered, counted by method, route and status.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::http::Method;

/// The route of a path that no row knows; the path itself is never a label, since anybody can make up paths.
pub(crate) const NO_ROUTE: &str = "none";

/// Method, route template, status code.
pub(crate) type HttpKey = (&'static str, &'static str, u16);

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct HttpCounts(Mutex<BTreeMap<HttpKey, u64>>);

impl HttpCounts {
    pub(crate) fn add(&self, method: &Method, route: &'static str, code: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((name(method), route, code)).or_insert(0) += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<HttpKey, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A method that HTTP knows, or one word for all that clients make up.
fn name(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_is_no_label() {
        let counts = HttpCounts::default();
        let made_up = Method::from_bytes(b"BREW").expect("a method");
        for method in [&Method::GET, &Method::GET, &made_up] {
            counts.add(method, NO_ROUTE, 404);
        }
        let all: Vec<_> = counts.all().into_iter().collect();
        assert_eq!(all, [(("GET", "none", 404), 2), (("OTHER", "none", 404), 1)]);
    }
}
