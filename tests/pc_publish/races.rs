//! Another clone is faster: the branch moves between our fetch and our push, as often as the test wants.

use daily_ops::contracts::publish::PublishCode;
use daily_ops::pc::publish::PublishClass;
use daily_ops::store::layout;

use crate::site::Site;
use crate::site::head;
use crate::site::line;
use crate::site::message;
use crate::site::read;
use crate::site::remote;

#[test]
fn code_that_arrives_before_our_push_goes_below_our_commit() {
    let site = Site::new();
    let start = head(&site.pc);
    let theirs = site.waiting(&[&[("src/main.py", "2\n"), ("docs/new.md", "x\n")]]);
    site.race(&theirs);
    let outcome = site.done("one race");
    assert_eq!(line(&site.pc, start), [head(&site.pc), theirs[0]], "one line, ours on top");
    assert_eq!(outcome.result.commit.as_deref(), Some(head(&site.pc).to_string().as_str()));
    assert!(message(&site.pc).starts_with("Daily recon update - 2026-11-20\n"));
    assert_eq!((read(&site.pc, "src/main.py"), read(&site.pc, "docs/new.md")), ("2\n".to_owned(), "x\n".to_owned()));
    assert_eq!(remote(&site.pc).changed_paths().expect("readable"), Vec::<String>::new());
    assert!(outcome.result.warnings.iter().any(|text| text.contains("had moved 1 times")));
}

#[test]
fn three_races_are_won_and_a_fourth_is_given_up() {
    let edits: [&[(&str, &str)]; 4] =
        [&[("src/a.py", "1")], &[("src/b.py", "1")], &[("src/c.py", "1")], &[("src/d.py", "1")]];
    let site = Site::new();
    let theirs = site.waiting(&edits[..3]);
    site.race(&theirs);
    site.done("three");
    let site = Site::new();
    let theirs = site.waiting(&edits);
    site.race(&theirs);
    let outcome = site.publish();
    assert_eq!((outcome.class, outcome.result.code), (PublishClass::Refused, Some(PublishCode::PublishPushRejected)));
    assert!(outcome.result.message.contains("3 new tries"), "{}", outcome.result.message);
    assert_eq!(site.main(), theirs[3], "nothing was forced");
    let kept = head(&site.pc);
    assert_eq!(outcome.result.commit.as_deref(), Some(kept.to_string().as_str()), "the commit is kept");
    let again = site.publish();
    assert_eq!((again.class, again.result.pushed), (PublishClass::Done, true), "{}", again.result.message);
    assert_eq!(line(&site.pc, theirs[3]).len(), 1);
}

#[test]
fn data_that_arrives_before_our_push_is_never_overwritten() {
    let cases = [
        ("the same file", layout::RECON_SUMMARY),
        ("another bundle", "state/strategy_bundle/snapshots/strategy_bundle_20261120_185959.json"),
        ("other data", "state/live/decision_params.json"),
        ("a file in place of our directory", "reports/phase_c"),
    ];
    for (name, path) in cases {
        let site = Site::new();
        let theirs = site.waiting(&[&[("src/main.py", "2\n")], &[(path, "{}\n")]]);
        site.race(&theirs[1..]);
        let outcome = site.publish();
        let result = &outcome.result;
        assert_eq!(
            (outcome.class, result.code),
            (PublishClass::Refused, Some(PublishCode::PublishPushRejected)),
            "{name}"
        );
        assert!(result.message.contains(path), "{name}: {}", result.message);
        assert_eq!(site.main(), theirs[1], "{name}: nothing was forced");
        assert_eq!(result.commit.as_deref(), Some(head(&site.pc).to_string().as_str()), "{name}: the commit is kept");
        assert_eq!(read(&site.pc, "src/main.py"), "1\n", "{name}: the work tree is as it was");
        let said = site.refused(name, PublishCode::PublishDiverged);
        assert!(said.contains(path), "{name}: {said}");
    }
}

#[test]
fn what_is_changed_and_changed_back_is_still_touched() {
    let site = Site::new();
    let theirs = site.waiting(&[&[(layout::RECON_SUMMARY, "{}\n")], &[("src/main.py", "2\n")]]);
    let other = git2::Repository::open(&site.other).expect("a repository");
    std::fs::remove_file(site.other.join(layout::RECON_SUMMARY)).expect("removed");
    let last = crate::site::commit_all(&site.other, "changed back");
    drop(other);
    crate::site::push(&site.other, "waiting-last");
    assert_ne!(theirs[1], last);
    site.race(&[last]);
    let outcome = site.publish();
    assert_eq!(outcome.result.code, Some(PublishCode::PublishPushRejected), "{}", outcome.result.message);
}

#[test]
fn kept_commits_of_several_days_are_pushed_together_on_newer_ground() {
    let site = Site::new();
    site.hook("pre-push", "exit 1\n");
    let start = head(&site.pc);
    for day in 0..3 {
        site.clock.advance(std::time::Duration::from_secs(3600 * day));
        site.work();
        let outcome = site.publish();
        assert_eq!(outcome.result.code, Some(PublishCode::PublishPushRejected), "day {day}");
    }
    assert_eq!(line(&site.pc, start).len(), 3);
    let theirs = site.waiting(&[&[("src/main.py", "2\n")]]);
    site.move_main(theirs[0]);
    std::fs::remove_file(site.pc.join(".git/hooks/pre-push")).expect("removed");
    let outcome = site.publish();
    assert_eq!((outcome.class, outcome.result.pushed), (PublishClass::Done, true), "{}", outcome.result.message);
    assert_eq!(line(&site.pc, theirs[0]).len(), 3, "each of our commits, on top of theirs");
    assert_eq!(head(&site.pc), site.main());
    assert_eq!(read(&site.pc, "src/main.py"), "2\n");
}

#[test]
fn a_remote_that_cannot_move_its_branch_keeps_the_commit_here() {
    let site = Site::new();
    let before = site.main();
    crate::site::write(&site.bare, "refs/heads/main.lock", "");
    let outcome = site.publish();
    let codes = [Some(PublishCode::PublishPushRejected), Some(PublishCode::PublishPushFailed)];
    assert!(codes.contains(&outcome.result.code), "{:?}: {}", outcome.result.code, outcome.result.message);
    assert_eq!((site.main(), outcome.result.pushed), (before, false));
    std::fs::remove_file(site.bare.join("refs/heads/main.lock")).expect("removed");
    let again = site.publish();
    assert_eq!((again.class, again.result.pushed), (PublishClass::Done, true), "{}", again.result.message);
}
