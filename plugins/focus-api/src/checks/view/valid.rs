//! `focus-api.view.valid`

use crate::checks::{JOBS, STARTS};
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Every type of view is served.
    ///
    /// A view of many channels (0), of one channel (1) and a waterfall (2) must each start a job. The type is a number in
    /// the documented contract and text in newer clients; whether the server also takes `"0"` is noted, and `digits` says
    /// whether it must or must not.
    ///
    /// # Why it matters
    /// Each type is a screen of the client. One that is refused is a screen that stays empty.
    ///
    /// # How to mend it
    /// The finding has the server's own reason.
    pub(super) struct ValidViews(ViewParams) {
        id: "focus-api.view.valid",
        title: "Every type of view is served",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13878", "PZ-13873"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.no-waterfall", "valid-refused")],
    }
}

/// What is asked of a type of view in digits.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ViewParams {
    /// Whether `"0"` must be taken for 0.
    digits: Digits,
}

/// What a server does with digits where a number is documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Digits {
    /// Either will do.
    #[default]
    Either,
    /// They must be taken for the number.
    Accepted,
    /// They must be refused.
    Refused,
}

impl Params for ViewParams {}

#[async_trait]
impl Check for ValidViews {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 2);
        let mut cases = Cases::new();
        for (name, request) in [
            ("0, many channels", valid.clone()),
            ("1, one channel", valid.clone().single()),
            ("2, waterfall", valid.clone().waterfall()),
        ] {
            let what = format!("a valid request for view type {name}");
            let answer = client.accepted(cx, &request, &what, |_| Vec::new()).await;
            cases.push(Case::new(name, &["PZ-13878", "PZ-13873"], answer));
        }
        let digits = self.digits(cx, &client, &valid.set("/view_type", "0")).await;
        cases.push(Case::new("\"0\", in digits", &["PZ-13878"], digits));
        cases.verdict()
    }
}

impl ValidViews {
    async fn digits(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let configured = client.configure(cx, &request.text()).await?;
        let exchange = &configured.exchange;
        outage::answered(cx, exchange)?;
        let seen = if exchange.status.is_success() {
            Digits::Accepted
        } else if refusal::is_refusal(exchange.status) {
            Digits::Refused
        } else {
            let finding = refusal::server_error("a type of view in digits", exchange.status);
            return refusal::verdict(cx, exchange, "view type \"0\"", vec![finding]);
        };
        let does = if seen == Digits::Accepted { "takes" } else { "refuses" };
        let message = format!("the server {does} a type of view in digits");
        let finding = Finding::new("view-in-digits", Cause::Expected, "POST /configure", message);
        let finding = if self.params.digits == Digits::Either || self.params.digits == seen {
            finding.note()
        } else {
            Finding { cause: Cause::Product, ..finding }
                .expected(format!("{:?}", self.params.digits).to_lowercase(), exchange.status)
        };
        refusal::verdict(cx, exchange, "view type \"0\"", vec![finding])
    }
}
