//! What the Focus Server's pod has to do, as its figures show it.

use super::metrics::Amount;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the server uses when it has nothing to do: 50 m and 400 MiB.
const IDLE: Amount = Amount { cpu_nanocores: 50_000_000, memory_bytes: 400 << 20 };
/// What it uses for each job that is alive: 2 m and 2 MiB.
const JOB: Amount = Amount { cpu_nanocores: 2_000_000, memory_bytes: 2 << 20 };
/// What it uses for one configuration a second: 15 m.
const CONFIGURATION: u64 = 15_000_000;
/// Over how many seconds configurations are counted.
const SECONDS: u32 = 2;
/// More than this are not counted.
const MOST: usize = 20_000;

/// What the Focus Server has to do.
#[derive(Debug, Default)]
pub(super) struct FocusLoad(Mutex<Work>);

#[derive(Debug, Default)]
struct Work {
    asked: VecDeque<Timestamp>,
    jobs: u64,
    leaked: u64,
}

impl FocusLoad {
    /// A configuration has come in.
    pub(super) fn asked(&self, now: Timestamp) {
        let mut work = self.lock();
        work.forget(now);
        if work.asked.len() < MOST {
            work.asked.push_back(now);
        }
    }

    /// A job has begun.
    pub(super) fn begun(&self) {
        self.lock().jobs += 1;
    }

    /// A job has ended.
    pub(super) fn ended(&self) {
        let mut work = self.lock();
        work.jobs = work.jobs.saturating_sub(1);
    }

    /// So many bytes will never be given back.
    pub(super) fn leaked(&self, bytes: u64) {
        self.lock().leaked += bytes;
    }

    /// What the server uses now. It cannot use more than `most`.
    pub(super) fn amount(&self, now: Timestamp, most: Amount) -> Amount {
        let mut work = self.lock();
        work.forget(now);
        let asked = work.asked.len() as u64;
        let cpu =
            IDLE.cpu_nanocores + JOB.cpu_nanocores * work.jobs + CONFIGURATION * asked / u64::from(SECONDS);
        let memory = IDLE.memory_bytes + JOB.memory_bytes * work.jobs + work.leaked;
        Amount { cpu_nanocores: cpu.min(most.cpu_nanocores), memory_bytes: memory.min(most.memory_bytes) }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn forget(&mut self, now: Timestamp) {
        let since = now - SignedDuration::from_secs(i64::from(SECONDS));
        while self.asked.front().is_some_and(|then| *then <= since) {
            self.asked.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST_OF_IT: Amount = Amount { cpu_nanocores: 2_000_000_000, memory_bytes: 4 << 30 };

    #[test]
    fn figures_follow_the_load_and_leaks_stay() {
        let (load, start) = (FocusLoad::default(), Timestamp::UNIX_EPOCH);
        let at = |millis| start + SignedDuration::from_millis(millis);
        assert_eq!(load.amount(start, MOST_OF_IT), IDLE);
        for number in 0..20 {
            load.asked(at(number * 100));
            load.begun();
        }
        let busy = load.amount(at(1900), MOST_OF_IT);
        assert_eq!(busy.cpu_nanocores, 50_000_000 + 20 * 2_000_000 + 10 * 15_000_000);
        assert_eq!(busy.memory_bytes, (400 + 20 * 2) << 20);
        load.leaked(48 << 20);
        (0..20).for_each(|_| load.ended());
        let after = load.amount(at(10_000), MOST_OF_IT);
        assert_eq!((after.cpu_nanocores, after.memory_bytes), (50_000_000, 448 << 20));
        load.leaked(1 << 40);
        assert_eq!(load.amount(at(10_000), MOST_OF_IT).memory_bytes, 4 << 30);
    }
}
