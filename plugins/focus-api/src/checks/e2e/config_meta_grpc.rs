//! `focus-api.e2e.config-meta-grpc`

use crate::checks::{JOBS, STARTS};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::stream::{NotReady, Stream};
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;
use std::time::Duration;

register_check! {
    /// From the request to the stream: a job starts, its stream gets ready.
    ///
    /// A view of several channels and one of a single channel are started. The port of each accepts a connection within
    /// the time allowed and speaks HTTP/2, which gRPC runs on: preface and settings are exchanged. No row is read, and
    /// the connection is closed at once, which ends the job.
    ///
    /// # Why it matters
    /// A job whose stream cannot be reached is an empty screen, and `/configure` has said that all is well.
    ///
    /// # How to mend it
    /// Where the port refuses, look at the job's pod and its service, and at the firewall between them and here. Where it
    /// accepts and says nothing, look at the analyzer's log.
    pub(super) struct ConfigureToStream(StreamParams) {
        id: "focus-api.e2e.config-meta-grpc",
        title: "From the request to a stream that is ready",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13570", "PZ-13862"],
        tags: &["api", "smoke"],
        requires: STARTS,
        group: JOBS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[
            fault("focus-api.stream-closed", "stream-not-ready"),
            fault("focus-api.stream-mute", "stream-not-ready"),
        ],
    }
}

/// How long a stream may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct StreamParams {
    /// A stream must be ready within this time after its job was started.
    ready_within: HumanDuration,
}

impl Default for StreamParams {
    fn default() -> Self {
        Self { ready_within: HumanDuration::secs(15) }
    }
}

impl Params for StreamParams {}

#[async_trait]
impl Check for ConfigureToStream {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let several = ConfigureRequest::live(&client.fiber(cx).await?);
        let one = several.of_channel(several.number("/channels/min"));
        let views = [("several channels", "PZ-13570", several), ("one channel", "PZ-13862", one)];
        let mut jobs = Vec::new();
        for (name, key, request) in views {
            jobs.push((name, key, client.try_start(cx, &request, name).await?));
        }
        let within = self.params.ready_within.0;
        let cases = jobs.iter().map(|(name, key, started)| {
            let client = &client;
            async move {
                let answer = match started {
                    Ok(job) => follow(cx, client, job, name, within).await,
                    Err((exchange, _)) => Err(CheckError::unclear(format!(
                        "there is no job to look at: {}",
                        exchange.summary()
                    ))),
                };
                Case::new(*name, &[*key], answer)
            }
        });
        let mut all = Cases::new();
        join_all(cases).await.into_iter().for_each(|case| all.push(case));
        all.verdict()
    }
}

async fn follow(
    cx: &Context,
    client: &FocusClient,
    job: &Job,
    what: &str,
    within: Duration,
) -> Result<Verdict, CheckError> {
    let stream = job.stream(within).await;
    let (metadata, _) = job.metadata(cx, client).await?;
    let findings = judge(job, &stream, within).into_iter().chain(unknown(metadata.status)).collect();
    let verdict = job.verdict(cx, what, findings)?;
    Ok(match stream {
        Ok(stream) => {
            let millis = stream.ready_after.as_secs_f64() * 1000.0;
            verdict.measured(Measurement::new("stream ready after", millis, Unit::Milliseconds))
        }
        Err(_) => verdict,
    })
}

fn judge(job: &Job, stream: &Result<Stream, NotReady>, within: Duration) -> Option<Finding> {
    let why = stream.as_ref().err()?;
    let place = job.place().map_or_else(|| "no address".to_owned(), |(host, port)| format!("{host}:{port}"));
    let (cause, look) = match why {
        NotReady::Closed(_) => (Cause::Environment, "look at the job's pod and service, and at the firewall"),
        _ => (Cause::Product, "look at the analyzer's log"),
    };
    let message = format!("the stream of job {} is not ready: {why}", job.id);
    Some(
        Finding::new("stream-not-ready", cause, place, message)
            .expected(format!("HTTP/2 within {}", HumanDuration(within)), why)
            .remedy(look, "hours"),
    )
}

/// A note where the server does not know the job it has started; `focus-api.jobmeta.valid` judges that.
fn unknown(status: StatusCode) -> Option<Finding> {
    let message =
        format!("the job's metadata is answered with {status}; focus-api.jobmeta.valid judges this");
    let note = Finding::new("job-unknown", Cause::Product, "GET /metadata/{job_id}", message).note();
    (status != StatusCode::OK).then_some(note)
}
