//! What a soak has seen so far: bounded, and fit to go on from after this process has ended.

use super::bins::Bins;
use super::early::{Sample, Watch};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shakedown_capacity::Trend;
use shakedown_core::Unit;
use shakedown_core::duration::brief;
use shakedown_core::observe::Observed;
use shakedown_core::{Cause, Finding};
use std::collections::BTreeMap;
use std::time::Duration;

/// More subjects than this are not told apart: job pods come and go, and none of them lives for a day.
const MOST_SUBJECTS: usize = 200;
/// A subject that was not seen for so many looks is gone.
const GONE: u64 = 20;

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// When the soak began, by the wall clock.
    pub(super) began: Timestamp,
    /// How long it has been watched, gaps left out, in seconds.
    pub(super) watched: f64,
    /// Jobs asked for, and how many of them came up and gave a sign of life.
    pub(super) asked: u64,
    pub(super) succeeded: u64,
    /// How many failed, by class.
    pub(super) failures: BTreeMap<String, u64>,
    /// How long configurations took, in milliseconds.
    pub(super) latency: Bins,
    /// The memory of each subject, in bytes.
    memory: BTreeMap<String, Memory>,
    /// How often memory was looked for, and how often something was seen.
    looks: u64,
    seen: u64,
    /// Why nothing could be read, the last time that this was so.
    pub(super) unread: Option<String>,
    pub(super) early: Watch,
    /// When nobody watched: from when (seconds since the beginning), and for how long.
    pub(super) gaps: Vec<[f64; 2]>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    bins: Bins,
    last_look: u64,
}

impl Record {
    pub(super) fn new(began: Timestamp) -> Self {
        Self {
            began,
            watched: 0.0,
            asked: 0,
            succeeded: 0,
            failures: BTreeMap::new(),
            latency: Bins::default(),
            memory: BTreeMap::new(),
            looks: 0,
            seen: 0,
            unread: None,
            early: Watch::default(),
            gaps: Vec::new(),
        }
    }

    /// Goes on with it at `now`; what was noted last was at `noted`. Returns the seconds from the beginning to now.
    pub(super) fn resume(&mut self, noted: Timestamp, now: Timestamp) -> f64 {
        let since = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64().max(0.0);
        self.gaps.push([since(self.began, noted), since(noted, now)]);
        since(self.began, now)
    }

    /// Takes note of jobs that were started together.
    pub(super) fn jobs(&mut self, at: f64, ended: Vec<(Sample, Option<String>)>) {
        for (sample, failure) in ended {
            self.job(at, sample, failure);
        }
    }

    /// Takes note of one job.
    pub(super) fn job(&mut self, at: f64, sample: Sample, failure: Option<String>) {
        self.asked += 1;
        match failure {
            None => self.succeeded += 1,
            Some(class) => *self.failures.entry(class).or_default() += 1,
        }
        if let Some(millis) = sample.millis {
            self.latency.push(at, millis);
        }
        self.early.note(sample);
    }

    /// Takes note of the memory that all subjects use.
    pub(super) fn memory(&mut self, at: f64, observed: &[Observed]) {
        self.looks += 1;
        let mut any = false;
        for observed in observed {
            let readings = match &observed.readings {
                Ok(readings) => readings,
                Err(why) => {
                    self.unread = Some(format!("{}: {why}", observed.observer));
                    continue;
                }
            };
            let readings =
                readings.iter().filter(|reading| reading.what == "memory" && reading.unit == Unit::Bytes);
            for reading in readings {
                any = true;
                if self.memory.len() >= MOST_SUBJECTS && !self.memory.contains_key(&reading.subject) {
                    continue;
                }
                let memory = self.memory.entry(reading.subject.clone()).or_default();
                memory.bins.push(at, reading.value);
                memory.last_look = self.looks;
            }
        }
        self.seen += u64::from(any);
        let looks = self.looks;
        self.memory.retain(|_, memory| looks - memory.last_look < GONE);
    }

    /// The memory of those that were there most of the time. What came or went is judged by nobody: a pod that was
    /// replaced starts afresh.
    pub(super) fn lasting(&self) -> impl Iterator<Item = (&str, &Bins)> {
        let most = self.memory.iter().filter(|(_, memory)| memory.bins.count() * 2 > self.seen);
        most.map(|(subject, memory)| (&**subject, &memory.bins))
    }

    /// Whether there is enough to tell trends from: of latency, and of memory where any is seen.
    pub(super) fn tells_trends(&self) -> bool {
        let mut memories =
            self.lasting().map(|(_, bins)| bins.points().len() >= Trend::LEAST_SAMPLES).peekable();
        let is_memory_told = memories.peek().is_none() || memories.any(|enough| enough);
        self.latency.points().len() >= Trend::LEAST_SAMPLES && is_memory_told
    }

    /// That nobody watched for a while.
    pub(super) fn gap_note(&self) -> Option<Finding> {
        gap_note(&self.gaps)
    }
}

/// That nobody watched for a while: how often, and for how long.
pub(super) fn gap_note(gaps: &[[f64; 2]]) -> Option<Finding> {
    let all: f64 = gaps.iter().map(|[_, lasted]| lasted).sum();
    let [from, _] = gaps.first()?;
    let brief = |seconds: f64| brief(Duration::from_secs_f64(seconds.max(0.0)));
    let message = format!(
        "this program was not there {} times, for {} in all, first {} after the start; what happened then was not seen",
        gaps.len(),
        brief(all),
        brief(*from)
    );
    Some(Finding::new("not-watched", Cause::Expected, "this run", message).note())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::observe::Reading;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn observed(readings: Vec<Reading>) -> Vec<Observed> {
        vec![
            Observed {
                observer: "k8s.resources".into(),
                target: "k8s".into(),
                at: at(0),
                readings: Ok(readings),
            },
            Observed {
                observer: "x.y".into(),
                target: "x".into(),
                at: at(0),
                readings: Err("forbidden".to_owned()),
            },
        ]
    }

    fn memory(subject: &str, value: f64) -> Reading {
        Reading::new(subject, "memory", value, Unit::Bytes)
    }

    #[test]
    fn what_lasts_is_kept_and_what_goes_is_forgotten() {
        let mut record = Record::new(at(0));
        for look in 0..100_u32 {
            let job = format!("pod/grpc-job-1-{look}");
            let cpu = Reading::new("pod/server", "cpu", 1.0, Unit::Count);
            record
                .memory(f64::from(look), &observed(vec![memory("pod/server", 1e9), memory(&job, 1e6), cpu]));
        }
        assert!(record.memory.len() <= 1 + usize::try_from(GONE).unwrap(), "{}", record.memory.len());
        let lasting: Vec<_> = record.lasting().map(|(subject, bins)| (subject, bins.count())).collect();
        assert_eq!(lasting, [("pod/server", 100)]);
        assert_eq!(record.unread.as_deref(), Some("x.y: forbidden"));
    }

    #[test]
    fn a_trend_takes_ten_of_each() {
        let mut record = Record::new(at(0));
        for job in 0..Trend::LEAST_SAMPLES {
            assert!(!record.tells_trends(), "{job}");
            record.job(1.0, Sample { millis: Some(5.0), alive: true }, None);
        }
        assert!(record.tells_trends(), "without memory there is none to tell");
        for look in 0..Trend::LEAST_SAMPLES {
            assert!(look == 0 || !record.tells_trends(), "{look}");
            record.memory(1.0, &observed(vec![memory("pod/server", 1e9)]));
        }
        assert!(record.tells_trends());
    }

    #[test]
    fn a_record_survives_and_knows_its_gap() {
        let mut record = Record::new(at(0));
        record.job(1.0, Sample { millis: Some(5.0), alive: true }, None);
        record.job(2.0, Sample { millis: None, alive: false }, Some("503".to_owned()));
        assert_eq!((record.asked, record.succeeded, record.failures["503"]), (2, 1, 1));
        assert!(record.gap_note().is_none());
        let text = serde_json::to_string(&record).unwrap();
        let mut record: Record = serde_json::from_str(&text).unwrap();
        assert!((record.resume(at(600), at(4200)) - 4200.0).abs() < 1e-9);
        insta::assert_snapshot!(record.gap_note().unwrap().message, @"this program was not there 1 times, for 1h 00m in all, first 10m 00s after the start; what happened then was not seen");
    }
}
