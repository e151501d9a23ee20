//! JSON read strictly, and its canonical form: the bytes that every hash and signature of the hand-off covers.
//!
//! Strict means: UTF-8 (a byte-order mark is stripped), no duplicate keys, no NaN or infinity, nothing after the value.
//! Numbers keep their kind: a token without point and exponent is an integer of any size, everything else is a float.
//! The canonical form sorts keys by code point, has no white space and renders numbers from their value as the research
//! PC does (`0.10` becomes `0.1`, `1e16` becomes `1e+16`, `1.0` stays `1.0`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;
use sha2::Digest as _;
use sha2::Sha256;

/// Deepest nesting that is read. A raw value is skipped without recursion, so serde's own limit does not hold here; this
/// one is below it, so that what is read once can be read again by any reader.
const MAX_DEPTH: usize = 100;

/// How a canonical text writes characters beyond ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// As UTF-8: the form this program produces.
    Raw,
    /// As `\uXXXX` escapes, surrogate pairs above the basic plane: the form of the reference's generators.
    Escaped,
}

/// A JSON value that remembers whether a number was an integer.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer token of any size, normalised (`-0` is `0`).
    Integer(String),
    /// A number written with a point or an exponent. Always finite.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object; keys are unique and sorted by code point.
    Object(BTreeMap<String, Json>),
}

/// Why bytes are not an acceptable JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 (valid up to byte {0})")]
    NotUtf8(usize),
    /// The file has no content.
    #[error("the file is empty")]
    Empty,
    /// Not JSON, or JSON with NaN, duplicate keys or trailing text.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// A key occurs twice in one object.
    #[error("the key {0:?} occurs twice in one object")]
    DuplicateKey(String),
    /// Lists and objects stand inside each other more than 100 deep.
    #[error("lists or objects are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// A number is beyond the range of a float.
    #[error("the number {0} is not finite")]
    NotFinite(String),
}

/// Strips a byte-order mark and checks the encoding.
///
/// # Errors
/// The bytes are not UTF-8 or hold nothing but white space.
pub fn decode(bytes: &[u8]) -> Result<&str, JsonFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|e| JsonFault::NotUtf8(e.valid_up_to()))?;
    if text.trim().is_empty() { Err(JsonFault::Empty) } else { Ok(text) }
}

impl Json {
    /// Reads a document strictly.
    ///
    /// # Errors
    /// The bytes are not acceptable; the fault says where and why.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonFault> {
        let raw: &RawValue = serde_json::from_str(decode(bytes)?).map_err(|e| JsonFault::Syntax(e.to_string()))?;
        from_raw(raw, 0)
    }

    /// Reads back what serde would write.
    ///
    /// # Errors
    /// The value holds a float that is not finite, or a key of a map is not text.
    pub fn of<T: serde::Serialize>(value: &T) -> Result<Self, JsonFault> {
        let bytes = serde_json::to_vec(value).map_err(|e| JsonFault::Syntax(e.to_string()))?;
        Self::parse(&bytes)
    }

    /// The member of an object; `None` for a missing key and for anything but an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(map) => map.get(key),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The text of a string value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The value of a small integer token.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(digits) = self { digits.parse().ok() } else { None }
    }

    /// The value of any number token.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(digits) => digits.parse().ok(),
            Self::Float(value) => Some(*value),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The canonical text.
    ///
    /// ```
    /// use daily_ops::contracts::{Json, Text};
    /// let json = Json::parse(br#"{"b": 0.10, "a": [1.0, 1e16, 20]}"#).unwrap();
    /// assert_eq!(json.canonical(Text::Raw), r#"{"a":[1.0,1e+16,20],"b":0.1}"#);
    /// ```
    #[must_use]
    pub fn canonical(&self, text: Text) -> String {
        let mut out = String::new();
        self.write(text, &mut out);
        out
    }

    /// SHA-256 of the canonical text, 64 lower-case hex digits.
    #[must_use]
    pub fn sha256(&self, text: Text) -> String {
        sha256_hex(self.canonical(text).as_bytes())
    }

    fn write(&self, text: Text, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Integer(digits) => out.push_str(digits),
            Self::Float(value) => out.push_str(&render_float(*value)),
            Self::String(value) => write_string(value, text, out),
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(text, out);
                }
                out.push(']');
            }
            Self::Object(map) => {
                out.push('{');
                for (i, (key, value)) in map.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_string(key, text, out);
                    out.push(':');
                    value.write(text, out);
                }
                out.push('}');
            }
        }
    }
}

/// SHA-256 of bytes as 64 lower-case hex digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hex digits of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Bytes of a text of hex digits; `None` when it is not one.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

/// Shortest digits that round-trip, always with a point or an exponent; exponent form below 1e-4 and from 1e16.
pub(super) fn render_float(value: f64) -> String {
    // Rust's exponent form has the shortest digits: `6.5e1`, `1e-5`.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn write_string(value: &str, text: Text, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => escape(c, out),
            c if text == Text::Escaped && u32::from(c) > 0x7e => escape(c, out),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        write!(out, "\\u{unit:04x}").ok();
    }
}

fn from_raw(raw: &RawValue, depth: usize) -> Result<Json, JsonFault> {
    let text = raw.get();
    if depth > MAX_DEPTH {
        return Err(JsonFault::TooDeep);
    }
    let syntax = |e: serde_json::Error| JsonFault::Syntax(e.to_string());
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(syntax)?;
            let mut map = BTreeMap::new();
            for (key, value) in members {
                let value = from_raw(value, depth + 1)?;
                if map.insert(key.clone(), value).is_some() {
                    return Err(JsonFault::DuplicateKey(key));
                }
            }
            Json::Object(map)
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(text).map_err(syntax)?;
            Json::Array(items.into_iter().map(|item| from_raw(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Json::String(serde_json::from_str(text).map_err(syntax)?),
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => number(text)?,
    })
}

fn number(token: &str) -> Result<Json, JsonFault> {
    if !token.contains(['.', 'e', 'E']) {
        let digits = if token == "-0" { "0" } else { token };
        return Ok(Json::Integer(digits.to_owned()));
    }
    match token.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Json::Float(value)),
        _ => Err(JsonFault::NotFinite(token.to_owned())),
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Collect).map(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rendered_from_their_value() {
        let cases = [
            ("0.10", "0.1"),
            ("1e2", "100.0"),
            ("65.0", "65.0"),
            ("20", "20"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("0.0", "0.0"),
            ("1e-05", "1e-05"),
            ("0.0001", "0.0001"),
            ("0.00001234", "1.234e-05"),
            ("1e16", "1e+16"),
            ("1e15", "1000000000000000.0"),
            ("123456789012345680.0", "1.2345678901234568e+17"),
            ("1e100", "1e+100"),
            ("-0.060000000000000005", "-0.060000000000000005"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ];
        for (token, want) in cases {
            let json = Json::parse(token.as_bytes()).expect(token);
            assert_eq!(json.canonical(Text::Raw), want, "{token}");
        }
    }

    #[test]
    fn the_published_vectors_hash_as_stated() {
        let cases = [
            (
                r#"{"name":"KRX_MOMENTUM_V1","version":"1.0.0","universe":["069500","229200","114800","122630"],
                "lookbacks":{"momentum_period":20,"volatility_period":14},
                "rebalance_rule":{"frequency":"DAILY","time_kst":"09:05"},
                "risk_limits":{"max_position_pct":0.25,"max_drawdown_pct":0.15},
                "position_limits":{"max_positions":4,"min_cash_pct":0.1},
                "decision_params":{"entry_threshold":0.02,"exit_threshold":-0.03,"adx_filter_min":20}}"#,
                "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241",
            ),
            (
                r#"{"universe":["069500"],"name":"한글 \"Q\" /\n",
                "z":{"b":0.10,"a":1.0,"c":[1e-05,1e16,-0.060000000000000005,20]},"t":true,"n":null}"#,
                "d60471702d8ea59fd3be66989561809caa76dde6e5fe96d5ba423eed47918c8b",
            ),
            ("[]", "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
        ];
        for (text, sha) in cases {
            assert_eq!(Json::parse(text.as_bytes()).expect("valid").sha256(Text::Raw), sha);
        }
    }

    #[test]
    fn both_text_forms_escape_controls_and_differ_beyond_ascii() {
        let json = Json::parse("\"가😀\\u0001\\u007f/\\b\"".as_bytes()).expect("valid");
        assert_eq!(json.canonical(Text::Raw), "\"가😀\\u0001\u{7f}/\\b\"");
        assert_eq!(json.canonical(Text::Escaped), "\"\\uac00\\ud83d\\ude00\\u0001\\u007f/\\b\"");
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        let cases: [(&str, &[u8]); 10] = [
            ("empty", b""),
            ("blank", b" \n"),
            ("duplicate key", br#"{"a":1,"a":2}"#),
            ("duplicate key deep down", br#"{"x":[{"a":1,"\u0061":2}]}"#),
            ("nan", b"NaN"),
            ("infinite", b"1e999"),
            ("trailing text", b"{} {}"),
            ("other encoding", b"{\"a\":\"\xb0\xa1\"}"),
            ("half a file", br#"{"a": [1, "#),
            ("lone surrogate", br#""\ud800""#),
        ];
        for (name, bytes) in cases {
            assert!(Json::parse(bytes).is_err(), "{name}");
        }
        assert!(Json::parse(b"\xef\xbb\xbf{}").is_ok(), "a byte-order mark is stripped");
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        for (depth, fine) in [(1, true), (100, true), (101, false), (30_000, false), (400_000, false)] {
            let found = Json::parse(nested(depth).as_bytes());
            assert_eq!(found.is_ok(), fine, "{depth}");
            assert!(fine || found == Err(JsonFault::TooDeep), "{depth}: an error, not a crash");
        }
        let objects = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        assert_eq!(Json::parse(objects.as_bytes()), Err(JsonFault::TooDeep));
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        fn any_json() -> impl Strategy<Value = serde_json::Value> {
            let leaf = prop_oneof![
                Just(serde_json::Value::Null),
                any::<bool>().prop_map(Into::into),
                any::<i64>().prop_map(Into::into),
                any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Into::into),
                ".*".prop_map(serde_json::Value::from),
            ];
            leaf.prop_recursive(4, 48, 6, |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                    prop::collection::btree_map(".*", inner, 0..6)
                        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
                ]
            })
        }

        proptest! {
            #[test]
            fn prop_the_hash_does_not_depend_on_key_order(
                map in prop::collection::btree_map(".*", any_json(), 0..8), reverse in any::<bool>(),
            ) {
                let mut members: Vec<_> = map.iter().collect();
                if reverse { members.reverse() }
                let text = members
                    .iter()
                    .map(|(k, v)| format!("{}: {v}", serde_json::Value::from(k.as_str())))
                    .collect::<Vec<_>>()
                    .join(" , ");
                let shuffled = Json::parse(format!("{{{text}}}").as_bytes()).expect("valid");
                let sorted = Json::of(&map).expect("valid");
                prop_assert_eq!(shuffled.sha256(Text::Raw), sorted.sha256(Text::Raw));
            }

            #[test]
            fn prop_canonical_text_reads_back_as_itself(value in any_json()) {
                let json = Json::of(&value).expect("valid");
                for form in [Text::Raw, Text::Escaped] {
                    let again = Json::parse(json.canonical(form).as_bytes()).expect("canonical text is JSON");
                    prop_assert_eq!(again.canonical(Text::Raw), json.canonical(Text::Raw));
                }
            }

            #[test]
            fn prop_reading_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
                Json::parse(&bytes).ok();
            }
        }
    }
}
