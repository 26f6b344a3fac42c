//! Drawings of numbers, as SVG that stands inside a page.
//!
//! Colours are marks, not paint: the page's style sheet turns each into one that suits light or dark. Every drawing comes in
//! two widths, because text that is scaled down to a phone cannot be read.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, Polygon};
use plotters::series::LineSeries;
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};
use std::io::Error;
use std::ops::Range;

/// Text and axes.
const INK: RGBColor = RGBColor(0x11, 0x11, 0x11);
/// Lines of the grid.
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// What tells lines apart, in this order; also without full sight of colours. The style sheet knows the same.
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1F, 0x6F, 0xD1),
    RGBColor(0xC4, 0x5A, 0x00),
    RGBColor(0x1C, 0x8A, 0x5A),
    RGBColor(0x8B, 0x44, 0xC0),
    RGBColor(0xC2, 0x2F, 0x4E),
    RGBColor(0x6B, 0x6B, 0x00),
];

/// A drawing of some lines over a common axis.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What is shown, in a sentence.
    pub title: String,
    /// What runs to the right, with its unit.
    pub x: String,
    /// What runs upward, with its unit.
    pub y: String,
    /// What is drawn.
    pub lines: Vec<Line>,
    /// A value to which a mark is drawn across, for example the number wanted.
    pub mark: Option<f64>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is, for the legend.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Its points.
    pub points: Vec<[f64; 2]>,
    /// The band around it: x, lower, upper.
    pub band: Vec<[f64; 3]>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Joined.
    Joined,
    /// Each by itself.
    Dots,
    /// Each by itself, as what has gone wrong.
    Crosses,
}

impl Line {
    /// Joined points.
    pub fn joined(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self { name: name.into(), style: Style::Joined, points, band: Vec::new() }
    }

    /// Single points.
    pub fn dots(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self { style: Style::Dots, ..Self::joined(name, points) }
    }
}

impl Chart {
    /// More lines than this are not drawn: they could not be told apart.
    pub const MOST_LINES: usize = COLOURS.len();

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.is_empty())
    }

    /// The drawing for a wide screen.
    ///
    /// # Errors
    /// What the drawing library could not do.
    pub fn wide(&self) -> Result<String, String> {
        self.draw((760, 340), 8)
    }

    /// The drawing for a phone.
    ///
    /// # Errors
    /// What the drawing library could not do.
    pub fn narrow(&self) -> Result<String, String> {
        self.draw((350, 260), 4)
    }

    fn draw(&self, size: (u32, u32), labels: usize) -> Result<String, String> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        self.paint(&area, labels).map_err(|error| format!("cannot draw `{}`: {error}", self.title))?;
        drop(area);
        // The page's style sheet says how wide it is.
        Ok(svg.replacen(&format!("width=\"{}\" height=\"{}\" ", size.0, size.1), "", 1))
    }

    fn paint(
        &self,
        area: &DrawingArea<SVGBackend, Shift>,
        labels: usize,
    ) -> Result<(), DrawingAreaErrorKind<Error>> {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(16)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(self.reach(0, None), self.reach(1, self.mark))?;
        let text = TextStyle::from(("sans-serif", 15).into_font()).color(&INK);
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(plotters::style::TRANSPARENT)
            .axis_style(INK)
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_labels(labels)
            .y_labels(5)
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| tick(*value))
            .x_desc(&self.x)
            .y_desc(&self.y)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            if line.band.len() > 1 {
                let upper = line.band.iter().map(|[x, _, upper]| (*x, *upper));
                let lower = line.band.iter().rev().map(|[x, lower, _]| (*x, *lower));
                let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
                chart.draw_series([Polygon::new(outline, colour.mix(0.18))])?;
            }
            let points = line.points.iter().map(|[x, y]| (*x, *y));
            let stroke = ShapeStyle::from(colour).stroke_width(2);
            match line.style {
                Style::Joined => drop(chart.draw_series(LineSeries::new(points, stroke))?),
                Style::Dots => drop(chart.draw_series(points.map(|at| Circle::new(at, 4, colour.filled())))?),
                Style::Crosses => drop(chart.draw_series(points.map(|at| Cross::new(at, 5, stroke)))?),
            }
        }
        if let Some(mark) = self.mark {
            let across = self.reach(0, None);
            let dash = plotters::series::DashedLineSeries::new(
                [(across.start, mark), (across.end, mark)],
                6,
                4,
                ShapeStyle::from(INK).stroke_width(1),
            );
            chart.draw_series(dash)?;
        }
        area.present()?;
        Ok(())
    }

    /// From zero, or the least value where that is lower, to a little above the greatest.
    fn reach(&self, axis: usize, also: Option<f64>) -> Range<f64> {
        let points = self.lines.iter().flat_map(|line| line.points.iter().map(move |point| point[axis]));
        let bands = self.lines.iter().flat_map(|line| line.band.iter().map(move |band| band[2 * axis]));
        let (least, greatest) = points
            .chain(bands)
            .chain(also)
            .filter(|value| value.is_finite())
            .fold((0.0_f64, 0.0_f64), |(least, greatest), value| (least.min(value), greatest.max(value)));
        let room = if axis == 1 { 1.08 } else { 1.0 };
        least..if greatest > least { greatest * room } else { least + 1.0 }
    }
}

/// A number on an axis: short, without needless decimals.
fn tick(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e9 {
        format!("{:.1} G", value / 1e9)
    } else if magnitude >= 1e6 {
        format!("{:.1} M", value / 1e6)
    } else if magnitude >= 1e4 {
        format!("{:.0} k", value / 1e3)
    } else if magnitude >= 10.0 || value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else if magnitude >= 0.1 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(name: &str) -> Chart {
        Chart {
            title: name.to_owned(),
            x: name.to_owned(),
            y: "jobs/s".to_owned(),
            lines: vec![Line::joined(name, vec![[1.0, 2.0], [5.0, 9.0]]), Line::dots("d", vec![[2.0, 3.0]])],
            mark: Some(4.0),
        }
    }

    #[test]
    fn what_others_wrote_is_inert() {
        let svg = chart("</text><script>alert(1)</script>").wide().unwrap();
        assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    }

    #[test]
    fn it_scales_and_asks_for_nothing() {
        let svg = chart("jobs").narrow().unwrap();
        assert!(svg.starts_with("<svg viewBox=\"0 0 350 260\""), "{}", &svg[..80]);
        assert!(!svg.contains("href") && !svg.contains("style=") && !svg.contains("url("));
    }

    #[test]
    fn nothing_to_draw_is_known_and_still_drawn() {
        assert!(Chart::default().is_empty());
        assert!(Chart::default().wide().is_ok());
    }

    #[test]
    fn ticks_are_short() {
        let shown = [0.0, 0.25, 5.0, 7.5, 150.0, 25_000.0, 3.2e6, 1.5e9].map(tick);
        insta::assert_snapshot!(shown.join(" | "), @"0 | 0.2 | 5 | 7.5 | 150 | 25 k | 3.2 M | 1.5 G");
    }
}
