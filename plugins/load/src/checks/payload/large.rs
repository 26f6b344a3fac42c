//! `load.payload.large`

use crate::checks::STARTS;
use crate::jobs::Jobs;
use crate::judge::jobs_of;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// A job over a thousand channels starts in good time.
    ///
    /// A live job over 1000 channels is asked for, a few times one after the other. Each must be there within 15 s. Where
    /// the fiber has fewer channels, all of it is asked for, and the summary says so.
    ///
    /// # Why it matters
    /// The answer lists a stream for every channel: what is instant for ten takes its time for a thousand.
    ///
    /// # How to mend it
    /// Look at what the server does once per channel, and do it once per request.
    pub(super) struct Large(LargeParams) {
        id: "load.payload.large",
        title: "A job over a thousand channels starts in good time",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14794"],
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.large-slow", "load-slow")],
    }
}

params! {
    /// How large the requests are, and how quick the answers must be.
    LargeParams {
        /// How many channels are asked for.
        channels: i64 = 1000,
        /// How many requests are sent, one after the other.
        requests: u64 = 3,
        /// Each may take at most this.
        longest: HumanDuration = HumanDuration::secs(15),
    }
}

impl Profile for LargeParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Iterations { users: 1, count: self.requests })
    }

    fn bounds(&self) -> Bounds {
        Bounds { longest: Some(self.longest), ..Bounds::success(100.0) }
    }

    fn sane(&self) -> Result<(), String> {
        if (1..=2222).contains(&self.channels) {
            Ok(())
        } else {
            Err(format!(
                "`channels` is {}; expected 1 to 2222, the most that a client asks for",
                self.channels
            ))
        }
    }
}

#[async_trait]
impl Check for Large {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = Jobs::prepare(cx).await?;
        let request = ConfigureRequest::live(&jobs.fiber).channels(&jobs.fiber, params.channels);
        jobs_of(cx, jobs.asking(&request), params).await
    }
}
