//! Random uses of the kill switch over HTTP against a small model of it.

use daily_ops::backend::DashOptions;
use daily_ops::store::layout;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use serde_json::json;

use crate::SWITCH;
use crate::TOKEN;
use crate::client::Site;
use crate::serve;
use crate::set;
use crate::site_with;

#[derive(Clone, Debug)]
enum Step {
    /// The position, how far the expected version is off (none: not said), and whether by force.
    Set(bool, Option<u64>, bool),
    Damage,
    Remove,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<bool>(), proptest::option::of(0..3_u64), any::<bool>()).prop_map(|(on, off, force)| Step::Set(on, off, force)),
        1 => Just(Step::Damage),
        1 => Just(Step::Remove),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..25)
}

/// The file as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum File {
    Missing,
    Damaged,
    Sound(bool, u64),
}

struct Model {
    file: File,
    highest: u64,
    uses: usize,
}

impl Model {
    fn counts(&self) -> (bool, u64) {
        match self.file {
            File::Missing => (false, 0),
            File::Damaged => (true, 0),
            File::Sound(on, version) => (on, version),
        }
    }

    /// The status code, and whether it changed.
    fn set(&mut self, on: bool, expected: Option<u64>, force: bool) -> (u16, bool) {
        let (is_on, version) = self.counts();
        if expected.is_some_and(|expected| expected != version) {
            return (409, false);
        }
        let is_damaged = self.file == File::Damaged;
        if !on && is_damaged && !force {
            return (409, false);
        }
        self.uses += 1;
        if on == is_on && !is_damaged {
            return (200, false);
        }
        self.highest = self.highest.max(version) + 1;
        self.file = File::Sound(on, self.highest);
        (200, true)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn prop_the_switch_is_what_its_model_is(steps in steps()) {
        let mut site = site_with(DashOptions::default(), Some(TOKEN)).0;
        let mut model = Model { file: File::Missing, highest: 0, uses: 0 };
        for step in &steps {
            match step {
                Step::Set(on, off, force) => {
                    let expected = off.map(|off| model.counts().1 + off);
                    let answer = set(&site, json!({"is_on": on, "reason": "r", "expected_version": expected, "force": force}));
                    let want = model.set(*on, expected, *force);
                    prop_assert_eq!((answer.status, answer.json()["changed"] == true), want, "{:?} of {:?}", step, steps);
                }
                Step::Damage => {
                    site.store.write(layout::KILL_SWITCH, b"{").expect("written");
                    model.file = File::Damaged;
                }
                Step::Remove => {
                    site.store.remove(layout::KILL_SWITCH).expect("removed");
                    model.file = File::Missing;
                }
                Step::Restart => {
                    let Site { dir, store, server } = site;
                    server.stop();
                    let server = serve(&store, DashOptions::default(), Some(TOKEN)).0;
                    site = Site { dir, store, server };
                }
            }
            let state = site.get(SWITCH).json();
            prop_assert_eq!((state["is_on"] == true, state["version"].as_u64().unwrap_or(99)), model.counts(), "{:?}", steps);
            let rail = site.get("/api/ops/risk-snapshot").json();
            prop_assert_eq!((rail["kill_switch"] == true, rail["mode"] == "KILL"), (model.counts().0, model.counts().0));
        }
        prop_assert_eq!(crate::switch::audited(&site.store).len(), model.uses);
    }
}
