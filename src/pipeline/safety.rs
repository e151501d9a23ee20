//! The safety switches before anything acts: the workspace's files, what the backend says, and the worse of both.

use serde_json::Value;

use crate::contracts::GateMode;
use crate::contracts::RunCode;
use crate::contracts::envelope::Object;
use crate::contracts::run::SafetyReport;
use crate::contracts::run::Warning;
use crate::gates::Switches;

/// What a backend says about the switches; `None` where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) gate: Option<String>,
    pub(super) sender: Option<bool>,
    pub(super) stop: Option<bool>,
    pub(super) window: Option<bool>,
}

impl Reported {
    /// Takes gate, stop and window out of the health document. A stop that is no JSON boolean counts as on.
    pub(super) fn from_health(data: Option<&Object>) -> Self {
        let Some(data) = data else { return Self::default() };
        let stop = data.get("emergency_stop").map(|stop| match stop.get("enabled") {
            Some(Value::Bool(on)) => *on,
            _ => true,
        });
        Self {
            // A mode of another type is no mode; said as it is, it differs from every one.
            gate: data
                .get("execution_gate_mode")
                .map(|mode| mode.as_str().map_or_else(|| mode.to_string(), str::to_owned)),
            sender: None,
            stop,
            window: data.get("window_active").and_then(Value::as_bool),
        }
    }
}

/// The workspace's own reading, for the record.
pub(super) fn local(switches: &Switches) -> SafetyReport {
    SafetyReport {
        gate: switches.gate.value.as_str().to_owned(),
        sender: switches.sender.value,
        stop: switches.stop.value,
        window: None,
        unreadable: switches.damaged().into_iter().map(|(file, _)| file.to_owned()).collect(),
    }
}

/// The header's line.
pub(super) fn header(safety: &SafetyReport) -> String {
    let on = |flag: bool| if flag { "on" } else { "off" };
    let window = safety.window.map_or("none known", |open| if open { "open" } else { "none" });
    format!(
        "safety: gate={} sender={} emergency_stop={} window={window}",
        safety.gate,
        on(safety.sender),
        on(safety.stop)
    )
}

/// Warnings about the workspace's own switches.
pub(super) fn local_warnings(switches: &Switches) -> Vec<Warning> {
    let unreadable =
        switches.damaged().into_iter().map(|(file, why)| warning(RunCode::SafetyUnreadable, format!("{file}: {why}")));
    unreadable.chain(position_warnings(&local(switches))).collect()
}

fn position_warnings(safety: &SafetyReport) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if safety.gate == GateMode::RealEnabled.as_str() {
        warnings.push(warning(RunCode::GateReal, "expected DRY_RUN or MOCK_ONLY".to_owned()));
    }
    if safety.sender {
        warnings.push(warning(RunCode::SenderEnabled, "expected off".to_owned()));
    }
    warnings
}

/// Merges what the backend reports into the reading: the worse counts, and a difference is a warning.
pub(super) fn merge(safety: &mut SafetyReport, reported: &Reported) -> Vec<Warning> {
    let before = safety.clone();
    let mut differences = Vec::new();
    if let Some(stop) = reported.stop {
        if stop != before.stop {
            differences.push(format!("emergency stop: workspace {}, backend {stop}", before.stop));
        }
        safety.stop |= stop;
    }
    if let Some(sender) = reported.sender {
        if sender != before.sender {
            differences.push(format!("sender: workspace {}, backend {sender}", before.sender));
        }
        safety.sender |= sender;
    }
    if let Some(gate) = &reported.gate {
        if *gate != before.gate {
            differences.push(format!("gate: workspace {}, backend {gate}", before.gate));
        }
        safety.gate = worse_gate(&before.gate, gate);
    }
    safety.window = reported.window.or(safety.window);
    let known = position_warnings(&before);
    let disagrees = (!differences.is_empty()).then(|| warning(RunCode::SafetyDisagrees, differences.join("; ")));
    position_warnings(safety).into_iter().filter(|w| !known.contains(w)).chain(disagrees).collect()
}

/// The more dangerous of two modes; a word that is no mode is not believed.
fn worse_gate(ours: &str, theirs: &str) -> String {
    match GateMode::parse(theirs).max(GateMode::parse(ours)) {
        Some(mode) => mode.as_str().to_owned(),
        None => ours.to_owned(),
    }
}

pub(super) fn warning(code: RunCode, detail: String) -> Warning {
    Warning { code: code.into(), detail: (!detail.is_empty()).then_some(detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reading(gate: &str, sender: bool, stop: bool) -> SafetyReport {
        SafetyReport { gate: gate.to_owned(), sender, stop, ..SafetyReport::default() }
    }

    #[test]
    fn the_worse_of_workspace_and_backend_counts() {
        let says = |gate: &str, sender, stop| Reported { gate: Some(gate.to_owned()), sender, stop, window: None };
        let cases = [
            (
                "agree",
                reading("DRY_RUN", false, false),
                says("DRY_RUN", Some(false), Some(false)),
                ("DRY_RUN", false, false),
                "",
            ),
            (
                "backend stopped",
                reading("DRY_RUN", false, false),
                says("DRY_RUN", None, Some(true)),
                ("DRY_RUN", false, true),
                "SAFETY_DISAGREES",
            ),
            (
                "workspace stopped",
                reading("DRY_RUN", false, true),
                says("DRY_RUN", None, Some(false)),
                ("DRY_RUN", false, true),
                "SAFETY_DISAGREES",
            ),
            (
                "backend real",
                reading("MOCK_ONLY", false, false),
                says("REAL_ENABLED", None, None),
                ("REAL_ENABLED", false, false),
                "GATE_REAL",
            ),
            (
                "backend sends",
                reading("DRY_RUN", false, false),
                says("DRY_RUN", Some(true), None),
                ("DRY_RUN", true, false),
                "SENDER_ENABLED",
            ),
            (
                "backend talks nonsense",
                reading("DRY_RUN", false, false),
                says("YES", None, None),
                ("DRY_RUN", false, false),
                "SAFETY_DISAGREES",
            ),
            (
                "backend says nothing",
                reading("DRY_RUN", false, false),
                Reported::default(),
                ("DRY_RUN", false, false),
                "",
            ),
        ];
        for (name, mut safety, reported, (gate, sender, stop), code) in cases {
            let warnings = merge(&mut safety, &reported);
            assert_eq!((safety.gate.as_str(), safety.sender, safety.stop), (gate, sender, stop), "{name}");
            let told = warnings.iter().any(|w| w.code.as_str() == code);
            assert_eq!(told, !code.is_empty(), "{name}: {warnings:?}");
        }
    }

    #[test]
    fn a_stop_that_is_no_boolean_counts_as_on() {
        let cases = [
            (json!({"emergency_stop": {"enabled": false}}), Some(false)),
            (json!({"emergency_stop": {"enabled": true}}), Some(true)),
            (json!({"emergency_stop": {"enabled": "false"}}), Some(true)),
            (json!({"emergency_stop": {}}), Some(true)),
            (json!({"emergency_stop": null}), Some(true)),
            (json!({}), None),
        ];
        for (data, want) in cases {
            assert_eq!(Reported::from_health(data.as_object()).stop, want, "{data}");
        }
    }
}
