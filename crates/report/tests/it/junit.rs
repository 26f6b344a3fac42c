//! `junit.xml`, by the rules of GitLab.

use crate::fixture::{Story, check, everything, evidence, passed};
use insta::assert_snapshot;
use shakedown_core::event::EventKind;
use shakedown_core::{Case, Cases, Cause, Finding, Observation, Outcome, Severity, Verdict};
use shakedown_report::junit::{render, write};
use std::collections::HashSet;
use std::path::Path;

#[test]
fn every_status_is_shown_as_it_is() {
    assert_snapshot!(render(&everything().run()), @"");
}

#[test]
fn no_two_cases_share_an_identity() {
    let mut cases = Cases::new();
    for name in ["a", "a", "a (2)", "a"] {
        cases.push(Case::new(name, &[], Ok(Verdict::of(Observation::seen("x")))));
    }
    let mut story = Story::new();
    story.check(check("mongo.rows", Severity::Low), cases.verdict().into());
    story.check(check("mongo.other", Severity::Low), passed("x"));
    let xml = render(&story.run());
    let identities: Vec<_> = xml.lines().filter(|line| line.contains("<testcase ")).collect();
    let distinct: HashSet<_> = identities
        .iter()
        .map(|line| line.split(" timestamp").next())
        .collect();
    assert_eq!((identities.len(), distinct.len()), (5, 5), "{xml}");
}

#[test]
fn what_a_check_says_beyond_its_rows_has_a_case() {
    let mut cases = Cases::new();
    cases.push(Case::new("a", &[], Ok(Verdict::of(Observation::seen("x")))));
    let verdict = cases.verdict().unwrap();
    let finding = Finding::new("uneven", Cause::Product, "rows", "disagree");
    let mut story = Story::new();
    story.check(
        check("mongo.rows", Severity::Low),
        verdict.clone().with(finding).into(),
    );
    // Rows that passed before the whole check ran out of time.
    let late = Outcome {
        cases: Outcome::from(verdict).cases,
        ..crate::fixture::deadline()
    };
    story.check(check("mongo.late", Severity::Low), late);
    let xml = render(&story.run());
    assert!(
        xml.contains("<testsuite name=\"mongo\" tests=\"4\" skipped=\"0\" errors=\"1\" failures=\"1\""),
        "{xml}"
    );
}

#[test]
fn attachments_are_paths_that_gitlab_can_read() {
    let finding = |path: &str| {
        let finding = Finding::new("x", Cause::Data, "s", "m").evidence(evidence(path));
        Outcome::from(Verdict::of(Observation::seen("x")).with(finding))
    };
    let attached = |path: &str, run_dir: Option<&str>| {
        let mut story = Story::new();
        story.check(check("mongo.x", Severity::Low), finding(path));
        let mut xml = Vec::new();
        write(&story.run(), run_dir.map(Path::new), &mut xml).unwrap();
        let xml = String::from_utf8(xml).unwrap();
        let path = xml
            .split_once("[[ATTACHMENT|")
            .map(|(_, rest)| rest.split_once("]]").unwrap().0.to_owned());
        assert!(xml.matches("<system-out>").count() <= 1, "{xml}");
        path
    };
    assert_eq!(
        attached("evidence/a.json", Some("runs/1")).as_deref(),
        Some("runs/1/evidence/a.json")
    );
    assert_eq!(attached("evidence/a.json", None), None);
    assert_eq!(attached("evidence/a[1].json", Some("runs/1")), None);
    assert_eq!(attached("evidence/a|b.json", Some("runs/1")), None);
}

#[test]
fn a_check_that_fails_again_keeps_its_first_failure() {
    let failing = |text: &str| {
        let finding = Finding::new("x", Cause::Product, "s", text);
        Outcome::from(Verdict::of(Observation::seen("x")).with(finding))
    };
    let mut story = Story::new();
    let id = "mongo.x".to_owned();
    story.push(EventKind::Planned {
        check: check(&id, Severity::Low),
    });
    story.push(EventKind::CheckStarted {
        check: id.clone(),
        attempt: 1,
    });
    let outcome = failing("first");
    story.push(EventKind::CheckRetried {
        check: id.clone(),
        attempt: 1,
        outcome,
        wait_ms: 1,
    });
    story.push(EventKind::CheckStarted {
        check: id.clone(),
        attempt: 2,
    });
    story.push(EventKind::CheckFinished {
        check: id,
        outcome: failing("second"),
        attempts: 2,
        duration_ms: f64::NAN,
    });
    let xml = render(&story.run());
    assert!(xml.contains("<failure message=\"s: second\">"), "{xml}");
    assert!(xml.contains("<rerunFailure message=\"s: first\">"), "{xml}");
}
