//! When: the clock, Korean time and the sessions of the exchange.
//!
//! Every stamp that the program stores is Korean time (`+09:00`). Nothing outside this module reads a clock; everything
//! else receives the time as a value or a [`Clock`]. Durations are `std::time::Duration`, ages are whole seconds.

mod clock;
mod kst;
mod session;
mod span;

pub use clock::Clock;
pub use clock::SimClock;
pub use clock::SystemClock;
pub use kst::HostZone;
pub use kst::KstTime;
pub use kst::Stamp;
pub use kst::TradingDate;
pub use kst::file_stamp;
pub use kst::host_zone;
pub use kst::kst;
pub use kst::line_stamp;
pub use kst::parse_file_stamp;
pub use session::Calendar;
pub use session::CalendarFault;
pub use session::Session;
pub use span::spoken;
