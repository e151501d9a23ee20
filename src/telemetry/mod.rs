//! What the running program tells about itself. For the time being: the server's log lines.

mod logging;

pub use logging::init_logging;
