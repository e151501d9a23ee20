//! The words: each in both languages, and each that a page or a script asks for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use crate::RUN;
use crate::values;
use crate::with_run;

fn table() -> BTreeMap<String, [String; 2]> {
    serde_json::from_str(include_str!("../../src/backend/assets/words.json")).expect("the table")
}

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn every_word_is_told_in_both_languages_with_the_same_places() {
    let table = table();
    assert!(table.len() > 200, "{}", table.len());
    for (key, [korean, english]) in &table {
        assert!(!korean.trim().is_empty() && !english.trim().is_empty(), "{key}");
        assert_eq!(places(korean), places(english), "{key}");
        let other = key == "lang.other" || key == "lang.label";
        assert!(other || !english.chars().any(|c| ('가'..='힣').contains(&c)), "{key}: Korean in {english}");
    }
}

#[test]
fn the_labels_of_the_specification_are_told_as_it_says() {
    let wanted = [
        ("health", "상태", "Health"),
        ("drop", "누락", "DropCount"),
        ("subs", "구독자", "Subscribers"),
        ("killsw", "킬 스위치", "Kill switch"),
        ("risk", "리스크", "Risk"),
        ("events", "이벤트 타임라인", "Event timeline"),
        ("type", "유형", "Type"),
        ("trace", "추적 ID 검색", "Trace search"),
        ("export", "JSON 내보내기", "Export JSON"),
        ("kill.reason", "사유(필수)", "Reason (required)"),
        ("kill.audit", "감사 ID", "Audit ID"),
        ("pause", "일시정지", "Pause"),
        ("events.empty", "이벤트 대기 중…", "Waiting for events…"),
        ("events.none", "조건에 맞는 이벤트 없음 ({n}건 숨김)", "No events match ({n} hidden)"),
        ("positions.empty", "보유 종목 없음", "No positions"),
        ("risks.empty", "최근 리스크 없음", "No recent risks"),
        ("engine.idle", "엔진 미가동 (세션 외)", "Engine idle"),
        ("metrics.failed", "지표 수신 실패 · 마지막 {age} 전", "Metrics failed · last {age} ago"),
        ("sse.connecting", "연결 중", "Connecting"),
        ("sse.live", "실시간", "Live"),
        ("sse.stale", "지연", "Stale"),
        ("sse.reconnecting", "재연결 중", "Reconnecting"),
        ("sse.full", "접속 한도", "Limit reached"),
        ("sse.offline", "끊김", "Offline"),
    ];
    let table = table();
    for (key, korean, english) in wanted {
        let [ko, en] = table.get(key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!((ko.as_str(), en.as_str()), (korean, english), "{key}");
    }
}

#[test]
fn every_word_that_a_page_asks_for_is_in_the_table() {
    let site = with_run();
    let table = table();
    for path in ["/ops", "/ops/runs", &format!("/ops/runs/{RUN}"), "/ops/runs/nobody"] {
        let page = site.get(path).text;
        for attribute in ["data-i18n", "data-i18n-label", "data-i18n-hint"] {
            for key in values(&page, attribute) {
                assert!(table.contains_key(key), "{path}: {key}");
            }
        }
    }
}

/// The keys that a script hands to the function `t` as they stand.
fn asked(script: &str) -> Vec<&str> {
    let own = |at: &usize| !script[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
    let places = script.match_indices("t(\"").map(|(at, _)| at).filter(own);
    places.filter_map(|at| script[at + 3..].split('"').next()).collect()
}

#[test]
fn every_word_that_a_script_asks_for_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/assets");
    let table = table();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the assets") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "js") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        for key in asked(&text) {
            assert!(table.contains_key(key), "{}: {key}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
