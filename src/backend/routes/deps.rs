//! `/api/deps/*`: what the host has of what its work needs.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::deps::DepsSnapshot;
use crate::store::Stored;
use crate::store::layout;

const RECONCILE_SCHEMA: &str = "RECONCILE_DEPENDENCY_V2";
const NOTHING: Option<&str> = None;
/// Why members that older clients know are null.
const NOTE: &str = "one program does the work: there is no interpreter and nothing is installed beside it";

pub(super) fn reconcile(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = app.ops.deps();
    let row = Fields::new()
        .with("python_version", &NOTHING)
        .with("python_ok", &NOTHING)
        .with("pandas_installed", &NOTHING)
        .with("pyarrow_installed", &NOTHING)
        .with("pandas_version", &NOTHING)
        .with("pyarrow_version", &NOTHING)
        .with("required_missing", &found.required_missing)
        .with("all_deps_ok", &found.all_deps_ok)
        .with("program", env!("CARGO_PKG_NAME"))
        .with("program_version", &found.program_version)
        .with("git_revision", &found.git_revision)
        .with("libgit2_version", &found.packages.get("libgit2-sys"))
        .with("openssl_version", &found.packages.get("openssl-src"))
        .with("note", NOTE)
        .nested();
    Ok(rows(app, RECONCILE_SCHEMA, (status(&found), None), &[row]).ok())
}

pub(super) fn snapshot(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let schema = DepsSnapshot::SCHEMA;
    let message = match stored::<DepsSnapshot>(app.store(), layout::DEPS_SNAPSHOT) {
        Stored::Present((found, raw)) => return Ok(rows(app, schema, (status(&found), None), &[raw]).ok()),
        Stored::Missing => "nothing was written down yet".to_owned(),
        Stored::Damaged(why) => format!("what was written down cannot be read: {why}"),
    };
    let problem = Problem { code: "NO_SNAPSHOT_YET", message: &message };
    Ok(rows(app, schema, ("not_ready", Some(problem)), &[]).ok())
}

pub(super) fn snapshot_write(app: &App, call: &Call) -> Result<Reply, Reply> {
    let found = app.ops.write_deps(&call.actor).map_err(|fault| {
        Fields::new()
            .with("result", "FAILED")
            .with("message", &fault.to_string())
            .reply(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let row = Fields::new()
        .with("result", "OK")
        .with("schema", DepsSnapshot::SCHEMA)
        .with("status", status(&found))
        .with("all_deps_ok", &found.all_deps_ok)
        .with("required_missing", &found.required_missing)
        .with("packages_count", &found.packages.len())
        .with("saved_to", layout::DEPS_SNAPSHOT);
    Ok(row.ok())
}

fn status(found: &DepsSnapshot) -> &'static str {
    if found.all_deps_ok { "ready" } else { "missing_deps" }
}

fn rows(app: &App, schema: &str, (status, problem): (&str, Option<Problem<'_>>), rows: &[Box<RawValue>]) -> Fields {
    Fields::new()
        .with("status", status)
        .with("schema", schema)
        .asof_now(app.now())
        .with("row_count", &rows.len())
        .with("rows", rows)
        .with("error", &problem)
}
