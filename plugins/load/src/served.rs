//! What came of what was asked: how much of it was served, how the rest failed, and since when.

use crate::jobs::{HELD_BACK, NO_ROOM, OPERATIONS};
use crate::series::count;
use shakedown_core::duration::brief;
use shakedown_core::{Cause, TargetError, TargetErrorKind};
use shakedown_loadgen::histogram::Histogram;
use shakedown_loadgen::report::{OperationReport, PhaseReport, Report, Second};
use std::collections::BTreeMap;
use std::time::Duration;

/// What came of one operation, in one or several phases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served {
    /// The operation.
    pub(crate) operation: String,
    /// The phases.
    phases: Vec<String>,
    /// Arrivals that asked the server for something, or would have if it had not kept them waiting too long.
    pub(crate) asked: u64,
    /// Those that got it.
    pub(crate) succeeded: u64,
    /// Those that were answered otherwise, or not, by the class of the failure.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Those that could not be begun in time.
    pub(crate) missed: u64,
    /// Those that had no answer when the load was over.
    pub(crate) abandoned: u64,
    /// Those that were not sent because the server had asked for patience.
    pub(crate) held_back: u64,
    /// Arrivals that found no room under the policy's bound on jobs. They count neither for nor against the server.
    pub(crate) no_room: u64,
    /// The times of those that succeeded, from when they should have begun.
    pub(crate) latency: Histogram,
    /// The same from when they were sent.
    pub(crate) service: Histogram,
    /// How long the server asked to wait.
    pub(crate) retry_after: Histogram,
    /// How long it took until all had ended.
    pub(crate) elapsed: Duration,
}

impl Served {
    /// What came of an operation in the measured phases.
    pub(crate) fn of(report: &Report, operation: &str) -> Self {
        let phases: Vec<&PhaseReport> = report.measured().collect();
        let mut served = Self::within(&phases, operation);
        // What goes on after the last phase belongs to it: a server that is behind has not kept the rate.
        let all: f64 = report.phases.iter().map(|phase| phase.elapsed).sum();
        if report.phases.last().is_some_and(|last| last.measured) {
            let drained = (report.elapsed.0.as_secs_f64() - all).max(0.0);
            served.elapsed += Duration::from_secs_f64(drained);
        }
        served
    }

    /// What came of an operation in these phases.
    pub(crate) fn within(phases: &[&PhaseReport], operation: &str) -> Self {
        let mut all = OperationReport::named(operation);
        let names = phases.iter().map(|phase| phase.name.clone()).collect();
        let mut served = Self { operation: operation.to_owned(), phases: names, ..Self::default() };
        let mut started = 0;
        for phase in phases {
            let attempts =
                |number: usize| phase.operation(OPERATIONS[number]).map_or(0, OperationReport::attempts);
            if let Some(of_phase) = phase.operation(operation) {
                all.merge(of_phase);
            }
            served.no_room += attempts(NO_ROOM);
            served.held_back += attempts(HELD_BACK);
            served.missed += phase.missed;
            served.elapsed += Duration::from_secs_f64(phase.elapsed.max(0.0));
            started += phase.started;
        }
        served.succeeded = all.succeeded.count;
        served.failed = all.failed.iter().map(|(class, tally)| (class.clone(), tally.count)).collect();
        served.abandoned = started.saturating_sub(all.attempts() + served.no_room + served.held_back);
        served.asked = all.attempts() + served.held_back + served.missed + served.abandoned;
        served.latency = all.succeeded.latency;
        served.service = all.succeeded.service;
        served.retry_after = all.retry_after;
        served
    }

    /// The same of operations of which an arrival does one or several, so that arrivals tell nothing of attempts.
    pub(crate) fn attempts(all: &OperationReport, elapsed: Duration) -> Self {
        Self {
            operation: all.name.clone(),
            asked: all.attempts(),
            succeeded: all.succeeded.count,
            failed: all.failed.iter().map(|(class, tally)| (class.clone(), tally.count)).collect(),
            latency: all.succeeded.latency.clone(),
            service: all.succeeded.service.clone(),
            retry_after: all.retry_after.clone(),
            elapsed,
            ..Self::default()
        }
    }

    /// The share that was served, in percent; none where nothing was asked.
    pub(crate) fn share(&self) -> Option<f64> {
        (self.asked > 0).then(|| 100.0 * count(self.succeeded) / count(self.asked))
    }

    /// How many were served in a second; none where no time passed.
    pub(crate) fn rate(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| count(self.succeeded) / seconds)
    }

    /// The share of arrivals that found no room, in percent.
    pub(crate) fn without_room(&self) -> f64 {
        let all = self.asked + self.no_room;
        if all == 0 { 0.0 } else { 100.0 * count(self.no_room) / count(all) }
    }

    /// How those failed that did, one line each, most frequent first.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut classes: Vec<(&String, &u64)> = self.failed.iter().collect();
        classes.sort_by_key(|(class, count)| (std::cmp::Reverse(**count), *class));
        let mut lines: Vec<String> =
            classes.into_iter().map(|(class, count)| format!("{count} × {}", words(class))).collect();
        if self.held_back > 0 {
            let asked = self.retry_after.max().map_or_else(
                || "without saying for how long".to_owned(),
                |wait| format!("for up to {}", brief(wait)),
            );
            lines.push(format!(
                "{} × not sent: the server had answered 429 and asked for patience, {asked}",
                self.held_back
            ));
        }
        if self.missed > 0 {
            lines.push(format!(
                "{} × not sent: everybody who may ask at the same time still waited for an answer",
                self.missed
            ));
        }
        if self.abandoned > 0 {
            lines.push(format!("{} × no answer when the load was over", self.abandoned));
        }
        lines
    }

    /// Whom most failures point at, and what to do next.
    pub(crate) fn suspect(&self) -> (Cause, &'static str) {
        let of = |wanted: &[&str]| -> u64 {
            let fits = |class: &str| wanted.iter().any(|start| class.starts_with(start));
            self.failed.iter().filter(|(class, _)| fits(class)).map(|(_, count)| count).sum()
        };
        let capacity = (
            of(&["status-503", "throttled"]) + self.held_back,
            Cause::Capacity,
            "the server says that it has no room: raise its limits, or give the cluster more; `load.capacity` finds the limit",
        );
        let slow = (
            of(&["timeout"]) + self.missed + self.abandoned,
            Cause::Capacity,
            "look at what the server's workers wait for while it is loaded: locks, the database, the start of pods",
        );
        let product = (
            of(&["status-5", "content", "truncated", "protocol"]) - of(&["status-503"]),
            Cause::Product,
            "read the stack traces in the server's log at these times: it fails when requests overlap",
        );
        let network = (
            of(&["connect", "reset", "closed", "dns", "tls", "status-502", "status-504"]),
            Cause::Environment,
            "look at restarts of the server's pods, and at the limits of the ingress and of connections in between",
        );
        let refused = (
            of(&["status-4", "other"]),
            Cause::Product,
            "read the answers in the server's log: it refuses what it accepts from somebody who asks alone",
        );
        let all = [product, capacity, slow, network, refused];
        let (_, cause, remedy) = all.into_iter().max_by_key(|(count, ..)| *count).unwrap_or(product);
        (cause, remedy)
    }
}

/// When failures of an operation began and ended, by the seconds of the load.
pub(crate) fn began(report: &Report, served: &Served) -> Option<String> {
    let failing = |second: &&Second| {
        let failed = |name: &str| second.operations.get(name).map_or(0, |one| one.failed);
        let is_meant = served.phases.is_empty() || served.phases.contains(&second.phase);
        is_meant && second.missed + failed(&served.operation) + failed(OPERATIONS[HELD_BACK]) > 0
    };
    let first = report.timeline.iter().find(failing)?;
    let last = report.timeline.iter().rfind(failing)?;
    let wanted = first.target_rate.map_or_else(String::new, |rate| format!(" at {rate:.1} arrivals/s,"));
    Some(format!(
        "it began {} after the start, in phase `{}`,{wanted} with {} in flight; the last was after {}",
        brief(Duration::from_secs_f64(first.at.max(0.0))),
        first.phase,
        first.in_flight,
        brief(Duration::from_secs_f64((last.at + last.span).max(0.0))),
    ))
}

/// Classes of failures that come without any answer.
const SILENT: [&str; 10] = [
    "connect",
    "connect-refused",
    "connect-timeout",
    "connect-unreachable",
    "dns",
    "tls",
    "timeout",
    "reset",
    "closed",
    "cancelled",
];

/// Whether no attempt had an answer.
pub(crate) fn is_silence(all: &OperationReport) -> bool {
    let mut classes = all.failed.keys();
    all.succeeded.count == 0 && all.failures() > 0 && classes.all(|class| SILENT.contains(&class.as_str()))
}

/// That nobody answered.
pub(crate) fn silence(target: &str, address: &str, all: &OperationReport) -> TargetError {
    let most = all.failed.iter().max_by_key(|(_, tally)| tally.count).map_or("", |(class, _)| class);
    let kind = match most {
        "connect-refused" => TargetErrorKind::Refused,
        "dns" => TargetErrorKind::Dns,
        "tls" => TargetErrorKind::Tls,
        "reset" | "closed" => TargetErrorKind::Lost,
        _ => TargetErrorKind::TimedOut,
    };
    TargetError::new(target, address, kind, format!("none of {} requests was answered", all.attempts()))
}

/// A class of failures for a reader.
fn words(class: &str) -> String {
    match class {
        "throttled" => "429 (throttled)".to_owned(),
        "timeout" => "no answer within its time".to_owned(),
        "reset" => "the connection was reset".to_owned(),
        "closed" => "the connection was closed without an answer".to_owned(),
        "connect-refused" => "the connection was refused".to_owned(),
        "content" => "an answer with wrong content".to_owned(),
        other => other.strip_prefix("status-").unwrap_or(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_loadgen::report::Tally;

    fn tally(count: u64) -> Tally {
        let mut tally = Tally::default();
        (0..count).for_each(|_| tally.record(Duration::from_millis(20), Duration::from_millis(10)));
        tally
    }

    fn operation(name: &str, succeeded: u64, failed: &[(&str, u64)]) -> OperationReport {
        let failed = failed.iter().map(|(class, count)| ((*class).to_owned(), tally(*count))).collect();
        OperationReport { succeeded: tally(succeeded), failed, ..OperationReport::named(name) }
    }

    /// Twenty arrivals came due: 2 were missed, 1 found no room, 3 were held back, 9 were served, 4 failed, 1 is lost.
    fn phase() -> PhaseReport {
        PhaseReport {
            name: "load".to_owned(),
            measured: true,
            elapsed: 2.0,
            planned: 20,
            started: 18,
            missed: 2,
            abandoned: 1,
            operations: vec![
                operation("configure", 9, &[("status-500", 3), ("throttled", 1)]),
                operation("no room", 0, &[("other", 1)]),
                operation("held back", 0, &[("throttled", 3)]),
            ],
            ..PhaseReport::default()
        }
    }

    #[test]
    fn every_arrival_is_accounted_for() {
        let served = Served::within(&[&phase()], "configure");
        assert_eq!((served.asked, served.succeeded, served.no_room), (19, 9, 1));
        assert_eq!((served.missed, served.held_back, served.abandoned), (2, 3, 1));
        assert_eq!(served.without_room().to_string(), "5");
        assert_eq!(served.rate().unwrap().to_string(), "4.5");
        assert_eq!(served.latency.count(), 9, "only what succeeded has a time");
        insta::assert_snapshot!(served.failures().join("\n"), @r"
        3 × 500
        1 × 429 (throttled)
        3 × not sent: the server had answered 429 and asked for patience, without saying for how long
        2 × not sent: everybody who may ask at the same time still waited for an answer
        1 × no answer when the load was over
        ");
    }

    #[test]
    fn nothing_asked_has_no_share() {
        assert_eq!(Served::default().share(), None);
        assert_eq!(Served::default().rate(), None);
    }

    #[test]
    fn most_failures_decide_whom_to_ask() {
        let cause = |failed: &[(&str, u64)]| {
            let all = operation("configure", 10, failed);
            Served::attempts(&all, Duration::from_secs(1)).suspect().0
        };
        assert_eq!(cause(&[("status-500", 3), ("status-503", 2)]), Cause::Product);
        assert_eq!(cause(&[("status-500", 2), ("status-503", 3)]), Cause::Capacity);
        assert_eq!(cause(&[("status-502", 3)]), Cause::Environment);
        assert_eq!(cause(&[("reset", 3), ("content", 1)]), Cause::Environment);
        assert_eq!(cause(&[("timeout", 3)]), Cause::Capacity);
        assert_eq!(cause(&[("status-400", 3)]), Cause::Product);
    }

    #[test]
    fn silence_is_no_answer_and_a_refusal_is_one() {
        assert!(is_silence(&operation("all", 0, &[("timeout", 2), ("connect-refused", 5)])));
        assert!(!is_silence(&operation("all", 0, &[("timeout", 2), ("status-503", 1)])));
        assert!(!is_silence(&operation("all", 1, &[("timeout", 2)])));
        assert!(!is_silence(&operation("all", 0, &[])));
        let all = operation("all", 0, &[("timeout", 2), ("connect-refused", 5)]);
        let error = silence("focus-api", "http://focus.example.com/", &all);
        insta::assert_snapshot!(error, @"focus-api at http://focus.example.com/: connection refused: none of 7 requests was answered");
    }
}
