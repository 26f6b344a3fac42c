//! Standard output and error: colour, logging, broken pipes.

use crate::args::{Color, Globals};
use serde::Serialize;
use shakedown_core::redact::Redactor;
use shakedown_report::Style;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{OnceLock, PoisonError, RwLock};

/// The redactor that stands before the log and the messages; until the secrets are known, one that knows their forms.
static REDACTOR: OnceLock<RwLock<Redactor>> = OnceLock::new();

fn redactor() -> &'static RwLock<Redactor> {
    REDACTOR.get_or_init(RwLock::default)
}

/// From here on, these secrets stay out of the log and the messages.
pub(crate) fn keep_out(secrets: &Redactor) {
    *redactor().write().unwrap_or_else(PoisonError::into_inner) = secrets.clone();
}

/// The text without secrets.
pub(crate) fn redacted(text: &str) -> String {
    redactor().read().unwrap_or_else(PoisonError::into_inner).text(text).into_owned()
}

/// Prints data to standard output. A reader that has gone away is no error.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a document for programs to standard output.
pub(crate) fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    print(&redacted(&format!("{}\n", serde_json::to_string_pretty(document)?)));
    Ok(())
}

/// Prints a message to standard error.
pub(crate) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", redacted(text));
}

/// Prints what went wrong to standard error.
pub(crate) fn problem(text: &str) {
    message(&format!("error: {text}"));
}

impl Globals {
    /// How to print to standard output.
    pub(crate) fn style(&self) -> Style {
        self.style_of(io::stdout().is_terminal())
    }

    /// How to print to standard error.
    pub(crate) fn error_style(&self) -> Style {
        self.style_of(io::stderr().is_terminal())
    }

    fn style_of(&self, terminal: bool) -> Style {
        #[expect(
            clippy::disallowed_methods,
            reason = "the program's own environment: NO_COLOR, COLUMNS and CI are conventions"
        )]
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && var("NO_COLOR").is_none() && var("TERM").as_deref() != Some("dumb"),
        };
        let asked = var("COLUMNS")
            .and_then(|columns| columns.parse::<usize>().ok())
            .map(|columns| columns.clamp(40, 500));
        let there = || {
            console::Term::stdout()
                .size_checked()
                .map_or(100, |(_, columns)| usize::from(columns).clamp(40, 120))
        };
        let width = asked.unwrap_or_else(there);
        let live = terminal && io::stderr().is_terminal() && var("CI").is_none();
        Style { color, live, width }
    }
}

/// Logs to standard error, redacted. A panic of a check is logged, not printed raw: its outcome tells of it.
pub(crate) fn install_logging(verbose: u8) {
    let level = match verbose {
        // What the clients' libraries complain of is told by the checks that meet it.
        0 => "warn,kube_client=off,mongodb=error,shakedown_sandbox=info",
        1 => "info",
        _ => "debug",
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("SHAKEDOWN_LOG").unwrap_or_else(|_| level.into());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(verbose > 1)
        .with_writer(|| RedactingWriter)
        .try_init();
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("shakedown-check") {
            tracing::info!("a check panicked: {panic}");
        } else {
            default(panic);
        }
    }));
}

struct RedactingWriter;

impl io::Write for RedactingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let clean = redacted(&String::from_utf8_lossy(bytes));
        io::stderr().lock().write_all(clean.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
