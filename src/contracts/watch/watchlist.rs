//! WATCHLIST_V1, `state/watchlist/latest/watchlist_latest.json`: the symbols that the spike watcher looks at.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use super::FieldFault;
use super::is_code;
use super::members::Members;
use crate::contracts::Document;
use crate::contracts::DocumentFault;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::document::lenient;
use crate::contracts::document::parse_objects;
use crate::time::Stamp;

/// Symbols that a list may have: a look asks for twenty at a time.
const MAX_ITEMS: usize = 200;
/// Characters of a name.
const MAX_NAME: usize = 60;

/// WATCHLIST_V1
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchlist {
    /// `WATCHLIST_V1`
    pub schema: String,
    /// When it was replaced.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// Who replaced it.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// The symbols.
    #[serde(default)]
    pub items: Vec<WatchItem>,
    /// How many.
    #[serde(default, deserialize_with = "lenient")]
    pub item_count: u64,
    /// The hash of `items`, compact canonical form. It is not checked: older writers hashed another text form.
    #[serde(default, deserialize_with = "lenient")]
    pub integrity: WatchSeal,
    /// This list's own snapshot; older lists do not say.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

/// `integrity`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchSeal {
    /// SHA-256.
    pub payload_sha256: Option<String>,
}

/// One symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchItem {
    /// Six digits or capital letters.
    pub ticker: String,
    /// Its name; may be empty.
    #[serde(default)]
    pub name: String,
    /// Whether it is looked at.
    pub enabled: bool,
}

impl Document for Watchlist {
    const SCHEMA: &'static str = "WATCHLIST_V1";

    /// Reads a list; items are read strictly, because a symbol that is silently left out is never watched.
    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let list = parse_objects::<Self>(bytes)?;
        let json = Json::parse(bytes)?;
        match json.get("items") {
            Some(items) => items_of(items, Unknown::Kept).map(|_| list),
            None => Ok(list),
        }
        .map_err(|fault| DocumentFault::Shape(fault.to_string()))
    }
}

/// What becomes of members that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// A stored document may come from a newer writer.
    Kept,
    /// A request that misspells a member must not lose it.
    Refused,
}

impl Watchlist {
    /// The list that a request asks for, without times and refs. Strict: every member is known and in its range.
    ///
    /// # Errors
    /// Names the first member that is not as it must be.
    pub fn requested(json: &Json) -> Result<Self, FieldFault> {
        let body = Members::of(json, "")?;
        body.only(&["items", "updated_by", "confirm"])?;
        let items = body.get("items").ok_or_else(|| body.fault("items", "is missing"))?;
        let items = items_of(items, Unknown::Refused)?;
        let updated_by = body.text("updated_by")?.map(|by| by.chars().take(MAX_NAME).collect());
        let payload_sha256 = Json::of(&items).ok().map(|items| items.sha256(Text::Raw));
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            updated_at: None,
            updated_by,
            item_count: items.len() as u64,
            items,
            integrity: WatchSeal { payload_sha256 },
            snapshot_ref: None,
        })
    }
}

fn items_of(json: &Json, unknown: Unknown) -> Result<Vec<WatchItem>, FieldFault> {
    let rows = json.as_array().ok_or_else(|| FieldFault::new("items", "must be a list"))?;
    if rows.len() > MAX_ITEMS {
        return Err(FieldFault::new("items", format!("must have at most {MAX_ITEMS} rows")));
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let at = format!("items[{index}]");
        let row = Members::of(row, &at)?;
        if unknown == Unknown::Refused {
            row.only(&["ticker", "name", "enabled"])?;
        }
        let ticker = row.text("ticker")?.filter(|text| is_code(text));
        let ticker = ticker.ok_or_else(|| row.fault("ticker", "must be six digits or capital letters"))?;
        if !seen.insert(ticker) {
            return Err(row.fault("ticker", "repeats a ticker of the list"));
        }
        let name = row.text("name")?.unwrap_or_default();
        if name.chars().count() > MAX_NAME || name.chars().any(|c| c.is_control() || matches!(c, '{' | '}' | '$')) {
            return Err(
                row.fault("name", format!("must be at most {MAX_NAME} characters without controls, {{, }} and $"))
            );
        }
        let enabled = row.boolean("enabled")?.ok_or_else(|| row.fault("enabled", "must be true or false"))?;
        items.push(WatchItem { ticker: ticker.to_owned(), name: name.to_owned(), enabled });
    }
    Ok(items)
}
