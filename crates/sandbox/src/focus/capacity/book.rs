//! Keeps account of what the server does, in bounded memory.

use super::truth::{JobTruth, OperationTruth, RowTruth, Served, Stall, Times, Truth};
use axum::http::Method;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::time::Instant;

/// How many requests, and how many stalls, are remembered one by one.
const LOG: usize = 4096;
const STALLS: usize = 1000;
/// How many digits of a time count.
const DIGITS: u8 = 3;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Configure,
    Cancel,
    Config,
    Recordings,
    Read(&'static str),
    Other,
}

impl Operation {
    /// What a request to a path, less its prefix, asks for.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or_default();
        match (method, first) {
            (&Method::POST, "configure") => Self::Configure,
            (&Method::POST, "config") => Self::Config,
            (&Method::POST, "recordings_in_time_range") => Self::Recordings,
            (&Method::DELETE, "job") => Self::Cancel,
            (&Method::GET, "ack") => Self::Read("ack"),
            (&Method::GET, "channels") => Self::Read("channels"),
            (&Method::GET, "live_metadata") => Self::Read("live_metadata"),
            (&Method::GET, "metadata") => Self::Read("metadata"),
            (&Method::GET, "sensors") => Self::Read("sensors"),
            (&Method::GET, "waterfall") => Self::Read("waterfall"),
            (&Method::GET, "openapi.json") => Self::Read("description"),
            _ => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Cancel => "cancel",
            Self::Config => "config",
            Self::Recordings => "recordings",
            Self::Read(name) => name,
            Self::Other => "other",
        }
    }
}

/// The account of one operation.
#[derive(Debug)]
struct Account {
    received: u64,
    answered: u64,
    reset: u64,
    abandoned: u64,
    in_service: u64,
    most_in_service: u64,
    statuses: BTreeMap<u16, u64>,
    latency: Histogram<u64>,
    service: Histogram<u64>,
}

impl Account {
    fn new() -> Self {
        // It fails for more than five digits only.
        let histogram = || Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("{DIGITS} digits are few"));
        Self {
            received: 0,
            answered: 0,
            reset: 0,
            abandoned: 0,
            in_service: 0,
            most_in_service: 0,
            statuses: BTreeMap::new(),
            latency: histogram(),
            service: histogram(),
        }
    }

    fn truth(&self) -> OperationTruth {
        OperationTruth {
            received: self.received,
            answered: self.answered,
            reset: self.reset,
            abandoned: self.abandoned,
            in_service: self.in_service,
            most_in_service: self.most_in_service,
            statuses: self.statuses.clone(),
            latency: Times::of(&self.latency),
            service: Times::of(&self.service),
        }
    }
}

#[derive(Debug, Default)]
struct Pages {
    accounts: BTreeMap<Operation, Account>,
    jobs: JobTruth,
    rows: RowTruth,
    stalls: VecDeque<Stall>,
    log: VecDeque<Served>,
    forgotten: u64,
}

/// How a job came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::focus) enum JobEnd {
    /// As it should.
    Ended,
    /// It has vanished, or was cut off.
    Lost,
}

/// The book of a server.
#[derive(Debug)]
pub(in crate::focus) struct Book {
    started: Timestamp,
    start: Instant,
    pages: Mutex<Pages>,
}

impl Book {
    /// An empty one, of a server that is started at this time.
    pub(in crate::focus) fn new(started: Timestamp) -> Self {
        Self { started, start: Instant::now(), pages: Mutex::default() }
    }

    /// What it says; `alive` jobs have not ended.
    pub(in crate::focus) fn truth(&self, alive: usize) -> Truth {
        let pages = self.lock();
        Truth {
            started: self.started,
            operations: pages.accounts.iter().map(|(it, account)| (it.name(), account.truth())).collect(),
            jobs: JobTruth { alive: alive as u64, ..pages.jobs },
            rows: pages.rows,
            stalls: pages.stalls.iter().copied().collect(),
            log: pages.log.iter().copied().collect(),
            forgotten: pages.forgotten,
        }
    }

    /// A request has come in.
    pub(super) fn received(&self, operation: Operation) -> Arrival<'_> {
        let mut pages = self.lock();
        let account = pages.accounts.entry(operation).or_insert_with(Account::new);
        account.received += 1;
        account.in_service += 1;
        account.most_in_service = account.most_in_service.max(account.in_service);
        Arrival { book: self, operation, at: Instant::now(), visit: Visit::default(), is_over: false }
    }

    /// Everything stands still. It may be told of the same time more than once.
    pub(super) fn stalled(&self, from: Instant, until: Instant) {
        let stall = Stall { from: self.moment(from), until: self.moment(until) };
        let mut pages = self.lock();
        if pages.stalls.back() != Some(&stall) {
            push(&mut pages.stalls, stall, STALLS);
        }
    }

    /// A job has been configured, with which so many are alive.
    pub(in crate::focus) fn job_created(&self, alive: usize) {
        let jobs = &mut self.lock().jobs;
        jobs.created += 1;
        jobs.most_alive = jobs.most_alive.max(alive as u64);
    }

    /// There was no room for a job.
    pub(in crate::focus) fn job_refused(&self) {
        self.lock().jobs.refused += 1;
    }

    /// A job has come to its end.
    pub(in crate::focus) fn job_over(&self, how: JobEnd) {
        let jobs = &mut self.lock().jobs;
        match how {
            JobEnd::Ended => jobs.ended += 1,
            JobEnd::Lost => jobs.lost += 1,
        }
    }

    /// Rows have been handed out, and others left out.
    pub(in crate::focus) fn rows(&self, given: u64, lost: u64) {
        let rows = &mut self.lock().rows;
        rows.given += given;
        rows.lost += lost;
    }

    /// Microseconds since the start.
    fn moment(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a list of the latest. Says how many had to go.
fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) -> u64 {
    list.push_back(item);
    let is_full = list.len() > most;
    if is_full {
        list.pop_front();
    }
    u64::from(is_full)
}

/// What who serves a request can note about it.
#[derive(Clone, Debug, Default)]
pub(in crate::focus) struct Visit(Arc<OnceLock<(Instant, usize)>>);

impl Visit {
    /// Its turn has come, and so many others are being served.
    pub(in crate::focus) fn begins(&self, others: usize) {
        // It comes once.
        let _ = self.0.set((Instant::now(), others));
    }
}

/// A request that has come in. Dropped without an answer, it counts as abandoned.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    book: &'a Book,
    operation: Operation,
    at: Instant,
    visit: Visit,
    is_over: bool,
}

impl Arrival<'_> {
    /// For who serves it.
    pub(super) fn visit(&self) -> Visit {
        self.visit.clone()
    }

    /// It is answered.
    pub(super) fn answered(self, status: u16) {
        self.over(Some(status));
    }

    /// Its connection is reset.
    pub(super) fn reset(self) {
        self.over(None);
    }

    fn over(mut self, status: Option<u16>) {
        self.is_over = true;
        let begun = self.visit.0.get();
        let book = self.book;
        let served = Served {
            operation: self.operation.name(),
            received: book.moment(self.at),
            begun: book.moment(begun.map_or(self.at, |(at, _)| *at)),
            finished: book.moment(Instant::now()),
            status,
            others: begun.map(|(_, others)| *others),
        };
        let mut pages = book.lock();
        if let Some(account) = pages.accounts.get_mut(&self.operation) {
            account.in_service -= 1;
            account.latency.saturating_record(served.finished - served.received);
            account.service.saturating_record(served.finished - served.begun);
            match status {
                Some(status) => {
                    account.answered += 1;
                    *account.statuses.entry(status).or_default() += 1;
                }
                None => account.reset += 1,
            }
        }
        let gone = push(&mut pages.log, served, LOG);
        pages.forgotten += gone;
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if !self.is_over
            && let Some(account) = self.book.lock().accounts.get_mut(&self.operation)
        {
            account.in_service -= 1;
            account.abandoned += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(book: &Book, operation: Operation, status: u16) {
        book.received(operation).answered(status);
    }

    #[test]
    fn every_request_is_accounted_for() {
        let book = Book::new(Timestamp::UNIX_EPOCH);
        let first = book.received(Operation::Configure);
        first.visit().begins(7);
        book.received(Operation::Configure).answered(500);
        first.answered(200);
        book.received(Operation::Configure).reset();
        drop(book.received(Operation::Configure));
        let waiting = book.received(Operation::Configure);
        let truth = book.truth(3);
        let of = &truth.operations["configure"];
        assert_eq!((of.received, of.answered, of.reset, of.abandoned, of.in_service), (5, 2, 1, 1, 1));
        assert_eq!((of.most_in_service, of.latency.count, truth.jobs.alive), (2, 3, 3));
        assert_eq!(of.statuses, BTreeMap::from([(200, 1), (500, 1)]));
        let log: Vec<_> = truth.log.iter().map(|served| (served.status, served.others)).collect();
        assert_eq!(log, [(Some(500), None), (Some(200), Some(7)), (None, None)]);
        assert!(truth.log.iter().all(|it| it.received <= it.begun && it.begun <= it.finished));
        waiting.answered(200);
    }

    #[test]
    fn the_book_forgets_what_is_old_and_says_so() {
        let book = Book::new(Timestamp::UNIX_EPOCH);
        (0..LOG + 10).for_each(|_| answer(&book, Operation::of(&Method::GET, "/ack"), 200));
        let truth = book.truth(0);
        assert_eq!((truth.log.len(), truth.forgotten), (LOG, 10));
        assert_eq!(truth.operations["ack"].answered, LOG as u64 + 10);
        let now = Instant::now();
        book.stalled(now, now);
        book.stalled(now, now);
        assert_eq!(book.truth(0).stalls.len(), 1);
    }

    #[test]
    fn operations_are_told_by_method_and_path() {
        let name = |method, path| Operation::of(&method, path).name();
        assert_eq!(name(Method::POST, "/configure"), "configure");
        assert_eq!(name(Method::GET, "/configure"), "other");
        assert_eq!(name(Method::GET, "/waterfall/a/100"), "waterfall");
        assert_eq!(name(Method::DELETE, "/job/1-1"), "cancel");
        assert_eq!(name(Method::GET, ""), "other");
    }
}
