//! A text as an evidence ref: what is accepted stays inside the workspace, is its own text again, and resolves without a
//! panic.

#![no_main]

use std::path::Component;
use std::path::Path;
use std::sync::OnceLock;

use daily_ops::contracts::EvidenceRef;
use daily_ops::store::Store;
use libfuzzer_sys::fuzz_target;

/// A directory that is not there: every accepted ref must end as "not found".
fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| Store::new("/nonexistent/workspace"))
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(found) = EvidenceRef::parse(text) else { return };
    let path = Path::new(found.path());
    assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{text:?} leaves the workspace");
    assert!(found.path().starts_with("reports/") || found.path().starts_with("state/"), "{text:?}");
    assert!(!found.path().contains("secret") || found.path().starts_with("reports/"), "{text:?} names a secret");
    assert_ne!(found.line(), Some(0));
    assert_eq!(EvidenceRef::parse(&found.to_string()).as_ref(), Ok(&found), "{text:?}");
    assert!(store().resolve(&found).is_err());
});
