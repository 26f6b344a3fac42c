//! What benchmarks print: figures with their units.

use crate::args::{Format, Globals};
use crate::output::{print, print_json};
use crate::table::{Cell, Table};
use schemars::JsonSchema;
use serde::Serialize;

/// Something that was measured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Measured {
    /// What, with its size: `1000 checks`.
    subject: String,
    /// What came of it.
    figures: Vec<Figure>,
}

/// One number.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Figure {
    /// Of what: `suite`, `peer`, `memory`.
    name: &'static str,
    /// Absent where this system does not tell.
    value: Option<f64>,
    /// `us`, `ms`, `s`, `MB`, or `ratio`.
    unit: &'static str,
}

impl Measured {
    pub(super) fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), figures: Vec::new() }
    }

    /// With one more number, or with none where this system does not tell it.
    pub(super) fn with(
        mut self,
        name: &'static str,
        value: impl Into<Option<f64>>,
        unit: &'static str,
    ) -> Self {
        self.figures.push(Figure { name, value: value.into(), unit });
        self
    }

    fn heads(&self) -> Vec<String> {
        self.figures
            .iter()
            .map(
                |Figure { name, unit, .. }| {
                    if *unit == "ratio" { (*name).to_owned() } else { format!("{name} {unit}") }
                },
            )
            .collect()
    }
}

/// Prints what was measured: a table for each kind of figures, or one document.
pub(super) fn show(globals: &Globals, measured: &[Measured]) -> anyhow::Result<()> {
    if globals.format == Format::Json {
        return print_json(&measured);
    }
    let tables: Vec<String> = measured
        .chunk_by(|one, next| one.heads() == next.heads())
        .map(|rows| {
            let mut table = Table::default();
            table.row([String::new()].into_iter().chain(rows[0].heads()).map(Cell::from));
            for Measured { subject, figures } in rows {
                let numbers = figures
                    .iter()
                    .map(|figure| figure.value.map_or_else(|| "not measured".to_owned(), number));
                table.row([subject.clone()].into_iter().chain(numbers).map(Cell::from));
            }
            table.render(globals.look())
        })
        .collect();
    print(&tables.join("\n"));
    Ok(())
}

/// With about three digits.
fn number(value: f64) -> String {
    let decimals = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        assert_eq!([0.074, 3.641, 18.31, 1354.2].map(number), ["0.07", "3.64", "18.3", "1354"]);
    }
}
