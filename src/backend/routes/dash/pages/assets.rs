//! The files that the pages load, embedded in the program. There is no directory behind them: a name is in the list, or
//! it is not found.

use std::sync::LazyLock;

use super::words;
use crate::contracts::json::sha256_hex;

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
    /// Changes with the content.
    pub(super) tag: String,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

macro_rules! files {
    ($($name:literal: $kind:ident,)+) => {
        &[$(($name, $kind, include_str!(concat!("../../../assets/", $name)))),+]
    };
}

const FILES: &[(&str, &str, &str)] = files! {
    "ops.css": STYLE,
    "icon.svg": ICON,
    "cards.js": SCRIPT,
    "dom.js": SCRIPT,
    "downgrade.js": SCRIPT,
    "exporter.js": SCRIPT,
    "filter.js": SCRIPT,
    "format.js": SCRIPT,
    "i18n.js": SCRIPT,
    "inbox.js": SCRIPT,
    "kill.js": SCRIPT,
    "main.js": SCRIPT,
    "net.js": SCRIPT,
    "overview.js": SCRIPT,
    "rows.js": SCRIPT,
    "run.js": SCRIPT,
    "state.js": SCRIPT,
    "stream.js": SCRIPT,
    "tables.js": SCRIPT,
    "timeline.js": SCRIPT,
};

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let words = ("words.js", SCRIPT, words::SCRIPT);
    let files = FILES.iter().copied().chain([words]);
    let asset = |(name, content_type, text): (&'static str, &'static str, &'static str)| Asset {
        name,
        content_type,
        text,
        tag: format!("\"{}\"", &sha256_hex(text.as_bytes())[..16]),
    };
    files.map(asset).collect()
});

/// The file with exactly this name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
