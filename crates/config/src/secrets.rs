//! Which part of a text is a password.

use std::ops::Range;

/// The passwords of all URLs in a text. A password that is written as `${…}` is none.
pub(crate) fn passwords(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(|(at, separator)| {
        let start = at + separator.len();
        let authority = authority(&text[start..]);
        let user_info = &authority[..authority.rfind('@')?];
        let colon = user_info.find(':')?;
        let password = &user_info[colon + 1..];
        (!password.is_empty() && !password.contains("${")).then(|| start + colon + 1..start + user_info.len())
    })
}

/// The password of a text that is a URL.
pub(crate) fn password(text: &str) -> Option<&str> {
    passwords(text).next().map(|range| &text[range])
}

/// Whether a text may stand in the file in place of a secret: nothing, or a URL without a password.
pub(crate) fn is_harmless(text: &str) -> bool {
    text.is_empty() || (text.contains("://") && passwords(text).next().is_none())
}

/// What follows `://`, up to the path, the query, the next URL or whatever cannot belong to a URL.
fn authority(rest: &str) -> &str {
    let rest = rest.split("://").next().unwrap_or_default();
    let word = &rest
        [..rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(rest.len())];
    let end = word.find(['/', '?', '#']).unwrap_or(word.len());
    let authority = &word[..end];
    // A password may contain a raw slash; what looks like a port is none.
    let cut_password =
        authority.split_once(':').is_some_and(|(_, rest)| rest.bytes().any(|byte| !byte.is_ascii_digit()));
    if authority.contains('@') || !cut_password { authority } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_password_of_a_url() {
        for (text, expected) in [
            ("mongodb://reader:pw@db.example.com/x", Some("pw")),
            ("mongodb://reader:p@w@a.example.com:1,b.example.com:2/x", Some("p@w")),
            ("mongodb://reader:p/w@db.example.com", Some("p/w")),
            ("mongodb://reader@db.example.com/x", None),
            ("mongodb://reader:@db.example.com", None),
            ("mongodb://reader:${PASSWORD}@db.example.com", None),
            ("https://db.example.com:8080/users?mail=a@example.com", None),
            ("no url: at@all", None),
        ] {
            assert_eq!(password(text), expected, "{text}");
        }
        assert!(is_harmless("mongodb://127.0.0.1:27017") && is_harmless("") && !is_harmless("hunter2"));
    }
}
