//! Holds thresholds against a run, interval by interval: what is kept, what is broken, what is hopeless.

use super::sums::{Sums, lacking};
use super::supply::{length, most_planned};
use super::{Kept, Threshold, ThresholdVerdict};
use crate::interval::Interval;
use crate::plan::{Phase, Plan};
use shakedown_core::measurement::Threshold as Bound;

/// Thresholds, and what they were held against so far. Its size does not depend on how long the run is.
#[derive(Debug)]
pub struct Judge {
    states: Vec<State>,
}

/// One threshold, and what it was held against so far.
#[derive(Debug)]
struct State {
    threshold: Threshold,
    /// Which phases of the plan it is about.
    phases: Vec<bool>,
    /// The most arrivals that the plan has for it, where that is known beforehand.
    planned: Option<f64>,
    /// How long its phases last, where that is known beforehand.
    planned_seconds: Option<f64>,
    /// Since the start, or since the present window began.
    sums: Sums,
    windows: Windows,
}

/// What became of the windows.
#[derive(Debug, Default)]
struct Windows {
    judged: u64,
    worst: Option<Window>,
    /// The first without a number.
    empty: Option<Window>,
    /// The last one that ended, as long as a rest that is too short for a window may still join it.
    last: Option<Sums>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    from: f64,
    to: f64,
    value: f64,
}

impl Judge {
    /// Nothing was held against the plan's thresholds yet.
    pub fn new(plan: &Plan) -> Self {
        Self { states: plan.thresholds.iter().map(|threshold| State::new(plan, threshold)).collect() }
    }

    /// Takes in an interval, of whichever worker. They come in the order of time.
    pub fn take(&mut self, interval: &Interval) {
        for state in &mut self.states {
            if state.phases.get(interval.phase).is_some_and(|covered| *covered) {
                state.take(interval);
            }
        }
    }

    /// Why the run is to end now: a threshold that says so can no longer be kept.
    pub fn hopeless(&self) -> Option<String> {
        self.states.iter().filter(|state| state.threshold.abort).find_map(State::hopeless)
    }

    /// How each threshold stands at the end.
    pub fn verdicts(mut self) -> Vec<ThresholdVerdict> {
        self.states.iter_mut().map(State::verdict).collect()
    }
}

impl State {
    fn new(plan: &Plan, threshold: &Threshold) -> Self {
        let covered = |phase: &Phase| threshold.covers(&phase.name, phase.measured);
        let phases: Vec<&Phase> = plan.phases.iter().filter(|phase| covered(phase)).collect();
        Self {
            threshold: threshold.clone(),
            phases: plan.phases.iter().map(covered).collect(),
            planned: most_planned(&phases),
            planned_seconds: length(&phases),
            sums: Sums::default(),
            windows: Windows::default(),
        }
    }

    fn take(&mut self, interval: &Interval) {
        // What ends after its phase comes in intervals of no length, and belongs to the window that is there.
        if let Some(window) = self.window()
            && interval.to > interval.from
            && self.sums.seconds > 0.0
            && interval.from + 1e-3 >= self.sums.from + window
        {
            self.end_window(window);
        }
        self.sums.add(&self.threshold, interval);
    }

    fn window(&self) -> Option<f64> {
        self.threshold.window.map(|window| window.0.as_secs_f64())
    }

    /// A rest of less than half a window is no window of its own: too few samples would decide.
    fn end_window(&mut self, window: f64) {
        let ended = std::mem::take(&mut self.sums);
        if ended.seconds * 2.0 < window {
            match &mut self.windows.last {
                Some(last) => last.merge(&ended),
                None if self.windows.judged == 0 => self.sums = ended,
                None => {}
            }
            return;
        }
        if let Some(last) = self.windows.last.take() {
            self.judge(&last);
        }
        // A window that broke it has done so for good.
        if ended.value(&self.threshold).is_some_and(|value| !self.threshold.bound.admits(value)) {
            self.judge(&ended);
        } else {
            self.windows.last = Some(ended);
        }
    }

    fn judge(&mut self, sums: &Sums) {
        let windows = &mut self.windows;
        windows.judged += 1;
        let value = sums.value(&self.threshold);
        let window = Window { from: sums.from, to: sums.to, value: value.unwrap_or(f64::NAN) };
        if value.is_none() {
            windows.empty.get_or_insert(window);
        } else if windows.worst.is_none_or(|worst| worse(self.threshold.bound, window.value, worst.value)) {
            windows.worst = Some(window);
        }
    }

    /// Why nothing that follows could keep it.
    fn hopeless(&self) -> Option<String> {
        let threshold = &self.threshold;
        let why = if threshold.window.is_some() {
            let worst = self.windows.worst.filter(|worst| !threshold.bound.admits(worst.value))?;
            format!("it was {:.1}{} {}", worst.value, threshold.metric.unit().symbol(), worst.span())
        } else {
            self.sums.hopeless(threshold, self.planned, self.planned_seconds)?
        };
        Some(format!("{threshold} can no longer be kept: {why}"))
    }

    fn verdict(&mut self) -> ThresholdVerdict {
        let Some(window) = self.window() else {
            let value = self.sums.value(&self.threshold);
            return self.stands(value, value.is_none().then(|| lacking(&self.threshold)));
        };
        self.end_window(window);
        if let Some(last) = self.windows.last.take() {
            self.judge(&last);
        }
        let Windows { judged, worst, empty, .. } = self.windows;
        let value = worst.map(|worst| worst.value);
        let broken = value.is_some_and(|value| !self.threshold.bound.admits(value));
        match (worst, empty) {
            (_, Some(empty)) if !broken => {
                let why = format!("{} {}", lacking(&self.threshold), empty.span());
                ThresholdVerdict { kept: Kept::NoData, ..self.stands(value, Some(why)) }
            }
            (Some(worst), _) => {
                self.stands(value, Some(format!("the worst of {judged} windows was {}", worst.span())))
            }
            (None, _) => self.stands(None, Some("it was shorter than such a window".to_owned())),
        }
    }

    fn stands(&self, value: Option<f64>, note: Option<String>) -> ThresholdVerdict {
        let kept = match value {
            None => Kept::NoData,
            Some(value) if self.threshold.bound.admits(value) => Kept::Kept,
            Some(_) => Kept::Broken,
        };
        ThresholdVerdict { threshold: self.threshold.clone(), value, kept, note }
    }
}

impl Window {
    fn span(&self) -> String {
        format!("between {:.0} s and {:.0} s", self.from, self.to)
    }
}

/// Whether `value` is further beyond the bound, or nearer to it, than `other`.
fn worse(bound: Bound, value: f64, other: f64) -> bool {
    match bound {
        Bound::Below(_) | Bound::AtMost(_) => value > other,
        Bound::AtLeast(_) => value < other,
    }
}
