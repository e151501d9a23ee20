//! The table of knobs. A new setting is a row here and a field in `model.rs`.

use std::fmt::Write as _;
use std::time::Duration;

use super::knob::Kind;
use super::knob::Knob;
use super::knob::OtherVariable;
use super::knob::WrongEnv;
use super::value::put;

/// One row: the path of the field is also the key.
macro_rules! knob {
    ($section:ident . $field:ident, $env:literal, $kind:expr, $default:literal, $wrong:ident, $help:literal) => {
        Knob {
            key: concat!(stringify!($section), ".", stringify!($field)),
            env: $env,
            kind: $kind,
            default: $default,
            help: $help,
            on_wrong_env: WrongEnv::$wrong,
            set: |settings, raw, kind| put(&mut settings.$section.$field, raw, kind),
        }
    };
    ($field:ident, $env:literal, $kind:expr, $default:literal, $wrong:ident, $help:literal) => {
        Knob {
            key: stringify!($field),
            env: $env,
            kind: $kind,
            default: $default,
            help: $help,
            on_wrong_env: WrongEnv::$wrong,
            set: |settings, raw, kind| put(&mut settings.$field, raw, kind),
        }
    };
}

/// The limit of one call.
const LIMIT: Kind = Kind::Time { min: Duration::from_millis(100), max: Duration::from_secs(3600) };
const TRIES: Kind = Kind::Count { min: 1, max: 10 };
const WEEK: Duration = Duration::from_secs(7 * 86_400);

#[rustfmt::skip]
static KNOBS: &[Knob] = &[
    knob!(api_url, "KRX_API_URL", Kind::Url, "http://127.0.0.1:8000", Fault,
        "The backend's address; slashes at its end are dropped."),
    knob!(pipeline.branch, "DAILY_OPS_BRANCH", Kind::Branch, "main", Fault,
        "The branch that the PC publishes to and the host follows."),
    knob!(pipeline.remote, "DAILY_OPS_REMOTE", Kind::Remote, "origin", Fault,
        "The name of the git remote."),
    knob!(pipeline.git_policy, "DAILY_OPS_GIT_POLICY", Kind::Word(&["warn", "strict"]), "warn", Fault,
        "What a failed pull is: a warning, or a fault."),
    knob!(pipeline.snapshot_policy, "DAILY_OPS_SNAPSHOT_POLICY", Kind::Word(&["fail", "warn"]), "fail", Fault,
        "What a receipt that cannot be read back is: a fault, or a warning."),
    knob!(pipeline.stale_policy, "DAILY_OPS_STALE_POLICY", Kind::Word(&["block", "warn"]), "block", Fault,
        "What a stale bundle is: a block, or a warning."),
    knob!(pipeline.strict_delivery, "DAILY_OPS_STRICT_DELIVERY", Kind::Switch, "false", Fault,
        "Whether a delivery that is not simulated blocks instead of warning."),
    knob!(pipeline.max_late, "DAILY_OPS_MAX_LATE", Kind::Time { min: Duration::ZERO, max: WEEK }, "6h", Fault,
        "How late a missed run may still start; a later one is skipped."),
    knob!(pipeline.no_git_pull, "DAILY_OPS_NO_GIT_PULL", Kind::OnlyOne, "0", Fault,
        "Whether stage 1 leaves the repository as it is."),
    knob!(pipeline.trigger, "DAILY_OPS_TRIGGER", Kind::Word(&["auto", "cron", "manual", "test"]), "auto", Fault,
        "What started the run; auto counts as manual, the printed schedule says cron."),
    knob!(pipeline.run_limit, "DAILY_OPS_RUN_LIMIT",
        Kind::Time { min: Duration::from_secs(1), max: Duration::from_secs(86_400) }, "10m", Fault,
        "How long the whole run may take."),
    knob!(pipeline.git_limit, "DAILY_OPS_GIT_LIMIT", LIMIT, "1m", Fault,
        "How long the repository update may take."),
    knob!(pipeline.connect_limit, "DAILY_OPS_CONNECT_LIMIT", LIMIT, "2s", Fault,
        "How long opening a connection to the backend may take."),
    knob!(pipeline.health_limit, "DAILY_OPS_HEALTH_LIMIT", LIMIT, "5s", Fault,
        "How long the health call may take."),
    knob!(pipeline.get_limit, "DAILY_OPS_GET_LIMIT", LIMIT, "10s", Fault,
        "How long a call that only reads may take."),
    knob!(pipeline.regenerate_limit, "DAILY_OPS_REGENERATE_LIMIT", LIMIT, "30s", Fault,
        "How long the regeneration of the summary may take."),
    knob!(pipeline.cycle_limit, "DAILY_OPS_CYCLE_LIMIT", LIMIT, "2m", Fault,
        "How long the live cycle may take."),
    knob!(pipeline.health_tries, "DAILY_OPS_HEALTH_TRIES", TRIES, "3", Fault,
        "How often the health call is tried when there is no connection."),
    knob!(pipeline.get_tries, "DAILY_OPS_GET_TRIES", TRIES, "2", Fault,
        "How often a call that only reads is tried."),
    knob!(pipeline.retry_pause, "DAILY_OPS_RETRY_PAUSE",
        Kind::Time { min: Duration::ZERO, max: Duration::from_secs(60) }, "2s", Fault,
        "The pause between two tries."),
    knob!(pipeline.publish_events, "DAILY_OPS_EVENTS", Kind::Switch, "true", Fault,
        "Whether a run tells the server's event bus what it does; what the server does not take waits in metrics/spool.jsonl."),
    knob!(output.lang, "OPS_LANG", Kind::Word(&["ko", "en"]), "ko", Fault,
        "The language of the web page and of notifications."),
    knob!(output.log_format, "DAILY_OPS_LOG_FORMAT", Kind::Word(&["text", "json"]), "text", Fault,
        "The form of log lines."),
    knob!(serve.bind, "OPS_BIND", Kind::Listener, "127.0.0.1:8000", Fault,
        "Where the backend listens; port 0 lets the system choose."),
    knob!(serve.body_limit, "DAILY_OPS_BODY_LIMIT", Kind::Size { min: 1 << 10, max: 64 << 20 }, "1MiB", Fault,
        "The largest request body that the backend reads."),
    knob!(serve.remote, "OPS_ALLOW_REMOTE", Kind::Switch, "false", Fault,
        "Whether other machines may ask; then every request but GET /health needs a token."),
    knob!(serve.token, "OPS_TOKEN", Kind::Secret { min_bytes: 16 }, "", Fault,
        "One more operator token, named OPS_TOKEN; environment only, and it replaces the token file."),
    knob!(serve.token_file, "OPS_TOKEN_FILE", Kind::Paths, "", Fault,
        "A file of mode 0600 that holds that token; without both, state/ops_token is made when the backend starts."),
    knob!(dashboard.queue, "OPS_BUS_QMAX", Kind::Count { min: 1, max: 65_536 }, "200", Fault,
        "Events that wait for one subscriber; when more come, it loses the oldest and is told so."),
    knob!(dashboard.replay, "OPS_REPLAY_SIZE", Kind::Count { min: 0, max: 100_000 }, "1000", Fault,
        "Events that are kept for subscribers that come back."),
    knob!(dashboard.streams, "OPS_SSE_MAX", Kind::Count { min: 1, max: 20_000 }, "2000", Fault,
        "Subscribers at once, by server-sent events and WebSocket together."),
    knob!(dashboard.heartbeat_seconds, "OPS_HEARTBEAT_SEC", Kind::Count { min: 1, max: 60 }, "5", Fault,
        "Seconds between two heartbeats of a stream."),
    knob!(dashboard.retry_ms, "OPS_SSE_RETRY_MS", Kind::Count { min: 100, max: 60_000 }, "2000", Fault,
        "Milliseconds after which a browser comes back to a stream that broke."),
    knob!(dashboard.slow_disconnect_seconds, "OPS_SLOW_DISCONNECT_SEC", Kind::Count { min: 5, max: 600 }, "30", Fault,
        "Seconds after which a subscriber, or a client with an answer, that takes nothing is cut off."),
    knob!(dashboard.sample_seconds, "OPS_SAMPLE_SEC", Kind::Count { min: 1, max: 3600 }, "5", Fault,
        "Seconds between two samples of the counters in the observation log."),
    knob!(dashboard.log, "OPS_OBS_PATH", Kind::ObservationLog, "metrics/live_obs.jsonl", Fault,
        "The observation log."),
    knob!(dashboard.log_max_bytes, "OPS_OBS_MAX_BYTES", Kind::Size { min: 4 << 10, max: 16 << 30 }, "64MiB", Fault,
        "The size at which the observation log is put aside and a new one begun."),
    knob!(dashboard.log_keep, "OPS_OBS_KEEP", Kind::Count { min: 1, max: 1000 }, "7", Fault,
        "Observation logs that are kept beside the newest; none is kept for more than 30 days."),
    knob!(dashboard.cors_origins, "OPS_CORS_ORIGINS", Kind::Origins, "", Fault,
        "Pages of other origins that may read and change what belongs to the dashboard, and read the rest of the API."),
    knob!(dashboard.allowed_hosts, "OPS_ALLOWED_HOSTS", Kind::Hosts, "", Fault,
        "Names beside localhost by which this server may be called."),
    knob!(dashboard.dev, "OPS_DEV_ENDPOINTS", Kind::Switch, "false", Fault,
        "Whether the endpoints for rehearsals and load tests exist."),
    knob!(dashboard.browser, "OPS_BROWSER", Kind::Paths, "", Fault,
        "The Chromium that takes the demo's screenshots; otherwise one of PATH."),
    knob!(bundle.max_age_seconds, "BUNDLE_MAX_AGE_SECONDS", Kind::Count { min: 0, max: 366 * 86_400 }, "86400", Fault,
        "The age in seconds up to which a bundle is fresh."),
    knob!(bundle.staleness, "BUNDLE_STALENESS", Kind::Word(&["sessions", "age"]), "sessions", Fault,
        "Whether a bundle also stays fresh until the next session ends, or by its age only."),
    knob!(bundle.allow_unsigned, "BUNDLE_ALLOW_UNSIGNED", Kind::Switch, "false", Fault,
        "Whether a bundle without a proved origin is a warning instead of a failure."),
    knob!(bundle.algorithms, "BUNDLE_ALGORITHMS", Kind::Words(&["HMAC-SHA256", "ed25519"]),
        "HMAC-SHA256,ed25519", Fault,
        "The signatures that the host accepts."),
    knob!(bundle.hmac_key, "STRATEGY_BUNDLE_HMAC_KEY", Kind::Secret { min_bytes: 16 }, "", Fault,
        "The shared key of bundle signatures; environment only, and it replaces the key files."),
    knob!(bundle.hmac_key_file, "STRATEGY_BUNDLE_HMAC_KEY_FILE", Kind::Paths, "", Fault,
        "Files of mode 0600 that hold shared keys; several while a key is being changed."),
    knob!(bundle.ed25519_public_key_file, "STRATEGY_BUNDLE_ED25519_PUBLIC_KEY_FILE", Kind::Paths, "", Fault,
        "Files that hold public keys as 64 hex digits."),
    knob!(bundle.ed25519_key_file, "STRATEGY_BUNDLE_ED25519_KEY_FILE", Kind::Paths, "", Fault,
        "The file of mode 0600 that holds the private key of the PC as 64 hex digits."),
    knob!(pc.history_start, "DAILY_OPS_HISTORY_START", Kind::Date, "2020-01-01", Fault,
        "The first day whose prices are collected."),
    knob!(pc.naver_url, "DAILY_OPS_NAVER_URL", Kind::WebUrl, "https://api.finance.naver.com", Fault,
        "The vendor of daily prices that is asked first."),
    knob!(pc.yahoo_url, "DAILY_OPS_YAHOO_URL", Kind::WebUrl, "https://query1.finance.yahoo.com", Fault,
        "The vendor of daily prices that is asked second."),
    knob!(pc.naver_realtime_url, "DAILY_OPS_NAVER_REALTIME_URL", Kind::WebUrl, "https://polling.finance.naver.com", Fault,
        "The vendor of prices during a session."),
    knob!(pc.vendor_limit, "DAILY_OPS_VENDOR_LIMIT", LIMIT, "10s", Fault,
        "How long one call of a vendor may take."),
    knob!(pc.vendor_pause, "DAILY_OPS_VENDOR_PAUSE",
        Kind::Time { min: Duration::ZERO, max: Duration::from_secs(60) }, "1s", Fault,
        "The pause before the first repeat of a vendor's call; each further one is twice as long."),
    knob!(pc.initial_capital, "DAILY_OPS_INITIAL_CAPITAL", Kind::Count { min: 100_000, max: 1_000_000_000_000_000 },
        "10000000", Fault, "Cash at the start of a simulation, in won."),
    knob!(pc.gate, "DAILY_OPS_BACKTEST_GATE", Kind::Switch, "false", Fault,
        "Whether the market gate applies in a simulation."),
    knob!(pc.fee_table_file, "DAILY_OPS_FEE_TABLE_FILE", Kind::Paths, "", Fault,
        "A file with sale taxes by date, in place of the table that is compiled in."),
    knob!(publish.branch, "DAILY_OPS_PUBLISH_BRANCH", Kind::Branch, "main", Fault,
        "The branch that the PC commits to and pushes."),
    knob!(publish.remote, "DAILY_OPS_PUBLISH_REMOTE", Kind::Remote, "origin", Fault,
        "The name of the git remote that the PC pushes to."),
    knob!(publish.git_limit, "DAILY_OPS_PUBLISH_LIMIT", LIMIT, "2m", Fault,
        "How long one fetch or push of a publish may take."),
    knob!(ops.risk_window_days, "OPS_RISK_WINDOW_DAYS", Kind::Count { min: 1, max: 3650 }, "3", Warn,
        "Days that the ticket risk window looks back."),
    knob!(ops.risk_max_events, "OPS_RISK_MAX_EVENTS", Kind::Count { min: 1, max: 1_000_000 }, "200", Warn,
        "Result lines that the ticket risk window looks at."),
    knob!(ops.ticket_fail_exclude_prefixes, "OPS_TICKET_FAIL_EXCLUDE_PREFIXES", Kind::Texts,
        "AUTO_CLEANUP_,MANUAL_CLEANUP,REAPER_", Warn,
        "A failed ticket whose message starts with one of these is a cleanup, not a failure."),
    knob!(ops.order_min_value, "DAILY_OPS_ORDER_MIN_VALUE", Kind::Count { min: 0, max: 1_000_000_000_000 }, "100000", Fault,
        "Orders of an order plan that are worth less, in won, are left out."),
    knob!(ops.portfolio_cash, "PORTFOLIO_CASH", Kind::Count { min: 0, max: 1_000_000_000_000_000 }, "10000000", Fault,
        "Cash of the first portfolio, in won."),
    knob!(push.from_run, "DAILY_OPS_PUSH_FROM_RUN", Kind::Switch, "true", Fault,
        "Whether a daily run asks the backend for its status message or for an incident's."),
    knob!(push.telegram_url, "DAILY_OPS_TELEGRAM_URL", Kind::WebUrl, "https://api.telegram.org", Fault,
        "The address of the Bot API."),
    knob!(push.smtp_port, "DAILY_OPS_SMTP_PORT", Kind::Count { min: 1, max: 65_535 }, "587", Fault,
        "The port of the mail server that SMTP_HOST names."),
    knob!(push.smtp_tls, "DAILY_OPS_SMTP_TLS", Kind::Word(&["starttls", "tls", "none"]), "starttls", Fault,
        "How the mail server is spoken to; none only on this machine."),
    knob!(push.smtp_ca_file, "DAILY_OPS_SMTP_CA_FILE", Kind::Paths, "", Fault,
        "Files of certificates (PEM) that the mail server may prove itself by, beside those of the system."),
    knob!(push.limit, "DAILY_OPS_PUSH_LIMIT", LIMIT, "30s", Fault,
        "How long one message may take to leave."),
    knob!(heartbeat.ping_url, "DAILY_OPS_PING_URL", Kind::SecretUrl, "", Fault,
        "An address that is called at the start and the end of each run; environment only."),
    knob!(heartbeat.max_age, "DAILY_OPS_HEARTBEAT_MAX_AGE",
        Kind::Time { min: Duration::from_secs(60), max: WEEK }, "26h", Fault,
        "How old the last good run may be before `check heartbeat` complains."),
    knob!(watch.quotes, "DAILY_OPS_QUOTES", Kind::Word(&["none", "naver"]), "none", Fault,
        "Where the host's prices during a session come from; pc.naver_realtime_url is the address."),
    knob!(retention.log_lines, "DAILY_OPS_LOG_LINES", Kind::Count { min: 100, max: 100_000_000 }, "50000", Fault,
        "Lines that the weekly cleanup keeps of each log."),
    knob!(retention.snapshots, "DAILY_OPS_KEEP_SNAPSHOTS", Kind::Count { min: 1, max: 1_000_000 }, "200", Fault,
        "Snapshots that the weekly cleanup keeps in each directory."),
    knob!(store.low_disk_percent, "DAILY_OPS_LOW_DISK_PERCENT", Kind::Count { min: 0, max: 90 }, "5", Fault,
        "Free space below this percentage of the disk is a warning; 0 switches the warning off."),
];

const fn later(name: &'static str, reason: &'static str) -> OtherVariable {
    OtherVariable { name, reason, is_read: false }
}

/// Variables with our prefixes that are no knobs. Those of later parts are accepted, so that a host that already has
/// them set is not refused.
static OTHERS: &[OtherVariable] = &[
    OtherVariable { name: "DAILY_OPS_ROOT", reason: "the workspace, when --root does not name it", is_read: true },
    OtherVariable { name: "DAILY_OPS_BIN", reason: "the program that the wrappers in deploy/ start", is_read: true },
    later("DAILY_OPS_ACTOR", "the name in approvals of releases, which are not part of this release"),
];

/// Every knob, in the order in which it is shown.
#[must_use]
pub fn knobs() -> &'static [Knob] {
    KNOBS
}

/// Variables with our prefixes that are known but are no knobs.
#[must_use]
pub fn other_variables() -> &'static [OtherVariable] {
    OTHERS
}

/// The table of settings of the README, in Markdown.
#[must_use]
#[expect(clippy::expect_used, reason = "writing to a text cannot fail")]
pub fn markdown_table() -> String {
    let mut table = "| Key | Environment | Default | Values | Meaning |\n|---|---|---|---|---|\n".to_owned();
    for knob in KNOBS {
        let key = if knob.is_secret() { "(environment only)".to_owned() } else { format!("`{}`", knob.key) };
        let default = if knob.default.is_empty() { "none".to_owned() } else { format!("`{}`", knob.default) };
        writeln!(table, "| {key} | `{}` | {default} | {} | {} |", knob.env, knob.kind, knob.help)
            .expect("a text grows");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::Settings;
    use crate::settings::value::Raw;

    #[test]
    fn every_name_is_used_once_and_every_default_obeys_its_rule() {
        let keys: BTreeSet<_> = KNOBS.iter().map(|knob| knob.key).collect();
        let names: BTreeSet<_> = KNOBS.iter().map(|k| k.env).chain(OTHERS.iter().map(|o| o.name)).collect();
        assert_eq!(keys.len(), KNOBS.len());
        assert_eq!(names.len(), KNOBS.len() + OTHERS.len());
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::load(folder.path(), &BTreeMap::new(), &BTreeMap::new()).expect("defaults");
        for (knob, row) in KNOBS.iter().zip(settings.rows()) {
            assert_eq!((knob.key, knob.env), (row.key, row.env));
            assert!(knob.help.ends_with('.'), "{}", knob.key);
            assert_eq!(row.value, knob.default, "{}", knob.key);
        }
    }

    #[test]
    fn every_word_of_a_rule_is_read_and_shown_as_itself() {
        for knob in KNOBS {
            if let Kind::Word(words) | Kind::Words(words) = knob.kind {
                for word in words {
                    let mut settings = Settings::blank("root".into());
                    let shown = (knob.set)(&mut settings, &Raw::Plain((*word).to_owned()), &knob.kind);
                    assert_eq!(shown.as_deref(), Ok(*word), "{}", knob.key);
                }
                let mut settings = Settings::blank("root".into());
                assert!(
                    (knob.set)(&mut settings, &Raw::Plain("other".to_owned()), &knob.kind).is_err(),
                    "{}",
                    knob.key
                );
            }
        }
    }

    #[test]
    fn the_table_of_the_readme_has_a_row_for_each_knob() {
        let table = markdown_table();
        assert_eq!(table.lines().count(), KNOBS.len() + 2);
        assert!(table.lines().all(|line| line.matches('|').count() == 6), "{table}");
        let row = "| `pipeline.branch` | `DAILY_OPS_BRANCH` | `main` | the name of a branch |";
        assert!(table.lines().any(|line| line.starts_with(row)), "{table}");
    }
}
