//! The surface of a sweep over two parameters: a cell each, its tone the value, the best cell framed.

use std::collections::BTreeMap;

use plotters::element::PathElement;
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
use super::INK;
use super::Lang;
use super::drawn;
use super::text;
use super::tone;

const WIDTH: i32 = 960;
const LEFT: i32 = 64;
const TOP: i32 = 46;
const KEY: i32 = 92;

/// One value per pair of parameters.
#[derive(Clone, Debug, Default)]
pub struct Surface {
    /// Name of the parameter along the bottom.
    pub x_name: String,
    /// Name of the parameter along the side.
    pub y_name: String,
    /// Name of the value.
    pub value_name: String,
    /// The values by (x, y), in the order of the parameters.
    pub cells: BTreeMap<(i64, i64), f64>,
}

/// Where the cells stand.
struct Grid {
    xs: Vec<i64>,
    ys: Vec<i64>,
    cell: (f64, f64),
    height: i32,
}

impl Grid {
    fn of(cells: &BTreeMap<(i64, i64), f64>) -> Self {
        let mut xs: Vec<i64> = cells.keys().map(|(x, _)| *x).collect();
        let mut ys: Vec<i64> = cells.keys().map(|(_, y)| *y).collect();
        for values in [&mut xs, &mut ys] {
            values.sort_unstable();
            values.dedup();
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of cells")]
        let (columns, rows) = (xs.len() as f64, ys.len() as f64);
        let wide = f64::from(WIDTH - LEFT - KEY);
        let high = (rows * 26.0).clamp(60.0, 420.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most 420")]
        let height = TOP + high as i32 + 48;
        Self { xs, ys, cell: (wide / columns, high / rows), height }
    }

    /// Left, top, right, bottom of a cell; the smallest y stands at the bottom.
    fn edges(&self, x: usize, y: usize) -> [i32; 4] {
        #![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "within the picture")]
        let at = |start: i32, size: f64, index: usize| start + (size * index as f64).round() as i32;
        let row = self.ys.len() - 1 - y;
        [
            at(LEFT, self.cell.0, x),
            at(TOP, self.cell.1, row),
            at(LEFT, self.cell.0, x + 1),
            at(TOP, self.cell.1, row + 1),
        ]
    }
}

impl Surface {
    /// Draws it.
    ///
    /// # Errors
    /// There is no cell.
    pub fn svg(&self, lang: Lang) -> Result<String, ChartFault> {
        let finite = || self.cells.iter().filter(|(_, value)| value.is_finite());
        let Some((best, most)) = finite().max_by(|a, b| a.1.total_cmp(b.1)) else {
            return Err(ChartFault::Empty("sweep"));
        };
        let grid = Grid::of(&self.cells);
        let reach = finite().map(|(_, value)| value.abs()).fold(0.0, f64::max).max(1e-9);
        let title = match lang {
            Lang::Ko => {
                format!("{} · 최고 {most:.3} ({} {}, {} {})", self.value_name, self.x_name, best.0, self.y_name, best.1)
            }
            Lang::En => {
                format!("{} · best {most:.3} ({} {}, {} {})", self.value_name, self.x_name, best.0, self.y_name, best.1)
            }
        };
        let mut svg = String::new();
        {
            #[expect(clippy::cast_sign_loss, reason = "sizes are positive")]
            let size = (WIDTH as u32, grid.height as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE).map_err(drawn)?;
            area.draw(&Text::new(title.clone(), (16, 18), text(16, INK, (HPos::Left, VPos::Center)))).map_err(drawn)?;
            for (y, key_y) in grid.ys.iter().enumerate() {
                for (x, key_x) in grid.xs.iter().enumerate() {
                    let Some(value) = self.cells.get(&(*key_x, *key_y)).filter(|value| value.is_finite()) else {
                        continue;
                    };
                    let [left, top, right, bottom] = grid.edges(x, y);
                    let color = tone(value / reach);
                    area.draw(&Rectangle::new([(left, top), (right, bottom)], color.filled())).map_err(drawn)?;
                }
            }
            self.zero_line(&area, &grid)?;
            let place = |keys: &[i64], key: i64| keys.binary_search(&key).unwrap_or_default();
            let [left, top, right, bottom] = grid.edges(place(&grid.xs, best.0), place(&grid.ys, best.1));
            let frame = Rectangle::new([(left - 1, top - 1), (right + 1, bottom + 1)], INK.stroke_width(2));
            area.draw(&frame).map_err(drawn)?;
            self.axes(&area, &grid)?;
            key(&area, &grid, reach)?;
            area.present().map_err(drawn)?;
        }
        Ok(super::accessible(&svg, &title))
    }

    /// The border between gains and losses, which a print in gray would not show.
    fn zero_line(&self, area: &Area<'_>, grid: &Grid) -> Result<(), ChartFault> {
        let gains = |x: usize, y: usize| {
            let value = self.cells.get(&(*grid.xs.get(x)?, *grid.ys.get(y)?))?;
            value.is_finite().then_some(*value > 0.0)
        };
        let differ = |a: Option<bool>, b: Option<bool>| a.zip(b).is_some_and(|(a, b)| a != b);
        for y in 0..grid.ys.len() {
            for x in 0..grid.xs.len() {
                let [left, top, right, bottom] = grid.edges(x, y);
                let here = gains(x, y);
                let sides = [
                    (gains(x + 1, y), [(right, top), (right, bottom)]),
                    (gains(x, y + 1), [(left, top), (right, top)]),
                ];
                for (other, line) in sides {
                    if differ(here, other) {
                        area.draw(&PathElement::new(line.to_vec(), INK.stroke_width(1))).map_err(drawn)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn axes(&self, area: &Area<'_>, grid: &Grid) -> Result<(), ChartFault> {
        let bottom = grid.edges(0, 0)[3];
        let every = |count: usize, most: usize| count.div_ceil(most).max(1);
        for (x, value) in grid.xs.iter().enumerate().step_by(every(grid.xs.len(), 24)) {
            let [left, _, right, _] = grid.edges(x, 0);
            let style = text(11, FAINT, (HPos::Center, VPos::Top));
            area.draw(&Text::new(value.to_string(), (i32::midpoint(left, right), bottom + 6), style)).map_err(drawn)?;
        }
        for (y, value) in grid.ys.iter().enumerate().step_by(every(grid.ys.len(), 14)) {
            let [_, top, _, low] = grid.edges(0, y);
            let style = text(11, FAINT, (HPos::Right, VPos::Center));
            area.draw(&Text::new(value.to_string(), (LEFT - 8, i32::midpoint(top, low)), style)).map_err(drawn)?;
        }
        let style = text(12, INK, (HPos::Center, VPos::Top));
        area.draw(&Text::new(self.x_name.clone(), (LEFT + (WIDTH - LEFT - KEY) / 2, bottom + 24), style))
            .map_err(drawn)?;
        let style = text(12, INK, (HPos::Left, VPos::Center));
        area.draw(&Text::new(self.y_name.clone(), (16, TOP - 8), style)).map_err(drawn)
    }
}

type Area<'a> = plotters::drawing::DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// The scale beside the surface.
fn key(area: &Area<'_>, grid: &Grid, reach: f64) -> Result<(), ChartFault> {
    const STEPS: i32 = 9;
    let (top, bottom) = (TOP, grid.edges(0, 0)[3]);
    for step in 0..STEPS {
        let share = 1.0 - 2.0 * f64::from(step) / f64::from(STEPS - 1);
        let (from, to) = (top + (bottom - top) * step / STEPS, top + (bottom - top) * (step + 1) / STEPS);
        let x = WIDTH - KEY + 18;
        area.draw(&Rectangle::new([(x, from), (x + 16, to)], tone(share).filled())).map_err(drawn)?;
        if step % 4 == 0 {
            let style = text(11, FAINT, (HPos::Left, VPos::Center));
            let label = format!("{:+.2}", share * reach);
            area.draw(&Text::new(label, (x + 22, i32::midpoint(from, to)), style)).map_err(drawn)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_frames_its_best_cell_and_names_its_axes() {
        let cells = (2..6).flat_map(|x| (10..13).map(move |y| ((x, y), (x * y) as f64 / 60.0 - 0.5))).collect();
        let surface = Surface { x_name: "fast".into(), y_name: "slow".into(), value_name: "Sharpe".into(), cells };
        let svg = surface.svg(Lang::En).expect("drawn");
        for part in ["best 0.500 (fast 5, slow 12)", "slow", "fast", "<title>", "+0.50", "-0.50"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(surface.svg(Lang::Ko).expect("drawn").contains("최고"));
        assert_eq!(Surface::default().svg(Lang::Ko), Err(ChartFault::Empty("sweep")));
    }

    #[test]
    fn one_cell_and_undefined_values_do_not_panic() {
        let one = Surface { cells: [((1, 1), 0.0), ((2, 1), f64::NAN)].into(), ..Surface::default() };
        assert!(one.svg(Lang::Ko).is_ok());
        let none = Surface { cells: [((1, 1), f64::NAN)].into(), ..Surface::default() };
        assert!(none.svg(Lang::Ko).is_err());
    }
}
