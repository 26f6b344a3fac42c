//! What came back, and what is done with its body on the way.

use crate::failure::Failure;
use bytes::{Bytes, BytesMut};
use http::header::{DATE, HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use shakedown_core::{Clock, clock::http_date};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, where it was kept.
    pub body: Bytes,
    /// The length of its body.
    pub bytes: u64,
    /// How many rows the reader counted in it.
    pub rows: u64,
    /// How long a connection took to make; zero where there was one.
    pub connecting: Duration,
    /// From the start to the end of the headers.
    pub first_byte: Duration,
    /// From the start to the end of the body.
    pub elapsed: Duration,
}

impl Answer {
    /// The same where its status is one of success.
    ///
    /// # Errors
    /// [`Failure::Throttled`] for 429, else [`Failure::Status`].
    pub fn success(self) -> Result<Self, Failure> {
        match self.status {
            200..=299 => Ok(self),
            429 => Err(Failure::Throttled { retry_after: self.retry_after() }),
            status => Err(Failure::Status(status)),
        }
    }

    /// How long the server asks to wait, in seconds or until a date.
    ///
    /// A date is read by the server's own clock where the answer tells it.
    pub fn retry_after(&self) -> Option<Duration> {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let now = || header(DATE).and_then(http_date).unwrap_or_else(|| Clock::system().now());
        wait(header(RETRY_AFTER)?, now)
    }
}

fn wait(text: &str, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    // A date that has passed asks for no wait.
    Some(Duration::try_from(until.duration_since(now())).unwrap_or_default())
}

/// Sees the body of an answer as it arrives.
pub trait Reader: Send {
    /// The next piece of the body. `Break` when it is enough: the rest is not read, and the connection is closed.
    fn chunk(&mut self, bytes: Bytes) -> ControlFlow<()>;

    /// How many rows it has seen.
    fn rows(&self) -> u64 {
        0
    }
}

/// Reads a body and forgets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Reader for Discard {
    fn chunk(&mut self, _: Bytes) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Counts the lines of a body, of which the last may lack its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    ended: u64,
    is_within: bool,
}

impl Reader for Lines {
    fn chunk(&mut self, bytes: Bytes) -> ControlFlow<()> {
        self.ended += bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        if let Some(last) = bytes.last() {
            self.is_within = *last != b'\n';
        }
        ControlFlow::Continue(())
    }

    fn rows(&self) -> u64 {
        self.ended + u64::from(self.is_within)
    }
}

/// Keeps a whole body. One that comes in one piece is not copied.
#[derive(Debug, Default)]
pub(super) struct Whole {
    first: Bytes,
    more: BytesMut,
}

impl Whole {
    pub(super) fn take(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

impl Reader for Whole {
    fn chunk(&mut self, bytes: Bytes) -> ControlFlow<()> {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = bytes;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.more.extend_from_slice(&bytes);
        }
        ControlFlow::Continue(())
    }
}

type Checker = dyn Fn(&Answer) -> Result<(), String> + Send + Sync;

/// Keeps every n-th answer whole and has its content checked. Clones count together.
#[derive(Clone)]
pub struct Sampling {
    every: u64,
    seen: Arc<AtomicU64>,
    checker: Arc<Checker>,
}

impl Sampling {
    /// The first of every `every` answers is handed to `checker`, which says what is wrong with it.
    pub fn new(every: u64, checker: impl Fn(&Answer) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { every: every.max(1), seen: Arc::default(), checker: Arc::new(checker) }
    }

    /// Whether the next answer is to be checked.
    pub fn is_due(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }

    /// Checks an answer that was kept whole.
    ///
    /// # Errors
    /// [`Failure::Content`].
    pub fn check(&self, answer: &Answer) -> Result<(), Failure> {
        (self.checker)(answer).map_err(Failure::Content)
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling").field("every", &self.every).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = || http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(wait("120", now), Some(Duration::from_mins(2)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
    }

    #[test]
    fn lines_are_counted_across_pieces() {
        let mut lines = Lines::default();
        for piece in ["a\nb", "c\n", "", "d"] {
            assert!(lines.chunk(Bytes::from_static(piece.as_bytes())).is_continue());
        }
        assert_eq!(lines.rows(), 3);
    }

    #[test]
    fn a_body_in_pieces_is_put_together() {
        let mut whole = Whole::default();
        for piece in ["", "ab", "", "c"] {
            assert!(whole.chunk(Bytes::from_static(piece.as_bytes())).is_continue());
        }
        assert_eq!(whole.take(), "abc");
    }

    #[test]
    fn every_nth_answer_is_checked() {
        let sampling = Sampling::new(3, |_| Err("wrong".to_owned()));
        let due: Vec<_> = (0..7).map(|_| sampling.is_due()).collect();
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
