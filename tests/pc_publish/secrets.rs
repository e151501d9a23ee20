//! A secret in any file that would travel stops the publish, and is not repeated anywhere.

use daily_ops::contracts::json::hex;
use daily_ops::contracts::publish::PublishCode;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use serde_json::Value;
use serde_json::json;

use crate::site::KEY;
use crate::site::Site;
use crate::site::read;
use crate::site::snapshot;
use crate::site::write;

fn planted(site: &Site, path: &str, secret: &Value) {
    let mut document: Value = serde_json::from_str(&read(&site.pc, path)).unwrap_or_else(|_| json!({}));
    document["note"] = secret.clone();
    if path.ends_with(".jsonl") {
        let text = read(&site.pc, path);
        return write(&site.pc, path, &format!("{text}{}\n", json!({"note": secret})));
    }
    write(&site.pc, path, &format!("{document:#}\n"));
}

#[test]
fn a_secret_is_found_wherever_it_is() {
    let token = ["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"].concat();
    let files = [
        layout::RECON_SUMMARY,
        layout::RECON_DAILY,
        layout::REPORT_HUMAN,
        layout::REPORT_AI,
        layout::BUNDLE.latest,
        "state/live/decision_params.json",
        "state/live/other.json",
        "state/strategy_bundle/snapshots/strategy_bundle_20261120_190000.json",
    ];
    for file in files {
        let site = Site::new();
        assert_eq!(snapshot(site.clock.now()), files[7]);
        if !site.pc.join(file).exists() {
            write(&site.pc, file, "{}");
        }
        planted(&site, file, &json!(token));
        let said = site.refused(file, PublishCode::PublishInvalid);
        assert!(said.contains(file) && said.contains("GITHUB_TOKEN"), "{file}: {said}");
        let all = format!("{said}{}{}", site.log(), read(&site.pc, layout::PUBLISH_RESULT));
        assert!(!all.contains(&token), "{file}: repeated");
        let objects = std::process::Command::new("grep").args(["-rq", &token]).arg(site.pc.join(".git")).status();
        assert!(objects.is_err() || objects.is_ok_and(|found| !found.success()), "{file}: in git's own files");
    }
}

#[test]
fn each_kind_of_secret_is_named_by_its_rule() {
    let hex64 = "0123456789abcdef".repeat(4);
    let cases = [
        ("private key", json!(["-----BEGIN ", "EC PRIVATE KEY-----\nMHc"].concat()), "PRIVATE_KEY"),
        ("aws", json!(["AK", "IAIOSFODNN7EXAMPLE"].concat()), "AWS_KEY"),
        ("jwt", json!(["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0"].concat()), "JWT"),
        ("app secret", json!({"appsecret": "abcdefgh"}), "SECRET_FIELD (appsecret)"),
        ("app key", json!({"app_key": "abcdefgh"}), "SECRET_FIELD (appkey)"),
        ("account", json!("50123456-01"), "ACCOUNT_NUMBER"),
        ("account field", json!({"CANO": 50_123_456}), "ACCOUNT_FIELD (cano)"),
        ("our key", json!(KEY), "OWN_KEY (the shared key)"),
        ("our key as hex", json!(hex(KEY.as_bytes())), "OWN_KEY (the shared key)"),
        ("64 hex digits", json!(hex64), "RAW_KEY"),
    ];
    for (name, secret, rule) in cases {
        let site = Site::new();
        planted(&site, layout::RECON_SUMMARY, &secret);
        let said = site.refused(name, PublishCode::PublishInvalid);
        assert!(said.contains(rule), "{name}: {said}");
        assert!(!said.contains(KEY) && !said.contains("50123456-01"), "{name}: repeated");
    }
}

/// A golden with the times that it leaves out.
fn dated(text: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    for key in ["generated_at", "asof"] {
        if document.get(key).is_some() {
            document[key] = "2026-11-20T19:00:00+09:00".into();
        }
    }
    format!("{document:#}\n")
}

/// The real documents of the reference and of the reconciliation goldens: hashes everywhere, no secret.
#[test]
fn real_documents_hold_no_secret() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.exists() {
        return;
    }
    let mut tried = 0;
    let golden = data.join("reconcile/product_krx/expected");
    for name in ["recon_summary.json", "recon_daily.jsonl", "report_human.json", "report_ai.json"] {
        let Ok(text) = std::fs::read_to_string(golden.join(name)) else { continue };
        tried += 1;
        let site = Site::new();
        write(&site.pc, &format!("reports/phase_c/latest/{name}"), &text);
        let outcome = site.publish();
        assert!(!outcome.result.message.contains("must not travel"), "{name}: {}", outcome.result.message);
    }
    assert!(tried > 0, "the goldens are there");
    let site = Site::new();
    for name in ["recon_summary.json", "recon_daily.jsonl", "report_human.json", "report_ai.json"] {
        let text = std::fs::read_to_string(golden.join(name)).expect("readable");
        write(&site.pc, &format!("reports/phase_c/latest/{name}"), &dated(&text));
    }
    let outcome = site.publish();
    assert_eq!(outcome.result.code, None, "a golden pair is a pair of its summary: {}", outcome.result.message);
}
