//! The kill switch at the end of a demo: on, what the risk snapshot says then, and off again whatever happened in between.
//!
//! No engine is connected, so no order is tried here, and none is said to have been blocked.

use serde_json::Value;
use serde_json::json;

use super::Said;
use super::show::Show;

const SWITCH: &str = "/api/control/kill-switch";

const REMEDY: Said = Said {
    ko: "킬 스위치가 켜져 있을 수 있습니다. 화면의 킬 스위치 패널에서 상태를 확인하고 사유를 적어 끄세요.",
    en: "the kill switch may still be on: look at the page's kill panel and turn it off with a reason.",
};

pub(super) fn show_it(show: &mut Show<'_>) {
    let on = set(show, true);
    let told = on.clone().map(|reply| format!("audit id {}", reply["audit_id"]));
    show.note("k.on", told);
    if on.is_ok() {
        let outcome = snapshot(show);
        show.note("k.snapshot", outcome);
    }
    // Also after a fault: a reply that did not come says nothing about the switch.
    let off = set(show, false);
    let told = off.clone().map(|reply| format!("audit id {}", reply["audit_id"]));
    show.judge("k.off", told, Some(REMEDY));
    let member = |reply: Result<Value, String>| reply.unwrap_or_else(|why| json!({"fault": why}));
    let document = json!({"on": member(on), "off": member(off)});
    show.keep_json("12_kill.json", &document);
}

fn set(show: &mut Show<'_>, is_on: bool) -> Result<Value, String> {
    let actor = show.demo.operator.clone().unwrap_or_else(|| "demo".to_owned());
    let actor: String = actor.chars().take(64).collect();
    let answer = show.post_closed(SWITCH, &json!({"is_on": is_on, "reason": "dashboard demo", "actor": actor}))?;
    let reply = answer.json();
    let is_done = answer.status == 200 && reply["is_on"] == is_on && reply["audit_id"].is_string();
    if is_done { Ok(reply) } else { Err(format!("HTTP {}: {}", answer.status, answer.excerpt())) }
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
