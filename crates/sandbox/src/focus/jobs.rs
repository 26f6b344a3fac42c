//! Jobs: how they come to be, how they end, and what is remembered of them.

use super::capacity::{self, Book, JobEnd};
use super::faults::{Fault, Faults};
use super::life::{CutOff, Life, Phase};
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

/// How long a job takes to vanish under [`Fault::LosesJobs`], and which ones do.
const VANISHES: Duration = Duration::from_millis(400);
const EVERY_FIFTH: u64 = 5;
/// How long a live job lasts under [`Fault::LiveDrops`].
const DROPS: Duration = Duration::from_secs(2);
/// How long a job is remembered after its end.
pub(super) const REMEMBERED: Duration = Duration::from_mins(2);
/// How long a job is unknown to the metadata under [`Fault::JobMetadataLate`].
const METADATA_DELAY: Duration = Duration::from_secs(3);
/// How often ended jobs are looked for.
const ROUND: Duration = Duration::from_millis(50);

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
    /// This many historic ones run already, and no more may.
    FullOfHistory(usize),
    /// No port could be opened.
    NoPort(io::Error),
}

/// A job that has come to its end.
#[derive(Debug)]
struct Gone {
    id: String,
    how: End,
    /// Whether it was a fault that ended it.
    lost: bool,
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
    book: Arc<Book>,
}

impl Jobs {
    /// No jobs yet. A task ends those whose time has come, until `shutdown`.
    pub(super) fn new(
        clock: Clock,
        kubernetes: Option<Arc<FocusJobs>>,
        book: Arc<Book>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let jobs = Arc::new(Self { clock, table: Mutex::default(), kubernetes, book });
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
        let mut table = self.lock();
        if let Err(full) = table.room(now, playback.is_some(), faults) {
            self.book.job_refused();
            return Err(full);
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
        let mut life = Life::new(now, playback);
        life.cut_off = table.cut_off(now, playback, faults);
        let job = Job { life, port, port_number, answer: answer.clone(), told: false };
        table.created += 1;
        table.jobs.insert(id, job);
        self.book.job_created(table.active(now));
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

    /// Whether a job is known.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.lock().jobs.contains_key(id)
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
        for Gone { id, how, lost } in table.sweep(now) {
            self.book.job_over(if lost { JobEnd::Lost } else { JobEnd::Ended });
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

    /// Whether another job may run.
    fn room(&self, now: Timestamp, is_historic: bool, faults: &Faults) -> Result<(), NoJob> {
        let most = capacity::most_jobs(faults);
        if self.active(now) >= most {
            return Err(NoJob::Full(most));
        }
        let most = capacity::most_historic(faults);
        let is_active = |job: &&Job| job.life.playback.is_some() && job.life.phase(now) != Phase::Ended;
        if is_historic && self.jobs.values().filter(is_active).count() >= most {
            return Err(NoJob::FullOfHistory(most));
        }
        Ok(())
    }

    /// The end that a fault puts to the next job.
    fn cut_off(&self, now: Timestamp, playback: Option<Duration>, faults: &Faults) -> Option<CutOff> {
        if faults.has(Fault::LosesJobs) && (self.created + 1).is_multiple_of(EVERY_FIFTH) {
            Some(CutOff { at: now + VANISHES, vanishes: true })
        } else if faults.has(Fault::LiveDrops) && playback.is_none() {
            Some(CutOff { at: now + DROPS, vanishes: false })
        } else {
            None
        }
    }

    /// Closes the ports of jobs that have ended, and forgets those that ended long ago. Says which have ended since
    /// this was done last, and how.
    fn sweep(&mut self, now: Timestamp) -> Vec<Gone> {
        let mut ended = Vec::new();
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| job.life.phase(now) == Phase::Ended) {
            // The end stands, whatever a client that is now cut off still does.
            job.life.stop(now.min(job.life.end()));
            job.port = None;
            if !std::mem::replace(&mut job.told, true) {
                ended.push(Gone { id: id.clone(), how: job.life.how(), lost: job.life.is_cut_off() });
            }
        }
        self.jobs.retain(|_, job| {
            let vanishes = job.life.cut_off.is_some_and(|cut_off| cut_off.vanishes);
            let remembered = if vanishes { Duration::ZERO } else { REMEMBERED };
            now < job.life.end() + remembered
        });
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
