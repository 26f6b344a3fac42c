//! The numbers of the capacity model. A configuration beside `n` others takes 3 ms and 1 ms for each of them, so that a
//! closed loop of `n` users gets `1000 n / (n + 2)` through a second: the Universal Scalability Law with a contention of
//! one third and no crosstalk.

use crate::focus::faults::{Fault, Faults};
use crate::focus::validate::Order;
use std::time::Duration;

/// How many jobs a healthy server runs at once.
const JOBS: usize = 240;
/// How many it runs under [`Fault::Capacity150`], and under [`Fault::LowCapacity`].
const SOME_JOBS: usize = 150;
const FEW_JOBS: usize = 40;
/// How many historic ones it runs under [`Fault::FewHistoric`].
const FEW_HISTORIC: usize = 5;

/// How long a configuration takes by itself, and how much longer beside each other one.
const ALONE: Duration = Duration::from_millis(3);
const BESIDE: Duration = Duration::from_millis(1);
/// How long it takes at least where requests sent together are to be served together.
const TOGETHER: Duration = Duration::from_millis(120);

/// By how much each job makes the memory of the server grow under [`Fault::Leaks`], in bytes.
pub(in crate::focus) const LEAK: u64 = 48 << 20;

/// How many jobs may run at once.
pub(in crate::focus) fn most_jobs(faults: &Faults) -> usize {
    if faults.has(Fault::LowCapacity) {
        FEW_JOBS
    } else if faults.has(Fault::Capacity150) {
        SOME_JOBS
    } else {
        JOBS
    }
}

/// How many of them may be historic.
pub(in crate::focus) fn most_historic(faults: &Faults) -> usize {
    if faults.has(Fault::FewHistoric) { FEW_HISTORIC } else { usize::MAX }
}

/// What decides how much work a configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::focus) struct Work {
    /// The first channel, and how many there are.
    first: i64,
    channels: i64,
    nfft: i64,
}

impl Work {
    pub(in crate::focus) fn of(order: &Order) -> Self {
        let channels = order.channels;
        Self { first: channels.min, channels: (channels.max - channels.min).abs() + 1, nfft: order.nfft }
    }

    /// Whether it is more than a server under [`Fault::HeavyRefused`] can do beside others.
    pub(super) const fn is_heavy(self) -> bool {
        self.channels >= 100 && self.nfft >= 2048
    }

    /// How long it takes beside `others`, when `served` have been served before.
    pub(super) fn service_time(self, others: usize, served: u32, faults: &Faults) -> Duration {
        let mut time = ALONE + BESIDE * u32::try_from(others).unwrap_or(u32::MAX);
        for (fault, holds, least) in [
            (Fault::ConfigureConcurrency500, true, TOGETHER),
            (Fault::ErrorsUnderLoad, true, TOGETHER),
            (Fault::NoRecovery, true, TOGETHER),
            (Fault::Queues, true, Duration::from_millis(150)),
            (Fault::HeavyRefused, self.is_heavy(), Duration::from_millis(150)),
            (Fault::LargeSlow, self.channels >= 500, Duration::from_secs(3)),
        ] {
            if holds && faults.has(fault) {
                time = time.max(least);
            }
        }
        if faults.has(Fault::Unfair) && self.first > 50 {
            time *= 20;
        }
        if faults.has(Fault::Degrades) {
            time += Duration::from_millis(20) * served;
        }
        if faults.has(Fault::ConfigureSlow) {
            time += Duration::from_millis(900);
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIGHT: Work = Work { first: 1, channels: 8, nfft: 1024 };

    fn time(work: Work, others: usize, served: u32, fault: Option<Fault>) -> u128 {
        let mut faults = Faults::default();
        fault.map(|fault| faults.turn_on(fault));
        work.service_time(others, served, &faults).as_millis()
    }

    #[test]
    fn a_healthy_server_slows_down_by_a_millisecond_for_each_other_request() {
        assert_eq!([0, 1, 200].map(|others| time(LIGHT, others, 1000, None)), [3, 4, 203]);
    }

    #[test]
    fn faults_slow_down_what_they_say() {
        let large = Work { channels: 500, ..LIGHT };
        let heavy = Work { channels: 100, nfft: 2048, ..LIGHT };
        let high = Work { first: 51, ..LIGHT };
        assert_eq!([LIGHT, large].map(|work| time(work, 0, 0, Some(Fault::LargeSlow))), [3, 3000]);
        assert_eq!([LIGHT, heavy].map(|work| time(work, 0, 0, Some(Fault::HeavyRefused))), [3, 150]);
        assert_eq!([LIGHT, high].map(|work| time(work, 1, 0, Some(Fault::Unfair))), [4, 80]);
        assert_eq!([0, 10].map(|served| time(LIGHT, 0, served, Some(Fault::Degrades))), [3, 203]);
        assert_eq!(time(LIGHT, 0, 0, Some(Fault::Queues)), 150);
    }

    #[test]
    fn the_number_of_jobs_is_known() {
        let most = |fault| {
            let mut faults = Faults::default();
            faults.turn_on(fault);
            (most_jobs(&faults), most_historic(&faults))
        };
        assert_eq!(most(Fault::Leaks), (240, usize::MAX));
        assert_eq!(most(Fault::Capacity150), (150, usize::MAX));
        assert_eq!(most(Fault::LowCapacity), (40, usize::MAX));
        assert_eq!(most(Fault::FewHistoric), (240, 5));
    }
}
