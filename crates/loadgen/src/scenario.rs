//! What is done under load: a scenario makes sessions, and a session does what one arrival does.

use crate::failure::Failure;
pub use crate::iteration::Iteration;
use async_trait::async_trait;

/// What is done under load, of no system in particular.
#[async_trait]
pub trait Scenario: Send + Sync + 'static {
    /// The names of what is timed; the index into it is an operation's number. Never empty.
    fn operations(&self) -> Vec<String>;

    /// Runs once, before the first arrival.
    ///
    /// # Errors
    /// Why nothing can be sent; then only [`teardown`](Self::teardown) follows.
    async fn setup(&self) -> Result<(), String> {
        Ok(())
    }

    /// A user with its own identity, data and connection; `number` counts up from 0 and is never given twice.
    ///
    /// It is made when it is first needed. What it asks the target here is neither timed nor held to the policy's rate,
    /// so it should be little.
    ///
    /// # Errors
    /// Why there is none: the arrival that waits for it has failed.
    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure>;

    /// Runs once at the end, whatever happened before: an abort, a cancellation, a panic.
    ///
    /// # Errors
    /// What is left behind.
    async fn teardown(&self) -> Result<(), String> {
        Ok(())
    }
}

/// One user of a scenario. It serves one arrival at a time and is used again for later ones.
#[async_trait]
pub trait Session: Send {
    /// Does what one arrival does. Every request belongs into [`Iteration::time`].
    ///
    /// # Errors
    /// Why it failed. An error that no timed operation has returned is counted as a failed attempt of the operation that
    /// was timed last, or of the first one.
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure>;

    /// Ends the user, after its last arrival. A session that is abandoned or has panicked is only dropped.
    async fn close(self: Box<Self>) {}
}
