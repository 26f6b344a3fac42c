//! The sessions: which are free, which are busy, and which arrivals wait for one.

use crate::arrivals::Share;
use crate::record::{Lane, lock};
use crate::scenario::Scenario;
use crate::seat::{self, Seat};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// What a session is given to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make ready.
    Warm,
    /// One iteration, in the open model.
    Arrival(Arrival),
    /// One iteration after the other, in the closed model.
    Shift(Shift),
    /// End.
    Close,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) intended: Instant,
    pub(crate) phase: usize,
    /// Whether it had to wait for a free session.
    pub(crate) waited: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Shift {
    pub(crate) phase: usize,
    pub(crate) numbers: Arc<Numbers>,
    /// When this user leaves; none where it stays to the end of the phase.
    pub(crate) leaves: Option<Instant>,
}

/// The numbers of a closed phase's iterations, as its users claim them.
#[derive(Debug)]
pub(crate) struct Numbers {
    base: u64,
    share: Share,
    claimed: AtomicU64,
    /// How many there are.
    count: u64,
}

/// What a closed counter is moved on by: further than any plan counts.
const CLOSED: u64 = 1 << 62;

impl Numbers {
    /// `count` numbers from `base` on, each `share.of` apart; without end where there is none.
    pub(crate) fn new(base: u64, share: Share, count: Option<u64>) -> Self {
        Self { base, share, claimed: AtomicU64::new(0), count: count.unwrap_or(CLOSED).min(CLOSED) }
    }

    /// The next number; none where all are claimed, or after [`close`](Self::close).
    pub(crate) fn claim(&self) -> Option<u64> {
        let k = self.claimed.fetch_add(1, Ordering::Relaxed);
        (k < self.count).then(|| self.base + k * u64::from(self.share.of) + u64::from(self.share.index))
    }

    /// Gives out no more, and returns how many were given out.
    pub(crate) fn close(&self) -> u64 {
        self.claimed.fetch_add(CLOSED, Ordering::Relaxed).min(self.count)
    }
}

/// The pacing thread looks after this time at the latest whether what it waits for has come.
const PARK: Duration = Duration::from_millis(5);

/// A thread with its own runtime.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) handle: Handle,
    pub(crate) lane: Arc<Lane>,
}

/// The sessions of an engine.
pub(crate) struct Pool {
    pub(crate) scenario: Arc<dyn Scenario>,
    pub(crate) drivers: Vec<Driver>,
    /// Where arrivals are counted that no session got.
    pub(crate) lane: Arc<Lane>,
    pub(crate) share: Share,
    patience: Duration,
    /// How many sessions there may be.
    bound: usize,
    state: Mutex<State>,
    /// Raised when users are to stop after what they are doing.
    stopped: AtomicBool,
    /// The same for what goes on for long within an iteration.
    pub(crate) ending: CancellationToken,
    sessions: AtomicU64,
    seats: AtomicUsize,
    /// Woken when the last session becomes free, where it waits for that.
    pacer: Thread,
    parked: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The one that became free last is used first: its connection is warm.
    free: Vec<Arc<Seat>>,
    tasks: Vec<AbortHandle>,
    busy: usize,
    most_busy: usize,
    /// How many may be busy in the present phase.
    allowed: usize,
    waiting: VecDeque<Job>,
}

impl Pool {
    pub(crate) fn new(
        scenario: Arc<dyn Scenario>,
        drivers: Vec<Driver>,
        lane: Arc<Lane>,
        share: Share,
        patience: Duration,
        bound: usize,
    ) -> Self {
        Self {
            scenario,
            drivers,
            lane,
            share,
            patience,
            bound,
            state: Mutex::new(State { allowed: bound, ..State::default() }),
            stopped: AtomicBool::new(false),
            ending: CancellationToken::new(),
            sessions: AtomicU64::new(0),
            seats: AtomicUsize::new(0),
            pacer: std::thread::current(),
            parked: AtomicBool::new(false),
        }
    }

    /// How many sessions may be busy from now on: at least one, and never more than the policy allows.
    pub(crate) fn allow(self: &Arc<Self>, busy: usize) {
        let mut state = lock(&self.state);
        state.allowed = busy.clamp(1, self.bound);
        let room = state.allowed.saturating_sub(state.busy).min(state.waiting.len());
        let waiting: Vec<Job> = state.waiting.drain(..room).collect();
        drop(state);
        for job in waiting {
            self.give(job);
        }
    }

    /// Gives a job to a free session, or to a new one, or lets it wait for one.
    pub(crate) fn give(self: &Arc<Self>, mut job: Job) {
        let mut state = lock(&self.state);
        self.drop_late(&mut state);
        if state.busy >= state.allowed {
            if let Job::Arrival(arrival) = &mut job {
                arrival.waited = true;
            }
            state.waiting.push_back(job);
            return;
        }
        state.occupy();
        if let Some(seat) = state.free.pop() {
            drop(state);
            seat.put(job);
        } else {
            self.seats.fetch_add(1, Ordering::Relaxed);
            let driver = &self.drivers[state.tasks.len() % self.drivers.len()];
            let task = driver.handle.spawn(seat::run(Arc::clone(self), Arc::clone(&driver.lane), job));
            state.tasks.push(task.abort_handle());
        }
    }

    /// A session has done its job: it gets one that waits, or is free.
    pub(crate) fn done(&self, seat: &Arc<Seat>) -> Option<Job> {
        let mut state = lock(&self.state);
        self.drop_late(&mut state);
        if state.busy <= state.allowed
            && let Some(job) = state.waiting.pop_front()
        {
            return Some(job);
        }
        state.busy -= 1;
        state.free.push(Arc::clone(seat));
        if state.busy == 0 {
            self.wake_pacer();
        }
        None
    }

    /// Counts arrivals as missed that have waited for too long.
    pub(crate) fn sweep(&self) {
        self.drop_late(&mut lock(&self.state));
    }

    fn drop_late(&self, state: &mut State) {
        if state.waiting.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(Job::Arrival(arrival)) = state.waiting.front()
            && now.saturating_duration_since(arrival.intended) > self.patience
        {
            self.lane.count(arrival.phase, |phase| phase.missed += 1);
            state.waiting.pop_front();
        }
    }

    /// Counts everything that still waits as missed.
    pub(crate) fn drop_waiting(&self) {
        for job in lock(&self.state).waiting.drain(..) {
            if let Job::Arrival(arrival) = job {
                self.lane.count(arrival.phase, |phase| phase.missed += 1);
            }
        }
    }

    /// Users end after what they are doing.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.ending.cancel();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether no session is busy and no job waits.
    pub(crate) fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.busy == 0 && state.waiting.is_empty()
    }

    /// How many sessions are busy.
    pub(crate) fn busy(&self) -> usize {
        lock(&self.state).busy
    }

    /// How many sessions are busy, and how many were at most since this was last asked.
    pub(crate) fn in_flight(&self) -> (u64, u64) {
        let mut state = lock(&self.state);
        let (busy, most) = (state.busy, state.most_busy);
        state.most_busy = busy;
        (busy as u64, most as u64)
    }

    /// Lets every free session end.
    pub(crate) fn close(&self) {
        let free = std::mem::take(&mut lock(&self.state).free);
        for seat in free {
            seat.put(Job::Close);
        }
    }

    /// Drops every session at its next `await`.
    pub(crate) fn abandon(&self) {
        lock(&self.state).tasks.iter().for_each(AbortHandle::abort);
    }

    /// How many sessions there still are.
    pub(crate) fn seats(&self) -> usize {
        self.seats.load(Ordering::Acquire)
    }

    /// A session is gone.
    pub(crate) fn leave(&self) {
        self.seats.fetch_sub(1, Ordering::AcqRel);
        self.wake_pacer();
    }

    /// Lets the pacing thread sleep until the sessions have become free or are gone, or until then.
    pub(crate) fn park(&self, until: Instant) {
        self.parked.store(true, Ordering::SeqCst);
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()).min(PARK));
        self.parked.store(false, Ordering::SeqCst);
    }

    fn wake_pacer(&self) {
        if self.parked.load(Ordering::SeqCst) {
            self.pacer.unpark();
        }
    }

    /// A number that no session has yet, on any worker.
    pub(crate) fn session_number(&self) -> u64 {
        let k = self.sessions.fetch_add(1, Ordering::Relaxed);
        k * u64::from(self.share.of) + u64::from(self.share.index)
    }
}

impl State {
    const fn occupy(&mut self) {
        self.busy += 1;
        if self.busy > self.most_busy {
            self.most_busy = self.busy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_numbers_are_given_out_no_more() {
        let share = Share { index: 1, of: 3 };
        for count in [None, Some(2)] {
            let numbers = Numbers::new(30, share, count);
            assert_eq!((numbers.claim(), numbers.claim()), (Some(31), Some(34)));
            assert_eq!((numbers.close(), numbers.claim()), (2, None));
        }
    }
}
