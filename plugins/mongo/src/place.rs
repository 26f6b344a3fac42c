//! Where the server is and how we go there, without the credentials that the URI carries.

use crate::secrets::{self, Secrets};
use mongodb::options::{ClientOptions, Tls};
use shakedown_core::{Secret, TargetError, TargetErrorKind};

/// The kind of the target, which all of its errors carry.
pub(crate) const KIND: &str = "mongo";

/// An address, and what is needed to speak about errors there. It never shows a password.
#[derive(Clone)]
pub(crate) struct Place {
    address: String,
    database: String,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// Whether we come without a user name.
    pub(crate) anonymous: bool,
    secrets: Secrets,
}

impl Place {
    /// The place that the parsed options lead to.
    pub(crate) fn of(options: &ClientOptions, uri: &Secret, database: &str) -> Self {
        let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
        let mut secrets = Secrets::of(uri.expose());
        if let Some(password) =
            options.credential.as_ref().and_then(|credential| credential.password.as_ref())
        {
            secrets.add(password);
        }
        Self {
            address: hosts.join(","),
            database: database.to_owned(),
            tls: matches!(options.tls, Some(Tls::Enabled(_))),
            anonymous: options.credential.is_none(),
            secrets,
        }
    }

    /// The place that a URI means although it cannot be parsed.
    pub(crate) fn unparsed(uri: &str, database: &str) -> Self {
        let (address, secrets) = (secrets::hosts_of(uri), Secrets::of(uri));
        Self { address, database: database.to_owned(), tls: false, anonymous: true, secrets }
    }

    /// Host and port of every server.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The error of that kind at this place, with what to do about it.
    pub(crate) fn error(&self, kind: TargetErrorKind, message: impl Into<String>) -> TargetError {
        TargetError::new(KIND, &self.address, kind, self.mask(message)).remedy(self.remedy(kind))
    }

    /// The text without the secrets that lead here.
    pub(crate) fn mask(&self, text: impl Into<String>) -> String {
        self.secrets.mask(text.into())
    }

    /// The database of Focus Server.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    fn remedy(&self, kind: TargetErrorKind) -> String {
        let Self { address, database, .. } = self;
        match kind {
            TargetErrorKind::Refused => {
                format!("start MongoDB at {address}, or correct host and port of `uri`")
            }
            TargetErrorKind::TimedOut => {
                let plain = if self.tls { "; a server without TLS does not answer a `uri` with `tls=true`" } else { "" };
                format!("see whether {address} can be reached from here (firewall, VPN, SSH tunnel) and is not overloaded{plain}")
            }
            TargetErrorKind::Dns => "correct the host name of `uri`, or the name server of this machine".to_owned(),
            TargetErrorKind::Tls if self.tls => {
                "see whether the server speaks TLS at this port, and name its certificate authority in `tls_ca_file`; one that \
                 demands a certificate of the client gets it by `tls_certificate_key_file`"
                    .to_owned()
            }
            TargetErrorKind::Lost | TargetErrorKind::Tls => {
                "see the server's log; a server that demands TLS hangs up on a `uri` without `tls=true`".to_owned()
            }
            TargetErrorKind::Unauthorised if self.anonymous => {
                format!("put a user and a password into `uri`: mongodb://USER:PASSWORD@HOST/?authSource={database}")
            }
            TargetErrorKind::Unauthorised => {
                format!("correct user name, password and `authSource` of `uri` (often `authSource={database}`)")
            }
            TargetErrorKind::Forbidden => format!("grant the user the role `read` on the database `{database}`"),
            TargetErrorKind::Protocol => {
                "see what listens there: it is no MongoDB, or a version that this program cannot talk to".to_owned()
            }
            TargetErrorKind::Settings | TargetErrorKind::Mistaken => {
                "write `uri` as mongodb://USER:PASSWORD@HOST:PORT/?authSource=DATABASE, the password percent-encoded".to_owned()
            }
        }
    }
}

/// Why a URI cannot be used. The driver's own words may quote a piece of a password that is not percent-encoded.
pub(crate) fn unusable_uri(uri: &str, words: &str) -> String {
    if secrets::is_plain(uri) {
        format!("the URI cannot be read: {words}")
    } else {
        "the URI cannot be read; a user name or password with one of : / ? # [ ] @ % must be percent-encoded"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_never_shows_credentials() {
        let uri = "mongodb://reader:p%40ss@db1.example.com:27018,db2.example.com/prisma";
        let options = ClientOptions::parse(uri).await.unwrap();
        let place = Place::of(&options, &Secret::new(uri), "prisma");
        assert_eq!(place.address(), "db1.example.com:27018,db2.example.com:27017");
        let error = place.error(TargetErrorKind::Unauthorised, "refused p@ss and p%40ss").to_string();
        assert_eq!(
            error,
            "mongo at db1.example.com:27018,db2.example.com:27017: not authenticated: refused [redacted] and [redacted]"
        );
    }

    #[test]
    fn a_uri_that_cannot_be_read_leaks_nothing_either() {
        for uri in
            ["mongodb://u:p/w@db.example.com/x", "mongodb://u:p@w@db.example.com/x", "u:p?w@db.example.com"]
        {
            assert_eq!(Place::unparsed(uri, "prisma").address(), "db.example.com", "{uri}");
            assert!(!unusable_uri(uri, "port `p` is not a number").contains("`p`"));
        }
        assert_eq!(Place::unparsed("", "prisma").address(), "(no host)");
        assert_eq!(unusable_uri("mongo:x", "no scheme"), "the URI cannot be read: no scheme");
    }

    #[test]
    fn every_kind_has_a_remedy() {
        let place = Place::unparsed("mongodb://db.example.com", "prisma");
        for &kind in TargetErrorKind::ALL {
            assert!(place.error(kind, "x").remedy.is_some_and(|remedy| remedy.len() > 20), "{kind}");
        }
    }
}
