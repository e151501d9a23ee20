//! The three diagnoses, each with a server or something else that is wrong in just that way.

use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

use daily_ops::backend::Keeping;
use daily_ops::rehearsal::diagnosis::Class;
use daily_ops::rehearsal::diagnosis::Examination;
use daily_ops::rehearsal::diagnosis::Patient;
use daily_ops::rehearsal::diagnosis::Waits;
use daily_ops::rehearsal::diagnosis::examine;
use daily_ops::rehearsal::visit::Key;
use daily_ops::rehearsal::visit::Showing;
use daily_ops::rehearsal::visit::Visitor;
use daily_ops::settings::Lang;
use daily_ops::settings::Secret;
use serde_json::json;

use crate::door;
use crate::door::Instead;
use crate::theater::LOG;
use crate::theater::TOKEN;
use crate::theater::Theater;
use crate::theater::base;
use crate::theater::nowhere;

fn patient(theater: &Theater, address: SocketAddr, lang: Lang) -> Patient<'_> {
    let waits = Waits {
        answer: Duration::from_secs(20),
        hello: Duration::from_secs(20),
        event: Duration::from_secs(20),
        watch: Duration::from_millis(10),
    };
    Patient { base: base(address), bind: address, key: None, store: &theater.store, log: LOG.to_owned(), lang, waits }
}

/// Looks at an address where something does not come, and does not wait for it long.
fn look(theater: &Theater, address: SocketAddr, lang: Lang) -> Examination {
    let mut patient = patient(theater, address, lang);
    (patient.waits.answer, patient.waits.hello) = (Duration::from_secs(2), Duration::from_millis(500));
    patient.waits.event = Duration::from_secs(2);
    examine(&patient)
}

fn verdicts(found: &Examination) -> Vec<&'static str> {
    found.diagnoses.iter().map(|diagnosis| diagnosis.verdict).collect()
}

/// What is wrong has a remedy, a test of its end, and words for the audience.
fn assert_helpful(found: &Examination) {
    for diagnosis in &found.diagnoses {
        assert!(!diagnosis.verified_when.is_empty() && !diagnosis.say.is_empty());
        let is_wrong = diagnosis.class == Class::Finding;
        assert!(!is_wrong || (!diagnosis.remedy.is_empty() && !diagnosis.looked.is_empty()), "{diagnosis:?}");
    }
}

#[test]
fn a_sound_server_has_no_finding() {
    let theater = Theater::new();
    let page = Visitor::new(base(theater.address()), None, Duration::from_secs(20)).listen().expect("a page listens");
    let found = examine(&patient(&theater, theater.address(), Lang::En));
    assert_eq!((found.exit_code, verdicts(&found)), (0, vec!["OK", "OK", "OK"]), "{found:#?}");
    drop(page);
}

#[test]
fn nobody_who_watches_is_worth_a_word_and_no_finding() {
    let theater = Theater::new();
    let found = examine(&patient(&theater, theater.address(), Lang::En));
    assert_eq!((found.exit_code, verdicts(&found)), (0, vec!["OK", "NO_SUBSCRIBERS", "OK"]));
}

#[test]
fn a_port_without_a_listener_is_told_from_a_hung_one_and_a_foreign_one() {
    let theater = Theater::new();
    let hung = TcpListener::bind("127.0.0.1:0").expect("bound");
    let foreign = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = foreign.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut client in foreign.incoming().flatten() {
            // The visitor may be gone.
            client.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").ok();
        }
    });
    let web = door::open(theater.address(), vec![("GET ", door::answer("200 OK", "", "<h1>another site</h1>"))]);
    let cases = [
        (nowhere(), "NO_PROCESS", "serve"),
        (hung.local_addr().expect("an address"), "HUNG", "restart"),
        (address, "FOREIGN_PROCESS", "OPS_BIND=127.0.0.1:80"),
        (web, "FOREIGN_PROCESS", "OPS_BIND=127.0.0.1:80"),
    ];
    for (address, want, remedy) in cases {
        for lang in [Lang::En, Lang::Ko] {
            let found = look(&theater, address, lang);
            assert_eq!((found.exit_code, verdicts(&found)), (2, vec![want, "NOT_LOOKED_AT", "NOT_LOOKED_AT"]));
            let steps = found.diagnoses[0].remedy.join("\n");
            assert!(steps.contains(remedy) && !steps.contains(" ; kill"), "{steps}");
            assert!(!found.diagnoses.iter().any(|diagnosis| diagnosis.say.contains("here on disk")), "{found:#?}");
            assert_helpful(&found);
        }
    }
}

/// What is wrong at an address, and what is told to do about it, when the settings name another one.
fn steps(theater: &Theater, (address, bind): (SocketAddr, SocketAddr)) -> Vec<String> {
    let mut patient = patient(theater, address, Lang::En);
    (patient.bind, patient.waits.answer) = (bind, Duration::from_secs(2));
    examine(&patient).diagnoses.swap_remove(0).remedy
}

#[test]
fn what_is_to_be_typed_names_the_address_that_was_looked_at_where_the_settings_do_not() {
    let theater = Theater::new();
    let hung = TcpListener::bind("127.0.0.1:0").expect("bound");
    let hung = hung.local_addr().expect("an address");
    let everywhere = |address: SocketAddr| SocketAddr::from(([0, 0, 0, 0], address.port()));
    for address in [nowhere(), hung] {
        let named = format!("OPS_BIND={address} daily_ops --root");
        let other = SocketAddr::from(([127, 0, 0, 1], 8000));
        for (bind, want) in [(other, true), (address, false), (everywhere(address), false)] {
            let steps = steps(&theater, (address, bind));
            let last = steps.last().expect("a step");
            assert_eq!((last.contains(&named), last.contains("OPS_BIND")), (want, want), "{bind}: {last}");
        }
    }
}

#[test]
fn a_process_that_hangs_is_asked_first_and_ended_second() {
    let theater = Theater::new();
    let hung = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = hung.local_addr().expect("an address");
    let steps = steps(&theater, (address, address));
    let words = ["systemctl restart", ": kill ", "kill -9 ", "serve"];
    assert_eq!(steps.len(), words.len(), "{steps:?}");
    for (step, word) in steps.iter().zip(words) {
        assert!(step.contains(word) && step.matches("kill ").count() < 2, "{steps:?}");
    }
    assert!(steps[2].contains("still there after 5 s"), "{steps:?}");
}

#[test]
fn plan_b_is_another_port_than_the_one_that_was_looked_at() {
    let theater = Theater::new();
    // Whoever holds them on this machine: where nobody does, a stranger does now.
    let strangers: Vec<_> = (8001..=8002).filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).collect();
    for stranger in strangers {
        let address = stranger.local_addr().expect("an address");
        std::thread::spawn(move || stranger.incoming().flatten().for_each(drop));
        let steps = steps(&theater, (address, address)).join("\n");
        assert!(steps.contains("OPS_BIND=127.0.0.1:80"), "{steps}");
        assert!(!steps.contains(&format!("OPS_BIND={address}")), "{steps}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_owner_of_the_port_is_named() {
    let theater = Theater::new();
    let found = examine(&patient(&theater, theater.address(), Lang::En));
    let saw = &found.diagnoses[0].looked[0].saw;
    assert!(saw.contains(&format!("pid {}", std::process::id())), "{saw}");
}

#[test]
fn a_stream_that_is_kept_back_on_the_way_is_found() {
    let theater = Theater::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    for instead in [Instead::SayAndHold(head.to_owned()), Instead::Hold] {
        let address = door::open(theater.address(), vec![("GET /events", instead)]);
        let found = look(&theater, address, Lang::En);
        assert_eq!((found.exit_code, verdicts(&found)), (2, vec!["OK", "STREAM_BUFFERED", "OK"]));
        assert!(found.diagnoses[1].remedy[0].contains("proxy_buffering off"));
        assert!(found.diagnoses[1].remedy[1].ends_with(&format!("curl -N http://{address}/events")));
        assert!(found.diagnoses[1].say.contains("here on disk"), "the row was seen: {}", found.diagnoses[1].say);
        assert_helpful(&found);
    }
}

#[test]
fn the_place_where_an_event_stops_is_named() {
    let theater = Theater::new();
    let refused = |status: &str| door::answer(status, "Content-Type: application/json\r\n", "{}");
    let hello = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: hello\ndata: {}\n\n";
    let cases = [
        ("GET /events", refused("503 Service Unavailable"), "STREAM_REFUSED"),
        ("GET /events", Instead::SayAndHold(hello.to_owned()), "NOT_STREAMED"),
        ("POST /api/ops/test-event", refused("401 Unauthorized"), "POST_REFUSED"),
    ];
    for (start, instead, want) in cases {
        let address = door::open(theater.address(), vec![(start, instead)]);
        let found = look(&theater, address, Lang::Ko);
        assert_eq!((found.exit_code, verdicts(&found)), (2, vec!["OK", want, "OK"]));
        assert_helpful(&found);
    }
}

#[test]
fn a_row_that_is_missing_in_the_log_is_found() {
    let theater = Theater::with(|dash| dash.journal = Keeping::Memory);
    let found = look(&theater, theater.address(), Lang::En);
    assert_eq!((found.exit_code, verdicts(&found)), (2, vec!["OK", "LOG_ROW_MISSING", "OK"]));
    assert!(!found.diagnoses[1].say.contains("on disk"), "{}", found.diagnoses[1].say);
    assert_helpful(&found);
}

#[test]
fn a_second_server_of_the_workspace_is_told_from_a_disk_that_takes_nothing() {
    let theater = Theater::new();
    let second = theater.second();
    let in_the_way = |root: &std::path::Path| std::fs::create_dir_all(root.join(LOG)).expect("made");
    let stuck = Theater::prepared(in_the_way, |_| ());
    let cases = [
        ((&theater, second.address()), "SECOND_SERVER", "stop the server that keeps the log"),
        ((&stuck, stuck.address()), "DISK", "do not restart"),
    ];
    for ((theater, address), want, remedy) in cases {
        let found = look(theater, address, Lang::En);
        let shown = &found.diagnoses[1];
        assert_eq!((found.exit_code, shown.verdict), (2, want), "{shown:#?}");
        assert!(shown.remedy.join("\n").contains(remedy), "{shown:#?}");
        assert!(!shown.say.contains("here on disk") && !shown.remedy.join("\n").contains("then restart"), "{shown:#?}");
        assert_helpful(&found);
    }
}

#[test]
fn a_tests_queue_that_was_left_in_the_environment_is_found() {
    let theater = Theater::with(|dash| dash.settings.queue = 5);
    let found = examine(&patient(&theater, theater.address(), Lang::En));
    assert_eq!((found.exit_code, found.diagnoses[2].verdict), (2, "TINY_QUEUE"));
    assert!(found.diagnoses[2].remedy[0].contains("unset OPS_BUS_QMAX"));
    assert_helpful(&found);
}

#[test]
fn rows_that_the_log_lacks_are_found_though_every_event_was_delivered() {
    let theater = Theater::new();
    let metrics = |why: &str| {
        format!(
            r#"{{"drop_count":0,"obs_write_dropped_total":57,"health_reasons":[{why}],"queue_maxsize":200,"subscribers":1}}"#
        )
    };
    let cases = [(r#""obs_rows_lost""#, 2, Class::Finding), ("", 0, Class::Note)];
    for (why, exit_code, class) in cases {
        let address = door::open(
            theater.address(),
            vec![("GET /api/ops/metrics?detail=1", door::answer("200 OK", "", &metrics(why)))],
        );
        let found = look(&theater, address, Lang::En);
        let loss = &found.diagnoses[2];
        assert_eq!((found.exit_code, loss.verdict, loss.class), (exit_code, "ROWS_LOST", class), "{loss:#?}");
        assert!(loss.text.contains("lacks 57 rows") && !loss.text.contains("no event"), "{}", loss.text);
        assert_eq!(loss.remedy.join("\n").contains("No restart"), class == Class::Finding, "{loss:#?}");
        assert_helpful(&found);
    }
}

/// Clients that read nothing, and events until they lose some.
fn stalled(theater: &Theater, count: usize) -> Vec<TcpStream> {
    let host = theater.address();
    let ask = format!("GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let clients: Vec<_> = (0..count)
        .map(|_| {
            let mut client = TcpStream::connect(host).expect("connected");
            client.write_all(ask.as_bytes()).expect("sent");
            client
        })
        .collect();
    let key = Key { secret: Secret::new(TOKEN), showing: Showing::Always };
    let visitor = Visitor::new(base(host), Some(key), Duration::from_secs(30));
    let big: Vec<_> = (0..60).map(|_| json!({"data": {"pad": "x".repeat(15_000)}})).collect();
    let batch = json!({"events": big});
    // What its socket takes is taken; then its queue fills, and then it loses.
    let losing = (0..200).any(|_| {
        assert_eq!(visitor.post("/api/ops/events", &batch).expect("an answer").status, 200);
        let metrics = visitor.get("/api/ops/metrics").expect("an answer").json();
        metrics["drop_count"].as_u64().is_some_and(|lost| lost > 0)
    });
    assert!(losing, "the queue of a client that does not read overflows");
    clients
}

#[test]
fn clients_that_stopped_reading_are_found_and_named_however_many_they_are() {
    for (count, want) in [(1, "SLOW_CLIENT"), (3, "STALLED")] {
        let theater = Theater::with(|dash| dash.settings.slow_disconnect_seconds = 600);
        let clients = stalled(&theater, count);
        let mut patient = patient(&theater, theater.address(), Lang::En);
        patient.waits.watch = Duration::from_millis(2_500);
        // A socket may take a little more for a while; then nothing is written any more.
        let mut looks = (0..8).map(|_| examine(&patient));
        let found = looks.find(|found| found.diagnoses[2].verdict == want).expect(want);
        let loss = &found.diagnoses[2];
        for client in &clients {
            let peer = client.local_addr().expect("an address").to_string();
            assert!(loss.text.contains(&peer), "{}", loss.text);
        }
        assert_eq!(found.exit_code, 2, "{loss:#?}");
        assert!(!loss.remedy.join("\n").contains("lower the rate"), "{loss:#?}");
        assert_helpful(&found);
    }
}
