//! What the client's errors mean: the target cannot be used, or the server refused a question.

use crate::guard::Redirected;
use crate::target::KIND;
use kube::core::Status;
use shakedown_core::redact::Redactor;
use shakedown_core::{CheckError, TargetError, TargetErrorKind, causes, text};
use shakedown_tunnel::TunnelError;
use std::error::Error as StdError;
use std::io;

/// An address, and what is needed to speak about errors there. It never shows a credential.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    address: String,
    redactor: Redactor,
}

impl Place {
    /// The place at an address; `secrets` never appear in what is said about it.
    pub(crate) fn new<'a>(address: impl Into<String>, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self { address: address.into(), redactor: Redactor::new(secrets) }
    }

    /// Host and port of the API server, or where they should have come from.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The error of that kind at this place, with what to do about it.
    pub(crate) fn error(&self, kind: TargetErrorKind, message: impl AsRef<str>) -> TargetError {
        let message = self.redactor.text(message.as_ref()).into_owned();
        TargetError::new(KIND, &self.address, kind, message).remedy(remedy(kind, &self.address))
    }

    /// The error that the way there is broken.
    pub(crate) fn tunnel(&self, error: &TunnelError, prefix: &str) -> TargetError {
        self.error(error.kind, format!("{prefix}the tunnel to it: {error}")).remedy(error.remedy())
    }

    /// A text without the secrets that lead here, on one line.
    pub(crate) fn line(&self, text: &str) -> String {
        line(&self.redactor.text(text), 300)
    }
}

fn remedy(kind: TargetErrorKind, address: &str) -> String {
    match kind {
        TargetErrorKind::Refused => {
            format!("see whether an API server listens at {address}; the kubeconfig's `server` says where we look")
        }
        TargetErrorKind::TimedOut => format!(
            "see whether {address} can be reached from here (firewall, VPN) and is not overloaded; `tunnel` leads there \
             through SSH hosts, and where nobody can get there from here, `unreachable = \"skip\"` says so"
        ),
        TargetErrorKind::Dns => {
            "correct the host name in the kubeconfig's `server`, or the name server of this machine".to_owned()
        }
        TargetErrorKind::Tls => "put the cluster's certificate authority into the kubeconfig \
                                 (`certificate-authority-data`), and where the certificate has another name, that name into \
                                 `tls-server-name`"
            .to_owned(),
        TargetErrorKind::Lost => {
            "see whether the API server and its etcd are well, and what stands between it and here".to_owned()
        }
        TargetErrorKind::Unauthorised => {
            "renew the credential of the kubeconfig's user; `kubectl auth whoami` shows whether it works".to_owned()
        }
        TargetErrorKind::Forbidden => "let the user read this: `kubectl auth can-i --list` shows what it may do, and a Role \
                                       with `get`, `list` and `watch` grants it"
            .to_owned(),
        TargetErrorKind::Protocol => {
            format!("see what listens at {address}: it does not answer as an API server does")
        }
        TargetErrorKind::Mistaken => "see which cluster the kubeconfig's `server` and `context` lead to, and whether what \
                                      the environment pins is still right"
            .to_owned(),
        TargetErrorKind::Settings => {
            "name a kubeconfig in `kubeconfig` that `kubectl --kubeconfig FILE get pods` works with".to_owned()
        }
    }
}

/// Why the server gave no answer to a question.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The target cannot be used, or not like this.
    Target(TargetError),
    /// The server understood the question and did not answer it.
    Refused {
        /// What was asked, as "list the pods".
        what: String,
        /// Why not.
        why: String,
    },
}

impl Trouble {
    /// What the client's error on the attempt to do `what` means.
    pub(crate) fn of(error: &kube::Error, what: &str, place: &Place) -> Self {
        let why = place.line(&words(error));
        if let Some(kind) = kind_of(error) {
            return Self::Target(place.error(kind, format!("cannot {what}: {why}")));
        }
        Self::Refused { what: what.to_owned(), why }
    }

    /// As an error of the target, for where nothing but the target can be to blame.
    pub(crate) fn into_target(self, place: &Place) -> TargetError {
        match self {
            Self::Target(error) => error,
            Self::Refused { .. } => place.error(TargetErrorKind::Protocol, self.words()),
        }
    }

    /// Why there was no answer, on one line.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Target(error) => error.to_string(),
            Self::Refused { what, why } => format!("cannot {what}: {why}"),
        }
    }

    /// Whether asking again soon may be answered: the connection broke, or the server was busy.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Target(TargetError {
                kind: TargetErrorKind::Lost | TargetErrorKind::Refused | TargetErrorKind::TimedOut,
                ..
            })
        )
    }
}

impl From<Trouble> for CheckError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Target(error) => Self::Target(error),
            Trouble::Refused { .. } => Self::unclear(trouble.words()),
        }
    }
}

/// What an error says of the target; `None` where the target is well but does not answer this question.
pub(crate) fn kind_of(error: &kube::Error) -> Option<TargetErrorKind> {
    use kube::Error as E;
    Some(match error {
        E::Api(status) => return kind_of_status(status),
        E::HyperError(error) => kind_of_chain(error),
        E::Service(error) => kind_of_chain(error.as_ref()),
        E::ReadEvents(error) => kind_of_chain(error),
        E::SerdeError(_) | E::FromUtf8(_) | E::LinesCodecMaxLineLengthExceeded => TargetErrorKind::Protocol,
        E::Auth(_) => TargetErrorKind::Unauthorised,
        E::RustlsTls(_)
        | E::TlsRequired
        | E::InferConfig(_)
        | E::InferKubeconfig(_)
        | E::ProxyProtocolDisabled { .. }
        | E::ProxyProtocolUnsupported { .. } => TargetErrorKind::Settings,
        E::HttpError(_) | E::BuildRequest(_) | E::Discovery(_) => return None,
    })
}

fn kind_of_status(status: &Status) -> Option<TargetErrorKind> {
    Some(match status.code {
        401 => TargetErrorKind::Unauthorised,
        // Who comes without a credential is known by this name, and may do next to nothing.
        403 if status.message.contains("\"system:anonymous\"") => TargetErrorKind::Unauthorised,
        403 => TargetErrorKind::Forbidden,
        504 => TargetErrorKind::TimedOut,
        429 | 500..=599 => TargetErrorKind::Lost,
        // The reason stands here where the body was not one of Kubernetes at all.
        _ if status.reason == UNREADABLE => TargetErrorKind::Protocol,
        _ => return None,
    })
}

/// What the client writes as the reason of an error that is no `Status`.
const UNREADABLE: &str = "Failed to parse error data";

fn kind_of_chain(error: &(dyn StdError + 'static)) -> TargetErrorKind {
    for error in causes(error) {
        if error.is::<Redirected>() || error.is::<http_body_util::LengthLimitError>() {
            return TargetErrorKind::Protocol;
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_parse()
        {
            return TargetErrorKind::Protocol;
        }
        let text = error.to_string();
        // A resolver's failure has no kind of its own; these are the words of the connector and of the libraries.
        if text.contains("dns error") || text.contains("failed to lookup address") {
            return TargetErrorKind::Dns;
        }
        if error.is::<kube::client::AuthError>() {
            return TargetErrorKind::Unauthorised;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return TargetErrorKind::Refused,
                io::ErrorKind::TimedOut => return TargetErrorKind::TimedOut,
                // What the TLS library says travels as invalid data.
                io::ErrorKind::InvalidData => return TargetErrorKind::Tls,
                io::ErrorKind::UnexpectedEof if text.contains("tls handshake") => {
                    return TargetErrorKind::Tls;
                }
                _ => {}
            }
        }
    }
    TargetErrorKind::Lost
}

/// The error's own words: of a chain what it began with.
pub(crate) fn words(error: &kube::Error) -> String {
    use kube::Error as E;
    match error {
        E::Api(status) => words_of_status(status),
        E::HyperError(error) => root(error),
        E::Service(error) => root(error.as_ref()),
        E::ReadEvents(error) => root(error),
        E::SerdeError(error) => format!("the answer is not what Kubernetes would say: {error}"),
        E::FromUtf8(_) => "the answer is no text".to_owned(),
        E::Auth(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn words_of_status(status: &Status) -> String {
    let code = http::StatusCode::from_u16(status.code).ok();
    let name = code.and_then(|code| code.canonical_reason()).unwrap_or("no such status");
    if status.reason == UNREADABLE || status.message.is_empty() {
        // A proxy's page says little in its first line, and nothing that Kubernetes would.
        return format!("HTTP {} {name}", status.code);
    }
    format!("{} (HTTP {} {name})", status.message, status.code)
}

fn root(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// A text on one line, without what surrounds it: see [`text::line`].
pub(crate) fn line(text: &str, length: usize) -> String {
    text::line(text.trim(), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u16, message: &str, reason: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, reason).with_code(code).boxed())
    }

    fn io(kind: io::ErrorKind, text: &str) -> kube::Error {
        kube::Error::Service(Box::new(io::Error::new(kind, text.to_owned())))
    }

    #[test]
    fn errors_have_a_kind() {
        for (error, kind) in [
            (api(401, "Unauthorized", "Unauthorized"), Some(TargetErrorKind::Unauthorised)),
            (api(403, "no", "Forbidden"), Some(TargetErrorKind::Forbidden)),
            (api(503, "etcd is leaderless", "ServiceUnavailable"), Some(TargetErrorKind::Lost)),
            (api(504, "late", "Timeout"), Some(TargetErrorKind::TimedOut)),
            (api(404, "<html>", UNREADABLE), Some(TargetErrorKind::Protocol)),
            (api(404, "pods \"x\" not found", "NotFound"), None),
            (io(io::ErrorKind::ConnectionRefused, "refused"), Some(TargetErrorKind::Refused)),
            (io(io::ErrorKind::TimedOut, "deadline has elapsed"), Some(TargetErrorKind::TimedOut)),
            (
                io(io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer"),
                Some(TargetErrorKind::Tls),
            ),
            (io(io::ErrorKind::UnexpectedEof, "tls handshake eof"), Some(TargetErrorKind::Tls)),
            (
                io(io::ErrorKind::Other, "failed to lookup address information: Name or service not known"),
                Some(TargetErrorKind::Dns),
            ),
            (io(io::ErrorKind::ConnectionReset, "reset"), Some(TargetErrorKind::Lost)),
            (
                kube::Error::SerdeError(serde_json::from_str::<u8>("x").unwrap_err()),
                Some(TargetErrorKind::Protocol),
            ),
        ] {
            assert_eq!(kind_of(&error), kind, "{error}");
        }
    }

    #[test]
    fn an_error_names_what_was_tried_and_no_credential() {
        let place = Place::new("k8s.example.com:6443", ["t0ken-of-the-robot"]);
        let error = api(403, "robot t0ken-of-the-robot\ncannot list", "Forbidden");
        let CheckError::Target(error) = Trouble::of(&error, "list the pods", &place).into() else {
            panic!("not the target's")
        };
        assert_eq!(
            error.to_string(),
            "k8s at k8s.example.com:6443: not permitted: cannot list the pods: robot [redacted]\\ncannot list (HTTP 403 \
             Forbidden)"
        );
    }

    #[test]
    fn a_refused_question_is_unclear() {
        let place = Place::new("k8s.example.com:6443", []);
        let error = api(422, "field selector is not known", "Invalid");
        let CheckError::Unclear(text) = Trouble::of(&error, "list the Secrets", &place).into() else {
            panic!("not unclear")
        };
        assert_eq!(
            text,
            "cannot list the Secrets: field selector is not known (HTTP 422 Unprocessable Entity)"
        );
    }

    #[test]
    fn every_kind_has_a_remedy() {
        for &kind in TargetErrorKind::ALL {
            assert!(remedy(kind, "k8s.example.com:6443").len() > 40, "{kind}");
        }
    }
}
