//! `/api/secrets/*`: which names have a value, never the value.

use super::App;
use super::Call;
use super::push::failed;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::push::SelfTest;
use crate::settings::MESSAGE_SECRETS;
use crate::store::Stored;
use crate::store::layout;

const NONE_YET: &str = "No self-test result yet. Run POST /api/secrets/self_test/run";
const NOTHING: Option<&str> = None;

pub(super) fn status(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = app.ops.message_secrets();
    let presence = |fields: Fields, name: &'static str| {
        fields.with(name, &Fields::new().with("present", &found.is_present(name)).nested())
    };
    let secrets = MESSAGE_SECRETS.into_iter().fold(Fields::new(), presence).nested();
    let row = Fields::new().with("provider", found.provider()).with("secrets", &secrets);
    let row = match found.problem() {
        Some(why) => row.with("warning", why),
        None => row,
    };
    Ok(Fields::new()
        .with("status", "ready")
        .with("schema", "SECRETS_STATUS_V1")
        .asof_now(app.now())
        .with("row_count", &1)
        .with("rows", &[row.nested()])
        .with("error", &NOTHING)
        .ok())
}

pub(super) fn self_test(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<SelfTest>(app.store(), layout::SELF_TEST.latest);
    let (status, asof, rows) = match &found {
        Stored::Present((test, raw)) => ("ready", test.asof.as_ref(), vec![raw]),
        Stored::Missing => ("empty", None, Vec::new()),
        Stored::Damaged(_) => ("error", None, Vec::new()),
    };
    let fields = Fields::new()
        .with("status", status)
        .with("schema", SelfTest::SCHEMA)
        .with("asof", &asof)
        .with("row_count", &rows.len())
        .with("rows", &rows);
    Ok(match &found {
        Stored::Present(_) => fields.with("error", &NOTHING),
        Stored::Missing => fields.with("error", NONE_YET),
        Stored::Damaged(why) => fields.with("error", &Problem { code: "READ_ERROR", message: why }),
    }
    .ok())
}

pub(super) fn self_test_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_self_test(&call.actor).map_err(|fault| failed(&fault))?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("decision", &done.test.decision)
        .with("reason", &done.test.reason)
        .with("snapshot_path", &done.published.snapshot_ref)
        .ok())
}
