//! `load.network.bandwidth`

use crate::checks::waterfall::reading::{Lane, READ, Reading, SUBJECT};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::served::Served;
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
    /// Ten waterfalls share the network evenly, and leave room on it.
    ///
    /// Ten live tasks of the planned interface are read for five minutes. Together they carry less than 800 megabits per
    /// second; what each carried differs by less than 30 % of their mean; reads take at most 50 ms longer in the last fifth
    /// of the time than in the first; at most 2 % fail; and nine of ten still deliver at the end. What is measured is what
    /// the answers bring, without the overhead of the network. Where the interface is not deployed, the check is skipped.
    ///
    /// # Why it matters
    /// One view that takes the whole line starves the others, and nobody sees which.
    ///
    /// # How to mend it
    /// The evidence has what each task carried. A task that carries less than others has fewer rows made for it: look at its
    /// analyzer. Latency that grows points to a queue that is filled faster than it is read.
    pub(super) struct Bandwidth(BandwidthParams) {
        id: "load.network.bandwidth",
        title: "Ten waterfalls share the network evenly",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-15139"],
        tags: &["load", "planned"],
        requires: &["focus-api.waterfall.valid"],
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.rows-uneven", "bandwidth-uneven")],
    }
}

params! {
    /// How many, for how long, and what must come of it.
    BandwidthParams {
        /// How many tasks are read, each by a user of its own.
        jobs: u32 = 10,
        /// For how long.
        during: HumanDuration = HumanDuration::secs(300),
        /// How many rows a read asks for.
        rows: u32 = 200,
        /// How often each user reads.
        every: HumanDuration = HumanDuration::secs(2),
        /// All together must stay below this, in megabits per second.
        megabits: f64 = 800.0,
        /// By how much reads may take longer at the end than at the beginning, on average.
        latency_growth: HumanDuration = HumanDuration::millis(50),
        /// By how much what each carried may differ, in percent of the mean.
        spread: f64 = 30.0,
        /// The share of reads that may fail, in percent.
        errors: f64 = 2.0,
        /// The share of tasks that must still deliver at the end, in percent.
        active: f64 = 90.0,
    }
}

/// The phases, with their share of the time.
const PHASES: [(&str, f64); 3] = [("beginning", 0.2), ("middle", 0.6), ("end", 0.2)];

impl Profile for BandwidthParams {
    fn plan(&self) -> Plan {
        let phase = |(name, share): (&str, f64)| {
            let during = HumanDuration(self.during.0.mul_f64(share));
            Phase::measured(name, Load::Users { count: self.jobs, during })
        };
        Plan::of(PHASES.map(phase))
    }

    fn bounds(&self) -> Bounds {
        Bounds::success((100.0 - self.errors).clamp(0.0, 100.0))
    }

    fn sane(&self) -> Result<(), String> {
        let least = self.every.0 * 5;
        if self.rows == 0 || self.every.0.is_zero() {
            Err("`rows` and `every` must be more than nothing".to_owned())
        } else if self.jobs < 2 {
            Err(format!("`jobs` is {}; one task shares with nobody", self.jobs))
        } else if self.during.0 < least {
            Err(format!(
                "`during` ({}) leaves no read to its first fifth, with one every {}",
                self.during, self.every
            ))
        } else if !(0.0..=100.0).contains(&self.active) || !(0.0..=100.0).contains(&self.errors) {
            Err("`active` and `errors` are shares in percent, 0 to 100".to_owned())
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for Bandwidth {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let client = cx.target::<FocusApi>().await?;
        let reading = Reading::prepare(cx, &client, (params.jobs, params.rows, params.every.0)).await?;
        let loaded = Trial::of(params.plan()).run(cx, reading.clone()).await?;
        let carried = Carried::of(&loaded.report, &reading.lanes())?;
        let verdict = judge(params, &carried)?.with_series(series(&loaded.report));
        Ok(verdict.evidence(loaded.evidence))
    }
}

/// What was carried.
#[derive(Clone, Debug)]
struct Carried {
    /// By each task, in bytes.
    each: Vec<f64>,
    /// By all together, in megabits per second.
    megabits: f64,
    /// The mean time of reads, in milliseconds, in the first fifth and in the last.
    first: f64,
    last: f64,
    /// Reads, and those that failed.
    reads: u64,
    failed: u64,
    /// How many tasks delivered rows at the end.
    active: usize,
}

impl Carried {
    fn of(report: &Report, lanes: &[Lane]) -> Result<Self, CheckError> {
        let served = Served::of(report, READ);
        let mean = |phase: &str| {
            let mean = report.phase(phase).and_then(|phase| phase.operation(READ)?.succeeded.mean());
            mean.map(|mean| mean.as_secs_f64() * 1000.0)
                .ok_or_else(|| CheckError::no_data(format!("no read succeeded in phase `{phase}`")))
        };
        let seconds: f64 = report.measured().map(|phase| phase.elapsed).sum();
        let each: Vec<f64> = lanes.iter().map(|lane| count(lane.bytes)).collect();
        let last = PHASES.len() - 1;
        Ok(Self {
            megabits: each.iter().sum::<f64>() * 8.0 / 1e6 / seconds.max(f64::MIN_POSITIVE),
            each,
            first: mean(PHASES[0].0)?,
            last: mean(PHASES[last].0)?,
            reads: served.asked,
            failed: served.asked - served.succeeded.min(served.asked),
            active: lanes.iter().filter(|lane| lane.last_phase == Some(last)).count(),
        })
    }

    /// By how much what each carried differs, in percent of the mean; none where nothing was carried.
    fn spread(&self) -> Option<f64> {
        let most = self.each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = self.each.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = self.each.iter().sum::<f64>() / count(self.each.len() as u64).max(1.0);
        (mean > 0.0).then(|| (most - least) / mean * 100.0)
    }
}

fn judge(params: &BandwidthParams, carried: &Carried) -> Result<Verdict, CheckError> {
    let tasks = carried.each.len();
    let spread = carried.spread().ok_or_else(|| CheckError::no_data("the tasks delivered nothing"))?;
    let seen = format!("{:.2} megabits/s by {tasks} tasks, in {} reads", carried.megabits, carried.reads);
    let finding = |code: &str, message: String, remedy: &str| {
        Finding::new(code, Cause::Capacity, SUBJECT, message).remedy(remedy, "days")
    };
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let active = number(carried.active) / number(tasks).max(1.0) * 100.0;
    let errors = count(carried.failed) / count(carried.reads).max(1.0) * 100.0;
    let growth = carried.last - carried.first;
    let allowed = params.latency_growth.0.as_secs_f64() * 1000.0;
    Ok(Verdict::of(Observation::seen(&seen))
        .judged(
            Measurement::new("megabits per second", carried.megabits, Unit::Count).held_to(Threshold::Below(params.megabits)),
            |measured| {
                finding("bandwidth-exceeded", measured.to_string(), "ask for fewer sensors or rows, or give the line more room")
                    .expected(format!("below {} megabits/s", params.megabits), format!("{:.0}", measured.value))
            },
        )
        .judged(Measurement::new("spread", spread, Unit::Percent).held_to(Threshold::Below(params.spread)), |measured| {
            let kilobytes: Vec<String> = carried.each.iter().map(|bytes| format!("{:.0}", bytes / 1000.0)).collect();
            finding(
                "bandwidth-uneven",
                format!("what {tasks} tasks carry differs by {:.0} % of their mean", measured.value),
                "look at the analyzers of the tasks that carry less: how many rows they make",
            )
            .expected(format!("less than {} %", params.spread), format!("{:.0} %", measured.value))
            .detail(format!("kilobytes of each: {}", kilobytes.join(", ")))
        })
        .judged(
            Measurement::new("reads at the end take longer by", growth, Unit::Milliseconds).held_to(Threshold::Below(allowed)),
            |measured| {
                let (first, last) = (carried.first, carried.last);
                finding(
                    "bandwidth-slows",
                    format!("reads take {last:.0} ms at the end, {:.0} ms more than {first:.0} ms at the beginning", measured.value),
                    "look for a queue that is filled faster than it is read",
                )
                .expected(format!("less than {} more", params.latency_growth), format!("{:.0} ms more", measured.value))
            },
        )
        .judged(Measurement::new("failed reads", errors, Unit::Percent).held_to(Threshold::AtMost(params.errors)), |measured| {
            let message = format!("{} of {} reads failed: {measured}", carried.failed, carried.reads);
            finding("rows-failed", message, "read the server's log at these times")
                .expected(format!("at most {} %", params.errors), format!("{:.1} %", measured.value))
        })
        .judged(Measurement::new("tasks that deliver to the end", active, Unit::Percent).held_to(Threshold::AtLeast(params.active)), |measured| {
            let message = format!("{} of {tasks} tasks deliver rows at the end: {measured}", carried.active);
            finding("tasks-silent", message, "look at the analyzers of the tasks that fell silent")
                .expected(format!("at least {} %", params.active), format!("{:.0} %", measured.value))
        }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Params as _};

    fn carried() -> Carried {
        Carried {
            each: vec![1e6; 10],
            megabits: 8.0,
            first: 20.0,
            last: 25.0,
            reads: 100,
            failed: 2,
            active: 9,
        }
    }

    fn codes(carried: &Carried) -> Vec<String> {
        let outcome = Outcome::from(judge(&BandwidthParams::default(), carried));
        outcome.findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_bound_has_its_finding() {
        assert!(codes(&carried()).is_empty());
        let mut uneven = carried();
        uneven.each[0] = 0.5e6;
        assert_eq!(codes(&uneven), ["bandwidth-uneven"]);
        assert_eq!(codes(&Carried { megabits: 800.0, ..carried() }), ["bandwidth-exceeded"]);
        assert_eq!(codes(&Carried { last: 70.0, ..carried() }), ["bandwidth-slows"]);
        assert_eq!(codes(&Carried { failed: 3, ..carried() }), ["rows-failed"]);
        assert_eq!(codes(&Carried { active: 8, ..carried() }), ["tasks-silent"]);
        assert!(judge(&BandwidthParams::default(), &Carried { each: vec![0.0; 10], ..carried() }).is_err());
    }

    #[test]
    fn parameters_make_sense() {
        let params = BandwidthParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(BandwidthParams { jobs: 1, ..params() }.validate().is_err());
        assert!(BandwidthParams { during: HumanDuration::secs(9), ..params() }.validate().is_err());
        assert!(BandwidthParams { errors: -1.0, ..params() }.validate().is_err());
    }
}
