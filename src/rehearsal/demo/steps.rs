//! The timed steps: one call after the other, and what must be seen at each.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::KillPart;
use super::kill;
use super::precheck::is_page;
use super::precheck::trace_of;
use super::script;
use super::script::Beat;
use super::shots;
use super::show::Show;
use crate::contracts::event::new_trace;
use crate::contracts::event::plain_trace;
use crate::contracts::json::sha256_hex;
use crate::rehearsal::diagnosis::counted;
use crate::rehearsal::visit::Answer;
use crate::rehearsal::visit::Listener;
use crate::rehearsal::visit::Sort;
use crate::settings::Lang;

/// The type of the filter's step.
const FILTERED: &str = "RiskEvaluated";
/// The events of one story: the injected one and three more.
pub(super) const STORY: usize = 4;
/// What the demo publishes from its first step on.
const PUBLISHED: u64 = 5;

/// All steps in their order; an interrupted demo ends early and has failed.
pub(super) fn perform(show: &mut Show<'_>) {
    shots::prepare(show);
    show.tell(script::Said { ko: "시연을 시작합니다.", en: "The demo begins." });
    show.start_schedule();
    let through = run(show).is_some();
    if !through {
        show.note_signal();
    }
    show.sections.sse = show.sse.as_mut().map(|sse| sse.log()).unwrap_or_default();
    show.sections.ws = show.ws.as_mut().map(|ws| ws.log()).unwrap_or_default();
    let (sse, ws) = (show.sections.sse.clone(), show.sections.ws.clone());
    show.keep("04_sse.log", sse.as_bytes());
    show.keep("05_ws.log", ws.as_bytes());
}

fn run(show: &mut Show<'_>) -> Option<()> {
    begin(show, &script::INTRO)?;
    intro(show);
    wait(show, 5)?;
    shots::take(show, "0005_intro.png");
    begin(show, &script::EVENT)?;
    let trace = event(show);
    wait(show, 25)?;
    shots::take(show, "0025_event.png");
    begin(show, &script::STORY)?;
    story(show, trace.as_deref());
    wait(show, 60)?;
    shots::take(show, "0060_group.png");
    begin(show, &script::TYPE)?;
    by_type(show, trace.as_deref());
    wait(show, 85)?;
    shots::take(show, "0085_type.png");
    begin(show, &script::TRACE)?;
    by_trace(show, trace.as_deref());
    wait(show, 95)?;
    shots::take(show, "0095_trace.png");
    begin(show, &script::EXPORT)?;
    export(show, trace.as_deref());
    wait(show, 102)?;
    shots::take_export(show);
    begin(show, &script::CLOSING)?;
    closing(show, trace.as_deref());
    wait(show, script::CLOSING.to)?;
    if show.demo.kill == KillPart::Shown {
        begin(show, &script::KILL)?;
        kill::show_it(show);
    }
    (!show.is_interrupted()).then_some(())
}

fn begin(show: &mut Show<'_>, beat: &Beat) -> Option<()> {
    wait(show, beat.from)?;
    show.announce(beat);
    Some(())
}

fn wait(show: &Show<'_>, seconds: u64) -> Option<()> {
    show.reach(seconds).then_some(())
}

/// The page, the three cards and a live connection.
fn intro(show: &mut Show<'_>) {
    let page = show.read("/ops");
    if let Ok(page) = &page {
        show.keep("01_page.html", &page.body);
    }
    let outcome = page.as_ref().map_err(Clone::clone).and_then(|page| {
        is_page(page)?;
        let text = page.text();
        let missing: Vec<_> = ["health", "drop", "subs"].into_iter().filter(|id| !has_id(&text, id)).collect();
        if missing.is_empty() {
            Ok(format!("/ops, {} bytes", page.body.len()))
        } else {
            Err(format!("no cards {missing:?}"))
        }
    });
    show.note("s1.page", outcome);
    for socket in [false, true] {
        let opened = if socket { show.socket() } else { show.listen() };
        let patience = show.demo.patience.hello;
        let outcome = opened.and_then(|mut stream| {
            let hello = stream.wait_for(patience, |frame| frame.sort == Sort::Hello);
            hello.map(|frame| (frame, stream)).ok_or_else(|| "connected, but no hello came".to_owned())
        });
        let id = if socket { "s1.ws" } else { "s1.live" };
        let outcome = outcome.map(|(frame, stream)| {
            *(if socket { &mut show.ws } else { &mut show.sse }) = Some(stream);
            format!("hello after {} ms, last id {}", frame.at.as_millis(), frame.value["last_id"])
        });
        show.note(id, outcome);
    }
    let metrics = show.read("/api/ops/metrics");
    if let Ok(answer) = &metrics {
        show.keep("02_metrics_before.json", &answer.body);
        show.sections.before = Some(answer.json());
    }
    let outcome = metrics.and_then(|answer| cards(&answer.json()));
    show.note("s1.metrics", outcome);
    shots::open(show);
}

fn has_id(page: &str, id: &str) -> bool {
    [format!("id=\"{id}\""), format!("id='{id}'"), format!("id={id}")].iter().any(|form| page.contains(form.as_str()))
}

fn cards(metrics: &Value) -> Result<String, String> {
    let (health, drops, subscribers) =
        (metrics["health"].as_str(), metrics["drop_count"].as_u64(), metrics["subscribers"].as_u64());
    match (health, drops, subscribers) {
        (Some(health), Some(drops), Some(subscribers @ 1..)) => {
            Ok(format!("Health {health}, DropCount {drops}, Subscribers {subscribers}"))
        }
        seen => Err(format!("health, drop_count, subscribers are {seen:?}")),
    }
}

/// One event, its reply, and both streams.
fn event(show: &mut Show<'_>) -> Option<String> {
    let body = json!({"message": "demo", "source": "investor"});
    let answer = show.post("/api/ops/test-event", &body);
    let told = answer.as_ref().map_or_else(Clone::clone, |a| format!("{} {}", a.status, a.text()));
    show.sections.trigger = vec![format!("POST /api/ops/test-event {body}"), told];
    let log = show.sections.trigger.join("\n") + "\n";
    show.keep("03_trigger.log", log.as_bytes());
    let posted = answer.and_then(|answer| trace_of(&answer));
    let trace = posted.as_ref().ok().cloned();
    show.note("s2.reply", posted.map(|trace| format!("trace_id {trace}")));
    let Some(trace) = trace else {
        for id in ["s2.sse", "s2.ws", "s2.browser"] {
            show.note(id, Err("not looked at: there is no event".to_owned()));
        }
        return None;
    };
    show.say(&format!("  trace_id {trace}"));
    let patience = show.demo.patience.event;
    let outcome = came(show.sse.as_mut(), &trace, patience);
    show.note("s2.sse", outcome);
    let outcome = came(show.ws.as_mut(), &trace, patience);
    show.note("s2.ws", outcome);
    shots::see_row(show, &trace);
    Some(trace)
}

/// Whether the injected event came on a stream in time.
fn came(stream: Option<&mut Listener>, trace: &str, within: Duration) -> Result<String, String> {
    let stream = stream.ok_or("not looked at: the stream is not open")?;
    let replied = stream.elapsed();
    let frame = stream.wait_for(within, |frame| frame.is_of(trace));
    let frame = frame.ok_or_else(|| format!("the event {trace} did not come within {} ms", within.as_millis()))?;
    if frame.value["message"] != "demo" {
        return Err(format!("the event {trace} came with the message {}", frame.value["message"]));
    }
    Ok(format!("id {}, {} ms after the reply", frame.value["id"], frame.at.saturating_sub(replied).as_millis()))
}

/// Three more events of the same trace, and one of another.
fn story(show: &mut Show<'_>, trace: Option<&str>) {
    let Some(trace) = trace else { return without(show, &["s3.posts", "s3.trace", "s3.stream", "s3.browser"]) };
    let parts = [
        ("SignalGenerated", "INFO", "BUY 005930, moving averages crossed", trace.to_owned()),
        (FILTERED, "WARN", "order blocked: notional above the limit", trace.to_owned()),
        ("OrderStatusChanged", "INFO", "order canceled before it was sent", trace.to_owned()),
        ("SignalGenerated", "INFO", "HOLD 000660", new_trace()),
    ];
    let mut wrong = Vec::new();
    for (kind, severity, message, of) in parts {
        let body = json!({
            "type": kind, "severity": severity, "message": message, "trace_id": of, "source": "investor",
            "data": {"demo": true},
        });
        let sent = show.post("/api/ops/test-event", &body).and_then(|answer| trace_of(&answer));
        if sent.as_ref() != Ok(&of) {
            wrong.push(format!("{kind}: {sent:?}"));
        }
    }
    show.note("s3.posts", if wrong.is_empty() { Ok("4 events accepted".to_owned()) } else { Err(wrong.join("; ")) });
    let answer = show.read(&format!("/api/ops/traces/{trace}"));
    if let Ok(answer) = &answer {
        show.keep("06_trace.json", &answer.body);
    }
    let outcome = answer.and_then(|answer| one_story(&answer.json()));
    show.note("s3.trace", outcome);
    let patience = show.demo.patience.event;
    let seen = show.until(patience, |show| {
        let seen = show.sse.as_mut().map_or(0, |sse| sse.count(|frame| frame.is_of(trace)));
        if seen == STORY {
            Ok(format!("{} on the stream", counted(seen, "event", "events")))
        } else {
            Err(format!("{} on the stream, not {STORY}", counted(seen, "event", "events")))
        }
    });
    show.note("s3.stream", seen);
    shots::see_group(show, trace);
}

fn one_story(document: &Value) -> Result<String, String> {
    let ids = ids(&document["events"]);
    let ascending = ids.windows(2).all(|pair| pair[0] < pair[1]);
    if document["count"] == STORY && ids.len() == STORY && ascending {
        Ok(format!("{STORY} events, ids {ids:?} ascending"))
    } else {
        Err(format!("count {}, ids {ids:?}; {STORY} ascending ones are right", document["count"]))
    }
}

fn ids(events: &Value) -> Vec<u64> {
    events.as_array().map(|events| events.iter().filter_map(|event| event["id"].as_u64()).collect()).unwrap_or_default()
}

fn without(show: &mut Show<'_>, checks: &[&'static str]) {
    for id in checks {
        show.note(id, Err("not looked at: there is no trace, see s2.reply".to_owned()));
    }
}

/// Only events of one type, ours among them.
fn by_type(show: &mut Show<'_>, trace: Option<&str>) {
    let answer = show.read(&format!("/api/ops/events?type={FILTERED}&limit=1000"));
    if let Ok(answer) = &answer {
        show.keep("07_filter_type.json", &answer.body);
    }
    let outcome = answer.and_then(|answer| {
        let events = events(&answer);
        let odd = events.iter().filter(|event| event["type"] != FILTERED).count();
        let ours = events.iter().any(|event| trace.is_some_and(|trace| event["trace_id"] == *trace));
        match (odd, ours) {
            (0, true) => Ok(format!("{}, all {FILTERED}", counted(events.len(), "event", "events"))),
            (0, false) => {
                Err(format!("the demo's {FILTERED} is not among {}", counted(events.len(), "event", "events")))
            }
            _ => Err(format!("{odd} of {} of another type", counted(events.len(), "event", "events"))),
        }
    });
    show.note("s4.type", outcome);
    match trace {
        Some(trace) => shots::see_type(show, FILTERED, trace),
        None => without(show, &["s4.browser"]),
    }
}

fn events(answer: &Answer) -> Vec<Value> {
    answer.json()["events"].as_array().cloned().unwrap_or_default()
}

/// Characters 3 to 10 of the trace id find its events and no others.
fn by_trace(show: &mut Show<'_>, trace: Option<&str>) {
    let Some(trace) = trace else { return without(show, &["s5.trace", "s5.browser"]) };
    let part: String = trace.chars().skip(2).take(8).collect();
    show.say(&format!("  {part}"));
    let answer = show.read(&format!("/api/ops/events?q={part}&limit=1000"));
    if let Ok(answer) = &answer {
        show.keep("08_filter_trace.json", &answer.body);
    }
    let outcome = answer.and_then(|answer| {
        let events = events(&answer);
        let is_ours =
            |event: &&Value| plain_trace(event["trace_id"].as_str().unwrap_or_default()) == plain_trace(trace);
        let ours = events.iter().filter(is_ours).count();
        if (ours, events.len()) == (STORY, STORY) {
            Ok(format!("{part:?} finds the {STORY} events of {trace} alone"))
        } else {
            Err(format!(
                "{part:?} finds {}, {ours} of them ours; {STORY} of ours alone are right",
                counted(events.len(), "event", "events")
            ))
        }
    });
    show.note("s5.trace", outcome);
    shots::see_search(show, &part, trace);
}

/// The export: its name, its content, its hash.
fn export(show: &mut Show<'_>, trace: Option<&str>) {
    let Some(trace) = trace else { return without(show, &["s6.name", "s6.count", "s6.sha256", "s6.browser"]) };
    match show.read(&format!("/api/ops/export?q={trace}")) {
        Ok(answer) => exported(show, &answer),
        Err(why) => {
            for id in ["s6.name", "s6.count", "s6.sha256"] {
                show.note(id, Err(why.clone()));
            }
        }
    }
    shots::press_export(show, trace);
}

fn exported(show: &mut Show<'_>, answer: &Answer) {
    let disposition = answer.header("content-disposition").unwrap_or_default().to_owned();
    let name = disposition.split("filename=").nth(1).map(|rest| rest.trim_matches(['"', ' ', ';']).to_owned());
    let name = name.filter(|name| is_export(name));
    let outcome = name.clone().ok_or_else(|| format!("Content-Disposition is {disposition:?}"));
    show.note("s6.name", outcome);
    let kept = name.as_deref().unwrap_or("ops_events_unnamed.json");
    show.keep(&format!("09_export/{kept}"), &answer.body);
    let document = answer.json();
    let ids = ids(&document["events"]);
    let outcome = if document["count"] == STORY && ids.len() == STORY {
        Ok(format!("{STORY} events, ids {} to {}", document["first_id"], document["last_id"]))
    } else {
        Err(format!("count {}, {}; {STORY} are right", document["count"], counted(ids.len(), "event", "events")))
    };
    show.note("s6.count", outcome);
    let (want, got) = (answer.header("x-content-sha256").unwrap_or_default(), sha256_hex(&answer.body));
    let outcome = if want == got { Ok(got) } else { Err(format!("the header says {want:?}, the body has {got}")) };
    show.note("s6.sha256", outcome);
    show.say(&format!("  {kept}"));
}

/// `ops_events_YYYY-MM-DDTHHMMSSmmmZ.json`
pub(super) fn is_export(name: &str) -> bool {
    let Some(stamp) = name.strip_prefix("ops_events_").and_then(|rest| rest.strip_suffix(".json")) else {
        return false;
    };
    let form = "dddd-dd-ddTdddddddddZ";
    let fits = |(c, want): (char, char)| if want == 'd' { c.is_ascii_digit() } else { c == want };
    stamp.len() == form.len() && stamp.chars().zip(form.chars()).all(fits)
}

/// Nothing was lost, and every event came once.
fn closing(show: &mut Show<'_>, trace: Option<&str>) {
    let before = show.sections.before.clone().unwrap_or(Value::Null);
    let patience = show.demo.patience.answer;
    let mut last = None;
    let balance = show.until(patience, |show| {
        let answer = show.read("/api/ops/metrics")?;
        let after = answer.json();
        last = Some(answer);
        balanced(&before, &after)
    });
    if let Some(answer) = last {
        show.keep("10_metrics_after.json", &answer.body);
        show.sections.after = Some(answer.json());
    }
    let after = show.sections.after.clone().unwrap_or(Value::Null);
    // What a subscriber did not get, and what the log lacks.
    let lost = grown(&before, &after, "drop_count").zip(grown(&before, &after, "obs_write_dropped_total"));
    let outcome = match lost {
        Some((0, 0)) => Ok("drop_count and obs_write_dropped_total did not change".to_owned()),
        Some((drops, rows)) => Err(format!("drop_count rose by {drops}, obs_write_dropped_total by {rows}")),
        None => Err("drop_count and obs_write_dropped_total cannot be compared".to_owned()),
    };
    show.note("s7.drops", outcome);
    show.note("s7.counters", balance);
    let words = last_words(show.demo.lang, lost, grown(&before, &after, "event_published"));
    show.say(&words);
    let Some(trace) = trace else { return without(show, &["s7.once"]) };
    let of = |stream: &mut Option<Listener>| stream.as_mut().map_or(0, |s| s.count(|f| f.is_of(trace)));
    let (sse, ws) = (of(&mut show.sse), of(&mut show.ws));
    let told = format!("{} of the trace by SSE, {ws} by WebSocket", counted(sse, "event", "events"));
    show.note(
        "s7.once",
        if (sse, ws) == (STORY, STORY) { Ok(told) } else { Err(format!("{told}; {STORY} each are right")) },
    );
}

/// What the presenter may say in the end: what was measured and no more.
fn last_words(lang: Lang, lost: Option<(u64, u64)>, published: Option<u64>) -> String {
    let published = published.map_or_else(|| "?".to_owned(), |count| count.to_string());
    match (lang, lost) {
        (Lang::Ko, Some((0, 0))) => {
            format!("  말하기: 시연 중 잃어버린 이벤트는 없었습니다. (발행 +{published}, DropCount +0)")
        }
        (Lang::En, Some((0, 0))) => {
            format!("  say : Nothing was lost during the demo. (published +{published}, DropCount +0)")
        }
        (Lang::Ko, Some((drops, rows))) => {
            format!(
                "  말하기: 시연 중 전달 {drops}건과 로그 {rows}줄을 잃었고, 숨기지 않고 세었습니다. (발행 +{published}, DropCount +{drops}, \
                 obs_write_dropped_total +{rows})"
            )
        }
        (Lang::En, Some((drops, rows))) => {
            format!(
                "  say : {} and {} of the log lost during the demo, and counted. (published +{published}, DropCount +{drops}, \
                 obs_write_dropped_total +{rows})",
                counted(drops, "delivery", "deliveries"),
                counted(rows, "row", "rows")
            )
        }
        (Lang::Ko, None) => "  말하기: 시연 중 손실을 비교하지 못했습니다. 없었다고 말하지 마세요.".to_owned(),
        (Lang::En, None) => {
            "  say : The loss during the demo could not be compared; do not say there was none.".to_owned()
        }
    }
}

fn grown(before: &Value, after: &Value, counter: &str) -> Option<u64> {
    after[counter].as_u64()?.checked_sub(before[counter].as_u64()?)
}

fn balanced(before: &Value, after: &Value) -> Result<String, String> {
    let (published, consumed) = (grown(before, after, "event_published"), grown(before, after, "event_consumed"));
    match (published, consumed) {
        (Some(published @ PUBLISHED..), Some(consumed)) if published == consumed => {
            Ok(format!("{} published and consumed", counted(published, "event", "events")))
        }
        _ => Err(format!("published {published:?}, consumed {consumed:?}; equal and at least {PUBLISHED} is right")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_export_has_one_form() {
        let cases = [
            ("ops_events_2026-11-21T014204899Z.json", true),
            ("ops_events_2026-11-21T014204Z.json", false),
            ("ops_events_2026-11-21T01:42:04.899Z.json", false),
            ("../ops_events_2026-11-21T014204899Z.json", false),
            ("ops_events_2026-11-21T014204899Z.csv", false),
            ("", false),
        ];
        for (name, want) in cases {
            assert_eq!(is_export(name), want, "{name}");
        }
    }

    #[test]
    fn counters_must_grow_together_and_by_what_the_demo_published() {
        let at = |published: u64, consumed: u64| json!({"event_published": published, "event_consumed": consumed});
        assert!(balanced(&at(10, 10), &at(15, 15)).is_ok());
        assert!(balanced(&at(10, 9), &at(16, 15)).is_ok());
        for after in [at(15, 14), at(14, 14), at(9, 9), json!({})] {
            assert!(balanced(&at(10, 10), &after).is_err(), "{after}");
        }
    }

    #[test]
    fn a_story_is_four_events_in_order() {
        let of = |count: u64, ids: &[u64]| json!({"count": count, "events": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
        assert!(one_story(&of(4, &[1, 2, 3, 7])).is_ok());
        for wrong in [of(3, &[1, 2, 3]), of(4, &[1, 2, 3]), of(4, &[2, 1, 3, 4]), of(5, &[1, 2, 3, 4]), json!({})] {
            assert!(one_story(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_words_tell_what_was_measured() {
        for (lang, none) in [(Lang::Ko, "잃어버린 이벤트는 없었습니다"), (Lang::En, "Nothing was lost during the demo")]
        {
            let fine = last_words(lang, Some((0, 0)), Some(5));
            assert!(fine.contains(none) && fine.contains("+5") && fine.contains("DropCount +0"), "{fine}");
            for lost in [Some((3, 0)), Some((0, 3)), None] {
                let told = last_words(lang, lost, Some(5));
                assert!(!told.contains(none), "{told}");
            }
            let told = last_words(lang, Some((3, 7)), Some(5));
            assert!(told.contains("DropCount +3") && told.contains("obs_write_dropped_total +7"), "{told}");
        }
    }

    #[test]
    fn cards_without_a_subscriber_are_not_filled() {
        assert!(cards(&json!({"health": "OK", "drop_count": 0, "subscribers": 1})).is_ok());
        for wrong in
            [json!({"health": "OK", "drop_count": 0, "subscribers": 0}), json!({"drop_count": 0, "subscribers": 2})]
        {
            assert!(cards(&wrong).is_err(), "{wrong}");
        }
    }
}
