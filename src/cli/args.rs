//! The commands and their arguments, as types; what they do is in the files beside this one.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use super::pc::PcCommand;

/// What follows the options of `check dashboard`.
const CHECK_DASHBOARD: &str = "\
Exit codes: 0 fine, 2 a finding, 3 something could not be looked at, 64 wrong arguments

Examples:
  daily_ops check dashboard
  daily_ops check dashboard --base-url http://127.0.0.1:8001 --json";
/// What follows the options of `demo dashboard`.
const DEMO_DASHBOARD: &str = "\
Exit codes: 0 no check failed, 2 blocked by the checklist with nothing shown, 3 a step failed or a signal ended the demo, 64 wrong arguments

Examples:
  daily_ops demo dashboard --speed fast --operator Kim
  daily_ops demo dashboard --operator Kim --screenshots --with-kill";

/// Runs the daily hand-off of a trading operation: pull, health, summary, live cycle, proof.
///
/// Exit codes: 0 done or done with warnings, 2 blocked by a rule or another run, 3 fault, 64 wrong usage or settings.
#[derive(Debug, Parser)]
#[command(name = "daily_ops", version, max_term_width = 100, arg_required_else_help = false)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Arguments of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The workspace; DAILY_OPS_ROOT, else the current directory
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// Print the result as one JSON document on standard output
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Do not tell the story on standard error; warnings of the command itself and causes stay
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Set any setting by its key, over file and environment (see `daily_ops config show`)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Do the daily run: five verified stages, one summary line
    Run(RunArgs),
    /// Serve the backend until a signal, on loopback unless `serve.remote` opens it
    Serve(ServeArgs),
    /// Make a workspace with safe defaults: gate DRY_RUN, sender off, emergency stop off
    Init {
        /// Where
        dir: PathBuf,
        /// For the research PC: also write the published default parameters where there are none
        #[arg(long)]
        pc: bool,
    },
    /// Without a name, look without acting; with one, do that one thing and verify it
    Check {
        #[command(subcommand)]
        what: Option<CheckCommand>,
    },
    /// Past runs: list, show, compare, prove
    Runs {
        #[command(subcommand)]
        what: RunsCommand,
    },
    /// Say why a run ended as it did and what to type next
    Explain {
        /// A run id, `latest`, or -1, -2 ... counted from the newest
        #[arg(default_value = "latest", allow_hyphen_values = true)]
        run: String,
        /// Language; OPS_LANG otherwise
        #[arg(long)]
        lang: Option<Language>,
    },
    /// Put the published files of an earlier revision into the work tree, and let go again
    Rollback {
        #[command(subcommand)]
        what: RollbackCommand,
    },
    /// The execution gate
    Gate {
        #[command(subcommand)]
        what: GateCommand,
    },
    /// The sender switch
    Sender {
        #[command(subcommand)]
        what: SenderCommand,
    },
    /// The emergency stop
    Stop {
        #[command(subcommand)]
        what: SwitchCommand,
    },
    /// The tokens that open the backend to programs and other machines
    Token {
        #[command(subcommand)]
        what: TokenCommand,
    },
    /// Every change that was made: who, when, why, from where
    Audit {
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// The market watchers: look once, or show what they last said
    Watch {
        #[command(subcommand)]
        what: WatchCommand,
    },
    /// The daily schedule for cron or systemd
    Schedule {
        #[command(subcommand)]
        what: ScheduleCommand,
    },
    /// The settings in force
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// The workspace's files: space and retention
    Store {
        #[command(subcommand)]
        what: StoreCommand,
    },
    /// The research PC's work: prices, backtest, tuning, reconciliation, reports, bundle, publish
    Pc {
        #[command(subcommand)]
        what: PcCommand,
    },
    /// The daily run on a complete small site, or the live dashboard in two minutes
    Demo {
        #[command(subcommand)]
        what: DemoCommand,
    },
}

/// `run`
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Read only: GET requests, nothing pulled, nothing written
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not pull; work with the files that are there
    #[arg(long)]
    pub(super) no_git_pull: bool,
    /// Bring the backend up inside this process instead of asking the one at the configured address
    #[arg(long)]
    pub(super) embedded: bool,
    /// What started the run; only `cron` is subject to the late rule
    #[arg(long)]
    pub(super) trigger: Option<TriggerArg>,
    /// The backend's address
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    pub(super) api_url: Option<String>,
}

/// What started a run.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum TriggerArg {
    /// The scheduler
    Cron,
    /// A person
    Manual,
    /// A test
    Test,
}

/// `serve`
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The port; 0 lets the system choose
    #[arg(long)]
    pub(super) port: Option<u16>,
    /// The address; other than loopback only with the setting serve.remote
    #[arg(long)]
    pub(super) host: Option<String>,
}

/// `check`
#[derive(Debug, Subcommand)]
pub(super) enum CheckCommand {
    /// Run a live cycle, read its receipt back, resolve its snapshot
    LiveCycle(CheckArgs),
    /// Regenerate the ops summary, read it back, resolve its evidence
    OpsSummary(CheckArgs),
    /// Run one ops cycle: reaper, evidence health, daily report, one ticket, summary
    OpsCycle,
    /// Whether the daily run still lives; made for the crontab of a second machine
    Heartbeat(HeartbeatArgs),
    /// Why the dashboard cannot be reached, shows no events, or loses them, and what to type
    ///
    /// It changes nothing but this: one test event ("check dashboard") is posted and followed to the page's stream and into
    /// the log.
    #[command(after_help = CHECK_DASHBOARD)]
    Dashboard(CheckDashboardArgs),
}

/// Arguments of `check heartbeat`.
#[derive(Debug, Args)]
pub(super) struct HeartbeatArgs {
    /// A heartbeat file, copied or mounted; by default the workspace's own
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub(super) file: Option<PathBuf>,
    /// A backend whose /health is asked instead
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// How old the last good run may be, as in 26h; heartbeat.max_age otherwise
    #[arg(long, value_name = "TIME")]
    pub(super) max_age: Option<String>,
    /// Also send the alert, once a day, while the sender is enabled and the emergency stop off
    #[arg(long)]
    pub(super) notify: bool,
}

/// Arguments of a check.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Only read what is there
    #[arg(long)]
    pub(super) no_run: bool,
}

/// `runs`
#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// The newest runs, one line each
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20, value_parser = count)]
        count: usize,
    },
    /// One run in full
    Show {
        /// A run id, `latest`, or -1, -2 ...
        #[arg(default_value = "latest", allow_hyphen_values = true)]
        run: String,
    },
    /// What differs between two runs, stage by stage, with timings
    Diff {
        /// The earlier run; by default the one before the newest
        #[arg(default_value = "-2", allow_hyphen_values = true)]
        a: String,
        /// The later run
        #[arg(default_value = "latest", allow_hyphen_values = true)]
        b: String,
    },
    /// Check the hash chain of all records offline and name its first broken link
    Verify {
        /// The head hash noted earlier: fails if the chain does not contain it
        #[arg(long, value_name = "SHA256", value_parser = sha256)]
        expect: Option<String>,
    },
}

/// `rollback`
#[derive(Debug, Subcommand)]
pub(super) enum RollbackCommand {
    /// Revisions that can be restored
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 10, value_parser = count)]
        count: usize,
    },
    /// Restore reports and bundle of a revision into the work tree; the daily pull stops until released
    To {
        /// A revision, as `rollback list` shows it
        revision: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Overwrite local changes of these files
        #[arg(long)]
        force: bool,
    },
    /// Return to the pulled revision and let the daily pull go on
    #[command(alias = "--release")]
    Release,
}

/// `gate`
#[derive(Debug, Subcommand)]
pub(super) enum GateCommand {
    /// What it says
    Show,
    /// Change it; REAL_ENABLED needs an approval by two and an open window
    Set {
        /// MOCK_ONLY, DRY_RUN or REAL_ENABLED
        mode: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who
        #[arg(long)]
        by: Option<String>,
    },
}

/// `sender`
#[derive(Debug, Subcommand)]
pub(super) enum SenderCommand {
    /// What it says, and which channels it opens
    Show,
    /// Change it; who, when and why go into the audit trail
    Set {
        /// The position
        position: Position,
        /// Why; needed to switch on
        #[arg(long, default_value = "")]
        reason: String,
        /// The channels to open, separated by commas: telegram, slack, email; all others are closed
        #[arg(long, value_delimiter = ',', default_value = "telegram")]
        channels: Vec<String>,
        /// Who
        #[arg(long)]
        by: Option<String>,
    },
}

/// `stop`
#[derive(Debug, Subcommand)]
pub(super) enum SwitchCommand {
    /// What it says
    Show,
    /// Change it; who, when and why go into the audit trail
    Set {
        /// The position
        position: Position,
        /// Why; needed to switch on
        #[arg(long, default_value = "")]
        reason: String,
        /// Who
        #[arg(long)]
        by: Option<String>,
    },
}

/// A switch's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Position {
    /// On
    On,
    /// Off
    Off,
}

/// `token`
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it once; only its hash is kept
    Create {
        /// Who will hold it: 1 to 64 of A-Z a-z 0-9 _ . -
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long)]
        role: RoleArg,
        /// Who makes it
        #[arg(long)]
        by: Option<String>,
    },
    /// Every token that was ever made, without its text
    List,
    /// End a token; it counts for nothing from the next request on
    Revoke {
        /// Its name
        name: String,
        /// Who ends it
        #[arg(long)]
        by: Option<String>,
    },
}

/// What a token may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleArg {
    /// Read
    Viewer,
    /// Also regenerate, run, close the gate, set the stop, work on tickets
    Operator,
    /// Also approve, open windows and the gate, enable the sender
    Admin,
}

/// `audit`
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// The newest changes
    Show {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20, value_parser = count)]
        count: usize,
    },
    /// Check the hash chain of all changes offline and name its first broken link
    Verify {
        /// The head hash noted earlier: fails if the chain does not contain it
        #[arg(long, value_name = "SHA256", value_parser = sha256)]
        expect: Option<String>,
    },
}

/// `watch`
#[derive(Debug, Subcommand)]
pub(super) enum WatchCommand {
    /// Look for spikes of the watched symbols
    Spike(WatchArgs),
    /// Look at profit and loss of what is held
    Holding(WatchArgs),
    /// Both, one after the other; what the schedule starts
    All(WatchArgs),
    /// When each watcher last looked and what it said; exit 2 when that is old or an error
    Status,
}

/// Arguments of a look.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct WatchArgs {
    /// Look outside the exchange's hours too; nothing leaves the host then
    #[arg(long)]
    pub(super) force_session: bool,
}

/// `schedule`
#[derive(Debug, Subcommand)]
pub(super) enum ScheduleCommand {
    /// Print what would be installed
    Print(ScheduleArgs),
    /// Install it; a second time changes nothing
    Install(ScheduleArgs),
}

/// For whom a schedule is.
#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    /// Which scheduler
    #[arg(long, default_value = "cron")]
    pub(super) system: Scheduler,
    /// The program; by default this one
    #[arg(long, value_name = "FILE")]
    pub(super) binary: Option<PathBuf>,
    /// The user the jobs run as
    #[arg(long)]
    pub(super) user: Option<String>,
    /// Where systemd units go
    #[arg(long, value_name = "DIR", default_value = "/etc/systemd/system")]
    pub(super) unit_dir: PathBuf,
    /// The host's zone, instead of the one the system names
    #[arg(long, value_name = "ZONE")]
    pub(super) zone: Option<String>,
}

/// A scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scheduler {
    /// The user's crontab
    Cron,
    /// Service and timer units
    Systemd,
}

/// `config`
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Every setting with its value and where it comes from
    Show,
}

/// `store`
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Space taken, largest first
    Usage,
    /// Delete old snapshots and cut logs; what a latest document names always stays
    Prune {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
}

/// `demo`
#[derive(Debug, Subcommand)]
pub(super) enum DemoCommand {
    /// PC, git and host on this machine: publish a signed bundle, then do the real daily run
    Handoff {
        /// Where the site lies; it is kept and used again
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// The live dashboard in two minutes: checklist, timed steps, a folder of evidence
    #[command(after_help = DEMO_DASHBOARD)]
    Dashboard(Box<DashboardDemoArgs>),
}

/// Arguments of `demo dashboard`.
#[derive(Debug, Args)]
pub(super) struct DashboardDemoArgs {
    /// The dashboard, as http://HOST:PORT; where `serve` would listen (OPS_BIND) or api_url otherwise
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// Two minutes by the clock, or without waiting
    #[arg(long, value_enum, default_value_t = DemoSpeed::Real)]
    pub(super) speed: DemoSpeed,
    /// Where folders of evidence go; evidence/phase-ops/OVL-003-DEMO of the workspace otherwise
    #[arg(long, value_name = "DIR")]
    pub(super) evidence_dir: Option<PathBuf>,
    /// The file of an operator token; the configured one or state/ops_token otherwise
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Language of what the presenter says; OPS_LANG otherwise
    #[arg(long)]
    pub(super) lang: Option<Language>,
    /// Show the kill switch at the end: on for ten seconds, what the risk snapshot says, off; one that somebody else has
    /// set is left alone
    #[arg(long)]
    pub(super) with_kill: bool,
    /// Take the pictures in an installed Chromium (OPS_BROWSER, else PATH)
    #[arg(long)]
    pub(super) screenshots: bool,
    /// Who presents and confirms the browser (100 %, 1440 pixels, no notifications); named in the evidence
    #[arg(long, value_name = "NAME")]
    pub(super) operator: Option<String>,
}

/// How the time of a demo goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum DemoSpeed {
    /// Two minutes by the clock
    Real,
    /// Without waiting
    Fast,
}

/// Arguments of `check dashboard`.
#[derive(Debug, Args)]
pub(super) struct CheckDashboardArgs {
    /// The dashboard, as http://HOST:PORT; where `serve` would listen (OPS_BIND) or api_url otherwise
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// The file of a token, for a dashboard that wants one
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
}

/// A language.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Language {
    /// Korean
    Ko,
    /// English
    En,
}

/// A number of rows: none would read as "there is nothing".
fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=1_000_000).contains(count)).ok_or_else(|| "use 1 to 1000000".to_owned())
}

/// A hash in full: a part of one could not be found in the chain and would read as a broken chain.
fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("must be 64 hex digits".to_owned()) }
}
