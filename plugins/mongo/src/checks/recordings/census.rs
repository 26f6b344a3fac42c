//! The recordings that are neither ended nor deleted: how many there are, and how old.

use crate::client::MongoClient;
use crate::{brief, time};
use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{CheckError, Context};

/// At most so many examples of each kind are kept.
pub(super) const EXAMPLES: usize = 10;

/// More start times that are no dates than this are not read.
const MOST_UNDATED: u32 = 10_000;

/// A recording that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) uuid: String,
    pub(super) started: Timestamp,
}

/// A count of the open recordings by age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Started before the limit.
    pub(super) stale: u64,
    /// The oldest of them, oldest first.
    pub(super) oldest: Vec<Open>,
    /// Started after the limit.
    pub(super) live: u64,
    /// Without a start time that means an instant.
    pub(super) undatable: u64,
    /// Some of them, for a reader.
    pub(super) undatable_examples: Vec<String>,
    /// Not examined, because there are more start times that are no dates than a check may read.
    pub(super) unread: u64,
}

/// Neither ended nor deleted. To a query, null is also what is missing.
fn open() -> Document {
    doc! { "deleted": { "$ne": true }, "end_time": Bson::Null }
}

/// Counts on the server where start times are dates. The others are read, bounded, and normalised here.
pub(super) async fn take(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    limit: Timestamp,
) -> Result<Census, CheckError> {
    let limit_date = time::date(limit);
    let counted = vec![
        doc! { "$match": open() },
        doc! { "$group": {
            "_id": { "$type": "$start_time" },
            "all": { "$sum": 1 },
            "stale": { "$sum": { "$cond": [{ "$lt": ["$start_time", limit_date] }, 1, 0] } },
        } },
    ];
    let mut census = Census::default();
    let mut undated = 0;
    for row in mongo.rows(cx, "count the open recordings", collection, counted).await? {
        let number = |name| row.get(name).and_then(whole).unwrap_or_default();
        if row.get_str("_id").is_ok_and(|kind| kind == "date") {
            census.stale = number("stale");
            census.live = number("all").saturating_sub(census.stale);
        } else {
            undated += number("all");
        }
    }
    if census.stale > 0 {
        let mut filter = open();
        filter.insert("start_time", doc! { "$lt": limit_date });
        let oldest =
            [doc! { "$match": filter }, doc! { "$sort": { "start_time": 1 } }, doc! { "$limit": 10 }];
        let rows = mongo.rows(cx, "read the oldest open recordings", collection, brief_rows(oldest)).await?;
        census.oldest.extend(rows.iter().filter_map(read_open));
    }
    if undated > 0 {
        let is_no_date = doc! { "$expr": { "$ne": [{ "$type": "$start_time" }, "date"] } };
        let others =
            [doc! { "$match": open() }, doc! { "$match": is_no_date }, doc! { "$limit": MOST_UNDATED }];
        let rows =
            mongo.rows(cx, "read start times that are no dates", collection, brief_rows(others)).await?;
        census.unread = undated.saturating_sub(rows.len() as u64);
        census.add(&rows, limit);
    }
    Ok(census)
}

/// Of each document only who it is and when it started, both cut short.
fn brief_rows(stages: impl IntoIterator<Item = Document>) -> Vec<Document> {
    let projection =
        doc! { "$project": { "uuid": brief::field("uuid"), "start_time": brief::field("start_time") } };
    stages.into_iter().chain([projection]).collect()
}

fn name(row: &Document) -> String {
    match row.get("uuid") {
        Some(uuid @ Bson::String(_)) => brief::show(Some(uuid)),
        _ => format!("_id {}", brief::show(row.get("_id"))),
    }
}

fn read_open(row: &Document) -> Option<Open> {
    let started = time::instant(row.get("start_time")?)?;
    Some(Open { uuid: name(row), started })
}

fn whole(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

impl Census {
    /// Adds recordings whose start times are no dates.
    fn add(&mut self, rows: &[Document], limit: Timestamp) {
        for row in rows {
            match read_open(row) {
                Some(open) if open.started < limit => {
                    self.stale += 1;
                    self.oldest.push(open);
                }
                Some(_) => self.live += 1,
                None => {
                    self.undatable += 1;
                    if self.undatable_examples.len() < EXAMPLES {
                        let value = brief::show(row.get("start_time"));
                        self.undatable_examples.push(format!("{}: start_time {value}", name(row)));
                    }
                }
            }
        }
        self.oldest.sort_by_key(|open| open.started);
        self.oldest.truncate(EXAMPLES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_of_every_form_are_counted() {
        let limit = Timestamp::from_second(1_735_689_600).unwrap();
        let rows = [
            doc! { "uuid": "text, old", "start_time": "2024-12-31T00:00:00" },
            doc! { "uuid": "text, aware, old", "start_time": "2025-01-01T01:00:00+02:00" },
            doc! { "uuid": "seconds, old", "start_time": 1_735_000_000 },
            doc! { "uuid": "double, live", "start_time": 1_735_689_600.5 },
            doc! { "uuid": "milliseconds, live", "start_time": 1_735_689_600_001_i64 },
            doc! { "_id": 7, "start_time": "now\u{7}" },
            doc! { "uuid": "null", "start_time": Bson::Null },
            doc! { "uuid": "missing" },
        ];
        let mut census = Census::default();
        census.add(&rows, limit);
        assert_eq!((census.stale, census.live, census.undatable), (3, 2, 3));
        let oldest: Vec<&str> = census.oldest.iter().map(|open| open.uuid.as_str()).collect();
        assert_eq!(oldest, ["seconds, old", "text, old", "text, aware, old"]);
        assert_eq!(
            census.undatable_examples,
            [r"_id 7: start_time now\u{7}", "null: start_time (null)", "missing: start_time (missing)"]
        );
    }

    #[test]
    fn the_examples_are_the_oldest_whatever_the_number() {
        let rows: Vec<Document> =
            (0..50).rev().map(|hour| doc! { "uuid": hour.to_string(), "start_time": hour * 3600 }).collect();
        let mut census = Census::default();
        census.add(&rows, Timestamp::from_second(1_000_000).unwrap());
        assert_eq!((census.stale, census.oldest.len(), census.oldest[9].uuid.as_str()), (50, EXAMPLES, "9"));
    }
}
