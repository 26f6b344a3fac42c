//! What the driver's monitor sees of the servers. When a question fails because no server could be chosen, the driver
//! does not say why; the monitor knows.

use crate::number::whole;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::ClientOptions;
use std::collections::BTreeMap;
use std::fmt;
use tokio::sync::watch;

/// The longest message that MongoDB sends.
pub(crate) const LONGEST_MESSAGE: i64 = 48_000_000;

/// The last sight of each server.
pub(crate) struct Monitor(watch::Receiver<Seen>);

#[derive(Default)]
struct Seen {
    /// The servers whose last heartbeat failed, and how.
    failed: BTreeMap<String, Error>,
    /// Whether a server has answered.
    answered: bool,
    /// The longest message that a server has announced, where that is longer than any of MongoDB's.
    boasted: Option<i64>,
}

/// Servers answer, but none of them may be asked.
pub(crate) struct NoneFit;

impl fmt::Display for NoneFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server answers, but none is fit for use: there is no primary, or `replicaSet` of `uri` is another")
    }
}

impl Monitor {
    /// Listens to the client that will be made with these options.
    pub(crate) fn of(options: &mut ClientOptions) -> Self {
        let (sender, receiver) = watch::channel(Seen::default());
        options.sdam_event_handler = Some(EventHandler::callback(move |event| match event {
            SdamEvent::ServerHeartbeatFailed(event) => sender.send_modify(|seen| {
                seen.failed.insert(event.server_address.to_string(), event.failure);
            }),
            SdamEvent::ServerHeartbeatSucceeded(event) => sender.send_modify(|seen| {
                seen.failed.remove(&event.server_address.to_string());
                seen.answered = true;
                let announced = event.reply.get("maxMessageSizeBytes").and_then(whole);
                seen.boasted = seen.boasted.max(announced.filter(|&bytes| bytes > LONGEST_MESSAGE));
            }),
            _ => {}
        }));
        Self(receiver)
    }

    /// Returns when every one of `hosts` has failed, with one of the failures.
    pub(crate) async fn all_failed(&self, hosts: usize) -> Error {
        let mut seen = self.0.clone();
        let failure = match seen.wait_for(|seen| seen.failed.len() >= hosts.max(1)).await {
            Ok(seen) => seen.failed.values().next().cloned(),
            Err(_) => None,
        };
        match failure {
            Some(failure) => failure,
            // The monitor has ended, so that it will not see anything any more.
            None => std::future::pending().await,
        }
    }

    /// What a server announces as its longest message, where no MongoDB sends one as long.
    pub(crate) fn boasted(&self) -> Option<i64> {
        self.0.borrow().boasted
    }

    /// The reason behind an error that only says that there was no server to ask.
    pub(crate) fn reveal(&self, error: Error) -> Error {
        if !matches!(
            &*error.kind,
            ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. }
        ) {
            return error;
        }
        let seen = self.0.borrow();
        match seen.failed.values().next() {
            Some(failure) => failure.clone(),
            None if seen.answered => Error::custom(NoneFit),
            None => error,
        }
    }
}
