//! A seat: a task with a session in it that does one job after the other.

use crate::failure::Failure;
use crate::pool::{Arrival, Job, Pool, Shift};
use crate::record::{Lane, lock};
use crate::scenario::{Iteration, Session};
use futures_util::FutureExt as _;
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

/// Where the next job of a session is put. Handing it over takes no more than waking its task.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    job: Mutex<Option<Job>>,
    waker: AtomicWaker,
}

impl Seat {
    pub(crate) fn put(&self, job: Job) {
        *lock(&self.job) = Some(job);
        self.waker.wake();
    }

    async fn next(&self) -> Job {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            lock(&self.job).take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// What a user waits at least, and at most, who gets no session.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Does jobs until it is told to close.
pub(crate) async fn run(pool: Arc<Pool>, lane: Arc<Lane>, first: Job) {
    let _leaves = Leaves(Arc::clone(&pool));
    let seat = Arc::new(Seat::default());
    let mut user = User { pool: Arc::clone(&pool), lane, session: None };
    let mut job = first;
    loop {
        match job {
            Job::Warm => drop(user.ready().await),
            Job::Arrival(arrival) => user.serve(arrival).await,
            Job::Shift(shift) => user.work(shift).await,
            Job::Close => break,
        }
        job = match pool.done(&seat) {
            Some(job) => job,
            None => seat.next().await,
        };
    }
    if let Some(session) = user.session {
        // A panic while closing ends nothing but the closing.
        let _ = AssertUnwindSafe(session.close()).catch_unwind().await;
    }
}

/// Tells the pool, also when the task is dropped.
struct Leaves(Arc<Pool>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct User {
    pool: Arc<Pool>,
    lane: Arc<Lane>,
    session: Option<Box<dyn Session>>,
}

impl User {
    fn iteration(&self, phase: usize, open: bool) -> Iteration {
        Iteration::new(Arc::clone(&self.lane), self.pool.ending.clone(), phase, open)
    }

    async fn serve(&mut self, arrival: Arrival) {
        if !arrival.waited {
            self.lane.lag(arrival.intended.elapsed());
        }
        let mut iteration = self.iteration(arrival.phase, true);
        iteration.begin(arrival.number, arrival.intended);
        self.iterate(&mut iteration).await;
    }

    async fn work(&mut self, shift: Shift) {
        let mut iteration = self.iteration(shift.phase, false);
        let mut retry = RETRY.0;
        while !self.pool.is_stopped()
            && shift.leaves.is_none_or(|leaves| iteration.ended() < leaves)
            && let Some(number) = shift.numbers.claim()
        {
            iteration.begin(number, iteration.ended());
            self.iterate(&mut iteration).await;
            if self.session.is_some() {
                retry = RETRY.0;
            } else {
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(RETRY.1);
            }
            // Everybody's turn, before this user asks again: all answers that are there are read first, and then all the next
            // requests are sent. The server is woken once for many, instead of once for each: a sixth more of them.
            tokio::task::yield_now().await;
        }
    }

    async fn iterate(&mut self, iteration: &mut Iteration) {
        let session = match self.ready().await {
            Ok(session) => session,
            Err(failure) => return iteration.end(Err(&failure)),
        };
        match AssertUnwindSafe(session.iterate(iteration)).catch_unwind().await {
            Ok(result) => iteration.end(result.as_ref().map(|&()| ())),
            Err(panic) => {
                // What a panic has left of a session is not used again.
                self.session = None;
                iteration.end(Err(&panicked(&*panic)));
            }
        }
    }

    /// The session, made where there is none.
    async fn ready(&mut self) -> Result<&mut Box<dyn Session>, Failure> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => {
                let making = self.pool.scenario.session(self.pool.session_number());
                let made = AssertUnwindSafe(making).catch_unwind().await;
                Ok(none.insert(made.unwrap_or_else(|panic| Err(panicked(&*panic)))?))
            }
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    Failure::Other(format!("panicked: {}", crate::engine::panic_text(panic)))
}
