//! While they run: what workers bring is folded into one report, a worker that is lost leaves a marked gap, and a
//! threshold that nothing can keep any more ends all of them.

use super::clock::ClockOffset;
use super::coordinator::{Coordinator, milliseconds};
use super::frame::{FrameError, send};
use super::muster::{Recruit, last_words};
use super::protocol::{Closing, Order, Word};
use super::transport::Hold;
use crate::arrivals::Share;
use crate::fold::Fold;
use crate::interval::Interval;
use crate::report::{Completeness, Report};
use crate::threshold::{Judge, Kept};
use futures_util::future::join_all;
use jiff::Timestamp;
use shakedown_core::HumanDuration;
use shakedown_core::text::line;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// How many messages may wait to be read; more make a worker's stream wait, not this memory grow.
const WAITING: usize = 256;

/// How often it is looked whether a worker has fallen silent.
const LOOK: Duration = Duration::from_millis(100);

/// How long an order may take to be written: a worker that does not read is lost.
const WRITING: Duration = Duration::from_secs(1);

/// Over so many seconds the achieved rate is taken.
const RECENT: f64 = 3.0;

/// What came from a worker, or why nothing more will.
type News = (usize, Result<Word, FrameError>);

/// A run on several workers.
pub(super) struct Gathering {
    coordinator: Coordinator,
    seats: Vec<Seat>,
    news: mpsc::Receiver<News>,
    /// They end with this.
    readers: JoinSet<()>,
    fold: Fold,
    judge: Judge,
    /// Intervals that others of the same time may still join.
    waiting: Vec<Interval>,
    /// When all had told everything, and how many arrivals had been begun by then.
    recent: VecDeque<(f64, u64)>,
    aborted: Option<String>,
    /// When all must have ended.
    deadline: Option<Instant>,
    started: Instant,
    /// The same on the coordinator's clock.
    at: Timestamp,
}

/// A worker that takes part.
struct Seat {
    pid: u32,
    /// Whether an earlier worker is in the same process.
    shares: bool,
    offset: ClockOffset,
    /// Both close its stream; so does a worker that is given up.
    to: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    reader: AbortHandle,
    hold: Option<Box<dyn Hold>>,
    heard: Instant,
    /// Until when it has told everything, in seconds since the start.
    told: f64,
    intervals: u64,
    /// Of the arrivals that the plan has for it, those that it has told of.
    accounted: u64,
    begun: u64,
    standing: Standing,
}

enum Standing {
    Runs,
    Done(Box<Closing>),
    Lost(String),
}

impl Gathering {
    pub(super) fn new(coordinator: Coordinator, recruits: Vec<Recruit>) -> Self {
        let at = coordinator.clock.now() + coordinator.waits.lead;
        let operations = recruits.first().map(|recruit| recruit.operations.clone()).unwrap_or_default();
        let (sender, news) = mpsc::channel(WAITING);
        let mut readers = JoinSet::new();
        let mut seats = Vec::new();
        for (index, recruit) in recruits.into_iter().enumerate() {
            let Recruit { pid, offset, mut from, to, hold, .. } = recruit;
            let sender = sender.clone();
            let reader = readers.spawn(async move {
                loop {
                    let word = from.next().await;
                    let last = matches!(word, Err(_) | Ok(Word::Done(_) | Word::Failed { .. }));
                    if sender.send((index, word)).await.is_err() || last {
                        // The stream stays open: closing it would tell the worker to end.
                        return std::future::pending().await;
                    }
                }
            });
            seats.push(Seat {
                pid,
                shares: seats.iter().any(|seat: &Seat| seat.pid == pid),
                offset,
                to: Some(to),
                reader,
                hold: Some(hold),
                heard: Instant::now(),
                told: 0.0,
                intervals: 0,
                accounted: 0,
                begun: 0,
                standing: Standing::Runs,
            });
        }
        Self {
            fold: Fold::new(coordinator.plan.clone(), operations, at),
            judge: Judge::new(&coordinator.plan),
            seats,
            news,
            readers,
            waiting: Vec::new(),
            recent: VecDeque::new(),
            aborted: None,
            deadline: None,
            started: Instant::now() + coordinator.waits.lead,
            at,
            coordinator,
        }
    }

    pub(super) async fn run(mut self) -> Report {
        let waits = self.coordinator.waits;
        let at = self.at;
        self.tell(|seat| Order::Start { at: seat.offset.at_worker(at) }).await;
        // A plan whose length depends on the answers ends when its work is done; a worker that is there may go on.
        if self.coordinator.plan.phases.iter().all(|phase| phase.load.duration().is_some()) {
            let plan = self.coordinator.plan.duration() + self.coordinator.plan.drain.0 + waits.ending;
            self.deadline = Some(self.started + plan);
        }
        let mut look = tokio::time::interval(LOOK);
        let stop = self.coordinator.cancelled.clone();
        while self.seats.iter().any(|seat| matches!(seat.standing, Standing::Runs)) {
            tokio::select! {
                news = self.news.recv() => {
                    if let Some((index, word)) = news {
                        self.hear(index, word).await;
                    }
                }
                _ = look.tick() => self.look().await,
                () = stop.cancelled(), if self.aborted.is_none() => self.abort("cancelled".to_owned()).await,
            }
        }
        self.report().await
    }

    /// Takes in what a worker said.
    async fn hear(&mut self, index: usize, word: Result<Word, FrameError>) {
        let seat = &mut self.seats[index];
        if !matches!(seat.standing, Standing::Runs) {
            return;
        }
        seat.heard = Instant::now();
        match word {
            Ok(Word::Alive) => {}
            Ok(Word::Interval(mut interval)) => {
                if interval.worker as usize != index || interval.sequence != seat.intervals {
                    let why = format!(
                        "it sent interval {} of worker {} where its own interval {} was due",
                        interval.sequence, interval.worker, seat.intervals
                    );
                    return self.lose(index, &why).await;
                }
                seat.intervals += 1;
                let phase = self.coordinator.plan.phases.get(interval.phase);
                if phase.is_some_and(|phase| phase.load.arrivals().is_some()) {
                    seat.accounted += interval.planned;
                }
                seat.begun += interval.started;
                seat.told = seat.told.max(interval.to);
                if let Some(vitals) = interval.vitals.as_mut().filter(|_| seat.shares) {
                    // What the process uses is counted once, with the first of its workers.
                    (vitals.cpu, vitals.memory) = (0.0, 0);
                }
                self.waiting.push(*interval);
                self.settle().await;
            }
            Ok(Word::Done(closing)) => {
                if (closing.intervals, closing.started) == (seat.intervals, seat.begun) {
                    seat.standing = Standing::Done(closing);
                    self.settle().await;
                } else {
                    let why = format!(
                        "it says that it sent {} intervals with {} arrivals, but {} with {} came",
                        closing.intervals, closing.started, seat.intervals, seat.begun
                    );
                    self.lose(index, &why).await;
                }
            }
            Ok(Word::Failed { why }) => self.lose(index, &format!("it failed: {}", line(&why, 200))).await,
            Ok(other) => {
                let why = format!("it said {}, which was not its turn", line(&format!("{other:?}"), 60));
                self.lose(index, &why).await;
            }
            Err(error) => self.lose(index, &error.to_string()).await,
        }
    }

    /// Looks for workers that have fallen silent, or do not come to an end.
    async fn look(&mut self) {
        let silence = self.coordinator.waits.silence;
        let late = self.deadline.is_some_and(|deadline| Instant::now() > deadline);
        for index in 0..self.seats.len() {
            let seat = &self.seats[index];
            if !matches!(seat.standing, Standing::Runs) {
                continue;
            }
            if late {
                self.lose(index, "it did not come to its end").await;
            } else if seat.heard.elapsed() > silence {
                self.lose(index, &format!("nothing was heard of it for {}", HumanDuration(silence))).await;
            }
        }
    }

    /// Gives a worker up: it is ended, and what it owned is a gap.
    async fn lose(&mut self, index: usize, why: &str) {
        let seat = &mut self.seats[index];
        seat.to = None;
        seat.reader.abort();
        let said = match seat.hold.take() {
            Some(hold) => last_words(&*hold).await,
            None => String::new(),
        };
        let owned = self.coordinator.plan.phases.iter().filter_map(|phase| phase.load.arrivals());
        let share = Share { index: u32::try_from(index).unwrap_or(u32::MAX), of: self.coordinator.workers };
        let owned: u64 = owned.map(|arrivals| share.of_the_first(arrivals)).sum();
        let planned = match owned.saturating_sub(seat.accounted) {
            0 => String::new(),
            missing => format!(", and with it {missing} of the {owned} planned arrivals that it owned"),
        };
        seat.standing = Standing::Lost(format!(
            "missing since {:.1} s{planned}: {why}{said} (process {})",
            seat.told, seat.pid
        ));
        self.settle().await;
    }

    /// Folds what all workers that still run have told.
    async fn settle(&mut self) {
        let running = self.seats.iter().filter(|seat| matches!(seat.standing, Standing::Runs));
        let told = running.map(|seat| seat.told).fold(f64::INFINITY, f64::min);
        let (mut ready, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|interval| interval.to <= told + 1e-6);
        self.waiting = waiting;
        ready.sort_by(|a, b| a.to.total_cmp(&b.to).then(a.worker.cmp(&b.worker)));
        for interval in &ready {
            self.judge.take(interval);
            self.fold.add(interval);
        }
        if !ready.is_empty() {
            self.tell_progress(ready.iter().map(|interval| interval.to).fold(0.0, f64::max));
        }
        if self.aborted.is_none()
            && let Some(why) = self.judge.hopeless()
        {
            self.abort(why).await;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn tell_progress(&mut self, told: f64) {
        let begun = self.fold.begun();
        self.recent.push_back((told, begun));
        while self.recent.front().is_some_and(|(at, _)| told - at > RECENT) {
            self.recent.pop_front();
        }
        let mut progress = self.fold.progress(told);
        if let Some((at, before)) = self.recent.front().filter(|(at, _)| *at < told) {
            progress.achieved_rate = (begun - before) as f64 / (told - at);
        }
        (self.coordinator.progress)(&progress);
    }

    /// Tells all workers to end.
    async fn abort(&mut self, why: String) {
        self.aborted = Some(why.clone());
        let patience = self.coordinator.plan.drain.0 + self.coordinator.waits.ending;
        let end = Instant::now() + patience;
        self.deadline = Some(self.deadline.map_or(end, |deadline| deadline.min(end)));
        self.tell(|_| Order::Abort { why: why.clone() }).await;
    }

    /// Says something to all workers that run. One that does not read it falls silent.
    async fn tell(&mut self, order: impl Fn(&Seat) -> Order) {
        let running = self.seats.iter_mut().filter(|seat| matches!(seat.standing, Standing::Runs));
        join_all(running.map(|seat| {
            let order = order(seat);
            async move {
                if let Some(to) = &mut seat.to {
                    let _silence_is_noticed = timeout(WRITING, send(to, &order)).await;
                }
            }
        }))
        .await;
    }

    async fn report(mut self) -> Report {
        if let Some(why) = self.aborted.take() {
            self.fold.abort(why);
        }
        for (index, seat) in (0_u32..).zip(&self.seats) {
            self.fold.clock_offset(index, milliseconds(seat.offset));
            match &seat.standing {
                Standing::Runs => {}
                Standing::Lost(why) => self.fold.lose(index, why),
                Standing::Done(closing) => {
                    if let Some(why) = &closing.aborted {
                        self.fold.abort(why);
                    }
                    if let Some(what) = &closing.teardown {
                        self.fold.left_behind(what);
                    }
                }
            }
        }
        let mut report = self.fold.report(self.started.elapsed());
        report.verdicts = self.judge.verdicts();
        if report.complete != Completeness::Whole {
            // Whether the part that is missing would have kept it, nobody knows.
            for verdict in report.verdicts.iter_mut().filter(|verdict| verdict.kept == Kept::Kept) {
                verdict.kept = Kept::NoData;
                verdict.note = Some("a part of the load is missing".to_owned());
            }
        }
        // Their streams close first, so that they see that nobody listens any more.
        let holds: Vec<_> = self.seats.drain(..).filter_map(|seat| seat.hold).collect();
        self.readers.shutdown().await;
        join_all(holds.into_iter().map(|mut hold| async move { hold.release().await })).await;
        report
    }
}
