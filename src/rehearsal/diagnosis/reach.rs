//! A: the page cannot be reached. Who listens there, whether it is ours, and whether it answers.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use super::Class;
use super::Diagnosis;
use super::Look;
use super::Patient;
use super::Verdict;
use super::holders::absolute;
use super::holders::others;
use super::holders::owners;
use super::holders::sockets;
use super::pick;
use super::unit;
use crate::rehearsal::demo::Said;
use crate::rehearsal::port::Owner;
use crate::rehearsal::port::listening;
use crate::rehearsal::visit::Answer;
use crate::rehearsal::visit::Silence;
use crate::rehearsal::visit::Visitor;
use crate::settings::Lang;

const TITLE: Said = Said { ko: "페이지 접속", en: "access to the page" };
const END: super::End = (
    Said {
        ko: "사전 점검 1-5가 통과하고, 이벤트 id가 이어지고, 킬 스위치 상태가 그대로다.",
        en: "pre-checks 1 to 5 pass, the ids go on, and the state of the kill switch is unchanged.",
    },
    Said {
        ko: "서비스가 다시 시작되고, 증거는 그대로 남아 있습니다.",
        en: "the service restarts with its evidence intact.",
    },
);

/// Ports for a server beside one that is taken.
const SECOND: RangeInclusive<u16> = 8001..=8099;

const SAY_MOVED: Said = Said {
    ko: "서비스를 다른 주소에서 이어 갑니다. 증거는 그대로 남아 있습니다.",
    en: "the service goes on at another address, with its evidence intact.",
};
const SAY_RUNS: Said = Said {
    ko: "서비스는 다른 주소에서 동작하고 있습니다. 그 주소를 여는 중입니다.",
    en: "the service runs at another address; we open that one.",
};
const SAY_UNSEEN: Said = Said {
    ko: "서비스가 아니라 서비스까지 가는 길이 막혀 있습니다. 길을 여는 중입니다.",
    en: "the way to the service is closed from here; we open it.",
};

/// Who is at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rehearsal) enum Seen {
    /// Our server, and the page is there.
    Ours,
    /// Our server, and the page is not.
    Broken,
    /// Nobody, and no server of this workspace is anywhere else either.
    Nobody,
    /// Nobody; a server of this workspace listens elsewhere.
    Elsewhere,
    /// Something else.
    Foreign,
    /// It takes connections and gives no answer.
    Hung,
    /// Several processes share the port.
    Several,
    /// A machine that cannot be reached.
    Unreachable,
    /// The server wants a token that it was not shown.
    Closed,
}

/// What was seen at the address.
#[derive(Debug)]
pub(in crate::rehearsal) struct Reach {
    pub(in crate::rehearsal) seen: Seen,
    /// Those that hold the port; `None` when nobody knows.
    owners: Option<Vec<Owner>>,
    /// Where a server of this workspace listens instead.
    elsewhere: Vec<String>,
    page: String,
    authority: String,
}

impl Reach {
    pub(in crate::rehearsal) fn is_fine(&self) -> bool {
        self.seen == Seen::Ours
    }

    /// One line about it.
    pub(in crate::rehearsal) fn summary(&self) -> String {
        let what = match self.seen {
            Seen::Ours => "one listener, ours",
            Seen::Broken => "our server listens, and its page is broken",
            Seen::Nobody => "nothing listens; start it with `daily_ops serve`",
            Seen::Elsewhere => "nothing listens here",
            Seen::Foreign => "another program holds the port",
            Seen::Hung => "the server takes connections and does not answer",
            Seen::Several => "several processes listen on the port",
            Seen::Unreachable => "the machine cannot be reached",
            Seen::Closed => "the server wants a token",
        };
        let told = format!("{}: {what} ({}; GET /ops: {})", self.authority, self.who(), self.page);
        match self.elsewhere.as_slice() {
            [] => told,
            found => format!("{told}; the server of this workspace listens on {}", found.join(", ")),
        }
    }

    /// What to do when a server of this workspace runs elsewhere: another one beside it would keep no log.
    pub(in crate::rehearsal) fn instead(&self, lang: Lang) -> Option<String> {
        (!self.elsewhere.is_empty()).then(|| use_it(lang, &self.elsewhere.join(", ")))
    }

    fn who(&self) -> String {
        match &self.owners {
            None => "owner unknown".to_owned(),
            Some(owners) if owners.is_empty() => "no owner".to_owned(),
            Some(owners) => {
                owners.iter().map(|o| format!("pid {} {}", o.pid, o.command)).collect::<Vec<_>>().join("; ")
            }
        }
    }

    fn pids(&self) -> Vec<String> {
        let owners = self.owners.as_deref().unwrap_or_default();
        owners.iter().map(|owner| owner.pid.to_string()).collect()
    }

    fn has_ours(&self) -> bool {
        self.owners.as_deref().is_some_and(|owners| owners.iter().any(|owner| owner.is_ours))
    }
}

/// Looks at the port and at the page behind it.
pub(in crate::rehearsal) fn look(visitor: &Visitor, workspace: &Path) -> Reach {
    let base = visitor.base();
    // The page first: a server that only just starts then has its socket when the sockets are read.
    let answer = visitor.get("/ops");
    let all = sockets(visitor);
    let owners = all.as_deref().and_then(|all| owners(visitor, all));
    let (seen, page) = judge(visitor, owners.as_deref(), &answer);
    let all = all.filter(|_| matches!(seen, Seen::Nobody | Seen::Foreign));
    let elsewhere = all.map(|all| others(visitor, &all, workspace)).unwrap_or_default();
    let seen = if seen == Seen::Nobody && !elsewhere.is_empty() { Seen::Elsewhere } else { seen };
    Reach { seen, owners, elsewhere, page, authority: base.authority() }
}

fn judge(visitor: &Visitor, owners: Option<&[Owner]>, page: &Result<Answer, Silence>) -> (Seen, String) {
    let has_ours = owners.is_some_and(|owners| owners.iter().any(|owner| owner.is_ours));
    match page {
        Err(silence @ Silence::Refused) => (Seen::Nobody, silence.to_string()),
        Err(silence @ Silence::Unreachable(_)) => (Seen::Unreachable, silence.to_string()),
        Err(silence @ Silence::Mute(_)) => {
            let is_foreign = owners.is_some_and(|owners| !owners.is_empty()) && !has_ours && !is_self(owners);
            (if is_foreign { Seen::Foreign } else { Seen::Hung }, silence.to_string())
        }
        Err(silence @ Silence::Broken(_)) => (if has_ours { Seen::Hung } else { Seen::Foreign }, silence.to_string()),
        Ok(answer) => {
            (answered(visitor, owners, answer), format!("HTTP {}, {} bytes", answer.status, answer.body.len()))
        }
    }
}

fn is_self(owners: Option<&[Owner]>) -> bool {
    owners.is_some_and(|owners| owners.iter().any(|owner| owner.pid == std::process::id()))
}

fn answered(visitor: &Visitor, owners: Option<&[Owner]>, page: &Answer) -> Seen {
    // What it says about itself counts more than its name: a tunnel or a proxy in front of our server is no stranger.
    let health = visitor.get("/api/ops/health");
    let schema = health.as_ref().map(|answer| answer.json()["schema"] == "OPS_HEALTH_V1").unwrap_or_default();
    let closed = |answer: &Answer| matches!(answer.status, 401 | 403) && answer.json()["contract_version"] == "v1";
    if !schema {
        let is_closed = closed(page) || health.as_ref().is_ok_and(closed);
        return if is_closed { Seen::Closed } else { Seen::Foreign };
    }
    if owners.is_some_and(|owners| owners.len() > 1) {
        return Seen::Several;
    }
    let titled = page.text().to_lowercase().contains("ops dashboard");
    if page.status == 200 && titled { Seen::Ours } else { Seen::Broken }
}

/// The verdict and what to do.
pub(super) fn diagnosis(reach: &Reach, patient: &Patient<'_>) -> Diagnosis {
    let lang = patient.lang;
    let port = pick(lang, "포트", "port");
    let mut looked =
        vec![Look::new(format!("{port} {}", reach.authority), reach.who()), Look::new("GET /ops", reach.page.clone())];
    if !reach.is_fine() && patient.base.is_local() {
        looked.push(Look::new(unit::COMMAND, unit::state()));
        looked.extend(
            unit::last_lines(patient.store).into_iter().map(|line| Look::new(crate::store::layout::BACKEND_LOG, line)),
        );
    }
    let verdict = if reach.is_fine() {
        Verdict::new(
            Class::Fine,
            "OK",
            pick(lang, "서버가 응답하고 페이지가 열립니다.", "the server answers and the page opens."),
        )
    } else {
        wrong(reach, patient)
    };
    verdict.with(("A", TITLE, END), looked, lang)
}

fn wrong(reach: &Reach, patient: &Patient<'_>) -> Verdict {
    let lang = patient.lang;
    match reach.seen {
        Seen::Nobody | Seen::Ours => {
            finding(lang, "NO_PROCESS", reach, ("아무것도 듣고 있지 않습니다", "nothing listens"))
                .remedy(start(patient))
        }
        Seen::Elsewhere => elsewhere(reach, lang),
        Seen::Foreign => foreign(reach, patient),
        Seen::Hung => {
            let verdict = finding(
                lang,
                "HUNG",
                reach,
                ("연결은 받지만 응답하지 않습니다", "connections are taken and not answered"),
            );
            by_hand(verdict.remedy(unit::restart(lang)), &reach.pids(), patient)
        }
        Seen::Several => {
            let verdict = finding(
                lang,
                "SEVERAL_LISTENERS",
                reach,
                ("여러 프로세스가 듣고 있습니다", "several processes listen"),
            )
            .remedy(pick(lang, "하나만 남기고 멈추세요.", "stop all but one."));
            if reach.has_ours() { verdict } else { verdict.remedy(plan_b(patient)) }
        }
        Seen::Broken => finding(
            lang,
            "PAGE_BROKEN",
            reach,
            ("서버는 응답하지만 페이지가 열리지 않습니다", "the server answers, but not with its page"),
        )
        .remedy(unit::restart(lang)),
        Seen::Closed | Seen::Unreachable => unlooked(reach, patient),
    }
}

/// What is wrong at the address, and who holds it.
fn finding(lang: Lang, word: &'static str, reach: &Reach, (ko, en): (&str, &str)) -> Verdict {
    let text = format!("{}: {} ({})", reach.authority, pick(lang, ko, en), reach.who());
    Verdict::new(Class::Finding, word, text)
}

/// A stranger holds the port. A server of ours that runs elsewhere keeps the log, so another one beside it is no way out.
fn foreign(reach: &Reach, patient: &Patient<'_>) -> Verdict {
    let lang = patient.lang;
    let (ko, en) = ("다른 프로그램이 포트를 쓰고 있습니다", "another program holds the port");
    let mut verdict = finding(lang, "FOREIGN_PROCESS", reach, (ko, en));
    let Some(instead) = reach.instead(lang) else {
        return confirmed(verdict.say(SAY_MOVED), lang, &reach.pids()).remedy(plan_b(patient));
    };
    let found = reach.elsewhere.join(", ");
    verdict.text.push_str(&pick(
        lang,
        format!("; 이 작업 공간의 서버는 {found}에서 듣고 있습니다"),
        format!("; the server of this workspace listens on {found}"),
    ));
    confirmed(verdict.say(SAY_RUNS).remedy(instead), lang, &reach.pids())
}

fn elsewhere(reach: &Reach, lang: Lang) -> Verdict {
    let (at, found) = (&reach.authority, reach.elsewhere.join(", "));
    let text = pick(
        lang,
        format!("{at}에는 없고, 이 작업 공간의 서버는 {found}에서 듣고 있습니다."),
        format!("nothing listens on {at}; the server of this workspace listens on {found}."),
    );
    Verdict::new(Class::Finding, "BOUND_ELSEWHERE", text).say(SAY_RUNS).remedy(use_it(lang, &found)).remedy(pick(
        lang,
        "주소를 되돌리려면 OPS_BIND를 확인하고 서버를 다시 시작하세요.",
        "to have it back here, look at OPS_BIND and restart the server.",
    ))
}

/// The address of a server that runs.
pub(super) fn use_it(lang: Lang, found: &str) -> String {
    pick(
        lang,
        format!(
            "브라우저에서 {found} 을(를) 열고, 명령에는 --base-url {found} 을(를) 붙이세요. 서버를 하나 더 시작하지 마세요."
        ),
        format!("open {found} in the browser and name it to commands with --base-url {found}; start no second server."),
    )
}

/// What says nothing about the server, because it was not seen.
fn unlooked(reach: &Reach, patient: &Patient<'_>) -> Verdict {
    let (lang, at, port) = (patient.lang, &reach.authority, patient.base.port());
    if reach.seen == Seen::Closed {
        let text = pick(lang, "서버가 토큰을 요구합니다.", "the server wants a token.");
        return Verdict::new(Class::Unseen, "TOKEN_NEEDED", text).say(SAY_UNSEEN).remedy(pick(
            lang,
            "--token-file로 토큰 파일을 지정하세요.",
            "name the file of a token with --token-file.",
        ));
    }
    let text =
        pick(lang, format!("{at}에 닿지 않습니다: {}", reach.page), format!("{at} cannot be reached: {}", reach.page));
    Verdict::new(Class::Unseen, "UNREACHABLE", text).say(SAY_UNSEEN).remedy(pick(
        lang,
        format!("다른 기계라면 터널을 여세요: ssh -L {port}:127.0.0.1:{port} HOST"),
        format!("on another machine open a tunnel: ssh -L {port}:127.0.0.1:{port} HOST"),
    ))
}

/// Look first, stop second. A process whose owner is not seen has no number to type.
fn confirmed(verdict: Verdict, lang: Lang, pids: &[String]) -> Verdict {
    if pids.is_empty() {
        return verdict.remedy(pick(
            lang,
            "누구의 것인지 여기서는 보이지 않습니다. 먼저 확인하세요: sudo ss -ltnp",
            "its owner is not seen from here; look first: sudo ss -ltnp",
        ));
    }
    let (listed, typed) = (pids.join(","), pids.join(" "));
    verdict
        .remedy(pick(
            lang,
            format!("먼저 명령줄과 사용자를 확인하세요: ps -o pid,user,args -p {listed}"),
            format!("first confirm whose it is, and its command line: ps -o pid,user,args -p {listed}"),
        ))
        .remedy(pick(
            lang,
            format!("멈춰도 되는 것이 확실할 때에만: kill {typed}"),
            format!("only when you are sure that it may go: kill {typed}"),
        ))
}

/// Three steps, each of them typed alone: a process that is stopped or hangs does not end when it is asked to.
fn by_hand(verdict: Verdict, pids: &[String], patient: &Patient<'_>) -> Verdict {
    let lang = patient.lang;
    let pids = if pids.is_empty() { "PID".to_owned() } else { pids.join(" ") };
    let serve = serve(patient);
    verdict
        .remedy(pick(lang, format!("유닛이 없으면: kill {pids}"), format!("without a unit: kill {pids}")))
        .remedy(pick(
            lang,
            format!("5초 뒤에도 남아 있으면(멈춘 프로세스는 따르지 않습니다): kill -9 {pids}"),
            format!("when it is still there after 5 s (one that is stopped or hangs does not obey): kill -9 {pids}"),
        ))
        .remedy(pick(lang, format!("그다음 다시 시작하세요: {serve}"), format!("then start it again: {serve}")))
}

fn start(patient: &Patient<'_>) -> String {
    let by_hand = serve(patient);
    pick(
        patient.lang,
        format!("서버를 시작하세요: sudo systemctl start daily-ops-backend, 유닛이 없으면 {by_hand}"),
        format!("start the server: sudo systemctl start daily-ops-backend, or without a unit {by_hand}"),
    )
}

/// The command that serves at the address that was looked at, which the settings may not name.
fn serve(patient: &Patient<'_>) -> String {
    let command = format!("daily_ops --root {} serve", absolute(patient.store.root()).display());
    let (base, bind) = (&patient.base, patient.bind);
    let is_configured = |address: &SocketAddr| {
        address.port() == bind.port() && (address.ip() == bind.ip() || bind.ip().is_unspecified())
    };
    if !base.is_local() || base.addresses().is_ok_and(|all| all.iter().any(is_configured)) {
        return command;
    }
    format!("OPS_BIND={} {command}", base.authority())
}

/// Never the port that was looked at, nor one that somebody else holds.
fn plan_b(patient: &Patient<'_>) -> String {
    let taken: Vec<u16> = listening().unwrap_or_default().iter().map(|socket| socket.address.port()).collect();
    let is_other = |port: &u16| *port != patient.base.port() && *port != patient.bind.port();
    let others: Vec<u16> = SECOND.filter(is_other).collect();
    let port = others.iter().find(|port| !taken.contains(port)).or(others.first()).copied().unwrap_or_default();
    let command =
        format!("OPS_BIND=127.0.0.1:{port} daily_ops --root {} serve", absolute(patient.store.root()).display());
    pick(patient.lang, format!("두 번째 방법, 다른 포트: {command}"), format!("plan B, a second port: {command}"))
}
