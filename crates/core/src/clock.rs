//! The one source of time. Checks and the sandbox ask a [`Clock`]; only this module asks the system.

use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A clock that is either the system's or moved by hand. Clones share the same time. All times are UTC.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `start` until [`advance`](Self::advance) is called.
    pub fn manual(start: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The present time.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Manual(now) => *now.borrow(),
        }
    }

    /// The present time as Unix seconds.
    pub fn epoch_seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// Moves a manual clock forward; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(now) = &self.0 {
            now.send_modify(|now| *now += by);
        }
    }

    /// Returns when the clock has moved on by `duration`.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Kind::System => tokio::time::sleep(duration).await,
            Kind::Manual(now) => {
                let until = self.now() + duration;
                // The sender lives in `self`, so waiting cannot end in an error.
                let _ = now.subscribe().wait_for(|now| *now >= until).await;
            }
        }
    }
}

/// The instant that the `Date` of an HTTP answer means (RFC 9110, section 5.6.7), to the second.
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_moved() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(50)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(49));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.epoch_seconds(), 50);
    }

    #[test]
    fn the_date_of_an_answer_is_an_instant() {
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.as_second(), 784_111_777);
        assert_eq!(http_date("yesterday"), None);
    }
}
