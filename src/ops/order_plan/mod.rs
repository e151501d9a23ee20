//! ORDER_PLAN_V1: what a person may do by hand. One table decides, first match wins; nothing here sends anything.
//!
//! | case, in order | decision | reason |
//! |---|---|---|
//! | no usable recommendation, or other limits than its bundle's | BLOCKED | NO_RECO |
//! | the recommendation is not GENERATED | EMPTY | NO_ORDERS_FROM_RECO |
//! | no portfolio, unreadable, wrong values | BLOCKED | NO_PORTFOLIO, PORTFOLIO_READ_ERROR, PORTFOLIO_SCHEMA_INVALID |
//! | holdings without a value, a total that is not cash and holdings | BLOCKED | PORTFOLIO_INCONSISTENT |
//! | a price that an order needs is missing | BLOCKED | PRICE_MISSING |
//! | the cash floor cannot be kept | BLOCKED | CASH_FLOOR_BREACH |
//! | no order is left | EMPTY | NO_ORDERS |
//! | orders | COMPLETED | SUCCESS |

mod confirm;
mod prices;
mod sizing;
mod wishes;

use serde_json::Value;
use serde_json::json;

pub use confirm::ConfirmFault;
pub use confirm::ConfirmRequest;
pub use confirm::Confirmed;
pub use confirm::Export;
pub use confirm::NEED_HUMAN_CONFIRM;
pub use confirm::PREP_READY;
pub use confirm::PlanState;

use self::prices::Prices;
use self::sizing::Limits;
use self::sizing::NoSize;
use self::sizing::Sized;
use super::BundleView;
use super::Ops;
use super::OpsFault;
use super::OpsPolicy;
use super::guarded;
use super::recommend::GENERATED;
use super::recommend::constraints;
use super::resolving;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::integrity::verify;
use crate::contracts::order_plan::BLOCKED;
use crate::contracts::order_plan::COMPLETED;
use crate::contracts::order_plan::EMPTY;
use crate::contracts::order_plan::OrderPlan;
use crate::contracts::order_plan::PlanSource;
use crate::contracts::portfolio::Account;
use crate::contracts::portfolio::PortfolioFault;
use crate::contracts::reason::OrderPlanReason;
use crate::contracts::reason::detail;
use crate::contracts::reco::Constraints;
use crate::contracts::reco::PayloadHash;
use crate::contracts::reco::RecoReport;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::Session;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::time::kst;

/// Why nothing may be ordered any more on a day.
const SESSION_OVER: &str = "the session is over";

/// Whether a plan is made although nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remake {
    /// Only when recommendation or portfolio changed, or the plan is of another day.
    IfChanged,
    /// In any case.
    Always,
}

/// What became of a request for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanAction {
    /// A plan was made.
    Created,
    /// The plan that is there still stands.
    Skip,
}

impl PlanAction {
    /// The word in replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Skip => "SKIP",
        }
    }
}

/// A plan and how it came.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOutcome {
    /// The plan.
    pub plan: OrderPlan,
    /// Whether it was made now.
    pub action: PlanAction,
}

/// A stored plan that may be shown: of a known decision, and its orders have the hash that it states.
///
/// # Errors
/// The bytes are no such plan; the text says why.
pub fn read_plan(bytes: &[u8]) -> Result<OrderPlan, String> {
    let plan = OrderPlan::parse(bytes).map_err(|fault| fault.to_string())?;
    if ![COMPLETED, EMPTY, BLOCKED].contains(&plan.decision.as_str()) {
        return Err(format!("decision {} is unknown", plan.decision.escape_debug()));
    }
    match verify(&Json::parse(bytes).map_err(|fault| fault.to_string())?) {
        Integrity::Proven | Integrity::Unproven => Ok(plan),
        Integrity::Mismatch { stated, computed } => {
            Err(format!("integrity.payload_sha256 is {stated}, the orders give {computed}"))
        }
    }
}

/// Everything that a plan is made from, read once.
struct Inputs {
    now: KstTime,
    date: TradingDate,
    reco: Stored<RecoReport>,
    portfolio: Result<Account, (OrderPlanReason, String)>,
    bundle: BundleView,
    policy: Result<OpsPolicy, String>,
}

impl Ops {
    /// The newest plan as stored. One of no known decision, or with other orders than it states, is damaged.
    #[must_use]
    pub fn latest_plan(&self) -> Stored<OrderPlan> {
        match self.store.read(layout::ORDER_PLAN.latest) {
            Ok(Some(bytes)) => read_plan(&bytes).map_or_else(Stored::Damaged, Stored::Present),
            Ok(None) => Stored::Missing,
            Err(fault) => Stored::Damaged(fault.source.to_string()),
        }
    }

    /// Makes an order plan. The plan of today stays when it comes from the same recommendation and portfolio, unless it
    /// was blocked: what blocked it may be gone. The audit trail comes first, so a plan that it does not know is never there.
    ///
    /// # Errors
    /// The plan cannot be recorded or stored, or the program met a defect of its own.
    pub fn regenerate_order_plan(&self, remake: Remake, actor: &Actor) -> Result<PlanOutcome, OpsFault> {
        let _held = self.store.exclusive(layout::ORDERS_LOCK)?;
        let inputs = self.inputs();
        let previous = self.latest_plan().present();
        if let Some(plan) = previous.as_ref().filter(|plan| remake == Remake::IfChanged && inputs.still_holds(plan)) {
            return Ok(PlanOutcome { plan: plan.clone(), action: PlanAction::Skip });
        }
        let mut made = guarded(|| self.plan(&inputs)).map_err(OpsFault::Defect)?;
        made.integrity = Json::of(&made)
            .ok()
            .and_then(|json| payload_sha256(&json))
            .map(|payload_sha256| PayloadHash { payload_sha256 });
        let snapshot_ref = self.store.free_snapshot_ref(layout::ORDER_PLAN, inputs.now);
        let plan = OrderPlan { plan_id: id_of(&snapshot_ref), ..made };
        let about = |plan: &OrderPlan| json!({"plan_id": plan.plan_id, "decision": plan.decision, "reason": plan.reason, "payload_sha256": hash(plan), "source_sha256": plan.source.sha256()});
        let change = Change {
            action: "order_plan.regenerate",
            target: plan.plan_id.clone(),
            reason: plan.reason.clone(),
            before: previous.as_ref().map_or(Value::Null, about),
            after: about(&plan),
        };
        let publish = || self.store.publish_as(layout::ORDER_PLAN, snapshot_ref, &plan);
        Gates::new(&self.store).recorded(actor, change, inputs.now, publish)?;
        Ok(PlanOutcome { plan, action: PlanAction::Created })
    }

    fn inputs(&self) -> Inputs {
        let now = self.clock.now();
        let policy = (self.policy)();
        let bundle = self.bundle_at(&policy, now);
        let date = now.with_timezone(&kst()).date_naive();
        Inputs { now, date, reco: self.latest_reco(), portfolio: self.account(), bundle, policy }
    }

    /// The portfolio, or the reason why there is none to count with.
    fn account(&self) -> Result<Account, (OrderPlanReason, String)> {
        let unreadable = |why: String| (OrderPlanReason::PortfolioReadError, why);
        let bytes = self.store.read(layout::PORTFOLIO.latest).map_err(|fault| unreadable(fault.source.to_string()))?;
        let bytes = bytes.ok_or((OrderPlanReason::NoPortfolio, layout::PORTFOLIO.latest.to_owned()))?;
        Account::read(&bytes).map_err(|fault| match fault {
            PortfolioFault::Json(_) => unreadable(fault.to_string()),
            PortfolioFault::Schema
            | PortfolioFault::Type(..)
            | PortfolioFault::Negative(_)
            | PortfolioFault::Twice(_)
            | PortfolioFault::Hash => (OrderPlanReason::PortfolioSchemaInvalid, fault.to_string()),
        })
    }

    fn plan(&self, inputs: &Inputs) -> OrderPlan {
        let mut warnings = inputs.day_warnings();
        if Gates::new(&self.store).switches().stop.value {
            warnings.push("the emergency stop is on: this plan cannot be confirmed".to_owned());
        }
        let (sized, refusal) = match inputs.sized(&mut warnings) {
            Ok((sized, None)) => (Some(sized), None),
            Ok((sized, Some(no))) => (Some(Sized { orders: Vec::new(), ..sized }), Some(told(&no))),
            Err(no) => (None, Some(no)),
        };
        let cash_debug = sized.as_ref().map(|sized| sized.cash);
        let (orders, left_out) = sized.map(|sized| (sized.orders, sized.left_out)).unwrap_or_default();
        warnings.extend(left_out);
        let (reason, text) = match refusal {
            Some(refusal) => refusal,
            None if orders.is_empty() => (OrderPlanReason::NoOrders, "nothing is left to order".to_owned()),
            None => (OrderPlanReason::Success, format!("Generated {} orders", orders.len())),
        };
        let decision = decision_of(reason);
        let refs = [Some(layout::RECO.latest.to_owned()), inputs.bundle.latest_ref.clone()].into_iter().flatten();
        OrderPlan {
            schema: OrderPlan::SCHEMA.to_owned(),
            asof: Some(Stamp::of(inputs.now)),
            decision: decision.to_owned(),
            reason: reason.as_str().to_owned(),
            reason_detail: detail(&text),
            trading_date: Some(inputs.date),
            trading_day: Some(session_of(inputs.date).is_some()),
            warnings,
            source: inputs.source(),
            orders,
            cash_debug,
            evidence_refs: resolving(&self.store, refs),
            error_summary: (decision == BLOCKED).then(|| detail(&text)),
            ..OrderPlan::default()
        }
    }
}

impl Inputs {
    /// Sizes the orders, or says which row of the table matched before.
    fn sized(&self, warnings: &mut Vec<String>) -> Result<(Sized, Option<NoSize>), (OrderPlanReason, String)> {
        let no_reco = |why: String| (OrderPlanReason::NoReco, why);
        let reco = match &self.reco {
            Stored::Present(reco) => reco,
            Stored::Missing => return Err(no_reco("no recommendation was made yet".to_owned())),
            Stored::Damaged(why) => return Err(no_reco(format!("the recommendation cannot be used: {why}"))),
        };
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        if reco.decision.as_deref() != Some(GENERATED) {
            let text = format!("{} {}", word(&reco.decision), word(&reco.reason));
            return Err((OrderPlanReason::NoOrdersFromReco, text));
        }
        let account = self.portfolio.as_ref().map_err(Clone::clone)?;
        if !account.positions.is_empty() && account.total_value <= 0 {
            return Err((OrderPlanReason::PortfolioInconsistent, "holdings without a value".to_owned()));
        }
        if !account.is_consistent() {
            let text = "the stated total_value is not cash and holdings";
            return Err((OrderPlanReason::PortfolioInconsistent, text.to_owned()));
        }
        let policy = self.policy.as_ref().map_err(|why| no_reco(format!("the settings cannot be used: {why}")))?;
        let limits = self.limits(reco, policy).map_err(no_reco)?;
        let wishes = wishes::wishes(reco, account).map_err(no_reco)?;
        let same = self.same_bundle(reco);
        if same && is_made_up(&self.bundle) {
            return Err(no_reco("the recommendation rests on generated prices (data_source SYNTHETIC)".to_owned()));
        }
        if !same {
            warnings.push("the recommendation was not made from the bundle that lies here now".to_owned());
        } else if !self.bundle.validation.is_usable() {
            warnings.push("the bundle is stale: this plan cannot be confirmed".to_owned());
        }
        if same && !self.bundle.validation.signature_verified {
            warnings.push("the bundle's signature is not verified: be sure where it comes from".to_owned());
        }
        let all = wishes.sells.iter().chain(&wishes.buys);
        let tickers: Vec<String> = all.map(|wish| wish.ticker.clone()).collect();
        let sources = (policy, Some(&self.bundle).filter(|_| same), account);
        let prices = Prices::collect(&tickers, sources, self.now, warnings);
        sizing::size(wishes, account, &prices, &limits).map_err(|no| told(&no))
    }

    /// The limits of the bundle behind the recommendation. The recommendation repeats them outside of what its hash
    /// covers, so where that bundle lies here its word does not count, and another word than the bundle's is a refusal.
    fn limits(&self, reco: &RecoReport, policy: &OpsPolicy) -> Result<Limits, String> {
        let mut found = reco.constraints_applied.ok_or("the recommendation states no limits")?;
        if self.same_bundle(reco) {
            let bundle = constraints(&self.bundle).ok_or("the bundle states no limits")?;
            if let Some(text) = difference(&found, &bundle) {
                return Err(text);
            }
            found = bundle;
        }
        let limits = Limits::of(&found, policy.order_min_value, self.date);
        limits.ok_or_else(|| "the recommendation states no limits".to_owned())
    }

    fn same_bundle(&self, reco: &RecoReport) -> bool {
        let of_reco = reco.source_bundle.as_ref().and_then(|source| source.bundle_id.as_deref());
        self.bundle.validation.valid && of_reco.is_some() && of_reco == self.bundle.validation.bundle_id.as_deref()
    }

    fn day_warnings(&self) -> Vec<String> {
        if let Some(session) = session_of(self.date) {
            let over = self.now >= session.close;
            return over.then(|| format!("{SESSION_OVER}: this plan cannot be confirmed")).into_iter().collect();
        }
        let why = Calendar::krx().closed_for(self.date).unwrap_or("the calendar has no answer");
        vec![format!("no session on {} ({why}): no order may be placed", self.date)]
    }

    fn source(&self) -> PlanSource {
        let reco = match &self.reco {
            Stored::Present(reco) => Some(reco),
            Stored::Missing | Stored::Damaged(_) => None,
        };
        let bundle = reco.and_then(|reco| reco.source_bundle.clone()).unwrap_or_default();
        let payload_sha256 = bundle.integrity.map(|integrity| integrity.payload_sha256);
        let account = self.portfolio.as_ref().ok();
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        PlanSource {
            reco_ref: reco.map(|_| layout::RECO.latest.to_owned()),
            reco_key: reco
                .map(|reco| format!("{}:{}:{}", part(&reco.report_id), part(&bundle.bundle_id), part(&payload_sha256))),
            reco_asof: reco.and_then(|reco| reco.asof.clone().or_else(|| reco.created_at.clone())),
            reco_decision: reco.and_then(|reco| reco.decision.clone()),
            bundle_id: bundle.bundle_id,
            bundle_created_at: bundle.created_at,
            payload_sha256,
            portfolio_ref: account.map(|_| layout::PORTFOLIO.latest.to_owned()),
            portfolio_updated_at: account.and_then(|account| account.updated_at.clone()),
            portfolio_sha256: account.map(|account| account.sha256.clone()),
        }
    }

    /// Whether a plan is what would be made again.
    fn still_holds(&self, plan: &OrderPlan) -> bool {
        let (now, then) = (self.source(), &plan.source);
        plan.decision != BLOCKED
            && plan.trading_date == Some(self.date)
            && now.reco_key.is_some()
            && now.reco_key == then.reco_key
            && now.portfolio_updated_at == then.portfolio_updated_at
            && now.portfolio_sha256 == then.portfolio_sha256
    }
}

/// The decision that a reason stands for.
fn decision_of(reason: OrderPlanReason) -> &'static str {
    match reason {
        OrderPlanReason::Success => COMPLETED,
        OrderPlanReason::NoOrders | OrderPlanReason::NoOrdersFromReco => EMPTY,
        OrderPlanReason::NoReco
        | OrderPlanReason::NoPortfolio
        | OrderPlanReason::PortfolioReadError
        | OrderPlanReason::PortfolioSchemaInvalid
        | OrderPlanReason::PortfolioInconsistent
        | OrderPlanReason::PriceMissing
        | OrderPlanReason::CashFloorBreach
        | OrderPlanReason::WriteError => BLOCKED,
    }
}

fn told(no: &NoSize) -> (OrderPlanReason, String) {
    match no {
        NoSize::PriceMissing(ticker) => (OrderPlanReason::PriceMissing, format!("no price of {ticker}")),
        NoSize::CashFloorBreach => (OrderPlanReason::CashFloorBreach, "the buys exceed the budget".to_owned()),
    }
}

/// The hash of a plan's orders as it states it.
fn hash(plan: &OrderPlan) -> Option<&str> {
    plan.integrity.as_ref().map(|integrity| integrity.payload_sha256.as_str())
}

/// The session of a day. A day that the calendar does not know has none.
fn session_of(date: TradingDate) -> Option<Session> {
    Calendar::krx().session(date).ok().flatten()
}

/// Whether a bundle's picks were scored on generated prices. They show how the hand-off works; nobody may trade on them.
fn is_made_up(bundle: &BundleView) -> bool {
    let source = bundle.part(&["strategy", "scorer", "data_source"]);
    source.as_ref().and_then(Json::as_str).is_some_and(|source| source.eq_ignore_ascii_case("SYNTHETIC"))
}

/// The first limit that a recommendation states otherwise than the bundle.
fn difference(stated: &Constraints, bundle: &Constraints) -> Option<String> {
    let rows = |limits: &Constraints| {
        [
            ("max_position_pct", limits.max_position_pct.to_string()),
            ("max_positions", limits.max_positions.to_string()),
            ("min_cash_pct", limits.min_cash_pct.to_string()),
        ]
    };
    let mut pairs = rows(stated).into_iter().zip(rows(bundle));
    let ((name, said), (_, holds)) = pairs.find(|((_, said), (_, holds))| said != holds)?;
    Some(format!("the recommendation states {name} {said}, the bundle {holds}"))
}

/// `plan-YYYYMMDD-HHMMSS`, with the number of the snapshot's name when a second has several.
fn id_of(snapshot_ref: &str) -> String {
    let name = snapshot_ref.rsplit('/').next().unwrap_or_default();
    let stamp = name.trim_end_matches(".json").trim_start_matches(layout::ORDER_PLAN.kind).trim_start_matches('_');
    format!("plan-{}", stamp.replace('_', "-"))
}
