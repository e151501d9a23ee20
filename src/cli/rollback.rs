//! `daily_ops rollback`.

use serde::Serialize;

use super::args::RollbackCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use super::switches;
use crate::contracts::actor::Actor;
use crate::gates::Change;
use crate::gates::Gates;
use crate::pipeline::look_at_backend;
use crate::release;
use crate::store::Stored;
use crate::store::layout;
use crate::sync::Commit;
use crate::sync::DirtyPolicy;
use crate::sync::Remote;
use crate::time::Clock as _;
use crate::time::Stamp;
use crate::time::line_stamp;

#[derive(Serialize)]
struct Row {
    revision: String,
    at: Stamp,
    author: String,
    subject: String,
}

#[derive(Serialize)]
struct RevisionList {
    schema: &'static str,
    active: Option<String>,
    revisions: Vec<Row>,
}

pub(super) fn rollback(context: &Context, what: RollbackCommand, output: &Output) -> Result<u8, Failure> {
    let pipeline = &context.settings.pipeline;
    let remote = Remote {
        root: context.store.root(),
        name: &pipeline.remote,
        branch: &pipeline.branch,
        limit: pipeline.git_limit,
    };
    match what {
        RollbackCommand::List { count } => list(context, &remote, count, output),
        RollbackCommand::To { revision, reason, force } => {
            if reason.trim().is_empty() {
                return Err(Failure::Usage("a reason is required to roll back: add --reason \"...\"".to_owned()));
            }
            let dirty = if force { DirtyPolicy::Overwrite } else { DirtyPolicy::Refuse };
            let by = context.operator(None);
            let change = (by.name.as_str(), reason.as_str(), context.clock.now());
            let record = release::roll_back(&context.store, &remote, &revision, dirty, change)?;
            let after = serde_json::json!({"to_rev": record.to_rev, "paths": record.paths});
            note(context, &by, Change { action: "rollback.to", reason, after, ..change_of_files() })?;
            let done = Done { record: &record, afterwards: afterwards(context) };
            output.result(&done, || {
                let mut lines = vec![format!("{} files restored from {}", record.paths.len(), record.to_rev)];
                lines.push("the daily pull is skipped until `daily_ops rollback release`".to_owned());
                lines.extend(done.afterwards.iter().cloned());
                lines
            });
            Ok(exit::DONE)
        }
        RollbackCommand::Release => {
            let paths = release::release(&context.store, &remote)?;
            let after = serde_json::json!({"paths": paths});
            note(context, &context.operator(None), Change { action: "rollback.release", after, ..change_of_files() })?;
            let released = serde_json::json!({"schema": "ROLLBACK_RELEASED_V1", "paths": paths});
            let done = Done { record: &released, afterwards: afterwards(context) };
            output.result(&done, || {
                let mut lines = vec![format!("{} files are back, the daily pull goes on", paths.len())];
                lines.extend(done.afterwards.iter().cloned());
                lines
            });
            Ok(exit::DONE)
        }
    }
}

/// What was done, and how the host stands after it.
#[derive(Serialize)]
struct Done<'a, R: Serialize> {
    #[serde(flatten)]
    record: &'a R,
    afterwards: Vec<String>,
}

fn change_of_files() -> Change {
    Change { target: layout::ROLLBACK.to_owned(), ..Change::default() }
}

fn note(context: &Context, by: &Actor, change: Change) -> Result<(), Failure> {
    Gates::new(&context.store).record(by, change, context.clock.now())?;
    Ok(())
}

/// What an operator looks at after the files changed: health and the three switches.
fn afterwards(context: &Context) -> Vec<String> {
    let rules = || context.settings.bundle_policy().map_err(|faults| faults.to_string());
    let site = context.site(&context.settings.api_url, &rules);
    let health = look_at_backend(&site, &context.settings.pipeline);
    let mut lines = vec![format!("backend {}", health.text)];
    lines.extend(switches::overview(context));
    lines
}

fn list(context: &Context, remote: &Remote<'_>, count: usize, output: &Output) -> Result<u8, Failure> {
    let commits: Vec<Commit> = remote.history(count)?;
    let active = match release::active(&context.store) {
        Stored::Missing => None,
        Stored::Present(record) => Some(record.to_rev),
        Stored::Damaged(why) => Some(format!("unreadable record: {why}")),
    };
    let document = RevisionList {
        schema: "ROLLBACK_LIST_V1",
        active,
        revisions: commits
            .iter()
            .map(|commit| Row {
                revision: commit.hash.clone(),
                at: Stamp::of(commit.time),
                author: commit.author.clone(),
                subject: commit.subject.clone(),
            })
            .collect(),
    };
    output.result(&document, || {
        let rows =
            commits.iter().map(|c| format!("{:.10}  {}  {}  {}", c.hash, line_stamp(c.time), c.author, c.subject));
        let active = document.active.iter().map(|to| format!("active: rolled back to {to}"));
        active.chain(rows).collect()
    });
    Ok(exit::DONE)
}
