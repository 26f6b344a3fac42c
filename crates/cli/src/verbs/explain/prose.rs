//! The Markdown of doc comments as people read it on a terminal: headings, paragraphs, lists and code.

use crate::look::Look;
use shakedown_report::text::{clean, wrap};
use std::fmt::Write as _;

/// How far code stands in.
const CODE_INDENT: usize = 4;

/// The text with paragraphs filled to the measure.
pub(super) fn render(text: &str, look: Look) -> String {
    let mut out = String::new();
    let mut paragraph = Paragraph::default();
    let mut in_code = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            paragraph.end(&mut out, look);
            in_code = !in_code;
        } else if in_code {
            let _ = writeln!(out, "{:CODE_INDENT$}{}", "", look.dim(&clean(line)));
        } else if trimmed.is_empty() {
            paragraph.end(&mut out, look);
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else if let Some(heading) = trimmed.strip_prefix('#') {
            paragraph.end(&mut out, look);
            let _ = writeln!(out, "{}", look.bold(&clean(heading.trim_start_matches('#').trim())));
        } else if let Some(marker) = marker(trimmed) {
            paragraph.end(&mut out, look);
            paragraph = Paragraph { indent: marker, text: trimmed.to_owned() };
        } else {
            paragraph.add(trimmed);
        }
    }
    paragraph.end(&mut out, look);
    out
}

/// How long the mark of a list's item is, with the blank after it.
fn marker(line: &str) -> Option<usize> {
    let number = line.chars().take_while(char::is_ascii_digit).count();
    if line.starts_with("- ") || line.starts_with("* ") {
        Some(2)
    } else if number > 0 && line[number..].starts_with(". ") {
        Some(number + 2)
    } else {
        None
    }
}

/// Lines that belong together; those after the first stand in by as much as a list's mark is wide.
#[derive(Default)]
struct Paragraph {
    indent: usize,
    text: String,
}

impl Paragraph {
    fn add(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(line);
    }

    fn end(&mut self, out: &mut String, look: Look) {
        let Self { indent, text } = std::mem::take(self);
        let mut in_code = false;
        for (index, line) in wrap(&clean(&text), look.measure - indent).iter().enumerate() {
            let indent = if index == 0 { 0 } else { indent };
            let _ = writeln!(out, "{:indent$}{}", "", look.inline(line, &mut in_code));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "It is `up`, and it has been so for a while, as far as\nanybody can tell.\n\n# Why it matters\n\
                        - tides, which many have come to expect twice in every single day\n- night\n\n```sh\nlook up\n```";

    #[test]
    fn paragraphs_are_filled_and_lists_stand_in() {
        insta::assert_snapshot!(render(TEXT, Look::PLAIN), @r"
        It is `up`, and it has been so for a while, as far as
        anybody can tell.

        Why it matters
        - tides, which many have come to expect twice in every
          single day
        - night

            look up
        ");
    }

    #[test]
    fn on_a_terminal_code_is_coloured_instead_of_marked() {
        let text = render(TEXT, Look::on_a_terminal(60));
        assert!(text.starts_with("It is \u{1b}[36mup\u{1b}[0m, and"), "{text:?}");
        assert!(text.contains("\u{1b}[1mWhy it matters\u{1b}[0m\n"), "{text:?}");
    }
}
