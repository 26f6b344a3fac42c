//! When everything stands still, under [`Fault::Freezes`](crate::focus::faults::Fault::Freezes).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long after the first configuration everything stops, for how long, and how often.
const FIRST: Duration = Duration::from_millis(500);
const LASTS: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(3);
/// When no configuration has come for so long, it begins anew.
const QUIET: Duration = Duration::from_secs(1);

/// Keeps the time of the freezes.
#[derive(Debug, Default)]
pub(super) struct Freezer {
    /// When configurations began to come in, and when the last one did.
    busy: Mutex<Option<(Instant, Instant)>>,
}

impl Freezer {
    /// A configuration comes in.
    pub(super) fn configured(&self, now: Instant) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy = match *busy {
            // Who is made to wait by a freeze is not idle.
            Some((began, last)) if now.saturating_duration_since(last) < QUIET + LASTS => Some((began, now)),
            _ => Some((now, now)),
        };
    }

    /// The freeze that lasts at `now`, from when and until when.
    pub(super) fn at(&self, now: Instant) -> Option<(Instant, Instant)> {
        let (began, _) = (*self.busy.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = now.checked_duration_since(began + FIRST)?;
        let rounds = u32::try_from(since.as_millis() / EVERY.as_millis()).ok()?;
        let from = began + FIRST + EVERY * rounds;
        (now < from + LASTS).then_some((from, from + LASTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freezes_come_again_while_there_is_work() {
        let (freezer, start) = (Freezer::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(freezer.at(at(700)), None, "nobody works");
        for millis in (0..4000).step_by(250) {
            freezer.configured(at(millis));
        }
        let freeze = |from| Some((at(from), at(from + 1000)));
        assert_eq!(
            [499, 500, 1499, 1500].map(|it| freezer.at(at(it))),
            [None, freeze(500), freeze(500), None]
        );
        assert_eq!([3499, 3600].map(|it| freezer.at(at(it))), [None, freeze(3500)]);
        freezer.configured(at(20_000));
        assert_eq!([20_400, 20_600].map(|it| freezer.at(at(it))), [None, freeze(20_500)]);
    }
}
