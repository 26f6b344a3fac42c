//! How things look on a terminal: colours only ever underline what a word and a symbol say already.

use anstyle::{AnsiColor, Style as Paint};
use shakedown_core::Status;
use shakedown_core::run::Exit;

/// What the terminal can show. The caller decides, from `NO_COLOR`, `--color` and whether there is a terminal at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours.
    pub color: bool,
    /// Whether lines may be redrawn: live progress instead of a log.
    pub live: bool,
    /// How many columns there are; lines of the summary are wrapped to it.
    pub width: usize,
}

impl Style {
    /// No colours, no redrawing, 100 columns.
    pub const PLAIN: Self = Self { color: false, live: false, width: 100 };

    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.color { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Paint::new().bold(), text)
    }

    /// Text that stands back.
    pub fn dim(self, text: &str) -> String {
        self.paint(Paint::new().dimmed(), text)
    }

    /// Text in the colour of a status.
    pub fn status(self, status: Status, text: &str) -> String {
        self.paint(paint_of(status), text)
    }
}

/// The symbol that accompanies a status, one column wide.
pub(crate) const fn symbol(status: Status) -> char {
    match status {
        Status::Passed => '✓',
        Status::Warned => '!',
        Status::Failed => '✗',
        Status::Errored => '?',
        Status::Skipped => '-',
    }
}

/// The status in whose look an exit code stands.
pub(crate) const fn status_of(exit: Exit) -> Status {
    match exit {
        Exit::Fit => Status::Passed,
        Exit::Failed => Status::Failed,
        Exit::Report => Status::Warned,
        Exit::Usage | Exit::Errored | Exit::Nothing | Exit::Interrupted => Status::Errored,
    }
}

fn paint_of(status: Status) -> Paint {
    match status {
        Status::Passed => AnsiColor::Green.on_default(),
        Status::Warned => AnsiColor::Yellow.on_default(),
        Status::Failed => AnsiColor::Red.on_default().bold(),
        Status::Errored => AnsiColor::Magenta.on_default().bold(),
        Status::Skipped => AnsiColor::Cyan.on_default(),
    }
}
