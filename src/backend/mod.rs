//! The host's HTTP API on loopback: guards, routes, replies. The only module with asynchronous code.
//!
//! A request passes three steps: `guard` (Host, Origin, body size), the row of [`ROUTES`] that its method and path name,
//! and one domain function on a thread of the blocking pool. A reply that depends on files alone is kept as bytes and
//! served again until one of the files changes.

mod access;
mod body;
mod cache;
mod dash;
mod guard;
mod line;
mod query;
mod reply;
mod routes;
mod server;

pub use dash::DashOptions;
pub use dash::Keeping;
pub use routes::Confirm;
pub use routes::DASH_ROUTES;
pub use routes::Kind;
pub use routes::Member;
pub use routes::OPERATIONS;
pub use routes::ROUTES;
pub use routes::Route;
pub use routes::Verb;
pub use server::ServeFault;
pub use server::ServeOptions;
pub use server::Server;
