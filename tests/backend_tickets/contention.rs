//! Many callers want the same tickets: over HTTP in one process, and through two backends over one workspace.

use std::sync::Arc;
use std::sync::Barrier;

use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::layout;
use daily_ops::time::SystemClock;

use crate::client::Site;
use crate::client::raw;
use crate::client::request;

const CALLERS: usize = 8;
const TICKETS: usize = 50;

#[test]
fn of_eight_callers_for_fifty_tickets_each_ticket_has_one_winner() {
    let site = Site::new();
    // A second backend over the same workspace shares nothing with the first but the files.
    let ops = Ops::new(site.store.clone(), Arc::new(SystemClock::new()), Box::new(|| Ok(OpsPolicy::default())));
    let options = ServeOptions { port: 0, workers: 1, ..ServeOptions::default() };
    let second = Server::start(Arc::new(ops), &options).expect("serving");
    let addresses = [site.server.address(), second.address()];
    let body = r#"{"request_type":"ACKNOWLEDGE","payload":{"message_id":"m"}}"#;
    let ids: Vec<String> = (0..TICKETS)
        .map(|_| site.post("/api/tickets", Some(body)).json()["request_id"].as_str().expect("an id").to_owned())
        .collect();
    let start = Barrier::new(CALLERS);
    let codes: Vec<Vec<u16>> = std::thread::scope(|scope| {
        let call = |caller: usize| {
            let (ids, start, address) = (&ids, &start, addresses[caller % 2]);
            scope.spawn(move || {
                start.wait();
                let take = |id: &String| {
                    let body = format!(r#"{{"request_id":"{id}","processor_id":"w{caller}"}}"#);
                    let text = request("POST", "/api/tickets/consume", Some(&body), &[]);
                    raw(address, text.as_bytes()).status
                };
                ids.iter().map(take).collect::<Vec<u16>>()
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(call).collect();
        callers.into_iter().map(|caller| caller.join().expect("no defect")).collect()
    });
    for ticket in 0..TICKETS {
        let mut answers: Vec<u16> = codes.iter().map(|codes| codes[ticket]).collect();
        answers.sort_unstable();
        assert_eq!(answers[0], 200, "ticket {ticket} has a winner");
        assert!(answers[1..].iter().all(|code| *code == 409), "ticket {ticket} has one: {answers:?}");
    }
    let results = site.store.read(layout::TICKET_RESULTS).expect("readable").expect("there");
    assert_eq!(results.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), TICKETS);
    let audit = site.store.read(layout::AUDIT).expect("readable").expect("there");
    assert_eq!(audit.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), 2 * TICKETS);
    second.stop();
}
