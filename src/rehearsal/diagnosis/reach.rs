//! A: the page cannot be reached. Who listens there, whether it is ours, and whether it answers.

use std::path::Path;

use super::Class;
use super::Diagnosis;
use super::Look;
use super::Patient;
use super::Verdict;
use super::pick;
use super::unit;
use crate::rehearsal::demo::Said;
use crate::rehearsal::port;
use crate::rehearsal::port::Listening;
use crate::rehearsal::port::Owner;
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
    /// The server of this workspace that listens elsewhere.
    elsewhere: Vec<Listening>,
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
            Seen::Elsewhere => "nothing listens here; the server of this workspace listens elsewhere",
            Seen::Foreign => "another program holds the port",
            Seen::Hung => "the server takes connections and does not answer",
            Seen::Several => "several processes listen on the port",
            Seen::Unreachable => "the machine cannot be reached",
            Seen::Closed => "the server wants a token",
        };
        format!("{}: {what} ({}; GET /ops: {})", self.authority, self.who(), self.page)
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

    fn pids(&self) -> String {
        let owners = self.owners.as_deref().unwrap_or_default();
        owners.iter().map(|owner| owner.pid.to_string()).collect::<Vec<_>>().join(" ")
    }
}

/// Looks at the port and at the page behind it.
pub(in crate::rehearsal) fn look(visitor: &Visitor, workspace: &Path) -> Reach {
    let base = visitor.base();
    // The page first: a server that only just starts then has its socket when the sockets are read.
    let answer = visitor.get("/ops");
    let all = if base.is_local() { port::listening() } else { None };
    let addresses = base.addresses().unwrap_or_default();
    let holders = all.as_deref().map(|all| {
        let mut found: Vec<Listening> = addresses.iter().flat_map(|address| port::reached(all, *address)).collect();
        found.sort_by_key(|socket| socket.address);
        found.dedup();
        found
    });
    let owners = holders.as_ref().and_then(|holders| {
        let mut owners: Vec<Owner> = holders.iter().flat_map(port::owners).collect();
        owners.sort_by_key(|owner| owner.pid);
        owners.dedup_by_key(|owner| owner.pid);
        // A socket without a visible owner belongs to somebody else.
        (holders.is_empty() || !owners.is_empty()).then_some(owners)
    });
    let (seen, page) = judge(visitor, owners.as_deref(), &answer);
    let elsewhere =
        if seen == Seen::Nobody { all.map(|all| others(&all, workspace)).unwrap_or_default() } else { Vec::new() };
    let seen = if elsewhere.is_empty() { seen } else { Seen::Elsewhere };
    Reach { seen, owners, elsewhere, page, authority: base.authority() }
}

/// The sockets of this workspace's servers.
fn others(all: &[Listening], workspace: &Path) -> Vec<Listening> {
    let Ok(workspace) = workspace.canonicalize() else { return Vec::new() };
    let ours = |socket: &&Listening| {
        port::owners(socket).iter().any(|owner| owner.is_ours && owner.workspace.as_ref() == Some(&workspace))
    };
    all.iter().filter(ours).cloned().collect()
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
    let root = patient.store.root();
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    match reach.seen {
        Seen::Nobody | Seen::Ours => {
            finding(lang, "NO_PROCESS", reach, ("아무것도 듣고 있지 않습니다", "nothing listens"))
                .remedy(start(lang, &root))
        }
        Seen::Elsewhere => elsewhere(reach, lang),
        Seen::Foreign => finding(
            lang,
            "FOREIGN_PROCESS",
            reach,
            ("다른 프로그램이 포트를 쓰고 있습니다", "another program holds the port"),
        )
        .remedy(confirmed(lang, &reach.pids()))
        .remedy(plan_b(lang, &root)),
        Seen::Hung => {
            finding(lang, "HUNG", reach, ("연결은 받지만 응답하지 않습니다", "connections are taken and not answered"))
                .remedy(unit::restart(lang))
                .remedy(by_hand(lang, &reach.pids(), &root))
        }
        Seen::Several => {
            finding(lang, "SEVERAL_LISTENERS", reach, ("여러 프로세스가 듣고 있습니다", "several processes listen"))
                .remedy(pick(lang, "하나만 남기고 멈추세요.", "stop all but one."))
                .remedy(plan_b(lang, &root))
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

fn elsewhere(reach: &Reach, lang: Lang) -> Verdict {
    let at = &reach.authority;
    let found = reach.elsewhere.iter().map(|s| format!("http://{}", s.address)).collect::<Vec<_>>().join(", ");
    let text = pick(
        lang,
        format!("{at}에는 없고, 이 작업 공간의 서버는 {found}에서 듣고 있습니다."),
        format!("nothing listens on {at}; the server of this workspace listens on {found}."),
    );
    Verdict::new(Class::Finding, "BOUND_ELSEWHERE", text)
        .remedy(pick(lang, format!("브라우저에서 {found} 을(를) 여세요."), format!("open {found} in the browser.")))
        .remedy(pick(
            lang,
            "주소를 되돌리려면 OPS_BIND를 확인하고 서버를 다시 시작하세요.",
            "to have it back here, look at OPS_BIND and restart the server.",
        ))
}

/// What says nothing about the server, because it was not seen.
fn unlooked(reach: &Reach, patient: &Patient<'_>) -> Verdict {
    let (lang, at, port) = (patient.lang, &reach.authority, patient.base.port());
    if reach.seen == Seen::Closed {
        let text = pick(lang, "서버가 토큰을 요구합니다.", "the server wants a token.");
        return Verdict::new(Class::Unseen, "TOKEN_NEEDED", text).remedy(pick(
            lang,
            "--token-file로 토큰 파일을 지정하세요.",
            "name the file of a token with --token-file.",
        ));
    }
    let text =
        pick(lang, format!("{at}에 닿지 않습니다: {}", reach.page), format!("{at} cannot be reached: {}", reach.page));
    Verdict::new(Class::Unseen, "UNREACHABLE", text).remedy(pick(
        lang,
        format!("다른 기계라면 터널을 여세요: ssh -L {port}:127.0.0.1:{port} HOST"),
        format!("on another machine open a tunnel: ssh -L {port}:127.0.0.1:{port} HOST"),
    ))
}

/// A process whose owner is not seen has no number to type.
fn confirmed(lang: Lang, pids: &str) -> String {
    let port = "sudo ss -ltnp";
    if pids.is_empty() {
        return pick(
            lang,
            format!("누구의 것인지 보이지 않습니다. 확인한 뒤에만 멈추세요: {port}"),
            format!("its owner is not seen from here; stop it only after you looked: {port}"),
        );
    }
    pick(
        lang,
        format!("명령줄을 확인한 뒤에만 멈추세요: ps -o pid,user,args -p {pids} ; kill {pids}"),
        format!("stop it only after you confirmed its command line: ps -o pid,user,args -p {pids} ; kill {pids}"),
    )
}

fn by_hand(lang: Lang, pids: &str, root: &Path) -> String {
    let start = format!("daily_ops --root {} serve", root.display());
    let pids = if pids.is_empty() { "PID" } else { pids };
    pick(
        lang,
        format!("유닛이 없으면: kill {pids} 다음에 {start}"),
        format!("without a unit: kill {pids}, then {start}"),
    )
}

fn start(lang: Lang, root: &Path) -> String {
    let by_hand = format!("daily_ops --root {} serve", root.display());
    pick(
        lang,
        format!("서버를 시작하세요: sudo systemctl start daily-ops-backend, 유닛이 없으면 {by_hand}"),
        format!("start the server: sudo systemctl start daily-ops-backend, or without a unit {by_hand}"),
    )
}

fn plan_b(lang: Lang, root: &Path) -> String {
    let command = format!("OPS_BIND=127.0.0.1:8001 daily_ops --root {} serve", root.display());
    pick(lang, format!("두 번째 방법, 다른 포트: {command}"), format!("plan B, a second port: {command}"))
}
