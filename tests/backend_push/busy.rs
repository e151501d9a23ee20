//! The emergency stop while a bot hangs and many messages wait behind it.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use daily_ops::store::layout;

use crate::client::raw;
use crate::client::request;
use crate::fake::Act;
use crate::fake::Fake;
use crate::lines;
use crate::site;

const WAIT: Duration = Duration::from_secs(60);

#[test]
fn the_emergency_stop_is_answered_while_messages_hang_and_no_call_begins_after_it() {
    let (call, called) = mpsc::channel();
    let (free, freed) = mpsc::channel::<()>();
    let freed = Mutex::new(freed);
    // Hangs until the test lets go.
    let fake = Fake::http(move |_| {
        call.send(()).ok();
        freed.lock().map(|freed| freed.recv_timeout(WAIT)).ok();
        Act::status(200, "", r#"{"ok":true}"#)
    });
    let site = site(&fake);
    let (say, told) = mpsc::channel();
    let address = site.server.address();
    for at in 0..12 {
        let say = say.clone();
        let kind = ["BACKEND_DOWN", "OPS_FAILED"][at % 2];
        let path = format!("/api/push/incident/send?confirm=true&mode=test&kind={kind}&step=s{at}");
        std::thread::spawn(move || say.send(raw(address, request("POST", &path, None, &[]).as_bytes()).status));
    }
    called.recv_timeout(WAIT).expect("one call begins");
    let stop = site.post("/api/emergency_stop", Some(r#"{"enabled":true,"reason":"r","operator_id":"o"}"#));
    assert_eq!(stop.status, 200, "{}", stop.text);
    assert!(told.try_iter().all(|status| status == 503), "the stop waits for no message");
    drop(free);
    drop(say);
    let rest = told.iter().collect::<Vec<u16>>();
    assert!(rest.contains(&200) && rest.iter().all(|status| [200, 503].contains(status)), "{rest:?}");
    assert_eq!(fake.seen().len(), 1, "no call begins after the stop");
    let sent = lines(&site.store, layout::AUDIT).iter().filter(|line| line["action"] == "message.send").count();
    assert_eq!(sent, 1);
}
