//! `focus-api.livemeta.fields`

use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::document;
use shakedown_focus::metadata::LiveMetadata;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// Live metadata says how samples are stored.
    ///
    /// `GET /live_metadata` carries `num_samples_per_trace` and `dtype`.
    ///
    /// # Why it matters
    /// The client's model requires both: without them it cannot read live metadata at all.
    ///
    /// # How to mend it
    /// Add both fields to the server's answer, or make them optional in the client. While the server waits for its fiber
    /// the question does not arise.
    pub(super) struct SampleFields(NoParams) {
        id: "focus-api.livemeta.fields",
        title: "Live metadata says how samples are stored",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13985"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.metadata-missing-fields", "metadata-field-missing")],
    }
}

#[async_trait]
impl Check for SampleFields {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/live_metadata").await?;
        if exchange.status != StatusCode::OK {
            let why =
                format!("there is no live metadata, which focus-api.livemeta.ok judges: {}", exchange.status);
            return Err(CheckError::not_applicable(why));
        }
        let findings = match document::json(&exchange, "/live_metadata") {
            Err(finding) => vec![*finding],
            Ok(body) => {
                let metadata = LiveMetadata::read(&body).map_err(CheckError::unclear)?;
                let missing = metadata.missing_sample_fields();
                if !missing.is_empty()
                    && let Err(why) = metadata.ready()
                {
                    return Err(CheckError::not_applicable(format!("the server waits for its fiber: {why}")));
                }
                missing.into_iter().map(finding).collect()
            }
        };
        document::verdict(cx, &exchange, "live_metadata", exchange.summary(), findings)
    }
}

fn finding(field: &str) -> Finding {
    let message = format!("`{field}` is missing from live metadata");
    Finding::new("metadata-field-missing", Cause::Product, "GET /live_metadata", message)
        .detail("the client's model requires it, and refuses the whole answer without it")
        .remedy("add the field to the server's answer, or make it optional in the client", "a day")
}
