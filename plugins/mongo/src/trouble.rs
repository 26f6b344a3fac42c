//! What the driver's errors mean: the target cannot be used, or the server refused a question.

use crate::answer::Flood;
use crate::brief;
use crate::monitor::NoneFit;
use crate::place::Place;
use crate::right::Right;
use mongodb::error::{CommandError, Error, ErrorKind};
use shakedown_core::{CheckError, TargetError, TargetErrorKind};
use std::io;

/// Why the server gave no answer to a question.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The target cannot be used, or not like this.
    Target(TargetError),
    /// The question could not be answered, in words.
    Refused {
        /// What was asked, as "list the collections".
        what: String,
        /// The code of the server's error, where it is one.
        code: Option<i32>,
        /// Why not.
        why: String,
    },
}

impl Trouble {
    /// What the driver's error on the attempt to do `what` means.
    pub(crate) fn of(error: &Error, what: &str, place: &Place) -> Self {
        if let Some(error) = target_error(error, &format!("cannot {what}: "), place) {
            return Self::Target(error);
        }
        let code = match &*error.kind {
            ErrorKind::Command(command) => Some(command.code),
            _ => None,
        };
        Self::Refused { what: what.to_owned(), code, why: place.mask(words(error)) }
    }

    /// Whether the user may not do this, in so many words.
    pub(crate) fn forbidden(&self) -> Option<&TargetError> {
        match self {
            Self::Target(error) if error.kind == TargetErrorKind::Forbidden => Some(error),
            _ => None,
        }
    }

    /// Whether the server does not know the command, or has nothing to say to it where it stands.
    pub(crate) fn is_not_offered(&self) -> bool {
        // CommandNotFound, NoReplicationEnabled, CommandNotSupported, APIStrictError, an unknown stage
        matches!(self, Self::Refused { code: Some(59 | 76 | 115 | 323 | 40324), .. })
    }

    /// Whether the server said that the collection does not exist.
    pub(crate) fn is_missing_namespace(&self) -> bool {
        matches!(self, Self::Refused { code: Some(26), .. })
    }

    /// Whether the server does not know an option of the command.
    pub(crate) fn is_unknown_option(&self) -> bool {
        // FailedToParse, InvalidOptions, an unknown field
        matches!(self, Self::Refused { code: Some(9 | 72 | 40415), .. })
    }

    /// Whether the server cannot do this to a view.
    pub(crate) fn is_about_a_view(&self) -> bool {
        matches!(self, Self::Refused { code: Some(166), .. })
    }

    /// Why there was no answer, on one line.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Target(error) => error.to_string(),
            Self::Refused { what, why, .. } => format!("cannot {what}: {why}"),
        }
    }
}

impl Trouble {
    /// The same where nobody but the target can be told of it.
    pub(crate) fn of_target(self, place: &Place) -> TargetError {
        match self {
            Self::Target(error) => error,
            refused @ Self::Refused { .. } => place.error(TargetErrorKind::Protocol, refused.words()),
        }
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

/// The error of the target that the driver's error means; `None` where the target is well.
pub(crate) fn target_error(error: &Error, prefix: &str, place: &Place) -> Option<TargetError> {
    let kind = kind_of(error, place)?;
    if kind == TargetErrorKind::Forbidden
        && let ErrorKind::Command(command) = &*error.kind
        && let Some(right) = Right::refused_by(&command.message, place.database())
    {
        return Some(place.error(kind, format!("{prefix}{right}")).remedy(right.remedy()));
    }
    Some(place.error(kind, format!("{prefix}{}", words(error))))
}

/// What an error says of the target; `None` where the target is well but does not answer this question.
pub(crate) fn kind_of(error: &Error, place: &Place) -> Option<TargetErrorKind> {
    Some(match &*error.kind {
        ErrorKind::Io(io) => kind_of_io(io, place.tls),
        ErrorKind::DnsResolve { .. } => TargetErrorKind::Dns,
        ErrorKind::Authentication { .. } => TargetErrorKind::Unauthorised,
        ErrorKind::ServerSelection { .. } => TargetErrorKind::TimedOut,
        ErrorKind::ConnectionPoolCleared { .. } => TargetErrorKind::Lost,
        ErrorKind::InvalidTlsConfig { .. } => TargetErrorKind::Settings,
        ErrorKind::InvalidResponse { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::Internal { .. }
        | ErrorKind::Bson(_)
        | ErrorKind::BsonDeserialization(_) => TargetErrorKind::Protocol,
        ErrorKind::Custom(_) if error.get_custom::<NoneFit>().is_some() => TargetErrorKind::TimedOut,
        ErrorKind::Custom(_) if error.get_custom::<Flood>().is_some() => TargetErrorKind::Protocol,
        ErrorKind::Command(command) => return kind_of_command(command, place),
        _ => return None,
    })
}

fn kind_of_command(command: &CommandError, place: &Place) -> Option<TargetErrorKind> {
    Some(match command.code {
        // Unauthorized: we may not do that. Without a login nobody may do anything.
        13 if place.anonymous => TargetErrorKind::Unauthorised,
        13 => TargetErrorKind::Forbidden,
        // AuthenticationFailed
        18 => TargetErrorKind::Unauthorised,
        // MaxTimeMSExpired
        50 => TargetErrorKind::TimedOut,
        // The server is shutting down, starting, or has just lost its primary.
        91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436 => TargetErrorKind::Lost,
        _ => return None,
    })
}

fn kind_of_io(error: &io::Error, tls: bool) -> TargetErrorKind {
    // A resolver's failure has no kind of its own; these are the words of the standard library and of Windows.
    let text = error.to_string();
    if text.contains("failed to lookup address") || text.contains("No such host") {
        return TargetErrorKind::Dns;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TargetErrorKind::Refused,
        io::ErrorKind::TimedOut => TargetErrorKind::TimedOut,
        io::ErrorKind::InvalidData if tls => TargetErrorKind::Tls,
        io::ErrorKind::InvalidData => TargetErrorKind::Protocol,
        io::ErrorKind::UnexpectedEof if text.contains("tls handshake") => TargetErrorKind::Tls,
        _ => TargetErrorKind::Lost,
    }
}

/// The error's own words on one line, without the driver's labels and the state of its topology.
pub(crate) fn words(error: &Error) -> String {
    let text = match &*error.kind {
        ErrorKind::Io(io) => io.to_string(),
        ErrorKind::Command(command) => {
            let name = if command.code_name.is_empty() { "no name" } else { &command.code_name };
            format!("{} ({name}, code {})", command.message, command.code)
        }
        ErrorKind::ServerSelection { .. } => "no answer in time".to_owned(),
        ErrorKind::Custom(_) => match error.get_custom::<Flood>() {
            Some(flood) => flood.to_string(),
            None => NoneFit.to_string(),
        },
        ErrorKind::ConnectionPoolCleared { .. } => "another connection to it has just broken".to_owned(),
        other => other.to_string(),
    };
    brief::line(&text, 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{self, doc};

    fn place(uri: &str) -> Place {
        Place::unparsed(uri, "prisma")
    }

    fn command(code: i32, name: &str, message: &str) -> Error {
        let reply = doc! { "code": code, "codeName": name, "errmsg": message };
        ErrorKind::Command(bson::deserialize_from_document(reply).unwrap()).into()
    }

    #[test]
    fn errors_of_the_connection_have_a_kind() {
        let here = place("mongodb://db.example.com");
        let mut encrypted = here.clone();
        encrypted.tls = true;
        let io = |kind, text: &str| Error::from(io::Error::new(kind, text));
        for (error, place, kind) in [
            (io(io::ErrorKind::ConnectionRefused, "refused"), &here, TargetErrorKind::Refused),
            (io(io::ErrorKind::TimedOut, "late"), &here, TargetErrorKind::TimedOut),
            (
                io(io::ErrorKind::Other, "failed to lookup address information: unknown"),
                &here,
                TargetErrorKind::Dns,
            ),
            (io(io::ErrorKind::InvalidData, "UnknownIssuer"), &encrypted, TargetErrorKind::Tls),
            (io(io::ErrorKind::UnexpectedEof, "tls handshake eof"), &encrypted, TargetErrorKind::Tls),
            (io(io::ErrorKind::InvalidData, "garbage"), &here, TargetErrorKind::Protocol),
            (io(io::ErrorKind::ConnectionReset, "reset"), &here, TargetErrorKind::Lost),
            (command(18, "AuthenticationFailed", "no"), &here, TargetErrorKind::Unauthorised),
            (command(11600, "InterruptedAtShutdown", "no"), &here, TargetErrorKind::Lost),
            (command(50, "MaxTimeMSExpired", "no"), &here, TargetErrorKind::TimedOut),
        ] {
            assert_eq!(kind_of(&error, place), Some(kind), "{error}");
        }
    }

    #[test]
    fn who_may_not_do_something_is_forbidden_and_who_comes_without_a_name_is_unknown() {
        let anonymous = place("mongodb://db.example.com");
        let mut known = anonymous.clone();
        known.anonymous = false;
        let error = command(13, "Unauthorized", "not authorized on prisma to execute command");
        assert_eq!(kind_of(&error, &known), Some(TargetErrorKind::Forbidden));
        assert_eq!(kind_of(&error, &anonymous), Some(TargetErrorKind::Unauthorised));
    }

    #[test]
    fn a_refused_question_is_unclear_and_named() {
        let error = command(26, "NamespaceNotFound", "ns does not\nexist");
        let trouble = Trouble::of(&error, "list the indexes", &place("mongodb://db.example.com"));
        assert!(trouble.is_missing_namespace());
        let CheckError::Unclear(text) = trouble.into() else { panic!("not unclear") };
        assert_eq!(text, r"cannot list the indexes: ns does not\nexist (NamespaceNotFound, code 26)");
    }

    #[test]
    fn an_unusable_target_says_what_was_tried() {
        let error = Error::from(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"));
        let CheckError::Target(error) =
            Trouble::of(&error, "ping", &place("mongodb://db.example.com")).into()
        else {
            panic!("not the target's")
        };
        assert_eq!(
            error.to_string(),
            "mongo at db.example.com: connection refused: cannot ping: connection refused"
        );
    }
}
