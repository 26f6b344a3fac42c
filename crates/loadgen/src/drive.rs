//! The threads that do the work, each with a runtime of its own.

use crate::engine::{Stop, panic_text};
use crate::pool::Driver;
use crate::record::Lane;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// How often a wait looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(10);
/// How long a thread may take to end; one that is stuck in a scenario is left behind.
const ENDING: Duration = Duration::from_secs(1);
/// After so many steps a runtime looks for sessions that another thread has woken.
const FOREIGN: u32 = 8;

/// The threads that do the work.
pub(crate) struct Drivers {
    pub(crate) all: Vec<Driver>,
    threads: Vec<JoinHandle<()>>,
    ended: CancellationToken,
}

impl Drivers {
    /// Starts so many threads.
    pub(crate) fn start(count: usize, lane: impl Fn() -> Lane) -> std::io::Result<Self> {
        let mut drivers = Self { all: Vec::new(), threads: Vec::new(), ended: CancellationToken::new() };
        for number in 0..count {
            let runtime =
                Builder::new_current_thread().enable_all().global_queue_interval(FOREIGN).build()?;
            drivers.all.push(Driver { handle: runtime.handle().clone(), lane: Arc::new(lane()) });
            let ended = drivers.ended.clone();
            drivers.threads.push(std::thread::Builder::new().name(format!("load-{number}")).spawn(
                move || {
                    runtime.block_on(ended.cancelled());
                    runtime.shutdown_timeout(ENDING);
                },
            )?);
        }
        Ok(drivers)
    }

    /// Does something on the first of them and waits for it; nothing where `stop` is raised first.
    pub(crate) fn wait_for(
        &self,
        work: impl Future<Output = Result<(), String>> + Send + 'static,
        stop: Option<&Stop>,
    ) -> Option<Result<(), String>> {
        let (sender, receiver) = channel();
        let task = self.all[0].handle.spawn(async move {
            let task = tokio::spawn(work);
            let _stops = AbortOnDrop(task.abort_handle());
            let result = match task.await {
                Ok(result) => result,
                Err(error) => Err(match error.try_into_panic() {
                    Ok(panic) => format!("it panicked: {}", panic_text(&*panic)),
                    Err(error) => error.to_string(),
                }),
            };
            // Nobody listens where it was given up.
            let _ = sender.send(result);
        });
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Disconnected) => return Some(Err("its thread has ended".to_owned())),
                Err(RecvTimeoutError::Timeout) if stop.is_some_and(Stop::is_raised) => {
                    task.abort();
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Drop for Drivers {
    fn drop(&mut self) {
        self.ended.cancel();
        let until = Instant::now() + 2 * ENDING;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        // What still works is left to itself. A thread that is about to end must not be: until glibc 2.37 (its bug 19951)
        // `pthread_detach` touches a thread after it may have ended.
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            let _its_panic_is_in_the_report = thread.join();
        }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
