//! `focus-api.prelaunch.nfft`

use crate::checks::{JOBS, READY};
use crate::client::FocusClient;
use crate::refusal::{self, Nonsense, examine, judge, mentions};
use crate::request::ConfigureRequest;
use crate::target::FocusApi;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_http::Exchange;

register_check! {
    /// Impossible sizes of the Fourier transform are refused.
    ///
    /// An NFFT of 0 and one of −1 must be refused with 400, 422 or 404. One of 1000, which is no power of two, may be
    /// refused or accepted; an acceptance should carry a warning, and is noted as such.
    ///
    /// # Why it matters
    /// A transform of no samples divides by zero in the analyzer: the job is started, fails, and leaves a stream that
    /// never delivers.
    ///
    /// # How to mend it
    /// Refuse `nfftSelection` < 1 where the request is validated, and decide about sizes that are no power of two.
    pub(super) struct InvalidNfft(NoParams) {
        id: "focus-api.prelaunch.nfft",
        title: "Impossible sizes of the Fourier transform are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13874", "PZ-13875", "PZ-13901"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.nfft-unchecked", "nfft-accepted")],
    }
}

const FIELDS: &[&str] = &["nfftSelection", "nfft"];
const ODD_SIZE: i64 = 1000;

#[async_trait]
impl Check for InvalidNfft {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let mut cases = Cases::new();
        for (nfft, key) in [(0, "PZ-13874"), (-1, "PZ-13875")] {
            let what = format!("an NFFT of {nfft}");
            let nonsense = Nonsense { what: &what, accepted: "nfft-accepted", fields: FIELDS };
            let request = valid.clone().set("/nfftSelection", nfft);
            let answer = examine(cx, &client, &request, nonsense).await;
            cases.push(Case::new(format!("nfft = {nfft}"), &[key], answer));
        }
        let request = valid.set("/nfftSelection", ODD_SIZE);
        let answer = odd_size(cx, &client, &request).await;
        cases.push(Case::new(format!("nfft = {ODD_SIZE}"), &["PZ-13901"], answer));
        cases.verdict()
    }
}

async fn odd_size(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
) -> Result<Verdict, CheckError> {
    let configured = client.configure(cx, &request.text()).await?;
    let what = format!("an NFFT of {ODD_SIZE}");
    let findings = if configured.exchange.status.is_success() {
        vec![accepted(&configured.exchange)]
    } else {
        judge(Nonsense { what: &what, accepted: "nfft-accepted", fields: FIELDS }, &configured.exchange, None)
    };
    refusal::verdict(cx, &configured.exchange, &what, findings)
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
    use crate::testing::exchange;

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
