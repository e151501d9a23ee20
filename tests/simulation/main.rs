//! A month of daily runs, again and again: each day a random schedule of backend faults, git faults, kills, clock jumps,
//! stops and late starts, and after every run the same invariants.
//!
//! `cargo test --test simulation` runs a few seeds. `SIM_SEED=n` replays one schedule exactly, `SIM_SEEDS=200` runs the
//! seeds 1 to 200, `SIM_DAYS=n` makes the months longer or shorter. A failing seed is printed with the day.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod checks;
mod model;
mod random;
#[path = "../scripted/mod.rs"]
mod scripted;
mod world;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::contracts::RunId;
use daily_ops::contracts::run::Trigger;
use daily_ops::store::Act;
use daily_ops::store::Holder;
use daily_ops::store::LockOutcome;
use daily_ops::store::Retention;
use daily_ops::store::layout;
use daily_ops::sync::DirtyPolicy;
use daily_ops::time::Clock as _;
use daily_ops::time::Stamp;
use model::ENDPOINTS;
use model::FAULTS;
use model::Fault;
use random::Random;
use world::Order;
use world::World;
use world::at;
use world::remote;

const SEEDS: u64 = 4;
const DAYS: u64 = 30;

/// What stands in git's way today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GitFault {
    None,
    RemoteAway,
    LocalChange,
    StaleLock,
}

/// What the workspace's own switches say today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    Off,
    On,
    Damaged,
}

/// One day of the schedule.
#[derive(Clone, Debug)]
struct Day {
    published: bool,
    git: GitFault,
    stop: Switch,
    /// Hours that the clock is off.
    clock_off: i64,
    held: bool,
    prune: bool,
    faults: Vec<(&'static str, Fault)>,
    orders: Vec<Order>,
}

impl Day {
    fn plan(random: &mut Random, number: u64) -> Self {
        let quiet = random.chance(25);
        let often = |random: &mut Random, percent| !quiet && random.chance(percent);
        let git = if often(random, 30) {
            random.pick(&[GitFault::RemoteAway, GitFault::LocalChange, GitFault::StaleLock])
        } else {
            GitFault::None
        };
        let stop = if often(random, 10) { random.pick(&[Switch::On, Switch::Damaged]) } else { Switch::Off };
        let clock_off = if often(random, 15) { random.pick(&[-72, -25, -1, 2, 5, 7, 30]) } else { 0 };
        let count = if often(random, 60) { 1 + random.below(3) } else { 0 };
        let faults: Vec<_> = (0..count).map(|_| (random.pick(ENDPOINTS), random.pick(FAULTS))).collect();
        let hangs = faults.iter().any(|(_, fault)| *fault == Fault::Hang);
        let runs = 1 + u64::from(random.chance(25));
        let orders = (0..runs).map(|run| Order {
            salt: u32::try_from(number * 10 + run).unwrap_or_default(),
            trigger: if often(random, 50) { Trigger::Cron } else { Trigger::Manual },
            refused: often(random, 5),
            real: random.chance(40),
            hangs,
            dies_at: often(random, 25).then(|| 1 + random.below(70)),
        });
        let orders = orders.collect();
        Self {
            published: quiet || random.chance(70),
            git,
            stop,
            clock_off,
            held: often(random, 5),
            prune: random.chance(10),
            faults,
            orders,
        }
    }

    /// Nothing was planned to go wrong: the run must succeed, whatever the days before left.
    fn is_fine(&self) -> bool {
        self.published
            && self.git == GitFault::None
            && self.stop == Switch::Off
            && self.clock_off == 0
            && !self.held
            && self.faults.is_empty()
    }
}

/// What has happened so far.
#[derive(Default)]
struct Ledger {
    sealed: Vec<String>,
    /// A killed run that may have left an open record.
    open: Option<String>,
    head: Option<String>,
    endings: BTreeMap<String, u64>,
}

impl Ledger {
    fn count(&mut self, ending: impl Into<String>) {
        *self.endings.entry(ending.into()).or_default() += 1;
    }
}

fn month(seed: u64, days: u64, endings: &Mutex<BTreeMap<String, u64>>, at_day: &AtomicU64) {
    let world = World::new();
    let mut random = Random::new(seed);
    let mut ledger = Ledger::default();
    for number in 0..days {
        at_day.store(number, Ordering::SeqCst);
        let day = Day::plan(&mut random, number);
        live(&world, &mut ledger, &day, number);
    }
    let mut all = endings.lock().expect("whole");
    for (ending, count) in ledger.endings {
        *all.entry(ending).or_default() += count;
    }
}

fn live(world: &World, ledger: &mut Ledger, day: &Day, number: u64) {
    let due = at("2026-10-01T09:05:00+09:00") + chrono::Duration::days(i64::try_from(number).unwrap_or_default());
    if day.published {
        world.publish(due - chrono::Duration::hours(14), u32::try_from(number).unwrap_or_default());
    }
    prepare(world, day);
    world.clock.jump_to(due + chrono::Duration::hours(day.clock_off));
    world.model.plan(&day.faults);
    for order in &day.orders {
        if day.held {
            refused(world, ledger, order);
        } else if order.dies_at.is_some() && !order.refused && !day.faults.iter().any(|(_, f)| *f == Fault::Signal) {
            killed(world, ledger, day, order);
        } else {
            done(world, ledger, day, order);
        }
    }
    if day.prune {
        // The weekly cleanup: records older than the newest ten go, their lines stay.
        let keep = Retention { snapshots: 10, log_lines: usize::MAX };
        world.store.prune(keep, Act::Now).expect("pruned");
    }
    restore(world, day);
}

fn prepare(world: &World, day: &Day) {
    let git = world.store.path(".git/index.lock");
    match day.git {
        GitFault::None => {}
        GitFault::RemoteAway => std::fs::rename(&world.bare, world.bare.with_extension("away")).expect("moved"),
        GitFault::LocalChange => {
            world.store.write(layout::RECON_SUMMARY, b"{\"generated_at\": \"by hand\"}\n").expect("written");
        }
        GitFault::StaleLock => drop(std::fs::File::create(git).expect("made")),
    }
    let stop = |text: &str| world.store.write(layout::STOP, text.as_bytes()).expect("written");
    match day.stop {
        Switch::Off => drop(world.store.remove(layout::STOP).expect("removed")),
        Switch::On => stop("{\"schema\": \"EMERGENCY_STOP_V1\", \"enabled\": true}\n"),
        Switch::Damaged => stop("{\"schema\": \"EMERG"),
    }
}

fn restore(world: &World, day: &Day) {
    match day.git {
        GitFault::None => {}
        GitFault::RemoteAway => std::fs::rename(world.bare.with_extension("away"), &world.bare).expect("moved"),
        GitFault::LocalChange => {
            let host = remote(world.store.root());
            let head = host.revision().expect("readable").expect("a commit");
            if host.restore(&head, &[layout::RECON_SUMMARY], DirtyPolicy::Overwrite).is_err() {
                world.store.remove(layout::RECON_SUMMARY).expect("removed");
            }
        }
        // Somebody looks and removes what a dead process left.
        GitFault::StaleLock => drop(world.store.remove(".git/index.lock").expect("removed")),
    }
}

fn id_of(world: &World, order: &Order) -> String {
    RunId::new(world.clock.now(), order.salt).to_string()
}

/// How often the model was asked for a cycle since the last look.
fn asked(world: &World) -> usize {
    world.model.server.seen().iter().filter(|request| request.path.starts_with("/api/live/cycle/run")).count()
}

/// How many cycles the real backend has made.
fn made(world: &World) -> usize {
    world.store.snapshots(layout::CYCLE.snapshots).expect("listed").len()
}

fn invariants(world: &World, ledger: &mut Ledger, day: &Day) {
    let damaged: &[&str] = if day.stop == Switch::Damaged { &[layout::STOP] } else { &[] };
    checks::every_file_is_whole(&world.store, damaged);
    checks::every_run_is_sealed_once(&world.store, &ledger.sealed, ledger.head.as_deref());
    ledger.head = checks::chain(&world.store).pop().map(|(_, _, sha256)| sha256);
}

/// A run to its end.
fn done(world: &World, ledger: &mut Ledger, day: &Day, order: &Order) {
    let run_id = id_of(world, order);
    let (_, before) = (asked(world), made(world));
    let outcome = world.run(order);
    let cycles = asked(world) + made(world) - before;
    let record = outcome.record.as_ref().expect("a record");
    let skipped = record.reason.as_ref().is_some_and(|reason| reason.as_str() == "LATE_RUN_SKIPPED");
    assert_eq!(outcome.unsealed, None);
    assert_eq!(record.run_id.as_str(), run_id);
    ledger.sealed.extend(ledger.open.take());
    ledger.sealed.push(run_id.clone());
    invariants(world, ledger, day);
    checks::the_last_run_shows(&world.store, &run_id, outcome.exit_code);
    assert!(cycles <= 1, "{cycles} live cycles in one run");
    if day.stop != Switch::Off {
        assert_eq!(cycles, 0, "no live cycle under an emergency stop");
        assert!(outcome.exit_code != 0 || skipped, "{:?}", record.reason);
    }
    if day.is_fine() && !order.refused {
        assert_eq!(
            outcome.exit_code, 0,
            "nothing was planned to go wrong: {:?} {:?}",
            record.reason, record.reason_detail
        );
    }
    if order.refused && !skipped && record.reason.as_ref().is_none_or(|r| r.as_str() != "INTERRUPTED") {
        assert_eq!(outcome.exit_code, 3, "{:?}", record.reason);
    }
    ledger.count(format!("exit {}", outcome.exit_code));
    ledger.count(record.reason.as_ref().map_or("-", |reason| reason.as_str()));
}

/// A run whose process dies.
fn killed(world: &World, ledger: &mut Ledger, day: &Day, order: &Order) {
    let run_id = id_of(world, order);
    let (_, before) = (asked(world), made(world));
    let code = world.run_and_die(order);
    let cycles = asked(world) + made(world) - before;
    assert!(cycles <= 1, "{cycles} live cycles in one run");
    let damaged: &[&str] = if day.stop == Switch::Damaged { &[layout::STOP] } else { &[] };
    checks::every_file_is_whole(&world.store, damaged);
    let chained = checks::chain(&world.store).iter().any(|(id, _, _)| *id == run_id);
    let latest = checks::latest(&world.store);
    let begun = latest.as_ref().is_some_and(|record| record.run_id.as_str() == run_id);
    let earlier = ledger.open.take();
    // A run seals what was open before it leaves anything of its own; killed before that, the earlier one stays open.
    match earlier {
        Some(open) if begun || chained || checks::chain(&world.store).iter().any(|(id, _, _)| *id == open) => {
            ledger.sealed.push(open);
        }
        still => ledger.open = still,
    }
    if code.is_some() {
        ledger.sealed.push(run_id);
        invariants(world, ledger, day);
        ledger.count("lived");
    } else if begun || chained {
        ledger.open = Some(run_id);
        ledger.count("killed");
    } else {
        ledger.count("killed before its record");
    }
}

/// A run while another process holds the lock: nothing is touched.
fn refused(world: &World, ledger: &mut Ledger, order: &Order) {
    let holder = Holder::this_process("run_other", world.clock.now(), Duration::from_secs(600));
    let Ok(LockOutcome::Acquired(lock)) = world.store.try_lock(layout::RUN_LOCK, &holder) else { panic!("free") };
    let before = checks::workspace(&world.store);
    let outcome = world.run(order);
    assert_eq!((outcome.exit_code, outcome.record.is_some()), (2, false));
    assert!(checks::workspace(&world.store) == before, "a refused run touches nothing");
    drop(lock);
    ledger.count("refused");
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?.to_string_lossy().into_owned();
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn the_child_of_the_simulation() {
    world::child();
}

#[test]
fn a_month_of_daily_runs_keeps_its_promises() {
    let seeds: Vec<u64> = match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count) => (1..=count.unwrap_or(SEEDS)).collect(),
    };
    let days = number("SIM_DAYS").unwrap_or(DAYS);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let endings = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX))
                {
                    let day = AtomicU64::new(0);
                    if catch_unwind(AssertUnwindSafe(|| month(*seed, days, &endings, &day))).is_err() {
                        failed.lock().expect("whole").push((*seed, day.load(Ordering::SeqCst)));
                    }
                }
            });
        }
    });
    println!("{} months of {days} days: {:?}", seeds.len(), endings.lock().expect("whole"));
    for (seed, day) in failed.lock().expect("whole").iter() {
        println!("SIM_SEED={seed} cargo test --test simulation   # fails on day {day}");
    }
    assert!(failed.lock().expect("whole").is_empty(), "see the seeds above");
}

#[test]
fn a_seed_gives_the_same_schedule_again() {
    let schedule = |seed| {
        let mut random = Random::new(seed);
        (0..30).map(|number| format!("{:?}", Day::plan(&mut random, number))).collect::<Vec<_>>()
    };
    assert_eq!(schedule(7), schedule(7));
    assert_ne!(schedule(7), schedule(8));
    assert!(Stamp::of(at("2026-10-01T09:05:00+09:00")).has_offset());
}
