//! What a run tells people: through the backend, and by itself when there is none.

use std::path::Path;

use daily_ops::store::layout;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::bot;
use crate::bot::Bot;
use crate::bot::Mood;
use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Ran;
use crate::fixture::Reply;
use crate::fixture::Script;

const LATEST: &str = layout::INCIDENT.latest;

/// The targets of all requests for messages.
fn asked(fake: &Fake) -> Vec<String> {
    let heads = fake.heads();
    let target = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.iter().map(target).filter(|target| target.starts_with("/api/push/")).collect()
}

fn made() -> Value {
    json!({"result": "OK", "skipped": false, "delivery_actual": "CONSOLE_SIMULATED"})
}

/// A workspace with the names that a message needs, and the address of a bot.
fn host_with(url: &str) -> Host {
    let host = Host::new();
    host.write("daily_ops.toml", &format!("[push]\ntelegram_url = \"{url}\"\nlimit = \"1s\"\n"));
    let names = format!("TELEGRAM_BOT_TOKEN={}\nTELEGRAM_CHAT_ID={}\n", bot::TOKEN, bot::CHAT);
    host.store().write_secret(layout::MESSAGE_SECRETS, names.as_bytes()).expect("written");
    host
}

/// The same with a webhook.
fn host_with_hook(bot: &str, hook: &str) -> Host {
    let host = host_with(bot);
    let names = format!(
        "TELEGRAM_BOT_TOKEN={}\nTELEGRAM_CHAT_ID={}\nSLACK_WEBHOOK_URL={hook}/services/AAfake-hook\n",
        bot::TOKEN,
        bot::CHAT
    );
    host.store().write_secret(layout::MESSAGE_SECRETS, names.as_bytes()).expect("written");
    host
}

fn sender_on(host: &Host) {
    host.write(layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"reason":"test"}"#);
}

/// Opens everything that the backend asks before it sends.
fn open(host: &Host) {
    sender_on(host);
    host.write(layout::GATE, r#"{"schema":"EXECUTION_GATE_V1","mode":"REAL_ENABLED"}"#);
    let (now, hour) = (site::now(), chrono::Duration::minutes(50));
    let keys = json!([{"key_id": "k1", "provided_by": "a"}, {"key_id": "k2", "provided_by": "b"}]);
    let approval = json!({"schema": "REAL_ENABLE_APPROVAL_V1", "approval_id": "a", "requested_at": Stamp::of(now),
        "expires_at": Stamp::of(now + hour), "keys": keys, "status": "APPROVED"});
    let window = json!({"schema": "REAL_ENABLE_WINDOW_V1", "event": "CREATE", "window_id": "w", "created_at": Stamp::of(now),
        "expires_at": Stamp::of(now + hour), "status": "ACTIVE"});
    host.write(layout::APPROVALS, &format!("{approval}\n"));
    host.write(layout::WINDOWS, &format!("{window}\n"));
}

/// No file of the workspace but the one that is meant for it, and no output, holds a secret.
fn keeps_secrets(host: &Host, ran: &Ran) {
    for (path, (_, bytes)) in host.picture() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let own = path.ends_with(Path::new(layout::MESSAGE_SECRETS));
        assert!(own || !text.contains("AAfake"), "{} tells the token", path.display());
    }
    assert!(!ran.all().contains("AAfake") && !ran.all().contains(bot::CHAT), "{}", ran.all());
}

/// The warnings that are about messages.
fn warned(host: &Host) -> Vec<String> {
    host.warnings().into_iter().filter(|code| code == "PUSH_FAILED").collect()
}

fn log(host: &Host) -> String {
    host.read(layout::RUN_LOG)
}

#[test]
fn a_good_run_asks_once_for_the_status_and_a_reference_without_it_is_no_warning() {
    let (host, fake) = (Host::new(), Fake::new());
    host.proves("not offered", &host.daily(&fake, &[]), 0, "OK");
    assert_eq!(warned(&host), [""; 0], "404 is silent");
    assert!(!log(&host).contains("PUSH_FAILED"));
    fake.says(site::STATUS, 200, made());
    let record = host.proves("offered", &host.daily(&fake, &[]), 0, "OK");
    assert_eq!(warned(&host), [""; 0]);
    let both = asked(&fake);
    assert_eq!(both, ["/api/push/daily_status/send?confirm=true&mode=normal"; 2]);
    let trace = format!("x-daily-ops-run: {}", record["trace_id"].as_str().expect("an id"));
    let told = fake.heads().into_iter().rfind(|head| head.contains("daily_status")).expect("asked");
    assert!(told.to_lowercase().contains(&trace.to_lowercase()), "{told}");
    assert!(log(&host).contains("daily status: CONSOLE_SIMULATED"));
}

#[test]
fn each_stage_that_ends_badly_is_its_own_incident_and_the_exit_code_stays() {
    let cases: [(&str, Script, i32, &str, &[&str]); 7] = [
        (
            "unhealthy",
            |f| f.says(site::HEALTH, 200, json!({"status": "error"})),
            3,
            "BACKEND_UNHEALTHY",
            &["BACKEND_DOWN"],
        ),
        ("health says 500", |f| f.on(site::HEALTH, &[Reply::Text(500, "oops")]), 3, "BACKEND_DOWN", &["BACKEND_DOWN"]),
        (
            "no summary",
            |f| f.on(site::REGENERATE, &[Reply::Text(500, "oops")]),
            3,
            "SUMMARY_REGEN_FAILED",
            &["OPS_FAILED"],
        ),
        (
            "blocked by the summary",
            |f| f.says(site::SUMMARY, 200, site::rows(&site::summary("BLOCKED"))),
            2,
            "OPS_BLOCKED",
            &["OPS_BLOCKED"],
        ),
        ("no cycle", |f| f.on(site::RUN_CYCLE, &[Reply::Reset]), 3, "LIVE_RUN_FAILED", &["LIVE_FAILED"]),
        ("blocked cycle", |f| f.shows(&site::blocked("NO_BUNDLE")), 2, "NO_BUNDLE", &["LIVE_BLOCKED"]),
        ("no snapshot", |f| f.says(site::RESOLVE, 404, json!({})), 3, "SNAPSHOT_UNRESOLVED", &["SNAPSHOT_FAILED"]),
    ];
    for (name, script, exit, reason, kinds) in cases {
        let (host, fake) = (Host::new(), Fake::new());
        script(fake.says(site::INCIDENT, 200, made()));
        host.proves(name, &host.daily(&fake, &[]), exit, reason);
        let targets = asked(&fake);
        assert_eq!(targets.len(), kinds.len(), "{name}: {targets:?}");
        for (target, kind) in targets.iter().zip(kinds) {
            let head = format!("/api/push/incident/send?confirm=true&mode=normal&kind={kind}&step=");
            assert!(target.starts_with(&head) && target.contains("&reason="), "{name}: {target}");
        }
        assert!(warned(&host).is_empty(), "{name}");
        // The same again says how often, and since when.
        host.daily(&fake, &[]);
        let told = asked(&fake).pop().expect("asked");
        assert!(told.contains("%5B2x%20since%20"), "{name}: {told}");
    }
}

#[test]
fn a_pull_that_fails_is_told_beside_the_status_of_the_day() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.says(site::INCIDENT, 200, made()).says(site::STATUS, 200, made());
    let ran = site::finished(host.daily_command(&fake.url(), &[]).output().expect("started"));
    host.proves("no repository", &ran, 0, "GIT_PULL_FAILED");
    let targets = asked(&fake);
    assert_eq!(targets.len(), 2, "{targets:?}");
    assert!(targets[0].contains("kind=GIT_PULL_FAILED") && targets[1].contains("daily_status"), "{targets:?}");
}

#[test]
fn a_status_that_cannot_be_made_is_a_warning_and_an_incident_but_no_exit_code() {
    let replies = [
        ("server error", Reply::Text(500, "oops")),
        ("an error in a good status", Reply::Json(200, json!({"result": "ERROR", "message": "no"}))),
        ("no JSON", Reply::Text(200, "<html>")),
        ("cut off", Reply::Cut(200)),
        ("reset", Reply::Reset),
    ];
    for (name, reply) in replies {
        let (host, fake) = (Host::new(), Fake::new());
        fake.on(site::STATUS, &[reply]).says(site::INCIDENT, 200, made());
        host.proves(name, &host.daily(&fake, &[]), 0, "OK");
        assert_eq!(warned(&host), ["PUSH_FAILED"], "{name}");
        assert_eq!(fake.asked(site::STATUS), 1, "{name}: never asked twice");
        let told = asked(&fake).pop().expect("asked");
        assert!(told.contains("kind=PUSH_FAILED"), "{name}: {told}");
    }
    for delivery in ["TELEGRAM_FAILED", "TELEGRAM_ERROR"] {
        let (host, fake) = (Host::new(), Fake::new());
        fake.says(site::STATUS, 200, json!({"result": "OK", "delivery_actual": delivery}));
        host.proves(delivery, &host.daily(&fake, &[]), 0, "OK");
        assert_eq!(warned(&host), ["PUSH_FAILED"], "{delivery}");
        assert_eq!(fake.asked(site::INCIDENT), 0, "{delivery}: it was made");
    }
}

#[test]
fn a_run_that_is_told_so_asks_for_nothing() {
    for args in [&["--set", "push.from_run=false"][..], &["--dry-run"]] {
        let (host, fake) = (Host::new(), Fake::new());
        fake.says(site::STATUS, 200, made()).says(site::INCIDENT, 200, made());
        assert_eq!(host.daily(&fake, args).code, Some(0), "{args:?}");
        fake.shows(&site::blocked("NO_BUNDLE"));
        assert_eq!(host.daily(&fake, args).code, Some(2), "{args:?}");
        assert_eq!(asked(&fake), [""; 0], "{args:?}");
    }
    let bot = Bot::new(Mood::Fine);
    let host = host_with(&bot.url());
    sender_on(&host);
    let gone = Fake::new().url();
    for args in [&["--set", "push.from_run=false"][..], &["--dry-run"]] {
        assert_eq!(host.daily_at(&gone, args).code, Some(3), "{args:?}");
    }
    assert_eq!(bot.requests().len(), 0);
}

#[test]
fn a_signal_ends_a_message_that_hangs_and_the_verdict_stays() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::STATUS, &[Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull"]);
    fake.await_call(site::STATUS);
    running.signal(rustix::process::Signal::TERM);
    let ran = running.wait();
    host.proves("hang", &ran, 0, "OK");
    assert!(!warned(&host).is_empty());
}

#[test]
fn two_runs_against_the_own_backend_send_one_status_and_one_incident() {
    let bot = Bot::new(Mood::Fine);
    let host = host_with(&bot.url());
    open(&host);
    let served = site::Served::on(&host);
    let first = host.daily_at(served.url(), &[]);
    assert_eq!(first.code, Some(2), "without a bundle: {}", first.all());
    let incident = host.json(LATEST);
    assert_eq!(
        (incident["kind"].as_str(), incident["delivery_actual"].as_str()),
        (Some("LIVE_BLOCKED"), Some("TELEGRAM")),
        "{incident}"
    );
    host.daily_at(served.url(), &[]);
    assert_eq!(bot.requests().len(), 1, "once a kind and day");
    assert!(log(&host).contains("incident LIVE_BLOCKED: already sent today"));
    let at_once: Vec<Ran> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..2).map(|_| scope.spawn(|| host.daily_at(served.url(), &[]))).collect();
        posts.into_iter().map(|run| run.join().expect("ran")).collect()
    });
    assert_eq!(bot.requests().len(), 1, "{at_once:?}");
    keeps_secrets(&host, &first);
}

#[test]
fn a_backend_that_is_killed_between_the_note_and_the_answer_never_sends_it_again() {
    let bot = Bot::new(Mood::Hang);
    let host = host_with(&bot.url());
    host.write("daily_ops.toml", &format!("[push]\ntelegram_url = \"{}\"\n", bot.url()));
    open(&host);
    let served = site::Served::on(&host);
    let running = host.start_at(served.url(), &["--no-git-pull"]);
    bot.await_requests(1);
    let keys = host.json(layout::MESSAGE_KEYS);
    assert_eq!(keys["keys"][0]["state"], "ATTEMPTED", "noted before the call");
    served.kill();
    let ran = running.wait();
    assert_eq!(ran.code, Some(2), "the message changes no exit code: {}", ran.all());
    assert!(!warned(&host).is_empty(), "{:?}", host.warnings());
    bot.set(Mood::Fine);
    let served = site::Served::on(&host);
    for _ in 0..2 {
        assert_eq!(host.daily_at(served.url(), &[]).code, Some(2));
    }
    assert_eq!(bot.requests().len(), 1, "what may have happened is not done again");
    let latest = host.json(LATEST);
    assert_eq!(latest["delivery_actual"], "TELEGRAM_ERROR", "{latest}");
    assert!(log(&host).contains("may have arrived"), "{}", log(&host));
}

#[test]
fn without_a_backend_the_host_tells_it_itself_once_a_day() {
    let bot = Bot::new(Mood::Fine);
    let host = host_with(&bot.url());
    sender_on(&host);
    let gone = Fake::new().url();
    let ran = host.daily_at(&gone, &[]);
    host.proves("down", &ran, 3, "BACKEND_DOWN");
    let told = bot.requests();
    assert_eq!(told.len(), 1, "{}", ran.all());
    for part in
        ["[CRITICAL] BACKEND_DOWN", "사유", "시작", "마지막 기록", "다음 명령: systemctl status daily-ops-backend"]
    {
        let plain = serde_json::to_string(part).expect("JSON");
        let plain = plain.trim_matches('"');
        assert!(told[0].contains(plain) || told[0].contains(part), "{part}: {told:?}");
    }
    let incident = host.json(LATEST);
    assert_eq!(
        (incident["delivery_actual"].as_str(), incident["kind"].as_str()),
        (Some("FALLBACK_CURL"), Some("BACKEND_DOWN"))
    );
    let reference = incident["snapshot_ref"].as_str().expect("a ref");
    assert_eq!(host.json(reference), incident);
    assert_eq!(host.json(layout::FALLBACK_KEYS)["keys"][0]["state"], "DELIVERED");
    keeps_secrets(&host, &ran);
    host.proves("again", &host.daily_at(&gone, &[]), 3, "BACKEND_DOWN");
    assert_eq!(bot.requests().len(), 1, "once a day");
    assert!(log(&host).contains("incident BACKEND_DOWN: already sent today"), "{}", log(&host));
}

#[test]
fn what_answers_on_the_port_and_is_no_backend_does_not_keep_the_news_back() {
    let cases = [
        ("not offered", Reply::Json(404, json!({"detail": "Not Found"}))),
        ("server error", Reply::Json(500, json!({"detail": "boom"}))),
        ("refused", Reply::Json(401, json!({"result": "ERROR"}))),
        ("a page", Reply::Text(200, "<html>hi</html>")),
        ("an error in a good status", Reply::Json(200, json!({"result": "ERROR", "message": "no"}))),
        ("another program", Reply::Json(200, json!({"status": "ok"}))),
    ];
    for (name, reply) in cases {
        let bot = Bot::new(Mood::Fine);
        let (host, fake) = (host_with(&bot.url()), Fake::new());
        sender_on(&host);
        fake.on(site::HEALTH, &[Reply::Text(500, "oops")]).on(site::INCIDENT, &[reply]);
        for _ in 0..2 {
            assert_eq!(host.daily(&fake, &[]).code, Some(3), "{name}");
        }
        assert_eq!(fake.asked(site::INCIDENT), 2, "{name}: asked first");
        assert_eq!(bot.requests().len(), 1, "{name}: once a day: {}", log(&host));
        assert!(bot.requests()[0].contains("BACKEND_DOWN"), "{name}");
        assert_eq!(host.json(LATEST)["delivery_actual"], "FALLBACK_CURL", "{name}");
        assert!(log(&host).contains("incident BACKEND_DOWN: the backend did not take it: HTTP "), "{name}");
    }
    for (name, reply) in [("cut off", Reply::Cut(200)), ("reset", Reply::Reset)] {
        let bot = Bot::new(Mood::Fine);
        let (host, fake) = (host_with(&bot.url()), Fake::new());
        sender_on(&host);
        fake.on(site::HEALTH, &[Reply::Text(500, "oops")]).on(site::INCIDENT, &[reply]);
        host.proves(name, &host.daily(&fake, &[]), 3, "BACKEND_DOWN");
        assert_eq!(bot.requests().len(), 0, "{name}: it may have been sent");
        assert_eq!(warned(&host), ["PUSH_FAILED"], "{name}");
    }
}

#[test]
fn without_a_backend_a_failed_pull_is_named_in_the_message_and_in_the_story() {
    let (gone, deaf) = (Fake::new().url(), Fake::new());
    deaf.on(site::HEALTH, &[Reply::Text(500, "oops")]);
    for url in [gone, deaf.url()] {
        let bot = Bot::new(Mood::Fine);
        let host = host_with(&bot.url());
        sender_on(&host);
        let ran = site::finished(host.daily_command(&url, &[]).output().expect("started"));
        host.proves("no repository", &ran, 3, "BACKEND_DOWN");
        assert!(host.warnings().contains(&"GIT_PULL_FAILED".to_owned()), "{:?}", host.warnings());
        let message = host.json(LATEST)["message"].as_str().expect("a text").to_owned();
        assert!(message.contains("\n함께: GIT_PULL_FAILED"), "{message}");
        assert_eq!(bot.requests().len(), 1);
        assert!(bot.requests()[0].contains("함께: GIT_PULL_FAILED"), "{:?}", bot.requests());
        let said = "incident GIT_PULL_FAILED: no backend to ask; it goes with BACKEND_DOWN";
        assert_eq!(log(&host).contains(said), url != deaf.url(), "{}", log(&host));
    }
}

#[test]
fn while_others_send_the_news_waits_for_its_turn() {
    let bot = Bot::new(Mood::Fine);
    let host = host_with(&bot.url());
    sender_on(&host);
    let held = host.store().exclusive(layout::PUSH_LOCK).expect("locked");
    let running = host.start_at(&Fake::new().url(), &["--no-git-pull"]);
    site::until("the health call", || {
        host.root().join(layout::RUN_LOG).exists() && log(&host).contains("BACKEND_DOWN")
    });
    assert_eq!(bot.requests().len(), 0);
    drop(held);
    host.proves("waited", &running.wait(), 3, "BACKEND_DOWN");
    assert_eq!(bot.requests().len(), 1, "{}", log(&host));
    assert_eq!(warned(&host), [""; 0]);
}

#[test]
fn a_run_that_is_out_of_time_still_tells_it() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]).says(site::INCIDENT, 200, made());
    host.proves("out of time", &host.daily(&fake, &["--set", "pipeline.run_limit=1s"]), 3, "RUN_TIMEOUT");
    let targets = asked(&fake);
    assert_eq!(targets.len(), 1, "{targets:?}");
    assert!(targets[0].contains("kind=LIVE_FAILED") && targets[0].contains("RUN%5FTIMEOUT"), "{targets:?}");
    assert_eq!(warned(&host), [""; 0]);
    assert!(log(&host).contains("the limit of the run is used up; each message has 10 s of its own"), "{}", log(&host));
    assert!(log(&host).contains("incident LIVE_FAILED: CONSOLE_SIMULATED"), "{}", log(&host));
}

#[test]
fn without_a_backend_nothing_leaves_against_a_switch_or_without_names() {
    type Edit = fn(&Host);
    let cases: [(&str, Edit, &str); 5] = [
        ("sender off", |_| (), "SENDER_DISABLED"),
        ("sender unreadable", |host| host.write(layout::SENDER, "{"), "SENDER_DISABLED"),
        (
            "stop on",
            |host| {
                sender_on(host);
                host.write(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#);
            },
            "EMERGENCY_STOP",
        ),
        (
            "stop unreadable",
            |host| {
                sender_on(host);
                host.write(layout::STOP, "{");
            },
            "EMERGENCY_STOP: EMERGENCY_STOP_UNREADABLE",
        ),
        (
            "no names",
            |host| {
                sender_on(host);
                host.store().remove(layout::MESSAGE_SECRETS).expect("removed");
            },
            "NO_PROVIDER",
        ),
    ];
    for (name, edit, why) in cases {
        let bot = Bot::new(Mood::Fine);
        let host = host_with(&bot.url());
        edit(&host);
        let gone = Fake::new().url();
        let ran = host.daily_at(&gone, &[]);
        host.proves(name, &ran, 3, "BACKEND_DOWN");
        assert_eq!(bot.requests().len(), 0, "{name}");
        assert!(log(&host).contains(&format!("incident BACKEND_DOWN: not sent: {why}")), "{name}: {}", log(&host));
        let incident = host.json(LATEST);
        assert_eq!(incident["delivery_actual"], "CONSOLE_SIMULATED", "{name}");
        assert!(!host.root().join(layout::FALLBACK_KEYS).exists(), "{name}: the key stays free");
    }
}

#[test]
fn without_a_backend_a_refusal_may_be_tried_again_and_an_unknown_end_may_not() {
    let cases = [
        (Mood::Status(401), "TELEGRAM_FAILED", 2),
        (Mood::Status(429), "TELEGRAM_FAILED", 2),
        // A gateway may answer for a message that was taken.
        (Mood::Status(500), "TELEGRAM_ERROR", 1),
        (Mood::Hang, "TELEGRAM_ERROR", 1),
    ];
    for (mood, delivery, requests) in cases {
        let bot = Bot::new(mood);
        let host = host_with(&bot.url());
        sender_on(&host);
        let gone = Fake::new().url();
        let ran = host.daily_at(&gone, &[]);
        host.proves(delivery, &ran, 3, "BACKEND_DOWN");
        assert!(!warned(&host).is_empty(), "{mood:?}");
        assert_eq!(host.json(LATEST)["delivery_actual"], delivery, "{mood:?}");
        keeps_secrets(&host, &ran);
        bot.set(Mood::Fine);
        host.daily_at(&gone, &[]);
        assert_eq!(bot.requests().len(), requests, "{mood:?}");
    }
}

#[test]
fn a_run_that_is_killed_while_it_tells_does_not_tell_again() {
    let bot = Bot::new(Mood::Hang);
    let host = host_with(&bot.url());
    host.write("daily_ops.toml", &format!("[push]\ntelegram_url = \"{}\"\n", bot.url()));
    sender_on(&host);
    let gone = Fake::new().url();
    let running = host.start_at(&gone, &["--no-git-pull"]);
    bot.await_requests(1);
    assert_eq!(host.json(layout::FALLBACK_KEYS)["keys"][0]["state"], "ATTEMPTED");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.wait().code, None);
    bot.set(Mood::Fine);
    host.proves("after", &host.daily_at(&gone, &[]), 3, "BACKEND_DOWN");
    assert_eq!(bot.requests().len(), 1);
    assert!(log(&host).contains("may have arrived"), "{}", log(&host));
}

#[test]
fn the_day_of_a_key_is_koreas_on_a_host_of_any_zone() {
    for zone in ["UTC", "America/New_York", "Asia/Seoul", "Pacific/Kiritimati"] {
        let bot = Bot::new(Mood::Fine);
        let host = host_with(&bot.url());
        sender_on(&host);
        let before = site::now();
        let mut command = host.daily_command(&Fake::new().url(), &["--no-git-pull"]);
        let ran = site::finished(command.env("TZ", zone).output().expect("started"));
        assert_eq!(ran.code, Some(3), "{zone}");
        let days = [before, site::now()].map(|at| format!("incident_BACKEND_DOWN_{}", at.format("%Y%m%d")));
        let key = host.json(layout::FALLBACK_KEYS)["keys"][0]["key"].as_str().expect("a key").to_owned();
        assert!(days.contains(&key), "{zone}: {key}");
    }
}

#[test]
fn without_a_backend_the_message_goes_by_the_channels_that_the_sender_opens() {
    let set = |channel: &str| {
        format!(r#"{{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"channel":"{channel}","reason":"test"}}"#)
    };
    // The set, whether the bot and the hook are called, and how it went.
    let cases = [
        ("TELEGRAM_ONLY", (1, 0), "FALLBACK_CURL"),
        ("SLACK_ONLY", (0, 1), "FALLBACK_CURL"),
        ("TELEGRAM+SLACK+EMAIL", (1, 1), "FALLBACK_CURL"),
        ("EMAIL_ONLY", (0, 0), "CONSOLE_SIMULATED"),
        ("SLACK+TELEGRAM", (0, 0), "CONSOLE_SIMULATED"),
    ];
    for (channel, (bots, hooks), delivery) in cases {
        let (bot, hook) = (Bot::new(Mood::Fine), Bot::new(Mood::Fine));
        let host = host_with_hook(&bot.url(), &hook.url());
        host.write(layout::SENDER, &set(channel));
        let gone = Fake::new().url();
        let ran = host.daily_at(&gone, &[]);
        assert_eq!((bot.requests().len(), hook.requests().len()), (bots, hooks), "{channel}");
        let incident = host.json(LATEST);
        assert_eq!(incident["delivery_actual"], delivery, "{channel}: {incident}");
        keeps_secrets(&host, &ran);
        host.daily_at(&gone, &[]);
        assert_eq!((bot.requests().len(), hook.requests().len()), (bots, hooks), "{channel}: once a day");
    }
}

#[test]
fn without_a_backend_a_channel_that_hangs_or_fails_stops_no_other_and_none_is_told_twice() {
    let (bot, hook) = (Bot::new(Mood::Hang), Bot::new(Mood::Fine));
    let host = host_with_hook(&bot.url(), &hook.url());
    host.write(layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"channel":"TELEGRAM+SLACK"}"#);
    let gone = Fake::new().url();
    host.daily_at(&gone, &[]);
    let incident = host.json(LATEST);
    assert_eq!(incident["delivery_actual"], "DELIVERED_PARTLY", "{incident}");
    let rows = incident["send_receipt"]["channels"].as_array().expect("rows").clone();
    let told: Vec<_> = rows.iter().map(|row| row["decision"].as_str().unwrap_or_default()).collect();
    assert_eq!(told, ["UNKNOWN", "SENT", "SKIPPED"], "{incident}");
    assert!(!warned(&host).is_empty(), "the run warns");
    bot.set(Mood::Fine);
    host.daily_at(&gone, &[]);
    assert_eq!((bot.requests().len(), hook.requests().len()), (1, 1));
}
