//! `focus-api.waterfall.valid`

use crate::checks::{JOBS, ROWS};
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
use shakedown_focus::planned::{self, Row};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// A live task delivers rows, soon and in order.
    ///
    /// One live task is started. At once its waterfall is 200 and empty; within ten seconds it is 201 with blocks of rows.
    /// Each row has times and sensors that make sense, amplitudes do not contradict each other, and rows follow each other
    /// without overlap. A hundred rows come within two seconds. A task that never was is not found, and a number of rows
    /// that is none is refused.
    ///
    /// # Why it matters
    /// These rows are the picture.
    ///
    /// # How to mend it
    /// The evidence has the answer that the finding is about. Rows that overlap or go backwards hint at two readers of one
    /// queue.
    pub(super) struct Waterfall(WaterfallParams) {
        id: "focus-api.waterfall.valid",
        title: "A live task delivers rows, soon and in order",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-14755", "PZ-14756", "PZ-14757", "PZ-14758", "PZ-14791", "PZ-14799", "PZ-14090", "PZ-14808",
        ],
        tags: &["api", "planned"],
        requires: ROWS,
        group: JOBS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[
            fault("focus-api.waterfall-malformed", "rows-invalid"),
            fault("focus-api.waterfall-unordered", "rows-unordered"),
            fault("focus-api.task-never-runs", "rows-missing"),
        ],
    }
}

/// How long it may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WaterfallParams {
    /// The first rows must be there after this time.
    first_rows: HumanDuration,
    /// A hundred rows must come within this time.
    hundred_rows: HumanDuration,
}

impl Default for WaterfallParams {
    fn default() -> Self {
        Self { first_rows: HumanDuration::secs(10), hundred_rows: HumanDuration::secs(2) }
    }
}

impl Params for WaterfallParams {}

const PAUSE: Duration = Duration::from_millis(200);
/// How often rows are read after the first ones.
const READS: usize = 3;

#[async_trait]
impl Check for Waterfall {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let sensors = planned::sensors(cx, &client).await?;
        let request = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let started = Instant::now();
        let id = planned::start(cx, &client, "waterfall", &request).await?;
        let at = |id: &str, rows: &str| format!("/waterfall/{id}/{rows}");

        let at_once = client.get(cx, &at(&id, "10")).await?;
        let mut cases = Cases::new();
        let mut case = |name: &str, keys: &[&str], exchange: &Exchange, findings: Vec<Finding>| {
            let answer = document::verdict(cx, exchange, "waterfall", exchange.summary(), findings);
            cases.push(Case::new(name, keys, answer));
        };
        case("nothing at once", &["PZ-14756"], &at_once, before(&at_once).into_iter().collect());
        for count in ["0", "-1"] {
            let exchange = client.get(cx, &at(&id, count)).await?;
            let name = format!("{count} rows are refused");
            case(&name, &["PZ-14758"], &exchange, refusal(&exchange, count).into_iter().collect());
        }
        let unknown = client.get(cx, &at(&cx.scratch_name("no-such-task"), "10")).await?;
        case(
            "unknown tasks are not found",
            &["PZ-14757"],
            &unknown,
            stranger(&unknown).into_iter().collect(),
        );

        let first = self.first(cx, &client, &at(&id, "100")).await?;
        let after = started.elapsed();
        if first.status != StatusCode::CREATED {
            let missing = self.missing(&first);
            case("rows soon", &["PZ-14799", "PZ-14090"], &first, vec![missing]);
            for (name, keys) in REST {
                cases.push(Case::new(name, keys, Err(CheckError::not_applicable("there are no rows"))));
            }
            return cases.verdict();
        }
        let mut answers = vec![first];
        while answers.len() <= READS {
            tokio::time::sleep(PAUSE).await;
            let exchange = client.get(cx, &at(&id, "100")).await?;
            if exchange.status.is_success() {
                answers.push(exchange);
            } else {
                let message = format!("the rows of a task that runs are answered with {}", exchange.status);
                case("rows go on", &["PZ-14808"], &exchange, vec![finding("unexpected-status", message)]);
                break;
            }
        }
        let soon = document::verdict(cx, &answers[0], "waterfall", answers[0].summary(), Vec::new());
        let measured = Measurement::new("first rows after", after.as_secs_f64() * 1000.0, Unit::Milliseconds);
        let soon = soon.map(|verdict| verdict.measured(measured));
        let [valid, consistent, amplitudes] = contents(cx, &answers);
        cases.push(Case::new("rows soon", &["PZ-14799", "PZ-14090"], soon));
        cases.push(Case::new(REST[0].0, REST[0].1, valid));
        cases.push(Case::new(REST[1].0, REST[1].1, consistent));
        cases.push(Case::new(REST[2].0, REST[2].1, amplitudes));
        cases.push(Case::new(REST[3].0, REST[3].1, self.quick(cx, &answers)));
        cases.verdict()
    }
}

/// What is asked of rows that are there.
const REST: [(&str, &[&str]); 4] = [
    ("rows make sense", &["PZ-14755"]),
    ("rows follow each other", &["PZ-14808"]),
    ("intensities are numbers of either sign", &[]),
    ("a hundred rows come quickly", &["PZ-14791"]),
];

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "GET /waterfall/{task_id}/{row_count}", message)
        .remedy("look at the reader of the analyzer's queue", "days")
}

/// Three answers about the contents of all answers: each by itself, one after the other, and their values.
fn contents(cx: &Context, answers: &[Exchange]) -> [Result<Verdict, CheckError>; 3] {
    let mut rows: Vec<Row> = Vec::new();
    let mut problems = Vec::new();
    let mut least = f64::INFINITY;
    for exchange in answers.iter().filter(|exchange| exchange.status == StatusCode::CREATED) {
        let body: Value = exchange.json().unwrap_or_default();
        let (found, wrong) = planned::rows(&body);
        rows.extend(found);
        problems.extend(wrong);
        least = intensities(&body).fold(least, f64::min);
    }
    problems.sort();
    problems.dedup();
    let shown = &answers[0];
    let seen = format!("{} rows in {} answers", rows.len(), answers.len());
    let verdict = |findings| document::verdict(cx, shown, "waterfall", seen.clone(), findings);
    if rows.is_empty() && problems.is_empty() {
        let message = "an answer of 201 has no rows in it".to_owned();
        let nothing = || Err(CheckError::not_applicable("there are no rows"));
        return [verdict(vec![finding("rows-invalid", message)]), nothing(), nothing()];
    }
    let invalid = problems.into_iter().map(|problem| finding("rows-invalid", problem)).collect();
    let ragged = rows.windows(2).find(|pair| pair[0].sensors != pair[1].sensors);
    let ragged = ragged.map(|pair| format!("rows have {} and {} sensors", pair[0].sensors, pair[1].sensors));
    let order = planned::disorder(&rows).into_iter().chain(ragged);
    let order = order.map(|problem| finding("rows-unordered", problem)).collect();
    let amplitudes = if least.is_finite() {
        let measured = Measurement::new("least intensity", least, Unit::Count);
        verdict(Vec::new()).map(|verdict| verdict.measured(measured))
    } else {
        Err(CheckError::not_applicable("there are no intensities"))
    };
    [verdict(invalid), verdict(order), amplitudes]
}

fn intensities(body: &Value) -> impl Iterator<Item = f64> {
    let list = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
    let blocks = body.as_array().cloned().unwrap_or_default();
    let rows = blocks.into_iter().flat_map(move |block| list(&block, "rows"));
    let sensors = rows.flat_map(move |row| list(&row, "sensors"));
    sensors.flat_map(move |sensor| list(&sensor, "intensity")).filter_map(|value| value.as_f64())
}

impl Waterfall {
    async fn first(&self, cx: &Context, client: &FocusClient, path: &str) -> Result<Exchange, CheckError> {
        let started = Instant::now();
        loop {
            let exchange = client.get(cx, path).await?;
            if exchange.status != StatusCode::OK || started.elapsed() >= self.params.first_rows.0 {
                return Ok(exchange);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn missing(&self, exchange: &Exchange) -> Finding {
        let message =
            format!("a live task has no rows after {}: {}", self.params.first_rows, exchange.status);
        finding("rows-missing", message).expected("201 with rows", exchange.status)
    }

    fn quick(&self, cx: &Context, answers: &[Exchange]) -> Result<Verdict, CheckError> {
        let limit = self.params.hundred_rows;
        let slowest = answers.iter().max_by_key(|exchange| exchange.elapsed.total);
        let slowest = slowest.ok_or_else(|| CheckError::no_data("no answer to time"))?;
        let measured = Measurement::new("slowest answer", slowest.elapsed.millis(), Unit::Milliseconds)
            .held_to(Threshold::AtMost(limit.0.as_secs_f64() * 1000.0));
        let slow = (!measured.within()).then(|| {
            let message = format!("a hundred rows are slow: {measured}");
            Finding::new("rows-slow", Cause::Capacity, "GET /waterfall/{task_id}/{row_count}", message)
                .expected(format!("at most {limit}"), format!("{:.0} ms", measured.value))
                .remedy("ask for fewer sensors, or look at the analyzer's queue", "days")
        });
        let findings = slow.into_iter().collect();
        Ok(document::verdict(cx, slowest, "waterfall", slowest.summary(), findings)?.measured(measured))
    }
}

/// Before the analyzer runs there is nothing. An analyzer that starts at once may already run.
fn before(exchange: &Exchange) -> Option<Finding> {
    match exchange.status {
        StatusCode::OK if planned::is_empty(exchange) => None,
        StatusCode::OK => {
            let message = "an answer of 200 has rows in it; those come with 201".to_owned();
            Some(finding("rows-too-early", message))
        }
        StatusCode::CREATED => Some(finding("rows-at-once", "there are rows at once".to_owned()).note()),
        status => {
            let message = format!("the waterfall of a task that was just received is answered with {status}");
            Some(finding("unexpected-status", message).expected("200, empty", status))
        }
    }
}

fn refusal(exchange: &Exchange, count: &str) -> Option<Finding> {
    let refused = matches!(exchange.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
    let message = format!("{count} rows are answered with {}", exchange.status);
    (!refused).then(|| finding("row-count-accepted", message).expected("400", exchange.status))
}

fn stranger(exchange: &Exchange) -> Option<Finding> {
    let message = format!("the waterfall of an unknown task is answered with {}", exchange.status);
    let known = exchange.status != StatusCode::NOT_FOUND;
    known.then(|| finding("unknown-task-known", message).expected("404", exchange.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn each_state_has_its_answer() {
        let code = |finding: Option<Finding>| finding.map(|finding| finding.code);
        assert_eq!(code(before(&exchange(200, "[]"))), None);
        assert_eq!(code(before(&exchange(200, "[1]"))).as_deref(), Some("rows-too-early"));
        assert_eq!(code(before(&exchange(201, "[1]"))).as_deref(), Some("rows-at-once"));
        assert_eq!(code(before(&exchange(500, ""))).as_deref(), Some("unexpected-status"));
        assert!(refusal(&exchange(400, ""), "0").is_none() && refusal(&exchange(200, ""), "0").is_some());
        assert!(stranger(&exchange(404, "")).is_none() && stranger(&exchange(200, "")).is_some());
    }
}
