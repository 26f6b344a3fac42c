//! Jobs that are asked for and held together: how many of them really run, and what the target uses meanwhile.
//!
//! An answer of 200 is not yet a job. Where a cluster says that pods wait, or the server itself no longer knows a job, it does
//! not count as a success.

use crate::jobs::{Jobs, Keep};
use crate::judge::with_room;
use crate::series::count;
use crate::served::Served;
use crate::trial::{Loaded, Trial};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use shakedown_capacity::resources::Resources;
use shakedown_core::duration::brief;
use shakedown_core::{CheckError, Context, Finding, HumanDuration, Observed};
use shakedown_focus::client::Fiber;
use shakedown_focus::request::ConfigureRequest;
use shakedown_http::StatusCode;
use shakedown_loadgen::Failure;
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::scenario::{Scenario, Session};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// A job becomes two pods: one that works, and one that cleans up after it.
const PODS_OF_A_JOB: u64 = 2;
/// How many jobs the server is asked about at once.
const ASKED_AT_ONCE: usize = 8;
/// How long asking about all of them may take.
const ASKING: Duration = Duration::from_secs(30);
/// Readings of pods that cannot begin.
const WAITING: [&str; 2] = ["pods-pending", "pods-without-address"];

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// How many jobs are held together.
    pub(super) jobs: u32,
    /// How many requests are in flight at once.
    pub(super) in_flight: u32,
    /// How long jobs may take to run, after the last answer.
    pub(super) settle: HumanDuration,
    /// The distance between two looks at what the target uses.
    pub(super) look_every: HumanDuration,
    /// The file that shows the load, without its ending.
    pub(super) name: String,
}

impl Ask {
    /// What a check asks for that puts on one load.
    pub(super) fn of(jobs: u32, in_flight: u32, settle: HumanDuration, look_every: HumanDuration) -> Self {
        Self { jobs, in_flight, settle, look_every, name: "load".to_owned() }
    }

    /// The load: users who ask for one job after another until there are enough.
    pub(super) fn plan(&self) -> Plan {
        let users = self.in_flight.min(self.jobs);
        Plan::single(Load::Iterations { users, count: self.jobs.into() })
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Held {
    /// The load as it was put on.
    pub(super) loaded: Loaded,
    /// What came of the requests.
    pub(super) served: Served,
    /// How many of the jobs really ran.
    pub(super) running: u64,
    /// What became of the others, by class.
    pub(super) failures: BTreeMap<String, u64>,
    /// What the observers saw.
    pub(super) looks: Vec<Observed>,
    /// When the load began.
    pub(super) since: Timestamp,
    /// A note where jobs were left to the server's timer.
    pub(super) left: Option<Finding>,
}

impl Held {
    /// What the target used.
    pub(super) fn resources(&self) -> Resources {
        Resources::of(&self.looks, self.since)
    }

    /// The share of the jobs asked for that ran, in percent; none where none was asked for.
    pub(super) fn share(&self) -> Option<f64> {
        (self.served.asked > 0).then(|| 100.0 * count(self.running) / count(self.served.asked))
    }
}

/// A light job: 10 channels, NFFT 512, 0–250 Hz, live.
fn light(fiber: &Fiber) -> ConfigureRequest {
    ConfigureRequest::live(fiber)
        .set("/nfftSelection", 512)
        .set("/frequencyRange/max", fiber.nyquist().min(250))
}

/// Light jobs, where the policy allows so many at once; nothing is sent where it does not.
pub(super) async fn light_jobs(cx: &Context, many: u32) -> Result<Jobs, CheckError> {
    allowed(cx, many)?;
    let jobs = Jobs::prepare(cx).await?;
    let light = light(&jobs.fiber);
    Ok(jobs.asking(&light))
}

/// What it is in words.
pub(super) const LIGHT: &str = "10 channels, NFFT 512, 0–250 Hz, height 800, live";

/// Refuses, before anything is sent, what the policy does not allow.
pub(super) fn allowed(cx: &Context, jobs: u32) -> Result<(), CheckError> {
    let limit = cx.jobs.limit();
    if limit >= jobs as usize {
        return Ok(());
    }
    Err(CheckError::not_applicable(format!(
        "it holds {jobs} jobs at once, and the policy of `{}` allows {limit} (max_concurrent_jobs)",
        cx.environment
    )))
}

/// Waits until there is room for so many jobs: those of earlier checks may still live.
pub(super) async fn await_room(cx: &Context, jobs: &Jobs, wanted: u32) -> Result<(), CheckError> {
    let within = (jobs.books.client.job_lifetime() + Duration::from_secs(5)).min(cx.remaining() / 2);
    let all = async {
        let mut slots = Vec::new();
        for _ in 0..wanted {
            slots.push(cx.jobs.acquire().await);
        }
    };
    cx.progress(0, 1, format!("waits until there is room for {wanted} jobs"));
    tokio::time::timeout(within, all).await.map_err(|_| {
        CheckError::unclear(format!(
            "policy-limited: within {} there was no room for {wanted} jobs; those of earlier checks may still live \
             (max_concurrent_jobs = {})",
            brief(within),
            cx.jobs.limit()
        ))
    })
}

/// Asks for jobs, holds them, looks whether they run, and ends them, whatever happens.
pub(super) async fn hold(cx: &Context, jobs: &Jobs, ask: &Ask) -> Result<Held, CheckError> {
    await_room(cx, jobs, ask.jobs).await?;
    let since = cx.clock.now();
    let mut looks = cx.observe().await;
    let before = waiting(&looks).unwrap_or(0.0);
    let scenario = Holding(jobs.clone().keeping(Keep::ToTheEnd));
    let load = Trial::of(ask.plan()).named(&ask.name).run(cx, scenario);
    let loaded = watched(cx, ask.look_every.0, &mut looks, load).await;
    let not_running = if loaded.is_ok() {
        let pods = settled(cx, ask, &mut looks).await.map(|now| (now - before).max(0.0));
        Some((pods, vanished(cx, jobs).await))
    } else {
        None
    };
    let left = jobs.end_all().await;
    looks.extend(cx.observe().await);
    let loaded = loaded?;
    let served = Served::of(&loaded.report, crate::jobs::OPERATIONS[crate::jobs::CONFIGURE]);
    with_room(&served, jobs)?;
    let (pods, vanished) = not_running.unwrap_or_default();
    let unplaced = pods.map_or(0, jobs_of_pods).min(served.succeeded);
    let vanished = vanished.min(served.succeeded - unplaced);
    Ok(Held {
        running: served.succeeded - unplaced - vanished,
        failures: failures(&served, unplaced, vanished),
        left: left_behind(jobs, left),
        served,
        loaded,
        looks,
        since,
    })
}

/// Looks at what the target uses while something goes on.
pub(super) async fn watched<T>(
    cx: &Context,
    every: Duration,
    looks: &mut Vec<Observed>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let look = async {
            ticks.tick().await;
            cx.observe().await
        };
        tokio::select! {
            done = &mut work => return done,
            seen = look => looks.extend(seen),
        }
    }
}

/// How many pods wait, as far as a cluster says; none where no cluster is asked.
fn waiting(looks: &[Observed]) -> Option<f64> {
    let readings = looks.iter().filter_map(|look| look.readings.as_ref().ok()).flatten();
    readings
        .filter(|reading| WAITING.contains(&reading.what.as_str()))
        .map(|reading| reading.value)
        .reduce(f64::max)
}

/// How many pods still wait when jobs have had their time to run.
async fn settled(cx: &Context, ask: &Ask, looks: &mut Vec<Observed>) -> Option<f64> {
    waiting(looks)?;
    cx.progress(1, 1, "waits until the jobs run");
    let settling = Instant::now();
    let pause = ask.look_every.0.min(ask.settle.0);
    loop {
        tokio::time::sleep(pause).await;
        let seen = cx.observe().await;
        let now = waiting(&seen);
        looks.extend(seen);
        if settling.elapsed() >= ask.settle.0 {
            return now;
        }
    }
}

/// How many jobs these pods belong to, at least.
fn jobs_of_pods(pods: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast saturates at a count of pods"
    )]
    let pods = pods.max(0.0) as u64;
    pods.div_ceil(PODS_OF_A_JOB)
}

/// How many of the jobs held the server no longer knows. A server that knows none of them says nothing with that, nor does
/// one that does not answer in time.
async fn vanished(cx: &Context, jobs: &Jobs) -> u64 {
    let ids = jobs.books.living();
    let number = ids.len();
    let unknown = stream::iter(ids)
        .map(|id| async move { jobs.books.client.get(cx, &format!("/metadata/{id}")).await })
        .buffer_unordered(ASKED_AT_ONCE)
        .filter(|answer| {
            std::future::ready(answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND))
        })
        .count();
    let unknown = tokio::time::timeout(ASKING, unknown).await.unwrap_or(0);
    if unknown == number { 0 } else { unknown as u64 }
}

fn failures(served: &Served, unplaced: u64, vanished: u64) -> BTreeMap<String, u64> {
    let mut failures = served.failed.clone();
    let further = [
        ("throttled", served.held_back),
        ("timeout", served.missed + served.abandoned),
        (PENDING, unplaced),
        (VANISHED, vanished),
    ];
    for (class, number) in further.into_iter().filter(|(_, number)| *number > 0) {
        *failures.entry(class.to_owned()).or_default() += number;
    }
    failures
}

/// The class of jobs that were accepted, and whose pods wait.
pub(super) const PENDING: &str = "accepted-but-pending";
/// The class of jobs that were accepted, and that the server no longer knows.
const VANISHED: &str = "accepted-but-gone";

fn left_behind(jobs: &Jobs, left: usize) -> Option<Finding> {
    let message = format!("{left} jobs were left to the server's timer; {}", jobs.ending.words());
    (left > 0).then(|| {
        Finding::new("jobs-left", shakedown_core::Cause::Environment, "DELETE /job/{job_id}", message)
            .remedy("wait until the server's timer has ended them", "about a minute")
            .note()
    })
}

/// The same jobs, which the end of the load does not end: who holds them does that.
struct Holding(Jobs);

#[async_trait]
impl Scenario for Holding {
    fn operations(&self) -> Vec<String> {
        self.0.operations()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        self.0.session(number).await
    }
}
