//! Pull with a remote that is a directory.

use std::fs;
use std::fs::File;

use daily_ops::sync::GitDetail;
use daily_ops::sync::PullOutcome;
use daily_ops::sync::Remote;
use git2::Repository;

use crate::site::Prepare;
use crate::site::Site;
use crate::site::commit_all;
use crate::site::read;
use crate::site::remote;
use crate::site::write;

#[test]
fn an_update_moves_files_index_and_branch_together() {
    let site = Site::new();
    let before = site.host().revision().unwrap();
    let commit = site.publish("second", &[("a.json", "a2"), ("new/deep/n.json", "n1")]);
    let pulled = site.updated("update", &commit, &[]);
    assert_eq!(pulled.before, before);
    assert_eq!(pulled.detail, None);
    assert!(pulled.notes.is_empty(), "{:?}", pulled.notes);
    assert_eq!((read(&site.host, "a.json"), read(&site.host, "new/deep/n.json")), ("a2".into(), "n1".into()));
    let tracking = Repository::open(&site.host).unwrap().refname_to_id("refs/remotes/origin/main").unwrap();
    assert_eq!(tracking.to_string(), commit);
}

#[test]
fn a_second_pull_has_no_changes_and_is_cheap() {
    let site = Site::new();
    let state = site.host_state();
    let clock = daily_ops::time::SystemClock::new();
    let pulls = 20;
    let start = daily_ops::time::Clock::monotonic(&clock);
    for _ in 0..pulls {
        let pulled = site.host().pull();
        assert_eq!((pulled.outcome, pulled.detail), (PullOutcome::NoChanges, None), "{}", pulled.message);
        assert_eq!(pulled.before, pulled.after);
    }
    let each = (daily_ops::time::Clock::monotonic(&clock) - start) / pulls;
    println!("a pull without changes takes {each:?}");
    assert!(each.as_millis() < 100, "a pull without changes took {each:?}");
    assert!(site.host_state() == state);
}

#[test]
fn files_and_directories_change_into_each_other() {
    let site = Site::new();
    fs::remove_file(site.pc.join("a.json")).unwrap();
    write(&site.pc, "a.json/inner.json", "i1");
    let first = site.publish_all("file to directory");
    site.updated("file to directory", &first, &[]);
    assert_eq!(read(&site.host, "a.json/inner.json"), "i1");
    fs::remove_dir_all(site.pc.join("a.json")).unwrap();
    write(&site.pc, "a.json", "a3");
    fs::remove_file(site.pc.join("b.json")).unwrap();
    let second = site.publish_all("directory to file, and a deletion");
    site.updated("directory to file", &second, &[]);
    assert_eq!(read(&site.host, "a.json"), "a3");
    assert!(!site.host.join("b.json").exists());
}

#[cfg(unix)]
#[test]
fn a_link_of_the_commit_arrives_as_a_link_and_leads_nothing_outside() {
    let site = Site::new();
    let outside = site.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, site.pc.join("link")).unwrap();
    let commit = site.publish_all("a link");
    site.updated("link", &commit, &[]);
    assert!(fs::symlink_metadata(site.host.join("link")).unwrap().is_symlink());
    fs::remove_file(site.pc.join("link")).unwrap();
    write(&site.pc, "link/x.json", "x1");
    let commit = site.publish_all("a directory of that name");
    site.updated("directory", &commit, &[]);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_local_link_in_place_of_a_directory_stops_the_pull() {
    for inside in [None, Some("r1"), Some("r2"), Some("other")] {
        for deleted in [false, true] {
            let site = Site::new();
            write(&site.pc, "reports/latest/r.json", "r2");
            if deleted {
                fs::remove_file(site.pc.join("reports/latest/r.json")).unwrap();
            }
            site.publish_all("second");
            let outside = site.dir.path().join("outside");
            fs::create_dir_all(outside.join("latest")).unwrap();
            if let Some(text) = inside {
                write(&outside, "latest/r.json", text);
            }
            fs::remove_dir_all(site.host.join("reports")).unwrap();
            std::os::unix::fs::symlink(&outside, site.host.join("reports")).unwrap();
            site.refused(&format!("{inside:?} {deleted}"), GitDetail::LocalChanges);
            let found = fs::read_to_string(outside.join("latest/r.json")).ok();
            assert_eq!(found.as_deref(), inside, "{deleted}");
        }
    }
}

#[test]
fn local_changes_in_the_way_stop_the_pull_and_stay() {
    let cases: [(&str, Prepare, &str); 9] = [
        ("modified", |s| write(&s.host, "a.json", "mine"), "a.json"),
        ("same length as before", |s| write(&s.host, "a.json", "aX"), "a.json"),
        ("modified and staged", |s| stage(s, "a.json", "mine"), "a.json"),
        ("staged, file put back", |s| (stage(s, "a.json", "mine"), write(&s.host, "a.json", "a1")).1, "a.json"),
        ("modified, deleted by the remote", |s| write(&s.host, "b.json", "mine"), "b.json"),
        ("untracked", |s| write(&s.host, "new/n.json", "mine"), "new/n.json"),
        ("untracked file for a directory", |s| write(&s.host, "new", "mine"), "new"),
        ("ignored", |s| (exclude(s, "new/"), write(&s.host, "new/n.json", "mine")).1, "new/n.json"),
        ("directory for a file", |s| write(&s.host, "solo.json/x", "mine"), "solo.json"),
    ];
    for (name, prepare, path) in cases {
        let site = Site::new();
        write(&site.pc, "a.json", "a2");
        write(&site.pc, "new/n.json", "n1");
        write(&site.pc, "solo.json", "s1");
        fs::remove_file(site.pc.join("b.json")).unwrap();
        site.publish_all("second");
        prepare(&site);
        let pulled = site.refused(name, GitDetail::LocalChanges);
        assert!(pulled.message.contains(path), "{name}: {}", pulled.message);
    }
}

#[test]
fn at_most_five_paths_are_named() {
    let site = Site::new();
    let names: Vec<_> = (0..8).map(|n| format!("f{n}.json")).collect();
    site.publish("eight", &names.iter().map(|n| (n.as_str(), "theirs")).collect::<Vec<_>>());
    for name in &names {
        write(&site.host, name, "mine");
    }
    let pulled = site.refused("eight", GitDetail::LocalChanges);
    assert!(pulled.message.contains("f4.json and 3 more"), "{}", pulled.message);
    assert!(!pulled.message.contains("f5.json"), "{}", pulled.message);
}

#[test]
fn local_changes_elsewhere_survive_a_pull() {
    let site = Site::new();
    write(&site.host, "b.json", "mine");
    write(&site.host, "notes.txt", "mine");
    stage(&site, "reports/latest/r.json", "staged");
    fs::create_dir(site.host.join("new")).unwrap();
    write(&site.host, "new/other.txt", "mine");
    let commit = site.publish("second", &[("a.json", "a2"), ("new/n.json", "n1")]);
    site.updated("elsewhere", &commit, &["b.json", "new/other.txt", "notes.txt", "reports/latest/r.json"]);
    assert_eq!(read(&site.host, "b.json"), "mine");
    assert_eq!(read(&site.host, "reports/latest/r.json"), "staged");
    let repo = Repository::open(&site.host).unwrap();
    let staged = repo.status_file("reports/latest/r.json".as_ref()).unwrap();
    assert_eq!(staged, git2::Status::INDEX_MODIFIED);
}

#[test]
fn a_local_deletion_elsewhere_survives_and_one_in_the_way_is_undone() {
    let site = Site::new();
    fs::remove_file(site.host.join("b.json")).unwrap();
    fs::remove_file(site.host.join("a.json")).unwrap();
    let commit = site.publish("second", &[("a.json", "a2")]);
    site.updated("deletion", &commit, &["b.json"]);
    assert_eq!(read(&site.host, "a.json"), "a2");
}

#[test]
fn a_pull_killed_before_the_branch_moved_is_finished_by_the_next() {
    let site = Site::new();
    fs::remove_file(site.pc.join("b.json")).unwrap();
    write(&site.pc, "a.json", "a2");
    write(&site.pc, "new/n.json", "n1");
    write(&site.pc, "new/m.json", "m1");
    let commit = site.publish_all("second");
    let cases: [(&str, &[(&str, &str)]); 3] = [
        ("one file written", &[("a.json", "a2")]),
        ("new files written", &[("new/n.json", "n1"), ("new/m.json", "m1")]),
        ("all written", &[("a.json", "a2"), ("new/n.json", "n1"), ("new/m.json", "m1")]),
    ];
    for (name, files) in cases {
        let root = site.dir.path().join(name);
        let first = Repository::open(&site.bare).unwrap().revparse_single("main~1").unwrap().id();
        daily_ops::sync::clone(site.bare.to_str().unwrap(), &root, "main", crate::site::PC).unwrap();
        let repo = Repository::open(&root).unwrap();
        repo.reset(&repo.find_object(first, None).unwrap(), git2::ResetType::Hard, None).unwrap();
        for (path, text) in files {
            write(&root, path, text);
        }
        let pulled = remote(&root).pull();
        assert_eq!(pulled.outcome, PullOutcome::Updated, "{name}: {}", pulled.message);
        assert_eq!(pulled.after.as_deref(), Some(commit.as_str()), "{name}");
        assert_eq!(remote(&root).changed_paths().unwrap(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn histories_that_went_apart_are_named_with_both_hashes() {
    let site = Site::new();
    let theirs = site.publish("theirs", &[("a.json", "a2")]);
    write(&site.host, "b.json", "b2");
    let ours = commit_all(&site.host, "ours");
    let pulled = site.refused("both committed", GitDetail::Diverged);
    assert!(pulled.message.contains(&ours) && pulled.message.contains(&theirs), "{}", pulled.message);

    let site = Site::new();
    let bare = Repository::open(&site.bare).unwrap();
    let tree = bare.head().unwrap().peel_to_tree().unwrap();
    let author = git2::Signature::now("x", "x@example.invalid").unwrap();
    let root = bare.commit(None, &author, &author, "rewritten", &tree, &[]).unwrap();
    bare.reference("refs/heads/main", root, true, "forced").unwrap();
    let pulled = site.refused("rewritten remote", GitDetail::Diverged);
    assert!(pulled.message.contains(&root.to_string()), "{}", pulled.message);
}

#[test]
fn a_work_tree_ahead_of_the_remote_has_no_changes_and_a_note() {
    let site = Site::new();
    write(&site.host, "b.json", "b2");
    commit_all(&site.host, "ours");
    let pulled = site.host().pull();
    assert_eq!((pulled.outcome, pulled.detail), (PullOutcome::NoChanges, None), "{}", pulled.message);
    assert!(pulled.notes.iter().any(|note| note.contains("1 commits")), "{:?}", pulled.notes);
}

#[test]
fn another_branch_and_a_detached_head_are_refused() {
    let site = Site::new();
    site.publish("second", &[("a.json", "a2")]);
    let repo = Repository::open(&site.host).unwrap();
    let commit = repo.head().unwrap().peel_to_commit().unwrap();
    repo.branch("other", &commit, false).unwrap();
    repo.set_head("refs/heads/other").unwrap();
    let pulled = site.refused("another branch", GitDetail::WrongBranch);
    assert!(pulled.message.contains("other") && pulled.message.contains("main"), "{}", pulled.message);
    repo.set_head_detached(commit.id()).unwrap();
    site.refused("detached", GitDetail::WrongBranch);
}

#[test]
fn a_lock_in_the_way_is_named_with_its_age_and_never_removed() {
    for name in ["index.lock", "HEAD.lock", "refs/heads/main.lock", "shallow.lock"] {
        let site = Site::new();
        site.publish("second", &[("a.json", "a2")]);
        let lock = site.host.join(".git").join(name);
        File::create_new(&lock).unwrap();
        let pulled = site.refused(name, GitDetail::Locked);
        assert!(pulled.message.contains(name) && pulled.message.contains(" s old"), "{name}: {}", pulled.message);
        assert!(pulled.notes.iter().any(|note| note.contains(name)), "{name}: {:?}", pulled.notes);
        assert!(lock.exists(), "{name}");
    }
}

#[test]
fn a_lock_that_hinders_nothing_is_only_noted() {
    let names = ["FETCH_HEAD.lock", "packed-refs.lock", "refs/remotes/origin/main.lock"];
    for name in names {
        let site = Site::new();
        let commit = site.publish("second", &[("a.json", "a2")]);
        let lock = site.host.join(".git").join(name);
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        File::create_new(&lock).unwrap();
        let pulled = site.updated(name, &commit, &[]);
        assert!(pulled.notes.iter().any(|note| note.contains(name) && note.contains(" s old")), "{:?}", pulled.notes);
        assert!(lock.exists(), "{name}");
    }
    let site = Site::new();
    File::create_new(site.host.join(".git/index.lock")).unwrap();
    let pulled = site.host().pull();
    assert_eq!(pulled.outcome, PullOutcome::NoChanges, "nothing to write: {}", pulled.message);
    assert!(pulled.notes.iter().any(|note| note.contains("index.lock")), "{:?}", pulled.notes);
}

#[test]
fn the_age_of_a_lock_is_in_seconds() {
    let site = Site::new();
    site.publish("second", &[("a.json", "a2")]);
    let lock = File::create_new(site.host.join(".git/index.lock")).unwrap();
    let now = lock.metadata().unwrap().modified().unwrap();
    lock.set_modified(now - std::time::Duration::from_secs(86_400)).unwrap();
    let pulled = site.refused("a day old", GitDetail::Locked);
    assert!(pulled.message.contains(" is 8640"), "{}", pulled.message);
}

#[test]
fn what_was_begun_and_not_ended_is_refused() {
    let cases = [("MERGE_HEAD", "a merge"), ("CHERRY_PICK_HEAD", "a cherry-pick"), ("REVERT_HEAD", "a revert")];
    for (file, what) in cases {
        let site = Site::new();
        site.publish("second", &[("a.json", "a2")]);
        let head = site.host().revision().unwrap().unwrap();
        write(&site.host, &format!(".git/{file}"), &format!("{head}\n"));
        let pulled = site.refused(what, GitDetail::MergeInProgress);
        assert!(pulled.message.contains(what), "{}", pulled.message);
    }
    for directory in ["rebase-merge", "rebase-apply"] {
        let site = Site::new();
        site.publish("second", &[("a.json", "a2")]);
        fs::create_dir(site.host.join(".git").join(directory)).unwrap();
        site.refused(directory, GitDetail::MergeInProgress);
    }
}

#[test]
fn a_directory_that_is_no_work_tree_is_refused() {
    let site = Site::new();
    fs::create_dir(site.host.join("inner")).unwrap();
    let roots = [
        ("nothing there", site.dir.path().join("none")),
        ("plain directory", site.dir.path().to_owned()),
        ("directory inside a work tree", site.host.join("inner")),
        ("bare", site.bare.clone()),
    ];
    for (name, root) in roots {
        let pulled = remote(&root).pull();
        assert_eq!(pulled.outcome, PullOutcome::Failed, "{name}");
        assert_eq!(pulled.detail, Some(GitDetail::NotARepo), "{name}: {}", pulled.message);
        assert_eq!(remote(&root).revision().unwrap_err().detail, GitDetail::NotARepo, "{name}");
    }
}

#[test]
fn a_remote_or_a_branch_that_is_not_there_is_unknown_and_named() {
    let site = Site::new();
    let none = Remote { name: "upstream", ..site.host() };
    let pulled = none.pull();
    assert_eq!(pulled.detail, Some(GitDetail::Unknown), "{}", pulled.message);
    assert!(pulled.message.contains("upstream"), "{}", pulled.message);
    let odd = Remote { branch: "no..name", ..site.host() };
    assert_eq!(odd.pull().detail, Some(GitDetail::Unknown));
    Repository::open(&site.bare)
        .unwrap()
        .find_reference("refs/heads/main")
        .unwrap()
        .rename("refs/heads/x", true, "")
        .unwrap();
    let pulled = site.refused("branch gone", GitDetail::Unknown);
    assert!(pulled.message.contains("no branch main"), "{}", pulled.message);
    fs::rename(&site.bare, site.dir.path().join("moved.git")).unwrap();
    site.refused("directory gone", GitDetail::Network);
}

#[test]
fn only_the_configured_branch_is_remembered() {
    let site = Site::new();
    let bare = Repository::open(&site.bare).unwrap();
    let commit = bare.head().unwrap().peel_to_commit().unwrap();
    let author = git2::Signature::now("x", "x@example.invalid").unwrap();
    let other =
        bare.commit(Some("refs/heads/other"), &author, &author, "o", &commit.tree().unwrap(), &[&commit]).unwrap();
    bare.tag_lightweight("v1", &bare.find_object(other, None).unwrap(), false).unwrap();
    let next = site.publish("second", &[("a.json", "a2")]);
    site.updated("one branch", &next, &[]);
    let host = Repository::open(&site.host).unwrap();
    let mut names: Vec<_> = host.references().unwrap().map(|r| r.unwrap().name().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["refs/heads/main", "refs/remotes/origin/main"]);
}

#[test]
fn the_run_that_published_is_read_from_the_newest_commit_that_names_one() {
    let site = Site::new();
    assert_eq!(site.host().pull().run_id, None);
    site.publish("second\n\nbundle: b1\n\nDaily-Ops-Run: run_20260126_090500_0000002a\n", &[("a.json", "a2")]);
    site.publish("third", &[("a.json", "a3")]);
    let run = |pulled: daily_ops::sync::Pulled| pulled.run_id.map(|id| id.to_string());
    assert_eq!(run(site.host().pull()).as_deref(), Some("run_20260126_090500_0000002a"));
    for n in 0..19 {
        site.publish("more", &[("a.json", &format!("more{n}"))]);
    }
    assert_eq!(run(site.host().pull()), None, "older than twenty commits");
}

#[cfg(unix)]
#[test]
fn a_work_tree_of_another_user_is_refused_with_the_way_out() {
    let site = Site::new();
    let foreign = |path: &std::path::Path| std::os::unix::fs::lchown(path, Some(54_321), Some(54_321));
    if foreign(&site.host.join(".git")).is_err() || foreign(&site.host).is_err() {
        return;
    }
    let pulled = site.host().pull();
    assert_eq!(pulled.outcome, PullOutcome::Failed, "{}", pulled.message);
    assert!(pulled.message.contains("safe.directory"), "{}", pulled.message);
}

fn stage(site: &Site, path: &str, text: &str) {
    write(&site.host, path, text);
    let repo = Repository::open(&site.host).unwrap();
    let mut index = repo.index().unwrap();
    index.add_path(path.as_ref()).unwrap();
    index.write().unwrap();
}

fn exclude(site: &Site, pattern: &str) {
    write(&site.host, ".git/info/exclude", &format!("{pattern}\n"));
}

#[test]
fn a_shallow_clone_is_refused_with_the_way_out() {
    let site = Site::new();
    let url = format!("file://{}", site.bare.display());
    let root = site.dir.path().join("shallow");
    site.publish("second", &[("a.json", "a2")]);
    let mut git = std::process::Command::new("git");
    git.args(["clone", "--quiet", "--depth", "1", "--branch", "main", &url]).arg(&root);
    if !git.status().is_ok_and(|status| status.success()) {
        return;
    }
    assert_eq!(remote(&root).pull().outcome, PullOutcome::NoChanges);
    assert_eq!(remote(&root).history(50).unwrap().len(), 1);
    site.publish("third", &[("a.json", "a3")]);
    let ends = fs::read(root.join(".git/shallow")).unwrap();
    let pulled = remote(&root).pull();
    assert_eq!(fs::read(root.join(".git/shallow")).unwrap(), ends);
    assert_eq!((pulled.detail, pulled.before), (Some(GitDetail::Unknown), pulled.after), "{}", pulled.message);
    assert!(pulled.message.contains("shallow") && read(&root, "a.json") == "a2", "{}", pulled.message);
}
