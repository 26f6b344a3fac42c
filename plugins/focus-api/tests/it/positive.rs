//! What the answers of a server are held against: each check finds what is its own, and leaves the rest to others.

use crate::contract::{job, metadata};
use crate::host::{at, with_jobs};
use crate::server::Server;
use serde_json::{Value, json};
use shakedown_core::finding::Weight;
use shakedown_core::{Outcome, Status};

/// A server that answers an accepted configuration as `change` leaves it.
async fn answering(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Server {
    Server::with(move |asked, body| {
        (asked == "POST /configure" && body["nfftSelection"] != 0).then(|| {
            let mut answer = job(body, 1);
            change(&mut answer);
            (200, answer)
        })
    })
    .await
}

/// The findings of a check that are more than notes.
async fn weighty(server: &Server, id: &str) -> Vec<(String, Weight)> {
    let outcome = at(server).await.run(id).await;
    let findings = outcome.all_findings().filter(|finding| finding.weight > Weight::Note);
    findings.map(|finding| (finding.code.clone(), finding.weight)).collect()
}

fn one(code: &str, weight: Weight) -> Vec<(String, Weight)> {
    vec![(code.to_owned(), weight)]
}

const INVARIANTS: &str = "focus-api.response.invariants";

#[tokio::test]
async fn what_an_answer_lacks_or_gets_wrong_is_judged_once() {
    for (field, value, found) in [
        ("frequencies_list", json!({}), one("field-type", Weight::Fail)),
        ("frequencies_amount", json!(3), one("amount-wrong", Weight::Fail)),
        ("status", json!(""), one("status-undocumented", Weight::Warn)),
        ("stream_port", json!("12301"), Vec::new()),
        ("view_type", json!("0"), Vec::new()),
    ] {
        let server = answering(move |answer| answer[field] = value.clone()).await;
        assert_eq!(weighty(&server, INVARIANTS).await, found, "{field}");
        assert_eq!(weighty(&server, "focus-api.config.valid").await, [], "{field}");
    }
    let server = answering(|answer| drop(answer.as_object_mut().unwrap().remove("lines_dt"))).await;
    assert_eq!(weighty(&server, INVARIANTS).await, one("field-missing", Weight::Fail));
}

#[tokio::test]
async fn strict_parameters_make_a_note_a_failure() {
    let server = answering(|answer| answer["stream_port"] = json!("12301")).await;
    let strict = at(&server).await.answer(INVARIANTS, json!({ "strict_types": true })).await;
    assert_eq!(Outcome::from(strict).status, Status::Failed);
    let bare = Server::healthy().await;
    let bench = at(&bare).await;
    let object = bench.answer("focus-api.recordings.range", json!({ "shape": "object" })).await;
    assert_eq!(Outcome::from(object).status, Status::Failed);
    let cancel = bench.answer("focus-api.jobs.cancel", json!({ "required": true })).await;
    assert_eq!(Outcome::from(cancel).status, Status::Failed);
}

#[tokio::test]
async fn a_week_without_recordings_is_no_pass() {
    let server =
        Server::with(|asked, _| (asked == "POST /recordings_in_time_range").then(|| (200, json!([])))).await;
    let bench = at(&server).await;
    assert_eq!(bench.run("focus-api.recordings.range").await.status, Status::Errored);
    for id in ["valid", "short", "window-limit"] {
        let outcome = bench.run(&format!("focus-api.historic.{id}")).await;
        assert_eq!(outcome.status, Status::Skipped, "{id}: {outcome:#?}");
    }
}

#[tokio::test]
async fn a_stream_that_nobody_serves_is_found() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = answering(move |answer| answer["stream_port"] = json!(port)).await;
    let bench = at(&server).await;
    let outcome = Outcome::from(
        bench.answer("focus-api.e2e.config-meta-grpc", json!({ "ready_within": "300ms" })).await,
    );
    let codes: Vec<&str> =
        outcome.all_findings().filter(|f| f.weight == Weight::Fail).map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["stream-not-ready"; 2]);
}

#[tokio::test]
async fn reads_that_differ_are_found() {
    let flips = std::sync::atomic::AtomicBool::new(false);
    let server = Server::with(move |asked, _| {
        (asked == "GET /live_metadata").then(|| {
            let mut body = metadata();
            if flips.fetch_xor(true, std::sync::atomic::Ordering::SeqCst) {
                body["number_of_channels"] = json!(63);
            }
            (200, body)
        })
    })
    .await;
    assert_eq!(weighty(&server, "focus-api.data.metadata").await, one("answers-differ", Weight::Fail));
}

#[tokio::test]
async fn a_restart_is_a_failure_with_a_time_and_no_crash() {
    let server = Server::healthy().await;
    let bench = at(&server).await;
    let params = json!({ "duration": "2s", "interval": "300ms", "probe": "20ms" });
    let watching = bench.answer("focus-api.stability.hour", params);
    let restarting = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        server.restart(std::time::Duration::from_millis(200)).await;
    };
    let (watched, ()) = futures_util::future::join(watching, restarting).await;
    let outcome = Outcome::from(watched);
    assert_eq!(outcome.status, Status::Failed, "{outcome:#?}");
    let away = outcome.findings.iter().find(|finding| finding.code == "server-away").unwrap();
    assert!(away.message.starts_with("the server was away at 2027-01-15T08:00:00Z, "), "{}", away.message);
    assert!(!away.message.contains("did not come back"), "{}", away.message);
    let series: Value = serde_json::from_str(&bench.evidence("time-series.json")).unwrap();
    assert!(series.as_array().unwrap().len() > 10);
}

#[tokio::test]
async fn without_room_for_samples_nothing_is_sampled() {
    let server = Server::healthy().await;
    let outcome = with_jobs(&server, 5).await.run("focus-api.latency.configure").await;
    assert_eq!(outcome.status, Status::Skipped, "{outcome:#?}");
}

#[tokio::test]
async fn the_planned_interface_is_no_question_where_it_is_not_deployed() {
    let server = Server::healthy().await;
    let bench = at(&server).await;
    for id in
        ["sensors.list", "task.valid", "task.refused", "taskmeta.valid", "waterfall.valid", "historic.e2e"]
    {
        let outcome = bench.run(&format!("focus-api.{id}")).await;
        assert_eq!(outcome.status, Status::Skipped, "{id}");
        assert!(outcome.summary.contains("not deployed"), "{id}: {}", outcome.summary);
    }
    assert_eq!(bench.created(), []);
}
