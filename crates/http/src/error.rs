//! Why there was no answer, or no whole one.

use crate::exchange::Exchange;
use shakedown_core::{TargetError, TargetErrorKind, causes};
use std::error::Error;
use std::io;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The address, a header or a certificate file in the settings cannot be used.
    Settings,
    /// Nothing listens there.
    Refused,
    /// The host's name does not resolve.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// The exchange did not end within its deadline.
    TimedOut,
    /// The connection broke.
    Lost,
    /// What came back is not HTTP.
    Protocol,
    /// The body is longer than the request allowed.
    BodyTooLarge,
}

impl From<HttpErrorKind> for TargetErrorKind {
    fn from(kind: HttpErrorKind) -> Self {
        match kind {
            HttpErrorKind::Settings => Self::Settings,
            HttpErrorKind::Refused => Self::Refused,
            HttpErrorKind::Dns => Self::Dns,
            HttpErrorKind::Tls => Self::Tls,
            HttpErrorKind::TimedOut => Self::TimedOut,
            HttpErrorKind::Lost => Self::Lost,
            HttpErrorKind::Protocol | HttpErrorKind::BodyTooLarge => Self::Protocol,
        }
    }
}

/// There was no answer, or no whole one. Its text carries no credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// Why.
    pub kind: HttpErrorKind,
    /// The scheme, host and port that were asked.
    pub address: String,
    /// In words, with method and path where a request was made.
    pub message: String,
    /// What had come back before it broke, where the headers had.
    pub partial: Option<Box<Exchange>>,
}

impl HttpError {
    pub(crate) fn new(kind: HttpErrorKind, address: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, address: address.into(), message: message.into(), partial: None }
    }

    /// The same, as the error of the target of that kind.
    pub fn for_target(&self, target: &str) -> TargetError {
        let error = TargetError::new(target, &self.address, self.kind.into(), &self.message);
        match self.kind {
            HttpErrorKind::Refused => error.remedy("start the server, or correct its address and port"),
            HttpErrorKind::Dns => error.remedy("correct the host name, or connect the network or VPN that knows it"),
            HttpErrorKind::Tls => error.remedy(
                "name the certificate authority in `ca_file`, or set `verify_tls = false` for a self-signed certificate",
            ),
            HttpErrorKind::TimedOut
            | HttpErrorKind::Lost
            | HttpErrorKind::Protocol
            | HttpErrorKind::BodyTooLarge
            | HttpErrorKind::Settings => error,
        }
    }
}

/// What an error of the HTTP library says: its kind, and the words at the root of it, which name no address.
pub(crate) fn classify(error: &reqwest::Error) -> (HttpErrorKind, String) {
    // The error itself says what was asked, not what went wrong.
    let chain: Vec<_> = causes(error).skip(1).collect();
    let root = chain.last().map_or_else(|| error.to_string(), ToString::to_string);
    let kind = if chain.iter().any(|cause| cause.is::<rustls::Error>()) {
        HttpErrorKind::Tls
    } else if error.is_timeout() {
        HttpErrorKind::TimedOut
    } else if error.is_dns() {
        HttpErrorKind::Dns
    } else {
        chain.iter().rev().find_map(|cause| kind_of(*cause)).unwrap_or(HttpErrorKind::Protocol)
    };
    (kind, root)
}

fn kind_of(cause: &(dyn Error + 'static)) -> Option<HttpErrorKind> {
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        let lost = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
        return lost.then_some(HttpErrorKind::Lost);
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => Some(HttpErrorKind::Refused),
        io::ErrorKind::TimedOut => Some(HttpErrorKind::TimedOut),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => Some(HttpErrorKind::Lost),
        _ => None,
    }
}
