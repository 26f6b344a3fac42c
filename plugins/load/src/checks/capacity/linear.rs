//! `load.capacity.linear`

use super::HOLDS_ONE;
use super::held::{Ask, Held, hold, light_jobs};
use super::verdict::{Bar, usage};
use crate::profile::{Bounds, Profile, params};
use crate::series::count;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Measurement, Observation, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// Five and ten jobs at once are held, and the check says how it goes on with twenty and fifty.
    ///
    /// Light jobs are asked for on each step all at once, held together, and ended before the next one. A step holds when at
    /// least 90 % of its jobs run. Five and ten must hold; the first step that does not ends the check, so that nobody is
    /// burdened more than needed. Steps that the policy does not allow are left out.
    ///
    /// # Why it matters
    /// It shows where a system begins to bend, long before it breaks.
    ///
    /// # How to mend it
    /// The finding names the bottleneck on the first step that did not hold.
    pub(super) struct Linear(LinearParams) {
        id: "load.capacity.linear",
        title: "Five and ten jobs at once are held, and how it goes on",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14088", "PZ-13986", "PZ-13268"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.errors-under-load", "linear-short")],
    }
}

params! {
    /// The steps, and what must come of them.
    LinearParams {
        /// How many jobs are held at once on each step, in ascending order.
        steps: Vec<u32> = vec![5, 10, 20, 50],
        /// So many must hold.
        least: u32 = 10,
        /// A step holds when at least this share of its jobs runs, in percent.
        success: f64 = 90.0,
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl LinearParams {
    fn ask(&self, jobs: u32) -> Ask {
        let name = format!("load-{jobs}");
        Ask { jobs, in_flight: jobs, settle: self.settle, look_every: self.look_every, name }
    }
}

impl Profile for LinearParams {
    fn plan(&self) -> Plan {
        self.ask(self.steps.last().copied().unwrap_or(1)).plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.steps.is_sorted_by(|a, b| a < b)
            && self.steps.first() > Some(&0)
            && self.steps.contains(&self.least)
        {
            return Ok(());
        }
        Err(format!(
            "`steps` are {:?}; expected numbers above 0 in ascending order, with `least`, {}",
            self.steps, self.least
        ))
    }
}

#[async_trait]
impl Check for Linear {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = light_jobs(cx, params.least).await?;
        let most = cx.jobs.limit().min(cx.limits.requests_in_flight);
        let mut held = 0;
        let mut last: Option<(u32, Held)> = None;
        for step in params.steps.iter().copied().filter(|step| *step as usize <= most) {
            let seen = hold(cx, &jobs, &params.ask(step)).await?;
            let holds = seen.share().is_some_and(|share| share >= params.success);
            last = Some((step, seen));
            if !holds {
                break;
            }
            held = step;
        }
        let (step, seen) =
            last.ok_or_else(|| CheckError::not_applicable("the policy allows none of the steps"))?;
        params.verdict(held, step, &seen)
    }
}

impl LinearParams {
    fn verdict(&self, held: u32, step: u32, seen: &Held) -> Result<Verdict, CheckError> {
        let bar = Bar { success: self.success, mean_ms: None, short: "linear-short", slow: "linear-slow" };
        let resources = seen.resources();
        let verdict = if held < self.least {
            seen.judged(bar, &resources)?
        } else {
            let words = format!(
                "{held} jobs at once are held; {step} at once: {} of {}",
                seen.running, seen.served.asked
            );
            Verdict::of(Observation::seen(words))
        };
        let most = Measurement::new("held at once", count(held.into()), Unit::Count);
        let most = most.held_to(Threshold::AtLeast(self.least.into()));
        let verdict = verdict.measured(most).with_all(seen.left.clone());
        let verdict = verdict.with_series(usage(&resources));
        Ok(verdict.evidence(seen.loaded.evidence.clone()))
    }
}
