//! The user's hooks run as the git program runs them, and their word counts.

use std::time::Duration;

use daily_ops::contracts::publish::PublishCode;
use daily_ops::pc::publish::PublishClass;
use daily_ops::store::layout;
use git2::Repository;

use crate::site::KEY;
use crate::site::Site;
use crate::site::head;
use crate::site::message;
use crate::site::program;
use crate::site::read;
use crate::site::text;
use crate::site::write;

/// A hook that notes how it was started.
fn noting(site: &Site, name: &str) -> String {
    let note = text(&site.dir.path().join("notes")).to_owned();
    format!(
        "{{ echo \"hook {name}\"; for a in \"$@\"; do echo \"arg $a\"; done; echo \"cwd $(pwd -P)\"; \
         echo \"index ${{GIT_INDEX_FILE:-}}\"; echo \"editor ${{GIT_EDITOR:-}}\"; echo \"prompt ${{GIT_TERMINAL_PROMPT:-}}\"; \
         echo \"author ${{GIT_AUTHOR_NAME:-}} ${{GIT_AUTHOR_EMAIL:-}} ${{GIT_AUTHOR_DATE:+dated}}\"; \
         echo \"dir ${{GIT_DIR:-none}}\"; sed 's/^/in /'; }} >> '{note}'\n"
    )
}

fn notes(site: &Site) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(site.dir.path().join("notes")).unwrap_or_default();
    let mut found: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("hook ") {
            found.push(Vec::new());
        }
        found.last_mut().expect("a hook").push(line.to_owned());
    }
    found
}

#[test]
fn each_hook_gets_the_arguments_the_input_and_the_environment_of_git() {
    let site = Site::new();
    let names = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push"];
    for name in names {
        site.hook(name, &noting(&site, name));
    }
    let before = site.main();
    site.done("noted");
    let notes = notes(&site);
    let cwd = format!("cwd {}", text(&site.pc.canonicalize().expect("a path")));
    let heads: Vec<&str> = notes.iter().map(|note| note[0].as_str()).collect();
    assert_eq!(heads, names.map(|name| format!("hook {name}")));
    let args = |note: &[String]| -> Vec<String> {
        note.iter().filter_map(|line| line.strip_prefix("arg ")).map(str::to_owned).collect()
    };
    let want: [&[&str]; 5] =
        [&[], &[".git/COMMIT_EDITMSG", "message"], &[".git/COMMIT_EDITMSG"], &[], &["origin", text(&site.bare)]];
    for ((note, name), want) in notes.iter().zip(names).zip(want) {
        assert_eq!(args(note), want, "{name}");
        assert!(note.contains(&cwd), "{name}: {note:?}");
        for line in ["editor :", "prompt 0", "dir none"] {
            assert!(note.contains(&line.to_owned()), "{name}: {note:?}");
        }
        let is_commit = !matches!(name, "pre-push" | "post-commit");
        let author = "author 연구 PC pc@example.invalid dated".to_owned();
        assert_eq!(note.contains(&author), is_commit, "{name}: {note:?}");
        let index = note.iter().find_map(|line| line.strip_prefix("index ")).expect("a line").to_owned();
        assert_eq!(index.contains("daily-ops-publish"), is_commit, "{name}: an index of its own: {index}");
    }
    let pushed: Vec<&String> = notes[4].iter().filter(|line| line.starts_with("in ")).collect();
    assert_eq!(pushed, [&format!("in refs/heads/main {} refs/heads/main {before}", head(&site.pc))]);
    let left: Vec<_> = std::fs::read_dir(site.pc.join(".git")).expect("listed").collect();
    let left = left.into_iter().map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    assert_eq!(left.filter(|name| name.contains("daily-ops")).count(), 0, "the index of the hooks is gone");
}

#[test]
fn what_would_be_committed_is_what_the_hook_can_look_at() {
    if std::process::Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let site = Site::new();
    let note = site.dir.path().join("seen");
    site.hook("pre-commit", &format!("git diff --cached --name-only > '{}'\n", text(&note)));
    let outcome = site.done("looked at");
    let seen = std::fs::read_to_string(note).expect("readable");
    assert_eq!(seen.lines().collect::<Vec<_>>(), outcome.result.files);
}

#[test]
fn a_hook_that_says_no_stops_the_commit_or_the_push() {
    for name in ["pre-commit", "prepare-commit-msg", "commit-msg"] {
        let site = Site::new();
        site.hook(name, "echo 'line too long' >&2\nexit 3\n");
        let said = site.refused(name, PublishCode::PublishCommit);
        assert!(said.contains(name) && said.contains("line too long"), "{said}");
    }
    let site = Site::new();
    let before = site.main();
    site.hook("pre-push", "echo 'not on a Friday' >&2\nexit 1\n");
    let outcome = site.publish();
    assert_eq!((outcome.class, outcome.result.code), (PublishClass::Refused, Some(PublishCode::PublishPushRejected)));
    assert!(outcome.result.message.contains("pre-push") && outcome.result.message.contains("not on a Friday"));
    assert_eq!(site.main(), before);
    assert_eq!(outcome.result.commit.as_deref(), Some(head(&site.pc).to_string().as_str()), "the commit is kept");
}

#[test]
fn a_hook_after_the_commit_can_only_warn() {
    let site = Site::new();
    site.hook("post-commit", "echo 'mail was not sent'\nexit 1\n");
    let outcome = site.done("warned");
    assert!(
        outcome.result.warnings.iter().any(|text| text.contains("post-commit") && text.contains("mail was not sent"))
    );
}

#[test]
fn a_hook_may_add_to_the_message_but_not_rename_the_commit() {
    let site = Site::new();
    site.hook("commit-msg", "printf 'Reviewed-by: nobody\\n' >> \"$1\"\n");
    site.done("added");
    assert!(message(&site.pc).ends_with("Daily-Ops-Run: run_20261120_190000_00000007\nReviewed-by: nobody\n"));
    for (name, script) in [
        ("subject", "sed -i '1s/^/[data] /' \"$1\"\n"),
        ("trailer", "sed -i '/Daily-Ops-Run/d' \"$1\"\n"),
        ("another run", "sed -i 's/run_2026/run_1999/' \"$1\"\n"),
        ("nothing left", ": > \"$1\"\n"),
    ] {
        let site = Site::new();
        site.hook("commit-msg", script);
        let said = site.refused(name, PublishCode::PublishCommit);
        assert!(said.contains("commit-msg"), "{name}: {said}");
    }
}

#[test]
fn a_hook_that_changes_files_or_the_index_stops_the_commit() {
    let site = Site::new();
    let before = (head(&site.pc), site.main());
    site.hook("pre-commit", &format!("echo ' ' >> {}\n", layout::REPORT_AI));
    let outcome = site.publish();
    assert_eq!(outcome.result.code, Some(PublishCode::PublishCommit), "{}", outcome.result.message);
    assert!(outcome.result.message.contains(layout::REPORT_AI), "{}", outcome.result.message);
    assert_eq!((head(&site.pc), site.main()), before);
    if std::process::Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let site = Site::new();
    site.hook("pre-commit", "echo x > extra.txt\ngit add extra.txt\nrm extra.txt\n");
    let said = site.refused("index", PublishCode::PublishCommit);
    assert!(said.contains("extra.txt"), "{said}");
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_that_it_started() {
    let mut site = Site::new();
    site.hook_limit = Duration::from_millis(300);
    let mark = site.dir.path().join("survivor");
    site.hook("pre-commit", &format!("trap '' TERM\n(sleep 20; echo x > '{}') &\nsleep 30\n", text(&mark)));
    let clock = daily_ops::time::SystemClock::new();
    let said = site.refused("hanging", PublishCode::PublishCommit);
    let took = daily_ops::time::Clock::monotonic(&clock);
    assert!(said.contains("pre-commit had not ended after 0.3 s"), "{said}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!mark.exists());
}

#[test]
fn a_hook_may_leave_a_process_behind_that_holds_its_output() {
    let site = Site::new();
    site.hook("post-commit", "sleep 5 &\nexit 0\n");
    let clock = daily_ops::time::SystemClock::new();
    site.done("left behind");
    assert!(daily_ops::time::Clock::monotonic(&clock) < Duration::from_secs(15));
}

#[test]
fn hooks_are_where_the_configuration_says() {
    let site = Site::new();
    let repo = Repository::open(&site.pc).expect("a repository");
    repo.config().expect("a configuration").set_str("core.hooksPath", "my hooks").expect("set");
    site.hook("pre-commit", "exit 1\n");
    write(&site.pc, ".git/info/exclude", "/my hooks/\n");
    program(&site.pc.join("my hooks/pre-push"), "echo 'from the other place'\nexit 1\n");
    let outcome = site.publish();
    assert_eq!(outcome.result.code, Some(PublishCode::PublishPushRejected), "{}", outcome.result.message);
    assert!(outcome.result.message.contains("from the other place"));
}

#[test]
fn a_hook_that_may_not_be_executed_is_left_out_and_told() {
    let site = Site::new();
    write(&site.pc, ".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    let outcome = site.done("left out");
    assert!(outcome.result.warnings.iter().any(|text| text.contains("pre-commit is not executable")));
}

#[test]
fn a_hook_without_a_first_line_is_given_to_the_shell() {
    let site = Site::new();
    let file = site.pc.join(".git/hooks/pre-commit");
    program(&file, "");
    let script = "cat > \"$1\" <<'X'\necho 'no first line' >&2\nexit 1\nX\n";
    let made = std::process::Command::new("sh").args(["-c", script, "sh"]).arg(&file).status().expect("a shell");
    assert!(made.success());
    let said = site.refused("no first line", PublishCode::PublishCommit);
    assert!(said.contains("no first line"), "{said}");
}

#[test]
fn what_a_hook_says_is_shown_without_our_own_key_and_without_named_values() {
    let site = Site::new();
    let script = format!("echo 'key {KEY}, password: hunter2 api_key = abc Bearer xyz end' >&2\nexit 1\n");
    site.hook("pre-commit", &script);
    let said = site.refused("secret", PublishCode::PublishCommit);
    assert!(said.contains("password: *** api_key = *** Bearer *** end"), "{said}");
    let all = format!("{said}{}{}", site.log(), read(&site.pc, layout::PUBLISH_RESULT));
    for secret in [KEY, "hunter2", "abc", "xyz"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

#[test]
fn what_a_hook_says_is_shown_without_secrets() {
    let site = Site::new();
    let token = ["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"].concat();
    site.hook("pre-commit", &format!("echo 'found {token} in a file' >&2\nexit 1\n"));
    let said = site.refused("secret", PublishCode::PublishCommit);
    assert!(said.contains("found *** in a file") && !said.contains(&token), "{said}");
    assert!(!site.log().contains(&token) && !read(&site.pc, layout::PUBLISH_RESULT).contains(&token));
}
