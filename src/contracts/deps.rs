//! DEPS_SNAPSHOT_V1: what the program on this host is made of. One binary carries everything that its work needs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// DEPS_SNAPSHOT_V1, `state/deps/installed_deps_snapshot.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DepsSnapshot {
    /// `DEPS_SNAPSHOT_V1`
    #[serde(deserialize_with = "lenient")]
    pub schema: String,
    /// When it was written down.
    #[serde(deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Older hosts ran scripts; this program has no interpreter, so it is null.
    #[serde(deserialize_with = "lenient")]
    pub python_version: Option<String>,
    /// The program's version. Absent in older snapshots.
    #[serde(deserialize_with = "lenient")]
    pub program_version: Option<String>,
    /// The revision that the program was built from, when the build said it.
    #[serde(deserialize_with = "lenient")]
    pub git_revision: Option<String>,
    /// Libraries and their versions; two versions of one library are separated by a comma.
    #[serde(deserialize_with = "lenient")]
    pub packages: BTreeMap<String, String>,
    /// Where the list comes from.
    #[serde(deserialize_with = "lenient")]
    pub source: Option<String>,
    /// What the work needs and this host lacks.
    #[serde(deserialize_with = "lenient")]
    pub required_missing: Vec<String>,
    /// Whether nothing is missing.
    #[serde(deserialize_with = "lenient")]
    pub all_deps_ok: bool,
}

impl Document for DepsSnapshot {
    const SCHEMA: &'static str = "DEPS_SNAPSHOT_V1";
}
