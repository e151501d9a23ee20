//! The kill switch by itself: every state of its file against every action, on disks that take writes and disks that do
//! not, cut off after each write, and by two at once.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::contracts::kill::KillAction;
use daily_ops::contracts::kill::KillAuditRow;
use daily_ops::contracts::kill::KillStatus;
use daily_ops::gates::Force;
use daily_ops::gates::Gates;
use daily_ops::gates::KillFault;
use daily_ops::gates::KillOrder;
use daily_ops::gates::KillOutcome;
use daily_ops::gates::KillPosition;
use daily_ops::gates::new_kill_id;
use daily_ops::store::Store;
use daily_ops::store::layout;

use crate::start;

pub(crate) fn order(position: KillPosition) -> KillOrder {
    KillOrder {
        audit_id: new_kill_id(),
        position,
        reason: "test".to_owned(),
        actor: "kim".to_owned(),
        actor_ip: "127.0.0.1".to_owned(),
        trace_id: "trace-1".to_owned(),
        expected_version: None,
        force: Force::No,
    }
}

pub(crate) fn apply(store: &Store, order: &KillOrder) -> Result<KillOutcome, KillFault> {
    Gates::new(store).set_kill_switch(order, &Actor::new("op", Role::Operator, "test"), start())
}

pub(crate) fn audited(store: &Store) -> Vec<KillAuditRow> {
    let bytes = store.read(layout::KILL_AUDIT).expect("readable").unwrap_or_default();
    bytes.split(|b| *b == b'\n').filter_map(|line| KillAuditRow::parse(line).ok()).collect()
}

fn document(is_on: bool, status: &str, version: u64) -> Vec<u8> {
    let document = serde_json::json!({
        "schema": "KILL_SWITCH_V1", "is_on": is_on, "status": status, "reason": "before", "audit_id": "a",
        "trace_id": "t", "actor": "lee", "ts": 1, "ts_iso": "", "version": version,
    });
    serde_json::to_vec(&document).expect("JSON")
}

/// Every state of the file: name, bytes, how it counts.
fn states() -> Vec<(&'static str, Option<Vec<u8>>, KillStatus)> {
    vec![
        ("missing", None, KillStatus::Off),
        ("off", Some(document(false, "OFF", 4)), KillStatus::Off),
        ("armed", Some(document(false, "ARMED", 4)), KillStatus::Armed),
        ("on", Some(document(true, "ON", 4)), KillStatus::On),
        ("empty", Some(Vec::new()), KillStatus::On),
        ("half", Some(b"{\"schema\":\"KILL_SWITCH_V1\",".to_vec()), KillStatus::On),
        ("contradiction", Some(document(false, "ON", 4)), KillStatus::On),
        ("text for a boolean", Some(br#"{"schema":"KILL_SWITCH_V1","is_on":"false"}"#.to_vec()), KillStatus::On),
        ("other schema", Some(br#"{"schema":"KILL_SWITCH_V2","is_on":false}"#.to_vec()), KillStatus::On),
    ]
}

fn workspace(bytes: Option<&Vec<u8>>) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    if let Some(bytes) = bytes {
        store.write(layout::KILL_SWITCH, bytes).expect("written");
    }
    (dir, store)
}

/// What is in the way of the audit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    KillAudit,
    Trail,
}

#[test]
fn each_action_on_each_state_with_each_trouble_does_what_the_table_says() {
    for (name, bytes, counts) in states() {
        for trouble in [Trouble::None, Trouble::KillAudit, Trouble::Trail] {
            for (position, force) in
                [(KillPosition::On, Force::No), (KillPosition::Off, Force::No), (KillPosition::Off, Force::Yes)]
            {
                let (_dir, store) = workspace(bytes.as_ref());
                match trouble {
                    Trouble::None => {}
                    Trouble::KillAudit => std::fs::create_dir_all(store.path(layout::KILL_AUDIT)).expect("made"),
                    Trouble::Trail => std::fs::create_dir_all(store.path(layout::AUDIT)).expect("made"),
                }
                assert_eq!(Gates::new(&store).kill_switch().state.status, counts, "{name}");
                let outcome = apply(&store, &KillOrder { force, ..order(position) });
                let case = format!("{name}, {trouble:?}, {position:?}, {force:?}: {outcome:?}");
                check(&store, (name, counts, trouble), (position, force), (outcome, &case));
            }
        }
    }
}

fn check(
    store: &Store,
    (name, counts, trouble): (&str, KillStatus, Trouble),
    (position, force): (KillPosition, Force),
    (outcome, case): (Result<KillOutcome, KillFault>, &str),
) {
    let is_damaged = !["missing", "off", "armed", "on"].contains(&name);
    let now = Gates::new(store).kill_switch();
    if position == KillPosition::On {
        let done = outcome.expect(case);
        assert!(now.state.is_on && now.damage.is_none(), "{case}");
        assert_eq!(done.changed, name != "on", "{case}");
        assert_eq!(done.audit_persisted, trouble == Trouble::None, "{case}");
        return;
    }
    match outcome {
        Ok(done) => {
            assert_eq!(trouble, Trouble::None, "{case}");
            assert!(!is_damaged || force == Force::Yes, "{case}");
            assert_eq!((now.state.status, done.changed), (KillStatus::Off, counts != KillStatus::Off), "{case}");
        }
        Err(KillFault::CauseActive(_)) => assert!(is_damaged && force == Force::No && now.state.is_on, "{case}"),
        Err(KillFault::NotAudited(_)) => {
            assert_ne!(trouble, Trouble::None, "{case}");
            assert_eq!(now.state.status, counts, "{case}");
        }
        Err(fault) => panic!("{fault}: {case}"),
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    Command::new("mount").args(args).arg(at).output().is_ok_and(|done| done.status.success())
}

/// Fills the disk to its last byte.
fn fill(at: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(at.join("ballast")).expect("a file");
    while file.write_all(&[1; 4096]).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
}

#[test]
fn on_a_full_disk_it_goes_on_and_never_off_and_a_disk_that_takes_nothing_is_told() {
    for (name, bytes, counts) in states() {
        let dir = tempfile::tempdir().expect("a directory");
        if !mount(&["-t", "tmpfs", "-o", "size=512k", "tmpfs"], dir.path()) {
            println!("mounting is not possible here: the full disk is left out");
            return;
        }
        let store = Store::new(dir.path());
        // A place that was used before: its directories and locks are there.
        apply(&store, &order(KillPosition::On)).expect("set");
        store.remove(layout::KILL_SWITCH).expect("removed");
        if let Some(bytes) = &bytes {
            store.write(layout::KILL_SWITCH, bytes).expect("written");
        }
        assert!(mount(&["-o", "remount,ro"], dir.path()));
        let read_only = apply(&store, &order(KillPosition::On));
        assert_eq!(read_only.is_err(), counts != KillStatus::On, "{name}: nothing can be written: {read_only:?}");
        assert!(mount(&["-o", "remount,rw"], dir.path()));
        fill(dir.path());
        let off = apply(&store, &KillOrder { force: Force::Yes, ..order(KillPosition::Off) });
        // A line of the audit may still fit into its last block; a new file never does.
        assert!(off.is_err() || counts == KillStatus::Off, "{name}: {off:?}");
        assert_eq!(Gates::new(&store).kill_switch().state.status, counts, "{name}");
        let on = apply(&store, &order(KillPosition::On));
        let done = on.as_ref().unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(Gates::new(&store).kill_switch().state.is_on, "{name}: {on:?}");
        assert_eq!(
            done.troubles.iter().any(|why| why.contains("could not be written")),
            name != "on",
            "{name}: {on:?}"
        );
        Command::new("umount").arg("-l").arg(dir.path()).status().ok();
    }
}

#[test]
fn it_goes_on_while_somebody_keeps_its_locks() {
    for (lock, is_told) in [(layout::KILL_LOCK, true), (layout::AUDIT_LOCK, false)] {
        let (_dir, store) = workspace(None);
        let _kept = Store::new(store.root()).exclusive(lock).expect("free");
        let done = apply(&store, &order(KillPosition::On)).expect("on");
        assert!(done.now.state.is_on, "{lock}");
        assert_eq!(done.audit_persisted, is_told, "{lock}: {:?}", done.troubles);
    }
}

/// A store that ends the process, so to say, after its `at`th step; and how many steps there were.
fn dying(store: &Store, at: usize) -> (Store, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&steps);
    let observer = move |_: &Path| {
        if seen.fetch_add(1, Ordering::SeqCst) + 1 == at {
            panic!("cut off here");
        }
    };
    (store.clone().observed_by(Arc::new(observer)), steps)
}

#[test]
fn cut_off_after_any_write_it_is_the_old_or_the_new_and_off_is_always_recorded() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for position in [KillPosition::On, KillPosition::Off] {
        let mut at = 1;
        loop {
            let (_dir, store) = workspace(None);
            if position == KillPosition::Off {
                apply(&store, &order(KillPosition::On)).expect("set");
            }
            let before = Gates::new(&store).kill_switch().state;
            let (cut, steps) = dying(&store, at);
            let asked = order(position);
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| apply(&cut, &asked)));
            if steps.load(Ordering::SeqCst) < at {
                ended.expect("no cut").expect("done");
                assert!(at > 4, "every write was cut once: {at}");
                break;
            }
            after_cut(&store, (position, at), (&before, &asked));
            at += 1;
        }
    }
    std::panic::set_hook(hook);
}

fn after_cut(
    store: &Store,
    (position, at): (KillPosition, usize),
    (before, asked): (&daily_ops::contracts::kill::KillSwitch, &KillOrder),
) {
    let now = Gates::new(store).kill_switch();
    assert_eq!(now.damage, None, "{position:?} cut at {at}");
    let is_new = now.state.audit_id == asked.audit_id;
    assert!(is_new || now.state == *before, "{position:?} cut at {at}: {:?}", now.state);
    let row = audited(store).into_iter().find(|row| row.audit_id == asked.audit_id);
    let entries = Gates::new(store).newest_audit_entries(9).expect("readable");
    let entry = entries.iter().any(|entry| entry.after["audit_id"] == asked.audit_id.as_str());
    if position == KillPosition::Off && is_new {
        assert!(row.is_some() && entry, "off only with its records: cut at {at}");
    }
    // The next use works, whatever was left, and gets a version of its own.
    let next = order(if position == KillPosition::On { KillPosition::Off } else { KillPosition::On });
    let highest = audited(store).iter().map(|row| row.version).chain([now.state.version]).max().unwrap_or(0);
    let done = apply(store, &next).expect("set");
    assert!(!done.changed || done.now.state.version > highest, "{position:?} cut at {at}");
}

#[test]
fn of_many_at_once_each_change_has_its_own_version_and_its_own_row() {
    let (_dir, store) = workspace(None);
    let done: Vec<KillOutcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|n| {
                let store = Store::new(store.root());
                let position = if n % 2 == 0 { KillPosition::On } else { KillPosition::Off };
                scope.spawn(move || apply(&store, &order(position)).expect("set"))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
    });
    let mut versions: Vec<u64> = done.iter().filter(|done| done.changed).map(|done| done.now.state.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    assert_eq!(audited(&store).len(), 12);
    assert_eq!(Gates::new(&store).kill_switch().state.version, versions.len() as u64);
}

#[test]
fn what_was_switched_on_while_it_went_off_stays_on() {
    let (_dir, store) = workspace(None);
    apply(&store, &order(KillPosition::On)).expect("set");
    // Somebody without the lock switches on between the record and the write of the one who switches off.
    let other = Store::new(store.root());
    let newer = document(true, "ON", 9);
    let observer = move |path: &Path| {
        if path.ends_with("kill_audit.jsonl") {
            other.write(layout::KILL_SWITCH, &newer).expect("written");
        }
    };
    let off = apply(&store.clone().observed_by(Arc::new(observer)), &order(KillPosition::Off));
    assert!(matches!(off, Err(KillFault::Conflict { .. })), "{off:?}");
    assert!(Gates::new(&store).kill_switch().state.is_on);
    let actions: Vec<KillAction> = audited(&store).into_iter().map(|row| row.action).collect();
    assert_eq!(actions, [KillAction::KillOn, KillAction::KillOff, KillAction::KillOffFailed]);
}
