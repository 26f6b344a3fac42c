//! The life of one job: the facts that decide when it ends, and how.

use super::stream::StreamEvent;
use crate::kubernetes::End;
use jiff::Timestamp;
use std::time::Duration;

/// How long the analyzer of a job takes to start.
pub(super) const START: Duration = Duration::from_secs(1);
/// How long a job waits for its first client.
const UNATTENDED: Duration = Duration::from_secs(50);
/// How long a stream may be idle.
const IDLE: Duration = Duration::from_mins(3);
/// How long a stream may last.
const LONGEST: Duration = Duration::from_mins(10);

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    Ended,
}

impl Phase {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Ended => "completed",
        }
    }
}

/// The facts that decide when a job ends.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) created: Timestamp,
    /// How long playing back its history takes; none for a live job.
    pub(super) playback: Option<Duration>,
    /// When a fault ends it, if one does.
    pub(super) cut_off: Option<CutOff>,
    clients: usize,
    first_client: Option<Timestamp>,
    last_heard: Timestamp,
    stopped: Option<Timestamp>,
    cancelled: bool,
}

/// The end that a fault puts to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutOff {
    pub(super) at: Timestamp,
    /// Whether nothing is left of it.
    pub(super) vanishes: bool,
}

impl Life {
    pub(super) const fn new(created: Timestamp, playback: Option<Duration>) -> Self {
        Self {
            created,
            playback,
            cut_off: None,
            clients: 0,
            first_client: None,
            last_heard: created,
            stopped: None,
            cancelled: false,
        }
    }

    /// When it has ended, or will have ended if nothing else happens.
    pub(super) fn end(&self) -> Timestamp {
        let attended = match self.first_client {
            None => self.created + UNATTENDED,
            Some(first) => (first + LONGEST).min(self.last_heard + IDLE),
        };
        let played = self.playback.map(|playback| self.created + START + playback);
        let cut_off = self.cut_off.map(|cut_off| cut_off.at);
        [Some(attended), played, self.stopped, cut_off].into_iter().flatten().min().unwrap_or(attended)
    }

    pub(super) fn phase(&self, now: Timestamp) -> Phase {
        if now >= self.end() {
            Phase::Ended
        } else if now >= self.created + START {
            Phase::Running
        } else {
            Phase::Pending
        }
    }

    pub(super) fn stop(&mut self, now: Timestamp) {
        self.stopped.get_or_insert(now);
    }

    pub(super) fn cancel(&mut self, now: Timestamp) {
        self.cancelled = self.phase(now) != Phase::Ended;
        self.stop(now);
    }

    /// How one that has ended has come to its end.
    pub(super) fn how(&self) -> End {
        if self.cancelled || self.is_cut_off() && self.cut_off.is_some_and(|it| it.vanishes) {
            // Of one that has vanished, too, nothing is left.
            End::Cancelled
        } else if self.first_client.is_none() && self.end() == self.created + UNATTENDED {
            End::Unattended
        } else {
            End::Over
        }
    }

    /// Whether a fault has ended it.
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off.is_some_and(|cut_off| cut_off.at <= self.end())
    }

    pub(super) fn happened(&mut self, event: StreamEvent, now: Timestamp) {
        match event {
            StreamEvent::Attached => {
                self.clients += 1;
                self.first_client.get_or_insert(now);
                self.last_heard = now;
            }
            StreamEvent::Heard => self.last_heard = now,
            StreamEvent::Detached => {
                self.clients = self.clients.saturating_sub(1);
                if self.clients == 0 {
                    self.stop(now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_job_starts_and_ends_when_nobody_connects() {
        let life = Life::new(at(0), None);
        assert_eq!(life.phase(at(0)), Phase::Pending);
        assert_eq!(life.phase(at(1)), Phase::Running);
        assert_eq!(life.phase(at(49)), Phase::Running);
        assert_eq!(life.phase(at(50)), Phase::Ended);
    }

    #[test]
    fn how_a_job_has_ended_is_known() {
        let mut unattended = Life::new(at(0), None);
        unattended.stop(at(50));
        unattended.cancel(at(51));
        assert_eq!(unattended.how(), End::Unattended, "what has ended cannot be cancelled");
        let mut cancelled = Life::new(at(0), None);
        cancelled.cancel(at(49));
        assert_eq!(cancelled.how(), End::Cancelled);
        let mut played = Life::new(at(0), Some(Duration::from_secs(6)));
        played.stop(at(7));
        assert_eq!(played.how(), End::Over);
    }

    #[test]
    fn history_ends_by_itself() {
        let life = Life::new(at(0), Some(Duration::from_secs(6)));
        assert_eq!(life.phase(at(6)), Phase::Running);
        assert_eq!(life.phase(at(7)), Phase::Ended);
    }

    #[test]
    fn a_stream_ends_when_it_is_idle_or_too_long_or_left() {
        let mut life = Life::new(at(0), None);
        life.happened(StreamEvent::Attached, at(10));
        assert_eq!(life.end(), at(190), "idle since it connected");
        for second in (100..=600).step_by(100) {
            life.happened(StreamEvent::Heard, at(second));
        }
        assert_eq!(life.end(), at(610), "never idle, but at its longest");

        life.happened(StreamEvent::Attached, at(601));
        life.happened(StreamEvent::Detached, at(602));
        assert_eq!(life.phase(at(603)), Phase::Running, "one of two clients is left");
        life.happened(StreamEvent::Detached, at(604));
        assert_eq!(life.phase(at(604)), Phase::Ended);
        life.happened(StreamEvent::Heard, at(605));
        assert_eq!(life.end(), at(604), "what has ended stays so");
    }
}
