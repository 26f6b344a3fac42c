//! Refusals in every form raise no alarm; what is no refusal is found; and a 503 is put down to its cause.

use crate::contract::{job, metadata, refusal};
use crate::host::at;
use crate::server::Server;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shakedown_core::outcome::SkipReason;
use shakedown_core::registry::registered_checks;
use shakedown_core::{Cause, CheckSpec, Finding, Outcome, Status};
use shakedown_testkit::Bench;

/// The checks of refusals, of hostile requests and of errors.
fn family() -> Vec<&'static CheckSpec> {
    let groups = ["config.", "prelaunch.", "view.", "sec.", "err.", "orchestration.", "startup.", "rollback"];
    let is_one = |spec: &&CheckSpec| {
        groups.iter().any(|group| spec.id.strip_prefix("focus-api.").is_some_and(|id| id.starts_with(group)))
    };
    registered_checks().filter(is_one).collect()
}

/// Makes what takes long short.
fn params(id: &str) -> Value {
    match id {
        "focus-api.sec.rate" => json!({ "interval": "1ms" }),
        "focus-api.rollback" => json!({ "pause": "1ms" }),
        "focus-api.sec.malformed" => json!({ "size": 4096, "depth": 200 }),
        "focus-api.err.transport" => json!({ "rounds": 3, "patience": "20s" }),
        _ => json!({}),
    }
}

async fn outcome(bench: &Bench, id: &str) -> Outcome {
    bench.answer(id, params(id)).await.into()
}

#[tokio::test]
async fn errors_of_every_form_raise_no_alarm() {
    let shapes: [fn(&str) -> Value; 4] = [
        |why| json!({ "detail": [{ "type": "value_error", "loc": ["body", why], "msg": why, "input": "x" }] }),
        |why| json!({ "type": "about:blank", "title": "Bad request", "status": 400, "detail": why }),
        |why| json!({ "timestamp": 1, "error": why, "code": "E7", "details": { "field": why } }),
        |why| json!(why),
    ];
    for shape in shapes {
        let server = Server::with(move |asked, body| {
            let (status, why) = match asked {
                "POST /configure" => refusal(body)?,
                "POST /recordings_in_time_range" if body["start_time"].is_i64() => return None,
                "POST /recordings_in_time_range" => (422, "start_time and end_time are required".to_owned()),
                "GET /ack" | "GET /channels" | "GET /live_metadata" => return None,
                _ if asked.starts_with("GET /metadata/1-") => return None,
                _ => (404, "Not Found".to_owned()),
            };
            Some((status, shape(&why)))
        })
        .await;
        let bench = at(&server).await;
        for spec in family() {
            let outcome = outcome(&bench, spec.id).await;
            let is_fine = matches!(outcome.status, Status::Passed | Status::Skipped);
            // Errors of the two kinds that the twist leaves alone have another form.
            let differs = spec.id == "focus-api.err.format" && outcome.status == Status::Warned;
            assert!(is_fine || differs, "{} {}: {outcome:#?}", shape("x"), spec.id);
        }
    }
}

#[tokio::test]
async fn in_any_order_and_all_at_once_everything_passes() {
    for round in 0..3 {
        let server = Server::healthy().await;
        let bench = at(&server).await;
        let mut specs = family();
        specs.sort_by_key(|spec| spec.id);
        match round {
            0 => specs.reverse(),
            1 => specs.rotate_left(7),
            _ => {}
        }
        let outcomes = join_all(specs.iter().map(|spec| outcome(&bench, spec.id))).await;
        for (spec, outcome) in specs.iter().zip(outcomes) {
            assert!(
                matches!(outcome.status, Status::Passed | Status::Skipped),
                "round {round}, {}: {outcome:#?}",
                spec.id
            );
        }
    }
}

/// A server whose `/configure` answers everything with this.
async fn configure_answers(status: u16, body: Value) -> Server {
    Server::with(move |asked, _| (asked == "POST /configure").then(|| (status, body.clone()))).await
}

#[tokio::test]
async fn a_503_is_put_down_to_what_the_server_says() {
    for (says, waits_for) in [
        ("Missing required fiber metadata fields: prr", "its fiber"),
        ("metadata_unavailable", "the metadata of its fiber"),
        ("ServerSelectionTimeoutError", "MongoDB"),
        ("AMQP broker is down", "RabbitMQ"),
        ("Too many concurrent jobs", "room for another job"),
    ] {
        let server = configure_answers(503, json!({ "detail": says })).await;
        let bench = at(&server).await;
        let refused = bench.run("focus-api.config.height").await;
        assert_eq!(refused.status, Status::Skipped, "{says}");
        assert!(matches!(refused.skip, Some(SkipReason::NotApplicable)));
        assert!(refused.cases[0].outcome.summary.contains(waits_for), "{:#?}", refused.cases[0]);
        let valid = bench.run("focus-api.config.valid").await;
        assert_eq!(valid.status, Status::Failed);
        assert_ne!(valid.findings[0].cause, Cause::Product, "{says}");
        assert!(valid.findings[0].details.iter().any(|line| line.contains(waits_for)), "{valid:#?}");
    }
}

#[tokio::test]
async fn a_503_without_a_word_is_judged_once() {
    let server = configure_answers(503, Value::Null).await;
    let bench = at(&server).await;
    assert_eq!(bench.codes("focus-api.prelaunch.live-data").await, ["reason-missing"]);
    assert_eq!(
        bench.codes("focus-api.prelaunch.future").await,
        ["server-error"],
        "nobody else answers for it"
    );

    let judged = Finding::new("reason-missing", Cause::Product, "POST /configure", "m");
    bench.knows("focus-api.prelaunch.live-data", judged);
    assert_eq!(bench.run("focus-api.prelaunch.future").await.status, Status::Skipped);
    let index = Finding::new("index-missing", Cause::Environment, "recordings", "m");
    bench.knows("mongo.indexes.required", index);
    let valid = bench.run("focus-api.config.valid").await;
    let details = valid.findings[0].details.join("\n");
    assert!(details.contains("may wait for MongoDB") && details.contains("suspect, not proven"), "{details}");
}

#[tokio::test]
async fn a_limited_rate_is_no_answer_to_anything_else() {
    let server = configure_answers(429, json!({ "detail": "Too Many Requests" })).await;
    let bench = at(&server).await;
    assert_eq!(bench.run("focus-api.config.height").await.status, Status::Errored);
    assert_eq!(bench.run("focus-api.prelaunch.clarity").await.status, Status::Errored);
    let strict = json!({ "interval": "1ms", "requests": 3, "require_limit": true });
    let limited = Outcome::from(bench.answer("focus-api.sec.rate", strict.clone()).await);
    assert_eq!(
        (limited.status, limited.summary.as_str()),
        (Status::Passed, "3 requests examined: 3 limited, 0 failed")
    );
    let unlimited = at(&Server::healthy().await).await.answer("focus-api.sec.rate", strict).await;
    assert_eq!(Outcome::from(unlimited).findings[0].code, "rate-unlimited");
}

#[tokio::test]
async fn where_sources_conflict_a_parameter_decides() {
    let accepts = Server::with(|asked, body| {
        (asked == "POST /configure" && body["nfftSelection"] == 1000).then(|| (200, job(body, 1)))
    })
    .await;
    let nfft = "focus-api.prelaunch.nfft";
    let odd_sizes = |word: &str| json!({ "odd_sizes": word });
    let bench = at(&accepts).await;
    assert_eq!(bench.run(nfft).await.status, Status::Warned, "accepted without a warning");
    let refused = Outcome::from(bench.answer(nfft, odd_sizes("refused")).await);
    assert_eq!(refused.status, Status::Failed);
    let server = Server::healthy().await;
    let bench = at(&server).await;
    for (word, status) in [("refused", Status::Passed), ("accepted", Status::Failed)] {
        assert_eq!(Outcome::from(bench.answer(nfft, odd_sizes(word)).await).status, status, "{word}");
    }
    let view = "focus-api.view.valid";
    for (word, status) in [("refused", Status::Passed), ("accepted", Status::Failed)] {
        let params = json!({ "digits": word });
        let outcome = Outcome::from(bench.answer(view, params).await);
        assert_eq!(outcome.status, status, "{word}: {outcome:#?}");
    }
    let missing = Outcome::from(bench.answer("focus-api.config.missing", json!({ "strict": true })).await);
    assert_eq!(missing.status, Status::Failed);
}

#[tokio::test]
async fn the_limit_of_clients_is_asked_for_only_where_the_fiber_allows_more() {
    let fast = || {
        let mut fast = metadata();
        fast["prr"] = json!(4000.0);
        fast
    };
    let server = Server::with(move |asked, body| match asked {
        "GET /live_metadata" => Some((200, fast())),
        "POST /configure" if body["frequencyRange"]["max"] == 1001 => Some((200, job(body, 1))),
        _ => None,
    })
    .await;
    let bench = at(&server).await;
    let id = "focus-api.config.frequency";
    assert_eq!(bench.run(id).await.status, Status::Passed);
    assert_eq!(Outcome::from(bench.answer(id, json!({ "strict": true })).await).status, Status::Failed);
    let slow = at(&Server::healthy().await).await.run(id).await;
    assert_eq!(slow.cases[2].outcome.status, Status::Skipped, "{slow:#?}");
}

#[tokio::test]
async fn questions_of_security_that_do_not_arise_are_skipped_with_the_reason() {
    let server = Server::healthy().await;
    let bench = at(&server).await;
    let auth = bench.run("focus-api.sec.auth").await;
    assert_eq!(auth.status, Status::Skipped);
    insta::assert_snapshot!(auth.summary, @"the target declares no authentication; where there is one, put its token into the table `auth`");
    let https = bench.run("focus-api.sec.https").await;
    assert_eq!(https.status, Status::Skipped);
    insta::assert_snapshot!(https.summary, @"the target is on this machine, and `plain_url` names no address at which plain HTTP must be refused");
}

#[tokio::test]
async fn hostile_requests_that_hit_are_found() {
    for (id, route, answer, code) in [
        ("focus-api.err.json", "POST /configure", (500, json!("oops")), "server-error"),
        ("focus-api.err.json", "POST /recordings_in_time_range", (200, json!([])), "json-accepted"),
        ("focus-api.err.malformed", "POST /configure", (200, json!({ "job_id": "1-1" })), "type-accepted"),
        ("focus-api.err.500", "POST /configure", (500, json!("oops")), "server-error"),
        ("focus-api.sec.injection", "POST /configure", (200, json!({ "job_id": "1-1" })), "payload-accepted"),
        ("focus-api.sec.sanitise", "POST /configure", (500, json!("oops")), "server-error"),
        ("focus-api.sec.malformed", "POST /configure", (500, json!("oops")), "server-error"),
        ("focus-api.rollback", "POST /configure", (422, json!({ "detail": "no" })), "broken-after-refusal"),
    ] {
        let server = Server::with(move |asked, _| (asked == route).then(|| answer.clone())).await;
        let codes = at(&server).await.codes(id).await;
        assert!(codes.iter().any(|found| found == code), "{id}: {codes:?}");
    }
}

#[tokio::test]
async fn a_job_that_a_refusal_names_is_on_the_ledger() {
    let refused = json!({ "detail": "Invalid height", "job_id": "1-9" });
    let server = configure_answers(422, refused).await;
    let bench = at(&server).await;
    let outcome = bench.run("focus-api.config.height").await;
    assert_eq!(outcome.status, Status::Passed, "another check judges it");
    assert!(outcome.all_findings().all(|finding| finding.code == "job-left-behind"), "{outcome:#?}");
    assert_eq!(bench.created().len(), 2);
}
