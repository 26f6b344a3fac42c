//! Before the start: every worker is greeted, asked for its time, told its part, and ready.

use super::clock::{ClockOffset, EXCHANGES, Exchange};
use super::frame::{FrameError, Reader, send};
use super::protocol::{Assignment, Order, VERSION, Word};
use super::transport::{Hold, Link};
use shakedown_core::text::line;
use shakedown_core::{Clock, HumanDuration};
use std::fmt;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// How many lines a worker may write before its first message: a program may greet whoever started it.
const PREAMBLE: usize = 32;

/// How much of what a worker says of itself is repeated.
const REPEATED: usize = 400;

/// A worker that waits for the start.
pub(super) struct Recruit {
    pub(super) pid: u32,
    pub(super) offset: ClockOffset,
    /// The names of its scenario's operations, once it is ready.
    pub(super) operations: Vec<String>,
    pub(super) from: Reader<Box<dyn AsyncRead + Send + Unpin>>,
    pub(super) to: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) hold: Box<dyn Hold>,
}

/// Why a worker is of no use, and what it said last.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It speaks another version.
    #[error("it speaks version {0} of the protocol, not {VERSION}; all workers must be of the same build")]
    Version(u32),
    /// It said that it cannot do its part.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("it did not {what} within {}", HumanDuration(*.waited))]
    Silent {
        /// What it should have done.
        what: &'static str,
        /// How long it had.
        waited: Duration,
    },
    /// Its stream ended, or brought no messages.
    #[error(transparent)]
    Stream(#[from] FrameError),
    /// It said something else than was its turn.
    #[error("it said {0}, which was not its turn")]
    OutOfTurn(String),
}

impl Recruit {
    /// Waits for the worker's first words, and finds out how far its clock is from ours.
    pub(super) async fn greet(
        link: Link,
        clock: &Clock,
        patience: Duration,
    ) -> Result<Self, (Trouble, String)> {
        let Link { from, mut to, hold } = link;
        let mut from = Reader::new(from);
        let greeted = timeout(patience, async {
            let pid = hello(&mut from).await?;
            let offset = compare(&mut from, &mut to, clock).await?;
            Ok((pid, offset))
        });
        let outcome =
            greeted.await.unwrap_or(Err(Trouble::Silent { what: "introduce itself", waited: patience }));
        match outcome {
            Ok((pid, offset)) => Ok(Self { pid, offset, operations: Vec::new(), from, to, hold }),
            Err(trouble) => Err((trouble, last_words(&*hold).await)),
        }
    }

    /// Tells it its part, and waits until it is ready.
    pub(super) async fn enlist(
        mut self,
        part: Assignment,
        patience: Duration,
    ) -> Result<Self, (Trouble, String)> {
        let enlisted = timeout(patience, async {
            send(&mut self.to, &Order::Assignment(Box::new(part))).await?;
            loop {
                match self.from.next().await? {
                    Word::Ready { operations } => return Ok(operations),
                    Word::Alive => {}
                    Word::Failed { why } => return Err(Trouble::Refused(line(&why, REPEATED))),
                    other => return Err(out_of_turn(&other)),
                }
            }
        });
        let outcome = enlisted.await.unwrap_or(Err(Trouble::Silent { what: "get ready", waited: patience }));
        match outcome {
            Ok(operations) => Ok(Self { operations, ..self }),
            Err(trouble) => Err((trouble, last_words(&*self.hold).await)),
        }
    }
}

async fn hello(from: &mut Reader<Box<dyn AsyncRead + Send + Unpin>>) -> Result<u32, Trouble> {
    let mut preamble = 0;
    loop {
        match from.next().await {
            Ok(Word::Hello { version: VERSION, pid, .. }) => return Ok(pid),
            Ok(Word::Hello { version, .. }) => return Err(Trouble::Version(version)),
            Ok(Word::Failed { why }) => return Err(Trouble::Refused(line(&why, REPEATED))),
            Ok(other) => return Err(out_of_turn(&other)),
            Err(FrameError::Garbage(..)) if preamble < PREAMBLE => preamble += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Asks for the time, several times.
async fn compare(
    from: &mut Reader<Box<dyn AsyncRead + Send + Unpin>>,
    to: &mut (impl AsyncWrite + Unpin),
    clock: &Clock,
) -> Result<ClockOffset, Trouble> {
    let mut exchanges = Vec::new();
    for number in 0..EXCHANGES {
        let (asked, since) = (clock.now(), Instant::now());
        send(to, &Order::Ping { number }).await?;
        match from.next().await? {
            Word::Pong { number: answered, clock } if answered == number => {
                exchanges.push(Exchange { asked, took: since.elapsed(), answered: clock });
            }
            other => return Err(out_of_turn(&other)),
        }
    }
    ClockOffset::estimate(&exchanges).ok_or_else(|| Trouble::OutOfTurn("nothing".to_owned()))
}

fn out_of_turn(word: &Word) -> Trouble {
    Trouble::OutOfTurn(line(&format!("{word:?}"), 60))
}

/// What a worker said last besides messages, as the end of a sentence.
pub(super) async fn last_words(hold: &dyn Hold) -> String {
    // What it wrote just before it died may still be on its way.
    tokio::time::sleep(Duration::from_millis(50)).await;
    hold.last_words().map(|said| format!("; it wrote: {}", line(&said, REPEATED))).unwrap_or_default()
}

impl fmt::Debug for Recruit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recruit")
            .field("pid", &self.pid)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
