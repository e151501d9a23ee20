//! What a bundle says when everything is in order, and when something is missing.

use daily_ops::contracts::BundleDecision;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::SigningKey;
use daily_ops::contracts::bundle::validate;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::sync;
use daily_ops::sync::Identity;
use daily_ops::sync::Remote;
use serde_json::Value;
use serde_json::json;

use crate::desk::Desk;
use crate::desk::KEY;
use crate::desk::last_session;
use crate::desk::now;

const PORTFOLIO: &str = r#"{"schema":"PORTFOLIO_SNAPSHOT_V1","cash":4321098,"holdings":[
    {"ticker":"069500","name":"KODEX 200","quantity":54321,"avg_price":30123,"current_price":31987},
    {"ticker":"005930","name":"삼성전자","quantity":98765,"avg_price":70111}]}"#;

#[test]
#[expect(clippy::cognitive_complexity, reason = "one assertion a field")]
fn an_evening_makes_a_snapshot_and_a_latest_bundle_that_the_host_accepts() {
    let desk = Desk::ready();
    desk.write(layout::PORTFOLIO.latest, PORTFOLIO);
    let ran = desk.bundle(&["--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr, "", "nothing to warn of");
    let told = ran.json();
    assert_eq!((told["result"].as_str(), told["decision"].as_str()), (Some("OK"), Some("PASS")));
    assert_eq!(told["prices"], json!({"state": "CURRENT", "date": last_session()}));
    let latest = desk.store().read(layout::BUNDLE.latest).expect("readable").expect("there");
    let snapshot = desk.store().read(told["file"].as_str().expect("a file")).expect("readable").expect("there");
    assert_eq!(latest, snapshot);
    let key = SigningKey::hmac(KEY.as_bytes()).expect("a key");
    let policy = BundlePolicy { keys: vec![key.verifying()], ..BundlePolicy::default() };
    let found = validate(Some(&latest), &policy, now());
    assert_eq!((found.decision, found.signature_verified), (BundleDecision::Pass, true), "{found:?}");
    let bundle: Value = serde_json::from_slice(&latest).expect("JSON");
    let strategy = &bundle["strategy"];
    assert_eq!(strategy["params_ref"], "strategy_params_latest");
    assert_eq!(strategy["params_fingerprint"].as_str().map(str::len), Some(16));
    assert_eq!(strategy["scorer"]["status"], "OK");
    assert_eq!(strategy["scorer"]["data_source"], "CACHE");
    assert_eq!(strategy["scorer"]["prices"].as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(strategy["scorer"]["top_picks"].as_array().map(Vec::len), Some(4));
    assert!(strategy["regime"]["reason_detail"].as_str().is_some_and(|text| text.starts_with("source=069500 ")));
    let said: Vec<_> = strategy["holding_action"]["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| format!("{} {}", item["ticker"].as_str().unwrap_or("-"), item["action"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(said, ["005930 REDUCE", "069500 HOLD", "114800 ADD", "122630 ADD", "229200 ADD"]);
    let source = &bundle["source"];
    assert_eq!(source["active_surface_sha256"].as_str().map(str::len), Some(64));
    assert!(source["pc_host"].as_str().is_some_and(|name| !name.is_empty()));
    assert_eq!((source["git_commit"].as_str(), source["git_branch"].as_str()), (Some("unknown"), Some("unknown")));
    assert_eq!(bundle["compat"], json!({"min_oci_version": "1.49", "expected_python": "3.10+"}));
    let text = String::from_utf8(latest).expect("text");
    for personal in ["4321098", "54321", "98765", "30123", "31987", "70111", "삼성전자", "quantity", "cash\"", KEY]
    {
        assert!(!text.contains(personal), "{personal}");
    }
}

#[test]
fn the_summary_names_what_an_operator_asks_for() {
    let desk = Desk::ready();
    let ran = desk.bundle(&[]);
    let names: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in ["created_at", "bundle_id", "regime", "scorer", "holding", "payload", "file", "latest"] {
        assert!(names.contains(&name), "{name}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("SKIPPED PORTFOLIO_MISSING: HOLD 0 REDUCE 0 ADD 0"), "{}", ran.stdout);
    assert!(ran.stdout.contains("OK SUCCESS: top "), "{}", ran.stdout);
}

#[test]
fn the_same_evening_gives_the_same_strategy_and_another_id() {
    let desk = Desk::ready();
    let made = || {
        assert_eq!(desk.bundle(&[]).code, Some(0));
        desk.latest().expect("a bundle")
    };
    let (first, second) = (made(), made());
    assert_ne!(first["bundle_id"], second["bundle_id"]);
    assert_eq!(first["strategy"], second["strategy"]);
    assert_eq!(first["source"], second["source"]);
    assert_eq!(first["integrity"]["payload_sha256"], second["integrity"]["payload_sha256"]);
    assert_eq!(desk.snapshots().len(), 2);
}

#[test]
fn files_alone_are_enough() {
    let desk = Desk::ready();
    let elsewhere = tempfile::tempdir().expect("a directory");
    let out = elsewhere.path().join("made/bundle.json");
    let (params, prices) = (desk.root().join(layout::STRATEGY_PARAMS.latest), desk.root().join(layout::PRICES));
    let portfolio = elsewhere.path().join("held.json");
    Store::new(elsewhere.path()).write("held.json", PORTFOLIO.as_bytes()).expect("written");
    let mut command = desk.command(&["pc", "bundle", "--json"]);
    command.current_dir(elsewhere.path()).env("STRATEGY_BUNDLE_HMAC_KEY", KEY);
    for (flag, path) in [("--params", &params), ("--prices", &prices), ("--portfolio", &portfolio), ("--out", &out)] {
        command.arg(flag).arg(path);
    }
    let ran = crate::desk::ended(&mut command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let bundle: Value = serde_json::from_slice(&std::fs::read(&out).expect("made")).expect("JSON");
    assert_eq!(bundle["strategy"]["scorer"]["data_source"], "FILES");
    assert_eq!(bundle["strategy"]["holding_action"]["status"], "OK");
    assert_eq!(bundle["evidence_refs"], json!([]));
    assert!(!elsewhere.path().join("state").exists(), "no workspace was made");
    assert!(!bundle.to_string().contains(&*elsewhere.path().to_string_lossy()), "no path of this machine");
    assert!(desk.is_bare());
}

#[test]
fn korean_is_kept_and_the_strategys_name_is_in_capitals() {
    let desk = Desk::ready();
    desk.parameters(|params| {
        params.strategy = "krx_momentum_v1".to_owned();
        params.version = "1.0.0-베타".to_owned();
    });
    let ran = desk.bundle(&["--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = String::from_utf8(desk.store().read(layout::BUNDLE.latest).expect("readable").expect("there"));
    let text = text.expect("text");
    assert!(text.contains("\"KRX_MOMENTUM_V1\"") && text.contains("1.0.0-베타"), "{text}");
    assert_eq!(desk.bundle(&["verify"]).code, Some(0));
}

#[test]
fn what_lies_in_the_workspace_is_referred_to() {
    let desk = Desk::ready();
    desk.write(layout::BACKTEST.latest, "{}");
    desk.write(layout::RECON_SUMMARY, "{}");
    assert_eq!(desk.bundle(&[]).code, Some(0));
    let refs = desk.latest().expect("a bundle")["evidence_refs"].clone();
    assert_eq!(refs, json!([layout::BACKTEST.latest, layout::RECON_SUMMARY]));
}

#[test]
fn revision_and_branch_are_those_of_the_work_tree() {
    let desk = Desk::ready();
    let shared = tempfile::tempdir().expect("a directory");
    let (url, clone) = (shared.path().join("shared.git"), shared.path().join("clone"));
    sync::create_bare(&url, "research").expect("made");
    let person = Identity { name: "PC", email: "pc@localhost" };
    sync::clone(&url.to_string_lossy(), &clone, "research", person).expect("cloned");
    let root = clone.to_string_lossy().into_owned();
    assert_eq!(desk.run(&["init", &root]).code, Some(0));
    let remote = Remote { root: &clone, name: "origin", branch: "research", limit: sync::TRANSFER_LIMIT };
    let commit = remote.publish(&[".gitignore".to_owned()], "Start\n").expect("published").revision;
    let (params, prices) = (desk.root().join(layout::STRATEGY_PARAMS.latest), desk.root().join(layout::PRICES));
    let mut command = desk.command(&["--root", &root, "pc", "bundle", "--unsigned", "--json"]);
    command.arg("--params").arg(params).arg("--prices").arg(prices);
    let ran = crate::desk::ended(&mut command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let bytes = std::fs::read(clone.join(layout::BUNDLE.latest)).expect("made");
    let source = serde_json::from_slice::<Value>(&bytes).expect("JSON")["source"].clone();
    assert_eq!((source["git_branch"].as_str(), source["git_commit"].as_str()), (Some("research"), commit.get(..8)));
}

#[test]
fn a_ticker_without_prices_is_left_out_and_said() {
    let desk = Desk::ready();
    desk.write(layout::PORTFOLIO.latest, PORTFOLIO);
    desk.store().remove(&format!("{}/114800.parquet", layout::PRICES)).expect("removed");
    assert_eq!(desk.bundle(&[]).code, Some(0));
    let strategy = desk.latest().expect("a bundle")["strategy"].clone();
    assert_eq!(strategy["scorer"]["top_picks"].as_array().map(Vec::len), Some(3));
    let detail = strategy["scorer"]["reason_detail"].as_str().expect("text");
    assert!(detail.contains("valid=3/4") && detail.ends_with("114800(no prices)"), "{detail}");
    assert_eq!(strategy["holding_action"]["reason"], "DEGRADED_INPUT");
}

#[test]
fn without_any_prices_nothing_is_recommended() {
    let desk = Desk::ready();
    std::fs::remove_dir_all(desk.root().join(layout::PRICES)).expect("removed");
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("NO_PRICES"), "{}", ran.stderr);
    let strategy = desk.latest().expect("a bundle")["strategy"].clone();
    assert_eq!(strategy["scorer"]["status"], "SKIPPED");
    assert_eq!(strategy["scorer"]["reason"], "DATA_MISSING");
    assert_eq!(strategy["scorer"]["top_picks"], json!([]));
    assert_eq!(strategy["regime"]["code"], "NEUTRAL");
    assert_eq!(strategy["regime"]["reason"], "DATA_MISSING");
}

#[test]
fn made_up_prices_are_called_made_up() {
    let desk = Desk::ready();
    let file = desk.store().read(&format!("{}/069500.parquet", layout::PRICES)).expect("readable").expect("there");
    let meta = |sha: &str| {
        json!({"schema": "PRICE_META_V1", "ticker": "069500", "vendor": "synthetic", "first": "2025-01-02",
            "last": "2026-01-02", "fetched_at": "2026-11-20T17:00:00+09:00", "rows": 1, "sha256": sha, "adjusted": true})
        .to_string()
    };
    let name = format!("{}/069500.meta.json", layout::PRICES);
    desk.write(&name, &meta(&daily_ops::contracts::json::sha256_hex(&file)));
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("SYNTHETIC_PRICES"), "{}", ran.stderr);
    assert_eq!(desk.latest().expect("a bundle")["strategy"]["scorer"]["data_source"], "SYNTHETIC");
    desk.write(&name, &meta(&"0".repeat(64)));
    let ran = desk.bundle(&[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.said("069500: is not the file that its meta.json describes"), "{ran:?}");
}

#[test]
fn the_real_prices_give_the_published_closes() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/prices");
    if !std::path::Path::new(shared).exists() {
        return;
    }
    let desk = Desk::ready();
    let ran = desk.bundle(&["--prices", shared, "--allow-stale-prices", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = ran.json();
    let close = |ticker: &str| told["scorer"]["prices"][ticker]["close"].as_i64();
    let closes = ["229200", "122630", "069500", "114800"].map(close);
    assert_eq!(closes, [Some(15_580), Some(47_540), Some(60_720), Some(2_440)]);
    assert_eq!(told["regime"]["code"], "RISK_ON");
    // The index ends a month before the funds: it is passed over.
    assert!(told["regime"]["reason_detail"].as_str().is_some_and(|text| text.contains("source=069500 ")), "{told}");
}
