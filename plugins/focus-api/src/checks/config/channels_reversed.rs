//! `focus-api.config.channels-reversed`

use crate::checks::{JOBS, READY};
use crate::refusal::{Nonsense, examine};
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A range of channels that runs backwards is refused.
    ///
    /// Both ends are channels that the fiber has, so that only their order is wrong. A refusal with 400, 422 or 404 will do.
    ///
    /// # Why it matters
    /// Depending on who reads it, such a range is empty, negative, or turned around without a word: the picture is then
    /// not the one that was asked for.
    ///
    /// # How to mend it
    /// Refuse `channels.min` > `channels.max` where the request is validated.
    pub(super) struct ChannelsReversed(NoParams) {
        id: "focus-api.config.channels-reversed",
        title: "A reversed range of channels is refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13876", "PZ-13760", "PZ-13554"],
        tags: &["api", "validation"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-reversed-channels", "reversed-accepted")],
    }
}

#[async_trait]
impl Check for ChannelsReversed {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let (lowest, highest) = (fiber.channels.lowest, fiber.channels.highest);
        if lowest == highest {
            return Err(CheckError::not_applicable("a fiber of one channel has no range to reverse"));
        }
        let max = lowest.max(highest - 10);
        let what = format!("channels {highest} to {max}");
        let request = ConfigureRequest::live(&fiber).set("/channels/min", highest).set("/channels/max", max);
        let nonsense =
            Nonsense { what: &what, accepted: "reversed-accepted", fields: &["channels", "channel"] };
        examine(cx, &client, &request, nonsense).await
    }
}
