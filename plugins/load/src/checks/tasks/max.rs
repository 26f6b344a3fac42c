//! `load.tasks.max`

use crate::checks::STARTS_SEVERAL;
use crate::jobs::{Jobs, Keep};
use crate::judge::{CONFIGURATIONS, configured, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::served::Served;
use crate::trial::Loaded;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Measurement, Observation, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// At least ten jobs can be started at the same moment, and the check says how many more.
    ///
    /// Ten, then twenty, up to fifty requests are sent at once, each over a connection of its own; between the steps the
    /// jobs are ended. A step holds when 90 % of it are served; the first that does not ends the search, so that nobody is
    /// burdened more than needed. At least ten must hold.
    ///
    /// # Why it matters
    /// It is the number that people ask for first. `load.capacity` says more about it: how many jobs may *exist* at once.
    ///
    /// # How to mend it
    /// The finding says how requests failed on the first step that did not hold.
    pub(super) struct Max(MaxParams) {
        id: "load.tasks.max",
        title: "At least ten jobs can be started at once",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13771", "PZ-13896"],
        tags: &["load"],
        requires: STARTS_SEVERAL,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.errors-under-load", "too-few-at-once")],
    }
}

params! {
    /// The steps, and what must come of it.
    MaxParams {
        /// How many more are sent on each step.
        step: u32 = 10,
        /// How many are sent on the last step.
        most: u32 = 50,
        /// So many must hold.
        least: u32 = 10,
        /// A step holds when at least this share is served, in percent.
        success: f64 = 90.0,
    }
}

impl MaxParams {
    fn steps(&self) -> impl Iterator<Item = u32> {
        let step = self.step.max(1);
        (step..=self.most).step_by(step as usize)
    }
}

impl Profile for MaxParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Burst { count: self.most })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.step == 0 || self.step > self.least || self.least > self.most {
            Err(format!(
                "`step` is {}, `least` {} and `most` {}; expected steps that meet `least` on the way to `most`",
                self.step, self.least, self.most
            ))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for Max {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = Jobs::prepare(cx).await?.keeping(Keep::ToTheEnd);
        let mut held = 0;
        let mut all = 0;
        let mut ended: Option<(u32, Loaded, Served)> = None;
        let mut last = None;
        for number in params.steps() {
            let plan = Plan::single(Load::Burst { count: number });
            let loaded = put_on(cx, &jobs, plan, &format!("load-{number}")).await?;
            let served = configured(&loaded.report, &jobs)?;
            all += served.asked;
            if served.share().unwrap_or_default() < params.success {
                ended = Some((number, loaded, served));
                break;
            }
            held = number;
            last = Some(loaded);
        }
        let observation = Observation::counted(all, "requests, sent at once in steps,")?;
        let measured = Measurement::new("at once", count(held.into()), Unit::Count)
            .held_to(Threshold::AtLeast(f64::from(params.least)));
        let mut verdict = Verdict::of(observation);
        if let Some((number, loaded, served)) = &ended {
            verdict = verdict.with(params.finding(held, *number, served).evidence(loaded.evidence.clone()));
        }
        if let Some(loaded) = ended.map(|(_, loaded, _)| loaded).or(last) {
            verdict = verdict.with_series(series(&loaded.report));
            verdict = verdict.with_all(unended(&loaded.report)).evidence(loaded.evidence);
        }
        Ok(verdict.measured(measured))
    }
}

impl MaxParams {
    /// That a step did not hold: a failure where too few did.
    fn finding(&self, held: u32, number: u32, served: &Served) -> Finding {
        let (cause, remedy) = served.suspect();
        let enough = held >= self.least;
        let (code, cause) =
            if enough { ("limit-found", Cause::Capacity) } else { ("too-few-at-once", cause) };
        let message = format!(
            "{held} at once are served, {number} are not: {:.1} % of them; at least {} must be",
            served.share().unwrap_or_default(),
            self.least
        );
        let finding = Finding::new(code, cause, CONFIGURATIONS, message)
            .expected(
                format!("{} at once, {} % of them served", self.least, self.success),
                format!("{held} at once"),
            )
            .remedy(remedy, "days");
        let finding = served.failures().into_iter().fold(finding, Finding::detail);
        if enough { finding.note() } else { finding }
    }
}
