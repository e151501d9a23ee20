//! Query parameters of the dashboard's family: a value outside its rule is a 422 that names the parameter.

use std::ops::RangeInclusive;

use super::past::Order;
use super::refusal::invalid_param;
use crate::backend::query::Query;
use crate::backend::reply::Reply;
use crate::contracts::event::Severity;
use crate::telemetry::EventFilter;
use crate::telemetry::TraceText;
use crate::time::KstTime;

/// The parameters of one request, read with this family's refusals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'a> {
    query: &'a Query,
    now: KstTime,
}

impl<'a> Params<'a> {
    pub(crate) fn new(query: &'a Query, now: KstTime) -> Self {
        Self { query, now }
    }

    /// The refusal of one parameter.
    pub(crate) fn invalid(&self, name: &str, rule: &str) -> Reply {
        invalid_param(name, rule, self.now)
    }

    /// A text. Empty is the same as left out, because a form sends its empty fields too.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Reply> {
        Ok(self.one(name)?.filter(|text| !text.is_empty()))
    }

    /// Every text of a parameter that may be repeated.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Reply> {
        let values: Option<Vec<&str>> = self.query.values(name).collect();
        let values = values.ok_or_else(|| self.invalid(name, "must be percent-encoded UTF-8"))?;
        Ok(values.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// A whole number of a range.
    pub(crate) fn whole(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Reply> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            self.invalid(name, &format!("must be a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// How many rows are asked for.
    pub(crate) fn limit(&self, default: u64, most: u64) -> Result<usize, Reply> {
        let limit = self.whole("limit", 1..=most)?.unwrap_or(default);
        Ok(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// A time in milliseconds since 1970.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<i64>, Reply> {
        let most = u64::try_from(i64::MAX).unwrap_or(u64::MAX);
        Ok(self.whole(name, 0..=most)?.and_then(|ms| i64::try_from(ms).ok()))
    }

    /// A trace id or a part of one.
    pub(crate) fn trace(&self, name: &str) -> Result<Option<TraceText>, Reply> {
        Ok(self.text(name)?.map(TraceText::new))
    }

    /// Every filter of events.
    pub(crate) fn filter(&self) -> Result<EventFilter, Reply> {
        Ok(EventFilter {
            after: self.whole("after", 0..=u64::MAX)?,
            before: self.whole("before", 0..=u64::MAX)?,
            kinds: self.texts("type")?.into_iter().map(str::to_owned).collect(),
            trace_id: self.trace("trace_id")?,
            q: self.trace("q")?,
            severity_min: self.severity("severity_min")?,
            since_ms: self.instant("since_ms")?,
            until_ms: self.instant("until_ms")?,
        })
    }

    /// Which events come first: as asked, else the oldest exactly when somebody asks for what came after an id.
    pub(crate) fn order(&self, filter: &EventFilter) -> Result<Order, Reply> {
        match self.text("order")? {
            None if filter.after.is_some() => Ok(Order::OldestFirst),
            Some("asc") => Ok(Order::OldestFirst),
            None | Some("desc") => Ok(Order::NewestFirst),
            Some(_) => Err(self.invalid("order", "must be asc or desc")),
        }
    }

    fn severity(&self, name: &str) -> Result<Option<Severity>, Reply> {
        let Some(word) = self.text(name)? else { return Ok(None) };
        Severity::parse(word).map(Some).ok_or_else(|| self.invalid(name, "must be INFO, WARN, ERROR or CRITICAL"))
    }

    /// The one value of a parameter: two readers of the same address must not believe two different values.
    fn one(&self, name: &str) -> Result<Option<&'a str>, Reply> {
        let mut values = self.query.values(name);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(self.invalid(name, "must be given once"));
        }
        value.map(Some).ok_or_else(|| self.invalid(name, "must be percent-encoded UTF-8"))
    }
}
