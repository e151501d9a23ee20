//! C: events are lost. The counter is watched for some seconds; who loses, and why.

use serde_json::Value;

use super::Class;
use super::Diagnosis;
use super::END_C;
use super::Look;
use super::Patient;
use super::TITLE_C;
use super::Verdict;
use super::counted;
use super::holders::absolute;
use super::pick;
use crate::rehearsal::demo::Said;
use crate::rehearsal::visit::Visitor;
use crate::settings::Lang;

/// A queue smaller than this was set for a test.
const TINY: u64 = 50;
/// A subscriber that was written to so recently is not stalled.
const STALLED_MS: i64 = 2_000;

const SAY_ROWS: Said = Said {
    ko: "디스크에 쓰지 못한 기록이 있습니다. 몇 건이고 어디인지 세어서 보여 줍니다.",
    en: "some records did not reach the disk; how many and which ones is counted and shown.",
};
const LOSING: Said =
    Said { ko: "디스크가 제때 쓰기를 받지 못합니다", en: "the disk could not take them in time" };
const LOST: Said = Said {
    ko: "전에 디스크가 제때 쓰기를 받지 못했고, 지금은 늘지 않습니다",
    en: "the disk could not take them earlier, and there are no more of them now",
};
/// What the health says while rows are lost.
const ROWS_LOST: &str = "obs_rows_lost";

/// One reading of the counters.
#[derive(Debug)]
struct Reading {
    drops: u64,
    /// Rows that the observation log lacks.
    rows: u64,
    /// Whether the server's own health says that rows are being lost.
    is_told: bool,
    queue: Option<u64>,
    rate: f64,
    ts: i64,
    subscribers: Vec<Subscriber>,
}

/// One subscriber in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subscriber {
    id: String,
    who: String,
    depth: u64,
    dropped: u64,
    last_write: Option<i64>,
}

impl Reading {
    fn of(value: &Value) -> Option<Self> {
        let list = value["subscribers_detail"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            drops: value["drop_count"].as_u64()?,
            rows: value["obs_write_dropped_total"].as_u64()?,
            is_told: value["health_reasons"]
                .as_array()
                .is_some_and(|reasons| reasons.iter().any(|why| why == ROWS_LOST)),
            queue: value["queue_maxsize"].as_u64(),
            rate: value["publish_rate_1m"].as_f64().unwrap_or_default(),
            ts: value["ts"].as_i64().unwrap_or_default(),
            subscribers: list.iter().map(subscriber).collect(),
        })
    }
}

fn subscriber(value: &Value) -> Subscriber {
    let word = |key: &str| value[key].as_str().map_or_else(|| value[key].to_string(), str::to_owned);
    Subscriber {
        id: word("id"),
        who: format!("{} {}", word("transport"), word("peer")),
        depth: value["queue_depth"].as_u64().unwrap_or_default(),
        dropped: value["dropped"].as_u64().unwrap_or_default(),
        last_write: value["last_write_ms"].as_i64(),
    }
}

/// What two readings come to.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    None,
    Past,
    Tiny(u64),
    Slow(Vec<Subscriber>),
    Stalled(Vec<Subscriber>),
    Overload(usize),
    Gone,
}

/// How many rows never came into the log, which deliveries have nothing to do with. A finding while it goes on or has just
/// been, else a note.
fn rows(before: &Reading, after: &Reading) -> Option<(Class, u64)> {
    match after.rows {
        lacking if lacking > before.rows || after.is_told => Some((Class::Finding, lacking)),
        0 => None,
        lacking => Some((Class::Note, lacking)),
    }
}

fn judge(before: &Reading, after: &Reading) -> Loss {
    if let Some(queue) = after.queue.filter(|queue| *queue < TINY) {
        return Loss::Tiny(queue);
    }
    let dropped_before = |id: &str| before.subscribers.iter().find(|s| s.id == id).map_or(0, |s| s.dropped);
    let losing = |s: &&Subscriber| s.dropped > dropped_before(&s.id);
    // Who has stopped reading says nothing about the others, however many they are.
    let (stalled, readers): (Vec<_>, Vec<_>) = after.subscribers.iter().partition(|s| is_stalled(s, after));
    let losers: Vec<&Subscriber> = readers.iter().copied().filter(losing).collect();
    if losers.len() > 1 && losers.len() * 2 > readers.len() {
        return Loss::Overload(losers.len());
    }
    let named = |list: &[&Subscriber]| list.iter().map(|s| (*s).clone()).collect::<Vec<_>>();
    match (stalled.as_slice(), losers.as_slice()) {
        ([], []) if after.drops > before.drops => Loss::Gone,
        ([], []) if after.drops == 0 => Loss::None,
        ([], []) => Loss::Past,
        ([_, _, ..], []) => Loss::Stalled(named(&stalled)),
        _ => Loss::Slow(named(&[stalled, losers].concat())),
    }
}

/// Something waits for it, and nothing was written to it for a while.
fn is_stalled(subscriber: &Subscriber, reading: &Reading) -> bool {
    // The time of the last write is an instant or an age; an age is far smaller than an instant.
    let age = subscriber.last_write.map(|at| if at > 1_000_000_000_000 { reading.ts - at } else { at });
    subscriber.depth > 0 && age.is_none_or(|age| age > STALLED_MS)
}

pub(super) fn diagnosis(patient: &Patient<'_>, visitor: &Visitor) -> Diagnosis {
    let lang = patient.lang;
    let mut looked = Vec::new();
    let verdict = match read(visitor) {
        Err(why) => {
            looked.push(Look::new("/api/ops/metrics?detail=1", why.clone()));
            unread(lang, &why)
        }
        Ok(before) => {
            visitor.pause(patient.waits.watch);
            match read(visitor) {
                Err(why) => {
                    looked.push(Look::new("/api/ops/metrics?detail=1", why.clone()));
                    unread(lang, &why)
                }
                Ok(after) => {
                    looked = looks(patient, (&before, &after));
                    both(patient, &before, &after)
                }
            }
        }
    };
    verdict.with(("C", TITLE_C, END_C), looked, lang)
}

fn read(visitor: &Visitor) -> Result<Reading, String> {
    let answer = visitor.get("/api/ops/metrics?detail=1").map_err(|silence| silence.to_string())?;
    let told = || format!("HTTP {}: {}", answer.status, answer.excerpt());
    if answer.status != 200 {
        return Err(told());
    }
    Reading::of(&answer.json()).ok_or_else(told)
}

fn looks(patient: &Patient<'_>, (before, after): (&Reading, &Reading)) -> Vec<Look> {
    let watch = patient.waits.watch.as_secs_f64();
    let mut looked = vec![
        Look::new("drop_count", format!("{}, then {} after {watch} s", before.drops, after.drops)),
        Look::new("obs_write_dropped_total", format!("{}, then {} after {watch} s", before.rows, after.rows)),
        Look::new("queue_maxsize", after.queue.map_or_else(|| "unknown".to_owned(), |queue| queue.to_string())),
        Look::new("publish_rate_1m", format!("{:.1}/s", after.rate)),
    ];
    looked.extend(after.subscribers.iter().filter(|s| s.dropped > 0 || s.depth > 0).map(|s| {
        let written = s.last_write.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let saw = format!("{}, queue_depth {}, dropped {}, last_write_ms {written}", s.who, s.depth, s.dropped);
        Look::new(format!("subscriber {}", s.id), saw)
    }));
    looked
}

fn unread(lang: Lang, why: &str) -> Verdict {
    let text = pick(lang, format!("지표를 읽지 못했습니다: {why}"), format!("the metrics cannot be read: {why}"));
    Verdict::new(Class::Unseen, "METRICS_UNREADABLE", text)
}

fn names(list: &[Subscriber]) -> String {
    list.iter().map(|s| format!("{} ({})", s.id, s.who)).collect::<Vec<_>>().join(", ")
}

fn stalled(lang: Lang, list: &[Subscriber]) -> Verdict {
    let (count, names) = (list.len(), names(list));
    let text = pick(
        lang,
        format!("구독자 {count}개가 읽지 않고 멈췄습니다: {names}. 읽는 구독자는 영향이 없습니다."),
        format!("{count} subscribers have stopped reading: {names}. Those that read are not affected."),
    );
    Verdict::new(Class::Finding, "STALLED", text).remedy(pick(
        lang,
        "멈춘 화면을 닫거나 새로 고치세요. 발행 속도는 문제가 아닙니다.",
        "close or reload each of them; the rate of the producer is not the cause.",
    ))
}

fn slow(lang: Lang, list: &[Subscriber]) -> Verdict {
    let names = names(list);
    let text = pick(
        lang,
        format!("느린 구독자: {names}. 다른 구독자는 영향이 없습니다."),
        format!("a slow subscriber: {names}. The others are not affected."),
    );
    Verdict::new(Class::Finding, "SLOW_CLIENT", text).remedy(pick(
        lang,
        "그 화면을 닫거나 새로 고치세요. id로 이어서 받고 빈 구간을 채웁니다.",
        "close or reload that client; it goes on by id and fills its gap.",
    ))
}

/// What was lost on the way to subscribers, and on the way to the log. Rows that are being lost come first, because
/// nothing brings them back.
fn both(patient: &Patient<'_>, before: &Reading, after: &Reading) -> Verdict {
    let lang = patient.lang;
    let loss = judge(before, after);
    let delivery = verdict(lang, &loss, after.drops);
    let Some((class, count)) = rows(before, after) else { return delivery };
    let lacking = lacking(patient, class, count);
    match (loss, lacking.class) {
        (Loss::None, _) => lacking,
        (Loss::Past, _) | (_, Class::Finding) => lacking.and(delivery),
        _ => delivery.and(lacking),
    }
}

fn lacking(patient: &Patient<'_>, class: Class, count: u64) -> Verdict {
    let (lang, log) = (patient.lang, &patient.log);
    let why = if class == Class::Finding { LOSING } else { LOST };
    let text = pick(
        lang,
        format!("{log}에 행 {count}개가 없습니다: {}.", why.ko),
        format!("{log} lacks {}: {}.", counted(count, "row", "rows"), why.en),
    );
    let ranges = pick(
        lang,
        "빠진 구간은 이력과 내보내기의 missing에, 그리고 obs_rows_lost 이벤트(from_id, to_id)에 있습니다.",
        "where they are lacking stands in `missing` of reads and exports, and in the event obs_rows_lost (from_id, to_id).",
    );
    let verdict = Verdict::new(class, "ROWS_LOST", text).say(SAY_ROWS);
    if class == Class::Note {
        return verdict.remedy(ranges);
    }
    let root = absolute(patient.store.root());
    let root = root.display();
    verdict
        .remedy(pick(
            lang,
            format!("디스크에 자리를 만드세요: df -h {root}; daily_ops --root {root} store usage. 다시 시작할 필요는 없습니다."),
            format!("make room on the disk: df -h {root}; daily_ops --root {root} store usage. No restart is needed."),
        ))
        .remedy(ranges)
}

fn verdict(lang: Lang, loss: &Loss, drops: u64) -> Verdict {
    let of = |class, word, ko: String, en: String| Verdict::new(class, word, pick(lang, ko, en));
    match loss {
        Loss::None => of(Class::Fine, "OK", "잃은 이벤트가 없습니다(drop_count 0, obs_write_dropped_total 0).".to_owned(), "no event was lost (drop_count 0, obs_write_dropped_total 0).".to_owned()),
        Loss::Past => of(
            Class::Note,
            "PAST_LOSS",
            format!("전에 구독자에게 {drops}건을 전달하지 못했고, drop_count는 지금 늘지 않습니다."),
            format!("{} lost on the way to subscribers earlier; drop_count does not rise now.", counted(drops, "event was", "events were")),
        )
        .remedy(pick(
            lang,
            "빈 구간은 화면의 '불러오기'로 이력에서 채울 수 있습니다.",
            "a gap on the page is filled from the history by its button.",
        )),
        Loss::Tiny(queue) => of(
            Class::Finding,
            "TINY_QUEUE",
            format!("구독자 큐가 {queue}건뿐입니다. 시험용 값이 환경에 남아 있습니다."),
            format!("a subscriber's queue holds {}: a test's value was left in the environment.", counted(queue, "event", "events")),
        )
        .remedy(pick(
            lang,
            "OPS_BUS_QMAX를 지우고(unset OPS_BUS_QMAX, 유닛과 daily_ops.toml도 확인) 서버를 다시 시작하세요.",
            "remove OPS_BUS_QMAX (unset OPS_BUS_QMAX; look into the unit and daily_ops.toml too) and restart the server.",
        )),
        Loss::Stalled(list) => stalled(lang, list),
        Loss::Slow(list) => slow(lang, list),
        Loss::Overload(count) => of(
            Class::Finding,
            "OVERLOAD",
            format!("구독자 대부분({count})이 이벤트를 잃고 있습니다. 발행 속도가 너무 빠릅니다."),
            format!("most subscribers ({count}) lose events: more is published than they can take."),
        )
        .remedy(pick(
            lang,
            "이벤트를 보내는 쪽의 속도를 줄이고, 쓰지 않는 화면을 닫으세요.",
            "lower the rate of the producer, and close pages that nobody needs.",
        )),
        Loss::Gone => of(
            Class::Finding,
            "RISING",
            "DropCount가 늘었지만 잃은 구독자는 이미 떠났습니다.".to_owned(),
            "the counter rose, and the subscriber that lost is gone.".to_owned(),
        )
        .remedy(pick(lang, "1분 뒤에 다시 확인하세요.", "look again in a minute.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reading(drops: u64, queue: u64, subscribers: &[(u64, u64, u64, Option<i64>)]) -> Reading {
        let list: Vec<_> = subscribers
            .iter()
            .map(|(id, depth, dropped, write)| {
                json!({"id": id, "transport": "sse", "peer": "p", "queue_depth": depth, "dropped": dropped, "last_write_ms": write})
            })
            .collect();
        let value = json!({"drop_count": drops, "obs_write_dropped_total": 0, "queue_maxsize": queue, "ts": 2_000_000_000_000_i64, "subscribers_detail": list});
        Reading::of(&value).expect("a reading")
    }

    #[test]
    fn a_loss_is_named_after_who_loses() {
        let quiet = || reading(0, 200, &[(1, 0, 0, Some(10))]);
        let word = |before: &Reading, after: &Reading| verdict(Lang::En, &judge(before, after), after.drops).word;
        let now = Some(2_000_000_000_000_i64);
        let old = Some(2_000_000_000_000 - 9_000);
        let cases = [
            (quiet(), quiet(), "OK"),
            (reading(7, 200, &[]), reading(7, 200, &[]), "PAST_LOSS"),
            (reading(7, 200, &[]), reading(9, 200, &[]), "RISING"),
            (quiet(), reading(0, 5, &[]), "TINY_QUEUE"),
            (quiet(), reading(3, 200, &[(1, 0, 0, now), (2, 200, 3, Some(9_000))]), "SLOW_CLIENT"),
            (quiet(), reading(3, 200, &[(1, 0, 2, now), (2, 200, 3, now)]), "OVERLOAD"),
            (quiet(), reading(0, 200, &[(1, 0, 0, now), (2, 150, 0, Some(2_000_000_000_000 - 9_000))]), "SLOW_CLIENT"),
            (quiet(), reading(0, 200, &[(2, 150, 0, None)]), "SLOW_CLIENT"),
            (quiet(), reading(0, 200, &[(2, 150, 0, now)]), "OK"),
            // Three that stopped reading: losing, not losing, with nobody or somebody else there.
            (quiet(), reading(9, 200, &[(2, 200, 3, old), (3, 200, 3, old), (4, 200, 3, None)]), "STALLED"),
            (quiet(), reading(9, 200, &[(2, 150, 0, old), (3, 200, 3, old), (4, 0, 0, now)]), "STALLED"),
            (
                quiet(),
                reading(9, 200, &[(2, 200, 3, old), (3, 200, 3, now), (4, 0, 0, now), (5, 0, 0, now)]),
                "SLOW_CLIENT",
            ),
            (quiet(), reading(9, 200, &[(2, 200, 3, old), (3, 200, 3, now), (4, 200, 1, now)]), "OVERLOAD"),
        ];
        for (before, after, want) in cases {
            assert_eq!(word(&before, &after), want, "{before:?} {after:?}");
        }
    }

    #[test]
    fn rows_that_the_log_lacks_are_told_beside_what_was_not_delivered() {
        let at = |rows: u64, told: bool, reading: Reading| Reading { rows, is_told: told, ..reading };
        let quiet = || reading(0, 200, &[]);
        let now = Some(2_000_000_000_000_i64);
        let slow = || reading(3, 200, &[(1, 0, 0, now), (2, 200, 3, Some(9_000))]);
        let gone = || reading(7, 200, &[]);
        let cases = [
            (at(0, false, quiet()), at(5, false, quiet()), "ROWS_LOST", Class::Finding, "lacks 5 rows"),
            (at(1, true, quiet()), at(1, true, quiet()), "ROWS_LOST", Class::Finding, "lacks 1 row:"),
            (at(5, false, quiet()), at(5, false, quiet()), "ROWS_LOST", Class::Note, "lacks 5 rows"),
            (at(5, false, gone()), at(5, false, gone()), "ROWS_LOST", Class::Note, "7 events were lost"),
            (at(0, false, quiet()), at(5, true, slow()), "ROWS_LOST", Class::Finding, "slow subscriber"),
            (at(5, false, quiet()), at(5, false, slow()), "SLOW_CLIENT", Class::Finding, "lacks 5 rows"),
        ];
        let store = crate::store::Store::new("a");
        for (before, after, word, class, says) in cases {
            for lang in [Lang::En, Lang::Ko] {
                let patient = Patient {
                    base: crate::rehearsal::visit::BaseUrl::parse("http://127.0.0.1:1").expect("an address"),
                    bind: std::net::SocketAddr::from(([127, 0, 0, 1], 8000)),
                    key: None,
                    store: &store,
                    log: "metrics/l.jsonl".to_owned(),
                    lang,
                    waits: crate::rehearsal::diagnosis::Waits::default(),
                };
                let found = both(&patient, &before, &after);
                assert_eq!((found.word, found.class), (word, class), "{before:?} {after:?}");
                assert!(lang == Lang::Ko || found.text.contains(says), "{}", found.text);
                let steps = found.remedy.join("\n");
                assert!(
                    steps.contains("missing") && steps.contains("obs_rows_lost") && !found.text.contains("no event")
                );
                assert_eq!(steps.contains("df -h"), class == Class::Finding && word == "ROWS_LOST", "{steps}");
            }
        }
    }

    #[test]
    fn metrics_without_a_counter_are_no_reading() {
        assert!(Reading::of(&json!({"queue_maxsize": 5})).is_none());
        assert!(Reading::of(&json!({"drop_count": 0})).is_none(), "nothing says that the log is whole");
    }
}
