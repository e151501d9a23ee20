//! The portfolio: what is held, as a person or another program states it. Personal, so no figure leaves this file: not
//! in a fault, not in the log, not in the audit trail, which gets hashes.

use serde_json::json;

use super::Ops;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::json::sha256_hex;
use crate::contracts::portfolio::Account;
use crate::contracts::portfolio::BadField;
use crate::contracts::portfolio::HoldingRow;
use crate::contracts::portfolio::PortfolioSnapshot;
use crate::contracts::reco::PayloadHash;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// What a change puts in place of the portfolio.
#[derive(Clone, Debug, PartialEq)]
pub enum PortfolioChange {
    /// Cash alone, as the settings say; only where there is no portfolio yet.
    Seed,
    /// These holdings.
    Replace {
        /// Cash in won.
        cash: i64,
        /// What is held.
        holdings: Vec<HoldingRow>,
        /// One of [`crate::contracts::portfolio::UPDATERS`].
        updated_by: String,
    },
}

/// A portfolio was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum PortfolioRefusal {
    /// A value that cannot be.
    #[error(transparent)]
    Field(#[from] BadField),
    /// A seed would replace what is there.
    #[error("there is a portfolio already; a seed does not replace it")]
    Exists,
    /// The settings cannot be read, so nobody knows how much cash there is.
    #[error("the settings cannot be used: {0}")]
    Settings(String),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// A portfolio that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioOutcome {
    /// The document.
    pub portfolio: PortfolioSnapshot,
    /// Where it lies.
    pub published: Published,
}

/// A stored portfolio of any published form that may be shown and counted with.
///
/// # Errors
/// The bytes are none; the text names the place, never a value.
pub fn read_portfolio(bytes: &[u8]) -> Result<Account, String> {
    Account::read(bytes).map_err(|fault| fault.to_string())
}

impl Ops {
    /// Replaces the portfolio: an entry of the audit trail that holds hashes only, then snapshot and newest copy.
    ///
    /// # Errors
    /// A seed over an existing portfolio, settings that cannot be read, or a file that cannot be written.
    pub fn upsert_portfolio(
        &self,
        change: PortfolioChange,
        actor: &Actor,
    ) -> Result<PortfolioOutcome, PortfolioRefusal> {
        let _held = self.store.exclusive(layout::ORDERS_LOCK)?;
        let now = self.clock.now();
        let before = self.store.read(layout::PORTFOLIO.latest)?;
        let (cash, holdings, updated_by) = match change {
            PortfolioChange::Seed if before.is_some() => return Err(PortfolioRefusal::Exists),
            PortfolioChange::Seed => {
                let policy = (self.policy)().map_err(PortfolioRefusal::Settings)?;
                let cash = i64::try_from(policy.portfolio_cash).unwrap_or(i64::MAX);
                (cash, Vec::new(), "manual_seed".to_owned())
            }
            PortfolioChange::Replace { cash, holdings, updated_by } => (cash, holdings, updated_by),
        };
        let snapshot_ref = self.store.free_snapshot_ref(layout::PORTFOLIO, now);
        let mut made = PortfolioSnapshot {
            asof: Some(Stamp::of(now)),
            portfolio_id: Some(before.as_deref().and_then(id_of).unwrap_or_else(|| uuid::Uuid::new_v4().to_string())),
            updated_at: Some(Stamp::of(now)),
            updated_by: Some(updated_by),
            snapshot_ref: Some(snapshot_ref.clone()),
            ..PortfolioSnapshot::computed(cash, holdings)
        };
        made.integrity = Json::of(&made)
            .ok()
            .and_then(|json| payload_sha256(&json))
            .map(|payload_sha256| PayloadHash { payload_sha256 });
        let after = made.to_bytes().map(|bytes| sha256_hex(&bytes)).unwrap_or_default();
        let change = Change {
            action: "portfolio.upsert",
            target: layout::PORTFOLIO.latest.to_owned(),
            reason: made.updated_by.clone().unwrap_or_default(),
            before: before.map_or(serde_json::Value::Null, |bytes| json!({"sha256": sha256_hex(&bytes)})),
            after: json!({"sha256": after}),
        };
        let publish = || self.store.publish_as(layout::PORTFOLIO, snapshot_ref, &made);
        let published = Gates::new(&self.store).recorded(actor, change, now, publish)?;
        Ok(PortfolioOutcome { portfolio: made, published })
    }
}

/// The id of a portfolio, which stays when its content changes.
fn id_of(bytes: &[u8]) -> Option<String> {
    let json = Json::parse(bytes).ok()?;
    json.get("portfolio_id")?.as_str().filter(|id| uuid::Uuid::parse_str(id).is_ok()).map(str::to_owned)
}
