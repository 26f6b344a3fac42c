//! The one redactor that stands before every sink.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use url::Url;

/// What stands in place of a secret.
pub const MASK: &str = "[redacted]";

/// Percent-encoding as RFC 3986 asks for it: these four stay as they are.
const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A shorter value is not masked: it would mask ordinary text.
const SHORTEST: usize = 4;

/// Credentials that give themselves away by their form, whoever wrote them, and what stands in their place.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        // scheme://user:password@host
        (r"(?i)\b([a-z][a-z0-9+.\-]*://[^\s/:@]*):[^\s/@]+@", "${1}:[redacted]@"),
        // Authorization: Basic …
        (r#"(?i)\b(authorization\\?"?\s*[:=]\s*\\?"?[a-z]+)\s+[^\s"\\,]+"#, "${1} [redacted]"),
        (r"(?i)\b(bearer)\s+[a-z0-9._~+/=\-]{16,}", "${1} [redacted]"),
        (r"(?i)\b((?:set-)?cookie\s*:\s*)[^\r\n]+", "${1}[redacted]"),
        // JSON Web Tokens
        (r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*", MASK),
    ];
    let compiled = patterns.map(|(pattern, mask)| (Regex::new(pattern).expect("the pattern is valid"), mask));
    compiled.into_iter().chain([(NAMED.clone(), "${1}${2}[redacted]")]).collect()
});

/// Where none of these stands, none of the patterns can match; it is found out much faster.
static HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let hints = [
        "://",
        "authorization",
        "bearer",
        "cookie",
        "eyj",
        "passw",
        "pwd",
        "secret",
        "apikey",
        "api_key",
        "api-key",
        "token",
        "sig",
    ];
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(hints);
    automaton.expect("a few words fit an automaton")
});

/// A value whose name says that it is secret: `password=…`, `"client_secret": "…"`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?i)([a-z0-9_\-]*(?:password|passwd|pwd|secret|api[_-]?key|token|signature)|\bsig)(\\?["']?\s*[=:]\s*\\?["']?)[^\s"'&,;\\}\[]{4,}"#;
    Regex::new(pattern).expect("the pattern is valid")
});

/// Fields of events that hold words, numbers and times of our own, never text from outside. A secret that happens to
/// be one of these words must not make an event unreadable.
const OWN_FIELDS: [&str; 17] = [
    "at", "cause", "check", "effect", "ends_by", "event", "finished", "gate", "kind", "removal", "seq",
    "severity", "started", "status", "target", "unit", "weight",
];

/// Masks known secrets, in every form in which they commonly appear, and what looks like a credential. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Option<Arc<AhoCorasick>>,
}

impl Redactor {
    /// A redactor of these secrets. Of a URL only the credentials are secret; its host stays readable.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets {
            match credentials(secret) {
                Some((user, password)) => {
                    add_forms(&mut forms, password);
                    add_forms(&mut forms, &percent_decode_str(password).decode_utf8_lossy());
                    add_forms(&mut forms, &format!("{user}:{password}"));
                }
                None if !secret.contains("://") => add_forms(&mut forms, secret),
                None => {}
            }
            if let Ok(url) = Url::parse(secret) {
                for (_, value) in
                    url.query_pairs().filter(|(name, value)| NAMED.is_match(&format!("{name}={value}")))
                {
                    add_forms(&mut forms, &value);
                }
            }
        }
        forms.retain(|form| form.len() >= SHORTEST);
        let known = (!forms.is_empty()).then(|| {
            let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms);
            Arc::new(automaton.expect("a set of secrets fits an automaton"))
        });
        Self { known }
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        if let Some(known) = &self.known
            && known.is_match(text)
        {
            clean = Cow::Owned(known.replace_all_with_mask(text));
        }
        if !HINTS.is_match(clean.as_ref()) {
            return clean;
        }
        for (pattern, replacement) in PATTERNS.iter() {
            if let Cow::Owned(replaced) = pattern.replace_all(&clean, *replacement) {
                clean = Cow::Owned(replaced);
            }
        }
        clean
    }

    /// The bytes without secrets; bytes that are not UTF-8 are replaced first.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.text(&String::from_utf8_lossy(bytes)).into_owned().into_bytes()
    }

    /// The value and its JSON line, both without secrets.
    ///
    /// # Errors
    /// Where the value does not survive a round trip through JSON.
    pub fn json<T: Serialize + DeserializeOwned>(&self, value: T) -> serde_json::Result<(T, String)> {
        let line = serde_json::to_string(&value)?;
        if let Cow::Borrowed(_) = self.text(&line) {
            return Ok((value, line));
        }
        // Masking the line itself could break its syntax, so every string is masked on its own.
        let mut tree: Value = serde_json::from_str(&line)?;
        self.strings(&mut tree);
        let line = tree.to_string();
        Ok((serde_json::from_value(tree)?, line))
    }

    fn strings(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.strings(item)),
            Value::Object(fields) => {
                for (name, mut field) in std::mem::take(fields) {
                    match &mut field {
                        Value::String(_) if OWN_FIELDS.contains(&name.as_str()) => {}
                        // A field whose name says "password" gives its value away without any form of its own.
                        Value::String(text) if NAMED.is_match(&format!("{name}={text}")) => {
                            MASK.clone_into(text);
                        }
                        other => self.strings(other),
                    }
                    fields.insert(self.text(&name).into_owned(), field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

trait ReplaceWithMask {
    fn replace_all_with_mask(&self, text: &str) -> String;
}

impl ReplaceWithMask for AhoCorasick {
    fn replace_all_with_mask(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        AhoCorasick::replace_all_with(self, text, &mut clean, |_, _, clean| {
            clean.push_str(MASK);
            true
        });
        clean
    }
}

/// User and password of a connection string, also of one that names several hosts.
fn credentials(uri: &str) -> Option<(&str, &str)> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@')?.0.split_once(':')
}

/// A secret as it is, as a URL, a JSON string, a header or a debug print would show it.
fn add_forms(forms: &mut BTreeSet<String>, secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    forms.insert(secret.to_owned());
    forms.insert(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
    forms.insert(utf8_percent_encode(secret, UNRESERVED_KEPT).to_string());
    forms.insert(STANDARD.encode(secret));
    forms.insert(STANDARD_NO_PAD.encode(secret));
    forms.insert(secret.escape_debug().to_string());
    let json = Value::from(secret).to_string();
    forms.insert(json[1..json.len() - 1].to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "c4nary/with \"quotes\"";

    #[test]
    fn masks_every_form_of_a_known_secret() {
        let redactor = Redactor::new([CANARY]);
        for form in [
            CANARY.to_owned(),
            format!("{CANARY:?}"),
            utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string(),
            STANDARD.encode(CANARY),
            serde_json::json!({ "deep": [CANARY] }).to_string(),
        ] {
            let clean = redactor.text(&form);
            assert!(!clean.contains("c4nary") && clean.contains(MASK), "{form} -> {clean}");
        }
    }

    #[test]
    fn of_a_uri_only_the_credentials_are_secret() {
        let redactor = Redactor::new(["mongodb://reader:p%40ss-w0rd@db.example.com/prisma"]);
        assert_eq!(redactor.text("db.example.com said p@ss-w0rd"), format!("db.example.com said {MASK}"));
    }

    #[test]
    fn a_uri_may_name_several_hosts() {
        let redactor =
            Redactor::new(["mongodb://reader:s3cretpw@a.example.com:27017,b.example.com:27017/prisma"]);
        assert_eq!(
            redactor.text("b.example.com:27017 said s3cretpw"),
            format!("b.example.com:27017 said {MASK}")
        );
    }

    #[test]
    fn a_secret_that_is_one_of_our_words_loses_no_event() {
        let redactor = Redactor::new(["passed", "2026"]);
        let value = serde_json::json!({ "status": "passed", "at": "2026-01-01T00:00:00Z", "summary": "passed in 2026" });
        let (clean, _) = redactor.json(value).unwrap();
        assert_eq!((&clean["status"], &clean["at"]), (&"passed".into(), &"2026-01-01T00:00:00Z".into()));
        assert_eq!(clean["summary"], format!("{MASK} in {MASK}"));
    }

    #[test]
    fn masks_what_looks_like_a_credential() {
        let redactor = Redactor::default();
        for (text, expected) in [
            ("mongodb://u:pw@db.example.com/x", "mongodb://u:[redacted]@db.example.com/x"),
            ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [redacted]"),
            ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic [redacted]"),
            ("sent Bearer abcdefgh12345678", "sent Bearer [redacted]"),
            ("Cookie: sid=1; theme=dark", "Cookie: [redacted]"),
            ("needs basic authentication", "needs basic authentication"),
            ("MONGO_PASSWORD=hunter22", "MONGO_PASSWORD=[redacted]"),
            ("/blob?sv=1&sig=abcdef&x=1", "/blob?sv=1&sig=[redacted]&x=1"),
            ("password=hunter22&x=1", "password=[redacted]&x=1"),
            (r#"{"token": "abcd1234"}"#, r#"{"token": "[redacted]"}"#),
            ("nothing to hide here", "nothing to hide here"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn a_value_and_its_line_agree() {
        let redactor = Redactor::new([CANARY]);
        let value = serde_json::json!({ "a": [format!("x {CANARY} y")], "password": "hunter22" });
        let (clean, line) = redactor.json(value).unwrap();
        assert_eq!(clean.to_string(), line);
        assert_eq!(clean["a"][0], format!("x {MASK} y"));
        assert_eq!(clean["password"], MASK);
        let (same, _) = redactor.json(vec![1, 2]).unwrap();
        assert_eq!(same, [1, 2]);
    }
}
