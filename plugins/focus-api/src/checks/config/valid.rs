//! `focus-api.config.valid`

use crate::checks::JOBS;
use crate::refusal;
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A valid live request starts a job.
    ///
    /// One request with every parameter, beginning at the lowest channel that the server reports. It must be answered with
    /// 200 and the id of a job. Where the answer deviates from the contract that is noted here;
    /// `focus-api.response.invariants` judges it.
    ///
    /// # Why it matters
    /// This is what the product is for. Checks that need a job are skipped where there is none.
    ///
    /// # How to mend it
    /// A refusal names its reason in the body, which is kept as evidence; a 5xx has its stack trace in the server's log.
    pub(super) struct ConfigValid(NoParams) {
        id: "focus-api.config.valid",
        title: "A valid live request starts a job",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873"],
        tags: &["api", "smoke"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.prelaunch.live-data",
        ],
        group: JOBS,
        proofs: &[fault("focus-api.configure-refuses", "valid-refused")],
    }
}

#[async_trait]
impl Check for ConfigValid {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let what = "a valid live request";
        match client.try_start(cx, &request, what).await? {
            Ok(job) => job.verdict(cx, what, Vec::new()),
            Err((exchange, finding)) => refusal::verdict(cx, &exchange, what, vec![finding]),
        }
    }
}
