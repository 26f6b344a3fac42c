//! `focus-api.err.500`

use crate::checks::{JOBS, READY};
use crate::hostile::{self, Battery};
use serde_json::{Value, json};
use shakedown_core::{
    Check, CheckError, Context, Effect, Gate, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Numbers at the end of what numbers can be are no reason to fail.
    ///
    /// One field after the other is set to the largest and smallest number of 32 and 64 bits, and beyond. Each request must be
    /// refused, or have no visible effect, but not be answered with a 5xx. Afterwards the server must be well.
    ///
    /// # Why it matters
    /// A 500 says that nobody thought of it: an overflow, an allocation that fails, a date that no library knows.
    ///
    /// # How to mend it
    /// Bound every number where the request is validated, well within the type that computes with it.
    pub(super) struct ExtremeNumbers(NoParams) {
        id: "focus-api.err.500",
        title: "Numbers at the end of what numbers can be are no reason to fail",
        severity: Severity::Critical,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14780"],
        tags: &["api", "errors"],
        requires: READY,
        group: JOBS,
        gate: Gate::Informational,
        proofs: &[fault("focus-api.overflow-500", "server-error")],
    }
}

/// Above these, numbers of 32 and of 64 bits end.
const BITS_32: i64 = 1 << 31;

#[async_trait]
impl Check for ExtremeNumbers {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let mut battery = Battery::begin(cx, &client).await?;
        let rows: [(&str, &str, Value); 8] = [
            ("an NFFT of 2^31", "/nfftSelection", json!(BITS_32)),
            ("an NFFT of 2^63 - 1", "/nfftSelection", json!(i64::MAX)),
            ("a channel 2^31", "/channels/max", json!(BITS_32)),
            ("a channel below -2^63", "/channels/min", json!(-1e300)),
            ("a frequency of 2^64 - 1", "/frequencyRange/max", json!(u64::MAX)),
            ("a time of 2^63 - 1", "/start_time", json!(i64::MAX)),
            ("a view of -2^31 - 1", "/view_type", json!(-BITS_32 - 1)),
            ("a height of -2^63", "/displayInfo/height", json!(i64::MIN)),
        ];
        for (name, place, value) in rows {
            let request = battery.json(valid.clone().set(place, value).text());
            battery
                .configure((name, &["PZ-14780"]), request, |answer| {
                    hostile::refused_or_inert(name, &answer.exchange)
                })
                .await;
        }
        battery.end().await
    }
}
