//! What a run's record says, as the words and signs of a page.

use maud::Markup;
use maud::html;

use super::shell::word;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::reason::CycleReason;
use crate::contracts::reason::RecoReason;
use crate::contracts::run::Trigger;
use crate::settings::Lang;
use crate::time::Stamp;

/// A result: its word in the table, its tone, and the sign that tells it without color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) key: &'static str,
    pub(super) tone: &'static str,
    pub(super) sign: &'static str,
}

/// How a result looks; an unknown one as a run that has not ended.
pub(super) fn result(result: &str) -> Look {
    match result {
        "DONE" => Look { key: "result.DONE", tone: "ok", sign: "✓" },
        "WARNED" => Look { key: "result.WARNED", tone: "warn", sign: "▲" },
        "BLOCKED" => Look { key: "result.BLOCKED", tone: "block", sign: "⊘" },
        "FAILED" => Look { key: "result.FAILED", tone: "bad", sign: "✕" },
        _ => Look { key: "result.RUNNING", tone: "none", sign: "…" },
    }
}

/// How the class of a stage looks.
pub(super) fn class(class: StageClass) -> Look {
    match class {
        StageClass::Ok => Look { key: "class.ok", tone: "ok", sign: "✓" },
        StageClass::Warn => Look { key: "class.warn", tone: "warn", sign: "▲" },
        StageClass::Block => Look { key: "class.block", tone: "block", sign: "⊘" },
        StageClass::Fail => Look { key: "class.fail", tone: "bad", sign: "✕" },
        StageClass::Skipped => Look { key: "class.skipped", tone: "none", sign: "–" },
    }
}

/// How a stage looks. A pull that was not to be made has not gone well: it has not gone.
pub(super) fn stage(class_of_it: StageClass, code: &str) -> Look {
    class(if code == RunCode::GitPullSkipped.as_str() { StageClass::Skipped } else { class_of_it })
}

/// The sign and the word of a look.
pub(super) fn told(lang: Lang, look: Look) -> Markup {
    html! { span.told data-tone=(look.tone) { span aria-hidden="true" { (look.sign) " " } (word(lang, look.key)) } }
}

/// What a code means, in both languages, when one of the families has it.
pub(super) fn meaning(code: &str) -> Option<[&'static str; 2]> {
    let run = RunCode::parse(code).map(|code| [code.korean(), code.english()]);
    let cycle = || CycleReason::parse(code).map(|code| [code.korean(), code.english()]);
    let reco = || RecoReason::parse(code).map(|code| [code.korean(), code.english()]);
    run.or_else(cycle).or_else(reco)
}

/// A code with its meaning.
pub(super) fn code(text: &str) -> Markup {
    html! {
        code { (text) }
        @if let Some([korean, english]) = meaning(text) {
            " · " span.ko lang="ko" { (korean) } span.en lang="en" { (english) }
        }
    }
}

/// The stage's name in the table of words.
pub(super) fn stage_key(n: u8) -> &'static str {
    match n {
        1 => "stage.1",
        2 => "stage.2",
        3 => "stage.3",
        4 => "stage.4",
        5 => "stage.5",
        _ => "stages",
    }
}

/// What started a run, in the table of words.
pub(super) fn trigger_key(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Cron => "trigger.cron",
        Trigger::Manual => "trigger.manual",
        Trigger::Test => "trigger.test",
    }
}

/// A duration for people: tenths of seconds below a minute.
pub(super) fn duration(ms: Option<u64>) -> String {
    match ms {
        None => "—".to_owned(),
        Some(ms) if ms < 1000 => format!("{ms} ms"),
        Some(ms) if ms < 60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        Some(ms) => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// Day and time of a stamp in Korea, to the second.
pub(super) fn moment(stamp: &Stamp) -> String {
    stamp.instant().map_or_else(|| stamp.to_string(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_the_unit_that_fits() {
        let cases = [
            (None, "—"),
            (Some(0), "0 ms"),
            (Some(999), "999 ms"),
            (Some(1000), "1.0 s"),
            (Some(59_999), "59.9 s"),
            (Some(60_000), "1 m 00 s"),
            (Some(725_500), "12 m 05 s"),
        ];
        for (ms, want) in cases {
            assert_eq!(duration(ms), want, "{ms:?}");
        }
    }

    #[test]
    fn every_result_and_class_has_a_sign_of_its_own() {
        let results = ["RUNNING", "DONE", "WARNED", "BLOCKED", "FAILED"].map(|word| result(word).sign);
        let distinct: std::collections::BTreeSet<_> = results.into_iter().collect();
        assert_eq!(distinct.len(), 5, "{results:?}");
        assert_eq!(result("<b>"), result("RUNNING"));
    }

    #[test]
    fn a_skipped_pull_is_neither_good_nor_bad() {
        assert_eq!(stage(StageClass::Ok, "GIT_PULL_SKIPPED"), class(StageClass::Skipped));
        assert_eq!(stage(StageClass::Ok, "GIT_PULL_UPDATED"), class(StageClass::Ok));
    }

    #[test]
    fn a_code_of_any_family_has_its_meaning_in_both_languages() {
        for code in ["BUNDLE_STALE", "GIT_PULL_FAILED", "PUSH_FAIL", "NO_SIGNAL"] {
            let [korean, english] = meaning(code).unwrap_or_default();
            assert!(!korean.is_ascii() && english.is_ascii() && english.ends_with('.'), "{code}: {korean} / {english}");
        }
        assert_eq!(meaning("NOT_A_CODE"), None);
    }
}
