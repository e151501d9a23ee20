//! The live side of the backend: the bus, those who listen to it, and what the dashboard's endpoints share.

pub(crate) mod exposition;
pub(crate) mod guardrail;
mod health;
pub(crate) mod http_counts;
pub(crate) mod observer;
mod pace;
pub(crate) mod params;
pub(crate) mod past;
pub(crate) mod process;
pub(crate) mod rate;
pub(crate) mod refusal;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use health::Drops;
use tokio::sync::watch;

use crate::settings::DashboardSettings;
use crate::settings::Lang;
use crate::store::Store;
use crate::telemetry::Archive;
use crate::telemetry::Bus;
use crate::telemetry::BusLimits;
use crate::telemetry::Journal;
use crate::telemetry::JournalSettings;
use crate::telemetry::JournalStatus;
use crate::telemetry::Opened;
use crate::telemetry::Subscription;
use crate::telemetry::ids_of_its_own;
use crate::time::Clock;

/// How the live side of a backend works.
#[derive(Clone, Debug)]
pub struct DashOptions {
    /// The settings, checked.
    pub settings: DashboardSettings,
    /// The language of the page.
    pub lang: Lang,
    /// Whether this process keeps the observation log of the workspace; only one process may.
    pub journal: Keeping,
    /// What was odd about the configuration, for the metrics.
    pub config_warnings: Vec<String>,
    /// How often a WebSocket client is asked whether it lives.
    pub ping_every: Duration,
    /// How long it may take to say so.
    pub pong_within: Duration,
}

/// Whether events are kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// They are written to the observation log, and ids go on where the last process stopped.
    Log,
    /// They live as long as the process, as in a backend inside a run.
    Memory,
}

impl Default for DashOptions {
    fn default() -> Self {
        let settings = DashboardSettings {
            queue: 200,
            replay: 1000,
            streams: 2000,
            heartbeat_seconds: 5,
            retry_ms: 2000,
            slow_disconnect_seconds: 30,
            sample_seconds: 5,
            log: "metrics/live_obs.jsonl".to_owned(),
            log_max_bytes: 64 << 20,
            log_keep: 7,
            ..DashboardSettings::default()
        };
        Self {
            settings,
            lang: Lang::Ko,
            journal: Keeping::Memory,
            config_warnings: Vec::new(),
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(20),
        }
    }
}

/// What the dashboard's endpoints work on.
#[derive(Debug)]
pub(crate) struct Dash {
    pub(crate) bus: Arc<Bus>,
    pub(crate) options: DashOptions,
    /// Changes with every publish.
    pub(crate) news: watch::Sender<()>,
    /// Changes when the streams are to write; they wait for it.
    pub(crate) rounds: watch::Sender<()>,
    /// Becomes true when the server stops; streams end then.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Subscribers that never read, for rehearsals.
    pub(crate) hung: Mutex<Vec<Subscription>>,
    /// What was lost in the last minute.
    pub(crate) drops: Drops,
    /// How often orders were let go again since the start.
    pub(crate) recoveries: AtomicU64,
    /// What changed in the workspace.
    pub(crate) observer: observer::Observer,
    /// `None`: this process does not keep the observation log.
    journal: Option<Journal>,
    store: Store,
}

impl Dash {
    /// Makes the bus and what hangs on it. When another process keeps the observation log, events stay in memory here,
    /// which is a configuration warning, and a failing log for the health.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        store: &Store,
        mut options: DashOptions,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let settings = &options.settings;
        let limits = BusLimits { queue: settings.queue, replay: settings.replay, subscribers: settings.streams };
        let opened = match options.journal {
            Keeping::Memory => Ok(None),
            Keeping::Log => Opened::open(store, journal_settings(settings), clock.now()).map(Some),
        };
        let now = clock.now();
        let (bus, journal) = match opened {
            Ok(None) => (Bus::new(clock, limits, Vec::new(), 0), None),
            Ok(Some(mut opened)) => {
                let bus = Bus::new(clock, limits, std::mem::take(&mut opened.earlier), opened.last_id);
                let journal = Journal::start(&bus, store.clone(), opened);
                (bus, journal.inspect_err(|fault| tracing::error!(%fault, "no thread for the observation log")).ok())
            }
            Err(fault) => {
                let warning = fault.to_string();
                tracing::error!("{warning}");
                options.config_warnings.push(warning);
                // Ids that the keeper of the log never gives.
                (Bus::new(clock, limits, Vec::new(), ids_of_its_own(now)), None)
            }
        };
        let news = watch::Sender::new(());
        let wake = news.clone();
        bus.on_publish(move || {
            wake.send_replace(());
        });
        Arc::new(Self {
            bus,
            options,
            news,
            rounds: watch::Sender::new(()),
            stopping,
            hung: Mutex::default(),
            journal,
            store: store.clone(),
            drops: Drops::default(),
            recoveries: AtomicU64::new(0),
            observer: observer::Observer::default(),
        })
    }

    /// How the observation log is doing.
    pub(crate) fn journal_status(&self) -> JournalStatus {
        match &self.journal {
            Some(journal) => journal.status(),
            None => JournalStatus { is_failing: self.options.journal == Keeping::Log, ..JournalStatus::default() },
        }
    }

    /// Whether this process keeps the observation log of the workspace.
    pub(crate) fn keeps_log(&self) -> bool {
        self.journal.is_some()
    }

    /// The observation log to be read back; none when this process does not keep it, because its ids are another's then.
    pub(crate) fn archive(&self) -> Option<Archive> {
        self.journal.as_ref().map(|_| Archive::new(self.store.clone(), &self.options.settings.log))
    }

    /// Ends the observation log, when nobody publishes any more.
    pub(crate) fn stop_journal(&self) {
        if let Some(journal) = &self.journal {
            journal.stop();
        }
        self.note_last();
    }
}

fn journal_settings(settings: &DashboardSettings) -> JournalSettings {
    JournalSettings {
        log: settings.log.clone(),
        sample: Duration::from_secs(settings.sample_seconds),
        max_bytes: settings.log_max_bytes,
        keep: settings.log_keep,
        recall: settings.queue.max(settings.replay),
    }
}

#[cfg(test)]
mod tests;
