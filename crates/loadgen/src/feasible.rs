//! Arithmetic that rules a threshold out before anything is sent: what a plan asks of itself and cannot give.

use crate::plan::{Phase, Plan};
use crate::threshold::supply::{as_number, most_held, most_users, planned, planned_rate, scheduled};
use crate::threshold::{Metric, Statistic, Threshold};
use shakedown_core::HumanDuration;
use shakedown_core::Limits;
use shakedown_core::measurement::Threshold as Bound;
use shakedown_core::suggest::nearest;
use std::fmt;
use std::time::Duration;

/// What is known of a scenario before it runs. What is not known rules nothing out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// How long a user rests after each iteration, on average.
    pub pause_between: Option<Duration>,
    /// How long one attempt takes at least.
    pub least_service: Option<Duration>,
    /// How often an iteration attempts an operation; once where it is not known.
    pub attempts_per_iteration: Option<f64>,
    /// How many rows one answer brings at most.
    pub rows_per_answer: Option<f64>,
    /// How many read beside each other, each resting `pause_between`, where it is not the users of the plan.
    pub readers: Option<u32>,
    /// How long that which an iteration makes (a job, a connection) exists.
    pub held_for: Option<Duration>,
    /// How many of those may exist at once.
    pub slots: Option<u64>,
    /// What the environment's policy allows, where it is known.
    pub limits: Option<Limits>,
}

impl Facts {
    /// A user rests for `pause` after every `iterations` of them.
    #[must_use]
    pub fn pausing(mut self, pause: Duration, iterations: u32) -> Self {
        self.pause_between = Some(pause / iterations.max(1));
        self
    }

    /// What an iteration makes exists for `time`, in one of so many `slots`.
    #[must_use]
    pub const fn holding(mut self, time: Duration, slots: u64) -> Self {
        self.held_for = Some(time);
        self.slots = Some(slots);
        self
    }

    /// An answer brings at most so many rows.
    #[must_use]
    pub const fn rows(mut self, each: f64) -> Self {
        self.rows_per_answer = Some(each);
        self
    }

    /// An attempt takes at least so long.
    #[must_use]
    pub const fn taking(mut self, least: Duration) -> Self {
        self.least_service = Some(least);
        self
    }
}

/// One thing that the plan asks and arithmetic does not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infeasible {
    /// What is asked, for example `rate ≥ 10/s`.
    pub asked: String,
    /// Why it cannot be, or what is doubtful about it.
    pub why: String,
    /// Whether the plan must not run; otherwise it is a warning.
    pub refused: bool,
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, self.why)
    }
}

/// Everything that speaks against the plan: what rules it out, and warnings.
pub fn infeasible(plan: &Plan, facts: &Facts) -> Vec<Infeasible> {
    let mut found = Vec::new();
    for threshold in &plan.thresholds {
        let mut judge = Judge { asked: threshold.to_string(), found: &mut found };
        judge.threshold(plan, threshold, facts);
    }
    held(plan, facts, &mut found);
    in_flight(plan, facts, &mut found);
    found
}

/// The warnings, where nothing rules the plan out.
///
/// # Errors
/// What rules it out, joined to one sentence for the user.
pub fn feasible(plan: &Plan, facts: &Facts) -> Result<Vec<String>, String> {
    let (refused, warned): (Vec<_>, Vec<_>) =
        infeasible(plan, facts).into_iter().partition(|infeasible| infeasible.refused);
    let sentences = |of: Vec<Infeasible>| of.iter().map(ToString::to_string).collect::<Vec<_>>();
    if refused.is_empty() { Ok(sentences(warned)) } else { Err(sentences(refused).join("; ")) }
}

/// One threshold under examination.
struct Judge<'a> {
    asked: String,
    found: &'a mut Vec<Infeasible>,
}

impl Judge<'_> {
    fn refuse(&mut self, why: String) {
        self.found.push(Infeasible { asked: self.asked.clone(), why, refused: true });
    }

    fn warn(&mut self, why: String) {
        self.found.push(Infeasible { asked: self.asked.clone(), why, refused: false });
    }

    fn threshold(&mut self, plan: &Plan, threshold: &Threshold, facts: &Facts) {
        let phases = match phases(plan, threshold) {
            Ok(phases) => phases,
            Err(why) => return self.refuse(why),
        };
        if let Some(why) = senseless(threshold) {
            return self.refuse(why);
        }
        if let Some(window) = threshold.window {
            let longest = phases.iter().filter_map(|phase| phase.load.duration()).max();
            if window.0.is_zero() || longest.is_some_and(|longest| window.0 > longest) {
                let longest = HumanDuration(longest.unwrap_or_default());
                return self.refuse(format!("no window of {window} fits into phases of at most {longest}"));
            }
        }
        match (&threshold.metric, threshold.bound) {
            (Metric::Rate, Bound::AtLeast(least)) => self.rate(&phases, threshold, facts, least),
            (Metric::Rows, Bound::AtLeast(least)) => self.rows(&phases, facts, least),
            (Metric::Latency(statistic) | Metric::Service(statistic), bound) => {
                self.least(facts, bound);
                self.samples(&phases, threshold, facts, *statistic);
            }
            (Metric::Missed, _) if !phases.iter().any(|phase| scheduled(&phase.load)) => {
                self.refuse("users begin when they are ready, so that no arrival is ever missed".to_owned());
            }
            _ => {}
        }
    }

    /// The achieved rate: no more than the plan has arrivals, or than users come round.
    fn rate(&mut self, phases: &[&Phase], threshold: &Threshold, facts: &Facts, least: f64) {
        let attempts = attempts(threshold, facts);
        if let Some(most) = planned_rate(phases, threshold.window) {
            if least > most * attempts * (1.0 + 1e-9) {
                let when = if threshold.window.is_some() { " where it is slowest" } else { "" };
                self.refuse(format!("the plan itself asks for {}/s{when}", number(most * attempts)));
            }
            return;
        }
        let users = most_users(phases);
        let Some(cycle) = cycle(facts).filter(|_| users > 0) else { return };
        let most = f64::from(users) * attempts / cycle.as_secs_f64();
        if least >= most {
            let fewer = if facts.pause_between.is_some() { "fewer than" } else { "at most" };
            let what = format!("{} can begin {fewer} {}/s", resting(users, facts), number(most));
            return if least > most || facts.pause_between.is_some() {
                self.refuse(what);
            } else {
                self.warn(what);
            };
        }
        let room = Duration::from_secs_f64(f64::from(users) * attempts / least).saturating_sub(cycle);
        if facts.pause_between.is_some_and(|pause| room * 5 < pause) {
            let room = number(room.as_secs_f64() * 1000.0);
            self.warn(format!(
                "with {} that leaves less than {room} ms for an iteration",
                resting(users, facts)
            ));
        }
    }

    /// Rows per second: no more than the readers' answers bring.
    fn rows(&mut self, phases: &[&Phase], facts: &Facts, least: f64) {
        let Some(each) = facts.rows_per_answer else { return };
        let readers = facts.readers.unwrap_or_else(|| most_users(phases));
        let attempts = facts.attempts_per_iteration.unwrap_or(1.0);
        let (most, who) = match cycle(facts) {
            Some(cycle) if readers > 0 => {
                let most = f64::from(readers) * attempts * each / cycle.as_secs_f64();
                (most, format!("{}, reading {} rows each time,", resting(readers, facts), number(each)))
            }
            _ => match planned_rate(phases, None) {
                Some(rate) => {
                    (rate * attempts * each, format!("{}/s of {} rows each", number(rate), number(each)))
                }
                None => return,
            },
        };
        // A reader rests after the answer, so that the answer's own time comes on top of the rest.
        let rests = facts.pause_between.is_some() && readers > 0;
        if least > most || rests && least >= most {
            let bring = if rests { "bring less than" } else { "bring at most" };
            self.refuse(format!("{who} {bring} {} rows/s", number(most)));
        }
    }

    /// A time below that which one attempt takes at least.
    fn least(&mut self, facts: &Facts, bound: Bound) {
        let (Some(least), Bound::Below(most) | Bound::AtMost(most)) = (facts.least_service, bound) else {
            return;
        };
        let least = least.as_secs_f64() * 1000.0;
        if !bound.admits(least) {
            self.refuse(format!(
                "an attempt takes at least {} ms, {} ms are asked",
                number(least),
                number(most)
            ));
        }
    }

    /// A percentile of so few samples that it is their largest.
    fn samples(&mut self, phases: &[&Phase], threshold: &Threshold, facts: &Facts, statistic: Statistic) {
        let Statistic::Percentile(percent) = statistic else { return };
        let Some(arrivals) = planned(phases) else { return };
        let mut samples = arrivals * attempts(threshold, facts);
        if let (Some(window), Some(rate)) = (threshold.window, planned_rate(phases, threshold.window)) {
            samples = rate * attempts(threshold, facts) * window.0.as_secs_f64();
        }
        let needed = (100.0 / (100.0 - percent)).round();
        if samples < 1.0 {
            let window = threshold.window.map(|window| format!(" in {window}")).unwrap_or_default();
            self.refuse(format!("the plan has less than one arrival{window}"));
        } else if percent < 100.0 && samples + 1e-6 < needed {
            self.warn(format!(
                "the p{percent} of {} samples is the largest of them; it takes {needed} samples to tell more",
                samples.floor()
            ));
        }
    }
}

/// The phases that a threshold is about.
fn phases<'a>(plan: &'a Plan, threshold: &Threshold) -> Result<Vec<&'a Phase>, String> {
    let found: Vec<&Phase> =
        plan.phases.iter().filter(|phase| threshold.covers(&phase.name, phase.measured)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let Some(name) = &threshold.phase else { return Err("no phase of the plan is measured".to_owned()) };
    let names = || plan.phases.iter().map(|phase| phase.name.as_str());
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("there are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
    };
    Err(format!("the plan has no phase `{name}`; {hint}"))
}

/// Why a bound can be kept by nothing, or broken by nothing.
fn senseless(threshold: &Threshold) -> Option<String> {
    let share = matches!(threshold.metric, Metric::Errors | Metric::Failures(_) | Metric::Missed);
    if let Metric::Latency(Statistic::Percentile(percent)) | Metric::Service(Statistic::Percentile(percent)) =
        threshold.metric
        && !(0.0..=100.0).contains(&percent)
    {
        return Some(format!("a percentile is between 0 and 100, not {percent}"));
    }
    match threshold.bound {
        Bound::Below(bound) | Bound::AtMost(bound) | Bound::AtLeast(bound) if !bound.is_finite() => {
            Some(format!("{bound} is no bound"))
        }
        Bound::Below(bound) if bound <= 0.0 => Some("nothing is below that".to_owned()),
        Bound::AtMost(bound) if bound < 0.0 => Some("nothing is that low".to_owned()),
        Bound::AtLeast(bound) if bound <= 0.0 => Some("nothing could break it".to_owned()),
        Bound::AtLeast(bound) if share && bound > 100.0 => Some("no share is above 100 %".to_owned()),
        Bound::Below(bound) if share && bound > 100.0 => Some("nothing could break it".to_owned()),
        Bound::AtMost(bound) if share && bound >= 100.0 => Some("nothing could break it".to_owned()),
        _ => None,
    }
}

/// What is held by arrivals that are no longer in service must have places.
fn held(plan: &Plan, facts: &Facts, found: &mut Vec<Infeasible>) {
    let (Some(time), Some(slots)) = (facts.held_for, facts.slots) else { return };
    let most = most_held(plan, time);
    if most > as_number(slots) + 1e-6 {
        found.push(Infeasible {
            asked: format!("{} at once", most.floor()),
            why: format!("each is held for {}, and there is room for {slots}", HumanDuration(time)),
            refused: true,
        });
    }
}

/// By Little's law, so many are in flight at least as arrive while one is being served.
fn in_flight(plan: &Plan, facts: &Facts, found: &mut Vec<Infeasible>) {
    let Some(limits) = facts.limits else { return };
    let most = most_held(plan, facts.least_service.unwrap_or_default());
    let allowed = limits.requests_in_flight;
    if most > as_number(allowed as u64) + 1e-6 {
        let why = match facts.least_service {
            Some(least) => {
                format!("each takes at least {}, and the policy allows {allowed}", HumanDuration(least))
            }
            None => format!("the policy allows {allowed}"),
        };
        found.push(Infeasible { asked: format!("{} in flight", most.floor()), why, refused: true });
    }
}

/// How long a user takes to come round at least.
fn cycle(facts: &Facts) -> Option<Duration> {
    let least = facts.pause_between.unwrap_or_default() + facts.least_service.unwrap_or_default();
    (!least.is_zero()).then_some(least)
}

/// `10 users resting 2s after each`.
fn resting(users: u32, facts: &Facts) -> String {
    let who = if facts.readers.is_some() { "reader" } else { "user" };
    let users = if users == 1 { format!("1 {who}") } else { format!("{users} {who}s") };
    match (facts.pause_between, facts.least_service) {
        (Some(pause), None) => format!("{users} resting {} after each", HumanDuration(pause)),
        (None, Some(least)) => format!("{users} taking at least {} for each", HumanDuration(least)),
        (Some(pause), Some(least)) => format!(
            "{users} taking at least {} for each and resting {} after it",
            HumanDuration(least),
            HumanDuration(pause)
        ),
        (None, None) => users,
    }
}

fn attempts(threshold: &Threshold, facts: &Facts) -> f64 {
    if threshold.operation.is_some() { facts.attempts_per_iteration.unwrap_or(1.0) } else { 1.0 }
}

fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    rounded.to_string()
}
