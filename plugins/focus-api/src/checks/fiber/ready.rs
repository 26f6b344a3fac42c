//! `focus-api.fiber.ready`

use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::document;
use shakedown_focus::metadata::LiveMetadata;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// The server has a fiber to look at.
    ///
    /// Live metadata shows a pulse rate above zero, and does not say "waiting for fiber".
    ///
    /// # Why it matters
    /// Without a fiber the server refuses every job with 503. That is right, and no defect of what is tested: so the
    /// checks that start jobs are skipped, naming this one, instead of failing one by one.
    ///
    /// # How to mend it
    /// Connect the fiber or the player that stands in for it, start the interrogator, and wait until live metadata shows
    /// a pulse rate. Where metadata was never loaded, restart the server.
    pub(super) struct FiberReady(NoParams) {
        id: "focus-api.fiber.ready",
        title: "The server has a fiber to look at",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("focus-api"),
        tags: &["api", "smoke"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.waiting-for-fiber", "waiting-for-fiber")],
    }
}

#[async_trait]
impl Check for FiberReady {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/live_metadata").await?;
        if exchange.status != StatusCode::OK {
            let why =
                format!("there is no live metadata, which focus-api.livemeta.ok judges: {}", exchange.status);
            return Err(CheckError::not_applicable(why));
        }
        let (seen, findings) = match document::json(&exchange, "/live_metadata") {
            Err(finding) => (exchange.summary(), vec![*finding]),
            Ok(body) => match LiveMetadata::read(&body).and_then(LiveMetadata::ready) {
                Ok(prr) => (format!("the fiber is pulsed {prr} times per second"), Vec::new()),
                Err(why) => (exchange.summary(), vec![waiting(&why)]),
            },
        };
        document::verdict(cx, &exchange, "live_metadata", seen, findings)
    }
}

fn waiting(why: &str) -> Finding {
    let message = format!("the server waits for its fiber: {why}");
    Finding::new("waiting-for-fiber", Cause::Environment, "GET /live_metadata", message)
        .expected("`prr` above 0 and a version in `sw_version`", why)
        .detail("`/configure` answers 503 in this state; asking again only burdens the server")
        .remedy("connect the fiber or its player, start the interrogator, then run again", "minutes")
}
