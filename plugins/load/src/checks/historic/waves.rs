//! `load.historic.waves`

use super::{HISTORY, investigations};
use crate::checks::standing::put_on_as;
use crate::jobs::{CONFIGURE, Jobs, Keep, OPERATIONS};
use crate::judge::{unended, with_room};
use crate::profile::{Bounds, Profile, params};
use crate::series::series;
use crate::served::Served;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Measurement, Observation,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::Failure;
use shakedown_loadgen::plan::{Load, Phase, Plan};
use shakedown_loadgen::report::Report;
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};
use std::time::Duration;

register_check! {
    /// How many can look into the past at the same time.
    ///
    /// Five, ten, twenty, thirty and fifty users play back recorded time, for a minute each wave: each asks for a job of five
    /// minutes, watches it for a while, ends it and asks for the next; one who is refused waits as long. The limit is the
    /// last wave of which, as of all before it, 70 % were served. Below ten it is a failure, else a warning.
    ///
    /// # Why it matters
    /// `load.historic.many` says whether twenty are served. This says where it ends, and how.
    ///
    /// # How to mend it
    /// As for `load.historic.many`. The series of the run show whether it gets slower before it refuses: a queue, or a bound.
    pub(super) struct Waves(WavesParams) {
        id: "load.historic.waves",
        title: "How many can look into the past at the same time",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: HISTORY,
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(12)),
        proofs: &[fault("focus-api.errors-under-load", "historic-limit")],
    }
}

params! {
    /// How many, for how long, and what must come of it.
    WavesParams {
        /// How many users each wave has, in ascending order.
        waves: Vec<u32> = vec![5, 10, 20, 30, 50],
        /// How long a wave lasts.
        during: HumanDuration = HumanDuration::secs(60),
        /// How long each watches a job before it asks for the next.
        watching: HumanDuration = HumanDuration::secs(5),
        /// How much recorded time each plays back.
        range: HumanDuration = HumanDuration::secs(300),
        /// The share of a wave that must be served, in percent.
        success: f64 = 70.0,
        /// How many users must be served: a limit below this is a failure.
        required: u32 = 10,
    }
}

impl Profile for WavesParams {
    fn plan(&self) -> Plan {
        let wave =
            |count: &u32| Phase::measured(name(*count), Load::Users { count: *count, during: self.during });
        Plan::of(self.waves.iter().map(wave).collect::<Vec<_>>())
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        let ascend = self.waves.windows(2).all(|pair| pair[0] < pair[1]);
        let most = self.waves.last().copied().unwrap_or_default();
        if !ascend {
            Err(format!("`waves` are {:?}; they must ascend", self.waves))
        } else if self.required > most {
            Err(format!(
                "`required` ({}) exceeds the largest wave ({most}): nobody would try that many",
                self.required
            ))
        } else if self.range.0.as_secs() == 0 {
            Err("`range` is less than a second".to_owned())
        } else if self.watching.0 > self.during.0 {
            Err(format!(
                "`watching` ({}) exceeds `during` ({}): a user would ask once",
                self.watching, self.during
            ))
        } else {
            Ok(())
        }
    }
}

fn name(users: u32) -> String {
    format!("{users} users")
}

/// Users who wait before they ask again, also where they were refused.
struct Unhurried {
    jobs: Jobs,
    pause: Duration,
}

#[async_trait]
impl Scenario for Unhurried {
    fn operations(&self) -> Vec<String> {
        self.jobs.operations()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(User { inner: self.jobs.session(number).await?, pause: self.pause }))
    }

    async fn teardown(&self) -> Result<(), String> {
        self.jobs.teardown().await
    }
}

struct User {
    inner: Box<dyn Session>,
    pause: Duration,
}

#[async_trait]
impl Session for User {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let came = self.inner.iterate(iteration).await;
        if came.is_err() {
            tokio::select! {
                () = tokio::time::sleep(self.pause) => {}
                () = iteration.ending().cancelled() => {}
            }
        }
        came
    }

    async fn close(self: Box<Self>) {
        self.inner.close().await;
    }
}

#[async_trait]
impl Check for Waves {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let watching = self.params.watching.0;
        let jobs = investigations(cx, self.params.range.0.as_secs()).await?.keeping(Keep::For(watching));
        let users = Unhurried { jobs: jobs.clone(), pause: watching };
        let loaded = put_on_as(cx, &jobs, users, self.params.plan(), "load").await?;
        let waves = self.waves(&loaded.report, &jobs)?;
        let verdict = judge(&waves, self.params.success, self.params.required)?;
        let verdict = verdict.with_series(series(&loaded.report));
        Ok(verdict.evidence(loaded.evidence.clone()).with_all(unended(&loaded.report)))
    }
}

impl Waves {
    fn waves(&self, report: &Report, jobs: &Jobs) -> Result<Vec<(u32, Served)>, CheckError> {
        let wave = |users: u32| {
            let phase = report.phase(&name(users));
            let phase =
                phase.ok_or_else(|| CheckError::unclear(format!("the wave of {users} users did not run")))?;
            let served = Served::within(&[phase], OPERATIONS[CONFIGURE]);
            with_room(&served, jobs)?;
            Ok((users, served))
        };
        self.params.waves.iter().copied().map(wave).collect()
    }
}

/// The limit, and how it shows.
fn judge(waves: &[(u32, Served)], success: f64, required: u32) -> Result<Verdict, CheckError> {
    let shares: Vec<(u32, f64)> =
        waves.iter().filter_map(|(users, served)| Some((*users, served.share()?))).collect();
    let most = waves.last().map_or(0, |(users, _)| *users);
    let beyond = shares.iter().position(|(_, share)| *share < success);
    let limit = match beyond {
        None => most,
        Some(0) => 0,
        Some(wave) => shares[wave - 1].0,
    };
    let seen = Observation::counted(shares.len() as u64, "waves")?;
    let seen = format!("{}: {limit} of {most} users are served", seen.text());
    let mut verdict = Verdict::of(Observation::seen(seen)).measured(
        Measurement::new("users served", limit.into(), Unit::Count)
            .held_to(Threshold::AtLeast(required.into())),
    );
    for (users, share) in &shares {
        let measured = Measurement::new(format!("served of {users} users"), *share, Unit::Percent);
        verdict = verdict.measured(measured.held_to(Threshold::AtLeast(success)));
    }
    let Some((users, served)) = beyond.map(|wave| &waves[wave]) else { return Ok(verdict) };
    let share = served.share().unwrap_or_default();
    let (cause, remedy) = served.suspect();
    let message = format!(
        "{limit} users can look into the past at the same time; of {users}, {share:.0} % of {} jobs are served",
        served.asked
    );
    let finding = Finding::new(
        "historic-limit",
        if limit == 0 { cause } else { Cause::Capacity },
        "POST /configure",
        message,
    )
    .expected(format!("{most} users, {success} % served"), format!("{limit} users"))
    .remedy(remedy, "days");
    let finding = served.failures().into_iter().fold(finding, Finding::detail);
    Ok(verdict.with(if limit >= required { finding.warn() } else { finding }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_core::{Outcome, Params as _, Status};

    fn wave(users: u32, asked: u64, succeeded: u64) -> (u32, Served) {
        let mut served = Served::default();
        (served.asked, served.succeeded) = (asked, succeeded);
        (users, served)
    }

    #[test]
    fn the_limit_is_the_last_good_wave() {
        let waves = [wave(5, 10, 10), wave(10, 20, 10), wave(20, 40, 40)];
        let outcome = |required| Outcome::from(judge(&waves, 70.0, required));
        insta::assert_snapshot!(outcome(10).findings[0].message, @"5 users can look into the past at the same time; of 10, 50 % of 20 jobs are served");
        assert_eq!((outcome(10).status, outcome(5).status), (Status::Failed, Status::Warned));
        let none = Outcome::from(judge(&[wave(5, 10, 1)], 70.0, 5));
        assert_eq!((none.findings[0].weight, none.measurements[0].value), (Weight::Fail, 0.0));
        assert_eq!(Outcome::from(judge(&waves[..1], 70.0, 5)).status, Status::Passed);
        assert_eq!(Outcome::from(judge(&[], 70.0, 5)).status, Status::Errored);
    }

    #[test]
    fn parameters_make_sense() {
        let params = WavesParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(WavesParams { waves: vec![5, 5], ..params() }.validate().is_err());
        assert!(WavesParams { waves: Vec::new(), ..params() }.validate().is_err());
        assert!(WavesParams { required: 51, ..params() }.validate().is_err());
        assert!(WavesParams { watching: HumanDuration::secs(61), ..params() }.validate().is_err());
    }
}
