//! Query parameters, read strictly: decoded once, never twice, never repaired.

use percent_encoding::percent_decode;

use super::reply::Reply;

/// The parameters of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, Option<String>, String)>,
}

impl Query {
    /// Splits and decodes once. A value with a broken escape or another encoding than UTF-8 is kept as undecodable, and
    /// only hurts a route that asks for it.
    pub(crate) fn parse(raw: Option<&str>) -> Self {
        let pairs = raw.unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let pairs = pairs.filter_map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decoded(name)?, decoded(value), value.to_owned()))
        });
        Self { pairs: pairs.collect() }
    }

    /// The text of a parameter; `None` without it.
    ///
    /// A parameter given twice is refused: two readers of the same address could believe two different values.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Reply> {
        let mut found = self.pairs.iter().filter(|(key, ..)| key == name);
        let Some((_, value, raw)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            let given: Vec<&str> =
                self.pairs.iter().filter(|(key, ..)| key == name).map(|(.., raw)| raw.as_str()).collect();
            let message = "Input should be given once";
            return Err(Reply::unprocessable("duplicate", &["query", name], message, &given));
        }
        match value {
            Some(value) => Ok(Some(value)),
            None => {
                let message = "Input should be percent-encoded UTF-8";
                Err(Reply::unprocessable("url_encoding", &["query", name], message, raw))
            }
        }
    }

    /// Every value of a parameter that may be repeated; `None` for one that cannot be decoded.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = Option<&str>> {
        self.pairs.iter().filter(move |(key, ..)| key == name).map(|(_, value, _)| value.as_deref())
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Reply> {
        let missing = || Reply::unprocessable("missing", &["query", name], "Field required", &None::<&str>);
        self.text(name)?.ok_or_else(missing)
    }

    /// A whole number, not negative, that may be left out.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Reply> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(Some).ok_or_else(|| {
            let message = "Input should be a valid integer, unable to parse string as an integer";
            Reply::unprocessable("int_parsing", &["query", name], message, text)
        })
    }

    /// A boolean parameter, false when it is not given.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Reply> {
        let Some(text) = self.text(name)? else { return Ok(false) };
        boolean(text).ok_or_else(|| {
            let message = "Input should be a valid boolean, unable to interpret input";
            Reply::unprocessable("bool_parsing", &["query", name], message, text)
        })
    }
}

/// The words for true and false in a query, in any case.
fn boolean(text: &str) -> Option<bool> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if ["true", "1", "yes", "on", "t", "y"].iter().any(is) {
        Some(true)
    } else if ["false", "0", "no", "off", "f", "n"].iter().any(is) {
        Some(false)
    } else {
        None
    }
}

/// Decodes one part; `None` when an escape is broken or the result is not UTF-8. A plus sign is a blank, as in forms.
fn decoded(part: &str) -> Option<String> {
    let plain = part.replace('+', " ");
    segment(&plain)
}

/// Decodes a part of a path, where a plus sign is itself.
pub(crate) fn segment(part: &str) -> Option<String> {
    let mut rest = part;
    while let Some(at) = rest.find('%') {
        let digits = rest.as_bytes().get(at + 1..at + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = &rest[at + 3..];
    }
    percent_decode(part.as_bytes()).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::EvidenceRef;
    use proptest::prelude::*;

    #[test]
    fn booleans_are_twelve_words_in_any_case() {
        for word in ["true", "1", "yes", "on", "t", "y", "TRUE", "Yes", "oN", "T"] {
            assert_eq!(boolean(word), Some(true), "{word}");
        }
        for word in ["false", "0", "no", "off", "f", "n", "FALSE", "No", "oFF", "F"] {
            assert_eq!(boolean(word), Some(false), "{word}");
        }
        for word in ["", " true", "true ", "maybe", "2", "01", "ja", "null", "truee", "ｔｒｕｅ"] {
            assert_eq!(boolean(word), None, "{word:?}");
        }
    }

    #[test]
    fn a_flag_is_false_only_when_absent_or_said_so() {
        let cases = [
            ("absent", None, Some(false)),
            ("empty query", Some(""), Some(false)),
            ("another parameter", Some("x=1&y"), Some(false)),
            ("true", Some("confirm=true"), Some(true)),
            ("encoded", Some("confirm=%74rue"), Some(true)),
            ("encoded name", Some("conf%69rm=1"), Some(true)),
            ("no", Some("a=b&confirm=NO"), Some(false)),
            ("no value", Some("confirm"), None),
            ("empty value", Some("confirm="), None),
            ("unknown word", Some("confirm=maybe"), None),
            ("twice", Some("confirm=true&confirm=true"), None),
            ("broken escape", Some("confirm=%7"), None),
            ("other encoding", Some("confirm=%ff"), None),
            ("another case of the name", Some("Confirm=true"), Some(false)),
        ];
        for (name, raw, want) in cases {
            assert_eq!(Query::parse(raw).flag("confirm").ok(), want, "{name}");
        }
    }

    #[test]
    fn a_count_is_digits_only() {
        for (raw, want) in
            [("", Some(None)), ("n=0", Some(Some(0))), ("n=1000", Some(Some(1000))), ("n=007", Some(Some(7)))]
        {
            assert_eq!(Query::parse(Some(raw)).count("n").ok(), want, "{raw}");
        }
        for raw in ["n", "n=", "n=-1", "n=+1", "n=1.0", "n=1e3", "n=x", "n=1&n=2", "n=99999999999999999999", "n=%201"] {
            assert!(Query::parse(Some(raw)).count("n").is_err(), "{raw}");
        }
    }

    #[test]
    fn a_ref_is_decoded_exactly_once() {
        let cases = [
            ("plain", "ref=state/emergency_stop.json", true),
            ("encoded slash", "ref=state%2Femergency_stop.json", true),
            ("encoded twice", "ref=state%252Femergency_stop.json", false),
            ("dots encoded twice", "ref=reports/ops/summary/snapshots/%252e%252e.json", false),
            ("traversal encoded", "ref=%2e%2e/etc/passwd", false),
            ("newline", "ref=state/emergency_stop.json%0A", false),
            ("plus", "ref=state/emergency_stop.json+", false),
            ("nul", "ref=state/emergency_stop.json%00", false),
        ];
        for (name, raw, ok) in cases {
            let query = Query::parse(Some(raw));
            let text = query.required("ref").expect(name);
            assert_eq!(EvidenceRef::parse(text).is_ok(), ok, "{name}: {text:?}");
        }
    }

    proptest! {
        #[test]
        fn prop_what_is_encoded_is_read_back(value in ".*") {
            let raw = format!("ref={}", percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC));
            let query = Query::parse(Some(&raw));
            prop_assert_eq!(query.text("ref").ok().flatten(), Some(value.as_str()));
        }

        #[test]
        fn prop_any_query_is_read_without_panic(raw in ".*") {
            Query::parse(Some(&raw)).flag("confirm").ok();
        }
    }
}
