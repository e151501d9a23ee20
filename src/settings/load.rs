//! Lays the sources over each other and collects every fault.

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
                let rule = unknown("key", &entry.key, keys.chain(sections));
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
                    self.faults.push(SettingFault::new(place, unknown("variable", name, known)));
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
                    let rule = unknown("key", key, knobs().iter().map(|knob| knob.key));
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

/// The rule that an unknown name breaks, with the known name that it resembles.
fn unknown<'a>(noun: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|other| (distance(name, other), other)).min();
    match nearest {
        Some((steps, other)) if steps <= 3 && steps * 2 < other.len() => {
            format!("no such {noun}; did you mean {other}?")
        }
        _ => format!("no such {noun}"),
    }
}

/// How many letters must be added, removed or changed to get from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let change = diagonal + usize::from(a != b);
            diagonal = *slot;
            left = change.min(*slot + 1).min(left + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::SocketAddr;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::contracts::bundle::Algorithm;
    use crate::contracts::bundle::Staleness;
    use crate::contracts::run::Trigger;
    use crate::settings::GitPolicy;
    use crate::settings::SETTINGS_FILE;

    type Pairs = &'static [(&'static str, &'static str)];

    fn workspace(toml: Option<&[u8]>) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(bytes) = toml {
            let mut file = std::fs::File::create(folder.path().join(SETTINGS_FILE)).expect("a file");
            file.write_all(bytes).expect("written");
        }
        folder
    }

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load(
        toml: &str,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Settings, SettingsFaults> {
        let folder = workspace(Some(toml.as_bytes()));
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Settings::load(folder.path(), &env(variables), &flags)
    }

    fn row(settings: &Settings, key: &str) -> (String, Origin) {
        let row = settings.rows().into_iter().find(|row| row.key == key).expect("a knob");
        (row.value, row.origin)
    }

    #[test]
    fn without_a_file_and_variables_the_defaults_hold() {
        let folder = workspace(None);
        let settings = Settings::load(folder.path(), &BTreeMap::new(), &BTreeMap::new()).expect("defaults");
        assert_eq!(settings.api_url, "http://127.0.0.1:8000");
        assert_eq!(settings.pipeline.branch, "main");
        assert_eq!(settings.pipeline.max_late, Duration::from_secs(6 * 3600));
        assert_eq!(settings.pipeline.cycle_limit, Duration::from_secs(120));
        assert_eq!(settings.pipeline.trigger, None);
        assert_eq!(settings.serve.bind, SocketAddr::from(([127, 0, 0, 1], 8000)));
        assert_eq!(settings.serve.body_limit, 1 << 20);
        assert_eq!(settings.bundle.staleness, Staleness::Sessions);
        assert_eq!(settings.bundle.algorithms, [Algorithm::HmacSha256, Algorithm::Ed25519]);
        assert!(settings.bundle.hmac_key.is_none() && !settings.bundle.allow_unsigned);
        assert_eq!(settings.ops.ticket_fail_exclude_prefixes, ["AUTO_CLEANUP_", "MANUAL_CLEANUP", "REAPER_"]);
        assert!(settings.warnings.is_empty());
        assert!(settings.rows().iter().all(|row| row.origin == Origin::Default));
    }

    #[test]
    fn a_later_source_wins_and_the_origin_says_so() {
        let toml =
            "\u{feff}api_url = \"http://localhost:9000/\"\n\n[pipeline]\nbranch = \"from-file\"\ngit_limit = 90\n";
        let cases: [(&str, Pairs, Pairs, &str, Origin); 5] = [
            ("file", &[], &[], "from-file", Origin::File { line: 4 }),
            ("environment", &[("DAILY_OPS_BRANCH", "from-env")], &[], "from-env", Origin::Env),
            ("empty is not set", &[("DAILY_OPS_BRANCH", "")], &[], "from-file", Origin::File { line: 4 }),
            (
                "flag",
                &[("DAILY_OPS_BRANCH", "from-env")],
                &[("pipeline.branch", "from-flag")],
                "from-flag",
                Origin::Flag,
            ),
            ("flag over file", &[], &[("pipeline.branch", "from-flag")], "from-flag", Origin::Flag),
        ];
        for (name, variables, flags, branch, origin) in cases {
            let settings = load(toml, variables, flags).expect(name);
            assert_eq!(settings.pipeline.branch, branch, "{name}");
            assert_eq!(row(&settings, "pipeline.branch"), (branch.to_owned(), origin), "{name}");
            assert_eq!(settings.api_url, "http://localhost:9000", "{name}");
            assert_eq!(settings.pipeline.git_limit, Duration::from_secs(90), "{name}");
        }
    }

    #[test]
    fn every_section_can_be_written_in_the_file() {
        let toml = r#"
            pipeline = { git_policy = "strict", no_git_pull = true, trigger = "test" }
            [output]
            lang = "en"
            [serve]
            bind = "127.0.0.1:0"
            body_limit = "64KiB"
            [bundle]
            algorithms = ["ed25519"]
            hmac_key_file = ["state/secrets/a.key", "state/secrets/b.key"]
            [ops]
            ticket_fail_exclude_prefixes = []
            [retention]
            snapshots = 20
            [store]
            low_disk_percent = 10
        "#;
        let settings = load(toml, &[], &[]).expect("settings");
        assert_eq!(settings.pipeline.git_policy, GitPolicy::Strict);
        assert!(settings.pipeline.no_git_pull);
        assert_eq!(settings.pipeline.trigger, Some(Trigger::Test));
        assert_eq!((settings.serve.bind.port(), settings.serve.body_limit), (0, 65_536));
        assert_eq!(settings.bundle.algorithms, [Algorithm::Ed25519]);
        assert_eq!(settings.bundle.hmac_key_file.len(), 2);
        assert!(settings.ops.ticket_fail_exclude_prefixes.is_empty());
        assert_eq!((settings.retention.snapshots, settings.store.low_disk_percent), (20, 10));
    }

    #[test]
    fn every_fault_of_every_source_is_listed_at_once() {
        let toml =
            "[pipeline]\nbranhc = \"main\"\ngit_policy = \"loose\"\nstrict_delivery = \"true\"\n[serv]\nport = 1\n";
        let variables = [
            ("DAILY_OPS_BRANHC", "hidden-value"),
            ("OPS_BIND", "0.0.0.0:8000"),
            ("KRX_API_URL", "https://me:hidden-password@host"),
            ("OPS_LANGUAGE", "en"),
            ("PATH", "/usr/bin"),
        ];
        let text = load(toml, &variables, &[("pipeline.nothing", "1")]).expect_err("faults").to_string();
        let want = "9 settings are wrong
  daily_ops.toml:2 pipeline.branhc: no such key; did you mean pipeline.branch?
  daily_ops.toml:3 pipeline.git_policy = \"loose\": must be one of warn, strict
  daily_ops.toml:4 pipeline.strict_delivery = \"true\": must be true or false, without quotes
  daily_ops.toml:5 serv: no such key; did you mean serve?
  environment DAILY_OPS_BRANHC: no such variable; did you mean DAILY_OPS_BRANCH?
  environment KRX_API_URL = \"https://***@host\": must start with http://: the backend speaks plain http on loopback, \
not https
  environment OPS_LANGUAGE: no such variable
  flag pipeline.nothing: no such key
  environment OPS_BIND = \"0.0.0.0:8000\": must be a loopback address unless serve.remote is true";
        assert_eq!(text, want);
    }

    #[test]
    fn a_wrong_value_counts_also_where_a_later_source_wins() {
        let faults = load("[pipeline]\nmax_late = \"soon\"\n", &[("DAILY_OPS_MAX_LATE", "1h")], &[]);
        assert!(faults.is_err_and(|faults| faults.faults.len() == 1));
    }

    #[test]
    fn a_file_that_is_not_toml_names_the_line_and_never_repeats_it() {
        let cases: [(&str, &[u8], &str); 5] = [
            ("syntax", b"[pipeline]\nbranch = hidden\n", "daily_ops.toml:2: is not TOML: "),
            ("twice", b"[pipeline]\nbranch = 'a'\nbranch = 'b'\n", "daily_ops.toml:3: is not TOML: "),
            ("open table", b"\n\n[pipeline\n", "daily_ops.toml:3: is not TOML: "),
            ("not utf-8", b"a = 1\nb = '\xff'\n", "daily_ops.toml:2: must be UTF-8"),
            ("section as value", b"pipeline = 3\n", "daily_ops.toml:1 pipeline: is a section: write [pipeline]"),
        ];
        for (name, bytes, want) in cases {
            let folder = workspace(Some(bytes));
            let faults = Settings::load(folder.path(), &BTreeMap::new(), &BTreeMap::new()).expect_err(name);
            let text = faults.to_string();
            assert!(text.contains(want), "{name}: {text}");
            assert!(!text.contains("hidden"), "{name}: {text}");
        }
        let folder = workspace(None);
        std::fs::create_dir(folder.path().join(SETTINGS_FILE)).expect("a folder in its place");
        let faults = Settings::load(folder.path(), &BTreeMap::new(), &BTreeMap::new()).expect_err("a folder");
        assert!(faults.to_string().contains("daily_ops.toml: cannot be read"), "{faults}");
    }

    #[test]
    fn a_secret_comes_from_the_environment_only_and_is_never_shown() {
        const KEY: &str = "test-key-do-not-use";
        let settings = load("", &[("STRATEGY_BUNDLE_HMAC_KEY", KEY)], &[]).expect("a key");
        assert_eq!(row(&settings, "bundle.hmac_key"), ("***".to_owned(), Origin::Env));
        assert!(!format!("{settings:?} {:?}", settings.rows()).contains(KEY));
        assert_eq!(settings.bundle.hmac_key.map(|key| key.expose().to_owned()).as_deref(), Some(KEY));

        let toml = format!("[bundle]\nhmac_key = \"{KEY}\"\n");
        let cases = [
            ("file", load(&toml, &[], &[]), "daily_ops.toml:2 bundle.hmac_key: is a secret"),
            ("flag", load("", &[], &[("bundle.hmac_key", KEY)]), "flag bundle.hmac_key: is a secret"),
            ("short", load("", &[("STRATEGY_BUNDLE_HMAC_KEY", "test-key")], &[]), "at least 16 bytes; this one has 8"),
            ("broken", load("", &[("STRATEGY_BUNDLE_HMAC_KEY", "test-key\u{fffd}")], &[]), "must be UTF-8"),
            ("unknown", load("", &[("OPS_PASSWORD", KEY)], &[]), "environment OPS_PASSWORD: no such variable"),
        ];
        for (name, loaded, want) in cases {
            let faults = loaded.expect_err(name);
            assert!(faults.to_string().contains(want), "{name}: {faults}");
            assert!(!format!("{faults} {faults:?}").contains("test-key"), "{name}: {faults:?}");
        }
    }

    #[test]
    fn a_wrong_value_of_the_risk_window_is_a_warning_and_the_layer_below_is_used() {
        let variables =
            [("OPS_RISK_WINDOW_DAYS", "abc"), ("OPS_RISK_MAX_EVENTS", "0"), ("OPS_TICKET_FAIL_EXCLUDE_PREFIXES", ",")];
        let settings = load("[ops]\nrisk_max_events = 50\n", &variables, &[]).expect("settings");
        assert_eq!((settings.ops.risk_window_days, settings.ops.risk_max_events), (3, 50));
        assert_eq!(settings.ops.ticket_fail_exclude_prefixes.len(), 3);
        assert_eq!(settings.warnings.len(), 3, "{:?}", settings.warnings);
        let want = "environment OPS_RISK_WINDOW_DAYS = \"abc\": must be a whole number from 1 to 3650; 3 is used";
        assert!(settings.warnings.iter().any(|warning| warning == want), "{:?}", settings.warnings);
        assert!(load("[ops]\nrisk_max_events = 0\n", &[], &[]).is_err(), "the file is not forgiven");
    }

    #[test]
    fn variables_of_later_parts_are_accepted_and_named() {
        let variables = [
            ("OPS_TOKEN", "hidden-token-value"),
            ("DAILY_OPS_ACTOR", "5"),
            ("DAILY_OPS_ROOT", "/srv/site"),
            ("DAILY_OPS_BIN", "/usr/bin/daily_ops"),
            ("PORTFOLIO_CASH", "1"),
            ("OPSGENIE_KEY", "other"),
        ];
        let settings = load("", &variables, &[]).expect("settings");
        assert_eq!(settings.warnings.len(), 1, "{:?}", settings.warnings);
        assert!(!settings.warnings.concat().contains("hidden"));
    }

    #[test]
    fn other_machines_are_let_in_on_purpose_only() {
        let open = ("OPS_BIND", "0.0.0.0:8000");
        assert!(load("", &[open], &[]).is_err());
        assert!(
            load("[serve]\nbind = \"10.0.0.5:8000\"\n", &[], &[]).expect_err("refused").to_string().contains("toml:2")
        );
        let settings = load("", &[open, ("OPS_ALLOW_REMOTE", "true")], &[]).expect("settings");
        assert!(settings.serve.remote && settings.serve.bind.ip().is_unspecified());
    }

    #[test]
    fn the_token_of_the_environment_is_never_shown() {
        let settings = load("", &[("OPS_TOKEN", "hidden-token-value")], &[]).expect("settings");
        let row = settings.rows().into_iter().find(|row| row.env == "OPS_TOKEN").expect("a row");
        assert_eq!(row.value, "***");
        assert!(!format!("{settings:?}").contains("hidden"));
        let fault = load("", &[("OPS_TOKEN", "hidden")], &[]).expect_err("too short").to_string();
        assert!(fault.contains("at least 16 bytes") && !fault.contains("hidden"), "{fault}");
        assert!(load("[serve]\ntoken = \"hidden-token-value\"\n", &[], &[]).is_err(), "not from the file");
        assert!(load("", &[], &[("serve.token", "hidden-token-value")]).is_err(), "not from a flag");
    }

    #[test]
    fn the_older_name_of_the_token_counts_alone_and_is_told() {
        const OLD: &str = "NEXT_TRADE_OPS_TOKEN";
        let token = |pairs: &[(&str, &str)]| {
            let settings = load("", pairs, &[]).expect("settings");
            (settings.serve.token.map(|token| token.expose().to_owned()), settings.warnings)
        };
        let (old, new) = ("hidden-older-token-1", "hidden-token-value-1");
        let is_old = (Some(old.to_owned()), vec![format!("{OLD} is an older name of OPS_TOKEN: use OPS_TOKEN")]);
        assert_eq!(token(&[(OLD, old)]), is_old);
        assert_eq!(token(&[(OLD, old), ("OPS_TOKEN", "")]), is_old);
        let is_new = (Some(new.to_owned()), vec![format!("{OLD} is ignored: OPS_TOKEN is set")]);
        assert_eq!(token(&[(OLD, old), ("OPS_TOKEN", new)]), is_new);
        assert_eq!(token(&[(OLD, "")]), (None, Vec::new()));
        let fault = load("", &[(OLD, "hidden")], &[]).expect_err("too short").to_string();
        assert!(fault.contains(OLD) && !fault.contains("hidden"), "{fault}");
    }

    #[test]
    fn a_pull_is_skipped_by_1_only_and_a_yes_that_does_not_count_is_said() {
        let cases =
            [("1", true, 0), ("0", false, 0), ("false", false, 0), ("", false, 0), ("true", false, 1), ("2", false, 0)];
        for (text, skipped, warnings) in cases {
            let settings = load("", &[("DAILY_OPS_NO_GIT_PULL", text)], &[]).expect(text);
            assert_eq!((settings.pipeline.no_git_pull, settings.warnings.len()), (skipped, warnings), "{text:?}");
        }
    }

    #[test]
    fn a_backend_on_another_machine_is_a_warning() {
        let settings = load("api_url = \"http://10.0.0.5:8000\"", &[], &[]).expect("settings");
        assert!(settings.warnings.concat().contains("not on this machine"));
    }

    #[test]
    fn the_environment_of_the_process_is_read() {
        assert!(Settings::process_env().contains_key("PATH"));
    }

    #[test]
    fn the_distance_of_two_names_counts_their_changes() {
        for (a, b, want) in [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 2), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }
}
