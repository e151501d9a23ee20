//! What the host knows of its daily runs, for whoever asks for its health.

use crate::contracts::heartbeat::Heartbeat;
use crate::contracts::heartbeat::Pulse;
use crate::ops::Ops;
use crate::store::Stored;
use crate::store::layout;

/// The daily runs at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatView {
    /// UP, DEGRADED, or MISSING before the first run.
    pub status: &'static str,
    /// Why it is not UP.
    pub why: Option<String>,
    /// The heartbeat; `None` without a readable one.
    pub heartbeat: Option<Heartbeat>,
}

impl Ops {
    /// Reads and judges the heartbeat now. Nothing is written.
    #[must_use]
    pub fn heartbeat(&self) -> HeartbeatView {
        let found = match self.store.document::<Heartbeat>(layout::HEARTBEAT) {
            Stored::Present(found) => found,
            Stored::Missing => {
                let why = Some("no daily run has started here".to_owned());
                return HeartbeatView { status: "MISSING", why, heartbeat: None };
            }
            Stored::Damaged(why) => return HeartbeatView { status: "DEGRADED", why: Some(why), heartbeat: None },
        };
        let max_age = (self.policy)().map_or(0, |policy| policy.heartbeat_max_age.as_secs());
        let pulse = found.judge(self.clock.now(), i64::try_from(max_age).unwrap_or(i64::MAX));
        let status = if pulse == Pulse::Fresh { "UP" } else { "DEGRADED" };
        let why = pulse.why();
        HeartbeatView { status, why, heartbeat: Some(found) }
    }
}
