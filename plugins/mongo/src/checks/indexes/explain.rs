//! The server's own account of how it answers a query of history.

use crate::client::{MongoClient, patience};
use crate::time;
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{CheckError, Context, Evidence, EvidenceRef, duration};
use std::time::Duration;

/// The longest that the server may take to explain: it has to run the query for that.
const LONGEST: Duration = Duration::from_secs(10);

/// What the server did to answer, in words, and the whole answer as evidence where there is one.
pub(super) struct Account {
    pub(super) words: String,
    pub(super) evidence: Option<EvidenceRef>,
}

/// Has the server explain the query for the recordings of the last day.
pub(super) async fn last_day(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
) -> Result<Account, CheckError> {
    let now = cx.clock.now();
    let day_before = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let filter = doc! {
        "deleted": false,
        "start_time": { "$lte": time::date(now) },
        "end_time": { "$gte": time::date(day_before) },
    };
    let limit = LONGEST.min(patience(cx) / 2);
    let command = doc! {
        "explain": { "find": collection, "filter": filter },
        "verbosity": "executionStats",
        "maxTimeMS": i64::try_from(limit.as_millis()).unwrap_or(i64::MAX),
    };
    // The finding stands without the account, so that no failure to explain may replace it.
    match mongo.ask_within(limit, "explain a query", mongo.database.run_command(command)).await {
        Ok(reply) => {
            let shown = serde_json::to_value(&reply).map_err(CheckError::unclear)?;
            let evidence = cx.attach(Evidence::json("explain.json", &shown))?;
            Ok(Account { words: words(&reply), evidence: Some(evidence) })
        }
        Err(trouble) => Ok(Account {
            words: format!(
                "the server did not explain the query within {}: {}",
                duration::brief(limit),
                trouble.words()
            ),
            evidence: None,
        }),
    }
}

/// What an answer of `explain` says.
fn words(reply: &Document) -> String {
    let stats = reply.get_document("executionStats").ok();
    let number = |name| stats.and_then(|stats| stats.get(name)).and_then(whole);
    let way = if names_stage(reply.get("queryPlanner"), "COLLSCAN") {
        "scans the whole collection (COLLSCAN)"
    } else {
        "does not scan the whole collection"
    };
    let mut parts = vec![format!("explain: the query for the recordings of the last day {way}")];
    if let (Some(examined), Some(returned)) = (number("totalDocsExamined"), number("nReturned")) {
        parts.push(format!("{examined} documents examined (docsExamined) for {returned} returned"));
    }
    if let Some(milliseconds) = number("executionTimeMillis") {
        parts.push(format!("in {milliseconds} ms"));
    }
    parts.join(", ")
}

/// Whether a plan has a stage of that name, however deep.
fn names_stage(plan: Option<&Bson>, stage: &str) -> bool {
    match plan {
        Some(Bson::Document(fields)) => fields.iter().any(|(name, value)| {
            (name == "stage" && value.as_str() == Some(stage))
                || (name != "rejectedPlans" && names_stage(Some(value), stage))
        }),
        Some(Bson::Array(items)) => items.iter().any(|item| names_stage(Some(item), stage)),
        _ => false,
    }
}

fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and the number is only shown"
        )]
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_found_in_the_plan_that_won() {
        let scan = doc! {
            "queryPlanner": { "winningPlan": { "stage": "LIMIT", "inputStage": { "stage": "COLLSCAN" } } },
            "executionStats": { "totalDocsExamined": 3012, "nReturned": 4_i64, "executionTimeMillis": 12.0 },
        };
        assert_eq!(
            words(&scan),
            "explain: the query for the recordings of the last day scans the whole collection (COLLSCAN), \
             3012 documents examined (docsExamined) for 4 returned, in 12 ms"
        );
        let indexed = doc! { "queryPlanner": {
            "winningPlan": { "stage": "FETCH", "inputStage": { "stage": "IXSCAN" } },
            "rejectedPlans": [{ "stage": "COLLSCAN" }],
        } };
        assert_eq!(
            words(&indexed),
            "explain: the query for the recordings of the last day does not scan the whole collection"
        );
    }
}
