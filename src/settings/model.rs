//! The settings as the program uses them: plain fields, already checked.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::load::Applied;
use super::secret::Secret;
use crate::contracts::bundle::Algorithm;
use crate::contracts::bundle::Staleness;
use crate::contracts::run::Trigger;
use crate::time::TradingDate;

/// All settings of one start of the program.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The workspace: relative paths in the settings start here.
    pub root: PathBuf,
    /// The backend's address, without a slash at the end.
    pub api_url: String,
    /// The daily run.
    pub pipeline: PipelineSettings,
    /// How the program speaks.
    pub output: OutputSettings,
    /// The backend.
    pub serve: ServeSettings,
    /// The event bus and the dashboard.
    pub dashboard: DashboardSettings,
    /// Which strategy bundles are accepted.
    pub bundle: BundleSettings,
    /// The research PC.
    pub pc: PcSettings,
    /// The push of the hand-off's files.
    pub publish: PublishSettings,
    /// The status rules.
    pub ops: OpsSettings,
    /// Messages that leave the host.
    pub push: PushSettings,
    /// The sign of life of the daily run.
    pub heartbeat: HeartbeatSettings,
    /// The market watchers.
    pub watch: WatchSettings,
    /// What the weekly cleanup keeps.
    pub retention: RetentionSettings,
    /// The keeping of files.
    pub store: StoreSettings,
    /// What was ignored and why; nothing here stops the program.
    pub warnings: Vec<String>,
    /// What each knob shows and where it came from, in the order of the table.
    pub(super) applied: Vec<Applied>,
}

/// `[pipeline]`
#[derive(Clone, Debug, Default)]
pub struct PipelineSettings {
    /// The branch that the PC publishes to.
    pub branch: String,
    /// The name of the git remote.
    pub remote: String,
    /// What a failed pull is.
    pub git_policy: GitPolicy,
    /// What an unproved snapshot is.
    pub snapshot_policy: SnapshotPolicy,
    /// What a stale bundle is.
    pub stale_policy: StalePolicy,
    /// Whether a delivery that is not simulated blocks.
    pub strict_delivery: bool,
    /// How late a missed run may still start.
    pub max_late: Duration,
    /// Whether stage 1 is skipped.
    pub no_git_pull: bool,
    /// What started the run; none: worked out.
    pub trigger: Option<Trigger>,
    /// The whole run.
    pub run_limit: Duration,
    /// Fetch and fast-forward.
    pub git_limit: Duration,
    /// Opening a connection to the backend.
    pub connect_limit: Duration,
    /// The health call.
    pub health_limit: Duration,
    /// Calls that only read.
    pub get_limit: Duration,
    /// The regeneration of the summary.
    pub regenerate_limit: Duration,
    /// The live cycle.
    pub cycle_limit: Duration,
    /// Tries of the health call when there is no connection.
    pub health_tries: u32,
    /// Tries of a call that only reads.
    pub get_tries: u32,
    /// The pause between two tries.
    pub retry_pause: Duration,
    /// Whether a run tells the event bus of the server what it does.
    pub publish_events: bool,
}

/// `[output]`
#[derive(Clone, Debug, Default)]
pub struct OutputSettings {
    /// The language of pages and notifications.
    pub lang: Lang,
    /// The form of log lines.
    pub log_format: LogFormat,
}

/// `[dashboard]`
#[derive(Clone, Debug, Default)]
pub struct DashboardSettings {
    /// Events that wait for one subscriber.
    pub queue: usize,
    /// Events that are kept for subscribers that come back.
    pub replay: usize,
    /// Subscribers at once.
    pub streams: usize,
    /// Seconds between two heartbeats of a stream.
    pub heartbeat_seconds: u64,
    /// Milliseconds after which a browser comes back.
    pub retry_ms: u64,
    /// Seconds after which a subscriber that takes nothing is cut off.
    pub slow_disconnect_seconds: u64,
    /// Seconds between two samples of the counters.
    pub sample_seconds: u64,
    /// The observation log, below the workspace.
    pub log: String,
    /// The size at which the observation log is put aside.
    pub log_max_bytes: u64,
    /// Observation logs that are kept beside the newest.
    pub log_keep: usize,
    /// Pages of other origins that are let in.
    pub cors_origins: Vec<String>,
    /// Names beside localhost by which the server may be called.
    pub allowed_hosts: Vec<String>,
    /// Whether the endpoints for rehearsals exist.
    pub dev: bool,
    /// The browser of the demo's screenshots; at most one.
    pub browser: Vec<PathBuf>,
}

/// `[serve]`
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Where to listen; loopback unless `remote` is set. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// The largest request body, in bytes.
    pub body_limit: u64,
    /// Whether other machines may ask.
    pub remote: bool,
    /// One more operator token, when the environment holds it.
    pub token: Option<Secret>,
    /// The file that holds it otherwise; at most one.
    pub token_file: Vec<PathBuf>,
}

/// `[bundle]`
#[derive(Clone, Debug)]
pub struct BundleSettings {
    /// Oldest bundle that counts as fresh, in seconds.
    pub max_age_seconds: u64,
    /// What else keeps a bundle fresh.
    pub staleness: Staleness,
    /// Whether a bundle without a proved origin is a warning instead of a failure.
    pub allow_unsigned: bool,
    /// Algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The shared key, when the environment holds it.
    pub hmac_key: Option<Secret>,
    /// Files that hold shared keys, used when the environment holds none.
    pub hmac_key_file: Vec<PathBuf>,
    /// Files that hold public keys.
    pub ed25519_public_key_file: Vec<PathBuf>,
    /// Files that hold the private key that the PC signs with; at most one.
    pub ed25519_key_file: Vec<PathBuf>,
}

/// `[pc]`
#[derive(Clone, Debug, Default)]
pub struct PcSettings {
    /// The first day whose prices are collected.
    pub history_start: TradingDate,
    /// Where daily prices come from first.
    pub naver_url: String,
    /// Where they come from when that fails.
    pub yahoo_url: String,
    /// Where prices during a session come from.
    pub naver_realtime_url: String,
    /// How long one call of a vendor may take.
    pub vendor_limit: Duration,
    /// The pause before the first repeat of a call; each further one is twice as long.
    pub vendor_pause: Duration,
    /// Cash at the start of a simulation, in won.
    pub initial_capital: u64,
    /// Whether the market gate applies in a simulation.
    pub gate: bool,
    /// A fee table in place of the one that is compiled in; at most one.
    pub fee_table_file: Vec<PathBuf>,
}

/// `[publish]`
#[derive(Clone, Debug, Default)]
pub struct PublishSettings {
    /// The branch.
    pub branch: String,
    /// The name of the git remote.
    pub remote: String,
    /// How long one transfer may take.
    pub git_limit: Duration,
}

/// `[ops]`
#[derive(Clone, Debug, Default)]
pub struct OpsSettings {
    /// Days that the ticket risk window looks back.
    pub risk_window_days: u32,
    /// Result lines that the ticket risk window looks at.
    pub risk_max_events: usize,
    /// A failed ticket whose message starts with one of these is a cleanup, not a failure.
    pub ticket_fail_exclude_prefixes: Vec<String>,
    /// Smallest order of an order plan, in won.
    pub order_min_value: u64,
    /// Cash of the first portfolio, in won.
    pub portfolio_cash: u64,
}

/// `[push]`
#[derive(Clone, Debug, Default)]
pub struct PushSettings {
    /// Whether a daily run asks for messages.
    pub from_run: bool,
    /// The address of the Bot API, without a slash at the end.
    pub telegram_url: String,
    /// The port of the mail server.
    pub smtp_port: u16,
    /// How the mail server is spoken to.
    pub smtp_tls: SmtpTls,
    /// Files of certificates in PEM form that the mail server may prove itself by, beside those of the system.
    pub smtp_ca_file: Vec<PathBuf>,
    /// How long one message may take.
    pub limit: Duration,
}

/// `[heartbeat]`
#[derive(Clone, Debug, Default)]
pub struct HeartbeatSettings {
    /// An address that is called at the start and the end of each run.
    pub ping_url: Option<Secret>,
    /// How old the last good run may be.
    pub max_age: Duration,
}

/// `[watch]`
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchSettings {
    /// Where prices during a session come from.
    pub quotes: QuoteVendor,
}

/// How the mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// In the clear first, then encrypted; never without.
    #[default]
    Starttls,
    /// Encrypted from the first byte.
    Tls,
    /// In the clear; only to this machine.
    None,
}

/// Where prices during a session come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuoteVendor {
    /// Nowhere.
    #[default]
    None,
    /// Naver.
    Naver,
}

/// `[retention]`
#[derive(Clone, Debug, Default)]
pub struct RetentionSettings {
    /// Lines that a log keeps.
    pub log_lines: usize,
    /// Snapshots that a directory keeps.
    pub snapshots: usize,
}

/// `[store]`
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// Free space below this part of the disk is a warning, in percent; 0 switches the warning off.
    pub low_disk_percent: u8,
}

/// What a failed pull is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GitPolicy {
    /// A warning; the run goes on with the tree it has.
    #[default]
    Warn,
    /// A fault.
    Strict,
}

/// What a snapshot that cannot be proved is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotPolicy {
    /// A fault.
    #[default]
    Fail,
    /// A warning.
    Warn,
}

/// What a stale bundle is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StalePolicy {
    /// A block.
    #[default]
    Block,
    /// A warning.
    Warn,
}

/// The language of pages and notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// How messages leave, with paths that start at the workspace.
    #[must_use]
    pub fn messages(&self) -> PushSettings {
        let mut push = self.push.clone();
        push.smtp_ca_file.iter_mut().for_each(|path| *path = self.root.join(&*path));
        push
    }

    /// Settings before the table has been applied; every field is then set from a default of the table.
    pub(super) fn blank(root: PathBuf) -> Self {
        Self {
            root,
            api_url: String::new(),
            pipeline: PipelineSettings::default(),
            output: OutputSettings::default(),
            serve: ServeSettings {
                bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                body_limit: 0,
                remote: false,
                token: None,
                token_file: Vec::new(),
            },
            dashboard: DashboardSettings::default(),
            bundle: BundleSettings {
                max_age_seconds: 0,
                staleness: Staleness::Age,
                allow_unsigned: false,
                algorithms: Vec::new(),
                hmac_key: None,
                hmac_key_file: Vec::new(),
                ed25519_public_key_file: Vec::new(),
                ed25519_key_file: Vec::new(),
            },
            pc: PcSettings::default(),
            publish: PublishSettings::default(),
            ops: OpsSettings::default(),
            push: PushSettings::default(),
            heartbeat: HeartbeatSettings::default(),
            watch: WatchSettings::default(),
            retention: RetentionSettings::default(),
            store: StoreSettings::default(),
            warnings: Vec::new(),
            applied: Vec::new(),
        }
    }
}
