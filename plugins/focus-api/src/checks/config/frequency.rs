//! `focus-api.config.frequency`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense, examine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::{Fiber, FocusClient};
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Ranges of frequencies that make no sense are refused.
    ///
    /// A range that runs backwards and one that begins below zero must be refused with 400, 422 or 404. Clients also know
    /// a highest frequency of 1000 Hz. Where the fiber is pulsed so fast that more could be told apart, a request for
    /// 1001 Hz shows whether the server knows it too; that is noted, and with `strict` it must. Where the fiber is not,
    /// `focus-api.prelaunch.nyquist` answers for it.
    ///
    /// # Why it matters
    /// A reversed range gives an empty spectrum, or another one than was asked for.
    ///
    /// # How to mend it
    /// Refuse `frequencyRange.min` ≥ `frequencyRange.max`, and whatever is below 0, where the request is validated.
    pub(super) struct Frequency(FrequencyParams) {
        id: "focus-api.config.frequency",
        title: "Ranges of frequencies that make no sense are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13877", "PZ-13761"],
        tags: &["api", "validation"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-reversed-frequencies", "frequency-accepted")],
    }
}

/// What is asked of the upper end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct FrequencyParams {
    /// The highest frequency that clients ask for, in Hz.
    cap: i64,
    /// Whether the server must refuse more than that, also where the fiber would allow it.
    strict: bool,
}

impl Default for FrequencyParams {
    fn default() -> Self {
        Self { cap: 1000, strict: false }
    }
}

impl Params for FrequencyParams {}

const FIELDS: &[&str] = &["frequencyRange", "frequency"];

#[async_trait]
impl Check for Frequency {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber);
        let top = fiber.nyquist().min(500);
        let mut cases = Cases::new();
        for (name, keys, min, max) in [
            ("reversed", &["PZ-13877", "PZ-13761"][..], top, top / 5),
            ("below zero", &["PZ-13877"][..], -1, top),
        ] {
            let what = format!("frequencies from {min} to {max} Hz");
            let nonsense = Nonsense { what: &what, accepted: "frequency-accepted", fields: FIELDS };
            let request = valid.clone().set("/frequencyRange/min", min).set("/frequencyRange/max", max);
            cases.push(refusal::case(cx, &client, (name, keys), &request, nonsense).await);
        }
        let cap = self.above_cap(cx, &client, &fiber, &valid).await;
        cases.push(Case::new(format!("above {} Hz", self.params.cap), &["PZ-13877"], cap));
        cases.verdict()
    }
}

impl Frequency {
    async fn above_cap(
        &self,
        cx: &Context,
        client: &FocusClient,
        fiber: &Fiber,
        valid: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let FrequencyParams { cap, strict } = self.params;
        if fiber.nyquist() <= cap {
            return Err(CheckError::not_applicable(format!(
                "at {} pulses per second, the limit of {} Hz comes before that of clients",
                fiber.prr,
                fiber.nyquist()
            )));
        }
        let what = format!("{} Hz", cap + 1);
        let nonsense = Nonsense { what: &what, accepted: "cap-exceeded", fields: FIELDS };
        let request = valid.clone().set("/frequencyRange/max", cap + 1);
        if strict {
            return examine(cx, client, &request, nonsense).await;
        }
        let configured = client.configure(cx, &request.text()).await?;
        outage::answered(cx, &configured.exchange)?;
        let findings = if configured.exchange.status.is_success() {
            let message =
                format!("the server accepts {what}, above the {cap} Hz that clients ask for at most");
            vec![Finding::new("cap-exceeded", Cause::Expected, "POST /configure", message).note()]
        } else {
            refusal::judge(nonsense, &configured.exchange, configured.job.as_deref())
        };
        refusal::verdict(cx, &configured.exchange, &what, findings)
    }
}
