//! `focus-api.view.waterfall`

use crate::checks::JOBS;
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A waterfall needs no more than channels and a height.
    ///
    /// A waterfall is asked for without duration, frequencies, NFFT and times, which it does not have. It must start a job.
    ///
    /// # Why it matters
    /// The server was seen to fail where these fields are left out, although the contract says that they must be.
    ///
    /// # How to mend it
    /// Give the fields that only other views need a default before anything computes with them.
    pub(super) struct MinimalWaterfall(NoParams) {
        id: "focus-api.view.waterfall",
        title: "A waterfall needs no more than channels and a height",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13557", "PZ-13238"],
        tags: &["api"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.view.valid",
        ],
        group: JOBS,
        proofs: &[fault("focus-api.waterfall-500", "valid-refused")],
    }
}

#[async_trait]
impl Check for MinimalWaterfall {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let only_other_views =
            ["/displayTimeAxisDuration", "/frequencyRange", "/nfftSelection", "/start_time", "/end_time"];
        let waterfall = ConfigureRequest::live(&fiber).channels(&fiber, 2).waterfall();
        let request = only_other_views.into_iter().fold(waterfall, ConfigureRequest::without);
        client.accepted(cx, &request, "a minimal waterfall", |_| Vec::new()).await
    }
}
