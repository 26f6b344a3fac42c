//! More and more live jobs, all held, until it breaks: one implementation for all plans.

use super::held::Held;
use super::sla::Sla;
use super::step::{Break, Step, bad_run, broken};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::series::Series;
use shakedown_core::{
    Cause, CheckError, Context, Evidence, Finding, HumanDuration, Measurement, Observation, Params, Unit,
    Verdict,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::marker::PhantomData;
use std::time::Instant;

/// The numbers by which the plans differ.
pub(super) trait Plan: Send + Sync + 'static {
    /// How many jobs at first, how many more each step, and how many at the top.
    const JOBS: (u32, u32, u32);
    /// Seconds that a step lasts, and that all are held at the top.
    const SECONDS: (u64, u64);
    /// How many must be held.
    const REQUIRED: u32;
}

/// How many live jobs, how fast, and what must hold.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "P: Plan")]
#[schemars(rename = "Climb", bound = "P: Plan")]
pub(super) struct Climb<P: Plan> {
    #[serde(skip)]
    plan: PhantomData<P>,
    /// How many jobs are started first, at once.
    first: u32,
    /// How many more each step adds, at once.
    step: u32,
    /// How many there are at the top.
    most: u32,
    /// How long a step lasts at least; at its end every stream is asked for a sign of life.
    interval: HumanDuration,
    /// How long all are held at the top.
    hold: HumanDuration,
    /// How many must be held: breaking with fewer is a failure, breaking with more a warning.
    required: u32,
    /// After how many bad steps in a row it has broken.
    bad_steps: usize,
    /// The least share of a step's new jobs that come up, in percent. By default that of the environment's role: 70 for a
    /// `capacity-target`, 85 for `production`, 60 elsewhere.
    success: Option<f64>,
    /// How long it may take until a new job's stream is up (95th percentile of a step). By default that of the role:
    /// 30 s, 15 s, 60 s.
    latency: Option<HumanDuration>,
    /// The greatest share of starts and signs of life that fail in a step, in percent. By default that of the role: 30,
    /// 20, 40.
    errors: Option<f64>,
    /// How long the answer to a configuration may take.
    answer_within: HumanDuration,
    /// How long a stream may take to be ready once its job is configured.
    ready_within: HumanDuration,
    /// How long a sign of life may take.
    sign_within: HumanDuration,
    /// The server's own timer: a stream that it closes when it is this old is started anew, and is no error.
    idle: HumanDuration,
}

impl<P: Plan> Default for Climb<P> {
    fn default() -> Self {
        let ((first, step, most), (interval, hold)) = (P::JOBS, P::SECONDS);
        Self {
            plan: PhantomData,
            first,
            step,
            most,
            interval: HumanDuration::secs(interval),
            hold: HumanDuration::secs(hold),
            required: P::REQUIRED,
            bad_steps: 3,
            success: None,
            latency: None,
            errors: None,
            answer_within: HumanDuration::secs(60),
            ready_within: HumanDuration::secs(15),
            sign_within: HumanDuration::secs(5),
            idle: HumanDuration::secs(170),
        }
    }
}

/// More jobs than any policy allows are a typo.
const MOST: u32 = 10_000;

impl<P: Plan> Params for Climb<P> {
    fn validate(&self) -> Result<(), String> {
        let is_share = |share: Option<f64>| share.is_none_or(|share| (0.0..=100.0).contains(&share));
        if self.first == 0 || self.step == 0 {
            Err("`first` and `step` must be at least 1".to_owned())
        } else if !(self.first..=MOST).contains(&self.most) {
            Err(format!(
                "`most` is {}; it must be at least `first` ({}) and at most {MOST}",
                self.most, self.first
            ))
        } else if self.required > self.most {
            Err(format!(
                "`required` ({}) exceeds `most` ({}): nobody would try that many",
                self.required, self.most
            ))
        } else if self.bad_steps == 0 {
            Err("`bad_steps` is 0; at least 1 is needed".to_owned())
        } else if !is_share(self.success) || !is_share(self.errors) {
            Err("`success` and `errors` are shares in percent, 0 to 100".to_owned())
        } else if self.interval.0.is_zero() {
            Err("`interval` is 0s; streams could not be watched".to_owned())
        } else {
            Ok(())
        }
    }
}

/// A climb under way.
struct Climber<'a> {
    cx: &'a Context,
    client: &'a FocusClient,
    body: String,
    started: Instant,
    held: Vec<Held>,
    steps: Vec<Step>,
}

impl<P: Plan> Climb<P> {
    /// Climbs, and says where it broke.
    pub(super) async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let allowed = u32::try_from(cx.jobs.limit()).unwrap_or(u32::MAX);
        if allowed < self.required {
            let why = format!(
                "the policy allows {allowed} jobs (max_concurrent_jobs), and {} must be held",
                self.required
            );
            return Err(CheckError::not_applicable(why));
        }
        let most = self.most.min(allowed);
        let sla = self.sla(cx);
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let mut climber = Climber {
            cx,
            client: &client,
            body,
            started: Instant::now(),
            held: Vec::new(),
            steps: Vec::new(),
        };
        let came = self.climb(&mut climber, most, &sla).await;
        let Climber { held, steps, .. } = climber;
        held.into_iter().try_for_each(|held| held.end(cx))?;
        came?;
        self.judge(cx, &steps, &sla, most)
    }

    fn sla(&self, cx: &Context) -> Sla {
        let role = Sla::of_role(cx.role.as_deref());
        Sla {
            success: self.success.unwrap_or(role.success),
            latency: self.latency.unwrap_or(role.latency),
            errors: self.errors.unwrap_or(role.errors),
        }
    }

    async fn climb(&self, climber: &mut Climber<'_>, most: u32, sla: &Sla) -> Result<(), CheckError> {
        let mut asked = 0;
        while asked < most {
            let new = if asked == 0 { self.first } else { self.step }.min(most - asked);
            asked += new;
            self.step(climber, asked, new).await?;
            climber.cx.progress(asked.into(), most.into(), "live jobs asked for");
            if bad_run(&climber.steps, sla) >= self.bad_steps {
                return Ok(());
            }
        }
        let top = Instant::now();
        while top.elapsed() < self.hold.0 && bad_run(&climber.steps, sla) < self.bad_steps {
            self.step(climber, asked, 0).await?;
        }
        Ok(())
    }

    /// One step: new jobs, then the rest of the interval, then a sign of life of every stream.
    async fn step(&self, climber: &mut Climber<'_>, asked: u32, new: u32) -> Result<(), CheckError> {
        let Climber { cx, client, body, .. } = climber;
        let patience = (self.answer_within.0, self.ready_within.0);
        let began = Instant::now();
        let mut step = Step { asked, new, operations: new, ..Step::default() };
        let started = Held::start_many(cx, client, new, |_| body.clone(), patience).await?;
        for start in started {
            match start {
                Ok(held) => {
                    step.came_up(held.ready);
                    climber.held.push(held);
                }
                Err(failed) => step.failed(&failed),
            }
        }
        tokio::time::sleep(self.interval.0.saturating_sub(began.elapsed())).await;
        let held = std::mem::take(&mut climber.held);
        step.operations += u32::try_from(held.len()).unwrap_or(u32::MAX);
        let (alive, lost) = Held::signs(held, self.sign_within.0).await;
        climber.held = alive.into_iter().map(|(held, _)| held).collect();
        for (lost, why) in lost {
            let is_idle = lost.age() >= self.idle.0;
            lost.end(cx)?;
            let again = if is_idle { Held::start(cx, client, body, patience).await? } else { Err(why) };
            match again {
                Ok(held) => {
                    step.renewed += 1;
                    climber.held.push(held);
                }
                Err(failed) => step.failed(&failed),
            }
        }
        step.up = u32::try_from(climber.held.len()).unwrap_or(u32::MAX);
        step.at = climber.started.elapsed().as_secs_f64();
        climber.steps.push(step);
        Ok(())
    }

    fn judge(&self, cx: &Context, steps: &[Step], sla: &Sla, most: u32) -> Result<Verdict, CheckError> {
        let asked = steps.last().map_or(0, |step| step.asked);
        let run = bad_run(steps, sla);
        let broke = (run >= self.bad_steps).then(|| broken(steps, sla, run)).flatten();
        let held = broke.as_ref().map_or_else(|| most_up(steps), |broke| broke.held);
        let seen = Observation::counted(steps.len() as u64, "steps")?;
        let seen = format!("{}: {asked} live jobs asked for, {held} held", seen.text());
        let evidence =
            cx.attach(Evidence::json("steps.json", &serde_json::json!({ "sla": sla, "steps": steps })))?;
        let p95 = steps.iter().filter_map(Step::p95).fold(0.0, f64::max);
        let mut verdict = Verdict::of(Observation::seen(seen))
            .measured(
                Measurement::new("live jobs held", held.into(), Unit::Count)
                    .held_to(Threshold::AtLeast(self.required.into())),
            )
            .measured(
                Measurement::new("slowest step's p95 until a stream was up", p95, Unit::Milliseconds)
                    .held_to(Threshold::AtMost(sla.latency.0.as_secs_f64() * 1000.0)),
            )
            .evidence(evidence.clone())
            .with_all(notes(steps, sla, most, self.most));
        for series in series(steps) {
            verdict = verdict.series(series);
        }
        Ok(match &broke {
            Some(broke) => verdict.with(broke.finding(self.required).evidence(evidence)),
            None if run > 0 => verdict.with(wavering(steps, sla, run)),
            None => verdict,
        })
    }
}

fn most_up(steps: &[Step]) -> u32 {
    steps.iter().map(|step| step.up).max().unwrap_or_default()
}

/// A climb that ends on bad steps, too few to say that it has broken.
fn wavering(steps: &[Step], sla: &Sla, run: usize) -> Finding {
    let broke: Option<Break> = broken(steps, sla, run);
    let lines = broke.map(|broke| broke.breaks).unwrap_or_default();
    let message = format!("the last {run} of {} steps were bad, too few to call it broken", steps.len());
    let finding = Finding::new("live-wavers", Cause::Capacity, "live jobs", message)
        .remedy("climb higher, or hold the top for longer", "minutes")
        .warn();
    lines.into_iter().fold(finding, Finding::detail)
}

fn notes(steps: &[Step], sla: &Sla, most: u32, wanted: u32) -> Vec<Finding> {
    let mut notes = Vec::new();
    if most < wanted {
        let message = format!("the climb ends at {most} jobs instead of {wanted}: the policy allows no more");
        notes.push(Finding::new("climb-bounded", Cause::Expected, "max_concurrent_jobs", message).note());
    }
    let renewed: u32 = steps.iter().map(|step| step.renewed).sum();
    if renewed > 0 {
        let message =
            format!("the server closed an idle stream {renewed} times; those views were started anew");
        notes.push(Finding::new("stream-idle", Cause::Expected, "streams", message).note());
    }
    let bad: Vec<&Step> = steps.iter().filter(|step| !step.breaks(sla).is_empty()).collect();
    if let Some(first) = bad.first() {
        let message = format!(
            "{} of {} steps broke their bounds, the first with {} jobs asked for: {}",
            bad.len(),
            steps.len(),
            first.asked,
            first.breaks(sla).join("; ")
        );
        notes.push(Finding::new("bad-steps", Cause::Capacity, "live jobs", message).note());
    }
    notes
}

fn series(steps: &[Step]) -> Vec<Series> {
    let points = |value: fn(&Step) -> Option<f64>| {
        steps.iter().filter_map(move |step| Some([step.at, value(step)?])).collect::<Vec<_>>()
    };
    vec![
        Series::new("live jobs asked for", Unit::Count, points(|step| Some(step.asked.into()))),
        Series::new("live jobs up", Unit::Count, points(|step| Some(step.up.into()))),
        Series::new("p95 until a stream was up", Unit::Milliseconds, points(Step::p95)),
        Series::new("failed operations", Unit::Percent, points(Step::errors)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ten;

    impl Plan for Ten {
        const JOBS: (u32, u32, u32) = (2, 2, 10);
        const SECONDS: (u64, u64) = (5, 0);
        const REQUIRED: u32 = 10;
    }

    #[test]
    fn parameters_make_sense() {
        fn with(change: impl FnOnce(&mut Climb<Ten>)) -> Result<(), String> {
            let mut params = Climb::default();
            change(&mut params);
            params.validate()
        }
        assert_eq!(with(|_| ()), Ok(()));
        assert!(with(|params| params.first = 0).is_err());
        assert!(with(|params| params.most = 1).is_err());
        assert!(with(|params| params.required = 11).unwrap_err().contains("nobody would try"));
        assert!(with(|params| params.bad_steps = 0).is_err());
        assert!(with(|params| params.errors = Some(101.0)).is_err());
        assert!(with(|params| params.interval = HumanDuration::secs(0)).is_err());
    }

    #[test]
    fn a_bounded_climb_and_a_renewed_stream_are_said() {
        let sla = Sla::of_role(None);
        let steps = [Step { asked: 5, up: 5, operations: 5, renewed: 2, ..Step::default() }];
        let codes =
            |most| notes(&steps, &sla, most, 100).into_iter().map(|note| note.code).collect::<Vec<_>>();
        assert_eq!(codes(100), ["stream-idle"]);
        assert_eq!(codes(50), ["climb-bounded", "stream-idle"]);
    }
}
