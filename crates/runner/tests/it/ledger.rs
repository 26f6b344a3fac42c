//! What a run created, it removes; what it cannot, the next run does.

use crate::stage::{Stage, count};
use shakedown_core::{CheckSpec, Effect};
use shakedown_runner::Ledger;

fn creating(is: &str, id: &'static str, directory: &std::path::Path) -> Stage {
    let mut stage = Stage::new().moon(is, id).check_with("moon.dig", "create", id, |spec| CheckSpec {
        effect: Effect::Create,
        target: Some("moon"),
        ..spec
    });
    stage.ledgers = Some(directory.to_owned());
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_removes_what_it_created() {
    let directory = tempfile::tempdir().unwrap();
    let played = creating("up", "l-1", directory.path()).play().await;
    assert_eq!(count("remove l-1"), 1);
    assert_eq!(played.finished.run.leftovers, []);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_is_reported_and_the_next_run_removes_it() {
    let directory = tempfile::tempdir().unwrap();
    let played = creating("clinging", "l-2", directory.path()).play().await;
    assert_eq!(played.finished.run.leftovers.len(), 1);
    assert_eq!(Ledger::debts(directory.path()).unwrap().len(), 1);
    let played = creating("up", "l-3", directory.path()).play().await;
    assert_eq!((count("remove l-2"), count("remove l-3")), (2, 1));
    assert_eq!(played.finished.run.leftovers, []);
    assert_eq!(Ledger::debts(directory.path()).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_where_the_ledger_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in-the-way");
    std::fs::write(&file, "").unwrap();
    let played = creating("up", "l-4", &file).play().await;
    assert!(played.story().contains("cannot write the cleanup ledger"), "{}", played.story());
    assert_eq!(count("remove l-4"), 0);
}
