//! The same inputs make the same files on any PC.

use daily_ops::store::layout;
use serde_json::Value;

use crate::site::Site;
use crate::site::Stage;
use crate::site::json;
use crate::site::read;

const UNIVERSE: [&str; 4] = ["069500", "229200", "114800", "122630"];

/// The prices of a seed and the backtest of fixed days.
fn worked(seed: &str) -> Site {
    let site = Site::at(Stage::Fresh);
    site.pc(&["pc", "collect", "--synthetic", seed]).ends("collect", 0);
    site.pc(&["pc", "backtest", "--start", "2024-01-02", "--end", "2025-12-30"]).ends("backtest", 0);
    site
}

fn prices(site: &Site) -> Vec<Vec<u8>> {
    let file = |ticker: &str| site.pc.join(format!("{}/{ticker}.parquet", layout::PRICES));
    UNIVERSE.iter().map(|ticker| std::fs::read(file(ticker)).expect("prices")).collect()
}

/// A document without the times that it was made at.
fn undated(site: &Site, file: &str) -> Value {
    let mut document = json(&site.pc, file);
    let keys = document.as_object_mut().expect("an object");
    keys.remove("generated_at");
    keys.remove("asof");
    document
}

#[test]
fn two_pcs_with_one_seed_make_the_same_files() {
    let (one, two, other) = (worked("7"), worked("7"), worked("8"));
    assert!(prices(&one) == prices(&two), "prices");
    assert!(prices(&one) != prices(&other), "another seed makes other prices");
    let ledger = read(&one.pc, layout::DAILY_LEDGER);
    assert!(ledger.lines().count() > 400, "two years of sessions: {}", ledger.lines().count());
    assert_eq!(ledger, read(&two.pc, layout::DAILY_LEDGER));
    assert_ne!(ledger, read(&other.pc, layout::DAILY_LEDGER));
    assert_eq!(undated(&one, layout::OOS_VALIDATION), undated(&two, layout::OOS_VALIDATION));
    let (first, second) = (json(&one.pc, layout::BACKTEST.latest), json(&two.pc, layout::BACKTEST.latest));
    assert_eq!(first["summary"], second["summary"]);
}
