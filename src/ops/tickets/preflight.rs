//! The preflight of a ticket: what would be run, and whether program, inputs, outputs, list and gate allow it.
//!
//! The reference asked whether its modules can be imported. Here the work is part of this program, so that check says
//! which command it is. Nothing is run.

use serde_json::json;

use super::change::TicketFault;
use crate::contracts::Document as _;
use crate::contracts::GateMode;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::actor::Actor;
use crate::contracts::ticket::documents::Check;
use crate::contracts::ticket::documents::CheckStatus;
use crate::contracts::ticket::documents::Checks;
use crate::contracts::ticket::documents::Preflight;
use crate::contracts::ticket::documents::SafetyChecks;
use crate::contracts::ticket::payload::RequestType;
use crate::contracts::ticket::payload::is_small;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Longest id that becomes the name of a file.
const MAX_ID: usize = 64;

/// What a kind of ticket works with.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Work {
    /// The command that would do it.
    pub(in crate::ops) plan: &'static [&'static str],
    inputs: &'static [&'static str],
    /// What it would write.
    pub(in crate::ops) outputs: &'static [&'static str],
}

impl Work {
    /// The work of a kind.
    pub(in crate::ops) fn of(kind: RequestType) -> Self {
        match kind {
            RequestType::Reconcile => Self {
                plan: &["daily_ops", "pc", "reconcile"],
                inputs: &[layout::DAILY_LEDGER, layout::OOS_VALIDATION],
                outputs: &[layout::RECON_SUMMARY, layout::RECON_DAILY],
            },
            RequestType::Reports => Self {
                plan: &["daily_ops", "pc", "report"],
                inputs: &[layout::RECON_SUMMARY],
                outputs: &[layout::REPORT_HUMAN, layout::REPORT_AI],
            },
            RequestType::Acknowledge => Self { plan: &[], inputs: &[], outputs: &[] },
        }
    }
}

/// Whether an id may name an artifact: 1 to 64 ASCII letters, digits and hyphens.
#[must_use]
pub fn is_artifact_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Where an artifact of a ticket lies; `None` when its id may not name a file.
pub(in crate::ops) fn artifact(folder: &str, id: &str) -> Option<String> {
    is_artifact_id(id).then(|| format!("{}/{folder}/{id}.json", layout::TICKET_ARTIFACTS))
}

/// What stop, gate, list, approval and window say about a kind of ticket now.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Safety {
    /// The gate's mode in force.
    pub(in crate::ops) gate: GateMode,
    /// As the receipt shows it.
    pub(in crate::ops) checks: SafetyChecks,
    /// What the list says.
    allowlist: String,
}

impl Safety {
    pub(in crate::ops) fn read(store: &Store, kind: Option<RequestType>, now: KstTime) -> Self {
        let gates = Gates::new(store);
        let (switches, real) = (gates.switches(), gates.real_enable(now));
        let allowed = kind.map_or_else(|| Err("the kind is not known".to_owned()), |kind| allowed(store, kind));
        Self {
            gate: switches.gate.value,
            checks: SafetyChecks {
                emergency_stop: switches.stop.value,
                approval_status: if real.approval_id.is_some() { "APPROVED" } else { "NONE" }.to_owned(),
                allowlist_pass: allowed.is_ok(),
                window_active: real.window_active(),
                window_id: real.window_id,
            },
            allowlist: allowed.unwrap_or_else(|why| why),
        }
    }

    /// What stands against real execution, worst first.
    pub(in crate::ops) fn against_real(&self) -> Vec<String> {
        let checks = &self.checks;
        let rows = [
            (checks.emergency_stop, "EMERGENCY_STOP"),
            (self.gate != GateMode::RealEnabled, "GATE_NOT_REAL"),
            (checks.approval_status != "APPROVED", "APPROVAL_NOT_APPROVED"),
            (!checks.window_active, "WINDOW_NOT_ACTIVE"),
            (!checks.allowlist_pass, "NOT_ON_ALLOWLIST"),
        ];
        rows.into_iter().filter(|(stands, _)| *stands).map(|(_, code)| code.to_owned()).collect()
    }

    fn gate_check(&self) -> Check {
        let checks = &self.checks;
        let real = self.gate == GateMode::RealEnabled;
        let fine = !checks.emergency_stop && (!real || (checks.window_active && checks.approval_status == "APPROVED"));
        let on = |on: bool, yes: &'static str, no: &'static str| if on { yes } else { no };
        let detail = format!(
            "gate={}, stop={}, approval={}, window={}",
            self.gate.as_str(),
            on(checks.emergency_stop, "ON", "OFF"),
            checks.approval_status,
            on(checks.window_active, "ACTIVE", "NONE"),
        );
        check(fine, detail)
    }
}

/// Whether the list allows a kind with exactly our command; in words either way.
fn allowed(store: &Store, kind: RequestType) -> Result<String, String> {
    let bytes = match store.read(layout::ALLOWLIST) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(format!("{} is missing: nothing is allowed", layout::ALLOWLIST)),
        Err(fault) => return Err(fault.to_string()),
    };
    let list = Json::parse(&bytes).map_err(|fault| format!("{}: {fault}", layout::ALLOWLIST))?;
    if list.get("schema").and_then(Json::as_str) != Some("REAL_EXECUTION_ALLOWLIST_V1") {
        return Err(format!("{} is no list of that schema", layout::ALLOWLIST));
    }
    let word = kind.as_str();
    let types = list.get("allowed_request_types").and_then(Json::as_array).unwrap_or_default();
    if !types.iter().any(|listed| listed.as_str() == Some(word)) {
        return Err(format!("{word} is not listed"));
    }
    let rule = list.get("rules").and_then(|rules| rules.get(word));
    let commands = rule.and_then(|rule| rule.get("real_command_allowlist")).and_then(Json::as_array);
    let plan = Work::of(kind).plan;
    let is_plan = |command: &Json| {
        command.as_array().is_some_and(|words| words.iter().map(Json::as_str).eq(plan.iter().map(|word| Some(*word))))
    };
    if plan.is_empty() || !commands.unwrap_or_default().iter().any(is_plan) {
        return Err(format!("no listed command of {word} is {}", plan.join(" ")));
    }
    Ok(format!("{word} allowed"))
}

impl Ops {
    /// Checks one ticket without running anything, and stores what was found, once that is recorded.
    ///
    /// # Errors
    /// The payload is wrong, the id may not name a file, or a file cannot be written.
    pub fn preflight_ticket(
        &self,
        id: &str,
        (kind, payload): (RequestType, &Json),
        actor: &Actor,
    ) -> Result<(Preflight, String), TicketFault> {
        kind.check(payload)?;
        is_small(&payload.canonical(Text::Raw))?;
        let now = self.clock.now();
        let safety = Safety::read(&self.store, Some(kind), now);
        let path = artifact("preflight", id).ok_or(TicketFault::NotFound)?;
        let preflight = self.checked(id, kind, &safety, now);
        let change = Change {
            action: "ticket.preflight",
            target: path.clone(),
            reason: payload.get("reason").and_then(Json::as_str).unwrap_or_default().to_owned(),
            before: serde_json::Value::Null,
            after: json!({"decision": preflight.decision}),
        };
        let write = || self.store.write_document(&path, &preflight);
        Gates::new(&self.store).recorded(actor, change, now, write)?;
        Ok((preflight, path))
    }

    /// Checks and stores; `None` when the id may not name a file.
    pub(in crate::ops) fn preflight(
        &self,
        id: &str,
        kind: RequestType,
        safety: &Safety,
        now: KstTime,
    ) -> Result<Option<(Preflight, String)>, StoreFault> {
        let Some(path) = artifact("preflight", id) else { return Ok(None) };
        let preflight = self.checked(id, kind, safety, now);
        self.store.write_document(&path, &preflight)?;
        Ok(Some((preflight, path)))
    }

    fn checked(&self, id: &str, kind: RequestType, safety: &Safety, now: KstTime) -> Preflight {
        let work = Work::of(kind);
        let checks = Checks {
            import_check: check(true, part_of_this(work.plan)),
            input_ready_check: inputs(&self.store, work.inputs),
            output_writable_check: outputs(&self.store, work.outputs),
            allowlist_check: check(safety.checks.allowlist_pass, safety.allowlist.clone()),
            gate_check: safety.gate_check(),
        };
        let failed = checks.all().into_iter().filter(|(_, check)| check.status == CheckStatus::Fail);
        let fail_reasons: Vec<String> = failed.map(|(name, check)| format!("{name}: {}", check.detail)).collect();
        Preflight {
            schema: Preflight::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            request_id: id.to_owned(),
            request_type: kind.as_str().to_owned(),
            checks,
            effective_plan: work.plan.iter().map(|word| (*word).to_owned()).collect(),
            decision: if fail_reasons.is_empty() { "PREFLIGHT_PASS" } else { "PREFLIGHT_FAIL" }.to_owned(),
            fail_reasons,
        }
    }
}

fn check(fine: bool, detail: String) -> Check {
    Check { status: if fine { CheckStatus::Pass } else { CheckStatus::Fail }, detail }
}

fn part_of_this(plan: &[&str]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match plan {
        [] => "nothing is run".to_owned(),
        [_, rest @ ..] => format!("daily_ops {version} has the command `{}`", rest.join(" ")),
    }
}

fn inputs(store: &Store, files: &[&str]) -> Check {
    let missing: Vec<&str> = files.iter().filter(|file| !store.path(file).is_file()).copied().collect();
    if missing.is_empty() {
        let detail = if files.is_empty() { "nothing is needed".to_owned() } else { files.join(", ") };
        check(true, detail)
    } else {
        check(false, format!("missing: {}", missing.join(", ")))
    }
}

/// Whether the nearest directory that exists above each output may be written in.
fn outputs(store: &Store, files: &[&str]) -> Check {
    let refused = files.iter().find_map(|file| {
        let mut above = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        while !above.is_empty() && !store.path(above).exists() {
            above = above.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        (!store.may_write_in(above) || store.path(file).is_dir()).then(|| format!("{file} cannot be written"))
    });
    match refused {
        Some(why) => check(false, why),
        None => check(true, if files.is_empty() { "nothing is written".to_owned() } else { files.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_named_by_a_plain_id_only() {
        for id in ["a", "A-9", "206c5ca5-6baf-4d97-8483-c32e0fd5411c", &"x".repeat(64)] {
            assert!(artifact("preflight", id).is_some(), "{id}");
        }
        for id in ["", "../x", "a/b", "a.b", "a_b", "a b", "한글", "a\n", "%2e", &"x".repeat(65)] {
            assert_eq!(artifact("preflight", id), None, "{id:?}");
        }
    }

    #[test]
    fn only_a_listed_kind_with_exactly_our_command_is_allowed() {
        let list = |types: &str, command: &str| {
            format!(
                r#"{{"schema":"REAL_EXECUTION_ALLOWLIST_V1","allowed_request_types":[{types}],
                    "rules":{{"REQUEST_RECONCILE":{{"real_command_allowlist":[{command}]}}}}}}"#
            )
        };
        let (kind, ours) = (r#""REQUEST_RECONCILE""#, r#"["daily_ops","pc","reconcile"]"#);
        let cases = [
            ("ours", list(kind, ours), true),
            ("ours among others", list(kind, &format!(r#"["x"],{ours}"#)), true),
            ("kind not listed", list("", ours), false),
            ("the reference's command", list(kind, r#"["python","-m","app.reconcile"]"#), false),
            ("a longer command", list(kind, r#"["daily_ops","pc","reconcile","--all"]"#), false),
            ("a shorter command", list(kind, r#"["daily_ops"]"#), false),
            ("a text for the command", list(kind, r#""daily_ops pc reconcile""#), false),
            ("no command", list(kind, ""), false),
            ("another schema", list(kind, ours).replace("REAL_EXECUTION", "OTHER"), false),
            ("damaged", "{".to_owned(), false),
        ];
        for (name, text, want) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            assert!(allowed(&store, RequestType::Reconcile).is_err(), "{name}: no file");
            store.write(layout::ALLOWLIST, text.as_bytes()).expect("written");
            assert_eq!(allowed(&store, RequestType::Reconcile).is_ok(), want, "{name}");
            assert!(allowed(&store, RequestType::Acknowledge).is_err(), "{name}");
        }
    }
}
