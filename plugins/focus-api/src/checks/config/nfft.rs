//! `focus-api.config.nfft`

use crate::checks::{JOBS, STARTS};
use crate::refusal;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};

register_check! {
    /// The usual sizes of the Fourier transform are served.
    ///
    /// NFFT 128, 256, 512, 1024, 2048 and 4096 must each start a job. The largest, 65536, is asked for one channel: it
    /// may be refused, if the refusal says that it is about the NFFT; which of the two was seen is noted.
    ///
    /// # Why it matters
    /// The size decides between sharp frequencies and sharp times. A size that clients offer and the server refuses is a
    /// menu entry that does nothing.
    ///
    /// # How to mend it
    /// The finding has the server's own reason. Serve every power of two from 128 to 4096 in every view that has one.
    pub(super) struct NfftVariants(NoParams) {
        id: "focus-api.config.nfft",
        title: "The usual sizes of the Fourier transform are served",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873", "PZ-13901", "PZ-13558"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.default-nfft-only", "valid-refused")],
    }
}

const USUAL: [i64; 6] = [128, 256, 512, 1024, 2048, 4096];
const LARGEST: i64 = 65536;

#[async_trait]
impl Check for NfftVariants {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 2);
        let mut cases = Cases::new();
        for nfft in USUAL {
            let what = format!("a valid request with an NFFT of {nfft}");
            let request = valid.clone().set("/nfftSelection", nfft);
            let answer = client.accepted(cx, &request, &what, |_| Vec::new()).await;
            cases.push(Case::new(format!("nfft = {nfft}"), &["PZ-13873", "PZ-13901"], answer));
        }
        let request = valid.single().set("/nfftSelection", LARGEST);
        let answer = largest(cx, &client, &request).await;
        cases.push(Case::new(format!("nfft = {LARGEST}, one channel"), &["PZ-13558"], answer));
        cases.verdict()
    }
}

async fn largest(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
) -> Result<Verdict, CheckError> {
    let configured = client.configure(cx, &request.text()).await?;
    let exchange = &configured.exchange;
    outage::answered(cx, exchange)?;
    let note = |seen: &str| {
        let message = format!("the server {seen} an NFFT of {LARGEST}");
        Finding::new("largest-nfft", Cause::Expected, "POST /configure", message).note()
    };
    let finding = if exchange.status.is_success() {
        note("accepts")
    } else if refusal::is_refusal(exchange.status) && mentions(&words(exchange), &["nfft"]) {
        note("refuses")
    } else if exchange.status.is_server_error() {
        refusal::server_error(&format!("an NFFT of {LARGEST}"), exchange.status)
    } else {
        let message = format!("an NFFT of {LARGEST} is refused with {}, not naming it", exchange.status);
        Finding::new("reason-missing", Cause::Product, "POST /configure", message)
            .expected("a job, or a refusal that names `nfftSelection`", exchange.status)
            .remedy("say in the refusal that it is about the NFFT, and what is allowed", "a day")
            .warn()
    };
    refusal::verdict(cx, exchange, &format!("an NFFT of {LARGEST}"), vec![finding])
}
