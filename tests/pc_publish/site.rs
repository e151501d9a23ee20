//! A shared repository, the PC's work tree with a day's results in it, and another clone.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::RunId;
use daily_ops::contracts::SigningKey;
use daily_ops::contracts::publish::PublishCode;
use daily_ops::contracts::publish::PublishEnd;
use daily_ops::pc::BundleDraft;
use daily_ops::pc::publish::KeyMaterial;
use daily_ops::pc::publish::PublishClass;
use daily_ops::pc::publish::PublishOptions;
use daily_ops::pc::publish::PublishOutcome;
use daily_ops::pc::publish::Publisher;
use daily_ops::pc::sealed_bundle;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::sync::Hooks;
use daily_ops::sync::Identity;
use daily_ops::sync::Remote;
use daily_ops::sync::clone;
use daily_ops::sync::create_bare;
use daily_ops::time::Clock as _;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::time::file_stamp;
use git2::Oid;
use git2::Repository;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

pub(crate) const KEY: &str = "a-shared-key-of-the-tests";
pub(crate) const WHO: Identity<'static> = Identity { name: "연구 PC", email: "pc@example.invalid" };

/// What a machine keeps for itself.
const IGNORED: &str = "/logs/\n/reports/pc/\n/state/pc_publish.lock\n/daily_ops.toml\n";

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) bare: PathBuf,
    pub(crate) pc: PathBuf,
    pub(crate) other: PathBuf,
    pub(crate) clock: SimClock,
    pub(crate) key: SigningKey,
    pub(crate) options: PublishOptions,
    pub(crate) hook_limit: Duration,
}

impl Site {
    /// Friday evening: the results of the day are in the PC's work tree, nothing is committed yet but the code. The
    /// directories have blanks and Korean letters in their names.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let path = |name: &str| dir.path().join("한글 폴더").join(name);
        let (bare, pc, other) = (path("공유 저장소.git"), path("연구 PC"), path("다른 PC"));
        create_bare(&bare, "main").expect("a repository");
        clone(text(&bare), &pc, "main", WHO).expect("a clone");
        write(&pc, ".gitignore", IGNORED);
        write(&pc, "src/main.py", "1\n");
        commit_all(&pc, "code");
        push(&pc, "main");
        clone(text(&bare), &other, "main", WHO).expect("a clone");
        let site = Self {
            dir,
            bare,
            pc,
            other,
            clock: SimClock::at(at("2026-11-20T19:00:00+09:00")),
            key: SigningKey::hmac(KEY.as_bytes()).expect("a key"),
            options: PublishOptions::default(),
            hook_limit: Duration::from_secs(30),
        };
        site.work();
        site
    }

    /// The day's results, made now.
    pub(crate) fn work(&self) {
        let now = self.clock.now();
        for (path, document) in reports(now) {
            write(&self.pc, path, &document);
        }
        let bundle = self.bundle(now, &|_| ());
        write(&self.pc, &snapshot(now), &bundle);
        write(&self.pc, layout::BUNDLE.latest, &bundle);
    }

    /// A signed bundle of `made`, its strategy edited before it is hashed and signed.
    pub(crate) fn bundle(&self, made: KstTime, edit: &dyn Fn(&mut Value)) -> String {
        let mut strategy = strategy();
        edit(&mut strategy);
        let draft = BundleDraft {
            strategy,
            pc_host: "pc".to_owned(),
            git_commit: "unknown".to_owned(),
            git_branch: "main".to_owned(),
            evidence_refs: vec![layout::RECON_SUMMARY.to_owned()],
        };
        String::from_utf8(sealed_bundle(&draft, &self.key, made).expect("sealed")).expect("text")
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(&self.pc)
    }

    pub(crate) fn publish(&self) -> PublishOutcome {
        self.publish_with(&BundlePolicy { keys: vec![self.key.verifying()], ..BundlePolicy::default() })
    }

    pub(crate) fn publish_with(&self, policy: &BundlePolicy) -> PublishOutcome {
        let store = self.store();
        let keys = [KeyMaterial::new("the shared key", KEY)];
        let publisher = Publisher {
            store: &store,
            clock: &self.clock,
            remote: "origin",
            branch: "main",
            git_limit: Duration::from_secs(20),
            hooks: Hooks { limit: self.hook_limit, hidden: &["DAILY_OPS_TEST_SECRET"] },
            policy,
            keys: &keys,
            options: self.options,
        };
        publisher.publish(&RunId::new(self.clock.now(), 7))
    }

    /// Publishes and expects that it is done.
    pub(crate) fn done(&self, name: &str) -> PublishOutcome {
        let outcome = self.publish();
        let result = &outcome.result;
        assert_eq!((outcome.class, result.code), (PublishClass::Done, None), "{name}: {}", result.message);
        assert_eq!(result.result, PublishEnd::Ok, "{name}");
        assert_eq!(head(&self.pc), self.main(), "{name}: both branches are at one commit");
        outcome
    }

    /// Publishes, expects the code, and expects that neither branch nor any file changed.
    pub(crate) fn refused(&self, name: &str, code: PublishCode) -> String {
        let before = (self.state(), self.main());
        let outcome = self.publish();
        let result = &outcome.result;
        assert_eq!(result.code, Some(code), "{name}: {}", result.message);
        assert_eq!(result.result, PublishEnd::Failed, "{name}");
        assert_eq!((result.commit.as_ref(), result.pushed), (None, false), "{name}");
        assert!((self.state(), self.main()) == before, "{name}: something changed");
        let kept: Value = serde_json::from_str(&read(&self.pc, layout::PUBLISH_RESULT)).expect("a document");
        assert_eq!(kept["code"], code.as_str(), "{name}: written on every way out");
        result.message.clone()
    }

    /// Everything in the PC's clone that a publish may change: files, index, branch.
    pub(crate) fn state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.pc, &mut found);
        let git = self.pc.join(".git");
        let names = ["index", "HEAD", "refs/heads/main"];
        found.extend(names.map(|name| (git.join(name), std::fs::read(git.join(name)).unwrap_or_default())));
        found
    }

    /// Where the shared branch is.
    pub(crate) fn main(&self) -> Oid {
        Repository::open(&self.bare).expect("a repository").refname_to_id("refs/heads/main").expect("a branch")
    }

    /// Commits that the other clone makes on top of the shared branch, one a set of files. They are in the shared repository
    /// under other names; [`Site::move_main`] and the hook of [`Site::race`] put the branch there.
    pub(crate) fn waiting(&self, commits: &[&[(&str, &str)]]) -> Vec<Oid> {
        let pulled = remote(&self.other).pull();
        assert_eq!(pulled.detail, None, "{}", pulled.message);
        let mut made = Vec::new();
        for (index, files) in commits.iter().enumerate() {
            for (path, content) in *files {
                write(&self.other, path, content);
            }
            made.push(commit_all(&self.other, &format!("other {index}")));
            push(&self.other, &format!("waiting-{index}"));
        }
        made
    }

    pub(crate) fn move_main(&self, to: Oid) {
        write(&self.bare, "refs/heads/main", &format!("{to}\n"));
    }

    /// Makes the PC's `pre-push` hook move the shared branch to the next of `commits` each time, as a faster publisher would.
    pub(crate) fn race(&self, commits: &[Oid]) {
        let list: String = commits.iter().map(|id| format!("{id}\n")).collect();
        write(self.dir.path(), "race", &list);
        let script = format!(
            "list='{list}'\nnext=$(head -n 1 \"$list\")\nif [ -n \"$next\" ]; then\n  printf '%s\\n' \"$next\" > '{main}'\n  \
             sed -i 1d \"$list\"\nfi\nexit 0\n",
            list = text(&self.dir.path().join("race")),
            main = text(&self.bare.join("refs/heads/main")),
        );
        self.hook("pre-push", &script);
    }

    /// Installs a hook of the PC's clone.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        program(&self.pc.join(".git/hooks").join(name), script);
    }

    pub(crate) fn log(&self) -> String {
        read(&self.pc, layout::PUBLISH_LOG)
    }
}

/// The results of a reconciliation and its report pair.
pub(crate) fn reports(now: KstTime) -> Vec<(&'static str, String)> {
    let stamp = Stamp::of(now);
    let summary = json!({
        "schema": "RECON_SUMMARY_V1", "generated_at": stamp, "period": {"from": "2026-11-19", "to": "2026-11-20"},
        "counts": {"L1_actions": 4, "L2_trades": 3, "L1_L2_delta": 1},
        "kpis": {"gate_open": 1, "chop_block": 1, "bear_block": 0, "executed": 1, "no_data": 0},
        "integrity": {"critical_days": 0, "warning_days": 0, "info_days": 0, "top_codes": []},
        "provenance": {"sources": [{"name": "LEDGER", "path": "reports/validation/daily_ledger.jsonl",
            "sha256": "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241"}]},
    });
    let kpi =
        |key: &str, label: &str, value: u32| json!({"key": key, "label_ko": label, "value": value, "unit": "days"});
    let human = json!({
        "contract_id": "CONTRACT_5", "schema_version": "REPORT_HUMAN_V1", "generated_at": stamp, "asof": stamp,
        "headline": {
            "period": "2026-11-19~2026-11-20", "status_badge": "GREEN",
            "trade_count": {"L1_actions": 4, "L2_trades": 3, "delta": 1},
        },
        "integrity_summary": {"critical_total": 0, "warning_total": 0, "info_total": 0, "top_codes": []},
        "kpis": [
            kpi("gate_open_days", "시장 개장", 1), kpi("executed_days", "체결 발생", 1),
            kpi("chop_blocked_days", "횡보장 방어", 1), kpi("bear_blocked_days", "하락장 방어", 0),
            kpi("no_data_days", "데이터 누락", 0),
        ],
        "pointers": {"recon_summary_path": layout::RECON_SUMMARY, "source": "daily_ops report"},
    });
    let ai = json!({
        "contract_id": "CONTRACT_5", "schema_version": "REPORT_AI_V1", "generated_at": stamp, "asof": stamp,
        "kpi_vector": {"gate_open_days": 1, "executed_days": 1, "L2_trades": 3, "no_data_days": 0},
        "integrity_flags": {"critical_total": 0, "critical_codes": []}, "status": "GREEN",
    });
    let row = |day: &str| json!({"schema": "RECON_DAILY_V1", "trade_date": day, "l1": {"actions": 2}}).to_string();
    let daily = format!("{}\n{}\n", row("2026-11-19"), row("2026-11-20"));
    let pretty = |value: &Value| format!("{value:#}\n");
    vec![
        (layout::RECON_SUMMARY, pretty(&summary)),
        (layout::REPORT_HUMAN, pretty(&human)),
        (layout::REPORT_AI, pretty(&ai)),
        (layout::RECON_DAILY, daily),
    ]
}

fn strategy() -> Value {
    json!({
        "name": "모멘텀", "version": "1.0.0", "universe": ["069500", "229200", "114800", "122630"],
        "lookbacks": {"momentum_period": 20, "volatility_period": 14},
        "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
        "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
        "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
        "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
        "regime": {"code": "RISK_ON", "reason": "ABOVE_MA200_STRONG", "reason_detail": ""},
        "scorer": {
            "status": "OK", "reason": "SUCCESS", "reason_detail": "",
            "top_picks": [
                {"ticker": "229200", "score": 77.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=1/4 vol_rank=4/4"},
                {"ticker": "122630", "score": 67.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=2/4 vol_rank=3/4"},
                {"ticker": "069500", "score": 65.0, "reason": "RANK_SCORE", "reason_detail": "mom_rank=3/4 vol_rank=1/4"},
                {"ticker": "114800", "score": 40.0, "reason": "RANK_SCORE", "reason_detail": "mom_rank=4/4 vol_rank=2/4"},
            ],
        },
        "holding_action": {
            "status": "OK", "reason": "SUCCESS", "reason_detail": "",
            "items": [
                {"ticker": "229200", "action": "ADD", "confidence": "LOW", "reason": "NEW_ENTRY", "reason_detail": ""},
                {"ticker": "069500", "action": "HOLD", "confidence": "MEDIUM", "reason": "HOLD_TOP_PICK", "reason_detail": ""},
            ],
        },
    })
}

/// Where the snapshot of a bundle lies.
pub(crate) fn snapshot(now: KstTime) -> String {
    format!("{}/{}_{}.json", layout::BUNDLE.snapshots, layout::BUNDLE.kind, file_stamp(now))
}

pub(crate) fn at(stamp: &str) -> KstTime {
    Stamp::from(stamp).instant().expect("a time")
}

pub(crate) fn remote(root: &Path) -> Remote<'_> {
    Remote { root, name: "origin", branch: "main", limit: Duration::from_secs(20) }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

pub(crate) fn write(root: &Path, path: &str, content: &str) {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
    #[expect(clippy::disallowed_methods, reason = "a test prepares its files itself")]
    std::fs::write(file, content).expect("written");
}

/// Writes a shell script that may be executed. Another process writes it: a program that this one still had open for writing
/// while another thread starts a process could not be started.
pub(crate) fn program(file: &Path, script: &str) {
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(file).stdin(Stdio::piped());
    let mut child = shell.spawn().expect("a shell");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(format!("#!/bin/sh\n{script}").as_bytes()).expect("written");
    drop(stdin);
    assert!(child.wait().expect("ended").success());
}

pub(crate) fn read(root: &Path, path: &str) -> String {
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

pub(crate) fn head(root: &Path) -> Oid {
    Repository::open(root).expect("a repository").head().expect("a head").target().expect("a commit")
}

/// Commits whatever the work tree holds, deletions too.
pub(crate) fn commit_all(root: &Path, subject: &str) -> Oid {
    let repo = Repository::open(root).expect("a repository");
    let mut index = repo.index().expect("an index");
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).expect("added");
    index.update_all(["*"], None).expect("updated");
    index.write().expect("written");
    let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
    let author = repo.signature().expect("an author");
    let parent = repo.head().ok().map(|head| head.peel_to_commit().expect("a commit"));
    let parents: Vec<_> = parent.iter().collect();
    repo.commit(Some("HEAD"), &author, &author, subject, &tree, &parents).expect("a commit")
}

/// Pushes what a clone is at to a branch of the shared repository.
pub(crate) fn push(root: &Path, branch: &str) {
    let repo = Repository::open(root).expect("a repository");
    let mut origin = repo.find_remote("origin").expect("a remote");
    origin.push(&[format!("refs/heads/main:refs/heads/{branch}")], None).expect("pushed");
}

/// The message of the newest commit.
pub(crate) fn message(root: &Path) -> String {
    let repo = Repository::open(root).expect("a repository");
    repo.find_commit(head(root)).expect("a commit").message().expect("text").to_owned()
}

/// Hashes from the newest commit back to `end`, which is left out.
pub(crate) fn line(root: &Path, end: Oid) -> Vec<Oid> {
    let repo = Repository::open(root).expect("a repository");
    let mut walk = repo.revwalk().expect("a walk");
    walk.push_head().expect("a head");
    walk.hide(end).expect("hidden");
    walk.map(|id| id.expect("a hash")).collect()
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    let ours = ["publish_result.json", "pc_publish_bundle.log", "pc_publish.lock", ".git"];
    for path in entries {
        if path.file_name().is_some_and(|name| ours.iter().any(|own| name == *own)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
}
