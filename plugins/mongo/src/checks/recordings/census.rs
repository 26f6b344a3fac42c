//! The recordings that are neither ended nor deleted: how many there are, and how old.

use crate::checks::survey::{EXAMPLES, Survey, count, count_if};
use crate::{brief, time};
use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::CheckError;

/// A recording that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checks) struct Open {
    pub(in crate::checks) uuid: String,
    pub(in crate::checks) started: Timestamp,
}

/// A count of the open recordings by age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::checks) struct Census {
    /// Started before the limit.
    pub(in crate::checks) stale: u64,
    /// The oldest of them, oldest first.
    pub(in crate::checks) oldest: Vec<Open>,
    /// Started after the limit.
    pub(in crate::checks) live: u64,
    /// Without a start time that means an instant.
    pub(in crate::checks) undatable: u64,
    /// Some of them, for a reader.
    pub(in crate::checks) undatable_examples: Vec<String>,
}

/// Neither ended nor deleted, with the start as a date, or null where it means no instant. To a query, null is also
/// what is missing.
fn open() -> Vec<Document> {
    vec![
        doc! { "$match": { "deleted": { "$ne": true }, "end_time": Bson::Null } },
        doc! { "$project": {
            "uuid": brief::field("uuid"),
            "start_time": brief::field("start_time"),
            "started": time::on_server("start_time"),
        } },
    ]
}

/// Counts on the server, and reads a few examples.
pub(in crate::checks) async fn take(survey: &Survey<'_>, limit: Timestamp) -> Result<Census, CheckError> {
    let undatable = doc! { "$eq": ["$started", Bson::Null] };
    let early = doc! { "$lt": ["$started", time::date(limit)] };
    // In an expression null is less than any date.
    let stale = doc! { "$and": [{ "$not": [&undatable] }, early] };
    let sums = doc! {
        "all": { "$sum": 1 },
        "stale": count_if(stale.clone()),
        "undatable": count_if(undatable.clone()),
    };
    let sums = survey.sums("count the open recordings", open(), sums).await?;
    let mut census =
        Census { stale: count(&sums, "stale"), undatable: count(&sums, "undatable"), ..Census::default() };
    census.live = count(&sums, "all").saturating_sub(census.stale + census.undatable);
    let examples = async |condition: Document| {
        let mut pipeline = open();
        pipeline.extend([
            doc! { "$match": { "$expr": condition } },
            doc! { "$sort": { "started": 1 } },
            doc! { "$limit": i64::try_from(EXAMPLES).unwrap_or(i64::MAX) },
        ]);
        survey.rows("read the oldest open recordings", pipeline).await
    };
    if census.stale > 0 {
        census.oldest.extend(examples(stale).await?.iter().filter_map(read_open));
    }
    if census.undatable > 0 {
        census.undatable_examples.extend(examples(undatable).await?.iter().map(line));
    }
    Ok(census)
}

fn name(row: &Document) -> String {
    match row.get("uuid") {
        Some(uuid @ Bson::String(_)) => brief::show(Some(uuid)),
        _ => format!("_id {}", brief::show(row.get("_id"))),
    }
}

fn read_open(row: &Document) -> Option<Open> {
    let started = time::instant(row.get("started")?)?;
    Some(Open { uuid: name(row), started })
}

fn line(row: &Document) -> String {
    format!("{}: start_time {}", name(row), brief::show(row.get("start_time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_named_by_what_they_have() {
        let row = doc! { "_id": 7, "start_time": "now\u{7}", "started": Bson::Null };
        assert_eq!(line(&row), r"_id 7: start_time now\u{7}");
        assert_eq!(line(&doc! { "uuid": "a" }), "a: start_time (missing)");
        assert_eq!(read_open(&row), None);
        let started = mongodb::bson::DateTime::from_millis(1_500);
        assert_eq!(
            read_open(&doc! { "uuid": "a", "started": started }),
            Some(Open { uuid: "a".to_owned(), started: Timestamp::from_millisecond(1_500).unwrap() })
        );
    }
}
