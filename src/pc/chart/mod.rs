//! Charts as SVG text: equity with drawdown, monthly returns, the surface of a sweep. In Korean and English.
//!
//! A chart is a function of numbers; it reads no file. Gains are red and losses blue, as on every Korean screen. Lines also
//! differ in weight and cells carry their number, so that a print in gray can be read.

mod equity;
mod monthly;
mod surface;

use plotters::style::Color as _;
use plotters::style::IntoFont as _;
use plotters::style::RGBColor;
use plotters::style::TextStyle;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

pub use equity::EquityChart;
pub use monthly::MonthlyReturns;
pub use surface::Surface;

/// The language of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Korean.
    Ko,
    /// English.
    En,
}

/// A chart could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChartFault {
    /// There is nothing to draw.
    #[error("the chart of {0} has no data")]
    Empty(&'static str),
    /// The drawing library refused.
    #[error("the chart cannot be drawn: {0}")]
    Draw(String),
}

const INK: RGBColor = RGBColor(0x1f, 0x29, 0x33);
const FAINT: RGBColor = RGBColor(0x6b, 0x76, 0x85);
const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);
const GAIN: RGBColor = RGBColor(0xc6, 0x28, 0x28);
const LOSS: RGBColor = RGBColor(0x15, 0x52, 0xa8);
const LINE: RGBColor = RGBColor(0x0b, 0x3d, 0x62);

/// Fonts that carry Hangul on every system; the first one found is used.
const FONT: &str = "Pretendard, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif";

fn text(size: u32, color: RGBColor, (h, v): (HPos, VPos)) -> TextStyle<'static> {
    TextStyle { font: (FONT, size).into_font(), color: color.to_backend_color(), pos: Pos::new(h, v) }
}

fn drawn<E: std::fmt::Display>(fault: E) -> ChartFault {
    ChartFault::Draw(fault.to_string())
}

/// A cell's color: `share` of the full tone, from -1 (all loss) to 1 (all gain).
fn tone(share: f64) -> RGBColor {
    let full = if share < 0.0 { LOSS } else { GAIN };
    let weight = share.abs().min(1.0) * 0.82;
    let mix = |part: u8| {
        let mixed = 255.0 + (f64::from(part) - 255.0) * weight;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
        let byte = mixed.round().clamp(0.0, 255.0) as u8;
        byte
    };
    RGBColor(mix(full.0), mix(full.1), mix(full.2))
}

/// Dark text on a light cell, light text on a dark one.
fn ink_on(cell: RGBColor) -> RGBColor {
    let light = 0.299 * f64::from(cell.0) + 0.587 * f64::from(cell.1) + 0.114 * f64::from(cell.2);
    if light > 150.0 { INK } else { RGBColor(255, 255, 255) }
}

/// Says what an SVG shows to those who cannot see it, and lets it shrink with its page.
fn accessible(svg: &str, title: &str) -> String {
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
    let Some(open) = svg.find("<svg ") else { return svg.to_owned() };
    let Some(end) = svg[open..].find('>') else { return svg.to_owned() };
    let (head, rest) = svg.split_at(open + end + 1);
    let head = head.replacen("<svg ", "<svg role=\"img\" style=\"max-width:100%;height:auto\" ", 1);
    format!("{head}\n<title>{escaped}</title>{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_are_readable() {
        assert_eq!(tone(0.0), RGBColor(255, 255, 255));
        assert!(tone(1.0).0 > tone(1.0).2 && tone(-1.0).2 > tone(-1.0).0);
        assert_eq!(ink_on(tone(0.0)), INK);
        assert_ne!(ink_on(tone(-1.0)), INK);
    }
}
