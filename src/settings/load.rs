//! Lays the sources over each other and collects every fault.

#[cfg(test)]
mod tests;
mod unknown;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::fault::Place;
use super::fault::SettingFault;
use super::fault::SettingsFaults;
use super::fault::presentable;
use super::file;
use super::file::Entry;
use super::knob::Kind;
use super::knob::Knob;
use super::knob::WrongEnv;
use super::model::Settings;
use super::rules;
use super::table::knobs;
use super::table::other_variables;
use super::value::Raw;
use super::value::Value as _;

/// Variables under an older name, and the name that they have now.
const OLDER_NAMES: [(&str, &str); 1] = [("NEXT_TRADE_OPS_TOKEN", "OPS_TOKEN")];

/// Environment names that belong to this program.
const PREFIXES: [&str; 2] = ["DAILY_OPS_", "OPS_"];

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The program's own table.
    Default,
    /// `daily_ops.toml`.
    File {
        /// The line, counted from one.
        line: usize,
    },
    /// An environment variable.
    Env,
    /// A flag.
    Flag,
}

/// One setting as `config show` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// The key in `daily_ops.toml`.
    pub key: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// The value; `***` for a secret that is set, empty for nothing.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
    /// What a value may be.
    pub kind: Kind,
    /// One sentence for people.
    pub help: &'static str,
}

/// The text and the origin of a knob's value.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) shown: String,
    pub(super) origin: Origin,
}

impl Settings {
    /// Reads all settings for the workspace `root`. Flags are named by the key of the knob that they set.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use daily_ops::settings::Settings;
    /// let env = BTreeMap::from([("DAILY_OPS_GIT_POLICY".to_owned(), "loose".to_owned())]);
    /// let faults = Settings::load("nowhere".as_ref(), &env, &BTreeMap::new()).unwrap_err();
    /// assert!(faults.to_string().contains("environment DAILY_OPS_GIT_POLICY = \"loose\": must be one of warn, strict"));
    /// ```
    ///
    /// # Errors
    /// Every value that breaks its rule and every name that is not known, all at once.
    pub fn load(
        root: &Path,
        env: &BTreeMap<String, String>,
        flags: &BTreeMap<&str, String>,
    ) -> Result<Self, SettingsFaults> {
        let mut loading = Loading { settings: Self::blank(root.to_owned()), faults: Vec::new() };
        loading.defaults();
        loading.file(root);
        loading.environment(env);
        loading.flags(flags);
        loading.listener();
        if !loading.faults.is_empty() {
            return Err(SettingsFaults { faults: loading.faults });
        }
        let mut settings = loading.settings;
        if !rules::is_local(&settings.api_url) {
            let warning = format!("api_url {} is not on this machine: requests travel unprotected", settings.api_url);
            settings.warnings.push(warning);
        }
        Ok(settings)
    }

    /// The environment of this process. A value that is no UTF-8 keeps a replacement mark, which [`Settings::load`]
    /// refuses in a variable of this program and ignores elsewhere.
    #[must_use]
    pub fn process_env() -> BTreeMap<String, String> {
        let name = |name: std::ffi::OsString| {
            let name = name.to_string_lossy().into_owned();
            // Windows does not tell cases apart and may hand over the one that was typed.
            if cfg!(windows) { name.to_ascii_uppercase() } else { name }
        };
        std::env::vars_os().map(|(key, value)| (name(key), value.to_string_lossy().into_owned())).collect()
    }

    /// Every knob with its value and its origin, secrets hidden.
    #[must_use]
    pub fn rows(&self) -> Vec<SettingRow> {
        let row = |(knob, applied): (&Knob, &Applied)| SettingRow {
            key: knob.key,
            env: knob.env,
            value: applied.shown.clone(),
            origin: applied.origin,
            kind: knob.kind,
            help: knob.help,
        };
        knobs().iter().zip(&self.applied).map(row).collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "{}:{line}", super::SETTINGS_FILE),
            Self::Env => f.write_str("environment"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

struct Loading {
    settings: Settings,
    faults: Vec<SettingFault>,
}

impl Loading {
    fn defaults(&mut self) {
        for knob in knobs() {
            self.settings.applied.push(Applied { shown: String::new(), origin: Origin::Default });
            if !knob.default.is_empty() {
                let place = Place::Default { key: knob.key.to_owned() };
                self.apply(knob, &Raw::Plain(knob.default.to_owned()), Origin::Default, place);
            }
        }
    }

    fn file(&mut self, root: &Path) {
        match file::entries(root) {
            Ok(entries) => entries.iter().for_each(|entry| self.entry(entry)),
            Err(faults) => self.faults.extend(faults),
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let place = Place::File { line: Some(entry.line), key: Some(entry.key.clone()) };
        match knobs().iter().find(|knob| knob.key == entry.key) {
            Some(knob) if knob.is_secret() => {
                let rule = format!("is a secret: set {} in the environment or name a key file", knob.env);
                self.faults.push(SettingFault::new(place, rule));
            }
            Some(knob) => self.apply(knob, &entry.raw, Origin::File { line: entry.line }, place),
            None if file::is_section(&entry.key) => {
                self.faults.push(SettingFault::new(place, format!("is a section: write [{}]", entry.key)));
            }
            None => {
                let keys = knobs().iter().map(|knob| knob.key);
                let sections = keys.clone().filter_map(|key| key.split_once('.').map(|(section, _)| section));
                let rule = unknown::rule("key", &entry.key, keys.chain(sections));
                self.faults.push(SettingFault::new(place, rule));
            }
        }
    }

    fn environment(&mut self, env: &BTreeMap<String, String>) {
        for (name, value) in env {
            let place = Place::Env { name: name.clone() };
            let knob = knobs().iter().find(|knob| knob.env == name);
            let other = other_variables().iter().find(|other| other.name == name);
            match (knob, other) {
                _ if value.is_empty() && (knob.is_some() || other.is_some()) => {}
                _ if value.contains(char::REPLACEMENT_CHARACTER) && (knob.is_some() || other.is_some()) => {
                    self.faults.push(SettingFault::new(place, "must be UTF-8"));
                }
                (Some(knob), _) => self.variable(knob, value, place),
                (None, Some(other)) if other.is_read => {}
                (None, Some(other)) => self.settings.warnings.push(format!("{name} is ignored: {}", other.reason)),
                (None, None) if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => {
                    let known = knobs().iter().map(|knob| knob.env);
                    let known = known.chain(other_variables().iter().map(|other| other.name));
                    self.faults.push(SettingFault::new(place, unknown::rule("variable", name, known)));
                }
                (None, None) => {}
            }
        }
        for (name, knob) in OLDER_NAMES {
            self.older_name(env, (name, knob));
        }
    }

    /// The older name of a variable counts where the variable itself is not set.
    fn older_name(&mut self, env: &BTreeMap<String, String>, (older, name): (&str, &str)) {
        let Some(value) = env.get(older).filter(|value| !value.is_empty()) else { return };
        let Some(knob) = knobs().iter().find(|knob| knob.env == name) else { return };
        if env.get(name).is_some_and(|value| !value.is_empty()) {
            self.settings.warnings.push(format!("{older} is ignored: {name} is set"));
            return;
        }
        self.settings.warnings.push(format!("{older} is an older name of {name}: use {name}"));
        self.variable(knob, value, Place::Env { name: older.to_owned() });
    }

    fn variable(&mut self, knob: &Knob, value: &str, place: Place) {
        let raw = Raw::Plain(value.to_owned());
        if knob.kind == Kind::OnlyOne && value != "1" && bool::read(&raw, &Kind::Switch) == Ok(true) {
            let warning = format!("{place} = {} does not count: it must be {}", presentable(value), knob.kind);
            self.settings.warnings.push(warning);
        }
        match knob.on_wrong_env {
            WrongEnv::Fault => self.apply(knob, &raw, Origin::Env, place),
            WrongEnv::Warn => {
                if let Err(rule) = self.set(knob, &raw, Origin::Env) {
                    let kept = self.shown(knob);
                    let warning = format!("{place} = {}: {rule}; {kept} is used", presentable(value));
                    self.settings.warnings.push(warning);
                }
            }
        }
    }

    fn flags(&mut self, flags: &BTreeMap<&str, String>) {
        for (key, value) in flags {
            let place = Place::Flag { key: (*key).to_owned() };
            match knobs().iter().find(|knob| knob.key == *key) {
                Some(knob) if knob.is_secret() => {
                    let rule = "is a secret: a command line is visible to every process of the machine";
                    self.faults.push(SettingFault::new(place, rule));
                }
                Some(knob) => self.apply(knob, &Raw::Plain(value.clone()), Origin::Flag, place),
                None => {
                    let rule = unknown::rule("key", key, knobs().iter().map(|knob| knob.key));
                    self.faults.push(SettingFault::new(place, rule));
                }
            }
        }
    }

    /// An address that other machines reach is a decision of its own.
    fn listener(&mut self) {
        let serve = &self.settings.serve;
        if serve.bind.ip().is_loopback() || serve.remote {
            return;
        }
        let rule = "must be a loopback address unless serve.remote is true";
        let (host, key) = (serve.bind.to_string(), "serve.bind".to_owned());
        let index = knobs().iter().position(|knob| knob.key == key);
        let place = match index.and_then(|index| self.settings.applied.get(index)).map(|applied| applied.origin) {
            Some(Origin::File { line }) => Place::File { line: Some(line), key: Some(key) },
            Some(Origin::Env) => Place::Env { name: "OPS_BIND".to_owned() },
            Some(Origin::Flag) => Place::Flag { key },
            Some(Origin::Default) | None => Place::Default { key },
        };
        self.faults.push(SettingFault::new(place, rule).with_value(&host));
    }

    fn apply(&mut self, knob: &Knob, raw: &Raw, origin: Origin, place: Place) {
        if let Err(rule) = self.set(knob, raw, origin) {
            let fault = SettingFault::new(place, rule);
            self.faults.push(if knob.is_secret() { fault } else { fault.with_value(&raw.shown()) });
        }
    }

    fn set(&mut self, knob: &Knob, raw: &Raw, origin: Origin) -> Result<(), String> {
        let shown = (knob.set)(&mut self.settings, raw, &knob.kind)?;
        if let Some(index) = knobs().iter().position(|other| other.key == knob.key)
            && let Some(applied) = self.settings.applied.get_mut(index)
        {
            *applied = Applied { shown, origin };
        }
        Ok(())
    }

    fn shown(&self, knob: &Knob) -> String {
        let index = knobs().iter().position(|other| other.key == knob.key);
        index.and_then(|index| self.settings.applied.get(index)).map(|a| a.shown.clone()).unwrap_or_default()
    }
}
