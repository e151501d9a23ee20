//! The two machines of the simulation and one run on the host, in this process or in one that is killed on the way.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::RunId;
use daily_ops::contracts::SigningKey;
use daily_ops::contracts::run::Trigger;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::pc;
use daily_ops::pc::BundleDraft;
use daily_ops::pipeline::Backend;
use daily_ops::pipeline::EventsTo;
use daily_ops::pipeline::Limits;
use daily_ops::pipeline::Mode;
use daily_ops::pipeline::Pull;
use daily_ops::pipeline::RunOptions;
use daily_ops::pipeline::RunOutcome;
use daily_ops::pipeline::Site;
use daily_ops::pipeline::run_daily;
use daily_ops::settings::PipelineSettings;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::sync::Identity;
use daily_ops::sync::RUN_TRAILER;
use daily_ops::sync::Remote;
use daily_ops::sync::clone;
use daily_ops::sync::create_bare;
use daily_ops::time::Clock as _;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::time::file_stamp;
use serde_json::json;
use tempfile::TempDir;

use crate::model::Model;

const KEY: &[u8] = b"a key of the simulation";
const BRANCH: &str = "main";
/// How long a call may take on a day on which nothing hangs.
const PATIENT: u64 = 20_000;
/// And on a day on which something does.
const SHORT: u64 = 120;

/// One run that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) salt: u32,
    pub(crate) trigger: Trigger,
    /// Nobody listens at the backend's address.
    pub(crate) refused: bool,
    /// The real backend instead of the model.
    pub(crate) real: bool,
    /// Something hangs today.
    pub(crate) hangs: bool,
    /// The process dies at this write.
    pub(crate) dies_at: Option<u64>,
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) bare: PathBuf,
    pub(crate) pc: PathBuf,
    pub(crate) store: Store,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) interrupted: Arc<AtomicBool>,
    pub(crate) model: Model,
    real: Server,
}

pub(crate) fn at(text: &str) -> KstTime {
    Stamp::from(text).instant().expect("a time")
}

fn key() -> SigningKey {
    SigningKey::hmac(KEY).expect("long enough")
}

fn rules() -> BundlePolicy {
    BundlePolicy { keys: vec![key().verifying()], ..BundlePolicy::default() }
}

pub(crate) fn remote(root: &Path) -> Remote<'_> {
    Remote { root, name: "origin", branch: BRANCH, limit: Duration::from_secs(20) }
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        let (bare, pc, host) = (path("shared.git"), path("pc"), path("host"));
        let who = |name| Identity { name, email: "sim@example.invalid" };
        create_bare(&bare, BRANCH).expect("made");
        clone(&bare.to_string_lossy(), &pc, BRANCH, who("PC")).expect("cloned");
        let ignored = b"/logs/\n/reports/live/\n/reports/ops/\n/state/locks/\n/state/*.json\n";
        Store::new(&pc).write(".gitignore", ignored).expect("written");
        remote(&pc).publish(&[".gitignore".to_owned()], "start").expect("published");
        clone(&bare.to_string_lossy(), &host, BRANCH, who("Host")).expect("cloned");
        let store = Store::new(&host);
        let clock = Arc::new(SimClock::at(at("2026-10-01T09:05:00+09:00")));
        let interrupted = Arc::new(AtomicBool::new(false));
        let model = Model::start(Arc::clone(&clock), Arc::clone(&interrupted));
        let policy = Box::new(|| Ok(OpsPolicy { bundle: rules(), ..OpsPolicy::default() }));
        let ops = Arc::new(Ops::new(store.clone(), Arc::clone(&clock) as Arc<_>, policy));
        let real =
            Server::start(ops, &ServeOptions { port: 0, workers: 1, ..ServeOptions::default() }).expect("serving");
        Self { dir, bare, pc, store, clock, interrupted, model, real }
    }

    /// The PC's evening: reports and a signed bundle, committed and pushed.
    pub(crate) fn publish(&self, now: KstTime, salt: u32) {
        let store = Store::new(&self.pc);
        let draft = BundleDraft {
            strategy: strategy(),
            pc_host: "sim".to_owned(),
            git_commit: "unknown".to_owned(),
            git_branch: BRANCH.to_owned(),
            evidence_refs: Vec::new(),
        };
        let bundle = pc::sealed_bundle(&draft, &key(), now).expect("sealed");
        let snapshot = format!("{}/{}_{}.json", layout::BUNDLE.snapshots, layout::BUNDLE.kind, file_stamp(now));
        let report = json!({"generated_at": Stamp::of(now), "salt": salt}).to_string().into_bytes();
        let mut files = vec![(snapshot, bundle.clone()), (layout::BUNDLE.latest.to_owned(), bundle)];
        for path in [layout::RECON_SUMMARY, layout::REPORT_HUMAN, layout::REPORT_AI, layout::RECON_DAILY] {
            files.push((path.to_owned(), [report.as_slice(), b"\n"].concat()));
        }
        for (path, bytes) in &files {
            store.write(path, bytes).expect("written");
        }
        let paths: Vec<String> = files.into_iter().map(|(path, _)| path).collect();
        let message =
            format!("Daily recon update - {}\n\n{RUN_TRAILER}: {}\n", now.date_naive(), RunId::new(now, salt));
        remote(&self.pc).publish(&paths, &message).expect("published");
    }

    fn url(&self, order: &Order) -> String {
        if order.refused {
            // A port that was free a moment ago.
            let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
            format!("http://{free}")
        } else if order.real {
            format!("http://{}", self.real.address())
        } else {
            self.model.server.url.clone()
        }
    }

    /// The run in this process.
    pub(crate) fn run(&self, order: &Order) -> RunOutcome {
        self.interrupted.store(false, Ordering::SeqCst);
        run_at(&self.store, &self.clock, &self.interrupted, &self.url(order), order)
    }

    /// The run in a process of its own that dies at a write; its exit code when it lived to the end.
    pub(crate) fn run_and_die(&self, order: &Order) -> Option<u8> {
        let program = std::env::current_exe().expect("this program");
        let status = Command::new(program)
            .args(["--exact", "the_child_of_the_simulation", "--nocapture"])
            .env("SIM_CHILD_ROOT", self.store.root())
            .env("SIM_CHILD_URL", self.url(order))
            .env("SIM_CHILD_NOW", Stamp::of(self.clock.now()).as_str())
            .env("SIM_CHILD_ORDER", format!("{} {} {}", order.salt, order.dies_at.unwrap_or(u64::MAX), order.hangs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("started");
        let code = self.dir.path().join("child.code");
        let text = std::fs::read_to_string(&code).ok();
        if text.is_some() {
            std::fs::remove_file(&code).expect("removed");
        }
        assert_eq!(status.success(), text.is_some(), "the child ended by its own abort or well: {status}");
        text.and_then(|text| text.parse().ok())
    }
}

/// The other side of `run_and_die`; does nothing in the parent.
pub(crate) fn child() {
    let text = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let (Some(root), Some(url)) = (text("SIM_CHILD_ROOT"), text("SIM_CHILD_URL")) else { return };
    let (now, order) = (text("SIM_CHILD_NOW").expect("a time"), text("SIM_CHILD_ORDER").expect("an order"));
    let words: Vec<&str> = order.split(' ').collect();
    let order = Order {
        salt: words[0].parse().expect("a number"),
        trigger: Trigger::Manual,
        refused: false,
        real: false,
        hangs: words[2] == "true",
        dies_at: None,
    };
    let (dies_at, writes) = (words[1].parse::<u64>().expect("a number"), AtomicU64::new(0));
    let store = Store::new(&root).observed_by(Arc::new(move |_| {
        if writes.fetch_add(1, Ordering::SeqCst) + 1 == dies_at {
            std::process::abort();
        }
    }));
    let clock = SimClock::at(at(&now));
    let outcome = run_at(&store, &clock, &Arc::new(AtomicBool::new(false)), &url, &order);
    let code = Path::new(&root).with_file_name("child.code");
    let mut file = std::fs::File::create(code).expect("made");
    file.write_all(outcome.exit_code.to_string().as_bytes()).expect("written");
}

fn run_at(store: &Store, clock: &SimClock, interrupted: &Arc<AtomicBool>, url: &str, order: &Order) -> RunOutcome {
    let call = Duration::from_millis(if order.hangs { SHORT } else { PATIENT });
    let policy = PipelineSettings {
        branch: BRANCH.to_owned(),
        remote: "origin".to_owned(),
        max_late: Duration::from_secs(6 * 3600),
        run_limit: Duration::from_secs(600),
        git_limit: Duration::from_secs(20),
        connect_limit: call,
        health_limit: call,
        get_limit: call,
        regenerate_limit: call,
        cycle_limit: call,
        health_tries: 2,
        get_tries: 2,
        retry_pause: Duration::from_millis(1),
        ..PipelineSettings::default()
    };
    let bundle_rules = || Ok(rules());
    let site = Site {
        store,
        clock,
        backend: Backend::new(url, Limits::from(&policy)),
        bundle_rules: &bundle_rules,
        host_zone: "UTC".to_owned(),
        interrupted: Arc::clone(interrupted),
        salt: order.salt,
        low_disk_percent: 0,
        events: EventsTo::Nowhere,
        outside: daily_ops::pipeline::Outside::default(),
    };
    let options = RunOptions { trigger: order.trigger, pull: Pull::Yes, mode: Mode::Act };
    run_daily(&site, &policy, options, &mut Vec::new())
}

fn strategy() -> serde_json::Value {
    json!({
        "name": "SIM", "version": "1.0.0", "universe": ["069500"],
        "lookbacks": {"momentum_period": 20, "volatility_period": 14},
        "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
        "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
        "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
        "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
    })
}
