//! What has happened within the last second.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// More than this need not be told apart.
const MOST: usize = 10_000;

/// The moments of the last second at which something happened.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Instant>);

impl Window {
    /// How often it has happened in the second before `now`.
    pub(super) fn count(&mut self, now: Instant) -> usize {
        while self.0.front().is_some_and(|then| now.saturating_duration_since(*then) >= SECOND) {
            self.0.pop_front();
        }
        self.0.len()
    }

    /// It happens once more.
    pub(super) fn add(&mut self, now: Instant) {
        if self.count(now) < MOST {
            self.0.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_second_old_is_forgotten() {
        let (mut window, start) = (Window::default(), Instant::now());
        for tenth in 0..10 {
            window.add(start + Duration::from_millis(100) * tenth);
        }
        assert_eq!(window.count(start + Duration::from_millis(999)), 10);
        assert_eq!(window.count(start + SECOND), 9);
        assert_eq!(window.count(start + SECOND * 2), 0);
    }
}
