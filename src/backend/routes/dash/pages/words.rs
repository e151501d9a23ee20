//! The words of the pages in both languages: one table, read here and handed to the scripts as it is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::settings::Lang;

/// The table as a module for the scripts.
pub(super) const SCRIPT: &str = concat!("export const WORDS = ", include_str!("../../../assets/words.json"), ";\n");

/// Korean and English of every word.
type Table = BTreeMap<&'static str, [&'static str; 2]>;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A test reads the table as well, so it is never empty in a program that was tested.
    serde_json::from_str(include_str!("../../../assets/words.json")).unwrap_or_default()
});

/// A word of the table; its key when the table does not have it.
pub(super) fn say(lang: Lang, key: &'static str) -> &'static str {
    let at = usize::from(lang == Lang::En);
    TABLE.get(key).map_or(key, |both| both[at])
}
