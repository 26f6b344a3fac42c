//! What benchmarks print: figures with their units.

use crate::args::{Format, Globals};
use crate::output::{print, print_json};
use crate::table::{Cell, Table};
use shakedown_core::measurement::{Measured, Measurement, Unit};

/// Prints what was measured: a table for each kind of figures, or one document.
pub(super) fn show(globals: &Globals, measured: &[Measured]) -> anyhow::Result<()> {
    if globals.format == Format::Json {
        return print_json(&measured);
    }
    let tables: Vec<String> = measured
        .chunk_by(|one, next| heads(one) == heads(next))
        .map(|rows| {
            let mut table = Table::default();
            table.row([String::new()].into_iter().chain(heads(&rows[0])).map(Cell::from));
            for Measured { subject, figures } in rows {
                table.row([subject.clone()].into_iter().chain(figures.iter().map(value)).map(Cell::from));
            }
            table.render(globals.look())
        })
        .collect();
    print(&tables.join("\n"));
    Ok(())
}

/// The unit that a figure is shown in, and how much of its own unit that is.
const fn shown(unit: Unit) -> (f64, &'static str) {
    match unit {
        Unit::Bytes => (1e6, " MB"),
        unit => (1.0, unit.symbol()),
    }
}

fn heads(measured: &Measured) -> Vec<String> {
    measured.figures.iter().map(|figure| format!("{}{}", figure.name, shown(figure.unit).1)).collect()
}

fn value(figure: &Measurement) -> String {
    if figure.value.is_finite() {
        number(figure.value / shown(figure.unit).0)
    } else {
        "not measured".to_owned()
    }
}

/// With about three digits.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        let shown = [0.0123, 0.274, 3.641, 18.31, 1354.2].map(number);
        assert_eq!(shown, ["0.0123", "0.27", "3.64", "18.3", "1354"]);
    }

    #[test]
    fn what_is_not_told_is_said_to_be_missing() {
        let measured = Measured::of("a run").with("peak", None, Unit::Bytes).with("took", 2.0, Unit::Seconds);
        assert_eq!(heads(&measured), ["peak MB", "took s"]);
        assert_eq!(measured.figures.iter().map(value).collect::<Vec<_>>(), ["not measured", "2.00"]);
    }
}
