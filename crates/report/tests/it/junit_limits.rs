//! `junit.xml` of large runs: never more than GitLab reads, and it says what it lacks.

use crate::fixture::{Story, check, passed};
use quick_junit::{Report, TestCaseStatus};
use shakedown_core::event::EventKind;
use shakedown_core::run::Run;
use shakedown_core::{Case, Cases, Cause, Finding, Observation, Outcome, Severity, Verdict};
use shakedown_report::junit::{Limits, write_within};
use std::collections::HashSet;
use std::path::Path;

fn written(limits: &Limits, run: &Run) -> String {
    let mut xml = Vec::new();
    write_within(limits, run, Some(Path::new("reports/1")), &mut xml).unwrap();
    String::from_utf8(xml).unwrap()
}

fn failing(details: usize, length: usize) -> Outcome {
    let line = "it's <long> & ".repeat(length / 14);
    let finding = Finding::new("x", Cause::Product, "subject", "is wrong");
    let finding = (0..details).fold(finding, |finding, _| finding.detail(line.clone()));
    Verdict::of(Observation::seen("x")).with(finding).into()
}

/// So many checks that pass, fail in few words, and fail in many.
fn run(passing: usize, short: usize, long: usize, length: usize) -> Run {
    let mut story = Story::new();
    for number in 0..passing {
        story.check(check(&format!("a.passing-{number}"), Severity::Low), passed("x"));
    }
    for number in 0..short {
        story.check(check(&format!("b.short-{number}"), Severity::Low), failing(1, 14));
    }
    for number in 0..long {
        story.check(check(&format!("c.long-{number}"), Severity::Low), failing(50, length));
    }
    story.push(EventKind::RunFinished);
    story.run()
}

fn bodies(report: &Report, suite: &str) -> Vec<String> {
    let suite = report.test_suites.iter().find(|known| known.name.as_str() == suite).unwrap();
    let body = |status: &TestCaseStatus| match status {
        TestCaseStatus::NonSuccess { description, .. } | TestCaseStatus::Skipped { description, .. } => {
            description.as_ref().unwrap().as_str().to_owned()
        }
        TestCaseStatus::Success { .. } => String::new(),
    };
    suite.test_cases.iter().map(|case| body(&case.status)).collect()
}

#[test]
fn the_longest_texts_are_shortened_and_say_where_they_are_whole() {
    let limits = Limits { bytes: 500_000, ..Limits::GITLAB };
    let xml = written(&limits, &run(200, 20, 12, 1_400));
    assert!((450_000..=500_000).contains(&xml.len()), "{} bytes", xml.len());
    let report = Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures), (232, 32), "no case is left out");
    assert!(
        bodies(&report, "b").iter().all(|body| body.ends_with("cause: product")),
        "short ones stay whole"
    );
    for body in bodies(&report, "c") {
        let end = body.split('…').next_back().unwrap();
        assert!(end.contains("more characters; shortened, because GitLab reads no larger file"), "{end}");
        assert!(end.contains("reports/1/run.json has the whole text"), "{end}");
    }
}

#[test]
fn nothing_is_cut_where_there_is_room() {
    let run = run(10, 10, 2, 1_400);
    assert_eq!((Limits::GITLAB.bytes, Limits::GITLAB.cases), (30_000_000, 500_000));
    let xml = written(&Limits::GITLAB, &run);
    assert!(!xml.contains("shortened") && !xml.contains("left out"));
    let exactly = Limits { bytes: xml.len() as u64 + 5_000, cases: 22 };
    assert_eq!(written(&exactly, &run), xml);
}

#[test]
fn where_shortening_is_not_enough_what_passed_is_left_out() {
    let limits = Limits { bytes: 100_000, ..Limits::GITLAB };
    let xml = written(&limits, &run(1_000, 20, 5, 1_400));
    assert!((80_000..=100_000).contains(&xml.len()), "{} bytes", xml.len());
    let report = Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.failures, bodies(&report, "b").len(), bodies(&report, "c").len()), (25, 20, 5));
    let kept = bodies(&report, "a").len();
    assert!((50..1_000).contains(&kept), "{kept}");
    assert_eq!(report.tests, 25 + kept + 1);
    let note = &bodies(&report, "left out")[0];
    assert!(note.starts_with(&format!("not in this file: {} cases that passed", 1_000 - kept)), "{note}");
    assert!(note.contains("reports/1/run.json has all of them"), "{note}");
}

#[test]
fn more_cases_than_gitlab_reads_are_left_out() {
    let limits = Limits { cases: 30, ..Limits::GITLAB };
    let report = Report::deserialize_from_str(&written(&limits, &run(100, 25, 0, 0))).unwrap();
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert_eq!((cases().count(), report.tests, report.failures), (30, 30, 25));
    let few = Limits { cases: 10, ..Limits::GITLAB };
    let report = Report::deserialize_from_str(&written(&few, &run(100, 25, 0, 0))).unwrap();
    assert_eq!((report.tests, report.failures, report.skipped), (10, 9, 1));
    let note = &bodies(&report, "left out")[0];
    assert!(note.starts_with("not in this file: 16 cases that failed, 100 cases that passed"), "{note}");
}

#[test]
fn many_rows_of_one_name_have_names_of_their_own() {
    let mut cases = Cases::new();
    for _ in 0..3_000 {
        cases.push(Case::new("same", &[], Ok(Verdict::of(Observation::seen("x")))));
    }
    let mut story = Story::new();
    story.check(check("mongo.rows", Severity::Low), cases.verdict().into());
    let xml = written(&Limits::GITLAB, &story.run());
    let names: HashSet<&str> = xml.lines().filter(|line| line.contains("<testcase ")).collect();
    assert_eq!(names.len(), 3_000);
}
