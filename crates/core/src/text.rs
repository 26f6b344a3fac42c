//! Text made fit for one line.

/// A text that came from elsewhere, on one line: control characters escaped, cut after `length` characters.
pub fn line(text: &str, length: usize) -> String {
    let mut short = String::new();
    for (count, char) in text.chars().enumerate() {
        if count == length {
            short.push('…');
            break;
        }
        if char.is_control() {
            short.extend(char.escape_default());
        } else {
            short.push(char);
        }
    }
    short
}

/// The first paragraph, on one line.
pub fn first_paragraph(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_text_is_one_line_and_no_longer_than_it_may_be() {
        assert_eq!(line("a\nb\u{1b}[1m", 80), "a\\nb\\u{1b}[1m");
        assert_eq!(line("abcd", 3), "abc…");
        assert_eq!(line("äöü", 3), "äöü");
    }
}
