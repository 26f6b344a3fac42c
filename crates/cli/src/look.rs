//! How data for people looks on standard output: colours and links where the terminal takes them, and its width.

use crate::args::Globals;
use anstyle::{AnsiColor, Style as Paint};
use shakedown_core::{Effect, Severity};
use shakedown_report::Style;
use std::io::{self, IsTerminal as _};

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// What standard output can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    color: bool,
    /// Whether it takes hyperlinks.
    links: bool,
    /// How many columns a terminal has; none, where it is a pipe or a file, which take lines of any length.
    columns: Option<usize>,
    /// How wide paragraphs are.
    pub(crate) measure: usize,
}

impl Globals {
    /// How data for people looks on standard output.
    pub(crate) fn look(&self) -> Look {
        let Style { color, width, .. } = self.style();
        Look {
            color,
            links: color && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout),
            columns: io::stdout().is_terminal().then_some(width),
            measure: width.min(WIDEST),
        }
    }
}

impl Look {
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, links: false, columns: None, measure: 60 };

    #[cfg(test)]
    pub(crate) const fn on_a_terminal(columns: usize) -> Self {
        Self { color: true, links: true, columns: Some(columns), measure: columns }
    }

    /// How many columns a line may take; none, where there is no limit.
    pub(crate) const fn columns(self) -> Option<usize> {
        self.columns
    }

    /// The text in a colour, where there are colours.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.color && paint != Paint::new() { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }

    /// A heading, or the name of what a page is about.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Paint::new().bold(), text)
    }

    /// Text that stands back.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Paint::new().dimmed(), text)
    }

    /// Text that leads to an address. Without links the address follows the text.
    pub(crate) fn link(self, text: &str, address: Option<&str>) -> String {
        match address {
            Some(address) if self.links => hyperlink(text, address),
            Some(address) => format!("{text} ({address})"),
            None => text.to_owned(),
        }
    }

    /// Text that leads to an address where there are links, and is the text alone where there are none.
    pub(crate) fn link_if_possible(self, text: &str, address: Option<&str>) -> String {
        match address {
            Some(address) if self.links => hyperlink(text, address),
            _ => text.to_owned(),
        }
    }

    /// Prose with its `code` in a colour; without colours the backticks stay. `in_code` is whether the text begins within
    /// code, and afterwards whether it ends there.
    pub(crate) fn inline(self, text: &str, in_code: &mut bool) -> String {
        if !self.color {
            return text.to_owned();
        }
        let mut out = String::new();
        for (index, part) in text.split('`').enumerate() {
            if index > 0 {
                *in_code = !*in_code;
            }
            out.push_str(&if *in_code { self.paint(CODE, part) } else { part.to_owned() });
        }
        out
    }
}

/// Ids, and code within prose.
pub(crate) const CODE: Paint = AnsiColor::Cyan.on_default();

/// What terminals know as OSC 8.
fn hyperlink(text: &str, address: &str) -> String {
    format!("\u{1b}]8;;{address}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
}

/// The more an effect may harm, the louder.
pub(crate) const fn of_effect(effect: Effect) -> Paint {
    match effect {
        Effect::Read => Paint::new().dimmed(),
        Effect::Create => Paint::new(),
        Effect::Load => AnsiColor::Yellow.on_default(),
        Effect::Disrupt => AnsiColor::Red.on_default(),
    }
}

/// The more a failure matters, the louder.
pub(crate) const fn of_severity(severity: Severity) -> Paint {
    match severity {
        Severity::Low => Paint::new().dimmed(),
        Severity::Medium => Paint::new(),
        Severity::High => AnsiColor::Yellow.on_default(),
        Severity::Critical => AnsiColor::Red.on_default().bold(),
    }
}
