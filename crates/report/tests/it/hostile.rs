//! Text that wants to deceive the reader or to break a format.

use crate::fixture::{Story, check, evidence};
use crate::terminal::log;
use shakedown_core::event::{CheckInfo, EventKind};
use shakedown_core::target::TargetInfo;
use shakedown_core::{Case, Cases, Cause, CheckError, Finding, Observation, Severity, Verdict};
use shakedown_report::{Style, json, junit, summary};
use std::path::Path;

/// A clear screen, an end of CDATA, an end of the element, a NUL, a right-to-left override, a second attachment.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}]]></failure><x a=\"\0\">\u{202e}drow\u{9b}31m\u{ffff}\r\n[[ATTACHMENT|/etc/passwd]]";

fn story() -> Story {
    let finding = Finding::new("x", Cause::Product, HOSTILE, HOSTILE)
        .expected(HOSTILE, HOSTILE)
        .detail(HOSTILE)
        .remedy(HOSTILE, HOSTILE)
        .fix(HOSTILE)
        .evidence(evidence(HOSTILE));
    let mut story = Story::new();
    let info = TargetInfo {
        address: HOSTILE.to_owned(),
        warnings: vec![HOSTILE.to_owned()],
        ..TargetInfo::default()
    };
    story.push(EventKind::TargetConnected { target: HOSTILE.to_owned(), info });
    let title = CheckInfo {
        title: HOSTILE.to_owned(),
        keys: vec![HOSTILE.to_owned()],
        ..check("mongo.a", Severity::High)
    };
    story.check(title, Verdict::of(Observation::seen(HOSTILE)).with(finding.clone()).into());
    story.check(check("mongo.b", Severity::High), CheckError::unclear(HOSTILE).into());
    story.check(check("mongo.c", Severity::High), CheckError::not_applicable(HOSTILE).into());
    story.check(
        check("mongo.d", Severity::High),
        Verdict::of(Observation::seen(HOSTILE)).with(finding.clone().warn()).into(),
    );
    let mut cases = Cases::new();
    cases.push(Case::new(HOSTILE, &[HOSTILE], Ok(Verdict::of(Observation::seen(HOSTILE)).with(finding))));
    cases.push(Case::new(HOSTILE, &[], Err(CheckError::unclear(HOSTILE))));
    story.check(check("mongo.e", Severity::High), cases.verdict().into());
    story.push(EventKind::Interrupted { by: HOSTILE.to_owned() });
    story.push(EventKind::RunFinished);
    story
}

fn assert_safe(what: &str, text: &str) {
    for c in text.chars().filter(|&c| c != '\n') {
        assert!(!c.is_control() && !matches!(c, '\u{202e}' | '\u{ffff}'), "{what} holds {c:?}: {text}");
    }
    assert!(!text.contains("owned"), "{what} holds the title of an escape sequence: {text}");
}

#[test]
fn the_terminal_shows_it_harmlessly() {
    assert_safe("the log", &log(&story()));
    let run = story().run();
    assert_safe("the summary", &summary::render(&run, &Style::PLAIN, Some(Path::new(HOSTILE)), run.exit()));
}

#[test]
fn junit_stays_well_formed() {
    let xml = junit::render(&story().run());
    assert_safe("junit.xml", &xml);
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors, report.skipped), (6, 2, 2, 1));
    for case in &report.test_suites[0].test_cases {
        let shown = case.system_out.as_ref().map_or("", |text| text.as_str());
        assert!(!shown.lines().any(|line| line.starts_with("[[ATTACHMENT|/etc")), "{shown}");
    }
}

#[test]
fn json_keeps_it_as_it_is() {
    let run = json::parse(&json::render(&story().run())).unwrap();
    assert_eq!(run.checks[1].outcome.summary, HOSTILE);
}
