//! `load.pattern`

use crate::jobs::{CONFIGURE, Jobs, OPERATIONS};
use crate::judge::{CONFIGURATIONS, Question, put_on, unended, with_room};
use crate::profile::{Bounds, Profile, params};
use crate::series::series;
use crate::served::Served;
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, Gate, HumanDuration, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Phase, Plan};
use std::time::Duration;

register_check! {
    /// A business day is served, at every hour of it.
    ///
    /// A quiet morning of 2 requests a second for 5 minutes, a peak of 15 for 2 minutes, an afternoon of 5 for 5 minutes and
    /// a second peak of 12 for 2 minutes, one after the other; people arrive independently of each other. `time` shortens
    /// all of it at the same rates. In each part at least 90 % must be served: the quiet ones do not hide the busy ones.
    ///
    /// # Why it matters
    /// A server may bear each rate by itself and still not the change from one to the next, or be worse in the afternoon
    /// than it was in the morning.
    ///
    /// # How to mend it
    /// The case that fails says at which time of day. Where only the later of two similar ones does, something is not given
    /// back: look at memory, connections and jobs that are left.
    pub(super) struct Pattern(PatternParams) {
        id: "load.pattern",
        title: "A business day is served",
        severity: Severity::Low,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["load.peak"],
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(20)),
        proofs: &[fault("focus-api.throttles", "load-failed")],
    }
}

params! {
    /// How long the day is, and what must come of it.
    PatternParams {
        /// How long the day takes, as a share of its 14 minutes.
        time: f64 = 1.0,
        /// At least this share must be served in each part, in percent.
        success: f64 = 90.0,
    }
}

/// The parts of the day: name, requests per second, and minutes.
const DAY: [(&str, f64, u64); 4] =
    [("morning", 2.0, 5), ("peak", 15.0, 2), ("afternoon", 5.0, 5), ("second peak", 12.0, 2)];

impl Profile for PatternParams {
    fn plan(&self) -> Plan {
        let phases = DAY.map(|(name, per_second, minutes)| {
            let during = HumanDuration::secs(60 * minutes);
            Phase::measured(name, Load::Rate { per_second, during, arrivals: Arrivals::Poisson })
        });
        Plan::of(phases).scaled(self.time)
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.time.is_finite() && self.time > 0.0 {
            Ok(())
        } else {
            Err(format!("`time` is {}; expected a share such as 1.0 or 0.1", self.time))
        }
    }
}

#[async_trait]
impl Check for Pattern {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = Jobs::prepare(cx).await?;
        let loaded = put_on(cx, &jobs, self.params.plan(), "load").await?;
        let question = Question::about(CONFIGURATIONS, self.params.bounds());
        let mut cases = Cases::new();
        for phase in loaded.report.measured() {
            let served = Served::within(&[phase], OPERATIONS[CONFIGURE]);
            let answer = with_room(&served, &jobs)
                .and_then(|()| question.judge(&served, &loaded.report, &loaded.evidence));
            cases.push(Case::new(phase.name.clone(), &[], answer));
        }
        let verdict = cases.verdict()?.with_all(unended(&loaded.report)).evidence(loaded.evidence);
        Ok(verdict.with_series(series(&loaded.report)))
    }
}
