//! What every stored document has in common: a schema name, a strict reader and one way to be written.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::Json;
use super::json::JsonFault;
use super::json::decode;

/// A document with a published schema.
pub trait Document: Serialize + DeserializeOwned {
    /// The value of the field `schema`.
    const SCHEMA: &'static str;
    /// The field that names the schema.
    const SCHEMA_FIELD: &'static str = "schema";

    /// Reads a document: strict JSON, an object, the right schema. Fields of another type than the schema's count as
    /// missing; they are never coerced.
    ///
    /// # Errors
    /// The bytes are not such a document; the fault names the rule that broke.
    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        parse_strictly(bytes)
    }

    /// The bytes as stored: two-space indent, UTF-8 as it is, one newline at the end.
    ///
    /// # Errors
    /// The value holds a float that is not finite.
    fn to_bytes(&self) -> Result<Vec<u8>, DocumentFault> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|e| DocumentFault::Shape(e.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// What [`Document::parse`] does unless a document adds rules of its own.
pub(super) fn parse_strictly<D: Document>(bytes: &[u8]) -> Result<D, DocumentFault> {
    // The strict reader runs first: it refuses duplicate keys, which serde would let the last one win.
    let json = Json::parse(bytes)?;
    if !json.is_object() {
        return Err(DocumentFault::NotAnObject);
    }
    match json.get(D::SCHEMA_FIELD).and_then(Json::as_str) {
        Some(schema) if schema == D::SCHEMA => {}
        found => {
            return Err(DocumentFault::WrongSchema { expected: D::SCHEMA, found: found.unwrap_or("none").to_owned() });
        }
    }
    serde_json::from_str(decode(bytes)?).map_err(|e| DocumentFault::Shape(e.to_string()))
}

/// Like [`parse_strictly`], and refuses a list where an object is due: serde would fill a struct from it.
pub(crate) fn parse_objects<D: Document>(bytes: &[u8]) -> Result<D, DocumentFault> {
    let document: D = parse_strictly(bytes)?;
    let shape = |e: serde_json::Error| DocumentFault::Shape(e.to_string());
    let read = serde_json::from_str(decode(bytes)?).map_err(shape)?;
    let written = serde_json::to_value(&document).map_err(shape)?;
    if same_shape(&read, &written) {
        Ok(document)
    } else {
        Err(DocumentFault::Shape("a list stands where an object is due".to_owned()))
    }
}

/// Why bytes are not the document asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// Not acceptable JSON.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Another document.
    #[error("schema is {found}, expected {expected}")]
    WrongSchema {
        /// The schema of the document asked for.
        expected: &'static str,
        /// What the file says.
        found: String,
    },
    /// The right schema, but a field that the document cannot do without is missing or of another type.
    #[error("{0}")]
    Shape(String),
}

/// Reads a field leniently: a value of another type counts as missing. A list where an object is due is such a value,
/// although serde would fill a struct from it.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Serialize + DeserializeOwned + Default,
{
    let value: serde_json::Value = serde::Deserialize::deserialize(deserializer)?;
    let lists = holds_list(&value);
    let read: T = serde_json::from_value(value.clone()).unwrap_or_default();
    if lists && serde_json::to_value(&read).is_ok_and(|written| !same_shape(&value, &written)) {
        return Ok(T::default());
    }
    Ok(read)
}

fn holds_list(value: &serde_json::Value) -> bool {
    value.is_array() || value.as_object().is_some_and(|map| map.values().any(holds_list))
}

/// Whether no list of what was read became an object.
fn same_shape(read: &serde_json::Value, written: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (read, written) {
        (Value::Array(_), Value::Object(_)) => false,
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (Value::Object(a), Value::Object(b)) => b.iter().all(|(key, b)| a.get(key).is_none_or(|a| same_shape(a, b))),
        _ => true,
    }
}
