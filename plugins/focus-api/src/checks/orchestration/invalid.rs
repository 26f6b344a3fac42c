//! `focus-api.orchestration.invalid`

use crate::checks::JOBS;
use crate::leftover::{Between, Mark, between};
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Check, CheckError, Context, Effect, HumanDuration, Measurement, Params, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::Configured;
use shakedown_focus::document;
use shakedown_focus::job::file_name;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// An invalid request is refused at once, and launches nothing.
    ///
    /// A request without channels, and one with an NFFT of 0, are each sent between two valid ones. They must be refused
    /// within `max`, and name no job. Whether a job was started nevertheless is read from the numbers of the two valid
    /// jobs: a number between them whose description has the channels or frequencies of the refused request is a leftover.
    /// Jobs that others start meanwhile are told apart by them. The cluster's own list of jobs is not looked at.
    ///
    /// # Why it matters
    /// A pod that is launched for nonsense occupies a place and an address until a timer ends it, and nobody knows of it.
    ///
    /// # How to mend it
    /// Validate the whole request before any work starts.
    pub(super) struct InvalidLaunchesNothing(InvalidParams) {
        id: "focus-api.orchestration.invalid",
        title: "An invalid request is refused at once and launches nothing",
        severity: Severity::Critical,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14018", "PZ-13873", "PZ-13604"],
        tags: &["api", "validation"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.rollback",
        ],
        group: JOBS,
        proofs: &[
            fault("focus-api.refusal-leaks-job", "job-left-behind"),
            fault("focus-api.slow-refusals", "refusal-slow"),
        ],
    }
}

/// How long a refusal may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct InvalidParams {
    /// A slower refusal fails.
    max: HumanDuration,
}

impl Default for InvalidParams {
    fn default() -> Self {
        Self { max: HumanDuration::secs(1) }
    }
}

impl Params for InvalidParams {}

#[async_trait]
impl Check for InvalidLaunchesNothing {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let mark = Mark::of(&fiber);
        let marked = mark.request(&fiber);
        let small = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let mut before = client.start(cx, &small).await?;
        let mut cases = Cases::new();
        for (name, keys, what, request) in [
            (
                "without channels",
                &["PZ-14018"][..],
                "a request without channels",
                marked.clone().without("/channels"),
            ),
            ("nfft = 0", &["PZ-13873", "PZ-13604"], "an NFFT of 0", marked.set("/nfftSelection", 0)),
        ] {
            let refused = client.configure(cx, &request.text()).await?;
            let after = client.start(cx, &small).await?;
            let between = between(cx, &client, (&before, &after), mark).await;
            before = after;
            let answer = between.and_then(|between| self.refused(cx, what, &refused, &between));
            cases.push(Case::new(name, keys, answer));
        }
        cases.verdict()
    }
}

impl InvalidLaunchesNothing {
    /// Judges what was sent between two valid requests.
    fn refused(
        &self,
        cx: &Context,
        what: &str,
        Configured { exchange, job }: &Configured,
        between: &Between,
    ) -> Result<Verdict, CheckError> {
        outage::answered(cx, exchange)?;
        if !refusal::is_refusal(exchange.status) {
            let seen = exchange.summary();
            return Err(CheckError::not_applicable(format!(
                "{what} is not refused, which another check judges: {seen}"
            )));
        }
        let max = self.params.max.0;
        let took = Measurement::new("time to refuse", exchange.elapsed.millis(), Unit::Milliseconds)
            .held_to(Threshold::Below(max.as_secs_f64() * 1000.0));
        let findings = [
            refusal::slow(exchange, what, max),
            refusal::started(what, job.as_deref()),
            between.finding(what),
        ];
        let seen = format!("{what}: {}; {}", exchange.summary(), between.text());
        let findings = findings.into_iter().flatten().collect();
        Ok(document::verdict(cx, exchange, &file_name(what), seen, findings)?.measured(took))
    }
}
