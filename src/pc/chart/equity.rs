//! Equity against holding a ticker, with the drawdown below it on the same days.

use chrono::Datelike as _;
use plotters::chart::ChartBuilder;
use plotters::drawing::DrawingArea;
use plotters::element::Text;
use plotters::prelude::BindKeyPoints as _;
use plotters::prelude::IntoDrawingArea as _;
use plotters::prelude::SVGBackend;
use plotters::series::AreaSeries;
use plotters::series::LineSeries;
use plotters::style::Color as _;
use plotters::style::RGBColor;
use plotters::style::WHITE;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::VPos;

use super::ChartFault;
use super::FAINT;
use super::GRID;
use super::INK;
use super::LINE;
use super::LOSS;
use super::Lang;
use super::drawn;
use super::text;
use crate::pc::figures::won;
use crate::time::TradingDate;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

const SIZE: (u32, u32) = (960, 460);
const LEFT: u32 = 92;

/// Equity of each session, and what holding a ticker from the first session on would have come to.
#[derive(Clone, Debug)]
pub struct EquityChart<'a> {
    /// Sessions in order.
    pub dates: &'a [TradingDate],
    /// Equity at each close, in won.
    pub equity: &'a [f64],
    /// A name and as many values; empty: none is drawn.
    pub held: Option<(&'a str, &'a [f64])>,
}

impl EquityChart<'_> {
    /// Draws it.
    ///
    /// # Errors
    /// There is no session, or a column is shorter than the dates.
    pub fn svg(&self, lang: Lang) -> Result<String, ChartFault> {
        let held = self.held.map_or(self.equity, |(_, values)| values);
        if self.dates.is_empty() || self.equity.len() != self.dates.len() || held.len() != self.dates.len() {
            return Err(ChartFault::Empty("equity"));
        }
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE).map_err(drawn)?;
            let (above, below) = area.split_vertically(SIZE.1 * 68 / 100);
            self.curve(&above, held, lang)?;
            self.falls(&below, lang)?;
            area.present().map_err(drawn)?;
        }
        Ok(super::accessible(&svg, words(lang).0))
    }

    fn points<'v>(&'v self, values: &'v [f64]) -> impl Iterator<Item = (i32, f64)> + 'v {
        self.dates.iter().map(TradingDate::num_days_from_ce).zip(values.iter().copied())
    }

    fn span(&self) -> std::ops::Range<i32> {
        let day = |date: Option<&TradingDate>| date.map_or(0, TradingDate::num_days_from_ce);
        let (first, last) = (day(self.dates.first()), day(self.dates.last()));
        first..last.max(first + 1)
    }

    fn curve(&self, area: &Area<'_>, held: &[f64], lang: Lang) -> Result<(), ChartFault> {
        let all = || self.equity.iter().chain(held).copied();
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let room = ((high - low) * 0.06).max(1.0);
        let mut chart = ChartBuilder::on(area)
            .margin_top(34)
            .margin_right(20)
            .y_label_area_size(LEFT)
            .x_label_area_size(4)
            .build_cartesian_2d(self.span().with_key_points(self.ticks()), (low - room)..(high + room))
            .map_err(drawn)?;
        chart
            .configure_mesh()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .max_light_lines(0)
            .x_labels(12)
            .x_label_formatter(&|_| String::new())
            .y_labels(6)
            .y_label_formatter(&|value| won(*value))
            .y_label_style(text(12, FAINT, (HPos::Right, VPos::Center)))
            .draw()
            .map_err(drawn)?;
        let (title, equity, hold, _) = words(lang);
        if let Some((name, values)) = self.held {
            chart.draw_series(LineSeries::new(self.points(values), FAINT.stroke_width(1))).map_err(drawn)?;
            legend(area, 330, (FAINT, 1), &format!("{name} {hold}"))?;
        }
        chart.draw_series(LineSeries::new(self.points(self.equity), LINE.stroke_width(2))).map_err(drawn)?;
        legend(area, 210, (LINE, 3), equity)?;
        let style = text(16, INK, (HPos::Left, VPos::Center));
        area.draw(&Text::new(title.to_owned(), (16, 16), style)).map_err(drawn)
    }

    fn falls(&self, area: &Area<'_>, lang: Lang) -> Result<(), ChartFault> {
        let falls = drawdowns(self.equity);
        let deepest = falls.iter().copied().fold(0.0, f64::min).min(-0.5);
        let mut chart = ChartBuilder::on(area)
            .margin_top(26)
            .margin_right(20)
            .y_label_area_size(LEFT)
            .x_label_area_size(28)
            .build_cartesian_2d(self.span().with_key_points(self.ticks()), (deepest * 1.1)..0.0)
            .map_err(drawn)?;
        chart
            .configure_mesh()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .max_light_lines(0)
            .x_labels(12)
            .x_label_formatter(&|day| self.tick_label(*day))
            .x_label_style(text(12, FAINT, (HPos::Center, VPos::Top)))
            .y_labels(4)
            .y_label_formatter(&|value| format!("{value:.0}%"))
            .y_label_style(text(12, FAINT, (HPos::Right, VPos::Center)))
            .draw()
            .map_err(drawn)?;
        let series = AreaSeries::new(self.points(&falls), 0.0, LOSS.mix(0.25)).border_style(LOSS.stroke_width(1));
        chart.draw_series(series).map_err(drawn)?;
        let worst = falls.iter().copied().fold(0.0, f64::min);
        let label = format!("{} {worst:.1}%", words(lang).3);
        let style = text(13, INK, (HPos::Left, VPos::Center));
        area.draw(&Text::new(label, (16, 13), style)).map_err(drawn)
    }

    /// First days of years, quarters or months: at most about a dozen.
    fn ticks(&self) -> Vec<i32> {
        let (Some(first), Some(last)) = (self.dates.first(), self.dates.last()) else { return Vec::new() };
        let step = self.months_a_tick();
        let starts = first.iter_days().take_while(|day| day <= last);
        let starts = starts.filter(|day| day.day() == 1 && day.month0().is_multiple_of(step));
        let mut ticks: Vec<i32> = starts.map(|day| day.num_days_from_ce()).collect();
        let span = self.span();
        // A window that starts shortly after the first of January still says its year.
        if ticks.first().is_none_or(|tick| tick - span.start > (span.end - span.start) / 16) {
            ticks.insert(0, span.start);
        }
        ticks
    }

    fn months_a_tick(&self) -> u32 {
        let span = self.span();
        match span.end - span.start {
            ..=400 => 1,
            401..=1_300 => 3,
            _ => 12,
        }
    }

    fn tick_label(&self, day: i32) -> String {
        let Some(date) = TradingDate::from_num_days_from_ce_opt(day) else { return String::new() };
        date.format(if self.months_a_tick() == 12 { "%Y" } else { "%Y-%m" }).to_string()
    }
}

/// A short line and its name in the head of the chart.
fn legend(area: &Area<'_>, x: i32, (color, width): (RGBColor, u32), name: &str) -> Result<(), ChartFault> {
    let line = plotters::element::PathElement::new(vec![(x, 16), (x + 22, 16)], color.stroke_width(width));
    area.draw(&line).map_err(drawn)?;
    let style = text(13, INK, (HPos::Left, VPos::Center));
    area.draw(&Text::new(name.to_owned(), (x + 28, 16), style)).map_err(drawn)
}

/// The fall from the running maximum at each session, in percent, never positive.
fn drawdowns(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    let fall = |value: &f64| {
        peak = peak.max(*value);
        (value / peak - 1.0) * 100.0
    };
    equity.iter().map(fall).collect()
}

/// Title, equity, holding, drawdown.
fn words(lang: Lang) -> (&'static str, &'static str, &'static str, &'static str) {
    match lang {
        Lang::Ko => ("자산 곡선 (원)", "전략", "보유", "고점 대비 최대 하락"),
        Lang::En => ("Equity (won)", "strategy", "held", "deepest drawdown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(count: usize) -> Vec<TradingDate> {
        let first: TradingDate = "2023-01-02".parse().expect("a date");
        first.iter_days().take(count).collect()
    }

    #[test]
    fn a_chart_shows_both_curves_the_fall_and_its_years() {
        let dates = dates(1_500);
        let equity: Vec<f64> = (0..1_500).map(|i| 1e7 + f64::from((i * 37) % 911) * 1e3).collect();
        let held: Vec<f64> = equity.iter().map(|value| value * 0.9).collect();
        let chart = EquityChart { dates: &dates, equity: &equity, held: Some(("KODEX 200", &held)) };
        for (lang, title) in [(Lang::Ko, "자산 곡선"), (Lang::En, "Equity")] {
            let svg = chart.svg(lang).expect("drawn");
            for part in ["<svg", "<title>", title, "KODEX 200", "2024", "2026", "polyline"] {
                assert!(svg.contains(part), "{part}");
            }
            assert_eq!(svg, chart.svg(lang).expect("drawn"), "the same every time");
        }
    }

    #[test]
    fn the_smallest_and_the_empty_case_do_not_panic() {
        let dates = dates(1);
        let one = EquityChart { dates: &dates, equity: &[1e7], held: None };
        assert!(one.svg(Lang::Ko).is_ok());
        let none = EquityChart { dates: &[], equity: &[], held: None };
        assert_eq!(none.svg(Lang::Ko), Err(ChartFault::Empty("equity")));
        let short = EquityChart { dates: &dates, equity: &[], held: None };
        assert_eq!(short.svg(Lang::Ko), Err(ChartFault::Empty("equity")));
        assert!(drawdowns(&[10.0, 9.0, 12.0]).iter().zip([0.0, -10.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
