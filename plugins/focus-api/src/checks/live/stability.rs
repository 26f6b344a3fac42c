//! `focus-api.live.stability`

use crate::checks::{JOBS, STARTS};
use futures_util::future::join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Measurement,
    Observation, Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::stream::NotReady;
use shakedown_focus::target::FocusApi;
use std::time::{Duration, Instant};

register_check! {
    /// A live view stays up for five minutes.
    ///
    /// A view of several channels and one of a single channel are started and their streams held open. Every thirty
    /// seconds each stream is asked for a sign of life, which HTTP/2 provides, and gives one; at most two may fail. No row
    /// is read: where the server closes a stream that has been idle for as long as its own timer says, the view is started
    /// anew and that is noted.
    ///
    /// # Why it matters
    /// Users leave a live view open all day. One that breaks off is noticed when it is needed.
    ///
    /// # How to mend it
    /// The finding says when the stream was lost. Look at the restarts and the log of the job's pod at that time.
    pub(super) struct LiveStability(StabilityParams) {
        id: "focus-api.live.stability",
        title: "A live view stays up",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13800", "PZ-13570", "PZ-13859"],
        tags: &["soak"],
        requires: STARTS,
        group: JOBS,
        alone: true,
        timeout: Some(Duration::from_mins(15)),
        proofs: &[fault("focus-api.stream-drops", "live-unstable")],
    }
}

/// How long, and how much may go wrong.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct StabilityParams {
    /// How often each stream is asked for a sign of life.
    polls: u32,
    /// How long to wait before each.
    interval: HumanDuration,
    /// How many may fail.
    max_errors: u32,
    /// How long a sign of life may take.
    patience: HumanDuration,
    /// The server's own timer: it may close a stream that has been idle for this long.
    idle: HumanDuration,
}

impl Default for StabilityParams {
    fn default() -> Self {
        Self {
            polls: 10,
            interval: HumanDuration::secs(30),
            max_errors: 2,
            patience: HumanDuration::secs(5),
            idle: HumanDuration::secs(170),
        }
    }
}

impl Params for StabilityParams {
    fn validate(&self) -> Result<(), String> {
        if self.polls == 0 {
            Err("`polls` is 0; at least 1 is needed".to_owned())
        } else if self.max_errors >= self.polls {
            Err(format!("`max_errors` ({}) must be less than `polls` ({})", self.max_errors, self.polls))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for LiveStability {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let several = ConfigureRequest::live(&client.fiber(cx).await?);
        let one = several.of_channel(several.number("/channels/min"));
        let first = client.start(cx, &several).await?;
        let second = client.start(cx, &one).await?;
        let (first, second) =
            join(self.watch(cx, &client, &several, first), self.watch(cx, &client, &one, second)).await;
        let mut cases = Cases::new();
        cases.push(Case::new("several channels", &["PZ-13800", "PZ-13570"], first));
        cases.push(Case::new("one channel", &["PZ-13859"], second));
        cases.verdict()
    }
}

/// What came of one look at a stream.
struct Poll {
    after: Duration,
    took: Result<Duration, NotReady>,
}

impl LiveStability {
    /// Holds a job's stream open and asks it for signs of life.
    async fn watch(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
        mut job: Job,
    ) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let not_ready = |why: &NotReady| {
            let why = format!("the stream is not ready, which focus-api.e2e.config-meta-grpc judges: {why}");
            CheckError::not_applicable(why)
        };
        let mut stream = job.stream(Duration::from_secs(15)).await.map_err(|why| not_ready(&why))?;
        let started = Instant::now();
        let mut opened = started;
        let mut renewed = 0_u32;
        let mut polls: Vec<Poll> = Vec::new();
        for poll in 1..=params.polls {
            tokio::time::sleep(params.interval.0).await;
            let asked = Instant::now();
            let mut sign = stream.ping(params.patience.0).await;
            if sign.is_err() && opened.elapsed() >= params.idle.0 {
                renewed += 1;
                job = client.start(cx, request).await?;
                stream = job.stream(params.patience.0).await.map_err(|why| not_ready(&why))?;
                opened = Instant::now();
                sign = stream.ping(params.patience.0).await;
            } else if sign.is_err() {
                // A connection that broke may have been the network's fault; the job may still be there.
                if let Ok(again) = job.stream(Duration::from_millis(500)).await {
                    stream = again;
                }
            }
            polls.push(Poll { after: asked - started, took: sign.map(|()| asked.elapsed()) });
            cx.progress(poll.into(), params.polls.into(), "signs of life");
        }
        self.judge(cx, &job, &polls, renewed)
    }

    fn judge(&self, cx: &Context, job: &Job, polls: &[Poll], renewed: u32) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let failed: Vec<&Poll> = polls.iter().filter(|poll| poll.took.is_err()).collect();
        let mut verdict = Verdict::of(Observation::counted(polls.len() as u64, "signs of life")?);
        let millis = polls.iter().filter_map(|poll| poll.took.as_ref().ok());
        let millis: Vec<f64> = millis.map(|took| took.as_secs_f64() * 1000.0).collect();
        if let Ok(times) = Samples::new("signs of life", millis) {
            let p95 =
                Measurement::new("p95", times.percentile(95.0), Unit::Milliseconds).with_samples(&times);
            verdict = verdict.measured(p95);
        }
        if renewed > 0 {
            let message =
                format!("the server closed an idle stream {renewed} times; the view was started anew");
            verdict =
                verdict.with(Finding::new("stream-idle", Cause::Expected, "the stream", message).note());
        }
        let Some(first) = failed.first() else { return Ok(verdict) };
        let why = first.took.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let after = HumanDuration(Duration::from_secs(first.after.as_secs()));
        let message = format!(
            "{} of {} signs of life failed; the first after {after}: {why}",
            failed.len(),
            polls.len()
        );
        let finding = Finding::new("live-unstable", Cause::Product, format!("job {}", job.id), message)
            .expected(format!("at most {} failures", params.max_errors), failed.len())
            .remedy("look at the restarts and the log of the job's pod at that time", "hours")
            .evidence(cx.attach(Evidence::json("signs-of-life.json", &series(polls)))?);
        let many = u32::try_from(failed.len()).unwrap_or(u32::MAX) > params.max_errors;
        Ok(verdict.with(if many { finding } else { finding.warn() }))
    }
}

fn series(polls: &[Poll]) -> serde_json::Value {
    let rows = polls.iter().map(|poll| {
        let took = poll.took.as_ref().map(Duration::as_millis).map_err(ToString::to_string);
        let (millis, error) = (took.as_ref().ok(), took.as_ref().err());
        json!({ "after_s": poll.after.as_secs_f64(), "took_ms": millis, "error": error })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_make_sense() {
        let params = StabilityParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(StabilityParams { polls: 0, ..params() }.validate().is_err());
        assert!(StabilityParams { max_errors: 10, ..params() }.validate().is_err());
    }

    #[test]
    fn the_series_keeps_failures() {
        let polls = [
            Poll { after: Duration::from_secs(30), took: Ok(Duration::from_millis(2)) },
            Poll { after: Duration::from_mins(1), took: Err(NotReady::Silent) },
        ];
        insta::assert_snapshot!(series(&polls).to_string(), @r#"[{"after_s":30.0,"error":null,"took_ms":2},{"after_s":60.0,"error":"the port accepts a connection and says nothing","took_ms":null}]"#);
    }
}
