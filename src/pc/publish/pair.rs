//! The reconciliation and its report pair: each whole, and all of one summary. A pair of another summary is refused, because
//! the host would show figures that nobody reconciled.

use serde_json::Value;

use super::Findings;
use crate::contracts::Json;
use crate::contracts::reason::is_code;
use crate::store::layout;

/// The largest AI report, in characters of its compact form.
const AI_LIMIT: usize = 1200;

/// Most codes that a report lists.
const CODES: usize = 5;

/// The KPIs of the human report, in their order, and where the summary has each.
const KPIS: [(&str, &str); 5] = [
    ("gate_open_days", "gate_open"),
    ("executed_days", "executed"),
    ("chop_blocked_days", "chop_block"),
    ("bear_blocked_days", "bear_block"),
    ("no_data_days", "no_data"),
];

/// What an error summary is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorSummary {
    /// Not published.
    #[default]
    Refused,
    /// Published as it is.
    Allowed,
}

/// The files as they were read; what could not be read is missing here and told already.
pub(super) struct Reports {
    pub(super) summary: Option<Value>,
    pub(super) human: Option<Value>,
    pub(super) ai: Option<Value>,
    /// The daily rows; none when there is no file.
    pub(super) daily: Option<Vec<u8>>,
}

/// The badge of a summary, first match of the published table.
pub(super) fn badge(summary: &Value) -> &'static str {
    let days = |key: &str| summary["integrity"][key].as_i64().unwrap_or_default();
    match summary["status"].as_str() {
        Some("error") => "ERROR",
        Some("bootstrap") => "BOOTSTRAP",
        _ if days("critical_days") > 0 => "CRITICAL",
        _ if days("warning_days") > 0 => "AMBER",
        _ => "GREEN",
    }
}

impl Reports {
    pub(super) fn check(&self, errors: ErrorSummary, found: &mut Findings) {
        let Some(summary) = &self.summary else { return };
        let is_error = badge(summary) == "ERROR";
        self.check_summary(summary, errors, found);
        if let Some(human) = &self.human {
            human_of(human, summary, found);
        }
        if let Some(ai) = &self.ai {
            ai_of(ai, summary, found);
        }
        if let (Some(human), Some(ai)) = (&self.human, &self.ai) {
            found.require(layout::REPORT_AI, "asof is not that of the other report", human["asof"] == ai["asof"]);
        }
        match &self.daily {
            Some(rows) if !is_error => rows_of(rows, summary, found),
            Some(_) => found.add(layout::RECON_DAILY, "is of an earlier reconciliation: the summary is an error"),
            None if !is_error => found.add(layout::RECON_DAILY, "is missing"),
            None => {}
        }
    }

    fn check_summary(&self, summary: &Value, errors: ErrorSummary, found: &mut Findings) {
        let file = layout::RECON_SUMMARY;
        found.require(file, "schema must be RECON_SUMMARY_V1", summary["schema"] == "RECON_SUMMARY_V1");
        match badge(summary) {
            "ERROR" if errors == ErrorSummary::Refused => {
                let code = summary["error"]["code"].as_str().filter(|code| is_code(code)).unwrap_or("no code");
                found.add(file, &format!("states an error ({code}); --allow-error publishes it as it is"));
            }
            "BOOTSTRAP" => found.add(file, "is a placeholder without a reconciliation"),
            _ => {}
        }
        if badge(summary) != "ERROR" {
            let whole = |group: &str, key: &str| summary[group][key].as_i64().is_some();
            let counted = ["L1_actions", "L2_trades", "L1_L2_delta"].iter().all(|key| whole("counts", key));
            found.require(file, "counts must hold L1_actions, L2_trades and L1_L2_delta", counted);
            found.require(file, "kpis must hold all five numbers", KPIS.iter().all(|(_, key)| whole("kpis", key)));
            found.require(file, "generated_at must be a time", time(summary, "generated_at"));
        }
        found.require(file, "period must hold from and to", period(summary).is_some());
    }
}

fn human_of(human: &Value, summary: &Value, found: &mut Findings) {
    let file = layout::REPORT_HUMAN;
    found.require(file, "schema_version must be REPORT_HUMAN_V1", human["schema_version"] == "REPORT_HUMAN_V1");
    found.require(file, "contract_id must be CONTRACT_5", human["contract_id"] == "CONTRACT_5");
    found.require(file, "asof must be a time", time(human, "asof"));
    let head = &human["headline"];
    let zero = Value::from(0);
    let count = |key: &str| summary["counts"].get(key).unwrap_or(&zero);
    let same = [
        ("headline.period", head["period"].as_str().map(str::to_owned) == period(summary)),
        ("headline.status_badge", head["status_badge"] == badge(summary)),
        ("headline.trade_count.L1_actions", head["trade_count"]["L1_actions"] == *count("L1_actions")),
        ("headline.trade_count.L2_trades", head["trade_count"]["L2_trades"] == *count("L2_trades")),
        ("headline.trade_count.delta", head["trade_count"]["delta"] == *count("L1_L2_delta")),
    ];
    for (field, holds) in same {
        found.require(file, &format!("{field} is not that of the summary"), holds);
    }
    let totals = [("critical_total", "critical_days"), ("warning_total", "warning_days"), ("info_total", "info_days")];
    for (ours, theirs) in totals {
        let same = human["integrity_summary"][ours] == *summary["integrity"].get(theirs).unwrap_or(&zero);
        found.require(file, &format!("integrity_summary.{ours} is not that of the summary"), same);
    }
    let listed = |document: &Value, count: &str| {
        let rows = document["top_codes"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().take(CODES).map(|row| (row["code"].clone(), row[count].clone())).collect::<Vec<_>>()
    };
    let same = listed(&human["integrity_summary"], "count") == listed(&summary["integrity"], "days");
    found.require(file, "integrity_summary.top_codes are not those of the summary", same);
    let kpis = human["kpis"].as_array().map(Vec::as_slice).unwrap_or_default();
    found.require(file, "kpis must be the five of the contract", kpis.len() == KPIS.len());
    for (kpi, (key, source)) in kpis.iter().zip(KPIS) {
        let same = kpi["key"] == key && kpi["value"] == *summary["kpis"].get(source).unwrap_or(&zero);
        found.require(file, &format!("kpis: {key} is not that of the summary, or not in its place"), same);
    }
}

fn ai_of(ai: &Value, summary: &Value, found: &mut Findings) {
    let file = layout::REPORT_AI;
    found.require(file, "schema_version must be REPORT_AI_V1", ai["schema_version"] == "REPORT_AI_V1");
    found.require(file, "contract_id must be CONTRACT_5", ai["contract_id"] == "CONTRACT_5");
    found.require(file, "asof must be a time", time(ai, "asof"));
    let zero = Value::from(0);
    let kpi = |key: &str| summary["kpis"].get(key).unwrap_or(&zero);
    let same = [
        ("kpi_vector.gate_open_days", ai["kpi_vector"]["gate_open_days"] == *kpi("gate_open")),
        ("kpi_vector.executed_days", ai["kpi_vector"]["executed_days"] == *kpi("executed")),
        ("kpi_vector.no_data_days", ai["kpi_vector"]["no_data_days"] == *kpi("no_data")),
        ("kpi_vector.L2_trades", ai["kpi_vector"]["L2_trades"] == *summary["counts"].get("L2_trades").unwrap_or(&zero)),
        (
            "integrity_flags.critical_total",
            ai["integrity_flags"]["critical_total"] == *summary["integrity"].get("critical_days").unwrap_or(&zero),
        ),
        ("status", ai["status"] == badge(summary)),
    ];
    for (field, holds) in same {
        found.require(file, &format!("{field} is not that of the summary"), holds);
    }
    let codes = summary["integrity"]["top_codes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let critical = ai["integrity_flags"]["critical_codes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = critical.iter().all(|code| codes.iter().any(|row| row["code"] == *code)) && critical.len() <= CODES;
    found.require(file, "integrity_flags.critical_codes are not those of the summary", known);
    let length = ai.to_string().chars().count();
    found.require(file, &format!("has {length} characters, {AI_LIMIT} are allowed"), length <= AI_LIMIT);
}

fn rows_of(bytes: &[u8], summary: &Value, found: &mut Findings) {
    let file = layout::RECON_DAILY;
    let text = String::from_utf8_lossy(bytes);
    let (from, to) = (summary["period"]["from"].as_str(), summary["period"]["to"].as_str());
    let mut rows = 0_i64;
    let mut last = String::new();
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        let Ok(row) = Json::parse(line.as_bytes()) else {
            found.add(file, &format!("line {at} is no JSON"));
            return;
        };
        let day = row.get("trade_date").and_then(Json::as_str).unwrap_or_default().to_owned();
        let is_row = row.get("schema").and_then(Json::as_str) == Some("RECON_DAILY_V1");
        let inside = from.is_some_and(|from| from <= day.as_str()) && to.is_some_and(|to| day.as_str() <= to);
        if !is_row || !inside || day <= last {
            let rule = "must be a row of RECON_DAILY_V1, of a day inside the period and after the line before";
            found.add(file, &format!("line {at} {rule}"));
            return;
        }
        last = day;
        rows += 1;
    }
    let kpis = ["gate_open", "chop_block", "bear_block", "no_data"];
    let want: i64 = kpis.iter().filter_map(|key| summary["kpis"][key].as_i64()).sum();
    found.require(file, &format!("has {rows} rows, the summary counts {want}"), rows == want);
}

/// `from~to`.
fn period(summary: &Value) -> Option<String> {
    let of = |key: &str| summary["period"][key].as_str();
    Some(format!("{}~{}", of("from")?, of("to")?))
}

fn time(document: &Value, key: &str) -> bool {
    document[key].as_str().map(crate::time::Stamp::from).is_some_and(|at| at.instant().is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary() -> Value {
        json!({
            "schema": "RECON_SUMMARY_V1", "generated_at": "2026-11-20T19:00:00+09:00",
            "period": {"from": "2026-11-18", "to": "2026-11-20"},
            "counts": {"L1_actions": 4, "L2_trades": 3, "L1_L2_delta": 1},
            "kpis": {"gate_open": 1, "chop_block": 1, "bear_block": 0, "executed": 1, "no_data": 1},
            "integrity": {
                "critical_days": 0, "warning_days": 2, "info_days": 0,
                "top_codes": [{"code": "IC_EVIDENCE_PRICE_JUMP", "days": 2}],
            },
        })
    }

    fn reports(summary: Value) -> Reports {
        let kpi = |key: &str, source: &str| json!({"key": key, "value": summary["kpis"][source], "unit": "days"});
        let human = json!({
            "contract_id": "CONTRACT_5", "schema_version": "REPORT_HUMAN_V1", "asof": "2026-11-20T19:00:01+09:00",
            "headline": {
                "period": "2026-11-18~2026-11-20", "status_badge": "AMBER",
                "trade_count": {"L1_actions": 4, "L2_trades": 3, "delta": 1},
            },
            "integrity_summary": {
                "critical_total": 0, "warning_total": 2, "info_total": 0,
                "top_codes": [{"code": "IC_EVIDENCE_PRICE_JUMP", "count": 2}],
            },
            "kpis": KPIS.iter().map(|(key, source)| kpi(key, source)).collect::<Vec<_>>(),
        });
        let ai = json!({
            "contract_id": "CONTRACT_5", "schema_version": "REPORT_AI_V1", "asof": "2026-11-20T19:00:01+09:00",
            "kpi_vector": {"gate_open_days": 1, "executed_days": 1, "L2_trades": 3, "no_data_days": 1},
            "integrity_flags": {"critical_total": 0, "critical_codes": []}, "status": "AMBER",
        });
        let day = |day: u32| format!("{{\"schema\":\"RECON_DAILY_V1\",\"trade_date\":\"2026-11-{day}\"}}\n");
        let daily = [18, 19, 20].map(day).concat().into_bytes();
        Reports { summary: Some(summary), human: Some(human), ai: Some(ai), daily: Some(daily) }
    }

    fn found(reports: &Reports, errors: ErrorSummary) -> Vec<String> {
        let mut found = Findings::default();
        reports.check(errors, &mut found);
        found.rows
    }

    #[test]
    fn a_pair_of_its_summary_has_nothing_against_it() {
        assert_eq!(found(&reports(summary()), ErrorSummary::Refused), Vec::<String>::new());
    }

    #[test]
    fn anything_of_another_summary_is_refused_by_its_field() {
        type Edit = fn(&mut Reports);
        fn human(reports: &mut Reports) -> &mut Value {
            reports.human.as_mut().expect("there")
        }
        fn ai(reports: &mut Reports) -> &mut Value {
            reports.ai.as_mut().expect("there")
        }
        fn of_summary(reports: &mut Reports) -> &mut Value {
            reports.summary.as_mut().expect("there")
        }
        let cases: [(&str, Edit, &str); 21] = [
            ("period", |r| human(r)["headline"]["period"] = "2026-11-17~2026-11-20".into(), "headline.period"),
            ("badge", |r| human(r)["headline"]["status_badge"] = "GREEN".into(), "headline.status_badge"),
            ("trades", |r| human(r)["headline"]["trade_count"]["L2_trades"] = 5.into(), "L2_trades"),
            ("no trades", |r| human(r)["headline"]["trade_count"] = Value::Null, "L1_actions"),
            ("totals", |r| human(r)["integrity_summary"]["warning_total"] = 1.into(), "warning_total"),
            ("codes", |r| human(r)["integrity_summary"]["top_codes"] = json!([]), "top_codes"),
            ("ai, codes", |r| ai(r)["integrity_flags"]["critical_codes"] = json!(["IC_X"]), "critical_codes"),
            ("ai, asof", |r| ai(r)["asof"] = "2026-11-20T19:00:02+09:00".into(), "asof"),
            ("kpi", |r| human(r)["kpis"][2]["value"] = 9.into(), "chop_blocked_days"),
            ("kpis, order", |r| human(r)["kpis"].as_array_mut().expect("list").swap(0, 1), "gate_open_days"),
            ("kpis, four", |r| drop(human(r)["kpis"].as_array_mut().expect("list").pop()), "kpis must be the five"),
            ("human, schema", |r| human(r)["schema_version"] = "V2".into(), "schema_version"),
            ("human, asof", |r| human(r)["asof"] = "today".into(), "asof"),
            ("ai, kpi", |r| ai(r)["kpi_vector"]["executed_days"] = 2.into(), "executed_days"),
            ("ai, badge", |r| ai(r)["status"] = "GREEN".into(), "status"),
            ("ai, size", |r| ai(r)["note"] = "가".repeat(1200).into(), "characters"),
            ("summary, schema", |r| of_summary(r)["schema"] = "X".into(), "RECON_SUMMARY_V1"),
            ("summary, counts", |r| of_summary(r)["counts"]["L1_actions"] = "4".into(), "counts must hold"),
            ("placeholder", |r| of_summary(r)["status"] = "bootstrap".into(), "placeholder"),
            ("no rows", |r| r.daily = None, "recon_daily.jsonl: is missing"),
            ("rows, one less", |r| r.daily = r.daily.take().map(|d| d[..60].to_vec()), "recon_daily.jsonl"),
        ];
        for (name, edit, want) in cases {
            let mut reports = reports(summary());
            edit(&mut reports);
            let found = found(&reports, ErrorSummary::Refused);
            assert!(found.iter().any(|row| row.contains(want)), "{name}: {found:?}");
        }
    }

    #[test]
    fn rows_are_days_of_the_period_in_their_order() {
        let row = |day: &str| format!("{{\"schema\":\"RECON_DAILY_V1\",\"trade_date\":\"{day}\"}}\n");
        let cases = [
            ("twice", ["2026-11-18", "2026-11-18", "2026-11-20"], "line 2"),
            ("backwards", ["2026-11-19", "2026-11-18", "2026-11-20"], "line 2"),
            ("after the period", ["2026-11-18", "2026-11-19", "2026-11-21"], "line 3"),
        ];
        for (name, days, want) in cases {
            let daily = Some(days.map(row).concat().into_bytes());
            let found = found(&Reports { daily, ..reports(summary()) }, ErrorSummary::Refused);
            assert!(found.iter().any(|row| row.contains(want)), "{name}: {found:?}");
        }
    }

    #[test]
    fn an_error_summary_travels_only_when_it_is_allowed_and_without_old_rows() {
        let error = json!({
            "schema": "RECON_SUMMARY_V1", "status": "error", "generated_at": "2026-11-20T19:00:00+09:00",
            "period": {"from": "2026-11-18", "to": "2026-11-20"},
            "error": {"code": "IC_COVERAGE_REGRESSION", "message_ko": "..."},
        });
        let mut with_pair = reports(json!({"kpis": {}}));
        with_pair.summary = Some(error);
        with_pair.daily = None;
        let human = with_pair.human.as_mut().expect("there");
        human["headline"]["status_badge"] = "ERROR".into();
        human["headline"]["trade_count"] = json!({"L1_actions": 0, "L2_trades": 0, "delta": 0});
        human["integrity_summary"]["warning_total"] = 0.into();
        human["integrity_summary"]["top_codes"] = json!([]);
        for kpi in human["kpis"].as_array_mut().expect("list") {
            kpi["value"] = 0.into();
        }
        let ai = with_pair.ai.as_mut().expect("there");
        ai["status"] = "ERROR".into();
        ai["kpi_vector"] = json!({"gate_open_days": 0, "executed_days": 0, "L2_trades": 0, "no_data_days": 0});
        assert_eq!(found(&with_pair, ErrorSummary::Allowed), Vec::<String>::new());
        let refused = found(&with_pair, ErrorSummary::Refused);
        assert!(refused.iter().any(|row| row.contains("IC_COVERAGE_REGRESSION") && row.contains("--allow-error")));
        with_pair.daily = Some(b"{}\n".to_vec());
        assert!(found(&with_pair, ErrorSummary::Allowed).iter().any(|row| row.contains("earlier reconciliation")));
    }
}
