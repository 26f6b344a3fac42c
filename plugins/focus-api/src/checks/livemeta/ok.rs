//! `focus-api.livemeta.ok`

use crate::document;
use crate::metadata::LiveMetadata;
use crate::target::FocusApi;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};

register_check! {
    /// Live metadata is complete and makes sense.
    ///
    /// `GET /live_metadata` gives a pulse rate and a channel spacing above zero, a number of channels, the extent of the
    /// fiber and two texts, each of the right type. While the server waits for its fiber the values are placeholders, and
    /// only their form is judged.
    ///
    /// # Why it matters
    /// Clients compute frequencies from the pulse rate and positions from the channel spacing. A wrong one does not fail:
    /// it draws the wrong picture.
    ///
    /// # How to mend it
    /// The finding names each field. Compare it with the settings of the interrogator; the server takes the values from
    /// there.
    pub(super) struct LiveMetadataOk(NoParams) {
        id: "focus-api.livemeta.ok",
        title: "Live metadata is complete and makes sense",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13764", "PZ-13561"],
        tags: &["api", "smoke"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.metadata-invalid", "metadata-invalid")],
    }
}

#[async_trait]
impl Check for LiveMetadataOk {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/live_metadata").await?;
        let (seen, findings) = match document::json(&exchange, "/live_metadata") {
            Err(finding) => (exchange.summary(), vec![*finding]),
            Ok(body) => match LiveMetadata::read(&body) {
                Err(problem) => (exchange.summary(), vec![invalid(problem)]),
                Ok(metadata) => {
                    let state = match metadata.ready() {
                        Ok(prr) => format!("{prr} pulses per second"),
                        Err(why) => format!("no fiber yet ({why})"),
                    };
                    let findings = metadata.problems().into_iter().map(invalid).collect();
                    (format!("{state}; {}", exchange.summary()), findings)
                }
            },
        };
        document::verdict(cx, &exchange, "live_metadata", seen, findings)
    }
}

fn invalid(problem: String) -> Finding {
    Finding::new("metadata-invalid", Cause::Product, "GET /live_metadata", problem)
        .remedy("compare the field with the settings of the interrogator", "an hour")
}
