//! Whether work piles up: healthy, broken, and with other parameters.

use serde_json::json;
use shakedown_testkit::{Bench, brief, finding};

#[tokio::test]
async fn passes_where_all_is_well_and_fails_where_work_piles_up() {
    let bench = Bench::sandbox(&["__name__"], &[]).await.expect("it needs nothing");
    let outcome = bench.run("__name__.backlog").await;
    assert_eq!(brief(&outcome), "passed");
    assert!(bench.evidence("health.txt").contains("waiting"));

    bench.inject("__name__.backlogged").await;
    let outcome = bench.run("__name__.backlog").await;
    assert_eq!(brief(&outcome), "failed work-piles-up");
    assert_eq!(finding(&outcome, "work-piles-up").expected.as_deref(), Some("at most 100"));
    bench.stop().await;
}

#[tokio::test]
async fn the_bound_is_a_parameter() {
    let bench = Bench::sandbox(&["__name__"], &[]).await.expect("it needs nothing");
    assert_eq!(brief(&bench.run_with("__name__.backlog", json!({ "most": 2 })).await), "failed work-piles-up");
    assert_eq!(brief(&bench.run_with("__name__.backlog", json!({ "most": 3 })).await), "passed");
    bench.stop().await;
}

#[tokio::test]
async fn without_an_answer_it_does_not_pass() {
    let bench = Bench::sandbox(&["__name__"], &[]).await.expect("it needs nothing");
    bench.inject("__name__.away").await;
    assert_eq!(brief(&bench.run("__name__.backlog").await), "errored");
    bench.stop().await;
}
