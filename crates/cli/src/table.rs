//! Rows in aligned columns. On a terminal the last column is cut to what fits; a pipe gets all of it.

use crate::look::Look;
use anstyle::Style as Paint;
use shakedown_report::text::{clean, fit};
use std::borrow::Cow;

/// What separates two columns.
const GAP: usize = 2;
/// The last column keeps this many columns of the terminal, however wide the others are.
const LEAST: usize = 20;

/// Text in one place of a table.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
    address: Option<String>,
}

impl Cell {
    /// In a colour.
    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), paint, address: None }
    }

    /// With the address that it leads to.
    pub(crate) fn linked(text: impl Into<String>, address: Option<String>) -> Self {
        Self { text: text.into(), paint: Paint::new(), address }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn render(&self, look: Look, width: usize) -> String {
        let text = clean(&self.text);
        let shown = if width < self.width() { fit(&text, width) } else { Cow::Borrowed(&*text) };
        look.link_if_possible(&look.paint(self.paint, &shown), self.address.as_deref())
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Rows in aligned columns.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<Cell>>);

impl Table {
    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.push(cells.into_iter().collect());
    }

    /// The rows, each on one line.
    pub(crate) fn render(&self, look: Look) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.0 {
            for (column, cell) in row.iter().enumerate() {
                match widths.get_mut(column) {
                    Some(width) => *width = cell.width().max(*width),
                    None => widths.push(cell.width()),
                }
            }
        }
        let mut out = String::new();
        for row in &self.0 {
            let mut taken = 0;
            for (column, cell) in row.iter().enumerate() {
                let last = column + 1 == row.len();
                let room = look.columns().map(|columns| columns.saturating_sub(taken).max(LEAST));
                out.push_str(&cell.render(look, room.filter(|_| last).unwrap_or(usize::MAX)));
                if !last {
                    let padding = widths[column] - cell.width() + GAP;
                    out.extend(std::iter::repeat_n(' ', padding));
                    taken += widths[column] + GAP;
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        table.row(["moon.up".into(), "read".into(), "The moon is up, and shines on everything".into()]);
        let load = Cell::painted("load", anstyle::AnsiColor::Yellow.on_default());
        table.row([Cell::linked("sun", Some("https://example.com/".into())), load, Cell::default()]);
        table
    }

    #[test]
    fn a_pipe_gets_everything_and_nothing_else() {
        insta::assert_snapshot!(table().render(Look::PLAIN), @r"
        moon.up  read  The moon is up, and shines on everything
        sun      load
        ");
    }

    #[test]
    fn a_terminal_gets_what_fits_with_colours_and_links() {
        let text = table().render(Look::on_a_terminal(40));
        assert!(text.starts_with("moon.up  read  The moon is up, and shin…\n"), "{text}");
        let link =
            "\u{1b}]8;;https://example.com/\u{1b}\\sun\u{1b}]8;;\u{1b}\\      \u{1b}[33mload\u{1b}[0m\n";
        assert!(text.ends_with(link), "{text:?}");
    }
}
