//! The ten steps: the one way through, and each step's way out with its own code and nothing changed.

use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::Document as _;
use daily_ops::contracts::publish::PublishCode;
use daily_ops::contracts::publish::PublishEnd;
use daily_ops::contracts::publish::PublishResult;
use daily_ops::pc::publish::PublishClass;
use daily_ops::store::layout;
use daily_ops::sync::PullOutcome;
use daily_ops::time::Clock as _;
use git2::Repository;
use serde_json::Value;
use serde_json::json;

use crate::site::Site;
use crate::site::at;
use crate::site::commit_all;
use crate::site::head;
use crate::site::message;
use crate::site::push;
use crate::site::read;
use crate::site::remote;
use crate::site::snapshot;
use crate::site::write;

/// Brings a site into the state of a case.
type Prepare = fn(&Site);

fn files_of_a_day(site: &Site) -> Vec<String> {
    let mut files = vec![
        layout::RECON_DAILY.to_owned(),
        layout::RECON_SUMMARY.to_owned(),
        layout::REPORT_AI.to_owned(),
        layout::REPORT_HUMAN.to_owned(),
        layout::BUNDLE.latest.to_owned(),
        snapshot(site.clock.now()),
    ];
    files.sort();
    files
}

#[test]
fn a_day_is_published_in_one_commit_that_the_host_can_continue() {
    let site = Site::new();
    let outcome = site.done("first");
    let result = &outcome.result;
    assert_eq!(result.files, files_of_a_day(&site));
    assert!(result.pushed && !result.dry_run);
    assert_eq!(result.commit.as_deref(), Some(head(&site.pc).to_string().as_str()));
    let bundle: Value = serde_json::from_str(&read(&site.pc, layout::BUNDLE.latest)).expect("JSON");
    let id = bundle["bundle_id"].as_str().expect("an id");
    let payload = &bundle["integrity"]["payload_sha256"].as_str().expect("a hash")[..16];
    let want = format!(
        "Daily recon update - 2026-11-20\n\nbundle: {id}\npayload: {payload}\nrecon: GREEN\n\n\
         Daily-Ops-Run: run_20261120_190000_00000007\n"
    );
    assert_eq!(message(&site.pc), want);
    let lines: Vec<&str> = outcome.lines.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
    let order = [
        "created_at",
        "bundle_id",
        "regime",
        "scorer",
        "holding_action",
        "sha256",
        "commit",
        "push",
        "duration",
        "log",
        "worktree",
    ];
    assert_eq!(lines, order);
    assert_eq!(
        outcome.lines[2..5],
        ["regime: RISK_ON", "scorer: OK, 229200 77.5, 122630 67.5, 069500 65.0", "holding_action: OK, ADD 1, HOLD 1",]
    );
    let kept = PublishResult::parse(read(&site.pc, layout::PUBLISH_RESULT).as_bytes()).expect("a document");
    assert_eq!(&kept, result);
    let log = site.log();
    assert!(log.lines().all(|line| line.starts_with("[2026-11-20 19:00:00] [INFO] ")), "{log}");
    assert_eq!(remote(&site.pc).changed_paths().expect("readable"), Vec::<String>::new());
    let pulled = remote(&site.other).pull();
    assert_eq!(pulled.outcome, PullOutcome::Updated, "{}", pulled.message);
    assert_eq!(pulled.run_id.map(String::from).as_deref(), Some("run_20261120_190000_00000007"));
    assert_eq!(read(&site.other, layout::BUNDLE.latest), read(&site.pc, layout::BUNDLE.latest));
}

#[test]
fn an_unchanged_day_makes_no_commit_whenever_it_is_published_again() {
    let site = Site::new();
    site.done("first");
    let before = (site.state(), site.main());
    for later in [0, 3600, 200_000] {
        site.clock.advance(std::time::Duration::from_secs(later));
        let outcome = site.publish();
        let result = &outcome.result;
        assert_eq!((outcome.class, result.result, result.code), (PublishClass::Done, PublishEnd::NoChanges, None));
        assert_eq!((result.commit.as_ref(), result.pushed, result.message.as_str()), (None, false, "no changes"));
        assert_eq!(outcome.lines[6..8], ["commit: unchanged", "push: nothing to push"]);
        assert!((site.state(), site.main()) == before, "something changed");
    }
    site.work();
    assert_eq!(site.done("a new bundle is always a new commit").result.files.len(), 5, "the rows are the same");
}

#[test]
fn a_commit_that_is_ahead_is_pushed_although_nothing_is_new() {
    let site = Site::new();
    site.done("first");
    write(&site.pc, "src/main.py", "2\n");
    let ahead = commit_all(&site.pc, "code by hand");
    let outcome = site.publish();
    assert_eq!((outcome.result.result, outcome.result.pushed), (PublishEnd::NoChanges, true));
    assert_eq!(site.main(), ahead);
}

#[test]
fn step_1_refuses_a_work_tree_that_is_not_ready() {
    let cases: [(&str, Prepare, &str); 10] = [
        ("detached", |s| repo(s).set_head_detached(head(&s.pc)).expect("detached"), "detached"),
        ("another branch", |s| other_branch(s), "on other"),
        ("merge", |s| write(&s.pc, ".git/MERGE_HEAD", &format!("{}\n", head(&s.pc))), "merge"),
        ("rebase", |s| write(&s.pc, ".git/rebase-merge/interactive", ""), "rebase"),
        ("cherry-pick", |s| write(&s.pc, ".git/CHERRY_PICK_HEAD", &format!("{}\n", head(&s.pc))), "cherry-pick"),
        ("bisect", |s| write(&s.pc, ".git/BISECT_LOG", ""), "bisect"),
        ("lock", |s| write(&s.pc, ".git/index.lock", ""), "index.lock"),
        ("no remote", |s| repo(s).remote_delete("origin").expect("deleted"), "origin"),
        ("signed commits", |s| config(s).set_bool("commit.gpgsign", true).expect("set"), "gpgSign"),
        (
            "no repository",
            |s| std::fs::rename(s.pc.join(".git"), s.pc.join("git")).expect("renamed"),
            "no git work tree",
        ),
    ];
    for (name, prepare, want) in cases {
        let site = Site::new();
        prepare(&site);
        let said = site.refused(name, PublishCode::PublishPrecheck);
        assert!(said.contains(want), "{name}: {said}");
    }
}

#[test]
fn step_2_lists_what_is_changed_and_not_data() {
    let cases: [(&str, Prepare, &str); 8] = [
        ("tracked", |s| write(&s.pc, "src/main.py", "2\n"), "src/main.py"),
        ("deleted", |s| std::fs::remove_file(s.pc.join("src/main.py")).expect("removed"), "src/main.py"),
        ("untracked", |s| write(&s.pc, "메모/할 일.txt", "x"), "메모/할 일.txt"),
        ("staged", |s| staged(s, "new.py"), "new.py"),
        ("beside the reports", |s| write(&s.pc, "reports/phase_c/latest/extra.json", "{}"), "extra.json"),
        ("a portfolio is personal", |s| write(&s.pc, layout::PORTFOLIO.latest, "{}"), "portfolio"),
        ("a safety switch", |s| write(&s.pc, layout::GATE, "{}"), "execution_gate.json"),
        (
            "a snapshot that was published",
            |s| {
                s.done("first");
                write(&s.pc, &snapshot(s.clock.now()), "{}");
            },
            "snapshots",
        ),
    ];
    for (name, prepare, want) in cases {
        let site = Site::new();
        prepare(&site);
        let said = site.refused(name, PublishCode::PublishDirty);
        assert!(said.contains(want), "{name}: {said}");
    }
    let site = Site::new();
    write(&site.pc, "logs/x.log", "ignored files do not count");
    site.done("ignored");
}

#[test]
fn step_3_never_adds_what_git_ignores() {
    let cases = [
        ("/reports/phase_c/\n", "recon_summary.json"),
        ("*.jsonl\n", "recon_daily.jsonl"),
        ("/state/strategy_bundle/latest/\n", "strategy_bundle_latest.json"),
        ("/state/strategy_bundle/snapshots/\n", "snapshots"),
    ];
    for (rule, want) in cases {
        let site = Site::new();
        write(&site.pc, ".git/info/exclude", rule);
        let said = site.refused(rule, PublishCode::PublishPathIgnored);
        assert!(said.contains(want), "{rule}: {said}");
    }
    let site = Site::new();
    site.done("tracked once");
    write(&site.pc, ".git/info/exclude", "/reports/phase_c/\n/state/\n");
    std::fs::remove_file(site.pc.join(snapshot(site.clock.now()))).ok();
    write(&site.pc, &snapshot(site.clock.now()), &read(&site.pc, layout::BUNDLE.latest));
    site.clock.advance(std::time::Duration::from_secs(60));
    for (path, document) in crate::site::reports(site.clock.now()) {
        write(&site.pc, path, &document);
    }
    write(&site.pc, layout::BUNDLE.latest, &site.bundle(site.clock.now(), &|_| ()));
    site.done("what is tracked travels although a rule names it now");
}

#[test]
fn step_4_follows_the_remote_and_keeps_local_results() {
    let site = Site::new();
    let waiting = site.waiting(&[&[("src/main.py", "2\n"), ("README.md", "new\n")]]);
    site.move_main(waiting[0]);
    let outcome = site.done("behind");
    assert_eq!(read(&site.pc, "src/main.py"), "2\n");
    assert_eq!(outcome.result.files, files_of_a_day(&site));
    let repo = repo(&site);
    let parent = repo.find_commit(head(&site.pc)).expect("a commit").parent_id(0).expect("a parent");
    assert_eq!(parent, waiting[0], "on top of the remote's newest");
}

#[test]
fn step_4_refuses_what_went_apart_and_touches_nothing() {
    let site = Site::new();
    site.done("first");
    let waiting = site.waiting(&[&[("README.md", "theirs\n")]]);
    write(&site.pc, "src/main.py", "ours\n");
    commit_all(&site.pc, "code of our own");
    site.move_main(waiting[0]);
    let said = site.refused("a commit of ours that is no data", PublishCode::PublishDiverged);
    assert!(said.contains("no data commit") && said.contains(&waiting[0].to_string()), "{said}");

    let site = Site::new();
    site.done("first");
    let waiting = site.waiting(&[&[(layout::RECON_SUMMARY, "{}\n")]]);
    site.move_main(waiting[0]);
    site.clock.advance(std::time::Duration::from_secs(60));
    site.work();
    let said = site.refused("the same file on both sides", PublishCode::PublishDiverged);
    assert!(said.contains(layout::RECON_SUMMARY), "{said}");

    let site = Site::new();
    let foreign = Repository::init_bare(site.dir.path().join("foreign.git")).expect("a repository");
    let author = git2::Signature::now("x", "x@example.invalid").expect("an author");
    let tree =
        foreign.find_tree(foreign.treebuilder(None).expect("a builder").write().expect("a tree")).expect("a tree");
    foreign.commit(Some("refs/heads/main"), &author, &author, "rewritten", &tree, &[]).expect("a commit");
    repo(&site).remote_set_url("origin", foreign.path().to_str().expect("text")).expect("set");
    let said = site.refused("a rewritten remote", PublishCode::PublishDiverged);
    assert!(said.contains("no commit in common"), "{said}");
}

#[test]
fn step_5_refuses_what_is_not_sound() {
    let cases: [(&str, Prepare, &str); 19] = [
        ("no summary", |s| remove(s, layout::RECON_SUMMARY), "recon_summary.json: is missing"),
        ("no human report", |s| remove(s, layout::REPORT_HUMAN), "report_human.json: is missing"),
        ("no AI report", |s| remove(s, layout::REPORT_AI), "report_ai.json: is missing"),
        ("no rows", |s| remove(s, layout::RECON_DAILY), "recon_daily.jsonl: is missing"),
        ("no bundle", |s| remove(s, layout::BUNDLE.latest), "strategy_bundle_latest.json: is missing"),
        ("half a file", |s| write(&s.pc, layout::REPORT_AI, "{\"a\":"), "cannot be read as a document"),
        ("a key twice", |s| write(&s.pc, layout::REPORT_AI, "{\"a\":1,\"a\":2}"), "twice"),
        ("no object", |s| write(&s.pc, layout::REPORT_AI, "[]"), "must be a JSON object"),
        ("error summary", |s| edit(s, layout::RECON_SUMMARY, "/status", json!("error")), "--allow-error"),
        ("pair of another summary", |s| edit(s, layout::RECON_SUMMARY, "/kpis/executed", json!(2)), "executed_days"),
        ("badge", |s| edit(s, layout::REPORT_AI, "/status", json!("AMBER")), "status is not that of the summary"),
        ("rows of another summary", |s| write(&s.pc, layout::RECON_DAILY, ""), "0 rows, the summary counts 2"),
        (
            "forged bundle",
            |s| edit(s, layout::BUNDLE.latest, "/strategy/version", json!("9")),
            "PAYLOAD_SHA256_MISMATCH",
        ),
        (
            "unsigned bundle",
            |s| edit(s, layout::BUNDLE.latest, "/integrity/signature", json!("auto-0")),
            "SIGNATURE_INVALID",
        ),
        ("old bundle", |s| bundle(s, "2026-11-20T18:49:59+09:00", |_| ()), "within 600 s"),
        ("bundle of the future", |s| bundle(s, "2026-11-20T19:06:00+09:00", |_| ()), "CREATED_AT_IN_FUTURE"),
        (
            "a word of no list",
            |s| bundle(s, "2026-11-20T19:00:00+09:00", |b| b["regime"]["code"] = json!("UP")),
            "regime/code",
        ),
        ("holdings", |s| bundle(s, "2026-11-20T19:00:00+09:00", |b| b["portfolio"] = json!({"cash": 1})), "personal"),
        (
            "parameters",
            |s| write(&s.pc, layout::DECISION_PARAMS, "{\"schema\": \"DECISION_PARAMS_V1\"}"),
            "decision_params.json",
        ),
    ];
    for (name, prepare, want) in cases {
        let site = Site::new();
        prepare(&site);
        let said = site.refused(name, PublishCode::PublishInvalid);
        assert!(said.contains(want), "{name}: {said}");
    }
    let site = Site::new();
    bundle(&site, "2026-11-20T18:50:00+09:00", |_| ());
    site.done("ten minutes are young enough");
}

#[test]
fn step_5_asks_the_policy_of_the_settings() {
    let site = Site::new();
    edit(&site, layout::BUNDLE.latest, "/integrity/signature", json!("auto-0"));
    remove(&site, &snapshot(site.clock.now()));
    let lax = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
    let outcome = site.publish_with(&lax);
    assert_eq!(outcome.class, PublishClass::Done, "{}", outcome.result.message);
    let warned = outcome.result.warnings.iter().any(|warning| warning.contains("SIGNATURE_UNVERIFIED"));
    assert!(warned, "{:?}", outcome.result.warnings);
    let site = Site::new();
    let outcome = site.publish_with(&BundlePolicy::default());
    assert_eq!(outcome.result.code, Some(PublishCode::PublishInvalid), "without a key nothing is proved");
}

#[test]
fn step_10_says_what_is_still_changed() {
    let site = Site::new();
    site.hook("post-commit", "echo x > left_over.txt\n");
    let outcome = site.publish();
    assert_eq!(outcome.class, PublishClass::Fault);
    assert_eq!(outcome.result.code, Some(PublishCode::PublishNotClean));
    assert!(outcome.result.message.contains("left_over.txt") && outcome.result.pushed);
}

#[test]
fn staged_and_personal_work_is_never_part_of_the_commit() {
    let site = Site::new();
    write(&site.pc, layout::REPORT_AI, "{}\n");
    staged(&site, layout::REPORT_AI);
    site.work();
    site.done("the work tree counts, not what was staged");
    assert_eq!(remote(&site.pc).changed_paths().expect("readable"), Vec::<String>::new());
}

#[test]
fn the_first_publish_makes_the_branch_of_an_empty_remote() {
    let site = Site::new();
    std::fs::remove_dir_all(&site.bare).expect("removed");
    daily_ops::sync::create_bare(&site.bare, "main").expect("a repository");
    let outcome = site.done("first");
    assert!(outcome.result.pushed);
    push(&site.pc, "main");
}

fn repo(site: &Site) -> Repository {
    Repository::open(&site.pc).expect("a repository")
}

fn config(site: &Site) -> git2::Config {
    repo(site).config().expect("a configuration").open_level(git2::ConfigLevel::Local).expect("local")
}

fn other_branch(site: &Site) {
    let repo = repo(site);
    let commit = repo.head().expect("a head").peel_to_commit().expect("a commit");
    repo.branch("other", &commit, false).expect("a branch");
    repo.set_head("refs/heads/other").expect("moved");
}

fn staged(site: &Site, path: &str) {
    if !site.pc.join(path).exists() {
        write(&site.pc, path, "x\n");
    }
    let repo = repo(site);
    let mut index = repo.index().expect("an index");
    index.add_path(path.as_ref()).expect("added");
    index.write().expect("written");
}

fn remove(site: &Site, path: &str) {
    std::fs::remove_file(site.pc.join(path)).expect("removed");
}

fn edit(site: &Site, path: &str, pointer: &str, value: Value) {
    let mut document: Value = serde_json::from_str(&read(&site.pc, path)).expect("JSON");
    match document.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => document[&pointer[1..]] = value,
    }
    write(&site.pc, path, &format!("{document:#}\n"));
}

fn bundle(site: &Site, made: &str, edit: fn(&mut Value)) {
    remove(site, &snapshot(site.clock.now()));
    write(&site.pc, layout::BUNDLE.latest, &site.bundle(at(made), &edit));
}
