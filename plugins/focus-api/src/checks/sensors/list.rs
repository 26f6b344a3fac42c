//! `focus-api.sensors.list`

use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::document;
use shakedown_focus::planned::{not_deployed, read_sensors};
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// The server lists its sensors.
    ///
    /// `GET /sensors` of the planned interface is answered with numbers from 0 up, at least one. Where the interface is
    /// not deployed, the check is skipped, and so are those that need the list.
    ///
    /// # Why it matters
    /// Every task is asked for in sensors of this list.
    ///
    /// # How to mend it
    /// Compare the list with the channels of the fiber.
    pub(super) struct SensorList(NoParams) {
        id: "focus-api.sensors.list",
        title: "The server lists its sensors",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13897"],
        tags: &["api", "planned"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.sensors-empty", "sensors-invalid")],
    }
}

#[async_trait]
impl Check for SensorList {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/sensors").await?;
        if exchange.status == StatusCode::NOT_FOUND {
            return Err(not_deployed(&exchange));
        }
        let read = document::json(&exchange, "/sensors").and_then(|body| {
            read_sensors(&body).map_err(|problem| {
                let finding = Finding::new("sensors-invalid", Cause::Product, "GET /sensors", problem);
                Box::new(finding.remedy("compare the list with the channels of the fiber", "an hour"))
            })
        });
        let (seen, findings) = match read {
            Ok(sensors) => (format!("{} sensors; {}", sensors.len(), exchange.summary()), Vec::new()),
            Err(finding) => (exchange.summary(), vec![*finding]),
        };
        document::verdict(cx, &exchange, "sensors", seen, findings)
    }
}
