//! Request bodies: strict JSON objects with typed members, and the 422 that names the member.

use std::ops::RangeInclusive;

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::reply::Fields;
use super::reply::Reply;
use crate::contracts::Json;
use crate::contracts::Text;

/// The JSON object of one request.
#[derive(Clone, Debug)]
pub(crate) struct RequestBody(Json);

impl RequestBody {
    /// Reads a body that may be left out.
    pub(crate) fn optional(bytes: &[u8]) -> Result<Option<Self>, Reply> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        match Json::parse(bytes) {
            Ok(json) if json.is_object() => Ok(Some(Self(json))),
            Ok(json) => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                Err(Reply::unprocessable("model_attributes_type", &["body"], message, &raw(&json)))
            }
            Err(fault) => Err(no_json(&fault.to_string())),
        }
    }

    /// Reads a body that must be there.
    pub(crate) fn required(bytes: &[u8]) -> Result<Self, Reply> {
        let missing = || Reply::unprocessable("missing", &["body"], "Field required", &None::<&str>);
        Self::optional(bytes)?.ok_or_else(missing)
    }

    /// A text that must be there.
    pub(crate) fn text(&self, key: &str) -> Result<&str, Reply> {
        self.text_or_default(key)?.ok_or_else(|| self.missing(key))
    }

    /// A text that may be left out, but not be null.
    pub(crate) fn text_or_default(&self, key: &str) -> Result<Option<&str>, Reply> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(key, "string_type", "Input should be a valid string", other)),
        }
    }

    /// A boolean that must be there. Only JSON `true` and `false` are booleans.
    pub(crate) fn boolean(&self, key: &str) -> Result<bool, Reply> {
        self.boolean_or_default(key)?.ok_or_else(|| self.missing(key))
    }

    /// A boolean that may be left out.
    pub(crate) fn boolean_or_default(&self, key: &str) -> Result<Option<bool>, Reply> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong(key, "bool_type", "Input should be a valid boolean", other)),
        }
    }

    /// A whole number of a range that may be left out.
    pub(crate) fn whole_or_default(&self, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Reply> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let (least, most) = (*range.start(), *range.end());
        match value.as_integer() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(number) if number < least => {
                let message = format!("Input should be greater than or equal to {least}");
                Err(wrong(key, "greater_than_equal", &message, value))
            }
            Some(_) => {
                let message = format!("Input should be less than or equal to {most}");
                Err(wrong(key, "less_than_equal", &message, value))
            }
            None => Err(wrong(key, "int_type", "Input should be a valid integer", value)),
        }
    }

    /// A whole number, not negative, that may be left out.
    pub(crate) fn count_or_default(&self, key: &str) -> Result<Option<u64>, Reply> {
        let number = self.whole_or_default(key, 0..=i64::MAX)?;
        Ok(number.and_then(|number| u64::try_from(number).ok()))
    }

    /// An object that must be there.
    pub(crate) fn object(&self, key: &str) -> Result<&Json, Reply> {
        match self.0.get(key) {
            None => Err(self.missing(key)),
            Some(object) if object.is_object() => Ok(object),
            Some(other) => Err(wrong(key, "dict_type", "Input should be a valid dictionary", other)),
        }
    }

    /// A list of texts that may be left out.
    pub(crate) fn texts_or_default(&self, key: &str) -> Result<Option<Vec<String>>, Reply> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| wrong(key, "list_type", "Input should be a valid list", value))?;
        let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        texts.map(Some).ok_or_else(|| wrong(key, "string_type", "Each item should be a valid string", value))
    }

    /// A list that must be there.
    pub(crate) fn list(&self, key: &str) -> Result<&[Json], Reply> {
        match self.0.get(key) {
            None => Err(self.missing(key)),
            Some(Json::Array(items)) => Ok(items),
            Some(other) => Err(wrong(key, "list_type", "Input should be a valid list", other)),
        }
    }

    /// A number that must be there, as it is written.
    pub(crate) fn number(&self, key: &str) -> Result<&Json, Reply> {
        match self.0.get(key) {
            None => Err(self.missing(key)),
            Some(number @ (Json::Integer(_) | Json::Float(_))) => Ok(number),
            Some(other) => Err(wrong(key, "float_type", "Input should be a valid number", other)),
        }
    }

    /// Whether a member is there, whatever it holds.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some()
    }

    /// Whether a member is there with the value null, which some members take for being left out.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.0.get(key) == Some(&Json::Null)
    }

    fn missing(&self, key: &str) -> Reply {
        Reply::unprocessable("missing", &["body", key], "Field required", &raw(&self.0))
    }
}

fn wrong(key: &str, kind: &str, message: &str, input: &Json) -> Reply {
    Reply::unprocessable(kind, &["body", key], message, &raw(input))
}

fn no_json(why: &str) -> Reply {
    let item = Fields::new()
        .with("type", "json_invalid")
        .with("loc", &["body"])
        .with("msg", "JSON decode error")
        .with("input", &Fields::new().nested())
        .with("ctx", &Fields::new().with("error", why).nested())
        .nested();
    Fields::new().with("detail", &[item]).reply(StatusCode::UNPROCESSABLE_ENTITY)
}

fn raw(json: &Json) -> Box<RawValue> {
    RawValue::from_string(json.canonical(Text::Raw)).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &Reply) -> (String, String) {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        let item = &body["detail"][0];
        (item["type"].as_str().expect("a type").to_owned(), item["loc"].to_string())
    }

    #[test]
    fn a_body_is_a_strict_object_or_refused_by_name() {
        let cases: [(&str, &[u8], &str, &str); 9] = [
            ("nothing", b"", "missing", r#"["body"]"#),
            ("blank", b" \n", "missing", r#"["body"]"#),
            ("no json", b"{x", "json_invalid", r#"["body"]"#),
            ("two keys of one name", br#"{"enabled":true,"enabled":false}"#, "json_invalid", r#"["body"]"#),
            ("list", b"[true]", "model_attributes_type", r#"["body"]"#),
            ("left out", b"{}", "missing", r#"["body","enabled"]"#),
            ("text for a boolean", br#"{"enabled":"false"}"#, "bool_type", r#"["body","enabled"]"#),
            ("number for a boolean", br#"{"enabled":0}"#, "bool_type", r#"["body","enabled"]"#),
            ("null for a boolean", br#"{"enabled":null}"#, "bool_type", r#"["body","enabled"]"#),
        ];
        for (name, bytes, kind, at) in cases {
            let reply = RequestBody::required(bytes).and_then(|body| body.boolean("enabled")).expect_err(name);
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
            assert_eq!(said(&reply), (kind.to_owned(), at.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_number_is_whole_and_in_its_range() {
        type Number = (&'static str, &'static str, Result<Option<i64>, &'static str>);
        let numbers: [Number; 8] = [
            ("left out", "{}", Ok(None)),
            ("least", r#"{"n":1}"#, Ok(Some(1))),
            ("most", r#"{"n":9}"#, Ok(Some(9))),
            ("too small", r#"{"n":0}"#, Err("greater_than_equal")),
            ("negative", r#"{"n":-5}"#, Err("greater_than_equal")),
            ("too large", r#"{"n":10}"#, Err("less_than_equal")),
            ("text", r#"{"n":"5"}"#, Err("int_type")),
            ("null", r#"{"n":null}"#, Err("int_type")),
        ];
        for (name, text, want) in numbers {
            let body = RequestBody::required(text.as_bytes()).expect(name);
            let got = body.whole_or_default("n", 1..=9).map_err(|reply| said(&reply).0);
            assert_eq!(got, want.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn each_kind_of_member_takes_its_own_values_only() {
        let odd = RequestBody::required(br#"{"n":-1,"f":1.0,"t":"1","list":["a",1],"object":{},"none":null}"#);
        let odd = odd.expect("an object");
        for key in ["n", "f", "t", "list", "object", "none"] {
            assert!(odd.count_or_default(key).is_err() && odd.texts_or_default(key).is_err(), "{key}");
            assert_eq!(odd.object(key).is_ok(), key == "object", "{key}");
        }
        assert_eq!(odd.count_or_default("missing").ok(), Some(None));
        assert!(odd.object("missing").is_err());
        let body = RequestBody::required(br#"{"count":7,"list":["a"]}"#).expect("an object");
        assert_eq!(body.count_or_default("count").ok(), Some(Some(7)));
        assert_eq!(body.texts_or_default("list").ok(), Some(Some(vec!["a".to_owned()])));
        let other = RequestBody::required(br#"{"rows":{},"cash":"5"}"#).expect("an object");
        assert_eq!(said(&other.list("rows").expect_err("an object")).0, "list_type");
        assert_eq!(said(&other.number("cash").expect_err("a text")).0, "float_type");
        assert_eq!(said(&other.number("none").expect_err("nothing")).0, "missing");
        let body = RequestBody::required(br#"{"enabled":false,"reason":"r"}"#).expect("an object");
        assert_eq!((body.boolean("enabled").ok(), body.text("reason").ok()), (Some(false), Some("r")));
    }
}
