//! `pc bundle` as its users meet it: making, refusing, signing, rotating keys, verifying, listing, and being killed.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod desk;
mod keys;
mod making;
mod refusals;
mod sealed;
mod verifying;
