//! `load.capacity.search`

use super::HOLDS_ONE;
use super::held::{Ask, Held, hold, light_jobs};
use super::verdict::explained;
use crate::judge::{CONFIGURATIONS, of};
use crate::profile::{Bounds, Profile, params};
use crate::series::count;
use shakedown_capacity::bottleneck::Analysis;
use shakedown_capacity::gap::{Details, Fitted};
use shakedown_capacity::page::{self, breaking_words, limit_words};
use shakedown_capacity::search::{Answer, Ceiling, Limit, Search as Searching, SearchPlan, Step, Try};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, Gate, HumanDuration, Measurement,
    Observation, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use shakedown_loadgen::threshold::Statistic;
use std::time::{Duration, Instant};

register_check! {
    /// The highest number of jobs that is held at once reaches what is wanted.
    ///
    /// Light jobs are asked for and held together: first in growing steps, until a step does not hold, then by bisection, and
    /// at the border again and again, since one try decides nothing. A step holds when enough of its jobs run, quickly enough.
    /// The answer is the highest number that is sustained with its 95 % interval, the lowest that breaks, how it breaks, and
    /// what limited the search: the target, the policy (`max_concurrent_jobs` is never exceeded) or the load generator.
    /// The Universal Scalability Law is fitted to the throughput of the steps, with its uncertainty, and asked what it says
    /// about the number wanted; where the points do not allow that, it says why. A page with drawings is written beside the
    /// reports of the run.
    ///
    /// # Why it matters
    /// Whether 200 jobs are held is yes or no. How far it is, and in which direction, decides what to build.
    ///
    /// # How to mend it
    /// The finding names the bottleneck at the lowest number that broke.
    pub(super) struct Search(SearchParams) {
        id: "load.capacity.search",
        title: "The highest number of jobs held at once reaches what is wanted",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13986"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        gate: Gate::Informational,
        timeout: Some(Duration::from_hours(1)),
        proofs: &[fault("focus-api.low-capacity", "capacity-below-wanted")],
    }
}

params! {
    /// How to search, and what is wanted.
    SearchParams {
        /// How many jobs are wanted at once.
        wanted: u32 = 200,
        /// The first number to try.
        from: u32 = 5,
        /// By how much each step up multiplies.
        growth: f64 = 2.0,
        /// Nothing above this is tried, even where the policy allows it.
        most: u32 = 400,
        /// How close the highest that held and the lowest that broke have to come, as a share.
        resolution: f64 = 0.02,
        /// How often the two at the border are tried.
        repeats: u32 = 3,
        /// How many tries there may be in all.
        tries: u32 = 40,
        /// A step holds when at least this share of its jobs runs, in percent.
        success: f64 = 95.0,
        /// It must then be accepted within this, on average.
        mean: HumanDuration = HumanDuration::millis(1000),
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

/// From this share of the policy's rate on it is the policy, not the target, that limits throughput.
const NEAR_THE_POLICY: f64 = 0.8;

impl SearchParams {
    fn search(&self, allowed: usize) -> Result<Searching, String> {
        let allowed = u32::try_from(allowed).unwrap_or(u32::MAX);
        Searching::new(SearchPlan {
            from: self.from,
            growth: self.growth,
            most: self.most.min(allowed),
            ceiling: if allowed < self.most { Ceiling::Policy } else { Ceiling::Asked },
            resolution: self.resolution,
            repeats: self.repeats,
            tries: self.tries,
            success: self.success / 100.0,
            latency_ms: Some(self.mean.0.as_secs_f64() * 1000.0),
        })
    }

    fn ask(&self, cx: &Context, step: Step) -> Ask {
        let in_flight = u32::try_from(cx.limits.requests_in_flight).unwrap_or(u32::MAX).min(step.n);
        let name = format!("load-{}-{}", step.n, step.repeat + 1);
        Ask { jobs: step.n, in_flight, settle: self.settle, look_every: self.look_every, name }
    }
}

impl Profile for SearchParams {
    fn plan(&self) -> Plan {
        let (settle, look_every) = (self.settle, self.look_every);
        Ask { jobs: self.from.max(1), in_flight: 1, settle, look_every, name: String::new() }.plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), ..Bounds::success(self.success) }
    }

    fn sane(&self) -> Result<(), String> {
        if self.most < self.wanted {
            return Err(format!("`most` is {}; expected at least `wanted`, {}", self.most, self.wanted));
        }
        self.search(usize::MAX).map(drop)
    }
}

#[async_trait]
impl Check for Search {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = light_jobs(cx, params.from).await?;
        let mut search = params.search(cx.jobs.limit()).map_err(CheckError::unclear)?;
        let mut broke: Option<(u32, Held)> = None;
        let mut longest = Duration::ZERO;
        while let Some(step) = search.next() {
            if cx.remaining() < longest * 2 {
                search.stop("the check's `timeout` leaves no time for another try");
                break;
            }
            let done = search.tried() as u64;
            cx.progress(done, params.tries.into(), format!("tries {} jobs at once", step.n));
            let began = Instant::now();
            let ask = params.ask(cx, step);
            match hold(cx, &jobs, &ask).await {
                Ok(held) => {
                    search.observe(step, seen(cx, &ask, &held));
                    let breaks = search
                        .answer()
                        .is_some_and(|answer| answer.tries.last().is_some_and(|last| !last.held));
                    if breaks && broke.as_ref().is_none_or(|(lowest, _)| step.n <= *lowest) {
                        broke = Some((step.n, held));
                    }
                }
                Err(error) => search.observe(step, SearchParams::unanswered(&search, step, error)?),
            }
            longest = longest.max(began.elapsed());
        }
        let answer = search.answer().ok_or_else(|| CheckError::no_data("no try came to an end"))?;
        params.verdict(cx, &answer, broke.as_ref().map(|(_, held)| held))
    }
}

/// What a search is told of a try.
fn seen(cx: &Context, ask: &Ask, held: &Held) -> Try {
    let near = NEAR_THE_POLICY * cx.limits.requests_per_second;
    Try {
        attempts: held.served.asked,
        succeeded: held.running,
        failures: held.failures.clone(),
        mean_ms: held.mean_ms(),
        p95_ms: of(Statistic::Percentile(95.0), &held.served.service),
        per_second: held.served.rate().filter(|rate| *rate < near),
        in_flight: ask.in_flight,
        generator: None,
    }
}

impl SearchParams {
    /// What a try says that has no numbers. The first one that fails so is the check's answer.
    fn unanswered(search: &Searching, step: Step, error: CheckError) -> Result<Try, CheckError> {
        if search.tried() == 0 {
            return Err(error);
        }
        match error {
            // A server that held fewer and answers nobody now has broken.
            CheckError::Target(away) => Ok(Try {
                attempts: step.n.into(),
                failures: [(format!("unanswered ({})", away.kind), step.n.into())].into_iter().collect(),
                in_flight: step.n,
                ..Try::default()
            }),
            CheckError::Unclear(why) | CheckError::NotApplicable(why) => {
                Ok(Try { generator: Some(why), ..Try::default() })
            }
            CheckError::NoData(_) => Err(error),
        }
    }

    fn verdict(&self, cx: &Context, answer: &Answer, broke: Option<&Held>) -> Result<Verdict, CheckError> {
        let resources = broke.map(Held::resources).unwrap_or_default();
        let analysis = broke.map(|held| held.analysis(&resources));
        let law = Fitted::to(&answer.points(self.success / 100.0), self.wanted, 1);
        let seen = format!(
            "{} jobs at once are sustained (95 % interval {} to {}) by {} tries; limited by {}",
            answer.highest,
            answer.lower,
            answer.upper,
            answer.tries.len(),
            limit_words(&answer.limited)
        );
        let details =
            Details { search: Some(answer.clone()), law: Some(law), resources, ..Details::default() };
        let details =
            analysis.as_ref().map_or_else(|| details.clone(), |analysis| details.clone().analysed(analysis));
        let number = |name: &str, value: u32| Measurement::new(name, count(value.into()), Unit::Count);
        let mut verdict = Verdict::of(Observation::seen(seen))
            .measured(number("sustained", answer.highest))
            .measured(number("sustained, lower end", answer.lower))
            .measured(number("sustained, upper end", answer.upper));
        if let Some(Fitted::Law(fitted)) = &details.law {
            let at = fitted.wanted.throughput;
            verdict = verdict.measured(Measurement::new(
                "throughput at the number wanted, by the law",
                at.value,
                Unit::PerSecond,
            ));
        }
        verdict = verdict.with_all(self.below(answer, analysis.as_ref(), &details));
        let json = serde_json::to_value(&details)
            .map_err(|error| CheckError::unclear(format!("the search cannot be written: {error}")))?;
        let html =
            page::of_search(&cx.environment, self.wanted, answer, &details).map_err(CheckError::unclear)?;
        Ok(verdict
            .evidence(cx.attach(
                Evidence::html(format!("capacity_search_{}.html", cx.environment), html).as_report(),
            )?)
            .evidence(cx.attach(Evidence::json("search.json", &json))?))
    }

    /// That less is sustained than is wanted, or that it cannot be said.
    fn below(&self, answer: &Answer, analysis: Option<&Analysis>, details: &Details) -> Option<Finding> {
        if answer.highest >= self.wanted {
            return None;
        }
        let law = details.law.as_ref().map(Fitted::sentence);
        let finding = match (&answer.limited, analysis, &answer.breaking) {
            (Limit::Target, Some(analysis), Some(breaking)) => {
                let message = format!(
                    "{} jobs at once are sustained, and {} are wanted; at {} it breaks: {}",
                    answer.highest,
                    self.wanted,
                    breaking.at,
                    breaking_words(answer)
                );
                explained("capacity-below-wanted", message, analysis).expected(
                    self.wanted,
                    format!("{} (95 % interval {} to {})", answer.highest, answer.lower, answer.upper),
                )
            }
            (Limit::Target, ..) => {
                let message = format!(
                    "{} jobs at once are sustained; beyond, the server answers nobody",
                    answer.highest
                );
                Finding::new("capacity-below-wanted", Cause::Product, CONFIGURATIONS, message)
                    .expected(self.wanted, answer.highest)
                    .remedy("find what stops the server: its log, restarts, memory", "days")
            }
            (limit, ..) => {
                let message = format!(
                    "{} jobs at once are sustained; whether {} are cannot be said: the search was limited by {}",
                    answer.highest,
                    self.wanted,
                    limit_words(limit)
                );
                Finding::new("not-decided", Cause::Environment, CONFIGURATIONS, message)
                    .remedy("raise that limit where it may be raised, and search again", "minutes")
                    .note()
            }
        };
        Some(law.into_iter().fold(finding, Finding::detail))
    }
}
