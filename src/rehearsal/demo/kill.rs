//! The kill switch at the end of a demo: on, what that means for orders, and off again whatever happened in between.

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
        let outcome = blocked(show);
        show.note("k.blocked", outcome);
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

/// What the server says about orders while the switch is on.
fn blocked(show: &mut Show<'_>) -> Result<String, String> {
    let patience = show.demo.patience.event;
    show.until(patience, |show| {
        let risk = show.read("/api/ops/risk-snapshot")?.json();
        if risk["kill_switch"] == true && risk["mode"] == "KILL" {
            Ok(format!("mode KILL, risk level {}: no new order leaves", risk["risk_level"]))
        } else {
            Err(format!("kill_switch {}, mode {}", risk["kill_switch"], risk["mode"]))
        }
    })
}
