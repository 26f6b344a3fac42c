//! The capacity model: what is sent is compared with what the server says that it did.

use super::{Focus, Home, NOW, changed, historic, live};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

impl Focus {
    /// What the server says that it did.
    async fn truth(&self) -> Value {
        let root = self.base.trim_end_matches("focus-server/");
        let answer = self.client.get(format!("{root}sandbox/truth")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The statuses of so many configurations sent at once.
    async fn statuses(&self, count: usize, body: &Value) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for (status, _) in join_all((0..count).map(|_| self.configure(body))).await {
            *statuses.entry(status.as_u16()).or_default() += 1;
        }
        statuses
    }

    /// Starts a task of the planned interface.
    async fn task(&self, id: &str) {
        let body = json!({
            "displayTimeAxisDuration": 30, "nfftSelection": 1024, "canvasInfo": { "height": 1000 },
            "sensors": { "min": 0, "max": 3 }, "frequencyRange": { "min": 0, "max": 500 },
        });
        let body = body.to_string();
        let (status, answer) = self.send(Method::POST, &format!("config/{id}"), body.as_bytes()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// The start and the end of each row of a task that can be had.
    async fn rows(&self, id: &str) -> Vec<(i64, i64)> {
        let (_, blocks) = self.get(&format!("waterfall/{id}/1000")).await;
        let rows = blocks[0]["rows"].as_array().cloned().unwrap_or_default();
        let time = |row: &Value, key: &str| row[key].as_i64().unwrap();
        rows.iter().map(|row| (time(row, "startTimestamp"), time(row, "endTimestamp"))).collect()
    }
}

/// What the log says of one operation: when each request came in, was begun and was finished, in microseconds.
fn log(truth: &Value, operation: &str) -> Vec<[u64; 3]> {
    let log = truth["log"].as_array().unwrap().iter().filter(|served| served["operation"] == operation);
    log.map(|served| ["received", "begun", "finished"].map(|key| served[key].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn the_truth_is_what_was_sent() {
    let focus = Focus::healthy().await;
    assert_eq!(focus.statuses(12, &live()).await, BTreeMap::from([(200, 12)]));
    assert_eq!(focus.configure(&changed("/nfftSelection", json!(0))).await.0.as_u16(), 400);
    for _ in 0..3 {
        focus.get("ack").await;
    }
    let truth = focus.truth().await;
    let configure = &truth["operations"]["configure"];
    assert_eq!(configure["statuses"], json!({ "200": 12, "400": 1 }));
    assert_eq!((&configure["received"], &configure["answered"]), (&json!(13), &json!(13)));
    assert_eq!((&configure["in_service"], &configure["latency"]["count"]), (&json!(0), &json!(13)));
    assert_eq!(truth["operations"]["ack"]["answered"], 3);
    assert_eq!(
        truth["jobs"],
        json!({ "created": 12, "ended": 0, "lost": 0, "refused": 0, "alive": 12, "most_alive": 12 })
    );
    for served in truth["log"].as_array().unwrap() {
        if let Some(others) = served["others"].as_u64() {
            let took = served["finished"].as_u64().unwrap() - served["begun"].as_u64().unwrap();
            assert!(took >= 3_000 + 1_000 * others, "{served}");
        }
    }
    focus.advance(50);
    assert_eq!(focus.truth().await["jobs"]["alive"], 0);
    focus.stop().await;
}

#[tokio::test]
async fn a_sandbox_tells_the_truth_in_its_process() {
    let Some(focus) = Focus::with_history().await else { return };
    focus.job(&live()).await;
    let Home::Sandbox(sandbox) = &focus.home else { panic!("it runs in a sandbox") };
    let truth = sandbox.truth().unwrap();
    assert_eq!((truth.jobs.created, truth.operations["configure"].answered), (1, 1));
    focus.stop().await;
}

#[tokio::test]
async fn beyond_150_jobs_there_is_no_room() {
    let focus = Focus::with("focus-api.capacity-150").await;
    assert_eq!(focus.statuses(160, &live()).await, BTreeMap::from([(200, 150), (503, 10)]));
    let (_, answer) = focus.configure(&live()).await;
    assert!(answer["detail"].as_str().unwrap().contains("150 of 150"), "{answer}");
    assert_eq!(focus.truth().await["jobs"]["refused"], 11);
    focus.stop().await;
}

#[tokio::test]
async fn five_historic_jobs_are_enough() {
    let focus = Focus::start(json!({}), &["focus-api.few-historic", "focus-api.accepts-empty-window"]).await;
    let body = historic(NOW - 3600, NOW - 60);
    assert_eq!(focus.statuses(7, &body).await, BTreeMap::from([(200, 5), (503, 2)]));
    focus.job(&live()).await;
    focus.stop().await;
}

#[tokio::test]
async fn too_many_a_second_are_told_to_wait() {
    let focus = Focus::with("focus-api.throttles").await;
    assert_eq!(focus.statuses(10, &live()).await, BTreeMap::from([(200, 5), (429, 5)]));
    let request = focus.client.post(format!("{}configure", focus.base));
    let request = request.header("content-type", "application/json").body(live().to_string());
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    focus.job(&live()).await;
    focus.stop().await;
}

#[tokio::test]
async fn load_makes_a_share_fail() {
    let focus = Focus::with("focus-api.errors-under-load").await;
    for _ in 0..5 {
        focus.job(&live()).await;
    }
    let statuses = focus.statuses(15, &live()).await;
    assert!((5..15).contains(&statuses[&500]), "{statuses:?}");
    assert_eq!(statuses[&200] + statuses[&500], 15);
    focus.stop().await;
}

#[tokio::test]
async fn a_queue_serves_one_after_another() {
    let focus = Focus::with("focus-api.queues").await;
    assert_eq!(focus.statuses(4, &live()).await[&200], 4);
    let mut begun: Vec<u64> =
        log(&focus.truth().await, "configure").iter().map(|[_, begun, _]| *begun).collect();
    begun.sort_unstable();
    assert!(begun.windows(2).all(|pair| pair[1] - pair[0] >= 150_000), "{begun:?}");
    focus.stop().await;
}

#[tokio::test]
async fn service_degrades_and_is_unfair() {
    let focus = Focus::with("focus-api.degrades").await;
    for _ in 0..6 {
        focus.job(&live()).await;
    }
    for (number, [_, begun, finished]) in (0..).zip(log(&focus.truth().await, "configure")) {
        assert!(finished - begun >= 3_000 + 20_000 * number, "{number}: {}", finished - begun);
    }
    focus.stop().await;

    let focus = Focus::with("focus-api.unfair").await;
    focus.job(&changed("/channels", json!({ "min": 51, "max": 58 }))).await;
    let [[_, begun, finished]] = log(&focus.truth().await, "configure")[..] else { panic!("one was sent") };
    assert!(finished - begun >= 60_000, "{}", finished - begun);
    focus.stop().await;
}

#[tokio::test]
async fn everything_stops_during_a_freeze() {
    let focus = Focus::with("focus-api.freezes").await;
    let requests = (0..14).map(async |number| {
        tokio::time::sleep(Duration::from_millis(50) * number).await;
        focus.configure(&live()).await.0
    });
    assert!(join_all(requests).await.iter().all(|status| status.as_u16() == 200));
    let truth = focus.truth().await;
    let stall = ["from", "until"].map(|key| truth["stalls"][0][key].as_u64().unwrap());
    assert_eq!(stall[1] - stall[0], 1_000_000);
    // Who was just done when it began may be written down a moment later.
    let middle = stall[0].midpoint(stall[1])..stall[1];
    assert!(log(&truth, "configure").iter().all(|[_, _, finished]| !middle.contains(finished)), "{truth}");
    focus.stop().await;
}

#[tokio::test]
async fn every_fourth_connection_is_reset() {
    let focus = Focus::with("focus-api.resets").await;
    let mut reset = Vec::new();
    for number in 1..=8 {
        let request = focus.client.post(format!("{}configure", focus.base));
        let request = request.header("content-type", "application/json").body(live().to_string());
        if let Err(error) = request.send().await {
            reset.push((number, error.is_timeout()));
        }
    }
    assert_eq!(reset, [(4, false), (8, false)]);
    let truth = focus.truth().await;
    let configure = &truth["operations"]["configure"];
    assert_eq!((&configure["reset"], &configure["answered"]), (&json!(2), &json!(6)));
    focus.stop().await;
}

#[tokio::test]
async fn jobs_are_lost_or_dropped() {
    let focus = Focus::with("focus-api.loses-jobs").await;
    for _ in 0..6 {
        focus.job(&live()).await;
    }
    focus.advance(1);
    assert_eq!(focus.job_status("1-4").await, "running");
    assert_eq!(focus.job_status("1-5").await, "404 Not Found");
    assert_eq!(focus.job_status("1-6").await, "running");
    assert_eq!(focus.truth().await["jobs"]["lost"], 1);
    focus.stop().await;

    let focus = Focus::with("focus-api.live-drops").await;
    let (id, ..) = focus.job(&live()).await;
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "running");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "completed");
    assert_eq!(focus.truth().await["jobs"]["lost"], 1);
    focus.stop().await;
}

#[tokio::test]
async fn after_too_much_there_is_no_recovery() {
    let focus = Focus::with("focus-api.no-recovery").await;
    focus.job(&live()).await;
    assert_eq!(focus.statuses(8, &live()).await.keys().collect::<Vec<_>>(), [&200, &503]);
    let (first, second) = (focus.configure(&live()).await.0, focus.configure(&live()).await.0);
    assert_ne!(first, second, "every second one is refused");
    focus.stop().await;
}

#[tokio::test]
async fn heavy_work_is_refused_beside_other_work() {
    let focus = Focus::with("focus-api.heavy-refused").await;
    let mut heavy = changed("/channels", json!({ "min": 1, "max": 100 }));
    heavy["nfftSelection"] = json!(2048);
    focus.job(&heavy).await;
    assert_eq!(focus.statuses(4, &heavy).await, BTreeMap::from([(200, 1), (500, 3)]));
    assert_eq!(focus.statuses(4, &live()).await, BTreeMap::from([(200, 4)]));
    focus.stop().await;
}

#[tokio::test]
async fn many_cancellations_do_not_count() {
    let focus = Focus::start(json!({ "planned_api": true }), &["focus-api.cancel-stuck"]).await;
    for _ in 0..8 {
        focus.job(&live()).await;
    }
    let paths: Vec<String> = (1..=8).map(|number| format!("job/1-{number}")).collect();
    let cancelled = join_all(paths.iter().map(|path| focus.send(Method::DELETE, path, &[]))).await;
    assert!(cancelled.iter().all(|(status, _)| status.as_u16() == 200));
    assert_eq!(focus.truth().await["jobs"]["alive"], 3);
    assert_eq!(focus.send(Method::DELETE, "job/1-99", &[]).await.0.as_u16(), 404);
    focus.stop().await;
}

#[tokio::test]
async fn reads_crowd_each_other_out() {
    let focus = Focus::with("focus-api.reads-crowded").await;
    focus.get("channels").await;
    join_all((0..8).map(|_| focus.get("ack"))).await;
    let truth = focus.truth().await;
    let slow =
        log(&truth, "ack").iter().filter(|[received, _, finished]| finished - received >= 400_000).count();
    assert!((1..8).contains(&slow), "{truth}");
    focus.stop().await;
}

#[tokio::test]
async fn reads_wait_for_configurations() {
    let focus = Focus::with("focus-api.reads-wait").await;
    focus.get("ack").await;
    focus.job(&live()).await;
    focus.get("ack").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    focus.get("ack").await;
    let truth = focus.truth().await;
    let took: Vec<bool> =
        log(&truth, "ack").iter().map(|[received, _, finished]| finished - received >= 400_000).collect();
    assert_eq!(took[..2], [false, true], "{truth}");
    focus.stop().await;
}

#[tokio::test]
async fn waterfalls_lose_rows_or_are_given_few_or_uneven_ones() {
    let planned = |fault| Focus::start(json!({ "planned_api": true }), fault);
    let gaps = |rows: &[(i64, i64)]| rows.windows(2).filter(|pair| pair[0].1 != pair[1].0).count();

    let focus = planned(&["focus-api.rows-lost"]).await;
    focus.task("a").await;
    focus.advance(3);
    let rows = focus.rows("a").await;
    assert_eq!((rows.len(), gaps(&rows)), (90, 9));
    assert_eq!(focus.truth().await["rows"], json!({ "given": 90, "lost": 10 }));
    focus.stop().await;

    let focus = planned(&["focus-api.rows-uneven"]).await;
    focus.task("a").await;
    focus.task("b").await;
    focus.advance(3);
    let (whole, half) = (focus.rows("a").await, focus.rows("b").await);
    assert_eq!((whole.len(), half.len(), gaps(&whole) + gaps(&half)), (100, 50, 0));
    focus.stop().await;

    let focus = planned(&["focus-api.rows-capped"]).await;
    for id in ["a", "b", "c"] {
        focus.task(id).await;
    }
    focus.advance(6);
    let mut given = 0;
    for _ in 0..10 {
        for id in ["a", "b", "c"] {
            given += focus.rows(id).await.len();
        }
        focus.clock.advance(Duration::from_millis(100));
    }
    assert_eq!(given, 100);
    focus.stop().await;
}
