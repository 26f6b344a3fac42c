//! What a plan supplies: how many arrivals in which time, and how many there are at once.

use crate::plan::{Arrivals, Load, Phase, Plan};
use shakedown_core::HumanDuration;
use std::time::Duration;

/// How many there are at once at most, when each arrival stays for `time`, and each user has one.
pub(crate) fn most_held(plan: &Plan, time: Duration) -> f64 {
    let mut begin = 0.0;
    let mut pieces = Vec::new();
    for phase in &plan.phases {
        let length = phase.load.duration().unwrap_or_default().as_secs_f64();
        pieces.push((begin, length, &phase.load));
        begin += length;
    }
    let stay = time.as_secs_f64();
    let until = |at: f64| -> f64 {
        pieces.iter().map(|(begin, length, load)| arrived(load, *length, at - begin)).sum()
    };
    // Between the ends of the phases the number rises or falls steadily; a ramp's top lies at an end, too.
    let moments = pieces.iter().flat_map(|(begin, length, _)| {
        let end = begin + length;
        [*begin, end, begin + stay, end + stay, begin + length / 2.0]
    });
    let open = moments.map(|at| until(at) - until(at - stay.max(1e-9))).fold(0.0, f64::max);
    let closed = most_users(&plan.phases.iter().collect::<Vec<_>>());
    open.max(f64::from(closed))
}

/// How many have arrived `at` seconds after the phase began.
fn arrived(load: &Load, length: f64, at: f64) -> f64 {
    if at < 0.0 {
        return 0.0;
    }
    let at = at.min(length);
    match load {
        Load::Rate { per_second, .. } => per_second * at,
        Load::Ramp { from, to, .. } if length > 0.0 => from * at + (to - from) * at * at / (2.0 * length),
        Load::Steps { from, to, steps, .. } => {
            let step = length / f64::from((*steps).max(1));
            (0..*steps)
                .map(|number| {
                    let time = (at - step * f64::from(number)).clamp(0.0, step);
                    step_rate(*from, *to, *steps, number) * time
                })
                .sum()
        }
        Load::Burst { count } => f64::from(*count),
        _ => 0.0,
    }
}

/// The rate of one of the steps, counted from 0.
fn step_rate(from: f64, to: f64, steps: u32, number: u32) -> f64 {
    if steps < 2 { to } else { from + (to - from) * f64::from(number) / f64::from(steps - 1) }
}

/// How many arrivals the phases have; nothing where that depends on how fast users come round.
pub(crate) fn planned(phases: &[&Phase]) -> Option<f64> {
    phases
        .iter()
        .map(|phase| match &phase.load {
            Load::Users { .. } | Load::RampUsers { .. } => None,
            Load::Iterations { count, .. } => Some(as_number(*count)),
            load => {
                let length = load.duration().unwrap_or_default().as_secs_f64();
                Some(arrived(load, length, length))
            }
        })
        .sum()
}

/// More arrivals than this do not come, but once in millions of runs where they are random.
pub(crate) fn most_planned(phases: &[&Phase]) -> Option<f64> {
    let planned = planned(phases)?;
    let random =
        phases.iter().any(|phase| matches!(phase.load, Load::Rate { arrivals: Arrivals::Poisson, .. }));
    // The standard deviation of a Poisson process is the root of its mean.
    Some(if random { planned + 5.0 * planned.sqrt() } else { planned })
}

/// How long the phases last in all; nothing where that depends on how fast users come round.
pub(crate) fn length(phases: &[&Phase]) -> Option<f64> {
    phases.iter().map(|phase| phase.load.duration().map(|length| length.as_secs_f64())).sum()
}

/// The rate that open phases ask for; with a window that of the slowest one.
pub(crate) fn planned_rate(phases: &[&Phase], window: Option<HumanDuration>) -> Option<f64> {
    if !phases.iter().all(|phase| scheduled(&phase.load) && !matches!(phase.load, Load::Burst { .. })) {
        return None;
    }
    let lengths = phases.iter().map(|phase| phase.load.duration().unwrap_or_default().as_secs_f64());
    let Some(window) = window.map(|window| window.0.as_secs_f64()) else {
        let length: f64 = lengths.sum();
        return planned(phases).filter(|_| length > 0.0).map(|arrivals| arrivals / length);
    };
    let slowest =
        phases.iter().zip(lengths).filter(|(_, length)| *length >= window).map(|(phase, length)| {
            let first = arrived(&phase.load, length, window);
            let last = arrived(&phase.load, length, length) - arrived(&phase.load, length, length - window);
            first.min(last) / window
        });
    slowest.reduce(f64::min)
}

/// Whether arrivals have a schedule, so that one can be missed.
pub(crate) const fn scheduled(load: &Load) -> bool {
    matches!(load, Load::Rate { .. } | Load::Ramp { .. } | Load::Steps { .. } | Load::Burst { .. })
}

pub(crate) fn most_users(phases: &[&Phase]) -> u32 {
    let closed = phases.iter().filter(|phase| !scheduled(&phase.load));
    closed.filter_map(|phase| phase.load.users()).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) const fn as_number(count: u64) -> f64 {
    count as f64
}
