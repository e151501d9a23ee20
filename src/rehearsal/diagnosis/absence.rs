//! Why an event that was delivered is not in the observation log: the log of another workspace, a second server of this
//! one, or a disk that takes nothing.

use serde_json::Value;

use super::Class;
use super::Look;
use super::Verdict;
use super::holders;
use super::pick;
use super::reach;
use super::unit;
use crate::rehearsal::demo::Said;
use crate::rehearsal::visit::Visitor;
use crate::settings::Lang;
use crate::store::Store;

/// Less is no room for an hour of rows.
const ROOM: u64 = 1 << 20;
/// What a server says in its configuration warnings when another one keeps the log, and when it cannot tell.
const HELD: &str = "keeps the observation log of this workspace";
const IN_MEMORY: &str = "in memory only";

const SAY_OTHER: Said = Said {
    ko: "다른 작업 공간의 화면입니다. 맞는 서버를 여는 중입니다.",
    en: "this page belongs to another workspace; we open the right one.",
};
const SAY_SECOND: Said = Said {
    ko: "두 번째 서버의 화면입니다. 기록은 첫 번째 서버가 남깁니다.",
    en: "this is a second server; the record is kept by the first one.",
};
const SAY_DISK: Said = Said {
    ko: "이벤트는 전달되고 있고, 지금은 디스크에 쓰지 못합니다. 자리가 나면 이어서 기록하고, 잃은 것은 셉니다.",
    en: "events are delivered and cannot be written to disk now; writing goes on when there is room, and what is lost is counted.",
};

/// What is known about a log without the event.
#[derive(Debug)]
struct Signs {
    /// The workspace of the server at the address, where it is known and is another one.
    other: Option<String>,
    /// The warning of a server that keeps its events in memory.
    warning: Option<String>,
    writer: String,
    free: Option<u64>,
    /// Where servers of this workspace listen beside the address.
    elsewhere: Vec<String>,
}

/// Names the cause; the looks say how it was found.
pub(in crate::rehearsal) fn absence(
    visitor: &Visitor,
    (store, log): (&Store, &str),
    lang: Lang,
) -> (Verdict, Vec<Look>) {
    let signs = Signs::see(visitor, store);
    let mut looked = Vec::new();
    if let Some(other) = &signs.other {
        looked.push(Look::new("workspace of the server", other));
    }
    looked.push(Look::new("obs_writer", &signs.writer));
    looked.extend(signs.warning.iter().map(|warning| Look::new("config_warnings", warning)));
    let free = signs.free.map_or_else(|| "unknown".to_owned(), |free| format!("{} MiB left", free >> 20));
    looked.push(Look::new("disk", free));
    (signs.verdict((store, log), lang), looked)
}

impl Signs {
    fn see(visitor: &Visitor, store: &Store) -> Self {
        let json = |path: &str| visitor.get(path).map_or(Value::Null, |answer| answer.json());
        let metrics = json("/api/ops/metrics");
        let warnings = metrics["config_warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
        let warning = warnings.iter().filter_map(Value::as_str).find(|text| text.contains(IN_MEMORY));
        let writer = json("/api/ops/health")["data"]["dashboard"]["obs_writer"].as_str().map(str::to_owned);
        let (served, elsewhere) = holders::serving(visitor, store.root());
        Self {
            other: served.map(|root| root.display().to_string()),
            warning: warning.map(str::to_owned),
            writer: writer.unwrap_or_else(|| "unknown".to_owned()),
            free: store.free_bytes(),
            elsewhere,
        }
    }

    fn verdict(&self, (store, log): (&Store, &str), lang: Lang) -> Verdict {
        let root = holders::absolute(store.root());
        let root = root.display().to_string();
        match (&self.other, &self.warning) {
            (Some(other), _) => other_workspace(lang, other, &root),
            (None, Some(warning)) if warning.contains(HELD) => self.second(lang, warning),
            (None, Some(warning)) => missing(lang, log).remedy(warning.clone()).remedy(unit::restart(lang)),
            (None, None) if self.writer == "FAILING" || self.free.is_some_and(|free| free < ROOM) => {
                self.disk(lang, &root)
            }
            (None, None) => unexplained(lang, log, &root),
        }
    }

    fn second(&self, lang: Lang, warning: &str) -> Verdict {
        let text = pick(
            lang,
            format!("같은 작업 공간의 두 번째 서버라서 이벤트를 메모리에만 둡니다: {warning}"),
            format!("this is a second server of the workspace, and its events stay in memory: {warning}"),
        );
        let verdict = Verdict::new(Class::Finding, "SECOND_SERVER", text).say(SAY_SECOND);
        let verdict = match self.elsewhere.as_slice() {
            [] => verdict,
            found => verdict.remedy(reach::use_it(lang, &found.join(", "))),
        };
        verdict.remedy(pick(
            lang,
            "또는 로그를 가진 서버를 멈춘 다음 이 서버를 다시 시작하세요.",
            "or stop the server that keeps the log, then start this one again.",
        ))
    }

    fn disk(&self, lang: Lang, root: &str) -> Verdict {
        let free = self.free.map_or_else(|| "?".to_owned(), |free| (free >> 20).to_string());
        let writer = &self.writer;
        let text = pick(
            lang,
            format!("이벤트는 전달되지만 디스크에 쓰지 못합니다(obs_writer {writer}, 남은 공간 {free} MiB)."),
            format!("the event is delivered, and the disk takes no row (obs_writer {writer}, {free} MiB left)."),
        );
        Verdict::new(Class::Finding, "DISK", text)
            .say(SAY_DISK)
            .remedy(pick(
                lang,
                format!("디스크에 자리를 만드세요: df -h {root}; daily_ops --root {root} store usage"),
                format!("make room on the disk: df -h {root}; daily_ops --root {root} store usage"),
            ))
            .remedy(pick(
                lang,
                format!("자리가 있으면 쓰기 권한을 확인하세요: ls -ld {root}/metrics"),
                format!("if there is room, look at who may write: ls -ld {root}/metrics"),
            ))
            .remedy(pick(
                lang,
                "서버를 다시 시작하지 마세요. 자리가 나면 스스로 이어서 쓰고, 다시 시작하면 메모리에서 기다리는 행을 잃습니다.",
                "do not restart the server: it goes on writing by itself, and a restart loses the rows that wait in memory.",
            ))
    }
}

fn other_workspace(lang: Lang, other: &str, root: &str) -> Verdict {
    let text = pick(
        lang,
        format!("이 주소의 서버는 다른 작업 공간({other})의 서버입니다. 여기는 {root}입니다."),
        format!("the server at this address serves another workspace, {other}; this one is {root}."),
    );
    Verdict::new(Class::Finding, "OTHER_WORKSPACE", text).say(SAY_OTHER).remedy(pick(
        lang,
        format!("그 작업 공간을 지정하거나(--root {other}), 이 작업 공간의 서버 주소를 지정하세요(--base-url)."),
        format!("name its workspace (--root {other}), or the address of this workspace's server (--base-url)."),
    ))
}

fn missing(lang: Lang, log: &str) -> Verdict {
    let text = pick(
        lang,
        format!("이벤트는 전달되지만 {log}에 기록되지 않습니다."),
        format!("the event is delivered, but no row is written into {log}."),
    );
    Verdict::new(Class::Finding, "LOG_ROW_MISSING", text)
}

fn unexplained(lang: Lang, log: &str, root: &str) -> Verdict {
    missing(lang, log)
        .remedy(pick(
            lang,
            format!("이 서버가 이 작업 공간({root})의 서버인지 확인하세요. 아니면 --root를 지정하세요."),
            format!("make sure that the server serves this workspace ({root}); name the right one with --root."),
        ))
        .remedy(pick(
            lang,
            format!("{root}/metrics 디렉터리의 쓰기 권한을 확인한 뒤 서버를 다시 시작하세요."),
            format!("look at who may write into {root}/metrics, then restart the server."),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_row_is_named_after_its_cause() {
        let held = format!("process 7 {HELD}: this server keeps its events {IN_MEMORY}");
        let lost = format!("the lock cannot be made: {IN_MEMORY} until it is started again");
        let gib = Some(1_u64 << 30);
        let cases = [
            ((Some("/b"), Some(&held), "FAILING", gib), "OTHER_WORKSPACE"),
            ((None, Some(&held), "FAILING", gib), "SECOND_SERVER"),
            ((None, Some(&lost), "FAILING", gib), "LOG_ROW_MISSING"),
            ((None, None, "FAILING", gib), "DISK"),
            ((None, None, "OK", Some(0)), "DISK"),
            ((None, None, "OK", gib), "LOG_ROW_MISSING"),
            ((None, None, "unknown", None), "LOG_ROW_MISSING"),
        ];
        let store = Store::new("a");
        for ((other, warning, writer, free), want) in cases {
            let signs = Signs {
                other: other.map(str::to_owned),
                warning: warning.cloned(),
                writer: writer.to_owned(),
                free,
                elsewhere: vec!["http://127.0.0.1:9".to_owned()],
            };
            for lang in [Lang::En, Lang::Ko] {
                let verdict = signs.verdict((&store, "metrics/l.jsonl"), lang);
                assert_eq!(verdict.word, want, "{signs:?}");
                let steps = verdict.remedy.join("\n");
                assert_eq!(steps.contains("http://127.0.0.1:9"), want == "SECOND_SERVER", "{steps}");
                assert!(!verdict.remedy.is_empty());
            }
        }
    }
}
