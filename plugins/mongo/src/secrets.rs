//! What in a URI nobody may see.

use percent_encoding::percent_decode_str;
use shakedown_core::{Secret, redact};

/// Masking a shorter secret would mask ordinary text.
const SHORTEST: usize = 4;

/// The secrets of a URI, which errors may quote.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// The secrets that a URI carries, as it spells them and as they are meant.
    pub(crate) fn of(uri: &str) -> Self {
        let Parts { password, query, .. } = parts(uri);
        let options = query.split(['&', ';']).filter_map(|option| option.split_once('='));
        let spelt = password.into_iter().chain(options.flat_map(|(name, value)| secret_values(name, value)));
        let mut secrets = Self::default();
        for value in spelt {
            secrets.add(&percent_decode_str(value).decode_utf8_lossy());
            secrets.add(value);
        }
        secrets
    }

    /// Takes another secret in.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST && self.0.iter().all(|known| known.expose() != secret) {
            self.0.push(Secret::new(secret));
            // A short secret may be a part of a long one, which would then no longer be found.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        }
    }

    /// The text without any of them.
    pub(crate) fn mask(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret.expose(), redact::MASK))
    }
}

/// The parts of a URI that matter here.
struct Parts<'a> {
    password: Option<&'a str>,
    hosts: &'a str,
    query: &'a str,
    /// Whether there is only one way to read it.
    is_plain: bool,
}

/// A password that is not percent-encoded may hold any character, also those that end it for a strict reader.
fn parts(uri: &str) -> Parts<'_> {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let (authority, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let is_plain = if authority.contains('@') {
        authority.matches('@').count() == 1
    } else {
        // An `@` further on belongs to an option, if what stands before it can be nothing but hosts.
        !rest.contains('@') || authority.split(',').all(is_host)
    };
    let (login, after) = match if is_plain { authority.rfind('@') } else { rest.rfind('@') } {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    Parts {
        password: login.and_then(|login| login.split_once(':')).map(|(_, password)| password),
        hosts: after.split(['/', '?']).next().unwrap_or_default(),
        query: after.split_once('?').map_or("", |(_, query)| query),
        is_plain,
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.rsplit_once(':').unwrap_or((text, "1"));
    !name.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Host and port of every server, as far as that can be said of a URI that nobody has parsed.
pub(crate) fn hosts_of(uri: &str) -> String {
    let hosts = parts(uri).hosts;
    if hosts.is_empty() { "(no host)".to_owned() } else { hosts.to_owned() }
}

/// Whether a login in the URI cannot be mistaken for anything else, so that an error about another part of it quotes no
/// piece of a password.
pub(crate) fn is_plain(uri: &str) -> bool {
    let Parts { password, is_plain, .. } = parts(uri);
    let is_encoded = |password: &str| !password.contains([':', '/', '?', '#', '[', ']', '@', '&', '=']);
    is_plain && password.is_none_or(|password| password.len() >= SHORTEST && is_encoded(password))
}

/// The secrets in the value of an option of a URI.
fn secret_values<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let name = name.to_lowercase();
    if name == "authmechanismproperties" {
        let properties = value.split([',']).filter_map(|property| property.split_once([':']));
        // The separators may be percent-encoded, and then the whole value is one.
        let encoded = value.contains('%').then_some(value);
        return properties
            .filter(|(name, _)| is_secret(name))
            .map(|(_, value)| value)
            .chain(encoded)
            .collect();
    }
    if is_secret(&name) { vec![value] } else { Vec::new() }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token", "apikey"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(uri: &str, text: &str) -> String {
        Secrets::of(uri).mask(text.to_owned())
    }

    #[test]
    fn a_password_is_masked_as_it_is_spelt_and_as_it_is_meant() {
        let uri = "mongodb://reader:p%40ssw@db.example.com/prisma";
        assert_eq!(masked(uri, "p@ssw p%40ssw prisma"), "[redacted] [redacted] prisma");
        assert_eq!(masked("mongodb://u:abcd@h,i/?x=1", "abcd at h"), "[redacted] at h");
        assert_eq!(masked("mongodb://u:a/b?c@d:e@h/", "a/b?c@d:e"), "[redacted]");
    }

    #[test]
    fn options_that_carry_secrets_are_masked() {
        for (uri, secret) in [
            (
                "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:tok/en,CANONICALIZE_HOST_NAME:none",
                "tok/en",
            ),
            ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN%3Aabcdef", "AWS_SESSION_TOKEN%3Aabcdef"),
            ("mongodb://h/?proxyHost=p&proxyPassword=open%20sesame", "open sesame"),
            ("mongodb://h/?tlsCertificateKeyFilePassword=hunter22", "hunter22"),
            ("mongodb://h:1/?authMechanismProperties=AWS_SESSION_TOKEN:to@ken", "to@ken"),
        ] {
            assert_eq!(masked(uri, &format!("no {secret} here")), "no [redacted] here", "{uri}");
            assert!(hosts_of(uri).starts_with('h'), "{uri}");
        }
        assert_eq!(masked("mongodb://h/?authMechanismProperties=SERVICE_NAME:mongodb", "mongodb"), "mongodb");
    }

    #[test]
    fn only_a_login_that_is_well_encoded_is_plain() {
        for plain in ["mongodb://h", "mongodb://u@h/", "mongodb://u:abcd%2F@h/?a=b", "mongodb://h:1/?a=b@c"] {
            assert!(is_plain(plain), "{plain}");
        }
        for unclear in ["mongodb://u:a/b@h", "mongodb://u:a@b@h", "mongodb://u:abc@h", "mongodb://u:a:bc@h"] {
            assert!(!is_plain(unclear), "{unclear}");
        }
    }
}
