//! Where the strategy's parameters come from: the parameter file, else the newest bundle, else nowhere.
//!
//! There are no built-in defaults to fall back on: a simulation with parameters that nobody chose would look like a result.

use std::path::Path;

use crate::contracts::Document as _;
use crate::contracts::DocumentFault;
use crate::contracts::ParamValues;
use crate::contracts::StrategyParams;
use crate::contracts::bundle::BUNDLE_SCHEMA;
use crate::contracts::json::sha256_hex;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// The only strategy that parameters may name, in any case: another one's values would be simulated with this one's rules.
pub const STRATEGY: &str = "KRX_MOMENTUM_V1";

/// Parameters and the file they came from.
#[derive(Clone, Debug)]
pub struct ParamSource {
    /// The document.
    pub document: StrategyParams,
    /// The values in it.
    pub values: ParamValues,
    /// The file, relative to the workspace or as it was named; with forward slashes.
    pub path: String,
    /// SHA-256 of the file, 64 lower-case hex digits.
    pub sha256: String,
}

/// Parameters cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ParamsFault {
    /// Neither file exists.
    #[error("no parameters: neither {} nor {} exists", layout::STRATEGY_PARAMS.latest, layout::BUNDLE.latest)]
    Missing,
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The file is no parameter document, or a value breaks its rule.
    #[error("{path}: {fault}")]
    Unusable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        fault: DocumentFault,
    },
    /// The parameters belong to a strategy that this program does not have.
    #[error("{path}: strategy is {name:?}, must be {STRATEGY}")]
    Strategy {
        /// The file.
        path: String,
        /// The strategy that it names.
        name: String,
    },
}

/// The workspace's parameters. A parameter file that is there but damaged is a fault, not a reason to take the bundle's.
///
/// # Errors
/// No file, an unreadable one, or one with a value that breaks its rule.
pub fn resolve(store: &Store) -> Result<ParamSource, ParamsFault> {
    for path in [layout::STRATEGY_PARAMS.latest, layout::BUNDLE.latest] {
        if let Some(bytes) = store.read(path)? {
            return parse(path, &bytes);
        }
    }
    Err(ParamsFault::Missing)
}

/// The parameters in a named file: a parameter document or a bundle.
///
/// # Errors
/// The file cannot be read, or a value breaks its rule.
pub fn from_file(path: &Path) -> Result<ParamSource, ParamsFault> {
    let shown = path.to_string_lossy().replace('\\', "/");
    let bytes = std::fs::read(path).map_err(|source| StoreFault { verb: "read", path: shown.clone(), source })?;
    parse(&shown, &bytes)
}

fn parse(path: &str, bytes: &[u8]) -> Result<ParamSource, ParamsFault> {
    let unusable = |fault| ParamsFault::Unusable { path: path.to_owned(), fault };
    let document = document(bytes).map_err(unusable)?;
    if !document.strategy.eq_ignore_ascii_case(STRATEGY) {
        return Err(ParamsFault::Strategy { path: path.to_owned(), name: document.strategy });
    }
    let values = document.values().map_err(unusable)?;
    Ok(ParamSource { document, values, path: path.to_owned(), sha256: sha256_hex(bytes) })
}

fn document(bytes: &[u8]) -> Result<StrategyParams, DocumentFault> {
    // A bundle's parameters are taken from its strategy section; whether to trust the bundle is not asked here.
    let json = crate::contracts::Json::parse(bytes)?;
    if json.get("schema").and_then(crate::contracts::Json::as_str) != Some(BUNDLE_SCHEMA) {
        return StrategyParams::parse(bytes);
    }
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|why| DocumentFault::Shape(why.to_string()))?;
    let asof = value.get("created_at").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(StrategyParams::of_strategy(value.get("strategy").unwrap_or(&serde_json::Value::Null), Stamp::from(asof)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::strategy_params::default_params;

    #[test]
    fn the_parameter_file_comes_before_the_bundle_and_damage_is_no_absence() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        assert!(matches!(resolve(&store), Err(ParamsFault::Missing)));
        let mut params = default_params(Stamp::from("2026-11-20T19:00:00+09:00"));
        let bundle = serde_json::json!({
            "schema": BUNDLE_SCHEMA, "created_at": "2026-11-20T19:00:00+09:00", "strategy": params.strategy_section(),
        });
        store.write(layout::BUNDLE.latest, bundle.to_string().as_bytes()).expect("written");
        let found = resolve(&store).expect("from the bundle");
        assert_eq!((found.path.as_str(), found.values.momentum_period), (layout::BUNDLE.latest, 20));
        params.params["lookbacks"]["momentum_period"] = 24.into();
        store.write_document(layout::STRATEGY_PARAMS.latest, &params).expect("written");
        let found = resolve(&store).expect("from the file");
        assert_eq!((found.path.as_str(), found.values.momentum_period), (layout::STRATEGY_PARAMS.latest, 24));
        assert_eq!(found.sha256.len(), 64);
        store.write(layout::STRATEGY_PARAMS.latest, b"{").expect("written");
        assert!(matches!(resolve(&store), Err(ParamsFault::Unusable { .. })));
    }

    #[test]
    fn parameters_of_another_strategy_are_refused_wherever_they_come_from() {
        let cases = [("KRX_MOMENTUM_V1", true), ("krx_momentum_v1", true), ("MA_CROSS", false), ("", false)];
        for (name, is_ours) in cases {
            let mut params = default_params(Stamp::from("2026-11-20T19:00:00+09:00"));
            name.clone_into(&mut params.strategy);
            let bundle = serde_json::json!({
                "schema": BUNDLE_SCHEMA, "created_at": "2026-11-20T19:00:00+09:00", "strategy": params.strategy_section(),
            });
            for bytes in [serde_json::to_vec(&params).expect("rendered"), bundle.to_string().into_bytes()] {
                match parse("p.json", &bytes) {
                    Ok(_) => assert!(is_ours, "{name:?}"),
                    Err(fault) => {
                        assert!(!is_ours, "{name:?}: {fault}");
                        let want = format!("p.json: strategy is {name:?}, must be KRX_MOMENTUM_V1");
                        assert_eq!(fault.to_string(), want);
                    }
                }
            }
        }
    }

    #[test]
    fn the_real_parameters_and_bundles_are_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/oci/at");
        let mut read = 0;
        for at in std::fs::read_dir(root).into_iter().flatten().flatten() {
            for file in [layout::STRATEGY_PARAMS.latest, layout::BUNDLE.latest] {
                let path = at.path().join(file);
                if path.exists() {
                    let found = from_file(&path).expect("readable");
                    assert!(!found.values.universe.is_empty(), "{}", path.display());
                    read += 1;
                }
            }
        }
        let has_data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").exists();
        assert_eq!(read > 0, has_data);
    }
}
