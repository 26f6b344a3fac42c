//! How many jobs are held: on the healthy sandbox, on one with fewer slots, and where a cluster says that pods wait.

use crate::host::Site;
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::{CheckError, Clock, Observed, Outcome, Reading, Unit};

/// What shortens a check here.
fn quick(mut params: Value) -> Value {
    params["settle"] = "200ms".into();
    params["look_every"] = "100ms".into();
    params
}

fn codes(outcome: &Outcome) -> Vec<String> {
    outcome.all_findings().map(|finding| finding.code.clone()).collect()
}

/// What a cluster shows.
fn look(readings: Vec<Reading>) -> Vec<Observed> {
    let at = Timestamp::UNIX_EPOCH;
    vec![Observed { observer: "k8s.resources".into(), target: "k8s".into(), at, readings: Ok(readings) }]
}

async fn roomy(faults: &[&str]) -> Option<Site> {
    let mut site = Site::with(faults).await?;
    // More than is held at once, because the first job keeps its room.
    site.jobs = Budget::new(300, Clock::system());
    Some(site)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_healthy_sandbox_holds_two_hundred_and_all_are_ended() {
    let Some(site) = roomy(&[]).await else { return };
    let outcome = site.run("load.capacity.200", quick(json!({}))).await;
    assert!(codes(&outcome).is_empty(), "{outcome:#?}");
    assert!(outcome.evidence.iter().all(|file| !file.name.starts_with("infra_gap_report")));
    assert!(site.created().len() > 200);
    assert_eq!(site.left_behind(), Vec::<String>::new());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_slots_are_found_and_reported() {
    let Some(site) = roomy(&["focus-api.capacity-150"]).await else { return };
    let outcome = site.run("load.capacity.200", quick(json!({}))).await;
    assert_eq!(codes(&outcome), ["capacity-short"]);
    let named = |ending: &str| {
        let mut names = outcome.evidence.iter().map(|file| file.name.clone());
        names.find(|name| name.starts_with("infra_gap_report_lab_") && name.ends_with(ending)).unwrap()
    };
    let report: Value = serde_json::from_str(&site.evidence(&named(".json"))).unwrap();
    assert_eq!(report["capacity_analysis"]["actual_capacity"], 150);
    assert_eq!(report["capacity_analysis"]["gap_percentage"], "25.00%");
    assert_eq!(report["details"]["failures"], json!({ "status-503": 50 }));
    assert_eq!(report["details"]["bottlenecks"][0]["flag"], "refused");
    assert_eq!(report["system_resources"]["cpu"]["mean_percent"], "not measured");
    assert!(site.evidence(&named(".html")).contains("150 of 200 jobs at once: 50 are missing"));
    assert_eq!(site.left_behind(), Vec::<String>::new());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_does_not_allow_is_not_begun() {
    let Some(mut site) = Site::with(&[]).await else { return };
    site.jobs = Budget::new(100, Clock::system());
    let Err(CheckError::NotApplicable(why)) = site.answer("load.capacity.200", json!({})).await else {
        panic!("it applies");
    };
    insta::assert_snapshot!(why, @"it holds 200 jobs at once, and the policy of `lab` allows 100 (max_concurrent_jobs)");
    assert_eq!(site.created().len(), 0);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_whose_pods_wait_are_no_successes() {
    let Some(site) = roomy(&[]).await else { return };
    let waiting = |count: f64| {
        let note = "no IP addresses available in network";
        let reading = |what: &str| Reading::new("namespace/panda", what, count, Unit::Count).because(note);
        look(vec![reading("pods-pending"), reading("pods-without-address")])
    };
    site.observes(vec![waiting(2.0), waiting(22.0)]);
    let params = json!({ "jobs": 20, "in_flight": 10 });
    let outcome = site.run("load.capacity.200", quick(params)).await;
    assert_eq!(codes(&outcome), ["capacity-short"]);
    let finding = outcome.all_findings().next().unwrap();
    // Twenty pods more than before are ten jobs.
    assert!(finding.message.starts_with("10 of 20 jobs"), "{}", finding.message);
    assert!(
        finding.details.iter().any(|line| line.contains("no IP addresses available")),
        "{:?}",
        finding.details
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_check_finds_what_it_is_for() {
    let broken = [
        ("load.capacity.baseline", "focus-api.configure-slow", json!({ "mean": "500ms" }), "baseline-slow"),
        ("load.capacity.linear", "focus-api.errors-under-load", json!({}), "linear-short"),
        ("load.capacity.extreme", "focus-api.low-capacity", json!({}), "extreme-short"),
        ("load.capacity.heavy", "focus-api.heavy-refused", json!({}), "heavy-short"),
        ("load.capacity.recovery", "focus-api.no-recovery", json!({ "rest": "200ms" }), "not-recovered"),
    ];
    let Some(healthy) = roomy(&[]).await else { return };
    for (id, _, params, _) in &broken {
        let found = healthy.codes(id, quick(params.clone())).await;
        assert!(found.is_empty(), "{id} finds {found:?} on the healthy sandbox");
    }
    healthy.close().await;
    for (id, fault, params, code) in broken {
        let Some(site) = roomy(&[]).await else { return };
        site.inject(fault).await;
        let found = site.codes(id, quick(params)).await;
        assert!(
            found.iter().all(|found| found == code) && !found.is_empty(),
            "{id} finds {found:?} under {fault}"
        );
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_search_finds_the_limit_and_says_how_it_breaks() {
    let Some(site) = roomy(&["focus-api.low-capacity"]).await else { return };
    let params = json!({ "from": 10, "resolution": 0.05, "repeats": 2, "tries": 20, "settle": "50ms", "look_every": "50ms" });
    let outcome = site.run("load.capacity.search", params).await;
    assert_eq!(codes(&outcome), ["capacity-below-wanted"], "{outcome:#?}");
    let search: Value = serde_json::from_str(&site.evidence("search.json")).unwrap();
    let answer = &search["search"];
    let highest = answer["highest"].as_u64().unwrap();
    // Of 42, 40 are 95 %.
    assert!((38..=42).contains(&highest), "{answer:#}");
    assert_eq!(answer["limited"], json!({ "by": "target" }));
    assert_eq!(answer["breaking"]["failures"][0][0], "status-503");
    assert!(site.evidence("capacity_search_lab.html").contains("are wanted"));
    assert_eq!(site.left_behind(), Vec::<String>::new());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_may_not_go_on_blames_nobody() {
    let Some(mut site) = Site::with(&[]).await else { return };
    site.jobs = Budget::new(30, Clock::system());
    let params = json!({ "from": 5, "tries": 3, "settle": "50ms", "look_every": "50ms" });
    let outcome = site.run("load.capacity.search", params).await;
    assert_eq!(codes(&outcome), ["not-decided"], "{outcome:#?}");
    let finding = outcome.all_findings().next().unwrap();
    assert!(finding.message.contains("cannot be said"), "{}", finding.message);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_judges_memory_by_its_trend() {
    let Some(site) = roomy(&[]).await else { return };
    let memory = |used: f64| {
        look(vec![Reading::new("pod/focus-server-0", "memory", used, Unit::Bytes).of(Some(100.0))])
    };
    let at = |index: u32, mut look: Vec<Observed>| {
        look[0].at = Clock::system().now() + jiff::SignedDuration::from_millis(100 * i64::from(index));
        look
    };
    let params = json!({ "per_minute": 120.0, "during": "2500ms", "hold": "50ms", "look_every": "100ms" });
    site.observes((0..40).map(|index| at(index, memory(20.0 + f64::from(index)))).collect());
    assert_eq!(site.codes("load.capacity.soak-1h", params.clone()).await, ["memory-rises"]);
    site.observes((0..40).map(|index| at(index, memory(20.0 + f64::from(index % 2)))).collect());
    assert_eq!(site.codes("load.capacity.soak-1h", params.clone()).await, Vec::<String>::new());
    site.observes(Vec::new());
    assert_eq!(site.codes("load.capacity.soak-1h", params).await, ["memory-not-measured"]);
    site.close().await;
}
