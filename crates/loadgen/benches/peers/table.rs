//! What is printed: a table with a verdict for each wanted number.

/// One line: what was measured, the number, and what is wanted of it.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) wanted: String,
    pub(crate) holds: Option<bool>,
}

impl Row {
    /// A number that something is wanted of.
    pub(crate) fn judged(what: &str, measured: String, wanted: &str, holds: bool) -> Self {
        Self { what: what.to_owned(), measured, wanted: wanted.to_owned(), holds: Some(holds) }
    }

    /// A number for the reader.
    pub(crate) fn told(what: &str, measured: String) -> Self {
        Self { what: what.to_owned(), measured, wanted: String::new(), holds: None }
    }
}

pub(crate) fn print(title: &str, rows: &[Row]) {
    let width = |cell: fn(&Row) -> &str| rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
    let (first, second) = (width(|row| &row.what), width(|row| &row.measured));
    let third = width(|row| &row.wanted);
    println!("\n{title}");
    for row in rows {
        let verdict = match row.holds {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        let line =
            format!("  {:first$}  {:>second$}  {:third$}  {verdict}", row.what, row.measured, row.wanted);
        println!("{}", line.trim_end());
    }
}

/// The value in the middle; of an even number of values, the lower one of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN)
}
