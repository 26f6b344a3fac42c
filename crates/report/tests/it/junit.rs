//! `junit.xml`, by the rules of GitLab.

use crate::fixture::{Story, check, everything, evidence, passed};
use insta::assert_snapshot;
use shakedown_core::event::EventKind;
use shakedown_core::{Case, Cases, Cause, Finding, Observation, Outcome, Severity, Verdict};
use shakedown_report::junit::{render, write};
use std::collections::HashSet;
use std::path::Path;

#[test]
#[expect(clippy::too_many_lines, reason = "the document is long")]
fn every_status_is_shown_as_it_is() {
    assert_snapshot!(render(&everything().run()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="focus-server on production" tests="14" skipped="6" failures="2" errors="2" timestamp="2025-11-21T09:00:00.000+00:00" time="10.250">
    <testsuite name="focus-api" tests="7" skipped="4" errors="1" failures="1" time="0.048">
        <testcase name="Title of focus-api.configure.valid" classname="focus-api.configure.valid" time="0.012" file="plugins/focus-api/configure/valid.rs">
            <properties>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
            </properties>
            <skipped message="needs focus-api.channels, which failed">skipped: needs focus-api.channels, which failed</skipped>
        </testcase>
        <testcase name="Title of focus-api.configure.p95" classname="focus-api.configure.p95" time="0.012" file="plugins/focus-api/configure/p95.rs">
            <properties>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
            </properties>
            <skipped message="needs focus-api.channels, which failed">skipped: needs focus-api.channels, which failed</skipped>
        </testcase>
        <testcase name="Title of focus-api.validation [nfft = 256]" classname="focus-api.validation" timestamp="2025-11-21T09:00:07.750+00:00" file="plugins/focus-api/validation.rs">
            <properties>
                <property name="keys" value="PZ-21"/>
                <property name="severity" value="medium"/>
                <property name="effect" value="read"/>
            </properties>
        </testcase>
        <testcase name="Title of focus-api.validation [nfft = 0]" classname="focus-api.validation" timestamp="2025-11-21T09:00:07.750+00:00" file="plugins/focus-api/validation.rs">
            <properties>
                <property name="keys" value="PZ-22"/>
                <property name="severity" value="medium"/>
                <property name="effect" value="read"/>
            </properties>
            <failure message="nfftSelection = 0: was accepted">failed, medium: nfftSelection = 0: was accepted
expected: 422
actual: 200
cause: product
evidence: evidence/focus-api.validation/nfft-0.json</failure>
            <system-out>[[ATTACHMENT|evidence/focus-api.validation/nfft-0.json]]
</system-out>
        </testcase>
        <testcase name="Title of focus-api.validation [nfft = 7]" classname="focus-api.validation" timestamp="2025-11-21T09:00:07.750+00:00" file="plugins/focus-api/validation.rs">
            <properties>
                <property name="keys" value="PZ-20"/>
                <property name="severity" value="medium"/>
                <property name="effect" value="read"/>
            </properties>
            <error message="answered 200 with half a body">errored, medium: no answer: answered 200 with half a body
cause: check</error>
        </testcase>
        <testcase name="Title of focus-api.validation [nfft = 7] (2)" classname="focus-api.validation" timestamp="2025-11-21T09:00:07.750+00:00" file="plugins/focus-api/validation.rs">
            <properties>
                <property name="keys" value="PZ-20"/>
                <property name="severity" value="medium"/>
                <property name="effect" value="read"/>
            </properties>
            <skipped message="only one row asks for 7">skipped: only one row asks for 7</skipped>
        </testcase>
        <testcase name="Title of focus-api.capacity" classname="focus-api.capacity" timestamp="2025-11-21T09:00:08.250+00:00" time="0.012" file="plugins/focus-api/capacity.rs">
            <properties>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
                <property name="gate" value="informational"/>
            </properties>
            <skipped message="informational: jobs: 12 at once instead of 200">informational: failed, high: jobs: 12 at once instead of 200
cause: capacity</skipped>
        </testcase>
    </testsuite>
    <testsuite name="k8s" tests="2" skipped="1" errors="1" failures="0" time="0.024">
        <testcase name="Title of k8s.connect" classname="k8s.connect" timestamp="2025-11-21T09:00:06.500+00:00" time="0.012" file="plugins/k8s/connect.rs">
            <properties>
                <property name="keys" value="PZ-9"/>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
            </properties>
            <error message="k8s at https://k8s.example.com:6443: timed out: no answer within 5 s">errored, high: no answer: k8s at https://k8s.example.com:6443: timed out: no answer within 5 s
cause: environment
remedy: open an SSH tunnel and put it into the target, or set `unreachable = &quot;skip&quot;`</error>
        </testcase>
        <testcase name="Title of k8s.pods" classname="k8s.pods" time="0.012" file="plugins/k8s/pods.rs">
            <properties>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
            </properties>
            <skipped message="k8s is away, which k8s.connect reports">skipped: k8s is away, which k8s.connect reports</skipped>
        </testcase>
    </testsuite>
    <testsuite name="load" tests="0" skipped="0" errors="0" failures="0" time="0.000">
        <properties>
            <property name="left_out" value="2"/>
        </properties>
    </testsuite>
    <testsuite name="mongo" tests="5" skipped="1" errors="0" failures="1" time="0.097">
        <testcase name="Title of mongo.connect" classname="mongo.connect" timestamp="2025-11-21T09:00:03.750+00:00" time="0.012" file="plugins/mongo/connect.rs">
            <properties>
                <property name="keys" value="PZ-1"/>
                <property name="severity" value="critical"/>
                <property name="effect" value="read"/>
            </properties>
        </testcase>
        <testcase name="Title of mongo.indexes.required" classname="mongo.indexes.required" timestamp="2025-11-21T09:00:04.250+00:00" time="0.012" file="plugins/mongo/indexes/required.rs">
            <properties>
                <property name="keys" value="PZ-2, PZ-3"/>
                <property name="severity" value="critical"/>
                <property name="effect" value="read"/>
            </properties>
            <failure message="recordings: indexes on start_time, end_time and uuid (unique) are missing">failed, critical: recordings: indexes on start_time, end_time and uuid (unique) are missing
expected: start_time, end_time, uuid (unique)
actual: only _id
details: history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s
  the server&apos;s own explain says COLLSCAN over 3012 documents
cause: environment
remedy: let `fix` create them in the background, today (about 15 minutes)
fix: mongo.create-indexes
evidence: evidence/mongo.indexes.required/explain.json
warned: recordings: the index on deleted is missing
cause: environment</failure>
            <system-out>[[ATTACHMENT|evidence/mongo.indexes.required/explain.json]]
</system-out>
        </testcase>
        <testcase name="Title of mongo.ping" classname="mongo.ping" timestamp="2025-11-21T09:00:04.750+00:00" time="0.012" file="plugins/mongo/ping.rs">
            <properties>
                <property name="severity" value="medium"/>
                <property name="effect" value="read"/>
            </properties>
            <system-out>warned: ping: p95 612.40 ms (must be below 500 ms)
cause: environment
measured: p95 612.40 ms (must be below 500 ms)
</system-out>
        </testcase>
        <testcase name="Title of mongo.collections" classname="mongo.collections" timestamp="2025-11-21T09:00:05.750+00:00" time="0.049" file="plugins/mongo/collections.rs">
            <properties>
                <property name="severity" value="high"/>
                <property name="effect" value="read"/>
            </properties>
            <flakyError message="mongo at db.example.com:27017: connection lost: connection reset">errored, high: no answer: mongo at db.example.com:27017: connection lost: connection reset
cause: environment</flakyError>
            <system-out>flaky: passed on attempt 2; before that:
errored: mongo at db.example.com:27017: connection lost: connection reset
</system-out>
        </testcase>
        <testcase name="Title of mongo.recordings.stale" classname="mongo.recordings.stale" timestamp="2025-11-21T09:00:08.750+00:00" time="0.012" file="plugins/mongo/recordings/stale.rs">
            <properties>
                <property name="severity" value="critical"/>
                <property name="effect" value="read"/>
                <property name="gate" value="waived until 2026-12-31 (PZ-77)"/>
            </properties>
            <skipped message="waived until 2026-12-31 (PZ-77): recording 8c1f: live for 117.3 h">waived until 2026-12-31 (PZ-77): failed, critical: recording 8c1f: live for 117.3 h
cause: data</skipped>
        </testcase>
    </testsuite>
</testsuites>
"#);
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
    let distinct: HashSet<_> = identities.iter().map(|line| line.split(" timestamp").next()).collect();
    assert_eq!((identities.len(), distinct.len()), (5, 5), "{xml}");
}

#[test]
fn what_a_check_says_beyond_its_rows_has_a_case() {
    let mut cases = Cases::new();
    cases.push(Case::new("a", &[], Ok(Verdict::of(Observation::seen("x")))));
    let verdict = cases.verdict().unwrap();
    let finding = Finding::new("uneven", Cause::Product, "rows", "disagree");
    let mut story = Story::new();
    story.check(check("mongo.rows", Severity::Low), verdict.clone().with(finding).into());
    // Rows that passed before the whole check ran out of time.
    let late = Outcome { cases: Outcome::from(verdict).cases, ..crate::fixture::deadline() };
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
        let path =
            xml.split_once("[[ATTACHMENT|").map(|(_, rest)| rest.split_once("]]").unwrap().0.to_owned());
        assert!(xml.matches("<system-out>").count() <= 1, "{xml}");
        path
    };
    assert_eq!(attached("evidence/a.json", Some("runs/1")).as_deref(), Some("runs/1/evidence/a.json"));
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
    story.push(EventKind::Planned { check: check(&id, Severity::Low) });
    story.push(EventKind::CheckStarted { check: id.clone(), attempt: 1 });
    let outcome = failing("first");
    story.push(EventKind::CheckRetried { check: id.clone(), attempt: 1, outcome, wait_ms: 1 });
    story.push(EventKind::CheckStarted { check: id.clone(), attempt: 2 });
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
