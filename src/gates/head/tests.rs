//! A trail whose end was cut off, altered or made endless.

use super::*;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::gates::Change;
use crate::gates::Stop;
use crate::store::Durability;
use crate::store::Store;
use crate::time::KstTime;
use crate::time::Stamp;

fn now() -> KstTime {
    Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time")
}

fn actor() -> Actor {
    Actor::new("op", Role::Admin, "test")
}

/// A trail of four entries, and its lines.
fn trail() -> (tempfile::TempDir, Store, Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    for n in 0..4 {
        record(&store, n).expect("recorded");
    }
    let bytes = store.read(layout::AUDIT).expect("readable").expect("there");
    let lines = String::from_utf8(bytes).expect("text").lines().map(|line| format!("{line}\n")).collect();
    (dir, store, lines)
}

fn record(store: &Store, n: u32) -> Result<AuditEntry, StoreFault> {
    Gates::new(store).record(&actor(), Change::new("test.set", format!("t{n}"), "r"), now())
}

/// Neither proved nor gone on with, for a reason that names `why`; and the stop goes on all the same.
fn refused(store: &Store, name: &str, why: &str) {
    let proof = Gates::new(store).verify_audit(None).expect("readable");
    assert!(!proof.is_good(), "{name}: {proof:?}");
    let before = store.read(layout::AUDIT).expect("readable");
    let told = record(store, 9).expect_err(name).to_string();
    assert!(told.contains(why), "{name}: {told}");
    let told = Gates::new(store).set_stop(Stop::On, &actor(), "halt", now()).expect_err(name).to_string();
    assert!(told.starts_with("the emergency stop is ON, but") && told.contains(why), "{name}: {told}");
    assert!(Gates::new(store).switches().stop.value, "{name}");
    assert_eq!(store.read(layout::AUDIT).expect("readable"), before, "{name}");
}

#[test]
fn a_trail_that_was_cut_off_is_noticed_and_not_gone_on_with() {
    let cases: [(&str, &[usize], &str, &str); 5] = [
        ("the last one", &[0, 1, 2], "", "entries 4 to 4 are missing"),
        ("three", &[0], "", "entries 2 to 4 are missing"),
        ("everything", &[], "", "entries 1 to 4 are missing"),
        ("the last one made no JSON", &[0, 1, 2], "xxxxxxxx\n", "entries 4 to 4 are missing"),
        (
            "the last one made half",
            &[0, 1, 2],
            "{\"schema\":\"AUDIT_ENTRY_V1\",\"seq\":4",
            "entries 4 to 4 are missing",
        ),
    ];
    for (name, kept, end, why) in cases {
        let (_dir, store, lines) = trail();
        let text: String = kept.iter().map(|n| lines[*n].as_str()).chain([end]).collect();
        store.write(layout::AUDIT, text.as_bytes()).expect("written");
        refused(&store, name, why);
        let proof = Gates::new(&store).verify_audit(None).expect("readable");
        assert!(proof.head_fault.is_some_and(|told| told.contains(why)), "{name}");
    }
    let (_dir, store, _) = trail();
    store.remove(layout::AUDIT).expect("removed");
    refused(&store, "no trail", "entries 1 to 4 are missing");
    for (name, head) in [("half", "{"), ("empty", ""), ("another schema", r#"{"schema":"X","seq":4,"sha256":"0"}"#)] {
        let (_dir, store, _) = trail();
        store.write(layout::AUDIT_HEAD, head.as_bytes()).expect("written");
        refused(&store, name, layout::AUDIT_HEAD);
    }
    let (_dir, store, lines) = trail();
    let other = lines[3].replace("\"t3\"", "\"t8\"");
    let mut entry: AuditEntry = serde_json::from_str(&other).expect("an entry");
    entry.sha256 = entry.hash().expect("a hash");
    let text = [&lines[..3].concat(), &serde_json::to_string(&entry).expect("JSON"), "\n"].concat();
    store.write(layout::AUDIT, text.as_bytes()).expect("written");
    refused(&store, "another last entry", "entry 4 has sha256");
}

#[test]
fn a_head_that_a_crash_left_one_entry_behind_is_no_fault() {
    let (_dir, store, lines) = trail();
    let of = |line: &str| AuditHead::of(&serde_json::from_str(line).expect("an entry"));
    store.write_document(layout::AUDIT_HEAD, &of(&lines[2])).expect("written");
    let proof = Gates::new(&store).verify_audit(None).expect("readable");
    assert!(proof.is_good(), "{proof:?}");
    assert_eq!(record(&store, 4).expect("recorded").seq, 5);
    assert_eq!(store.document::<AuditHead>(layout::AUDIT_HEAD).present().map(|head| head.seq), Some(5));
    store.write_document(layout::AUDIT_HEAD, &of(&lines[1])).expect("written");
    assert!(!Gates::new(&store).verify_audit(None).expect("readable").is_good(), "entries that came without it");
    // A trail of an older program has no head yet.
    store.remove(layout::AUDIT_HEAD).expect("removed");
    assert!(Gates::new(&store).verify_audit(None).expect("readable").is_good());
    assert_eq!(record(&store, 5).expect("recorded").seq, 6);
}

#[test]
fn a_last_line_that_does_not_hold_is_not_gone_on_from() {
    let sealed = |mut entry: AuditEntry, seq: u64| {
        entry.seq = seq;
        entry.sha256 = entry.hash().expect("a hash");
        serde_json::to_string(&entry).expect("JSON") + "\n"
    };
    let (_dir, store, lines) = trail();
    let last: AuditEntry = serde_json::from_str(&lines[3]).expect("an entry");
    let cases = [
        ("the largest number", sealed(last, u64::MAX), "the largest number there is"),
        ("another target", lines[3].replace("\"t3\"", "\"t8\""), "does not have the hash that it names"),
        ("a number that does not hold", lines[3].replace("\"seq\":4", "\"seq\":400"), "does not have the hash"),
        ("no entry", "{}\n".to_owned(), "no audit entry"),
        ("a word", "7\n".to_owned(), "no audit entry"),
    ];
    store.remove(layout::AUDIT_HEAD).expect("removed");
    for (name, line, why) in cases {
        store.write(layout::AUDIT, (lines.concat() + &line).as_bytes()).expect("written");
        refused(&store, name, why);
    }
}

#[test]
fn a_last_line_without_end_is_read_only_so_far_back() {
    let (_dir, store, _) = trail();
    store.append(layout::AUDIT, &"y".repeat(5 << 20), Durability::Buffered).expect("appended");
    let told = record(&store, 4).expect_err("too far back").to_string();
    assert!(told.contains("it ends in a line longer than 4194304 bytes"), "{told}");
    assert!(Gates::new(&store).set_stop(Stop::On, &actor(), "halt", now()).is_err());
    assert!(Gates::new(&store).switches().stop.value);
}
