//! `daily_ops watch`: one look of a market watcher, or what both last said.

use serde_json::json;

use super::args::WatchArgs;
use super::args::WatchCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use super::serve;
use crate::contracts::watch::WatchStatus;
use crate::contracts::watch::WatcherStatus;
use crate::ops::Standing;
use crate::ops::WatchHours;
use crate::ops::WatchOrder;
use crate::ops::Watcher;
use crate::store::Stored;
use crate::time::Clock as _;

pub(super) fn watch(context: &Context, what: WatchCommand, output: &Output) -> Result<u8, Failure> {
    match what {
        WatchCommand::Spike(args) => look(context, &[Watcher::Spike], args, output),
        WatchCommand::Holding(args) => look(context, &[Watcher::Holding], args, output),
        WatchCommand::All(args) => look(context, &Watcher::ALL, args, output),
        WatchCommand::Status => Ok(status(context, output)),
    }
}

fn look(context: &Context, watchers: &[Watcher], args: WatchArgs, output: &Output) -> Result<u8, Failure> {
    let ops = serve::ops(context);
    let order = WatchOrder {
        actor: context.operator(None),
        source: "CLI",
        hours: if args.force_session { WatchHours::Forced } else { WatchHours::Exchange },
    };
    let mut looks = Vec::new();
    let mut fault = None;
    for watcher in watchers {
        // The second watcher looks although the first could not say so.
        match ops.watch(*watcher, &order) {
            Ok(status) => looks.push((*watcher, status)),
            Err(found) => fault = Some(found),
        }
    }
    let rows: Vec<_> =
        looks.iter().map(|(watcher, status)| json!({"watcher": watcher.as_str(), "status": status})).collect();
    output.result(&json!({"schema": "DAILY_OPS_WATCH_V1", "watchers": rows}), || {
        looks.iter().map(|(watcher, status)| line(*watcher, status)).collect()
    });
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let failed = looks.iter().any(|(_, status)| status.status == Some(WatchStatus::Error));
    Ok(if failed { exit::FAULT } else { exit::DONE })
}

fn line(watcher: Watcher, status: &WatcherStatus) -> String {
    let (word, reason) = words(status);
    let detail = if status.reason_detail.is_empty() { String::new() } else { format!(": {}", status.reason_detail) };
    format!("{} {word} {reason} alerts={} sent={}{detail}", watcher.as_str(), status.alerts, status.sent)
}

fn words(status: &WatcherStatus) -> (&'static str, String) {
    let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
    (status.status.map_or("UNKNOWN", WatchStatus::as_str), reason)
}

/// Shows both watchers; the code is the worse of the two.
fn status(context: &Context, output: &Output) -> u8 {
    let now = context.clock.now();
    let standings = Watcher::ALL.map(|watcher| (watcher, Standing::read(&context.store, watcher, now)));
    let row = |(watcher, standing): &(Watcher, Standing)| {
        let (state, document, why) = match &standing.document {
            Stored::Present(status) => ("present", Some(status), None),
            Stored::Missing => ("missing", None, None),
            Stored::Damaged(why) => ("damaged", None, Some(why)),
        };
        json!({"watcher": watcher.as_str(), "state": state, "status": document, "damage": why,
            "age_seconds": standing.age_seconds, "stale": standing.is_stale})
    };
    let rows: Vec<_> = standings.iter().map(row).collect();
    output.result(&json!({"schema": "DAILY_OPS_WATCH_STATUS_V1", "watchers": rows}), || {
        standings.iter().map(|(watcher, standing)| told(*watcher, standing)).collect()
    });
    standings.iter().map(|(_, standing)| code(standing)).max().unwrap_or(exit::FAULT)
}

fn told(watcher: Watcher, standing: &Standing) -> String {
    match &standing.document {
        Stored::Present(status) => {
            let age = standing.age_seconds.unwrap_or_default();
            let word = if standing.is_stale { "STALE, " } else { "" };
            format!("{}  [{word}{age} s ago]", line(watcher, status))
        }
        Stored::Missing => {
            format!("{} has never looked; watchers look when watch.quotes names a vendor", watcher.as_str())
        }
        Stored::Damaged(why) => format!("{} status cannot be read: {why}", watcher.as_str()),
    }
}

/// Fresh and sound is 0, old, absent or an error 2, unreadable 3.
fn code(standing: &Standing) -> u8 {
    match &standing.document {
        Stored::Damaged(_) => exit::FAULT,
        Stored::Missing => exit::BLOCKED,
        Stored::Present(status) => {
            let sound = status.status.is_some_and(|status| status != WatchStatus::Error);
            if sound && !standing.is_stale { exit::DONE } else { exit::BLOCKED }
        }
    }
}
