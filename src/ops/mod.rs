//! The documents that the host regenerates: recommendation, summary, push preview and the receipt of a live cycle.
//!
//! Every number comes from a file of the workspace, read anew each time. An input that is missing or damaged never stops
//! a regeneration: it shows as a risk or as its safe value. A ref is written only when it resolves at that moment.
//! Nothing here sends anything: the only delivery is a preview for the console.

mod bundle;
mod daily_report;
mod daily_runs;
mod deps;
mod drill;
mod evidence;
mod health;
mod live_cycle;
mod logs;
mod ops_cycle;
mod order_plan;
mod outcome;
mod portfolio;
mod push;
mod reaper;
mod recent;
mod recommend;
mod recon;
mod risk;
mod runs;
mod status;
mod summary;
mod ticket_file;
mod tickets;
mod turn;
mod watch;
mod worker;

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

pub use bundle::BundleSnapshot;
pub use bundle::BundleView;
pub use bundle::SnapshotRefusal;
pub use daily_report::DailyOutcome;
pub use daily_runs::DailyRun;
pub use daily_runs::DailyStage;
pub use drill::DrillFault;
pub use drill::DrillOutcome;
pub use evidence::HealthOutcome;
pub use evidence::IndexOutcome;
pub use health::Health;
pub use health::HealthView;
pub use health::StopView;
pub use live_cycle::CycleFault;
pub use live_cycle::CycleOutcome;
pub use ops_cycle::OpsCycleFault;
pub use ops_cycle::OpsCycleOutcome;
pub use order_plan::ConfirmFault;
pub use order_plan::ConfirmRequest;
pub use order_plan::Confirmed;
pub use order_plan::Export;
pub use order_plan::NEED_HUMAN_CONFIRM;
pub use order_plan::PREP_READY;
pub use order_plan::PlanAction;
pub use order_plan::PlanOutcome;
pub use order_plan::PlanState;
pub use order_plan::Remake;
pub use order_plan::read_plan;
pub use portfolio::PortfolioChange;
pub use portfolio::PortfolioOutcome;
pub use portfolio::PortfolioRefusal;
pub use portfolio::read_portfolio;
pub use push::DeliveryOutcome;
pub use push::LiveFireOutcome;
pub use push::PostmortemOutcome;
pub use push::SelfTestOutcome;
pub use push::SendOutcome;
pub use reaper::ReaperOutcome;
pub use recommend::RecoOutcome;
pub use recommend::read_report;
pub use recon::DaysView;
pub use recon::SummaryView;
pub use status::HeartbeatView;
pub use status::MessageOutcome;
pub use status::Report;
pub use summary::SummaryOutcome;
pub use tickets::BoardRow;
pub use tickets::Completion;
pub use tickets::Outcome;
pub use tickets::TicketBoard;
pub use tickets::TicketDraft;
pub use tickets::TicketFault;
pub use tickets::is_artifact_id;
pub use watch::MarketQuote;
pub use watch::QuoteFault;
pub use watch::QuoteSource;
pub use watch::Standing;
pub use watch::UpsertFault;
pub use watch::WatchHours;
pub use watch::WatchOrder;
pub use watch::Watcher;
pub use worker::TicketStep;

use crate::contracts::BundlePolicy;
use crate::contracts::EvidenceRef;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::reco::RecoReport;
use crate::contracts::summary::OpsSummary;
use crate::notify::Messenger;
use crate::settings::Lang;
pub use crate::settings::StalePolicy;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Clock;

/// Which ticket events count as recent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskWindow {
    /// Width in days.
    pub days: u64,
    /// How many of the last result lines are looked at; more than 10,000 count as 10,000.
    pub max_events: usize,
    /// A FAILED line whose message starts with one of these is a clean-up, not a failure.
    pub exclude_prefixes: Vec<String>,
}

impl Default for RiskWindow {
    fn default() -> Self {
        let exclude_prefixes = ["AUTO_CLEANUP_", "MANUAL_CLEANUP", "REAPER_"].map(str::to_owned).to_vec();
        Self { days: 3, max_events: 200, exclude_prefixes }
    }
}

/// Everything that settings decide about the documents.
#[derive(Clone, Debug)]
pub struct OpsPolicy {
    /// Which bundle is accepted.
    pub bundle: BundlePolicy,
    /// What a stale bundle means.
    pub stale_policy: StalePolicy,
    /// Which ticket events are recent.
    pub risk: RiskWindow,
    /// The language of messages.
    pub lang: Lang,
    /// The channels of messages.
    pub messenger: Messenger,
    /// Prices during a session; none when no vendor is configured.
    pub quotes: Option<Arc<dyn QuoteSource>>,
    /// Orders worth less, in won, are left out of an order plan.
    pub order_min_value: u64,
    /// Cash of the first portfolio, in won.
    pub portfolio_cash: u64,
    /// How old the last good run may be before the host counts as degraded.
    pub heartbeat_max_age: Duration,
}

impl Default for OpsPolicy {
    fn default() -> Self {
        Self {
            bundle: BundlePolicy::default(),
            stale_policy: StalePolicy::Block,
            risk: RiskWindow::default(),
            lang: Lang::Ko,
            messenger: Messenger::default(),
            quotes: None,
            order_min_value: 100_000,
            portfolio_cash: 10_000_000,
            heartbeat_max_age: Duration::from_secs(26 * 3600),
        }
    }
}

/// Reads the policy anew, so that a key can be changed while the host runs. The text of an error becomes the issue of a
/// bundle that cannot be verified.
pub type PolicySource = Box<dyn Fn() -> Result<OpsPolicy, String> + Send + Sync>;

/// A document was not regenerated.
#[derive(Debug, thiserror::Error)]
pub enum OpsFault {
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A file that is needed cannot be read.
    #[error("cannot read {0}")]
    Unreadable(String),
    /// The program met a defect of its own.
    #[error("the program met a defect of its own: {0}")]
    Defect(String),
}

/// Regenerates the host's documents. One value serves all threads.
pub struct Ops {
    store: Store,
    clock: Arc<dyn Clock>,
    policy: PolicySource,
    memory: Mutex<Memory>,
    /// Held while a document is read, rendered and published.
    turn: Mutex<()>,
}

/// What is remembered between two summaries, so that only what was added is read.
#[derive(Default)]
struct Memory {
    tickets: tickets::TicketIndex,
    runs: runs::RunHistory,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Ops {
    /// Works on the workspace behind `store`; nothing is read yet.
    pub fn new(store: Store, clock: Arc<dyn Clock>, policy: PolicySource) -> Self {
        Self { store, clock, policy, memory: Mutex::default(), turn: Mutex::default() }
    }

    /// The workspace.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The clock, to be kept by somebody else as well.
    #[must_use]
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The newest recommendation as stored. One of no known decision, or with another content than it states, is damaged.
    #[must_use]
    pub fn latest_reco(&self) -> Stored<RecoReport> {
        match self.store.read(layout::RECO.latest) {
            Ok(Some(bytes)) => read_report(&bytes).map_or_else(Stored::Damaged, Stored::Present),
            Ok(None) => Stored::Missing,
            Err(fault) => Stored::Damaged(fault.source.to_string()),
        }
    }

    /// The newest summary as stored.
    #[must_use]
    pub fn latest_summary(&self) -> Stored<OpsSummary> {
        self.store.document(layout::SUMMARY.latest)
    }

    /// The newest receipt of a live cycle as stored.
    #[must_use]
    pub fn latest_cycle(&self) -> Stored<CycleReceipt> {
        self.store.document(layout::CYCLE.latest)
    }

    /// The memory; what a panic left half done is forgotten and read anew.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(|poisoned| {
            let mut memory = poisoned.into_inner();
            *memory = Memory::default();
            self.memory.clear_poison();
            memory
        })
    }
}

/// Whether a text is a ref that resolves now.
fn resolves(store: &Store, text: &str) -> bool {
    EvidenceRef::parse(text).is_ok_and(|reference| store.resolve(&reference).is_ok())
}

/// The refs that resolve now, each once, in order.
fn resolving(store: &Store, refs: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in refs {
        if !found.contains(&text) && resolves(store, &text) {
            found.push(text);
        }
    }
    found
}

/// Does the work and turns a panic inside it into its message.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message_of(&*payload))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests;
