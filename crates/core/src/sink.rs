//! What listens to the stream of events.

use crate::context::Progress;
use crate::event::Event;
use std::io;

/// A consumer of the events of a run. One that fails is not asked again, and silences no other.
pub trait Sink: Send {
    /// What it is, for the message when it fails, for example "journal".
    fn name(&self) -> &str;

    /// Takes the next event. `line` is the same event as one line of JSON, without its newline. Both are redacted.
    ///
    /// # Errors
    /// Where the event could not be written.
    fn event(&mut self, event: &Event, line: &str) -> io::Result<()>;

    /// Shows how far a running check is. Not journalled; redacted.
    fn progress(&mut self, _check: &str, _progress: &Progress) {}
}
