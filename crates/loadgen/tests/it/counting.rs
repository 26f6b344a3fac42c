//! A scenario that counts what is done to it.

use shakedown_core::async_trait;
use shakedown_loadgen::{Failure, Iteration, Scenario, Session};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What an iteration does.
type Work = Box<dyn Fn(u64) -> Act + Send + Sync>;

#[derive(Clone, Copy)]
pub(crate) enum Act {
    Sleep(u64),
    Fail,
    FailUntimed,
    Panic,
    /// Never ends.
    Hang,
    /// Ends when no more arrivals come.
    Stream,
    /// Ends when the gate opens.
    Gate,
}

pub(crate) struct Counting {
    pub(crate) work: Work,
    pub(crate) gate: Semaphore,
    pub(crate) setup: Result<(), String>,
    pub(crate) sessions: Mutex<Vec<u64>>,
    pub(crate) numbers: Mutex<Vec<u64>>,
    pub(crate) begun: Mutex<Vec<Instant>>,
    pub(crate) active: AtomicUsize,
    pub(crate) most_active: AtomicUsize,
    pub(crate) closed: AtomicUsize,
    pub(crate) torn_down: AtomicUsize,
    pub(crate) active_at_teardown: AtomicUsize,
    pub(crate) refuses: AtomicBool,
}

impl Counting {
    pub(crate) fn new(work: impl Fn(u64) -> Act + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::with(work))
    }

    pub(crate) fn with(work: impl Fn(u64) -> Act + Send + Sync + 'static) -> Self {
        Self {
            work: Box::new(work),
            gate: Semaphore::new(0),
            setup: Ok(()),
            sessions: Mutex::default(),
            numbers: Mutex::default(),
            begun: Mutex::default(),
            active: AtomicUsize::new(0),
            most_active: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            torn_down: AtomicUsize::new(0),
            active_at_teardown: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
        }
    }

    pub(crate) fn numbers(&self) -> BTreeSet<u64> {
        let numbers = self.numbers.lock().unwrap();
        let set: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(set.len(), numbers.len(), "a number was given twice");
        set
    }

    pub(crate) fn clean(&self) {
        assert_eq!(self.torn_down.load(SeqCst), 1, "torn down once");
        assert_eq!(self.active_at_teardown.load(SeqCst), 0, "nothing goes on when it is torn down");
    }
}

/// The engine owns what it runs; the test keeps its own handle.
pub(crate) struct Shared(pub(crate) Arc<Counting>);

#[async_trait]
impl Scenario for Shared {
    fn operations(&self) -> Vec<String> {
        vec!["first".to_owned(), "second".to_owned()]
    }

    async fn setup(&self) -> Result<(), String> {
        self.0.setup.clone()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        if self.0.refuses.load(SeqCst) {
            return Err(Failure::Status(503));
        }
        self.0.sessions.lock().unwrap().push(number);
        Ok(Box::new(User(Arc::clone(&self.0))))
    }

    async fn teardown(&self) -> Result<(), String> {
        self.0.active_at_teardown.store(self.0.active.load(SeqCst), SeqCst);
        self.0.torn_down.fetch_add(1, SeqCst);
        Err("one thing is left".to_owned())
    }
}

struct User(Arc<Counting>);

struct Active(Arc<Counting>);

impl Active {
    fn new(of: &Arc<Counting>) -> Self {
        let active = of.active.fetch_add(1, SeqCst) + 1;
        of.most_active.fetch_max(active, SeqCst);
        Self(Arc::clone(of))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, SeqCst);
    }
}

#[async_trait]
impl Session for User {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let _active = Active::new(&self.0);
        self.0.numbers.lock().unwrap().push(iteration.number());
        let ending = iteration.ending().clone();
        let act = (self.0.work)(iteration.number());
        if matches!(act, Act::FailUntimed) {
            return Err(Failure::Content("an empty list".to_owned()));
        }
        let of = Arc::clone(&self.0);
        let work = async move {
            of.begun.lock().unwrap().push(Instant::now());
            match act {
                Act::Sleep(0) | Act::FailUntimed => Ok(()),
                Act::Sleep(milliseconds) => {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    Ok(())
                }
                Act::Fail => Err(Failure::Throttled { retry_after: Some(Duration::from_secs(2)) }),
                Act::Panic => panic!("out of order"),
                Act::Hang => std::future::pending().await,
                Act::Stream => {
                    ending.cancelled().await;
                    Ok(())
                }
                Act::Gate => {
                    of.gate.acquire().await.unwrap().forget();
                    Ok(())
                }
            }
        };
        iteration.time(0, work).await?;
        iteration.transferred(0, 100, 2);
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.0.closed.fetch_add(1, SeqCst);
    }
}
