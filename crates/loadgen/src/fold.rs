//! Makes a report of intervals, those of one engine or of many workers.

use crate::interval::{Interval, Vitals};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::{Completeness, Generator, OperationReport, PhaseReport, Report, WorkerReport};
use crate::timeline::{Timeline, as_milliseconds};
use crate::watch;
use jiff::Timestamp;
use shakedown_core::HumanDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// What has come of a load so far. Its size depends on how long the load is only up to an hour, and not on how many
/// requests there are.
#[derive(Clone, Debug)]
pub struct Fold {
    plan: Plan,
    operations: Vec<String>,
    started: Timestamp,
    phases: Vec<PhaseFold>,
    timeline: Timeline,
    workers: BTreeMap<u32, WorkerFold>,
    aborted: Option<String>,
    teardown: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct PhaseFold {
    report: PhaseReport,
    /// When it began and ended, in seconds since the start; none while it has not begun.
    span: Option<(f64, f64)>,
    /// By worker.
    most_in_flight: BTreeMap<u32, u64>,
}

#[derive(Clone, Debug, Default)]
struct WorkerFold {
    report: WorkerReport,
    cpu_seconds: f64,
    busy_seconds: f64,
    seconds: f64,
    in_flight: u64,
    /// The number that the next interval must have.
    next: u64,
}

impl Fold {
    /// Of nothing so far; `operations` are those of the scenario.
    pub fn new(plan: Plan, operations: Vec<String>, started: Timestamp) -> Self {
        let phases =
            plan.phases.iter().map(|phase| PhaseFold::of(&phase.name, phase.measured, &operations)).collect();
        Self {
            plan,
            operations,
            started,
            phases,
            timeline: Timeline::default(),
            workers: BTreeMap::new(),
            aborted: None,
            teardown: None,
        }
    }

    /// Adds what a worker measured. A repeated interval is ignored, a missing one is remembered.
    pub fn add(&mut self, interval: &Interval) {
        let worker = self.workers.entry(interval.worker).or_default();
        if interval.sequence < worker.next {
            return;
        }
        if interval.sequence > worker.next {
            let lost = format!("{} intervals were lost", interval.sequence - worker.next);
            worker.report.lost.get_or_insert(lost);
        }
        worker.add(interval);
        let Some(phase) = self.phases.get_mut(interval.phase) else { return };
        phase.add(interval);
        self.timeline.add(interval);
    }

    /// Notes that a part of what a worker measured is missing.
    pub fn lose(&mut self, worker: u32, why: impl Into<String>) {
        let report = &mut self.workers.entry(worker).or_default().report;
        report.worker = worker;
        report.lost = Some(why.into());
    }

    /// Notes how far a worker's clock is ahead, in milliseconds.
    pub fn clock_offset(&mut self, worker: u32, milliseconds: f64) {
        let report = &mut self.workers.entry(worker).or_default().report;
        report.worker = worker;
        report.clock_offset = Some(milliseconds);
    }

    /// Notes why the load ended before its plan did; the first reason counts.
    pub fn abort(&mut self, why: impl Into<String>) {
        self.aborted.get_or_insert(why.into());
    }

    /// Notes what the scenario could not clean up behind itself.
    pub fn left_behind(&mut self, what: impl Into<String>) {
        self.teardown.get_or_insert(what.into());
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The names of the scenario's operations.
    pub fn operations(&self) -> &[String] {
        &self.operations
    }

    /// How many iterations were begun.
    pub fn begun(&self) -> u64 {
        self.phases.iter().map(|phase| phase.report.started).sum()
    }

    /// What has come so far of the phases that were begun, in the order of the plan.
    pub fn phases(&self) -> Vec<PhaseReport> {
        self.phases.iter().filter(|phase| phase.span.is_some()).map(PhaseFold::report).collect()
    }

    /// How it is doing at `elapsed` seconds: errors and p95 are those of the last three seconds.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn progress(&self, elapsed: f64) -> Progress {
        const RECENT: f64 = 3.0;
        let (latency, attempts, failures) = self.timeline.recent(elapsed - RECENT);
        let present = self.phases.iter().rposition(|phase| phase.span.is_some()).unwrap_or(0);
        let phase = self.plan.phases.get(present);
        let since =
            self.phases.get(present).and_then(|phase| phase.span).map_or(0.0, |(from, _)| elapsed - from);
        Progress {
            elapsed,
            planned: self.plan.duration().as_secs_f64(),
            phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
            target_rate: phase.and_then(|phase| phase.load.rate_at(Duration::from_secs_f64(since.max(0.0)))),
            achieved_rate: if elapsed > 0.0 { self.begun() as f64 / elapsed } else { 0.0 },
            in_flight: self.workers.values().map(|worker| worker.in_flight).sum(),
            p95: latency.percentile(95.0).map(as_milliseconds),
            errors: (attempts > 0).then(|| failures as f64 / attempts as f64),
            missed: self.phases.iter().map(|phase| phase.report.missed).sum(),
            started: self.begun(),
        }
    }

    /// The report on what was added so far, without verdicts on thresholds.
    pub fn report(&self, elapsed: Duration) -> Report {
        let phases = self.phases();
        let name = |phase: usize| self.plan.phases[phase].name.clone();
        let mut workers: Vec<_> = self.workers.values().map(WorkerFold::report).collect();
        for worker in &mut workers {
            worker.generator.limited = watch::limited(&worker.generator, &phases);
        }
        let lost = workers
            .iter()
            .filter_map(|worker| Some(format!("worker {}: {}", worker.worker, worker.lost.as_ref()?)));
        let lost = lost.collect::<Vec<_>>().join("; ");
        Report {
            started: self.started,
            elapsed: HumanDuration(elapsed),
            generator: together(&workers),
            phases,
            timeline: self.timeline.seconds(name),
            workers,
            aborted: self.aborted.clone(),
            complete: if lost.is_empty() { Completeness::Whole } else { Completeness::Degraded(lost) },
            verdicts: Vec::new(),
            teardown: self.teardown.clone(),
        }
    }
}

impl PhaseFold {
    fn of(name: &str, measured: bool, operations: &[String]) -> Self {
        let operations = operations.iter().map(OperationReport::named).collect();
        let report = PhaseReport { name: name.to_owned(), measured, operations, ..PhaseReport::default() };
        Self { report, ..Self::default() }
    }

    fn add(&mut self, interval: &Interval) {
        if interval.to > interval.from {
            let (from, to) = self.span.unwrap_or((interval.from, interval.to));
            self.span = Some((from.min(interval.from), to.max(interval.to)));
        }
        let report = &mut self.report;
        report.planned += interval.planned;
        report.started += interval.started;
        report.missed += interval.missed;
        report.abandoned += interval.abandoned;
        let most = self.most_in_flight.entry(interval.worker).or_default();
        *most = interval.most_in_flight.max(*most);
        for measured in &interval.operations {
            match report.operations.iter_mut().find(|operation| operation.name == measured.name) {
                Some(operation) => operation.merge(measured),
                None => report.operations.push(measured.clone()),
            }
        }
    }

    fn report(&self) -> PhaseReport {
        let (from, to) = self.span.unwrap_or_default();
        let most_in_flight = self.most_in_flight.values().sum();
        PhaseReport { elapsed: to - from, most_in_flight, ..self.report.clone() }
    }
}

impl WorkerFold {
    fn add(&mut self, interval: &Interval) {
        self.next = interval.sequence + 1;
        self.in_flight = interval.in_flight;
        self.report.worker = interval.worker;
        self.report.started += interval.started;
        self.report.intervals += 1;
        if let Some(vitals) = &interval.vitals {
            self.observe(vitals);
        }
    }

    fn observe(&mut self, vitals: &Vitals) {
        self.cpu_seconds += vitals.cpu * vitals.span;
        self.busy_seconds += vitals.busy * vitals.span;
        self.seconds += vitals.span;
        let generator = &mut self.report.generator;
        generator.cpu_peak = generator.cpu_peak.max(vitals.cpu);
        generator.cores = generator.cores.max(vitals.cores);
        generator.lag.merge(&vitals.lag);
        generator.descriptors = generator.descriptors.max(vitals.descriptors);
        generator.descriptor_limit = vitals.descriptor_limit.or(generator.descriptor_limit);
        generator.memory = generator.memory.max(vitals.memory);
        generator.held_back += vitals.held_back;
    }

    fn report(&self) -> WorkerReport {
        let mut report = self.report.clone();
        if self.seconds > 0.0 {
            report.generator.cpu = self.cpu_seconds / self.seconds;
            report.generator.busy = self.busy_seconds / self.seconds;
        }
        report
    }
}

/// All workers as one generator. They share a machine or have their own: cores are those of the largest.
fn together(workers: &[WorkerReport]) -> Generator {
    let mut all = Generator::default();
    for WorkerReport { worker, generator, .. } in workers {
        all.cpu += generator.cpu;
        all.cpu_peak += generator.cpu_peak;
        all.cores = all.cores.max(generator.cores);
        all.busy = all.busy.max(generator.busy);
        all.lag.merge(&generator.lag);
        all.descriptors = all.descriptors.max(generator.descriptors);
        all.descriptor_limit = all.descriptor_limit.or(generator.descriptor_limit);
        all.memory += generator.memory;
        all.held_back += generator.held_back;
        if let (None, Some(limited)) = (&all.limited, &generator.limited) {
            let only = workers.len() == 1;
            all.limited = Some(if only { limited.clone() } else { format!("{limited} (worker {worker})") });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Load, Phase};

    fn fold() -> Fold {
        let pause = || Load::Pause { during: HumanDuration::secs(1) };
        let plan = Plan::of([Phase::unmeasured("warm-up", pause()), Phase::measured("load", pause())]);
        Fold::new(plan, vec!["get".to_owned()], Timestamp::UNIX_EPOCH)
    }

    fn interval(worker: u32, sequence: u64, phase: usize, milliseconds: u64) -> Interval {
        let mut get = OperationReport::named("get");
        let took = Duration::from_millis(milliseconds);
        get.succeeded.record(took, took);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let from = sequence as f64;
        Interval {
            worker,
            sequence,
            phase,
            from,
            to: from + 1.0,
            planned: 1,
            started: 1,
            most_in_flight: 2,
            operations: vec![get],
            ..Interval::default()
        }
    }

    #[test]
    fn workers_are_merged_not_averaged() {
        let mut fold = fold();
        // One fast worker with many samples and a slow one with few: the mean of their medians would be 505 ms.
        for sequence in 0..9 {
            fold.add(&interval(0, sequence, 1, 10));
        }
        fold.add(&interval(1, 0, 1, 1000));
        let report = fold.report(Duration::from_secs(9));
        let get = report.operation("get").unwrap();
        assert_eq!(get.attempts(), 10);
        assert_eq!(get.latency().percentile(50.0).unwrap().as_millis(), 10);
        assert_eq!(get.latency().max().unwrap().as_millis(), 1000);
        let phase = report.phase("load").unwrap();
        assert_eq!((phase.planned, phase.started, phase.most_in_flight), (10, 10, 4));
        assert_eq!(report.complete, Completeness::Whole);
        assert!(report.phase("warm-up").is_none(), "it was never begun");
        assert_eq!(report.timeline.len(), 9);
    }

    #[test]
    fn what_was_lost_is_said_and_what_came_twice_counts_once() {
        let mut fold = fold();
        fold.add(&interval(0, 0, 0, 10));
        fold.add(&interval(0, 0, 0, 10));
        fold.add(&interval(0, 3, 1, 10));
        fold.lose(1, "it died");
        let report = fold.report(Duration::from_secs(4));
        assert_eq!(report.phases.iter().map(|phase| phase.started).collect::<Vec<_>>(), [1, 1]);
        let why = "worker 0: 2 intervals were lost; worker 1: it died";
        assert_eq!(report.complete, Completeness::Degraded(why.to_owned()));
    }

    #[test]
    fn only_measured_phases_count() {
        let mut fold = fold();
        fold.add(&interval(0, 0, 0, 900));
        fold.add(&interval(0, 1, 1, 10));
        let report = fold.report(Duration::from_secs(2));
        assert_eq!(report.total().latency().max().unwrap().as_millis(), 10);
        assert_eq!(report.phase("warm-up").unwrap().operation("get").unwrap().attempts(), 1);
    }

    #[test]
    fn a_report_survives_json() {
        let mut fold = fold();
        fold.add(&interval(0, 0, 1, 10));
        let report = fold.report(Duration::from_secs(1));
        let read: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(read.operation("get"), report.operation("get"));
        assert_eq!(read, report);
    }
}
