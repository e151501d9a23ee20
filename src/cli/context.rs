//! What every command works with: settings, store, clock, signals.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::args::Global;
use super::exit::Failure;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::notify::Messenger;
use crate::pipeline::Backend;
use crate::pipeline::EventsTo;
use crate::pipeline::Limits;
use crate::pipeline::Outside;
use crate::pipeline::Site;
use crate::settings::MessageSecrets;
use crate::settings::Secret;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::layout;
use crate::time::SystemClock;

pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) clock: Arc<SystemClock>,
    pub(super) interrupted: Arc<AtomicBool>,
    pub(super) env: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
}

impl Context {
    /// Loads the settings of the workspace; every fault at once.
    pub(super) fn load(global: &Global) -> Result<Self, Failure> {
        let env = Settings::process_env();
        let root = root_of(global, &env);
        if !root.is_dir() {
            return Err(Failure::Usage(format!("the workspace {} is no directory", root.display())));
        }
        let mut flags = BTreeMap::new();
        for pair in &global.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Failure::Usage(format!("--set {pair:?} is not KEY=VALUE, as in --set pipeline.branch=main"))
            })?;
            flags.insert(key.to_owned(), value.to_owned());
        }
        let settings = load(&root, &env, &flags)?;
        Ok(Self {
            store: Store::new(&root),
            settings,
            clock: Arc::new(SystemClock::new()),
            interrupted: Arc::new(AtomicBool::new(false)),
            env,
            flags,
        })
    }

    /// Applies flags of a command over everything else.
    pub(super) fn apply(&mut self, flags: &[(&'static str, Option<String>)]) -> Result<(), Failure> {
        for (key, value) in flags {
            if let Some(value) = value {
                self.flags.insert((*key).to_owned(), value.clone());
            }
        }
        self.settings = load(&self.settings.root, &self.env, &self.flags)?;
        Ok(())
    }

    /// Lets SIGTERM, SIGINT, SIGHUP and SIGQUIT end the work in an orderly way.
    pub(super) fn heed_signals(&self) -> Result<(), Failure> {
        use signal_hook::consts;
        // A closed terminal sends SIGHUP; it must not cost the record either.
        #[cfg(unix)]
        let signals = [consts::SIGTERM, consts::SIGINT, consts::SIGHUP, consts::SIGQUIT];
        #[cfg(not(unix))]
        let signals = [consts::SIGTERM, consts::SIGINT];
        for signal in signals {
            signal_hook::flag::register(signal, Arc::clone(&self.interrupted))?;
        }
        Ok(())
    }

    /// The site of a run against the backend at `url`.
    pub(super) fn site<'a>(&'a self, url: &str, bundle_rules: crate::pipeline::BundleRules<'a>) -> Site<'a> {
        Site {
            store: &self.store,
            clock: self.clock.as_ref(),
            backend: Backend::new(url, Limits::from(&self.settings.pipeline)).with_token(self.token()),
            bundle_rules,
            host_zone: host_zone_name(),
            interrupted: Arc::clone(&self.interrupted),
            salt: salt(),
            low_disk_percent: self.settings.store.low_disk_percent,
            outside: self.outside(),
            events: EventsTo::Nowhere,
        }
    }

    /// Where the events of a run against the server at `url` go. Without a configured token that can be read, the one
    /// that the server made is shown.
    pub(super) fn events_to(&self, url: &str) -> EventsTo {
        EventsTo::Server { url: url.to_owned(), token: self.settings.operator_token().ok().flatten() }
    }

    /// Who is told of a run, and how.
    fn outside(&self) -> Outside {
        Outside {
            messages: self.settings.push.from_run,
            lang: self.settings.output.lang,
            messenger: self.messenger(),
            ping_url: self.settings.heartbeat.ping_url.clone(),
        }
    }

    /// The channels of messages with their secrets as they are now.
    pub(super) fn messenger(&self) -> Messenger {
        Messenger {
            settings: self.settings.messages(),
            secrets: MessageSecrets::read(&self.settings.root.join(layout::MESSAGE_SECRETS), &self.env),
        }
    }

    /// The token that a backend wants which is open to other machines. One that cannot be read is not shown: the
    /// backend refuses the call, and `serve` says why.
    fn token(&self) -> Option<Secret> {
        let is_wanted = self.settings.serve.remote;
        is_wanted.then(|| self.settings.operator_token().ok().flatten()).flatten()
    }

    /// Who changes something: the flag, else the user's name. Whoever can write the files may do everything.
    pub(super) fn operator(&self, by: Option<String>) -> Actor {
        let name = by.filter(|by| !by.trim().is_empty()).unwrap_or_else(|| self.user());
        Actor::new(name, Role::Admin, "cli")
    }

    /// The name of the user that started the program.
    pub(super) fn user(&self) -> String {
        let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|key| self.env.get(*key)).cloned();
        user.unwrap_or_else(|| "local_operator".to_owned())
    }
}

fn root_of(global: &Global, env: &BTreeMap<String, String>) -> PathBuf {
    let named = || env.get("DAILY_OPS_ROOT").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    global.root.clone().or_else(named).unwrap_or_else(|| PathBuf::from("."))
}

/// The workspace that a command names, without looking at it.
pub(super) fn root_of_process(global: &Global) -> PathBuf {
    root_of(global, &Settings::process_env())
}

/// Leaves the proof that a run could not start for its settings: yesterday's code must not stand for today. Only where a
/// run has left proofs before, because another directory may be named by mistake.
pub(super) fn prove_usage_fault(global: &Global) {
    let store = Store::new(root_of(global, &Settings::process_env()));
    if matches!(store.read(layout::PROOF_EXIT), Ok(Some(_))) {
        // The fault itself is told on standard error whether or not this can be written.
        store.write_view(layout::PROOF_EXIT, format!("{}\n", super::exit::USAGE).as_bytes()).ok();
    }
}

fn load(
    root: &std::path::Path,
    env: &BTreeMap<String, String>,
    flags: &BTreeMap<String, String>,
) -> Result<Settings, Failure> {
    let flags: BTreeMap<&str, String> = flags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    Settings::load(root, env, &flags).map_err(|faults| Failure::Usage(faults.to_string()))
}

/// The host's zone as the system names it.
pub(super) fn host_zone_name() -> String {
    iana_time_zone::get_timezone().unwrap_or_else(|_unknown| "UTC".to_owned())
}

/// Tells two runs of one second apart.
pub(super) fn salt() -> u32 {
    // Without randomness the process id still tells processes apart.
    getrandom::u32().unwrap_or_else(|_none| std::process::id())
}
