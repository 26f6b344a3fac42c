//! What the server is busy with for too long.

use super::shape::shape;
use crate::{brief, number};
use mongodb::bson::{Document, doc};
use shakedown_core::{Cause, Finding, HumanDuration, Measurement, Observation, Unit, Verdict, duration};
use std::time::Duration;

/// So many of the longest are told.
const TOLD: usize = 10;

/// The operations that may matter, as the server can tell them. Of a build of an index, `mongo.indexes.required` speaks.
pub(super) fn filter(longer_than: HumanDuration) -> Document {
    let seconds = i64::try_from(longer_than.0.as_secs()).unwrap_or(i64::MAX);
    doc! {
        "active": true,
        "secs_running": { "$gte": seconds },
        // Whoever follows the changes of a collection waits most of the time, and so do drivers for news of the server.
        "cursor.tailable": { "$ne": true },
        "command.hello": { "$exists": false },
        "command.isMaster": { "$exists": false },
        "command.ismaster": { "$exists": false },
        "command.createIndexes": { "$exists": false },
        // The server's own threads, and the members of its replica set.
        "ns": { "$nin": ["local.oplog.rs"] },
        "op": { "$ne": "none" },
    }
}

pub(super) fn judge(busy: &[Document], max: HumanDuration, address: &str) -> Verdict {
    let mut slow: Vec<(i64, &Document)> = busy
        .iter()
        .filter_map(|operation| Some((number::at(operation, &["secs_running"])?, operation)))
        .filter(|(seconds, _)| u64::try_from(*seconds).is_ok_and(|seconds| seconds >= max.0.as_secs()))
        .collect();
    slow.sort_by_key(|(seconds, _)| std::cmp::Reverse(*seconds));
    let seen = match slow.as_slice() {
        [] => format!("no operation has been running for {max}"),
        slow => format!(
            "{} for {max} or longer",
            brief::count(slow.len() as u64, "operation has been running", "operations have been running")
        ),
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of operations is far below 2^53")]
    let measured = Measurement::new("slow operations", slow.len() as f64, Unit::Count);
    let verdict = Verdict::of(Observation::seen(&seen)).measured(measured);
    if slow.is_empty() {
        return verdict;
    }
    let finding = Finding::new("operation-slow", Cause::Capacity, address, &seen)
        .warn()
        .expected(format!("no operation of {max} or longer"), format!("{}", slow.len()))
        .remedy(
            "see whether the queries have an index; end what nobody waits for with `killOp`",
            "30 minutes",
        );
    verdict.with(
        slow.iter()
            .take(TOLD)
            .fold(finding, |finding, (seconds, operation)| finding.detail(line(*seconds, operation))),
    )
}

/// One operation: how long, where, who, and what, without the values in it.
fn line(seconds: i64, operation: &Document) -> String {
    let text = |name| operation.get_str(name).ok().map(|text| brief::line(text, 100));
    let took = duration::brief(Duration::from_secs(seconds.unsigned_abs()));
    let mut words = vec![took, text("op").unwrap_or_default(), text("ns").unwrap_or_default()];
    words.extend(operation.get_document("command").ok().map(shape));
    words.extend(text("planSummary").map(|plan| format!("({plan})")));
    words.extend(text("appName").map(|name| format!("by `{name}`")));
    words.extend(operation.get("opid").map(|id| format!("opid {}", brief::show(Some(id)))));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    #[test]
    fn what_runs_for_too_long_is_told_without_its_values() {
        let operation = |seconds: i64| {
            doc! {
                "op": "query", "ns": "prisma.abc", "secs_running": seconds, "planSummary": "COLLSCAN", "opid": 17,
                "command": { "find": "abc", "filter": { "uuid": "a secret" }, "lsid": { "id": "x" }, "$db": "prisma" },
            }
        };
        let judged = |busy: &[Document]| Outcome::from(judge(busy, HumanDuration::millis(60_000), "db"));
        let outcome = judged(&[operation(59), operation(60), operation(7260)]);
        assert_eq!(outcome.status, Status::Warned);
        assert_eq!(outcome.findings[0].message, "2 operations have been running for 1m or longer");
        assert_eq!(
            outcome.findings[0].details[0],
            "2h 01m query prisma.abc {find: abc, filter: {uuid: string}} (COLLSCAN) opid 17"
        );
        assert_eq!(judged(&[]).status, Status::Passed);
    }
}
