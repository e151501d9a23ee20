//! DAILY_STATUS_PUSH_V1: the day on one screen, once a day.

use serde_json::Value;

use super::Delivery;
use super::Letter;
use super::Message;
use super::MessageOutcome;
use crate::contracts::Document as _;
use crate::contracts::Reason;
use crate::contracts::actor::Actor;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::json::decode;
use crate::contracts::message::BundleStatus;
use crate::contracts::message::DailyStatusPush;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::LiveStatus;
use crate::contracts::message::MessageMode;
use crate::contracts::message::PlanStatus;
use crate::contracts::message::RecoItem;
use crate::contracts::message::RecoStatus;
use crate::contracts::reco::RecoReport;
use crate::gates::Gates;
use crate::gates::OnceADay;
use crate::notify::alert::HELD_BACK;
use crate::notify::alert::cut;
use crate::notify::alert::plain;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::resolving;
use crate::settings::Lang;
use crate::store::Family;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;
use crate::time::line_stamp;

/// Rows of a recommendation that are shown.
const ITEMS: usize = 5;
/// Characters of a name or a code from outside.
const WORD: usize = 40;

const TESTS: Family = Family { kind: "daily_status_test", ..layout::DAILY_STATUS };

impl Message for DailyStatusPush {
    fn key(&self) -> &str {
        &self.idempotency_key
    }

    fn delivery(&self) -> Option<DeliveryActual> {
        self.delivery_actual
    }

    fn with(self, key: &str, delivery: &Delivery) -> Self {
        // What made the text suspect stands in one of the rows.
        let held = delivery.text == HELD_BACK;
        Self {
            idempotency_key: key.to_owned(),
            reco_items: if held { Vec::new() } else { self.reco_items },
            order_plan: self.order_plan.filter(|_| !held),
            message: delivery.text.clone(),
            delivery_actual: delivery.actual,
            not_sent_because: delivery.because.clone(),
            send_receipt: delivery.receipt.clone(),
            ..self
        }
    }

    fn at(self, snapshot_ref: &str) -> Self {
        Self { snapshot_ref: Some(snapshot_ref.to_owned()), ..self }
    }
}

impl Ops {
    /// Sends the day's status, once a day.
    ///
    /// # Errors
    /// A file cannot be read or written; before the call was recorded nothing left.
    pub fn send_daily_status(
        &self,
        mode: MessageMode,
        actor: &Actor,
    ) -> Result<MessageOutcome<DailyStatusPush>, OpsFault> {
        let once = OnceADay::of_backend(&self.store)?;
        let now = self.clock.now();
        let lang = (self.policy)().map_or(Lang::Ko, |policy| policy.lang);
        let document = self.status_now(mode, now);
        let text = self.status_text(&document, now, lang);
        let title = if lang == Lang::Ko { "[일일 상태]" } else { "[Daily status]" };
        let letter = Letter {
            family: layout::DAILY_STATUS,
            tests: TESTS,
            name: "daily_status",
            push_type: "DAILY_REPORT",
            mode,
            title,
            text: &text,
        };
        self.deliver(&once, &letter, document, actor)
    }

    fn status_now(&self, mode: MessageMode, now: KstTime) -> DailyStatusPush {
        let summary = self.latest_summary().present();
        let cycle = self.latest_cycle().present();
        let reco = self.latest_reco().present();
        let bundle = self.bundle();
        let cycle_ref = cycle.as_ref().and_then(|cycle| cycle.snapshot_ref.clone());
        let refs = [layout::SUMMARY.latest, layout::CYCLE.latest, layout::RECO.latest, layout::BUNDLE.latest];
        let refs = refs.into_iter().map(str::to_owned).chain(cycle_ref);
        let codes = summary.as_ref().map(|summary| summary.top_risks.as_slice()).unwrap_or_default();
        DailyStatusPush {
            schema: DailyStatusPush::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            mode,
            ops_status: summary.as_ref().and_then(|s| s.overall_status).map(|status| status.as_str().to_owned()),
            live_status: live(cycle.as_ref()),
            bundle: BundleStatus {
                decision: Some(bundle.validation.decision.as_str().to_owned()),
                stale: bundle.validation.stale,
            },
            reco: reco.as_ref().map(reco_status).unwrap_or_default(),
            reco_items: reco.as_ref().map(items).unwrap_or_default(),
            order_plan: self.plan_status(),
            top_risks: codes.iter().map(|risk| Reason::reported(&risk.code).to_string()).collect(),
            evidence_refs: resolving(&self.store, refs),
            ..DailyStatusPush::default()
        }
    }

    /// The newest order plan in short; `None` without a readable one.
    fn plan_status(&self) -> Option<PlanStatus> {
        let bytes = self.store.read(layout::ORDER_PLAN.latest).ok().flatten()?;
        let plan: Value = serde_json::from_str(decode(&bytes).ok()?).ok()?;
        let text = |key: &str| plan.get(key).and_then(Value::as_str).map(word);
        plan.as_object()?;
        Some(PlanStatus {
            plan_id: text("plan_id"),
            decision: text("decision").map(|text| Reason::reported(&text).to_string()),
            reason: text("reason").map(|text| Reason::reported(&text).to_string()),
            orders_count: plan.get("orders").and_then(Value::as_array).map_or(0, |orders| orders.len() as u64),
        })
    }

    fn status_text(&self, status: &DailyStatusPush, now: KstTime, lang: Lang) -> String {
        let ko = lang == Lang::Ko;
        let say = |korean: &'static str, english: &'static str| if ko { korean } else { english };
        let part = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), word);
        let live = &status.live_status;
        let today = |at: KstTime| at.with_timezone(&kst()).date_naive() == now.with_timezone(&kst()).date_naive();
        let when = match live.asof.as_ref().and_then(Stamp::instant) {
            Some(at) if today(at) => String::new(),
            Some(at) => format!(" ({} {})", say("오늘 것이 아님:", "not of today:"), line_stamp(at)),
            None => format!(" ({})", say("시각 알 수 없음", "of an unknown time")),
        };
        let stale = if status.bundle.stale { say("오래됨", "stale") } else { say("유효", "fresh") };
        let mut lines = vec![
            format!("{} {} KST", say("[일일 상태]", "[Daily status]"), line_stamp(now)),
            format!("{}: {}", say("운영", "Ops"), part(&status.ops_status)),
            format!("{}: {} {}{when}", say("라이브", "Live"), part(&live.result), part(&live.decision)),
            format!("{}: {} ({stale})", say("번들", "Bundle"), part(&status.bundle.decision)),
        ];
        let count = status.reco.items_count;
        let many = if ko { format!("{count}건") } else { format!("{count} rows") };
        let reco = format!("{} {} {many}", part(&status.reco.decision), part(&status.reco.reason));
        lines.push(format!("{}: {reco}", say("추천", "Recommendation")));
        lines.extend(status.reco_items.iter().enumerate().map(|(at, item)| format!("  {}. {}", at + 1, row(item, ko))));
        if let Some(plan) = &status.order_plan {
            let orders = plan.orders_count;
            let orders = if ko { format!("주문 {orders}건") } else { format!("{orders} orders") };
            lines.push(format!("{}: {} {orders}", say("주문 계획", "Order plan"), part(&plan.decision)));
        }
        let risks =
            if status.top_risks.is_empty() { say("없음", "none").to_owned() } else { status.top_risks.join(", ") };
        lines.push(format!("{}: {risks}", say("위험", "Risks")));
        lines.push(self.switches_text(ko));
        lines.join("\n")
    }

    fn switches_text(&self, ko: bool) -> String {
        let switches = Gates::new(&self.store).switches();
        let on = |value: bool| match (value, ko) {
            (true, true) => "켜짐",
            (false, true) => "꺼짐",
            (true, false) => "on",
            (false, false) => "off",
        };
        let (gate, sender, stop) = (switches.gate.value.as_str(), on(switches.sender.value), on(switches.stop.value));
        if ko {
            format!("게이트: {gate} · 발송 {sender} · 비상정지 {stop}")
        } else {
            format!("Gate: {gate}, sender {sender}, emergency stop {stop}")
        }
    }
}

fn live(cycle: Option<&CycleReceipt>) -> LiveStatus {
    let Some(cycle) = cycle else { return LiveStatus::default() };
    LiveStatus {
        result: cycle.result.map(|result| result.as_str().to_owned()),
        decision: cycle.decision.map(|decision| decision.as_str().to_owned()),
        asof: cycle.asof.clone(),
    }
}

fn reco_status(report: &RecoReport) -> RecoStatus {
    RecoStatus {
        decision: report.decision.clone(),
        reason: report.reason.as_deref().map(|reason| Reason::reported(reason).to_string()),
        items_count: rows(report).count() as u64,
    }
}

/// What to do with what is held, then what to look for.
fn rows(report: &RecoReport) -> impl Iterator<Item = &Value> {
    [&report.holding_actions, &report.top_picks, &report.recommendations].into_iter().flatten().flatten()
}

fn items(report: &RecoReport) -> Vec<RecoItem> {
    let item = |row: &Value| {
        let text = |key: &str| row.get(key).and_then(Value::as_str).map(word);
        let number = |key: &str| row.get(key).and_then(Value::as_f64).filter(|number| number.is_finite());
        RecoItem {
            action: text("action"),
            ticker: text("ticker"),
            name: text("name"),
            weight_pct: number("weight_pct"),
            signal_score: number("signal_score").or_else(|| number("score")),
        }
    };
    rows(report).take(ITEMS).map(item).collect()
}

fn row(item: &RecoItem, ko: bool) -> String {
    let words = [&item.action, &item.ticker, &item.name].into_iter().flatten().cloned();
    let weight = item.weight_pct.map(|share| format!("{:.1}%", share * 100.0));
    let score = item.signal_score.map(|score| format!("{} {score}", if ko { "점수" } else { "score" }));
    words.chain(weight).chain(score).collect::<Vec<_>>().join(" ")
}

/// A word from outside: short and without control characters.
fn word(text: impl AsRef<str>) -> String {
    cut(&plain(text.as_ref()), WORD)
}
