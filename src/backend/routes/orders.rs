//! `/api/portfolio/*` and `/api/order_plan/*`: holdings, and orders for a person to execute.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::body::RequestBody;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored_as;
use crate::contracts::Document as _;
use crate::contracts::order_plan::BLOCKED;
use crate::contracts::order_plan::OrderPlan;
use crate::contracts::portfolio::BadField;
use crate::contracts::portfolio::PORTFOLIO_SCHEMA;
use crate::contracts::portfolio::UPDATERS;
use crate::contracts::portfolio::cash;
use crate::contracts::portfolio::rows;
use crate::contracts::reason::OrderPlanReason;
use crate::ops::ConfirmFault;
use crate::ops::ConfirmRequest;
use crate::ops::Export;
use crate::ops::NEED_HUMAN_CONFIRM;
use crate::ops::PREP_READY;
use crate::ops::PlanState;
use crate::ops::PortfolioChange;
use crate::ops::PortfolioRefusal;
use crate::ops::Remake;
use crate::ops::read_plan;
use crate::ops::read_portfolio;
use crate::store::Stored;
use crate::store::layout;

const EXPORT_SCHEMA: &str = "ORDER_PLAN_EXPORT_V1";
const NOTHING: Option<&str> = None;
/// Who changes a portfolio when the request does not say, and the word of a seed.
const API: &str = "api";
const SEED: &str = "manual_seed";

pub(super) fn portfolio_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let damage;
    let (status, data, problem) = match stored_as(app.store(), layout::PORTFOLIO.latest, &read_portfolio) {
        Stored::Present((_, raw)) => ("ready", Some(raw), None),
        Stored::Missing => {
            ("not_ready", None, Some(Problem { code: "NO_PORTFOLIO", message: "No portfolio was stored yet" }))
        }
        Stored::Damaged(why) => {
            damage = why;
            ("error", None, Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Ok(envelope(app, PORTFOLIO_SCHEMA, status).with("data", &data).with("error", &problem).ok())
}

pub(super) fn portfolio_upsert(app: &App, call: &Call) -> Result<Reply, Reply> {
    let change = change(&RequestBody::required(&call.body)?)?;
    let done = app.ops.upsert_portfolio(change, &call.actor).map_err(|fault| match fault {
        PortfolioRefusal::Field(field) => bad_field(&field),
        PortfolioRefusal::Exists => {
            failure("BLOCKED", "PORTFOLIO_EXISTS", &fault.to_string()).reply(StatusCode::CONFLICT)
        }
        PortfolioRefusal::Settings(_) | PortfolioRefusal::Store(_) => {
            failure("FAILED", "WRITE_ERROR", &fault.to_string()).reply(StatusCode::INTERNAL_SERVER_ERROR)
        }
    })?;
    let made = &done.portfolio;
    Ok(Fields::new()
        .with("result", "OK")
        .with("schema", PORTFOLIO_SCHEMA)
        .with("portfolio_id", &made.portfolio_id)
        .with("updated_at", &made.updated_at)
        .with("updated_by", &made.updated_by)
        .with("total_value", &made.total_value)
        .with("cash_ratio_pct", &made.cash_ratio_pct)
        .with("snapshot_ref", &made.snapshot_ref)
        .with("saved_to", done.published.latest_ref)
        .with("payload_sha256", &made.integrity.as_ref().map(|integrity| &integrity.payload_sha256))
        .ok())
}

/// What a request wants. `manual_seed` without cash and holdings is the seed that the settings state.
fn change(body: &RequestBody) -> Result<PortfolioChange, Reply> {
    let updated_by = body.text_or_default("updated_by")?.unwrap_or(API);
    if !UPDATERS.contains(&updated_by) {
        let message = format!("updated_by must be one of {}", UPDATERS.join(", "));
        return Err(failure("FAILED", "INVALID_FIELD", &message)
            .with("field", "updated_by")
            .reply(StatusCode::BAD_REQUEST));
    }
    if updated_by == SEED && !body.has("cash") && !body.has("holdings") {
        return Ok(PortfolioChange::Seed);
    }
    Ok(PortfolioChange::Replace {
        cash: cash(body.number("cash")?).map_err(|field| bad_field(&field))?,
        holdings: rows(body.list("holdings")?).map_err(|field| bad_field(&field))?,
        updated_by: updated_by.to_owned(),
    })
}

pub(super) fn plan_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let damage;
    let mut state = PlanState::default();
    let (status, data, problem) = match stored_as(app.store(), layout::ORDER_PLAN.latest, &read_plan) {
        Stored::Present((plan, raw)) => match app.ops.plan_state(&plan) {
            Ok(found) => {
                state = found;
                ("ready", Some(raw), None)
            }
            Err(fault) => {
                damage = fault.to_string();
                ("error", None, Some(Problem { code: "READ_ERROR", message: &damage }))
            }
        },
        Stored::Missing => {
            ("not_ready", None, Some(Problem { code: "NO_ORDER_PLAN", message: "No order plan was made yet" }))
        }
        Stored::Damaged(why) => {
            damage = why;
            ("error", None, Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Ok(envelope(app, OrderPlan::SCHEMA, status)
        .with("state", &state.state)
        .with("confirmation", &state.confirmation)
        .with("data", &data)
        .with("error", &problem)
        .ok())
}

pub(super) fn plan_regenerate(app: &App, call: &Call) -> Result<Reply, Reply> {
    let remake = if call.query.flag("force")? { Remake::Always } else { Remake::IfChanged };
    let done = app.ops.regenerate_order_plan(remake, &call.actor).map_err(|fault| {
        Fields::new()
            .with("result", "FAILED")
            .with("decision", BLOCKED)
            .with("reason", OrderPlanReason::WriteError.as_str())
            .with("message", &fault.to_string())
            .with("plan_id", &NOTHING)
            .reply(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let plan = &done.plan;
    Ok(Fields::new()
        .with("result", "OK")
        .with("schema", OrderPlan::SCHEMA)
        .with("action", done.action.as_str())
        .with("plan_id", &plan.plan_id)
        .with("decision", &plan.decision)
        .with("reason", &plan.reason)
        .with("reason_detail", &plan.reason_detail)
        .with("trading_day", &plan.trading_day)
        .with("warnings", &plan.warnings)
        .with("orders_count", &plan.orders.len())
        .with("payload_sha256", &plan.integrity.as_ref().map(|integrity| &integrity.payload_sha256))
        .with("saved_to", layout::ORDER_PLAN.latest)
        .ok())
}

pub(super) fn plan_confirm(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let said = ConfirmRequest {
        plan_id: body.text("plan_id")?,
        payload_sha256: body.text("payload_sha256")?,
        operator_id: body.text("operator_id")?,
        reason: body.text("reason")?,
    };
    let done = app.ops.confirm_order_plan(&said, &call.actor).map_err(|fault| unconfirmed(&fault))?;
    Ok(Fields::new()
        .with("result", if done.before { "ALREADY_CONFIRMED" } else { "OK" })
        .with("state", PREP_READY)
        .with("plan_id", &done.line.plan_id)
        .with("payload_sha256", &done.line.payload_sha256)
        .with("operator_id", &done.line.operator_id)
        .with("confirmed_at", &done.line.confirmed_at)
        .ok())
}

fn unconfirmed(fault: &ConfirmFault) -> Reply {
    let message = fault.to_string();
    match fault {
        ConfirmFault::Field(field, _) => {
            failure("FAILED", "INVALID_FIELD", &message).with("field", *field).reply(StatusCode::BAD_REQUEST)
        }
        ConfirmFault::Refused(code, _) => failure("BLOCKED", code, &message).reply(StatusCode::CONFLICT),
        ConfirmFault::Store(_) => failure("FAILED", "STORE_ERROR", &message).reply(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

pub(super) fn plan_export(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let none = |status: &str, state: Option<&str>, code: &str, message: &str| {
        envelope(app, EXPORT_SCHEMA, status)
            .with("state", &state)
            .with("data", &NOTHING)
            .with("error", &Problem { code, message })
    };
    match app.ops.export_order_plan() {
        Ok(Export::Missing) => Ok(none("not_ready", None, "NO_ORDER_PLAN", "No order plan was made yet").ok()),
        Ok(Export::Damaged(why)) => Ok(none("error", None, "READ_ERROR", &why).ok()),
        Ok(Export::Ready { plan, orders, confirmation }) => {
            let data = Fields::new()
                .with("schema", EXPORT_SCHEMA)
                .with("state", PREP_READY)
                .with("plan_id", &plan.plan_id)
                .with("plan_asof", &plan.asof)
                .with("trading_date", &plan.trading_date)
                .with("payload_sha256", &confirmation.payload_sha256)
                .with::<RawValue>("orders", &orders)
                .with("orders_count", &plan.orders.len())
                .with("warnings", &plan.warnings)
                .with("confirmation", &confirmation)
                .nested();
            let fields = envelope(app, EXPORT_SCHEMA, "ready").with("state", PREP_READY);
            Ok(fields.with("data", &data).with("error", &NOTHING).ok())
        }
        Err(ConfirmFault::Refused(code, text)) => {
            let state = (code == NEED_HUMAN_CONFIRM).then_some(code);
            Err(none("not_ready", state, code, &text).reply(StatusCode::CONFLICT))
        }
        Err(fault @ (ConfirmFault::Field(..) | ConfirmFault::Store(_))) => {
            let reply = none("error", None, "READ_ERROR", &fault.to_string());
            Err(reply.reply(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

fn envelope(app: &App, schema: &str, status: &str) -> Fields {
    Fields::new().with("status", status).with("schema", schema).asof_now(app.now())
}

fn bad_field(field: &BadField) -> Reply {
    failure("FAILED", "INVALID_FIELD", &field.to_string()).with("field", &field.place).reply(StatusCode::BAD_REQUEST)
}

fn failure(result: &str, code: &str, message: &str) -> Fields {
    Fields::new().with("result", result).with("code", code).with("message", message)
}
