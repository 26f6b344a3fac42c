//! The one ordered stream: every event is numbered, redacted, folded into the run and handed to every sink, in that order.

use shakedown_core::Clock;
use shakedown_core::context::Progress;
use shakedown_core::event::{Event, EventKind, RunInfo};
use shakedown_core::redact::Redactor;
use shakedown_core::run::Run;
use shakedown_core::sink::Sink;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The stream of events of one run.
pub(crate) struct Bus {
    clock: Clock,
    redactor: Redactor,
    state: Mutex<State>,
}

struct State {
    next: u64,
    run: Option<Run>,
    sinks: Vec<Box<dyn Sink>>,
    failed: Vec<(String, io::Error)>,
}

impl Bus {
    /// Begins a run.
    pub(crate) fn begin(clock: Clock, redactor: Redactor, sinks: Vec<Box<dyn Sink>>, info: RunInfo) -> Self {
        let bus = Self {
            clock,
            redactor,
            state: Mutex::new(State { next: 0, run: None, sinks, failed: Vec::new() }),
        };
        bus.emit(EventKind::RunStarted { run: info });
        bus
    }

    /// Goes on with a run whose process has ended.
    pub(crate) fn resume(clock: Clock, redactor: Redactor, sinks: Vec<Box<dyn Sink>>, run: Run) -> Self {
        let (last, after) = run.last_event();
        let info = run.info.clone();
        let bus = Self {
            clock,
            redactor,
            state: Mutex::new(State { next: last + 1, run: Some(run), sinks, failed: Vec::new() }),
        };
        bus.emit(EventKind::Resumed { run: info, after });
        bus
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The redactor that stands before the sinks.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Sends an event to every sink. A sink that fails is dropped, and remembered.
    pub(crate) fn emit(&self, kind: EventKind) {
        let mut state = self.lock();
        let event = Event { seq: state.next, at: self.clock.now(), kind };
        state.next += 1;
        let (event, line) = match self.redactor.json(event) {
            Ok(redacted) => redacted,
            Err(error) => {
                state.failed.push(("event stream".to_owned(), io::Error::other(error)));
                return;
            }
        };
        match &mut state.run {
            Some(run) => run.apply(&event),
            run @ None => *run = Run::begin(&event).ok(),
        }
        let State { sinks, failed, .. } = &mut *state;
        sinks.retain_mut(|sink| match sink.event(&event, &line) {
            Ok(()) => true,
            Err(error) => {
                failed.push((sink.name().to_owned(), error));
                false
            }
        });
    }

    /// Shows how far a check is.
    pub(crate) fn progress(&self, check: &str, mut progress: Progress) {
        progress.what = self.redactor.text(&progress.what).into_owned();
        for sink in &mut self.lock().sinks {
            sink.progress(check, &progress);
        }
    }

    /// Ends the run, and tells which sinks have failed.
    pub(crate) fn end(&self) -> (Run, Vec<(String, io::Error)>) {
        self.emit(EventKind::RunFinished);
        let mut state = self.lock();
        state.sinks.clear();
        let run = state.run.take().expect("the first event of a bus begins a run");
        (run, std::mem::take(&mut state.failed))
    }
}
