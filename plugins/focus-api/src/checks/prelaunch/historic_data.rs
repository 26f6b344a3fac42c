//! `focus-api.prelaunch.historic-data`

use crate::checks::{JOBS, READY};
use crate::refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::duration::brief;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::Configured;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// The last hour can be played back, or the server says that nothing was recorded.
    ///
    /// A job is started for the last hour; or the answer is 404 or 400 and says that there is no data. `require_data` asks
    /// for the job. A 503 is put down to what the server lacks, and must come within `outage_within`. The hour ends a minute ago, so that clocks that differ do not make it a future one, and the window is
    /// wide enough that it does not span more than thirty.
    ///
    /// # Why it matters
    /// Playing back what just happened is what operators do after an alarm. An hour without recordings is no fault of the
    /// server; a crash over it is one.
    ///
    /// # How to mend it
    /// For a 5xx read the server's log, and look at MongoDB first: range queries need its indexes. Where nothing was
    /// recorded, look at the recorder.
    pub(super) struct HistoricData(HistoricParams) {
        id: "focus-api.prelaunch.historic-data",
        title: "The last hour can be played back, or was not recorded",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13548", "PZ-13863", "PZ-13640"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[
            fault("focus-api.historic-500", "server-error"),
            fault("focus-api.database-down", "dependency-down"),
            fault("focus-api.slow-outage", "outage-slow"),
        ],
    }
}

/// How much is asked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct HistoricParams {
    /// Whether an hour without recordings is a failure too.
    require_data: bool,
    /// How long the server may take to say that it cannot look.
    outage_within: HumanDuration,
}

impl Default for HistoricParams {
    fn default() -> Self {
        Self { require_data: false, outage_within: HumanDuration::secs(5) }
    }
}

impl Params for HistoricParams {}

const HOUR: i64 = 3600;
const SKEW: i64 = 60;

#[async_trait]
impl Check for HistoricData {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let end = cx.clock.epoch_seconds() - SKEW;
        let request = ConfigureRequest::live(&client.fiber(cx).await?).historic(end - HOUR, end);
        let configured = client.configure(cx, &request.text()).await?;
        let exchange = &configured.exchange;
        let finding = judge(&configured, self.params.require_data);
        let mut findings: Vec<_> =
            finding.map(|finding| outage::explained(cx, exchange, finding)).into_iter().collect();
        findings.extend(self.params.outage_slow(exchange));
        refusal::verdict(cx, exchange, "the last hour", findings)
    }
}

impl HistoricParams {
    /// That a server which cannot look takes long to say so.
    fn outage_slow(&self, exchange: &Exchange) -> Option<Finding> {
        let elapsed = exchange.elapsed.total;
        (exchange.status.is_server_error() && elapsed >= self.outage_within.0).then(|| {
            let took = brief(elapsed);
            let message = format!("the server takes {took} to say that it cannot look for recordings");
            Finding::new("outage-slow", Cause::Product, "POST /configure", message)
                .expected(format!("less than {}", self.outage_within), took)
                .remedy(
                    "shorten the driver's time-out for choosing a server, and fail at once while it is away",
                    "a day",
                )
        })
    }
}

fn judge(configured: &Configured, require_data: bool) -> Option<Finding> {
    let Configured { exchange, job } = configured;
    let status = exchange.status;
    let product = |code, message: String| {
        Finding::new(code, Cause::Product, "POST /configure", message)
            .expected("a job, or 404 saying that there is no data", status)
    };
    match status {
        status if status.is_success() => job.is_none().then(|| {
            product("job-missing", format!("the last hour is answered with {status}, but no `job_id`"))
                .remedy("return the id of the job that was started", "a day")
        }),
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
            let words = words(exchange);
            Some(if mentions(&words, &["data", "recording"]) {
                let message = format!("nothing was recorded in the last hour: \"{}\"", words.trim());
                let finding = Finding::new("no-recordings", Cause::Data, "POST /configure", message);
                if require_data { finding.remedy("look at the recorder", "an hour") } else { finding.note() }
            } else {
                product(
                    "reason-missing",
                    format!("the last hour is refused with {status}, not saying that there is no data"),
                )
                .remedy("say in the answer that nothing was recorded", "a day")
            })
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let message =
                format!("the server cannot look for recordings: {status}, \"{}\"", words(exchange).trim());
            Some(
                Finding::new("dependency-down", Cause::Environment, "POST /configure", message)
                    .expected("a job, or 404 saying that there is no data", status)
                    .remedy("bring back what the server's log says it waits for; MongoDB first", "minutes"),
            )
        }
        status if status.is_server_error() => {
            Some(product("server-error", format!("the server fails at the last hour with {status}")).remedy(
                "read the server's log; look at MongoDB and the indexes of its recordings first",
                "hours",
            ))
        }
        status => Some(
            product("historic-refused", format!("a valid historic request is refused with {status}"))
                .remedy("read the server's reason in the evidence", "hours"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    fn judged(status: u16, body: &str, require_data: bool) -> Option<(String, Weight)> {
        let job = (status == 200).then(|| "1-1".to_owned());
        judge(&Configured { exchange: exchange(status, body), job }, require_data)
            .map(|finding| (finding.code, finding.weight))
    }

    #[test]
    fn a_job_or_no_data() {
        let is = |code: &str, weight| Some((code.to_owned(), weight));
        assert_eq!(judged(200, "{}", true), None);
        assert_eq!(
            judged(404, r#"{"detail":"No recordings found"}"#, false),
            is("no-recordings", Weight::Note)
        );
        assert_eq!(judged(400, "no data in this range", true), is("no-recordings", Weight::Fail));
        assert_eq!(judged(404, r#"{"detail":"Not Found"}"#, false), is("reason-missing", Weight::Fail));
        assert_eq!(judged(500, "", false), is("server-error", Weight::Fail));
        assert_eq!(
            judged(503, r#"{"detail":"database is down"}"#, false),
            is("dependency-down", Weight::Fail)
        );
        assert_eq!(judged(422, "", false), is("historic-refused", Weight::Fail));
    }

    #[test]
    fn an_outage_is_said_soon() {
        let after = |status, seconds| {
            let mut exchange = exchange(status, "");
            exchange.elapsed.total = std::time::Duration::from_secs(seconds);
            HistoricParams::default().outage_slow(&exchange).map(|finding| finding.code)
        };
        assert_eq!((after(503, 4), after(200, 15)), (None, None));
        assert_eq!(after(503, 15).as_deref(), Some("outage-slow"));
    }
}
