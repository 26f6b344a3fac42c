//! `load.soak.24h`

use super::early::{self, Sample};
use super::judgement::{self, Bounds};
use super::record::Record;
use crate::checks::STARTS;
use crate::checks::live::held::{Failed, Held};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::duration::brief;
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, Gate, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::time::{Duration, Instant};

register_check! {
    /// After a day of light load the server is as it was.
    ///
    /// Three live jobs are started every ten minutes for a day, give a sign of life and are left again. What each
    /// configuration took, and the memory that each pod uses, are watched all the time. At the end a trend is fitted to each,
    /// with its uncertainty: a change beyond its bound fails where that is sure, and warns where it may be chance. Pods that
    /// came or went are left out. Memory is that of the target, from the cluster's metrics; without a cluster it is not
    /// measured, and said to be so.
    ///
    /// Every two minutes the last ten jobs are compared with the first ten: response time 50 % longer, 30 points more
    /// failures or 20 points more dead jobs are early warnings, shown at once and reported at the end.
    ///
    /// Where the target or this machine is so slow that too few jobs have ended by then to tell a trend, it goes on, for half
    /// a minute at most.
    ///
    /// The run notes in its journal how far it is. A run that was cut off goes on from there with `run --resume`; for how long
    /// nobody watched is said.
    ///
    /// # Why it matters
    /// A leak takes days to fill a pod, and minutes to be missed. It shows as a slope long before it shows as an outage.
    ///
    /// # How to mend it
    /// Compare the series: latency that grows with memory points to something kept of every job. Memory that grows alone points
    /// to a cache without a bound. Restart the pod before it reaches its limit until that is mended.
    pub(super) struct Day(SoakParams) {
        id: "load.soak.24h",
        title: "After a day of light load the server is as it was",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-15138"],
        tags: &["load", "soak"],
        requires: STARTS,
        gate: Gate::Informational,
        timeout: Some(Duration::from_hours(30)),
        proofs: &[fault("focus-api.degrades", "latency-grows")],
    }
}

/// How long, how much, and what may change.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct SoakParams {
    /// How long it is watched.
    duration: HumanDuration,
    /// How many jobs are started at once, each time. Specified: 5.
    jobs: u32,
    /// How often. Specified: every 5 minutes.
    every: HumanDuration,
    /// How often memory is looked at.
    look_every: HumanDuration,
    /// How often the last ten jobs are compared with the first ten.
    warn_every: HumanDuration,
    /// How often is noted how far the run is.
    note_every: HumanDuration,
    /// The least share of jobs that succeed, in percent.
    success: f64,
    /// By how much latency may grow over the whole time, in percent.
    latency_growth: f64,
    /// By how much memory may grow over the whole time, in percent.
    memory_growth: f64,
    /// By how much memory may grow per hour, in megabytes; judged from one hour on.
    memory_per_hour: f64,
    /// How long the answer to a configuration may take.
    answer_within: HumanDuration,
    /// How long a stream may take to be ready.
    ready_within: HumanDuration,
}

impl Default for SoakParams {
    fn default() -> Self {
        Self {
            duration: HumanDuration::secs(24 * 3600),
            jobs: 3,
            every: HumanDuration::secs(600),
            look_every: HumanDuration::secs(60),
            warn_every: HumanDuration::secs(120),
            note_every: HumanDuration::secs(600),
            success: 95.0,
            latency_growth: 20.0,
            memory_growth: 15.0,
            memory_per_hour: 50.0,
            answer_within: HumanDuration::secs(60),
            ready_within: HumanDuration::secs(15),
        }
    }
}

/// So many jobs at least, since a trend takes as many samples.
const LEAST_JOBS: u128 = 10;

impl Params for SoakParams {
    fn validate(&self) -> Result<(), String> {
        let everies = [self.every, self.look_every, self.warn_every, self.note_every];
        if self.jobs == 0 || everies.iter().any(|every| every.0.is_zero()) {
            return Err(
                "`jobs`, `every`, `look_every`, `warn_every` and `note_every` must be more than nothing"
                    .to_owned(),
            );
        }
        let jobs = self.duration.0.as_nanos() / self.every.0.as_nanos() * u128::from(self.jobs);
        if jobs < LEAST_JOBS {
            let Self { duration, every, jobs: each, .. } = self;
            return Err(format!(
                "{each} jobs every {every} for {duration} are {jobs} jobs, too few for a trend: at least {LEAST_JOBS}"
            ));
        }
        if !(0.0..=100.0).contains(&self.success) {
            return Err(format!("`success` is {}; it is a share in percent, 0 to 100", self.success));
        }
        Ok(())
    }
}

/// As documented: in percent, and in percentage points.
const EARLY: early::Bounds = early::Bounds { response: 50.0, errors: 30.0, dead: 20.0 };
/// How much longer than planned it goes on at most, where there is too little to tell a trend from.
const LONGER: Duration = Duration::from_secs(30);
/// How long a sign of life may take.
const SIGN: Duration = Duration::from_secs(5);

#[async_trait]
impl Check for Day {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let record = self.soak(cx, &client, &body).await?;
        self.judge(&record)
    }
}

/// Something that is due again and again.
struct Due {
    every: Duration,
    next: Duration,
}

impl Due {
    const fn every(every: HumanDuration) -> Self {
        Self { every: every.0, next: Duration::ZERO }
    }

    /// Whether it is due; it then is not, until its time has come again. What was missed is not made up for.
    fn is_due(&mut self, now: Duration) -> bool {
        let due = now >= self.next;
        while self.next <= now {
            self.next += self.every;
        }
        due
    }
}

/// When what is under way has ended, and with what; never where nothing is.
async fn ending<T, F: Future<Output = T> + Unpin>(under_way: &mut Option<(f64, F)>) -> (f64, T) {
    match under_way {
        Some((since, running)) => (*since, running.await),
        None => std::future::pending().await,
    }
}

impl Day {
    async fn soak(&self, cx: &Context, client: &FocusClient, body: &str) -> Result<Record, CheckError> {
        let params = &self.params;
        let now = cx.clock.now();
        let (mut record, base) = match cx.resumed::<Record>() {
            Some((mut record, noted)) => {
                let base = record.resume(noted, now);
                (record, base)
            }
            None => (Record::new(now), 0.0),
        };
        let before = record.watched;
        let left = params.duration.0.saturating_sub(Duration::from_secs_f64(before));
        let [mut jobs, mut look, mut warn, mut note] =
            [params.every, params.look_every, params.warn_every, params.note_every].map(Due::every);
        let started = Instant::now();
        let mut warning = String::new();
        // What is under way: neither waits for the other, and the next of a kind waits until the last has ended.
        let (mut jobs_now, mut look_now) = (None, None);
        while started.elapsed() < left || (started.elapsed() < left + LONGER && !record.tells_trends()) {
            let now = started.elapsed();
            let at = base + now.as_secs_f64();
            if look.is_due(now) && look_now.is_none() {
                look_now = Some((at, Box::pin(cx.observe())));
            }
            if jobs.is_due(now) && jobs_now.is_none() {
                jobs_now = Some((at, Box::pin(self.jobs(cx, client, body))));
            }
            if warn.is_due(now) {
                warning = record
                    .early
                    .look(at, EARLY)
                    .map_or_else(String::new, |said| format!("; early warning: {said}"));
            }
            record.watched = before + started.elapsed().as_secs_f64();
            if note.is_due(now) {
                cx.checkpoint(&record)?;
            }
            let (done, all) = (Duration::from_secs_f64(record.watched), params.duration.0);
            cx.progress(
                done.as_secs(),
                all.as_secs(),
                format!("seconds watched, {} jobs{warning}", record.asked),
            );
            let end = if now < left { left } else { left + LONGER };
            let next = [jobs.next, look.next, warn.next, note.next].into_iter().min().unwrap_or(end).min(end);
            tokio::select! {
                (since, ended) = ending(&mut jobs_now) => {
                    record.jobs(since, ended?);
                    jobs_now = None;
                }
                (since, observed) = ending(&mut look_now) => {
                    record.memory(since, &observed);
                    look_now = None;
                }
                () = tokio::time::sleep(next.saturating_sub(started.elapsed())) => {}
            }
        }
        if let Some((since, running)) = jobs_now {
            record.jobs(since, running.await?);
        }
        Ok(record)
    }

    /// Some jobs at once: each is started, gives a sign of life, and is left. Returns how each went, and the class of its
    /// failure where it failed.
    async fn jobs(
        &self,
        cx: &Context,
        client: &FocusClient,
        body: &str,
    ) -> Result<Vec<(Sample, Option<String>)>, CheckError> {
        let patience = (self.params.answer_within.0, self.params.ready_within.0);
        let started = Held::start_many(cx, client, self.params.jobs, |_| body.to_owned(), patience).await?;
        let (mut held, mut ended) = (Vec::new(), Vec::new());
        for start in started {
            match start {
                Ok(up) => held.push(up),
                Err(Failed { class, answered, .. }) => {
                    ended.push((Sample { millis: answered.map(millis), alive: false }, Some(class)));
                }
            }
        }
        let (alive, lost) = Held::signs(held, SIGN).await;
        for (held, _) in alive {
            ended.push((Sample { millis: Some(millis(held.answered)), alive: true }, None));
            held.end(cx)?;
        }
        for (held, Failed { class, .. }) in lost {
            ended.push((Sample { millis: Some(millis(held.answered)), alive: false }, Some(class)));
            held.end(cx)?;
        }
        Ok(ended)
    }

    fn judge(&self, record: &Record) -> Result<Verdict, CheckError> {
        let bounds = Bounds {
            success: self.params.success,
            latency: self.params.latency_growth,
            memory: self.params.memory_growth,
            memory_per_hour: self.params.memory_per_hour * 1e6,
        };
        let mut cases = Cases::new();
        cases.push(Case::new("jobs", &[], judgement::jobs(record, bounds)));
        cases.push(Case::new("latency", &[], judgement::latency(record, bounds)));
        cases.push(Case::new("memory", &[], judgement::memory(record, bounds)));
        let seen = format!("watched for {}", brief(Duration::from_secs_f64(record.watched)));
        let early = shakedown_core::Observation::seen(seen);
        let early = Verdict::of(early).with_all(record.early.findings()).with_all(record.gap_note());
        cases.push(Case::new("early warnings", &[], Ok(early)));
        cases.verdict()
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_make_sense() {
        let params = SoakParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(SoakParams { jobs: 0, ..params() }.validate().is_err());
        assert!(SoakParams { success: 101.0, ..params() }.validate().is_err());
        let short = SoakParams { duration: HumanDuration::secs(1200), ..params() };
        insta::assert_snapshot!(short.validate().unwrap_err(), @"3 jobs every 10m for 20m are 6 jobs, too few for a trend: at least 10");
    }

    #[test]
    fn what_is_due_is_due_once() {
        let mut due = Due::every(HumanDuration::secs(10));
        let seconds = [0, 1, 9, 10, 11, 35, 39, 40].map(|second| due.is_due(Duration::from_secs(second)));
        assert_eq!(seconds, [true, false, false, true, false, true, false, true]);
    }
}
