//! Charts, drawn as SVG. They hold numbers only: whatever comes from outside stands beside them as text.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use shakedown_core::measurement::Threshold;
use shakedown_core::{Samples, Series, Unit};
use std::ops::Range;

type DrawingError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

/// The style sheet knows the parts of a chart by these colours, and gives them those of the page.
const INK: RGBColor = RGBColor(0x5A, 0x65, 0x72);
const GRID: RGBColor = RGBColor(0xE3, 0xE7, 0xEB);
const BAR: RGBColor = RGBColor(0xB8, 0xCD, 0xE6);
const MARK: RGBColor = RGBColor(0x1F, 0x5F, 0xA8);
const BOUND: RGBColor = RGBColor(0xB4, 0x23, 0x18);
/// Of the lines in one chart, in the order of the legend.
const LINES: [RGBColor; MOST_LINES] = [
    RGBColor(0x1F, 0x5F, 0xA9),
    RGBColor(0xC2, 0x6A, 0x12),
    RGBColor(0x1A, 0x7F, 0x4C),
    RGBColor(0x7A, 0x3E, 0x9E),
];

/// More lines than this cannot be told apart.
pub(super) const MOST_LINES: usize = 4;

/// Fewer samples than this are a list, not a distribution.
const FEWEST_SAMPLES: usize = 20;

/// Bars of a distribution.
const BARS: usize = 48;

const SIZE: (u32, u32) = (720, 200);

/// Where a word stands that names a line.
const BESIDE: (i32, i32) = (4, 0);

/// The percentiles that a distribution shows.
const PERCENTILES: [u8; 3] = [50, 95, 99];

/// How a unit is best written along an axis that reaches as far as `most`.
pub(super) struct Scale {
    divisor: f64,
    /// What the numbers are then.
    pub(super) symbol: &'static str,
}

impl Scale {
    pub(super) fn of(unit: Unit, most: f64) -> Self {
        let (divisor, symbol) = match unit {
            Unit::Milliseconds if most >= 10_000.0 => (1e3, "s"),
            Unit::Bytes if most >= 1e9 => (1e9, "GB"),
            Unit::Bytes if most >= 1e6 => (1e6, "MB"),
            Unit::Bytes if most >= 1e3 => (1e3, "kB"),
            unit => (1.0, unit.symbol().trim_start()),
        };
        Self { divisor, symbol }
    }

    /// The number alone.
    pub(super) fn number(&self, value: f64) -> String {
        let value = value / self.divisor;
        let text = match value.abs() {
            0.0 => return "0".to_owned(),
            large if large >= 100.0 => return format!("{value:.0}"),
            medium if medium >= 1.0 => format!("{value:.2}"),
            _ => format!("{value:.4}"),
        };
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The number and what it is.
    pub(super) fn quantity(&self, value: f64) -> String {
        format!("{} {}", self.number(value), self.symbol).trim_end().to_owned()
    }
}

/// A chart and the words beside it.
pub(super) struct Drawing {
    /// The SVG element; empty where words say it all.
    pub(super) svg: String,
    /// What it shows in numbers, for whoever cannot see it: of each line, or of the whole.
    pub(super) words: Vec<String>,
}

/// How samples are spread, with percentiles and bound; none where there are too few.
pub(super) fn distribution(samples: &[f64], unit: Unit, threshold: Option<Threshold>) -> Option<Drawing> {
    let samples =
        Samples::new("samples", samples.to_vec()).ok().filter(|all| all.count() >= FEWEST_SAMPLES)?;
    let scale = Scale::of(unit, samples.max());
    let marks = PERCENTILES.map(|percent| samples.percentile(percent.into()));
    let mut words: Vec<String> = PERCENTILES
        .iter()
        .zip(marks)
        .map(|(percent, at)| format!("p{percent} {}", scale.quantity(at)))
        .collect();
    words.insert(0, format!("min {}", scale.quantity(samples.min())));
    words.push(format!("max {}", scale.quantity(samples.max())));
    words.push(format!("{} samples", samples.count()));
    let bound = threshold.map(|threshold| match threshold {
        Threshold::Below(bound) | Threshold::AtMost(bound) | Threshold::AtLeast(bound) => bound,
    });
    // One straggler must not press all others into one bar.
    let reach = samples.max().min(marks[1] * 3.0).max(marks[2]);
    let start = if samples.min() > reach / 2.0 { samples.min() } else { samples.min().min(0.0) };
    let range = wide(start..reach.max(bound.filter(|bound| *bound < reach * 3.0).unwrap_or(reach)));
    if reach < samples.max() {
        words.push(format!("the last bar holds what is above {}", scale.quantity(range.end)));
    }
    let bars = bars(samples.sorted(), &range);
    let svg = draw(|area| {
        let top = bars.iter().copied().fold(1.0, f64::max) * 1.25;
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(16)
            .x_label_area_size(22)
            .y_label_area_size(44)
            .build_cartesian_2d(range.clone(), 0.0..top)?;
        mesh(&mut chart, &|value| scale.number(*value), &|count| format!("{count:.0}"))?;
        let width = (range.end - range.start) / as_f64(bars.len());
        let edges = (0..bars.len()).map(|bar| range.start + width * as_f64(bar));
        chart.draw_series(edges.zip(&bars).filter(|(_, count)| **count > 0.0).map(|(edge, count)| {
            Rectangle::new([(edge, 0.0), (edge + width * 0.92, *count)], BAR.filled())
        }))?;
        let beside = |color: &RGBColor| {
            ("sans-serif", 12).into_font().color(color).pos(Pos::new(HPos::Left, VPos::Top))
        };
        for (row, (percent, at)) in (0_u8..).zip(PERCENTILES.iter().zip(marks)) {
            let label = top * (1.0 - 0.1 * f64::from(row));
            chart.draw_series([PathElement::new([(at, 0.0), (at, label)], MARK)])?;
            chart.draw_series([
                EmptyElement::at((at, label)) + Text::new(format!("p{percent}"), BESIDE, beside(&MARK))
            ])?;
        }
        if let Some(bound) = bound.filter(|bound| range.contains(bound) || *bound <= range.end) {
            chart.draw_series([PathElement::new([(bound, 0.0), (bound, top)], BOUND.stroke_width(2))])?;
            let place = EmptyElement::at((bound, top * 0.65));
            chart.draw_series([place + Text::new("bound", BESIDE, beside(&BOUND))])?;
        }
        Ok(())
    })?;
    Some(Drawing { svg, words: vec![words.join(", ")] })
}

/// How many samples fall into each bar; the last one holds what lies beyond.
fn bars(samples: &[f64], range: &Range<f64>) -> Vec<f64> {
    let mut bars = vec![0.0; BARS];
    for sample in samples {
        let share = (sample - range.start) / (range.end - range.start);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is outside is put into the first or the last bar"
        )]
        let bar = ((share * as_f64(BARS)).max(0.0) as usize).min(BARS - 1);
        bars[bar] += 1.0;
    }
    bars
}

/// Numbers of one unit over time; none where there is nothing to say, and only words where there is no line to draw.
pub(super) fn lines(series: &[&Series]) -> Option<Drawing> {
    let points = || series.iter().flat_map(|series| &series.points);
    points().next()?;
    let unit = series.first()?.unit;
    let ends = |axis: usize| {
        points().fold(f64::INFINITY..f64::NEG_INFINITY, |ends, point| {
            ends.start.min(point[axis])..ends.end.max(point[axis])
        })
    };
    let (times, values) = (ends(0), ends(1));
    let scale = Scale::of(unit, values.end.abs().max(values.start.abs()));
    let time = if times.end >= 36_000.0 {
        (3600.0, "h")
    } else if times.end >= 600.0 {
        (60.0, "min")
    } else {
        (1.0, "s")
    };
    let paint = |area: &DrawingArea<SVGBackend<'_>, Shift>| {
        let values = wide(values.start.min(0.0)..values.end * 1.08);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(16)
            .x_label_area_size(22)
            .y_label_area_size(52)
            .build_cartesian_2d(wide(times.clone()), values)?;
        let clock = Scale { divisor: time.0, symbol: "" };
        mesh(&mut chart, &|at| format!("{} {}", clock.number(*at), time.1), &|value| scale.number(*value))?;
        for (series, color) in series.iter().zip(LINES) {
            let points = series.points.iter().map(|point| (point[0], point[1]));
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        }
        Ok(())
    };
    let has_line = series.iter().any(|series| series.points.len() > 1);
    let svg = if has_line { draw(paint)? } else { String::new() };
    let words = series.iter().map(|series| {
        let values = series.points.iter().map(|point| point[1]).collect();
        let Ok(samples) = Samples::new("samples", values) else { return "no points".to_owned() };
        let (min, mean, max) = (samples.min(), samples.mean(), samples.max());
        format!("min {}, mean {}, max {}", scale.number(min), scale.number(mean), scale.quantity(max))
    });
    Some(Drawing { svg, words: words.collect() })
}

/// A range that is not empty, for what never changes.
fn wide(range: Range<f64>) -> Range<f64> {
    if range.end > range.start { range } else { range.start..range.start + 1.0 }
}

/// The SVG that `paint` paints; none where that fails, which leaves the words.
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Lines across, and numbers along both axes.
fn mesh<'b>(
    chart: &mut Chart<'_, 'b>,
    x: &dyn Fn(&f64) -> String,
    y: &dyn Fn(&f64) -> String,
) -> Result<(), DrawingError<'b>> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(8)
        .y_labels(4)
        .x_label_formatter(&x)
        .y_label_formatter(&y)
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .draw()
}

fn draw<F>(paint: F) -> Option<String>
where
    F: FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), DrawingError<'static>>,
{
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area).ok()?;
        area.present().ok()?;
    }
    // What goes without saying is not said a thousand times.
    Some(svg.replace(" opacity=\"1\"", "").replace("\n</text>", "</text>").replace(" \"/>", "\"/>"))
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_shows_its_percentiles_and_its_bound() {
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        let bound = Some(Threshold::Below(80.0));
        let drawing = distribution(&samples, Unit::Milliseconds, bound).unwrap();
        assert_eq!(drawing.words, ["min 1 ms, p50 50 ms, p95 95 ms, p99 99 ms, max 100 ms, 100 samples"]);
        for part in ["p50", "p95", "p99", "bound"] {
            assert!(drawing.svg.contains(part), "{part} is missing: {}", drawing.svg);
        }
        assert!(drawing.svg.matches("<rect").count() > 20);
        assert!(distribution(&samples[..3], Unit::Milliseconds, None).is_none());
    }

    #[test]
    fn every_sample_stands_in_a_bar() {
        let samples = [1.0, 2.0, 3.0, 4.0, 1000.0];
        assert!((bars(&samples, &(0.0..5.0)).iter().sum::<f64>() - 5.0).abs() < f64::EPSILON);
        let same = [7.0; 20];
        assert!(distribution(&same, Unit::Count, None).is_some(), "what never changes can be drawn");
        assert!(distribution(&[0.0; 20], Unit::Count, None).is_some());
    }

    #[test]
    fn lines_keep_every_point() {
        let rate =
            Series::new("rate", Unit::PerSecond, (0..100).map(|at| [f64::from(at), f64::from(at % 7)]));
        let errors = Series::new("errors", Unit::PerSecond, (0..100).map(|at| [f64::from(at), 0.0]));
        let drawing = lines(&[&rate, &errors]).unwrap();
        assert_eq!(drawing.words, ["min 0, mean 2.95, max 6 /s", "min 0, mean 0, max 0 /s"]);
        let colors = LINES.map(|RGBColor(r, g, b)| format!("#{r:02X}{g:02X}{b:02X}"));
        let drawn: Vec<&str> = drawing.svg.lines().filter(|line| line.contains("<polyline")).collect();
        let line = drawn.iter().find(|line| line.contains(&colors[0])).unwrap();
        assert_eq!(line.matches(',').count(), 100);
        assert!(drawn.iter().any(|line| line.contains(&colors[1])));
        assert!(lines(&[]).is_none());
    }

    #[test]
    fn single_points_are_said_and_not_drawn() {
        let once = Series::new("rate", Unit::PerSecond, [[1.0, 71.62]]);
        let drawing = lines(&[&once]).unwrap();
        assert_eq!(
            (drawing.svg.as_str(), drawing.words.concat().as_str()),
            ("", "min 71.62, mean 71.62, max 71.62 /s")
        );
        let never = Series::new("rate", Unit::PerSecond, []);
        assert!(lines(&[&never]).is_none());
    }

    #[test]
    fn large_numbers_are_written_short() {
        let of = |unit, value| Scale::of(unit, value).quantity(value);
        assert_eq!(of(Unit::Bytes, 734_003_200.0), "734 MB");
        assert_eq!(of(Unit::Milliseconds, 12_500.0), "12.5 s");
        assert_eq!(of(Unit::Milliseconds, 0.25), "0.25 ms");
        assert_eq!(of(Unit::Count, 10.0), "10");
    }
}
