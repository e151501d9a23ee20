//! The three failures of a dashboard, each as a program: what was looked at, what is wrong, what to type, and when it is
//! over. A: the page cannot be reached. B: events are not shown. C: events are lost.

pub(super) mod absence;
mod events;
mod holders;
mod loss;
pub(super) mod reach;
mod unit;

pub(crate) use holders::absolute;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::demo::Said;
use super::visit::BaseUrl;
use super::visit::Key;
use super::visit::Visitor;
use crate::settings::Lang;
use crate::store::Store;

/// What a diagnosis comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Class {
    /// Nothing is wrong.
    Fine,
    /// Nothing is wrong, and something is worth knowing.
    Note,
    /// It could not be looked at.
    Unseen,
    /// Something is wrong.
    Finding,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// At what.
    pub what: String,
    /// What was seen.
    pub saw: String,
}

impl Look {
    fn new(what: impl Into<String>, saw: impl Into<String>) -> Self {
        Self { what: what.into(), saw: saw.into() }
    }
}

/// One of the three diagnoses.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// A, B or C.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// How bad it is.
    pub class: Class,
    /// The verdict in one word.
    pub verdict: &'static str,
    /// The verdict in a sentence.
    pub text: String,
    /// What was looked at, in its order.
    pub looked: Vec<Look>,
    /// What to do, in its order; empty when nothing is.
    pub remedy: Vec<String>,
    /// What must be so afterwards.
    pub verified_when: String,
    /// What to say to the audience meanwhile.
    pub say: String,
}

/// The whole examination.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// `DAILY_OPS_CHECK_DASHBOARD_V1`
    pub schema: &'static str,
    /// Where the dashboard was looked for.
    pub base_url: String,
    /// 0 fine, 2 a finding, 3 something could not be looked at.
    pub exit_code: u8,
    /// The three diagnoses.
    pub diagnoses: Vec<Diagnosis>,
}

/// How long an examination waits.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For an answer.
    pub answer: Duration,
    /// For the greeting of a stream.
    pub hello: Duration,
    /// For an event on the stream and in the log.
    pub event: Duration,
    /// How long the loss counter is watched.
    pub watch: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { answer: seconds(3), hello: seconds(2), event: seconds(2), watch: seconds(3) }
    }
}

/// What an examination needs.
#[derive(Debug)]
pub struct Patient<'a> {
    /// Where the dashboard should be.
    pub base: BaseUrl,
    /// Where `serve` would listen by the same settings.
    pub bind: SocketAddr,
    /// The token for a dashboard that wants one.
    pub key: Option<Key>,
    /// The workspace that it serves.
    pub store: &'a Store,
    /// The observation log, below the workspace.
    pub log: String,
    /// The language of verdicts and remedies.
    pub lang: Lang,
    /// How long to wait.
    pub waits: Waits,
}

/// Looks at everything. The second and the third need a server that answers.
#[must_use]
pub fn examine(patient: &Patient<'_>) -> Examination {
    let visitor = Visitor::new(patient.base.clone(), patient.key.clone(), patient.waits.answer);
    let reach = reach::look(&visitor, patient.store.root());
    let is_reached = reach.is_fine();
    let first = reach::diagnosis(&reach, patient);
    let mut diagnoses = vec![first];
    if is_reached {
        diagnoses.push(events::diagnosis(patient, &visitor));
        diagnoses.push(loss::diagnosis(patient, &visitor));
    } else {
        for (id, title, last) in [("B", TITLE_B, END_B), ("C", TITLE_C, END_C)] {
            diagnoses.push(unseen((id, title, last), patient.lang));
        }
    }
    let worst = diagnoses.iter().map(|found| found.class).max().unwrap_or(Class::Unseen);
    let exit_code = match worst {
        Class::Fine | Class::Note => 0,
        Class::Finding => 2,
        Class::Unseen => 3,
    };
    let base_url = patient.base.to_string();
    Examination { schema: "DAILY_OPS_CHECK_DASHBOARD_V1", base_url, exit_code, diagnoses }
}

/// What is said with a diagnosis beside its verdict: when it is over, and what the audience hears.
type End = (Said, Said);

const TITLE_B: Said = Said { ko: "이벤트 표시", en: "display of events" };
const TITLE_C: Said = Said { ko: "손실 없는 전달", en: "delivery without loss" };
const END_B: End = (
    Said { ko: "새 이벤트가 화면에 한 번 보인다.", en: "a new event is seen once on the page." },
    Said {
        ko: "이벤트가 어디까지 왔는지 지금 따라가고 있습니다. 확인한 것만 말씀드리겠습니다.",
        en: "we follow an event through the system right now, and say only what we have seen.",
    },
);
/// Said only after the row was seen.
const ON_DISK: Said = Said {
    ko: "기록은 여기 디스크에 있습니다. 화면이 다시 연결되는 중입니다.",
    en: "the record is here on disk; the view is reconnecting.",
};
const END_C: End = (
    Said {
        ko: "60초 동안 늘지 않고, 빈 구간이 이력에서 채워지거나 missing에 적혀 있다.",
        en: "no increase for 60 s, and each gap is filled from the history or named in `missing`.",
    },
    Said {
        ko: "손실은 숨기지 않고 세어서 보여 줍니다.", en: "loss is counted and shown, never hidden."
    },
);

fn unseen((id, title, end): (&'static str, Said, End), lang: Lang) -> Diagnosis {
    let text = Said {
        ko: "서버가 응답하지 않아 보지 못했습니다. A부터 해결하세요.",
        en: "not looked at: the server does not answer. Solve A first.",
    };
    let verdict = Verdict::new(Class::Unseen, "NOT_LOOKED_AT", text.to(lang).to_owned());
    verdict.with((id, title, end), Vec::new(), lang)
}

/// A verdict on its way to a diagnosis.
#[derive(Debug)]
pub(super) struct Verdict {
    class: Class,
    word: &'static str,
    pub(super) text: String,
    pub(super) remedy: Vec<String>,
    /// What the audience hears, where that is not what its diagnosis says in general.
    say: Option<Said>,
}

impl Verdict {
    fn new(class: Class, word: &'static str, text: String) -> Self {
        Self { class, word, text, remedy: Vec::new(), say: None }
    }

    fn remedy(mut self, step: impl Into<String>) -> Self {
        self.remedy.push(step.into());
        self
    }

    /// One verdict that tells of another one too.
    fn and(mut self, other: Self) -> Self {
        self.text = format!("{} {}", self.text, other.text);
        self.remedy.extend(other.remedy);
        self
    }

    fn say(mut self, say: Said) -> Self {
        self.say = Some(say);
        self
    }

    fn with(self, (id, title, (end, say)): (&'static str, Said, End), looked: Vec<Look>, lang: Lang) -> Diagnosis {
        Diagnosis {
            id,
            title: title.to(lang),
            class: self.class,
            verdict: self.word,
            text: self.text,
            looked,
            remedy: self.remedy,
            verified_when: end.to(lang).to_owned(),
            say: self.say.unwrap_or(say).to(lang).to_owned(),
        }
    }
}

/// `1 row`, `2 rows`.
pub(super) fn counted(count: impl std::fmt::Display, one: &str, many: &str) -> String {
    let count = count.to_string();
    let word = if count == "1" { one } else { many };
    format!("{count} {word}")
}

/// One of two texts.
fn pick(lang: Lang, ko: impl Into<String>, en: impl Into<String>) -> String {
    match lang {
        Lang::Ko => ko.into(),
        Lang::En => en.into(),
    }
}
