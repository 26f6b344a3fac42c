//! Where in the file a part of a string's value stands: behind the quotes, past the escapes.

use std::ops::Range;

/// The place of `part` of a string's value, given the place of the string with its quotes. Where the two do not agree
/// (which no well-formed string does), the whole string.
pub(crate) fn inner(source: &str, string: &Range<usize>, value: &str, part: &Range<usize>) -> Range<usize> {
    let Some(literal) = source.get(string.clone()) else { return string.clone() };
    let offsets = offsets(literal, value);
    match offsets.as_deref() {
        Some(offsets) if part.end < offsets.len() && part.start <= part.end => {
            string.start + offsets[part.start]..string.start + offsets[part.end]
        }
        _ => string.clone(),
    }
}

/// For each byte of the value, and for its end, the offset in the literal.
fn offsets(literal: &str, value: &str) -> Option<Vec<usize>> {
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (open, multi_line) =
        if literal.starts_with("\"\"\"") || literal.starts_with("'''") { (3, true) } else { (1, false) };
    let body = literal.get(open..literal.len().checked_sub(open)?)?;
    let mut rest = body;
    // The line feed right after the opening quotes is not part of the value.
    if multi_line {
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    }
    let position = |rest: &str| open + body.len() - rest.len();
    let mut offsets = Vec::with_capacity(value.len() + 1);
    let mut expected = value.chars();
    while !rest.is_empty() {
        let escaped = quote == '"' && rest.starts_with('\\');
        let taken = if escaped { escape(rest)? } else { Taken::char(rest)? };
        let at = position(rest);
        if taken.is_character {
            let character = expected.next()?;
            if !escaped && !rest.starts_with(character) {
                return None;
            }
            offsets.extend(std::iter::repeat_n(at, character.len_utf8()));
        }
        rest = &rest[taken.length..];
    }
    offsets.push(position(rest));
    expected.next().is_none().then_some(offsets)
}

/// How much of the literal was read, and whether a character of the value came of it.
struct Taken {
    length: usize,
    is_character: bool,
}

impl Taken {
    fn char(rest: &str) -> Option<Self> {
        Some(Self { length: rest.chars().next()?.len_utf8(), is_character: true })
    }
}

fn escape(rest: &str) -> Option<Taken> {
    let after = rest[1..].chars().next()?;
    let length = match after {
        'x' => 4,
        'u' => 6,
        'U' => 10,
        c if c.is_whitespace() => {
            // A backslash at the end of a line swallows all white space after it.
            return Some(Taken { length: rest.len() - rest[1..].trim_start().len(), is_character: false });
        }
        c => 1 + c.len_utf8(),
    };
    rest.is_char_boundary(length).then_some(Taken { length, is_character: true })
}

#[cfg(test)]
mod tests {
    use super::inner;

    #[test]
    fn finds_a_part_behind_quotes_and_escapes() {
        for literal in [
            r#""a tag(b)""#,
            r"'a tag(b)'",
            r#""\u0061\ttag(b)""#,
            r#""\x61\U00000020tag(b)""#,
            "\"\"\"\na tag(b)\"\"\"",
            "'''\r\na tag(b)'''",
            "\"\"\"a \\\n   tag(b)\"\"\"",
        ] {
            let source = format!("key = {literal} # comment");
            let value: toml::Table = toml::from_str(&source).unwrap();
            let value = value["key"].as_str().unwrap();
            let at = value.find("tag").unwrap();
            let span = inner(&source, &(6..6 + literal.len()), value, &(at..at + 3));
            assert_eq!(&source[span], "tag", "{literal}");
        }
    }

    #[test]
    fn falls_back_to_the_whole_string() {
        assert_eq!(inner("key = bare", &(6..10), "other", &(1..2)), 6..10);
        assert_eq!(inner("'a'", &(0..3), "a", &(5..9)), 0..3);
        assert_eq!(inner("'${X}'", &(0..6), "filled", &(0..1)), 0..6);
        assert_eq!(inner("", &(4..9), "a", &(0..1)), 4..9);
    }
}
