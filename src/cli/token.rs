//! `daily_ops token`: made and shown once, listed without their texts, revoked.

use serde_json::json;

use super::args::RoleArg;
use super::args::TokenCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::actor::Role;
use crate::contracts::token::TokenRow;
use crate::gates::Gates;
use crate::gates::TokenFault;
use crate::store::layout;
use crate::time::Clock as _;

impl From<RoleArg> for Role {
    fn from(arg: RoleArg) -> Self {
        match arg {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Operator => Self::Operator,
            RoleArg::Admin => Self::Admin,
        }
    }
}

pub(super) fn token(context: &Context, what: TokenCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    let now = context.clock.now();
    match what {
        TokenCommand::Create { name, role, by } => {
            let made = gates.create_token(&name, role.into(), &context.operator(by), now).map_err(told)?;
            let role = made.row.role.as_str();
            let document = json!({
                "schema": "DAILY_OPS_TOKEN_V1", "name": name, "role": role, "created_at": made.row.created_at,
                "token": made.text,
            });
            output.remark(&format!("token {name} ({role}): shown now and never again; only its hash is kept"));
            output.result(&document, || vec![made.text.clone()]);
        }
        TokenCommand::List => list(&gates.tokens().map_err(told)?.tokens, output),
        TokenCommand::Revoke { name, by } => {
            let row = gates.revoke_token(&name, &context.operator(by), now).map_err(told)?;
            let mut document = shown(&row);
            document["schema"] = json!("DAILY_OPS_TOKEN_REVOKED_V1");
            output.result(&document, || vec![line(&row)]);
        }
    }
    Ok(exit::DONE)
}

fn list(rows: &[TokenRow], output: &Output) {
    let document = json!({
        "schema": "DAILY_OPS_TOKENS_V1", "path": layout::TOKENS, "row_count": rows.len(),
        "rows": rows.iter().map(shown).collect::<Vec<_>>(),
    });
    output.result(&document, || match rows {
        [] => vec!["no token was ever made".to_owned()],
        rows => rows.iter().map(line).collect(),
    });
}

/// What may be shown of a token: not even its hash.
fn shown(row: &TokenRow) -> serde_json::Value {
    json!({"name": row.name, "role": row.role, "created_at": row.created_at, "revoked_at": row.revoked_at})
}

fn line(row: &TokenRow) -> String {
    let since = row.revoked_at.as_ref().map(|at| format!("  revoked {}", at.as_str())).unwrap_or_default();
    format!("{:<20} {:<8} made {}{since}", row.name, row.role.as_str(), row.created_at.as_str())
}

fn told(fault: TokenFault) -> Failure {
    match fault {
        TokenFault::Name(_) | TokenFault::Taken(_) | TokenFault::Unknown(_) => Failure::Usage(fault.to_string()),
        TokenFault::Unusable(_)
        | TokenFault::Machine(_)
        | TokenFault::Randomness(_)
        | TokenFault::NotRecorded(_)
        | TokenFault::Store(_) => Failure::Fault(fault.into()),
    }
}
