//! The policy's rate, which nothing gets around.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lets requests pass so that no window of a second holds more of them than allowed.
#[derive(Debug)]
pub(crate) struct Gate {
    window: Duration,
    passes: Mutex<Ring>,
    held_back: AtomicU64,
}

#[derive(Debug)]
struct Ring {
    /// When the last so many requests passed.
    last: Box<[Option<Instant>]>,
    oldest: usize,
}

/// More than this need not be remembered: shorter windows hold the same rate.
const MOST: f64 = 10_000.0;
/// The runtime's timers are up to two milliseconds late; what is left is waited for by yielding.
const TIMER: Duration = Duration::from_millis(2);

impl Gate {
    /// For so many requests per second; none where there is no bound.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and MOST")]
    pub(crate) fn of(per_second: f64) -> Option<Self> {
        per_second.is_finite().then(|| {
            let places = per_second.floor().clamp(1.0, MOST);
            let last = vec![None; places as usize].into_boxed_slice();
            Self {
                window: Duration::from_secs_f64(places / per_second),
                passes: Mutex::new(Ring { last, oldest: 0 }),
                held_back: AtomicU64::new(0),
            }
        })
    }

    /// Returns when one more request may be sent, which it then must be at once: how long it had to wait.
    pub(crate) async fn pass(&self) -> Duration {
        let now = Instant::now();
        let at = self.reserve(now);
        if at <= now {
            return Duration::ZERO;
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        let asleep = (at - now).saturating_sub(TIMER);
        if !asleep.is_zero() {
            tokio::time::sleep(asleep).await;
        }
        while Instant::now() < at {
            tokio::task::yield_now().await;
        }
        now.elapsed()
    }

    /// How many requests had to wait since this was last asked.
    pub(crate) fn take_held_back(&self) -> u64 {
        self.held_back.swap(0, Ordering::Relaxed)
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut ring = crate::record::lock(&self.passes);
        let place = ring.oldest;
        let at = ring.last[place].map_or(now, |last| now.max(last + self.window));
        ring.last[place] = Some(at);
        ring.oldest = (place + 1) % ring.last.len();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_bound_there_is_no_gate() {
        assert!(Gate::of(f64::INFINITY).is_none());
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_allowed(
            per_second in 0.5..200.0,
            gaps in proptest::collection::vec(0_u64..30, 1..400),
        ) {
            let gate = Gate::of(per_second).unwrap();
            let mut now = Instant::now();
            let mut passed = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                passed.push(gate.reserve(now));
            }
            prop_assert!(passed.is_sorted());
            let window = gate.window;
            for (first, begins) in passed.iter().enumerate() {
                let within = passed[first..].iter().take_while(|at| **at - *begins < window).count();
                prop_assert!(f64::from(u32::try_from(within).unwrap()) <= per_second * window.as_secs_f64() + 1e-6);
            }
        }
    }
}
