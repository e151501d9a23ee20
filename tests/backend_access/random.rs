//! Random sequences of everything that could permit real execution, against a model that is small enough to believe.
//!
//! The model knows lives, keys and ends; it knows nothing of files. A damaged line is, to the model, an end of everything
//! that stood before it: damage only ever closes.

use std::io::Write as _;
use std::time::Duration;

use daily_ops::contracts::GateMode;
use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::contracts::approval::ApprovalStatus;
use daily_ops::gates::Action;
use daily_ops::gates::Gates;
use daily_ops::gates::Permission;
use daily_ops::gates::Stop;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;
use proptest::test_runner::Config;

use crate::start;

const DAY: i64 = 24 * 3600;
const PEOPLE: [&str; 3] = ["kim", "lee", " Kim"];
const KEYS: [&str; 3] = ["k1", "k2", "K1 "];
const DAMAGE: [&str; 5] = ["{half", "[]\n", "{}\n", "7\n", "{\"schema\":\"REAL_ENABLE_WINDOW_V1\",\"event\":1}\n"];

/// One step.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Approve { which: usize, key: usize, person: usize },
    Open { seconds: u32 },
    Revoke { which: usize },
    Consume { which: usize },
    Gate { mode: usize },
    Stop { on: bool },
    Wait { seconds: u64 },
    TurnBack { seconds: i64 },
    DamageApprovals { how: usize },
    DamageWindows { how: usize },
    DamageStop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = || prop_oneof![4 => Just(0_usize), 1 => 1..4_usize];
    let wait = prop_oneof![0..5_u64, 30..700_u64, 3000..4000_u64, Just(86_399_u64), Just(86_400_u64)];
    let step = prop_oneof![
        3 => Just(Step::Ask),
        8 => (which(), 0..3_usize, 0..3_usize).prop_map(|(which, key, person)| Step::Approve { which, key, person }),
        4 => prop_oneof![Just(1_u32), 60..601_u32, Just(3600_u32)].prop_map(|seconds| Step::Open { seconds }),
        1 => which().prop_map(|which| Step::Revoke { which }),
        1 => which().prop_map(|which| Step::Consume { which }),
        5 => (0..3_usize).prop_map(|mode| Step::Gate { mode }),
        2 => any::<bool>().prop_map(|on| Step::Stop { on }),
        2 => wait.prop_map(|seconds| Step::Wait { seconds }),
        1 => prop_oneof![0..300_i64, 301..90_000_i64].prop_map(|seconds| Step::TurnBack { seconds }),
        1 => (0..DAMAGE.len()).prop_map(|how| Step::DamageApprovals { how }),
        1 => (0..DAMAGE.len()).prop_map(|how| Step::DamageWindows { how }),
        1 => Just(Step::DamageStop),
    ];
    // Half of the sequences begin where everything is permitted: random steps alone rarely come that far.
    let permitted = [
        Step::Ask,
        Step::Approve { which: 0, key: 0, person: 0 },
        Step::Approve { which: 0, key: 1, person: 1 },
        Step::Open { seconds: 600 },
    ];
    (any::<bool>(), proptest::collection::vec(step, 1..30)).prop_map(move |(begun, steps)| {
        let first = if begun { permitted.to_vec() } else { Vec::new() };
        [first, steps].concat()
    })
}

/// A stretch of time that ends by itself or before.
#[derive(Clone, Debug)]
struct Life {
    id: String,
    from: KstTime,
    seconds: i64,
    ended: bool,
}

impl Life {
    fn is_on(&self, now: KstTime) -> bool {
        let age = now - self.from;
        !self.ended && age < chrono::Duration::seconds(self.seconds) && age.num_seconds() >= -300
    }
}

#[derive(Clone, Debug)]
struct ModelApproval {
    life: Life,
    keys: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Model {
    approvals: Vec<ModelApproval>,
    windows: Vec<Life>,
    stopped: bool,
    gate: usize,
}

impl Model {
    fn approved(&self, now: KstTime) -> bool {
        self.approvals.iter().any(|approval| approval.life.is_on(now) && approval.keys.len() == 2)
    }

    /// The newest window alone can be open.
    fn open(&self, now: KstTime) -> Option<&Life> {
        self.windows.last().filter(|life| life.is_on(now))
    }

    fn permits(&self, now: KstTime) -> bool {
        !self.stopped && self.approved(now) && self.open(now).is_some()
    }

    /// Whether a key is accepted, and taken in if it is.
    fn approve(&mut self, which: usize, key: &str, person: &str, now: KstTime) -> bool {
        let plain = |text: &str| text.trim().to_lowercase();
        let (key, person) = (plain(key), plain(person));
        let Some(approval) = self.approvals.get_mut(which) else { return false };
        let is_new = approval.keys.iter().all(|(k, p)| *k != key && *p != person);
        let accepted = approval.life.is_on(now) && approval.keys.len() < 2 && is_new;
        if accepted {
            approval.keys.push((key, person));
        }
        accepted
    }
}

struct World {
    _dir: tempfile::TempDir,
    store: Store,
    clock: SimClock,
    model: Model,
    bad_lines: usize,
}

fn named(name: &str) -> Actor {
    Actor::new(name, Role::Admin, "test")
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        Self { _dir: dir, store, clock: SimClock::at(start()), model: Model::default(), bad_lines: 0 }
    }

    fn damage(&mut self, file: &str, how: usize) {
        let path = self.store.path(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        // Two half lines in a row would be one bad line.
        let ends = std::fs::read(&path).is_ok_and(|bytes| !bytes.is_empty() && !bytes.ends_with(b"\n"));
        let between = if ends { "\n" } else { "" };
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
        file.write_all(format!("{between}{}", DAMAGE[how]).as_bytes()).expect("written");
        self.bad_lines += 1;
    }

    fn life(&self, id: String, seconds: i64) -> Life {
        Life { id, from: self.clock.now(), seconds, ended: false }
    }

    fn take(&mut self, step: &Step) {
        let now = self.clock.now();
        let store = self.store.clone();
        let gates = Gates::new(&store);
        match *step {
            Step::Ask => {
                let id = gates.request_approval(&named("op"), "r", now).expect("asked").approval_id;
                let life = self.life(id, DAY);
                self.model.approvals.push(ModelApproval { life, keys: Vec::new() });
            }
            Step::Approve { which, key, person } => {
                let id = self.model.approvals.get(which).map_or("none".to_owned(), |approval| approval.life.id.clone());
                let done = gates.approve(&id, KEYS[key], &named(PEOPLE[person]), now);
                let want = self.model.approve(which, KEYS[key], PEOPLE[person], now);
                assert_eq!(done.is_ok(), want, "{step:?}: {done:?}");
            }
            Step::Open { seconds } => {
                let done = gates.open_window(seconds, &named("op"), "r", now);
                assert_eq!(done.is_ok(), self.model.open(now).is_none(), "{step:?}: {done:?}");
                if let Ok(window) = done {
                    let life = self.life(window.window_id, i64::from(seconds));
                    self.model.windows.push(life);
                }
            }
            Step::Revoke { which } => {
                self.end(which, |id| gates.revoke_window(id, &named("op"), "", now).is_ok(), |_| true)
            }
            Step::Consume { which } => {
                let open = self.model.open(now).map(|life| life.id.clone());
                let is_open = |life: &Life| open.as_ref() == Some(&life.id);
                self.end(which, |id| gates.consume_window(id, &named("op"), "", now).is_ok(), is_open);
            }
            Step::Gate { mode } => {
                let done = gates.set_gate(GateMode::ALL[mode], &named("op"), "r", now);
                let may = GateMode::ALL[mode] != GateMode::RealEnabled || self.model.permits(now);
                assert_eq!(done.is_ok(), may, "{step:?}: {done:?}");
                if may {
                    self.model.gate = mode;
                }
            }
            Step::Stop { on } => {
                gates.set_stop(if on { Stop::On } else { Stop::Off }, &named("op"), "r", now).expect("set");
                self.model.stopped = on;
                if on {
                    self.model.gate = 0;
                    if let Some(window) = self.model.windows.last_mut().filter(|window| window.is_on(now)) {
                        window.ended = true;
                    }
                }
            }
            Step::Wait { .. }
            | Step::TurnBack { .. }
            | Step::DamageApprovals { .. }
            | Step::DamageWindows { .. }
            | Step::DamageStop => self.suffer(step, now),
        }
    }

    /// What happens to the host: time passes, files are damaged.
    fn suffer(&mut self, step: &Step, now: KstTime) {
        match *step {
            Step::Wait { seconds } => self.clock.advance(Duration::from_secs(seconds)),
            Step::TurnBack { seconds } => self.clock.jump_to(now - chrono::Duration::seconds(seconds)),
            Step::DamageApprovals { how } => {
                self.damage(layout::APPROVALS, how);
                self.model.approvals.iter_mut().for_each(|approval| approval.life.ended = true);
            }
            Step::DamageWindows { how } => {
                self.damage(layout::WINDOWS, how);
                self.model.windows.iter_mut().for_each(|life| life.ended = true);
            }
            Step::DamageStop => {
                let text = br#"{"schema":"EMERGENCY_STOP_V1","enabled":"false"}"#;
                self.store.write(layout::STOP, text).expect("written");
                self.model.stopped = true;
            }
            Step::Ask
            | Step::Approve { .. }
            | Step::Open { .. }
            | Step::Revoke { .. }
            | Step::Consume { .. }
            | Step::Gate { .. }
            | Step::Stop { .. } => panic!("{step:?} is an operation"),
        }
    }

    fn end(&mut self, which: usize, act: impl Fn(&str) -> bool, works: impl Fn(&Life) -> bool) {
        match self.model.windows.get_mut(which) {
            Some(life) => {
                let done = works(life);
                assert_eq!(act(&life.id), done, "{life:?}");
                life.ended |= done;
            }
            None => assert!(!act("none"), "an unknown window"),
        }
    }

    /// Whether what is true in the files is what the model says.
    fn compare(&self) {
        let (now, gates) = (self.clock.now(), Gates::new(&self.store));
        let read = gates.real_enable(now);
        assert_eq!(read.approval_id.is_some(), self.model.approved(now), "approved");
        assert_eq!(read.window_id.as_ref(), self.model.open(now).map(|life| &life.id), "open window");
        assert_eq!(read.bad_lines, self.bad_lines, "bad lines");
        let shown = gates.latest_approval(now).expect("readable").approval;
        let is_shown = shown.is_some_and(|approval| approval.status == ApprovalStatus::Approved);
        assert_eq!(is_shown, self.model.approved(now), "what does not count is not shown as if");
        let window = gates.latest_window(now).expect("readable").window.map(|window| window.window_id);
        assert_eq!(window, read.window_id, "shown window");
        let switches = gates.switches();
        assert_eq!(switches.stop.value, self.model.stopped, "stop");
        assert_eq!(switches.gate.value, GateMode::ALL[self.model.gate], "gate");
        let permitted = gates.permit(Action::EnableReal, now) == Permission::Permit;
        assert_eq!(permitted, self.model.permits(now), "permission");
        if gates.permit(Action::Send, now) == Permission::Permit {
            assert!(permitted, "nothing is sent that may not be enabled");
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 96, failure_persistence: None, ..Config::default() })]

    #[test]
    fn prop_what_permits_is_what_the_model_permits(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.compare();
        }
        let proof = Gates::new(&world.store).verify_audit(None).expect("readable");
        assert!(proof.is_good() && proof.torn_lines == 0, "{proof:?}");
    }
}
