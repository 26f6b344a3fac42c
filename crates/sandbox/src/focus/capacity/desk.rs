//! Where configurations are served: who is let in, who waits for his turn, and who is out of luck.

use super::model::Work;
use super::window::Window;
use crate::focus::errors::Refusal;
use crate::focus::faults::{Fault, Faults};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How many configurations a second are served under [`Fault::Throttles`].
const THROTTLE: usize = 5;
/// How many seconds those that are not are told to wait.
const RETRY_AFTER: u32 = 1;
/// How many configurations at once, and how many a second, are too much for a server that fails under load.
const AT_ONCE: usize = 5;
const PER_SECOND: usize = 6;
/// How long a configuration takes that comes after too much.
const EXHAUSTED: Duration = Duration::from_millis(1500);
/// How many jobs can be cancelled within a second under [`Fault::CancelStuck`].
const CANCELS: usize = 5;

/// Where configurations are served.
#[derive(Debug)]
pub(in crate::focus) struct Desk {
    serving: AtomicUsize,
    overlapping: AtomicUsize,
    served: AtomicU32,
    /// Where those stand that are served one after another.
    line: Semaphore,
    memory: Mutex<Memory>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            serving: AtomicUsize::new(0),
            overlapping: AtomicUsize::new(0),
            served: AtomicU32::new(0),
            line: Semaphore::new(1),
            memory: Mutex::default(),
        }
    }
}

/// What is remembered from one configuration to the next.
#[derive(Debug, Default)]
struct Memory {
    arrivals: Window,
    admitted: Window,
    cancelled: Window,
    /// How many quarters of a failure are owed.
    quarters: usize,
    /// How many have come since there were too many at once; none, while there were not.
    exhausted: Option<usize>,
}

/// How a server that had too much to do treats a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aftermath {
    None,
    Slow,
    Refused,
}

impl Desk {
    /// A request comes in; it is served until the ticket is dropped.
    pub(in crate::focus) fn enter(&self, faults: &Faults) -> Result<Ticket<'_>, Refusal> {
        self.enter_at(faults, Instant::now())
    }

    fn enter_at(&self, faults: &Faults, now: Instant) -> Result<Ticket<'_>, Refusal> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.has(Fault::Throttles) {
            if memory.admitted.count(now) >= THROTTLE {
                return Err(Refusal::Throttled { most: THROTTLE, seconds: RETRY_AFTER });
            }
            memory.admitted.add(now);
        }
        let others = self.serving.fetch_add(1, Ordering::Relaxed);
        let unlucky = others > 0 && self.overlapping.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        memory.arrivals.add(now);
        let overloaded = faults.has(Fault::ErrorsUnderLoad) && memory.fails_one(others, now);
        let aftermath =
            if faults.has(Fault::NoRecovery) { memory.aftermath(others) } else { Aftermath::None };
        Ok(Ticket { desk: self, others, unlucky, overloaded, aftermath })
    }

    /// A job is to be cancelled. Says whether it will be.
    pub(in crate::focus) fn cancels(&self, faults: &Faults) -> bool {
        self.cancels_at(faults, Instant::now())
    }

    fn cancels_at(&self, faults: &Faults, now: Instant) -> bool {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let before = memory.cancelled.count(now);
        memory.cancelled.add(now);
        !(faults.has(Fault::CancelStuck) && before >= CANCELS)
    }
}

impl Memory {
    /// Whether a server that fails under load fails at this one.
    fn fails_one(&mut self, others: usize, now: Instant) -> bool {
        let at_once = (others + 1).saturating_sub(AT_ONCE);
        let per_second = self.arrivals.count(now).saturating_sub(PER_SECOND);
        self.quarters += at_once.max(per_second).min(4);
        let fails = self.quarters >= 4;
        if fails {
            self.quarters -= 4;
        }
        fails
    }

    fn aftermath(&mut self, others: usize) -> Aftermath {
        match &mut self.exhausted {
            None => {
                if others >= AT_ONCE {
                    self.exhausted = Some(0);
                }
                Aftermath::None
            }
            Some(count) => {
                *count += 1;
                if count.is_multiple_of(2) { Aftermath::Refused } else { Aftermath::Slow }
            }
        }
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(in crate::focus) struct Ticket<'a> {
    desk: &'a Desk,
    /// How many were being served when it came in.
    others: usize,
    /// Whether a server that cannot serve several at once fails at this one.
    unlucky: bool,
    overloaded: bool,
    aftermath: Aftermath,
}

impl<'a> Ticket<'a> {
    /// Waits for its turn, where configurations are served one after another.
    pub(in crate::focus) async fn turn(&self, faults: &Faults) -> Option<SemaphorePermit<'a>> {
        if !faults.has(Fault::Queues) {
            return None;
        }
        // It is never closed.
        self.desk.line.acquire().await.ok()
    }

    /// How many others are served beside it.
    pub(in crate::focus) fn others(&self, faults: &Faults) -> usize {
        if faults.has(Fault::Queues) { 0 } else { self.others }
    }

    /// Takes the time that the work takes.
    ///
    /// # Errors
    /// The server is not up to it.
    pub(in crate::focus) async fn work(&self, work: Work, faults: &Faults) -> Result<(), Refusal> {
        let served = self.desk.served.fetch_add(1, Ordering::Relaxed);
        let time = work.service_time(self.others(faults), served, faults);
        let time = if self.aftermath == Aftermath::None { time } else { time.max(EXHAUSTED) };
        tokio::time::sleep(time).await;
        if self.unlucky && faults.has(Fault::ConfigureConcurrency500)
            || self.overloaded
            || self.others > 0 && work.is_heavy() && faults.has(Fault::HeavyRefused)
        {
            return Err(Refusal::Crash);
        }
        if self.aftermath == Aftermath::Refused {
            return Err(Refusal::unavailable("The server is overloaded"));
        }
        Ok(())
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.desk.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(fault: Fault) -> Faults {
        let mut faults = Faults::default();
        faults.turn_on(fault);
        faults
    }

    /// As many at once as there are letters, and which of them `is` true of.
    fn at_once(desk: &Desk, faults: &Faults, count: usize, is: impl Fn(&Ticket<'_>) -> bool) -> String {
        let tickets: Vec<_> = (0..count).map(|_| desk.enter(faults).unwrap()).collect();
        tickets.iter().map(|ticket| if is(ticket) { 'x' } else { '.' }).collect()
    }

    #[test]
    fn every_second_overlapping_request_is_unlucky_and_one_alone_never_is() {
        let (desk, faults) = (Desk::default(), Faults::default());
        for _ in 0..5 {
            assert!(!desk.enter(&faults).unwrap().unlucky);
        }
        assert_eq!(at_once(&desk, &faults, 5, |ticket| ticket.unlucky), ".x.x.");
    }

    #[test]
    fn a_growing_share_fails_under_load() {
        let faults = under(Fault::ErrorsUnderLoad);
        assert_eq!(at_once(&Desk::default(), &faults, 12, |ticket| ticket.overloaded), ".......xxxxx");
        let desk = Desk::default();
        let one_by_one: Vec<_> = (0..12).map(|_| desk.enter(&faults).unwrap().overloaded).collect();
        assert_eq!(one_by_one.iter().filter(|failed| **failed).count(), 4, "{one_by_one:?}");
    }

    #[test]
    fn what_comes_after_too_much_is_slow_or_refused() {
        let (desk, faults) = (Desk::default(), under(Fault::NoRecovery));
        assert_eq!(at_once(&desk, &faults, 5, |ticket| ticket.aftermath != Aftermath::None), ".....");
        assert_eq!(at_once(&desk, &faults, 6, |ticket| ticket.aftermath != Aftermath::None), "......");
        let later: Vec<_> = (0..4).map(|_| desk.enter(&faults).unwrap().aftermath).collect();
        assert_eq!(later, [Aftermath::Slow, Aftermath::Refused, Aftermath::Slow, Aftermath::Refused]);
    }

    #[test]
    fn no_more_than_five_a_second_are_let_in() {
        let (desk, faults, start) = (Desk::default(), under(Fault::Throttles), Instant::now());
        let let_in = |now| (0..8).filter(|_| desk.enter_at(&faults, now).is_ok()).count();
        assert_eq!([let_in(start), let_in(start)], [5, 0]);
        assert_eq!(let_in(start + Duration::from_secs(1)), 5);
    }

    #[test]
    fn only_the_first_cancellations_of_a_second_count() {
        let (desk, start) = (Desk::default(), Instant::now());
        let cancelled = |faults: &Faults, now| (0..8).filter(|_| desk.cancels_at(faults, now)).count();
        assert_eq!(cancelled(&under(Fault::CancelStuck), start), 5);
        assert_eq!(cancelled(&Faults::default(), start + Duration::from_secs(1)), 8);
    }
}
