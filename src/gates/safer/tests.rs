//! The stop, a closing gate and a sender switched off, against locks that somebody keeps, full disks and broken trails.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::contracts::actor::Role;
use crate::contracts::channel::Channels;
use crate::gates::AuditEntry;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::store::Store;
use crate::time::Stamp;

const APPROVED: &[u8] = br#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","requested_at":"2026-01-10T16:00:00","expires_at":"2026-01-11T16:00:00","keys":[{"key_id":"k1","provided_by":"a"},{"key_id":"k2","provided_by":"b"}],"status":"APPROVED"}"#;

fn now() -> KstTime {
    Stamp::from("2026-01-10T16:10:00+09:00").instant().expect("a time")
}

fn op() -> Actor {
    Actor::new("op", Role::Admin, "test")
}

/// The gate open for real execution, the sender on, a window open and the stop off.
fn open(store: &Store) -> String {
    let gates = Gates::new(store);
    store.write(layout::APPROVALS, APPROVED).expect("written");
    let window = gates.open_window(600, &op(), "go", now()).expect("open").window_id;
    gates.set_stop(Stop::Off, &op(), "", now()).expect("set");
    gates.set_gate(GateMode::RealEnabled, &op(), "go", now()).expect("set");
    gates.set_sender(Sender::On(Channels::TELEGRAM_ONLY), &op(), "go", now()).expect("set");
    window
}

fn entries(store: &Store) -> Vec<AuditEntry> {
    Gates::new(store).newest_audit_entries(99).expect("readable")
}

fn read(store: &Store) -> (bool, GateMode, bool) {
    let read = Gates::new(store).switches();
    (read.stop.value, read.gate.value, read.sender.value)
}

#[test]
fn the_stop_goes_on_while_somebody_keeps_its_locks() {
    // Which locks are kept, and whether the audit trail can be told.
    for (lock, told) in [(layout::SWITCH_LOCK, true), (layout::APPROVALS_LOCK, true), (layout::AUDIT_LOCK, false)] {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        open(&store);
        let _kept = Store::new(dir.path()).exclusive(lock).expect("free");
        let outcome = Gates::new(&store).set_stop(Stop::On, &op(), "halt", now());
        assert_eq!(read(&store), (true, GateMode::MockOnly, true), "{lock}");
        assert_eq!(Gates::new(&store).latest_window(now()).expect("readable").window, None, "{lock}");
        match outcome {
            Ok(_) => assert!(told, "{lock}"),
            Err(fault) => {
                let fault = fault.to_string();
                assert!(!told && fault.starts_with("the emergency stop is ON, but") && fault.contains(lock), "{fault}");
            }
        }
    }
}

#[test]
fn the_stop_goes_on_whatever_stands_in_place_of_its_locks() {
    for lock in [layout::SWITCH_LOCK, layout::AUDIT_LOCK, layout::APPROVALS_LOCK] {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        std::fs::create_dir_all(store.path(lock)).expect("made");
        let outcome = Gates::new(&store).set_stop(Stop::On, &op(), "halt", now());
        assert_eq!(outcome.is_ok(), lock != layout::AUDIT_LOCK, "{lock}: {outcome:?}");
        assert_eq!(read(&store), (true, GateMode::MockOnly, false), "{lock}");
        assert!(store.document::<EmergencyStop>(layout::STOP).present().is_some_and(|stop| stop.enabled), "{lock}");
    }
}

#[test]
fn the_stop_revokes_the_open_window_and_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let window = open(&store);
    let gates = Gates::new(&store);
    gates.set_stop(Stop::On, &op(), "drill", now()).expect("set");
    assert_eq!(gates.latest_window(now()).expect("readable").window, None);
    let told: Vec<_> = entries(&store).into_iter().rev().take(3).map(|entry| (entry.action, entry.reason)).collect();
    let why = "Emergency Stop activated: drill".to_owned();
    let want = [("window.revoke", why.clone()), ("gate.set", why), ("stop.set", "drill".to_owned())];
    assert_eq!(told, want.map(|(action, reason)| (action.to_owned(), reason)));
    assert_eq!(entries(&store).pop().map(|entry| entry.target), Some(window));
    gates.set_stop(Stop::Off, &op(), "", now()).expect("set");
    let gate = gates.set_gate(GateMode::RealEnabled, &op(), "go", now());
    assert!(matches!(gate, Err(SwitchFault::Refused(_))), "the window stays closed: {gate:?}");
    // A window file that cannot be read keeps nothing off.
    store.remove(layout::WINDOWS).expect("removed");
    std::fs::create_dir_all(store.path(layout::WINDOWS)).expect("made");
    let told = gates.set_stop(Stop::On, &op(), "again", now()).expect_err("told").to_string();
    assert!(told.starts_with("the emergency stop is ON, but the window for real execution"), "{told}");
    assert!(gates.switches().stop.value);
}

#[test]
fn what_is_made_safer_needs_no_trail_and_what_is_opened_does() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    store.remove(layout::AUDIT).expect("removed");
    std::fs::create_dir_all(store.path(layout::AUDIT)).expect("made");
    let gates = Gates::new(&store);
    let told = gates.set_gate(GateMode::DryRun, &op(), "close", now()).expect_err("told").to_string();
    assert!(told.starts_with("the gate is no further open than DRY_RUN, but the audit trail"), "{told}");
    let told = gates.set_sender(Sender::Off, &op(), "", now()).expect_err("told").to_string();
    assert!(told.starts_with("the sender is disabled, but the audit trail"), "{told}");
    assert_eq!(read(&store), (false, GateMode::DryRun, false));
    assert!(gates.set_gate(GateMode::RealEnabled, &op(), "go", now()).is_err());
    assert!(gates.set_sender(Sender::On(Channels::TELEGRAM_ONLY), &op(), "go", now()).is_err());
    assert_eq!(read(&store), (false, GateMode::DryRun, false));
}

#[test]
fn a_token_and_a_window_are_revoked_with_a_broken_trail_and_made_only_with_a_whole_one() {
    // Whether a directory stands in the trail's place, or its entries were cut off.
    for is_gone in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        let window = open(&store);
        let made = gates.create_token("dash", Role::Admin, &op(), now()).expect("made");
        store.remove(layout::AUDIT).expect("removed");
        if is_gone {
            std::fs::create_dir_all(store.path(layout::AUDIT)).expect("made");
        } else {
            store.write(layout::AUDIT, b"").expect("written");
        }
        let told = gates.revoke_token("dash", &op(), now()).expect_err("told").to_string();
        assert!(told.starts_with("the token dash is revoked, but the audit trail could not be written: "), "{told}");
        let hash = crate::contracts::token::TokenHash::of(&made.text);
        assert_eq!(gates.tokens().expect("usable").find(&hash), None);
        assert!(gates.revoke_token("dash", &op(), now()).expect("again").revoked_at.is_some());
        let told = gates.revoke_window(&window, &op(), "no", now()).expect_err("told").to_string();
        let want = format!("the window {window} is closed, but the audit trail could not be written: ");
        assert!(told.starts_with(&want), "{told}");
        assert_eq!(gates.latest_window(now()).expect("readable").window, None);
        assert!(gates.create_token("other", Role::Viewer, &op(), now()).is_err());
        assert!(gates.open_window(600, &op(), "go", now()).is_err());
        assert_eq!(gates.tokens().expect("usable").tokens.len(), 1, "what opens needs its record");
        assert_eq!(gates.latest_window(now()).expect("readable").window, None);
    }
}

#[test]
fn a_token_that_cannot_be_revoked_stays_valid_and_the_trail_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let gates = Gates::new(&store);
    gates.create_token("dash", Role::Admin, &op(), now()).expect("made");
    let bytes = store.read_secret(layout::TOKENS).expect("readable").expect("a file");
    let outcome = gates.made_first::<crate::gates::TokenFault>(
        "done".to_owned(),
        (&op(), Change::new("token.revoke", "token dash", "")),
        now(),
        || Err(StoreFault::new("write", layout::TOKENS)(std::io::Error::other("no room")).into()),
    );
    assert!(matches!(outcome, Err(crate::gates::TokenFault::Store(_))), "{outcome:?}");
    assert_eq!(store.read_secret(layout::TOKENS).expect("readable"), Some(bytes));
    let told: Vec<_> = entries(&store).into_iter().map(|entry| (entry.action, entry.outcome.is_some())).collect();
    let want = [("token.create", false), ("token.revoke", false), ("token.revoke", true)];
    assert_eq!(told, want.map(|(action, failed)| (action.to_owned(), failed)));
}

fn mount(at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(at);
    command.output().is_ok_and(|done| done.status.success())
}

#[test]
fn on_a_full_disk_everything_can_be_made_safe() {
    let dir = tempfile::tempdir().expect("a directory");
    if !mount(dir.path()) {
        // Mounting is not possible here, as for a usual user: the full disk is left out.
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        open(&store);
        // Each file that is emptied gives a page back.
        let fill = |name: &str| {
            let mut files = (0..200).map(|n| store.write(&format!("{name}{n}"), &[1; 4096]));
            assert!(files.any(|written| written.is_err()), "{name}: the disk has no end");
        };
        fill("a");
        let told = gates.set_sender(Sender::Off, &op(), "", now()).expect_err("told").to_string();
        assert!(told.contains("the sender is disabled, but its file could not be written and was emptied"), "{told}");
        fill("b");
        let told = gates.set_gate(GateMode::DryRun, &op(), "", now()).expect_err("told").to_string();
        assert!(told.contains("the gate is no further open than DRY_RUN, but its file could not be"), "{told}");
        assert_eq!(read(&store), (false, GateMode::MockOnly, false));
        fill("c");
        let told = gates.set_stop(Stop::On, &op(), "halt", now()).expect_err("told").to_string();
        assert!(told.contains("the emergency stop is ON, but its file could not be written and was emptied"), "{told}");
        assert_eq!(read(&store), (true, GateMode::MockOnly, false));
        store.remove(layout::STOP).expect("removed");
        fill("d");
        assert!(gates.set_stop(Stop::On, &op(), "halt", now()).is_err(), "a disk without room");
        assert!(gates.switches().stop.value, "a missing file is made");
    });
    // What is left mounted goes with the machine's own cleaning.
    Command::new("umount").arg("-l").arg(dir.path()).status().ok();
    outcome.expect("no fault");
}
