//! The host proves the bundle itself before anything acts on it, whatever the backend says.

use daily_ops::contracts::SigningKey;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

/// What is done to a bundle that was made some minutes before.
struct Row {
    name: &'static str,
    minutes: i64,
    edit: fn(&mut Value),
    settings: &'static [&'static str],
    exit: i32,
    reason: &'static str,
    warning: Option<&'static str>,
}

const FINE: Row = Row { name: "fine", minutes: 5, edit: |_| {}, settings: &[], exit: 0, reason: "OK", warning: None };
const BAD: Row = Row { exit: 2, reason: "BUNDLE_FAIL", ..FINE };

fn unsign(bundle: &mut Value) {
    bundle["integrity"].as_object_mut().expect("an object").remove("signature");
}

/// The reference's own placeholder.
fn sign_like_the_reference(bundle: &mut Value) {
    bundle["integrity"]["signature"] = json!("auto-generated-no-gpg");
}

fn tamper(bundle: &mut Value) {
    bundle["strategy"]["position_limits"]["max_positions"] = json!(40);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row per bundle")]
fn a_bundle_acts_only_when_it_is_proved_and_fresh() {
    let rows = [
        FINE,
        Row { name: "unsigned", edit: unsign, ..BAD },
        Row { name: "signed like the reference", edit: sign_like_the_reference, ..BAD },
        Row { name: "tampered", edit: tamper, ..BAD },
        Row { name: "redated", edit: |b| b["created_at"] = json!(site::stamp(1)), ..BAD },
        Row { name: "renamed", edit: |b| b["bundle_id"] = json!("00000000-0000-4000-8000-000000000000"), ..BAD },
        Row { name: "another schema", edit: |b| b["schema"] = json!("STRATEGY_BUNDLE_V9"), ..BAD },
        Row { name: "from the future", minutes: -10, ..BAD },
        Row { name: "a little ahead", minutes: -2, ..FINE },
        Row { name: "ed25519 not accepted", settings: &["bundle.algorithms=HMAC-SHA256"], ..BAD },
        Row { name: "key file missing", settings: &["bundle.ed25519_public_key_file=state/secrets/none.pub"], ..BAD },
        Row { name: "key file damaged", settings: &["bundle.ed25519_public_key_file=.gitignore"], ..BAD },
        Row { name: "ten days old", minutes: 14_400, exit: 2, reason: "BUNDLE_STALE", ..FINE },
        Row {
            name: "older than the limit",
            settings: &["bundle.staleness=age", "bundle.max_age_seconds=60"],
            exit: 2,
            reason: "BUNDLE_STALE",
            ..FINE
        },
        Row {
            name: "ten days old, policy warn",
            minutes: 14_400,
            settings: &["pipeline.stale_policy=warn"],
            warning: Some("BUNDLE_STALE_WARN"),
            ..FINE
        },
        Row {
            name: "unsigned is allowed",
            edit: unsign,
            settings: &["bundle.allow_unsigned=true"],
            warning: Some("BUNDLE_UNSIGNED"),
            ..FINE
        },
        Row { name: "tampered is never allowed", edit: tamper, settings: &["bundle.allow_unsigned=true"], ..BAD },
        Row {
            name: "near its limit",
            minutes: 58,
            settings: &["bundle.max_age_seconds=3600"],
            warning: Some("BUNDLE_NEAR_LIMIT"),
            ..FINE
        },
    ];
    let (host, key) = (Host::new(), site::signing_key());
    site::trust(&host, &key);
    for row in rows {
        let mut bundle = site::signed_bundle(&key, site::now() - chrono::Duration::minutes(row.minutes));
        (row.edit)(&mut bundle);
        host.write(layout::BUNDLE.latest, &bundle.to_string());
        let fake = Fake::new();
        let set: Vec<&str> = row.settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let ran = host.daily(&fake, &set);
        let record = host.proves(row.name, &ran, row.exit, row.reason);
        assert_eq!(fake.asked(site::RUN_CYCLE), usize::from(row.exit == 0), "{}: {}", row.name, ran.stderr);
        let warnings = host.warnings();
        let about = |code: &&String| code.starts_with("BUNDLE_");
        let found: Vec<_> = warnings.iter().filter(about).map(String::as_str).collect();
        if row.exit == 0 {
            assert_eq!(found, row.warning.into_iter().collect::<Vec<_>>(), "{}", row.name);
        }
        let proved = record["bundle"]["decision"] != "FAIL";
        assert_eq!(proved, row.reason != "BUNDLE_FAIL", "{}: {}", row.name, record["bundle"]);
    }
}

#[test]
fn a_file_that_is_no_bundle_is_a_failure_and_not_an_absence() {
    let host = Host::new();
    site::trust(&host, &site::signing_key());
    for (name, text) in
        [("empty", ""), ("half", "{\"schema\": "), ("a list", "[]"), ("null", "null"), ("NaN", "{\"a\": NaN}")]
    {
        let fake = Fake::new();
        host.write(layout::BUNDLE.latest, text);
        host.proves(name, &host.daily(&fake, &[]), 2, "BUNDLE_FAIL");
        assert_eq!(fake.asked(site::RUN_CYCLE), 0, "{name}");
    }
}

#[test]
fn a_key_that_the_host_does_not_know_or_no_key_at_all_blocks() {
    let stranger = SigningKey::ed25519(&"09".repeat(32)).expect("a key");
    let shared = SigningKey::hmac(b"0123456789abcdef0123456789abcdef").expect("a key");
    for (name, signer, trusted, exit) in [
        ("a stranger", stranger, true, 2),
        ("a shared key that is not there", shared, true, 2),
        ("no key on the host", site::signing_key(), false, 2),
    ] {
        let (host, fake) = (Host::new(), Fake::new());
        if trusted {
            site::trust(&host, &site::signing_key());
        }
        host.write(layout::BUNDLE.latest, &site::signed_bundle(&signer, site::now()).to_string());
        host.proves(name, &host.daily(&fake, &[]), exit, "BUNDLE_FAIL");
        assert_eq!(fake.asked(site::RUN_CYCLE), 0, "{name}");
    }
}

#[test]
fn a_shared_key_of_the_environment_proves_a_bundle() {
    let (host, fake) = (Host::new(), Fake::new());
    let key = SigningKey::hmac(b"0123456789abcdef0123456789abcdef").expect("a key");
    host.write(layout::BUNDLE.latest, &site::signed_bundle(&key, site::now()).to_string());
    let mut command = host.daily_command(&fake.url(), &["--no-git-pull"]);
    command.env("STRATEGY_BUNDLE_HMAC_KEY", "0123456789abcdef0123456789abcdef");
    let ran = site::finished(command.output().expect("started"));
    let record = host.proves("shared key", &ran, 0, "OK");
    assert_eq!(record["bundle"]["signature_verified"], true);
}

#[test]
fn without_a_bundle_the_reference_completes_with_a_warning_and_the_own_backend_blocks() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.shows(&site::receipt_with(|doc| doc["bundle"]["decision"] = json!("NO_BUNDLE")));
    host.proves("reference", &host.daily(&fake, &[]), 0, "OK");
    assert!(host.warnings().contains(&"NO_BUNDLE".to_owned()), "{:?}", host.warnings());
    let served = site::Served::on(&host);
    let ran = host.daily_at(served.url(), &[]);
    let record = host.proves("own", &ran, 2, "NO_BUNDLE");
    assert_eq!(record["cycle"]["snapshot_check"], "OK", "the blocked receipt is proved for the record");
    assert_eq!(record["stages"][4]["class"], "ok");
}
