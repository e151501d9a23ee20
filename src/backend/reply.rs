//! Replies: ordered JSON objects, the error shapes, and stored documents handed on as they are written.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::contracts::Document;
use crate::contracts::json::decode;
use crate::store::Store;
use crate::store::Stored;
use crate::time::KstTime;
use crate::time::Stamp;

/// Schema of the errors that no family of the reference covers.
const ERROR_SCHEMA: &str = "DAILY_OPS_ERROR_V1";

/// A status code and a JSON body.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Where in the body the time of the request stands, when it stands there.
    pub(crate) stamped_at: Option<usize>,
    /// Headers beside those of every JSON reply; they win.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// A JSON object whose keys keep the order in which they were given.
#[derive(Debug)]
pub(crate) struct Fields {
    text: Vec<u8>,
    stamped_at: Option<usize>,
}

/// `error`: a code for machines, a message for people.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self { text: b"{".to_vec(), stamped_at: None }
    }

    /// Adds a member. `key` is one of our own names and needs no escape.
    pub(crate) fn with<T: Serialize + ?Sized>(mut self, key: &'static str, value: &T) -> Self {
        self.key(key);
        self.value(value);
        self
    }

    /// Adds the members of a document that is written as an object.
    pub(crate) fn spread<T: Serialize>(mut self, document: &T) -> Self {
        let text = serde_json::to_string(document).unwrap_or_default();
        let members = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        if !members.is_empty() {
            self.separate();
            self.text.extend_from_slice(members.as_bytes());
        }
        self
    }

    /// Adds the time of the request, which a kept reply renews each time it is served.
    pub(crate) fn asof_now(mut self, now: KstTime) -> Self {
        self.key("asof");
        self.stamped_at = Some(self.text.len() + 1);
        self.value(&Stamp::of(now));
        self
    }

    /// Adds the members of a stored object as they are written, but not those that `except` names.
    pub(crate) fn with_members(mut self, object: &RawValue, except: &[&str]) -> Self {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(object.get()).unwrap_or_default();
        for (key, value) in members.iter().filter(|(key, _)| !except.contains(&key.as_str())) {
            self.separate();
            self.value(key);
            self.text.push(b':');
            self.text.extend_from_slice(value.get().as_bytes());
        }
        self
    }

    pub(crate) fn reply(self, status: StatusCode) -> Reply {
        let stamped_at = self.stamped_at;
        Reply { stamped_at, ..Reply::new(status, Bytes::from(self.finish())) }
    }

    pub(crate) fn ok(self) -> Reply {
        self.reply(StatusCode::OK)
    }

    /// Wraps the object once more in `detail`, as the reference does with the errors it raises.
    pub(crate) fn wrapped(self, status: StatusCode) -> Reply {
        let body = [b"{\"detail\":", self.finish().as_slice(), b"}"].concat();
        Reply::new(status, Bytes::from(body))
    }

    /// The object as a value of another one.
    pub(crate) fn nested(self) -> Box<RawValue> {
        let text = String::from_utf8(self.finish()).unwrap_or_default();
        RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    fn separate(&mut self) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
    }

    /// Writes a value straight into the body: a page of the board is some 400 KB.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let start = self.text.len();
        // Only a map with keys that are no text could fail, and no reply has one.
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.truncate(start);
            self.text.extend_from_slice(b"null");
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.text.push(b'}');
        self.text
    }
}

impl Reply {
    /// A body of JSON.
    pub(crate) fn new(status: StatusCode, body: Bytes) -> Self {
        Self { status, body, stamped_at: None, headers: Vec::new() }
    }

    /// With one more header; a value that no header can hold is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// An error in the shape of everything that the reference does not have.
    pub(crate) fn problem(status: StatusCode, code: &str, message: &str, now: KstTime) -> Self {
        Fields::new()
            .with("status", "error")
            .with("schema", ERROR_SCHEMA)
            .asof_now(now)
            .with("error", &Problem { code, message })
            .reply(status)
    }

    /// `{"detail": "<text>"}`
    pub(crate) fn detail(status: StatusCode, text: &str) -> Self {
        Fields::new().with("detail", text).reply(status)
    }

    /// The 422 of one parameter: what rule broke, where, and what was given.
    pub(crate) fn unprocessable<I: Serialize + ?Sized>(kind: &str, at: &[&str], message: &str, input: &I) -> Self {
        let item = Fields::new().with("type", kind).with("loc", at).with("msg", message).with("input", input).nested();
        Fields::new().with("detail", &[item]).reply(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// A confirm guard that was not passed; `id` is the key that would have named what was made.
    pub(crate) fn unconfirmed(id: Option<&'static str>) -> Self {
        let fields =
            Fields::new().with("result", "BLOCKED").with("message", "Confirm guard: set confirm=true to proceed");
        match id {
            Some(key) => fields.with(key, &None::<&str>),
            None => fields,
        }
        .reply(StatusCode::BAD_REQUEST)
    }

    /// The reply as the server sends it.
    pub(crate) fn into_response(self) -> Response {
        let mut response = response(self.status, self.body);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A JSON response that no cache between us and the reader may keep.
pub(crate) fn response(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A stored document, checked as `D` and handed on as it is written, white space aside. Keys that `D` does not know stay.
pub(crate) fn stored<D: Document>(store: &Store, file: &str) -> Stored<(D, Box<RawValue>)> {
    stored_as(store, file, &|bytes| D::parse(bytes).map_err(|fault| fault.to_string()))
}

/// A stored document as `read` judges it, handed on as it is written.
pub(crate) fn stored_as<D>(
    store: &Store,
    file: &str,
    read: &dyn Fn(&[u8]) -> Result<D, String>,
) -> Stored<(D, Box<RawValue>)> {
    let bytes = match store.read(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Stored::Missing,
        Err(fault) => return Stored::Damaged(fault.source.to_string()),
    };
    let document = match read(&bytes) {
        Ok(document) => document,
        Err(why) => return Stored::Damaged(why),
    };
    match decode(&bytes).map(compact) {
        Ok(Some(raw)) => Stored::Present((document, raw)),
        Ok(None) => Stored::Damaged("not JSON".to_owned()),
        Err(fault) => Stored::Damaged(fault.to_string()),
    }
}

/// JSON text without the white space between its tokens; `None` when it is no JSON. Numbers keep their digits.
pub(crate) fn compact(text: &str) -> Option<Box<RawValue>> {
    let mut out = String::with_capacity(text.len());
    let mut in_text = false;
    let mut escaped = false;
    for c in text.chars() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
        } else if !c.is_ascii_whitespace() {
            in_text = c == '"';
            out.push(c);
        }
    }
    // What is no JSON with its white space must not become JSON without it: `1 2` is not `12`.
    serde_json::from_str::<&RawValue>(text).ok()?;
    RawValue::from_string(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Json;
    use proptest::prelude::*;

    #[test]
    fn fields_keep_their_order_and_the_place_of_the_time() {
        let now = Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time");
        let reply = Fields::new().with("b", &1).asof_now(now).with("a", "\"한글\"").ok();
        let text = std::str::from_utf8(&reply.body).expect("text");
        assert_eq!(text, r#"{"b":1,"asof":"2026-11-21T09:05:00.000000+09:00","a":"\"한글\""}"#);
        let at = reply.stamped_at.expect("a place");
        assert_eq!(&text[at..at + 32], Stamp::of(now).as_str());
        assert_eq!(Fields::new().ok().body, "{}");
    }

    #[test]
    fn members_of_a_stored_object_are_passed_on_as_they_are_written() {
        let raw = compact(r#"{"b": 1.50, "status": "x", "a\"": "한글"}"#).expect("JSON");
        let reply = Fields::new().with("status", "ready").with_members(&raw, &["status"]).with("error", &0).ok();
        assert_eq!(reply.body, r#"{"status":"ready","a\"":"한글","b":1.50,"error":0}"#);
        let list = compact("[1]").expect("JSON");
        assert_eq!(Fields::new().with_members(&list, &[]).ok().body, "{}");
    }

    #[test]
    fn only_white_space_between_tokens_is_dropped() {
        let cases = [
            ("pretty", "{\n  \"a\" : [1.50, 2]\n}\n", Some(r#"{"a":[1.50,2]}"#)),
            ("inside text", r#"{"a b": " \" \\ "}"#, Some(r#"{"a b":" \" \\ "}"#)),
            ("text that ends in a backslash", r#"["\\", 1 ]"#, Some(r#"["\\",1]"#)),
            ("two values", "1 2", None),
            ("no json", "{oops", None),
        ];
        for (name, text, want) in cases {
            assert_eq!(compact(text).as_deref().map(RawValue::get), want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn prop_compact_text_means_the_same(map in prop::collection::btree_map(".*", ".*", 0..6)) {
            let pretty = serde_json::to_string_pretty(&map).expect("JSON");
            let small = compact(&pretty).expect("JSON");
            prop_assert_eq!(Json::parse(small.get().as_bytes()), Json::parse(pretty.as_bytes()));
        }
    }
}
