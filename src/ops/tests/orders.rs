//! Order plans and confirmations on whole workspaces: every row of the table, and who may confirm what.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::contracts::BundlePolicy;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::contracts::integrity;
use crate::contracts::integrity::Integrity;
use crate::contracts::order_plan::OrderPlan;
use crate::gates::AuditEntry;
use crate::ops::ConfirmFault;
use crate::ops::ConfirmRequest;
use crate::ops::Export;
use crate::ops::MarketQuote;
use crate::ops::Ops;
use crate::ops::OpsPolicy;
use crate::ops::PlanAction;
use crate::ops::PortfolioChange;
use crate::ops::PortfolioRefusal;
use crate::ops::QuoteFault;
use crate::ops::QuoteSource;
use crate::ops::Remake;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::policy;
use crate::ops::tests::site::stale;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;

pub(super) fn person() -> Actor {
    Actor::new("kim", Role::Operator, "http loopback")
}

fn at(text: &str) -> KstTime {
    Stamp::from(text).instant().expect("a time")
}

/// The closes of the worked example, of the day before; made before the session.
fn priced(doc: &mut Value) {
    doc["created_at"] = "2026-11-20T08:00:00+09:00".into();
    doc["strategy"]["scorer"]["prices"] = json!({
        "229200": {"close": 15580, "date": "2026-11-19"}, "069500": {"close": 60720, "date": "2026-11-19"},
    });
    doc["strategy"]["holding_action"] = json!({"status": "NO_ACTION", "items": []});
}

/// Friday, an hour into the session: a fresh bundle with prices, a recommendation from it and ten million won.
pub(super) fn ready() -> Site {
    let site = Site::good();
    site.clock.jump_to(at("2026-11-20T10:00:00+09:00"));
    site.bundle(priced);
    let ops = site.ops();
    ops.regenerate_reco().expect("made");
    ops.upsert_portfolio(PortfolioChange::Seed, &person()).expect("made");
    site
}

/// Changes a stored document without telling anybody.
fn changed(site: &Site, file: &str, edit: impl Fn(&mut Value)) {
    let bytes = site.store.read(file).expect("read").expect("there");
    let mut doc: Value = serde_json::from_slice(&bytes).expect("JSON");
    edit(&mut doc);
    site.json(file, &doc);
}

pub(super) fn trail(site: &Site) -> Vec<AuditEntry> {
    let bytes = site.store.read(layout::AUDIT).expect("read").expect("there");
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
}

pub(super) fn plan(ops: &Ops) -> OrderPlan {
    ops.regenerate_order_plan(Remake::Always, &person()).expect("made").plan
}

fn decided(plan: &OrderPlan) -> (&str, &str) {
    (&plan.decision, &plan.reason)
}

pub(super) fn confirm(ops: &Ops, plan: &OrderPlan, who: &str) -> Result<bool, String> {
    let sha = plan.integrity.as_ref().map(|integrity| integrity.payload_sha256.clone()).unwrap_or_default();
    let said = ConfirmRequest { plan_id: &plan.plan_id, payload_sha256: &sha, operator_id: who, reason: "read it" };
    match ops.confirm_order_plan(&said, &person()) {
        Ok(done) => Ok(done.before),
        Err(ConfirmFault::Refused(code, _)) => Err(code.to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// What confirming a plan is refused with: code and text.
fn refusal(ops: &Ops, plan: &OrderPlan) -> String {
    let sha = plan.integrity.as_ref().map(|integrity| integrity.payload_sha256.clone()).unwrap_or_default();
    let said = ConfirmRequest { plan_id: &plan.plan_id, payload_sha256: &sha, operator_id: "kim", reason: "read it" };
    match ops.confirm_order_plan(&said, &person()) {
        Err(ConfirmFault::Refused(code, text)) => format!("{code}: {text}"),
        other => format!("{other:?}"),
    }
}

fn exported(ops: &Ops) -> String {
    match ops.export_order_plan() {
        Ok(Export::Ready { plan, .. }) => plan.plan_id,
        Ok(Export::Missing) => "MISSING".to_owned(),
        Ok(Export::Damaged(_)) => "DAMAGED".to_owned(),
        Err(ConfirmFault::Refused(code, _)) => code.to_owned(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row per case")]
fn every_row_of_the_table_gives_its_plan() {
    type Edit = fn(&Site);
    let reco: Edit = |site| drop(site.ops().regenerate_reco().expect("made"));
    let cases: [(&str, Edit, &str, &str); 14] = [
        ("no reco", |site| drop(site.store.remove(layout::RECO.latest)), "BLOCKED", "NO_RECO"),
        ("reco damaged", |site| site.text(layout::RECO.latest, "{half"), "BLOCKED", "NO_RECO"),
        (
            "reco changed",
            |site| {
                let text = site.store.read(layout::RECO.latest).expect("read").expect("there");
                site.text(layout::RECO.latest, &String::from_utf8(text).expect("text").replace("069500", "005930"));
            },
            "BLOCKED",
            "NO_RECO",
        ),
        (
            "reco empty",
            |site| {
                site.bundle(stale);
                drop(site.ops().regenerate_reco().expect("made"));
            },
            "EMPTY",
            "NO_ORDERS_FROM_RECO",
        ),
        ("no portfolio", |site| drop(site.store.remove(layout::PORTFOLIO.latest)), "BLOCKED", "NO_PORTFOLIO"),
        ("portfolio cut", |site| site.text(layout::PORTFOLIO.latest, "{"), "BLOCKED", "PORTFOLIO_READ_ERROR"),
        (
            "portfolio negative",
            |site| site.text(layout::PORTFOLIO.latest, r#"{"cash":-1}"#),
            "BLOCKED",
            "PORTFOLIO_SCHEMA_INVALID",
        ),
        (
            "portfolio with texts",
            |site| site.text(layout::PORTFOLIO.latest, r#"{"cash":"1","holdings":[]}"#),
            "BLOCKED",
            "PORTFOLIO_SCHEMA_INVALID",
        ),
        (
            "no value",
            |site| site.text(layout::PORTFOLIO.latest, r#"{"cash":0,"holdings":{"005930":{"qty":3}}}"#),
            "BLOCKED",
            "PORTFOLIO_INCONSISTENT",
        ),
        (
            "no price",
            |site| {
                site.bundle(|doc| {
                    priced(doc);
                    doc["strategy"]["scorer"]["prices"] = json!({});
                });
                drop(site.ops().regenerate_reco().expect("made"));
            },
            "BLOCKED",
            "PRICE_MISSING",
        ),
        (
            "price too old",
            |site| {
                site.bundle(|doc| {
                    priced(doc);
                    doc["strategy"]["scorer"]["prices"]["229200"]["date"] = "2026-11-13".into();
                });
                drop(site.ops().regenerate_reco().expect("made"));
            },
            "BLOCKED",
            "PRICE_MISSING",
        ),
        (
            "generated prices",
            |site| {
                site.bundle(|doc| {
                    priced(doc);
                    doc["strategy"]["scorer"]["data_source"] = "SYNTHETIC".into();
                });
                drop(site.ops().regenerate_reco().expect("made"));
            },
            "BLOCKED",
            "NO_RECO",
        ),
        (
            "no money",
            |site| site.text(layout::PORTFOLIO.latest, r#"{"cash":100000,"holdings":[]}"#),
            "EMPTY",
            "NO_ORDERS",
        ),
        ("usable", reco, "COMPLETED", "SUCCESS"),
    ];
    for (name, edit, decision, reason) in cases {
        let site = ready();
        edit(&site);
        let ops = site.ops();
        let made = plan(&ops);
        assert_eq!(decided(&made), (decision, reason), "{name}: {}", made.reason_detail);
        assert_eq!(made.orders.is_empty(), decision != "COMPLETED", "{name}");
        assert_eq!(made.error_summary.is_some(), decision == "BLOCKED", "{name}");
        assert_eq!(made.trading_day, Some(true), "{name}");
        assert_eq!(integrity::verify(&Json::of(&made).expect("json")), Integrity::Proven, "{name}");
        assert_eq!(ops.latest_plan(), Stored::Present(made.clone()), "{name}");
        for text in &made.evidence_refs {
            assert!(crate::ops::resolves(&site.store, text), "{name}: {text}");
        }
        if decision != "COMPLETED" {
            assert_eq!(confirm(&ops, &made, "kim"), Err("NOTHING_TO_CONFIRM".to_owned()), "{name}");
            assert_eq!(exported(&ops), "NOTHING_TO_CONFIRM", "{name}");
        }
    }
}

#[test]
fn a_plan_stands_until_what_it_was_made_from_changes() {
    let site = ready();
    let ops = site.ops();
    let make = || ops.regenerate_order_plan(Remake::IfChanged, &person()).expect("made");
    let first = make();
    assert_eq!((first.action, first.plan.plan_id.as_str()), (PlanAction::Created, "plan-20261120-100000"));
    let quantities: Vec<_> = first.plan.orders.iter().map(|order| order.quantity.expect("shares")).collect();
    assert_eq!(quantities, [160, 41], "a quarter of the whole each");
    assert_eq!(make().action, PlanAction::Skip);
    let forced = ops.regenerate_order_plan(Remake::Always, &person()).expect("made");
    assert_eq!((forced.action, forced.plan.plan_id.as_str()), (PlanAction::Created, "plan-20261120-100000-2"));
    ops.regenerate_reco().expect("made");
    assert_eq!(make().action, PlanAction::Created, "another report");
    site.text(layout::PORTFOLIO.latest, r#"{"cash":9000000,"holdings":[]}"#);
    assert_eq!(make().action, PlanAction::Created, "another portfolio");
    assert_eq!(make().action, PlanAction::Skip);
    site.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(make().action, PlanAction::Created, "another day");
    site.text(layout::PORTFOLIO.latest, "{");
    assert_eq!(make().action, PlanAction::Created);
    assert_eq!(make().action, PlanAction::Created, "what blocked it may be gone");
}

#[test]
fn a_day_without_a_session_is_said_and_nothing_is_confirmed() {
    let site = ready();
    // Saturday morning; Friday's bundle is not a day old.
    site.clock.jump_to(at("2026-11-21T07:00:00+09:00"));
    let ops = site.ops();
    let made = plan(&ops);
    assert_eq!((decided(&made), made.trading_day), (("COMPLETED", "SUCCESS"), Some(false)));
    assert!(made.warnings.iter().any(|text| text.starts_with("no session on 2026-11-21 (Saturday)")));
    assert_eq!(confirm(&ops, &made, "kim"), Err("NO_TRADING_DAY".to_owned()));
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM");
}

#[test]
fn only_a_person_who_read_exactly_this_plan_confirms_it() {
    let site = ready();
    let ops = site.ops();
    assert_eq!(exported(&ops), "MISSING");
    let made = plan(&ops);
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM");
    let mut other = made.clone();
    other.plan_id.push_str("-9");
    assert_eq!(confirm(&ops, &other, "kim"), Err("PLAN_CHANGED".to_owned()));
    other = made.clone();
    other.integrity.as_mut().expect("a hash").payload_sha256 = "0".repeat(64);
    assert_eq!(confirm(&ops, &other, "kim"), Err("PLAN_CHANGED".to_owned()));
    let sha = made.integrity.clone().expect("a hash").payload_sha256;
    for (operator_id, reason, sha, field) in [
        (" ", "why", sha.as_str(), "operator_id"),
        ("kim", "", sha.as_str(), "reason"),
        ("kim", "why", "yes", "payload_sha256"),
    ] {
        let said = ConfirmRequest { plan_id: &made.plan_id, payload_sha256: sha, operator_id, reason };
        let fault = ops.confirm_order_plan(&said, &person()).expect_err(field);
        assert!(matches!(fault, ConfirmFault::Field(name, _) if name == field), "{field}");
    }
    let said = ConfirmRequest { plan_id: &made.plan_id, payload_sha256: &sha, operator_id: "kim", reason: "r" };
    let program = ops.confirm_order_plan(&said, &Actor::program("ops_cycle"));
    assert!(matches!(program, Err(ConfirmFault::Refused("NOT_A_PERSON", _))));
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM", "nothing of that counts");
}

#[test]
fn a_confirmation_holds_once_for_one_plan_and_is_in_the_trail() {
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    assert_eq!(confirm(&ops, &made, "kim"), Ok(false));
    assert_eq!(confirm(&ops, &made, "kim"), Ok(true));
    assert_eq!(confirm(&ops, &made, "lee"), Err("ALREADY_CONFIRMED".to_owned()));
    assert_eq!(exported(&ops), made.plan_id);
    assert_eq!(site.ops().plan_state(&made).expect("read").state, Some("PREP_READY"), "another process knows it too");
    let log = String::from_utf8(site.store.read(layout::PLAN_CONFIRMATIONS).expect("read").expect("there"));
    assert_eq!(log.expect("text").lines().count(), 1);
    let entries = trail(&site);
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["portfolio.upsert", "order_plan.regenerate", "order_plan.confirm"]);
    assert_eq!(
        (&entries[1].target, &entries[1].after["payload_sha256"]),
        (&made.plan_id, &json!(made.integrity.as_ref().map(|integrity| &integrity.payload_sha256)))
    );
    assert!(!format!("{entries:?}").contains("10000000"), "no amount of the portfolio is in the trail");

    let again = plan(&ops);
    assert_eq!(again.orders, made.orders);
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM", "a plan made anew needs a new word");
}

#[test]
fn of_many_who_confirm_at_once_one_does() {
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = |at: usize| {
            let (site, made) = (&site, &made);
            scope.spawn(move || confirm(&site.ops(), made, &format!("person {at}")))
        };
        let asked: Vec<_> = (0..8).map(ask).collect();
        asked.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(false)).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == Err("ALREADY_CONFIRMED".to_owned())).count(), 7);
    let log = site.store.read(layout::PLAN_CONFIRMATIONS).expect("read").expect("there");
    assert_eq!(log.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn a_line_that_cannot_be_read_is_no_confirmation() {
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    assert_eq!(confirm(&ops, &made, "kim"), Ok(false));
    let log = site.store.read(layout::PLAN_CONFIRMATIONS).expect("read").expect("there");
    let text = String::from_utf8(log).expect("text");
    site.text(layout::PLAN_CONFIRMATIONS, &text.replace("\"kim\"", "7"));
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM");
    site.text(layout::PLAN_CONFIRMATIONS, &format!("{{half\n\n{text}"));
    assert_eq!(exported(&ops), made.plan_id);
}

#[test]
fn what_a_plan_rests_on_must_still_stand() {
    type Edit = fn(&Site);
    let cases: [(&str, Edit, &str); 9] = [
        ("stop", |site| site.text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":true}"#), "EMERGENCY_STOP"),
        ("stop damaged", |site| site.text(layout::STOP, "{"), "EMERGENCY_STOP"),
        ("next day", |site| site.clock.advance(Duration::from_secs(24 * 3600)), "PLAN_STALE"),
        ("session over", |site| site.clock.jump_to(at("2026-11-20T15:30:00+09:00")), "PLAN_STALE"),
        ("bundle stale", |site| site.bundle(stale), "PLAN_STALE"),
        ("bundle gone", |site| drop(site.store.remove(layout::BUNDLE.latest)), "PLAN_STALE"),
        (
            "another bundle",
            |site| {
                site.bundle(|doc| {
                    priced(doc);
                    doc["bundle_id"] = "0d1c5ca5-6baf-4d97-8483-c32e0fd5411c".into();
                });
            },
            "PLAN_STALE",
        ),
        ("other holdings", |site| site.text(layout::PORTFOLIO.latest, r#"{"cash":1,"holdings":[]}"#), "PLAN_STALE"),
        ("holdings gone", |site| drop(site.store.remove(layout::PORTFOLIO.latest)), "PLAN_STALE"),
    ];
    for (name, edit, code) in cases {
        let site = ready();
        let ops = site.ops();
        let made = plan(&ops);
        edit(&site);
        assert_eq!(confirm(&ops, &made, "kim"), Err(code.to_owned()), "{name}");

        let site = ready();
        let ops = site.ops();
        let made = plan(&ops);
        assert_eq!(confirm(&ops, &made, "kim"), Ok(false), "{name}");
        edit(&site);
        assert_eq!(exported(&ops), code, "{name}: after the confirmation");
    }
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    let text = String::from_utf8(site.store.read(layout::ORDER_PLAN.latest).expect("read").expect("there"));
    site.text(layout::ORDER_PLAN.latest, &text.expect("text").replace("\"quantity\": 41", "\"quantity\": 410"));
    assert_eq!(confirm(&ops, &made, "kim"), Err("NOTHING_TO_CONFIRM".to_owned()));
    assert_eq!(exported(&ops), "DAMAGED");
}

#[test]
fn limits_are_those_of_the_bundle_and_a_recommendation_with_others_is_refused() {
    let cases = [
        ("max_position_pct", json!(1.0), "states max_position_pct 1, the bundle 0.25"),
        ("max_positions", json!(50), "states max_positions 50, the bundle 4"),
        ("min_cash_pct", json!(0.0), "states min_cash_pct 0, the bundle 0.1"),
    ];
    for (key, value, said) in cases {
        let site = ready();
        changed(&site, layout::RECO.latest, |doc| doc["constraints_applied"][key] = value.clone());
        let ops = site.ops();
        assert!(ops.latest_reco().present().is_some(), "{key}: its hash does not cover the limits");
        let made = plan(&ops);
        assert_eq!(decided(&made), ("BLOCKED", "NO_RECO"), "{key}");
        assert!(made.reason_detail.contains(said), "{key}: {}", made.reason_detail);
        assert!(made.orders.is_empty(), "{key}");
        assert_eq!(confirm(&ops, &made, "kim"), Err("NOTHING_TO_CONFIRM".to_owned()), "{key}");
    }
}

#[test]
fn a_bundle_that_nobody_may_rely_on_is_said_and_refused() {
    let site = ready();
    let made = plan(&site.ops());
    assert_eq!(made.warnings, Vec::<String>::new(), "a verified signature needs no word");
    let bundle = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
    let unsigned = plan(&site.ops_with(OpsPolicy { bundle, ..policy() }));
    assert_eq!(decided(&unsigned), ("COMPLETED", "SUCCESS"));
    assert_eq!(unsigned.warnings, ["the bundle's signature is not verified: be sure where it comes from"]);

    // The same id, and a plan that claims the changed bundle for its own.
    let ops = site.ops();
    let made = plan(&ops);
    site.bundle(|doc| {
        priced(doc);
        doc["strategy"]["scorer"]["data_source"] = "synthetic".into();
    });
    let sha = ops.bundle().part(&["integrity", "payload_sha256"]).expect("a hash");
    changed(&site, layout::ORDER_PLAN.latest, |doc| doc["source"]["payload_sha256"] = json!(sha.as_str()));
    let said = refusal(&ops, &made);
    assert!(said.starts_with("PLAN_STALE: ") && said.contains("SYNTHETIC"), "{said}");
}

#[test]
fn a_total_that_is_not_cash_and_holdings_blocks_the_plan() {
    let cases = [
        ("tenfold", r#"{"cash":10000000,"total_value":100000000,"holdings":[]}"#, false),
        ("too small", r#"{"cash":10000000,"total_value":5000000,"holdings":[]}"#, false),
        ("as it is", r#"{"cash":10000000,"total_value":10000000,"holdings":[]}"#, true),
        ("not stated", r#"{"cash":10000000,"holdings":[]}"#, true),
        (
            "older form",
            r#"{"cash":9000000,"total_value":9046801.5,"holdings":{"005930":{"qty":3,"current_price":15600.5}}}"#,
            true,
        ),
        (
            "older form that does not agree",
            r#"{"cash":3000000,"total_value":10000000,"holdings":{"005930":{"qty":3,"current_price":15600}}}"#,
            false,
        ),
    ];
    for (name, text, agrees) in cases {
        let site = ready();
        site.text(layout::PORTFOLIO.latest, text);
        let made = plan(&site.ops());
        let want = if agrees { ("COMPLETED", "SUCCESS") } else { ("BLOCKED", "PORTFOLIO_INCONSISTENT") };
        assert_eq!(decided(&made), want, "{name}: {}", made.reason_detail);
        assert!(!made.reason_detail.contains("0000"), "{name}: no amount is told");
    }
}

#[test]
fn every_place_that_states_the_day_of_a_plan_states_today() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 3] = [
        ("trading_date", |doc| doc["trading_date"] = "2026-11-23".into()),
        ("asof", |doc| doc["asof"] = "2026-11-19T10:00:00+09:00".into()),
        ("plan_id", |doc| doc["plan_id"] = "plan-20261119-100000".into()),
    ];
    for (name, edit) in cases {
        let site = ready();
        let ops = site.ops();
        plan(&ops);
        changed(&site, layout::ORDER_PLAN.latest, edit);
        let made = ops.latest_plan().present().expect("its hash does not cover the day");
        assert_eq!(confirm(&ops, &made, "kim"), Err("PLAN_CHANGED".to_owned()), "{name}");
    }
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    assert_eq!(confirm(&ops, &made, "kim"), Ok(false));
    assert_eq!(exported(&ops), made.plan_id);
    changed(&site, layout::PLAN_CONFIRMATIONS, |doc| doc["confirmed_at"] = "2026-11-19T10:00:00+09:00".into());
    assert_eq!(exported(&ops), "PLAN_STALE", "confirmed on another day");
    changed(&site, layout::PLAN_CONFIRMATIONS, |doc| doc["confirmed_at"] = "2026-11-20T10:00:00+09:00".into());
    assert_eq!(exported(&ops), made.plan_id);
    changed(&site, layout::ORDER_PLAN.latest, |doc| doc["asof"] = "2026-11-19T10:00:00+09:00".into());
    assert_eq!(exported(&ops), "PLAN_CHANGED");
}

#[test]
fn a_confirmation_holds_for_the_source_that_the_plan_stated() {
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    assert_eq!(confirm(&ops, &made, "kim"), Ok(false));
    // Neither is compared with what lies on the host now, and the hash of the orders covers none of them.
    for key in ["reco_key", "reco_ref", "portfolio_updated_at"] {
        let before = site.store.read(layout::ORDER_PLAN.latest).expect("read").expect("there");
        changed(&site, layout::ORDER_PLAN.latest, |doc| doc["source"][key] = "2026-11-19T10:00:00+09:00".into());
        assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM", "{key}");
        site.store.write(layout::ORDER_PLAN.latest, &before).expect("written");
        assert_eq!(exported(&ops), made.plan_id, "{key}");
    }
    let told = trail(&site).pop().expect("an entry").after;
    assert_eq!(told["source_sha256"], json!(made.source.sha256()));
    changed(&site, layout::PLAN_CONFIRMATIONS, |doc| {
        doc.as_object_mut().expect("an object").remove("source_sha256");
    });
    assert_eq!(exported(&ops), made.plan_id, "an older line does not name it");
    changed(&site, layout::PLAN_CONFIRMATIONS, |doc| doc["source_sha256"] = json!(7));
    assert_eq!(exported(&ops), "NEED_HUMAN_CONFIRM", "a line that cannot be read");
}

#[test]
fn after_the_close_nothing_is_confirmed_and_the_plan_says_so() {
    let site = ready();
    let ops = site.ops();
    site.clock.jump_to(at("2026-11-20T15:29:59+09:00"));
    let made = plan(&ops);
    assert_eq!(made.warnings, Vec::<String>::new());
    assert_eq!(confirm(&ops, &made, "kim"), Ok(false), "a second before the close");
    site.clock.jump_to(at("2026-11-20T15:30:00+09:00"));
    assert_eq!(exported(&ops), "PLAN_STALE");
    let late = plan(&ops);
    assert_eq!(decided(&late), ("COMPLETED", "SUCCESS"));
    assert_eq!(late.warnings, ["the session is over: this plan cannot be confirmed"]);
    assert_eq!(refusal(&ops, &late), "PLAN_STALE: the session is over");
}

#[test]
fn a_change_that_fails_is_recorded_as_failed() {
    let site = ready();
    let ops = site.ops();
    let before = site.store.read(layout::PORTFOLIO.latest).expect("read");
    std::fs::remove_dir_all(site.store.path(layout::PORTFOLIO.snapshots)).expect("removed");
    site.text(layout::PORTFOLIO.snapshots, "a file where a directory is due");
    site.text(layout::ORDER_PLAN.snapshots, "a file where a directory is due");
    let change = PortfolioChange::Replace { cash: 777, holdings: Vec::new(), updated_by: "api".to_owned() };
    assert!(ops.upsert_portfolio(change, &person()).is_err());
    assert!(ops.regenerate_order_plan(Remake::Always, &person()).is_err());
    assert_eq!(site.store.read(layout::PORTFOLIO.latest).expect("read"), before);
    assert_eq!(ops.latest_plan(), Stored::Missing);
    let told: Vec<_> = trail(&site).into_iter().map(|entry| (entry.action, entry.outcome.is_some())).collect();
    let rows = [("portfolio.upsert", false), ("portfolio.upsert", true)];
    let plans = [("order_plan.regenerate", false), ("order_plan.regenerate", true)];
    let want: Vec<_> = std::iter::once(("portfolio.upsert", false)).chain(rows).chain(plans).collect();
    assert_eq!(told.iter().map(|(action, failed)| (action.as_str(), *failed)).collect::<Vec<_>>(), want);
}

#[derive(Debug)]
struct Vendor(Result<Vec<MarketQuote>, QuoteFault>);

impl QuoteSource for Vendor {
    fn quotes(&self, _symbols: &[String]) -> Result<Vec<MarketQuote>, QuoteFault> {
        self.0.clone()
    }
}

#[test]
fn a_quote_comes_before_the_bundle_and_the_bundle_before_the_portfolio() {
    let quote = |price| MarketQuote { symbol: "229200".to_owned(), name: None, price, change_bp: None };
    let cases = [
        ("no vendor", None, "BUNDLE", 15_580),
        ("a vendor", Some(Ok(vec![quote(15_703)])), "QUOTE", 15_703),
        ("a price of nothing", Some(Ok(vec![quote(0)])), "BUNDLE", 15_580),
        ("a vendor that is down", Some(Err(QuoteFault::Unreachable("timeout".to_owned()))), "BUNDLE", 15_580),
    ];
    for (name, answer, source, price) in cases {
        let site = ready();
        let quotes = answer.clone().map(|answer| Arc::new(Vendor(answer)) as Arc<dyn QuoteSource>);
        let made = plan(&site.ops_with(OpsPolicy { quotes, ..policy() }));
        let first = &made.orders[0];
        assert_eq!(
            (first.price_source.as_deref(), first.price.map(|p| p.floor())),
            (Some(source), Some(price)),
            "{name}"
        );
        assert_eq!(first.limit_price, Some(price / 5 * 5), "{name}");
        assert_eq!(made.warnings.len(), usize::from(matches!(answer, Some(Err(_)))), "{name}: {:?}", made.warnings);
    }
    let site = ready();
    site.bundle(|doc| {
        priced(doc);
        doc["strategy"]["scorer"]["prices"] = json!({"069500": {"close": 60720, "date": "2026-11-19"}});
    });
    site.text(layout::PORTFOLIO.latest, r#"{"cash":9000000,"holdings":{"229200":{"qty":10,"current_price":15600.5}}}"#);
    site.ops().regenerate_reco().expect("made");
    let made = plan(&site.ops());
    assert_eq!(made.orders[0].price_source.as_deref(), Some("PORTFOLIO"));
    assert_eq!((made.orders[0].intent.as_str(), made.orders[0].limit_price), ("ADD", Some(15_600)));
}

#[test]
fn a_seed_never_replaces_a_portfolio_and_an_id_stays() {
    let site = Site::empty();
    let ops = site.ops_with(OpsPolicy { portfolio_cash: 7_000_000, ..policy() });
    let seed = ops.upsert_portfolio(PortfolioChange::Seed, &person()).expect("made").portfolio;
    assert_eq!((seed.cash, seed.total_value, seed.updated_by.as_deref()), (7_000_000, 7_000_000, Some("manual_seed")));
    let sha = seed.integrity.clone().expect("a hash").payload_sha256;
    assert_eq!(sha, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945");
    assert!(site.store.path(seed.snapshot_ref.as_deref().expect("a ref")).exists());
    assert!(matches!(ops.upsert_portfolio(PortfolioChange::Seed, &person()), Err(PortfolioRefusal::Exists)));
    let change = PortfolioChange::Replace { cash: 5, holdings: Vec::new(), updated_by: "ui".to_owned() };
    let next = ops.upsert_portfolio(change, &person()).expect("made").portfolio;
    assert_eq!((next.cash, &next.portfolio_id), (5, &seed.portfolio_id));
    assert_eq!(next.updated_at.and_then(|at| at.instant()), Some(site.clock.now()), "{NOW}");
}

#[test]
fn a_bundle_is_kept_only_when_the_validator_accepts_it() {
    let site = Site::good();
    let ops = site.ops();
    let kept = ops.snapshot_bundle(&person()).expect("kept");
    assert!(crate::ops::resolves(&site.store, &kept.snapshot_ref));
    let bytes = site.store.read(&kept.snapshot_ref).expect("read").expect("there");
    assert_eq!(
        Json::parse(&bytes),
        Json::parse(&site.store.read(layout::BUNDLE.latest).expect("read").expect("there"))
    );
    site.bundle(stale);
    assert!(ops.snapshot_bundle(&person()).is_ok(), "a stale bundle is a valid one");
    site.text(layout::BUNDLE.latest, "{");
    assert!(ops.snapshot_bundle(&person()).is_err());
    drop(site.store.remove(layout::BUNDLE.latest));
    assert!(ops.snapshot_bundle(&person()).expect_err("none").to_string().starts_with("NO_BUNDLE_YET"));
}
