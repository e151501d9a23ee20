//! Nothing that a repository contains or configures is executed.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use daily_ops::sync::DirtyPolicy;
use daily_ops::sync::PublishFault;
use git2::Repository;

use crate::site::Site;
use crate::site::read;
use crate::site::write;

const HOOKS: [&str; 12] = [
    "post-merge",
    "post-checkout",
    "post-rewrite",
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-push",
    "pre-receive",
    "update",
    "post-receive",
    "reference-transaction",
];

fn trap(repository: &Path, mark: &Path) {
    for directory in ["hooks", "other-hooks"] {
        for hook in HOOKS {
            let path = format!("{directory}/{hook}");
            write(repository, &path, &format!("#!/bin/sh\necho {path} >> '{}'\nexit 1\n", mark.display()));
            fs::set_permissions(repository.join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut config = Repository::open(repository).unwrap().config().unwrap();
    let program = |what: &str| format!("sh -c \"echo {what} >> '{}'; cat\"", mark.display());
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "merge.evil.driver",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "remote.origin.uploadpack",
        "remote.origin.receivepack",
        "gc.recentObjectsHook",
    ] {
        config.set_str(key, &program(key)).unwrap();
    }
    config.set_bool("filter.evil.required", true).unwrap();
    config.set_bool("commit.gpgSign", true).unwrap();
    config.set_str("core.hooksPath", repository.join("other-hooks").to_str().unwrap()).unwrap();
}

#[test]
fn no_hook_no_filter_and_no_configured_program_runs() {
    let site = Site::new();
    let mark = site.dir.path().join("mark");
    for repository in [site.bare.clone(), site.pc.join(".git"), site.host.join(".git")] {
        trap(&repository, &mark);
    }
    for rule in ["pre-receive", "update", "reference-transaction"] {
        let path = site.bare.join("hooks").join(rule);
        write(&site.pc, "a.json", rule);
        let fault = site.pc().publish(&["a.json".to_owned()], rule).unwrap_err();
        assert!(matches!(&fault, PublishFault::Rejected { why, .. } if why.contains(" hook")), "{rule}: {fault}");
        // Without its rule the remote takes pushes again.
        fs::remove_file(path).unwrap();
    }
    let attributes = "* filter=evil diff=evil merge=evil\n";
    let first = site.publish("attributes", &[(".gitattributes", attributes), ("a.json", "a2")]);
    site.updated("attributes", &first, &[]);
    let second = site.publish("content", &[("a.json", "a3"), ("new.json", "n1")]);
    site.updated("content", &second, &[]);
    site.host().restore(&first, &["a.json"], DirtyPolicy::Overwrite).unwrap();
    assert_eq!(read(&site.host, "a.json"), "a2");
    site.host().history(10).unwrap();
    site.host().changed_paths().unwrap();
    assert_eq!(site.host().pull().detail, None);
    assert_eq!(fs::read_to_string(&mark).ok(), None, "something ran");
    // The git program does run them, so the traps are real ones.
    let git = Command::new("git").args(["checkout", "--quiet", "HEAD", "--", "."]).current_dir(&site.host).output();
    if git.is_ok() {
        assert!(fs::read_to_string(&mark).is_ok_and(|seen| !seen.is_empty()), "no trap is set");
    }
}

#[test]
fn a_submodule_is_not_fetched() {
    let site = Site::new();
    let inner = site.dir.path().join("inner.git");
    daily_ops::sync::create_bare(&inner, "main").unwrap();
    let repo = Repository::open(&site.pc).unwrap();
    let head = repo.head().unwrap().target().unwrap();
    write(&site.pc, ".gitmodules", &format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {}\n", inner.display()));
    let mut index = repo.index().unwrap();
    index.add_path(".gitmodules".as_ref()).unwrap();
    let zero = git2::IndexTime::new(0, 0);
    let entry = git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: 0o160_000,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: head,
        flags: 0,
        flags_extended: 0,
        path: b"sub".to_vec(),
    };
    index.add(&entry).unwrap();
    let tree = repo.find_tree(index.write_tree().unwrap()).unwrap();
    let author = repo.signature().unwrap();
    let parent = repo.head().unwrap().peel_to_commit().unwrap();
    let commit = repo.commit(Some("HEAD"), &author, &author, "submodule", &tree, &[&parent]).unwrap();
    site.pc().publish(&[], "submodule").unwrap();
    let pulled = site.host().pull();
    assert_eq!(pulled.after, Some(commit.to_string()), "{}", pulled.message);
    let inside = fs::read_dir(site.host.join("sub")).map(|entries| entries.count());
    assert!(inside.is_err() || inside.is_ok_and(|count| count == 0));
    assert!(!site.host.join(".git/modules").exists());
    let next = site.publish("after it", &[("a.json", "a2")]);
    assert_eq!(site.host().pull().after, Some(next));
}
