//! The one redactor that stands before every sink.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
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

/// A shorter value is not masked: it would mask ordinary text.
const SHORTEST: usize = 4;

/// Credentials that give themselves away by their form, whoever wrote them.
static PATTERNS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
    let compile = |pattern| Regex::new(pattern).expect("the pattern is valid");
    [
        // scheme://user:password@host
        (compile(r"(?i)\b([a-z][a-z0-9+.\-]*://[^\s/:@]*):[^\s/@]+@"), "${1}:[redacted]@"),
        // Authorization: Bearer …, Basic …
        (compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=\-]{8,}"), "${1} [redacted]"),
        // password=…, "token": "…"
        (
            compile(
                r#"(?i)\b(password|passwd|secret|client_secret|api[_-]?key|access[_-]?token|token)(\\?["']?\s*[=:]\s*\\?["']?)[^\s"'&,;\\}]{4,}"#,
            ),
            "${1}${2}[redacted]",
        ),
        // JSON Web Tokens
        (compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"), MASK),
    ]
});

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
            match Url::parse(secret) {
                Ok(url) if secret.contains("://") => {
                    if let Some(password) = url.password() {
                        add_forms(&mut forms, password);
                        add_forms(&mut forms, &percent_decode_str(password).decode_utf8_lossy());
                        add_forms(&mut forms, &format!("{}:{password}", url.username()));
                    }
                    for (name, value) in url.query_pairs() {
                        if PATTERNS[2].0.is_match(&format!("{name}={value}")) {
                            add_forms(&mut forms, &value);
                        }
                    }
                }
                _ => add_forms(&mut forms, secret),
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
                for (name, field) in fields.iter_mut() {
                    // A field whose name says "password" gives its value away without any form of its own.
                    match field {
                        Value::String(text)
                            if !text.is_empty() && PATTERNS[2].0.is_match(&format!("{name}={text}")) =>
                        {
                            MASK.clone_into(text);
                        }
                        other => self.strings(other),
                    }
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

/// A secret as it is, as a URL, a JSON string, a header or a debug print would show it.
fn add_forms(forms: &mut BTreeSet<String>, secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    forms.insert(secret.to_owned());
    forms.insert(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
    forms.insert(STANDARD.encode(secret));
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
    fn masks_what_looks_like_a_credential() {
        let redactor = Redactor::default();
        for (text, expected) in [
            ("mongodb://u:pw@db.example.com/x", "mongodb://u:[redacted]@db.example.com/x"),
            ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [redacted]"),
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
