//! `focus-api.stability.hour`

use crate::checks::{JOBS, STARTS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::duration::brief;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Measurement, Observation,
    Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::{FocusClient, away};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{HttpError, Request, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// The server stays well for an hour.
    ///
    /// For an hour a small job is started every five minutes, and in between the server is asked every few seconds whether
    /// it is there. Fewer than 5 % of the jobs may fail to start, and the server must never be away, not even for the
    /// seconds that a restart takes. Everything is kept as a time series. What a restart leaves behind in Kubernetes, and
    /// how memory grows, is the question of checks of the cluster.
    ///
    /// # Why it matters
    /// What leaks, leaks slowly. A server that restarts every half hour passes every short test.
    ///
    /// # How to mend it
    /// The finding says when. Look at the pod's restarts, its memory and its log at that time.
    pub(super) struct OneHour(HourParams) {
        id: "focus-api.stability.hour",
        title: "The server stays well for an hour",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13873"],
        tags: &["soak"],
        requires: STARTS,
        group: JOBS,
        alone: true,
        timeout: Some(Duration::from_hours(3)),
        proofs: &[
            fault("focus-api.restarts", "server-away"),
            fault("focus-api.configure-refuses", "jobs-refused"),
        ],
    }
}

/// How long, how often, and how much may go wrong.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct HourParams {
    /// For how long the server is watched.
    duration: HumanDuration,
    /// How long to wait between two jobs.
    interval: HumanDuration,
    /// How long to wait between two looks at whether the server is there.
    probe: HumanDuration,
    /// How many of a hundred jobs may fail to start.
    max_error_share: f64,
}

impl Default for HourParams {
    fn default() -> Self {
        Self {
            duration: HumanDuration::secs(3600),
            interval: HumanDuration::secs(300),
            probe: HumanDuration::secs(5),
            max_error_share: 5.0,
        }
    }
}

impl Params for HourParams {
    fn validate(&self) -> Result<(), String> {
        if self.probe.0.is_zero() || self.interval.0.is_zero() || self.duration.0.is_zero() {
            Err("`duration`, `interval` and `probe` must be longer than nothing".to_owned())
        } else if self.interval > self.duration {
            Err(format!("`interval` ({}) must not exceed `duration` ({})", self.interval, self.duration))
        } else if self.duration > HumanDuration::secs(10_000) {
            Err(format!(
                "`duration` is {}; it must end before the check's own timeout, three hours",
                self.duration
            ))
        } else if !(0.0..=100.0).contains(&self.max_error_share) {
            Err(format!("`max_error_share` is {}; it is a percentage from 0 to 100", self.max_error_share))
        } else {
            Ok(())
        }
    }
}

/// How long a look may take before the server counts as away.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait until there may be another job; those of other checks end by themselves.
const ROOM: Duration = Duration::from_mins(2);
/// How long a job may take to start before it counts as failed.
const START: Duration = Duration::from_secs(30);

/// One look, or one job.
struct Sample {
    /// When, in ISO text.
    at: String,
    after: Duration,
    what: &'static str,
    /// How long it took, or what happened instead.
    end: Result<Duration, String>,
    /// Whether there was no answer at all.
    away: bool,
}

#[async_trait]
impl Check for OneHour {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let watched = self.watch(cx, &client, &body).await?;
        if let (Some(error), true) = (watched.silence, watched.samples.iter().all(|sample| sample.away)) {
            return Err(CheckError::Target(away(&error)));
        }
        self.judge(cx, &watched.samples)
    }
}

struct Watched {
    samples: Vec<Sample>,
    /// Why there was no answer, the last time that there was none.
    silence: Option<HttpError>,
}

impl OneHour {
    async fn watch(&self, cx: &Context, client: &FocusClient, body: &str) -> Result<Watched, CheckError> {
        let params = &self.params;
        // What other checks have started must not shorten the time.
        let mut first = Some(client.room(cx, ROOM).await?);
        let started = Instant::now();
        let mut watched = Watched { samples: Vec::new(), silence: None };
        let mut next_job = Duration::ZERO;
        let total = params.duration.0;
        while started.elapsed() < total {
            let after = started.elapsed();
            let (what, sent) = if after >= next_job {
                next_job += params.interval.0;
                let room = match first.take() {
                    Some(room) => room,
                    None => client.room(cx, ROOM).await?,
                };
                let sent = client.configure_in(cx, room, body, START).await?;
                ("job", sent.map(|configured| (configured.job.is_some(), configured.exchange)))
            } else {
                let sent = client.try_ask(Request::get("/ack", LOOK)).await;
                ("look", sent.map(|exchange| (exchange.status == StatusCode::OK, exchange)))
            };
            let away = sent.is_err();
            let end = match &sent {
                Ok((true, exchange)) => Ok(exchange.elapsed.total),
                Ok((false, exchange)) => Err(exchange.status.to_string()),
                Err(error) => Err(error.to_string()),
            };
            watched.silence = sent.err().or(watched.silence);
            watched.samples.push(Sample { at: cx.clock.now().to_string(), after, what, end, away });
            cx.progress(started.elapsed().as_secs(), total.as_secs(), "seconds watched");
            tokio::time::sleep(params.probe.0.min(total.saturating_sub(started.elapsed()))).await;
        }
        Ok(watched)
    }

    fn judge(&self, cx: &Context, samples: &[Sample]) -> Result<Verdict, CheckError> {
        let jobs: Vec<&Sample> = samples.iter().filter(|sample| sample.what == "job").collect();
        let refused: Vec<&Sample> =
            jobs.iter().copied().filter(|job| job.end.is_err() && !job.away).collect();
        let seen = format!(
            "{} jobs and {} looks in {}",
            jobs.len(),
            samples.len() - jobs.len(),
            self.params.duration
        );
        let mut verdict = Verdict::of(Observation::seen(seen));
        for what in ["job", "look"] {
            let times = samples.iter().filter(|sample| sample.what == what);
            let millis =
                times.filter_map(|sample| sample.end.as_ref().ok()).map(|took| took.as_secs_f64() * 1000.0);
            if let Ok(times) = Samples::new(what, millis.collect()) {
                let p95 = times.percentile(95.0);
                let name = format!("p95 of each {what}");
                verdict =
                    verdict.measured(Measurement::new(name, p95, Unit::Milliseconds).with_samples(&times));
            }
        }
        let count = |of: usize| f64::from(u32::try_from(of).unwrap_or(u32::MAX));
        let share = count(refused.len()) / count(jobs.len()).max(1.0) * 100.0;
        let errors = Measurement::new("jobs refused", share, Unit::Percent)
            .held_to(Threshold::AtMost(self.params.max_error_share));
        let evidence = cx.attach(Evidence::json("time-series.json", &series(samples)))?;
        verdict = verdict.evidence(evidence.clone()).judged(errors, |measured| {
            let first = refused.first().map_or_else(String::new, |job| {
                format!("; the first at {}: {}", job.at, job.end.as_ref().err().map_or("", String::as_str))
            });
            let message = format!("{} of {} jobs did not start{first}", refused.len(), jobs.len());
            Finding::new("jobs-refused", Cause::Product, "POST /configure", message)
                .expected(
                    format!("at most {} %", self.params.max_error_share),
                    format!("{:.0} %", measured.value),
                )
                .remedy("read the server's log at the times in the evidence", "hours")
                .evidence(evidence.clone())
        });
        let outages = outages(samples).into_iter().map(|outage| outage.finding().evidence(evidence.clone()));
        Ok(verdict.with_all(outages))
    }
}

/// A time during which nobody answered, or the server said that it is not well.
struct Outage {
    from: String,
    after: Duration,
    /// Until the server was there again; none where it stayed away.
    lasted: Option<Duration>,
    why: String,
}

fn outages(samples: &[Sample]) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    let mut away = false;
    for sample in samples {
        let is_out = sample.away || sample.what == "look" && sample.end.is_err();
        match (&sample.end, outages.last_mut().filter(|_| away)) {
            (Err(why), None) if is_out => outages.push(Outage {
                from: sample.at.clone(),
                after: sample.after,
                lasted: None,
                why: why.clone(),
            }),
            (_, Some(outage)) if !is_out => outage.lasted = Some(sample.after.saturating_sub(outage.after)),
            _ => {}
        }
        away = is_out;
    }
    outages
}

impl Outage {
    fn finding(&self) -> Finding {
        let lasted = match self.lasted {
            Some(lasted) => format!("for {}", brief(lasted)),
            None => "and did not come back".to_owned(),
        };
        let message =
            format!("the server was away at {}, {} after the start, {lasted}", self.from, brief(self.after));
        Finding::new("server-away", Cause::Product, "GET /ack", message)
            .expected("200 at any time", &self.why)
            .remedy("look at the pod's restarts, its memory and its log at that time", "hours")
    }
}

fn series(samples: &[Sample]) -> Value {
    let rows = samples.iter().map(|Sample { at, after, what, end, .. }| {
        let millis = end.as_ref().ok().map(|took| (took.as_secs_f64() * 10_000.0).round() / 10.0);
        json!({ "at": at, "after_s": after.as_secs_f64(), "what": what, "took_ms": millis, "error": end.as_ref().err() })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(after: u64, what: &'static str, away: bool, end: Result<u64, &str>) -> Sample {
        Sample {
            at: format!("2026-01-01T00:00:{after:02}Z"),
            after: Duration::from_secs(after),
            what,
            end: end.map(Duration::from_millis).map_err(str::to_owned),
            away,
        }
    }

    #[test]
    fn an_outage_has_a_beginning_and_an_end() {
        let samples = [
            sample(0, "job", false, Ok(9)),
            sample(5, "look", true, Err("connection lost")),
            sample(10, "job", true, Err("connection refused")),
            sample(15, "look", false, Ok(2)),
            sample(20, "job", false, Err("500 Internal Server Error")),
            sample(25, "look", false, Err("503 Service Unavailable")),
        ];
        let told: Vec<String> = outages(&samples).iter().map(|outage| outage.finding().message).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        the server was away at 2026-01-01T00:00:05Z, 5.0 s after the start, for 10.0 s
        the server was away at 2026-01-01T00:00:25Z, 25.0 s after the start, and did not come back
        ");
        assert!(outages(&samples[..1]).is_empty());
        assert_eq!(series(&samples).as_array().unwrap().len(), 6);
    }

    #[test]
    fn parameters_make_sense() {
        let params = HourParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(HourParams { probe: HumanDuration::secs(0), ..params() }.validate().is_err());
        assert!(HourParams { duration: HumanDuration::secs(2), ..params() }.validate().is_err());
        assert!(HourParams { duration: HumanDuration::secs(20_000), ..params() }.validate().is_err());
        assert!(HourParams { max_error_share: 101.0, ..params() }.validate().is_err());
    }
}
