//! The checklist before a demo: nine looks, and the demo is not shown unless all of them pass.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::KillPart;
use super::Said;
use super::Speed;
use super::kill::asked_since;
use super::kill::whose;
use super::show::Show;
use crate::rehearsal::diagnosis::absence::absence;
use crate::rehearsal::diagnosis::reach;
use crate::rehearsal::live_log;
use crate::rehearsal::visit::Answer;
use crate::rehearsal::visit::Listener;
use crate::rehearsal::visit::Sort;

/// What must be free on the disk.
const FREE: u64 = 100 << 20;
/// The word that the page must show.
pub(super) const TITLE: &str = "ops dashboard";
/// How far the two looks at the counter of lost events are apart: a fast demo, and one by the clock.
const APART: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How long a server may say that it is starting.
const STARTING: Duration = Duration::from_secs(8);

const REMEDY_A: Said = Said {
    ko: "복구 A: `daily_ops serve`로 서버를 시작하거나 `sudo systemctl restart daily-ops-backend`로 다시 시작하고, \
         `daily_ops check dashboard`로 원인을 확인하세요.",
    en: "recovery A: start the server with `daily_ops serve`, or restart its unit with `sudo systemctl restart \
         daily-ops-backend`; `daily_ops check dashboard` names the cause.",
};
const REMEDY_B: Said = Said {
    ko: "복구 B: `daily_ops check dashboard`가 어디서 끊기는지 보여 줍니다(POST, 스트림, 로그, 구독자).",
    en: "recovery B: `daily_ops check dashboard` follows an event and says where it stops (POST, stream, log, subscribers).",
};
const REMEDY_C: Said = Said {
    ko: "복구 C: `daily_ops check dashboard`가 느린 구독자나 작은 큐를 찾아 줍니다.",
    en: "recovery C: `daily_ops check dashboard` finds the slow subscriber or the tiny queue.",
};
const REMEDY_KILL: Said = Said {
    ko: "킬 스위치가 왜 켜졌는지 여기 적힌 사람 모두와 확인한 다음, 화면의 킬 스위치 패널에서 사유를 적고 끄세요.",
    en: "find out why the kill switch is on, from everybody who is named here, then turn it off on the page's kill panel \
         with a reason.",
};
const REMEDY_DISK: Said = Said {
    ko: "쓸 수 있고 100 MiB 이상 남은 디렉터리를 --evidence-dir로 지정하세요.",
    en: "name a directory that can be written and has 100 MiB left with --evidence-dir.",
};
const REMEDY_TOKEN: Said = Said {
    ko: "--token-file로 운영자 토큰 파일을 지정하세요(서버가 만든 파일은 state/ops_token).",
    en: "name the file of an operator token with --token-file (the server's own is state/ops_token).",
};

/// Looks at everything, and keeps what was seen in `00_precheck.json`.
pub(super) fn look(show: &mut Show<'_>) {
    show.tell(Said { ko: "사전 점검", en: "The checklist" });
    // Ends early at a signal; whoever called sees that too.
    all(show);
    let document = json!({
        "ts_iso": show.stamp(),
        "base_url": show.demo.base.to_string(),
        "passed": show.failed() == 0 && !show.is_interrupted(),
        "interrupted": show.is_interrupted(),
        "manual": show.manual(),
        "checks": show.checks,
    });
    show.keep_json("00_precheck.json", &document);
}

fn all(show: &mut Show<'_>) -> Option<()> {
    if listener(show)? {
        served(show)?;
    } else {
        for id in ["pre2", "pre3", "pre4", "pre5", "pre6", "pre7"] {
            show.note(id, Err("not looked at: the server is not reached, see pre1".to_owned()));
        }
    }
    disk(show);
    presenter(show);
    if show.demo.kill == KillPart::Shown {
        let outcome = match &show.demo.key {
            Some(_) => Ok("a token is there for the kill switch".to_owned()),
            None => Err("the kill switch needs a token and there is none".to_owned()),
        };
        show.judge("pre10", outcome, Some(REMEDY_TOKEN.to(show.demo.lang)));
    }
    Some(())
}

/// Judges a look, unless a signal came: a look that a signal cut short has found no fault.
fn judge(show: &mut Show<'_>, id: &'static str, outcome: Result<String, String>, remedy: &str) -> Option<bool> {
    (!show.is_interrupted()).then(|| show.judge(id, outcome, Some(remedy)))
}

/// What only a server that answers can be asked.
fn served(show: &mut Show<'_>) -> Option<()> {
    let [remedy_a, remedy_b, remedy_c, remedy_kill] =
        [REMEDY_A, REMEDY_B, REMEDY_C, REMEDY_KILL].map(|said| said.to(show.demo.lang));
    let outcome = pages(show);
    judge(show, "pre2", outcome, remedy_a)?;
    let outcome = metrics(show);
    judge(show, "pre3", outcome, remedy_c)?;
    let stream = show.listen();
    let (mut stream, outcome) = match stream {
        Ok(mut stream) => {
            let first = stream.wait_for(show.demo.patience.hello, |_| true);
            let outcome =
                first.map(|frame| format!("the first frame ({:?}) came after {} ms", frame.sort, frame.at.as_millis()));
            (Some(stream), outcome.ok_or_else(|| "connected, but no data line came".to_owned()))
        }
        Err(why) => (None, Err(format!("/events: {why}"))),
    };
    judge(show, "pre4", outcome, remedy_b)?;
    let posted = smoke(show);
    let trace = posted.as_ref().ok().cloned();
    judge(show, "pre5", posted.map(|trace| format!("trace_id {trace}")), remedy_b)?;
    let (outcome, cause) = match (trace, &mut stream) {
        (Some(trace), Some(stream)) => followed(show, stream, &trace),
        _ => (Err("not looked at: see pre4 and pre5".to_owned()), None),
    };
    judge(show, "pre6", outcome, cause.as_deref().unwrap_or(remedy_b))?;
    let outcome = kill_switch(show);
    judge(show, "pre7", outcome, remedy_kill).map(drop)
}

/// One listener, and it is ours. A server that was only just started is given some seconds.
fn listener(show: &mut Show<'_>) -> Option<bool> {
    let patience = show.demo.patience;
    let lang = show.demo.lang;
    let mut instead = None;
    let outcome = show.until(patience.ready, |show| {
        let found = reach::look(&show.visitor, show.demo.store.root());
        instead = found.instead(lang);
        if found.is_fine() { Ok(found.summary()) } else { Err(found.summary()) }
    });
    judge(show, "pre1", outcome, instead.as_deref().unwrap_or(REMEDY_A.to(lang)))
}

fn pages(show: &mut Show<'_>) -> Result<String, String> {
    for path in ["/", "/ops"] {
        let page = show.read(path).map_err(|why| format!("{path}: {why}"))?;
        is_page(&page).map_err(|why| format!("{path}: {why}"))?;
    }
    Ok("/ and /ops show the dashboard".to_owned())
}

/// Whether an answer is the dashboard's page.
pub(super) fn is_page(page: &Answer) -> Result<(), String> {
    let is_titled = page.text().to_lowercase().contains(TITLE);
    if is_titled { Ok(()) } else { Err("the words Ops Dashboard are not on the page".to_owned()) }
}

fn metrics(show: &mut Show<'_>) -> Result<String, String> {
    let first = show.until(STARTING, |show| {
        let value = show.read("/api/ops/metrics")?.json();
        match value["health"].as_str() {
            Some("UNKNOWN") => Err(format!("health UNKNOWN: {}", reasons(&value))),
            Some(_) => Ok(value),
            None => Err("no member health".to_owned()),
        }
    })?;
    show.boot_id = first["boot_id"].clone();
    let health = first["health"].as_str().unwrap_or_default();
    let why = reasons(&first);
    if health != "OK" && why.is_empty() {
        return Err(format!("health {health} without a reason"));
    }
    let before = first["drop_count"].as_u64().ok_or("no member drop_count")?;
    let apart = APART[usize::from(show.demo.speed == Speed::Real)];
    show.demo.clock.wait(apart);
    let second = show.read("/api/ops/metrics")?.json();
    let after = second["drop_count"].as_u64().ok_or("no member drop_count")?;
    if after > before {
        return Err(format!("drop_count rises: {before}, then {after}"));
    }
    let told = if why.is_empty() { String::new() } else { format!(" ({why})") };
    Ok(format!("health {health}{told}, drop_count {after} and not rising within {} s", apart.as_secs()))
}

fn reasons(metrics: &Value) -> String {
    let list = metrics["health_reasons"].as_array();
    let words = list.map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    words.unwrap_or_default().join(", ")
}

fn smoke(show: &mut Show<'_>) -> Result<String, String> {
    let answer = show.post("/api/ops/test-event", &json!({"message": "smoke", "source": "demo"}))?;
    show.keep("smoke_resp.json", &answer.body);
    trace_of(&answer)
}

/// The trace id of a test event's reply.
pub(super) fn trace_of(answer: &Answer) -> Result<String, String> {
    let reply = answer.json();
    match reply["trace_id"].as_str() {
        Some(trace) if answer.status == 200 && reply["status"] == "ok" && !trace.is_empty() => Ok(trace.to_owned()),
        _ => Err(format!("HTTP {}: {}", answer.status, answer.excerpt())),
    }
}

/// The event once on the stream and once in the log; when it is not in the log, also what to do about that.
fn followed(show: &mut Show<'_>, stream: &mut Listener, trace: &str) -> (Result<String, String>, Option<String>) {
    let patience = show.demo.patience;
    let frame = stream.wait_for(patience.event, |frame| frame.is_of(trace));
    let Some(frame) = frame else { return (Err(format!("the event {trace} did not come on the stream")), None) };
    let rows = show.until(patience.event.max(patience.answer), |show| {
        let rows = live_log::rows_of(show.demo.store, &show.demo.log, trace)?;
        if rows.is_empty() { Err(format!("no row of {trace} in {}", show.demo.log)) } else { Ok(rows) }
    });
    let kept = match rows {
        Ok(rows) => rows.len(),
        Err(why) => {
            let (cause, _) = absence(&show.visitor, (show.demo.store, &show.demo.log), show.demo.lang);
            return (Err(format!("{why}: {}", cause.text)), Some(cause.remedy.join(" ")));
        }
    };
    let seen = stream.count(|frame| frame.is_of(trace));
    if (seen, kept) != (1, 1) {
        let told = format!("the event came {seen} times on the stream and {kept} times in the log, once each is right");
        return (Err(told), None);
    }
    let hello = stream.count(|frame| frame.sort == Sort::Hello);
    let (id, log) = (frame.id.unwrap_or_default(), &show.demo.log);
    (Ok(format!("id {id} once on the stream (after {hello} hello) and once in {log}")), None)
}

fn kill_switch(show: &mut Show<'_>) -> Result<String, String> {
    let state = show.read("/api/control/kill-switch")?.json();
    match state["is_on"].as_bool() {
        Some(false) => Ok("the kill switch is off; the address carries no filter".to_owned()),
        Some(true) => {
            let set_by = state["audit_id"].as_str().unwrap_or_default();
            let asked = asked_since(show.demo.store, |row| row.audit_id == set_by);
            let asked = asked.map_or_else(String::new, |who| format!("; since then {who}"));
            Err(format!("the kill switch is {}{asked}", whose(&state)))
        }
        None => Err("the kill switch does not say whether it is on".to_owned()),
    }
}

fn disk(show: &mut Show<'_>) {
    let outcome = match &show.evidence {
        Err(fault) => Err(fault.to_string()),
        Ok(evidence) => match evidence.free_bytes() {
            Some(free) if free < FREE => {
                Err(format!("{} has {} MiB left, 100 are needed", evidence.folder().display(), free >> 20))
            }
            Some(free) => Ok(format!("{}, {} MiB left", evidence.folder().display(), free >> 20)),
            None => Ok(format!("{}; the system does not say what is left", evidence.folder().display())),
        },
    };
    show.judge("pre8", outcome, Some(REMEDY_DISK.to(show.demo.lang)));
}

/// What no program can see: it passes only in the name of somebody who confirms it.
fn presenter(show: &mut Show<'_>) {
    let what = "browser at 100 %, 1440 pixels wide, notifications off";
    match &show.demo.operator {
        Some(operator) => {
            let told = format!("{operator} confirms: {what}");
            show.note("pre9", Ok(told));
        }
        None => show.leave("pre9", &format!("{what}; --operator NAME confirms it")),
    }
}
