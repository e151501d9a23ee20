//! The calls of each stage. What an answer means is judged in `stages`; the order is kept in `runner`.

use serde_json::Value;

use crate::contracts::BundleDecision;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::Validation;
use crate::contracts::bundle::validate;
use crate::contracts::cycle::CycleDecision;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::cycle::CycleResult;
use crate::contracts::run::BundleReport;
use crate::contracts::run::StageName;
use crate::contracts::unwrap;
use crate::gates::Action;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::settings::SnapshotPolicy;
use crate::settings::StalePolicy;
use crate::store::layout;
use crate::sync::GitDetail;
use crate::sync::PullOutcome;
use crate::sync::Pulled;
use crate::sync::Remote;

use super::client::Answer;
use super::client::CallFault;
use super::control::Ended;
use super::line;
use super::runner::Mode;
use super::runner::Pull;
use super::runner::Run;
use super::safety;
use super::stages::Judged;
use super::stages::health;
use super::stages::live_cycle;
use super::stages::live_cycle::Delivery;
use super::stages::live_cycle::Tie;
use super::stages::pull;
use super::stages::snapshot;
use super::stages::summary;

const SUMMARY_LATEST: &str = "/api/ops/summary/latest";
const CYCLE_LATEST: &str = "/api/live/cycle/latest";
const BUNDLE_LATEST: &str = "/api/strategy_bundle/latest";
const SENDER: &str = "/api/real_sender_enable";

pub(super) fn stage(run: &mut Run<'_>, name: StageName) -> Judged {
    match name {
        StageName::Pull => update(run),
        StageName::Health => check_health(run),
        StageName::Summary => renew_summary(run),
        StageName::LiveCycle => run_cycle(run),
        StageName::Snapshot => check_snapshot(run),
    }
}

/// The revision of the work tree, when it is a repository.
pub(super) fn revision(run: &Run<'_>) -> Option<String> {
    Remote { root: &run.root, name: &run.policy.remote, branch: &run.policy.branch, limit: run.policy.git_limit }
        .revision()
        .ok()
        .flatten()
}

fn update(run: &mut Run<'_>) -> Judged {
    let judged = match skipped_because(run) {
        Some(why) => {
            let judged = Judged::ok(RunCode::GitPullSkipped, why);
            run.record.git = Some(pull::report(&judged, judged.detail.as_deref()));
            judged
        }
        None => pull_now(run),
    };
    let now = run.site.clock.now();
    for found in pull::published_files(run.site.store, now) {
        run.note(found);
    }
    prove_bundle(run);
    judged
}

fn skipped_because(run: &Run<'_>) -> Option<&'static str> {
    if run.options.mode == Mode::DryRun {
        Some("DRY_RUN")
    } else if !matches!(run.site.store.read(layout::ROLLBACK), Ok(None)) {
        // Even a damaged record means that somebody rolled back: in doubt the tree stays as it is.
        Some("ROLLBACK_ACTIVE")
    } else if run.options.pull == Pull::No {
        Some("NO_GIT_PULL")
    } else {
        None
    }
}

fn pull_now(run: &mut Run<'_>) -> Judged {
    let (root, policy) = (run.root.clone(), run.policy);
    let (name, branch, limit) = (policy.remote.clone(), policy.branch.clone(), policy.git_limit);
    let patience = limit + std::time::Duration::from_secs(5);
    let asked = run.control.ask(run.site.clock, patience, move || -> Pulled {
        Remote { root: &root, name: &name, branch: &branch, limit }.pull()
    });
    let pulled = match asked {
        Ok(pulled) => pulled,
        Err(Ended::Interrupted) => return Judged::fail(RunCode::Interrupted, "a signal ended the run during the pull"),
        Err(Ended::OutOfTime) => return Judged::fail(RunCode::RunTimeout, "the limit of the whole run was reached"),
        Err(Ended::CallTimeout | Ended::Died) => Pulled {
            outcome: PullOutcome::Failed,
            before: run.record.host_rev_before.clone(),
            after: run.record.host_rev_after.clone(),
            detail: Some(GitDetail::Timeout),
            message: "git did not come back".to_owned(),
            notes: Vec::new(),
            run_id: None,
        },
    };
    for text in &pulled.notes {
        run.story.say(text);
    }
    run.record.host_rev_before.clone_from(&pulled.before);
    run.record.host_rev_after.clone_from(&pulled.after);
    if let Some(published) = &pulled.run_id {
        run.record.trace_id = published.clone();
    }
    let judged = pull::judge(&pulled, policy.git_policy);
    run.record.git = Some(pull::report(&judged, pulled.detail.map(|detail| detail.as_str())));
    judged
}

/// Validates the bundle that the work tree now holds, before anything acts on it.
fn prove_bundle(run: &mut Run<'_>) {
    let found = validation(run);
    let report = BundleReport {
        decision: found.decision.as_str().to_owned(),
        stale: found.stale,
        signature_verified: found.signature_verified,
        bundle_id: found.bundle_id.clone(),
        created_at: found.created_at.clone(),
        age_seconds: found.age_seconds,
        issues: found.issues.clone(),
    };
    let signed = if found.signature_verified { "signature verified" } else { "signature not verified" };
    let age = found.age_seconds.map_or_else(|| "of unknown age".to_owned(), |s| format!("{} old", line::duration(s)));
    let id = found.bundle_id.as_deref().unwrap_or("none");
    run.story.say(&format!("bundle {id}: {}, {age}, {signed}", report.decision));
    let warnings: Vec<_> = found
        .warnings
        .iter()
        .map(|text| match text.split(':').next() {
            Some("AGE_NEAR_LIMIT") => safety::warning(RunCode::BundleNearLimit, text.clone()),
            Some("SIGNATURE_UNVERIFIED" | "SIGNATURE_INVALID") => {
                safety::warning(RunCode::BundleUnsigned, text.clone())
            }
            _ => safety::warning(RunCode::BundleStaleWarn, text.clone()),
        })
        .collect();
    run.record.bundle = Some(report);
    for warning in warnings {
        run.note(warning);
    }
}

fn validation(run: &Run<'_>) -> Validation {
    let now = run.site.clock.now();
    let unusable = |why: String| {
        let mut found = validate(Some(b""), &crate::contracts::BundlePolicy::default(), now);
        found.issues = vec![why];
        found
    };
    match ((run.site.bundle_rules)(), run.site.store.read(layout::BUNDLE.latest)) {
        (Ok(policy), Ok(bytes)) => validate(bytes.as_deref(), &policy, now),
        (Err(why), _) => unusable(format!("KEYS_UNUSABLE: {why}")),
        (_, Err(fault)) => unusable(format!("BUNDLE_UNREADABLE: {fault}")),
    }
}

fn check_health(run: &mut Run<'_>) -> Judged {
    let answer = run.backend.health(&run.control, run.site.clock);
    let (mut judged, mut reported) = health::judge(&answer);
    if judged.class == StageClass::Fail {
        return judged;
    }
    if let Ok(answer) = run.backend.get(&run.control, run.site.clock, SENDER)
        && let Some(sender) = answer.json().and_then(|reply| unwrap(reply, "REAL_SENDER_ENABLE_V1"))
    {
        // A switch that is no boolean is not off.
        reported.sender = sender.get("enabled").map(|enabled| enabled.as_bool().unwrap_or(true));
    }
    judged.warnings.extend(safety::merge(&mut run.record.safety, &reported));
    let header = safety::header(&run.record.safety);
    run.story.say(&header);
    judged
}

fn renew_summary(run: &mut Run<'_>) -> Judged {
    if run.options.mode == Mode::Act {
        let answer = run.backend.regenerate_summary(&run.control, run.site.clock);
        if let Some(failed) = summary::judge_regenerate(&answer) {
            return failed;
        }
    }
    let answer = run.backend.get(&run.control, run.site.clock, SUMMARY_LATEST);
    let (mut judged, found) = summary::judge_latest(&answer, run.started);
    if run.options.mode == Mode::DryRun {
        // A dry run reads what is there; that it is older is no news.
        judged.warnings.retain(|found| found.code != RunCode::SummaryNotFresh.into());
    }
    if let Some(found) = found {
        run.record.ops_status = found.overall_status.map(|status| status.as_str().to_owned());
        run.summary = Some(found);
    }
    // Of the workspace's stop and the backend's the worse counts.
    let fine = matches!(judged.class, StageClass::Ok | StageClass::Warn);
    match stop_on(run) {
        Some(why) if fine => Judged::block(RunCode::EmergencyStop, why).warned(judged.warnings),
        _ => judged,
    }
}

/// Why nothing may act: the workspace's own switch as it is now, or the backend's as it was reported.
fn stop_on(run: &Run<'_>) -> Option<String> {
    let reported = run.record.safety.stop.then(|| "the backend reports its emergency stop on".to_owned());
    local_stop(run).or(reported)
}

fn local_stop(run: &Run<'_>) -> Option<String> {
    match Gates::new(run.site.store).permit(Action::LiveCycle, run.site.clock.now()) {
        Permission::Permit => None,
        Permission::Block(_, why) => Some(format!("the workspace's emergency stop is on: {why}")),
    }
}

/// Why the cycle must not even be asked for.
fn refused(run: &Run<'_>) -> Option<Judged> {
    if let Some(why) = stop_on(run) {
        return Some(Judged::block(RunCode::EmergencyStop, why));
    }
    let found = validation(run);
    if found.decision == BundleDecision::Fail {
        return Some(Judged::block(RunCode::BundleFail, found.issues.join("; ")));
    }
    let stale = found.valid && found.stale && run.policy.stale_policy == StalePolicy::Block;
    let skipped = run.record.git.as_ref().filter(|git| git.code == RunCode::GitPullSkipped.into());
    let stays = skipped
        .and_then(|git| git.detail.as_deref())
        .map(|why| format!("; it stays stale: the pull is skipped ({why})"));
    let text = || format!("{}{}", found.stale_reason.unwrap_or_default(), stays.unwrap_or_default());
    stale.then(|| Judged::block(RunCode::BundleStale, text()))
}

fn run_cycle(run: &mut Run<'_>) -> Judged {
    let mut cycle_id = None;
    if let Some(refused) = refused(run) {
        run.record.cycle.bundle_stale = run.record.bundle.as_ref().map(|bundle| bundle.stale);
        return refused;
    }
    if run.options.mode == Mode::Act {
        let backend = run.backend.clone();
        match live_cycle::judge_run(&backend.run_cycle(&run.control, run.site.clock)) {
            Ok(id) => cycle_id = id,
            Err(judged) => return judged,
        }
    }
    let answer = run.backend.get(&run.control, run.site.clock, CYCLE_LATEST);
    let tie = match (&cycle_id, run.options.mode) {
        (Some(id), _) => Tie::Cycle(id),
        (None, Mode::Act) => Tie::Since(run.started),
        (None, Mode::DryRun) => Tie::None,
    };
    let (receipt, proof) = match live_cycle::read_receipt(&answer, tie) {
        Ok(read) => read,
        Err(judged) => {
            run.record.cycle.cycle_id = cycle_id;
            return judged;
        }
    };
    let delivery = if run.policy.strict_delivery { Delivery::Strict } else { Delivery::Warn };
    let judged = live_cycle::judge_receipt(&receipt, proof, delivery);
    note_cycle(run, &receipt);
    run.receipt = Some(receipt);
    judged
}

fn note_cycle(run: &mut Run<'_>, receipt: &CycleReceipt) {
    let cycle = &mut run.record.cycle;
    cycle.cycle_id.clone_from(&receipt.cycle_id);
    cycle.result = receipt.result.map(|r| CycleResult::as_str(r).to_owned());
    cycle.decision = receipt.decision.map(|d| CycleDecision::as_str(d).to_owned());
    cycle.reason = receipt.reason.as_deref().map(crate::contracts::Reason::reported);
    cycle.delivery_actual = receipt.push.as_ref().and_then(|push| push.delivery_actual.clone());
    cycle.snapshot_ref.clone_from(&receipt.snapshot_ref);
    cycle.bundle_stale = Some(receipt.bundle.as_ref().is_none_or(|bundle| bundle.stale));
    cycle.reco = Some(line::reco_word(receipt.reco.as_ref().and_then(|reco| reco.decision.as_deref())));
}

fn check_snapshot(run: &mut Run<'_>) -> Judged {
    let Some(receipt) = run.receipt.clone() else {
        return Judged::new(StageClass::Skipped, RunCode::NoReceipt, "");
    };
    let (judged, shown) = match snapshot::reference(&receipt) {
        Err(judged) => judged,
        Ok(reference) => {
            let answer = run.backend.resolve(&run.control, run.site.clock, reference);
            snapshot::judge(&answer, reference, receipt.cycle_id.as_deref())
        }
    };
    shown.as_str().clone_into(&mut run.record.cycle.snapshot_check);
    let own_end = judged.code == RunCode::Interrupted.into() || judged.code == RunCode::RunTimeout.into();
    if judged.class == StageClass::Fail && run.policy.snapshot_policy == SnapshotPolicy::Warn && !own_end {
        let code = judged.code.clone();
        let found = crate::contracts::run::Warning { code, detail: judged.detail.clone() };
        return Judged { class: StageClass::Warn, ..judged }.warned(vec![found]);
    }
    judged
}

/// After the last stage: the status and the staleness that the summary line shows.
pub(super) fn last_look(run: &mut Run<'_>) {
    let alive =
        run.record.stages.iter().any(|stage| {
            stage.name == StageName::Health && !matches!(stage.class, StageClass::Fail | StageClass::Skipped)
        });
    if !alive || run.control.check(run.site.clock).is_err() {
        return;
    }
    let answer = run.backend.get(&run.control, run.site.clock, SUMMARY_LATEST);
    match latest_summary(&answer) {
        Some(found) => {
            run.record.ops_status = found.overall_status.map(|status| status.as_str().to_owned());
            run.summary = Some(found);
        }
        None if run.summary.is_some() => {
            let text = answer.map_or_else(|fault| fault.to_string(), |answer| answer.excerpt());
            run.warn(RunCode::SummaryRereadFailed, text);
        }
        None => {}
    }
    if run.record.cycle.bundle_stale.is_none() {
        let answer = run.backend.get(&run.control, run.site.clock, BUNDLE_LATEST);
        run.record.cycle.bundle_stale = Some(answer.ok().as_ref().and_then(Answer::json).is_none_or(bundle_is_stale));
    }
    if run.record.cycle.reco.is_none() {
        run.record.cycle.reco = Some(reco_without_receipt(run));
    }
}

/// How the recommendation stands when no receipt of this run tells: an earlier good one is not this run's.
fn reco_without_receipt(run: &Run<'_>) -> String {
    let bundle = run.record.bundle.as_ref();
    let decision = run.summary.as_ref().and_then(|s| s.reco.as_ref()).and_then(|reco| reco.decision.as_deref());
    match (bundle.map(|b| b.decision.as_str()), decision) {
        (Some("FAIL"), _) => line::reco_word(Some("BLOCKED")),
        (Some("PASS" | "WARN"), _) if bundle.is_some_and(|b| b.stale) => line::reco_word(Some("EMPTY_RECO")),
        (_, Some("GENERATED" | "COMPLETED")) => line::reco_word(None),
        (_, other) => line::reco_word(other),
    }
}

fn latest_summary(answer: &Result<Answer, CallFault>) -> Option<crate::contracts::summary::OpsSummary> {
    let answer = answer.as_ref().ok().filter(|answer| answer.status == 200)?;
    summary::read(answer.json()?).filter(|found| found.overall_status.is_some())
}

/// The bundle API says `stale` in its summary or validation; only a JSON `false` means fresh.
fn bundle_is_stale(reply: &Value) -> bool {
    let part = |key: &str| reply.get(key).and_then(|part| part.get("stale"));
    part("summary").or_else(|| part("validation")).and_then(Value::as_bool).unwrap_or(true)
}
