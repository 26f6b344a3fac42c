//! `focus-api.config.throughput`

use crate::checks::JOBS;
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::Job;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};

register_check! {
    /// Views with much data and with little are served.
    ///
    /// Many channels with a small NFFT (much data) and few with a large one (little) must each start a job. A view at the
    /// edge, with an NFFT of 8192, 5000 pixels and 200 channels, must start one or be refused naming a limit. A usual view
    /// of 100 channels is estimated from what the server answers: channels × bins × lines per second × 4 bytes; more than
    /// `max_rate` is noted.
    ///
    /// # Why it matters
    /// What one view costs decides how many users can look at once.
    ///
    /// # How to mend it
    /// The finding has the server's own reason. A limit is no defect; one that is not named is.
    pub(super) struct Throughput(ThroughputParams) {
        id: "focus-api.config.throughput",
        title: "Views with much data and with little are served",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13905", "PZ-13906", "PZ-13880", "PZ-13904"],
        tags: &["api"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.config.nfft",
        ],
        group: JOBS,
        proofs: &[fault("focus-api.few-channels", "valid-refused")],
    }
}

/// What a usual view may cost.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ThroughputParams {
    /// How much a usual view may send, in megabits per second; more is noted.
    max_rate: f64,
}

impl Default for ThroughputParams {
    fn default() -> Self {
        Self { max_rate: 10.0 }
    }
}

impl Params for ThroughputParams {
    fn validate(&self) -> Result<(), String> {
        if self.max_rate > 0.0 {
            Ok(())
        } else {
            Err(format!("`max_rate` is {}; it must be above 0", self.max_rate))
        }
    }
}

#[async_trait]
impl Check for Throughput {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let view = |nfft, channels| {
            ConfigureRequest::live(&fiber).channels(&fiber, channels).set("/nfftSelection", nfft)
        };
        let mut cases = Cases::new();
        for (name, key, nfft, channels) in [("high", "PZ-13905", 256, 200), ("low", "PZ-13906", 4096, 20)] {
            let what = format!("a valid request with an NFFT of {nfft} and {channels} channels");
            let answer = client.accepted(cx, &view(nfft, channels), &what, |_| Vec::new()).await;
            cases.push(Case::new(name, &[key], answer));
        }
        let edge = view(8192, 200).set("/displayInfo/height", 5000);
        cases.push(Case::new("extreme", &["PZ-13880"], extreme(cx, &client, &edge).await));
        let usual = view(1024, 100);
        let what = "a usual view of 100 channels";
        let estimate = client.accepted(cx, &usual, what, |job| self.estimate(job)).await;
        cases.push(Case::new("estimate", &["PZ-13904"], estimate));
        cases.verdict()
    }
}

impl Throughput {
    fn estimate(&self, job: &Job) -> Vec<Finding> {
        let note = |code, message: String| {
            vec![Finding::new(code, Cause::Capacity, "POST /configure", message).note()]
        };
        match megabits(job) {
            None => note("rate-unknown", "the answer does not say how much the job will send".to_owned()),
            Some(rate) if rate > self.params.max_rate => note(
                "rate-high",
                format!("a usual view sends about {rate:.1} Mbit/s, more than {}", self.params.max_rate),
            ),
            Some(rate) => note("rate-estimate", format!("a usual view sends about {rate:.1} Mbit/s")),
        }
    }
}

/// How much a job will send, in megabits per second, by what the server says of it.
fn megabits(job: &Job) -> Option<f64> {
    let number = |field: &str| job.answer[field].as_f64().filter(|number| *number > 0.0);
    let floats = number("channel_amount")? * number("frequencies_amount")? / number("lines_dt")?;
    Some(floats * 4.0 * 8.0 / 1e6)
}

async fn extreme(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
) -> Result<Verdict, CheckError> {
    let configured = client.configure(cx, &request.text()).await?;
    let exchange = &configured.exchange;
    outage::answered(cx, exchange)?;
    let text = words(exchange);
    let note = |seen: &str| {
        let message = format!("the server {seen} an NFFT of 8192, a height of 5000 and 200 channels");
        Finding::new("extreme-values", Cause::Expected, "POST /configure", message).note()
    };
    let limit = ["nfft", "height", "channel", "limit", "at most", "maximum", "exceed"];
    let finding = if exchange.status.is_success() {
        note("accepts")
    } else if exchange.status.is_server_error() {
        refusal::server_error("extreme but possible values", exchange.status)
    } else if mentions(&text, &limit) {
        note("refuses").detail(format!("the server says: {}", text.trim()))
    } else {
        let message = format!("extreme values are refused with {}, not naming the limit", exchange.status);
        Finding::new("limit-unnamed", Cause::Product, "POST /configure", message)
            .expected("a job, or a refusal that names the limit", exchange.status)
            .remedy("put the limit into the message", "an hour")
    };
    refusal::verdict(cx, exchange, "extreme values", vec![finding])
}
