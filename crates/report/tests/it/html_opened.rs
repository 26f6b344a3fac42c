//! The page in a real browser: what it shows, what it filters, and what hostile text does there.

use crate::browser::open;
use crate::fixture::{Story, check, everything, evidence, linked};
use crate::html::unescaped;
use shakedown_core::event::{CheckInfo, EventKind, ProofInfo};
use shakedown_core::ledger::Resource;
use shakedown_core::target::TargetInfo;
use shakedown_core::{
    Case, Cases, Cause, CheckError, Finding, Gate, Measurement, Observation, Samples, Series, Severity, Unit,
    Verdict,
};
use shakedown_report::html::{Options, render};
use std::fs;
use std::net::TcpListener;

pub(crate) fn written(html: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("report.html");
    fs::write(&page, html).unwrap();
    (dir, page)
}

#[test]
fn a_browser_shows_it_without_complaint() {
    let (_dir, page) = written(&render(&everything().run(), &Options::default()));
    let Some(opened) = open(&page, "") else { return };
    assert!(opened.console.is_empty(), "{:?}", opened.console);
    assert_eq!(opened.shown().len(), 11);
    assert!(opened.dom.contains("<form id=\"filter\"") && !opened.dom.contains("Filter the checks\" hidden"));
    assert!(opened.checks().iter().all(|tag| !tag.contains("open")), "closed until someone asks");
}

#[test]
fn filters_come_with_the_address() {
    let (_dir, page) = written(&render(&everything().run(), &Options::default()));
    for (tail, shown) in [
        ("#status=errored", vec!["k8s.connect"]),
        ("#status=errored,warned", vec!["mongo.ping", "k8s.connect"]),
        ("#plugin=mongo&status=failed", vec!["mongo.indexes.required", "mongo.recordings.stale"]),
        ("#q=collscan+INDEXES", vec!["mongo.indexes.required"]),
        ("#q=no-such-word", vec![]),
        (
            "#plugin=mongo&sort=worst&q=title",
            vec![
                "mongo.indexes.required",
                "mongo.recordings.stale",
                "mongo.ping",
                "mongo.connect",
                "mongo.collections",
            ],
        ),
    ] {
        let Some(opened) = open(&page, tail) else { return };
        assert_eq!(opened.shown(), shown, "{tail}");
        assert!(opened.console.is_empty(), "{:?}", opened.console);
        let count = format!("{} of 11 checks", shown.len());
        assert!(opened.dom.contains(&count), "{tail}");
    }
    let Some(opened) = open(&page, "#mongo.ping") else { return };
    let opened: Vec<&str> = opened.checks().into_iter().filter(|tag| tag.contains("open")).collect();
    assert!(matches!(opened.as_slice(), [tag] if tag.contains("mongo.ping")), "{opened:?}");
}

#[test]
fn every_part_can_be_reached_and_is_named() {
    let mut story = everything();
    let pages = evidence("infra_gap_report_lab.html");
    story.check(
        check("load.capacity.200", Severity::High),
        Verdict::of(Observation::seen("200 jobs")).evidence(pages).into(),
    );
    let (_dir, page) = written(&render(&linked(story.run()), &Options::default()));
    let Some(opened) = open(&page, "") else { return };
    assert!(opened.console.is_empty(), "{:?}", opened.console);
    let dom = &opened.dom;
    let links = dom.split("<a href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for place in links.filter(|place| !place.contains('=')) {
        assert!(dom.contains(&format!("id=\"{place}\"")), "nothing is at #{place}");
    }
    for id in ["to-do", "pages", "where", "checks", "times", "beside"] {
        let section = dom.split_once(&format!("<section id=\"{id}\" aria-labelledby=\"{id}-h\">")).unwrap().1;
        assert!(section.starts_with(&format!("<h2 id=\"{id}-h\">")), "{id}");
    }
    assert!(dom.contains("role=\"status\">12 checks"), "the number of shown checks is announced");
    let heads = dom.matches("<thead").count();
    assert!(heads > 2 && dom.matches("<th").count() > heads, "tables have heads");
}

#[test]
fn a_changed_script_is_not_run() {
    let html = render(&everything().run(), &Options::default());
    let (_dir, page) = written(&html.replace("'use strict';", "'use strict'; document.title = 'owned';"));
    let Some(opened) = open(&page, "") else { return };
    assert!(
        opened.console.iter().any(|line| line.contains("Content Security Policy")),
        "{:?}",
        opened.console
    );
    assert!(!opened.dom.contains("<title>owned"));
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let act = format!("document.documentElement.dataset.owned='1';fetch('http://{address}/')");
    let payloads = [
        format!("<script>{act}</script>"),
        format!("]]></style></script></title><script>{act}</script>"),
        format!("\" onmouseover=\"{act}\" autofocus onfocus=\"{act}"),
        format!("' onerror='{act}"),
        format!("<img src=http://{address}/x onerror={act}>"),
        format!("<svg onload=\"{act}\"><style>@import 'http://{address}/s';</style></svg>"),
        format!("javascript:{act}"),
        format!("</p></details><link rel=stylesheet href=http://{address}/c><base href=http://{address}/>"),
        format!("<meta http-equiv=refresh content=\"0;url=http://{address}/\">"),
        "{{ 7*7 }} {% if %} &lt;b&gt; \u{202e}drow".to_owned(),
    ];
    let mut story = Story::new();
    for (number, payload) in payloads.iter().enumerate() {
        hostile(&mut story, number, payload);
    }
    let html = render(&linked(story.run()), &Options::default());
    assert!(!html.contains('\u{202e}'));
    assert_eq!(html.matches("<script").count(), 1);
    for payload in &payloads {
        let shown = shakedown_report::text::clean(payload);
        assert!(unescaped(&html).contains(&*shown), "{payload} is not shown as it reads");
    }
    let (_dir, page) = written(&html);
    let Some(opened) = open(&page, "#q=script") else { return };
    assert!(opened.console.is_empty(), "{:?}", opened.console);
    assert!(!opened.dom.split("<body").next().unwrap().contains("data-owned"));
    assert_eq!(opened.dom.matches("<script").count(), 1);
    assert_eq!(opened.checks().len(), 3 * payloads.len());
    assert!(listener.accept().is_err(), "something was fetched");
}

/// A text from outside in every place where text from outside can stand.
fn hostile(story: &mut Story, number: usize, text: &str) {
    let info = TargetInfo {
        address: text.to_owned(),
        version: Some(text.to_owned()),
        identity: [(text.to_owned(), text.to_owned())].into(),
        warnings: vec![text.to_owned()],
    };
    story.push(EventKind::TargetConnected { target: text.to_owned(), info });
    let finding = Finding::new("x", Cause::Product, text, text)
        .expected(text, text)
        .detail(text)
        .remedy(text, text)
        .fix(text)
        .evidence(evidence(text));
    let samples = Samples::new("x", (0..50).map(f64::from).collect()).unwrap();
    let verdict = Verdict::of(Observation::seen(text))
        .measured(Measurement::new(text, 1.0, Unit::Count).with_samples(&samples))
        .series(Series::new(text, Unit::Count, [[0.0, 1.0], [1.0, 2.0]]))
        .evidence(evidence(text));
    let waiver = Gate::Waived { reason: text.to_owned(), ticket: text.to_owned(), expires: text.to_owned() };
    let info = CheckInfo {
        title: text.to_owned(),
        keys: vec![text.to_owned()],
        tags: vec![text.to_owned()],
        target: Some(text.to_owned()),
        file: text.to_owned(),
        required_by: Some(text.to_owned()),
        proofs: vec![ProofInfo { fault: text.to_owned(), finding: text.to_owned() }],
        ..check(&format!("a.{number}"), Severity::High)
    };
    let other = |id: String| CheckInfo { id, ..info.clone() };
    story.check(info.clone(), verdict.clone().with(finding.clone()).into());
    let mut cases = Cases::new();
    cases.push(Case::new(text, &[text], Ok(verdict.with(finding.warn()))));
    story.check(CheckInfo { gate: waiver, ..other(format!("b.{number}")) }, cases.verdict().into());
    story.check(other(format!("c.{text}")), CheckError::not_applicable(text).into());
    let resource =
        Resource { target: text.to_owned(), kind: text.to_owned(), id: text.to_owned(), ends_by: None };
    story.push(EventKind::Created { check: info.id.clone(), resource });
    story.push(EventKind::Collected {
        collector: text.to_owned(),
        check: info.id,
        evidence: Vec::new(),
        error: Some(text.to_owned()),
    });
    let left_out = text.to_owned();
    story.push(EventKind::LeftOut {
        check: left_out.clone(),
        effect: shakedown_core::Effect::Load,
        reason: left_out,
    });
    story.push(EventKind::Interrupted { by: text.to_owned() });
}
