//! The spool: what other processes could not post is published once, whenever the server dies.

use super::*;
use crate::contracts::event::is_trace;

const ID: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

fn spool(site: &Site, lines: &[&str]) {
    site.store.append_all(layout::EVENT_SPOOL, lines, Durability::Buffered).expect("written");
}

fn messages(site: &Site) -> Vec<String> {
    let is_theirs = |row: &&Value| row["type"] != "spool_rejected";
    site.rows(LOG).iter().filter(is_theirs).map(|row| row["message"].as_str().expect("a text").to_owned()).collect()
}

fn left(site: &Site) -> usize {
    site.store
        .file_names("metrics")
        .expect("listed")
        .iter()
        .filter(|name| name.starts_with("spool") && !name.contains("rejected"))
        .count()
}

impl Keeper {
    fn take(&mut self, site: &Site) {
        site.clock.advance(Duration::from_secs(5));
        self.spool.turn(&mut self.recorder);
    }
}

#[test]
fn a_spool_is_taken_over_with_its_sources_traces_and_times() {
    let site = Site::new();
    spool(
        &site,
        &[
            r#"{"type":"stage_started","source":"daily_ops","trace_id":"t-1","ts":1732150000000,"message":"a"}"#,
            "no event",
            r#"{"severity":"LOUD"}"#,
            r#"["b"]"#,
            &format!(r#"{{"message":"c","spool_id":"{ID}","stage":2}}"#),
            r#"{"message":"d"}"#,
        ],
    );
    let mut keeper = site.keeper();
    keeper.spool.turn(&mut keeper.recorder);
    assert_eq!(left(&site), 0, "taken at once when a server starts");
    let rows = site.rows(LOG);
    assert_eq!(messages(&site), ["a", "c", "d"]);
    assert_eq!(
        (&rows[0]["type"], &rows[0]["source"], &rows[0]["trace_id"]),
        (&"stage_started".into(), &"daily_ops".into(), &"t-1".into())
    );
    assert_eq!(
        (&rows[0]["data"]["client_ts"], &rows[0]["ts"]),
        (&1_732_150_000_000_i64.into(), &site.clock.now().timestamp_millis().into())
    );
    assert_eq!((&rows[1]["data"]["spool_id"], &rows[1]["data"]["stage"]), (&ID.into(), &2.into()));
    assert_eq!((&rows[1]["type"], &rows[1]["source"]), (&"event".into(), &"unknown".into()));
    let traces: Vec<_> = rows.iter().map(|row| row["trace_id"].as_str().expect("a text")).collect();
    assert!(traces[1] != traces[2] && is_trace(traces[1]), "lines belong together only when they say so");
    let status = keeper.status();
    assert_eq!((status.spool_events, status.spool_bad_lines), (3, 3));
    let kept = site.rows(layout::SPOOL_REJECTED);
    let lines: Vec<_> = kept.iter().map(|row| row["line"].as_str().expect("a text")).collect();
    assert_eq!(lines, ["no event", r#"{"severity":"LOUD"}"#, r#"["b"]"#], "what was no event is kept");
    assert!(kept.iter().all(|row| row["why"].is_string() && row["ts_iso"].is_string()), "{kept:?}");
    let told = rows.iter().find(|row| row["type"] == "spool_rejected").expect("told");
    assert_eq!((&told["severity"], &told["data"]["lines"]), (&"WARN".into(), &3.into()));
    spool(&site, &[r#"{"message":"e"}"#]);
    keeper.spool.turn(&mut keeper.recorder);
    assert_eq!(left(&site), 1, "not before five seconds are over");
    keeper.take(&site);
    assert_eq!((left(&site), messages(&site).len()), (0, 4));
}

#[test]
fn a_huge_spool_comes_in_batches_and_whole() {
    let site = Site::new();
    let lines: Vec<String> = (0..12_345).map(|n| format!("{{\"message\":\"{n}\"}}")).collect();
    site.store.append_all(layout::EVENT_SPOOL, &lines, Durability::Buffered).expect("written");
    let mut keeper = site.keeper();
    keeper.take(&site);
    assert_eq!(messages(&site), (0..12_345).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((left(&site), keeper.bus.counters().obs_write_dropped_total), (0, 0));
}

#[test]
fn no_moment_to_die_loses_or_doubles_an_event() {
    let text = format!("{{\"message\":\"a\"}}\n{{\"message\":\"a\"}}\n{{\"message\":\"b\",\"spool_id\":\"{ID}\"}}\n");
    let taken = "metrics/spool_20261121_115900_0badcafe.jsonl";
    // Renamed, nothing published.
    let site = Site::new();
    site.store.write(taken, text.as_bytes()).expect("written");
    let mut keeper = site.keeper();
    // Published, but killed before the rows were written.
    let mut taking = Spool::new(site.store.clone());
    assert!(taking.publish_first(&keeper.recorder).is_ok());
    assert_eq!(keeper.bus.ids().last, 3);
    drop(keeper);
    assert_eq!(site.logged().len(), 0);
    keeper = site.keeper();
    keeper.take(&site);
    assert_eq!((messages(&site), left(&site)), (vec!["a".to_owned(), "a".to_owned(), "b".to_owned()], 0));
    // Written, but killed before the file was deleted.
    drop(keeper);
    site.store.write(taken, text.as_bytes()).expect("written");
    spool(&site, &[r#"{"message":"new"}"#, &format!(r#"{{"message":"again","spool_id":"{ID}"}}"#)]);
    let mut keeper = site.keeper();
    keeper.take(&site);
    assert_eq!((messages(&site)[3..].to_vec(), left(&site)), (vec!["new".to_owned()], 0));
    // Written in part.
    drop(keeper);
    let rows: Vec<String> = site.text(LOG).lines().take(1).map(str::to_owned).collect();
    site.store.write(LOG, format!("{}\n", rows[0]).as_bytes()).expect("written");
    site.store.write(taken, text.as_bytes()).expect("written");
    let mut keeper = site.keeper();
    keeper.take(&site);
    assert_eq!(messages(&site), ["a", "a", "b"]);
}

#[test]
fn an_event_as_large_as_allowed_is_known_again_too() {
    let site = Site::new();
    let text = format!("{{\"message\":\"large\",\"data\":{{\"t\":\"{}\"}}}}\n", "x".repeat((16 << 10) - 8));
    let taken = "metrics/spool_20261121_115900_0badcafe.jsonl";
    for _ in 0..2 {
        // Written, but killed before the file was deleted.
        site.store.write(taken, text.as_bytes()).expect("written");
        let mut keeper = site.keeper();
        keeper.take(&site);
        assert_eq!((messages(&site), left(&site)), (vec!["large".to_owned()], 0));
        assert!(site.rows(LOG)[0]["data"]["spool_id"].is_string());
    }
}

#[test]
fn a_post_whose_answer_never_came_is_not_published_again() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.bus.publish(vec![EventDraft::new("stage_finished", "daily_ops", "posted").with("spool_id", ID)], None);
    spool(&site, &[&format!(r#"{{"message":"spooled","spool_id":"{ID}"}}"#)]);
    keeper.take(&site);
    keeper.turn();
    assert_eq!((messages(&site), left(&site)), (vec!["posted".to_owned()], 0));
}

#[test]
fn a_spool_stays_while_the_disk_fails() {
    let site = Site::new();
    std::fs::create_dir_all(site.store.path(LOG)).expect("made");
    spool(&site, &[r#"{"message":"a"}"#]);
    let mut keeper = site.keeper();
    keeper.take(&site);
    assert_eq!((left(&site), keeper.bus.counters().published), (1, 0));
    std::fs::remove_dir(site.store.path(LOG)).expect("removed");
    keeper.turn();
    keeper.take(&site);
    assert_eq!((left(&site), messages(&site)), (0, vec!["a".to_owned()]));
}

#[test]
fn lines_that_are_no_events_are_kept_as_long_as_there_is_room() {
    let site = Site::new();
    site.store.write(layout::SPOOL_REJECTED, &vec![b'\n'; (4 << 20) - 200]).expect("written");
    let long = "x".repeat(500);
    spool(&site, &["short", &long, "late"]);
    let mut keeper = site.keeper();
    keeper.take(&site);
    let text = site.text(layout::SPOOL_REJECTED);
    assert!(text.len() <= 4 << 20 && text.contains("\"short\"") && !text.contains(&long));
    assert_eq!((keeper.status().spool_bad_lines, left(&site)), (3, 0));
    assert_eq!(site.rows(LOG)[0]["data"]["kept"], 1);
    keeper.take(&site);
    assert!(site.store.path(layout::SPOOL_REJECTED).exists(), "it is not taken for a spool");
}

#[test]
fn a_log_in_the_place_of_the_spool_is_never_taken_over() {
    for log in [layout::EVENT_SPOOL, "metrics/spool_20261121_115900_0badcafe.jsonl"] {
        let mut site = Site::new();
        site.settings.log = log.to_owned();
        let mut keeper = site.keeper();
        for _ in 0..3 {
            keeper.publish(1);
            keeper.turn();
            keeper.take(&site);
        }
        keeper.turn();
        assert_eq!((keeper.bus.ids().last, site.rows(log).len()), (3, 3), "{log}");
    }
}

#[test]
fn a_stop_leaves_the_rest_of_a_spool_for_the_next_start() {
    let site = Site::new();
    let lines: Vec<String> = (0..1200).map(|n| format!("{{\"message\":\"{n}\"}}")).collect();
    site.store.append_all(layout::EVENT_SPOOL, &lines, Durability::Buffered).expect("written");
    let mut keeper = site.keeper();
    keeper.recorder.shared().stopping.store(true, Ordering::Release);
    keeper.take(&site);
    keeper.turn();
    assert_eq!((messages(&site).len(), left(&site)), (500, 1));
    drop(keeper);
    site.keeper().take(&site);
    assert_eq!((messages(&site).len(), left(&site)), (1200, 0), "whole and once");
}
