//! The words by which a log says that something is wrong.

use regex::{RegexSet, RegexSetBuilder};
use std::sync::LazyLock;

/// What is looked for, and what it is called. The specific ones stand first, for one line is called by the first.
const PATTERNS: [(&str, &str); 7] = [
    ("fiber metadata missing", r"missing required fiber metadata fields"),
    ("name not resolved at start", r"serverselectiontimeouterror.*name resolution"),
    ("no pod addresses left", r"no ip addresses available"),
    ("port taken", r"failed to bind to port"),
    (
        "uncaught HTTP 500",
        r#"exception in asgi application|\bHTTP/\d(?:\.\d)?"?\s+500\b|\bstatus(?: code)?[:= ]+500\b"#,
    ),
    // Words that only say that there are none are no sign of any.
    ("crash", r"\b(?:panic(?:ked)?|fatal|crash(?:ed)?|traceback|segmentation fault|core dumped)\b"),
    (
        "error",
        r"(?:^|[^a-z])(?:error|exception|failed|timeout|timed out)(?:[^a-z]|$)|(?-i:[a-z](?:Error|Exception|Timeout)\b)",
    ),
];

/// Lines that speak of errors and report none.
const HARMLESS: &str = r"\b(?:no|0|zero|without)\s+(?:\w+\s+)?(?:errors?|exceptions?|failures?|timeouts?)\b|\b(?:errors?|failed|failures|exceptions|timeouts)[=:]\s*(?:0|null|none|false)\b";

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    let all = PATTERNS.iter().map(|(_, pattern)| *pattern).chain([HARMLESS]);
    RegexSetBuilder::new(all).case_insensitive(true).build().expect("the patterns are valid")
});

/// What kind of trouble a line of a log tells of.
pub(crate) fn trouble(line: &str) -> Option<&'static str> {
    let found = SET.matches(line);
    let first = found.iter().next()?;
    let generic = PATTERNS.len() - 1;
    (first < generic || (first == generic && !found.matched(PATTERNS.len()))).then(|| PATTERNS[first].0)
}

#[cfg(test)]
mod tests {
    use super::trouble;

    #[test]
    fn lines_of_trouble_are_told_apart() {
        for (line, kind) in [
            ("ERROR Missing required fiber metadata fields: prr", Some("fiber metadata missing")),
            (
                "pymongo.errors.ServerSelectionTimeoutError: mongodb:27017: Temporary failure in name resolution",
                Some("name not resolved at start"),
            ),
            (
                "failed to allocate for range 0: no IP addresses available in range set",
                Some("no pod addresses left"),
            ),
            ("Failed to bind to port 12301", Some("port taken")),
            (
                r#"192.0.2.1 - "POST /configure HTTP/1.1" 500 Internal Server Error"#,
                Some("uncaught HTTP 500"),
            ),
            ("Traceback (most recent call last):", Some("crash")),
            ("ValueError: bad value", Some("error")),
            ("2025-11-01 [error] cannot open queue", Some("error")),
            ("request failed after 30 s", Some("error")),
            ("java.lang.NullPointerException at x", Some("error")),
        ] {
            assert_eq!(trouble(line), kind, "{line}");
        }
    }

    #[test]
    fn what_only_mentions_the_words_is_no_trouble() {
        for line in [
            "Running RPC command: analyzer --roi 11 109",
            "Applied YAML from /tmp/job-1-3.yml",
            "finished with 0 errors",
            "no errors found",
            "errors=0 failed: 0",
            r#""GET /ack HTTP/1.1" 200"#,
            "listening with keepalive 500",
            "terror",
            "unfailing",
        ] {
            assert_eq!(trouble(line), None, "{line}");
        }
    }
}
