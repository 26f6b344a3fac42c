//! `focus-api.response.contract`

use crate::description::{Description, contradictions};
use serde_json::{Value, json};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Gate, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::metadata::LiveMetadata;
use shakedown_focus::recordings;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// The server's description of itself, `/openapi.json`, is true.
    ///
    /// It lists the six operations of the deployed interface; further ones are only noted. A valid request is one that it
    /// allows, and a request without a required field, or with text for a number, is one that it does not. What the
    /// reading operations answer is what it promises. The answer to `/configure` is looked at by
    /// `focus-api.response.invariants`.
    ///
    /// # Why it matters
    /// Clients are generated from it, and people read it.
    ///
    /// # How to mend it
    /// Derive the description from the code that answers; where it is written by hand, correct the place that the finding
    /// names.
    pub(super) struct DescriptionHolds(NoParams) {
        id: "focus-api.response.contract",
        title: "The server's description of itself is true",
        severity: Severity::Low,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13270"],
        tags: &["api", "contract"],
        requires: &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready"],
        gate: Gate::Informational,
        proofs: &[
            fault("focus-api.description-incomplete", "operation-missing"),
            fault("focus-api.description-loose", "request-loose"),
            fault("focus-api.description-wrong", "answer-contradicts"),
        ],
    }
}

/// What the deployed interface consists of.
const OPERATIONS: [(&str, &str); 6] = [
    ("post", "/configure"),
    ("get", "/ack"),
    ("get", "/channels"),
    ("get", "/live_metadata"),
    ("get", "/metadata/{}"),
    ("post", "/recordings_in_time_range"),
];
const HOUR: i64 = 3600;

#[async_trait]
impl Check for DescriptionHolds {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let (exchange, description) = Description::fetch(cx, &client).await?;
        let description = match description {
            Ok(description) => description,
            Err(why) if exchange.status == StatusCode::NOT_FOUND => {
                return Err(CheckError::not_applicable(why));
            }
            Err(why) => {
                let findings = vec![finding("description-invalid", why)];
                return document::verdict(cx, &exchange, "openapi", exchange.summary(), findings);
            }
        };
        let mut cases = Cases::new();
        let verdict = |seen: String, findings| document::verdict(cx, &exchange, "openapi", seen, findings);
        let operations = description.operations();
        let seen = format!("{} operations", operations.len());
        cases.push(Case::new("operations", &["PZ-13270"], verdict(seen, listed(&description))));
        let request = requests(&description, &ConfigureRequest::live(&fiber));
        let seen = "requests to /configure".to_owned();
        cases.push(Case::new(
            "requests",
            &["PZ-13270"],
            request.and_then(|findings| verdict(seen, findings)),
        ));
        for (method, path, answer) in answers(cx, &client).await? {
            let name = format!("the answer of {path}");
            cases.push(Case::new(name, &["PZ-13270"], promised(cx, &description, method, path, &answer)));
        }
        cases.verdict()
    }
}

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "GET /openapi.json", message)
        .remedy("derive the description from the code that answers", "a day")
}

/// What is missing from the list, what is more, and whether it is a valid description at all.
fn listed(description: &Description) -> Vec<Finding> {
    let listed = description.operations();
    let is_deployed = |operation: &(String, String)| {
        OPERATIONS.iter().any(|(method, path)| operation.0 == *method && operation.1 == *path)
    };
    let missing =
        OPERATIONS.iter().filter(|(method, path)| !description.has(method, path)).map(|(method, path)| {
            let name = format!("{} {path}", method.to_uppercase());
            finding("operation-missing", format!("the description does not list {name}"))
                .expected(name, "nothing")
        });
    let more = listed.iter().filter(|operation| !is_deployed(operation)).map(|(method, path)| {
        finding("operation-added", format!("the description also lists {} {path}", method.to_uppercase()))
            .note()
    });
    let flaw = description.flaw.iter().map(|flaw| finding("description-invalid", flaw.clone()));
    missing.chain(flaw).chain(more).collect()
}

/// Whether the description tells a valid request from invalid ones.
fn requests(description: &Description, valid: &ConfigureRequest) -> Result<Vec<Finding>, CheckError> {
    let open = || CheckError::not_applicable("the description leaves the request open");
    let schema = description.takes("post", "/configure").ok_or_else(open)?.map_err(CheckError::unclear)?;
    let valid: Value = serde_json::from_str(&valid.text()).map_err(CheckError::unclear)?;
    let refused = contradictions(&schema, &valid).into_iter().map(|text| {
        finding("request-refused", format!("the description does not allow a valid request: {text}"))
    });
    let loose = spoilt(&valid).into_iter().filter(|(_, request)| contradictions(&schema, request).is_empty());
    let loose = loose.map(|(what, _)| {
        finding("request-loose", format!("the description allows a request with {what}"))
            .expected("not allowed", "allowed")
    });
    Ok(refused.chain(loose).collect())
}

/// Requests that lack what is required, or have text where there must be a number.
fn spoilt(valid: &Value) -> Vec<(String, Value)> {
    let mut requests = Vec::new();
    for field in ["displayInfo", "channels", "view_type"] {
        let mut request = valid.clone();
        if let Some(fields) = request.as_object_mut() {
            fields.remove(field);
        }
        requests.push((format!("no `{field}`"), request));
    }
    for pointer in ["/displayInfo/height", "/channels/min", "/channels/max"] {
        let mut request = valid.clone();
        if let Some(place) = request.pointer_mut(pointer) {
            *place = json!("many");
            requests.push((format!("text at `{pointer}`"), request));
        }
    }
    requests
}

/// What the reading operations answer.
async fn answers(
    cx: &Context,
    client: &FocusClient,
) -> Result<Vec<(&'static str, &'static str, Exchange)>, CheckError> {
    let mut answers = Vec::new();
    for path in ["/ack", "/channels", "/live_metadata"] {
        answers.push(("get", path, client.get(cx, path).await?));
    }
    let now = cx.clock.epoch_seconds();
    answers.push(("post", recordings::PATH, recordings::ask(cx, client, now - HOUR, now).await?));
    Ok(answers)
}

/// Whether live metadata is wrong, whatever is promised.
fn has_faults(exchange: &Exchange) -> bool {
    let body: Value = exchange.json().unwrap_or_default();
    LiveMetadata::read(&body)
        .is_ok_and(|metadata| !metadata.problems().is_empty() || !metadata.missing_sample_fields().is_empty())
}

/// Whether an answer is what was promised.
fn promised(
    cx: &Context,
    description: &Description,
    method: &str,
    path: &str,
    exchange: &Exchange,
) -> Result<Verdict, CheckError> {
    if exchange.status != StatusCode::OK {
        return Err(CheckError::not_applicable(format!("only a 200 is looked at: {}", exchange.summary())));
    }
    let open = || CheckError::not_applicable("the description leaves the answer open");
    let schema = description.answers(method, path).ok_or_else(open)?.map_err(CheckError::unclear)?;
    if path == "/live_metadata" && has_faults(exchange) {
        return Err(CheckError::not_applicable("it has faults of its own, which focus-api.livemeta.* judge"));
    }
    let Ok(body) = exchange.json::<Value>() else {
        return Err(CheckError::not_applicable("the answer is no JSON"));
    };
    let contradictions = contradictions(&schema, &body).into_iter();
    let findings = contradictions.map(|text| {
        finding("answer-contradicts", format!("the answer of {path} is not what is described: {text}"))
    });
    document::verdict(cx, exchange, path.trim_start_matches('/'), exchange.summary(), findings.collect())
}
