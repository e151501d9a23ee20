//! The chart of the last days: one bar for the last run of each day, its height the duration, its look the result.

use chrono::Days;
use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use super::facts;
use super::facts::Look;
use super::shell::word;
use super::words::say;
use crate::ops::DailyRun;
use crate::settings::Lang;
use crate::time::KstTime;

/// Days of the chart.
const DAYS: u64 = 31;
/// The drawing: its size, and where the bars stand. The durations stand at the right edge, beside the newest run, which is
/// the part that a phone shows.
const WIDTH: u64 = 960;
const HEIGHT: u64 = 250;
const LEFT: u64 = 8;
const RIGHT: u64 = 890;
const TOP: u64 = 26;
const FLOOR: u64 = 210;
const SLOT: u64 = (RIGHT - LEFT) / DAYS;
const BAR: u64 = 18;
/// A run is seen, however short it was.
const LEAST: u64 = 3;

/// One day of the chart.
struct Slot<'a> {
    day: NaiveDate,
    x: u64,
    run: Option<&'a DailyRun>,
}

/// The chart up to today. `runs` are newest first.
pub(super) fn chart(lang: Lang, runs: &[DailyRun], now: KstTime) -> Markup {
    let slots = slots(runs, now.date_naive());
    let top = scale(slots.iter().filter_map(|slot| slot.run?.duration_ms).max().unwrap_or_default());
    html! {
        figure.chart {
            figcaption { h2 { (word(lang, "runs.chart")) } }
            div.scroll tabindex="0" role="group" aria-label=(say(lang, "runs.chart")) data-i18n-label="runs.chart" {
                svg role="img" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) aria-labelledby="chartTitle chartDesc" {
                    title #chartTitle data-i18n="runs.chart" { (say(lang, "runs.chart")) }
                    desc #chartDesc data-i18n="runs.chart.desc" { (say(lang, "runs.chart.desc")) }
                    (patterns())
                    @for part in [0, 1, 2] { (line(top, part)) }
                    @for (at, slot) in slots.iter().enumerate() { (bar(slot, top)) @if at % 5 == 0 { (label(slot)) } }
                }
            }
            (legend(lang))
        }
    }
}

fn slots(runs: &[DailyRun], today: NaiveDate) -> Vec<Slot<'_>> {
    let of = |day: NaiveDate| runs.iter().find(|run| run.started_at.instant().is_some_and(|at| at.date_naive() == day));
    let slot = |at: u64| {
        let day = today.checked_sub_days(Days::new(DAYS - 1 - at)).unwrap_or(today);
        Slot { day, x: LEFT + at * SLOT + (SLOT - BAR) / 2, run: of(day) }
    };
    (0..DAYS).map(slot).collect()
}

/// The time at the top line: the next round one above the longest run.
fn scale(longest: u64) -> u64 {
    const STEPS: [u64; 11] =
        [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000];
    STEPS.into_iter().find(|step| longest <= *step).unwrap_or(longest)
}

/// A run's height in the drawing.
fn height(ms: u64, top: u64) -> u64 {
    ((FLOOR - TOP) * ms.min(top) / top.max(1)).max(LEAST)
}

/// Fills that differ without color: stripes for a warning, dots for a block, crossed stripes for a failure.
fn patterns() -> Markup {
    html! {
        defs {
            pattern #fillWarn width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                rect.ground width="6" height="6" {} rect.warn width="3" height="6" {}
            }
            pattern #fillBlock width="6" height="6" patternUnits="userSpaceOnUse" {
                rect.ground width="6" height="6" {} circle.warn cx="3" cy="3" r="1.8" {}
            }
            pattern #fillBad width="7" height="7" patternUnits="userSpaceOnUse" {
                rect.ground width="7" height="7" {} path.bad d="M0 0L7 7M7 0L0 7" stroke-width="2" {}
            }
        }
    }
}

fn line(top: u64, part: u64) -> Markup {
    let y = FLOOR - (FLOOR - TOP) * part / 2;
    html! {
        line.grid x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
        text.axis x=(RIGHT + 8) y=(y + 4) { (facts::duration(Some(top * part / 2))) }
    }
}

fn label(slot: &Slot<'_>) -> Markup {
    html! { text.axis x=(slot.x + BAR / 2) y=(FLOOR + 22) text-anchor="middle" { (slot.day.format("%m-%d")) } }
}

fn bar(slot: &Slot<'_>, top: u64) -> Markup {
    let middle = slot.x + BAR / 2;
    let Some(run) = slot.run else {
        return html! { g { title { (slot.day) " –" } line.grid x1=(middle - 3) x2=(middle + 3) y1=(FLOOR - 1) y2=(FLOOR - 1) {} } };
    };
    let look = facts::result(run.result);
    let tall = height(run.duration_ms.unwrap_or_default(), top);
    html! {
        g data-run=(run.run_id) data-result=(run.result) {
            title { (slot.day) " · " (run.result) " · " (facts::duration(run.duration_ms)) }
            rect class={ "bar " (look.tone) } fill=[fill(look)] x=(slot.x) y=(FLOOR - tall) width=(BAR) height=(tall) {}
            text class={ "mark " (look.tone) } x=(middle) y=(FLOOR - tall - 6) text-anchor="middle" { (look.sign) }
        }
    }
}

fn fill(look: Look) -> Option<&'static str> {
    match look.tone {
        "warn" => Some("url(#fillWarn)"),
        "block" => Some("url(#fillBlock)"),
        "bad" => Some("url(#fillBad)"),
        _ => None,
    }
}

fn legend(lang: Lang) -> Markup {
    html! {
        ul.legend {
            @for word in ["DONE", "WARNED", "BLOCKED", "FAILED", "RUNNING"] {
                @let look = facts::result(word);
                li {
                    svg width="18" height="14" aria-hidden="true" focusable="false" {
                        rect class={ "bar " (look.tone) } fill=[fill(look)] x="1" y="1" width="16" height="12" {}
                    }
                    (facts::told(lang, look))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_line_is_round_and_no_run_stands_above_it() {
        for (longest, want) in
            [(0, 1_000), (1_000, 1_000), (1_001, 2_000), (9_012, 10_000), (599_000, 600_000), (9_000_000, 9_000_000)]
        {
            assert_eq!(scale(longest), want, "{longest}");
            assert!(height(longest, scale(longest)) <= FLOOR - TOP, "{longest}");
        }
        assert_eq!(height(0, 0), LEAST);
    }

    #[test]
    fn the_chart_ends_today_and_holds_every_day_once() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap_or_default();
        let slots = slots(&[], today);
        assert_eq!(slots.len(), 31);
        assert_eq!(slots.last().map(|slot| slot.day), Some(today));
        assert!(slots.windows(2).all(|pair| pair[0].day.succ_opt() == Some(pair[1].day) && pair[0].x < pair[1].x));
        assert!(slots.iter().all(|slot| slot.x + BAR <= RIGHT && slot.run.is_none()));
    }
}
