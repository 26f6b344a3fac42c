//! `load.exhaustion`

use super::STARTS_SEVERAL;
use crate::jobs::{CONFIGURE, Jobs, Keep, OPERATIONS};
use crate::judge::{CONFIGURATIONS, put_on};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::served::{Served, began};
use crate::trial::Loaded;
use shakedown_core::duration::brief;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Severity,
    Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;
use shakedown_loadgen::plan::{Load, Plan};
use std::time::{Duration, Instant};

register_check! {
    /// A server that has no room says so, and is well again afterwards.
    ///
    /// Fifty users ask for jobs at the same time, keep each for a moment, and ask for the next, for 30 s. How many are
    /// served does not matter here, but how the others are refused does: with 503 or 429. An error of another kind, a
    /// broken connection or no answer at all is a failure. Afterwards the jobs are ended and the server must give back
    /// their room within a minute: it acknowledges, and starts a job.
    ///
    /// # Why it matters
    /// Who is told that there is no room waits and comes again. Who is told of an internal error calls somebody, and a
    /// server that fails instead of refusing may take the jobs of others with it.
    ///
    /// # How to mend it
    /// Bound what the server takes on at once, and refuse the rest with 503 and `Retry-After` before any work is begun.
    pub(super) struct Exhaustion(ExhaustionParams) {
        id: "load.exhaustion",
        title: "A server without room says so, and recovers",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14807"],
        tags: &["load"],
        requires: STARTS_SEVERAL,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.errors-under-load", "broke-when-full")],
    }
}

params! {
    /// How many users, for how long, and how soon the server must be well again.
    ExhaustionParams {
        /// How many users there are.
        users: u32 = 50,
        /// For how long.
        during: HumanDuration = HumanDuration::secs(30),
        /// How long each job is kept.
        hold: HumanDuration = HumanDuration::secs(2),
        /// The server must be well again after this time.
        cleanup: HumanDuration = HumanDuration::secs(60),
    }
}

impl Profile for ExhaustionParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Users { count: self.users, during: self.during })
    }

    /// Nothing must be served; it is refusals that are judged.
    fn bounds(&self) -> Bounds {
        Bounds::success(0.0)
    }
}

/// How the server may refuse.
const REFUSALS: [&str; 2] = ["status-503", "throttled"];
const PAUSE: Duration = Duration::from_millis(500);

#[async_trait]
impl Check for Exhaustion {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = Jobs::prepare(cx).await?.keeping(Keep::For(params.hold.0));
        let loaded = put_on(cx, &jobs, params.plan(), "load").await?;
        let served = Served::of(&loaded.report, OPERATIONS[CONFIGURE]);
        let seen = format!("{} of {} requests to {CONFIGURATIONS} served", served.succeeded, served.asked);
        let mut verdict = Verdict::of(Observation::counted(served.asked, "requests")?)
            .evidence(loaded.evidence.clone())
            .measured(Measurement::new("served", served.share().unwrap_or_default(), Unit::Percent));
        let refused: u64 = REFUSALS.iter().filter_map(|class| served.failed.get(*class)).sum();
        verdict = verdict.measured(Measurement::new("refused", count(refused), Unit::Count));
        if let Some(finding) = broken(&served, &loaded) {
            verdict = verdict.with(finding.detail(seen));
        }
        let verdict = match well_again(cx, &jobs, params.cleanup.0).await? {
            Ok(after) => {
                let measured = Measurement::new("well again after", after.as_secs_f64(), Unit::Seconds)
                    .held_to(Threshold::AtMost(params.cleanup.0.as_secs_f64()));
                verdict.measured(measured)
            }
            Err(finding) => verdict.with(finding.evidence(loaded.evidence.clone())),
        };
        Ok(verdict.with_series(series(&loaded.report)))
    }
}

/// The finding where requests failed otherwise than by a refusal.
fn broken(served: &Served, loaded: &Loaded) -> Option<Finding> {
    let mut others = served.clone();
    others.failed.retain(|class, _| !REFUSALS.contains(&class.as_str()));
    // Who waits for a place behind others is not refused, and who is asked for patience is.
    others.held_back = 0;
    others.missed = 0;
    let number: u64 = others.failed.values().sum::<u64>() + others.abandoned;
    if number == 0 {
        return None;
    }
    let (cause, remedy) = others.suspect();
    let message =
        format!("{number} of {} requests failed instead of being refused with 503 or 429", served.asked);
    let worst = others.failures().first().cloned().unwrap_or_default();
    let finding = Finding::new("broke-when-full", cause, CONFIGURATIONS, message)
        .expected("503 or 429", worst)
        .remedy(remedy, "days")
        .evidence(loaded.evidence.clone());
    let finding = others.failures().into_iter().fold(finding, Finding::detail);
    Some(began(&loaded.report, served).into_iter().fold(finding, Finding::detail))
}

/// Waits until the server acknowledges and starts a job, and says how long that took.
async fn well_again(
    cx: &Context,
    jobs: &Jobs,
    within: Duration,
) -> Result<Result<Duration, Finding>, CheckError> {
    let client = cx.target::<FocusApi>().await?;
    let request = ConfigureRequest::live(&jobs.fiber);
    let started = Instant::now();
    loop {
        let last = match client.get(cx, "/ack").await {
            Ok(answer) if answer.status == StatusCode::OK => {
                match client.try_start(cx, &request, "a request").await {
                    Ok(Ok(job)) => {
                        jobs.end_own(cx, job).await;
                        return Ok(Ok(started.elapsed()));
                    }
                    Ok(Err((answer, _))) => answer.summary(),
                    Err(error) => error.to_string(),
                }
            }
            Ok(answer) => answer.summary(),
            Err(error) => error.to_string(),
        };
        if started.elapsed() + PAUSE > within {
            let message =
                format!("{} after the load has ended, the server starts no job for anybody", brief(within));
            return Ok(Err(Finding::new("not-well-again", Cause::Capacity, CONFIGURATIONS, message)
                .expected(format!("a job within {}", brief(within)), last)
                .remedy(
                    "look for what the load used up and nobody gave back; a restart of the server ends it",
                    "hours",
                )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
