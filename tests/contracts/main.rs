//! Every golden example in `contracts/` against the types, the pages and each other: it parses, it is written as it was
//! read, unknown keys do no harm, missing keys do none unless the page calls them required, and a value of another type
//! is a missing one or a fault, never a panic.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod families;
mod random;
#[path = "../schemas/mod.rs"]
#[expect(dead_code, reason = "some helpers are for the other test crates")]
mod schemas;
mod support;
mod typed;
mod versions;
