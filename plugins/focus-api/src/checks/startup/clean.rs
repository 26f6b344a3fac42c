//! `focus-api.startup.clean`

use crate::checks::{JOBS, STARTS};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::job;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// The server came up whole: it acknowledges, knows its fiber, and starts a job, one right after the other.
    ///
    /// Four requests in a row, none of which is asked twice: `/ack`, `/channels`, `/live_metadata` and a valid live
    /// request. What only the cluster can tell, the state of the pod and the last lines of its log, is not measured here,
    /// and the answer says so.
    ///
    /// # Why it matters
    /// A server that acknowledges and cannot yet work takes requests from users that it then fails.
    ///
    /// # How to mend it
    /// Let the readiness probe of the pod ask for what the server needs, not for `/ack` alone. Read its log from the start.
    pub(super) struct CleanStart(NoParams) {
        id: "focus-api.startup.clean",
        title: "The server came up whole",
        severity: Severity::Critical,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873"],
        tags: &["api", "smoke"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.configure-refuses", "start-incomplete")],
    }
}

#[async_trait]
impl Check for CleanStart {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let ack = client.get(cx, "/ack").await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let configured = client.configure(cx, &request.text()).await?;
        let exchange = &configured.exchange;
        outage::answered(cx, exchange)?;
        let seen = format!("{}; {}", ack.summary(), exchange.summary());
        let unmeasured =
            "the pod's state and its log are not measured: this target is the API, not the cluster";
        let note = Finding::new("not-measured", Cause::Expected, "the server's pod", unmeasured).note();
        let verdict = Verdict::of(Observation::seen(seen)).with(note);
        let step = if ack.status != StatusCode::OK {
            Some((&ack, format!("it acknowledges with {}", ack.status)))
        } else if configured.job.is_none() || !exchange.status.is_success() {
            Some((exchange, job::refused("a valid live request", exchange).message))
        } else {
            None
        };
        let Some((exchange, why)) = step else { return Ok(verdict) };
        let finding = Finding::new(
            "start-incomplete",
            Cause::Product,
            client.address(),
            format!("the server has not come up whole: {why}"),
        )
        .expected("200 to each, and a job", exchange.status)
        .remedy("read the server's log from its start", "hours");
        let evidence = cx.attach(exchange.to_evidence("failing-step.txt"))?;
        Ok(verdict.with(outage::explained(cx, exchange, finding).evidence(evidence)))
    }
}
