//! `focus-api.prelaunch.channels`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense, examine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Channels that the fiber does not have are refused.
    ///
    /// Two requests: one reaches a hundred channels beyond the highest that the server reports, one begins just below the
    /// lowest. The first must be refused with 400, 422 or 404. The contract leaves open whether a server refuses the
    /// second; `strict` makes that a failure too.
    ///
    /// # Why it matters
    /// Channels that do not exist give empty streams, or memory that is never written.
    ///
    /// # How to mend it
    /// Compare `channels.min` and `channels.max` with the range that `GET /channels` reports before a job starts.
    pub(super) struct ChannelsOutOfRange(ChannelParams) {
        id: "focus-api.prelaunch.channels",
        title: "Channels that the fiber does not have are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13876", "PZ-13554"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-channels-out-of-range", "out-of-range-accepted")],
    }
}

/// How much is asked of the lower end.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ChannelParams {
    /// Whether a channel below the lowest must be refused as well.
    strict: bool,
}

impl Params for ChannelParams {}

const BEYOND: i64 = 100;
const FIELDS: &[&str] = &["channels", "channel"];

#[async_trait]
impl Check for ChannelsOutOfRange {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber);
        let (lowest, highest) = (fiber.channels.lowest, fiber.channels.highest);

        let too_high = valid.clone().set("/channels/min", highest).set("/channels/max", highest + BEYOND);
        let what = format!("channel {} of {highest}", highest + BEYOND);
        let nonsense = Nonsense { what: &what, accepted: "out-of-range-accepted", fields: FIELDS };
        let above = examine(cx, &client, &too_high, nonsense).await;

        let below = async {
            let what = format!("channel {}", lowest - 1);
            let request = valid.set("/channels/min", lowest - 1);
            let nonsense = Nonsense { what: &what, accepted: "out-of-range-accepted", fields: FIELDS };
            if self.params.strict {
                return examine(cx, &client, &request, nonsense).await;
            }
            let configured = client.configure(cx, &request.text()).await?;
            outage::answered(cx, &configured.exchange)?;
            let findings = if configured.exchange.status.is_success() {
                let message = format!(
                    "the server accepts {what}, although {lowest} is the lowest; the contract leaves that open"
                );
                vec![Finding::new("below-lowest-accepted", Cause::Product, "POST /configure", message).note()]
            } else {
                refusal::judge(nonsense, &configured.exchange, None)
            };
            refusal::verdict(cx, &configured.exchange, &what, findings)
        };
        let below = below.await;

        let mut cases = Cases::new();
        cases.push(Case::new(format!("highest + {BEYOND}"), &["PZ-13876", "PZ-13554"], above));
        cases.push(Case::new("lowest − 1", &[], below));
        cases.verdict()
    }
}
