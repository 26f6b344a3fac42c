//! How much the server can do at once, and how long its work takes.

use super::faults::{Fault, Faults};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many jobs a healthy server runs at once.
const JOBS: usize = 200;
/// How many it runs under [`Fault::LowCapacity`].
const FEW_JOBS: usize = 40;

/// How many jobs may run at once.
pub(super) fn most_jobs(faults: &Faults) -> usize {
    if faults.has(Fault::LowCapacity) { FEW_JOBS } else { JOBS }
}

/// How long a configuration takes beside `others` being served, while `jobs` run.
pub(super) fn service_time(others: usize, jobs: usize, faults: &Faults) -> Duration {
    let micros =
        |each: u64, count: usize| Duration::from_micros(each * u64::try_from(count).unwrap_or(u64::MAX));
    let mut time = Duration::from_millis(3) + micros(1_000, others.min(50)) + micros(50, jobs.min(1_000));
    if faults.has(Fault::ConfigureConcurrency500) {
        // Long enough that requests sent together are also served together.
        time = time.max(Duration::from_millis(120));
    }
    if faults.has(Fault::ConfigureSlow) {
        time += Duration::from_millis(900);
    }
    time
}

/// Where configurations are served.
#[derive(Debug, Default)]
pub(super) struct Desk {
    serving: AtomicUsize,
    overlapping: AtomicUsize,
}

impl Desk {
    /// A request comes in; it is served until the ticket is dropped.
    pub(super) fn enter(&self) -> Ticket<'_> {
        let others = self.serving.fetch_add(1, Ordering::Relaxed);
        let unlucky = others > 0 && self.overlapping.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        Ticket { desk: self, others, unlucky }
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    desk: &'a Desk,
    /// How many were being served when it came in.
    pub(super) others: usize,
    /// Whether a server that cannot serve several at once fails at this one.
    pub(super) unlucky: bool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.desk.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_server_is_quick_even_when_it_is_full() {
        assert_eq!(service_time(0, 0, &Faults::default()), Duration::from_millis(3));
        assert!(service_time(200, 200, &Faults::default()) < Duration::from_millis(100));
    }

    #[test]
    fn every_second_overlapping_request_is_unlucky_and_one_alone_never_is() {
        let desk = Desk::default();
        for _ in 0..5 {
            assert!(!desk.enter().unlucky);
        }
        let tickets: Vec<_> = (0..5).map(|_| desk.enter()).collect();
        let unlucky: Vec<bool> = tickets.iter().map(|ticket| ticket.unlucky).collect();
        assert_eq!(unlucky, [false, true, false, true, false]);
    }
}
