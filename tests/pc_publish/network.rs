//! The remote cannot be reached: before the commit, between commit and push, and afterwards.

use daily_ops::contracts::publish::PublishCode;
use daily_ops::contracts::publish::PublishEnd;
use daily_ops::pc::publish::PublishClass;
use daily_ops::store::layout;
use git2::Repository;

use crate::site::Site;
use crate::site::head;
use crate::site::line;
use crate::site::read;
use crate::site::text;

#[test]
fn without_a_network_the_commit_is_kept_and_the_next_publish_pushes_it() {
    let site = Site::new();
    let (start, away) = (head(&site.pc), site.bare.with_extension("away"));
    std::fs::rename(&site.bare, &away).expect("renamed");
    let outcome = site.publish();
    let result = &outcome.result;
    assert_eq!((outcome.class, result.code), (PublishClass::Fault, Some(PublishCode::PublishPushFailed)));
    assert_eq!((result.result, result.pushed), (PublishEnd::Failed, false));
    let kept = head(&site.pc);
    assert_eq!((result.commit.as_deref(), line(&site.pc, start)), (Some(kept.to_string().as_str()), vec![kept]));
    assert!(site.log().contains("[ERROR] PUBLISH_PUSH_FAILED: "), "{}", site.log());
    std::fs::rename(&away, &site.bare).expect("renamed");
    site.clock.advance(std::time::Duration::from_secs(7200));
    let again = site.publish();
    assert_eq!(
        (again.class, again.result.result),
        (PublishClass::Done, PublishEnd::NoChanges),
        "{}",
        again.result.message
    );
    assert!(again.result.pushed && again.result.commit.is_none());
    assert_eq!(site.main(), kept);
}

#[test]
fn a_network_that_is_lost_between_commit_and_push_keeps_the_commit() {
    let site = Site::new();
    let away = site.bare.with_extension("away");
    site.hook("post-commit", &format!("mv '{}' '{}'\n", text(&site.bare), text(&away)));
    let outcome = site.publish();
    assert_eq!(outcome.result.code, Some(PublishCode::PublishPushFailed), "{}", outcome.result.message);
    let kept = head(&site.pc);
    std::fs::rename(&away, &site.bare).expect("renamed");
    std::fs::remove_file(site.pc.join(".git/hooks/post-commit")).expect("removed");
    let theirs = site.waiting(&[&[("src/main.py", "2\n")]]);
    site.move_main(theirs[0]);
    site.clock.advance(std::time::Duration::from_secs(86_400));
    site.work();
    site.done("next day, on newer ground, with the kept commit below");
    assert_eq!(line(&site.pc, theirs[0]).len(), 2);
    assert!(!line(&site.pc, theirs[0]).contains(&kept), "it was made again on top of theirs");
    assert_eq!(read(&site.pc, "src/main.py"), "2\n");
}

#[test]
fn a_remote_that_does_not_answer_costs_no_more_than_the_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let site = Site::new();
    let url = format!("http://reader:hunter22secret@127.0.0.1:{port}/a.git");
    Repository::open(&site.pc).expect("a repository").remote_set_url("origin", &url).expect("set");
    drop(listener);
    let outcome = site.publish();
    assert_eq!(outcome.result.code, Some(PublishCode::PublishPushFailed));
    let shown = format!("{:?}{}{}", outcome.result, site.log(), read(&site.pc, layout::PUBLISH_RESULT));
    assert!(!shown.contains("hunter22secret") && shown.contains("127.0.0.1"), "{shown}");
}
