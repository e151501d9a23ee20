//! The strategy bundle as it lies in the workspace, judged by the one validator.

use serde_json::Value;
use serde_json::value::RawValue;

use super::Ops;
use super::OpsPolicy;
use super::resolves;
use crate::contracts::BundleDecision;
use crate::contracts::BundlePolicy;
use crate::contracts::Json;
use crate::contracts::Validation;
use crate::contracts::actor::Actor;
use crate::contracts::bundle::validate;
use crate::contracts::json::decode;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// The bundle and everything known about it. Every document shows this one answer.
#[derive(Clone, Debug)]
pub struct BundleView {
    /// The validator's answer.
    pub validation: Validation,
    /// The bundle as stored; only when it is valid.
    pub document: Option<Box<RawValue>>,
    /// Where it lies; only when the ref resolves.
    pub latest_ref: Option<String>,
}

impl BundleView {
    /// A part of a valid bundle by the names on the way to it.
    pub(super) fn part(&self, path: &[&str]) -> Option<Json> {
        let bundle = Json::parse(self.document.as_ref()?.get().as_bytes()).ok()?;
        path.iter().try_fold(bundle, |json, key| json.get(key).cloned())
    }

    /// The strategy of a valid bundle with its numbers as they are written; the text says why it cannot be read a second
    /// time. That is never the same as a strategy without signals.
    pub(super) fn strategy(&self) -> Result<Value, String> {
        let document = self.document.as_ref().ok_or("the bundle is valid and cannot be shown")?;
        let mut bundle: Value = serde_json::from_str(document.get()).map_err(|fault| fault.to_string())?;
        bundle.get_mut("strategy").map(Value::take).ok_or_else(|| "the bundle is valid and has no strategy".to_owned())
    }

    /// The ref as a list, for evidence.
    pub(super) fn refs(&self) -> Vec<String> {
        self.latest_ref.iter().cloned().collect()
    }
}

/// A copy of the bundle that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSnapshot {
    /// Where it lies.
    pub snapshot_ref: String,
    /// The bundle's id.
    pub bundle_id: Option<String>,
    /// When the bundle was made.
    pub created_at: Option<Stamp>,
}

/// No copy was kept.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotRefusal {
    /// There is no bundle.
    #[error("NO_BUNDLE_YET: there is no bundle")]
    Missing,
    /// It is not valid; the texts say why.
    #[error("{0}")]
    Invalid(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Ops {
    /// Keeps a copy of the bundle as it is written when the validator accepts it.
    ///
    /// # Errors
    /// There is no bundle, it is not valid, or the copy cannot be recorded or written.
    pub fn snapshot_bundle(&self, actor: &Actor) -> Result<BundleSnapshot, SnapshotRefusal> {
        let turn = self.turn()?;
        let view = self.bundle_at(&(self.policy)(), turn.now);
        let found = view.validation;
        match found.decision {
            BundleDecision::NoBundle => return Err(SnapshotRefusal::Missing),
            BundleDecision::Fail => return Err(SnapshotRefusal::Invalid(found.issues.join("; "))),
            BundleDecision::Pass | BundleDecision::Warn => {}
        }
        // What was judged is what is kept: the text of the view, not a second look at the file.
        let document = view.document.ok_or(SnapshotRefusal::Missing)?;
        let snapshot_ref = self.store.free_snapshot_ref(layout::BUNDLE, turn.now);
        let change = Change {
            action: "bundle.snapshot",
            target: snapshot_ref.clone(),
            reason: String::new(),
            before: Value::Null,
            after: serde_json::json!({"bundle_id": found.bundle_id}),
        };
        let text = format!("{}\n", document.get());
        let keep = || self.store.write_new(&snapshot_ref, text.as_bytes());
        Gates::new(&self.store).recorded(actor, change, turn.now, keep)?;
        Ok(BundleSnapshot { snapshot_ref, bundle_id: found.bundle_id, created_at: found.created_at })
    }

    /// Reads and judges the bundle now.
    #[must_use]
    pub fn bundle(&self) -> BundleView {
        self.bundle_at(&(self.policy)(), self.clock.now())
    }

    pub(super) fn bundle_at(&self, policy: &Result<OpsPolicy, String>, now: KstTime) -> BundleView {
        let file = layout::BUNDLE.latest;
        let (bytes, unreadable) = match self.store.read(file) {
            Ok(bytes) => (bytes, None),
            Err(fault) => (None, Some(format!("BUNDLE_UNREADABLE: {}", fault.source))),
        };
        let judge = |policy: &BundlePolicy| validate(bytes.as_deref(), policy, now);
        let validation = match (unreadable, policy) {
            (Some(issue), _) => judge(&BundlePolicy::default()).unverifiable(issue),
            // Without a file there is nothing to verify: that is NO_BUNDLE under every policy.
            (None, Err(issue)) if bytes.is_some() => judge(&BundlePolicy::default()).unverifiable(issue.clone()),
            (None, Err(_)) => judge(&BundlePolicy::default()),
            (None, Ok(policy)) => judge(&policy.bundle),
        };
        let document = bytes
            .as_deref()
            .filter(|_| validation.valid)
            .and_then(|bytes| serde_json::from_str(decode(bytes).ok()?).ok());
        let latest_ref = resolves(&self.store, file).then(|| file.to_owned());
        BundleView { validation, document, latest_ref }
    }
}
