//! Restore and history: older files come back, branch and index stay.

use std::fs;

use daily_ops::sync::DirtyPolicy;
use daily_ops::sync::GitDetail;
use daily_ops::sync::PathFault;
use daily_ops::sync::RestoreFault;
use daily_ops::time::Clock;
use daily_ops::time::SystemClock;
use git2::Repository;

use crate::site::PC;
use crate::site::Prepare;
use crate::site::Site;
use crate::site::read;
use crate::site::write;

/// A host at its third commit; gives the hash of the first.
fn third() -> (Site, String) {
    let site = Site::new();
    let first = site.host().revision().unwrap().unwrap();
    site.publish("second", &[("reports/latest/r.json", "r2"), ("reports/latest/s.json", "s2"), ("a.json", "a2")]);
    fs::remove_file(site.pc.join("b.json")).unwrap();
    write(&site.pc, "reports/latest/r.json", "r3");
    let head = site.publish_all("third");
    site.updated("third", &head, &[]);
    (site, first)
}

#[test]
fn the_named_directory_is_as_it_was_and_nothing_is_staged() {
    let (site, first) = third();
    write(&site.host, "reports/latest/own.json", "mine");
    let git =
        |site: &Site| ["index", "HEAD", "refs/heads/main"].map(|f| fs::read(site.host.join(".git").join(f)).unwrap());
    let before = git(&site);
    let changed = site.host().restore(&first, &["reports/latest/", "b.json"], DirtyPolicy::Refuse).unwrap();
    assert_eq!(changed, ["b.json", "reports/latest/r.json", "reports/latest/s.json"]);
    assert_eq!((read(&site.host, "reports/latest/r.json"), read(&site.host, "b.json")), ("r1".into(), "b1".into()));
    assert!(!site.host.join("reports/latest/s.json").exists());
    assert_eq!((read(&site.host, "reports/latest/own.json"), read(&site.host, "a.json")), ("mine".into(), "a2".into()));
    assert!(git(&site) == before, "index or branch changed");
    let repo = Repository::open(&site.host).unwrap();
    let staged = git2::Status::INDEX_NEW | git2::Status::INDEX_MODIFIED | git2::Status::INDEX_DELETED;
    assert!(repo.statuses(None).unwrap().iter().all(|entry| !entry.status().intersects(staged)));
}

#[test]
fn a_restored_tree_is_released_by_restoring_the_head() {
    let (site, first) = third();
    site.host().restore(&first, &["reports/latest"], DirtyPolicy::Refuse).unwrap();
    let next = site.publish("fourth", &[("reports/latest/r.json", "r4")]);
    let pulled = site.refused("rolled back", GitDetail::LocalChanges);
    assert!(pulled.message.contains("reports/latest/r.json"), "{}", pulled.message);
    let head = site.host().revision().unwrap().unwrap();
    let again = site.host().restore(&head, &["reports/latest"], DirtyPolicy::Refuse).unwrap_err();
    assert!(matches!(again, RestoreFault::Dirty { .. }), "{again}");
    site.host().restore(&head, &["reports/latest"], DirtyPolicy::Overwrite).unwrap();
    assert_eq!(site.host().changed_paths().unwrap(), Vec::<String>::new());
    site.updated("released", &next, &[]);
}

#[test]
fn a_refusal_changes_nothing() {
    let (site, first) = third();
    let state = site.host_state();
    let unknown = |revision: &str| RestoreFault::UnknownRevision { revision: revision.to_owned() };
    let path = |path: &str, why| RestoreFault::Path { path: path.to_owned(), why };
    let blob = Repository::open(&site.host).unwrap().revparse_single("HEAD:a.json").unwrap().id().to_string();
    let none = "0123456789012345678901234567890123456789";
    let cases: [(&str, &[&str], RestoreFault); 9] = [
        (none, &["a.json"], unknown(none)),
        ("nonsense", &["a.json"], unknown("nonsense")),
        ("", &["a.json"], unknown("")),
        (&blob, &["a.json"], unknown(&blob)),
        (&first, &[], path("", PathFault::Empty)),
        (&first, &["a.json", "../pc/a.json"], path("../pc/a.json", PathFault::Outside)),
        (&first, &["a.json", ".git/config"], path(".git/config", PathFault::Outside)),
        (&first, &["a.json", "/"], path("/", PathFault::Outside)),
        (&first, &["a.json", "none"], path("none", PathFault::NotInRevision)),
    ];
    for (revision, paths, want) in cases {
        for policy in [DirtyPolicy::Refuse, DirtyPolicy::Overwrite] {
            assert_eq!(site.host().restore(revision, paths, policy), Err(want.clone()), "{revision} {paths:?}");
        }
    }
    assert!(site.host_state() == state);
}

#[test]
fn a_directory_that_a_revision_lacks_is_left_out_or_removed() {
    let (site, first) = third();
    let wanted = ["reports/latest", "never", "later"];
    assert_eq!(site.host().restorable(&first, &wanted).unwrap(), ["reports/latest"]);
    site.publish("fourth", &[("later/params.json", "p4")]);
    assert_eq!(site.host().pull().detail, None);
    let known = site.host().restorable(&first, &wanted).unwrap();
    assert_eq!(known, ["reports/latest", "later"]);
    let changed = site.host().restore(&first, &known, DirtyPolicy::Refuse).unwrap();
    assert!(changed.contains(&"later/params.json".to_owned()), "{changed:?}");
    assert!(!site.host.join("later/params.json").exists());
    let head = site.host().revision().unwrap().unwrap();
    site.host().restore(&head, &known, DirtyPolicy::Overwrite).unwrap();
    assert_eq!(site.host().changed_paths().unwrap(), Vec::<String>::new());
    let refused = site.host().restorable(&first, &["never", "later"]).unwrap_err();
    assert!(matches!(refused, RestoreFault::Path { why: PathFault::NotInRevision, .. }), "{refused}");
    let refused = site.host().restorable(&first, &["reports/latest", "../pc"]).unwrap_err();
    assert!(matches!(refused, RestoreFault::Path { why: PathFault::Outside, .. }), "{refused}");
}

#[test]
fn local_changes_are_refused_unless_told_otherwise() {
    let cases: [(&str, Prepare, &[&str]); 6] = [
        ("modified", |s| write(&s.host, "reports/latest/r.json", "mine"), &["reports/latest/r.json"]),
        ("to be removed", |s| write(&s.host, "reports/latest/s.json", "mine"), &["reports/latest/s.json"]),
        ("deleted", |s| fs::remove_file(s.host.join("reports/latest/r.json")).unwrap(), &["reports/latest/r.json"]),
        ("untracked in the way", |s| write(&s.host, "b.json", "mine"), &["b.json"]),
        ("directory in the way", |s| write(&s.host, "b.json/x", "mine"), &["b.json/x"]),
        ("ignored in the way", |s| ignored(s), &["b.json"]),
    ];
    for (name, prepare, want) in cases {
        let (site, first) = third();
        prepare(&site);
        let state = site.host_state();
        let paths = ["reports/latest", "b.json"];
        let refused = site.host().restore(&first, &paths, DirtyPolicy::Refuse).unwrap_err();
        let RestoreFault::Dirty { paths: named } = refused else { panic!("{name}: {refused}") };
        assert_eq!(named, want, "{name}");
        assert!(site.host_state() == state, "{name}");
        site.host().restore(&first, &paths, DirtyPolicy::Overwrite).unwrap();
        assert_eq!((read(&site.host, "reports/latest/r.json"), read(&site.host, "b.json")), ("r1".into(), "b1".into()));
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_directory_leads_nothing_outside() {
    let (site, first) = third();
    let outside = site.dir.path().join("outside");
    write(&outside, "latest/r.json", "theirs");
    fs::remove_dir_all(site.host.join("reports")).unwrap();
    std::os::unix::fs::symlink(&outside, site.host.join("reports")).unwrap();
    for policy in [DirtyPolicy::Refuse, DirtyPolicy::Overwrite] {
        for path in ["reports/latest", "reports/latest/r.json", "reports"] {
            let refused = site.host().restore(&first, &[path], policy).unwrap_err();
            assert_eq!(
                refused,
                RestoreFault::Path { path: "reports".to_owned(), why: PathFault::BehindLink },
                "{path}"
            );
        }
    }
    assert_eq!(read(&outside, "latest/r.json"), "theirs");
}

#[test]
fn the_history_is_listed_newest_first() {
    let (site, first) = third();
    site.publish("fourth\n\nbody\n\nDaily-Ops-Run: run_4", &[("a.json", "a4")]);
    assert_eq!(site.host().pull().detail, None);
    let all = site.host().history(50).unwrap();
    let subjects: Vec<_> = all.iter().map(|commit| commit.subject.as_str()).collect();
    assert_eq!(subjects, ["fourth", "third", "second", "first"]);
    assert_eq!(all[3].hash, first);
    assert!(all.iter().all(|c| c.hash.starts_with(&c.short) && c.short.len() == 7 && c.author == PC.name));
    let age = SystemClock::new().now() - all[0].time;
    assert!(age.num_seconds().abs() < 300 && all[0].time.offset().local_minus_utc() == 9 * 3600);
    let runs: Vec<_> = all.iter().map(|commit| commit.run_id.as_ref().map(|id| id.as_str())).collect();
    assert_eq!(runs, [Some("run_4"), None, None, None]);
    assert_eq!(site.host().history(2).unwrap().len(), 2);
    assert_eq!(site.host().history(0).unwrap().len(), 0);
}

fn ignored(site: &Site) {
    write(&site.host, ".git/info/exclude", "b.json\n");
    write(&site.host, "b.json", "mine");
}
