//! The market watchers: what moved enough to say so, said once, and a status at the end of every run on every path.
//!
//! A run takes the watchers' lock, looks, marks each alert durably, and only then hands it over: whatever ends the program,
//! no alert goes out twice. A message leaves the host only when the gates permit it at that moment; otherwise it is
//! simulated. Prices of a portfolio stay in documents: no log and no audit entry holds an amount.

mod deliver;
mod holding;
mod hours;
mod marks;
mod quotes;
mod spike;
mod upsert;

use std::time::Duration;

pub use hours::WatchHours;
pub use quotes::MarketQuote;
pub use quotes::QuoteFault;
pub use quotes::QuoteSource;
pub use upsert::UpsertFault;

use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::watch::SessionKst;
use crate::contracts::watch::WatchReason;
use crate::contracts::watch::WatchSettings;
use crate::contracts::watch::WatchStatus;
use crate::contracts::watch::WatcherStatus;
use crate::ops::Ops;
use crate::ops::OpsPolicy;
use crate::ops::guarded;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;

/// How long a run may hold the lock before others call it overdue.
const LIMIT: Duration = Duration::from_secs(180);
/// How long another run is waited for, and how long between two looks.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// One of the two watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Moves of the watched symbols since the last close.
    Spike,
    /// Profit and loss of what is held.
    Holding,
}

impl Watcher {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Spike, Self::Holding];

    /// The word in commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Holding => "holding",
        }
    }

    /// Where its status lies.
    #[must_use]
    pub fn status_file(self) -> &'static str {
        match self {
            Self::Spike => layout::SPIKE_STATUS,
            Self::Holding => layout::HOLDING_STATUS,
        }
    }
}

/// Who asks for a run, and when it counts.
#[derive(Clone, Debug)]
pub struct WatchOrder {
    /// Who, for the audit trail.
    pub actor: Actor,
    /// `API` or `CLI`.
    pub source: &'static str,
    /// Which hours.
    pub hours: WatchHours,
}

/// What a look came to.
#[derive(Clone, Debug)]
struct Look {
    status: WatchStatus,
    reason: WatchReason,
    detail: String,
    alerts: u64,
    sent: u64,
}

impl Look {
    fn of(status: WatchStatus, reason: WatchReason, detail: impl Into<String>) -> Self {
        Self { status, reason, detail: detail.into(), alerts: 0, sent: 0 }
    }

    fn skipped(reason: WatchReason, detail: impl Into<String>) -> Self {
        Self::of(WatchStatus::Skipped, reason, detail)
    }

    fn error(reason: WatchReason, detail: impl Into<String>) -> Self {
        Self::of(WatchStatus::Error, reason, detail)
    }

    /// A file that is there and cannot be used. `why` may quote the file, so only its place is told.
    fn damaged(file: &str) -> Self {
        Self::error(WatchReason::ResponseInvalid, format!("cannot be read: {file}"))
    }
}

/// A watcher's newest status, and whether it still says something.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The document.
    pub document: Stored<WatcherStatus>,
    /// Seconds since then.
    pub age_seconds: Option<i64>,
    /// Older than two hours, from the future, absent or damaged.
    pub is_stale: bool,
}

impl Standing {
    /// Reads the newest status of a watcher.
    #[must_use]
    pub fn read(store: &Store, watcher: Watcher, now: KstTime) -> Self {
        let document = match store.read(watcher.status_file()) {
            Ok(None) => Stored::Missing,
            Ok(Some(bytes)) => WatcherStatus::read(&bytes).map_or_else(Stored::Damaged, Stored::Present),
            Err(fault) => Stored::Damaged(fault.source.to_string()),
        };
        let (age_seconds, is_stale) = match &document {
            Stored::Present(status) => (status.age_seconds(now), status.is_stale(now)),
            Stored::Missing | Stored::Damaged(_) => (None, true),
        };
        Self { document, age_seconds, is_stale }
    }
}

impl Ops {
    /// Runs a watcher once. The status is written on every path: also when another run has the lock, and after a panic.
    ///
    /// # Errors
    /// The status itself cannot be written.
    pub fn watch(&self, watcher: Watcher, order: &WatchOrder) -> Result<WatcherStatus, StoreFault> {
        let (_held, look) = match self.watch_lock() {
            Ok(lock) => (Some(lock), self.guarded_look(watcher, order)),
            Err(look) => (None, look),
        };
        let status = WatcherStatus {
            schema: WatcherStatus::SCHEMA.to_owned(),
            asof: Some(WatcherStatus::stamp(self.clock.now())),
            status: Some(look.status),
            reason: Some(look.reason),
            alerts: look.alerts,
            sent: look.sent,
            reason_detail: WatcherStatus::detail(&look.detail),
            source: order.source.to_owned(),
        };
        self.store.write_document(watcher.status_file(), &status)?;
        Ok(status)
    }

    fn guarded_look(&self, watcher: Watcher, order: &WatchOrder) -> Look {
        let look = guarded(|| match watcher {
            Watcher::Spike => self.look_for_spikes(order),
            Watcher::Holding => self.look_at_holdings(order),
        });
        match look {
            Ok(Ok(look) | Err(look)) => look,
            Err(why) => {
                tracing::error!(watcher = watcher.as_str(), "a watcher met a defect of its own");
                // The text of a panic may hold a value of the portfolio.
                let told = if watcher == Watcher::Spike { why } else { "see the program's developer".to_owned() };
                Look::error(WatchReason::ApiFail, format!("a defect of the program: {told}"))
            }
        }
    }

    fn watch_lock(&self) -> Result<RunLock, Look> {
        let start = self.clock.monotonic();
        loop {
            let now = self.clock.now();
            let tried = self.store.try_lock(layout::WATCH_LOCK, &Holder::this_process("watch", now, LIMIT));
            match tried {
                Ok(LockOutcome::Acquired(held)) => return Ok(held.lock),
                Ok(LockOutcome::Held(_)) if self.clock.monotonic().saturating_sub(start) < PATIENCE => {
                    self.clock.wait(PAUSE);
                }
                Ok(LockOutcome::Held(holder)) => {
                    let overdue = holder.is_overdue(now);
                    let status = if overdue { WatchStatus::Error } else { WatchStatus::Warn };
                    let word = if overdue { "hangs" } else { "is at work" };
                    let detail = format!("another run of the watchers {word}, process {}", holder.pid);
                    return Err(Look::of(status, WatchReason::ApiFail, detail));
                }
                Err(fault) => return Err(Look::error(WatchReason::ApiFail, fault.to_string())),
            }
        }
    }

    /// Leaves when the exchange's hours do not count now.
    fn in_hours(&self, order: &WatchOrder, now: KstTime) -> Result<(), Look> {
        match hours::closed(now) {
            Some(why) if order.hours == WatchHours::Exchange => Err(Look::skipped(WatchReason::OutsideSession, why)),
            _ => Ok(()),
        }
    }

    /// Leaves when the settings' own hours do not count now.
    fn in_own_hours(&self, order: &WatchOrder, session: Option<&SessionKst>, now: KstTime) -> Result<(), Look> {
        match hours::narrowed(now, session) {
            Some(why) if order.hours == WatchHours::Exchange => Err(Look::skipped(WatchReason::OutsideSession, why)),
            _ => Ok(()),
        }
    }

    /// The watchers' settings; `None` when nobody has set them.
    fn watch_settings(&self) -> Result<Option<WatchSettings>, Look> {
        match self.store.document::<WatchSettings>(layout::WATCH_SETTINGS.latest) {
            Stored::Present(settings) => Ok(Some(settings)),
            Stored::Missing => Ok(None),
            Stored::Damaged(_) => Err(Look::damaged(layout::WATCH_SETTINGS.latest)),
        }
    }

    fn watch_policy(&self) -> Result<OpsPolicy, Look> {
        (self.policy)().map_err(|_secret_or_not| {
            Look::error(WatchReason::MarketDataFailed, "the program's settings cannot be used")
        })
    }
}

/// Asks the vendor. No vendor, no answer and an answer without a single price are all failures.
fn prices(policy: &OpsPolicy, symbols: &[String]) -> Result<Vec<MarketQuote>, Look> {
    let Some(source) = &policy.quotes else {
        return Err(Look::error(WatchReason::MarketDataFailed, "no vendor of prices is configured: watch.quotes"));
    };
    let found = source.quotes(symbols).map_err(|fault| Look::error(fault.reason(), fault.to_string()))?;
    let usable: Vec<MarketQuote> = found.into_iter().filter(|quote| quote.price > 0).collect();
    if usable.iter().any(|quote| symbols.contains(&quote.symbol)) {
        return Ok(usable);
    }
    Err(Look::error(WatchReason::MarketDataFailed, format!("the vendor has no price of {}", listed(symbols))))
}

/// The first of some symbols.
fn listed(symbols: &[String]) -> String {
    let first: Vec<&str> = symbols.iter().take(5).map(String::as_str).collect();
    let more = symbols.len().saturating_sub(5);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", first.join(", "))
}

/// A name that is safe in a message: no controls, no marks that a template language could expand.
fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !matches!(c, '{' | '}' | '$')).take(60).collect()
}

/// Whole won with separators.
fn won(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
