//! The page of the daily runs: their chart, their list, and one run with its stages and its evidence.

use daily_ops::rehearsal::browser::Scheme;
use daily_ops::rehearsal::browser::Screen;
use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::lab;
use crate::site::Look as _;
use crate::site::Site;

const GOLDEN: &str = include_str!("../../contracts/daily_ops_run_v1.json");

/// A run of another day with another result.
fn run(day: u32, exit: i64, seconds: u32) -> Value {
    let mut run: Value = serde_json::from_str(GOLDEN).expect("JSON");
    run["run_id"] = json!(format!("run_202611{day:02}_090500_00000000"));
    run["started_at"] = json!(format!("2026-11-{day:02}T09:05:00.000000+09:00"));
    run["finished_at"] = json!(format!("2026-11-{day:02}T09:05:{seconds:02}.500000+09:00"));
    run["exit_code"] = json!(exit);
    run["snapshot_ref"] = json!(format!("{}/daily_ops_202611{day:02}_090500.json", layout::RUN.snapshots));
    if exit != 0 {
        run["reason"] = json!(if exit == 2 { "STALE_BUNDLE" } else { "BACKEND_DOWN" });
        run["stages"][2]["class"] = json!(if exit == 2 { "block" } else { "fail" });
    }
    run
}

/// Runs of nine days; the last one is the golden one.
pub(crate) fn write_runs(store: &Store) {
    for (day, exit, seconds) in
        [(10, 0, 2), (11, 0, 3), (12, 2, 1), (13, 0, 4), (16, 3, 30), (17, 0, 2), (18, 0, 2), (19, 2, 5), (20, 0, 3)]
    {
        let run = run(day, exit, seconds);
        let file = run["snapshot_ref"].as_str().expect("a path");
        store.write(file, run.to_string().as_bytes()).expect("written");
    }
    let last: Value = serde_json::from_str(GOLDEN).expect("JSON");
    store.write(last["snapshot_ref"].as_str().expect("a path"), GOLDEN.as_bytes()).expect("written");
    store.write(layout::RUN.latest, GOLDEN.as_bytes()).expect("written");
}

#[test]
fn the_runs_are_a_chart_and_a_list_and_each_has_a_page() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(write_runs, |_| {});
    let mut page = browser.page().expect("a page");
    page.open(&format!("{}/ops/runs", site.door.url())).expect("opened");
    page.sees("document.querySelector('main svg')?.getBoundingClientRect().height > 50");
    let drawn = "document.querySelectorAll('main svg rect, main svg path, main svg circle, main svg polyline').length";
    assert!(
        page.now(drawn).as_u64().is_some_and(|shapes| shapes >= 10),
        "{}",
        page.now("document.querySelector('main svg').outerHTML")
    );
    assert_eq!(page.now("!!document.querySelector('main svg').getAttribute('aria-label') || !!document.querySelector('main svg title')"), true);
    let text = page.now("document.querySelector('main').innerText").to_string();
    for part in ["11-20", "11-12", "STALE_BUNDLE", "BACKEND_DOWN"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    page.is_content();
    page.now("document.querySelector('main a[href*=run_20261121]').click()");
    page.sees("location.pathname.includes('run_20261121') && document.readyState === 'complete'");
    let text = page.sees("document.querySelector('main').innerText").to_string();
    for part in ["run_20261121_144637_23a32f5c", "GIT_PULL_UPDATED", "LIVE_OK", "EVIDENCE_HEALTH_UNKNOWN"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    page.is_content();
}

#[test]
fn the_last_run_and_its_five_stages_stand_on_the_dashboard() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(write_runs, |_| {});
    let mut page = site.open(browser, "/");
    page.sees("document.querySelectorAll('#runStages li').length === 5");
    page.click("#runLink").expect("clicked");
    page.sees("location.pathname === '/ops/runs/run_20261121_144637_23a32f5c'");
    page.is_content();
}

#[test]
fn the_runs_fit_a_phone_and_the_chart_starts_at_the_newest() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::with(write_runs, |_| {});
    let mut page = browser.page().expect("a page");
    page.set_screen(Screen::phone(360, 740, Scheme::Dark)).expect("set");
    page.open(&format!("{}/ops/runs", site.door.url())).expect("opened");
    page.sees("(() => { const at = document.querySelector('.chart .scroll'); return at.scrollLeft > 0 && at.scrollLeft + at.clientWidth >= at.scrollWidth - 1; })()");
    let table = "(() => { const at = document.querySelector('#runsTable').parentElement; return [at.scrollWidth <= at.clientWidth, document.documentElement.scrollWidth]; })()";
    assert_eq!(page.now(table), json!([true, 360]));
    let low =
        "[...document.querySelectorAll('#runsTable a')].filter(a => a.getBoundingClientRect().height < 43.5).length";
    assert_eq!(page.now(low), 0);
    page.is_content();
}
