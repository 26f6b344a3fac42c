//! `focus-api.jobmeta.valid`

use crate::checks::{JOBS, STARTS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::duration::brief;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document::{self, whole_or_digits};
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// A job that was just started has metadata, which agrees with what its start was answered with.
    ///
    /// One job is started, and its metadata is asked for at once. While the server does not know the job, it is asked
    /// again for a few seconds; the delay is a warning. The metadata describes this job: id, view, amounts and stream are
    /// those of the first answer. The same is then asked of a view of a single channel.
    ///
    /// # Why it matters
    /// A client that reconnects has nothing but the id. Where the server cannot say what belongs to it, the view is lost.
    ///
    /// # How to mend it
    /// Store the job before `/configure` answers. Where jobs are found by a label of their pod, set the label.
    pub(super) struct JobMetadata(MetadataParams) {
        id: "focus-api.jobmeta.valid",
        title: "A job that was just started has metadata",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13563", "PZ-13269", "PZ-13860"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        proofs: &[
            fault("focus-api.job-metadata-late", "job-metadata-late"),
            fault("focus-api.job-metadata-unknown", "job-metadata-missing"),
            fault("focus-api.job-metadata-foreign", "job-metadata-contradicts"),
        ],
    }
}

/// How long the server may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MetadataParams {
    /// A job that is unknown for longer has no metadata.
    patience: HumanDuration,
    /// A job that is unknown at first is a failure, not a warning.
    strict: bool,
}

impl Default for MetadataParams {
    fn default() -> Self {
        Self { patience: HumanDuration::secs(5), strict: false }
    }
}

impl Params for MetadataParams {}

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(200);

#[async_trait]
impl Check for JobMetadata {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let job = client.start(cx, &request).await?;
        let (exchange, delay) = self.ask(cx, &client, &job).await?;

        let mut cases = Cases::new();
        let findings = judge(&exchange, &job, self.params.patience);
        let known = document::verdict(cx, &exchange, "job-metadata", exchange.summary(), findings);
        cases.push(Case::new("a job has metadata", &["PZ-13563"], known));
        let at_once = if exchange.status == StatusCode::OK {
            let late = (!delay.is_zero()).then(|| self.late(delay));
            let millis = Measurement::new("unknown for", delay.as_secs_f64() * 1000.0, Unit::Milliseconds);
            document::verdict(cx, &exchange, "job-metadata", exchange.summary(), late.into_iter().collect())
                .map(|verdict| verdict.measured(millis))
        } else {
            Err(CheckError::not_applicable("it has none at all"))
        };
        cases.push(Case::new("and has it at once", &["PZ-13269"], at_once));
        cases.push(Case::new(
            "a single channel has metadata",
            &["PZ-13860"],
            self.single(cx, &client, &request).await,
        ));
        cases.verdict()
    }
}

impl JobMetadata {
    async fn single(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let job = client.start(cx, &request.of_channel(request.number("/channels/min"))).await?;
        let (exchange, _) = self.ask(cx, client, &job).await?;
        let findings = judge(&exchange, &job, self.params.patience);
        document::verdict(cx, &exchange, "job-metadata", exchange.summary(), findings)
    }

    /// Asks until the job is known. Says how long it was not.
    async fn ask(
        &self,
        cx: &Context,
        client: &FocusClient,
        job: &Job,
    ) -> Result<(Exchange, Duration), CheckError> {
        let started = Instant::now();
        let mut delay = Duration::ZERO;
        loop {
            let (exchange, _) = job.metadata(cx, client).await?;
            if exchange.status != StatusCode::NOT_FOUND || started.elapsed() >= self.params.patience.0 {
                return Ok((exchange, delay));
            }
            tokio::time::sleep(PAUSE).await;
            delay = started.elapsed();
        }
    }

    fn late(&self, delay: Duration) -> Finding {
        let message = format!("a job that was just started is unknown for {}", brief(delay));
        let finding = Finding::new("job-metadata-late", Cause::Product, "GET /metadata/{job_id}", message)
            .expected("200 at once", format!("404 for {}", brief(delay)))
            .remedy("store the job before `/configure` answers", "a day");
        if self.params.strict { finding } else { finding.warn() }
    }
}

fn judge(exchange: &Exchange, job: &Job, patience: HumanDuration) -> Vec<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "GET /metadata/{job_id}", message)
            .remedy("store the job with all that `/configure` says of it", "a day")
    };
    match exchange.status {
        StatusCode::OK => match exchange.json::<Value>() {
            Ok(body) => {
                let contradictions = contradictions(&job.answer, &body).into_iter();
                contradictions.map(|text| finding("job-metadata-contradicts", text)).collect()
            }
            Err(error) => vec![finding("not-json", error.to_string())],
        },
        StatusCode::NOT_FOUND => {
            let message = format!("job {} was started, and has no metadata after {patience}", job.id);
            vec![finding("job-metadata-missing", message).expected("200", exchange.status)]
        }
        status => {
            let message = format!("the metadata of job {} is answered with {status}", job.id);
            vec![finding("unexpected-status", message).expected("200", status)]
        }
    }
}

/// Where metadata contradicts the answer to `/configure`. What it leaves out contradicts nothing.
fn contradictions(answer: &Value, metadata: &Value) -> Vec<String> {
    const FIELDS: [&str; 8] = [
        "job_id",
        "view_type",
        "stream_port",
        "channel_amount",
        "stream_amount",
        "frequencies_amount",
        "lines_dt",
        "channel_to_stream_index",
    ];
    let differs = |field: &&str| {
        let (then, now) = (&answer[*field], &metadata[*field]);
        let same = match (whole_or_digits(then), whole_or_digits(now)) {
            (Some(then), Some(now)) => then == now,
            _ => then == now,
        };
        !same && !then.is_null() && !now.is_null()
    };
    let text = |field: &str| {
        let shown = document::shown;
        format!(
            "`{field}` is {}, and was {} when the job started",
            shown(&metadata[field]),
            shown(&answer[field])
        )
    };
    if metadata.is_object() {
        FIELDS.into_iter().filter(differs).map(text).collect()
    } else {
        vec![format!("the metadata is {}, not an object", document::shown(metadata))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_may_say_less_but_nothing_else() {
        let answer = json!({ "job_id": "1-3", "stream_port": 12301, "lines_dt": 0.25, "status": "" });
        let of = |metadata: Value| contradictions(&answer, &metadata);
        assert_eq!(of(json!({ "job_id": "1-3", "stream_port": "12301", "status": "running" })), [""; 0]);
        assert_eq!(of(json!({})), [""; 0]);
        assert_eq!(
            of(json!({ "job_id": "1-4" })),
            [r#"`job_id` is "1-4", and was "1-3" when the job started"#]
        );
        assert_eq!(of(json!([])).len(), 1);
    }
}
