//! What is written about a check, without its marks.

use shakedown_core::Docs;

/// A piece of a check's documentation.
pub(super) enum Passage {
    Heading(String),
    Paragraph(String),
    Item(String),
}

/// The documentation without its marks, as far as they are used there: headings, paragraphs and lists.
pub(super) fn passages(docs: Docs) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut open = false;
    for line in docs.text().lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix("# ") {
            passages.push(Passage::Heading(heading.to_owned()));
            open = false;
        } else if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            passages.push(Passage::Item(item.to_owned()));
            open = true;
        } else if line.is_empty() {
            open = false;
        } else if let Some(Passage::Paragraph(text) | Passage::Item(text)) =
            passages.last_mut().filter(|_| open)
        {
            text.push(' ');
            text.push_str(line);
        } else {
            passages.push(Passage::Paragraph(line.to_owned()));
            open = true;
        }
    }
    passages
}

/// Only what the check asks: all that stands before the first heading.
pub(super) fn question(mut passages: Vec<Passage>) -> Vec<Passage> {
    let end = passages.iter().position(|passage| matches!(passage, Passage::Heading(_)));
    passages.truncate(end.unwrap_or(passages.len()));
    passages
}

/// About as many bytes as they take in a page.
pub(super) fn weight(passages: &[Passage]) -> usize {
    let text = |passage: &Passage| match passage {
        Passage::Heading(text) | Passage::Paragraph(text) | Passage::Item(text) => text.len() + 24,
    };
    passages.iter().map(text).sum()
}
