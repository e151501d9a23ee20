//! Sealing a strategy bundle: hashed over its strategy, signed over id, time and hash.

use serde_json::Value;
use serde_json::json;

use crate::contracts::DocumentFault;
use crate::contracts::Json;
use crate::contracts::SigningKey;
use crate::contracts::bundle::Algorithm;
use crate::contracts::bundle::BUNDLE_SCHEMA;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::signed_message;
use crate::time::KstTime;
use crate::time::Stamp;

/// What is written for what nobody knows.
pub(super) const UNKNOWN: &str = "unknown";

/// What goes into a bundle.
#[derive(Clone, Debug)]
pub struct BundleDraft {
    /// The strategy section.
    pub strategy: Value,
    /// The name of the PC.
    pub pc_host: String,
    /// Eight hex digits of the PC's revision, or `unknown`.
    pub git_commit: String,
    /// The PC's branch.
    pub git_branch: String,
    /// Raw relative paths of what the strategy rests on.
    pub evidence_refs: Vec<String>,
}

/// How a bundle is sealed.
#[derive(Clone, Copy, Debug)]
pub enum Seal<'a> {
    /// With a key of the PC.
    Signed(&'a SigningKey),
    /// With the text `auto-` and sixteen hex digits of the hash, which proves nothing. Hosts refuse it unless they are told
    /// to tolerate it.
    Unsigned,
}

/// Fills in id, time, hash and signature; the document's bytes as they are stored.
///
/// # Errors
/// The strategy holds a number that is not finite.
pub fn sealed_bundle(draft: &BundleDraft, key: &SigningKey, now: KstTime) -> Result<Vec<u8>, DocumentFault> {
    sealed(draft, UNKNOWN, Seal::Signed(key), now)
}

/// The same with the hash of the files that the signals were made from, and with or without a key.
pub(super) fn sealed(
    draft: &BundleDraft,
    surface: &str,
    seal: Seal<'_>,
    now: KstTime,
) -> Result<Vec<u8>, DocumentFault> {
    let bundle_id = uuid::Uuid::new_v4().to_string();
    let created_at = Stamp::of(now);
    let mut bundle = json!({
        "schema": BUNDLE_SCHEMA,
        "bundle_id": bundle_id,
        "created_at": created_at,
        "source": {
            "pc_host": draft.pc_host,
            "git_commit": draft.git_commit,
            "git_branch": draft.git_branch,
            "active_surface_sha256": surface,
        },
        "strategy": draft.strategy,
        "compat": {"min_oci_version": "1.49", "expected_python": "3.10+"},
        "evidence_refs": draft.evidence_refs,
        "integrity": {},
    });
    let sha = payload_sha256(&Json::of(&bundle)?).unwrap_or_default();
    let (signature, algorithm) = match seal {
        Seal::Signed(key) => (key.sign(&signed_message(&bundle_id, created_at.as_str(), &sha)), key.algorithm()),
        // Older programs name this algorithm for what is no signature at all; readers expect the pair.
        Seal::Unsigned => (format!("auto-{}", sha.get(..16).unwrap_or_default()), Algorithm::HmacSha256),
    };
    bundle["integrity"] = json!({
        "payload_sha256": sha,
        "signed_by": "PC_LOCAL",
        "signature": signature,
        "algorithm": algorithm.as_str(),
    });
    let mut bytes = serde_json::to_vec_pretty(&bundle).map_err(|fault| DocumentFault::Shape(fault.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BundleDecision;
    use crate::contracts::BundlePolicy;
    use crate::contracts::bundle::validate;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    #[test]
    fn what_the_pc_seals_the_host_accepts() {
        let now = SystemClock::new().now();
        let draft = BundleDraft {
            strategy: json!({
                "name": "모멘텀", "version": "1.0.0", "universe": ["069500"],
                "lookbacks": {"momentum_period": 20, "volatility_period": 14},
                "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
                "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
                "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
                "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
            }),
            pc_host: "PC".to_owned(),
            git_commit: "unknown".to_owned(),
            git_branch: "main".to_owned(),
            evidence_refs: Vec::new(),
        };
        for key in [SigningKey::hmac(b"0123456789abcdef"), SigningKey::ed25519(&"07".repeat(32))] {
            let key = key.expect("a key");
            let bytes = sealed_bundle(&draft, &key, now).expect("sealed");
            let policy = BundlePolicy { keys: vec![key.verifying()], ..BundlePolicy::default() };
            let found = validate(Some(&bytes), &policy, now);
            assert_eq!(found.decision, BundleDecision::Pass, "{found:?}");
        }
    }
}
