//! The Markdown of doc comments, as far as it is used there: headings, paragraphs, lists and code.

/// A piece of documentation, without its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Of any level.
    Heading(String),
    /// Text, on one line.
    Paragraph(String),
    /// An item of a list.
    Item {
        /// `-`, or its number: `2.`.
        mark: String,
        /// Text, on one line.
        text: String,
    },
    /// What stands between fences, line by line.
    Code(String),
}

/// The pieces of a text, in order.
pub fn passages(text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let (mut in_code, mut goes_on) = (false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            in_code = !in_code;
            goes_on = false;
            if in_code {
                passages.push(Passage::Code(String::new()));
            }
        } else if let Some(Passage::Code(code)) = passages.last_mut().filter(|_| in_code) {
            if !code.is_empty() {
                code.push('\n');
            }
            code.push_str(line);
        } else if trimmed.is_empty() {
            goes_on = false;
        } else if let Some(heading) = heading(trimmed) {
            passages.push(Passage::Heading(heading.to_owned()));
            goes_on = false;
        } else if let Some((mark, text)) = item(trimmed) {
            passages.push(Passage::Item { mark: mark.to_owned(), text: text.to_owned() });
            goes_on = true;
        } else if let Some(Passage::Paragraph(text) | Passage::Item { text, .. }) =
            passages.last_mut().filter(|_| goes_on)
        {
            text.push(' ');
            text.push_str(trimmed);
        } else {
            passages.push(Passage::Paragraph(trimmed.to_owned()));
            goes_on = true;
        }
    }
    passages
}

fn heading(line: &str) -> Option<&str> {
    let heading = line.trim_start_matches('#');
    (heading.len() < line.len()).then_some(heading)?.strip_prefix(' ').map(str::trim)
}

/// The mark of a list's item, and its text.
fn item(line: &str) -> Option<(&str, &str)> {
    let (mark, text) = line.split_once(' ')?;
    let is_number = mark
        .strip_suffix('.')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    match mark {
        "-" | "*" => Some(("-", text.trim())),
        _ => is_number.then(|| (mark, text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_its_passages() {
        let text = "It is up, as far as\nanybody can tell.\nNo. 2 is not.\n\n## Why it matters\n- tides,\n  twice a day\n* night\n\
                    10. ten\n\nThen:\n```sh\nlook up\n\n  # again\n```\n#not a heading\n1.5 moons";
        let item = |mark: &str, text: &str| Passage::Item { mark: mark.to_owned(), text: text.to_owned() };
        assert_eq!(
            passages(text),
            [
                Passage::Paragraph("It is up, as far as anybody can tell. No. 2 is not.".to_owned()),
                Passage::Heading("Why it matters".to_owned()),
                item("-", "tides, twice a day"),
                item("-", "night"),
                item("10.", "ten"),
                Passage::Paragraph("Then:".to_owned()),
                Passage::Code("look up\n\n  # again".to_owned()),
                Passage::Paragraph("#not a heading 1.5 moons".to_owned()),
            ]
        );
    }
}
