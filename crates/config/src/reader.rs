//! Reading a table key by key. The keys that were asked for are the keys there are: whatever is left is unknown.

use crate::diagnostic::Problems;
use crate::hint::hint;
use crate::tree::{Entry, Node, Table, Value};
use jiff::civil::Date;
use serde_json::Value as Json;
use shakedown_core::HumanDuration;
use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

/// No time limit may be longer.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// A table that is being read.
pub(crate) struct Reader<'a> {
    table: &'a Table,
    /// The table's own place, for keys that are missing.
    span: &'a Range<usize>,
    /// What the table is, for messages: "`project`", "a waiver". An environment's name is not part of it, so that what
    /// several environments inherit is told once.
    name: String,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(table: &'a Table, span: &'a Range<usize>, name: impl Into<String>) -> Self {
        Self { table, span, name: name.into(), asked: RefCell::default() }
    }

    /// A table of a node; anything else is an error.
    pub(crate) fn of(node: &'a Node, name: impl Into<String>, problems: &mut Problems) -> Option<Self> {
        let name = name.into();
        let Some(table) = node.table() else {
            problems.error(&node.span, format!("{name} must be a table, not {}", node.kind()));
            return None;
        };
        Some(Self::new(table, &node.span, name))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'a Entry> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// The value of a key that must be there.
    pub(crate) fn require(
        &self,
        key: &'static str,
        example: &str,
        problems: &mut Problems,
    ) -> Option<&'a Node> {
        let found = self.get(key).map(|entry| &entry.node);
        if found.is_none() {
            problems
                .error(self.span, format!("`{key}` is missing in {}", self.name))
                .help(format!("for example `{key} = {example}`"));
        }
        found
    }

    /// An optional value, read by `read`; `read` notes what is wrong with it.
    pub(crate) fn optional<T>(
        &self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&'a Node, &str, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|entry| read(&entry.node, key, problems))
    }

    /// An optional table.
    pub(crate) fn table(&self, key: &'static str, problems: &mut Problems) -> Option<Reader<'a>> {
        self.get(key).and_then(|entry| Reader::of(&entry.node, format!("`{key}`"), problems))
    }

    /// Every entry of a table whose keys are free names, in the order of the file.
    pub(crate) fn entries(&self) -> Vec<(&'a String, &'a Entry)> {
        self.table.in_file_order()
    }

    /// The whole table.
    pub(crate) fn to_json(&self) -> Json {
        Json::Object(self.table.to_json())
    }

    /// Notes every key that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        let asked = self.asked.into_inner();
        for (key, entry) in &self.table.0 {
            if !asked.contains(&key.as_str()) {
                unknown(&entry.key, "key", key, &self.name, asked.iter().copied(), problems);
            }
        }
    }
}

/// Notes an unknown word, with what was meant or what there is.
pub(crate) fn unknown<'a>(
    span: &Range<usize>,
    what: &str,
    word: &str,
    place: &str,
    known: impl IntoIterator<Item = &'a str>,
    problems: &mut Problems,
) {
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let problem = problems.error(span, format!("unknown {what} `{word}`{place}"));
    if let Some(hint) = hint(word, known) {
        problem.help(hint);
    }
}

/// Notes a name that cannot stand in a path, a selection or a command line.
pub(crate) fn check_name(what: &str, name: &str, span: &Range<usize>, problems: &mut Problems) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(fits) {
        problems
            .error(span, format!("`{name}` cannot be the name of {what}"))
            .help("letters, digits, `-`, `_` and `.`, starting with a letter or a digit");
    }
}

fn wrong_type(node: &Node, key: &str, expected: &str, problems: &mut Problems) {
    // What a `${…}` will be, nobody knows yet; but it will be a text.
    problems.error(&node.span, format!("`{key}` must be {expected}, not {}", node.kind()));
}

/// A text, or nothing while it is not known yet.
pub(crate) fn text<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<&'a str> {
    let text = node.text();
    if text.is_none() && !node.is_open() {
        wrong_type(node, key, "a string", problems);
    }
    text
}

/// A text that says something.
pub(crate) fn filled_text<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<&'a str> {
    let text = text(node, key, problems)?;
    if text.trim().is_empty() {
        problems.error(&node.span, format!("`{key}` is empty"));
        return None;
    }
    Some(text)
}

/// `true` or `false`.
pub(crate) fn flag(node: &Node, key: &str, problems: &mut Problems) -> Option<bool> {
    if let Value::Boolean(flag) = node.value {
        return Some(flag);
    }
    wrong_type(node, key, "`true` or `false`", problems);
    None
}

/// A whole number of at least `least`.
pub(crate) fn number<T: TryFrom<i64>>(least: i64) -> impl Fn(&Node, &str, &mut Problems) -> Option<T> {
    move |node, key, problems| {
        let Value::Integer(number) = node.value else {
            wrong_type(node, key, "an integer", problems);
            return None;
        };
        if number < least {
            problems.error(&node.span, format!("`{key}` must be at least {least}, not {number}"));
            return None;
        }
        let converted = T::try_from(number).ok();
        if converted.is_none() {
            problems.error(&node.span, format!("`{key}` is too large: {number}"));
        }
        converted
    }
}

/// A duration longer than nothing.
pub(crate) fn duration(node: &Node, key: &str, problems: &mut Problems) -> Option<Duration> {
    let help = "for example \"500ms\", \"30s\" or \"1m 30s\"";
    let Some(text) = node.text() else {
        if !node.is_open() {
            problems
                .error(&node.span, format!("`{key}` must be a duration in quotes, not {}", node.kind()))
                .help(help);
        }
        return None;
    };
    let Ok(HumanDuration(duration)) = text.parse::<HumanDuration>() else {
        problems.error(&node.span, format!("`{key}` is not a duration: `{}`", node.shown())).help(help);
        return None;
    };
    if duration.is_zero() || duration > LONGEST {
        let message =
            format!("`{key}` must be more than nothing and at most 30 days, not `{}`", node.shown());
        problems.error(&node.span, message).help(help);
        return None;
    }
    Some(duration)
}

/// One of the words of an enum.
pub(crate) fn word<T: Copy>(
    all: &'static [T],
    as_str: fn(&T) -> &'static str,
) -> impl Fn(&Node, &str, &mut Problems) -> Option<T> {
    move |node, key, problems| {
        let word = text(node, key, problems)?;
        let value = all.iter().find(|value| as_str(value) == word).copied();
        if value.is_none() {
            unknown(&node.span, key, &node.shown(), "", all.iter().map(as_str), problems);
        }
        value
    }
}

/// The items of an array, each read by `read`.
pub(crate) fn array<'a, T>(
    node: &'a Node,
    key: &str,
    problems: &mut Problems,
    read: impl Fn(&'a Node, &str, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::Array(items) = &node.value else {
        wrong_type(node, key, "an array", problems);
        return None;
    };
    Some(items.iter().filter_map(|item| read(item, key, problems)).collect())
}

/// A day, as a TOML date or in quotes.
pub(crate) fn date(node: &Node, key: &str, problems: &mut Problems) -> Option<Date> {
    let parsed = match &node.value {
        Value::Datetime(date) => date.to_string().parse::<Date>().ok().filter(|_| date.time.is_none()),
        _ if node.is_open() => return None,
        _ => node.text().filter(|text| text.len() == 10).and_then(|text| text.parse::<Date>().ok()),
    };
    if parsed.is_none() {
        let message = format!("`{key}` must be a day, not `{}`", node.shown());
        problems.error(&node.span, message).help(format!("for example `{key} = 2026-12-31`"));
    }
    parsed
}
