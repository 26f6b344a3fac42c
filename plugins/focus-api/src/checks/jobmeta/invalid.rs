//! `focus-api.jobmeta.invalid`

use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// The metadata of a job that never was is not found.
    ///
    /// `GET /metadata/{job_id}` with an id that no server gives out is answered with 404. Tasks of the planned interface
    /// have their metadata at the same place.
    ///
    /// # Why it matters
    /// A client that is given something for a job that has ended takes it for its own.
    ///
    /// # How to mend it
    /// Look the id up before anything else, and answer 404 with "Invalid job_id".
    pub(super) struct UnknownJob(NoParams) {
        id: "focus-api.jobmeta.invalid",
        title: "The metadata of an unknown job is not found",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13563", "PZ-14762"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.job-metadata-for-anybody", "unknown-job-known")],
    }
}

#[async_trait]
impl Check for UnknownJob {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        // Ids are two numbers; a word with the run's id in it was never given out.
        let path = format!("/metadata/{}", cx.scratch_name("no-such-job"));
        let exchange = client.get(cx, &path).await?;
        let findings = judge(&exchange).into_iter().collect();
        document::verdict(cx, &exchange, "unknown-job", exchange.summary(), findings)
    }
}

fn judge(exchange: &Exchange) -> Option<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "GET /metadata/{job_id}", message).expected("404", exchange.status)
    };
    match exchange.status {
        StatusCode::NOT_FOUND => None,
        // The validation of the path may speak first.
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let message = format!("an unknown job is answered with {}", exchange.status);
            Some(finding("unknown-job-status", message).note())
        }
        status if status.is_success() => Some(
            finding("unknown-job-known", format!("the metadata of an unknown job is answered with {status}"))
                .remedy("look the id up before anything else", "a day"),
        ),
        status => Some(
            finding("unexpected-status", format!("the metadata of an unknown job is answered with {status}"))
                .remedy("answer 404; the server's log has the stack trace", "a day"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn only_404_is_silent() {
        let code = |status| judge(&exchange(status, "")).map(|finding| finding.code);
        assert_eq!(code(404), None);
        assert_eq!(code(422).as_deref(), Some("unknown-job-status"));
        assert_eq!(code(200).as_deref(), Some("unknown-job-known"));
        assert_eq!(code(500).as_deref(), Some("unexpected-status"));
    }
}
