//! Publish: exact paths, no force, nothing lost.

use std::fs;
use std::fs::File;

use daily_ops::sync::GitDetail;
use daily_ops::sync::PathFault;
use daily_ops::sync::PublishFault;
use git2::Repository;

use crate::site::BRANCH;
use crate::site::PC;
use crate::site::Prepare;
use crate::site::Site;
use crate::site::commit_all;
use crate::site::remote;
use crate::site::write;

fn paths(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn exactly_the_named_paths_are_committed_and_pushed() {
    let site = Site::new();
    for (path, text) in [("a.json", "a2"), ("b.json", "b2"), ("code.py", "x"), ("new/n.json", "n1")] {
        write(&site.pc, path, text);
    }
    let repo = Repository::open(&site.pc).unwrap();
    let mut index = repo.index().unwrap();
    index.add_path("code.py".as_ref()).unwrap();
    index.write().unwrap();
    let published = site.pc().publish(&paths(&["new/n.json", "a.json", "a.json"]), "Daily\n\nrecon: ok").unwrap();
    assert_eq!(published.files, ["a.json", "new/n.json"]);
    assert!(published.pushed);
    let commit = published.commit.unwrap();
    assert_eq!(commit, published.revision);
    assert_eq!(site.pc().changed_paths().unwrap(), ["b.json", "code.py"], "the rest is as it was");
    let staged = repo.status_file("code.py".as_ref()).unwrap();
    assert_eq!(staged, git2::Status::INDEX_NEW);
    let newest = &site.pc().history(1).unwrap()[0];
    assert_eq!(
        (newest.hash.as_str(), newest.subject.as_str(), newest.author.as_str()),
        (commit.as_str(), "Daily", PC.name)
    );
    site.updated("host", &commit, &[]);
}

#[test]
fn unchanged_files_make_no_commit_and_what_is_ahead_is_pushed() {
    let site = Site::new();
    let head = site.pc().revision().unwrap().unwrap();
    let published = site.pc().publish(&paths(&["a.json"]), "nothing").unwrap();
    assert_eq!((published.commit, published.pushed, published.revision), (None, false, head));
    assert!(published.files.is_empty());
    write(&site.pc, "a.json", "a2");
    let ahead = commit_all(&site.pc, "by hand");
    let published = site.pc().publish(&paths(&["a.json"]), "nothing").unwrap();
    assert_eq!((published.commit, published.pushed, published.revision), (None, true, ahead));
}

#[cfg(unix)]
#[test]
fn the_executable_bit_travels() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    write(&site.pc, "run.sh", "x");
    fs::set_permissions(site.pc.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let commit = site.pc().publish(&paths(&["run.sh"]), "script").unwrap().commit.unwrap();
    site.updated("script", &commit, &[]);
    assert_eq!(fs::metadata(site.host.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
}

#[test]
fn a_path_that_may_not_travel_stops_the_publish() {
    let site = Site::new();
    write(&site.pc, ".git/info/exclude", "secret/\n");
    write(&site.pc, "secret/s.json", "s");
    write(&site.pc, "a.json", "a2");
    write(&site.dir.path().join("elsewhere"), "x.json", "x");
    #[cfg(unix)]
    std::os::unix::fs::symlink(site.dir.path().join("elsewhere"), site.pc.join("link")).unwrap();
    let head = site.pc().revision().unwrap();
    let cases = [
        ("", PathFault::Empty),
        ("../host/a.json", PathFault::Outside),
        ("/etc/hostname", PathFault::Outside),
        (".git/config", PathFault::Outside),
        ("none.json", PathFault::Missing),
        ("reports", PathFault::NotAFile),
        ("secret/s.json", PathFault::Ignored),
        #[cfg(unix)]
        ("link", PathFault::NotAFile),
        #[cfg(unix)]
        ("link/x.json", PathFault::BehindLink),
    ];
    for (path, want) in cases {
        let fault = site.pc().publish(&paths(&["a.json", path]), "x").unwrap_err();
        assert_eq!(fault, PublishFault::Path { path: path.to_owned(), why: want }, "{path}");
        assert_eq!(site.pc().revision().unwrap(), head, "{path}");
    }
}

#[test]
fn a_remote_that_moved_rejects_the_push_and_the_commit_is_kept() {
    let site = Site::new();
    write(&site.host, "b.json", "b2");
    let theirs = site.host().publish(&paths(&["b.json"]), "theirs").unwrap().revision;
    write(&site.pc, "a.json", "a2");
    let fault = site.pc().publish(&paths(&["a.json"]), "ours").unwrap_err();
    let PublishFault::Rejected { revision, why } = fault else { panic!("{fault}") };
    assert!(why.contains(&theirs), "{why}");
    assert_eq!(site.pc().revision().unwrap(), Some(revision));
    assert_eq!(Repository::open(&site.bare).unwrap().refname_to_id("refs/heads/main").unwrap().to_string(), theirs);
}

#[test]
fn a_work_tree_that_is_not_ready_is_refused_before_anything_changes() {
    let cases: [(&str, Prepare, GitDetail); 4] = [
        ("lock", |s| drop(File::create_new(s.pc.join(".git/index.lock")).unwrap()), GitDetail::Locked),
        ("branch", |s| other_branch(s), GitDetail::WrongBranch),
        (
            "merge",
            |s| write(&s.pc, ".git/MERGE_HEAD", &s.pc().revision().unwrap().unwrap()),
            GitDetail::MergeInProgress,
        ),
        ("no repository", |s| fs::rename(s.pc.join(".git"), s.pc.join("git")).unwrap(), GitDetail::NotARepo),
    ];
    for (name, prepare, want) in cases {
        let site = Site::new();
        write(&site.pc, "a.json", "a2");
        let head = site.pc().revision().unwrap();
        prepare(&site);
        let fault = site.pc().publish(&paths(&["a.json"]), "x").unwrap_err();
        assert!(matches!(&fault, PublishFault::Precheck(git) if git.detail == want), "{name}: {fault}");
        let shared = Repository::open(&site.bare).unwrap().refname_to_id("refs/heads/main").unwrap();
        assert_eq!(Some(shared.to_string()), head, "{name}");
    }
}

#[test]
fn the_first_publish_makes_the_branch_of_an_empty_remote() {
    let dir = tempfile::TempDir::new().unwrap();
    let (bare, pc) = (dir.path().join("shared.git"), dir.path().join("pc"));
    daily_ops::sync::create_bare(&bare, BRANCH).unwrap();
    daily_ops::sync::clone(bare.to_str().unwrap(), &pc, BRANCH, PC).unwrap();
    assert_eq!(remote(&pc).revision().unwrap(), None);
    assert!(remote(&pc).history(5).unwrap().is_empty());
    let fault = remote(&pc).publish(&[], "nothing").unwrap_err();
    assert!(matches!(fault, PublishFault::Precheck(_)), "{fault}");
    write(&pc, "a.json", "a1");
    let published = remote(&pc).publish(&paths(&["a.json"]), "first").unwrap();
    assert!(published.pushed);
    assert!(daily_ops::sync::create_bare(&bare, BRANCH).is_err(), "an existing repository is not touched");
    assert!(daily_ops::sync::clone(bare.to_str().unwrap(), &pc, BRANCH, PC).is_err());
}

fn other_branch(site: &Site) {
    let repo = Repository::open(&site.pc).unwrap();
    let commit = repo.head().unwrap().peel_to_commit().unwrap();
    repo.branch("other", &commit, false).unwrap();
    repo.set_head("refs/heads/other").unwrap();
}
