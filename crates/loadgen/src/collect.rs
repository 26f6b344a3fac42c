//! The gathering thread: takes the sheets away each second, folds them, and tells who listens.

use crate::arrivals::Share;
use crate::engine::{Listeners, Stop};
use crate::fold::Fold;
use crate::gate::Gate;
use crate::interval::Interval;
use crate::plan::Plan;
use crate::pool::Pool;
use crate::record::{PhaseSheet, Sheet, lock};
use crate::threshold::{Judge, ThresholdVerdict};
use crate::watch::Watch;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it tells how the load is doing.
const TICK: Duration = Duration::from_millis(250);
/// So many ticks are an interval.
const TICKS: u32 = 4;
/// Over so many ticks the achieved rate is taken.
const RECENT: usize = 8;

/// When each phase began and ended, as far as they have.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<Vec<(Instant, Option<Instant>)>>);

impl Stages {
    pub(crate) fn begin(&self, phase: usize, at: Instant) {
        let mut stages = lock(&self.0);
        stages.truncate(phase);
        stages.push((at, None));
    }

    pub(crate) fn end(&self, phase: usize, at: Instant) {
        if let Some(stage) = lock(&self.0).get_mut(phase) {
            stage.1 = Some(at);
        }
    }
}

/// What the gathering thread works with.
pub(crate) struct Collector {
    pub(crate) plan: Plan,
    pub(crate) operations: Vec<String>,
    pub(crate) at: Timestamp,
    pub(crate) starts: Instant,
    pub(crate) share: Share,
    pub(crate) pool: Arc<Pool>,
    pub(crate) stages: Arc<Stages>,
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) listeners: Listeners,
    pub(crate) stop: Arc<Stop>,
}

/// What was gathered.
pub(crate) struct Gathered {
    pub(crate) fold: Fold,
    pub(crate) verdicts: Vec<ThresholdVerdict>,
}

/// The thread at work.
pub(crate) struct Collecting {
    end: Sender<()>,
    thread: JoinHandle<Gathered>,
}

impl Collecting {
    /// Gathers what is left; nothing where the thread has panicked.
    pub(crate) fn finish(self) -> Option<Gathered> {
        drop(self.end);
        self.thread.join().ok()
    }
}

impl Collector {
    pub(crate) fn start(self) -> std::io::Result<Collecting> {
        let (end, ended) = channel();
        let thread = std::thread::Builder::new()
            .name("load-collector".to_owned())
            .spawn(move || Gathering::of(self).run(&ended))?;
        Ok(Collecting { end, thread })
    }
}

struct Gathering {
    with: Collector,
    fold: Fold,
    /// Only where this is the whole load: a worker's coordinator judges.
    judge: Option<Judge>,
    watch: Watch,
    /// When the sheets were last taken away.
    last: Instant,
    sequence: u64,
    /// By phase: iterations begun and not yet ended.
    open: Vec<u64>,
    /// When and how many iterations had been begun.
    begun: VecDeque<(Instant, u64)>,
}

impl Gathering {
    fn of(with: Collector) -> Self {
        Self {
            fold: Fold::new(with.plan.clone(), with.operations.clone(), with.at),
            judge: (with.share == Share::WHOLE).then(|| Judge::new(&with.plan)),
            watch: Watch::new(),
            last: with.starts,
            sequence: 0,
            open: vec![0; with.plan.phases.len()],
            begun: VecDeque::new(),
            with,
        }
    }

    fn run(mut self, ended: &Receiver<()>) -> Gathered {
        for tick in 1_u32.. {
            let until = self.with.starts + TICK * tick;
            match ended.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.with.pool.sweep();
            self.probe();
            if tick % TICKS == 0 {
                self.gather(false);
            }
            self.tell();
        }
        self.gather(true);
        let verdicts = self.judge.map(Judge::verdicts).unwrap_or_default();
        Gathered { fold: self.fold, verdicts }
    }

    /// Measures how long each thread takes to get to a task that is ready.
    fn probe(&self) {
        for driver in &self.with.pool.drivers {
            let lane = Arc::clone(&driver.lane);
            let ready = Instant::now();
            drop(driver.handle.spawn(async move { lane.lag(ready.elapsed()) }));
        }
    }

    fn gather(&mut self, last: bool) {
        let now = Instant::now();
        let sheets = self.with.pool.drivers.iter().map(|driver| &driver.lane);
        let sheets: Vec<Sheet> = sheets.chain([&self.with.pool.lane]).map(|lane| lane.take()).collect();
        let mut sum = Sheet::default();
        for sheet in sheets {
            sum.lag.merge(&sheet.lag);
            if sum.phases.len() < sheet.phases.len() {
                sum.phases.resize_with(sheet.phases.len(), PhaseSheet::default);
            }
            sum.phases.iter_mut().zip(&sheet.phases).for_each(|(own, other)| own.merge(other));
        }
        let held_back = self.with.gate.as_ref().map_or(0, |gate| gate.take_held_back());
        let vitals = self.watch.sample(sum.lag, held_back, &self.with.pool.drivers);
        let mut intervals = self.intervals(now, sum.phases, last);
        if let Some(interval) = intervals.last_mut() {
            interval.vitals = Some(vitals);
        }
        for mut interval in intervals {
            interval.sequence = self.sequence;
            self.sequence += 1;
            self.fold.add(&interval);
            if let Some(judge) = &mut self.judge {
                judge.take(&interval);
            }
            if let Some(take) = &self.with.listeners.interval {
                take(&interval);
            }
        }
        self.last = now;
        if !last && let Some(why) = self.judge.as_ref().and_then(Judge::hopeless) {
            self.with.stop.abort(why);
        }
    }

    /// One for each phase that was on, or of which something ended; at least one.
    fn intervals(&mut self, now: Instant, sheets: Vec<PhaseSheet>, last: bool) -> Vec<Interval> {
        let stages = lock(&self.with.stages.0).clone();
        let (in_flight, most_in_flight) = self.with.pool.in_flight();
        let mut sheets = sheets.into_iter();
        let mut intervals = Vec::new();
        for (phase, (begun, ended)) in stages.iter().enumerate() {
            let sheet = sheets.next().unwrap_or_default();
            let open = &mut self.open[phase];
            *open = (*open + sheet.started).saturating_sub(sheet.finished);
            let abandoned = if last { std::mem::take(open) } else { 0 };
            let (from, to) = (self.last.max(*begun), ended.unwrap_or(now).min(now));
            let on = from < to;
            if on || !sheet.is_empty() || abandoned > 0 || phase + 1 == stages.len() {
                // What comes after the end of its phase takes none of its time.
                let (from, to) = if on { (from, to) } else { (self.last, self.last) };
                let middle = (from + (to - from) / 2).saturating_duration_since(*begun);
                let rate = self.with.plan.phases[phase].load.rate_at(middle);
                intervals.push(Interval {
                    worker: self.with.share.index,
                    sequence: 0,
                    phase,
                    from: self.seconds(from),
                    to: self.seconds(to),
                    planned: sheet.planned,
                    started: sheet.started,
                    missed: sheet.missed,
                    abandoned,
                    in_flight: if last { 0 } else { in_flight },
                    most_in_flight: if on { most_in_flight } else { 0 },
                    target_rate: rate.filter(|_| on).map(|rate| rate / f64::from(self.with.share.of)),
                    operations: sheet
                        .operations
                        .into_iter()
                        .filter(|own| own.attempts() > 0 || own.bytes > 0)
                        .collect(),
                    vitals: None,
                });
            }
        }
        intervals
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.with.starts).as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn tell(&mut self) {
        let Some(tell) = &self.with.listeners.progress else { return };
        let now = Instant::now();
        let unfolded: u64 = self.with.pool.drivers.iter().map(|driver| driver.lane.started()).sum();
        let begun = self.fold.begun() + unfolded;
        self.begun.push_back((now, begun));
        if self.begun.len() > RECENT {
            self.begun.pop_front();
        }
        let (since, before) = match self.begun.front() {
            Some(first) if self.begun.len() == RECENT => *first,
            _ => (self.with.starts, 0),
        };
        let mut progress = self.fold.progress(self.seconds(now));
        let span = now.saturating_duration_since(since).as_secs_f64();
        progress.started = begun;
        progress.achieved_rate = if span > 0.0 { (begun - before) as f64 / span } else { 0.0 };
        progress.in_flight = self.with.pool.busy() as u64;
        tell(&progress);
    }
}
