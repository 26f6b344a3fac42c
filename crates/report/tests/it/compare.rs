//! Two runs compared.

use crate::browser::open;
use crate::fixture::{Story, check, everything, info, passed};
use insta::assert_snapshot;
use serde_json::Value;
use shakedown_core::event::{EventKind, RunInfo};
use shakedown_core::measurement::Threshold;
use shakedown_core::outcome::SkipReason;
use shakedown_core::run::Run;
use shakedown_core::target::TargetInfo;
use shakedown_core::{
    Cause, CheckError, Finding, Measurement, Observation, Outcome, Samples, Severity, Unit, Verdict,
};
use shakedown_report::Style;
use shakedown_report::compare::{Kind, compare, render, render_html, schema, to_json};

fn failing(findings: &[&str]) -> Outcome {
    let all = findings.iter().map(|what| Finding::new("missing", Cause::Product, *what, "is missing"));
    Verdict::of(Observation::seen("fields")).with_all(all).into()
}

fn warning() -> Outcome {
    let old = Finding::new("old", Cause::Environment, "server", "is old").warn();
    Verdict::of(Observation::seen("version 6")).with(old).into()
}

fn unanswered() -> Outcome {
    CheckError::unclear("half an answer").into()
}

fn skipped() -> Outcome {
    Outcome::skipped(SkipReason::NotApplicable, "not here")
}

/// A measurement of samples that lie evenly around `middle`.
fn latency(middle: f64) -> Measurement {
    let values = (0..100).map(|number| middle * (0.8 + 0.004 * f64::from(number))).collect();
    let samples = Samples::new("latency", values).unwrap();
    Measurement::new("p95", samples.percentile(95.0), Unit::Milliseconds).with_samples(&samples)
}

fn measured(measurements: impl IntoIterator<Item = Measurement>) -> Outcome {
    measurements.into_iter().fold(Verdict::of(Observation::seen("requests")), Verdict::measured).into()
}

fn run(checks: impl IntoIterator<Item = (&'static str, Outcome)>) -> Run {
    let mut story = Story::new();
    for (id, outcome) in checks {
        story.check(check(id, Severity::High), outcome);
    }
    story.push(EventKind::RunFinished);
    story.run()
}

fn retried(story: &mut Story, id: &str) {
    story.push(EventKind::Planned { check: check(id, Severity::High) });
    story.push(EventKind::CheckStarted { check: id.to_owned(), attempt: 1 });
    story.push(EventKind::CheckRetried {
        check: id.to_owned(),
        attempt: 1,
        outcome: unanswered(),
        wait_ms: 5,
    });
    story.push(EventKind::CheckStarted { check: id.to_owned(), attempt: 2 });
    let outcome = passed("at last");
    story.push(EventKind::CheckFinished { check: id.to_owned(), outcome, attempts: 2, duration_ms: 5.0 });
}

/// A run before and a run after in which everything happens that can happen between two.
fn pair() -> (Run, Run) {
    let before = [
        ("api.breaks", passed("fine")),
        ("api.vanishes", passed("fine")),
        ("api.fails", failing(&["a", "b"])),
        ("api.unclear", unanswered()),
        ("api.hides", failing(&["x"])),
        ("api.ages", passed("version 6")),
        ("api.heals", failing(&["y"])),
        ("api.answers", unanswered()),
        ("api.same", passed("fine")),
        ("api.quick", measured([latency(100.0)])),
        ("api.steady", measured([latency(100.0)])),
        ("api.gone", passed("fine")),
    ];
    let mut first = Story::new();
    for (id, outcome) in before {
        first.check(check(id, Severity::High), outcome);
    }
    retried(&mut first, "api.wobbles");
    first.push(EventKind::RunFinished);

    let started = info().started + jiff::SignedDuration::from_hours(24);
    let about = RunInfo {
        id: "20251122T090000Z-77aa".to_owned(),
        version: "0.2.0".to_owned(),
        environment: "staging".to_owned(),
        faults: vec!["mongo.index-missing".to_owned()],
        started,
        ..info()
    };
    let mut second = Story::default();
    second.push(EventKind::RunStarted { run: about });
    let target = TargetInfo { version: Some("7.0.5".to_owned()), ..TargetInfo::default() };
    second.push(EventKind::TargetConnected { target: "mongo".to_owned(), info: target });
    for (id, outcome) in [
        ("api.breaks", failing(&["z"])),
        ("api.vanishes", unanswered()),
        ("api.fails", failing(&["b", "c"])),
        ("api.unclear", unanswered()),
        ("api.hides", skipped()),
        ("api.ages", warning()),
        ("api.heals", passed("fine")),
        ("api.answers", passed("fine")),
        ("api.same", passed("fine")),
        ("api.quick", measured([latency(160.0)])),
        ("api.steady", measured([latency(102.0)])),
        ("api.wobbles", passed("at once")),
        ("api.new", passed("fine")),
    ] {
        second.check(check(id, Severity::High), outcome);
    }
    second.push(EventKind::RunFinished);
    (first.run(), second.run())
}

#[test]
fn says_what_has_changed() {
    let (before, after) = pair();
    assert_snapshot!(render(&compare(&before, &after), &Style::PLAIN), @r#"
before: 20251121T090000Z-4f2a on production: 8 of 13 passed; not fit for use: a required check
  failed
after: 20251122T090000Z-77aa on staging: 7 of 13 passed; not fit for use: a required check failed

not the same, so that a change may come from there

  ! environment: production before, staging now
  ! faults injected into the sandbox: none before, mongo.index-missing now
  ! version of mongo: none before, 7.0.5 now
  ! version of shakedown: 0.1.0 before, 0.2.0 now

new failures

  ✗ api.breaks (high, passed before, failed now)
    new: z: is missing

no longer answered

  ? api.vanishes (high, passed before, errored now)
    half an answer

still failing

  ✗ api.fails (high, failed)
    new: c: is missing
    gone: a: is missing

still unanswered

  ? api.unclear (high, errored)
    half an answer

no longer asked

  - api.hides (high, failed before, skipped now)
    not here

new warnings

  ! api.ages (high, passed before, warned now)
    new: server: is old

mended

  ✓ api.heals (high, failed before, passed now)
    gone: y: is missing
  ✓ api.answers (high, errored before, passed now)

slower or worse, beyond noise

  api.quick: p95: 117.60 ms before, 188.16 ms now

flaky

  api.wobbles: before

1 check only before

  api.gone

1 check only now

  api.new

✗ 1 new failure, 1 no longer answered, 1 still failing, 1 still unanswered, 1 no longer asked, 1
  new warning, 2 mended, 1 slower or worse, 1 flaky
"#);
}

#[test]
fn a_run_is_like_itself() {
    let run = everything().run();
    let comparison = compare(&run, &run);
    assert!(comparison.differences.is_empty() && comparison.slower.is_empty());
    assert!(comparison.is_no_worse());
    let kinds: Vec<Kind> = comparison.changes.iter().map(|change| change.kind).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, Kind::StillFailing | Kind::StillUnanswered)), "{kinds:?}");
    assert!(comparison.changes.iter().all(|change| change.appeared.is_empty() && change.gone.is_empty()));
    assert_eq!(comparison.flaky.len(), 1);
}

#[test]
fn what_is_mended_one_way_is_new_the_other_way() {
    let (before, after) = pair();
    let (there, back) = (compare(&before, &after), compare(&after, &before));
    let of = |comparison: &shakedown_report::compare::Comparison, kind| {
        comparison.of(kind).map(|change| change.check.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&there, Kind::Mended), ["api.heals", "api.answers"]);
    assert_eq!(of(&back, Kind::Mended), ["api.breaks", "api.vanishes"]);
    assert_eq!(of(&back, Kind::NewFailure), ["api.hides", "api.heals"]);
    assert_eq!((there.only_before, there.only_after), (back.only_after, back.only_before));
    assert!(!there.slower.is_empty() && back.slower.is_empty(), "what became quicker is no news");
}

#[test]
fn only_what_exceeds_noise_is_slower() {
    let single = |value, unit| Measurement::new("x", value, unit);
    for (before, after, is_worse) in [
        (latency(100.0), latency(105.0), false),
        (latency(100.0), latency(130.0), true),
        (latency(130.0), latency(100.0), false),
        (latency(100.0), Measurement { value: 90.0, ..latency(130.0) }, false),
        (single(-0.9, Unit::Seconds), single(-0.2, Unit::Seconds), false),
        (single(100.0, Unit::Milliseconds), single(124.0, Unit::Milliseconds), false),
        (single(100.0, Unit::Milliseconds), single(160.0, Unit::Milliseconds), true),
        (single(1.0, Unit::Milliseconds), single(9.0, Unit::Milliseconds), false),
        (single(50.0, Unit::PerSecond), single(30.0, Unit::PerSecond), true),
        (single(30.0, Unit::PerSecond), single(50.0, Unit::PerSecond), false),
        (single(10.0, Unit::Count), single(90.0, Unit::Count), false),
        (single(f64::NAN, Unit::Seconds), single(5.0, Unit::Seconds), false),
        (single(200.0, Unit::Count), single(90.0, Unit::Count).held_to(Threshold::AtLeast(50.0)), true),
        (single(1.0, Unit::Percent), single(4.0, Unit::Percent).held_to(Threshold::AtMost(5.0)), true),
    ] {
        let words = format!("{before} then {after}");
        let comparison = compare(&run([("api.a", measured([before]))]), &run([("api.a", measured([after]))]));
        assert_eq!(!comparison.slower.is_empty(), is_worse, "{words}");
    }
}

#[test]
fn the_document_keeps_to_its_schema() {
    let (before, after) = pair();
    let document: Value = serde_json::from_str(&to_json(&compare(&before, &after))).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(document["changes"][0]["kind"], "new-failure");
    assert_eq!(document["changes"][0]["appeared"][0], "z: is missing");
}

#[test]
fn hostile_text_does_nothing() {
    let hostile = "<script>document.title='owned'</script>\u{1b}[2J\u{202e}x";
    let mut story = Story::new();
    let finding = Finding::new("x", Cause::Product, hostile, hostile);
    story.check(check("api.a", Severity::High), Verdict::of(Observation::seen(hostile)).with(finding).into());
    story.check(check(&format!("api.{hostile}"), Severity::High), CheckError::unclear(hostile).into());
    story.push(EventKind::RunFinished);
    let comparison = compare(&run([("api.a", passed("fine"))]), &story.run());
    let text = render(&comparison, &Style::PLAIN);
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let html = render_html(&comparison);
    assert!(!html.contains("<script") && !html.contains(['\u{1b}', '\u{202e}']));
    assert!(html.contains("&#60;script&#62;"));
}

#[test]
fn a_browser_shows_it_without_complaint() {
    let (before, after) = pair();
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("compare.html");
    std::fs::write(&page, render_html(&compare(&before, &after))).unwrap();
    let Some(opened) = open(&page, "") else { return };
    assert!(opened.console.is_empty(), "{:?}", opened.console);
    for words in ["worse than before", "new failures", "api.breaks", "slower or worse", "api.quick"] {
        assert!(opened.dom.to_lowercase().contains(words), "{words}");
    }
}
