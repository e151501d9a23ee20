//! A person's word for a plan, and what the host hands out after it.
//!
//! Nothing in this program confirms a plan by itself. A confirmation names the plan and the hash of the orders that the
//! person read, and keeps the hash of the plan's `source`. So it holds for exactly these orders from exactly this source, on
//! the day that they are for, until its session closes, while what they were made from still stands.

use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;

use super::SESSION_OVER;
use super::hash;
use super::is_made_up;
use super::read_plan;
use super::session_of;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::integrity::is_sha256;
use crate::contracts::json::decode;
use crate::contracts::order_plan::COMPLETED;
use crate::contracts::order_plan::OrderPlan;
use crate::contracts::order_plan::PlanConfirmation;
use crate::contracts::reason::detail;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Durability;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::time::kst;

/// A plan waits for a person.
pub const NEED_HUMAN_CONFIRM: &str = "NEED_HUMAN_CONFIRM";
/// A person confirmed it; the orders may be fetched and executed by hand.
pub const PREP_READY: &str = "PREP_READY";
/// The plan is not the one that it says it is.
const PLAN_CHANGED: &str = "PLAN_CHANGED";
/// The plan must not be executed any more.
const PLAN_STALE: &str = "PLAN_STALE";
/// Longest name or reason that is taken.
const MAX_TEXT: usize = 240;
/// Doors behind which no person stands.
const PROGRAMS: [&str; 2] = ["backend", "run"];

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmRequest<'a> {
    /// Which plan.
    pub plan_id: &'a str,
    /// The hash of the orders that were read.
    pub payload_sha256: &'a str,
    /// Who.
    pub operator_id: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A confirmation that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    /// The line of the log.
    pub line: PlanConfirmation,
    /// Whether the same person had said so before.
    pub before: bool,
}

/// A plan was not confirmed, or its orders are not handed out.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmFault {
    /// A member of the request that cannot be.
    #[error("{0} {1}")]
    Field(&'static str, &'static str),
    /// A rule says no: a code and its text.
    #[error("{1}")]
    Refused(&'static str, String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// How far the work by hand has come with a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanState {
    /// [`NEED_HUMAN_CONFIRM`] or [`PREP_READY`]; none for a plan without orders.
    pub state: Option<&'static str>,
    /// The confirmation.
    pub confirmation: Option<PlanConfirmation>,
}

/// What is handed out.
#[derive(Debug)]
pub enum Export {
    /// There is no plan.
    Missing,
    /// There is one that cannot be used.
    Damaged(String),
    /// The confirmed plan and its orders as they are stored.
    Ready {
        /// The plan.
        plan: Box<OrderPlan>,
        /// Its orders, byte for byte what was confirmed.
        orders: Box<RawValue>,
        /// Who confirmed it.
        confirmation: Box<PlanConfirmation>,
    },
}

fn refused(code: &'static str, text: impl Into<String>) -> ConfirmFault {
    ConfirmFault::Refused(code, text.into())
}

impl Ops {
    /// Writes down that a person confirms the newest plan. The audit trail comes first, then the log that counts.
    ///
    /// # Errors
    /// The request is incomplete, a rule says no, or a file cannot be written; then nothing is confirmed.
    pub fn confirm_order_plan(&self, said: &ConfirmRequest<'_>, actor: &Actor) -> Result<Confirmed, ConfirmFault> {
        check_text("operator_id", said.operator_id)?;
        check_text("reason", said.reason)?;
        if !is_sha256(said.payload_sha256) {
            return Err(ConfirmFault::Field("payload_sha256", "must be 64 lower-case hex digits"));
        }
        if PROGRAMS.contains(&actor.from.as_str()) {
            return Err(refused("NOT_A_PERSON", "a program cannot confirm a plan"));
        }
        let _held = self.store.exclusive(layout::ORDERS_LOCK)?;
        let now = self.clock.now();
        self.check_stop()?;
        let plan = self.confirmable()?;
        if plan.plan_id != said.plan_id || hash(&plan) != Some(said.payload_sha256) {
            return Err(refused(PLAN_CHANGED, "the newest plan is another one; read it and confirm that"));
        }
        if let Some(line) = self.confirmation_of(&plan)? {
            if line.operator_id == said.operator_id.trim() {
                return Ok(Confirmed { line, before: true });
            }
            return Err(refused("ALREADY_CONFIRMED", "somebody else confirmed this plan already"));
        }
        self.check_fresh(&plan, None, now)?;
        let line = PlanConfirmation {
            schema: PlanConfirmation::SCHEMA.to_owned(),
            confirmed_at: Stamp::of(now),
            plan_id: plan.plan_id.clone(),
            payload_sha256: said.payload_sha256.to_owned(),
            source_sha256: plan.source.sha256(),
            operator_id: said.operator_id.trim().to_owned(),
            reason: detail(said.reason),
            actor: actor.name.clone(),
            role: actor.role,
            from: actor.from.clone(),
        };
        let text = serde_json::to_string(&line).map_err(|fault| StoreFault {
            verb: "render",
            path: layout::PLAN_CONFIRMATIONS.to_owned(),
            source: std::io::Error::other(fault),
        })?;
        let change = Change {
            action: "order_plan.confirm",
            target: line.plan_id.clone(),
            reason: line.reason.clone(),
            before: Value::Null,
            after: json!({
                "state": PREP_READY, "payload_sha256": line.payload_sha256, "source_sha256": line.source_sha256,
                "operator_id": line.operator_id,
            }),
        };
        let append = || self.store.append(layout::PLAN_CONFIRMATIONS, &text, Durability::Durable);
        Gates::new(&self.store).recorded(&actor.named(Some(said.operator_id)), change, now, append)?;
        Ok(Confirmed { line, before: false })
    }

    /// The orders of the newest plan, once a person confirmed it. Changes nothing.
    ///
    /// # Errors
    /// A rule says no, or a file cannot be read.
    pub fn export_order_plan(&self) -> Result<Export, ConfirmFault> {
        let Some(bytes) = self.store.read(layout::ORDER_PLAN.latest)? else { return Ok(Export::Missing) };
        let plan = match read_plan(&bytes) {
            Ok(plan) => plan,
            Err(why) => return Ok(Export::Damaged(why)),
        };
        check_orders(&plan)?;
        self.check_stop()?;
        let confirmation = self.confirmation_of(&plan)?;
        let confirmation = confirmation.ok_or_else(|| refused(NEED_HUMAN_CONFIRM, "no person confirmed this plan"))?;
        self.check_fresh(&plan, Some(&confirmation.confirmed_at), self.clock.now())?;
        match orders(&bytes) {
            Some(orders) => Ok(Export::Ready { plan: Box::new(plan), orders, confirmation: Box::new(confirmation) }),
            None => Ok(Export::Damaged("the orders cannot be read".to_owned())),
        }
    }

    /// How far the work with a plan has come.
    ///
    /// # Errors
    /// The log of confirmations cannot be read.
    pub fn plan_state(&self, plan: &OrderPlan) -> Result<PlanState, StoreFault> {
        if check_orders(plan).is_err() {
            return Ok(PlanState::default());
        }
        let confirmation = self.confirmation_of(plan)?;
        let state = if confirmation.is_some() { PREP_READY } else { NEED_HUMAN_CONFIRM };
        Ok(PlanState { state: Some(state), confirmation })
    }

    fn check_stop(&self) -> Result<(), ConfirmFault> {
        match Gates::new(&self.store).switches() {
            switches if switches.stop.value => Err(refused("EMERGENCY_STOP", switches.stop_text())),
            _ => Ok(()),
        }
    }

    fn confirmable(&self) -> Result<OrderPlan, ConfirmFault> {
        let nothing = |why: String| refused("NOTHING_TO_CONFIRM", why);
        match self.latest_plan() {
            Stored::Missing => Err(nothing("there is no plan".to_owned())),
            Stored::Damaged(why) => Err(nothing(format!("the plan cannot be used: {why}"))),
            Stored::Present(plan) => {
                check_orders(&plan)?;
                Ok(plan)
            }
        }
    }

    /// Whether a plan may still be executed: its day, the session, its bundle and its portfolio.
    fn check_fresh(&self, plan: &OrderPlan, confirmed_at: Option<&Stamp>, now: KstTime) -> Result<(), ConfirmFault> {
        let stale = |why: &str| Err(refused(PLAN_STALE, why));
        let today = day(now);
        check_days(plan, confirmed_at, today)?;
        match session_of(today) {
            None => {
                return Err(refused("NO_TRADING_DAY", "the exchange has no session today: no order may be placed"));
            }
            Some(session) if now >= session.close => return stale(SESSION_OVER),
            Some(_) => {}
        }
        let bundle = self.bundle_at(&(self.policy)(), now);
        let found = &bundle.validation;
        if !found.is_usable() {
            return stale("the bundle behind the plan is not fresh any more");
        }
        if is_made_up(&bundle) {
            return stale("the bundle rests on generated prices (data_source SYNTHETIC): no order may be placed");
        }
        let hash_now = bundle.part(&["integrity", "payload_sha256"]);
        let hash_now = hash_now.as_ref().and_then(crate::contracts::Json::as_str);
        if found.bundle_id.is_none()
            || found.bundle_id != plan.source.bundle_id
            || hash_now != plan.source.payload_sha256.as_deref()
        {
            return stale("there is another bundle than the one behind the plan");
        }
        let portfolio = self.account().map(|account| account.sha256).ok();
        if portfolio.is_none() || portfolio != plan.source.portfolio_sha256 {
            return stale("the portfolio changed after the plan was made");
        }
        Ok(())
    }

    /// The first confirmation of exactly this plan. A line that cannot be read is none, and neither is one for a plan that
    /// said it was made from something else. Older lines do not name the source.
    fn confirmation_of(&self, plan: &OrderPlan) -> Result<Option<PlanConfirmation>, StoreFault> {
        let bytes = self.store.read(layout::PLAN_CONFIRMATIONS)?.unwrap_or_default();
        let lines = bytes.split(|byte| *byte == b'\n');
        let mut read = lines.filter_map(|line| PlanConfirmation::parse(line).ok());
        let source = plan.source.sha256();
        Ok(read.find(|line| {
            line.plan_id == plan.plan_id
                && Some(line.payload_sha256.as_str()) == hash(plan)
                && (line.source_sha256.is_none() || line.source_sha256 == source)
        }))
    }
}

fn day(at: KstTime) -> TradingDate {
    at.with_timezone(&kst()).date_naive()
}

/// The day inside `plan-YYYYMMDD-HHMMSS`.
fn day_of_id(plan_id: &str) -> Option<TradingDate> {
    TradingDate::parse_from_str(plan_id.strip_prefix("plan-")?.get(..8)?, "%Y%m%d").ok()
}

/// Whether a plan is of today. The hash covers its orders and not its day, so every place that states the day must agree.
fn check_days(plan: &OrderPlan, confirmed_at: Option<&Stamp>, today: TradingDate) -> Result<(), ConfirmFault> {
    let of = |stamp: &Stamp| stamp.instant().map(day);
    let date = plan.trading_date;
    if plan.asof.as_ref().and_then(of) != date || day_of_id(&plan.plan_id) != date {
        return Err(refused(PLAN_CHANGED, "the plan's trading_date, asof and plan_id are not of one day"));
    }
    if date != Some(today) {
        return Err(refused(PLAN_STALE, "the plan is of another day"));
    }
    if confirmed_at.is_some_and(|at| of(at) != Some(today)) {
        return Err(refused(PLAN_STALE, "the plan was confirmed on another day"));
    }
    Ok(())
}

/// A plan with orders and a hash that covers them.
fn check_orders(plan: &OrderPlan) -> Result<(), ConfirmFault> {
    let whole = |order: &crate::contracts::order_plan::Order| {
        order.quantity.is_some_and(|shares| shares > 0) && order.limit_price.is_some_and(|won| won > 0)
    };
    if plan.decision != COMPLETED || plan.orders.is_empty() {
        return Err(refused("NOTHING_TO_CONFIRM", format!("the plan is {} {}", plan.decision, plan.reason)));
    }
    if hash(plan).is_none_or(|text| !is_sha256(text)) || !plan.orders.iter().all(whole) {
        return Err(refused("NOTHING_TO_CONFIRM", "the plan's orders have no sizes or no hash"));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str) -> Result<(), ConfirmFault> {
    if text.trim().is_empty() {
        return Err(ConfirmFault::Field(field, "must not be empty"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(ConfirmFault::Field(field, "is too long"));
    }
    Ok(())
}

fn orders(bytes: &[u8]) -> Option<Box<RawValue>> {
    #[derive(serde::Deserialize)]
    struct Orders {
        orders: Box<RawValue>,
    }
    serde_json::from_str::<Orders>(decode(bytes).ok()?).ok().map(|found| found.orders)
}
