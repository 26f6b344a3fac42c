//! `load.cancel-many`

use super::standing::{living, start_standing};
use crate::checks::STARTS;
use crate::jobs::{Ending, Jobs, Keep};
use crate::judge::Question;
use crate::profile::{Bounds, Profile, params};
use crate::served::Served;
use crate::trial::Trial;
use crate::wire;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_http::Method;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Wire};
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

register_check! {
    /// Fifty jobs that are cancelled at once are gone.
    ///
    /// Fifty live jobs are started, then all are cancelled at the same moment. The cancellations are answered with success,
    /// and soon after the server says of each job that it has ended, or does not know it any more. Where the server offers no
    /// cancelling, which `focus-api.jobs.cancel` says, the check is skipped.
    ///
    /// # Why it matters
    /// At the end of a shift everybody closes their views. Jobs that live on after "200" occupy room that everybody believes
    /// is free.
    ///
    /// # How to mend it
    /// Where the answers fail, look at what cancelling waits for: the cluster's API. Where the answers are fine and the jobs
    /// live on, an answer is given before the work is done, and the work is lost when there is much of it.
    pub(super) struct CancelMany(CancelParams) {
        id: "load.cancel-many",
        title: "Fifty jobs that are cancelled at once are gone",
        severity: Severity::Low,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.cancel-stuck", "cancel-ineffective")],
    }
}

params! {
    /// How many, and what must come of it.
    CancelParams {
        /// How many jobs are cancelled at the same moment.
        jobs: u32 = 50,
        /// The share of cancellations that must be answered with success, in percent.
        success: f64 = 100.0,
        /// The 95th percentile of their time may be at most this.
        p95: HumanDuration = HumanDuration::secs(5),
        /// Cancelled jobs must be gone after this time.
        gone_within: HumanDuration = HumanDuration::secs(10),
    }
}

impl Profile for CancelParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Burst { count: self.jobs })
    }

    fn bounds(&self) -> Bounds {
        Bounds { p95: Some(self.p95), ..Bounds::success(self.success) }
    }
}

const SUBJECT: &str = "DELETE /job/{job_id}";
const CANCEL: &str = "cancel";
/// How often the server is asked whether jobs are gone.
const PAUSE: Duration = Duration::from_millis(100);

/// Each arrival cancels the job of its number.
struct Cancels {
    dialer: Dialer,
    ids: Arc<[String]>,
}

#[async_trait]
impl Scenario for Cancels {
    fn operations(&self) -> Vec<String> {
        vec![CANCEL.to_owned()]
    }

    async fn session(&self, _number: u64) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(Canceller {
            dialer: self.dialer.clone(),
            wire: self.dialer.wire(),
            ids: Arc::clone(&self.ids),
        }))
    }
}

struct Canceller {
    dialer: Dialer,
    wire: Wire,
    ids: Arc<[String]>,
}

#[async_trait]
impl Session for Canceller {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let number = usize::try_from(iteration.number()).unwrap_or(usize::MAX);
        let id = self.ids.get(number).ok_or_else(|| Failure::Other(format!("there is no job {number}")))?;
        let request = self.dialer.request(Method::DELETE, &format!("/job/{id}"));
        let request = request.map_err(Failure::Other)?;
        let wire = &mut self.wire;
        iteration.time(0, async { wire.send(&request).await.and_then(Answer::success) }).await.map(drop)
    }
}

#[async_trait]
impl Check for CancelMany {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = Jobs::prepare(cx).await?.keeping(Keep::ToTheEnd);
        if jobs.ending != Ending::Cancel {
            return Err(CheckError::not_applicable(format!(
                "cancelling is not offered: {}",
                jobs.ending.words()
            )));
        }
        let answer = self.cancel(cx, &jobs).await;
        // What was cancelled in vain is cancelled once more, a few at a time.
        jobs.end_all().await;
        answer
    }
}

impl CancelMany {
    async fn cancel(&self, cx: &Context, jobs: &Jobs) -> Result<Verdict, CheckError> {
        start_standing(cx, jobs, self.params.jobs).await?;
        let client = Arc::clone(&jobs.books.client);
        let ids: Arc<[String]> = jobs.books.living().into();
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        if count * 10 < self.params.jobs * 9 {
            let why = format!(
                "only {count} of {} jobs could be started; load.concurrent.create judges that",
                self.params.jobs
            );
            return Err(CheckError::not_applicable(why));
        }
        let known = living(cx, &client, &ids).await?.len();
        let cancels = Cancels { dialer: wire::dialer(&client)?, ids: Arc::clone(&ids) };
        let plan = Plan::single(Load::Burst { count });
        let loaded = Trial::of(plan).named("cancel").run(cx, cancels).await?;
        let question = Question::about(SUBJECT, self.params.bounds()).coded("cancel-failed", "cancel-slow");
        let served = Served::of(&loaded.report, CANCEL);
        let mut cases = Cases::new();
        cases.push(Case::new("answers", &[], question.verdict(&served, &loaded)));
        let gone = if known == 0 {
            Err(CheckError::not_applicable(
                "the server knows none of its jobs, which focus-api.jobmeta.valid judges",
            ))
        } else {
            self.gone(cx, &client, &ids).await
        };
        cases.push(Case::new("jobs are gone", &[], gone));
        cases.verdict()
    }

    /// Whether the jobs really go, and after what time.
    async fn gone(&self, cx: &Context, client: &FocusClient, ids: &[String]) -> Result<Verdict, CheckError> {
        let cancelled = Instant::now();
        let mut left = ids.to_vec();
        while !left.is_empty() && cancelled.elapsed() < self.params.gone_within.0 {
            left = living(cx, client, &left).await?;
            cx.progress((ids.len() - left.len()) as u64, ids.len() as u64, "jobs gone");
            if !left.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(gone(ids.len(), &left, cancelled.elapsed(), self.params.gone_within))
    }
}

fn gone(all: usize, left: &[String], took: Duration, within: HumanDuration) -> Verdict {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let seen =
        format!("{} of {all} cancelled jobs are gone after {:.1} s", all - left.len(), took.as_secs_f64());
    let verdict = Verdict::of(Observation::seen(&seen));
    let measured = Measurement::new("jobs that live on", number(left.len()), Unit::Count)
        .held_to(Threshold::AtMost(0.0));
    verdict.measured(Measurement::new("gone after", took.as_secs_f64() * 1000.0, Unit::Milliseconds)).judged(
        measured,
        |_| {
            let some: Vec<&str> = left.iter().take(5).map(String::as_str).collect();
            Finding::new(
                "cancel-ineffective",
                Cause::Product,
                SUBJECT,
                format!("{seen}: {} live on", left.len()),
            )
            .expected(format!("all {all} gone within {within}"), format!("{} live on", left.len()))
            .detail(format!("for example {}", some.join(", ")))
            .remedy(
                "end the job and what it occupies before answering 200, also when many are cancelled at once",
                "days",
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Params as _, Status};

    #[test]
    fn jobs_that_live_on_are_named() {
        let within = HumanDuration::secs(10);
        let all = Outcome::from(Ok(gone(50, &[], Duration::from_millis(300), within)));
        assert_eq!(all.status, Status::Passed);
        let left: Vec<String> = (1..=8).map(|number| format!("1-{number}")).collect();
        let some = Outcome::from(Ok(gone(50, &left, Duration::from_secs(10), within)));
        insta::assert_snapshot!(some.findings[0].message, @"42 of 50 cancelled jobs are gone after 10.0 s: 8 live on");
        assert_eq!(some.findings[0].details, ["for example 1-1, 1-2, 1-3, 1-4, 1-5"]);
    }

    #[test]
    fn parameters_make_sense() {
        assert_eq!(CancelParams::default().validate(), Ok(()));
        assert!(CancelParams { success: 101.0, ..CancelParams::default() }.validate().is_err());
        assert!(CancelParams { jobs: 0, ..CancelParams::default() }.validate().is_err());
    }
}
