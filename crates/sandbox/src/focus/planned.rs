//! The planned generation of the interface: the client names its task and fetches rows itself.

use super::body::{self, Fields};
use super::errors::{Refusal, answer};
use super::faults::Fault;
use super::jobs::REMEMBERED;
use super::life::START;
use super::live;
use super::server::Server;
use super::validate::{self, Range};
use super::waterfall::Rows;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an analyzer waits for its first reader, and how long for the next.
const UNREAD: Duration = Duration::from_secs(50);
const IDLE: Duration = Duration::from_mins(3);
/// How many rows a second are handed out under [`Fault::RowsCapped`].
const CAP: u64 = 100;
/// How many tasks are kept at once.
const MOST_TASKS: usize = 1_000;

/// One task.
#[derive(Debug)]
struct Task {
    created: Timestamp,
    last_read: Option<Timestamp>,
    rows: Rows,
}

impl Task {
    fn end(&self) -> Timestamp {
        self.last_read.map_or(self.created + UNREAD, |read| read + IDLE)
    }

    /// How long its analyzer has been at work; none before it starts and after it ends.
    fn at_work(&self, now: Timestamp) -> Option<Duration> {
        if now >= self.end() {
            return None;
        }
        Duration::try_from(now.duration_since(self.created + START)).ok()
    }
}

/// All tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    tasks: BTreeMap<String, Task>,
    /// How many there have ever been.
    created: u64,
    ration: Ration,
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Forgets the tasks that ended long ago.
    fn sweep(&mut self, now: Timestamp) {
        self.tasks.retain(|_, task| now < task.end() + REMEMBERED);
    }
}

/// How many rows are left to be handed out under [`Fault::RowsCapped`].
#[derive(Debug, Default)]
struct Ration {
    since: Option<Timestamp>,
    given: u64,
}

impl Ration {
    /// How many rows may be handed out now. Who has not come for a second has missed what there was.
    fn left(&mut self, now: Timestamp) -> u64 {
        let elapsed = |since: Timestamp| Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let since = match self.since {
            Some(since) if elapsed(since) < Duration::from_secs(1) => since,
            _ => {
                self.given = 0;
                *self.since.insert(now)
            }
        };
        // A tenth of a second is there at the start, so that the first one does not come for nothing.
        let millis = u64::try_from(elapsed(since).as_millis()).unwrap_or_default() + 100;
        (millis * CAP / 1000).min(CAP).saturating_sub(self.given)
    }
}

/// The tasks, if the planned interface is served.
fn tasks(server: &Server) -> Result<&Tasks, Refusal> {
    server.planned.as_ref().ok_or_else(|| Refusal::not_found("Not Found"))
}

/// `POST /config/{task_id}`.
pub(super) async fn config(
    server: &Server,
    task_id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let tasks = tasks(server)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if task_id.is_empty() || task_id.len() > 64 || !task_id.chars().all(is_plain) {
        return Err(Refusal::value(
            "Invalid task_id: must be 1 to 64 letters, digits, hyphens, underscores or dots",
        ));
    }
    let body = body::object(headers, body).await?;
    let faults = server.faults();
    let request = Request::read(&body)?;
    if faults.has(Fault::WaitingForFiber) {
        return Err(Refusal::Empty(StatusCode::SERVICE_UNAVAILABLE));
    }
    let history = request.check()?;
    if let Some(range) = history {
        validate::check_times(range.min, range.max, server.clock.epoch_seconds(), &faults)?;
        server.require_recordings(range).await?;
    }
    let now = server.clock.now();
    let mut table = tasks.lock();
    table.sweep(now);
    if table.tasks.len() >= MOST_TASKS {
        return Err(Refusal::unavailable(format!("Too many tasks: at most {MOST_TASKS} are kept")));
    }
    let rows = Rows::new(request.sensors, history, now + START);
    table.created += 1;
    let is_sparse = faults.has(Fault::RowsUneven) && table.created.is_multiple_of(2);
    let rows = if is_sparse { rows.sparse() } else { rows };
    table.tasks.insert(task_id.to_owned(), Task { created: now, last_read: None, rows });
    Ok(answer(StatusCode::OK, &json!({ "status": "Config received successfully", "task_id": task_id })))
}

/// `GET /sensors`.
pub(super) fn sensors(server: &Server) -> Result<Response, Refusal> {
    tasks(server)?;
    let sensors: Vec<i64> = (0..live::CHANNELS).collect();
    Ok(answer(StatusCode::OK, &json!({ "sensors": sensors })))
}

/// `GET /waterfall/{task_id}/{row_count}`: 200 without data yet, 201 with data, 208 after the analyzer's exit.
pub(super) fn waterfall(server: &Server, task_id: &str, row_count: &str) -> Result<Response, Refusal> {
    let tasks = tasks(server)?;
    let wanted = row_count.parse::<u32>().ok().filter(|count| *count > 0);
    let wanted = wanted.ok_or_else(|| {
        Refusal::value(format!("Invalid row_count {row_count}: must be a positive integer"))
    })?;
    let now = server.clock.now();
    let faults = server.faults();
    let mut table = tasks.lock();
    table.sweep(now);
    let Table { tasks, ration, .. } = &mut *table;
    let task =
        tasks.get_mut(task_id).ok_or_else(|| Refusal::not_found("Invalid task_id: no consumer found"))?;
    let exited = now >= task.end();
    if !exited {
        task.last_read = Some(now);
    }
    let Some(elapsed) = task.at_work(now) else {
        let status = if exited { StatusCode::ALREADY_REPORTED } else { StatusCode::OK };
        return Ok(answer(status, &json!([])));
    };
    if task.rows.are_exhausted() {
        let endless = faults.has(Fault::HistoryEndless);
        let status = if endless { StatusCode::OK } else { StatusCode::ALREADY_REPORTED };
        return Ok(answer(status, &json!([])));
    }
    let wanted = if faults.has(Fault::RowsCapped) {
        wanted.min(u32::try_from(ration.left(now)).unwrap_or(u32::MAX))
    } else {
        wanted
    };
    Ok(match task.rows.take(elapsed, wanted, faults.has(Fault::RowsLost)) {
        Some(block) => {
            ration.given += block.given;
            server.book.rows(block.given, block.lost);
            answer(StatusCode::CREATED, &json!([block.content]))
        }
        None => answer(StatusCode::OK, &json!([])),
    })
}

/// `GET /metadata/{task_id}`, if that is a task: 201 with metadata while its consumer runs, else 200.
pub(super) fn metadata(server: &Server, task_id: &str) -> Option<Response> {
    let now = server.clock.now();
    let table = server.planned.as_ref()?.lock();
    let task = table.tasks.get(task_id).filter(|task| now < task.end() + REMEMBERED)?;
    Some(if task.at_work(now).is_some() {
        answer(StatusCode::CREATED, &live::metadata(&server.faults()))
    } else {
        answer(StatusCode::OK, &json!({}))
    })
}

/// A request of the right shape.
#[derive(Debug)]
struct Request {
    duration: f64,
    nfft: i64,
    height: i64,
    sensors: Range,
    frequency: Range,
    start: Option<String>,
    end: Option<String>,
}

impl Request {
    fn read(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let duration = fields.number(body, &["displayTimeAxisDuration"], true);
        let nfft = fields.integer(body, &["nfftSelection"], true);
        let height = fields
            .object(body, &["canvasInfo"], true)
            .and_then(|canvas| fields.integer(canvas, &["canvasInfo", "height"], true));
        let sensors = validate::range(&mut fields, body, "sensors", true);
        let frequency = validate::range(&mut fields, body, "frequencyRange", true);
        let start = fields.text(body, &["start_time"], false).map(str::to_owned);
        let end = fields.text(body, &["end_time"], false).map(str::to_owned);
        fields.finish()?;
        let (Some(duration), Some(nfft), Some(height), Some(sensors), Some(frequency)) =
            (duration, nfft, height, sensors, frequency)
        else {
            // A required field that is absent is a problem, and was returned above.
            return Err(Refusal::Crash);
        };
        Ok(Self { duration, nfft, height, sensors, frequency, start, end })
    }

    /// The recorded time (epoch seconds) it asks for, if it can be served.
    fn check(&self) -> Result<Option<Range>, Refusal> {
        let last_sensor = live::CHANNELS - 1;
        let Range { min, max } = self.sensors;
        let problem = if self.duration <= 0.0 {
            format!("displayTimeAxisDuration {}: must be positive", self.duration)
        } else if self.nfft <= 0 {
            format!("nfftSelection {}: must be positive", self.nfft)
        } else if self.height <= 0 {
            format!("canvasInfo.height {}: must be positive", self.height)
        } else if min < 0 || max > last_sensor {
            format!("sensors {min} to {max}: must be within 0 to {last_sensor}")
        } else if min >= max {
            format!("sensors: sensors.min {min} must be less than sensors.max {max}")
        } else if self.frequency.min < 0 || self.frequency.max > live::PRR / 2 {
            format!("frequencyRange: must be within 0 Hz and the Nyquist limit of {} Hz", live::PRR / 2)
        } else if self.frequency.min >= self.frequency.max {
            "frequencyRange: frequencyRange.min must be less than frequencyRange.max".to_owned()
        } else {
            return self.history();
        };
        Err(Refusal::value(format!("Invalid {problem}")))
    }

    fn history(&self) -> Result<Option<Range>, Refusal> {
        let time = |field: &str, text: &str| {
            compact_time(text)
                .ok_or_else(|| Refusal::value(format!("Invalid {field}: must be 12 digits, yymmddHHMMSS")))
        };
        match (&self.start, &self.end) {
            (None, None) => Ok(None),
            (Some(start), Some(end)) => {
                Ok(Some(Range { min: time("start_time", start)?, max: time("end_time", end)? }))
            }
            _ => Err(Refusal::value("Invalid time range: start_time and end_time must be given together")),
        }
    }
}

/// The epoch seconds of a time in UTC, written `yymmddHHMMSS`.
fn compact_time(text: &str) -> Option<i64> {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = DateTime::strptime("%Y%m%d%H%M%S", format!("20{text}")).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_times_are_twelve_digits_of_utc() {
        assert_eq!(compact_time("251123083000"), Some(1_763_886_600));
        for bad in ["", "25112308300", "2511230830000", "251323083000", "25112308300x", "+51123083000"] {
            assert_eq!(compact_time(bad), None, "{bad}");
        }
    }
}
