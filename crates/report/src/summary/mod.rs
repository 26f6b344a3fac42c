//! What a person reads when a run has ended: first what to do, worst first, last the verdict on the environment.

mod to_do;
mod totals;

pub use crate::style::Style;
use crate::style::{status_of, symbol};
use crate::text::{clean, wrap};
use shakedown_core::Status;
use shakedown_core::run::{Exit, Run};
use std::path::Path;

/// Labels such as `expected` are padded to this width.
const LABEL: usize = 11;

/// The summary of a run, ending with a newline. `run_dir` is where its reports are, `exit` what the program ends with.
pub fn render(run: &Run, style: &Style, run_dir: Option<&Path>, exit: Exit) -> String {
    let mut page = Page { style: *style, text: String::new() };
    to_do::deciding(&mut page, run, run_dir);
    to_do::known(&mut page, run);
    totals::render(&mut page, run);
    if let Some(dir) = run_dir {
        page.line(&format!("reports: {}", clean(&dir.display().to_string())));
    }
    page.paragraph();
    let status = status_of(exit);
    let environment = clean(&run.info.environment);
    let verdict = format!("{} {environment}: {} (exit code {})", symbol(status), exit.meaning(), exit.code());
    page.painted(0, 2, &verdict, |line| style.status(status, line));
    page.text
}

/// The text so far.
struct Page {
    style: Style,
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A blank line, where something stands above it.
    fn paragraph(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Text wrapped to the page; lines after the first are indented by `hang` more.
    fn wrapped(&mut self, indent: usize, hang: usize, text: &str) {
        self.painted(indent, hang, text, str::to_owned);
    }

    /// The same, with each line painted.
    fn painted(&mut self, indent: usize, hang: usize, text: &str, paint: impl Fn(&str) -> String) {
        let width = self.style.width.saturating_sub(indent + hang);
        for (index, line) in wrap(text, width).iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + hang };
            self.line(&format!("{:indent$}{}", "", paint(line)));
        }
    }

    /// A warning that is not to be overlooked.
    fn warning(&mut self, text: &str) {
        let style = self.style;
        self.painted(0, 2, &format!("! WARNING: {text}"), |line| style.status(Status::Warned, line));
    }

    /// A label and text wrapped beside it. Paths are left whole, to be copied.
    fn labelled(&mut self, indent: usize, label: &str, text: &str, whole: bool) {
        let width = self.style.width.saturating_sub(indent + LABEL);
        let lines = if whole { vec![text.to_owned()] } else { wrap(text, width) };
        for (index, line) in lines.iter().enumerate() {
            let label = self.style.dim(&format!("{:<LABEL$}", if index == 0 { label } else { "" }));
            self.line(format!("{:indent$}{label}{line}", "").trim_end());
        }
    }
}
