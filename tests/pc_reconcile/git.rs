//! Hashes of provenance survive git on a machine that converts line ends.

use std::path::Path;

use crate::site::Site;
use crate::site::program;
use daily_ops::contracts::json::sha256_hex;
use git2::Repository;
use git2::Signature;
use git2::build::CheckoutBuilder;

/// Commits everything in a directory.
fn commit(root: &Path) {
    let repository = Repository::init(root).expect("a repository");
    let mut index = repository.index().expect("an index");
    index.add_all(["*"], git2::IndexAddOption::FORCE, None).expect("added");
    index.write().expect("written");
    let tree = repository.find_tree(index.write_tree().expect("a tree")).expect("found");
    let person = Signature::now("PC", "pc@example.invalid").expect("a person");
    repository.commit(Some("HEAD"), &person, &person, "inputs", &tree, &[]).expect("committed");
}

/// Clones as a Windows machine does: `core.autocrlf` is true before the first file is written.
fn clone_converting(from: &Path, to: &Path) {
    let repository = Repository::init(to).expect("a repository");
    let mut config = repository.config().expect("a config");
    config.set_bool("core.autocrlf", true).expect("set");
    let url = from.to_string_lossy();
    let mut remote = repository.remote("origin", &url).expect("a remote");
    remote.fetch(&["+HEAD:refs/heads/copy"], None, None).expect("fetched");
    repository.set_head("refs/heads/copy").expect("set");
    repository.checkout_head(Some(CheckoutBuilder::new().force())).expect("checked out");
}

fn hash(root: &Path, file: &str) -> String {
    sha256_hex(&std::fs::read(root.join(file)).expect(file))
}

#[test]
fn a_clone_with_converting_git_has_the_same_hashes() {
    let files = ["원장 자료/ledger.jsonl", "oos.json", "069500.parquet"];
    for (pinned, same) in [(true, true), (false, false)] {
        let site = Site::new();
        site.write(files[0], &site.read("ledger.jsonl"));
        if pinned {
            let made = program().arg("init").arg(site.dir.path()).output().expect("started");
            assert!(made.status.success());
            assert!(String::from_utf8_lossy(&made.stdout).contains("made .gitattributes"));
        }
        site.write("oos.json", "{\"years\":\n{}}\n");
        commit(site.dir.path());
        let clone = tempfile::tempdir().expect("a directory");
        clone_converting(site.dir.path(), clone.path());
        let differs = files.iter().any(|file| hash(clone.path(), file) != hash(site.dir.path(), file));
        assert_eq!(!differs, same, "with .gitattributes: {pinned}");
        assert_eq!(hash(clone.path(), files[2]), hash(site.dir.path(), files[2]), "a binary file is never converted");
    }
}

#[test]
fn this_repository_pins_the_same_line_ends() {
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.gitattributes")).expect("readable");
    for line in ["*.json text eol=lf", "*.jsonl text eol=lf", "*.parquet binary"] {
        assert!(own.lines().any(|own| own == line), "{line}");
    }
}
