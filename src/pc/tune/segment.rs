//! One simulation of one parameter point over one span, remembered by a key that covers everything it depends on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::json;

use crate::contracts::Json;
use crate::contracts::JsonFault;
use crate::contracts::Text;
use crate::contracts::tune::TuneFigures;

use super::split::Segment;

/// The figures that tuning judges by.
pub type Figures = TuneFigures;

/// Entries that are kept.
pub const CACHE_ENTRIES: usize = 1000;

/// Everything but the point and the span that a simulation depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// SHA-256 over rates and the tax table.
    pub costs: String,
    /// SHA-256 over tickers and their files.
    pub data_fingerprint: String,
    /// The simulator's version.
    pub engine_version: String,
    /// SHA-256 over the parameters that do not vary, the gate and the capital.
    pub base: String,
}

impl Ground {
    /// The key of one simulation: SHA-256 over the canonical form of all that it depends on.
    ///
    /// # Errors
    /// Never for these texts; the canonical form refuses only numbers that are not finite.
    pub fn key(&self, params_hash: &str, segment: Segment) -> Result<String, JsonFault> {
        let parts = json!({
            "params_hash": params_hash, "start": segment.start, "end": segment.end, "costs": self.costs,
            "data_fingerprint": self.data_fingerprint, "engine_version": self.engine_version, "base": self.base,
        });
        Ok(Json::of(&parts)?.sha256(Text::Raw))
    }
}

/// A remembered simulation is not that of the parameters that ask for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache entry {key} belongs to the parameters {stored}, not to {asked}")]
pub struct CacheFault {
    key: String,
    stored: String,
    asked: String,
}

#[derive(Clone, Debug)]
struct Entry {
    params_hash: String,
    figures: Figures,
    used: u64,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: BTreeMap<String, Entry>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
}

/// The figures of the last thousand simulations; the one that was not used for longest goes first.
#[derive(Debug)]
pub struct Cache {
    kept: Mutex<Kept>,
    limit: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with_limit(CACHE_ENTRIES)
    }
}

impl Cache {
    /// A cache of `limit` entries.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// What is remembered under a key.
    ///
    /// # Errors
    /// The entry was stored for other parameters.
    pub fn get(&self, key: &str, params_hash: &str) -> Result<Option<Figures>, CacheFault> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let Some(entry) = kept.by_key.get_mut(key) else { return Ok(None) };
        if entry.params_hash != params_hash {
            let (stored, asked) = (entry.params_hash.clone(), params_hash.to_owned());
            return Err(CacheFault { key: key.to_owned(), stored, asked });
        }
        kept.by_use.remove(&entry.used);
        kept.uses += 1;
        entry.used = kept.uses;
        kept.by_use.insert(kept.uses, key.to_owned());
        Ok(Some(entry.figures))
    }

    /// Remembers a simulation.
    pub fn put(&self, key: &str, params_hash: &str, figures: Figures) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let used = kept.uses;
        let entry = Entry { params_hash: params_hash.to_owned(), figures, used };
        if let Some(old) = kept.by_key.insert(key.to_owned(), entry) {
            kept.by_use.remove(&old.used);
        }
        kept.by_use.insert(used, key.to_owned());
        while kept.by_key.len() > self.limit {
            let Some((_, oldest)) = kept.by_use.pop_first() else { break };
            kept.by_key.remove(&oldest);
        }
    }

    /// How many simulations are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).by_key.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground() -> Ground {
        let text = |text: &str| text.to_owned();
        Ground { costs: text("c"), data_fingerprint: text("d"), engine_version: text("e"), base: text("b") }
    }

    fn span(start: &str, end: &str) -> Segment {
        Segment { start: start.parse().expect("a date"), end: end.parse().expect("a date") }
    }

    #[test]
    fn the_key_covers_everything_a_simulation_depends_on() {
        let segment = span("2024-01-02", "2024-06-28");
        let key = |ground: &Ground, hash: &str, segment| ground.key(hash, segment).expect("a key");
        let first = key(&ground(), "p", segment);
        assert_eq!((first.len(), &first), (64, &key(&ground(), "p", segment)));
        let other = || "x".to_owned();
        let others = [
            ("parameters", key(&ground(), "q", segment)),
            ("start", key(&ground(), "p", span("2024-01-03", "2024-06-28"))),
            ("end", key(&ground(), "p", span("2024-01-02", "2024-06-27"))),
            ("costs", key(&Ground { costs: other(), ..ground() }, "p", segment)),
            ("data", key(&Ground { data_fingerprint: other(), ..ground() }, "p", segment)),
            ("engine", key(&Ground { engine_version: other(), ..ground() }, "p", segment)),
            ("what does not vary", key(&Ground { base: other(), ..ground() }, "p", segment)),
        ];
        for (name, found) in others {
            assert_ne!(found, first, "{name}");
        }
    }

    #[test]
    fn the_entry_that_was_not_used_for_longest_goes_first() {
        let cache = Cache::with_limit(2);
        let figures = Figures { sharpe: 1.5, ..Figures::default() };
        cache.put("a", "p", figures);
        cache.put("b", "p", figures);
        assert_eq!(cache.get("a", "p"), Ok(Some(figures)), "used again");
        cache.put("c", "p", figures);
        assert_eq!(cache.len(), 2);
        let found = ["a", "b", "c"].map(|key| cache.get(key, "p").expect("no mismatch").is_some());
        assert_eq!(found, [true, false, true]);
        cache.put("c", "p", figures);
        assert_eq!(cache.len(), 2, "put again");
    }

    #[test]
    fn a_thousand_entries_are_kept() {
        let cache = Cache::default();
        for number in 0..1_500 {
            cache.put(&number.to_string(), "p", Figures::default());
        }
        assert_eq!(cache.len(), CACHE_ENTRIES);
        assert_eq!(cache.get("499", "p"), Ok(None));
        assert!(cache.get("500", "p").expect("no mismatch").is_some());
    }

    #[test]
    fn an_entry_of_other_parameters_is_an_error() {
        let cache = Cache::default();
        cache.put("key", "p", Figures::default());
        let fault = cache.get("key", "q").expect_err("a mismatch");
        assert_eq!(fault.to_string(), "the cache entry key belongs to the parameters p, not to q");
    }
}
