//! Large runs: every report grows with the run and no faster.

use crate::fixture::{Story, check, passed};
use shakedown_core::event::EventKind;
use shakedown_core::{Case, Cases, Cause, Finding, Observation, Severity, Verdict};
use shakedown_report::journal::{Journal, read};
use shakedown_report::{Style, junit, summary, write_all};

#[test]
fn thousands_of_checks_are_journalled_and_reported() {
    let mut story = Story::new();
    for number in 0..3_000 {
        story.check(check(&format!("bench.noop-{number}"), Severity::Low), passed("nothing"));
    }
    story.push(EventKind::RunFinished);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    story.tell(&mut Journal::create(&path).unwrap()).unwrap();
    let run = read(&path).unwrap();
    assert_eq!(run.checks.len(), 3_000);
    assert!(
        write_all(&run, dir.path(), &shakedown_report::html::Options::default())
            .iter()
            .all(|report| report.result.is_ok())
    );
    assert_eq!(junit::render(&run).matches("<testcase ").count(), 3_000);
}

#[test]
fn a_check_that_says_too_much_is_cut_for_readers() {
    let mut cases = Cases::new();
    for number in 0..200 {
        let finding = Finding::new("x", Cause::Data, format!("row {number}"), "y".repeat(20_000));
        cases.push(Case::new("same", &[], Ok(Verdict::of(Observation::seen("x")).with(finding))));
    }
    let mut story = Story::new();
    story.check(check("bench.verbose", Severity::Low), cases.verdict().into());
    let run = story.run();
    assert!(summary::render(&run, &Style::PLAIN, None, run.exit()).len() < 100_000);
    assert!(junit::render(&run).len() < 200 * 20_000, "no row is written in full");
}
