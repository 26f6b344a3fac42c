//! The load under which MongoDB is looked at: live jobs on Focus Server.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use shakedown_core::{CheckError, Context};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::sync::Arc;
use std::time::Duration;

/// What checks require whose question begins with jobs.
pub(super) const STARTS: &[&str] = &[
    "mongo.connect",
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.config.valid",
];

/// How long connecting to a job's stream may take, to leave it again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs that run.
pub(super) struct Jobs {
    focus: Arc<FocusClient>,
    jobs: Vec<Job>,
}

impl Jobs {
    /// Starts so many.
    ///
    /// # Errors
    /// Where there cannot be so many; whether the server takes them is for other checks to judge.
    pub(super) async fn start(cx: &Context, count: u32) -> Result<Self, CheckError> {
        let (wanted, allowed) = (count as usize, cx.jobs.limit());
        if allowed < wanted {
            return Err(CheckError::not_applicable(format!(
                "the policy allows {allowed} jobs (max_concurrent_jobs), and `jobs` is {wanted}"
            )));
        }
        let focus = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&focus.fiber(cx).await?);
        // As many at a time, and as quickly, as the policy allows.
        let distance = distance(cx.limits.requests_per_second);
        let starts = (0..count).map(async |number| {
            tokio::time::sleep(distance * number).await;
            focus.start(cx, &request).await
        });
        let at_once = cx.limits.requests_in_flight.clamp(1, wanted.max(1));
        let started: Vec<_> = stream::iter(starts).buffer_unordered(at_once).collect().await;
        let (mut jobs, mut refused) = (Vec::with_capacity(wanted), None);
        for start in started {
            match start {
                Ok(job) => jobs.push(job),
                Err(error) => refused = Some(error),
            }
        }
        let jobs = Self { focus, jobs };
        match refused {
            None => Ok(jobs),
            Some(error) => {
                let started = jobs.jobs.len();
                jobs.end(cx).await;
                Err(match error {
                    error @ CheckError::Target(_) => error,
                    error => CheckError::unclear(format!(
                        "only {started} of {wanted} jobs could be started: {error}"
                    )),
                })
            }
        }
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.jobs.len()
    }

    /// Ends them: cancelled, or where the server does not offer that, by leaving their streams. What is left ends by
    /// the server's own clock, and stands on the ledger.
    pub(super) async fn end(self, cx: &Context) {
        let Self { focus, jobs } = self;
        join_all(jobs.into_iter().map(async |job| {
            let is_cancelled =
                focus.delete_job(&job.id).await.is_ok_and(|exchange| exchange.status.is_success());
            // Who connects and leaves ends the job.
            if is_cancelled || job.stream(PATIENCE).await.is_ok() {
                // Where this cannot be noted, the next run finds that there is nothing to remove.
                let _ = job.ended(cx);
            }
        }))
        .await;
    }
}

/// How far apart requests are begun at a rate.
pub(super) fn distance(per_second: f64) -> Duration {
    Duration::try_from_secs_f64(per_second.recip()).unwrap_or_default()
}
