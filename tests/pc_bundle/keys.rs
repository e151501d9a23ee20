//! Keys: made, changed, chosen, and never shown.

use daily_ops::sync;
use daily_ops::sync::Identity;

use crate::desk::Desk;
use crate::desk::KEY;
use crate::desk::NEXT;
use crate::desk::last_session;

fn setting(files: &str) -> String {
    format!("[bundle]\nhmac_key_file = [{files}]\n")
}

#[test]
fn a_key_is_changed_without_a_refused_bundle_in_between() {
    let desk = Desk::ready();
    desk.secret("old.key", KEY, 0o600);
    desk.secret("new.key", NEXT, 0o600);
    let verified = |files: &str, code: i32, name: &str| {
        desk.write("daily_ops.toml", &setting(files));
        let ran = desk.bundle(&["verify"]);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
    };
    desk.write("daily_ops.toml", &setting("\"old.key\""));
    assert_eq!(desk.bundle(&[]).code, Some(0));
    verified("\"old.key\", \"new.key\"", 0, "the host learns the new key first");
    desk.write("daily_ops.toml", &setting("\"new.key\", \"old.key\""));
    assert_eq!(desk.bundle(&[]).code, Some(0), "the PC signs with the first");
    verified("\"old.key\", \"new.key\"", 0, "a host with both accepts the new signature");
    verified("\"new.key\"", 0, "and so does one that has dropped the old key");
    verified("\"old.key\"", 2, "but not one that never learned the new one");
    desk.write("daily_ops.toml", &setting("\"old.key\""));
    assert_eq!(desk.bundle(&[]).code, Some(0));
    verified("\"new.key\", \"old.key\"", 0, "an old signature is accepted while both are listed");
    verified("\"new.key\"", 2, "and no more once the old key is gone");
}

#[test]
fn a_made_key_signs_what_its_public_half_verifies() {
    let desk = Desk::ready();
    let ran = desk.bundle(&["keygen", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = ran.json();
    let secret = std::fs::read_to_string(desk.root().join(told["key_file"].as_str().expect("a file"))).expect("read");
    assert_eq!(secret.trim().len(), 64);
    assert!(!ran.said(secret.trim()), "the private half is never shown");
    desk.write("daily_ops.toml", &format!("[bundle]\ned25519_key_file = {}\n", told["key_file"]));
    assert_eq!(desk.bundle(&["--json"]).json()["algorithm"], "ed25519");
    assert_eq!(desk.bundle(&["verify"]).code, Some(0), "the PC judges its own bundle");
    let host = |key: &str| format!("[bundle]\ned25519_public_key_file = {key}\nalgorithms = \"ed25519\"\n");
    desk.write("daily_ops.toml", &host(&told["public_key_file"].to_string()));
    assert_eq!(desk.bundle(&["verify"]).code, Some(0), "the host needs the public half only");
    let other = desk.bundle(&["keygen", "--name", "other", "--json"]).json();
    desk.write("daily_ops.toml", &host(&other["public_key_file"].to_string()));
    assert_eq!(desk.bundle(&["verify"]).code, Some(2), "another key proves nothing");
}

#[test]
fn of_two_configured_kinds_the_shared_one_signs_unless_told() {
    let desk = Desk::ready();
    let made = desk.bundle(&["keygen", "--json"]).json();
    let both = "[bundle]\nhmac_key_file = \"state/secrets/bundle_hmac.key\"\ned25519_key_file = ";
    desk.write("daily_ops.toml", &format!("{both}{}\n", made["key_file"]));
    for (args, algorithm) in [
        (&["--json"][..], "HMAC-SHA256"),
        (&["--json", "--algorithm", "ed25519"], "ed25519"),
        (&["--json", "--algorithm", "HMAC-SHA256"], "HMAC-SHA256"),
    ] {
        assert_eq!(desk.bundle(args).json()["algorithm"], algorithm, "{args:?}");
        assert_eq!(desk.bundle(&["verify"]).code, Some(0), "{args:?}");
    }
}

#[test]
fn a_key_is_never_overwritten_and_only_its_owner_reads_it() {
    let desk = Desk::empty();
    for algorithm in ["ed25519", "HMAC-SHA256"] {
        let made = desk.bundle(&["keygen", "--algorithm", algorithm, "--json"]).json();
        let path = desk.root().join(made["key_file"].as_str().expect("a file"));
        let before = std::fs::read(&path).expect("read");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        let again = desk.bundle(&["keygen", "--algorithm", algorithm]);
        assert_eq!(again.code, Some(2), "{again:?}");
        assert!(again.said("KEY_EXISTS"), "{again:?}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }
    // A public half that is left over is not overwritten either, and no new secret is made beside it.
    std::fs::remove_file(desk.root().join("state/secrets/bundle_ed25519.key")).expect("removed");
    assert_eq!(desk.bundle(&["keygen"]).code, Some(2));
    assert!(!desk.root().join("state/secrets/bundle_ed25519.key").exists());
    assert_eq!(desk.bundle(&["keygen", "--name", "../escape"]).code, Some(64));
}

#[test]
fn a_key_is_not_made_where_git_would_take_it_along() {
    let desk = Desk::empty();
    let shared = tempfile::tempdir().expect("a directory");
    sync::create_bare(&shared.path().join("shared.git"), "main").expect("made");
    let url = shared.path().join("shared.git").to_string_lossy().into_owned();
    let clone = desk.root().join("clone");
    sync::clone(&url, &clone, "main", Identity { name: "PC", email: "pc@localhost" }).expect("cloned");
    let clone = clone.to_string_lossy().into_owned();
    let keygen = |dir: &str| desk.run(&["--root", &clone, "pc", "bundle", "keygen", "--dir", dir]);
    for dir in ["state/secrets", "keys", "./keys", &format!("{clone}/keys")] {
        let ran = keygen(dir);
        assert_eq!(ran.code, Some(2), "{dir}: {ran:?}");
        assert!(ran.said("KEY_WOULD_BE_TRACKED"), "{dir}: {ran:?}");
    }
    assert_eq!(keygen("sub/../keys").code, Some(64));
    assert_eq!(desk.run(&["init", &clone]).code, Some(0), "the workspace's own ignore file");
    assert_eq!(keygen("state/secrets").code, Some(0));
    let outside = shared.path().join("outside").to_string_lossy().into_owned();
    assert_eq!(keygen(&outside).code, Some(0), "outside of the work tree git takes nothing");
}

#[test]
fn without_a_signature_the_bundle_says_so_and_hosts_refuse_it() {
    let desk = Desk::ready();
    let ran = desk.bundle(&["--unsigned", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("UNSIGNED"), "{ran:?}");
    let integrity = desk.latest().expect("a bundle")["integrity"].clone();
    let sha = integrity["payload_sha256"].as_str().expect("a hash");
    assert_eq!(integrity["signature"], format!("auto-{}", &sha[..16]));
    assert_eq!(integrity["algorithm"], "HMAC-SHA256");
    let verify = desk.bundle(&["verify"]);
    assert!(verify.code == Some(2) && verify.said("SIGNATURE_INVALID"), "{verify:?}");
    desk.write("daily_ops.toml", "[bundle]\nallow_unsigned = true\n");
    let verify = desk.bundle(&["verify"]);
    assert!(verify.code == Some(0) && verify.said("SIGNATURE_UNVERIFIED"), "{verify:?}");
    assert_eq!(
        desk.latest().expect("a bundle")["strategy"]["scorer"]["prices"]["069500"]["date"],
        last_session().to_string()
    );
}
