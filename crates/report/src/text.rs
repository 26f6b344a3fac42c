//! Text from outside, made safe and short enough to show.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One safe line of `text`: terminal escape sequences are removed, line breaks and tabs become blanks, and every other
/// character that could move the cursor, reorder or hide text is shown as `\u{…}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.as_str().starts_with('\n') => {}
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => line.push(' '),
            '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => skip_escape(c, &mut rest),
            c if is_unsafe(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    Cow::Owned(line)
}

/// Characters that no output needs and that can deceive a reader or break a format: controls, bidirectional overrides,
/// invisible characters, and what XML does not allow.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Moves past the escape sequence that `introducer` began.
fn skip_escape(introducer: char, rest: &mut std::str::Chars<'_>) {
    let introducer = match introducer {
        '\u{1b}' => match rest.as_str().chars().next() {
            Some(next @ ('[' | ']' | 'P' | 'X' | '^' | '_' | ' '..='/')) => {
                rest.next();
                next
            }
            // Two characters: ESC and one printable. Anything else is no sequence, and stands for itself.
            Some('0'..='~') => {
                rest.next();
                return;
            }
            _ => return,
        },
        '\u{9b}' => '[',
        _ => ']',
    };
    match introducer {
        // Parameters and intermediates, up to the final character.
        '[' => end_after(rest, |c| matches!(c, '@'..='~')),
        ' '..='/' => end_after(rest, |c| matches!(c, '0'..='~')),
        // A string (title, link, device control), up to its terminator; never past the end of the line.
        _ => {
            let length = rest.as_str().find(['\u{7}', '\u{1b}', '\u{9c}', '\n', '\r']);
            if let Some(length) = length {
                *rest = rest.as_str()[length..].chars();
                let after = rest.as_str();
                let terminator =
                    ["\u{7}", "\u{9c}", "\u{1b}\\"].into_iter().find(|&end| after.starts_with(end));
                *rest = after[terminator.map_or(0, str::len)..].chars();
            }
        }
    }
}

/// Moves past the first character that `is_final` holds for, and no further than the end of the line.
fn end_after(rest: &mut std::str::Chars<'_>, is_final: impl Fn(char) -> bool) {
    let mut ahead = rest.clone();
    while let Some(c) = ahead.next() {
        if c.is_control() {
            return;
        }
        *rest = ahead.clone();
        if is_final(c) {
            return;
        }
    }
}

/// The safe lines of `text`, which keeps its line breaks; empty ones are left out.
pub fn clean_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split(['\n', '\r']).map(clean).filter(|line| !line.trim().is_empty())
}

/// The first `limit` characters, with a note of how many more there are.
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((cut, _)) => {
            Cow::Owned(format!("{}… ({} more characters)", &text[..cut], text[cut..].chars().count()))
        }
    }
}

/// As much of `text` as fits into `width` columns, with an ellipsis where something is missing.
pub fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut columns = 1; // the ellipsis
    let end = text.char_indices().find_map(|(at, c)| {
        columns += c.width().unwrap_or(0);
        (columns > width).then_some(at)
    });
    Cow::Owned(format!("{}…", &text[..end.unwrap_or(0)]))
}

/// `text` in lines of at most `width` columns, broken at blanks where there are any. A word that does not fit is cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut columns = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wanted = word.width();
        if columns > 0 && columns + 1 + wanted <= width {
            line.push(' ');
            columns += 1;
        } else if columns > 0 {
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
        if wanted <= width {
            line.push_str(word);
            columns += wanted;
            continue;
        }
        for c in word.chars() {
            let wanted = c.width().unwrap_or(0);
            if columns + wanted > width {
                lines.push(std::mem::take(&mut line));
                columns = 0;
            }
            line.push(c);
            columns += wanted;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// "1 check", "2 checks".
pub fn counted(count: usize, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_reaches_the_reader() {
        for (hostile, expected) in [
            ("plain – ünïcode 漢字", "plain – ünïcode 漢字"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pdevice\u{9c}text", "text"),
            ("\u{1b}(Bset", "set"),
            ("\u{1b}cfull reset", "full reset"),
            ("\u{1b}]never ends", "never ends"),
            ("\u{1b}[31\nnext line", " next line"),
            ("\u{1b}\u{1b}[31mx", "x"),
            ("a\0b", "a\\u{0}b"),
            ("\u{202e}drowssap", "\\u{202e}drowssap"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("a\r\nb\tc\rd", "a b c d"),
            ("\u{8}\u{8}\u{7f}", "\\u{8}\\u{8}\\u{7f}"),
            ("\u{ffff}", "\\u{ffff}"),
        ] {
            assert_eq!(clean(hostile), expected, "{hostile:?}");
        }
    }

    #[test]
    fn lines_keep_within_their_width() {
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("漢字漢字漢字 ab", 8), ["漢字漢字", "漢字 ab"]);
        assert_eq!(wrap("  a   b  ", 9), ["a b"]);
        assert!(wrap("", 20).is_empty());
        let long = "x".repeat(30);
        assert_eq!(wrap(&format!("see {long}"), 20), ["see", &long[..20], &long[20..]]);
    }

    #[test]
    fn what_does_not_fit_is_said_to_be_cut() {
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("short", 5), "short");
        assert_eq!(clip("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(clip("abcd", 4), "abcd");
        assert_eq!(clean_lines("a\n\n\u{1b}[1mb\r\nc").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
