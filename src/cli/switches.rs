//! `daily_ops gate`, `sender` and `stop`: the workspace's own switches, shown and changed with a reason.

use serde::Serialize;

use super::args::GateCommand;
use super::args::Position;
use super::args::SenderCommand;
use super::args::SwitchCommand;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use crate::contracts::GateMode;
use crate::contracts::channel::Channels;
use crate::gates::Gates;
use crate::gates::Origin;
use crate::gates::Reading;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::gates::SwitchFault;
use crate::gates::Switches;
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
    say_more(switch, (value, ""), reading, output);
}

/// The same with more words for people behind the value.
fn say_more<T, D: Serialize + Clone>(
    switch: &'static str,
    (value, more): (&str, &str),
    reading: &Reading<T, D>,
    output: &Output,
) {
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
        vec![format!("{switch} {value}{more}  [{origin}]{why}")]
    });
}

fn on(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

/// The channels that the sender opens, as they stand behind its position.
fn by(read: &Switches) -> String {
    let names = read.channels().names();
    if names.is_empty() { names } else { format!(" ({names})") }
}

/// All three switches, one line each.
pub(super) fn overview(context: &Context) -> Vec<String> {
    let read = Gates::new(&context.store).switches();
    vec![
        format!("gate {}", read.gate.value.as_str()),
        format!("sender {}{}", on(read.sender.value), by(&read)),
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

pub(super) fn sender(context: &Context, what: SenderCommand, output: &Output) -> Result<u8, Failure> {
    let gates = Gates::new(&context.store);
    if let SenderCommand::Set { position, reason, channels, by } = what {
        // Switching off is never refused for a list that it does not need.
        let to = if position == Position::On { Sender::On(named(&channels)?) } else { Sender::Off };
        gates.set_sender(to, &context.operator(by), &reason, context.clock.now()).map_err(told)?;
    }
    let read = gates.switches();
    say_more("sender", (on(read.sender.value), &by(&read)), &read.sender, output);
    Ok(exit::DONE)
}

fn named(channels: &[String]) -> Result<Channels, Failure> {
    Channels::named(channels.iter().map(String::as_str)).map_err(|why| Failure::Usage(format!("--channels: {why}")))
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
