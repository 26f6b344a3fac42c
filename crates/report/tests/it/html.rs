//! The page: what it says, and what it weighs.

use crate::fixture::{Story, check, everything, evidence, linked, passed};
use insta::assert_snapshot;
use shakedown_core::event::{CheckInfo, EventKind, ProofInfo};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Docs, Finding, Measurement, Observation, Samples, Series, Severity, Unit, Verdict,
};
use shakedown_report::html::{Options, render};

/// What a reader sees, a line for each block; what only a machine reads is left out.
fn text(html: &str) -> String {
    let mut lines = vec![String::new()];
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        lines.last_mut().unwrap().push_str(before);
        let (tag, behind) = after.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap();
        rest = match name {
            "style" | "script" | "svg" => behind.split_once(&format!("</{name}>")).unwrap().1,
            _ => behind,
        };
        match name.trim_start_matches('/') {
            "a" | "b" | "i" | "em" | "span" | "code" | "small" | "time" | "th" | "td" | "dd" | "p" => {
                lines.last_mut().unwrap().push(' ');
            }
            _ => lines.push(String::new()),
        }
    }
    let mut text = String::new();
    for line in lines {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.is_empty() {
            text.push_str(&unescaped(&line));
            text.push('\n');
        }
    }
    text
}

pub(crate) fn unescaped(text: &str) -> String {
    let named = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    named.iter().fold(text.to_owned(), |text, (name, c)| text.replace(name, c))
}

/// The part of a page between two headings.
fn section<'a>(html: &'a str, id: &str) -> &'a str {
    let from = html.split_once(&format!("<section id=\"{id}\"")).unwrap().1;
    from.split_once("</section>").unwrap().0.split_once('>').unwrap().1
}

/// A check with everything that can be drawn.
pub(crate) fn measured() -> Verdict {
    let samples = Samples::new("latency", (1..=200).map(f64::from).collect()).unwrap();
    let p95 = Measurement::new("p95", samples.percentile(95.0), Unit::Milliseconds)
        .with_samples(&samples)
        .held_to(Threshold::Below(150.0));
    let rate = Series::new("achieved rate", Unit::PerSecond, (0..60).map(|at| [f64::from(at), 20.0]));
    let errors = Series::new("errors", Unit::PerSecond, (0..60).map(|at| [f64::from(at), f64::from(at % 3)]));
    Verdict::of(Observation::counted(200, "requests").unwrap())
        .judged(p95, |p95| Finding::new("slow", Cause::Capacity, "configure", p95.to_string()))
        .series(rate)
        .series(errors)
}

#[test]
fn leads_with_what_to_do() {
    let html = render(&everything().run(), &Options::default());
    assert_snapshot!(text(section(&html, "to-do")), @r#"
What to do first
urgent
✗ failed, critical mongo.indexes.required Title of mongo.indexes.required recordings: indexes on start_time, end_time and uuid (unique) are missing
expected start_time, end_time, uuid (unique)
actual only _id
details history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s the server's own explain says COLLSCAN over 3012 documents
cause environment
remedy let `fix` create them in the background, today (about 15 minutes)
fix mongo.create-indexes
evidence explain.json
soon
? errored, high: no answer k8s.connect Title of k8s.connect k8s at https://k8s.example.com:6443: timed out: no answer within 5 s
cause environment
remedy open an SSH tunnel and put it into the target, or set `unreachable = "skip"`
when convenient
✗ failed, medium focus-api.validation [nfft = 0] Title of focus-api.validation nfftSelection = 0: was accepted
expected 422
actual 200
cause product
evidence nfft-0.json
no answer nfft = 7: answered 200 with half a body
! warned mongo.indexes.required Title of mongo.indexes.required recordings: the index on deleted is missing
cause environment
! warned mongo.ping Title of mongo.ping ping: p95 612.40 ms (must be below 500 ms)
cause environment
known or informational, decides nothing
2
✗ waived until 2026-12-31 (PZ-77): failed, critical mongo.recordings.stale Title of mongo.recordings.stale recording 8c1f: live for 117.3 h
cause data
✗ informational: failed, high focus-api.capacity Title of focus-api.capacity jobs: 12 at once instead of 200
cause capacity
"#);
}

#[test]
fn says_where_it_ran_and_what_was_not_asked() {
    let html = render(&everything().run(), &Options::default());
    assert_snapshot!(text(section(&html, "where")), @r#"
Where and how
environment
production
selection
tag(smoke)
began
2025-11-21 09:00:00 UTC
ended
2025-11-21 09:00:10 UTC
Jira project
PZ
flaky
mongo.collections (on attempt 2)
run
20251121T090000Z-4f2a , by version 0.1.0
Targets that answered
target address version identity
mongo db.example.com:27017 7.0.5 not said
"#);
    assert_snapshot!(text(section(&html, "beside")), @r#"
Not asked, left behind
Waived: known to fail, and tolerated until a day
check ended why it is tolerated ticket until
mongo.recordings.stale failed cleaned with the migration PZ-77 2026-12-31
Skipped
1 k8s is away, which k8s.connect reports k8s.pods
2 they need focus-api.channels, which failed focus-api.configure.valid, focus-api.configure.p95
Left out
2 production's policy forbids load load.capacity.200, load.spike
Left behind
job 12-4 in focus-api
"#);
}

#[test]
fn every_check_has_its_place() {
    let html = render(&everything().run(), &Options::default());
    assert_snapshot!(text(section(&html, "checks").split_once("<div id=\"list\">").unwrap().1.split_once("<p id=\"nothing\"").unwrap().0), @r#"
passed mongo.connect Title of mongo.connect 12 ms
passed: connected to version 7.0.5 PZ-1 severity critical · effect read · target mongo · tags smoke · began after 3.8 s, 09:00:03 UTC
failed mongo.indexes.required Title of mongo.indexes.required 12 ms
failed, critical: recordings: indexes on start_time, end_time and uuid (unique) are missing
expected start_time, end_time, uuid (unique)
actual only _id
details history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s the server's own explain says COLLSCAN over 3012 documents
cause environment
remedy let `fix` create them in the background, today (about 15 minutes)
fix mongo.create-indexes
evidence explain.json
warned: recordings: the index on deleted is missing
cause environment
PZ-2 PZ-3 severity critical · effect read · target mongo · tags smoke · began after 4.2 s, 09:00:04 UTC · plugins/mongo/indexes/required.rs
warned mongo.ping Title of mongo.ping 12 ms
warned: ping: p95 612.40 ms (must be below 500 ms)
cause environment
measured value must be kept
p95 612.40 ms below 500 ms ✗ no
severity medium · effect read · target mongo · tags smoke · began after 4.8 s, 09:00:04 UTC · plugins/mongo/ping.rs
passed mongo.collections Title of mongo.collections flaky 49 ms
passed: 4 collections
Attempt 1 ended otherwise
errored, high: no answer: mongo at db.example.com:27017: connection lost: connection reset
cause environment
Time line
09:00:05.250 attempt 1 began
09:00:05.500 attempt 1 errored; the next one 500 ms later
09:00:05.750 attempt 2 began
09:00:05.798 passed after 49 ms
severity high · effect read · target mongo · tags smoke · 2 attempts · began after 5.8 s, 09:00:05 UTC
errored k8s.connect Title of k8s.connect 12 ms
errored, high: no answer: k8s at https://k8s.example.com:6443: timed out: no answer within 5 s
cause environment
remedy open an SSH tunnel and put it into the target, or set `unreachable = "skip"`
PZ-9 severity high · effect read · target mongo · tags smoke · began after 6.5 s, 09:00:06 UTC · plugins/k8s/connect.rs
skipped k8s.pods Title of k8s.pods
skipped: k8s is away, which k8s.connect reports severity high · effect read · target mongo · tags smoke
skipped focus-api.configure.valid Title of focus-api.configure.valid
skipped: needs focus-api.channels, which failed severity high · effect read · target mongo · tags smoke
skipped focus-api.configure.p95 Title of focus-api.configure.p95
skipped: needs focus-api.channels, which failed severity high · effect read · target mongo · tags smoke
failed focus-api.validation Title of focus-api.validation 12 ms
failed: 4 cases examined: 1 failed, 1 errored, 1 passed, 1 skipped
case answer
nfft = 256 PZ-21 passed: answered 200
nfft = 0 PZ-22
failed, medium: nfftSelection = 0: was accepted
expected 422
actual 200
cause product
evidence nfft-0.json
nfft = 7
errored, medium: no answer: answered 200 with half a body
cause check
nfft = 7 skipped: only one row asks for 7
Time line
09:00:07.750 began
09:00:07.762 failed after 12 ms
09:00:09.250 created job 12-3 in focus-api
09:00:09.500 created job 12-4 in focus-api
PZ-20 severity medium · effect read · target mongo · tags smoke · began after 7.8 s, 09:00:07 UTC · plugins/focus-api/validation.rs
failed focus-api.capacity Title of focus-api.capacity informational 12 ms
failed, high: jobs: 12 at once instead of 200
cause capacity
severity high · effect read · target mongo · tags smoke · began after 8.2 s, 09:00:08 UTC · plugins/focus-api/capacity.rs
failed mongo.recordings.stale Title of mongo.recordings.stale waived until 2026-12-31 (PZ-77) 12 ms
failed, critical: recording 8c1f: live for 117.3 h
cause data
severity critical · effect read · target mongo · tags smoke · began after 8.8 s, 09:00:08 UTC · plugins/mongo/recordings/stale.rs
"#);
}

#[test]
fn keys_are_links_where_jira_is_known() {
    let run = everything().run();
    let without = render(&run, &Options::default());
    assert!(!without.contains("/browse/") && without.contains("<span>PZ-2</span>"));
    let with = render(&linked(run.clone()), &Options::default());
    assert!(with.contains("<a href=\"https://jira.example.com/browse/PZ-2\">PZ-2</a>"));
}

#[test]
fn what_a_check_asks_stands_with_it() {
    let docs = |id: &str| {
        (id == "mongo.ping")
            .then_some(Docs(" Asks the server.\n\n # Why it matters\n\n It is\n slow.\n\n - one\n - two"))
    };
    let html = render(&everything().run(), &Options { docs: Some(&docs) });
    let expected = "<div class=docs><p>Asks the server.</p><h4>Why it matters</h4><p>It is slow.</p>\
                    <p class=item>one</p><p class=item>two</p></div>";
    assert!(html.contains(expected));
    assert_eq!(html.matches("class=docs").count(), 1);
}

#[test]
fn what_was_measured_is_drawn_beside_its_criterion() {
    let mut story = Story::new();
    story.check(check("load.rate", Severity::High), measured().into());
    let html = render(&story.run(), &Options::default());
    let checks = text(section(&html, "checks"));
    assert!(checks.contains("p95 190 ms below 150 ms ✗ no"), "{checks}");
    assert!(
        checks.contains("p95 min 1 ms, p50 100 ms, p95 190 ms, p99 198 ms, max 200 ms, 200 samples"),
        "{checks}"
    );
    assert!(checks.contains("achieved rate min 20, mean 20, max 20 /s"), "{checks}");
    assert_eq!(html.matches("<svg").count(), 2, "samples have one chart, series of one unit another");
}

#[test]
fn pages_of_checks_are_linked_with_what_they_come_to() {
    let mut story = Story::new();
    let short = Finding::new("capacity-short", Cause::Capacity, "jobs", "150 of 200 are held")
        .evidence(evidence("gap-report.html"));
    let held = Measurement::new("held", 150.0, Unit::Count).held_to(Threshold::AtLeast(200.0));
    let answer = Verdict::of(Observation::seen("x")).with(short).measured(held);
    story.check(
        check("load.capacity.200", Severity::High),
        answer.evidence(evidence("evidence/a/x.json")).into(),
    );
    let html = render(&story.run(), &Options::default());
    let pages = section(&html, "pages");
    assert_eq!(pages.matches("<a href=\"gap-report.html\">gap-report.html</a>").count(), 1);
    assert_snapshot!(text(pages), @r"
Pages of checks
✗ failed load.capacity.200 Title of load.capacity.200 jobs: 150 of 200 are held
measured value must be kept
held 150 at least 200 ✗ no
gap-report.html
");
    assert!(html.contains("<a href=\"#pages\">"));
    let without = render(&everything().run(), &Options::default());
    assert!(!without.contains("id=\"pages\"") && !without.contains("#pages"));
}

#[test]
fn proofs_stand_with_their_checks() {
    let mut story = Story::new();
    let proof = ProofInfo { fault: "mongo.index-missing".to_owned(), finding: "index-missing".to_owned() };
    let proven = CheckInfo { proofs: vec![proof], ..check("mongo.indexes", Severity::High) };
    story.check(proven, passed("3 indexes"));
    story.check(check("mongo.ping", Severity::High), passed("12 ms"));
    let html = render(&story.run(), &Options::default());
    assert!(text(section(&html, "checks")).contains("· proven by mongo.index-missing → index-missing"));
    let all = "`shakedown prove` shows that 1 of 2 checks fail where they must, by 1 fault; not mongo.ping";
    assert!(text(section(&html, "where")).contains(all), "{}", text(section(&html, "where")));
}

#[test]
fn a_time_line_says_what_happened_meanwhile() {
    let html = render(&everything().run(), &Options::default());
    let check = html.split_once("id=\"mongo.collections\"").unwrap().1.split_once("</details>").unwrap().0;
    let line = check.split_once("<ol class=times>").unwrap().1.split_once("</ol>").unwrap().0;
    assert_snapshot!(text(&format!("{line}</ol>")), @r"
09:00:05.250 attempt 1 began
09:00:05.500 attempt 1 errored; the next one 500 ms later
09:00:05.750 attempt 2 began
09:00:05.798 passed after 49 ms
");
    assert_snapshot!(text(section(&html, "times")), @r"
When
The checks that took longest, within the time of the run
check began after took within the run
✓ mongo.connect 3.8 s 12 ms
✗ mongo.indexes.required 4.2 s 12 ms
! mongo.ping 4.8 s 12 ms
✓ mongo.collections 5.8 s 49 ms
? k8s.connect 6.5 s 12 ms
✗ focus-api.validation 7.8 s 12 ms
✗ focus-api.capacity 8.2 s 12 ms
✗ mongo.recordings.stale 8.8 s 12 ms
");
}

#[test]
fn a_time_line_ends_where_nobody_would_read_on() {
    let mut story = everything();
    for id in 0..100 {
        let resource = crate::fixture::job(&format!("99-{id}"));
        story.push(EventKind::Created { check: "mongo.ping".to_owned(), resource });
    }
    let html = render(&story.run(), &Options::default());
    let check = html.split_once("id=\"mongo.ping\"").unwrap().1.split_once("</details>").unwrap().0;
    assert_eq!(check.matches("created job 99-").count(), 5);
    assert!(check.contains("events.jsonl has all of it"), "{check}");
}

#[test]
fn a_chart_has_a_name() {
    let mut story = Story::new();
    story.check(check("load.rate", Severity::High), measured().into());
    let html = render(&story.run(), &Options::default());
    assert!(html.contains("role=img aria-label=\"chart of p95\""));
    assert!(html.contains("role=img aria-label=\"chart of achieved rate, errors\""));
}

#[test]
fn nothing_is_fetched_and_nothing_foreign_is_let_in() {
    let html = render(&everything().run(), &Options::default());
    for reference in ["src=", "@import", "url(", "<link rel=\"stylesheet", "<base", "<iframe", "style=\""] {
        assert!(!html.contains(reference), "{reference}");
    }
    let policy =
        html.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    let policy = unescaped(policy);
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn an_empty_run_is_a_page_too() {
    let mut story = Story::new();
    story.push(EventKind::RunFinished);
    let html = render(&story.run(), &Options::default());
    assert!(text(&html).contains("nothing was checked"));
}

#[test]
fn pages_can_be_read_without_a_script() {
    let mut story = Story::new();
    story.check(check("mongo.a", Severity::High), passed("fine"));
    let html = render(&story.run(), &Options::default());
    assert!(html.contains("<form id=\"filter\" role=\"search\" aria-label=\"Filter the checks\" hidden>"));
    assert!(!section(&html, "checks").split_once("</form>").unwrap().1.contains("<details hidden"));
}
