//! The JSON Schemas in `contracts/`, by the name of the document that each one describes.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::Value;

pub(crate) const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts");

/// Every schema by the name of its document.
pub(crate) struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    pub(crate) fn load() -> Self {
        let read = |path: PathBuf| {
            let schema = json(&path);
            assert!(jsonschema::meta::is_valid(&schema), "{} is no JSON Schema", path.display());
            let name = schema["title"].as_str().expect("a title").to_owned();
            (name, jsonschema::validator_for(&schema).expect("a usable schema"))
        };
        Self(files(Path::new(CONTRACTS)).into_iter().filter(|path| is_schema(path)).map(read).collect())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is wrong with a document; `None` when no schema has its name.
    pub(crate) fn faults(&self, name: &str, document: &Value) -> Option<Vec<String>> {
        let validator = self.0.get(name)?;
        Some(validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect())
    }
}

pub(crate) fn is_schema(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".schema.json")
}

/// The name of the schema that a document states.
pub(crate) fn stated(document: &Value) -> Option<&str> {
    ["schema", "schema_version"].into_iter().find_map(|key| document[key].as_str()).filter(|name| name.contains("_V"))
}

/// Every file below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The documents of a file: one, or one a line. What is no JSON is none.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).expect("read");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match path.extension().and_then(|end| end.to_str()) {
        Some("json") => serde_json::from_slice(bytes).into_iter().collect(),
        Some("jsonl") => bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect(),
        _ => Vec::new(),
    }
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("read");
    serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}
