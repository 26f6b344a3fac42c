//! Other ways into the same server: where a token is demanded, and where plain HTTP must not be served.

use crate::client::away;
use crate::target::BaseUrl;
use schemars::JsonSchema;
use serde::Deserialize;
use shakedown_core::{Secret, TargetError};
use shakedown_http::{HttpClient, HttpError, HttpSettings, Url};
use std::time::Duration;

/// The table `auth` of the target: how requests are authenticated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// A token that is valid. It is sent as `Authorization: Bearer …`.
    pub token: Secret,
    /// A token that was valid once and is no more.
    #[serde(default)]
    expired_token: Option<Secret>,
    /// Where the token is demanded, where that is not `base_url`: inside a cluster the server is often open.
    #[serde(default)]
    #[schemars(with = "Option<String>", url)]
    base_url: Option<BaseUrl>,
}

impl AuthSettings {
    /// Whether the token is demanded at the address that all checks use.
    pub const fn is_for_everything(&self) -> bool {
        self.base_url.is_none()
    }

    /// The value of the header that carries the token.
    pub fn header(&self) -> Secret {
        bearer(self.token.expose())
    }
}

fn bearer(token: &str) -> Secret {
    Secret::new(format!("Bearer {token}"))
}

/// The ways in that checks of security try.
#[derive(Debug, Default)]
pub struct Doors {
    /// Where a token is demanded.
    pub guarded: Option<Guarded>,
    /// Where plain HTTP must not be served.
    pub plain: Vec<HttpClient>,
}

/// A way in at which a token is demanded.
#[derive(Debug)]
pub struct Guarded {
    settings: HttpSettings,
    token: Secret,
    expired: Option<Secret>,
}

/// What a visitor shows at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// No token.
    Nobody,
    /// A token that nobody issued.
    Forger,
    /// A token that was valid once.
    Latecomer,
    /// A valid token.
    Guest,
}

impl Guarded {
    /// A client that shows what this visitor has; none where the settings do not say what that is.
    pub fn client(&self, visitor: Visitor) -> Result<Option<HttpClient>, TargetError> {
        let token = match visitor {
            Visitor::Nobody => None,
            Visitor::Forger => Some(forged(self.token.expose())),
            Visitor::Latecomer => match &self.expired {
                Some(expired) => Some(expired.expose().to_owned()),
                None => return Ok(None),
            },
            Visitor::Guest => Some(self.token.expose().to_owned()),
        };
        let mut settings = self.settings.clone();
        settings.headers.retain(|name, _| !name.eq_ignore_ascii_case("authorization"));
        if let Some(token) = token {
            settings.headers.insert("authorization".to_owned(), bearer(&token));
        }
        HttpClient::new(settings).map(Some).map_err(|error| away(&error))
    }
}

/// A token of the same form that nobody issued: every letter and digit is moved on by one.
fn forged(token: &str) -> String {
    let next = |c: char| match c {
        'z' => 'a',
        'Z' => 'A',
        '9' => '0',
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(c) + 1).unwrap_or(c),
        other => other,
    };
    let forged: String = token.chars().map(next).collect();
    if forged == token { format!("{token}x") } else { forged }
}

impl Doors {
    /// Reads the settings; `main` is how the server is usually reached. Connects to nothing.
    pub fn new(
        main: &HttpSettings,
        auth: Option<AuthSettings>,
        plain: Option<BaseUrl>,
    ) -> Result<Self, HttpError> {
        let guarded = auth.map(|auth| {
            let base_url = auth.base_url.map_or_else(|| main.base_url.clone(), |url| url.0);
            let settings = HttpSettings { base_url, ..main.clone() };
            Guarded { settings, token: auth.token, expired: auth.expired_token }
        });
        let addresses = match plain {
            Some(url) => vec![url.0],
            None => plain_addresses(&main.base_url),
        };
        let plain = addresses.into_iter().map(|url| {
            // What is sent in plain text must carry no credentials.
            HttpClient::new(HttpSettings {
                connect_timeout: Duration::from_secs(3),
                ..HttpSettings::new(url)
            })
        });
        Ok(Self { guarded, plain: plain.collect::<Result<_, _>>()? })
    }
}

/// Where plain HTTP could be served beside HTTPS: the usual port, and the very port of TLS.
fn plain_addresses(base: &Url) -> Vec<Url> {
    if base.scheme() != "https" {
        return Vec::new();
    }
    let port = base.port_or_known_default();
    let plain = |port: Option<u16>| {
        let mut url = base.clone();
        let possible = url.set_scheme("http").is_ok()
            && url.set_port(port).is_ok()
            && url.set_username("").is_ok()
            && url.set_password(None).is_ok();
        possible.then_some(url)
    };
    [plain(Some(80)), plain(port)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_tried_at_both_ports() {
        let at = |url: &str| {
            plain_addresses(&url.parse().unwrap())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(at("http://focus.example.com/x"), "");
        assert_eq!(
            at("https://reader:secret@focus.example.com/x"),
            "http://focus.example.com/x http://focus.example.com:443/x"
        );
    }

    #[test]
    fn a_forged_token_has_the_same_form() {
        assert_eq!(forged("abZ-9z"), "bcA-0a");
        assert_eq!(forged("---"), "---x");
    }
}
