//! A bound on how many jobs exist at once, shared by all checks of a run.

use crate::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The environment's `max_concurrent_jobs`. Clones share the same slots.
///
/// ```
/// use shakedown_core::{Clock, budget::Budget};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let budget = Budget::new(2, Clock::system());
/// assert_eq!(budget.limit(), 2);
/// let slot = budget.acquire().await;
/// // A job that ends by itself after a while keeps its slot until then; one that was removed gives it back.
/// budget.acquire().await.release_after(std::time::Duration::from_secs(50));
/// drop(slot);
/// budget.acquire().await;
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Budget {
    slots: Arc<Semaphore>,
    limit: usize,
    clock: Clock,
    /// The runtime on which slots wait for the end of what they stand for.
    runtime: Option<Handle>,
}

impl Budget {
    /// A budget of `limit` jobs. Slots that stay taken for a while are given back on the runtime that this is called on,
    /// which must outlive them.
    pub fn new(limit: usize, clock: Clock) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { slots: Arc::new(Semaphore::new(limit)), limit, clock, runtime: Handle::try_current().ok() }
    }

    /// How many jobs may exist at once.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a free slot. The caller's deadline bounds the wait.
    pub async fn acquire(&self) -> Slot {
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        Slot { permit: permit.ok(), clock: self.clock.clone(), runtime: self.runtime.clone() }
    }
}

/// Room for one job; free again when dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    clock: Clock,
    runtime: Option<Handle>,
}

impl Slot {
    /// Keeps the slot taken for as long as the job it stands for may still exist; for good where no runtime is there to
    /// give it back.
    pub fn release_after(mut self, lifetime: Duration) {
        let Some(permit) = self.permit.take() else { return };
        let Some(runtime) = self.runtime.take().or_else(|| Handle::try_current().ok()) else {
            permit.forget();
            return;
        };
        let clock = self.clock.clone();
        runtime.spawn(async move {
            clock.sleep(lifetime).await;
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_slot_stays_taken_while_the_job_lives() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let budget = Budget::new(1, clock.clone());
        budget.acquire().await.release_after(Duration::from_secs(50));
        let mut second = Box::pin(budget.acquire());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut second).await.is_err());
        clock.advance(Duration::from_secs(50));
        second.await;
    }
}
