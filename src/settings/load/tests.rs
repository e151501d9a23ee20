//! What wins where sources disagree, and what is said about each value and name that cannot be used.

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

fn load(toml: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Settings, SettingsFaults> {
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
    let toml = "\u{feff}api_url = \"http://localhost:9000/\"\n\n[pipeline]\nbranch = \"from-file\"\ngit_limit = 90\n";
    let cases: [(&str, Pairs, Pairs, &str, Origin); 5] = [
        ("file", &[], &[], "from-file", Origin::File { line: 4 }),
        ("environment", &[("DAILY_OPS_BRANCH", "from-env")], &[], "from-env", Origin::Env),
        ("empty is not set", &[("DAILY_OPS_BRANCH", "")], &[], "from-file", Origin::File { line: 4 }),
        ("flag", &[("DAILY_OPS_BRANCH", "from-env")], &[("pipeline.branch", "from-flag")], "from-flag", Origin::Flag),
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
    let toml = "[pipeline]\nbranhc = \"main\"\ngit_policy = \"loose\"\nstrict_delivery = \"true\"\n[serv]\nport = 1\n";
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
    assert!(load("[serve]\nbind = \"10.0.0.5:8000\"\n", &[], &[]).expect_err("refused").to_string().contains("toml:2"));
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
