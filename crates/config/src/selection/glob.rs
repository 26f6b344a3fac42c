//! A pattern for check ids, in which `*` stands for any characters.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// Whether the whole text fits. On a mismatch the latest `*` takes one character more: no backtracking beyond it.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at, mut seen) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while seen < text.len() {
            if pattern.get(at) == Some(&b'*') {
                star = Some((at, seen));
                at += 1;
            } else if pattern.get(at) == Some(&text[seen]) {
                at += 1;
                seen += 1;
            } else if let Some((star_at, taken)) = star {
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                seen = taken + 1;
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, fits, fits_not) in [
            ("mongo.connect", "mongo.connect", "mongo.connection"),
            ("mongo.*", "mongo.indexes.required", "mongo"),
            ("*.required", "mongo.indexes.required", "mongo.indexes.required.x"),
            ("m*.*s.*d", "mongo.indexes.required", "mongo.index.required"),
            ("*", "", "-"),
            ("*a*b", "aabab", "aaba"),
        ] {
            assert!(Glob::new(pattern).matches(fits), "{pattern} {fits}");
            assert!(pattern == "*" || !Glob::new(pattern).matches(fits_not), "{pattern} {fits_not}");
        }
    }
}
