//! Why a run ended as it did, on one screen: the reason, the rule, the evidence, the next command to type.

use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::run::Ending;
use crate::contracts::run::RunRecord;
use crate::settings::Lang;

/// The language of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Korean.
    Korean,
    /// English.
    English,
}

/// The words around the facts.
struct Words {
    ended: [&'static str; 4],
    reason: &'static str,
    meaning: &'static str,
    said: &'static str,
    rule: &'static str,
    evidence: &'static str,
    warnings: &'static str,
    next: &'static str,
    stage: &'static str,
    unfinished: &'static str,
}

const ENGLISH: Words = Words {
    ended: ["done", "done with warnings", "blocked: a safety rule said no", "failed: it could not be done or verified"],
    reason: "Reason",
    meaning: "Meaning",
    said: "It said",
    rule: "Rule",
    evidence: "Evidence",
    warnings: "Warnings",
    next: "Next",
    stage: "stage",
    unfinished: "not finished: it is running, or its process was killed",
};

const KOREAN: Words = Words {
    ended: ["완료", "경고와 함께 완료", "차단: 안전 규칙이 실행을 막았습니다", "실패: 수행하거나 검증하지 못했습니다"],
    reason: "사유",
    meaning: "의미",
    said: "상세",
    rule: "규칙",
    evidence: "증거",
    warnings: "경고",
    next: "다음 명령",
    stage: "단계",
    unfinished: "미완료: 실행 중이거나 프로세스가 강제 종료되었습니다",
};

/// Explains a run. Every line is plain text without an end.
#[must_use]
pub fn explain(record: &RunRecord, language: Language) -> Vec<String> {
    let words = if language == Language::Korean { &KOREAN } else { &ENGLISH };
    let code = record.reason.as_ref().map_or("-", Reason::as_str);
    let ended = match record.ending() {
        Some(Ending::Done) => words.ended[0],
        Some(Ending::Warned) => words.ended[1],
        Some(Ending::Blocked) => words.ended[2],
        Some(Ending::Failed) => words.ended[3],
        None => words.unfinished,
    };
    let exit = record.exit_code.map_or_else(|| "-".to_owned(), |exit| exit.to_string());
    let mut lines =
        vec![format!("{} — {ended} (exit {exit})", record.run_id), record.started_at.to_string(), String::new()];
    lines.push(format!("{}: {code}", words.reason));
    if let Some(known) = RunCode::parse(code) {
        let meaning = if language == Language::Korean { known.korean() } else { known.english() };
        lines.push(format!("{}: {meaning}", words.meaning));
    }
    if let Some(detail) = &record.reason_detail {
        lines.push(format!("{}: {detail}", words.said));
    }
    // A blocked summary says no more than that; its worst risk says why.
    let told_by = match record.risks.first() {
        Some(risk) if code == "OPS_BLOCKED" || code == "OPS_WARN" => risk.as_str(),
        _ => code,
    };
    let advice = advice(told_by);
    lines.push(format!(
        "{}: {}",
        words.rule,
        if language == Language::Korean { advice.korean } else { advice.english }
    ));
    lines.push(format!("{}:", words.evidence));
    lines.extend(evidence(record, words).into_iter().map(|line| format!("  {line}")));
    if !record.warnings.is_empty() {
        lines.push(format!("{}:", words.warnings));
        lines.extend(record.warnings.iter().map(|found| {
            let detail = found.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("  {}{detail}", found.code)
        }));
    }
    let next = if language == Language::Korean { advice.next_korean.unwrap_or(advice.next) } else { advice.next };
    lines.push(format!("{}: {next}", words.next));
    lines
}

fn evidence(record: &RunRecord, words: &Words) -> Vec<String> {
    let mut lines = Vec::new();
    let told = record.stages.iter().filter(|stage| !matches!(stage.class, StageClass::Ok | StageClass::Skipped));
    for stage in told {
        let detail = stage.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        lines.push(format!("{} {}/5 {} {}{detail}", words.stage, stage.n, stage.name.title(), stage.code));
    }
    if let Some(bundle) = &record.bundle {
        let id = bundle.bundle_id.as_deref().unwrap_or("-");
        let issues = if bundle.issues.is_empty() { String::new() } else { format!(": {}", bundle.issues.join("; ")) };
        lines.push(format!("bundle {id} {} stale={}{issues}", bundle.decision, bundle.stale));
    }
    if let Some(reference) = &record.cycle.snapshot_ref {
        lines.push(format!("receipt {reference}"));
    }
    lines.push(format!("record {}", record.snapshot_ref));
    lines
}

/// The command that helps against a reason.
pub(super) fn next_step(code: &str, lang: Lang) -> String {
    let advice = advice(code);
    let korean = advice.next_korean.filter(|_| lang == Lang::Ko);
    korean.unwrap_or(advice.next).to_owned()
}

struct Advice {
    english: &'static str,
    korean: &'static str,
    next: &'static str,
    /// The Korean words, where the next step is more than a command.
    next_korean: Option<&'static str>,
}

/// The next step when only the PC can help.
const PUBLISH: (&str, &str) =
    ("on the PC publish a new bundle, then here: daily_ops run", "PC에서 새 번들을 발행한 뒤 여기서: daily_ops run");

/// The rule behind a reason and the command that helps.
#[expect(clippy::too_many_lines, reason = "one row per reason")]
fn advice(code: &str) -> Advice {
    let (english, korean, next) = match code {
        "OK" => ("Nothing stands against the run.", "이상 없음.", "daily_ops runs list"),
        "EMERGENCY_STOP" | "OPS_STOPPED" => (
            "While the emergency stop is on, or cannot be read, no live cycle is asked for.",
            "비상 정지가 켜져 있거나 읽을 수 없으면 라이브 사이클을 요청하지 않습니다.",
            "daily_ops stop show",
        ),
        "BUNDLE_STALE" | "BUNDLE_STALE_WARN" => (
            "A bundle is fresh within 24 h, or until a session has ended after it was made.",
            "번들은 24시간 이내이거나, 생성 이후 종료된 장이 없을 때만 유효합니다.",
            PUBLISH.0,
        ),
        "BUNDLE_FAIL" | "BUNDLE_INTEGRITY_FAIL" => (
            "A bundle acts only if its keys, hash and signature are proved on this host.",
            "번들의 형식, 해시, 서명이 이 호스트에서 증명되어야만 사용합니다.",
            "daily_ops check",
        ),
        "NO_BUNDLE" | "NO_STRATEGY_BUNDLE" => (
            "Without a strategy bundle there is nothing to act on.",
            "전략 번들이 없으면 실행할 내용이 없습니다.",
            PUBLISH.0,
        ),
        "BACKEND_DOWN" | "BACKEND_BAD_RESPONSE" | "BACKEND_UNHEALTHY" => (
            "Nothing is asked of a backend that does not say it is healthy.",
            "정상이라고 응답하지 않는 백엔드에는 아무것도 요청하지 않습니다.",
            "systemctl status daily-ops-backend",
        ),
        "GIT_PULL_FAILED" => (
            "A failed update is a warning: yesterday's files are used, and a stale bundle blocks.",
            "갱신 실패는 경고이며 기존 파일을 사용합니다. 번들이 오래되면 차단됩니다.",
            "git fetch && git status",
        ),
        "LIVE_RUN_FAILED" | "KILLED" | "INTERRUPTED" => (
            "A cycle whose answer is not known may have run; it is never asked for twice.",
            "응답을 알 수 없는 사이클은 실행되었을 수 있으므로 다시 요청하지 않습니다.",
            "daily_ops check live-cycle --no-run",
        ),
        "LIVE_CONFLICT" | "ALREADY_RUNNING" => {
            ("One run at a time.", "한 번에 하나의 실행만 허용됩니다.", "daily_ops runs show latest")
        }
        "LIVE_RECEIPT_MISMATCH" | "LIVE_INTEGRITY_MISMATCH" | "LIVE_PARSE_FAILED" => (
            "A receipt counts only if it belongs to this cycle and its hash proves it.",
            "영수증은 이번 사이클의 것이고 해시로 증명될 때만 인정합니다.",
            "daily_ops check live-cycle --no-run",
        ),
        "SNAPSHOT_REF_MISSING" | "SNAPSHOT_REF_INVALID" | "SNAPSHOT_UNRESOLVED" | "SNAPSHOT_MISMATCH" => (
            "A receipt that cannot be read back through the resolver is not proved.",
            "리졸버로 다시 읽을 수 없는 영수증은 증명되지 않은 것입니다.",
            "daily_ops check live-cycle --no-run",
        ),
        "SUMMARY_REGEN_FAILED" | "SUMMARY_INVALID" => (
            "Without a readable summary the run does not go on.",
            "읽을 수 있는 요약이 없으면 진행하지 않습니다.",
            "daily_ops check ops-summary",
        ),
        "STORE_FAILED" => (
            "What cannot be recorded is not done.",
            "기록할 수 없는 작업은 수행하지 않습니다.",
            "df -h . && ls -ld logs reports state",
        ),
        "RUN_TIMEOUT" => (
            "The whole run has a limit, so that a hanging part is seen.",
            "전체 실행에는 제한 시간이 있습니다.",
            "daily_ops runs show latest",
        ),
        "LATE_RUN_SKIPPED" => (
            "A start that comes too late does nothing by itself.",
            "너무 늦은 자동 시작은 아무 작업도 하지 않습니다.",
            "daily_ops run",
        ),
        _ if code.starts_with("EVIDENCE_HEALTH") => (
            "The evidence behind the status must resolve; reports/ops/evidence/health/health_latest.json names what does not.",
            "상태의 근거가 되는 증거가 확인되어야 합니다. 확인되지 않은 항목은 reports/ops/evidence/health/health_latest.json에 있습니다.",
            "daily_ops check ops-cycle",
        ),
        _ => (
            "The worst open risk of the ops summary gives the day its reason.",
            "운영 요약에서 가장 심각한 위험이 그날의 사유가 됩니다.",
            "daily_ops check ops-summary --no-run",
        ),
    };
    Advice { english, korean, next, next_korean: (next == PUBLISH.0).then_some(PUBLISH.1) }
}
