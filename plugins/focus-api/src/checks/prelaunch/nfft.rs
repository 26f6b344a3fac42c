//! `focus-api.prelaunch.nfft`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense, judge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::{Configured, FocusClient};
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::mentions;
use shakedown_http::Exchange;

register_check! {
    /// Impossible sizes of the Fourier transform are refused.
    ///
    /// An NFFT of 0, of −1 and of −512 must be refused with 400, 422 or 404. One of 1000, which is no power of two, may be
    /// refused, or accepted with a warning; which of the two was seen is noted. `odd_sizes` decides for one of them.
    ///
    /// # Why it matters
    /// A transform of no samples divides by zero in the analyzer: the job is started, fails, and leaves a stream that
    /// never delivers.
    ///
    /// # How to mend it
    /// Refuse `nfftSelection` < 1 where the request is validated, and decide about sizes that are no power of two.
    pub(super) struct InvalidNfft(NfftParams) {
        id: "focus-api.prelaunch.nfft",
        title: "Impossible sizes of the Fourier transform are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13874", "PZ-13875", "PZ-13901", "PZ-13555"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.nfft-unchecked", "nfft-accepted")],
    }
}

/// What is asked of sizes that are no power of two.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NfftParams {
    /// Whether they must be refused, or must be accepted with a warning.
    odd_sizes: OddSizes,
}

/// What a server does with a size that is no power of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum OddSizes {
    /// Either will do; an acceptance without a warning is a warning.
    #[default]
    Either,
    /// They must be refused.
    Refused,
    /// They must be accepted, with a warning.
    Accepted,
}

impl Params for NfftParams {}

const FIELDS: &[&str] = &["nfftSelection", "nfft"];
const ODD_SIZE: i64 = 1000;

#[async_trait]
impl Check for InvalidNfft {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let mut cases = Cases::new();
        for (nfft, keys) in [(0, &["PZ-13874"][..]), (-1, &["PZ-13875"]), (-512, &["PZ-13875", "PZ-13555"])] {
            let what = format!("an NFFT of {nfft}");
            let nonsense = Nonsense { what: &what, accepted: "nfft-accepted", fields: FIELDS };
            let request = valid.clone().set("/nfftSelection", nfft);
            let name = format!("nfft = {nfft}");
            cases.push(refusal::case(cx, &client, (&name, keys), &request, nonsense).await);
        }
        let request = valid.set("/nfftSelection", ODD_SIZE);
        let answer = self.odd_size(cx, &client, &request).await;
        cases.push(Case::new(format!("nfft = {ODD_SIZE}"), &["PZ-13901"], answer));
        cases.verdict()
    }
}

impl InvalidNfft {
    async fn odd_size(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let Configured { exchange, job } = client.configure(cx, &request.text()).await?;
        outage::answered(cx, &exchange)?;
        let what = format!("an NFFT of {ODD_SIZE}");
        let nonsense = Nonsense { what: &what, accepted: "nfft-accepted", fields: FIELDS };
        let is_accepted = exchange.status.is_success();
        let findings = match self.params.odd_sizes {
            OddSizes::Either | OddSizes::Accepted if is_accepted => vec![accepted(&exchange)],
            OddSizes::Accepted if refusal::is_refusal(exchange.status) => vec![must_be_accepted(&exchange)],
            _ => judge(nonsense, &exchange, job.as_deref()),
        };
        let seen = if is_accepted { "accepted" } else { "refused" };
        refusal::verdict(cx, &exchange, &format!("{what}, {seen}"), findings)
    }
}

fn must_be_accepted(exchange: &Exchange) -> Finding {
    let message = format!("the server refuses an NFFT of {ODD_SIZE}, which it should accept with a warning");
    Finding::new("nfft-refused", Cause::Product, "POST /configure", message)
        .expected("accepted with a warning", exchange.status)
        .remedy("accept sizes that are no power of two, and say that they are slow", "a day")
}

/// What there is to say about an accepted size that is no power of two.
fn accepted(exchange: &Exchange) -> Finding {
    let finding = |code, message: String| Finding::new(code, Cause::Product, "POST /configure", message);
    if mentions(&exchange.text(), &["warn", "power of two", "power of 2"]) {
        finding(
            "nfft-accepted-with-warning",
            format!("the server accepts an NFFT of {ODD_SIZE} with a warning"),
        )
        .note()
    } else {
        finding(
            "nfft-unwarned",
            format!("the server accepts an NFFT of {ODD_SIZE}, no power of two, without a warning"),
        )
        .expected("refused, or accepted with a warning", exchange.status)
        .remedy("refuse sizes that are no power of two, or say in the answer that they are slow", "a day")
        .warn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn a_warning_makes_the_difference() {
        let code = |body: &str| accepted(&exchange(200, body)).code;
        assert_eq!(
            code(r#"{"job_id":"1-1","warnings":["not a power of two"]}"#),
            "nfft-accepted-with-warning"
        );
        assert_eq!(code(r#"{"job_id":"1-1"}"#), "nfft-unwarned");
    }
}
