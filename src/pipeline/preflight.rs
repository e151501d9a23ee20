//! `daily_ops check`: everything that a run will need, looked at without acting and without writing.

use serde::Serialize;

use crate::contracts::BundleDecision;
use crate::contracts::GateMode;
use crate::contracts::StageClass;
use crate::contracts::bundle::validate;
use crate::gates::Gates;
use crate::settings::PipelineSettings;
use crate::store::layout;
use crate::sync::Remote;
use crate::time::Calendar;
use crate::time::kst;
use crate::time::line_stamp;

use super::control::Control;
use super::runner::Site;
use super::stages::health;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub name: &'static str,
    /// ok, warn, block or fail.
    pub class: StageClass,
    /// What was found, for people.
    pub text: String,
}

fn found(name: &'static str, class: StageClass, text: impl Into<String>) -> Finding {
    Finding { name, class, text: text.into() }
}

/// Looks at clock, disk, lock, records, git, switches, bundle and backend.
#[must_use]
pub fn preflight(site: &Site<'_>, policy: &PipelineSettings) -> Vec<Finding> {
    let mut findings = vec![clock(site), workspace(site), disk(site), lock(site), records(site)];
    findings.push(git(site, policy));
    findings.extend(switches(site));
    findings.push(bundle(site));
    findings.push(look_at_backend(site, policy));
    findings
}

/// Asks the backend for its health.
#[must_use]
pub fn look_at_backend(site: &Site<'_>, policy: &PipelineSettings) -> Finding {
    let control = Control::new(std::sync::Arc::clone(&site.interrupted), site.clock, policy.run_limit);
    let (judged, _) = health::judge(&site.backend.health(&control, site.clock));
    let text = format!("{} {} {}", site.backend.url(), judged.code, judged.detail.unwrap_or_default());
    found("backend", judged.class, text.trim_end())
}

fn clock(site: &Site<'_>) -> Finding {
    let now = site.clock.now();
    let today = now.with_timezone(&kst()).date_naive();
    let zone = format!("now {} Asia/Seoul, the host is in {}", line_stamp(now), site.host_zone);
    match (Calendar::krx().session(today), Calendar::krx().next_open(now)) {
        (Ok(session), Ok(next)) => {
            let day = if session.is_some() { "trading day" } else { "no session today" };
            found("clock", StageClass::Ok, format!("{zone}; {day}, next session opens {}", line_stamp(next.open)))
        }
        (Err(fault), _) | (_, Err(fault)) => found("clock", StageClass::Warn, format!("{zone}; {fault}")),
    }
}

fn workspace(site: &Site<'_>) -> Finding {
    let root = site.store.root();
    let readonly = ["reports", "state", "logs"]
        .iter()
        .map(|name| (name, root.join(name)))
        .find(|(name, path)| path.exists() && !site.store.may_write_in(name));
    let is_workspace = root.join("state").is_dir() && root.join("reports").is_dir();
    match (root.is_dir(), is_workspace, readonly) {
        (false, _, _) => found("workspace", StageClass::Fail, format!("{} is no directory", root.display())),
        (_, _, Some((name, _))) => {
            found("workspace", StageClass::Fail, format!("{name}/ cannot be written by this user"))
        }
        (_, false, None) => {
            let text = "state/ or reports/ is missing; `daily_ops init` makes a workspace";
            found("workspace", StageClass::Warn, text)
        }
        (true, true, None) => found("workspace", StageClass::Ok, "reports/ and state/ can be written"),
    }
}

fn disk(site: &Site<'_>) -> Finding {
    let low_disk_percent = site.low_disk_percent;
    let Some(free) = site.store.free_disk() else {
        return found("disk", StageClass::Warn, "the free space is not known");
    };
    let percent = free * 100.0;
    let class = if percent < f64::from(low_disk_percent) { StageClass::Warn } else { StageClass::Ok };
    found("disk", class, format!("{percent:.0} % free, the limit is {low_disk_percent} %"))
}

fn lock(site: &Site<'_>) -> Finding {
    match site.store.lock_holder(layout::RUN_LOCK) {
        Ok(None) => found("lock", StageClass::Ok, "no run is under way"),
        Ok(Some(holder)) => {
            let text = format!("pid {} runs {} since {}", holder.pid, holder.run_id, holder.started_at);
            found("lock", StageClass::Block, text)
        }
        Err(fault) => found("lock", StageClass::Fail, fault.to_string()),
    }
}

fn records(site: &Site<'_>) -> Finding {
    match super::history::History::new(site.store).verify(None) {
        Ok(report) => match report.broken {
            None => found("records", StageClass::Ok, format!("{} runs, the chain is intact", report.records)),
            Some(broken) => {
                let text = format!("the chain breaks at record {} in {}: {}", broken.seq, broken.file, broken.what);
                found("records", StageClass::Warn, text)
            }
        },
        Err(fault) => found("records", StageClass::Fail, fault.to_string()),
    }
}

fn git(site: &Site<'_>, policy: &PipelineSettings) -> Finding {
    let remote =
        Remote { root: site.store.root(), name: &policy.remote, branch: &policy.branch, limit: policy.git_limit };
    let text = format!("remote {}, branch {}", policy.remote, policy.branch);
    match remote.revision() {
        Ok(Some(revision)) => found("git", StageClass::Ok, format!("{text}, at {revision:.10}")),
        Ok(None) => found("git", StageClass::Warn, format!("{text}, no commit yet")),
        Err(fault) => found("git", StageClass::Warn, format!("{text}: {fault}")),
    }
}

fn switches(site: &Site<'_>) -> Vec<Finding> {
    let switches = Gates::new(site.store).switches();
    let damaged = switches.damaged();
    let why = |file: &str| {
        damaged
            .iter()
            .find(|(name, _)| *name == file)
            .map(|(_, why)| format!(" (unreadable: {why})"))
            .unwrap_or_default()
    };
    let class = |bad: bool, worst: StageClass| if bad { worst } else { StageClass::Ok };
    let gate = switches.gate.value;
    let gate_odd = gate == GateMode::RealEnabled || switches.gate.damage().is_some();
    let sender_odd = switches.sender.value || switches.sender.damage().is_some();
    let on = |flag: bool| if flag { "on" } else { "off" };
    vec![
        found("gate", class(gate_odd, StageClass::Warn), format!("{}{}", gate.as_str(), why(layout::GATE))),
        found(
            "sender",
            class(sender_odd, StageClass::Warn),
            format!("{}{}", on(switches.sender.value), why(layout::SENDER)),
        ),
        found(
            "emergency stop",
            class(switches.stop.value, StageClass::Block),
            format!("{}{}", on(switches.stop.value), why(layout::STOP)),
        ),
    ]
}

fn bundle(site: &Site<'_>) -> Finding {
    let policy = match (site.bundle_rules)() {
        Ok(policy) => policy,
        Err(why) => return found("bundle", StageClass::Block, why),
    };
    let bytes = match site.store.read(layout::BUNDLE.latest) {
        Ok(bytes) => bytes,
        Err(fault) => return found("bundle", StageClass::Block, fault.to_string()),
    };
    let checked = validate(bytes.as_deref(), &policy, site.clock.now());
    let said: Vec<&str> = checked.issues.iter().chain(&checked.warnings).map(String::as_str).collect();
    let text =
        format!("{} {} {}", checked.decision.as_str(), checked.bundle_id.as_deref().unwrap_or("-"), said.join("; "));
    let class = match checked.decision {
        BundleDecision::Fail | BundleDecision::NoBundle => StageClass::Block,
        BundleDecision::Warn if checked.stale => StageClass::Block,
        BundleDecision::Warn => StageClass::Warn,
        BundleDecision::Pass => StageClass::Ok,
    };
    found("bundle", class, text.trim_end())
}
