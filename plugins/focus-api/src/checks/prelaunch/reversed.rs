//! `focus-api.prelaunch.reversed`

use crate::checks::{JOBS, READY};
use crate::refusal::{Nonsense, examine};
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A range of time whose end lies before its start is refused.
    ///
    /// Both ends lie in the past, so that only their order is wrong. A refusal with 400, 422 or 404 will do.
    ///
    /// # Why it matters
    /// The client's own model refuses such a range, so only other callers reach the server with it: and an analyzer
    /// started for it ends at once or never.
    ///
    /// # How to mend it
    /// Refuse `end_time` ≤ `start_time` where the request is validated.
    pub(super) struct ReversedRange(NoParams) {
        id: "focus-api.prelaunch.reversed",
        title: "A reversed range of time is refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13869"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-reversed-range", "reversed-accepted")],
    }
}

const HOUR: i64 = 3600;

#[async_trait]
impl Check for ReversedRange {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let now = cx.clock.epoch_seconds();
        let request = ConfigureRequest::live(&client.fiber(cx).await?).historic(now - HOUR, now - 2 * HOUR);
        let nonsense = Nonsense {
            what: "a range that ends before it starts",
            accepted: "reversed-accepted",
            fields: &["start_time", "end_time", "time"],
        };
        examine(cx, &client, &request, nonsense).await
    }
}
