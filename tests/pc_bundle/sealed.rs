//! The seal: what it covers, what it survives, and that a half-written bundle is never the latest.

use std::collections::BTreeMap;
use std::sync::Arc;

use daily_ops::contracts::BundleDecision;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::SigningKey;
use daily_ops::contracts::Validation;
use daily_ops::contracts::bundle::validate;
use daily_ops::contracts::strategy_params::default_params;
use daily_ops::pc::bundle::BundleFault;
use daily_ops::pc::bundle::Evidence;
use daily_ops::pc::bundle::Held;
use daily_ops::pc::bundle::MadeBundle;
use daily_ops::pc::bundle::MarketSeries;
use daily_ops::pc::bundle::PriceDay;
use daily_ops::pc::bundle::Seal;
use daily_ops::pc::bundle::Series;
use daily_ops::pc::bundle::Workshop;
use daily_ops::pc::bundle::active_surface;
use daily_ops::pc::bundle::keep;
use daily_ops::pc::bundle::make;
use daily_ops::pc::bundle::signals;
use daily_ops::pc::params::ParamSource;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::KstTime;
use daily_ops::time::Stamp;
use daily_ops::time::TradingDate;
use daily_ops::trading::Bars;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;

const EVENING: &str = "2026-11-20T19:00:00+09:00";

fn at(text: &str) -> KstTime {
    Stamp::from(text).instant().expect("a time")
}

fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

fn key() -> SigningKey {
    SigningKey::hmac(b"test-key-do-not-use").expect("a key")
}

fn params() -> ParamSource {
    let document = default_params(Stamp::from(EVENING));
    let values = document.values().expect("sound");
    ParamSource { document, values, path: layout::STRATEGY_PARAMS.latest.to_owned(), sha256: "ab".repeat(32) }
}

/// Bars on the 30 days before a day and on it.
fn bars(last: TradingDate, growth: f64) -> Bars {
    let mut bars = Bars::default();
    let mut close = 1000.0;
    for back in (0..31).rev() {
        bars.push(last - chrono::Days::new(back), [close, close, close, close, 1.0]);
        close = (close * growth + f64::from(u32::try_from(back).expect("small") % 3)).round();
    }
    bars
}

fn evidence(last: TradingDate) -> Evidence {
    let universe = ["069500", "229200", "114800", "122630"];
    let growths = [1.01, 1.02, 0.99, 1.03];
    Evidence {
        bars: universe.iter().zip(growths).map(|(t, growth)| ((*t).to_owned(), bars(last, growth))).collect(),
        damaged: BTreeMap::new(),
        jumps: BTreeMap::new(),
        market: MarketSeries {
            index: ("^KS11".to_owned(), Series::Missing),
            benchmark: ("069500".to_owned(), Series::Bars(bars(last, 1.01))),
        },
        held: Held::Missing,
        data_source: "CACHE".to_owned(),
    }
}

fn workshop(evidence_refs: &[&str]) -> Workshop {
    Workshop {
        pc_host: "연구용-PC".to_owned(),
        git_commit: "f614fdd0".to_owned(),
        git_branch: "main".to_owned(),
        evidence_refs: evidence_refs.iter().map(|text| (*text).to_owned()).collect(),
        active_surface_sha256: active_surface(&BTreeMap::from([("params".to_owned(), "ab".repeat(32))])),
    }
}

fn made(evidence: &Evidence, refs: &[&str]) -> Result<MadeBundle, BundleFault> {
    let params = params();
    let day = PriceDay::of(evidence, &params.values.universe, day("2026-11-20"));
    let signals = signals(evidence, &params.values, day);
    make(&params, &signals, &workshop(refs), Seal::Signed(&key()), at(EVENING))
}

fn good() -> MadeBundle {
    made(&evidence(day("2026-11-20")), &["reports/backtest/latest/backtest_result.json"]).expect("made")
}

fn judged(bytes: &[u8]) -> Validation {
    let policy = BundlePolicy { keys: vec![key().verifying()], ..BundlePolicy::default() };
    validate(Some(bytes), &policy, at(EVENING))
}

/// Every value of a document with its place.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| leaves(inner, &format!("{pointer}/{key}"), found)),
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(i, inner)| leaves(inner, &format!("{pointer}/{i}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            found.push(pointer.to_owned());
        }
    }
}

#[test]
fn no_field_that_the_host_acts_on_can_be_changed() {
    let bundle: Value = serde_json::from_slice(&good().bytes).expect("JSON");
    assert_eq!(judged(bundle.to_string().as_bytes()).decision, BundleDecision::Pass);
    let mut places = Vec::new();
    leaves(&bundle, "", &mut places);
    assert!(places.len() > 60, "{places:?}");
    let mut free = Vec::new();
    for place in places {
        let mut forged = bundle.clone();
        let value = forged.pointer_mut(&place).expect("a place");
        *value = match value.clone() {
            Value::Number(number) => serde_json::json!(number.as_f64().unwrap_or_default() + 1.0),
            Value::String(text) => serde_json::json!(format!("{text}0")),
            Value::Array(_) => serde_json::json!(["x"]),
            other @ (Value::Null | Value::Bool(_) | Value::Object(_)) => panic!("{place} is {other}"),
        };
        if judged(forged.to_string().as_bytes()).decision == BundleDecision::Pass {
            free.push(place);
        }
    }
    // Said where it was made and what it is compatible with: shown, and nothing rests on it.
    let want = [
        "/compat/expected_python",
        "/compat/min_oci_version",
        "/evidence_refs/0",
        "/integrity/signed_by",
        "/source/active_surface_sha256",
        "/source/git_branch",
        "/source/git_commit",
        "/source/pc_host",
    ];
    assert_eq!(free, want);
}

/// The same value with other white space and keys in another order.
fn respelled(value: &Value, reverse: bool, blank: &str) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<String> = map
                .iter()
                .map(|(key, v)| format!("{}{blank}:{}", Value::from(key.as_str()), respelled(v, reverse, blank)))
                .collect();
            if reverse {
                members.reverse();
            }
            format!("{{{blank}{}{blank}}}", members.join(&format!("{blank},")))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| respelled(item, reverse, blank)).collect();
            format!("[{blank}{}]", items.join(","))
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other.to_string(),
    }
}

proptest! {
    #[test]
    fn prop_the_seal_survives_key_order_and_white_space(reverse in any::<bool>(), blank in "[ \t\n\r]{0,4}") {
        let bundle: Value = serde_json::from_slice(&good().bytes).expect("JSON");
        let found = judged(respelled(&bundle, reverse, &blank).as_bytes());
        prop_assert_eq!(found.decision, BundleDecision::Pass, "{:?}", found);
    }
}

#[test]
fn two_bundles_of_one_second_have_two_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let (key, now) = (key(), at(EVENING));
    let kept: Vec<String> = (0..3).map(|_| keep(&store, &good(), Seal::Signed(&key), now).expect("kept")).collect();
    let name = |tail: &str| format!("{}/strategy_bundle_20261120_190000{tail}.json", layout::BUNDLE.snapshots);
    assert_eq!(kept, [name(""), name("_2"), name("_3")]);
    let latest = store.read(layout::BUNDLE.latest).expect("readable");
    assert_eq!(latest, store.read(&name("_3")).expect("readable"));
}

#[test]
fn a_writer_killed_between_snapshot_and_latest_leaves_the_old_latest() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = Store::new(dir.path());
    let (key, now) = (key(), at(EVENING));
    keep(&plain, &good(), Seal::Signed(&key), now).expect("kept");
    let before = plain.read(layout::BUNDLE.latest).expect("readable");
    let latest = plain.path(layout::BUNDLE.latest);
    let folder = latest.parent().expect("a folder").to_path_buf();
    let deadly = Store::new(dir.path()).observed_by(Arc::new(move |file| {
        assert!(!file.starts_with(&folder), "killed");
    }));
    let second = good();
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        keep(&deadly, &second, Seal::Signed(&key), now).map(drop)
    }));
    assert!(killed.is_err(), "it was killed");
    assert_eq!(plain.read(layout::BUNDLE.latest).expect("readable"), before);
    assert_eq!(judged(before.as_deref().expect("there")).decision, BundleDecision::Pass);
    // What the killed one left is a whole bundle, and the next one takes another name.
    let left = plain.read(&format!("{}/strategy_bundle_20261120_190000_2.json", layout::BUNDLE.snapshots));
    assert_eq!(left.expect("readable").as_deref(), Some(second.bytes.as_slice()));
    let third = keep(&plain, &good(), Seal::Signed(&key), now).expect("kept");
    assert!(third.ends_with("_190000_3.json"), "{third}");
}

#[test]
fn what_the_disk_does_not_give_back_is_not_the_latest() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = Store::new(dir.path());
    let (key, now) = (key(), at(EVENING));
    keep(&plain, &good(), Seal::Signed(&key), now).expect("kept");
    let before = plain.read(layout::BUNDLE.latest).expect("readable");
    let lying = Store::new(dir.path()).observed_by(Arc::new(|file| {
        if file.to_string_lossy().ends_with("_2.json") {
            let (dir, name) = (file.parent().expect("a directory"), file.file_name().expect("a name"));
            Store::new(dir).write(&name.to_string_lossy(), b"{}").expect("written");
        }
    }));
    let fault = keep(&lying, &good(), Seal::Signed(&key), now).expect_err("noticed");
    assert!(matches!(fault, BundleFault::ReadBack { .. }), "{fault}");
    assert_eq!(plain.read(layout::BUNDLE.latest).expect("readable"), before);
    assert_eq!(
        plain.snapshots(layout::BUNDLE.snapshots).expect("listed").len(),
        1,
        "nothing broken is left to publish"
    );
}

#[test]
fn a_bundle_that_would_not_pass_is_not_made() {
    let fault = made(&evidence(day("2026-11-20")), &["../secrets"]).expect_err("refused");
    assert!(fault.to_string().contains("(FAIL): EVIDENCE_REF_UNSAFE"), "{fault}");
    let sealed_empty = made(&evidence(day("2026-11-20")), &[]);
    assert!(sealed_empty.is_ok());
}

#[test]
fn the_day_of_the_prices_is_judged_against_the_last_session() {
    let universe = params().values.universe;
    let session = day("2026-11-20");
    let cases = [
        ("of the session", day("2026-11-20"), PriceDay::Current(session)),
        ("the day before", day("2026-11-19"), PriceDay::Old { newest: day("2026-11-19"), session }),
        // Bars after the session are of one that is still open: the session's own close counts.
        ("with a bar of today", day("2026-11-23"), PriceDay::Current(session)),
    ];
    for (name, last, want) in cases {
        assert_eq!(PriceDay::of(&evidence(last), &universe, session), want, "{name}");
    }
    let mut none = evidence(session);
    none.bars.clear();
    assert_eq!(PriceDay::of(&none, &universe, session), PriceDay::None(session));
    // A bar of an open session changes nothing of the signals.
    let mut open = evidence(session);
    let values = params().values;
    let closed = signals(&open, &values, PriceDay::Current(session));
    for bars in open.bars.values_mut() {
        bars.push(day("2026-11-23"), [9e6; 5]);
    }
    assert_eq!(signals(&open, &values, PriceDay::Current(session)), closed);
}

#[test]
fn the_surface_is_a_hash_of_hashes_without_paths() {
    assert_eq!(active_surface(&BTreeMap::new()), "unknown");
    let one = BTreeMap::from([("params".to_owned(), "ab".repeat(32)), ("069500".to_owned(), "cd".repeat(32))]);
    let text = format!(r#"{{"069500":"{}","params":"{}"}}"#, "cd".repeat(32), "ab".repeat(32));
    assert_eq!(active_surface(&one), daily_ops::contracts::json::sha256_hex(text.as_bytes()));
}
