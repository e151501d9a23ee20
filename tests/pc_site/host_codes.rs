//! The host refuses what the PC's own program did not seal, each defect under its own code, and acts on none of it.

use chrono::Duration;
use daily_ops::contracts::SigningKey;
use daily_ops::pc::BundleDraft;
use daily_ops::pc::sealed_bundle;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::site::Site;
use crate::site::Stage;
use crate::site::json as document;
use crate::site::read;
use crate::site::write;

struct Row {
    name: &'static str,
    /// Makes the text that is committed in place of the sound bundle.
    make: fn(&Site, &str) -> String,
    /// The run's reason. The own backend finds a bundle that fails first, and blocks with its integrity as the risk.
    reason: &'static str,
    /// What tells this defect from any other.
    code: &'static str,
}

/// The strategy of a bundle sealed again with another key or at another time, in minutes from now.
fn sealed(sound: &str, key: &SigningKey, minutes: i64) -> String {
    let sound: Value = serde_json::from_str(sound).expect("a bundle");
    let draft = BundleDraft {
        strategy: sound["strategy"].clone(),
        pc_host: "pc".to_owned(),
        git_commit: "unknown".to_owned(),
        git_branch: "main".to_owned(),
        evidence_refs: Vec::new(),
    };
    let made = SystemClock::new().now() + Duration::minutes(minutes);
    String::from_utf8(sealed_bundle(&draft, key, made).expect("sealed")).expect("text")
}

fn edited(sound: &str, edit: impl Fn(&mut Value)) -> String {
    let mut bundle: Value = serde_json::from_str(sound).expect("a bundle");
    edit(&mut bundle);
    format!("{bundle:#}\n")
}

/// One byte of the strategy, nothing else.
fn tampered(_: &Site, sound: &str) -> String {
    let changed = sound.replacen("\"max_positions\": 4", "\"max_positions\": 5", 1);
    assert_eq!(changed.bytes().zip(sound.bytes()).filter(|(a, b)| a != b).count(), 1, "{sound}");
    changed
}

fn stranger() -> SigningKey {
    SigningKey::ed25519(&"09".repeat(32)).expect("a key")
}

fn unsigned(_: &Site, sound: &str) -> String {
    edited(sound, |bundle| {
        let sha = bundle["integrity"]["payload_sha256"].as_str().expect("text").to_owned();
        bundle["integrity"]["signature"] = json!(format!("auto-{}", &sha[..16]));
    })
}

const TEN_DAYS: i64 = 14_400;

const ROWS: &[Row] = &[
    Row { name: "tampered", make: tampered, reason: "OPS_BLOCKED", code: "PAYLOAD_SHA256_MISMATCH: " },
    Row {
        name: "an unknown key",
        make: |_, sound| sealed(sound, &stranger(), 0),
        reason: "OPS_BLOCKED",
        code: "SIGNATURE_INVALID: no key of this host made this signature",
    },
    Row {
        name: "from the future",
        make: |site, sound| sealed(sound, &site.key(), 10),
        reason: "OPS_BLOCKED",
        code: "CREATED_AT_IN_FUTURE: ",
    },
    Row {
        name: "older than the last session",
        make: |site, sound| sealed(sound, &site.key(), -TEN_DAYS),
        reason: "BUNDLE_STALE",
        code: "the session of ",
    },
    Row {
        name: "unsigned as older programs do",
        make: unsigned,
        reason: "OPS_BLOCKED",
        code: "SIGNATURE_INVALID: the bundle is not signed",
    },
    Row {
        name: "an algorithm that nobody knows",
        make: |_, sound| edited(sound, |bundle| bundle["integrity"]["algorithm"] = json!("NONE")),
        reason: "OPS_BLOCKED",
        code: "SIGNATURE_ALGORITHM: ",
    },
    Row {
        name: "made younger than it is",
        make: |site, sound| {
            let now = daily_ops::time::Stamp::of(SystemClock::new().now());
            edited(&sealed(sound, &site.key(), -TEN_DAYS), |bundle| bundle["created_at"] = json!(now))
        },
        reason: "OPS_BLOCKED",
        code: "SIGNATURE_INVALID: no key of this host made this signature",
    },
    Row { name: "cut off", make: |_, sound| sound[..90].to_owned(), reason: "OPS_BLOCKED", code: "JSON_PARSE_ERROR: " },
];

/// Checks that a run on the host was stopped by the bundle before anything acted.
fn refused(name: &str, site: &Site, (reason, code): (&str, &str)) {
    let record = site.host_ends(name, 2);
    assert_eq!(record["reason"], reason, "{name}: {record:#}");
    let detail = record["reason_detail"].as_str().unwrap_or_default();
    assert!(detail.contains(code), "{name}: {detail}");
    // The run's own look at the bundle, whatever the backend says of it.
    let own = &record["bundle"];
    if reason == "BUNDLE_STALE" {
        assert_eq!((&own["decision"], &own["stale"]), (&"WARN".into(), &true.into()), "{name}");
    } else {
        assert_eq!(own["decision"], "FAIL", "{name}");
        assert!(own["issues"][0].as_str().is_some_and(|issue| issue.starts_with(code)), "{name}: {own}");
        assert!(record["risks"].to_string().contains("BUNDLE_INTEGRITY_FAIL"), "{name}: {}", record["risks"]);
    }
    assert!(record["cycle"]["cycle_id"].is_null(), "{name}: {}", record["cycle"]);
    assert!(!site.host.join(layout::CYCLE.latest).exists(), "{name}: a live cycle was begun");
    let verified = site.on_host(&["--json", "pc", "bundle", "verify"]).ends(name, 2).json();
    assert_eq!(verified["usable"], false, "{name}");
    assert!(verified["validation"].to_string().contains(code), "{name}: {verified:#}");
}

#[test]
fn each_bundle_that_is_not_to_be_acted_on_has_its_own_code_and_nothing_acts() {
    let site = Site::at(Stage::Made);
    let sound = read(&site.pc, layout::BUNDLE.latest);
    for row in ROWS {
        write(&site.pc, layout::BUNDLE.latest, &(row.make)(&site, &sound));
        site.share(row.name);
        refused(row.name, &site, (row.reason, row.code));
        let record = document(&site.host, layout::RUN.latest);
        assert_eq!(record["host_rev_after"], site.main().to_string(), "{}: it did arrive", row.name);
    }
    write(&site.pc, layout::BUNDLE.latest, &sound);
    site.share("the sound one again");
    let record = site.host_ends("the sound one again", 0);
    assert_eq!(record["cycle"]["decision"], "COMPLETED", "{record:#}");
}

#[test]
fn a_host_without_a_key_trusts_nobody() {
    let site = Site::at(Stage::Made);
    write(&site.host, "daily_ops.toml", "");
    refused("no key", &site, ("OPS_BLOCKED", "SIGNATURE_KEY_MISSING: "));
}
