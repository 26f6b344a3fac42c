//! `${VARIABLE}`, `${VARIABLE:-default}` and `${file:/path}` in strings: their syntax, and filling them in.

use crate::source::reason;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

/// More of a `${file:…}` is refused.
const LONGEST_FILE: u64 = 64 * 1024;

/// A text with at least one `${…}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// As it stands in the file.
    pub(crate) raw: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, default: Option<String> },
    File(String),
}

/// A text whose `${…}` were filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The value. It may be a secret: no message shows it.
    pub(crate) text: String,
    /// As it stands in the file.
    pub(crate) raw: String,
    /// What was read from files, which is secret wherever it stands.
    pub(crate) files: Vec<String>,
}

/// What is wrong with a `${…}`, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// What a text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interpolation {
    /// Plain, with `$${` made `${`.
    Plain(String),
    /// With something to fill in.
    Template(Template),
}

/// Reads a text. Every error at once.
pub(crate) fn parse(raw: &str) -> Result<Interpolation, Vec<TemplateError>> {
    let (mut parts, mut errors) = (Vec::new(), Vec::new());
    let mut text = String::new();
    let mut at = 0;
    while let Some(found) = raw[at..].find("${") {
        let start = at + found;
        if raw[at..start].ends_with('$') {
            text.push_str(&raw[at..start - 1]);
            text.push_str("${");
            at = start + 2;
            continue;
        }
        text.push_str(&raw[at..start]);
        let Some(length) = raw[start..].find('}') else {
            let help = "close it with `}`, or write `$${` for a literal `${`".to_owned();
            errors.push(TemplateError {
                span: start..raw.len(),
                message: "`${` is never closed".to_owned(),
                help,
            });
            at = raw.len();
            break;
        };
        at = start + length + 1;
        match part(&raw[start + 2..at - 1]) {
            Ok(part) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(part);
            }
            Err((message, help)) => errors.push(TemplateError { span: start..at, message, help }),
        }
    }
    text.push_str(&raw[at..]);
    if !errors.is_empty() {
        return Err(errors);
    }
    if parts.is_empty() {
        return Ok(Interpolation::Plain(text));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(Interpolation::Template(Template { raw: raw.to_owned(), parts }))
}

/// What stands between `${` and `}`.
fn part(inner: &str) -> Result<Part, (String, String)> {
    if inner.contains("${") {
        return Err(("`${` stands inside another".to_owned(), "a default is plain text".to_owned()));
    }
    if let Some(path) = inner.strip_prefix("file:") {
        return if Path::new(path).is_absolute() {
            Ok(Part::File(path.to_owned()))
        } else {
            Err((
                format!("`{path}` is not an absolute path"),
                "for example `${file:/run/secrets/password}`".to_owned(),
            ))
        };
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (inner, None),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        Ok(Part::Variable { name: name.to_owned(), default })
    } else {
        let help =
            "`${VARIABLE}`, `${VARIABLE:-default}` or `${file:/path}`; `$${` stands for a literal `${`";
        Err((format!("`{name}` is not the name of a variable"), help.to_owned()))
    }
}

impl Template {
    /// A text whose errors are already told.
    pub(crate) fn broken(raw: &str) -> Self {
        Self { raw: raw.to_owned(), parts: Vec::new() }
    }

    /// The text with every default in its place, and `unknown` where only the environment has a value.
    pub(crate) fn sketch(&self, unknown: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Variable { default: Some(text), .. } => text.clone(),
            Part::Variable { default: None, .. } | Part::File(_) => unknown.to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Fills it in. Every error at once, each with what would help.
    pub(crate) fn fill(
        &self,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Filled, Vec<(String, String)>> {
        let (mut text, mut files, mut errors) = (String::new(), Vec::new(), Vec::new());
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Variable { name, default } => {
                    match (variables(name).filter(|value| !value.is_empty()), default) {
                        (Some(value), _) => text.push_str(&value),
                        (None, Some(default)) => text.push_str(default),
                        (None, None) => {
                            let state = if variables(name).is_some() { "empty" } else { "not set" };
                            let help = format!("export it, or give a default: `${{{name}:-…}}`");
                            errors.push((format!("the environment variable `{name}` is {state}"), help));
                        }
                    }
                }
                Part::File(path) => match read(Path::new(path)) {
                    Ok(content) => {
                        text.push_str(&content);
                        files.push(content);
                    }
                    Err(why) => {
                        let help = "the file holds the value, and nothing else".to_owned();
                        errors.push((format!("cannot read `{path}`: {why}"), help));
                    }
                },
            }
        }
        if errors.is_empty() { Ok(Filled { text, raw: self.raw.clone(), files }) } else { Err(errors) }
    }
}

/// The content of a file without the line feed at its end.
fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| reason(&error))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(format!("it is longer than {} KiB", LONGEST_FILE / 1024));
    }
    let content = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let content = content.strip_suffix('\n').unwrap_or(&content);
    let content = content.strip_suffix('\r').unwrap_or(content);
    if content.is_empty() { Err("it is empty".to_owned()) } else { Ok(content.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(raw: &str) -> Result<String, String> {
        let variables = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        match parse(raw) {
            Ok(Interpolation::Plain(text)) => Ok(text),
            Ok(Interpolation::Template(template)) => {
                template.fill(&variables).map(|filled| filled.text).map_err(|errors| {
                    errors.into_iter().map(|(message, _)| message).collect::<Vec<_>>().join("; ")
                })
            }
            Err(errors) => Err(errors
                .into_iter()
                .map(|error| format!("{:?} {}", error.span, error.message))
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }

    #[test]
    fn fills_in_variables_and_defaults() {
        for (raw, expected) in [
            ("plain $ text }", "plain $ text }"),
            ("a-${SET}-b", "a-value-b"),
            ("${UNSET:-x}${EMPTY:-y}${SET:-z}", "xyvalue"),
            ("${UNSET:-}", ""),
            ("$${SET} ${SET}", "${SET} value"),
            ("$$${SET}", "$${SET}"),
        ] {
            assert_eq!(filled(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn names_everything_that_is_wrong() {
        for (raw, expected) in [
            (
                "${UNSET} ${EMPTY}",
                "the environment variable `UNSET` is not set; the environment variable `EMPTY` is empty",
            ),
            (
                "a ${} ${1X}",
                "2..5 `` is not the name of a variable; 6..11 `1X` is not the name of a variable",
            ),
            ("x${SET", "1..6 `${` is never closed"),
            ("${A:-${SET}}", "0..11 `${` stands inside another"),
            ("${file:secret}", "0..14 `secret` is not an absolute path"),
            ("${file:/nowhere/at/all}", "cannot read `/nowhere/at/all`: there is no such file"),
            ("${file:/}", "cannot read `/`: it is not a regular file"),
        ] {
            assert_eq!(filled(raw), Err(expected.to_owned()), "{raw}");
        }
    }

    #[test]
    fn files_lose_their_line_feed_and_have_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let raw = format!("${{file:{}}}", path.display());
        std::fs::write(&path, "pass word\r\n").unwrap();
        assert_eq!(filled(&raw).as_deref(), Ok("pass word"));
        std::fs::write(&path, vec![b'x'; 65 * 1024]).unwrap();
        assert!(filled(&raw).unwrap_err().ends_with("it is longer than 64 KiB"));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(filled(&raw).unwrap_err().ends_with("it is not UTF-8"));
    }

    proptest! {
        #[test]
        fn never_panics(raw in r"[${}:a-zA-Z\-/é]{0,40}") {
            let _ = filled(&raw);
        }

        #[test]
        fn text_without_a_dollar_is_itself(raw in "[^$]{0,40}") {
            prop_assert_eq!(filled(&raw), Ok(raw));
        }
    }
}
