//! `focus-api.rollback`

use crate::checks::{JOBS, STARTS};
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// After a refusal the server works as before.
    ///
    /// A request with an NFFT of 0 is sent, then, after `pause`, a valid one. That must start a job. Whether the refused one
    /// started something is the question of `focus-api.orchestration.invalid`.
    ///
    /// # Why it matters
    /// A refusal that leaves a half-made job, a taken port or a held lock behind hits the next user, who did nothing wrong.
    ///
    /// # How to mend it
    /// Undo whatever was begun for a request that fails; better, begin nothing before it is known to be valid.
    pub(super) struct Rollback(RollbackParams) {
        id: "focus-api.rollback",
        title: "After a refusal the server works as before",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873", "PZ-13604"],
        tags: &["api", "validation"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.refusal-poisons", "broken-after-refusal")],
    }
}

/// How the two requests follow each other.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RollbackParams {
    /// How long to wait in between.
    pause: HumanDuration,
}

impl Default for RollbackParams {
    fn default() -> Self {
        Self { pause: HumanDuration::secs(1) }
    }
}

impl Params for RollbackParams {}

#[async_trait]
impl Check for Rollback {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let refused = client.configure(cx, &valid.clone().set("/nfftSelection", 0).text()).await?.exchange;
        outage::answered(cx, &refused)?;
        if refused.status.is_success() {
            let seen = refused.summary();
            return Err(CheckError::not_applicable(format!(
                "an NFFT of 0 is accepted, which `focus-api.prelaunch.nfft` judges: {seen}"
            )));
        }
        tokio::time::sleep(self.params.pause.0).await;
        let what = format!("a valid request after a refusal with {}", refused.status);
        let job = match client.try_start(cx, &valid, &what).await? {
            Ok(job) => job,
            Err((exchange, finding)) => {
                outage::answered(cx, &exchange)?;
                let finding =
                    Finding { code: "broken-after-refusal".to_owned(), cause: Cause::Product, ..finding };
                let finding = finding.remedy("undo what was begun for a request that fails", "a day");
                return refusal::verdict(cx, &exchange, &what, vec![finding]);
            }
        };
        job.verdict(cx, &what, Vec::new())
    }
}
