//! What is printed: a table with a verdict for each wanted number, or all of them as JSON.

use crate::Trouble;
use shakedown_core::measurement::{Measured, Threshold};
use shakedown_core::{Measurement, Unit};

const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = KIBIBYTE * KIBIBYTE;

/// Prints a table.
pub(crate) fn print(Measured { subject, figures }: &Measured) {
    let rows: Vec<_> = figures.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [first, second, third] = [0, 1, 2].map(width);
    println!("\n{subject}");
    for [what, measured, wanted, verdict] in &rows {
        let line = format!("  {what:first$}  {measured:>second$}  {wanted:third$}  {verdict}");
        println!("{}", line.trim_end());
    }
}

/// Prints one document, in the form of `schema bench`.
pub(crate) fn print_json(measured: &[Measured]) -> Result<(), Trouble> {
    println!("{}", serde_json::to_string_pretty(measured).map_err(|error| error.to_string())?);
    Ok(())
}

/// What was measured, the number, what is wanted of it, and whether it is so.
fn row(figure: &Measurement) -> [String; 4] {
    let text = |value: f64| match figure.unit {
        Unit::Bytes if value >= MEBIBYTE => format!("{:.1} MiB", value / MEBIBYTE),
        Unit::Bytes if value >= KIBIBYTE => format!("{:.1} KiB", value / KIBIBYTE),
        unit => format!("{}{}", number(value), unit.symbol()),
    };
    let measured = if figure.value.is_finite() { text(figure.value) } else { "not measured".to_owned() };
    let wanted = figure.threshold.map_or_else(String::new, |threshold| match threshold {
        Threshold::Below(bound) => format!("below {}", text(bound)),
        Threshold::AtMost(bound) => format!("at most {}", text(bound)),
        Threshold::AtLeast(bound) => format!("at least {}", text(bound)),
    });
    let verdict = match (figure.threshold, figure.within()) {
        (None, _) => "",
        (_, true) => "yes",
        (_, false) => "NO",
    };
    [figure.name.clone(), measured, wanted, verdict.to_owned()]
}

/// Whole where it is, and with three digits behind the point where it is not.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 10_000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

/// The value in the middle; of an even number of values, the lower one of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN)
}
