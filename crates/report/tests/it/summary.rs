//! The summary.

use crate::fixture::{Story, check, deadline, everything, passed};
use insta::assert_snapshot;
use shakedown_core::event::EventKind;
use shakedown_core::run::Exit;
use shakedown_core::{Cause, Finding, Observation, Severity, Verdict};
use shakedown_report::{Style, summary};
use std::path::Path;

#[test]
fn leads_with_what_to_do() {
    let run = everything().run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, Some(Path::new("runs/1")), run.exit()), @r#"
urgent

  ✗ failed, critical  mongo.indexes.required
    recordings: indexes on start_time, end_time and uuid (unique) are missing
    expected   start_time, end_time, uuid (unique)
    actual     only _id
    details    history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s
               the server's own explain says COLLSCAN over 3012 documents
    cause      environment
    remedy     let `fix` create them in the background, today (about 15 minutes)
    fix        mongo.create-indexes
    evidence   runs/1/evidence/mongo.indexes.required/explain.json

soon

  ? errored, high: no answer  k8s.connect
    k8s at https://k8s.example.com:6443: timed out: no answer within 5 s
    cause      environment
    remedy     open an SSH tunnel and put it into the target, or set `unreachable = "skip"`

when convenient

  ✗ failed, medium  focus-api.validation [nfft = 0]
    nfftSelection = 0: was accepted
    expected   422
    actual     200
    cause      product
    evidence   runs/1/evidence/focus-api.validation/nfft-0.json
    no answer  nfft = 7: answered 200 with half a body

  ! warned  mongo.indexes.required
    recordings: the index on deleted is missing
    cause      environment

  ! warned  mongo.ping
    ping: p95 612.40 ms (must be below 500 ms)
    cause      environment

known or informational, decides nothing

  ✗ waived until 2026-12-31 (PZ-77): failed: mongo.recordings.stale: recording 8c1f: live for
    117.3 h
  ✗ informational: failed: focus-api.capacity: jobs: 12 at once instead of 200

2 passed, 1 warned, 4 failed (2 decide nothing), 1 errored, 3 skipped, 1 flaky in 10.2 s
flaky: mongo.collections (on attempt 2)
1 skipped: k8s is away, which k8s.connect reports
    k8s.pods
2 skipped: they need focus-api.channels, which failed
    focus-api.configure.valid, focus-api.configure.p95
2 left out: production's policy forbids load
    load.capacity.200, load.spike
! WARNING: 1 thing left behind, which `shakedown cleanup` tries to remove again: job 12-4 in
  focus-api
1 finding can be mended: `cargo xtask fix --env production` shows how
! WARNING: mongo at db.example.com:27017: TLS certificates are not verified
reports: runs/1

✗ production: not fit for use: a required check failed (exit code 1)
"#);
}

#[test]
fn a_good_run_says_little() {
    let mut story = Story::new();
    story.check(check("mongo.connect", Severity::High), passed("connected"));
    story.push(EventKind::RunFinished);
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @r"
1 passed in 1.0 s

✓ production: fit for use (exit code 0)
");
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit().after_reports(false)), @r"
1 passed in 1.0 s

! production: fit for use, but a report could not be written (exit code 5)
");
}

#[test]
fn nothing_run_is_said() {
    let mut story = Story::new();
    story.push(EventKind::RunFinished);
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @r"
no check was run

? production: unknown: nothing was checked (exit code 4)
");
}

#[test]
fn a_killed_and_an_interrupted_run_are_said() {
    let mut story = Story::new();
    story.push(EventKind::Planned { check: check("mongo.ping", Severity::High) });
    story.push(EventKind::Planned { check: check("mongo.slow", Severity::High) });
    story.push(EventKind::CheckStarted { check: "mongo.ping".to_owned(), attempt: 1 });
    story.push(EventKind::Interrupted { by: "SIGINT".to_owned() });
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @r"
soon

  ? errored, high: no answer  mongo.ping
    the process ended while this check ran
    cause      environment

0 passed, 1 errored, 1 skipped
stopped early: SIGINT
the process ended before the run did: what was running then is errored
1 skipped: the run ended before this check began
    mongo.slow

? production: interrupted (exit code 130)
");
}

#[test]
fn a_flood_is_counted() {
    let mut story = Story::new();
    for number in 0..100 {
        story.check(check(&format!("mongo.check-{number}"), Severity::High), deadline());
    }
    story.push(EventKind::RunFinished);
    let run = story.run();
    let text = summary::render(&run, &Style::PLAIN, None, run.exit());
    assert_eq!(text.matches("no answer within 30 s").count(), 30);
    assert!(text.contains("… and 70 more in run.json"), "{text}");
}

#[test]
fn one_check_with_several_findings_has_one_head() {
    let mut story = Story::new();
    let finding = |field: &str| Finding::new("type-wrong", Cause::Data, field, "is text");
    let verdict = Verdict::of(Observation::seen("2 fields")).with(finding("a")).with(finding("b"));
    story.check(check("mongo.schema", Severity::Low), verdict.into());
    let text = summary::render(&story.run(), &Style::PLAIN, None, Exit::Failed);
    assert_eq!(text.matches("mongo.schema").count(), 1, "{text}");
}

#[test]
fn lines_keep_to_the_width_and_colours_add_nothing_but_colour() {
    let run = everything().run();
    let narrow = Style { width: 60, ..Style::PLAIN };
    let plain = summary::render(&run, &narrow, None, run.exit());
    let copied = |line: &&str| line.contains("evidence/");
    for line in plain.lines().filter(|line| !copied(line)) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 60, "{line}");
    }
    let coloured = summary::render(&run, &Style { color: true, ..narrow }, None, run.exit());
    assert_ne!(coloured, plain);
    assert_eq!(
        coloured.lines().map(|line| shakedown_report::text::clean(line).into_owned()).collect::<Vec<_>>(),
        plain.lines().collect::<Vec<_>>()
    );
}
