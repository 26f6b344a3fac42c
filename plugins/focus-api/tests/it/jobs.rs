//! Jobs are counted, bounded and written down.

use crate::host::{at, with_jobs};
use crate::server::Server;
use serde_json::json;
use shakedown_core::Status;
use std::time::Duration;

const LATENCY: &str = "focus-api.latency.p95-p99";

#[tokio::test]
async fn a_job_is_on_the_ledger_and_keeps_its_place_while_it_may_live() {
    let server = Server::healthy().await;
    let bench = with_jobs(&server, 1).await;
    assert_eq!(bench.run("focus-api.config.valid").await.status, Status::Passed);
    let [job] = &bench.created()[..] else { panic!("{:?}", bench.created()) };
    assert_eq!((job.target.as_str(), job.kind.as_str(), job.id.as_str()), ("focus-api", "job", "1-1"));
    assert_eq!(job.ends_by, Some(bench.clock.now() + Duration::from_mins(1)));

    let mut waiting = Box::pin(bench.jobs.acquire());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err(),
        "the job may still live"
    );
    bench.clock.advance(Duration::from_mins(1));
    waiting.await;
}

#[tokio::test]
async fn a_refusal_frees_its_place_at_once() {
    let server = Server::healthy().await;
    let bench = with_jobs(&server, 1).await;
    for _ in 0..3 {
        assert_eq!(bench.run("focus-api.prelaunch.nfft").await.status, Status::Passed);
    }
}

#[tokio::test]
async fn a_policy_without_jobs_skips() {
    let server = Server::healthy().await;
    let bench = with_jobs(&server, 0).await;
    let outcome = bench.run("focus-api.config.valid").await;
    assert_eq!(outcome.status, Status::Skipped);
    assert_eq!(outcome.summary, "the policy allows no jobs (max_concurrent_jobs = 0)");
}

#[tokio::test]
async fn no_more_requests_are_sent_than_jobs_are_allowed() {
    let server = Server::healthy().await;
    let bench = with_jobs(&server, 30).await;
    let outcome = bench.run(LATENCY).await;
    assert_eq!(
        outcome.summary,
        "30 requests to /configure, 4 at a time; max_concurrent_jobs allows no more than 30 of 100"
    );
    assert_eq!(bench.created().len(), 30);

    let outcome = with_jobs(&server, 19).await.run(LATENCY).await;
    assert_eq!(outcome.status, Status::Skipped);
    assert_eq!(outcome.summary, "max_concurrent_jobs = 19 allows too few samples; at least 20 are needed");
}

#[tokio::test]
async fn time_outs_count_as_errors() {
    let server = Server::with(|asked, _| (asked == "POST /configure").then(|| (0, json!("late")))).await;
    let bench = at(&server).await;
    let params = json!({ "requests": 20, "request_timeout": "5ms" });
    let verdict = bench.answer(LATENCY, params).await.unwrap();
    let outcome = shakedown_core::Outcome::from(verdict);
    let finding = outcome.findings.iter().find(|finding| finding.code == "requests-failed").unwrap();
    assert_eq!(finding.actual.as_deref(), Some("timed out × 20"));
    assert_eq!(bench.created(), []);
}
