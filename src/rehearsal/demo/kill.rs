//! The kill switch at the end of a demo: on, what the risk snapshot and the page say then, and off again.
//!
//! What somebody else has set is left alone: the demo switches on only what is off and unchanged since it was read, and off
//! only what it has switched on itself and nobody has asked for since. No engine is connected, so no order is tried here,
//! and none is said to have been blocked.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Said;
use super::script;
use super::shots;
use super::show::Show;
use crate::contracts::Document as _;
use crate::contracts::event::new_trace;
use crate::contracts::kill::KillAction;
use crate::contracts::kill::KillAuditRow;
use crate::rehearsal::visit::word;
use crate::store::Store;
use crate::store::layout;

const SWITCH: &str = "/api/control/kill-switch";
const REASON: &str = "dashboard demo";
/// Seconds after the start of the schedule: the picture of a switch that is on, and its end.
const PICTURE: u64 = script::KILL.from + 5;
const OFF: u64 = script::KILL.from + 10;
/// Characters of a reason, as many as the switch takes.
const LONGEST_REASON: usize = 500;
/// How often switching off is tried, and the time between two tries.
const TRIES: u32 = 3;
const AGAIN: Duration = Duration::from_millis(300);
/// Bytes at the end of the audit in which the demo's own rows are looked for.
const AUDIT_REACH: u64 = 64 << 10;

const LEFT: Said = Said {
    ko: "시연이 켠 스위치가 아니면 그대로 둡니다. 누가 왜 바꿨는지 확인하고 함께 정하세요.",
    en: "what is not the demo's is left as it is: ask whoever changed it, and decide together.",
};
const OURS: Said = Said {
    ko: "아래에 적힌 방법으로 킬 스위치를 확인하고 끄세요.",
    en: "look at the kill switch and switch it off as it is said below.",
};
const BY_HAND: Said = Said {
    ko: "  킬 스위치가 켜졌습니다. 이 프로그램이 여기서 죽고, 그 뒤로 켜 달라고 한 사람이 metrics/kill_audit.jsonl에 없으면(KILL_ON_NOOP), 이렇게 끄세요:",
    en: "  The kill switch is on. Should this program die now, and nobody have asked for ON since (kill_on_noop at the end of \
         metrics/kill_audit.jsonl), switch it off like this:",
};
const ENDED_EARLY: Said = Said {
    ko: "⚠️ 킬 스위치가 켜진 채로 시연이 중단되었습니다. 지금 끕니다.",
    en: "⚠️ the demo was cut short WHILE THE KILL SWITCH IS ON; it is being switched off now",
};
const ASKED: Said = Said {
    ko: "❌ 킬 스위치는 아직 켜져 있습니다. 아래 사람이 켜 달라고 했기 때문입니다. 화면에는 시연이 켠 것으로 나오지만 시연의 것이 아닙니다. \
         위의 curl을 쓰지 말고, 그 사람과 함께 정하세요.",
    en: "❌ THE KILL SWITCH IS STILL ON, for the person below, who asked for it. The page still names the demo; it is not the \
         demo's any more. Do not use the command above: decide together with that person.",
};
const STILL_ON: Said = Said {
    ko: "❌ 킬 스위치가 아직 켜져 있을 수 있습니다: 새 주문이 막힙니다. 화면의 킬 스위치 패널에서 사유를 적고 끄거나, 이렇게 끄세요:",
    en: "❌ THE KILL SWITCH MAY STILL BE ON: no new order goes out. Switch it off on the page's kill panel with a reason, or like this:",
};

/// The switch while it is on and the demo's.
struct Held {
    version: u64,
    trace: String,
    reply: Value,
}

/// The switch does not stand as the demo wanted it.
#[derive(Debug)]
enum Miss {
    /// It is not the demo's, and was left alone.
    Left(String),
    /// Somebody else asked for it to be on, and so it is: who, and when.
    Asked(String),
    /// It is on by the demo, or may be.
    Ours(String),
}

impl Miss {
    fn text(&self) -> &str {
        let (Self::Left(text) | Self::Asked(text) | Self::Ours(text)) = self;
        text
    }

    fn remedy(&self) -> Said {
        match self {
            Self::Left(_) | Self::Asked(_) => LEFT,
            Self::Ours(_) => OURS,
        }
    }
}

pub(super) fn show_it(show: &mut Show<'_>) {
    let on = turn_on(show, &new_trace());
    note(show, "k.on", on.as_ref().map(|held| &held.reply));
    let version = on.as_ref().ok().map(|held| held.version);
    let off = on.as_ref().ok().map(|held| {
        let way = way_off(show, version);
        show.tell(BY_HAND);
        show.say(&format!("    {way}"));
        if while_on(show).is_none() {
            show.alarm(ENDED_EARLY.to(show.demo.lang));
        }
        let off = turn_off(show, held);
        note(show, "k.off", off.as_ref());
        off
    });
    if matches!(on, Err(Miss::Ours(_))) || matches!(off, Some(Err(Miss::Ours(_)))) {
        let way = way_off(show, version);
        show.alarm(STILL_ON.to(show.demo.lang));
        show.alarm(&format!("    {way}"));
    }
    if let Some(Err(Miss::Asked(who))) = &off {
        show.alarm(ASKED.to(show.demo.lang));
        show.alarm(&format!("    {who}"));
    }
    let member = |outcome: Result<Value, Miss>| outcome.unwrap_or_else(|miss| json!({"fault": miss.text()}));
    let off = off.map_or_else(|| json!({"fault": "not sent: the switch is not the demo's"}), member);
    let document = json!({"on": member(on.map(|held| held.reply)), "off": off});
    show.keep_json("12_kill.json", &document);
}

fn note(show: &mut Show<'_>, id: &'static str, outcome: Result<&Value, &Miss>) {
    let remedy = outcome.err().map(|miss| miss.remedy().to(show.demo.lang));
    let told = outcome.map(|reply| format!("audit id {}", word(&reply["audit_id"])));
    show.judge(id, told.map_err(|miss| miss.text().to_owned()), remedy);
}

/// What is shown while the switch is on; `None` when that is cut short by a signal or by something that is wrong.
fn while_on(show: &mut Show<'_>) -> Option<()> {
    let outcome = snapshot(show);
    let is_right = show.note("k.snapshot", outcome);
    (shots::see_kill(show) && is_right).then_some(())?;
    show.reach(PICTURE).then_some(())?;
    shots::take(show, shots::KILL);
    show.reach(OFF).then_some(())
}

fn state(show: &mut Show<'_>) -> Result<Value, String> {
    let state = show.read(SWITCH)?.json();
    let is_whole = state["is_on"].is_boolean() && state["latch_is_on"].is_boolean() && state["version"].is_u64();
    if is_whole { Ok(state) } else { Err("the kill switch does not say how it stands".to_owned()) }
}

/// How the switch stands and who has set it, as it tells itself.
pub(super) fn whose(state: &Value) -> String {
    if state["damage"].is_string() {
        return format!("on, since its file cannot be read: {}", word(&state["damage"]));
    }
    if state["emergency_stop"] == true && state["latch_is_on"] != true {
        return format!("on by the emergency stop: {}", word(&state["emergency_stop_reason"]));
    }
    let [status, actor, at, reason, id] =
        ["latch_status", "actor", "ts_iso", "reason", "audit_id"].map(|key| word(&state[key]));
    format!("{status}, set by {actor} at {at}: {reason} (audit id {id})")
}

/// What is asked of the switch.
fn order(show: &Show<'_>, to: bool, (reason, trace): (&str, &str)) -> Value {
    let actor = show.demo.operator.as_deref().unwrap_or("demo");
    let actor: String = actor.chars().take(64).collect();
    json!({"is_on": to, "reason": reason, "actor": actor, "trace_id": trace})
}

/// Switches on what is off, if nobody has changed it since.
fn turn_on(show: &mut Show<'_>, trace: &str) -> Result<Held, Miss> {
    let seen = state(show).map_err(|why| Miss::Left(format!("not switched: {why}")))?;
    if seen["is_on"] != false || seen["latch_status"] != "OFF" {
        return Err(Miss::Left(format!("not switched, because it is {}", whose(&seen))));
    }
    let mut on = order(show, true, (REASON, trace));
    on["expected_version"] = seen["version"].clone();
    let answer = show.post_closed(SWITCH, &on);
    let held = |version: u64, reply: Value| Held { version, trace: trace.to_owned(), reply };
    let told = match &answer {
        Ok(answer) if answer.status == 200 => {
            let reply = answer.json();
            let version = reply["version"].as_u64().filter(|_| reply["changed"] == true);
            if let (Some(version), true) = (version, reply["audit_id"].is_string()) {
                return Ok(held(version, reply));
            }
            "it was on already".to_owned()
        }
        Ok(answer) => format!("HTTP {}: {}", answer.status, answer.excerpt()),
        Err(silence) => silence.clone(),
    };
    // Without an answer, and after one that tells of a fault, only the switch knows what became of it.
    let is_refused = answer.is_ok_and(|answer| answer.status < 500);
    let now = state(show);
    if let Ok(now) = &now
        && now["trace_id"] == *trace
        && now["latch_is_on"] == true
    {
        return Ok(held(now["version"].as_u64().unwrap_or_default(), now.clone()));
    }
    let now = now.map_or_else(|why| why, |now| format!("it is {}", whose(&now)));
    if is_refused {
        return Err(Miss::Left(format!("not switched: {told}; {now}")));
    }
    Err(Miss::Ours(format!("nobody knows whether it goes on: {told}; a moment later: {now}")))
}

/// Switches off what this demo has switched on, if it is still that.
fn turn_off(show: &mut Show<'_>, held: &Held) -> Result<Value, Miss> {
    if let Some(who) = asked_for(show, held) {
        return Err(Miss::Asked(format!("not switched off: {who}")));
    }
    let mut off = order(show, false, (REASON, &held.trace));
    off["expected_version"] = json!(held.version);
    let mut told = String::new();
    for _ in 0..TRIES {
        match show.post_closed(SWITCH, &off) {
            Ok(answer) if answer.status == 200 => return is_off(show, held, answer.json()),
            Ok(answer) => told = format!("HTTP {}: {}", answer.status, answer.excerpt()),
            Err(silence) => told = silence,
        }
        match state(show) {
            Ok(now) if now["trace_id"] == *held.trace && now["latch_is_on"] == false => return is_off(show, held, now),
            Ok(now) if now["version"] != held.version && now["damage"].is_null() => {
                return Err(Miss::Left(format!("not switched off: it was changed meanwhile and is {}", whose(&now))));
            }
            Ok(_) | Err(_) => show.visitor.pause(AGAIN),
        }
    }
    // Nobody is invited to switch off what somebody has asked for in the meantime.
    Err(match asked_for(show, held) {
        Some(who) => Miss::Asked(format!("not switched off: {who}")),
        None => Miss::Ours(format!("not switched off: {told}")),
    })
}

/// It was switched off. Whoever asked for it to be on in the very last moment gets it back.
fn is_off(show: &mut Show<'_>, held: &Held, reply: Value) -> Result<Value, Miss> {
    if let Some(who) = asked_for(show, held) {
        let reason: String = format!("put back after a demo: {who}").chars().take(LONGEST_REASON).collect();
        let on = order(show, true, (&reason, &held.trace));
        let is_back = show.post_closed(SWITCH, &on).is_ok_and(|answer| answer.status == 200);
        if is_back {
            return Err(Miss::Asked(format!("on again: {who}")));
        }
        show.alarm(&format!("❌ THE KILL SWITCH IS OFF AND COULD NOT BE SWITCHED ON AGAIN: {who}"));
        return Err(Miss::Left(format!("off: {who}")));
    }
    if reply["emergency_stop"] == true {
        let told = "the demo's switch is off; orders are held by the emergency stop, which somebody has set meanwhile";
        return Err(Miss::Left(told.to_owned()));
    }
    Ok(reply)
}

/// Who asked for the switch to be on while the demo had it on.
fn asked_for(show: &Show<'_>, held: &Held) -> Option<String> {
    asked_since(show.demo.store, |row| row.trace_id == held.trace)
}

/// Who asked for a switch to be on that was on already since a row of the audit. That changes neither state nor version,
/// and the page goes on to name whoever set it; the audit has it.
pub(super) fn asked_since(store: &Store, is_start: impl Fn(&KillAuditRow) -> bool) -> Option<String> {
    let (bytes, _) = store.read_end(layout::KILL_AUDIT, AUDIT_REACH).ok()??;
    let rows: Vec<_> = bytes.split(|byte| *byte == b'\n').filter_map(|line| KillAuditRow::parse(line).ok()).collect();
    let start = rows.iter().position(is_start)?;
    let row = rows[start..].iter().find(|row| row.action == KillAction::KillOnNoop)?;
    Some(format!("{} asked for ON at {}: {} (audit id {})", row.actor, row.ts_iso, row.reason, row.audit_id))
}

/// What to type to switch it off without this program.
fn way_off(show: &Show<'_>, version: Option<u64>) -> String {
    let (base, token) = (&show.demo.base, show.demo.store.path(layout::OPS_TOKEN));
    let mut body = json!({"is_on": false, "reason": "end of the demo"});
    if let Some(version) = version {
        body["expected_version"] = json!(version);
    }
    format!(
        "curl -X POST {base}{SWITCH} -H 'Content-Type: application/json' \
         -H \"Authorization: Bearer $(cat '{}')\" -d '{body}'",
        token.display()
    )
}

/// What the server says of itself while the switch is on.
fn snapshot(show: &mut Show<'_>) -> Result<String, String> {
    let patience = show.demo.patience.event;
    show.until(patience, |show| {
        let risk = show.read("/api/ops/risk-snapshot")?.json();
        let state = show.read("/api/v1/ops/state")?.json();
        told(&risk, &state["engine"]["alive"])
    })
}

fn told(risk: &Value, engine: &Value) -> Result<String, String> {
    let (switch, mode, level) = (&risk["kill_switch"], &risk["mode"], &risk["downgrade_level"]);
    if *switch == true && *mode == "KILL" && *level == 2 {
        let orders =
            if *engine == false { "no engine is connected, so no order could be tried" } else { "no order was tried" };
        Ok(format!("risk snapshot: mode KILL, downgrade 2; {orders}"))
    } else {
        Err(format!("risk snapshot: kill_switch {switch}, mode {mode}, downgrade {level}; true, KILL and 2 are right"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_says_the_mode_and_no_blocked_order_is_claimed() {
        let at = |switch: bool, mode: &str, level: u8| json!({"kill_switch": switch, "mode": mode, "downgrade_level": level});
        let told_on = told(&at(true, "KILL", 2), &json!(false)).expect("on");
        assert!(told_on.contains("no order could be tried") && !told_on.contains("block"), "{told_on}");
        for wrong in [at(false, "KILL", 2), at(true, "NORMAL", 2), at(true, "KILL", 0), json!({})] {
            assert!(told(&wrong, &json!(false)).is_err(), "{wrong}");
        }
    }
}
