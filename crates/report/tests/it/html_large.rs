//! Pages of large runs: they stay small enough to be sent about, and can be filtered at once.

use crate::browser::open;
use crate::fixture::{Story, check, evidence, keyed, linked, passed};
use crate::html::measured;
use crate::html_opened::written;
use shakedown_core::event::{CheckInfo, EventKind, ProofInfo};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, CheckError, Docs, Finding, Measurement, Observation, Outcome, Severity, Unit, Verdict,
};
use shakedown_report::html::{Options, render};

/// As long as those of most checks.
pub(crate) const DOCS: Docs = Docs(
    " The server answers a request for things with all of their fields.\n\n Ten requests are sent, one for each kind. \
     Every answer must hold the fields that the contract names, each of its type; what goes beyond them is noted and \
     changes nothing.\n\n # Why it matters\n\n Clients rely on these fields. One that is missing does not fail \
     loudly: a list shows blank lines, and an export leaves out what nobody sees. It was found by customers, twice, \
     before anyone here knew.\n\n # How to mend it\n\n Look at the answer that is attached. Where the field is not in \
     it at all, the server was built from another version of the contract.",
);

/// Checks as a large project has them: all with keys, evidence and a proof, some bad, some tables, some measured.
pub(crate) fn large(count: usize) -> Story {
    let mut story = Story::new();
    for number in 0..count {
        let id = format!("plugin-{}.things.answers-with-field-{number}", number % 12);
        let info = CheckInfo {
            title: format!("Things of kind {number} are answered with all of their fields"),
            proofs: vec![ProofInfo {
                fault: format!("plugin-{}.field-missing", number % 12),
                finding: "field-missing".to_owned(),
            }],
            ..keyed(&id, Severity::Medium, &["PZ-13686", "PZ-13687"])
        };
        story.check(info, answer(number, &id));
    }
    story.push(EventKind::RunFinished);
    story
}

fn answer(number: usize, id: &str) -> Outcome {
    let file = |name: &str| evidence(&format!("evidence/{id}/{name}"));
    if number % 97 == 5 {
        return CheckError::unclear("answered 200 with half a body").into();
    }
    let mut verdict = match number % 100 {
        7 => measured(),
        9 => rows(),
        _ => Verdict::of(Observation::seen("answered 200 in 12 ms")),
    };
    verdict = verdict.evidence(file("1-request.json")).evidence(file("2-answer.json"));
    if number % 5 == 2 {
        let took = Measurement::new("mean", 12.5, Unit::Milliseconds).held_to(Threshold::Below(100.0));
        verdict = verdict.measured(took);
    }
    if number % 10 == 3 {
        let finding =
            Finding::new("field-missing", Cause::Product, "GET /things", "the field `name` is missing")
                .expected("a text", "nothing")
                .detail("others rely on it: without it a list shows blank lines")
                .remedy("let the server send it", "about an hour")
                .evidence(file("3-difference.txt"));
        verdict = verdict.with(finding);
    }
    verdict.into()
}

fn rows() -> Verdict {
    let mut cases = Cases::new();
    for number in 0..10 {
        let answer = Verdict::of(Observation::seen("answered 200"));
        cases.push(Case::new(format!("kind = {number}"), &["PZ-13688"], Ok(answer)));
    }
    cases.verdict().unwrap()
}

pub(crate) fn page(count: usize) -> String {
    render(&linked(large(count).run()), &Options { docs: Some(&|_| Some(DOCS)) })
}

#[test]
fn two_thousand_checks_with_evidence_stay_small() {
    let html = page(2_000);
    assert_eq!(html.matches("<details class=check").count(), 2_000);
    assert!(html.matches(">2-answer.json</a>").count() > 1_900);
    assert!(html.matches("/browse/PZ-13687").count() > 1_900);
    assert!(html.matches("<svg").count() > 20);
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    // What a check asks stands with each; what else is written about it, only with those that need someone.
    let asks = html.matches("for things with all of their fields").count();
    let mends = html.matches("another version of the contract").count();
    assert!(asks == 2_000 && (200..600).contains(&mends), "{asks} ask, {mends} say how to mend it");
    assert!(html.contains("To keep this page small"));
}

#[test]
fn a_browser_filters_two_thousand_checks() {
    let (_dir, page) = written(&page(2_000));
    for (tail, shown) in [("#plugin=plugin-3&status=failed", 40), ("#q=blank+lines+field-1993&sort=worst", 1)]
    {
        let Some(opened) = open(&page, tail) else { return };
        assert!(opened.console.is_empty(), "{:?}", opened.console);
        assert_eq!(opened.shown().len(), shown, "{tail}");
    }
}

#[test]
fn a_small_run_says_all_there_is() {
    let html = page(10);
    assert_eq!(html.matches("another version of the contract").count(), 10);
    assert!(!html.contains("To keep this page small"));
}

#[test]
fn of_too_many_checks_those_that_matter_are_shown() {
    let mut story = Story::new();
    for number in 0..5_200 {
        let bad = Finding::new("x", Cause::Product, "s", "m");
        let verdict = Verdict::of(Observation::seen("x"));
        let answer = if number % 1_000 == 999 { verdict.with(bad).into() } else { passed("x") };
        story.check(check(&format!("a.{number}"), Severity::Low), answer);
    }
    story.push(EventKind::RunFinished);
    let html = render(&story.run(), &Options::default());
    assert_eq!(html.matches("<details class=check").count(), 5_000);
    assert_eq!(html.matches("data-s=failed data-t").count(), 5);
    assert!(html.contains("200 more checks stand in run.json"));
}

#[test]
fn drawings_never_make_the_page_large() {
    let mut story = Story::new();
    for number in 0..300 {
        story.check(check(&format!("load.rate-{number}"), Severity::High), measured().into());
    }
    let html = render(&story.run(), &Options::default());
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    assert!(html.contains("<svg") && html.contains("left out to keep this page small"));
}
