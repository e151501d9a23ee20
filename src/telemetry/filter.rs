//! Which events somebody asks for: one filter for the list, the export and the traces.

use serde::Serialize;

use crate::contracts::event::Event;
use crate::contracts::event::Severity;
use crate::contracts::event::plain_trace;

/// A trace id, or a part of one, as it is compared: hyphens and case do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct TraceText {
    given: String,
    plain: String,
}

impl TraceText {
    /// What was asked for.
    #[must_use]
    pub fn new(given: &str) -> Self {
        Self { given: given.to_owned(), plain: plain_trace(given) }
    }

    /// Whether this is that trace.
    #[must_use]
    pub fn is(&self, trace_id: &str) -> bool {
        // Of hyphens alone nothing would be left to compare.
        if self.plain.is_empty() { self.given == trace_id } else { self.plain == plain_trace(trace_id) }
    }

    /// Whether that trace contains this text.
    #[must_use]
    pub fn is_in(&self, trace_id: &str) -> bool {
        if self.plain.is_empty() { trace_id.contains(&self.given) } else { plain_trace(trace_id).contains(&self.plain) }
    }
}

impl From<TraceText> for String {
    fn from(text: TraceText) -> Self {
        text.given
    }
}

/// What an event must be to be shown. What is not set does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventFilter {
    /// Its id is above this one.
    pub after: Option<u64>,
    /// Its id is below this one.
    pub before: Option<u64>,
    /// Its type is one of these; empty means any.
    #[serde(rename = "type", serialize_with = "null_when_empty")]
    pub kinds: Vec<String>,
    /// It belongs to this trace.
    pub trace_id: Option<TraceText>,
    /// The name of its trace contains this.
    pub q: Option<TraceText>,
    /// It matters that much at least.
    pub severity_min: Option<Severity>,
    /// It was accepted at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// It was accepted at this time or earlier.
    pub until_ms: Option<i64>,
}

impl EventFilter {
    /// Whether an event passes.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.after.is_none_or(|after| event.id > after)
            && self.before.is_none_or(|before| event.id < before)
            && self.severity_min.is_none_or(|least| event.severity >= least)
            && self.since_ms.is_none_or(|since| event.ts >= since)
            && self.until_ms.is_none_or(|until| event.ts <= until)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.trace_id.as_ref().is_none_or(|trace| trace.is(&event.trace_id))
            && self.q.as_ref().is_none_or(|part| part.is_in(&event.trace_id))
    }
}

fn null_when_empty<S: serde::Serializer>(kinds: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    if kinds.is_empty() { serializer.serialize_none() } else { kinds.serialize(serializer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::event::EventDraft;
    use crate::time::Stamp;

    fn event(id: u64, kind: &str, trace: &str, severity: Severity) -> Event {
        let at = Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time");
        EventDraft::new(kind, "test", "").severity(severity).accepted(id, at, trace)
    }

    #[test]
    fn each_rule_looks_at_its_own_member() {
        let seen = event(5, "run_started", "0af7651916cd43dd8448eb211c80319c", Severity::Warn);
        let all = EventFilter::default();
        let trace = |text: &str| Some(TraceText::new(text));
        let cases = [
            ("nothing asked", all.clone(), true),
            ("after the one before", EventFilter { after: Some(4), ..all.clone() }, true),
            ("after itself", EventFilter { after: Some(5), ..all.clone() }, false),
            ("before itself", EventFilter { before: Some(5), ..all.clone() }, false),
            ("before the next", EventFilter { before: Some(6), ..all.clone() }, true),
            (
                "its type among others",
                EventFilter { kinds: vec!["a".into(), "run_started".into()], ..all.clone() },
                true,
            ),
            ("another type", EventFilter { kinds: vec!["run".into()], ..all.clone() }, false),
            ("as bad as it is", EventFilter { severity_min: Some(Severity::Warn), ..all.clone() }, true),
            ("worse", EventFilter { severity_min: Some(Severity::Error), ..all.clone() }, false),
            ("since its time", EventFilter { since_ms: Some(seen.ts), ..all.clone() }, true),
            ("since later", EventFilter { since_ms: Some(seen.ts + 1), ..all.clone() }, false),
            ("until its time", EventFilter { until_ms: Some(seen.ts), ..all.clone() }, true),
            ("until earlier", EventFilter { until_ms: Some(seen.ts - 1), ..all.clone() }, false),
            (
                "the trace with hyphens",
                EventFilter { trace_id: trace("0AF76519-16cd-43dd-8448-eb211c80319c"), ..all.clone() },
                true,
            ),
            ("a part is not the trace", EventFilter { trace_id: trace("0af7"), ..all.clone() }, false),
            ("a part across a hyphen", EventFilter { q: trace("6519-16CD"), ..all.clone() }, true),
            ("no part", EventFilter { q: trace("6519f"), ..all.clone() }, false),
            ("hyphens alone are a part of hyphens", EventFilter { q: trace("-"), ..all.clone() }, false),
            ("two rules, one broken", EventFilter { after: Some(4), before: Some(4), ..all }, false),
        ];
        for (name, filter, want) in cases {
            assert_eq!(filter.matches(&seen), want, "{name}");
        }
        let dashes = event(6, "x", "--", Severity::Info);
        assert!(TraceText::new("-").is_in(&dashes.trace_id) && !TraceText::new("-").is(&dashes.trace_id));
    }

    #[test]
    fn it_is_written_with_null_for_what_is_not_set() {
        let set = EventFilter { kinds: vec!["a".into()], q: Some(TraceText::new("A-b")), ..EventFilter::default() };
        let text = serde_json::to_string(&set).expect("JSON");
        let nothing = r#""severity_min":null,"since_ms":null,"until_ms":null}"#;
        assert_eq!(text, format!(r#"{{"after":null,"before":null,"type":["a"],"trace_id":null,"q":"A-b",{nothing}"#));
        assert!(serde_json::to_string(&EventFilter::default()).expect("JSON").contains(r#""type":null"#));
    }
}
