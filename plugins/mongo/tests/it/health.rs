//! The health of the server, and what the user may see and do.

use crate::bench::{at, broken, database, settings};
use serde_json::json;
use shakedown_core::{Outcome, Status};
use shakedown_testkit::brief;

fn statuses(outcome: &Outcome) -> String {
    let line = |case: &shakedown_core::outcome::CaseOutcome| {
        let codes: Vec<&str> = case.outcome.findings.iter().map(|finding| finding.code.as_str()).collect();
        format!("{}: {} {}", case.name, case.outcome.status, codes.join(" ")).trim_end().to_owned()
    };
    outcome.cases.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_healthy_server_passes_and_says_what_it_does_not_offer() {
    let Some((sandbox, bench)) = broken(&[]).await else { return };
    let outcome = bench.run("mongo.server.health").await;
    assert_eq!(brief(&outcome), "passed", "{outcome:#?}");
    for case in &outcome.cases {
        let answered = [Status::Passed, Status::Skipped].contains(&case.outcome.status);
        assert!(answered && case.outcome.summary.len() > 5, "{case:?}");
    }
    // Whichever server this is, it is not a replica set.
    assert!(statuses(&outcome).contains("replication: skipped"), "{}", statuses(&outcome));
    assert!(statuses(&outcome).contains("slow operations: passed"), "{}", statuses(&outcome));
    let old = bench.run_with("mongo.server.health", json!({ "min_version": "99.0" })).await;
    assert_eq!(brief(&old), "failed version-too-old");
    sandbox.stop().await;
}

#[tokio::test]
async fn each_ailment_is_one_finding_of_one_case() {
    for (fault, expected) in [
        ("mongo.version-old", "version: warned version-end-of-life"),
        ("mongo.connections-exhausted", "connections: failed connections-scarce"),
        ("mongo.replica-lagging", "replication: warned replica-lagging"),
        ("mongo.slow-operation", "slow operations: warned operation-slow"),
        ("mongo.cache-pressure", "cache: warned cache-pressure cache-pressure"),
    ] {
        let Some((sandbox, bench)) = broken(&[fault]).await else { return };
        let outcome = bench.run("mongo.server.health").await;
        let bad: Vec<String> = statuses(&outcome)
            .lines()
            .filter(|line| !line.ends_with("passed") && !line.ends_with("skipped"))
            .map(str::to_owned)
            .collect();
        assert_eq!(bad, [expected]);
        assert_eq!(brief(&bench.run("mongo.connect").await), "passed", "nothing else is touched");
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn all_ailments_at_once_do_not_hide_each_other() {
    let faults = [
        "mongo.connections-exhausted",
        "mongo.cache-pressure",
        "mongo.slow-operation",
        "mongo.replica-lagging",
    ];
    let Some((sandbox, bench)) = broken(&faults).await else { return };
    let outcome = bench.run("mongo.server.health").await;
    assert_eq!(
        brief(&outcome),
        "failed connections-scarce replica-lagging operation-slow cache-pressure cache-pressure"
    );
    let slow = outcome.all_findings().find(|finding| finding.code == "operation-slow").unwrap();
    insta::assert_snapshot!(slow.details[0], @"20m 00s query prisma.recordings {find: recordings, filter: {comment: {$regex: string}}} (COLLSCAN) by `report` opid 4711");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_user_who_may_not_see_the_status_is_told_the_rights() {
    let Some((sandbox, bench)) = broken(&["mongo.status-denied"]).await else { return };
    let outcome = bench.run("mongo.server.health").await;
    assert_eq!(brief(&outcome), "warned right-missing");
    let finding = &outcome.findings[0];
    assert_eq!(
        finding.remedy.as_deref(),
        Some("grant the user the role `clusterMonitor` on the database `admin`")
    );
    insta::assert_snapshot!(finding.details.join("\n"), @"
    cannot read its status: the user lacks the right to the action `serverStatus` on the cluster, which the role `clusterMonitor` includes
    cannot read the status of its replica set: the user lacks the right to the action `replSetGetStatus` on the cluster, which the role `clusterMonitor` includes
    cannot see what the server is doing: the user lacks the right to the action `inprog` on the cluster, which the role `clusterMonitor` includes
    ");
    assert!(statuses(&outcome).starts_with("version: passed"), "{}", statuses(&outcome));
    let missing = bench.target("mongo").rights().await.unwrap().missing;
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert_eq!(brief(&bench.run("mongo.connect").await), "passed");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_user_who_may_not_read_is_told_the_rights_once() {
    let Some((sandbox, bench)) = broken(&["mongo.read-denied"]).await else { return };
    let outcome = bench.run("mongo.connect").await;
    assert_eq!(brief(&outcome), "failed right-missing");
    let finding = &outcome.findings[0];
    assert!(finding.details[0].contains("the action `find` on `prisma_"), "{:?}", finding.details);
    assert!(finding.details[1].contains("the action `listIndexes` on `prisma_"), "{:?}", finding.details);
    assert!(
        finding
            .remedy
            .as_deref()
            .unwrap()
            .starts_with("grant the user the role `read` on the database `prisma_")
    );
    let missing = bench.target("mongo").rights().await.unwrap().missing;
    assert!(
        missing
            .iter()
            .any(|line| line.contains("`listIndexes`") && line.contains("grant the user the role `read`")),
        "{missing:?}"
    );
    // A check that is asked all the same says it as well.
    let outcome = bench.run("mongo.indexes.required").await;
    assert_eq!(outcome.status, Status::Errored);
    assert!(outcome.summary.contains("lacks the right to the action"), "{}", outcome.summary);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_healthy_user_lacks_nothing() {
    let Some((sandbox, bench)) = broken(&[]).await else { return };
    assert_eq!(bench.target("mongo").rights().await.unwrap().missing, Vec::<String>::new());
    // A database with nothing in it is no matter of rights.
    database(&sandbox).await.drop().await.unwrap();
    let bench = at(settings(&sandbox)).await.unwrap();
    assert_eq!(bench.target("mongo").rights().await.unwrap().missing, Vec::<String>::new());
    assert_eq!(brief(&bench.run("mongo.connect").await), "failed database-empty");
    sandbox.stop().await;
}
