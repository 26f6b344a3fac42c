//! Whether the generator keeps up: what its process uses, and when it is the bottleneck itself.

use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::interval::Vitals;
use crate::pool::Driver;
use crate::report::{Generator, PhaseReport, Tally};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Looks at this process.
pub(crate) struct Watch {
    system: Option<(System, Pid)>,
    cores: u32,
    since: Instant,
    cpu: Duration,
    /// How long each thread has worked so far.
    worked: Vec<Duration>,
}

#[derive(Default)]
struct Usage {
    cpu: Duration,
    memory: u64,
    descriptors: u64,
    descriptor_limit: Option<u64>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let system = System::new().ok().zip(sysinfo::get_current_pid().ok());
        let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        let mut watch =
            Self { system, cores, since: Instant::now(), cpu: Duration::ZERO, worked: Vec::new() };
        watch.cpu = watch.look().cpu;
        watch
    }

    /// What was used since the last time.
    pub(crate) fn sample(&mut self, lag: Histogram, held_back: u64, threads: &[Driver]) -> Vitals {
        let now = Instant::now();
        let usage = self.look();
        let span = (now - self.since).as_secs_f64();
        let cpu = usage.cpu.saturating_sub(self.cpu).as_secs_f64();
        let worked = |driver: &Driver| driver.handle.metrics().worker_total_busy_duration(0);
        self.worked.resize(threads.len(), Duration::ZERO);
        let busy = threads.iter().zip(&mut self.worked).map(|(driver, before)| {
            let now = worked(driver);
            now.saturating_sub(std::mem::replace(before, now)).as_secs_f64() / span
        });
        let busy = busy.fold(0.0, f64::max).min(1.0);
        self.since = now;
        self.cpu = usage.cpu;
        Vitals {
            span,
            cpu: if span > 0.0 { cpu / span } else { 0.0 },
            cores: self.cores,
            busy,
            lag,
            descriptors: usage.descriptors,
            descriptor_limit: usage.descriptor_limit,
            memory: usage.memory,
            held_back,
        }
    }

    fn look(&mut self) -> Usage {
        let Some((system, pid)) = &mut self.system else { return Usage::default() };
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), false, kind);
        system.process(*pid).map_or_else(Usage::default, |process| Usage {
            cpu: Duration::from_millis(process.accumulated_cpu_time()),
            memory: process.memory(),
            descriptors: process.open_files().map_or(0, |open| open as u64),
            descriptor_limit: process.open_files_limit().map(|limit| limit as u64),
        })
    }
}

/// A lag below this, of one arrival in twenty, disturbs no number that anyone judges by.
const HARMLESS: Duration = Duration::from_millis(50);
/// Nor does one below this share of what was measured.
const HARMLESS_SHARE: f64 = 0.1;
/// A thread that works for more than this share of the time makes sessions wait for it.
const OVERWORKED: f64 = 0.9;

/// Where the generator was the bottleneck, and by what.
pub(crate) fn limited(generator: &Generator, phases: &[PhaseReport]) -> Option<String> {
    lacking(generator, phases)
        .or_else(|| late(generator, phases))
        .or_else(|| overworked(generator, phases))
        .map(|why| format!("generator-limited: {why}"))
}

fn lacking(generator: &Generator, phases: &[PhaseReport]) -> Option<String> {
    let operations = || phases.iter().flat_map(|phase| &phase.operations);
    let own = operations()
        .flat_map(|operation| &operation.failed)
        .find(|(class, _)| Failure::class_is_own_limit(class));
    if let Some((class, _)) = own {
        let count: u64 =
            operations().filter_map(|operation| operation.failed.get(class)).map(|tally| tally.count).sum();
        return Some(format!("{count} attempts failed with `{class}` on this machine"));
    }
    let limit = generator.descriptor_limit.filter(|limit| generator.descriptors >= limit - limit / 50)?;
    Some(format!("{} of {limit} descriptors were open", generator.descriptors))
}

fn late(generator: &Generator, phases: &[PhaseReport]) -> Option<String> {
    let lag = generator.lag.percentile(95.0).filter(|lag| *lag > HARMLESS)?;
    let latency = together(phases).latency;
    if latency.percentile(95.0).is_some_and(|latency| lag < latency.mul_f64(HARMLESS_SHARE)) {
        return None;
    }
    let Generator { cpu, cores, held_back, .. } = generator;
    let held_back = match held_back {
        0 => String::new(),
        waited => format!(", and {waited} requests waited for the policy's rate"),
    };
    Some(format!(
        "one in twenty of its own steps was {} ms late or more, with {cpu:.1} of {cores} cores in use{held_back}",
        lag.as_millis()
    ))
}

/// Arrivals that wait while a thread has no time for its sessions wait for the generator.
fn overworked(generator: &Generator, phases: &[PhaseReport]) -> Option<String> {
    let all = together(phases);
    let (latency, service) = all.latency.percentile(95.0).zip(all.service.percentile(95.0))?;
    let waited = latency.saturating_sub(service);
    let matters = generator.busy > OVERWORKED && waited > service && waited > HARMLESS;
    matters.then(|| {
        let busy = generator.busy * 100.0;
        format!("arrivals had to wait while its busiest thread worked {busy:.0} % of the time")
    })
}

fn together(phases: &[PhaseReport]) -> Tally {
    let mut all = Tally::default();
    for phase in phases {
        all.merge(&phase.total().all());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::OperationReport;

    fn phase(latency: u64, failure: Option<&str>) -> PhaseReport {
        let mut get = OperationReport::named("get");
        let took = Duration::from_millis(latency);
        get.succeeded.record(took, took);
        if let Some(class) = failure {
            get.failed.entry(class.to_owned()).or_default().record(took, took);
        }
        PhaseReport { operations: vec![get], ..PhaseReport::default() }
    }

    fn generator(lag: u64) -> Generator {
        let lag = Histogram::from_iter([Duration::from_millis(lag)]);
        Generator {
            cpu: 1.94,
            cores: 2,
            lag,
            descriptors: 10,
            descriptor_limit: Some(1024),
            ..Generator::default()
        }
    }

    #[test]
    fn a_lag_matters_where_it_is_a_part_of_the_numbers() {
        assert_eq!(limited(&generator(45), &[phase(1, None)]), None, "harmless in itself");
        assert_eq!(limited(&generator(80), &[phase(1000, None)]), None, "harmless beside the numbers");
        let why = limited(&generator(80), &[phase(160, None)]).unwrap();
        insta::assert_snapshot!(why, @"generator-limited: one in twenty of its own steps was 80 ms late or more, with 1.9 of 2 cores in use");
    }

    #[test]
    fn who_waits_for_a_busy_thread_waits_for_the_generator() {
        let mut get = OperationReport::named("get");
        get.succeeded.record(Duration::from_millis(900), Duration::from_millis(10));
        let open = [PhaseReport { operations: vec![get], ..PhaseReport::default() }];
        let busy = |share| Generator { busy: share, ..generator(1) };
        assert_eq!(limited(&busy(0.3), &open), None, "they wait for the target");
        assert_eq!(limited(&busy(0.99), &[phase(900, None)]), None, "no one waits");
        let why = limited(&busy(0.99), &open).unwrap();
        insta::assert_snapshot!(why, @"generator-limited: arrivals had to wait while its busiest thread worked 99 % of the time");
    }

    #[test]
    fn what_this_machine_lacks_blames_no_one_else() {
        let why = limited(&generator(1), &[phase(1, Some("generator-ports"))]).unwrap();
        insta::assert_snapshot!(why, @"generator-limited: 1 attempts failed with `generator-ports` on this machine");
        assert_eq!(limited(&generator(1), &[phase(1, Some("connect-refused"))]), None);
        let full = Generator { descriptors: 1010, ..generator(1) };
        assert!(limited(&full, &[]).unwrap().contains("1010 of 1024 descriptors"));
    }

    #[test]
    fn this_process_uses_memory_and_descriptors() {
        let vitals = Watch::new().sample(Histogram::new(), 0, &[]);
        assert!(vitals.memory > 0 && vitals.cores > 0);
        assert!(vitals.descriptors > 0 || !cfg!(target_os = "linux"));
    }
}
