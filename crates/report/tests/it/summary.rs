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
    assert_snapshot!(summary::render(&run, &Style::PLAIN, Some(Path::new("runs/1")), run.exit()), @"");
}

#[test]
fn a_good_run_says_little() {
    let mut story = Story::new();
    story.check(check("mongo.connect", Severity::High), passed("connected"));
    story.push(EventKind::RunFinished);
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @"");
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit().after_reports(false)), @"");
}

#[test]
fn nothing_run_is_said() {
    let mut story = Story::new();
    story.push(EventKind::RunFinished);
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @"");
}

#[test]
fn a_killed_and_an_interrupted_run_are_said() {
    let mut story = Story::new();
    story.push(EventKind::Planned {
        check: check("mongo.ping", Severity::High),
    });
    story.push(EventKind::Planned {
        check: check("mongo.slow", Severity::High),
    });
    story.push(EventKind::CheckStarted {
        check: "mongo.ping".to_owned(),
        attempt: 1,
    });
    story.push(EventKind::Interrupted {
        by: "SIGINT".to_owned(),
    });
    let run = story.run();
    assert_snapshot!(summary::render(&run, &Style::PLAIN, None, run.exit()), @"");
}

#[test]
fn a_flood_is_counted() {
    let mut story = Story::new();
    for number in 0..100 {
        story.check(
            check(&format!("mongo.check-{number}"), Severity::High),
            deadline(),
        );
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
    let verdict = Verdict::of(Observation::seen("2 fields"))
        .with(finding("a"))
        .with(finding("b"));
    story.check(check("mongo.schema", Severity::Low), verdict.into());
    let text = summary::render(&story.run(), &Style::PLAIN, None, Exit::Failed);
    assert_eq!(text.matches("mongo.schema").count(), 1, "{text}");
}

#[test]
fn lines_keep_to_the_width_and_colours_add_nothing_but_colour() {
    let run = everything().run();
    let narrow = Style {
        width: 60,
        ..Style::PLAIN
    };
    let plain = summary::render(&run, &narrow, None, run.exit());
    let copied = |line: &&str| line.contains("evidence/");
    for line in plain.lines().filter(|line| !copied(line)) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 60, "{line}");
    }
    let coloured = summary::render(
        &run,
        &Style {
            color: true,
            ..narrow
        },
        None,
        run.exit(),
    );
    assert_ne!(coloured, plain);
    assert_eq!(
        coloured
            .lines()
            .map(|line| shakedown_report::text::clean(line).into_owned())
            .collect::<Vec<_>>(),
        plain.lines().collect::<Vec<_>>()
    );
}
