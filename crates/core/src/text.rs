//! Text that came from elsewhere, made fit for a message.

/// A text on one line: control characters escaped, cut after `length` characters.
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
