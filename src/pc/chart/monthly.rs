//! Monthly returns as a grid: a row a year, a column a month, the year's own return at the end.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::prelude::IntoDrawingArea as _;
use plotters::prelude::SVGBackend;
use plotters::style::Color as _;
use plotters::style::WHITE;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::VPos;

use super::ChartFault;
use super::FAINT;
use super::GRID;
use super::INK;
use super::Lang;
use super::drawn;
use super::ink_on;
use super::text;
use super::tone;
use crate::time::TradingDate;

const CELL: (i32, i32) = (62, 30);
const LEFT: i32 = 64;
const TOP: i32 = 64;
const CENTER: (HPos, VPos) = (HPos::Center, VPos::Center);

/// Returns in percent by year and month.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MonthlyReturns {
    months: BTreeMap<(i32, u32), f64>,
    years: BTreeMap<i32, f64>,
}

impl MonthlyReturns {
    /// Reads them off an equity curve: each month against the last equity of the month before; the first month and the
    /// first year against the starting capital.
    #[must_use]
    pub fn of(dates: &[TradingDate], equity: &[f64], initial: f64) -> Self {
        let mut found = Self::default();
        let mut last_of_month = BTreeMap::new();
        for (date, value) in dates.iter().zip(equity) {
            last_of_month.insert((date.year(), date.month()), *value);
        }
        let (mut before_month, mut before_year, mut year) = (initial, initial, None);
        for ((y, m), value) in last_of_month {
            if year.is_some_and(|year| year != y) {
                before_year = before_month;
            }
            year = Some(y);
            found.months.insert((y, m), (value / before_month - 1.0) * 100.0);
            found.years.insert(y, (value / before_year - 1.0) * 100.0);
            before_month = value;
        }
        found
    }

    /// A month's return in percent.
    #[must_use]
    pub fn month(&self, year: i32, month: u32) -> Option<f64> {
        self.months.get(&(year, month)).copied()
    }

    /// A year's return in percent.
    #[must_use]
    pub fn year(&self, year: i32) -> Option<f64> {
        self.years.get(&year).copied()
    }

    /// Draws the grid.
    ///
    /// # Errors
    /// There is no month.
    pub fn svg(&self, lang: Lang) -> Result<String, ChartFault> {
        if self.months.is_empty() {
            return Err(ChartFault::Empty("monthly returns"));
        }
        let rows = i32::try_from(self.years.len()).unwrap_or(i32::MAX);
        #[expect(clippy::cast_sign_loss, reason = "sizes are positive")]
        let size = ((LEFT + CELL.0 * 13 + 30) as u32, (TOP + CELL.1 * rows + 16) as u32);
        let mut svg = String::new();
        let title = match lang {
            Lang::Ko => "월별 수익률 (%)",
            Lang::En => "Monthly returns (%)",
        };
        {
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE).map_err(drawn)?;
            area.draw(&Text::new(title, (16, 18), text(16, INK, (HPos::Left, VPos::Center)))).map_err(drawn)?;
            for column in 0..13 {
                let name = match (lang, column) {
                    (Lang::Ko, 12) => "연간".to_owned(),
                    (Lang::En, 12) => "Year".to_owned(),
                    (Lang::Ko, _) => format!("{}월", column + 1),
                    (Lang::En, _) => MONTHS[usize::try_from(column).unwrap_or_default()].to_owned(),
                };
                let at = (corner(column, 0).0 + CELL.0 / 2, TOP - 14);
                area.draw(&Text::new(name, at, text(12, FAINT, CENTER))).map_err(drawn)?;
            }
            for (row, (year, whole)) in (0_i32..).zip(&self.years) {
                let at = (LEFT - 10, corner(0, row).1 + CELL.1 / 2);
                area.draw(&Text::new(year.to_string(), at, text(13, INK, (HPos::Right, VPos::Center))))
                    .map_err(drawn)?;
                let months = (0_i32..).zip(1..=12).map(|(column, month)| (column, self.month(*year, month), 8.0));
                for (column, value, full) in months.chain([(12, Some(*whole), 30.0)]) {
                    let Some(value) = value else { continue };
                    let color = tone(value / full);
                    let (x, y) = corner(column, row);
                    let edges = [(x + 1, y + 1), (x + CELL.0 - 1, y + CELL.1 - 1)];
                    area.draw(&Rectangle::new(edges, color.filled())).map_err(drawn)?;
                    area.draw(&Rectangle::new(edges, GRID.stroke_width(1))).map_err(drawn)?;
                    let (label, ink) = match format!("{value:+.1}") {
                        still if still == "+0.0" || still == "-0.0" => ("0.0".to_owned(), FAINT),
                        moved => (moved, ink_on(color)),
                    };
                    let at = (x + CELL.0 / 2, y + CELL.1 / 2);
                    area.draw(&Text::new(label, at, text(12, ink, CENTER))).map_err(drawn)?;
                }
            }
            area.present().map_err(drawn)?;
        }
        Ok(super::accessible(&svg, title))
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The corner of a cell; the year's column stands a little apart.
fn corner(column: i32, row: i32) -> (i32, i32) {
    let apart = if column == 12 { 10 } else { 0 };
    (LEFT + column * CELL.0 + apart, TOP + row * CELL.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_counts_from_the_end_of_the_one_before() {
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        let dates = [day("2024-11-29"), day("2024-12-02"), day("2024-12-30"), day("2025-01-02"), day("2025-02-03")];
        let found = MonthlyReturns::of(&dates, &[110.0, 100.0, 121.0, 60.5, 121.0], 100.0);
        let cases = [(2024, 11, 10.0), (2024, 12, 10.0), (2025, 1, -50.0), (2025, 2, 100.0)];
        for (year, month, want) in cases {
            let value = found.month(year, month).expect("a month");
            assert!((value - want).abs() < 1e-9, "{year}-{month}: {value}");
        }
        assert_eq!(found.month(2025, 3), None);
        assert!((found.year(2024).expect("a year") - 21.0).abs() < 1e-9);
        assert!(found.year(2025).expect("a year").abs() < 1e-9);
    }

    #[test]
    fn the_grid_names_months_and_years_and_every_value() {
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        let found = MonthlyReturns::of(&[day("2024-12-30"), day("2025-01-02")], &[110.0, 99.0], 100.0);
        let svg = found.svg(Lang::Ko).expect("drawn");
        for part in ["월별 수익률", "12월", "연간", "2024", "2025", "+10.0", "-10.0"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(found.svg(Lang::En).expect("drawn").contains("Dec"));
        assert_eq!(MonthlyReturns::default().svg(Lang::Ko), Err(ChartFault::Empty("monthly returns")));
    }
}
