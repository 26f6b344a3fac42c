//! `focus-api.jobs.cancel`

use crate::checks::{JOBS, STARTS};
use crate::description::Description;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::job::{Job, has_ended};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// A job that is cancelled ends.
    ///
    /// One job is started and cancelled with `DELETE /job/{job_id}`. The answer is 200, and soon after the server says
    /// that the job has ended, or does not know it any more. A server that answers 404 and does not describe the operation
    /// has none: its jobs end by themselves, about 50 seconds after they were started if nobody connects, and the check is
    /// skipped. The parameter `required` asks for it all the same.
    ///
    /// # Why it matters
    /// Without it nobody can give back what a job occupies: whoever closes a view waits for the server's own timers.
    ///
    /// # How to mend it
    /// Deploy the operation; see to it that it ends jobs of the caller only.
    pub(super) struct CancelJob(CancelParams) {
        id: "focus-api.jobs.cancel",
        title: "A job that is cancelled ends",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13670"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        gate: Gate::Informational,
        proofs: &[
            fault("focus-api.cancel-404", "cancel-unknown"),
            fault("focus-api.cancel-ignored", "cancel-ineffective"),
        ],
    }
}

/// How much is asked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct CancelParams {
    /// Whether a server that does not know how to cancel is a failure.
    required: bool,
    /// A cancelled job must have ended after this time.
    ends_within: HumanDuration,
}

impl Default for CancelParams {
    fn default() -> Self {
        Self { required: false, ends_within: HumanDuration::secs(5) }
    }
}

impl Params for CancelParams {}

const PAUSE: Duration = Duration::from_millis(200);

#[async_trait]
impl Check for CancelJob {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let job = client.start(cx, &ConfigureRequest::live(&client.fiber(cx).await?)).await?;
        // An id that is more than a word could lead the path astray.
        job.metadata_path()?;
        let exchange = client.delete_job(&job.id).await?;
        let finding = match exchange.status {
            status if status.is_success() => self.ineffective(cx, &client, &job).await?,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                let described = Description::fetch(cx, &client).await?.1;
                let described = described.is_ok_and(|described| described.has("delete", "/job/{}"));
                Some(self.unknown(&exchange, described)?)
            }
            status => Some(finding("cancel-failed", format!("cancelling a job is answered with {status}"))),
        };
        document::verdict(cx, &exchange, "cancel", exchange.summary(), finding.into_iter().collect())
    }
}

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "DELETE /job/{job_id}", message)
        .expected("200, and the job ends", "something else")
        .remedy("end the job and what it occupies, then answer 200", "days")
}

impl CancelParams {
    fn unknown(&self, exchange: &Exchange, described: bool) -> Result<Finding, CheckError> {
        let status = exchange.status;
        if described || self.required {
            let why = if described { "although the server describes it" } else { "and it is required here" };
            return Ok(finding(
                "cancel-unknown",
                format!("cancelling a job is answered with {status}, {why}"),
            ));
        }
        Err(CheckError::not_applicable(format!(
            "not deployed: cancelling a job is answered with {status}; jobs end by themselves about 50 s after their \
             start if nobody connects, and stand on the cleanup ledger until then"
        )))
    }
}

impl CancelJob {
    fn unknown(&self, exchange: &Exchange, described: bool) -> Result<Finding, CheckError> {
        self.params.unknown(exchange, described)
    }

    /// A finding where the job goes on.
    async fn ineffective(
        &self,
        cx: &Context,
        client: &FocusClient,
        job: &Job,
    ) -> Result<Option<Finding>, CheckError> {
        let started = Instant::now();
        loop {
            let (exchange, metadata) = job.metadata(cx, client).await?;
            let gone = exchange.status == StatusCode::NOT_FOUND || metadata.as_ref().is_some_and(has_ended);
            if gone {
                return Ok(None);
            }
            if started.elapsed() >= self.params.ends_within.0 {
                let within = self.params.ends_within;
                let message = format!("job {} was cancelled, and goes on after {within}", job.id);
                return Ok(Some(finding("cancel-ineffective", message)));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn what_is_not_deployed_is_no_failure() {
        let of = |required, described| {
            let params = CancelParams { required, ..CancelParams::default() };
            params.unknown(&exchange(404, ""), described).map(|finding| finding.code)
        };
        assert!(matches!(of(false, false), Err(CheckError::NotApplicable(_))));
        assert_eq!(of(true, false).unwrap(), "cancel-unknown");
        assert_eq!(of(false, true).unwrap(), "cancel-unknown");
    }
}
