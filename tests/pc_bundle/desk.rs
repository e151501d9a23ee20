//! A research PC's workspace with made-up prices, and the program in it.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::StrategyParams;
use daily_ops::contracts::strategy_params::default_params;
use daily_ops::pc::prices::SyntheticSpec;
use daily_ops::pc::prices::synthetic_bars;
use daily_ops::pc::prices::write_layout_a;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::Clock as _;
use daily_ops::time::KstTime;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;
use daily_ops::time::TradingDate;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const KEY: &str = "test-key-do-not-use";
pub(crate) const NEXT: &str = "test-key-for-tomorrow";

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

/// A workspace.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    /// A workspace with parameters, a shared key and prices up to the last session.
    pub(crate) fn ready() -> Self {
        let desk = Self::empty();
        desk.parameters(|_| ());
        desk.secret("state/secrets/bundle_hmac.key", KEY, 0o600);
        desk.write("daily_ops.toml", "[bundle]\nhmac_key_file = \"state/secrets/bundle_hmac.key\"\n");
        desk.prices(layout::PRICES, last_session());
        desk
    }

    pub(crate) fn empty() -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a directory") };
        assert_eq!(desk.run(&["init", &desk.root().to_string_lossy()]).code, Some(0));
        desk
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.root())
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        self.store().write(file, text.as_bytes()).expect("written");
    }

    pub(crate) fn secret(&self, file: &str, text: &str, mode: u32) {
        self.store().write_secret(file, text.as_bytes()).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = self.root().join(file);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let _ = mode;
    }

    pub(crate) fn parameters(&self, edit: impl FnOnce(&mut StrategyParams)) {
        let mut params = default_params(Stamp::from("2026-11-20T19:00:00+09:00"));
        edit(&mut params);
        self.store().write(layout::STRATEGY_PARAMS.latest, &params.to_bytes().expect("rendered")).expect("written");
    }

    /// A year and a half of prices of the default universe up to a day, without the index.
    pub(crate) fn prices(&self, dir: &str, to: TradingDate) {
        let spec = SyntheticSpec { seed: 7, from: to - chrono::Days::new(550), to, halt: None };
        for (ticker, bars) in synthetic_bars(&spec, Calendar::krx()).expect("made up") {
            if ticker != "^KS11" {
                let bytes = write_layout_a(&bars).expect("rendered");
                self.store().write(&format!("{dir}/{ticker}.parquet"), &bytes).expect("written");
            }
        }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
        command.env_clear().env("HOME", self.root()).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.current_dir(self.root()).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ended(&mut self.command(args))
    }

    /// `pc bundle` with more arguments.
    pub(crate) fn bundle(&self, args: &[&str]) -> Ran {
        self.run(&[&["pc", "bundle"], args].concat())
    }

    pub(crate) fn latest(&self) -> Option<Value> {
        let bytes = self.store().read(layout::BUNDLE.latest).expect("readable")?;
        Some(serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// The names of the snapshots, newest first.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        let files = self.store().snapshots(layout::BUNDLE.snapshots).expect("listed");
        files.into_iter().map(|file| file.name).collect()
    }

    /// Nothing was made: no snapshot and no latest bundle.
    pub(crate) fn is_bare(&self) -> bool {
        self.latest().is_none() && self.snapshots().is_empty()
    }
}

pub(crate) fn ended(command: &mut Command) -> Ran {
    let output = command.output().expect("started");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

pub(crate) fn now() -> KstTime {
    SystemClock::new().now()
}

pub(crate) fn last_session() -> TradingDate {
    Calendar::krx().last_ended(now()).expect("covered").date
}

/// The session before the last one.
pub(crate) fn session_before() -> TradingDate {
    let open = Calendar::krx().last_ended(now()).expect("covered").open;
    Calendar::krx().last_ended(open).expect("covered").date
}
