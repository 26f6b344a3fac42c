//! The pacing thread: hands every arrival over when it is due.

use crate::arrivals::{Schedule, Share};
use crate::collect::Stages;
use crate::engine::Stop;
use crate::plan::{Load, Phase, Plan};
use crate::pool::{Arrival, Job, Numbers, Pool, Shift};
use crate::record::Lane;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The last bit of a wait is spent awake: a thread that sleeps wakes up late.
const AWAKE: Duration = Duration::from_micros(40);
/// How often a wait looks whether the load is to end.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Pacer<'a> {
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) lane: &'a Lane,
    pub(crate) stages: &'a Stages,
    pub(crate) stop: &'a Stop,
    pub(crate) share: Share,
}

impl Pacer<'_> {
    /// Puts on all phases, one after another.
    pub(crate) fn run(&self, plan: &Plan, starts: Instant) {
        wake_up_on_time();
        let mut begins = starts;
        let mut base = 0;
        for (index, phase) in plan.phases.iter().enumerate() {
            if !self.wait_until(begins) {
                return;
            }
            self.prepare(phase, plan.drain.0);
            if phase.load.duration().is_none() {
                begins = begins.max(Instant::now());
            }
            self.stages.begin(index, begins);
            let numbers = self.phase(plan, index, begins, base);
            begins = match phase.load.duration() {
                Some(during) if !self.stop.is_raised() => begins + during,
                _ => Instant::now(),
            };
            self.stages.end(index, begins);
            // Numbers of a worker keep their distance, so that no two workers ever give the same.
            base += numbers.next_multiple_of(self.share.of.into());
        }
    }

    /// Before a burst, all of its users stand ready.
    fn prepare(&self, phase: &Phase, within: Duration) {
        if let Load::Burst { count } = phase.load {
            self.wait_until_idle(Some(Instant::now() + within));
            let users = self.own(count);
            self.pool.allow(users);
            for _ in 0..users {
                self.pool.give(Job::Warm);
            }
            self.wait_until_idle(Some(Instant::now() + within));
        }
    }

    /// Puts on one phase, and returns how many numbers it used.
    fn phase(&self, plan: &Plan, index: usize, begins: Instant, base: u64) -> u64 {
        let load = &plan.phases[index].load;
        match *load {
            Load::Rate { during, .. } | Load::Ramp { during, .. } | Load::Steps { during, .. } => {
                self.pool.allow(usize::MAX);
                let mut used = 0;
                for (k, at) in Schedule::of(load, plan.seed, index, self.share) {
                    let intended = begins + at;
                    if !self.wait_until(intended) {
                        break;
                    }
                    used = k + 1;
                    self.arrive(
                        Arrival { number: base + k, intended, phase: index, waited: false },
                        plan.patience.0,
                    );
                }
                self.wait_until(begins + during.0);
                used
            }
            Load::Users { count, during } => {
                let joins = (0..count).map(|user| (user, Duration::ZERO, None));
                self.users(index, begins, base, during.0, joins)
            }
            Load::RampUsers { from, to, during } => {
                self.users(index, begins, base, during.0, ramp(from, to, during.0))
            }
            Load::Burst { count } => {
                let users = self.own(count) as u64;
                self.pool.allow(self.own(count));
                for k in 0..users {
                    let number = base + k * u64::from(self.share.of) + u64::from(self.share.index);
                    self.arrive(
                        Arrival { number, intended: begins, phase: index, waited: false },
                        plan.patience.0,
                    );
                }
                self.wait_until_idle(None);
                count.into()
            }
            Load::Iterations { users, count } => {
                let workers = users.min(self.share.of);
                let own = Share { of: workers, ..self.share };
                if self.share.index < workers {
                    let numbers = Arc::new(Numbers::new(base, self.share, Some(own.of_the_first(count))));
                    self.pool.allow(self.own(users));
                    for _ in 0..self.own(users) {
                        let shift = Shift { phase: index, numbers: Arc::clone(&numbers), leaves: None };
                        self.pool.give(Job::Shift(shift));
                    }
                    self.wait_until_idle(None);
                }
                count.div_ceil(workers.into()) * u64::from(self.share.of)
            }
            Load::Pause { during } => {
                self.wait_until(begins + during.0);
                0
            }
        }
    }

    fn arrive(&self, arrival: Arrival, patience: Duration) {
        let late = arrival.intended.elapsed();
        let missed = late > patience;
        self.lane.count(arrival.phase, |phase| {
            phase.planned += 1;
            phase.missed += u64::from(missed);
        });
        if missed {
            // It was not begun in time because of this thread.
            self.lane.lag(late);
        } else {
            self.pool.give(Job::Arrival(arrival));
        }
    }

    /// Users of the closed model: their numbers, when they join, and when they leave.
    fn users(
        &self,
        phase: usize,
        begins: Instant,
        base: u64,
        during: Duration,
        joins: impl Iterator<Item = (u32, Duration, Option<Duration>)>,
    ) -> u64 {
        let joins: Vec<_> = joins.filter(|(user, ..)| self.share.owns((*user).into())).collect();
        self.pool.allow(joins.len());
        let numbers = Arc::new(Numbers::new(base, self.share, None));
        for (_, joins, leaves) in joins {
            if !self.wait_until(begins + joins) {
                break;
            }
            let leaves = leaves.map(|leaves| begins + leaves);
            self.pool.give(Job::Shift(Shift { phase, numbers: Arc::clone(&numbers), leaves }));
        }
        self.wait_until(begins + during);
        numbers.close() * u64::from(self.share.of)
    }

    /// How many of so many users are this worker's.
    fn own(&self, count: u32) -> usize {
        usize::try_from(self.share.of_the_first(count.into())).unwrap_or(usize::MAX)
    }

    /// Waits, precisely. Returns whether the load is to go on.
    fn wait_until(&self, at: Instant) -> bool {
        loop {
            if self.stop.is_raised() {
                return false;
            }
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            } else if left > AWAKE {
                std::thread::sleep(left.saturating_sub(AWAKE).min(LOOK));
            } else {
                std::hint::spin_loop();
            }
        }
    }

    fn wait_until_idle(&self, until: Option<Instant>) {
        while !self.pool.is_idle()
            && !self.stop.is_raised()
            && until.is_none_or(|until| Instant::now() < until)
        {
            self.pool.sweep();
            self.pool.park(Instant::now() + LOOK);
        }
    }
}

/// When users join and leave so that their number changes evenly.
fn ramp(from: u32, to: u32, during: Duration) -> impl Iterator<Item = (u32, Duration, Option<Duration>)> {
    let (few, many) = (from.min(to), from.max(to));
    // In the middle of its part of the time.
    let part = move |user: u32| during.mul_f64((f64::from(user - few) + 0.5) / f64::from(many - few));
    (0..many).map(move |user| match user {
        _ if user < few => (user, Duration::ZERO, None),
        _ if from < to => (user, part(user), None),
        _ => (user, Duration::ZERO, Some(during.saturating_sub(part(user)))),
    })
}

/// Asks the system not to let this thread oversleep for the sake of saving power.
fn wake_up_on_time() {
    #[cfg(target_os = "linux")]
    // Without it, it is a few hundredths of a millisecond less precise.
    let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_number_of_users_changes_evenly(from in 0_u32..50, to in 0_u32..50, at in 0_u32..1000) {
            let at = f64::from(at) / 1000.0;
            let now = Duration::from_secs_f64(at * 10.0);
            let present = ramp(from, to, Duration::from_secs(10))
                .filter(|(_, joins, leaves)| *joins <= now && leaves.is_none_or(|leaves| now < leaves))
                .count();
            let wanted = f64::from(from) + (f64::from(to) - f64::from(from)) * at;
            #[expect(clippy::cast_precision_loss, reason = "at most 50")]
            let off = (present as f64 - wanted).abs();
            prop_assert!(off <= 0.5 + 1e-6, "{present} for {wanted}");
        }
    }

    #[test]
    fn users_join_in_order() {
        let joins: Vec<_> = ramp(1, 5, Duration::from_secs(4)).collect();
        assert!(joins.is_sorted_by_key(|(_, joins, _)| *joins));
    }
}
