//! A number over any length of time in bounded memory: means of ever longer stretches.

use serde::{Deserialize, Serialize};

/// More stretches than this are merged, two into one.
const MOST: usize = 400;

/// The number, stretch by stretch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bins {
    /// How many samples make a stretch.
    each: u64,
    bins: Vec<Bin>,
}

/// The samples of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bin {
    times: f64,
    values: f64,
    count: u64,
}

impl Default for Bins {
    fn default() -> Self {
        Self { each: 1, bins: Vec::new() }
    }
}

impl Bins {
    /// Adds a value at a moment, in seconds since the start; moments ascend.
    pub(super) fn push(&mut self, at: f64, value: f64) {
        match self.bins.last_mut() {
            Some(bin) if bin.count < self.each => {
                bin.times += at;
                bin.values += value;
                bin.count += 1;
            }
            _ => self.bins.push(Bin { times: at, values: value, count: 1 }),
        }
        if self.bins.len() > MOST {
            self.each *= 2;
            self.bins = self.bins.chunks(2).map(merged).collect();
        }
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The mean moment and the mean value of each stretch.
    pub(super) fn points(&self) -> Vec<[f64; 2]> {
        let mean = |sum: f64, count: u64| sum / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.bins.iter().map(|bin| [mean(bin.times, bin.count), mean(bin.values, bin.count)]).collect()
    }
}

fn merged(bins: &[Bin]) -> Bin {
    let none = Bin { times: 0.0, values: 0.0, count: 0 };
    bins.iter().fold(none, |sum, bin| Bin {
        times: sum.times + bin.times,
        values: sum.values + bin.values,
        count: sum.count + bin.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_takes_no_more_room_than_a_minute_and_keeps_its_means() {
        let mut bins = Bins::default();
        for second in 0..86_400_u32 {
            bins.push(second.into(), f64::from(second) * 2.0);
        }
        let points = bins.points();
        assert!(points.len() <= MOST && points.len() > MOST / 4, "{}", points.len());
        assert_eq!(bins.count(), 86_400);
        assert!(points.is_sorted_by(|a, b| a[0] < b[0]));
        assert!(points.iter().all(|[at, value]| (value - at * 2.0).abs() < 1e-6));
        let text = serde_json::to_string(&bins).unwrap();
        assert_eq!(serde_json::from_str::<Bins>(&text).unwrap(), bins);
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let mut bins = Bins::default();
        assert!(bins.points().is_empty() && bins.count() == 0);
        bins.push(1.0, 7.0);
        bins.push(2.0, 9.0);
        assert_eq!(bins.points(), [[1.0, 7.0], [2.0, 9.0]]);
    }
}
