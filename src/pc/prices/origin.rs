//! Where a price file comes from, as the document beside it says.

use std::path::Path;

use crate::contracts::PriceMeta;
use crate::contracts::VendorName;
use crate::store::Store;
use crate::store::Stored;

/// The word for prices that no market made, wherever a document or a page names their source.
pub const SYNTHETIC: &str = "SYNTHETIC";

/// Where a file's prices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The vendor that the file's `{ticker}.meta.json` names.
    Vendor(VendorName),
    /// Nothing stands beside the file: somebody put it there by hand.
    Unrecorded,
}

/// A file that nobody can vouch for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ticker}.parquet {why}")]
pub struct OriginFault {
    /// The ticker.
    pub ticker: String,
    /// What is wrong with the file, without its name.
    pub why: String,
}

/// Reads what stands beside a ticker's file, whose bytes have the SHA-256 `sha256`. A file without it was put there by
/// hand, which is nobody's fault; one that is not the file it was written for is not known to be anything.
///
/// # Errors
/// The document describes another file, or cannot be read.
pub fn origin(dir: &Path, ticker: &str, sha256: &str) -> Result<Origin, OriginFault> {
    let fault = |why| OriginFault { ticker: ticker.to_owned(), why };
    match Store::new(dir).document::<PriceMeta>(&format!("{ticker}.meta.json")) {
        Stored::Missing => Ok(Origin::Unrecorded),
        Stored::Damaged(why) => Err(fault(format!("has an unreadable meta.json: {why}"))),
        Stored::Present(meta) if meta.sha256 != sha256 => Err(fault(
            "is not the file that its meta.json describes; collect it again (daily_ops pc collect --force)".to_owned(),
        )),
        Stored::Present(meta) => Ok(Origin::Vendor(meta.vendor)),
    }
}

impl Origin {
    /// Whether this program made the prices up.
    #[must_use]
    pub fn is_synthetic(self) -> bool {
        self == Self::Vendor(VendorName::Synthetic)
    }

    /// What a person should know of a ticker's file; `None` when a vendor gave it.
    #[must_use]
    pub fn warning(self, ticker: &str) -> Option<String> {
        match self {
            Self::Vendor(VendorName::Synthetic) => {
                Some(format!("{ticker}: {SYNTHETIC} prices: this program made them up, no market did"))
            }
            Self::Vendor(VendorName::Naver | VendorName::Yahoo) => None,
            Self::Unrecorded => {
                Some(format!("{ticker}: no {ticker}.meta.json says where the file comes from; nobody vouches for it"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_beside_a_file_says_where_it_comes_from() {
        let meta = |vendor: &str, sha256: &str| {
            serde_json::json!({
                "schema": "PRICE_META_V1", "ticker": "069500", "vendor": vendor, "rows": 1, "sha256": sha256,
                "fetched_at": "2026-11-20T19:00:00+09:00", "first": "2026-11-20", "last": "2026-11-20",
                "adjusted": true,
            })
            .to_string()
        };
        let cases = [
            ("no document", None, Ok("nobody vouches")),
            ("a vendor", Some(meta("naver", "ab")), Ok("")),
            ("made up", Some(meta("synthetic", "ab")), Ok("069500: SYNTHETIC")),
            ("another file", Some(meta("naver", "cd")), Err("069500.parquet is not the file")),
            ("made up and changed", Some(meta("synthetic", "cd")), Err("pc collect --force")),
            ("damaged", Some("{".to_owned()), Err("069500.parquet has an unreadable meta.json")),
        ];
        for (name, text, want) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            if let Some(text) = text {
                Store::new(dir.path()).write("069500.meta.json", text.as_bytes()).expect("written");
            }
            match (origin(dir.path(), "069500", "ab"), want) {
                (Ok(found), Ok("")) => assert_eq!(found.warning("069500"), None, "{name}"),
                (Ok(found), Ok(want)) => {
                    assert!(found.warning("069500").is_some_and(|said| said.contains(want)), "{name}: {found:?}");
                }
                (Err(fault), Err(want)) => assert!(fault.to_string().contains(want), "{name}: {fault}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }
}
