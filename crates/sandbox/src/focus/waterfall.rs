//! The rows of a waterfall, made up as they are read: the same place at the same time always looks the same.

use super::configure::playback;
use super::validate::Range;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// How many values stand for the spectrum of one sensor in one row.
const BINS: u64 = 8;
/// How many values one answer carries at most; where rows are wide it carries fewer.
const MOST_VALUES: u64 = 200_000;
/// How many unread rows a live analyzer keeps.
const KEPT: u64 = 1_000;
/// Milliseconds that a row covers.
const LIVE_ROW: u64 = 20;
/// The same of every second task under [`Fault::RowsUneven`](super::faults::Fault::RowsUneven).
const LONG_ROW: u64 = 40;
const HISTORY_ROW: u64 = 1_000;
/// Which rows are left out under [`Fault::RowsLost`](super::faults::Fault::RowsLost).
const LOST_EVERY: u64 = 10;

/// Some rows of a task, as they are handed out.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    pub(super) content: Value,
    /// How many rows it holds, and how many it should hold beside those.
    pub(super) given: u64,
    pub(super) lost: u64,
}

/// The rows of one task.
#[derive(Debug)]
pub(super) struct Rows {
    sensors: Range,
    /// The time of the first row, in epoch milliseconds.
    origin: i64,
    /// Milliseconds that a row covers.
    row: u64,
    /// How many there will be, and how long playing them back takes; none for a live task.
    history: Option<(u64, Duration)>,
    /// How many were read or have been dropped.
    given: u64,
}

impl Rows {
    /// Rows of these sensors: of a recorded range (epoch seconds), or live from `start` on.
    pub(super) fn new(sensors: Range, history: Option<Range>, start: Timestamp) -> Self {
        let total = |range: Range| u64::try_from(range.max.saturating_sub(range.min)).unwrap_or_default();
        Self {
            sensors,
            origin: history.map_or(start.as_millisecond(), |range| range.min.saturating_mul(1000)),
            row: if history.is_some() { HISTORY_ROW } else { LIVE_ROW },
            history: history.map(|range| (total(range), playback(range))),
            given: 0,
        }
    }

    /// The same, half as many a second where they are live.
    pub(super) fn sparse(self) -> Self {
        Self { row: if self.history.is_some() { self.row } else { LONG_ROW }, ..self }
    }

    /// Whether all recorded rows have been read.
    pub(super) fn are_exhausted(&self) -> bool {
        self.history.is_some_and(|(total, _)| self.given >= total)
    }

    /// The next rows, at most `wanted`, after the analyzer has worked for `elapsed`; none if none are ready. Where it
    /// `loses` some, they are left out.
    pub(super) fn take(&mut self, elapsed: Duration, wanted: u32, loses: bool) -> Option<Block> {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let made = match self.history {
            None => millis / self.row,
            Some((total, playback)) if elapsed >= playback => total,
            Some((total, playback)) => {
                total * millis / u64::try_from(playback.as_millis()).unwrap_or(u64::MAX).max(1)
            }
        };
        if self.history.is_none() {
            self.given = self.given.max(made.saturating_sub(KEPT));
        }
        let width = self.sensors.max.abs_diff(self.sensors.min) + 1;
        let fitting = (MOST_VALUES / (width * BINS)).max(1);
        let until = made.min(self.given + u64::from(wanted).min(fitting));
        if until <= self.given {
            return None;
        }
        let is_kept = |row: &u64| !(loses && (row + 1).is_multiple_of(LOST_EVERY));
        let rows: Vec<Value> = (self.given..until).filter(is_kept).map(|row| self.row(row)).collect();
        let given = rows.len() as u64;
        let lost = until - self.given - given;
        self.given = until;
        let content = json!({ "current_max_amp": 1.0, "current_min_amp": 0.0, "rows": rows });
        Some(Block { content, given, lost })
    }

    fn row(&self, number: u64) -> Value {
        let start = self.origin.saturating_add_unsigned(number * self.row);
        let sensors: Vec<Value> = (self.sensors.min..=self.sensors.max)
            .map(|sensor| {
                let intensity: Vec<f64> = (0..BINS).map(|bin| intensity(start, sensor, bin)).collect();
                json!({ "id": sensor, "intensity": intensity })
            })
            .collect();
        json!({
            "canvasId": "waterfall",
            "startTimestamp": start,
            "endTimestamp": start.saturating_add_unsigned(self.row),
            "sensors": sensors,
        })
    }
}

/// Something between 0 and 1 that looks like noise.
fn intensity(time: i64, sensor: i64, bin: u64) -> f64 {
    let seed =
        time.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ sensor.unsigned_abs().rotate_left(32) ^ bin;
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    f64::from(u16::try_from(mixed >> 48).unwrap_or_default()) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSORS: Range = Range { min: 0, max: 9 };

    fn times(block: &Value) -> Vec<(i64, i64)> {
        let rows = block["rows"].as_array().unwrap();
        let time = |row: &Value, key: &str| row[key].as_i64().unwrap();
        rows.iter().map(|row| (time(row, "startTimestamp"), time(row, "endTimestamp"))).collect()
    }

    #[test]
    fn history_is_played_back_once_and_in_order() {
        let mut rows = Rows::new(SENSORS, Some(Range { min: 1_000, max: 1_300 }), Timestamp::UNIX_EPOCH);
        let mut seen = Vec::new();
        for second in 0..=30 {
            while let Some(block) = rows.take(Duration::from_secs(second), 7, false) {
                seen.extend(times(&block.content));
            }
        }
        let expected: Vec<(i64, i64)> =
            (1_000..1_300).map(|second| (second * 1000, second * 1000 + 1000)).collect();
        assert_eq!(seen, expected);
        assert!(rows.are_exhausted());
    }

    #[test]
    fn a_live_task_keeps_only_the_latest_rows() {
        let mut rows = Rows::new(SENSORS, None, Timestamp::UNIX_EPOCH);
        assert_eq!(rows.take(Duration::from_millis(19), 5, false), None);
        let block = rows.take(Duration::from_hours(1), u32::MAX, false).unwrap().content;
        assert_eq!(times(&block).len(), 1000);
        assert_eq!(times(&block).last(), Some(&(3_599_980, 3_600_000)));
        assert!(!rows.are_exhausted());
    }

    #[test]
    fn every_tenth_row_can_be_lost() {
        let mut rows = Rows::new(SENSORS, None, Timestamp::UNIX_EPOCH);
        let first = rows.take(Duration::from_millis(300), 100, true).unwrap();
        assert_eq!((first.given, first.lost), (14, 1));
        let gap = times(&first.content).windows(2).find(|pair| pair[0].1 != pair[1].0).map(|pair| pair[0].1);
        assert_eq!(gap, Some(180));
        let next = rows.take(Duration::from_secs(1), 100, true).unwrap();
        assert_eq!((next.given, next.lost), (31, 4));
    }

    #[test]
    fn wide_rows_come_few_at_a_time_and_amplitudes_are_within_what_the_block_says() {
        let mut rows = Rows::new(Range { min: 0, max: 2336 }, None, Timestamp::UNIX_EPOCH);
        let block = rows.take(Duration::from_secs(10), 100, false).unwrap().content;
        assert_eq!(times(&block).len(), 10);
        let sensors = block["rows"][0]["sensors"].as_array().unwrap();
        assert_eq!(sensors.len(), 2337);
        let values: Vec<f64> =
            sensors[7]["intensity"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?}");
        assert!(
            values.windows(2).any(|pair| pair[0] < pair[1])
                && values.windows(2).any(|pair| pair[0] > pair[1])
        );
    }
}
