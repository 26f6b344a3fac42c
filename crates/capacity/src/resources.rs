//! What a target used of its resources while it was loaded.

use crate::interval::number;
use jiff::{Timestamp, Unit as Time};
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::measurement::Unit;
use shakedown_core::observe::Observed;
use std::collections::{BTreeMap, BTreeSet};

/// One resource of one subject over time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Usage {
    /// Whose it is, for example `pod/focus-server-0`.
    pub subject: String,
    /// What it is, for example `cpu`.
    pub what: String,
    /// The unit of the values and of the limit.
    pub unit: Unit,
    /// How much there may be, where that is known.
    pub limit: Option<f64>,
    /// Seconds since the start, and the value then.
    pub points: Vec<[f64; 2]>,
    /// What the target said of it, as far as the value was not zero; each text once.
    pub notes: Vec<String>,
}

/// Everything that was observed, by subject and resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Resources {
    /// What was measured.
    pub usages: Vec<Usage>,
    /// What could not be read: the observer, and why.
    pub unreadable: Vec<(String, String)>,
}

/// How close a resource came to its limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Whose.
    pub subject: String,
    /// The mean, 0–1.
    pub mean: f64,
    /// The highest, 0–1.
    pub peak: f64,
    /// Over how many samples.
    pub samples: usize,
}

impl Usage {
    /// The highest value.
    pub fn peak(&self) -> Option<f64> {
        self.points.iter().map(|[_, value]| *value).reduce(f64::max)
    }

    /// The mean value.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self.points.iter().map(|[_, value]| value).sum();
        (!self.points.is_empty()).then(|| sum / number(self.points.len()))
    }

    /// By how much it is higher at the end than at the start; none with fewer than two samples.
    pub fn rise(&self) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        (self.points.len() > 1).then(|| last[1] - first[1])
    }

    /// The share of the limit; none where no limit is known.
    pub fn share(&self) -> Option<Share> {
        let limit = self.limit.filter(|limit| *limit > 0.0)?;
        Some(Share {
            subject: self.subject.clone(),
            mean: self.mean()? / limit,
            peak: self.peak()? / limit,
            samples: self.points.len(),
        })
    }
}

impl Resources {
    /// Sorts what was observed, in any order, into one series for each subject and resource. Times count from `start`.
    pub fn of(observed: &[Observed], start: Timestamp) -> Self {
        let mut observed: Vec<&Observed> = observed.iter().collect();
        observed.sort_by_key(|one| one.at);
        let mut usages: BTreeMap<(String, String), Usage> = BTreeMap::new();
        let mut unreadable = BTreeSet::new();
        for one in observed {
            let at = one.at.since(start).and_then(|since| since.total(Time::Second)).unwrap_or(0.0);
            match &one.readings {
                Err(why) => drop(unreadable.insert((one.observer.clone(), why.clone()))),
                Ok(readings) => {
                    for reading in readings.iter().filter(|reading| reading.value.is_finite()) {
                        let key = (reading.what.clone(), reading.subject.clone());
                        let usage = usages.entry(key).or_insert_with(|| Usage {
                            subject: reading.subject.clone(),
                            what: reading.what.clone(),
                            unit: reading.unit,
                            limit: None,
                            points: Vec::new(),
                            notes: Vec::new(),
                        });
                        usage.limit = reading.limit.or(usage.limit);
                        usage.points.push([at, reading.value]);
                        let news = reading
                            .note
                            .iter()
                            .filter(|note| reading.value > 0.0 && !usage.notes.contains(note));
                        let news: Vec<String> = news.cloned().collect();
                        usage.notes.extend(news);
                    }
                }
            }
        }
        Self { usages: usages.into_values().collect(), unreadable: unreadable.into_iter().collect() }
    }

    /// All subjects of one resource.
    pub fn all<'a>(&'a self, what: &'a str) -> impl Iterator<Item = &'a Usage> {
        self.usages.iter().filter(move |usage| usage.what == what)
    }

    /// The subject that came closest to its limit of one resource; none where no share of it was measured.
    pub fn tightest(&self, what: &str) -> Option<Share> {
        self.all(what).filter_map(Usage::share).max_by(|a, b| a.peak.total_cmp(&b.peak))
    }

    /// The subject with the highest count of something, and that count; none where it was not measured.
    pub fn most<'a>(&'a self, what: &'a str) -> Option<(&'a Usage, f64)> {
        self.all(what).filter_map(|usage| Some((usage, usage.peak()?))).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::observe::Reading;

    fn observed(second: i64, readings: Result<Vec<Reading>, String>) -> Observed {
        Observed {
            observer: "k8s.resources".to_owned(),
            target: "k8s".to_owned(),
            at: Timestamp::from_second(1000 + second).unwrap(),
            readings,
        }
    }

    fn cpu(pod: &str, cores: f64) -> Reading {
        Reading::new(pod, "cpu", cores, Unit::Count).of(Some(2.0))
    }

    #[test]
    fn the_tightest_subject_speaks_for_a_resource() {
        let looks = [
            observed(5, Ok(vec![cpu("pod/a", 1.8), cpu("pod/b", 0.2)])),
            observed(0, Ok(vec![cpu("pod/a", 1.0), cpu("pod/b", 0.4)])),
        ];
        let resources = Resources::of(&looks, Timestamp::from_second(1000).unwrap());
        let share = resources.tightest("cpu").unwrap();
        assert_eq!((share.subject.as_str(), share.mean, share.peak, share.samples), ("pod/a", 0.7, 0.9, 2));
        assert_eq!(resources.usages[0].points, [[0.0, 1.0], [5.0, 1.8]]);
        assert_eq!(resources.usages[0].rise(), Some(0.8));
        assert_eq!(resources.tightest("memory"), None);
    }

    #[test]
    fn without_a_limit_there_is_no_share_and_what_is_unreadable_is_told() {
        let looks = [
            observed(0, Ok(vec![Reading::new("mongod", "memory", 5.0, Unit::Bytes)])),
            observed(1, Err("forbidden".to_owned())),
            observed(2, Err("forbidden".to_owned())),
        ];
        let resources = Resources::of(&looks, Timestamp::from_second(1000).unwrap());
        assert_eq!(resources.tightest("memory"), None);
        assert_eq!(resources.most("memory").unwrap().1.to_string(), "5");
        assert_eq!(resources.unreadable, [("k8s.resources".to_owned(), "forbidden".to_owned())]);
    }
}
