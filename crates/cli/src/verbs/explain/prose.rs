//! The Markdown of doc comments as people read it on a terminal: headings, paragraphs, lists and code.

use crate::look::Look;
use shakedown_core::passage::{Passage, passages};
use shakedown_report::text::{clean, wrap};
use std::fmt::Write as _;

/// How far code stands in.
const CODE_INDENT: usize = 4;

/// The text with paragraphs filled to the measure.
pub(super) fn render(text: &str, look: Look) -> String {
    let mut out = String::new();
    let mut last = None;
    for passage in passages(text) {
        let follows = matches!(
            (&last, &passage),
            (None | Some(Passage::Heading(_)), _) | (Some(Passage::Item { .. }), Passage::Item { .. })
        );
        if !follows {
            out.push('\n');
        }
        match &passage {
            Passage::Heading(text) => {
                let _ = writeln!(out, "{}", look.bold(&clean(text)));
            }
            Passage::Paragraph(text) => fill(&mut out, text, 0, look),
            // Lines after the first stand in by as much as the mark is wide.
            Passage::Item { mark, text } => fill(&mut out, &format!("{mark} {text}"), mark.len() + 1, look),
            Passage::Code(code) => {
                for line in code.lines() {
                    let _ = writeln!(out, "{:CODE_INDENT$}{}", "", look.dim(&clean(line)));
                }
            }
        }
        last = Some(passage);
    }
    out
}

fn fill(out: &mut String, text: &str, indent: usize, look: Look) {
    let mut in_code = false;
    for (index, line) in wrap(&clean(text), look.measure - indent).iter().enumerate() {
        let indent = if index == 0 { 0 } else { indent };
        let _ = writeln!(out, "{:indent$}{}", "", look.inline(line, &mut in_code));
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
