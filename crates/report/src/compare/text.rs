//! The comparison as a person reads it on a terminal, in the manner of the summary.

use super::{Change, Comparison, Kind, Side};
use crate::prose;
use crate::style::{Style, symbol};
use crate::text::{clean, counted, wrap};
use shakedown_core::Status;
use std::fmt::Write as _;

/// More lines than this under one heading are only counted.
const MOST: usize = 50;

/// More names than this in one list are only counted.
const MOST_NAMES: usize = 10;

/// The comparison, ending with a newline.
pub fn render(comparison: &Comparison, style: &Style) -> String {
    let mut page = Page { style: *style, text: String::new() };
    for (what, side) in [("before", &comparison.before), ("after", &comparison.after)] {
        page.say(0, 2, &format!("{what}: {}", side_words(side)), str::to_owned);
    }
    if !comparison.differences.is_empty() {
        page.heading("not the same, so that a change may come from there");
        for difference in &comparison.differences {
            let (what, before, after) = (&difference.what, &difference.before, &difference.after);
            page.say(2, 2, &format!("! {what}: {before} before, {after} now"), |line| {
                style.status(Status::Warned, line)
            });
        }
    }
    for kind in Kind::ALL {
        let changes: Vec<&Change> = comparison.of(kind).collect();
        page.list(kind.heading(), &changes, |page, change| show(page, change));
    }
    page.list("slower or worse, beyond noise", &comparison.slower, |page, slower| {
        page.say(2, 4, &format!("{}: {}", slower.check, slower.words()), str::to_owned);
    });
    page.list("flaky", &comparison.flaky, |page, flaky| {
        let runs = match (flaky.before, flaky.after) {
            (true, true) => "in both runs",
            (true, false) => "before",
            _ => "now",
        };
        page.say(2, 4, &format!("{}: {runs}", flaky.check), str::to_owned);
    });
    for (what, names) in [("before", &comparison.only_before), ("now", &comparison.only_after)] {
        if !names.is_empty() {
            let checks = counted(names.len(), "check", "checks");
            page.heading(&format!("{checks} only {what}"));
            page.say(2, 2, &prose::names(names.iter().map(String::as_str), MOST_NAMES), str::to_owned);
        }
    }
    page.end(comparison);
    page.text
}

/// `20251121T090000Z-4f2a on production: fit for use`.
pub(super) fn side_words(side: &Side) -> String {
    let Side { id, environment, meaning, counts, .. } = side;
    format!("{id} on {environment}: {} of {} passed; {meaning}", counts.passed, counts.total)
}

/// How it was and how it is.
pub(super) fn statuses(change: &Change) -> String {
    match change.before {
        Some(before) if before == change.after => change.after.to_string(),
        Some(before) => format!("{before} before, {} now", change.after),
        None => format!("{}, not asked before", change.after),
    }
}

/// How many of each kind there are: the one line that says how it stands.
pub(super) fn totals(comparison: &Comparison) -> String {
    let parts: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| (comparison.of(kind).count(), kind.heading()))
        .chain([(comparison.slower.len(), "slower or worse"), (comparison.flaky.len(), "flaky")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, heading)| match heading.strip_suffix('s') {
            Some(singular) if count == 1 => format!("{count} {singular}"),
            _ => format!("{count} {heading}"),
        })
        .collect();
    if parts.is_empty() { "nothing has changed".to_owned() } else { parts.join(", ") }
}

fn show(page: &mut Page, change: &Change) {
    let style = page.style;
    let idle = if change.decides { "" } else { ", decides nothing" };
    let head = format!(
        "{} {} ({}, {}{idle})",
        symbol(change.after),
        change.check,
        change.severity,
        statuses(change)
    );
    page.say(2, 2, &head, |line| style.status(change.after, line));
    for (what, findings) in [("new", &change.appeared), ("gone", &change.gone)] {
        for finding in findings {
            page.say(4, 2, &format!("{what}: {finding}"), str::to_owned);
        }
    }
    if change.appeared.is_empty() && change.kind != Kind::Mended {
        page.say(4, 2, &change.summary, str::to_owned);
    }
}

/// The text so far.
struct Page {
    style: Style,
    text: String,
}

impl Page {
    fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{}\n", self.style.bold(text));
    }

    /// Text made safe and wrapped, each line painted; lines after the first are indented by `hang` more.
    fn say(&mut self, indent: usize, hang: usize, text: &str, paint: impl Fn(&str) -> String) {
        let width = self.style.width.saturating_sub(indent + hang);
        for (index, line) in wrap(&clean(text), width).iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + hang };
            let _ = writeln!(self.text, "{:indent$}{}", "", paint(line));
        }
    }

    fn list<T>(&mut self, heading: &str, items: &[T], show: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.heading(heading);
        items.iter().take(MOST).for_each(|item| show(self, item));
        if let Some(more) = items.len().checked_sub(MOST).filter(|&more| more > 0) {
            self.say(2, 2, &format!("… and {more} more"), str::to_owned);
        }
    }

    fn end(&mut self, comparison: &Comparison) {
        let style = self.style;
        let status = if comparison.is_no_worse() { Status::Passed } else { Status::Failed };
        self.text.push('\n');
        self.say(0, 2, &format!("{} {}", symbol(status), totals(comparison)), |line| {
            style.status(status, line)
        });
    }
}
