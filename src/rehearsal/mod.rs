//! The dashboard as its visitor sees it: the two-minute demo, the diagnosis of its three failures, and the browser.
//!
//! Everything here goes through the front door, by HTTP, server-sent events, WebSocket and a real browser. Nothing is
//! shared with the server but contracts.

pub mod browser;
pub mod demo;
pub mod diagnosis;
mod evidence;
mod live_log;
mod port;
pub mod visit;

pub use browser::Browser;
pub use browser::BrowserFault;
pub use browser::Page;
