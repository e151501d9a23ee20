//! `daily_ops gate`, `sender` and `stop`: the workspace's own switches, shown and changed with a reason.

use serde::Serialize;

use super::args::GateCommand;
use super::args::Position;
use super::args::SwitchCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::GateMode;
use crate::gates::Gates;
use crate::gates::Origin;
use crate::gates::Reading;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::gates::SwitchFault;
use crate::time::Clock as _;

#[derive(Serialize)]
struct SwitchReport<D> {
    schema: &'static str,
    switch: &'static str,
    value: String,
    origin: &'static str,
    damage: Option<String>,
    document: Option<D>,
}

/// A refusal by a rule is a block, a missing reason is wrong usage.
fn told(fault: SwitchFault) -> Failure {
    match fault {
        SwitchFault::NoReason(_) => Failure::Usage(format!("{fault}: add --reason \"...\"")),
        SwitchFault::Refused(_) => Failure::Blocked(fault.to_string()),
        SwitchFault::NotRecorded(_) | SwitchFault::Store(_) => Failure::Fault(fault.into()),
    }
}

fn say<T, D: Serialize + Clone>(switch: &'static str, value: &str, reading: &Reading<T, D>, output: &Output) {
    let (origin, damage) = match &reading.origin {
        Origin::File => ("file", None),
        Origin::Missing => ("missing file: default", None),
        Origin::Damaged(why) => ("damaged file: safe value", Some(why.clone())),
    };
    let document = SwitchReport {
        schema: "DAILY_OPS_SWITCH_V1",
        switch,
        value: value.to_owned(),
        origin,
        damage: damage.clone(),
        document: reading.document.clone(),
    };
    output.result(&document, || {
        let why = damage.map(|why| format!(" ({why})")).unwrap_or_default();
        vec![format!("{switch} {value}  [{origin}]{why}")]
    });
}

fn on(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

/// All three switches, one line each.
pub(super) fn overview(context: &Context) -> Vec<String> {
    let read = Gates::new(&context.store).switches();
    vec![
        format!("gate {}", read.gate.value.as_str()),
        format!("sender {}", on(read.sender.value)),
        format!("emergency stop {}", on(read.stop.value)),
    ]
}

pub(super) fn gate(context: &Context, what: GateCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    if let GateCommand::Set { mode, reason, by } = what {
        let words = GateMode::ALL.map(GateMode::as_str).join(", ");
        let mode = GateMode::parse(&mode)
            .ok_or_else(|| Failure::Usage(format!("{mode:?} is no gate mode; use one of {words}")))?;
        gates.set_gate(mode, &context.operator(by), &reason, context.clock.now()).map_err(told)?;
    }
    let reading = gates.switches().gate;
    say("gate", reading.value.as_str(), &reading, output);
    Ok(exit::DONE)
}

pub(super) fn sender(context: &Context, what: SwitchCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    if let SwitchCommand::Set { position, reason, by } = what {
        let to = if position == Position::On { Sender::On } else { Sender::Off };
        gates.set_sender(to, &context.operator(by), &reason, context.clock.now()).map_err(told)?;
    }
    let reading = gates.switches().sender;
    say("sender", on(reading.value), &reading, output);
    Ok(exit::DONE)
}

pub(super) fn stop(context: &Context, what: SwitchCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    if let SwitchCommand::Set { position, reason, by } = what {
        let to = if position == Position::On { Stop::On } else { Stop::Off };
        gates.set_stop(to, &context.operator(by), &reason, context.clock.now()).map_err(told)?;
        say_gate(&gates, output);
    }
    let reading = gates.switches().stop;
    say("emergency stop", on(reading.value), &reading, output);
    Ok(exit::DONE)
}

/// The stop closes the gate with it and leaves it closed, which nobody would guess.
fn say_gate(gates: &Gates<'_>, output: &Output) {
    let read = gates.switches();
    let hint = match (read.stop.value, read.gate.value) {
        (false, GateMode::MockOnly) => "; `daily_ops gate set DRY_RUN --reason \"...\"` returns it to the daily mode",
        _ => "",
    };
    output.remark(&format!("gate {}{hint}", read.gate.value.as_str()));
}
