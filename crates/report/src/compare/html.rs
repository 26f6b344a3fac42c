//! The comparison as a page, in the look of the report.

use super::text::{side_words, statuses, totals};
use super::{Change, Comparison, Kind};
use crate::html::Look;
use crate::style::symbol;
use askama::Template;
use shakedown_core::Status;
use std::io;

#[derive(Template)]
#[template(path = "compare.html", whitespace = "minimize")]
struct Page<'a> {
    look: Look,
    comparison: &'a Comparison,
    status: Status,
    seal: char,
    headline: &'static str,
    totals: String,
    sides: [(&'static str, String); 2],
    kinds: Vec<(&'static str, Vec<Shown<'a>>)>,
}

/// A change, ready to be shown.
struct Shown<'a> {
    change: &'a Change,
    symbol: char,
    words: String,
    /// One line of the second run, where no new finding says it already.
    summary: Option<&'a str>,
}

/// Writes the page to `out`, without holding it in memory.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write_html(comparison: &Comparison, mut out: impl io::Write) -> io::Result<()> {
    let is_no_worse = comparison.is_no_worse();
    let status = if is_no_worse { Status::Passed } else { Status::Failed };
    let kinds =
        Kind::ALL.map(|kind| (kind.heading(), comparison.of(kind).map(Shown::new).collect::<Vec<_>>()));
    let page = Page {
        look: Look::PLAIN,
        comparison,
        status,
        seal: symbol(status),
        headline: if is_no_worse { "no worse than before" } else { "worse than before" },
        totals: totals(comparison),
        sides: [("before", side_words(&comparison.before)), ("after", side_words(&comparison.after))],
        kinds: kinds.into_iter().filter(|(_, changes)| !changes.is_empty()).collect(),
    };
    page.write_into(&mut out)
}

/// The page as text.
pub fn render_html(comparison: &Comparison) -> String {
    let mut bytes = Vec::new();
    write_html(comparison, &mut bytes).expect("memory can be written");
    String::from_utf8(bytes).expect("the page is UTF-8")
}

impl<'a> Shown<'a> {
    fn new(change: &'a Change) -> Self {
        let idle = if change.decides { "" } else { ", decides nothing" };
        let told = !change.appeared.is_empty() || change.kind == Kind::Mended;
        Self {
            change,
            symbol: symbol(change.after),
            words: format!("{}, {}{idle}", change.severity, statuses(change)),
            summary: (!told).then_some(change.summary.as_str()),
        }
    }
}
