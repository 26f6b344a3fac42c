//! `focus-api.historic.short`

use crate::checks::{HISTORY, JOBS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::{Job, has_ended};
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::stream::Stream;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;
use std::time::{Duration, Instant};

register_check! {
    /// One recorded minute is played back and then ends by itself.
    ///
    /// A view of one recorded minute is started and its stream is held open. Within thirty seconds the server ends it: it
    /// closes the stream, or its metadata says that the job has ended or is no longer known.
    ///
    /// # Why it matters
    /// A playback that never ends occupies its pod until a timer ends it, and its user does not learn that there is no
    /// more to come.
    ///
    /// # How to mend it
    /// Look at the end of the recorded data in the analyzer: it has to close its stream and exit.
    pub(super) struct ShortPlayback(ShortParams) {
        id: "focus-api.historic.short",
        title: "One recorded minute is played back and ends",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13865", "PZ-14101", "PZ-13864"],
        tags: &["api"],
        requires: HISTORY,
        group: JOBS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("focus-api.history-endless", "playback-endless")],
    }
}

/// How long it may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ShortParams {
    /// The playback must have ended after this time.
    ends_within: HumanDuration,
}

impl Default for ShortParams {
    fn default() -> Self {
        Self { ends_within: HumanDuration::secs(30) }
    }
}

impl Params for ShortParams {}

const MINUTE: i64 = 60;
/// How long a look at the stream takes before the metadata is asked.
const LOOK: Duration = Duration::from_millis(500);

#[async_trait]
impl Check for ShortPlayback {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let live = ConfigureRequest::live(&client.fiber(cx).await?);
        let (start, end) = recorded(cx, &client, MINUTE).await?;
        let job = client.start(cx, &live.historic(start, end)).await?;
        let within = self.params.ends_within.0;
        let started = Instant::now();
        // A stream that cannot be reached is judged elsewhere; the metadata may still tell.
        let mut stream = job.stream(within.min(Duration::from_secs(10))).await.ok();
        let mut known = false;
        let sign = loop {
            if let Some(sign) = sign(cx, &client, &job, stream.as_mut(), &mut known).await? {
                break Some(sign);
            }
            if started.elapsed() >= within {
                break None;
            }
            cx.progress(started.elapsed().as_secs(), within.as_secs(), "waiting for the end of the playback");
        };
        let Some(sign) = sign else {
            if stream.is_none() && !known {
                let why = "neither the stream nor the metadata of the job can be looked at";
                return Err(CheckError::unclear(why));
            }
            return job.verdict(cx, "one recorded minute", vec![self.endless(&job)]);
        };
        let seconds = started.elapsed().as_secs_f64();
        let verdict = job.verdict(cx, &format!("one recorded minute ended ({sign})"), Vec::new())?;
        Ok(verdict.measured(Measurement::new("ended after", seconds, Unit::Seconds)))
    }
}

/// What shows that the playback has ended, if it has.
async fn sign(
    cx: &Context,
    client: &FocusClient,
    job: &Job,
    stream: Option<&mut Stream>,
    known: &mut bool,
) -> Result<Option<&'static str>, CheckError> {
    match stream {
        Some(stream) => {
            if stream.ended(LOOK).await {
                return Ok(Some("the stream was closed"));
            }
        }
        None => tokio::time::sleep(LOOK).await,
    }
    let (exchange, metadata) = job.metadata(cx, client).await?;
    if metadata.as_ref().is_some_and(has_ended) {
        return Ok(Some("its metadata says so"));
    }
    let forgotten = *known && exchange.status == StatusCode::NOT_FOUND;
    *known |= exchange.status == StatusCode::OK;
    Ok(forgotten.then_some("its metadata is gone"))
}

impl ShortPlayback {
    fn endless(&self, job: &Job) -> Finding {
        let within = self.params.ends_within;
        let message = format!("job {} plays back one minute, and has not ended after {within}", job.id);
        Finding::new("playback-endless", Cause::Product, "POST /configure", message)
            .expected(format!("an end within {within}"), "none")
            .remedy("let the analyzer close its stream at the end of the recorded data", "days")
    }
}
