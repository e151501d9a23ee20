//! What the running program tells about itself: the event bus, what it counts, the observation log, and log lines.

mod bus;
mod feed;
mod filter;
mod journal;
mod logging;
mod metrics;
mod subscriber;

pub use bus::Accepted;
pub use bus::Bus;
pub use bus::BusLimits;
pub use bus::Frame;
pub use bus::Full;
pub use bus::IdRange;
pub use bus::Replay;
pub use feed::Feed;
pub use filter::EventFilter;
pub use filter::TraceText;
pub use journal::JournalStatus;
pub use logging::init_logging;
pub use metrics::Counters;
pub use metrics::DELIVERY_BUCKETS;
pub use metrics::severity_index;
pub use subscriber::Gap;
pub use subscriber::GapReason;
pub use subscriber::Item;
pub use subscriber::SubscriberView;
pub use subscriber::Subscription;
pub use subscriber::Transport;
