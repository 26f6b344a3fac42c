//! `mongo.time.order`

use crate::checks::survey::{ABSENT, GROUP, Survey, TIMEOUT, and_more, count, count_if, is_one_of, name};
use crate::{brief, time};
use mongodb::bson::{Bson, DateTime, Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Observation, Params, Severity,
    Verdict, async_trait, fault, register_check,
};

/// How far clocks may differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OrderParams {
    /// A start that lies no further ahead than this is put down to clocks that differ.
    pub(crate) tolerance: HumanDuration,
}

impl Default for OrderParams {
    fn default() -> Self {
        Self { tolerance: HumanDuration::secs(300) }
    }
}

impl Params for OrderParams {}

register_check! {
    /// Time runs forward: no recording ends before it starts, and none starts in the future.
    ///
    /// The server compares the times of all documents in one pass. Dates, epoch numbers and text are compared as the
    /// instants that they mean, in UTC; text without a time zone is taken as UTC. A time that means no instant is only
    /// noted here, since types are judged by `mongo.schema.recordings`. Clocks may differ by five minutes (`tolerance`).
    ///
    /// # Why it matters
    /// A query of history asks for recordings that start before the end of a range and end after its beginning. One that
    /// ends before it starts is never found where it belongs. A start in the future comes from a clock or a time zone that
    /// is wrong, and then all recordings of that machine are in the wrong place.
    ///
    /// # How to mend it
    /// See whether the machine that wrote the recordings keeps the right time and writes UTC. Correct the times from the
    /// recording's folder.
    pub(crate) struct Order(OrderParams) {
        id: "mongo.time.order",
        title: "No recording ends before it starts, or starts in the future",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("mongo"),
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[
            fault("mongo.end-before-start", "end-before-start"),
            fault("mongo.start-in-future", "start-in-future"),
        ],
    }
}

/// What the server counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Without a start that means an instant.
    undated: u64,
    reversed: u64,
    future: u64,
    /// With a time that is there and means no instant.
    unreadable: u64,
}

#[async_trait]
impl Check for Order {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let latest = cx
            .clock
            .now()
            .checked_add(self.params.tolerance.0)
            .map_err(|_| CheckError::unclear("`tolerance` reaches beyond the calendar"))?;
        let latest = time::date(latest);
        let documents = survey.population("recordings").await?;
        let sums = doc! {
            "undated": count_if(doc! { "$not": [is_instant("start")] }),
            "reversed": count_if(reversed()),
            "future": count_if(future(latest)),
            "unreadable": count_if(doc! { "$or": [unreadable("start"), unreadable("end")] }),
        };
        let sums = survey.sums("compare the times of the recordings", suspects(latest), sums).await?;
        let counts = Counts {
            undated: count(&sums, "undated"),
            reversed: count(&sums, "reversed"),
            future: count(&sums, "future"),
            unreadable: count(&sums, "unreadable"),
        };
        let dated = documents.saturating_sub(counts.undated);
        let verdict =
            Verdict::of(Observation::counted(dated, "recordings with a start that means an instant")?);
        let mut findings = judge(&survey.subject(), &counts, self.params.tolerance);
        for finding in &mut findings {
            let (condition, documents) = match finding.code.as_str() {
                "end-before-start" => (reversed(), counts.reversed),
                "start-in-future" => (future(latest), counts.future),
                _ => continue,
            };
            let shown = doc! { "start": "$start", "end": "$end" };
            let rows = survey.examples(suspects(latest), condition, shown).await?;
            finding.details.extend(and_more(rows.iter().map(line).collect(), documents));
        }
        Ok(Verdict::with_all(verdict, findings))
    }
}

/// Keeps the documents that may break a rule, and reduces them to who they are, and their times as dates, or null where
/// those mean none. Nearly all recordings have two dates in the right order, and are dropped as cheaply as can be.
fn suspects(latest: DateTime) -> Vec<Document> {
    let both_dates = doc! { "$and": [is_one_of("start_time", &["date"]), is_one_of("end_time", &["date"])] };
    let wrong = doc! { "$or": [{ "$gt": ["$start_time", "$end_time"] }, { "$gt": ["$start_time", latest] }] };
    // Only dates are compared: to compare what else there may be can take a server very long.
    let suspect = doc! { "$cond": [both_dates, wrong, true] };
    let absent = |field| doc! { "$not": [is_one_of(field, &ABSENT)] };
    let match_suspects = doc! { "$match": { "$expr": suspect } };
    let normalise = doc! { "$project": {
        "uuid": brief::field("uuid"),
        "start": time::on_server("start_time"),
        "end": time::on_server("end_time"),
        "has_start": absent("start_time"),
        "has_end": absent("end_time"),
    } };
    vec![match_suspects, normalise]
}

fn is_instant(name: &str) -> Document {
    doc! { "$ne": [format!("${name}"), Bson::Null] }
}

fn unreadable(name: &str) -> Document {
    doc! { "$and": [format!("$has_{name}"), { "$eq": [format!("${name}"), Bson::Null] }] }
}

/// In an expression null is less than any date, so both must be there.
fn reversed() -> Document {
    doc! { "$and": [is_instant("start"), is_instant("end"), { "$lt": ["$end", "$start"] }] }
}

fn future(latest: DateTime) -> Document {
    doc! { "$and": [is_instant("start"), { "$gt": ["$start", latest] }] }
}

fn line(row: &Document) -> String {
    let (start, end) = (brief::show(row.get("start")), row.get("end").filter(|end| **end != Bson::Null));
    let end = end.map_or("has no end".to_owned(), |end| format!("ended {}", brief::show(Some(end))));
    format!("{}: started {start}, {end}", name(row))
}

fn judge(subject: &str, counts: &Counts, tolerance: HumanDuration) -> Vec<Finding> {
    let finding = |code, message: String| Finding::new(code, Cause::Data, subject, message);
    let mut findings = Vec::new();
    if counts.reversed > 0 {
        let ends = brief::count(counts.reversed, "recording ends", "recordings end");
        findings.push(
            finding("end-before-start", format!("{ends} before the start"))
                .expected("every end_time at or after its start_time", counts.reversed)
                .remedy(
                    "correct the times from the recording's folder, and see what wrote them",
                    "30 minutes",
                ),
        );
    }
    if counts.future > 0 {
        let starts = brief::count(counts.future, "recording starts", "recordings start");
        findings.push(
            finding("start-in-future", format!("{starts} more than {tolerance} in the future"))
                .expected(format!("no start_time later than now and {tolerance}"), counts.future)
                .remedy(
                    "see to the clock and the time zone of what wrote them, then correct the times",
                    "1 hour",
                ),
        );
    }
    if counts.unreadable > 0 {
        let have = brief::count(counts.unreadable, "recording has", "recordings have");
        findings.push(finding("time-unreadable", format!("{have} a time that means no instant")).note());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(counts: &Counts) -> Vec<String> {
        judge("c", counts, OrderParams::default().tolerance).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_violation_is_a_finding_of_its_own() {
        assert!(codes(&Counts { undated: 9, ..Counts::default() }).is_empty());
        assert_eq!(
            codes(&Counts { undated: 0, reversed: 1, future: 2, unreadable: 3 }),
            ["end-before-start", "start-in-future", "time-unreadable"]
        );
        let findings = judge("c", &Counts { future: 2, ..Counts::default() }, HumanDuration::secs(90));
        assert_eq!(findings[0].message, "2 recordings start more than 1m 30s in the future");
    }

    #[test]
    fn an_example_shows_both_times() {
        let start = DateTime::from_millis(1_735_689_600_000);
        let row = doc! { "uuid": "a", "id": 7, "start": start, "end": Bson::Null };
        assert_eq!(line(&row), "uuid a (_id 7): started 2025-01-01T00:00:00Z, has no end");
        let row = doc! { "id": 7, "start": start, "end": DateTime::from_millis(0) };
        assert_eq!(line(&row), "_id 7: started 2025-01-01T00:00:00Z, ended 1970-01-01T00:00:00Z");
    }
}
