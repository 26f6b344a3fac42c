//! `load.waterfall.stream`

use super::reading::{READ, Reading, SUBJECT};
use crate::judge::Question;
use crate::profile::{Bounds, Profile, params};
use crate::series::count;
use crate::served::Served;
use crate::trial::Trial;
use shakedown_core::measurement::Threshold as Bound;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::feasible::{Facts, feasible};
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::report::Report;
use shakedown_loadgen::threshold::{Metric, Threshold};
use std::time::Duration;

register_check! {
    /// Rows of ten waterfalls keep coming, soon enough and all of them.
    ///
    /// Ten live tasks of the planned interface are read for three minutes, a hundred rows every two seconds each. At least 98 %
    /// of the reads are answered, within 300 ms on average and 500 ms for 95 of 100, and at least 400 rows come per second in
    /// all. That is four fifths of what such readers can get: ten of them get fewer than 500 rows per second however fast
    /// the server is, and `validate` refuses a bound that they cannot reach. Where the interface is not deployed, the check
    /// is skipped.
    ///
    /// # Why it matters
    /// These rows are the picture. One that lags by seconds is a recording.
    ///
    /// # How to mend it
    /// Where reads are slow, look at what answers them; where they are quick and bring few rows, at the analyzers that make
    /// them. `load.network.scaling` says whether it is a matter of how many there are.
    pub(super) struct Stream(StreamParams) {
        id: "load.waterfall.stream",
        title: "Rows of ten waterfalls keep coming",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-15141"],
        tags: &["load", "planned"],
        requires: &["focus-api.waterfall.valid"],
        timeout: Some(Duration::from_mins(8)),
        proofs: &[fault("focus-api.rows-capped", "rows-few")],
    }
}

params! {
    /// How many, for how long, and what must come of it.
    StreamParams {
        /// How many tasks are read, each by a user of its own.
        jobs: u32 = 10,
        /// For how long.
        during: HumanDuration = HumanDuration::secs(180),
        /// How many rows a read asks for.
        rows: u32 = 100,
        /// How often each user reads.
        every: HumanDuration = HumanDuration::secs(2),
        /// The share of reads that must be answered, in percent.
        success: f64 = 98.0,
        /// Their mean time may be at most this.
        mean: HumanDuration = HumanDuration::millis(300),
        /// The 95th percentile of their time may be at most this.
        p95: HumanDuration = HumanDuration::millis(500),
        /// How many rows must come per second, of all tasks together.
        rows_per_second: f64 = 400.0,
    }
}

impl Profile for StreamParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Users { count: self.jobs, during: self.during })
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), p95: Some(self.p95), ..Bounds::success(self.success) }
    }

    fn sane(&self) -> Result<(), String> {
        if self.rows == 0 || self.every.0.is_zero() {
            return Err("`rows` and `every` must be more than nothing".to_owned());
        }
        let mut plan = self.plan();
        plan.thresholds = vec![Threshold::new(Metric::Rows, Bound::AtLeast(self.rows_per_second))];
        let facts = Facts { readers: Some(self.jobs), ..Facts::default() };
        feasible(&plan, &facts.rows(self.rows.into()).pausing(self.every.0, 1)).map(drop)
    }
}

#[async_trait]
impl Check for Stream {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let client = cx.target::<FocusApi>().await?;
        let reading = Reading::prepare(cx, &client, (params.jobs, params.rows, params.every.0)).await?;
        let loaded = Trial::of(params.plan()).run(cx, reading).await?;
        let question = Question::about(SUBJECT, params.bounds()).coded("rows-failed", "rows-slow");
        let verdict = question.verdict(&Served::of(&loaded.report, READ), &loaded)?;
        let rate = rows_per_second(&loaded.report)?;
        let measured = Measurement::new("rows per second", rate, Unit::PerSecond);
        Ok(verdict.judged(measured.held_to(Bound::AtLeast(params.rows_per_second)), |measured| {
            let message = format!("{} tasks deliver too few rows: {measured}", params.jobs);
            Finding::new("rows-few", Cause::Capacity, SUBJECT, message)
                .expected(
                    format!("at least {}/s", params.rows_per_second),
                    format!("{:.0}/s", measured.value),
                )
                .remedy("look at the analyzers: how many rows each makes, and what they wait for", "days")
                .evidence(loaded.evidence.clone())
        }))
    }
}

fn rows_per_second(report: &Report) -> Result<f64, CheckError> {
    let read = report.operation(READ).ok_or_else(|| CheckError::no_data("nothing was read"))?;
    let seconds: f64 = report.measured().map(|phase| phase.elapsed).sum();
    if seconds > 0.0 {
        Ok(count(read.rows) / seconds)
    } else {
        Err(CheckError::no_data("no time passed while reading"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::Params as _;

    #[test]
    fn what_readers_cannot_get_is_refused_before_anything_is_sent() {
        let params = StreamParams::default;
        assert_eq!(params().validate(), Ok(()));
        let error = StreamParams { rows_per_second: 500.0, ..params() }.validate().unwrap_err();
        assert!(error.contains("500 rows/s"), "{error}");
        assert_eq!(StreamParams { rows_per_second: 500.0, rows: 200, ..params() }.validate(), Ok(()));
        assert!(StreamParams { rows: 0, ..params() }.validate().is_err());
        assert!(StreamParams { every: HumanDuration::secs(0), ..params() }.validate().is_err());
    }
}
