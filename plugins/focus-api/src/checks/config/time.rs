//! `focus-api.config.time`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense};
use serde_json::Value;
use shakedown_core::{
    Cases, Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Ranges of time that are none are refused.
    ///
    /// Times before 1970, a start without an end, and an end without a start. A request is live or historic: each of
    /// these is neither, and must be refused with 400, 422 or 404. Reversed ranges and those in the future have checks of
    /// their own, `focus-api.prelaunch.reversed` and `focus-api.prelaunch.future`.
    ///
    /// # Why it matters
    /// A server that takes half a range for none shows live data to somebody who asked for yesterday's.
    ///
    /// # How to mend it
    /// Ask for both ends or neither, and for times from 0 up, where the request is validated.
    pub(super) struct OddTimes(NoParams) {
        id: "focus-api.config.time",
        title: "Ranges of time that are none are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13759", "PZ-13552", "PZ-13907", "PZ-13909"],
        tags: &["api", "validation"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-odd-times", "time-accepted")],
    }
}

const HOUR: i64 = 3600;

#[async_trait]
impl Check for OddTimes {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let hour_ago = cx.clock.epoch_seconds() - HOUR;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let rows: [(&str, &[&str], &str, Value, Value); 3] = [
            (
                "negative",
                &["PZ-13759", "PZ-13552"],
                "a range from before 1970",
                (-1000).into(),
                (-500).into(),
            ),
            ("no start", &["PZ-13907"], "an end without a start", Value::Null, hour_ago.into()),
            ("no end", &["PZ-13909"], "a start without an end", hour_ago.into(), Value::Null),
        ];
        let mut cases = Cases::new();
        for (name, keys, what, start, end) in rows {
            let fields = &["start_time", "end_time", "time"];
            let nonsense = Nonsense { what, accepted: "time-accepted", fields };
            let request = valid.clone().set("/start_time", start).set("/end_time", end);
            cases.push(refusal::case(cx, &client, (name, keys), &request, nonsense).await);
        }
        cases.verdict()
    }
}
