//! OPS_OBSERVED_V1: what the event bus was last told of the workspace's files, `state/ops_observed.json`.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use crate::time::Stamp;

/// How everything stood that the bus was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpsObserved {
    /// `OPS_OBSERVED_V1`
    pub schema: String,
    /// When it was noted.
    pub asof: Stamp,
    /// The newest event at that time; what is told since then may not be noted yet.
    pub event_id: u64,
    /// The gate's mode, or UNREADABLE.
    pub gate: String,
    /// The sender's position, or UNREADABLE.
    pub sender: String,
    /// The emergency stop's position, or UNREADABLE.
    pub stop: String,
    /// The kill switch's position, or UNREADABLE.
    pub kill: String,
    /// The kill switch's version.
    pub kill_version: u64,
    /// Mode, risk level and position of the guardrail.
    pub guardrail: String,
    /// The strategy bundle's id.
    pub bundle_id: Option<String>,
    /// The hash of the bundle's file; null when there is none.
    pub bundle_sha256: Option<String>,
    /// The newest daily run whose end was told.
    pub run_id: Option<String>,
    /// The newest publish of the PC that was told.
    pub publish_run_id: Option<String>,
}

impl Document for OpsObserved {
    const SCHEMA: &'static str = "OPS_OBSERVED_V1";
}
