//! Uploads to strict doubles of both products, which refuse what those refuse.

mod double;
mod plan;

use bytes::Bytes;
use double::{Double, Mood};
use insta::assert_snapshot;
use serde_json::json;
use shakedown_config::{Credentials, Product, Xray};
use shakedown_core::event::{CheckInfo, Event, EventKind, RunInfo};
use shakedown_core::run::Run;
use shakedown_core::{Cause, Clock, Effect, Finding, Gate, Observation, Outcome, Secret, Severity, Verdict};
use shakedown_xray::{Import, Pace, Prepared, Uploaded, XrayError, upload};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

fn xray(product: Product, url: String) -> Xray {
    let credentials = match product {
        Product::Cloud => {
            Credentials::Client { id: Secret::new("the-id"), secret: Secret::new("the-secret") }
        }
        Product::DataCenter => Credentials::Token(Secret::new("the-token")),
    };
    Xray {
        product,
        url,
        credentials,
        plan: Some("PZ-14024".into()),
        execution: None,
        environments: vec!["staging".into(), "night".into()],
        revision: Some("4f2a".into()),
        fix_version: Some("2.1".into()),
        fields: BTreeMap::new(),
        plan_field: None,
        environments_field: None,
        revision_field: None,
        ca_file: None,
        timeout: Duration::from_secs(5),
    }
}

/// A run with a test that passed, one that failed and one of which nothing is known.
fn run() -> Run {
    let info = RunInfo {
        id: "staging-20251121T090000Z-4f2a".into(),
        version: "0.1.0".into(),
        started: "2025-11-21T09:00:00Z".parse().unwrap(),
        project: "focus-server".into(),
        jira: Some("PZ".into()),
        jira_url: None,
        environment: "staging".into(),
        role: None,
        sandbox: false,
        faults: vec![],
        selection: "all()".into(),
    };
    let fine = || Verdict::of(Observation::seen("fine"));
    let wrong = Finding::new("wrong", Cause::Product, "nfft = 0", "was accepted ]]> & <so> on");
    let checks: [(&str, Outcome); 3] = [
        ("PZ-1", fine().into()),
        ("PZ-2", fine().with(wrong).into()),
        ("PZ-3", shakedown_core::CheckError::not_applicable("not deployed").into()),
    ];
    let mut kinds = vec![EventKind::RunStarted { run: info }];
    for (index, (key, outcome)) in checks.into_iter().enumerate() {
        let id = format!("focus-api.check-{index}");
        let check = CheckInfo {
            id: id.clone(),
            title: format!("Question {index}"),
            keys: vec![key.into()],
            tags: vec![],
            target: None,
            effect: Effect::Read,
            severity: Severity::High,
            gate: Gate::Required,
            file: "x.rs".into(),
            required_by: None,
            proofs: vec![],
        };
        kinds.push(EventKind::Planned { check });
        kinds.push(EventKind::CheckFinished { check: id, outcome, attempts: 1, duration_ms: 5.0 });
    }
    let at = "2025-11-21T09:00:01Z".parse().unwrap();
    let mut events = kinds.into_iter().enumerate().map(|(seq, kind)| Event { seq: seq as u64, at, kind });
    let mut run = Run::begin(&events.next().unwrap()).unwrap();
    events.for_each(|event| run.apply(&event));
    run
}

fn prepared(xray: &Xray) -> Result<Prepared, String> {
    let run = run();
    let mut results = Vec::new();
    shakedown_report::xray::write(&run, Path::new("/nowhere"), &mut results).unwrap();
    Prepared::new(xray, &Import::new(xray, &run, "PZ"), &Bytes::from(results))
}

/// Waits for nobody: what a server asks for is only counted.
const PACE: Pace = Pace { attempts: 3, pause: Duration::from_millis(1), longest: Duration::from_mins(1) };

async fn send(xray: &Xray) -> Result<Uploaded, XrayError> {
    upload(xray, &prepared(xray).unwrap(), PACE, &Clock::system()).await
}

#[tokio::test]
async fn both_products_take_the_standard_form() {
    for product in [Product::Cloud, Product::DataCenter] {
        let double = Double::start(product, vec![]).await;
        let uploaded = send(&xray(product, double.url())).await.unwrap();
        assert_eq!(uploaded.key, "PZ-900");
        let import = double.imports().remove(0);
        assert_eq!(import.statuses, ["PZ-1 PASS", "PZ-2 FAIL", "PZ-3 TODO"]);
        assert_eq!(
            import.query,
            [
                ("fixVersion", "2.1"),
                ("projectKey", "PZ"),
                ("revision", "4f2a"),
                ("testEnvironments", "staging;night"),
                ("testPlanKey", "PZ-14024"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}

#[tokio::test]
async fn fields_of_a_new_execution_take_the_multipart_form() {
    for product in [Product::Cloud, Product::DataCenter] {
        let double = Double::start(product, vec![]).await;
        let mut xray = xray(product, double.url());
        xray.fields.insert("labels".into(), json!(["shakedown"]));
        // Neither product's `info` has a word for the revision: it is not dropped in silence.
        assert!(prepared(&xray).unwrap_err().contains("revision_field"));
        xray.revision_field = Some("customfield_10202".into());
        if product == Product::DataCenter {
            assert!(prepared(&xray).unwrap_err().contains("plan_field"));
            xray.plan_field = Some("customfield_10200".into());
            xray.environments_field = Some("customfield_10201".into());
        }
        send(&xray).await.unwrap();
        let info = double.imports().remove(0).info.unwrap();
        assert_eq!(info["fields"]["labels"], json!(["shakedown"]));
        assert_eq!(info["fields"]["project"]["key"], "PZ");
        assert_eq!(info["fields"]["fixVersions"], json!([{ "name": "2.1" }]));
        assert_eq!(info["fields"]["customfield_10202"], "4f2a");
        let environments = match product {
            Product::Cloud => &info["xrayFields"]["environments"],
            Product::DataCenter => &info["fields"]["customfield_10201"],
        };
        assert_eq!(environments, &json!(["staging", "night"]));
        let plan = match product {
            Product::Cloud => &info["xrayFields"]["testPlanKey"],
            Product::DataCenter => &info["fields"]["customfield_10200"][0],
        };
        assert_eq!(plan, "PZ-14024");
    }
}

#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let double = Double::start(Product::Cloud, vec![Mood::Busy("0"), Mood::Busy("0")]).await;
    assert!(send(&xray(Product::Cloud, double.url())).await.is_ok());
    assert_eq!(double.asked(), 3);
    let double = Double::start(Product::Cloud, vec![Mood::Busy("86400")]).await;
    assert_snapshot!(told(&double).await, @r##"<xray> is busy: slow down; it asks to wait 24h 00m, and nobody waits longer than 1m 00s"##);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_only_where_nothing_can_come_to_be_twice() {
    for mood in [Mood::GatewayTimeout, Mood::HangsUp, Mood::Broken] {
        let double = Double::start(Product::Cloud, vec![mood]).await;
        let error = send(&xray(Product::Cloud, double.url())).await.unwrap_err();
        assert!(matches!(error, XrayError::Unknown(_)), "{error}");
        assert_eq!(double.asked(), 1, "a second execution would have come to be");

        let double = Double::start(Product::Cloud, vec![mood]).await;
        let fixed = Xray { execution: Some("PZ-77".into()), ..xray(Product::Cloud, double.url()) };
        assert_eq!(send(&fixed).await.unwrap().key, "PZ-77");
        assert_eq!(double.asked(), 2);
    }
}

#[tokio::test]
async fn an_answer_without_a_key_is_a_failure() {
    for mood in [Mood::NoKey, Mood::Undefined, Mood::NotJson] {
        let double = Double::start(Product::Cloud, vec![mood]).await;
        let error = send(&xray(Product::Cloud, double.url())).await.unwrap_err();
        assert!(matches!(error, XrayError::NoKey { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_never_with_the_secret() {
    let double = Double::start(Product::Cloud, vec![]).await;
    let wrong = Credentials::Client { id: Secret::new("the-id"), secret: Secret::new("c4nary") };
    let error = send(&Xray { credentials: wrong, ..xray(Product::Cloud, double.url()) }).await.unwrap_err();
    assert!(matches!(error, XrayError::Refused { .. }) && !error.to_string().contains("c4nary"), "{error}");
    let double = Double::start(Product::Cloud, vec![Mood::UnknownTest]).await;
    assert_snapshot!(told(&double).await, @r##"the import is refused with 400 Bad Request: {"error":"the test `PZ-1` does not exist"}"##);
    let double = Double::start(Product::Cloud, vec![Mood::Elsewhere]).await;
    assert_snapshot!(told(&double).await, @"the import is refused with 302 Found: it points elsewhere to https://jira.example.com/login; correct `url` of `xray`");
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_costs_its_time_and_no_more() {
    let gone = Double::start(Product::Cloud, vec![]).await.url_after_its_end().await;
    let error = send(&xray(Product::Cloud, gone)).await.unwrap_err();
    assert!(matches!(error, XrayError::Away(_)), "{error}");
    let double = Double::start(Product::Cloud, vec![Mood::Silent]).await;
    let patient = Xray { timeout: Duration::from_millis(300), ..xray(Product::Cloud, double.url()) };
    assert!(matches!(send(&patient).await.unwrap_err(), XrayError::Unknown(_)));
}

#[test]
fn what_no_product_takes_is_said_before_anything_is_sent() {
    let with = |change: fn(&mut Xray)| {
        let mut xray = xray(Product::Cloud, "https://xray.example.com/api/v2".into());
        change(&mut xray);
        prepared(&xray).unwrap_err()
    };
    assert_snapshot!(with(|xray| xray.plan = Some("14024".into())), @"`plan` is `14024`, which is no key of a Jira issue, as `PZ-14024` is one");
    assert_snapshot!(with(|xray| xray.execution = Some("undefined".into())), @"`execution` is `undefined`, which is no key of a Jira issue, as `PZ-14024` is one");
    assert_snapshot!(with(|xray| xray.environments.push("a;b".into())), @"the test environment `a;b` has a `;`, which separates them: name each by itself");
}

#[test]
fn what_would_be_sent_can_be_shown() {
    let shown =
        prepared(&xray(Product::Cloud, "https://xray.example.com/api/v2".into())).unwrap().to_string();
    assert_snapshot!(shown, @r##"
    POST https://xray.example.com/api/v2/import/execution/junit
      projectKey = PZ
      testPlanKey = PZ-14024
      testEnvironments = staging;night
      revision = 4f2a
      fixVersion = 2.1
      the body: xray.xml (1364 bytes of text/xml)
    "##);
    assert!(!shown.contains("the-secret"));
}

/// The error of an upload, with the address replaced, which differs from test to test.
async fn told(double: &Double) -> String {
    let error = send(&xray(Product::Cloud, double.url())).await.unwrap_err();
    error.to_string().replace(&double.url(), "<xray>")
}
