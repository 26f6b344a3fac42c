//! Tasks of the planned interface, each read by a user of its own, again and again.

use crate::wire;
use serde_json::Value;
use shakedown_core::{CheckError, Context, async_trait};
use shakedown_focus::client::FocusClient;
use shakedown_focus::planned::{self, Row};
use shakedown_http::StatusCode;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Request, Wire};
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is asked for rows.
pub(in crate::checks) const SUBJECT: &str = "GET /waterfall/{task_id}/{row_count}";
/// The operation, by its name.
pub(in crate::checks) const READ: &str = "read";
/// How long all tasks together may take until each has delivered a row.
const FIRST_ROWS: Duration = Duration::from_secs(30);
/// How often a task is asked for its first row.
const PAUSE: Duration = Duration::from_millis(100);

/// What one task has delivered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::checks) struct Lane {
    /// Rows.
    pub(in crate::checks) rows: u64,
    /// Bytes.
    pub(in crate::checks) bytes: u64,
    /// The phase in which rows came last.
    pub(in crate::checks) last_phase: Option<usize>,
    /// Milliseconds from the start of the first row to the end of the last, and of those how many no row covers.
    pub(in crate::checks) span: i64,
    pub(in crate::checks) missing: i64,
    /// How many gaps there are, and where the first one is.
    pub(in crate::checks) gaps: u64,
    pub(in crate::checks) first_gap: Option<(i64, i64)>,
    /// Rows that begin before the one before them ends: they come twice, or out of order.
    pub(in crate::checks) twice: u64,
    /// The last row.
    pub(in crate::checks) last: Option<Row>,
}

impl Lane {
    /// Takes note of rows, in the order in which they came.
    pub(in crate::checks) fn note(&mut self, rows: &[Row], bytes: u64, phase: usize) {
        self.bytes += bytes;
        self.rows += rows.len() as u64;
        if !rows.is_empty() {
            self.last_phase = Some(phase);
        }
        for row in rows {
            if let Some(last) = self.last {
                if row.start < last.end {
                    self.twice += 1;
                    continue;
                }
                let gap = row.start - last.end;
                // A row may begin a little after the one before it: times are rounded to milliseconds.
                if gap * 2 > last.end - last.start {
                    self.gaps += 1;
                    self.missing += gap;
                    self.first_gap.get_or_insert((last.end, row.start));
                }
                self.span += row.end - last.end;
            } else {
                self.span += row.end - row.start;
            }
            self.last = Some(*row);
        }
    }
}

/// The scenario. Clones share what was read.
#[derive(Clone)]
pub(in crate::checks) struct Reading {
    dialer: Dialer,
    tasks: Arc<[String]>,
    lanes: Arc<[Mutex<Lane>]>,
    /// Tasks that no user reads.
    free: Arc<Mutex<Vec<usize>>>,
    rows: u32,
    every: Duration,
}

impl Reading {
    /// Starts so many live tasks, and waits until each has delivered a row. Each is then read by one user: so many rows
    /// every so often.
    ///
    /// # Errors
    /// [`CheckError::NotApplicable`] where the interface is not deployed, [`CheckError::Unclear`] where a task delivers
    /// nothing, which `focus-api.waterfall.valid` judges.
    pub(in crate::checks) async fn prepare(
        cx: &Context,
        client: &FocusClient,
        (count, rows, every): (u32, u32, Duration),
    ) -> Result<Self, CheckError> {
        let sensors = planned::sensors(cx, client).await?;
        let request = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let mut tasks = Vec::new();
        for number in 1..=count {
            let started =
                planned::start(cx, client, &format!("{}-{number}", short(cx.check)), &request).await?;
            tasks.push(started);
            cx.progress(number.into(), count.into(), "tasks started");
        }
        let started = Instant::now();
        for task in &tasks {
            while client.get(cx, &format!("/waterfall/{task}/1")).await?.status != StatusCode::CREATED {
                if started.elapsed() > FIRST_ROWS {
                    return Err(CheckError::unclear(format!(
                        "task {task} delivers no rows within {FIRST_ROWS:?}"
                    )));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(Self {
            dialer: wire::dialer(client)?,
            lanes: tasks.iter().map(|_| Mutex::default()).collect(),
            free: Arc::new(Mutex::new((0..tasks.len()).rev().collect())),
            tasks: tasks.into(),
            rows,
            every,
        })
    }

    /// What each task has delivered.
    pub(in crate::checks) fn lanes(&self) -> Vec<Lane> {
        self.lanes.iter().map(|lane| lock(lane).clone()).collect()
    }
}

/// The last part of a check's id.
fn short(check: &str) -> &str {
    check.rsplit('.').next().unwrap_or(check)
}

/// What a panic elsewhere left behind is as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Scenario for Reading {
    fn operations(&self) -> Vec<String> {
        vec![READ.to_owned()]
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        let all = self.tasks.len() as u64;
        let free = lock(&self.free).pop();
        let task = free.unwrap_or_else(|| usize::try_from(number % all.max(1)).unwrap_or(0));
        let path = format!("/waterfall/{}/{}", self.tasks[task], self.rows);
        let request = self.dialer.get(&path).map_err(Failure::Other)?;
        Ok(Box::new(Reader {
            reading: self.clone(),
            wire: self.dialer.wire(),
            request,
            task,
            owns: free.is_some(),
        }))
    }
}

/// One who reads one task.
struct Reader {
    reading: Reading,
    wire: Wire,
    request: Request,
    task: usize,
    owns: bool,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.owns {
            lock(&self.reading.free).push(self.task);
        }
    }
}

#[async_trait]
impl Session for Reader {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let began = Instant::now();
        let read = self.read(iteration).await;
        let rest = self.reading.every.saturating_sub(began.elapsed());
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = iteration.ending().cancelled() => {}
        }
        read
    }
}

impl Reader {
    async fn read(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let (wire, request) = (&mut self.wire, &self.request);
        let timed = iteration.time(0, async { contents(&wire.send(request).await?.success()?) });
        let (rows, bytes) = timed.await?;
        iteration.transferred(0, bytes, rows.len() as u64);
        lock(&self.reading.lanes[self.task]).note(&rows, bytes, iteration.phase());
        Ok(())
    }
}

/// The rows of an answer, and its length.
fn contents(answer: &Answer) -> Result<(Vec<Row>, u64), Failure> {
    if answer.status == 208 {
        return Err(Failure::Content("a live task does not come to its end by itself".to_owned()));
    }
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Content(format!("the answer is no JSON: {error}")))?;
    match planned::rows(&body) {
        // An answer without rows yet need not be a list.
        (rows, _) if answer.status != 201 => Ok((rows, answer.bytes)),
        (rows, problems) => match problems.into_iter().next() {
            None => Ok((rows, answer.bytes)),
            Some(problem) => Err(Failure::Content(problem)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(times: &[(i64, i64)]) -> Vec<Row> {
        times.iter().map(|(start, end)| Row { start: *start, end: *end, sensors: 1 }).collect()
    }

    #[test]
    fn gaps_and_repetitions_are_found_within_answers_and_between_them() {
        let mut lane = Lane::default();
        lane.note(&rows(&[(0, 20), (20, 40)]), 100, 0);
        lane.note(&[], 2, 1);
        lane.note(&rows(&[(41, 60), (100, 120)]), 100, 1);
        assert_eq!((lane.rows, lane.bytes, lane.last_phase), (4, 202, Some(1)));
        assert_eq!((lane.span, lane.missing, lane.gaps, lane.first_gap), (120, 40, 1, Some((60, 100))));
        lane.note(&rows(&[(100, 120), (120, 140)]), 100, 1);
        assert_eq!((lane.twice, lane.span), (1, 140));
    }
}
