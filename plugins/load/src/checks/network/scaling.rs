//! `load.network.scaling`

use crate::checks::waterfall::reading::{READ, Reading, SUBJECT};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::trial::Trial;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Measurement, Observation,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::plan::{Load, Phase, Plan};
use shakedown_loadgen::report::Report;
use std::time::Duration;

register_check! {
    /// Four times as many waterfalls carry four times as much.
    ///
    /// Five live tasks of the planned interface are read, then ten, then twenty, for a minute each. What is carried per second
    /// grows with their number: with every step each task still carries at least 80 % of what each of the first five did.
    /// Where the interface is not deployed, the check is skipped.
    ///
    /// # Why it matters
    /// Where it does not grow, something is shared that should not be, and the next user takes from the others.
    ///
    /// # How to mend it
    /// The measurements say from how many on it stops growing. Look at what all tasks go through: one reader, one queue, one
    /// core, one line.
    pub(super) struct Scaling(ScalingParams) {
        id: "load.network.scaling",
        title: "Four times as many waterfalls carry four times as much",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-15139"],
        tags: &["load", "planned"],
        requires: &["focus-api.waterfall.valid"],
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.rows-capped", "throughput-bounded")],
    }
}

params! {
    /// How many, for how long, and what must come of it.
    ScalingParams {
        /// How many tasks are read in each step, in ascending order.
        jobs: Vec<u32> = vec![5, 10, 20],
        /// How long each step lasts.
        during: HumanDuration = HumanDuration::secs(60),
        /// How many rows a read asks for.
        rows: u32 = 200,
        /// How often each user reads.
        every: HumanDuration = HumanDuration::secs(2),
        /// How much of what each of the first tasks carried each must still carry, in percent.
        efficiency: f64 = 80.0,
    }
}

fn name(jobs: u32) -> String {
    format!("{jobs} tasks")
}

impl Profile for ScalingParams {
    /// Before each step, tasks that were not read before get rid of what has gathered.
    fn plan(&self) -> Plan {
        let mut phases = Vec::new();
        for jobs in &self.jobs {
            let users = |during| Load::Users { count: *jobs, during };
            phases.push(Phase::unmeasured(
                format!("{} at first", name(*jobs)),
                users(HumanDuration(self.every.0 * 2)),
            ));
            phases.push(Phase::measured(name(*jobs), users(self.during)));
        }
        Plan::of(phases)
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(0.0)
    }

    fn sane(&self) -> Result<(), String> {
        if self.rows == 0 || self.every.0.is_zero() {
            Err("`rows` and `every` must be more than nothing".to_owned())
        } else if self.jobs.len() < 2 || self.jobs.windows(2).any(|pair| pair[0] >= pair[1]) {
            Err(format!("`jobs` are {:?}; they must be at least two, and ascend", self.jobs))
        } else if self.during.0 < self.every.0 * 2 {
            Err(format!("`during` ({}) is too short for two reads, one every {}", self.during, self.every))
        } else if !(0.0..=100.0).contains(&self.efficiency) {
            Err(format!("`efficiency` is {}; it is a share in percent, 0 to 100", self.efficiency))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for Scaling {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let client = cx.target::<FocusApi>().await?;
        let most = params.jobs.last().copied().unwrap_or_default();
        let reading = Reading::prepare(cx, &client, (most, params.rows, params.every.0)).await?;
        let loaded = Trial::of(params.plan()).run(cx, reading).await?;
        let steps = steps(&loaded.report, &params.jobs)?;
        let verdict = judge(&steps, params.efficiency)?.with_series(series(&loaded.report));
        Ok(verdict.evidence(loaded.evidence))
    }
}

/// How many tasks, and how many bytes per second they carried together.
type Step = (u32, f64);

fn steps(report: &Report, jobs: &[u32]) -> Result<Vec<Step>, CheckError> {
    let step = |jobs: &u32| {
        let phase = report.phase(&name(*jobs)).filter(|phase| phase.elapsed > 0.0);
        let phase =
            phase.ok_or_else(|| CheckError::unclear(format!("the step of {jobs} tasks did not run")))?;
        let bytes = phase.operation(READ).map_or(0, |read| read.bytes);
        Ok((*jobs, count(bytes) / phase.elapsed))
    };
    jobs.iter().map(step).collect()
}

fn judge(steps: &[Step], least: f64) -> Result<Verdict, CheckError> {
    let each = |(jobs, rate): &Step| rate / f64::from(*jobs).max(1.0);
    let first = steps.first().filter(|first| each(first) > 0.0);
    let first =
        first.ok_or_else(|| CheckError::no_data("the first tasks delivered nothing to compare with"))?;
    let words: Vec<String> =
        steps.iter().map(|(jobs, rate)| format!("{:.0} kB/s by {jobs}", rate / 1000.0)).collect();
    let seen = words.join(", ");
    let mut verdict = Verdict::of(Observation::seen(&seen));
    for step @ (jobs, _) in &steps[1..] {
        let kept = each(step) / each(first) * 100.0;
        let measured = Measurement::new(format!("kept by each of {jobs}"), kept, Unit::Percent);
        verdict = verdict.judged(measured.held_to(Threshold::AtLeast(least)), |measured| {
            let message = format!(
                "each of {jobs} tasks carries {:.0} % of what each of {} did: {seen}",
                measured.value, first.0
            );
            Finding::new("throughput-bounded", Cause::Capacity, SUBJECT, message)
                .expected(format!("at least {least} %"), format!("{:.0} %", measured.value))
                .remedy("look at what all tasks go through: a reader, a queue, a core, a line", "days")
        });
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Params as _, Status};

    #[test]
    fn what_does_not_grow_is_bounded() {
        let grows = Outcome::from(judge(&[(5, 500e3), (10, 950e3), (20, 1700e3)], 80.0));
        assert_eq!((grows.status, grows.measurements.len()), (Status::Passed, 2));
        let bounded = Outcome::from(judge(&[(5, 500e3), (10, 900e3), (20, 1000e3)], 80.0));
        insta::assert_snapshot!(bounded.findings[0].message, @"each of 20 tasks carries 50 % of what each of 5 did: 500 kB/s by 5, 900 kB/s by 10, 1000 kB/s by 20");
        assert_eq!(bounded.findings.len(), 1);
        assert!(judge(&[(5, 0.0), (10, 1.0)], 80.0).is_err());
    }

    #[test]
    fn parameters_make_sense() {
        let params = ScalingParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(ScalingParams { jobs: vec![5], ..params() }.validate().is_err());
        assert!(ScalingParams { jobs: vec![5, 5], ..params() }.validate().is_err());
        assert!(ScalingParams { efficiency: 101.0, ..params() }.validate().is_err());
    }
}
