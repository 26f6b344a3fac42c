//! `load.historic.many`

use super::{HISTORY, investigations};
use crate::jobs::Keep;
use crate::judge::{CONFIGURATIONS, Question, configured, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// Twenty can look into the past at the same time.
    ///
    /// Twenty jobs that play back five recorded minutes are asked for at the same moment, each over a connection of its own,
    /// and none is ended before all have been answered. At least 70 % must be served. Which minutes were recorded is asked of
    /// the server first.
    ///
    /// # Why it matters
    /// After an alarm everybody looks at the same minutes.
    ///
    /// # How to mend it
    /// Where live jobs are served and these are not, look at what only history needs: the database and its indexes, the disks
    /// that recordings are read from, and a limit of its own on playback.
    pub(super) struct Many(ManyParams) {
        id: "load.historic.many",
        title: "Twenty can look into the past at the same time",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: HISTORY,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.few-historic", "historic-failed")],
    }
}

params! {
    /// How many, and what must come of it.
    ManyParams {
        /// How many ask at the same moment.
        count: u32 = 20,
        /// How much recorded time each plays back.
        range: HumanDuration = HumanDuration::secs(300),
        /// At least this share must be served, in percent.
        success: f64 = 70.0,
    }
}

impl Profile for ManyParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Burst { count: self.count })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.range.0.as_secs() == 0 { Err("`range` is less than a second".to_owned()) } else { Ok(()) }
    }
}

#[async_trait]
impl Check for Many {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = investigations(cx, self.params.range.0.as_secs()).await?.keeping(Keep::ToTheEnd);
        let loaded = put_on(cx, &jobs, self.params.plan(), "load").await?;
        let served = configured(&loaded.report, &jobs)?;
        let question =
            Question::about(CONFIGURATIONS, self.params.bounds()).coded("historic-failed", "historic-slow");
        Ok(question.verdict(&served, &loaded)?.with_all(unended(&loaded.report)))
    }
}
