//! Jobs: how they come to be, how they end, and what is remembered of them.

use super::capacity;
use super::faults::{Fault, Faults};
use super::stream::{Manners, StreamEvent, StreamPort};
use crate::kubernetes::{End, FocusJobs};
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::Clock;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the analyzer of a job takes to start.
pub(super) const START: Duration = Duration::from_secs(1);
/// How long a job waits for its first client.
const UNATTENDED: Duration = Duration::from_secs(50);
/// How long a stream may be idle.
const IDLE: Duration = Duration::from_mins(3);
/// How long a stream may last.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a job is remembered after its end.
pub(super) const REMEMBERED: Duration = Duration::from_mins(2);
/// How long a job is unknown to the metadata under [`Fault::JobMetadataLate`].
const METADATA_DELAY: Duration = Duration::from_secs(3);
/// How often ended jobs are looked for.
const ROUND: Duration = Duration::from_millis(50);

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    Ended,
}

impl Phase {
    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Ended => "completed",
        }
    }
}

/// The facts that decide when a job ends.
#[derive(Debug)]
struct Life {
    created: Timestamp,
    /// How long playing back its history takes; none for a live job.
    playback: Option<Duration>,
    clients: usize,
    first_client: Option<Timestamp>,
    last_heard: Timestamp,
    stopped: Option<Timestamp>,
    cancelled: bool,
}

impl Life {
    const fn new(created: Timestamp, playback: Option<Duration>) -> Self {
        Self {
            created,
            playback,
            clients: 0,
            first_client: None,
            last_heard: created,
            stopped: None,
            cancelled: false,
        }
    }

    /// When it has ended, or will have ended if nothing else happens.
    fn end(&self) -> Timestamp {
        let attended = match self.first_client {
            None => self.created + UNATTENDED,
            Some(first) => (first + LONGEST).min(self.last_heard + IDLE),
        };
        let played = self.playback.map(|playback| self.created + START + playback);
        [Some(attended), played, self.stopped].into_iter().flatten().min().unwrap_or(attended)
    }

    fn phase(&self, now: Timestamp) -> Phase {
        if now >= self.end() {
            Phase::Ended
        } else if now >= self.created + START {
            Phase::Running
        } else {
            Phase::Pending
        }
    }

    fn stop(&mut self, now: Timestamp) {
        self.stopped.get_or_insert(now);
    }

    fn cancel(&mut self, now: Timestamp) {
        self.cancelled = self.phase(now) != Phase::Ended;
        self.stop(now);
    }

    /// How one that has ended has come to its end.
    fn how(&self) -> End {
        if self.cancelled {
            End::Cancelled
        } else if self.first_client.is_none() && self.end() == self.created + UNATTENDED {
            End::Unattended
        } else {
            End::Over
        }
    }

    fn happened(&mut self, event: StreamEvent, now: Timestamp) {
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

#[derive(Debug)]
struct Job {
    life: Life,
    /// Its port while it runs, unless it shares another job's.
    port: Option<StreamPort>,
    port_number: u16,
    /// What `/configure` answered.
    answer: Value,
    /// Whether the cluster has been told that it has ended.
    told: bool,
}

/// Why a job cannot be had.
#[derive(Debug)]
pub(super) enum NoJob {
    /// This many run already, and no more may.
    Full(usize),
    /// No port could be opened.
    NoPort(io::Error),
}

#[derive(Debug, Default)]
struct Table {
    created: u64,
    jobs: BTreeMap<String, Job>,
}

/// All jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    clock: Clock,
    table: Mutex<Table>,
    /// The cluster in which jobs are pods, where there is one.
    kubernetes: Option<Arc<FocusJobs>>,
}

impl Jobs {
    /// No jobs yet. A task ends those whose time has come, until `shutdown`.
    pub(super) fn new(
        clock: Clock,
        kubernetes: Option<Arc<FocusJobs>>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let jobs = Arc::new(Self { clock, table: Mutex::default(), kubernetes });
        tokio::spawn(keep_house(Arc::downgrade(&jobs), shutdown));
        jobs
    }

    /// How many have not ended.
    pub(super) fn active(&self) -> usize {
        let now = self.clock.now();
        self.lock().active(now)
    }

    /// Starts a job; `answer` makes the answer to its configuration from its id and port.
    pub(super) fn open(
        self: &Arc<Self>,
        playback: Option<Duration>,
        faults: &Faults,
        answer: impl FnOnce(&str, u16) -> Value,
    ) -> Result<Value, NoJob> {
        let now = self.clock.now();
        let most = capacity::most_jobs(faults);
        let mut table = self.lock();
        if table.active(now) >= most {
            return Err(NoJob::Full(most));
        }
        let id = format!("1-{}", table.created + 1);
        let shared = faults.has(Fault::SharedPort).then(|| table.live_port(now)).flatten();
        let playback = playback.filter(|_| !faults.has(Fault::HistoryEndless));
        let manners = Manners::under(faults);
        let port = match shared {
            Some(_) if playback.is_none() => None,
            _ => Some(StreamPort::open(manners, self.listener(&id)).map_err(NoJob::NoPort)?),
        };
        let Some(port_number) = port.as_ref().map(StreamPort::number).or(shared) else {
            return Err(NoJob::NoPort(io::ErrorKind::AddrNotAvailable.into()));
        };
        let port = port.filter(|_| !faults.has(Fault::StreamClosed));
        let answer = answer(&id, port_number);
        let job =
            Job { life: Life::new(now, playback), port, port_number, answer: answer.clone(), told: false };
        table.created += 1;
        table.jobs.insert(id, job);
        Ok(answer)
    }

    /// The answer to a job's configuration with its present status; none for a job that is not known.
    pub(super) fn describe(&self, id: &str, faults: &Faults) -> Option<Value> {
        let now = self.clock.now();
        let mut table = self.lock();
        self.sweep(&mut table, now);
        let job = table.jobs.get(id)?;
        if faults.has(Fault::JobMetadataLate) && now < job.life.created + METADATA_DELAY {
            return None;
        }
        let mut description = job.answer.clone();
        description["status"] = json!(job.life.phase(now).word());
        Some(description)
    }

    /// Ends a job. Says whether it is known.
    pub(super) fn cancel(&self, id: &str) -> bool {
        let now = self.clock.now();
        let mut table = self.lock();
        let known = table.jobs.get_mut(id).map(|job| job.life.cancel(now)).is_some();
        self.sweep(&mut table, now);
        known
    }

    /// Ends all jobs at once and closes their ports.
    pub(super) fn close(&self) {
        self.lock().jobs.clear();
    }

    fn listener(self: &Arc<Self>, id: &str) -> Arc<dyn Fn(StreamEvent) + Send + Sync> {
        let (jobs, id) = (Arc::downgrade(self), id.to_owned());
        Arc::new(move |event| {
            if let Some(jobs) = jobs.upgrade() {
                let now = jobs.clock.now();
                if let Some(job) = jobs.lock().jobs.get_mut(&id) {
                    job.life.happened(event, now);
                }
            }
        })
    }

    /// Ends what is at its end, and tells the cluster of it.
    fn sweep(&self, table: &mut Table, now: Timestamp) {
        for (id, how) in table.sweep(now) {
            if let Some(kubernetes) = &self.kubernetes {
                kubernetes.ended(&id, how);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn active(&self, now: Timestamp) -> usize {
        self.jobs.values().filter(|job| job.life.phase(now) != Phase::Ended).count()
    }

    /// The port of some live job.
    fn live_port(&self, now: Timestamp) -> Option<u16> {
        let is_live = |job: &&Job| job.life.playback.is_none() && job.life.phase(now) != Phase::Ended;
        self.jobs.values().find(is_live).map(|job| job.port_number)
    }

    /// Closes the ports of jobs that have ended, and forgets those that ended long ago. Says which have ended since
    /// this was done last, and how.
    fn sweep(&mut self, now: Timestamp) -> Vec<(String, End)> {
        let mut ended = Vec::new();
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| job.life.phase(now) == Phase::Ended) {
            // The end stands, whatever a client that is now cut off still does.
            job.life.stop(now.min(job.life.end()));
            job.port = None;
            if !std::mem::replace(&mut job.told, true) {
                ended.push((id.clone(), job.life.how()));
            }
        }
        self.jobs.retain(|_, job| now < job.life.end() + REMEMBERED);
        ended
    }
}

/// Sweeps again and again. It looks at the clock rather than sleep on it, so a manual one is followed too.
async fn keep_house(jobs: Weak<Jobs>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        let Some(jobs) = jobs.upgrade() else { return };
        for id in jobs.kubernetes.iter().flat_map(|kubernetes| kubernetes.deleted()) {
            jobs.cancel(&id);
        }
        let now = jobs.clock.now();
        jobs.sweep(&mut jobs.lock(), now);
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
