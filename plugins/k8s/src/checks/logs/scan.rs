//! Reading logs: which lines are errors, which of those are alike, and who judges what lies behind them.

use crate::patterns;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What the words of a line are called where they say no more than that something is wrong.
const GENERIC: &str = "error";
/// What a line is called that the reader asked for.
const ASKED: &str = "asked for";
/// What a line is called that speaks of a request that was refused. Checks send such requests on purpose.
pub(super) const REFUSED: &str = "request refused";

/// Which checks judge what lies behind a kind of error, by the beginnings of their ids.
const JUDGES: [(&str, &[&str]); 5] = [
    ("fiber metadata missing", &["focus-api.fiber."]),
    ("name not resolved at start", &["mongo.connect", "k8s.mongo.", "k8s.services."]),
    ("no pod addresses left", &["k8s.job.pending", "k8s.pods.pending"]),
    ("port taken", &["k8s.job.pod-spawn"]),
    // Whoever got such an answer has a finding of it.
    ("uncaught HTTP 500", &["focus-api."]),
];

/// The word for its weight near the beginning of a line, in one of the usual forms.
const LEVEL: &str = r#"^.{0,60}?(?:\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b|\[(trace|debug|info|notice|warn|warning|error|critical|fatal)\]|"(?:s|level|severity)" ?: ?"([A-Za-z]+)[0-9]?")"#;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(pattern).expect("the patterns are valid");
    Rules {
        level: compile(LEVEL),
        refused: compile("(?i)validation (?:failed|error)"),
        varying: compile("[0-9a-fA-F]{8,}|[0-9]+"),
    }
});

struct Rules {
    level: Regex,
    refused: Regex,
    /// What differs between lines that are alike: numbers, ids, addresses.
    varying: Regex,
}

/// Lines that are alike.
pub(super) struct Kind {
    /// What sort of error it is.
    pub(super) sort: &'static str,
    pub(super) count: usize,
    /// The last of them.
    pub(super) example: String,
}

impl Kind {
    /// The checks that judge what lies behind it, by the beginnings of their ids.
    pub(super) fn judges(&self) -> &'static [&'static str] {
        JUDGES.iter().find(|(sort, _)| *sort == self.sort).map_or(&[], |(_, judges)| *judges)
    }
}

/// What stands in a log.
#[derive(Default)]
pub(super) struct Scan {
    /// How many lines there are.
    pub(super) lines: usize,
    /// How many errors the reader expects.
    pub(super) expected: usize,
    /// The others, by what is common to all of a kind.
    pub(super) kinds: BTreeMap<String, Kind>,
}

impl Scan {
    /// Reads a log with a time before each line. A line that fits `expected` is none of its errors; one that fits `more`
    /// is.
    pub(super) fn read(&mut self, log: &str, expected: &[Regex], more: &[Regex]) {
        for line in log.lines().filter(|line| !line.trim().is_empty()) {
            self.lines += 1;
            let text = without_time(line);
            let Some(sort) = sort_of(text, more) else { continue };
            if expected.iter().any(|pattern| pattern.is_match(text)) {
                self.expected += 1;
                continue;
            }
            let same = RULES.varying.replace_all(text, "#").chars().take(160).collect();
            let kind =
                self.kinds.entry(same).or_insert_with(|| Kind { sort, count: 0, example: String::new() });
            kind.count += 1;
            kind.example = crate::trouble::line(line, 300);
        }
    }
}

/// A line without the time that the cluster puts before it.
fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, text)) if time.parse::<jiff::Timestamp>().is_ok() => text,
        _ => line,
    }
}

/// What sort of error a line is, if it is one. A line that itself says that it is information, and has no more than a
/// word such as "failed" in it, is none.
fn sort_of(text: &str, more: &[Regex]) -> Option<&'static str> {
    match patterns::trouble(text) {
        Some(GENERIC) if RULES.refused.is_match(text) => Some(REFUSED),
        Some(sort) if sort != GENERIC || !is_information(text) => Some(sort),
        _ => more.iter().any(|pattern| pattern.is_match(text)).then_some(ASKED),
    }
}

/// Whether a line says of itself that it is of no concern.
fn is_information(text: &str) -> bool {
    let word = RULES.level.captures(text).and_then(|found| found.iter().skip(1).flatten().next());
    // MongoDB writes single letters: I, D1 to D5, W, E, F.
    word.is_some_and(|word| {
        matches!(word.as_str().to_lowercase().as_str(), "trace" | "debug" | "info" | "notice" | "i" | "d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(log: &str) -> Scan {
        let mut scan = Scan::default();
        scan.read(log, &[], &[]);
        scan
    }

    fn sort(line: &str) -> Option<&'static str> {
        scan(line).kinds.into_values().next().map(|kind| kind.sort)
    }

    #[test]
    fn lines_that_are_alike_are_one_kind() {
        let log = "2025-11-20T11:00:00Z ERROR: job 1-3 failed after 30 s\n\
                   2025-11-20T11:00:09Z ERROR: job 1-17 failed after 31 s\n\
                   2025-11-20T11:00:10Z INFO: all is well\n\n\
                   Traceback (most recent call last):";
        let scan = scan(log);
        assert_eq!((scan.lines, scan.kinds.len()), (4, 2));
        let kind = &scan.kinds["ERROR: job #-# failed after # s"];
        assert_eq!((kind.count, kind.sort), (2, "error"));
        insta::assert_snapshot!(kind.example, @"2025-11-20T11:00:09Z ERROR: job 1-17 failed after 31 s");
    }

    #[test]
    fn what_says_that_it_is_information_is_none() {
        for line in [
            "INFO: error budget untouched",
            "2025-11-20 11:00:00,123 INFO focus: retry after timeout",
            "2025-11-20 11:00:00.000 [info] <0.1.0> error logger started",
            r#"{"t":{"$date":"2025-11-20T11:00:00Z"},"s":"I","c":"NETWORK","attr":{"error":"none"}}"#,
            "all is well",
        ] {
            assert_eq!(sort(line), None, "{line}");
        }
        for line in [
            "ERROR: something",
            "WARNING: timeout",
            r#"{"t":{"$date":"2025-11-20T11:00:00Z"},"s":"E","c":"STORAGE","msg":"Failed to write"}"#,
            "Connection failed",
            "INFO:     192.0.2.1:5000 - \"POST /configure HTTP/1.1\" 500",
        ] {
            assert!(sort(line).is_some(), "{line}");
        }
    }

    #[test]
    fn known_errors_have_a_judge() {
        for (line, judge) in [
            ("ERROR validation failed: Missing required fiber metadata fields: prr", "focus-api.fiber."),
            ("ServerSelectionTimeoutError: mongodb: name resolution", "mongo.connect"),
            ("plugin failed: no IP addresses available in range", "k8s.job.pending"),
            ("Failed to bind to port 12301", "k8s.job.pod-spawn"),
        ] {
            let kind = scan(line).kinds.into_values().next().unwrap();
            assert_eq!(kind.judges().first(), Some(&judge), "{line}: {}", kind.sort);
        }
        assert_eq!(sort("ERROR validation failed: nfftSelection"), Some(REFUSED));
    }

    #[test]
    fn the_reader_can_expect_and_ask_for_more() {
        let patterns = |pattern: &str| [Regex::new(pattern).unwrap()];
        let mut scan = Scan::default();
        scan.read(
            "ERROR: known for years\nslow query\nERROR: new",
            &patterns("for years"),
            &patterns("slow"),
        );
        assert_eq!((scan.expected, scan.kinds.len()), (1, 2));
    }
}
