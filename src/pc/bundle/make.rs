//! Making a bundle: the strategy section with its signals, the seal, the proof, the files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::seal::BundleDraft;
use super::seal::Seal;
use super::seal::UNKNOWN;
use super::seal::sealed;
use super::signals::Signals;
use crate::contracts::BundleDecision;
use crate::contracts::BundlePolicy;
use crate::contracts::DocumentFault;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::Validation;
use crate::contracts::bundle::validate;
use crate::pc::params::ParamSource;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;

/// Where a bundle is made.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The name of the PC.
    pub pc_host: String,
    /// Eight hex digits of the revision, or `unknown`.
    pub git_commit: String,
    /// The branch, or `unknown`.
    pub git_branch: String,
    /// Files that the bundle refers to, relative to the workspace.
    pub evidence_refs: Vec<String>,
    /// Hash of the files that went in; see [`active_surface`].
    pub active_surface_sha256: String,
}

/// A bundle that was proved with the key that sealed it.
#[derive(Clone, Debug)]
pub struct MadeBundle {
    /// The document as it is stored.
    pub bytes: Vec<u8>,
    /// What the host's validator says about it.
    pub validation: Validation,
}

/// A bundle could not be made or not be proved.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// The document cannot be rendered.
    #[error("the bundle cannot be rendered: {0}")]
    Document(#[from] DocumentFault),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The validator that the host uses says no.
    #[error("the bundle that was made does not pass its own validation ({}): {issues}", decision.as_str())]
    NotProven {
        /// The answer.
        decision: BundleDecision,
        /// Every issue and warning.
        issues: String,
    },
    /// The file holds something else than what was written.
    #[error("{path} does not hold what was written; the latest bundle is unchanged")]
    ReadBack {
        /// The file.
        path: String,
    },
}

/// Makes and proves a bundle; nothing is written.
///
/// # Errors
/// The strategy holds a number that is not finite, or the bundle does not pass the host's validator.
pub fn make(
    params: &ParamSource,
    signals: &Signals,
    workshop: &Workshop,
    seal: Seal<'_>,
    now: KstTime,
) -> Result<MadeBundle, BundleFault> {
    let draft = BundleDraft {
        strategy: strategy(params, signals)?,
        pc_host: workshop.pc_host.clone(),
        git_commit: workshop.git_commit.clone(),
        git_branch: workshop.git_branch.clone(),
        evidence_refs: workshop.evidence_refs.clone(),
    };
    let bytes = sealed(&draft, &workshop.active_surface_sha256, seal, now)?;
    let validation = proved(&bytes, seal, now)?;
    Ok(MadeBundle { bytes, validation })
}

/// Writes a bundle as a new snapshot, reads that back, proves it, and only then replaces `latest`. The snapshot's ref.
///
/// # Errors
/// A file cannot be written, or does not hold what was written; `latest` is then the old one.
pub fn keep(store: &Store, made: &MadeBundle, seal: Seal<'_>, now: KstTime) -> Result<String, BundleFault> {
    let snapshot = loop {
        let name = store.free_snapshot_ref(layout::BUNDLE, now);
        match store.write_new(&name, &made.bytes) {
            Ok(()) => break name,
            // Another writer took the name between the look and the rename.
            Err(fault) if fault.source.kind() == std::io::ErrorKind::AlreadyExists && store.path(&name).exists() => {}
            Err(fault) => return Err(fault.into()),
        }
    };
    if let Err(fault) = read_back(store, &snapshot, made, seal, now) {
        // Whatever lies in the snapshots is published: a bad one must not stay. The first fault is the one to tell.
        store.remove(&snapshot).ok();
        return Err(fault);
    }
    store.write(layout::BUNDLE.latest, &made.bytes)?;
    read_back(store, layout::BUNDLE.latest, made, seal, now)?;
    Ok(snapshot)
}

/// Writes a bundle to one file outside of a workspace's layout and reads it back.
///
/// # Errors
/// The file cannot be written, or does not hold what was written.
pub fn keep_as(store: &Store, name: &str, made: &MadeBundle, seal: Seal<'_>, now: KstTime) -> Result<(), BundleFault> {
    store.write(name, &made.bytes)?;
    read_back(store, name, made, seal, now)
}

/// What stands for the files that a bundle was made from: SHA-256 of the canonical JSON object that maps `params`, and each
/// ticker whose prices were read, to the SHA-256 of its file. Without paths, so that the same files give the same hash
/// wherever they lie. `unknown` without any file.
#[must_use]
pub fn active_surface(files: &BTreeMap<String, String>) -> String {
    if files.is_empty() {
        return UNKNOWN.to_owned();
    }
    let members = files.iter().map(|(name, sha)| (name.clone(), Json::String(sha.clone())));
    Json::Object(members.collect()).sha256(Text::Raw)
}

/// The parameters as they were written, where they came from, and the signals.
fn strategy(params: &ParamSource, signals: &Signals) -> Result<Value, DocumentFault> {
    let rendered = |fault: serde_json::Error| DocumentFault::Shape(fault.to_string());
    let mut strategy = params.document.strategy_section();
    strategy["name"] = params.document.strategy.to_uppercase().into();
    let file = params.path.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    strategy["params_ref"] = stem.into();
    strategy["params_fingerprint"] = params.sha256.chars().take(16).collect::<String>().into();
    strategy["regime"] = serde_json::to_value(&signals.regime).map_err(rendered)?;
    strategy["scorer"] = serde_json::to_value(&signals.scorer).map_err(rendered)?;
    strategy["holding_action"] = serde_json::to_value(&signals.holding_action).map_err(rendered)?;
    Ok(strategy)
}

/// The host's validator with the own key. Without a signature the missing proof is the one thing that may be said.
fn proved(bytes: &[u8], seal: Seal<'_>, now: KstTime) -> Result<Validation, BundleFault> {
    let (policy, wanted) = match seal {
        Seal::Signed(key) => {
            (BundlePolicy { keys: vec![key.verifying()], ..BundlePolicy::default() }, BundleDecision::Pass)
        }
        Seal::Unsigned => (BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() }, BundleDecision::Warn),
    };
    let found = validate(Some(bytes), &policy, now);
    let only_unsigned = found.warnings.iter().all(|warning| warning.starts_with("SIGNATURE_UNVERIFIED"));
    if found.decision == wanted && found.is_usable() && only_unsigned {
        return Ok(found);
    }
    let issues: Vec<String> = found.issues.into_iter().chain(found.warnings).collect();
    Err(BundleFault::NotProven { decision: found.decision, issues: issues.join("; ") })
}

fn read_back(store: &Store, name: &str, made: &MadeBundle, seal: Seal<'_>, now: KstTime) -> Result<(), BundleFault> {
    let found = store.read(name)?;
    if found.as_deref() != Some(made.bytes.as_slice()) {
        return Err(BundleFault::ReadBack { path: name.to_owned() });
    }
    proved(&made.bytes, seal, now).map(drop)
}
