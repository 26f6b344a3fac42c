//! What a server with a fault remembers from one request to the next, and how it goes down.

use super::faults::{Fault, Faults};
use serde_json::{Map, Value};
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long a crash lasts.
pub(super) const LONG_DOWN: Duration = Duration::from_secs(3);
/// How long it takes a server to come back that restarts now and then.
pub(super) const SHORT_DOWN: Duration = Duration::from_millis(300);
/// How many refused configurations make a burst, within [`BURST_WITHIN`].
const BURST: usize = 10;
const BURST_WITHIN: Duration = Duration::from_secs(3);

/// The memory of a server that has faults.
#[derive(Debug)]
pub(super) struct Mishaps {
    reads: AtomicUsize,
    refused: Mutex<Vec<(Instant, Map<String, Value>)>>,
    poisoned: AtomicBool,
    /// Whoever holds the other end takes the server away for as long.
    down: mpsc::UnboundedSender<Duration>,
}

/// What befalls a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Befalls {
    Gateway,
    Stall,
    Restart,
}

impl Mishaps {
    /// Nothing has happened yet. The other end is told when the server goes down, and for how long.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Duration>) {
        let (down, crashes) = mpsc::unbounded_channel();
        let new = Self {
            reads: AtomicUsize::new(0),
            refused: Mutex::default(),
            poisoned: AtomicBool::new(false),
            down,
        };
        (new, crashes)
    }

    /// What befalls the next read.
    pub(super) fn of_next_read(&self, faults: &Faults) -> Option<Befalls> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        [
            (Fault::FlakyGateway, 25, Befalls::Gateway),
            (Fault::Stalls, 20, Befalls::Stall),
            (Fault::Restarts, 20, Befalls::Restart),
        ]
        .into_iter()
        .find(|(fault, every, _)| faults.has(*fault) && number.is_multiple_of(*every))
        .map(|(.., befalls)| befalls)
    }

    /// Counts a configuration that is refused. Says whether there have been too many of the same lately.
    pub(super) fn is_burst(&self, body: &Map<String, Value>) -> bool {
        let now = Instant::now();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(then, _)| now.duration_since(*then) < BURST_WITHIN);
        refused.push((now, body.clone()));
        refused.iter().filter(|(_, other)| other == body).count() > BURST
    }

    /// Whether the configuration before this one was poison, and remembers whether this one is.
    pub(super) fn follows_poison(&self, is_poison: bool) -> bool {
        self.poisoned.swap(is_poison, Ordering::Relaxed)
    }

    /// Goes down, and never answers.
    pub(super) async fn go_down<T>(&self, duration: Duration) -> T {
        // Where nobody listens the server is being stopped anyway.
        let _ = self.down.send(duration);
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bursts_and_poison_are_remembered_and_forgotten() {
        let (mishaps, _crashes) = Mishaps::new();
        let body = Map::new();
        assert_eq!((0..11).filter(|_| mishaps.is_burst(&body)).count(), 1);
        assert!(!mishaps.is_burst(&Map::from_iter([("other".to_owned(), Value::Null)])));
        assert!(!mishaps.follows_poison(true));
        assert!(mishaps.follows_poison(false) && !mishaps.follows_poison(false));
    }

    #[tokio::test]
    async fn now_and_then_a_read_meets_the_gateway() {
        let (mishaps, _crashes) = Mishaps::new();
        let mut faults = Faults::default();
        assert_eq!(mishaps.of_next_read(&faults), None);
        faults.turn_on(Fault::FlakyGateway);
        let befalls: Vec<_> = (2..=50).filter_map(|_| mishaps.of_next_read(&faults)).collect();
        assert_eq!(befalls, [Befalls::Gateway; 2]);
    }
}
