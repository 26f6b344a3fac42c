//! Why an operation failed, told finely enough that a reader knows whom to ask.
//!
//! Errors of sockets, TLS and HTTP are read by their types, never by their texts.

use rustix::io::Errno;
use shakedown_core::causes;
use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::time::Duration;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection was made.
    #[error("no connection: {0}")]
    Connect(ConnectFailure),
    /// The connection, or the stream in it, was reset.
    #[error("the connection was reset")]
    Reset,
    /// The server closed the connection without an answer.
    #[error("the connection was closed without an answer")]
    Closed,
    /// No whole answer came within its time.
    #[error("no whole answer within the time-out")]
    TimedOut,
    /// The TLS handshake failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// An answer whose status is not the wanted one.
    #[error("status {0}")]
    Status(u16),
    /// Status 429: the server asks for less.
    #[error("status 429{}", wait(*retry_after))]
    Throttled {
        /// How long the server asks to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// The answer is not what was asked for.
    #[error("wrong content: {0}")]
    Content(String),
    /// The connection ended before the announced end of the answer.
    #[error("the answer broke off before its announced end")]
    Truncated,
    /// The answer is longer than this number of bytes, which is all that is read of one.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
    /// What came back does not keep to the protocol.
    #[error("not the protocol: {0}")]
    Protocol(String),
    /// The run ended first.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why no connection was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// Nothing listens there.
    #[error("refused")]
    Refused,
    /// Nothing answered in time.
    #[error("no answer within the connect time-out")]
    TimedOut,
    /// No way leads there.
    #[error("unreachable")]
    Unreachable,
    /// The host's name does not resolve.
    #[error("the name does not resolve: {0}")]
    Dns(String),
    /// This machine has no free port left towards that address.
    #[error("this machine has no free port left")]
    NoPort,
    /// This process may not open another descriptor.
    #[error("this process may not open another descriptor")]
    NoDescriptor,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

const NO_PORT: &str = "generator-ports";
const NO_DESCRIPTOR: &str = "generator-descriptors";

impl Failure {
    /// The class that failures of this kind are counted under: kebab-case, few, and stable.
    pub fn class(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Connect(failure) => failure.class(),
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::TimedOut => "timeout",
            Self::Tls(_) => "tls",
            Self::Status(status) => return Cow::Owned(format!("status-{status}")),
            Self::Throttled { .. } => "throttled",
            Self::Content(_) => "content",
            Self::Truncated => "truncated",
            Self::TooLarge(_) => "too-large",
            Self::Protocol(_) => "protocol",
            Self::Cancelled => "cancelled",
            Self::Other(_) => "other",
        })
    }

    /// Whether the generator ran out of something of its own, so that the target is not to blame.
    pub fn is_own_limit(&self) -> bool {
        matches!(self, Self::Connect(ConnectFailure::NoPort | ConnectFailure::NoDescriptor))
    }

    /// The same, asked of a class that was counted.
    pub fn class_is_own_limit(class: &str) -> bool {
        [NO_PORT, NO_DESCRIPTOR].contains(&class)
    }

    /// How long the server asks to wait, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// What an error says, read from the first of its causes that is known.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let causes: Vec<_> = causes(error).collect();
        let root = causes.last().map_or_else(String::new, ToString::to_string);
        // The innermost cause is the most telling: HTTP libraries wrap what the socket said.
        causes.iter().rev().find_map(|cause| known(*cause)).unwrap_or(Self::Other(root))
    }

    /// What an error says that came up while a connection was being made.
    pub fn of_connecting(error: &io::Error) -> Self {
        Self::Connect(match Self::of(error) {
            Self::Connect(failure) => failure,
            Self::TimedOut => ConnectFailure::TimedOut,
            Self::Reset => ConnectFailure::Refused,
            _ => ConnectFailure::Other(error.to_string()),
        })
    }
}

impl ConnectFailure {
    fn class(&self) -> &'static str {
        match self {
            Self::Refused => "connect-refused",
            Self::TimedOut => "connect-timeout",
            Self::Unreachable => "connect-unreachable",
            Self::Dns(_) => "dns",
            Self::NoPort => NO_PORT,
            Self::NoDescriptor => NO_DESCRIPTOR,
            Self::Other(_) => "connect",
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::of(&error)
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(": wait {} s", wait.as_secs_f64()))
}

fn known(cause: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(Failure::Tls(error.to_string()));
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return Some(of_http2(error));
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_http(error);
    }
    cause.downcast_ref::<io::Error>().and_then(of_socket)
}

fn of_http(error: &hyper::Error) -> Option<Failure> {
    if error.is_parse() {
        Some(Failure::Protocol(error.to_string()))
    } else if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        Some(Failure::Closed)
    } else if error.is_timeout() {
        Some(Failure::TimedOut)
    } else if error.source().is_none() && !error.is_user() {
        // Bytes that no request asked for: hyper has no question for it.
        Some(Failure::Protocol(error.to_string()))
    } else {
        None
    }
}

fn of_http2(error: &h2::Error) -> Failure {
    if let Some(error) = error.get_io() {
        of_socket(error).unwrap_or_else(|| Failure::Other(error.to_string()))
    } else if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) {
        Failure::Closed
    } else if error.is_remote() && error.is_reset() {
        Failure::Reset
    } else {
        Failure::Protocol(error.to_string())
    }
}

fn of_socket(error: &io::Error) -> Option<Failure> {
    if let Some(Errno::MFILE | Errno::NFILE) = Errno::from_io_error(error) {
        return Some(Failure::Connect(ConnectFailure::NoDescriptor));
    }
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Connect(ConnectFailure::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Failure::Connect(ConnectFailure::Unreachable)
        }
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
            Failure::Connect(ConnectFailure::NoPort)
        }
        io::ErrorKind::TimedOut => Failure::TimedOut,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Failure::Reset,
        io::ErrorKind::UnexpectedEof => Failure::Truncated,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Failure::Protocol(error.to_string()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_known_cause_counts() {
        let inner = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(Failure::of(&io::Error::other(inner)), Failure::Reset);
        let tls = rustls::Error::HandshakeNotComplete;
        let failure = Failure::of(&io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(failure.class(), "tls");
    }

    #[test]
    fn what_the_generator_lacks_is_its_own_limit() {
        for (errno, class) in [
            (Errno::MFILE, "generator-descriptors"),
            (Errno::NFILE, "generator-descriptors"),
            (Errno::ADDRNOTAVAIL, "generator-ports"),
        ] {
            let failure = Failure::of_connecting(&errno.into());
            assert_eq!(failure.class(), class);
            assert!(failure.is_own_limit() && Failure::class_is_own_limit(&failure.class()));
        }
        let refused = Failure::of_connecting(&Errno::CONNREFUSED.into());
        assert_eq!(refused.class(), "connect-refused");
        assert!(!refused.is_own_limit() && !Failure::class_is_own_limit(&refused.class()));
    }

    #[test]
    fn a_connection_that_is_never_made_is_no_late_answer() {
        assert_eq!(Failure::from(io::Error::from(Errno::TIMEDOUT)).class(), "timeout");
        assert_eq!(Failure::of_connecting(&Errno::TIMEDOUT.into()).class(), "connect-timeout");
        assert_eq!(Failure::of_connecting(&Errno::NETUNREACH.into()).class(), "connect-unreachable");
    }

    #[test]
    fn each_status_is_a_class() {
        assert_eq!(Failure::Status(503).class(), "status-503");
        let throttled = Failure::Throttled { retry_after: Some(Duration::from_millis(1500)) };
        assert_eq!(
            (throttled.class().as_ref(), throttled.to_string().as_str()),
            ("throttled", "status 429: wait 1.5 s")
        );
    }
}
