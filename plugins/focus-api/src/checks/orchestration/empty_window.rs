//! `focus-api.orchestration.empty-window`

use crate::checks::JOBS;
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::measurement::Threshold;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params, Severity,
    Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::{Configured, FocusClient};
use shakedown_focus::job::file_name;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_focus::{document, outage};
use std::time::Duration;
use tokio::time::{Instant, sleep};

register_check! {
    /// Playing back a time of which nothing was recorded is refused at once.
    ///
    /// Five minutes of a year ago and the first hour of 2020 are asked for. First the server is asked what it recorded
    /// then; where that is anything, the row is skipped. Each must be refused with 404, 400 or 422 within `max`, saying that
    /// there is no data; or the job must end by itself within `end_within`. A 5xx is never right.
    ///
    /// # Why it matters
    /// An analyzer that is started for nothing holds a place until a timer ends it, while the user looks at an empty
    /// screen without being told why.
    ///
    /// # How to mend it
    /// Look for recordings before a job starts, and answer 404 with the range that was asked for.
    pub(super) struct EmptyWindow(WindowParams) {
        id: "focus-api.orchestration.empty-window",
        title: "Playing back an unrecorded time is refused at once",
        severity: Severity::Critical,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14019", "PZ-13552", "PZ-13873"],
        tags: &["api", "validation"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.prelaunch.historic-data",
        ],
        group: JOBS,
        proofs: &[fault("focus-api.accepts-empty-window", "empty-window-accepted")],
    }
}

/// How long it may take to find out.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WindowParams {
    /// How long a refusal may take.
    max: HumanDuration,
    /// How soon a job that is started nevertheless must have ended.
    end_within: HumanDuration,
}

impl Default for WindowParams {
    fn default() -> Self {
        Self { max: HumanDuration::secs(2), end_within: HumanDuration::secs(5) }
    }
}

impl Params for WindowParams {}

const YEAR: i64 = 365 * 24 * 3600;
/// 1 January 2020.
const LONG_AGO: i64 = 1_577_836_800;
const PAUSE: Duration = Duration::from_millis(500);

#[async_trait]
impl Check for EmptyWindow {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let live = ConfigureRequest::live(&fiber).channels(&fiber, 2);
        let year_ago = cx.clock.epoch_seconds() - YEAR;
        let mut cases = Cases::new();
        for (name, keys, start, end) in [
            ("five minutes, a year ago", &["PZ-14019", "PZ-13552"][..], year_ago, year_ago + 300),
            ("the first hour of 2020", &["PZ-13873"], LONG_AGO, LONG_AGO + 3600),
        ] {
            let request = live.clone().historic(start, end);
            cases.push(Case::new(name, keys, self.window(cx, &client, name, &request).await));
        }
        cases.verdict()
    }
}

impl WindowParams {
    /// What is wrong with the answer, where it is not a job.
    fn judge(&self, what: &str, configured: &Configured) -> Option<Finding> {
        let exchange = &configured.exchange;
        let status = exchange.status;
        let product = |code, message: String| {
            Finding::new(code, Cause::Product, "POST /configure", message)
                .expected("404 or 400, saying that there is no data", status)
        };
        if !refusal::is_refusal(status) {
            return Some(refusal::server_error(what, status));
        }
        if exchange.elapsed.total >= self.max.0 {
            let took = shakedown_core::duration::brief(exchange.elapsed.total);
            let message = format!("it takes {took} to find out that nothing was recorded: {what}");
            return Some(
                product("empty-window-slow", message)
                    .expected(format!("less than {}", self.max), took)
                    .remedy("look at the indexes of the recordings", "an hour"),
            );
        }
        let text = words(exchange);
        (!mentions(&text, &["data", "recording", "found"])).then(|| {
            product("reason-missing", format!("{what}: the refusal does not say that there is no data"))
                .remedy("say in the answer that nothing was recorded", "a day")
                .warn()
        })
    }
}

impl EmptyWindow {
    async fn window(
        &self,
        cx: &Context,
        client: &FocusClient,
        what: &str,
        request: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let recorded = recorded(cx, client, request).await?;
        if recorded.is_some_and(|count| count > 0) {
            return Err(CheckError::not_applicable(format!("something was recorded then: {what}")));
        }
        let configured = client.configure(cx, &request.text()).await?;
        let exchange = &configured.exchange;
        outage::answered(cx, exchange)?;
        let finding = match &configured.job {
            Some(job) if exchange.status.is_success() => {
                if recorded.is_none() {
                    return Err(CheckError::unclear(format!(
                        "a job was started for {what}, and the server does not say whether anything was recorded then"
                    )));
                }
                Some(self.started(cx, client, what, job).await?)
            }
            _ => self.params.judge(what, &configured).map(|finding| outage::explained(cx, exchange, finding)),
        };
        let took = Measurement::new("time to answer", exchange.elapsed.millis(), Unit::Milliseconds)
            .held_to(Threshold::Below(self.params.max.0.as_secs_f64() * 1000.0));
        let seen = format!("{what}: {}", exchange.summary());
        let findings = finding.into_iter().collect();
        Ok(document::verdict(cx, exchange, &file_name(what), seen, findings)?.measured(took))
    }

    /// What to say of a job that was started for nothing: it may still end soon.
    async fn started(
        &self,
        cx: &Context,
        client: &FocusClient,
        what: &str,
        job: &str,
    ) -> Result<Finding, CheckError> {
        let until = Instant::now() + self.params.end_within.0.min(cx.remaining().mul_f32(0.5));
        let is_word = job.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        while is_word && Instant::now() < until {
            let exchange = client.get(cx, &format!("/metadata/{job}")).await?;
            if exchange.json::<Value>().is_ok_and(|body| has_ended(&body)) {
                let message = format!("job {job} was started for {what}, and ended by itself");
                return Ok(
                    Finding::new("ended-by-itself", Cause::Expected, "POST /configure", message).note()
                );
            }
            sleep(PAUSE).await;
        }
        let message = format!("the server starts job {job} for {what}, of which it recorded nothing");
        Ok(Finding::new("empty-window-accepted", Cause::Product, "POST /configure", message)
            .expected(
                "404 or 400, or the job ends at once",
                format!("it still runs after {}", self.params.end_within),
            )
            .remedy("look for recordings before a job starts", "a day"))
    }
}

fn has_ended(body: &Value) -> bool {
    let ended = ["completed", "failed", "finished", "ended", "cancelled", "no data"];
    body["status"].as_str().is_some_and(|status| ended.contains(&status.to_lowercase().as_str()))
}

/// How many recordings the server has of the time that is asked for; none where it does not say.
async fn recorded(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
) -> Result<Option<usize>, CheckError> {
    let (start, end) = (request.number("/start_time"), request.number("/end_time"));
    let range = json!({ "start_time": start, "end_time": end });
    let exchange = client.post(cx, "/recordings_in_time_range", &range).await?;
    if exchange.status == shakedown_http::StatusCode::NOT_FOUND && mentions(&words(&exchange), &["recording"])
    {
        return Ok(Some(0));
    }
    let body: Option<Value> = exchange.status.is_success().then(|| exchange.json().ok()).flatten();
    Ok(body.and_then(|body| body.as_array().or_else(|| body["recordings"].as_array()).map(Vec::len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    fn judged(status: u16, body: &str, seconds: u64) -> Option<(String, Weight)> {
        let mut exchange = exchange(status, body);
        exchange.elapsed.total = Duration::from_secs(seconds);
        let finding = WindowParams::default().judge("a window", &Configured { exchange, job: None });
        finding.map(|finding| (finding.code, finding.weight))
    }

    #[test]
    fn a_quick_refusal_with_the_reason() {
        let is = |code: &str, weight| Some((code.to_owned(), weight));
        assert_eq!(judged(404, r#"{"detail":"No recordings found"}"#, 1), None);
        assert_eq!(judged(400, "no data in this range", 1), None);
        assert_eq!(judged(404, "no data", 2), is("empty-window-slow", Weight::Fail));
        assert_eq!(judged(400, r#"{"detail":"Bad request"}"#, 0), is("reason-missing", Weight::Warn));
        assert_eq!(judged(500, "", 0), is("server-error", Weight::Fail));
        assert_eq!(judged(503, "", 0), is("server-error", Weight::Fail));
    }

    #[test]
    fn an_end_is_said_in_a_word() {
        assert!(has_ended(&json!({ "status": "Completed" })) && !has_ended(&json!({ "status": "running" })));
        assert!(!has_ended(&json!({})) && !has_ended(&json!("completed")));
    }
}
