//! `load.long-job`

use super::bins::Bins;
use super::record::gap_note;
use crate::checks::STARTS;
use crate::checks::live::held::Held;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::duration::brief;
use shakedown_core::measurement::Threshold;
use shakedown_core::series::Series;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, Gate, HumanDuration, Measurement,
    Observation, Params, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::time::{Duration, Instant};

register_check! {
    /// A live view stays open all day.
    ///
    /// One live job is started and its stream held for six hours (or up to a day). Every thirty seconds it is asked for a sign
    /// of life, which HTTP/2 provides. The server ends a stream after ten minutes, whoever watches: so a second stream is
    /// opened to the same job before that, and the first one left only then. Where the server ends the whole job at that
    /// limit, the view is started anew, which is counted apart and no failure. Any other end is a drop.
    ///
    /// The run notes in its journal how far it is, and goes on from there with `run --resume`; for how long nobody watched is
    /// said.
    ///
    /// # Why it matters
    /// Control rooms leave one view open for a whole shift. A drop an hour is a drop when it counts.
    ///
    /// # How to mend it
    /// The evidence has every drop with its time. Read the events and the log of the job's pod then: out of memory, evicted,
    /// or ended by the clean-up job for being idle.
    pub(super) struct LongJob(LongParams) {
        id: "load.long-job",
        title: "A live view stays open all day",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load", "soak"],
        requires: STARTS,
        gate: Gate::Informational,
        timeout: Some(Duration::from_hours(30)),
        proofs: &[fault("focus-api.stream-drops", "live-drops")],
    }
}

/// How long, and what the server's own limits are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LongParams {
    /// How long it is watched: six hours to a day.
    duration: HumanDuration,
    /// How often a sign of life is asked for; less than the server lets a stream be idle.
    every: HumanDuration,
    /// How long a sign of life may take.
    sign_within: HumanDuration,
    /// The server's own limit: it ends a stream that is this old. A second one is opened when nine tenths of it have passed.
    longest: HumanDuration,
    /// How many drops per hour are a warning rather than a failure.
    drops_per_hour: f64,
    /// How often is noted how far the run is.
    note_every: HumanDuration,
    /// How long the answer to a configuration may take.
    answer_within: HumanDuration,
    /// How long a stream may take to be ready.
    ready_within: HumanDuration,
}

impl Default for LongParams {
    fn default() -> Self {
        Self {
            duration: HumanDuration::secs(6 * 3600),
            every: HumanDuration::secs(30),
            sign_within: HumanDuration::secs(5),
            longest: HumanDuration::secs(600),
            drops_per_hour: 1.0,
            note_every: HumanDuration::secs(600),
            answer_within: HumanDuration::secs(60),
            ready_within: HumanDuration::secs(15),
        }
    }
}

impl Params for LongParams {
    fn validate(&self) -> Result<(), String> {
        if self.every.0.is_zero() || self.note_every.0.is_zero() {
            Err("`every` and `note_every` must be more than nothing".to_owned())
        } else if self.every.0 > self.longest.0 / 10 {
            Err(format!("`every` ({}) must be at most a tenth of `longest` ({})", self.every, self.longest))
        } else if self.duration.0 < self.every.0 * 2 {
            Err(format!(
                "`duration` ({}) leaves no room for two signs of life, {} apart",
                self.duration, self.every
            ))
        } else {
            Ok(())
        }
    }
}

/// What was seen so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Log {
    began: Timestamp,
    /// Seconds watched, gaps left out; and of those, seconds without a stream.
    watched: f64,
    down: f64,
    signs: u64,
    latency: Bins,
    /// 100 where a sign of life came, else 0.
    up: Bins,
    reattached: u64,
    renewed: u64,
    dropped: u64,
    /// The first of the drops, at most [`Log::MOST_DROPS`].
    drops: Vec<Drop>,
    gaps: Vec<[f64; 2]>,
}

/// One end that nobody wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Drop {
    job: String,
    at: String,
    after_s: f64,
    job_age_s: f64,
    why: String,
}

impl Log {
    const MOST_DROPS: usize = 100;

    fn new(began: Timestamp) -> Self {
        Self {
            began,
            watched: 0.0,
            down: 0.0,
            signs: 0,
            latency: Bins::default(),
            up: Bins::default(),
            reattached: 0,
            renewed: 0,
            dropped: 0,
            drops: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn drop_of(&mut self, drop: Drop) {
        self.dropped += 1;
        if self.drops.len() < Self::MOST_DROPS {
            self.drops.push(drop);
        }
    }

    /// Goes on with it; returns the seconds from the beginning to `now`.
    fn resume(&mut self, noted: Timestamp, now: Timestamp) -> f64 {
        let since = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64().max(0.0);
        self.gaps.push([since(self.began, noted), since(noted, now)]);
        since(self.began, now)
    }
}

#[async_trait]
impl Check for LongJob {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let log = self.watch(cx, &client, &body).await?;
        let evidence = cx.attach(Evidence::json("drops.json", &serde_json::json!(log.drops)))?;
        Ok(judge(&log, self.params.drops_per_hour)?.evidence(evidence))
    }
}

impl LongJob {
    async fn watch(&self, cx: &Context, client: &FocusClient, body: &str) -> Result<Log, CheckError> {
        let params = &self.params;
        let now = cx.clock.now();
        let (mut log, base) = match cx.resumed::<Log>() {
            Some((mut log, noted)) => {
                let base = log.resume(noted, now);
                (log, base)
            }
            None => (Log::new(now), 0.0),
        };
        let patience = (params.answer_within.0, params.ready_within.0);
        let first = Held::start(cx, client, body, patience).await?.map_err(|why| {
            CheckError::not_applicable(format!("there is no view to hold; focus-api.config.valid and focus-api.e2e.config-meta-grpc judge that: {}", why.class))
        })?;
        let mut held = Some(first);
        let before = log.watched;
        let left = params.duration.0.saturating_sub(Duration::from_secs_f64(before));
        let (started, mut noted) = (Instant::now(), Instant::now());
        let mut looked = Instant::now();
        while started.elapsed() < left {
            tokio::time::sleep(params.every.0.min(left.saturating_sub(started.elapsed()))).await;
            let at = base + started.elapsed().as_secs_f64();
            if held.is_none() {
                log.down += looked.elapsed().as_secs_f64();
                held = Held::start(cx, client, body, patience).await?.ok();
            }
            looked = Instant::now();
            log.signs += 1;
            let up = match &mut held {
                None => false,
                Some(view) => match view.sign(params.sign_within.0).await {
                    Ok(took) => {
                        log.latency.push(at, took.as_secs_f64() * 1000.0);
                        if view.age() >= params.longest.0.mul_f32(0.9) {
                            // Where no second stream is to be had, the first one goes on until the server ends it.
                            log.reattached += u64::from(view.reattach(params.ready_within.0).await.is_ok());
                        }
                        true
                    }
                    Err(why) => {
                        let age = view.job_age();
                        if age >= params.longest.0.mul_f32(0.9) {
                            log.renewed += 1;
                        } else {
                            let after_s = at;
                            let (at, why) = (cx.clock.now().to_string(), why.to_string());
                            let job = view.job.clone();
                            log.drop_of(Drop { job, at, after_s, job_age_s: age.as_secs_f64(), why });
                        }
                        if let Some(lost) = held.take() {
                            lost.end(cx)?;
                        }
                        held = Held::start(cx, client, body, patience).await?.ok();
                        false
                    }
                },
            };
            log.up.push(at, if up { 100.0 } else { 0.0 });
            log.watched = before + started.elapsed().as_secs_f64();
            if noted.elapsed() >= params.note_every.0 {
                noted = Instant::now();
                cx.checkpoint(&log)?;
            }
            let (done, all) = (Duration::from_secs_f64(log.watched), params.duration.0);
            cx.progress(done.as_secs(), all.as_secs(), format!("seconds watched, {} drops", log.dropped));
        }
        held.map_or(Ok(()), |held| held.end(cx))?;
        Ok(log)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of drops are far below 2^52")]
fn judge(log: &Log, tolerated: f64) -> Result<Verdict, CheckError> {
    let hours = log.watched / 3600.0;
    let watched = brief(Duration::from_secs_f64(log.watched));
    if log.signs == 0 {
        return Err(CheckError::no_data("no sign of life was asked for"));
    }
    let per_hour = log.dropped as f64 / hours.max(f64::MIN_POSITIVE);
    let up = (1.0 - log.down / log.watched.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) * 100.0;
    let seen = format!(
        "one live view for {watched}: {} drops, {} streams followed each other, {} views started anew at the server's limit",
        log.dropped, log.reattached, log.renewed
    );
    let drops = Measurement::new("drops", log.dropped as f64, Unit::Count).held_to(Threshold::AtMost(0.0));
    let verdict = Verdict::of(Observation::seen(seen))
        .judged(drops, |_| {
            let first = log.drops.first();
            let first = first.map_or_else(String::new, |drop| {
                format!(
                    "; the first at {}, when job {} was {:.1} s old: {}",
                    drop.at, drop.job, drop.job_age_s, drop.why
                )
            });
            let message = format!("the view was dropped {} times in {watched}{first}", log.dropped);
            let finding = Finding::new("live-drops", Cause::Product, "live view", message)
                .expected("no drop but at the server's own limit", format!("{} drops", log.dropped))
                .remedy("read the events and the log of the job's pod at the times in the evidence", "hours");
            if per_hour <= tolerated { finding.warn() } else { finding }
        })
        .measured(Measurement::new("time with a view", up, Unit::Percent))
        .measured(Measurement::new("streams that followed each other", log.reattached as f64, Unit::Count))
        .measured(Measurement::new("views started anew at the limit", log.renewed as f64, Unit::Count))
        .series(Series::new("signs of life", Unit::Milliseconds, log.latency.points()))
        .series(Series::new("view is up", Unit::Percent, log.up.points()))
        .with_all(gap_note(&log.gaps));
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_core::{Outcome, Status};

    fn log(watched: f64, drops: u64) -> Log {
        let mut log = Log { watched, signs: 10, ..Log::new(Timestamp::UNIX_EPOCH) };
        for number in 0..drops {
            log.drop_of(Drop {
                job: format!("1-{number}"),
                at: "2026-01-01T00:00:00Z".to_owned(),
                after_s: 60.0,
                job_age_s: 12.5,
                why: format!("the connection broke: {number}"),
            });
        }
        log
    }

    #[test]
    fn one_drop_an_hour_is_a_warning_and_two_are_a_failure() {
        let answer = |log: &Log| Outcome::from(judge(log, 1.0));
        assert_eq!(answer(&log(3600.0, 0)).status, Status::Passed);
        assert_eq!(answer(&log(3600.0, 1)).status, Status::Warned);
        let failed = answer(&log(3600.0, 2));
        assert_eq!(failed.findings[0].weight, Weight::Fail);
        insta::assert_snapshot!(failed.findings[0].message, @"the view was dropped 2 times in 1h 00m; the first at 2026-01-01T00:00:00Z, when job 1-0 was 12.5 s old: the connection broke: 0");
        assert_eq!(answer(&Log::new(Timestamp::UNIX_EPOCH)).status, Status::Errored, "nothing was seen");
    }

    #[test]
    fn many_drops_are_counted_and_few_are_kept() {
        let log = log(10.0, 1000);
        assert_eq!((log.dropped, log.drops.len()), (1000, Log::MOST_DROPS));
    }

    #[test]
    fn parameters_make_sense() {
        let params = LongParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(LongParams { every: HumanDuration::secs(0), ..params() }.validate().is_err());
        assert!(LongParams { every: HumanDuration::secs(61), ..params() }.validate().is_err());
        assert!(LongParams { duration: HumanDuration::secs(50), ..params() }.validate().is_err());
    }
}
