//! The ready scenarios, run by the engine.

use crate::http_server::{AMPLE, Server, answer, read_head};
use shakedown_core::HumanDuration;
use shakedown_core::limits::Limits;
use shakedown_loadgen::http::{Connections, Dialer, Endpoint, Held, Lines, Sampling, WireSettings};
use shakedown_loadgen::{Arrivals, Engine, Load, Phase, Plan, Report, Scenario};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

const LIMITS: Limits = Limits { requests_per_second: 100_000.0, requests_in_flight: 8 };

async fn run(plan: Plan, scenario: impl Scenario) -> Report {
    timeout(AMPLE, Engine::new(plan, LIMITS).run(Arc::new(scenario))).await.unwrap().unwrap()
}

fn iterations(count: u64) -> Plan {
    Plan::single(Load::Iterations { users: 4, count })
}

/// A server that answers with the path that it was asked for, twice on two lines.
async fn echo() -> Server {
    Server::start(|mut stream, _| async move {
        while let Some(head) = read_head(&mut stream).await {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = stream.write_all(answer(&format!("{path}\n{path}")).as_bytes()).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_come_by_weight_over_a_connection_for_each_user() {
    let server = echo().await;
    let dialer = server.dialer();
    let request = |weight, path: &str| (weight, path.to_owned(), dialer.get(path).unwrap());
    let mix = [request(3, "/often"), request(0, "/never"), request(1, "/rare")];
    let endpoint = Endpoint::mixed(dialer.clone(), mix).unwrap().counting(|| Box::new(Lines::default()));
    let report = run(iterations(400), endpoint).await;
    let [often, never, rare] = ["/often", "/never", "/rare"].map(|name| report.operation(name).unwrap());
    assert_eq!((never.attempts(), often.attempts() + rare.attempts()), (0, 400));
    assert!(often.attempts() > 2 * rare.attempts(), "{} and {}", often.attempts(), rare.attempts());
    assert_eq!(often.failures() + rare.failures(), 0);
    assert_eq!((often.rows, often.bytes), (2 * often.attempts(), 13 * often.attempts()));
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_mix_of_nothing_is_no_scenario() {
    let dialer = echo().await.dialer();
    assert_eq!(Endpoint::mixed(dialer, []).unwrap_err(), "no request has a weight above 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_content_is_found_by_sampling() {
    let server = echo().await;
    let dialer = server.dialer();
    let checked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&checked);
    let sampling = Sampling::new(10, move |answer| {
        count.fetch_add(1, Ordering::SeqCst);
        if answer.body.starts_with(b"/right") { Ok(()) } else { Err("it is not /right".to_owned()) }
    });
    let endpoint =
        |path| Endpoint::new(dialer.clone(), "get", dialer.get(path).unwrap()).sampling(sampling.clone());
    let right = run(iterations(100), endpoint("/right")).await.operation("get").unwrap();
    assert_eq!((checked.load(Ordering::SeqCst), right.failures()), (10, 0));
    let wrong = run(iterations(100), endpoint("/wrong")).await.operation("get").unwrap();
    assert_eq!(wrong.failed["content"].count, 10);
    assert_eq!(wrong.succeeded.count, 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_class() {
    // Every third connection is refused by status, every third throttled.
    let server = Server::start(|mut stream, number| async move {
        let status = ["200 OK", "503 Unavailable", "429 Too Many Requests\r\nretry-after: 3"][number % 3];
        while read_head(&mut stream).await.is_some() {
            let _ =
                stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        }
    })
    .await;
    let settings = WireSettings { connections: Connections::Fresh, ..server.settings() };
    let dialer = Dialer::new(settings).unwrap();
    let request = dialer.get("/").unwrap();
    let operation =
        run(iterations(90), Endpoint::new(dialer, "get", request)).await.operation("get").unwrap();
    assert_eq!(operation.succeeded.count, 30);
    assert_eq!((operation.failed["status-503"].count, operation.failed["throttled"].count), (30, 30));
    assert_eq!((operation.retry_after.count(), operation.retry_after.max().unwrap().as_secs()), (30, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_held_while_requests_flow_over_all_of_them() {
    const HELD: u64 = 50;
    let used = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&used);
    let server = Server::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            let mut first = true;
            while read_head(&mut stream).await.is_some() {
                count.fetch_add(usize::from(first), Ordering::SeqCst);
                first = false;
                let _ = stream.write_all(answer("ok").as_bytes()).await;
            }
        }
    })
    .await;
    let settings = WireSettings { connections: Connections::Resting, ..server.settings() };
    let dialer = Dialer::new(settings).unwrap();
    let held = Held::new(dialer.clone(), dialer.get("/").unwrap(), HELD);
    let rate = |per_second, milliseconds| Load::Rate {
        per_second,
        during: HumanDuration(Duration::from_millis(milliseconds)),
        arrivals: Arrivals::Even,
    };
    let plan = Plan::of([
        Phase::measured("connect", rate(500.0, 100)),
        Phase::unmeasured("settle", Load::Pause { during: HumanDuration::millis(200) }),
        Phase::measured("requests", rate(500.0, 400)),
    ]);
    let report = run(plan, held.clone()).await;
    let [connect, request] = ["connect", "request"].map(|name| report.operation(name).unwrap());
    assert_eq!((connect.succeeded.count, request.succeeded.count), (HELD, 200));
    assert_eq!(connect.failures() + request.failures(), 0);
    // Requests go to the one that has rested longest, so that all of them are used.
    assert_eq!((server.connections(), used.load(Ordering::SeqCst)), (50, 50));
    assert_eq!(held.resting(), 0, "they are closed at the end");
}
