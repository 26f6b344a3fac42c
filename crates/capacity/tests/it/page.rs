//! The page for people: whole, inert, and drawn.

use crate::gap::{at, busy, report};
use base64::Engine as _;
use sha2::Digest as _;
use shakedown_capacity::gap::{Details, Fitted};
use shakedown_capacity::page;
use shakedown_capacity::resources::Resources;
use shakedown_capacity::search::{Answer, Ceiling, Search, SearchPlan, Step, Try};
use shakedown_core::measurement::Unit;
use shakedown_core::observe::{Observed, Reading};
use shakedown_core::series::Series;

fn answer() -> Answer {
    let plan = SearchPlan {
        from: 5,
        growth: 2.0,
        most: 200,
        ceiling: Ceiling::Policy,
        resolution: 0.02,
        repeats: 3,
        tries: 40,
        success: 0.95,
        latency_ms: Some(1000.0),
    };
    let mut search = Search::new(plan).unwrap();
    while let Some(Step { n, repeat }) = search.next() {
        let served = n.min(150);
        let refused = u64::from(n - served);
        let at_once = f64::from(served);
        // A law with some contention; repeats differ a little.
        let per_second = 60.0 * at_once / (1.0 + 0.05 * (at_once - 1.0) + 0.0002 * at_once * (at_once - 1.0));
        let per_second = per_second * (1.0 + 0.03 * (f64::from(repeat) - 1.0) * f64::from(n % 3));
        let mean = 1000.0 * at_once / per_second;
        let failures = (refused > 0).then(|| ("status-503".to_owned(), refused)).into_iter().collect();
        search.observe(
            Step { n, repeat },
            Try {
                attempts: n.into(),
                succeeded: served.into(),
                failures,
                mean_ms: Some(mean),
                p95_ms: Some(1.6 * mean),
                per_second: Some(per_second),
                in_flight: n,
                generator: None,
            },
        );
    }
    search.answer().unwrap()
}

fn details() -> Details {
    let answer = answer();
    Details {
        law: Some(Fitted::to(&answer.points(0.95), 200, 1)),
        percentiles: [50.0, 75.0, 90.0, 95.0, 99.0, 100.0]
            .map(|percent| [percent, 200.0 + percent * percent / 5.0])
            .to_vec(),
        errors: vec![Series::new(
            "status-503",
            Unit::PerSecond,
            (0..12).map(|at| [f64::from(at), f64::from(at * at % 17)]),
        )],
        search: Some(answer),
        ..Details::default()
    }
}

#[test]
fn a_page_is_whole_and_asks_for_nothing() {
    let page = page::of_gap(&report(150, &busy(), details())).unwrap();
    for part in [
        "150 of 200 jobs at once: 50 are missing",
        "status-503",
        "scalability law",
        "pod/focus-server-0",
        "Every try",
    ] {
        assert!(page.contains(part), "`{part}` is missing");
    }
    assert_eq!(page.matches("<svg").count(), 10, "five drawings, each in two widths");
    for forbidden in
        ["<script", "http-equiv=\"refresh", "src=", "href=", "url(", "@import", " style=", " onload"]
    {
        assert!(!page.contains(forbidden), "`{forbidden}` in the page");
    }
    // Evidence is cut at one mebibyte.
    assert!(page.len() < 1 << 19, "{} bytes", page.len());
}

#[test]
fn its_policy_admits_exactly_its_style_sheet() {
    let page = page::of_gap(&report(150, &busy(), details())).unwrap();
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    assert!(page.contains(&format!("default-src 'none'; style-src 'sha256-{hash}'")));
}

#[test]
fn what_a_server_wrote_stays_text() {
    let hostile = "</li></svg><script>alert(1)</script><img src=x onerror=alert(1)>";
    let look = Observed {
        observer: hostile.to_owned(),
        target: "k8s".to_owned(),
        at: at(),
        readings: Ok(vec![
            Reading::new(hostile, "cpu", 1.9, Unit::Count).of(Some(2.0)).because(hostile),
            Reading::new(hostile, "pods-without-address", 3.0, Unit::Count).because(hostile),
        ]),
    };
    let mut details = details();
    details.errors = vec![Series::new(hostile, Unit::PerSecond, [[0.0, 1.0], [1.0, 2.0]])];
    let page = page::of_gap(&report(150, &Resources::of(&[look], at()), details)).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
}

#[test]
fn a_search_has_a_page_too() {
    let details = details();
    let answer = details.search.clone().unwrap();
    let page = page::of_search("staging", 200, &answer, &details).unwrap();
    assert!(page.contains(&format!("{} jobs at once are sustained, 200 are wanted", answer.highest)));
    assert!(page.contains("Limited by"));
    insta::assert_snapshot!(page::breaking_words(&answer), @"93.8 % succeed, status-503 6.2 %");
}

#[test]
fn without_data_nothing_is_drawn() {
    let page = page::of_gap(&report(0, &Resources::default(), Details::default())).unwrap();
    assert_eq!(page.matches("<svg").count(), 0);
    assert!(page.contains("not measured"));
}
