//! A bound on how many jobs exist at once, shared by all checks of a run.

use crate::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The environment's `max_concurrent_jobs`. Clones share the same slots.
#[derive(Clone, Debug)]
pub struct Budget {
    slots: Arc<Semaphore>,
    limit: usize,
    clock: Clock,
}

impl Budget {
    /// A budget of `limit` jobs.
    pub fn new(limit: usize, clock: Clock) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { slots: Arc::new(Semaphore::new(limit)), limit, clock }
    }

    /// How many jobs may exist at once.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a free slot. The caller's deadline bounds the wait.
    pub async fn acquire(&self) -> Slot {
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        Slot { permit: permit.ok(), clock: self.clock.clone() }
    }
}

/// Room for one job; free again when dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    clock: Clock,
}

impl Slot {
    /// Keeps the slot taken for as long as the job it stands for may still exist.
    ///
    /// Must be called within a Tokio runtime.
    pub fn release_after(mut self, lifetime: Duration) {
        let (permit, clock) = (self.permit.take(), self.clock.clone());
        tokio::spawn(async move {
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
