//! `focus-api.taskmeta.valid`

use crate::checks::{JOBS, TASKS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::metadata::LiveMetadata;
use shakedown_focus::planned;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// A task has metadata as soon as its analyzer runs.
    ///
    /// One live task is started. At once the answer is 200 with nothing in it, as nobody runs yet; within a few seconds it
    /// is 201 with metadata that makes sense, comes within half a second and says the same when it is asked for again. That
    /// the metadata of an unknown id is not found is the question of `focus-api.jobmeta.invalid`.
    ///
    /// # Why it matters
    /// Clients label their axes with it.
    ///
    /// # How to mend it
    /// Compare the fields that the finding names with live metadata.
    pub(super) struct TaskMetadata(TaskParams) {
        id: "focus-api.taskmeta.valid",
        title: "A task has metadata as soon as its analyzer runs",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14760", "PZ-13563", "PZ-14761", "PZ-14763", "PZ-14764", "PZ-14090"],
        tags: &["api", "planned"],
        requires: TASKS,
        group: JOBS,
        proofs: &[
            fault("focus-api.task-metadata-invalid", "task-metadata-invalid"),
            fault("focus-api.task-never-runs", "task-metadata-missing"),
        ],
    }
}

/// How long it may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TaskParams {
    /// A task must have metadata after this time.
    within: HumanDuration,
    /// Each answer must take less than this.
    max: HumanDuration,
}

impl Default for TaskParams {
    fn default() -> Self {
        Self { within: HumanDuration::secs(5), max: HumanDuration::millis(500) }
    }
}

impl Params for TaskParams {}

const PAUSE: Duration = Duration::from_millis(200);

#[async_trait]
impl Check for TaskMetadata {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let sensors = planned::sensors(cx, &client).await?;
        let request = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let id = planned::start(cx, &client, "metadata", &request).await?;
        let path = format!("/metadata/{id}");
        let first = client.get(cx, &path).await?;
        let running = self.wait(cx, &client, &path).await?;
        let again = client.get(cx, &path).await?;

        let mut cases = Cases::new();
        let mut case = |name: &str, keys: &[&str], exchange: &Exchange, finding: Option<Finding>| {
            let findings = finding.into_iter().collect();
            let answer = document::verdict(cx, exchange, "task-metadata", exchange.summary(), findings);
            cases.push(Case::new(name, keys, answer));
        };
        case("nothing before it runs", &["PZ-14761"], &first, before(&first));
        case("metadata while it runs", &["PZ-14760", "PZ-13563"], &running, self.missing(&running));
        if running.status == StatusCode::CREATED {
            case("which makes sense", &["PZ-14763"], &running, invalid(&running, &again));
            let slowest = if running.elapsed.total > again.elapsed.total { &running } else { &again };
            let quick = self.quick(cx, slowest);
            cases.push(Case::new("and comes quickly", &["PZ-14764", "PZ-14090"], quick));
        } else {
            for (name, keys) in
                [("which makes sense", &["PZ-14763"][..]), ("and comes quickly", &["PZ-14764", "PZ-14090"])]
            {
                cases.push(Case::new(name, keys, Err(CheckError::not_applicable("there is no metadata"))));
            }
        }
        cases.verdict()
    }
}

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "GET /metadata/{task_id}", message)
        .remedy("compare it with live metadata", "a day")
}

impl TaskMetadata {
    async fn wait(&self, cx: &Context, client: &FocusClient, path: &str) -> Result<Exchange, CheckError> {
        let started = Instant::now();
        loop {
            let exchange = client.get(cx, path).await?;
            if exchange.status != StatusCode::OK || started.elapsed() >= self.params.within.0 {
                return Ok(exchange);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn missing(&self, exchange: &Exchange) -> Option<Finding> {
        let within = self.params.within;
        let message = format!("a task has no metadata after {within}: {}", exchange.status);
        let missing = finding("task-metadata-missing", message).expected("201", exchange.status);
        (exchange.status != StatusCode::CREATED).then_some(missing)
    }

    fn quick(&self, cx: &Context, exchange: &Exchange) -> Result<Verdict, CheckError> {
        let limit = self.params.max;
        let measured = Measurement::new("slowest answer", exchange.elapsed.millis(), Unit::Milliseconds)
            .held_to(Threshold::Below(limit.0.as_secs_f64() * 1000.0));
        let slow = (!measured.within()).then(|| {
            let message = format!("the metadata of a task is slow: {measured}");
            Finding::new("task-metadata-slow", Cause::Capacity, "GET /metadata/{task_id}", message)
                .expected(format!("below {limit}"), format!("{:.0} ms", measured.value))
                .remedy("look for a call to the analyzer in its way", "hours")
        });
        let findings = slow.into_iter().collect();
        let verdict = document::verdict(cx, exchange, "task-metadata", exchange.summary(), findings)?;
        Ok(verdict.measured(measured))
    }
}

/// Before the analyzer runs there is nothing. An analyzer that starts at once may already run.
fn before(exchange: &Exchange) -> Option<Finding> {
    match exchange.status {
        StatusCode::OK if planned::is_empty(exchange) => None,
        StatusCode::OK => {
            let message =
                "an answer of 200 has metadata in it; it must be empty until the analyzer runs".to_owned();
            Some(finding("metadata-too-early", message))
        }
        StatusCode::CREATED => {
            Some(finding("analyzer-at-once", "the analyzer runs at once".to_owned()).note())
        }
        status => {
            let message = format!("the metadata of a task that was just received is answered with {status}");
            Some(finding("unexpected-status", message).expected("200, empty", status))
        }
    }
}

/// What is wrong with metadata, by itself or compared with the next.
fn invalid(first: &Exchange, again: &Exchange) -> Option<Finding> {
    let (then, now): (Value, Value) = (first.json().unwrap_or_default(), again.json().unwrap_or_default());
    let problems = match LiveMetadata::read(&then) {
        Ok(metadata) => metadata.problems(),
        Err(problem) => vec![problem],
    };
    let (problem, others) = match problems.split_first() {
        Some((first, rest)) => (first.clone(), rest.to_vec()),
        None if then != now => ("it changes from one answer to the next".to_owned(), Vec::new()),
        None => return None,
    };
    let finding =
        finding("task-metadata-invalid", format!("the metadata of a task makes no sense: {problem}"));
    Some(others.into_iter().fold(finding, Finding::detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn each_state_has_its_answer() {
        let code = |finding: Option<Finding>| finding.map(|finding| finding.code);
        assert_eq!(code(before(&exchange(200, "{}"))), None);
        assert_eq!(code(before(&exchange(200, r#"{"prr":1}"#))).as_deref(), Some("metadata-too-early"));
        assert_eq!(code(before(&exchange(201, "{}"))).as_deref(), Some("analyzer-at-once"));
        assert_eq!(code(before(&exchange(404, ""))).as_deref(), Some("unexpected-status"));
    }

    #[test]
    fn metadata_makes_sense_and_stays() {
        let good =
            r#"{"prr":2000.0,"dx":1.0,"number_of_channels":9,"sw_version":"1","fiber_description":"n"}"#;
        let of = |then: &str, now: &str| invalid(&exchange(201, then), &exchange(201, now)).is_some();
        assert!(!of(good, good));
        assert!(of(good, &good.replace("2000.0", "1000.0")));
        let bad = good.replace("\"dx\":1.0", "\"dx\":0");
        assert!(of(&bad, &bad));
    }
}
