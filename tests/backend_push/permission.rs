//! The truth table of sending: one combination sends, every other one calls nobody.

use daily_ops::contracts::actor::Actor;
use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::json;

use crate::fake::Fake;
use crate::lines;
use crate::open;
use crate::ops;
use crate::outbox;
use crate::put;
use crate::read;
use crate::yes;

/// What a switch says when it says no: its place in the order, and how the workspace comes to it.
type No = (&'static str, fn(&Store));

const NOES: [No; 7] = [
    ("EMERGENCY_STOP", |store| put(store, layout::STOP, &json!({"schema": "EMERGENCY_STOP_V1", "enabled": true}))),
    ("NOT_REAL_GATE", |store| put(store, layout::GATE, &json!({"schema": "EXECUTION_GATE_V1", "mode": "DRY_RUN"}))),
    ("SENDER_DISABLED", |store| {
        put(store, layout::SENDER, &json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": false}));
    }),
    ("SELF_TEST_FAIL", |store| {
        put(store, layout::SELF_TEST.latest, &json!({"schema": "SECRETS_SELF_TEST_V1", "decision": "SELF_TEST_FAIL"}));
    }),
    ("WINDOW_CONSUMED", |store| put(store, layout::WINDOW_CONSUMED, &json!({"consumed": true}))),
    ("WINDOW_INACTIVE", |store| assert!(store.remove(layout::APPROVALS).expect("removed"))),
    ("WINDOW_INACTIVE", |store| assert!(store.remove(layout::WINDOWS).expect("removed"))),
];

/// Both ways of sending; the blocked reason and whether the fake was called.
fn both(fake: &Fake, prepare: impl Fn(&Store)) -> [(Option<String>, usize); 2] {
    [true, false].map(|is_fire| {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        open(&store);
        prepare(&store);
        let before = fake.seen().len();
        let actor = Actor::program("test");
        let ops = ops(fake, &store, None);
        let reason = if is_fire {
            let receipt = ops.run_live_fire(&actor).expect("decided").receipt;
            let called = fake.seen().len() > before;
            assert_eq!(
                (receipt.attempted, receipt.window_consumed, receipt.sender_disabled_after),
                (called, called, called)
            );
            receipt.blocked_reason
        } else {
            let receipt = ops.run_send(&actor).expect("decided").receipt;
            assert_eq!(read(&store, layout::SEND.latest)["send_id"].as_str(), receipt.send_id.as_deref());
            let last = lines(&store, layout::SEND_RECEIPTS).pop().expect("a line");
            assert_eq!(last["decision"], read(&store, layout::SEND.latest)["decision"]);
            receipt.blocked_reason
        };
        (reason, fake.seen().len() - before)
    })
}

#[test]
fn only_when_everything_says_yes_a_message_leaves() {
    let all: Vec<u32> = (0..1 << NOES.len()).collect();
    // Waiting for the disk is most of the work, so the combinations are tried side by side, each part with its own channel.
    std::thread::scope(|scope| {
        for part in all.chunks(16) {
            scope.spawn(move || {
                let fake = yes();
                for combination in part {
                    let chosen = (0..).zip(NOES).filter(|(bit, _)| combination >> bit & 1 == 1);
                    let noes: Vec<No> = chosen.map(|(_, no)| no).collect();
                    let want = noes.first().map_or((None, 1), |(reason, _)| (Some((*reason).to_owned()), 0));
                    let got = both(&fake, |store| noes.iter().for_each(|(_, apply)| apply(store)));
                    assert_eq!(got, [want.clone(), want], "{combination:07b}");
                }
            });
        }
    });
}

#[test]
fn a_damaged_file_is_a_no() {
    let fake = yes();
    let damages: [&[u8]; 5] = [b"{half", b"", b"[]", b"\xff\xfe{}", b"{\"schema\":\"OTHER_V1\",\"enabled\":false}"];
    let files = [
        (layout::STOP, "EMERGENCY_STOP"),
        (layout::GATE, "NOT_REAL_GATE"),
        (layout::SENDER, "SENDER_DISABLED"),
        (layout::SELF_TEST.latest, "SELF_TEST_FAIL"),
        (layout::OUTBOX.latest, "NO_MESSAGES"),
        (layout::WINDOW_CONSUMED, "WINDOW_CONSUMED"),
        (layout::APPROVALS, "WINDOW_INACTIVE"),
        (layout::WINDOWS, "WINDOW_INACTIVE"),
    ];
    for (file, reason) in files {
        for damage in damages {
            let got = both(&fake, |store| store.write(file, damage).expect("written"));
            let want = (Some(reason.to_owned()), 0);
            assert_eq!(got, [want.clone(), want], "{file}: {damage:?}");
        }
        let got = both(&fake, |store| {
            store.remove(file).expect("removed");
            std::fs::create_dir_all(store.path(file)).expect("made");
        });
        assert!(got.iter().all(|(why, called)| why.is_some() && *called == 0), "{file} is a directory: {got:?}");
    }
    assert!(fake.seen().is_empty());
}

#[test]
fn a_switch_that_is_no_boolean_and_a_window_that_was_used_are_noes() {
    let fake = yes();
    let text = |file: &'static str, text: &'static str| {
        move |store: &Store| store.write(file, text.as_bytes()).expect("written")
    };
    let more = |file: &'static str, line: &'static str| {
        move |store: &Store| {
            store.append(file, line, daily_ops::store::Durability::Buffered).expect("written");
        }
    };
    let cases: Vec<(&str, Box<dyn Fn(&Store)>)> = vec![
        ("EMERGENCY_STOP", Box::new(text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":"false"}"#))),
        ("SENDER_DISABLED", Box::new(text(layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":"true"}"#))),
        ("NOT_REAL_GATE", Box::new(text(layout::GATE, r#"{"schema":"EXECUTION_GATE_V1","mode":"real_enabled"}"#))),
        ("WINDOW_CONSUMED", Box::new(text(layout::WINDOW_CONSUMED, r#"{"consumed":"false"}"#))),
        ("WINDOW_INACTIVE", Box::new(more(layout::WINDOWS, r#"{"event":"CONSUME","window_id":"w1"}"#))),
        ("WINDOW_INACTIVE", Box::new(more(layout::WINDOWS, r#"{"event":"REVOKE","window_id":"w1"}"#))),
        ("WINDOW_INACTIVE", Box::new(more(layout::WINDOWS, "{half"))),
        ("WINDOW_INACTIVE", Box::new(more(layout::APPROVALS, "{half"))),
    ];
    for (reason, prepare) in cases {
        let want = (Some(reason.to_owned()), 0);
        assert_eq!(both(&fake, prepare), [want.clone(), want]);
    }
    // Settings that cannot be read configure no channel.
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    let blind = daily_ops::ops::Ops::new(store, crate::clock(), Box::new(|| Err("no settings".to_owned())));
    let receipt = blind.run_send(&Actor::program("test")).expect("decided").receipt;
    assert_eq!(receipt.blocked_reason.as_deref(), Some("SELF_TEST_FAIL"));
    assert!(fake.seen().is_empty());
}

#[test]
fn a_text_that_could_tell_a_secret_does_not_leave() {
    let fake = yes();
    let planted = format!("the token is {}", crate::TOKEN);
    for text in ["{{ x }}", "x }}", "${HOME}", "$(id)", "telegram_bot_token", "my SMTP_PASS", planted.as_str()] {
        let want = (Some("SECRET_INJECTION_SUSPECTED".to_owned()), 0);
        let got = both(&fake, |store| put(store, layout::OUTBOX.latest, &outbox(text)));
        assert_eq!(got, [want.clone(), want], "{text}");
    }
    // The one-shot window is asked before the text.
    let got = both(&fake, |store| {
        put(store, layout::OUTBOX.latest, &outbox("{{x}}"));
        put(store, layout::WINDOW_CONSUMED, &json!({"consumed": true}));
    });
    assert!(got.iter().all(|(why, _)| why.as_deref() == Some("WINDOW_CONSUMED")));
    assert!(fake.seen().is_empty());
}

#[test]
fn a_message_that_the_channel_does_not_take_is_no_message() {
    let fake = yes();
    let message = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut document = outbox("본문");
        edit(&mut document["messages"][0]);
        document
    };
    let cases = [
        ("no messages", json!({"schema": "PUSH_OUTBOX_V1", "messages": []})),
        ("other kind", message(&|m| m["push_type"] = "OTHER".into())),
        ("no kind", message(&|m| m["push_type"] = "".into())),
        ("no id", message(&|m| m["message_id"] = "".into())),
        ("no text", message(&|m| (m["title"], m["content"]) = ("".into(), " \n".into()))),
        ("one row of another form", json!({"schema": "PUSH_OUTBOX_V1", "messages": [outbox("x")["messages"][0], 7]})),
    ];
    for (name, document) in cases {
        let want = (Some("NO_MESSAGES".to_owned()), 0);
        assert_eq!(both(&fake, |store| put(store, layout::OUTBOX.latest, &document)), [want.clone(), want], "{name}");
    }
}
