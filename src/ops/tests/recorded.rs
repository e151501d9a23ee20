//! Record before you act: with an audit trail that cannot be written, or was cut off, no change is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::contracts::Json;
use crate::contracts::order_plan::OrderPlan;
use crate::contracts::push::LiveFireReceipt;
use crate::contracts::ticket::payload::RequestType;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::PortfolioChange;
use crate::ops::PortfolioRefusal;
use crate::ops::Remake;
use crate::ops::SnapshotRefusal;
use crate::ops::TicketFault;
use crate::ops::tests::orders::confirm;
use crate::ops::tests::orders::person;
use crate::ops::tests::orders::plan;
use crate::ops::tests::orders::ready;
use crate::ops::tests::orders::trail;
use crate::ops::tests::site::Site;
use crate::store::layout;

#[test]
fn what_cannot_be_recorded_does_not_happen() {
    let site = ready();
    let ops = site.ops();
    let made = plan(&ops);
    for is_gone in [true, false] {
        break_trail(&site, is_gone);
        let before = everything(&site);
        for (name, is_refused) in tried(&ops, &made) {
            assert!(is_refused, "{name}");
        }
        assert_eq!(everything(&site), before, "nothing is replaced, no snapshot is made");
    }
}

/// Each change, and whether it was refused because of a file.
fn tried(ops: &Ops, made: &OrderPlan) -> [(&'static str, bool); 9] {
    let person = &person();
    let change = PortfolioChange::Replace { cash: 777, holdings: Vec::new(), updated_by: "api".to_owned() };
    let payload = Json::parse(br#"{"message_id":"m-1"}"#).expect("JSON");
    let asked = ops.preflight_ticket("a-1", (RequestType::Acknowledge, &payload), person);
    [
        ("portfolio", matches!(ops.upsert_portfolio(change, person), Err(PortfolioRefusal::Store(_)))),
        ("plan", matches!(ops.regenerate_order_plan(Remake::Always, person), Err(OpsFault::Store(_)))),
        ("confirmation", confirm(ops, made, "kim").is_err()),
        ("bundle", matches!(ops.snapshot_bundle(person), Err(SnapshotRefusal::Store(_)))),
        ("self-test", ops.run_self_test(person).is_err()),
        ("postmortem", ops.regenerate_postmortem(person).is_err()),
        ("live fire", ops.run_live_fire(person).is_err()),
        ("dependencies", ops.write_deps(person).is_err()),
        ("preflight", matches!(asked, Err(TicketFault::Store(_)))),
    ]
}

#[test]
fn what_is_recorded_first_is_made_and_stands_in_the_trail_once() {
    let site = ready();
    let ops = site.ops();
    let before = trail(&site).len();
    ops.snapshot_bundle(&person()).expect("kept");
    ops.run_self_test(&person()).expect("made");
    ops.regenerate_postmortem(&person()).expect("made");
    ops.run_live_fire(&person()).expect("decided");
    ops.write_deps(&person()).expect("written");
    let told: Vec<_> =
        trail(&site).into_iter().skip(before).map(|entry| (entry.action, entry.outcome.is_some())).collect();
    let want = ["bundle.snapshot", "secrets.self_test", "push.postmortem", "push.live_fire", "deps.snapshot"];
    assert_eq!(told, want.map(|action| (action.to_owned(), false)));
    let fired = trail(&site).into_iter().find(|entry| entry.action == "push.live_fire").expect("an entry");
    let receipt = site.store.document::<LiveFireReceipt>(layout::LIVE_FIRE.latest).present().expect("a receipt");
    assert_eq!((Some(fired.target), Some(fired.reason)), (receipt.run_id, receipt.blocked_reason));
    assert_eq!(fired.after["allowed"], json!(false));
}

/// Makes the trail one that cannot be written (a directory stands in its place) or one that was cut off.
fn break_trail(site: &Site, is_gone: bool) {
    if is_gone {
        site.store.remove(layout::AUDIT).expect("removed");
        std::fs::create_dir_all(site.store.path(layout::AUDIT)).expect("a directory in the trail's place");
    } else {
        std::fs::remove_dir(site.store.path(layout::AUDIT)).expect("removed");
        site.text(layout::AUDIT, "");
    }
}

/// Every file with its bytes, locks left out.
fn everything(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![site.store.root().to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_none_or(|end| end != "lock") {
                found.insert(path.clone(), std::fs::read(&path).expect("read"));
            }
        }
    }
    found
}
