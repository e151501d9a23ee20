//! The members of an object, read strictly: a value of another type or outside its range is a fault that names the member.

use std::collections::BTreeMap;

use super::Percent;
use crate::contracts::Json;

/// A member is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct FieldFault {
    /// Where: `spike.threshold_pct`, `items[3].ticker`.
    pub field: String,
    /// What it must be.
    pub rule: String,
}

impl FieldFault {
    pub(super) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

/// An object whose members are asked for by name.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    at: String,
    map: &'a BTreeMap<String, Json>,
}

impl<'a> Members<'a> {
    pub(super) fn of(json: &'a Json, at: &str) -> Result<Self, FieldFault> {
        if let Json::Object(map) = json {
            Ok(Self { at: at.to_owned(), map })
        } else {
            Err(FieldFault::new(at, "must be an object"))
        }
    }

    pub(super) fn place(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    pub(super) fn fault(&self, key: &str, rule: impl Into<String>) -> FieldFault {
        FieldFault::new(self.place(key), rule)
    }

    /// Refuses every member that is not named.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), FieldFault> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.fault(key, format!("is not known; known are {}", known.join(", ")))),
            None => Ok(()),
        }
    }

    /// A member; null counts as left out only where a reader says so.
    pub(super) fn get(&self, key: &str) -> Option<&'a Json> {
        self.map.get(key)
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, FieldFault> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.fault(key, "must be true or false")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, FieldFault> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(key, "must be a text")),
        }
    }

    /// A percentage with at most two decimals from `low` to `high`.
    pub(super) fn percent(
        &self,
        key: &str,
        (low, high): (Percent, Percent),
        default: Percent,
    ) -> Result<Percent, FieldFault> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let percent = value.as_number().and_then(Percent::parse).filter(|percent| (low..=high).contains(percent));
        percent
            .ok_or_else(|| self.fault(key, format!("must be a number from {low} to {high} with at most two decimals")))
    }

    /// A whole number from 0 to `most`.
    pub(super) fn count(&self, key: &str, most: u64, default: u64) -> Result<u64, FieldFault> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let count = value.as_integer().and_then(|count| u64::try_from(count).ok()).filter(|count| *count <= most);
        count.ok_or_else(|| self.fault(key, format!("must be a whole number from 0 to {most}")))
    }
}
