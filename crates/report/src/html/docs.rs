//! What is written about a check.

use shakedown_core::passage::Passage;

/// Only what the check asks: all that stands before the first heading.
pub(super) fn question(mut passages: Vec<Passage>) -> Vec<Passage> {
    let end = passages.iter().position(|passage| matches!(passage, Passage::Heading(_)));
    passages.truncate(end.unwrap_or(passages.len()));
    passages
}

/// About as many bytes as they take in a page.
pub(super) fn weight(passages: &[Passage]) -> usize {
    let text = |passage: &Passage| match passage {
        Passage::Heading(text)
        | Passage::Paragraph(text)
        | Passage::Item { text, .. }
        | Passage::Code(text) => text.len() + 24,
    };
    passages.iter().map(text).sum()
}
