//! The walls of the house: who may import whom, who alone may touch what, and how the tree looks.
//!
//! One package has no crate walls, so this test reads the sources as text. It takes the first name after `crate::` and
//! compares it with the table below; what would hide a crossing from it (groups, `super::super`) is refused.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// No file is longer.
const MAX_LINES: usize = 700;

const ALL: &[&str] = &[
    "time",
    "contracts",
    "settings",
    "telemetry",
    "store",
    "gates",
    "notify",
    "sync",
    "ops",
    "trading",
    "release",
    "pipeline",
    "pc",
    "backend",
    "rehearsal",
    "cli",
];

/// Module, and what it may use beside itself.
const TABLE: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("contracts", &["time"]),
    ("settings", &["contracts", "time"]),
    ("telemetry", &["contracts", "time", "store"]),
    ("store", &["contracts", "time"]),
    ("gates", &["contracts", "time", "store"]),
    // A service beside the gates: whether a message may leave is asked before it comes here.
    ("notify", &["contracts", "time", "settings"]),
    // The store writes the one file that the hooks of a commit read: its message.
    ("sync", &["contracts", "time", "store"]),
    // Settings are keeping: a policy is a plain value from there.
    ("ops", &["contracts", "time", "store", "settings", "gates", "notify"]),
    // Functions of values and the vendor of prices so far; the engine will want keeping and gates.
    ("trading", &["contracts", "time"]),
    // A rollback restores published files: that is git's work.
    ("release", &["contracts", "time", "store", "settings", "gates", "sync"]),
    // The checker shares no code with the checked: never ops, never backend.
    ("pipeline", &["contracts", "time", "store", "settings", "gates", "notify", "sync"]),
    // Publishing is git's work; bars, instruments, fees and indicators are shared with trading.
    ("pc", &["contracts", "time", "store", "settings", "sync", "trading"]),
    (
        "backend",
        &["contracts", "time", "store", "settings", "telemetry", "gates", "notify", "ops", "release", "trading"],
    ),
    // A visitor of the dashboard: it knows contracts and addresses, nothing of the server that it looks at.
    ("rehearsal", &["contracts", "time", "store", "settings"]),
    ("cli", ALL),
];

/// What nobody but its owner may write in code: the word, the paths where it may stand, whether tests are exempt.
const OWNED: &[(&str, &[&str], Tests)] = &[
    ("Utc::now", &["src/time/"], Tests::Bound),
    ("Local::now", &["src/time/"], Tests::Bound),
    ("SystemTime::now", &["src/time/"], Tests::Bound),
    ("Instant::now", &["src/time/"], Tests::Bound),
    ("chrono_tz::", &["src/time/"], Tests::Bound),
    ("env::var", &["src/settings/"], Tests::Bound),
    ("env::set_var", &[], Tests::Bound),
    ("fs::write", &["src/store/"], Tests::Exempt),
    ("File::create", &["src/store/"], Tests::Exempt),
    ("OpenOptions", &["src/store/"], Tests::Exempt),
    ("println!", &[], Tests::Bound),
    ("eprintln!", &[], Tests::Bound),
    ("print!(", &[], Tests::Bound),
    ("io::stdout", &["src/cli/output.rs"], Tests::Bound),
    ("io::stderr", &["src/cli/output.rs", "src/telemetry/logging.rs"], Tests::Bound),
    ("tracing_subscriber::", &["src/telemetry/"], Tests::Bound),
    ("process::exit", &[], Tests::Bound),
    ("git2::", &["src/sync/"], Tests::Bound),
    ("axum::", &["src/backend/"], Tests::Bound),
    ("tokio::", &["src/backend/"], Tests::Bound),
    ("hyper::", &["src/backend/"], Tests::Bound),
    ("async fn", &["src/backend/"], Tests::Bound),
    ("async move", &["src/backend/"], Tests::Bound),
    (".await", &["src/backend/"], Tests::Bound),
    ("ureq::", &["src/pipeline/", "src/trading/quotes/", "src/notify/", "src/rehearsal/"], Tests::Bound),
    // The server's side is axum's; only the reason of an end has no other name.
    ("tungstenite::", &["src/rehearsal/", "src/backend/routes/dash/socket.rs"], Tests::Bound),
    ("lettre::", &["src/notify/"], Tests::Bound),
    ("clap::", &["src/cli/"], Tests::Bound),
    ("anyhow::", &["src/cli/"], Tests::Bound),
    ("parquet::", &["src/pc/prices/"], Tests::Bound),
    ("plotters::", &["src/pc/chart/"], Tests::Bound),
    ("maud::", &["src/pc/", "src/backend/"], Tests::Bound),
    ("indicatif::", &["src/cli/"], Tests::Bound),
    ("rayon::", &["src/pc/"], Tests::Bound),
    ("rusqlite", &[], Tests::Bound),
    ("#[allow(", &[], Tests::Bound),
    ("#![allow(", &[], Tests::Bound),
    ("unsafe ", &[], Tests::Bound),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    /// The rule holds in tests too.
    Bound,
    /// Tests prepare their files themselves.
    Exempt,
}

/// The only folders of the tree. `reports` and `state` appear when a run or a publish first writes there.
const FOLDERS: &[&str] = &["src", "deploy", "reports", "state", "contracts", "tests", ".ci"];
const FILES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "README.ko.md",
    "LICENSE",
    ".gitignore",
    ".gitattributes",
    ".rustfmt.toml",
];
/// What git ignores or keeps for itself.
const NOT_OURS: &[&str] = &[".git", "target", "data", "logs", "metrics", "evidence"];

struct Source {
    /// Relative, with forward slashes.
    path: String,
    text: String,
}

/// A line of code: no comment.
struct Line<'a> {
    number: usize,
    text: &'a str,
    in_test: bool,
}

impl Source {
    fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        rest.split_once('/').map(|(module, _)| module)
    }

    /// The lines that are not comments. From the first test module on, the rest of a file is tests.
    fn code(&self) -> impl Iterator<Item = Line<'_>> {
        let of_tests = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let lines: Vec<&str> = self.text.lines().collect();
        let starts = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", next] if next.starts_with("mod "));
        let first = lines.windows(2).position(starts).unwrap_or(usize::MAX);
        let numbered = lines.into_iter().enumerate().map(move |(index, text)| Line {
            number: index + 1,
            text: text.split(" // ").next().unwrap_or_default(),
            in_test: of_tests || index >= first,
        });
        numbered.filter(|line| !line.text.trim_start().starts_with("//"))
    }
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap_or_else(|fault| panic!("{}: {fault}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    walk(&Path::new(ROOT).join("src"), &mut files);
    files.sort();
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let read = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).expect("readable"),
        path: path.strip_prefix(ROOT).expect("inside").to_string_lossy().replace('\\', "/"),
    };
    rust.map(read).collect()
}

/// Every name that follows `crate::` as a word of its own.
fn crossings(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        found.push(&rest[..end]);
    }
    found
}

fn refuse(broken: &[String]) {
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table: BTreeMap<_, _> = TABLE.iter().copied().collect();
    let mut broken = Vec::new();
    let mut met = BTreeSet::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        met.insert(module.to_owned());
        let Some(allowed) = table.get(module) else {
            broken.push(format!("{}: module {module} has no row in the table", source.path));
            continue;
        };
        for line in source.code() {
            for name in crossings(line.text) {
                if name != module && !allowed.contains(&name) {
                    broken.push(format!("{}:{}: {module} may not use {name:?}", source.path, line.number));
                }
            }
        }
    }
    let rows: BTreeSet<_> = TABLE.iter().map(|(module, _)| (*module).to_owned()).collect();
    broken
        .extend(rows.difference(&met).map(|module| format!("the table has a row for {module}, which does not exist")));
    refuse(&broken);
}

#[test]
fn the_table_has_no_circle() {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while let Some((module, _)) =
        TABLE.iter().find(|(m, uses)| !done.contains(m) && uses.iter().all(|u| u == m || done.contains(u)))
    {
        done.insert(module);
    }
    let left: Vec<_> = TABLE.iter().map(|(module, _)| module).filter(|m| !done.contains(**m)).collect();
    assert!(left.is_empty(), "these use each other in a circle: {left:?}");
}

#[test]
fn nothing_hides_a_crossing() {
    let mut broken = Vec::new();
    for source in sources() {
        let is_front = source.path.ends_with("/mod.rs") && source.path.matches('/').count() == 2;
        for line in source.code() {
            let text = line.text.trim_start();
            let at = format!("{}:{}", source.path, line.number);
            for hidden in ["use crate::{", "use super::{", "use self::{", "super::super"] {
                if text.contains(hidden) {
                    broken.push(format!("{at}: {hidden}"));
                }
            }
            let visible = text.strip_prefix("pub ").or_else(|| {
                text.split_once(") ").filter(|(v, _)| *v == "pub(crate" || *v == "pub(super").map(|(_, rest)| rest)
            });
            let import = visible.unwrap_or(text);
            let one = import.ends_with(';') && !import.contains('{') && import.matches(';').count() == 1;
            if import.starts_with("use ") && !one {
                broken.push(format!("{at}: one import a line, without braces: {import}"));
            }
            if is_front && !line.in_test && text.replace("pub(super)", "").contains("super::") {
                broken.push(format!("{at}: super:: in a module's front leaves the module"));
            }
            if text.contains("daily_ops::") && source.path != "src/main.rs" && text.starts_with("use ") {
                broken.push(format!("{at}: the library does not import itself by name"));
            }
        }
    }
    refuse(&broken);
}

#[test]
fn what_has_an_owner_stays_with_it() {
    let mut broken = Vec::new();
    for source in sources() {
        for line in source.code() {
            for (word, owners, tests) in OWNED {
                let exempt = *tests == Tests::Exempt && line.in_test;
                let owned = owners.iter().any(|owner| source.path.starts_with(owner));
                // A text that names a word is no use of it: a word that is used does not follow a quote.
                if !exempt && !owned && uses(line.text, word) {
                    broken.push(format!("{}:{}: {word} belongs to {owners:?}", source.path, line.number));
                }
            }
        }
    }
    refuse(&broken);
}

fn uses(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"')
    })
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut broken = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            broken.push(format!("{}: no //! head", source.path));
        }
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            broken.push(format!("{}: {lines} lines, {MAX_LINES} are allowed", source.path));
        }
    }
    refuse(&broken);
}

#[test]
fn the_checks_see_what_they_look_for() {
    let text = "//! Head\nuse crate::ops::X; // crate::pc\n// crate::cli\n#[cfg(test)]\nmod tests {\n  crate::sync::f(mycrate::y)";
    let source = Source { path: "src/time/x.rs".to_owned(), text: text.to_owned() };
    let seen: Vec<_> = source.code().flat_map(|l| crossings(l.text).into_iter().map(move |n| (n, l.in_test))).collect();
    assert_eq!(seen, [("ops", false), ("sync", true)]);
    assert_eq!(source.module(), Some("time"));
    for (line, word, want) in [
        ("let a = Utc::now();", "Utc::now", true),
        ("chrono::Utc::now()", "Utc::now", true),
        ("assert!(text.contains(\"Utc::now\"))", "Utc::now", false),
        ("eprintln!()", "println!", false),
        ("std::env::vars_os()", "env::var", true),
    ] {
        assert_eq!(uses(line, word), want, "{line}");
    }
}

#[test]
fn the_tree_has_no_other_folder_and_no_other_file() {
    let ignored = std::fs::read_to_string(Path::new(ROOT).join(".gitignore")).expect("readable");
    let ignored: Vec<_> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let mut broken = Vec::new();
    for entry in std::fs::read_dir(ROOT).expect("listed") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = if entry.path().is_dir() { FOLDERS } else { FILES };
        if !known.contains(&name.as_str()) && !NOT_OURS.contains(&name.as_str()) && !ignored.contains(&name.as_str()) {
            broken.push(format!("{name} is not in the list"));
        }
    }
    for folder in ["src", "deploy", "contracts", "tests"] {
        if !Path::new(ROOT).join(folder).is_dir() {
            broken.push(format!("{folder} is missing"));
        }
    }
    refuse(&broken);
}
