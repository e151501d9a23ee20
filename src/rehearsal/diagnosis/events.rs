//! B: events are not shown. One test event is posted and followed: reply, stream, observation log, subscribers.

use serde_json::json;

use super::Class;
use super::Diagnosis;
use super::END_B;
use super::Look;
use super::Patient;
use super::TITLE_B;
use super::Verdict;
use super::absence::absence;
use super::counted;
use super::pick;
use super::unit;
use crate::rehearsal::live_log;
use crate::rehearsal::visit::Frame;
use crate::rehearsal::visit::Listener;
use crate::rehearsal::visit::Silence;
use crate::rehearsal::visit::Sort;
use crate::rehearsal::visit::Visitor;
use crate::rehearsal::visit::word;
use crate::settings::Lang;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// How often the log is looked at again.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// What was found on the way of one event.
struct Trail<'a> {
    patient: &'a Patient<'a>,
    visitor: &'a Visitor,
    looked: Vec<Look>,
    /// Whether the event was seen in the log.
    is_kept: bool,
}

pub(super) fn diagnosis(patient: &Patient<'_>, visitor: &Visitor) -> Diagnosis {
    let mut trail = Trail { patient, visitor, looked: Vec::new(), is_kept: false };
    let mut verdict = trail.follow();
    let Trail { looked, is_kept, .. } = trail;
    // Only what was seen is said.
    verdict.say = verdict.say.or(is_kept.then_some(super::ON_DISK));
    verdict.with(("B", TITLE_B, END_B), looked, patient.lang)
}

impl Trail<'_> {
    fn lang(&self) -> Lang {
        self.patient.lang
    }

    fn saw(&mut self, what: &str, saw: impl Into<String>) {
        self.looked.push(Look::new(what, saw));
    }

    /// Looks in the order of the way, and stops at the first place where the event does not arrive.
    fn follow(&mut self) -> Verdict {
        let watchers = self.watchers();
        let mut stream = match self.stream() {
            Ok(stream) => stream,
            Err(verdict) => {
                // Whether the record is kept is told apart from whether it is shown.
                self.post().and_then(|trace| self.row(&trace)).ok();
                return verdict;
            }
        };
        let trace = match self.post() {
            Ok(trace) => trace,
            Err(verdict) => return verdict,
        };
        if let Err(verdict) = self.arrival(&mut stream, &trace) {
            self.row(&trace).ok();
            return verdict;
        }
        if let Err(verdict) = self.row(&trace) {
            return verdict;
        }
        self.ending(watchers)
    }

    /// Who watches, before this examination watches too.
    fn watchers(&mut self) -> Option<u64> {
        let metrics = self.visitor.get("/api/ops/metrics");
        let watchers = metrics.as_ref().ok().and_then(|answer| answer.json()["subscribers"].as_u64());
        let saw = match (&metrics, watchers) {
            (_, Some(count)) => count.to_string(),
            (Ok(answer), None) => format!("HTTP {}: {}", answer.status, answer.excerpt()),
            (Err(silence), None) => silence.to_string(),
        };
        self.saw("subscribers", saw);
        watchers
    }

    fn stream(&mut self) -> Result<Listener, Verdict> {
        let outcome = self.visitor.listen();
        let mut stream = outcome.map_err(|silence| {
            self.saw("GET /events", silence.to_string());
            match silence {
                // The head itself is kept back: nothing on the way passes the stream on.
                Silence::Mute(_) => self.buffered(),
                Silence::Refused | Silence::Unreachable(_) | Silence::Broken(_) => self.refused(&silence.to_string()),
            }
        })?;
        if stream.status != 200 {
            let told = format!("HTTP {}", stream.status);
            self.saw("GET /events", told.clone());
            return Err(self.refused(&told));
        }
        let hello = stream.wait_for(self.patient.waits.hello, |frame| frame.sort == Sort::Hello);
        self.saw(
            "GET /events",
            hello.as_ref().map_or_else(
                || "HTTP 200, and no hello frame".to_owned(),
                |frame| format!("HTTP 200, hello after {} ms", frame.at.as_millis()),
            ),
        );
        if hello.is_some() { Ok(stream) } else { Err(self.buffered()) }
    }

    fn buffered(&self) -> Verdict {
        let lang = self.lang();
        Verdict::new(
            Class::Finding,
            "STREAM_BUFFERED",
            pick(
                lang,
                "스트림의 첫 인사(hello)가 오지 않습니다. 프록시가 응답을 모아 두거나 다른 포트입니다.",
                "the stream's greeting (hello) does not come: a proxy keeps the reply back, or this is the wrong port.",
            ),
        )
        .remedy(pick(
            lang,
            "프록시 버퍼링을 끄세요(nginx: proxy_buffering off; proxy_read_timeout 1h;) 또는 SSH 터널로 직접 접속하세요.",
            "turn the proxy's buffering off (nginx: proxy_buffering off; proxy_read_timeout 1h;), or connect directly by an \
             SSH tunnel.",
        ))
        .remedy(format!("{}: curl -N {}", pick(lang, "직접 확인", "see for yourself"), self.patient.base.join("/events")))
    }

    fn refused(&self, told: &str) -> Verdict {
        let lang = self.lang();
        Verdict::new(
            Class::Finding,
            "STREAM_REFUSED",
            pick(lang, format!("서버가 스트림을 거절합니다: {told}"), format!("the server refuses the stream: {told}")),
        )
        .remedy(pick(
            lang,
            "503이면 구독자가 너무 많습니다: 쓰지 않는 화면을 닫거나 OPS_SSE_MAX를 늘리세요.",
            "503 means too many subscribers: close pages that nobody needs, or raise OPS_SSE_MAX.",
        ))
        .remedy(unit::restart(lang))
    }

    fn post(&mut self) -> Result<String, Verdict> {
        let lang = self.lang();
        let answer =
            self.visitor.post("/api/ops/test-event", &json!({"message": "check dashboard", "source": "check"}));
        let saw = match &answer {
            Ok(answer) if answer.status == 200 => format!("HTTP 200, trace_id {}", word(&answer.json()["trace_id"])),
            Ok(answer) => format!("HTTP {}: {}", answer.status, answer.excerpt()),
            Err(silence) => silence.to_string(),
        };
        self.saw("POST /api/ops/test-event", saw.clone());
        let trace = answer.ok().filter(|answer| answer.status == 200);
        let trace = trace.and_then(|answer| answer.json()["trace_id"].as_str().map(str::to_owned));
        trace.ok_or_else(|| {
            let text =
                pick(lang, format!("이벤트를 받지 않습니다: {saw}"), format!("the event is not accepted: {saw}"));
            Verdict::new(Class::Finding, "POST_REFUSED", text)
                .remedy(pick(
                    lang,
                    "401/403이면 --token-file로 토큰을 지정하고 Host, Origin 설정을 확인하세요.",
                    "401 or 403: name a token with --token-file, and look at the allowed hosts and origins.",
                ))
                .remedy(unit::restart(lang))
        })
    }

    fn arrival(&mut self, stream: &mut Listener, trace: &str) -> Result<(), Verdict> {
        let lang = self.lang();
        let is_ours = |frame: &Frame| frame.is_of(trace);
        let frame = stream.wait_for(self.patient.waits.event, is_ours);
        let Some(frame) = frame else {
            self.saw("id: frame on /events", "none");
            let text = pick(
                lang,
                "POST는 성공했지만 스트림에 이벤트가 오지 않습니다.",
                "the POST worked, but the event does not come on the stream.",
            );
            return Err(Verdict::new(Class::Finding, "NOT_STREAMED", text).remedy(unit::restart(lang)));
        };
        self.saw("id: frame on /events", frame.id.map_or_else(|| "without an id".to_owned(), |id| format!("id {id}")));
        if frame.id.is_some() {
            return Ok(());
        }
        let text = pick(
            lang,
            "이벤트가 id 없이 옵니다. 중간의 무언가가 스트림을 바꾸고 있습니다.",
            "the event comes without its id: something on the way changes the stream.",
        );
        Err(Verdict::new(Class::Finding, "WITHOUT_ID", text).remedy(pick(
            lang,
            "프록시 없이 접속하세요.",
            "connect without the proxy.",
        )))
    }

    fn row(&mut self, trace: &str) -> Result<(), Verdict> {
        let (lang, log) = (self.lang(), self.patient.log.clone());
        let clock = SystemClock::new();
        let mut rows;
        loop {
            rows = live_log::rows_of(self.patient.store, &log, trace);
            if rows.as_ref().is_ok_and(|rows| !rows.is_empty()) || clock.monotonic() > self.patient.waits.event {
                break;
            }
            clock.wait(AGAIN);
        }
        let count = rows.as_ref().map_or(0, Vec::len);
        self.is_kept = count > 0;
        self.saw(
            &log,
            rows.map_or_else(|why| why, |rows| counted(rows.len(), "row of the event", "rows of the event")),
        );
        match count {
            1 => Ok(()),
            0 => Err(self.unwritten()),
            _ => Err(Verdict::new(
                Class::Finding,
                "LOGGED_TWICE",
                pick(
                    lang,
                    "이벤트가 로그에 여러 번 있습니다. 두 서버가 한 작업 공간에 쓰고 있습니다.",
                    "the event is in the log more than once: two servers write into one workspace.",
                ),
            )
            .remedy(pick(lang, "서버를 하나만 남기세요.", "stop all servers of this workspace but one."))),
        }
    }

    fn unwritten(&mut self) -> Verdict {
        let Patient { store, log, lang, .. } = self.patient;
        let (verdict, looked) = absence(self.visitor, (store, log), *lang);
        self.looked.extend(looked);
        verdict
    }

    /// The event arrived everywhere; what is left is whether anybody watches.
    fn ending(&self, watchers: Option<u64>) -> Verdict {
        let lang = self.lang();
        if watchers != Some(0) {
            return Verdict::new(
                Class::Fine,
                "OK",
                pick(
                    lang,
                    "이벤트가 응답, 스트림, 로그에 한 번씩 있습니다. 화면에만 없으면 필터, 일시정지, 연결 표시를 확인하세요.",
                    "the event is in the reply, on the stream and in the log, once each. If a page alone does not show it, look \
                     at its filter badge, its pause button and its indicator.",
                ),
            );
        }
        Verdict::new(
            Class::Note,
            "NO_SUBSCRIBERS",
            pick(
                lang,
                "모든 것이 동작하지만 보고 있는 화면이 없습니다. 열려 있는 페이지가 있다면 연결이 끊긴 것입니다.",
                "everything works, and nobody watches: a page that is open has lost its connection.",
            ),
        )
        .remedy(pick(
            lang,
            "페이지를 새로 고치거나 '지금 재연결'을 누르고, 필터를 지우고, 일시정지를 푸세요.",
            "reload the page or press its button Reconnect now, clear its filters, resume it.",
        ))
    }
}
