//! What is refused, and that nothing is left behind by it.

use daily_ops::store::layout;
use serde_json::Value;

use crate::desk::Desk;
use crate::desk::last_session;
use crate::desk::session_before;

/// Each refusal leaves no bundle.
fn refuses(name: &str, desk: &Desk, args: &[&str], code: i32, text: &str) {
    let ran = desk.bundle(args);
    assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
    assert!(ran.said(text), "{name}: {ran:?}");
    assert!(desk.is_bare(), "{name}");
}

#[test]
fn prices_of_an_earlier_session_are_refused_unless_they_are_allowed() {
    let desk = Desk::ready();
    std::fs::remove_dir_all(desk.root().join(layout::PRICES)).expect("removed");
    desk.prices(layout::PRICES, session_before());
    let told =
        format!("STALE_PRICES: the newest close is of {}, the last session was {}", session_before(), last_session());
    refuses("old", &desk, &[], 2, &told);
    let ran = desk.bundle(&["--allow-stale-prices", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    assert_eq!(ran.json()["prices"]["state"], "STALE");
    let strategy = desk.latest().expect("a bundle")["strategy"].clone();
    let said = format!("STALE_PRICES of {}, last session {}: ", session_before(), last_session());
    for section in ["regime", "scorer"] {
        let detail = strategy[section]["reason_detail"].as_str().expect("text");
        assert!(detail.starts_with(&said), "{section}: {detail}");
    }
}

#[test]
fn keys_are_needed_and_looked_at() {
    let desk = Desk::ready();
    desk.write("daily_ops.toml", "");
    refuses("no key", &desk, &[], 2, "SIGNATURE_KEY_MISSING");
    refuses("how to get one", &desk, &[], 2, "pc bundle keygen");
    refuses("none of this kind", &desk, &["--algorithm", "ed25519"], 2, "no ed25519 key");
    #[cfg(unix)]
    {
        desk.secret("open.key", "a-key-that-others-read", 0o644);
        desk.write("daily_ops.toml", "[bundle]\nhmac_key_file = \"open.key\"\n");
        refuses("open to others", &desk, &[], 64, "open.key: has mode 0644, must be 0600 or stricter");
        assert!(!desk.bundle(&[]).said("a-key-that-others-read"));
    }
    desk.secret("short.key", "short", 0o600);
    desk.write("daily_ops.toml", "[bundle]\nhmac_key_file = \"short.key\"\n");
    refuses("short", &desk, &[], 64, "short.key: the key has 5 bytes, at least 16 are needed");
    desk.write("daily_ops.toml", "[bundle]\ned25519_key_file = \"missing.key\"\n");
    refuses("missing", &desk, &[], 64, "missing.key: cannot be read");
}

#[test]
fn inputs_that_cannot_be_read_are_faults() {
    let desk = Desk::ready();
    refuses("no such prices", &desk, &["--prices", "nowhere"], 64, "--prices nowhere is no directory");
    refuses("no such portfolio", &desk, &["--portfolio", "nothing.json"], 3, "cannot read the portfolio nothing.json");
    desk.write("held.json", r#"{"cash":-98765}"#);
    refuses("negative cash", &desk, &["--portfolio", "held.json"], 3, "cash is negative");
    assert!(!desk.bundle(&["--portfolio", "held.json"]).said("98765"));
    refuses("no such parameters", &desk, &["--params", "nothing.json"], 3, "nothing.json");
    desk.parameters(|params| params.params["decision_params"]["exit_threshold"] = 0.12.into());
    refuses("a positive stop", &desk, &[], 3, "exit_threshold is 0.12");
    desk.parameters(|params| params.params["universe"] = Value::Array(Vec::new()));
    refuses("no universe", &desk, &[], 3, "universe has 0 tickers");
    desk.store().remove(layout::STRATEGY_PARAMS.latest).expect("removed");
    refuses("no parameters", &desk, &[], 3, "no parameters: neither");
    refuses("both kinds at once", &desk, &["--unsigned", "--algorithm", "ed25519"], 64, "cannot be used with");
}

#[test]
fn a_damaged_price_file_is_no_missing_one() {
    let desk = Desk::ready();
    desk.write(&format!("{}/114800.parquet", layout::PRICES), "no parquet");
    refuses("damaged", &desk, &[], 3, "PRICES_UNREADABLE: 114800: ");
    let ran = desk.bundle(&["--allow-stale-prices"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let scorer = desk.latest().expect("a bundle")["strategy"]["scorer"].clone();
    assert_eq!((scorer["status"].as_str(), scorer["reason"].as_str()), (Some("SKIPPED"), Some("IMPORT_ERROR")));
    assert!(!scorer.to_string().contains(&*desk.root().to_string_lossy()), "{scorer}");
}

#[test]
fn a_damaged_portfolio_of_the_workspace_costs_the_actions_only() {
    let desk = Desk::ready();
    desk.write(layout::PORTFOLIO.latest, r#"{"holdings":{"069500":{"quantity":-98765}}}"#);
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("PORTFOLIO_UNUSABLE") && !ran.said("98765"), "{ran:?}");
    let held = desk.latest().expect("a bundle")["strategy"]["holding_action"].clone();
    assert_eq!((held["status"].as_str(), held["reason"].as_str()), (Some("SKIPPED"), Some("PORTFOLIO_INCONSISTENT")));
}

#[test]
fn parameters_of_a_bundle_that_proves_nothing_are_not_signed_anew() {
    let desk = Desk::ready();
    assert_eq!(desk.bundle(&[]).code, Some(0));
    desk.store().remove(layout::STRATEGY_PARAMS.latest).expect("removed");
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(0), "a bundle of our own is taken: {ran:?}");
    let mut bundle = desk.latest().expect("a bundle");
    assert_eq!(bundle["strategy"]["params_ref"], "strategy_bundle_latest");
    bundle["strategy"]["risk_limits"]["max_position_pct"] = 0.95.into();
    desk.write(layout::BUNDLE.latest, &bundle.to_string());
    let before = desk.snapshots();
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.said("PARAMS_UNVERIFIED") && ran.said("PAYLOAD_SHA256_MISMATCH"), "{ran:?}");
    assert_eq!(desk.snapshots(), before);
    assert_eq!(desk.latest().expect("a bundle"), bundle, "latest is as it was");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let desk = Desk::ready();
    desk.write("file", "");
    refuses("below a file", &desk, &["--out", "file/bundle.json"], 3, "--out file/bundle.json");
    refuses("a directory", &desk, &["--out", "state"], 64, "--out state is a directory");
}
