//! `load.live.lifecycle`

use crate::checks::STARTS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shakedown_core::duration::brief;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Measurement, Observation,
    Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::{Job, has_ended};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::stream::Stream;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;
use std::time::{Duration, Instant};

register_check! {
    /// A live view goes through its whole life, each phase in its time.
    ///
    /// One live job is configured; its stream is connected to, as soon as that accepts; five signs of life are asked of it;
    /// then the stream is left, at which the server ends the job. Each phase is timed.
    ///
    /// A sign of life is a ping of the HTTP/2 connection that the stream runs on. It shows that the job's server is there and
    /// answers. It does not show that rows flow: rows come in calls of the product's own protocol, which this check does not
    /// speak.
    ///
    /// # Why it matters
    /// This is what every user does, all day. Each phase that is slow has another reason.
    ///
    /// # How to mend it
    /// Configuring is the server's own work; connecting waits for the job's pod, its image and its node; signs of life are the
    /// analyzer's. A job that goes on after its view was left occupies room: look at the clean-up job.
    pub(super) struct Lifecycle(Phases) {
        id: "load.live.lifecycle",
        title: "A live view goes through its whole life",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("focus-api.stream-drops", "signs-missing")],
    }
}

/// How long each phase may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Phases {
    /// The job is configured within this time.
    configured_within: HumanDuration,
    /// Its stream is ready within this time: five attempts, two seconds apart, as clients make them.
    connected_within: HumanDuration,
    /// How many signs of life are asked for.
    signs: u32,
    /// How long to wait before each.
    every: HumanDuration,
    /// A sign of life comes within this time.
    sign_within: HumanDuration,
    /// The job has ended within this time after its stream was left.
    ended_within: HumanDuration,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            configured_within: HumanDuration::secs(5),
            connected_within: HumanDuration::secs(10),
            signs: 5,
            every: HumanDuration::secs(1),
            sign_within: HumanDuration::secs(2),
            ended_within: HumanDuration::secs(5),
        }
    }
}

impl Params for Phases {
    fn validate(&self) -> Result<(), String> {
        if self.signs == 0 { Err("`signs` is 0; at least 1 is needed".to_owned()) } else { Ok(()) }
    }
}

/// How often the server is asked whether the job has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// What was seen of one life.
#[derive(Debug)]
struct Life {
    configured: Duration,
    connected: Duration,
    signs: Vec<Result<Duration, String>>,
    /// Whether and when it was seen to have ended; none where the server does not know its own jobs.
    ended: Option<Result<Duration, Duration>>,
}

#[async_trait]
impl Check for Lifecycle {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let job = client.start(cx, &ConfigureRequest::live(&client.fiber(cx).await?)).await?;
        let stream = job.stream(self.params.connected_within.0).await;
        let mut stream = stream.map_err(|why| {
            let reason =
                format!("the stream is not ready, which focus-api.e2e.config-meta-grpc judges: {why}");
            CheckError::not_applicable(reason)
        })?;
        let signs = self.signs(cx, &mut stream).await;
        let (before, _) = job.metadata(cx, &client).await?;
        let connected = stream.ready_after;
        drop(stream);
        let ended = if before.status == StatusCode::NOT_FOUND && signs.iter().all(Result::is_ok) {
            None
        } else {
            Some(self.ended(cx, &client, &job).await?)
        };
        let life = Life { configured: job.exchange.elapsed.total, connected, signs, ended };
        let evidence = cx.attach(Evidence::json("phases.json", &life.to_json()))?;
        let findings = life.findings(&self.params, &job.id);
        let mut verdict = Verdict::of(Observation::seen(format!("job {}: {}", job.id, life.text())))
            .with_all(findings.into_iter().map(|finding| finding.evidence(evidence.clone())))
            .with_all(job.note.clone())
            .evidence(evidence.clone());
        for measurement in life.measurements(&self.params) {
            verdict = verdict.measured(measurement);
        }
        Ok(verdict)
    }
}

impl Lifecycle {
    async fn signs(&self, cx: &Context, stream: &mut Stream) -> Vec<Result<Duration, String>> {
        let mut signs = Vec::new();
        for number in 1..=self.params.signs {
            tokio::time::sleep(self.params.every.0).await;
            let asked = Instant::now();
            let sign = stream.ping(self.params.sign_within.0).await;
            let is_lost = sign.is_err();
            signs.push(sign.map(|()| asked.elapsed()).map_err(|why| why.to_string()));
            cx.progress(number.into(), self.params.signs.into(), "signs of life");
            if is_lost {
                break;
            }
        }
        signs
    }

    /// How long until the server says that the job has ended, or how long it was watched in vain.
    async fn ended(
        &self,
        cx: &Context,
        client: &FocusClient,
        job: &Job,
    ) -> Result<Result<Duration, Duration>, CheckError> {
        let left = Instant::now();
        loop {
            let (exchange, metadata) = job.metadata(cx, client).await?;
            if exchange.status == StatusCode::NOT_FOUND || metadata.as_ref().is_some_and(has_ended) {
                return Ok(Ok(left.elapsed()));
            }
            if left.elapsed() >= self.params.ended_within.0 {
                return Ok(Err(left.elapsed()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Life {
    fn answered(&self) -> usize {
        self.signs.iter().filter(|sign| sign.is_ok()).count()
    }

    fn text(&self) -> String {
        let ended = match self.ended {
            Some(Ok(after)) => format!("ended {} after it was left", brief(after)),
            Some(Err(watched)) => format!("still there {} after it was left", brief(watched)),
            None => "whether it ended is not known".to_owned(),
        };
        format!(
            "configured in {}, connected in {}, {} signs of life, {ended}",
            brief(self.configured),
            brief(self.connected),
            self.answered()
        )
    }

    fn to_json(&self) -> serde_json::Value {
        let signs: Vec<_> = self
            .signs
            .iter()
            .map(|sign| json!({ "took_ms": sign.as_ref().ok().copied().map(millis), "error": sign.as_ref().err() }))
            .collect();
        json!({
            "configured_ms": millis(self.configured),
            "connected_ms": millis(self.connected),
            "signs_of_life": signs,
            "ended_ms": self.ended.and_then(Result::ok).map(millis),
        })
    }

    fn measurements(&self, phases: &Phases) -> Vec<Measurement> {
        let phase = |name: &str, took: Duration, within: HumanDuration| {
            Measurement::new(name, millis(took), Unit::Milliseconds)
                .held_to(Threshold::AtMost(millis(within.0)))
        };
        let mut all = vec![
            phase("configured after", self.configured, phases.configured_within),
            phase("connected after", self.connected, phases.connected_within),
        ];
        let signs = self.signs.iter().filter_map(|sign| sign.as_ref().ok().copied().map(millis)).collect();
        if let Ok(samples) = Samples::new("signs of life", signs) {
            all.push(
                Measurement::new("slowest sign of life", samples.max(), Unit::Milliseconds)
                    .held_to(Threshold::AtMost(millis(phases.sign_within.0)))
                    .with_samples(&samples),
            );
        }
        if let Some(ended) = self.ended {
            let (Ok(after) | Err(after)) = ended;
            all.push(phase("ended after", after, phases.ended_within));
        }
        all
    }

    fn findings(&self, phases: &Phases, job: &str) -> Vec<Finding> {
        let subject = format!("job {job}");
        let mut findings = Vec::new();
        let slow = |what: &str, took: Duration, within: HumanDuration, whose: &str| {
            let message = format!("the view was {what} after {}, not within {within}", brief(took));
            Finding::new("phase-slow", Cause::Capacity, &*subject, message)
                .expected(format!("at most {within}"), brief(took))
                .remedy(whose, "hours")
        };
        if self.configured > phases.configured_within.0 {
            let remedy = "look at the load of the server, and at its database";
            findings.push(slow("configured", self.configured, phases.configured_within, remedy));
        }
        if self.connected > phases.connected_within.0 {
            let remedy = "look at what the job's pod waited for: its node, its image, its analyzer";
            findings.push(slow("connected", self.connected, phases.connected_within, remedy));
        }
        if let Some(why) = self.signs.iter().find_map(|sign| sign.as_ref().err()) {
            let message =
                format!("the view gave {} of {} signs of life; then: {why}", self.answered(), phases.signs);
            findings.push(
                Finding::new("signs-missing", Cause::Product, &*subject, message)
                    .expected(phases.signs, self.answered())
                    .remedy("read the log and the events of the job's pod", "hours"),
            );
        }
        if let Some(Err(watched)) = self.ended {
            let message = format!("the job goes on {} after its stream was left", brief(watched));
            findings.push(
                Finding::new("job-lingers", Cause::Product, &*subject, message)
                    .expected(format!("ended within {}", phases.ended_within), "still running")
                    .remedy("end a job when its last client leaves; look at the clean-up job", "a day")
                    .warn(),
            );
        }
        if self.ended.is_none() {
            let message =
                "whether the job ended is not known: the server does not know its own jobs".to_owned();
            findings.push(Finding::new("end-unknown", Cause::Expected, &*subject, message).note());
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(signs: Vec<Result<Duration, String>>, ended: Option<Result<Duration, Duration>>) -> Life {
        Life { configured: Duration::from_millis(12), connected: Duration::from_secs(2), signs, ended }
    }

    fn codes(life: &Life) -> Vec<String> {
        life.findings(&Phases::default(), "1-1").into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_phase_has_its_finding() {
        let sign = Ok(Duration::from_millis(1));
        let second = Duration::from_secs(1);
        assert!(codes(&life(vec![sign.clone(); 5], Some(Ok(second)))).is_empty());
        assert_eq!(codes(&life(vec![sign.clone()], None)), ["end-unknown"]);
        assert_eq!(codes(&life(vec![sign.clone()], Some(Err(second * 6)))), ["job-lingers"]);
        let lost = life(vec![sign, Err("the connection broke".to_owned())], Some(Ok(second)));
        insta::assert_snapshot!(lost.findings(&Phases::default(), "1-1")[0].message, @"the view gave 1 of 5 signs of life; then: the connection broke");
        insta::assert_snapshot!(lost.text(), @"configured in 12 ms, connected in 2.0 s, 1 signs of life, ended 1.0 s after it was left");
        let slow = Life { configured: second * 6, ..life(Vec::new(), Some(Ok(second))) };
        assert_eq!(codes(&slow), ["phase-slow"]);
    }

    #[test]
    fn parameters_make_sense() {
        assert_eq!(Phases::default().validate(), Ok(()));
        assert!(Phases { signs: 0, ..Phases::default() }.validate().is_err());
    }
}
