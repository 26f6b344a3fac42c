//! `load.capacity.soak-1h`

use super::HOLDS_ONE;
use super::held::watched;
use super::verdict::usage;
use crate::jobs::{Jobs, Keep};
use crate::judge::{CONFIGURATIONS, Question, configured, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use shakedown_capacity::resources::Usage;
use shakedown_capacity::{Direction, Resources, Trend};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Measurement, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Plan};
use std::time::Duration;

register_check! {
    /// In an hour of ten jobs a minute, jobs are served and memory stays where it is.
    ///
    /// Ten jobs a minute are asked for, each is held for a while and ended again. At least 90 % must be served. Meanwhile the
    /// memory of pods and nodes is read, and a line is fitted to it that outliers do not move, with a 95 % interval that knows
    /// that neighbouring readings say much the same. A *warning* is given where the whole interval says that memory rises by
    /// more than 10 points of its limit over the time watched; two readings, one at the start and one at the end, would say
    /// nothing. Where the interval cannot decide, that is noted: watch longer.
    ///
    /// # Why it matters
    /// A leak of a few megabytes a job is invisible in a test of minutes, and ends a server within days.
    ///
    /// # How to mend it
    /// Take heap profiles of the pod named at the start and after an hour, and compare what has grown.
    pub(super) struct Soak1h(SoakParams) {
        id: "load.capacity.soak-1h",
        title: "In an hour of ten jobs a minute, memory stays where it is",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        also: &["k8s"],
        tags: &["load", "soak"],
        requires: HOLDS_ONE,
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(75)),
        proofs: &[fault("focus-api.leaks", "memory-rises")],
    }
}

params! {
    /// The load, and what must come of it.
    SoakParams {
        /// Jobs asked for per minute.
        per_minute: f64 = 10.0,
        /// For how long.
        during: HumanDuration = HumanDuration::secs(3600),
        /// How long each job is held.
        hold: HumanDuration = HumanDuration::secs(20),
        /// At least this share must be served, in percent.
        success: f64 = 90.0,
        /// Memory may rise by so many points of its limit over the time watched.
        memory_points: f64 = 10.0,
        /// The distance between two looks at memory.
        look_every: HumanDuration = HumanDuration::secs(10),
    }
}

impl Profile for SoakParams {
    fn plan(&self) -> Plan {
        let per_second = self.per_minute / 60.0;
        Plan::single(Load::Rate { per_second, during: self.during, arrivals: Arrivals::Even })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        let looks = self.during.0.as_secs_f64() / self.look_every.0.as_secs_f64().max(0.001);
        if looks < 10.0 {
            return Err(format!(
                "`during` and `look_every` give {looks:.0} looks at memory; a trend takes ten at least"
            ));
        }
        if self.memory_points <= 0.0 {
            return Err(format!("`memory_points` is {}; expected a number above 0", self.memory_points));
        }
        Ok(())
    }
}

#[async_trait]
impl Check for Soak1h {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = Jobs::prepare(cx).await?.keeping(Keep::For(params.hold.0));
        let since = cx.clock.now();
        let mut looks = Vec::new();
        let load = put_on(cx, &jobs, params.plan(), "load");
        let loaded = watched(cx, params.look_every.0, &mut looks, load).await?;
        let served = configured(&loaded.report, &jobs)?;
        let resources = Resources::of(&looks, since);
        let question = Question::about(CONFIGURATIONS, params.bounds());
        let verdict = question.verdict(&served, &loaded)?.with_all(unended(&loaded.report));
        let verdict = params.memory(verdict, &resources);
        Ok(verdict.with_series(usage(&resources)))
    }
}

impl SoakParams {
    /// Judges the trend of every memory whose limit is known.
    fn memory(&self, mut verdict: Verdict, resources: &Resources) -> Verdict {
        let mut judged = 0;
        for usage in resources.all("memory") {
            let Some(limit) = usage.limit.filter(|limit| *limit > 0.0) else { continue };
            let Ok(trend) = Trend::of(&usage.points) else { continue };
            judged += 1;
            let (change, interval) = trend.change();
            let points = |bytes: f64| 100.0 * bytes / limit;
            let words = format!(
                "memory of {} changes by {:.1} points of its limit in {:.2} h (95 % interval {:.1} to {:.1})",
                usage.subject,
                points(change),
                trend.hours,
                points(interval.lower),
                points(interval.upper)
            );
            let name = format!("memory of {} per hour", usage.subject);
            verdict = verdict.measured(Measurement::new(name, trend.per_hour, Unit::Bytes));
            verdict = match trend.direction(self.memory_points / 100.0 * limit / trend.hours) {
                Direction::Rising => verdict.with(self.rises(usage, words)),
                Direction::Undecided => verdict.with(undecided(usage, words)),
                Direction::Flat | Direction::Falling => verdict,
            };
        }
        if judged > 0 {
            return verdict;
        }
        let why = resources
            .unreadable
            .iter()
            .map(|(observer, why)| format!("{observer}: {why}"))
            .collect::<Vec<_>>();
        let message =
            "memory of the target was not measured, or no limit of it is known: nothing is said about leaks";
        let note = Finding::new("memory-not-measured", Cause::Environment, "memory", message).remedy(
            "give the pods memory limits, and the cluster a metrics server that this user may read",
            "about an hour",
        );
        verdict.with(why.into_iter().fold(note, Finding::detail).note())
    }

    fn rises(&self, usage: &Usage, words: String) -> Finding {
        Finding::new("memory-rises", Cause::Product, &usage.subject, words)
            .expected(format!("at most {} points", self.memory_points), "the whole interval lies above")
            .remedy("take heap profiles at the start and after an hour, and compare what has grown", "days")
            .warn()
    }
}

fn undecided(usage: &Usage, words: String) -> Finding {
    Finding::new("memory-undecided", Cause::Environment, &usage.subject, words)
        .remedy("watch longer, or more often", "hours")
        .note()
}
