//! `focus-api.config.valid`

use crate::checks::{JOBS, READY};
use crate::client::Configured;
use crate::refusal::{self, words};
use crate::request::ConfigureRequest;
use crate::response;
use crate::target::FocusApi;
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};

register_check! {
    /// A valid live request starts a job, and the answer describes it.
    ///
    /// One request with every parameter, beginning at the lowest channel that the server reports. The answer names the
    /// job and where its stream is, as many channels as were asked for, and lists as long as it says.
    ///
    /// # Why it matters
    /// This is what the product is for. A client that cannot rely on the description shows nothing, or the wrong thing.
    ///
    /// # How to mend it
    /// A refusal names its reason in the body, which is kept as evidence; a 5xx has its stack trace in the server's log.
    /// A description that contradicts itself is a defect of the server: the finding names each field.
    pub(super) struct ConfigValid(NoParams) {
        id: "focus-api.config.valid",
        title: "A valid live request starts a job",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873"],
        tags: &["api", "smoke"],
        requires: READY,
        group: JOBS,
        proofs: &[
            fault("focus-api.configure-refuses", "configure-refused"),
            fault("focus-api.wrong-types", "response-invalid"),
            fault("focus-api.count-mismatch", "response-invalid"),
        ],
    }
}

#[async_trait]
impl Check for ConfigValid {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let configured = client.configure(cx, &request.text()).await?;
        refusal::verdict(cx, &configured.exchange, "a valid live request", judge(&request, &configured))
    }
}

fn judge(request: &ConfigureRequest, configured: &Configured) -> Vec<Finding> {
    let exchange = &configured.exchange;
    if !exchange.status.is_success() {
        let message = format!("a valid live request is answered with {}", exchange.status);
        let finding = Finding::new("configure-refused", Cause::Product, "POST /configure", message)
            .expected("200 and a job", exchange.status)
            .remedy("read the reason in the evidence, or the stack trace in the server's log", "hours");
        let words = words(exchange);
        return vec![if words.trim().is_empty() {
            finding
        } else {
            finding.detail(format!("the server says: {}", words.trim()))
        }];
    }
    let problems = match exchange.json::<Value>() {
        Ok(body) => response::problems(request, &body),
        Err(error) => vec![error.to_string()],
    };
    let finding = |problem| {
        Finding::new("response-invalid", Cause::Product, "POST /configure", problem)
            .remedy("correct the server's description of the job", "a day")
    };
    problems.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Channels;
    use crate::client::Fiber;
    use crate::testing::exchange;

    fn codes(status: u16, body: &str) -> Vec<String> {
        let request =
            ConfigureRequest::live(&Fiber { channels: Channels { lowest: 1, highest: 1 }, prr: 2000.0 });
        let configured = Configured { exchange: exchange(status, body), job: None };
        judge(&request, &configured).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn refusals_and_contradictions_fail() {
        let healthy = r#"{"job_id":"1-1","stream_url":"x","stream_port":"12301","view_type":0,"frequencies_list":[],
            "frequencies_amount":0,"lines_dt":0.2,"channel_amount":1,"stream_amount":1,"channel_to_stream_index":{"1":0}}"#;
        assert_eq!(codes(200, healthy), [""; 0]);
        assert_eq!(codes(503, ""), ["configure-refused"]);
        assert_eq!(codes(200, "<html>"), ["response-invalid"]);
        assert_eq!(
            codes(200, &healthy.replace("\"frequencies_amount\":0", "\"frequencies_amount\":9")),
            ["response-invalid"]
        );
    }
}
