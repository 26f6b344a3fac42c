//! `focus-api.prelaunch.live-data`

use crate::checks::{JOBS, READY};
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::Configured;
use shakedown_focus::outage::{self, reason};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// A live view starts, or the server says why it cannot.
    ///
    /// A valid live request is sent. It starts a job; or it is answered with 503 or 404 and a reason. `require_data` asks
    /// for the job.
    ///
    /// # Why it matters
    /// Data that is not there is no fault of the server; leaving the user without a reason is one. The 503 is put down to
    /// what the server says it lacks or, where it says nothing, to what other checks found; it is never asked again.
    ///
    /// # How to mend it
    /// For a 5xx without a reason read the server's log. Where data is missing, look at the fiber and at the analyzer's
    /// queues.
    pub(super) struct LiveData(LiveParams) {
        id: "focus-api.prelaunch.live-data",
        title: "A live view starts, or the server says why not",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13547", "PZ-13873", "PZ-13561", "PZ-14781"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[
            fault("focus-api.configure-refuses", "server-error"),
            fault("focus-api.bare-503", "reason-missing"),
        ],
    }
}

/// How much is asked.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LiveParams {
    /// Whether a reasoned refusal is a failure too.
    require_data: bool,
}

impl Params for LiveParams {}

#[async_trait]
impl Check for LiveData {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let configured = client.configure(cx, &request.text()).await?;
        let finding = judge(&configured, self.params.require_data)
            .map(|finding| outage::explained(cx, &configured.exchange, finding));
        refusal::verdict(cx, &configured.exchange, "live data", finding.into_iter().collect())
    }
}

fn judge(configured: &Configured, require_data: bool) -> Option<Finding> {
    let Configured { exchange, job } = configured;
    let status = exchange.status;
    let product = |code, message: String| Finding::new(code, Cause::Product, "POST /configure", message);
    match status {
        status if status.is_success() => job.is_none().then(|| {
            product("job-missing", format!("a live request is answered with {status}, but no `job_id`"))
                .expected("a job", "none")
                .remedy("return the id of the job that was started", "a day")
        }),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::NOT_FOUND => Some(match reason(exchange) {
            None => {
                product("reason-missing", format!("a live request is answered with {status} and no reason"))
                    .expected("a job, or the reason why there is none", status)
                    .remedy("say in the answer what is missing", "a day")
            }
            Some(reason) => {
                let message = format!("there is no live data: the server answers {status}, \"{reason}\"");
                let finding = Finding::new("no-live-data", Cause::Data, "POST /configure", message);
                if require_data { finding } else { finding.note() }
            }
        }),
        status if status.is_server_error() => Some(
            product("server-error", format!("the server fails at a live request with {status}"))
                .expected("a job, or 503 or 404 with a reason", status)
                .remedy("read the stack trace in the server's log", "hours"),
        ),
        status => Some(
            product("live-refused", format!("a valid live request is refused with {status}"))
                .expected("a job, or 503 or 404 with a reason", status)
                .remedy("read the server's reason in the evidence", "hours"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    fn judged(status: u16, body: &str, job: Option<&str>, require_data: bool) -> Option<(String, Weight)> {
        let configured = Configured { exchange: exchange(status, body), job: job.map(str::to_owned) };
        judge(&configured, require_data).map(|finding| (finding.code, finding.weight))
    }

    #[test]
    fn a_job_or_a_reason() {
        let of = |status, body| judged(status, body, None, false);
        let is = |code: &str, weight| Some((code.to_owned(), weight));
        assert_eq!(judged(200, "{}", Some("1-1"), true), None);
        assert_eq!(of(200, "{}"), is("job-missing", Weight::Fail));
        assert_eq!(of(503, r#"{"detail":"the analyzer is starting"}"#), is("no-live-data", Weight::Note));
        assert_eq!(judged(503, r#"{"detail":"starting"}"#, None, true), is("no-live-data", Weight::Fail));
        assert_eq!(of(503, ""), is("reason-missing", Weight::Fail));
        assert_eq!(of(404, r#"{"detail":"Not Found"}"#), is("reason-missing", Weight::Fail));
        assert_eq!(of(500, "Internal Server Error"), is("server-error", Weight::Fail));
        assert_eq!(of(400, r#"{"detail":"no"}"#), is("live-refused", Weight::Fail));
    }
}
