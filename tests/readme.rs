//! The written word against the program: tables are generated, commands parse, help is a snapshot, links resolve.
//!
//! `UPDATE_README=1 cargo test --test readme` rewrites the tables between the markers of README.md, and
//! `UPDATE_HELP=1 cargo test --test readme` the files of tests/help.

#![expect(clippy::expect_used, reason = "a test stops where its stage cannot be set")]
#![expect(clippy::disallowed_methods, reason = "the test rewrites files of the source tree when it is told to")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use daily_ops::backend::DASH_ROUTES;
use daily_ops::backend::ROUTES;
use daily_ops::contracts::RunCode;
use daily_ops::settings::markdown_table;

/// Every page that a person reads.
const PAGES: [&str; 13] = [
    "README.md",
    "README.ko.md",
    "reports/README.md",
    "state/README.md",
    "deploy/CHANGELOG.md",
    "deploy/runbooks/daily_operation.md",
    "deploy/runbooks/dashboard.md",
    "deploy/runbooks/deploy.md",
    "deploy/runbooks/publish_on_the_pc.md",
    "deploy/runbooks/rollback.md",
    "deploy/runbooks/scheduler_on_the_host.md",
    "deploy/runbooks/sending_messages.md",
    "deploy/runbooks/watch_the_run.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect(name)
}

fn is_asked(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

fn program(arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .args(arguments)
        .env_remove("COLUMNS")
        .env_remove("DAILY_OPS_ROOT")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn routes() -> String {
    let rows = ROUTES.iter().map(|route| {
        let confirm = route.confirm.map_or("", |confirm| if confirm.in_body { "query or body" } else { "query" });
        let (verb, role) = (route.verb.as_str(), route.role.as_str());
        format!("| {verb} | `{}` | {role} | {confirm} | {} |\n", route.path, route.summary)
    });
    format!(
        "| Method | Path | Least role | confirm=true | What it does |\n|---|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

fn dash_routes() -> String {
    let rows = DASH_ROUTES.iter().map(|route| {
        let token = if route.needs_token() { "always" } else { "" };
        let note = match route.successor() {
            Some(successor) => format!("; older address of `{successor}`"),
            None if route.is_rehearsal() => "; only with `OPS_DEV_ENDPOINTS=1`".to_owned(),
            None => String::new(),
        };
        format!("| {} | `{}` | {token} | {}{note} |\n", route.verb.as_str(), route.path, route.summary)
    });
    format!("| Method | Path | Token | What it does |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

fn reasons() -> String {
    let rows = RunCode::ALL.iter().map(|code| format!("| `{code}` | {} |\n", code.english()));
    format!("| Code | Meaning |\n|---|---|\n{}", rows.collect::<String>())
}

/// The text between two marker comments, without the line ends at the markers.
fn marked<'a>(text: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let inside = text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    inside.expect(name).0
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_program() {
    let wanted =
        [("settings", markdown_table()), ("routes", routes()), ("dash_routes", dash_routes()), ("reasons", reasons())];
    let mut text = page("README.md");
    for (name, table) in &wanted {
        if is_asked("UPDATE_README") {
            let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
            let old = format!("{open}{}{close}", marked(&text, name));
            text = text.replace(&old, &format!("{open}{table}{close}"));
        }
        assert_eq!(marked(&text, name), table, "run UPDATE_README=1 cargo test --test readme");
    }
    if is_asked("UPDATE_README") {
        fs::write(root().join("README.md"), text).expect("written");
    }
}

#[test]
fn every_command_that_a_page_mentions_parses() {
    let mut seen = BTreeSet::new();
    for name in PAGES {
        for command in commands(&page(name)) {
            if !seen.insert(command.clone()) {
                continue;
            }
            let mut arguments = words(&command);
            arguments.push("--help".to_owned());
            let done = program(&arguments);
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{name}: daily_ops {command}\n{told}");
            assert!(!arguments.contains(&"help".to_owned()), "{name}: daily_ops {command}");
        }
    }
    assert!(seen.len() > 30, "only {} commands found: the search is broken", seen.len());
}

/// The arguments of every `daily_ops …` in a code span or on a prompt line.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            found.extend(line.trim_start().strip_prefix("$ ").and_then(arguments));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).filter_map(arguments));
        }
    }
    found
}

/// What follows the program's name at the start of a command, up to the end of that command in a shell.
fn arguments(command: &str) -> Option<String> {
    let after_variables = command.split(' ').skip_while(|word| is_assignment(word)).collect::<Vec<_>>().join(" ");
    let rest = after_variables.strip_prefix("sudo ").unwrap_or(&after_variables);
    let rest = rest.strip_prefix("./target/release/").unwrap_or(rest).strip_prefix("daily_ops")?;
    let end = ["|", "&&", ";", ">", " #", "…"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    let rest = &rest[..end];
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim().to_owned())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
}

/// The words of a command as a shell would see them; only double quotes are known.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in command.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            _ => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[test]
fn the_help_of_every_command_is_the_one_on_file() {
    let mut wanted = BTreeMap::new();
    collect_help(&mut Vec::new(), &mut wanted);
    let folder = root().join("tests/help");
    if is_asked("UPDATE_HELP") {
        fs::create_dir_all(&folder).expect("a folder");
        for file in on_file(&folder) {
            fs::remove_file(folder.join(file)).expect("removed");
        }
        for (name, text) in &wanted {
            fs::write(folder.join(name), text).expect("written");
        }
    }
    let names: BTreeSet<String> = wanted.keys().cloned().collect();
    assert_eq!(on_file(&folder), names, "run UPDATE_HELP=1 cargo test --test readme");
    for (name, text) in wanted {
        let kept = fs::read_to_string(folder.join(&name)).expect("a file").replace('\r', "");
        assert_eq!(kept, text, "{name}: run UPDATE_HELP=1 cargo test --test readme");
    }
}

fn on_file(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Walks the commands by their own help.
fn collect_help(path: &mut Vec<String>, found: &mut BTreeMap<String, String>) {
    let arguments: Vec<String> = path.iter().cloned().chain(["--help".to_owned()]).collect();
    let done = program(&arguments);
    assert!(done.status.success(), "daily_ops {}", arguments.join(" "));
    let text = String::from_utf8(done.stdout).expect("text");
    let list = text.split_once("Commands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let names = list.unwrap_or_default().lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let name = if path.is_empty() { "daily_ops".to_owned() } else { path.join("_") };
    found.insert(format!("{name}.txt"), text);
    for name in names.into_iter().filter(|name| name != "help") {
        path.push(name);
        collect_help(path, found);
        path.pop();
    }
}

#[test]
fn every_internal_link_leads_somewhere() {
    let mut count = 0;
    for name in PAGES {
        let file = root().join(name);
        for target in links(&page(name)) {
            if target.contains("://") {
                continue;
            }
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there = if path.is_empty() { file.clone() } else { file.parent().expect("a folder").join(path) };
            assert!(there.exists(), "{name}: {target}");
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&there).expect("a page");
                assert!(anchors(&headings).contains(anchor), "{name}: {target}");
            }
        }
    }
    assert!(count > 10, "only {count} links found: the search is broken");
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let parts = text.split("```").step_by(2);
    parts
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

/// Headings as their anchors: lower case, blanks as dashes, marks dropped.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.split("```").step_by(2).flat_map(str::lines).filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let plain = line.trim_start_matches('#').trim().to_lowercase();
        let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>()
    };
    headings.map(slug).collect()
}

#[test]
fn no_page_names_a_path_of_another_machine() {
    let banned = ["/root/", "/tmp/", "/Users/", "registry", "localhost:"];
    for name in PAGES {
        let text = page(name);
        for word in banned {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
}

/// The switches of the source repository lie there as `daily_ops init` makes them.
#[test]
fn the_repository_is_a_workspace_in_its_safe_form() {
    let made = tempfile::tempdir().expect("a folder");
    let place = made.path().to_string_lossy().into_owned();
    assert!(program(&["init".to_owned(), place]).status.success());
    for name in ["execution_gate.json", "real_sender_enable.json", "emergency_stop.json"] {
        let timeless = |folder: &Path| {
            let text = fs::read_to_string(folder.join("state").join(name)).expect(name);
            text.lines().filter(|line| !line.contains("updated_at")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(timeless(&root()), timeless(made.path()), "{name}");
    }
}
