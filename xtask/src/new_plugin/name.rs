//! The name of a new plugin: what it may be, and how it is spelt where.

use crate::Failure;

/// Longer names make tables and messages unreadable.
const LONGEST: usize = 32;

/// What Rust keeps for itself, as far as it could be the name of a plugin.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// A name in kebab-case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// Reads a name, or says what would be one.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) || !text.split('-').all(word) {
            return Err(format!(
                "`{text}` cannot be the name of a plugin: it must be in kebab-case, such as `{}`",
                nearest(text)
            ));
        }
        if text.len() > LONGEST {
            return Err(format!(
                "`{text}` is too long for the name of a plugin: at most {LONGEST} characters"
            ));
        }
        if text.starts_with("shakedown-") {
            return Err(format!(
                "`{text}` repeats what the package is called anyway: name the plugin `{}`",
                text.trim_start_matches("shakedown-")
            ));
        }
        if KEYWORDS.contains(&text) {
            return Err(format!("`{text}` cannot be the name of a plugin: it is a keyword of Rust"));
        }
        Ok(Self(text.to_owned()))
    }

    /// `moon-base`: the plugin, the kind of its target, the folder.
    pub(crate) fn kebab(&self) -> &str {
        &self.0
    }

    /// `shakedown-moon-base`.
    pub(crate) fn package(&self) -> String {
        format!("shakedown-{}", self.0)
    }

    /// `moon_base`, as the crate is called.
    pub(crate) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `MOON_BASE`, as variables are called.
    pub(crate) fn upper(&self) -> String {
        self.snake().to_uppercase()
    }

    /// `Moon base`, for readers.
    pub(crate) fn title(&self) -> String {
        let words = self.0.replace('-', " ");
        words[..1].to_uppercase() + &words[1..]
    }
}

/// What was probably meant; an example where nothing of it can be kept.
fn nearest(text: &str) -> String {
    let mut name = String::new();
    for (at, one) in text.char_indices() {
        let starts_word = one.is_ascii_uppercase() && text[..at].ends_with(|c: char| c.is_ascii_lowercase());
        if (starts_word || !one.is_ascii_alphanumeric()) && !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if one.is_ascii_alphanumeric() {
            name.push(one.to_ascii_lowercase());
        }
    }
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    if name.is_empty() { "moon-base".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_spelt_as_each_place_wants_it() {
        let name = Name::read("moon-base2").unwrap();
        assert_eq!(
            [name.kebab(), &name.package(), &name.snake(), &name.upper(), &name.title()],
            ["moon-base2", "shakedown-moon-base2", "moon_base2", "MOON_BASE2", "Moon base2"]
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_one_that_is() {
        for (bad, meant) in [
            ("MoonBase", "`moon-base`"),
            ("moon_base", "`moon-base`"),
            ("moon--base", "`moon-base`"),
            ("../moon", "`moon`"),
            ("2-moons", "`moons`"),
            ("mönd", "`m-nd`"),
            ("", "`moon-base`"),
            ("shakedown-moon", "`moon`"),
            ("match", "a keyword of Rust"),
        ] {
            let refusal = Name::read(bad).unwrap_err();
            assert!(refusal.ends_with(meant), "{bad}: {refusal}");
        }
        assert!(Name::read(&"m".repeat(33)).unwrap_err().ends_with("at most 32 characters"));
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }
}
