//! The daily runs: all of them as a chart and a table.

use maud::Markup;
use maud::html;

use super::chart;
use super::facts;
use super::shell;
use super::shell::Here;
use super::shell::word;
use super::words::say;
use crate::backend::routes::App;
use crate::contracts::run::RunRecord;
use crate::ops::DailyRun;
use crate::ops::DailyStage;
use crate::settings::Lang;
use crate::store::Stored;
use crate::store::layout;

/// Rows of the table.
const ROWS: usize = 90;

/// The page at `/ops/runs`.
pub(super) fn page(app: &App) -> Markup {
    let lang = app.dash.options.lang;
    let runs = app.ops.daily_runs(ROWS);
    let damaged = damaged(app);
    let main = html! {
        h1 { (word(lang, "runs.title")) }
        @if !damaged.is_empty() {
            div.note.bad role="status" {
                b { (word(lang, "runs.damaged")) }
                ul { @for (file, why) in &damaged { li { code { (file) } " " span.quiet { (why) } } } }
            }
        }
        section.panel {
            @if runs.is_empty() { p.empty data-i18n="runs.empty" { (say(lang, "runs.empty")) } }
            @else { (chart::chart(lang, &runs, app.now())) }
        }
        @if !runs.is_empty() { (table(lang, &runs)) }
    };
    shell::page(lang, ("runs.title", "run.js", Here::Runs), (html! {}, main))
}

/// Records that cannot be read: a list without them would look complete.
fn damaged(app: &App) -> Vec<(String, String)> {
    let files = app.store().snapshots(layout::RUN.snapshots).unwrap_or_default();
    let look = |file: String| match app.store().document::<RunRecord>(&file) {
        Stored::Damaged(why) => Some((file, why)),
        Stored::Present(_) | Stored::Missing => None,
    };
    files.into_iter().take(ROWS).filter_map(|file| look(file.reference)).collect()
}

fn table(lang: Lang, runs: &[DailyRun]) -> Markup {
    let keys = ["runs.started", "runs.result", "runs.duration", "runs.stages", "runs.reason", "runs.trigger"];
    html! {
        section.panel {
            div.scroll tabindex="0" role="group" aria-label=(say(lang, "runs.title")) data-i18n-label="runs.title" {
                table #runsTable aria-label=(say(lang, "runs.title")) data-i18n-label="runs.title" {
                    thead { tr { @for key in keys { th scope="col" data-i18n=(key) { (say(lang, key)) } } } }
                    tbody { @for run in runs { (row(lang, run)) } }
                }
            }
        }
    }
}

fn row(lang: Lang, run: &DailyRun) -> Markup {
    html! {
        tr data-run=(run.run_id) data-result=(run.result) {
            th.num scope="row" { a href=(format!("/ops/runs/{}", run.run_id)) { (facts::moment(&run.started_at)) } }
            td { (facts::told(lang, facts::result(run.result))) @if run.dry_run { " " span.quiet { (word(lang, "one.dry")) } } }
            td.num { (facts::duration(run.duration_ms)) }
            td { span.signs { @for stage in &run.stages { (sign(lang, stage)) } } }
            td.wide {
                @if let Some(reason) = &run.reason { (facts::code(reason)) } @else { "—" }
                @if let Some(detail) = &run.reason_detail { div.quiet { (detail) } }
            }
            td { (word(lang, facts::trigger_key(run.trigger))) }
        }
    }
}

fn sign(lang: Lang, stage: &DailyStage) -> Markup {
    let look = facts::stage(stage.class, &stage.code);
    html! {
        span.told data-tone=(look.tone) title=(format!("{}/5 {}", stage.n, stage.code)) {
            span aria-hidden="true" { (look.sign) }
            span.sr { (word(lang, facts::stage_key(stage.n))) " " (word(lang, look.key)) " " }
        }
    }
}
