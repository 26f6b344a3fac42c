//! `focus-api.historic.e2e`

use crate::checks::JOBS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::planned::{self, Row};
use shakedown_focus::recordings::recorded;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// Recorded time is played back completely, in order, and then ends.
    ///
    /// Five recorded minutes are asked of the planned interface and read until it answers 208: the analyzer has exited.
    /// That takes at most 200 seconds. There are more than fifty rows; each makes sense and lies within what was asked
    /// for, and they ascend without overlap.
    ///
    /// # Why it matters
    /// Somebody who plays back an alarm must see all of it, once, and learn where it ends.
    ///
    /// # How to mend it
    /// Where the end does not come, look at the analyzer: it has to exit at the end of the data. Rows that repeat or go
    /// backwards hint at two readers of one queue.
    pub(super) struct CompletePlayback(PlaybackParams) {
        id: "focus-api.historic.e2e",
        title: "Recorded time is played back completely and ends",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13867", "PZ-13868", "PZ-13871", "PZ-13872", "PZ-14101", "PZ-14759"],
        tags: &["api", "planned"],
        requires: &[
            "focus-api.ack.ok",
            "focus-api.channels.ok",
            "focus-api.fiber.ready",
            "focus-api.sensors.list",
            "focus-api.task.valid",
            "focus-api.waterfall.valid",
        ],
        group: JOBS,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[
            fault("focus-api.history-endless", "playback-endless"),
            fault("focus-api.waterfall-unordered", "rows-unordered"),
        ],
    }
}

/// How much is played back, and how long that may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PlaybackParams {
    /// How much recorded time is asked for.
    range: HumanDuration,
    /// The playback must have ended after this time.
    ends_within: HumanDuration,
    /// There must be more rows than this.
    rows: usize,
}

impl Default for PlaybackParams {
    fn default() -> Self {
        Self { range: HumanDuration::secs(300), ends_within: HumanDuration::secs(200), rows: 50 }
    }
}

impl Params for PlaybackParams {
    fn validate(&self) -> Result<(), String> {
        if (1..=3600).contains(&self.range.0.as_secs()) {
            Ok(())
        } else {
            Err(format!("`range` is {}; expected a second to an hour", self.range))
        }
    }
}

const PAUSE: Duration = Duration::from_millis(500);

/// What was read until the end, or until the time was up.
struct Read {
    rows: Vec<Row>,
    problems: Vec<String>,
    /// The last answer.
    last: Exchange,
    took: Duration,
}

#[async_trait]
impl Check for CompletePlayback {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let sensors = planned::sensors(cx, &client).await?;
        let mut request = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let seconds = i64::try_from(self.params.range.0.as_secs()).unwrap_or(i64::MAX);
        let (start, end) = recorded(cx, &client, seconds).await?;
        request["start_time"] = json!(planned::compact(start)?);
        request["end_time"] = json!(planned::compact(end)?);
        let id = planned::start(cx, &client, "playback", &request).await?;
        let read = self.read(cx, &client, &format!("/waterfall/{id}/1000")).await?;

        let mut cases = Cases::new();
        let mut case = |name: &str, keys: &[&str], findings: Vec<Finding>| {
            let seen = format!("{} rows; {}", read.rows.len(), read.last.summary());
            let answer = document::verdict(cx, &read.last, "playback", seen, findings);
            let took = Measurement::new("took", read.took.as_secs_f64(), Unit::Seconds);
            cases.push(Case::new(name, keys, answer.map(|verdict| verdict.measured(took))));
        };
        case("it ends", &["PZ-13868", "PZ-14759"], self.endless(&read).into_iter().collect());
        case("there are rows", &["PZ-13872", "PZ-14101"], self.few(&read).into_iter().collect());
        case("rows make sense", &["PZ-13867"], invalid(&read, start, end));
        let order = planned::disorder(&read.rows).map(|problem| finding("rows-unordered", problem));
        case("rows are in order", &["PZ-13871"], order.into_iter().collect());
        cases.verdict()
    }
}

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "GET /waterfall/{task_id}/{row_count}", message)
        .remedy("look at the analyzer's end and at the reader of its queue", "days")
}

impl CompletePlayback {
    async fn read(&self, cx: &Context, client: &FocusClient, path: &str) -> Result<Read, CheckError> {
        let started = Instant::now();
        let within = self.params.ends_within.0;
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        loop {
            let last = client.get(cx, path).await?;
            if matches!(last.status, StatusCode::CREATED | StatusCode::ALREADY_REPORTED)
                && !planned::is_empty(&last)
            {
                let (found, wrong) = planned::rows(&last.json::<Value>().unwrap_or_default());
                rows.extend(found);
                problems.extend(wrong);
            }
            let goes_on = matches!(last.status, StatusCode::OK | StatusCode::CREATED);
            if !goes_on || started.elapsed() >= within {
                problems.sort();
                problems.dedup();
                return Ok(Read { rows, problems, last, took: started.elapsed() });
            }
            cx.progress(started.elapsed().as_secs(), within.as_secs(), format!("{} rows", rows.len()));
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn endless(&self, read: &Read) -> Option<Finding> {
        let status = read.last.status;
        match status {
            StatusCode::ALREADY_REPORTED => None,
            StatusCode::OK | StatusCode::CREATED => {
                let message = format!("the playback has not ended after {}", self.params.ends_within);
                Some(finding("playback-endless", message).expected("208", status))
            }
            status => {
                let message = format!("the playback breaks off with {status}");
                Some(finding("playback-broken", message).expected("208 at the end", status))
            }
        }
    }

    fn few(&self, read: &Read) -> Option<Finding> {
        let (count, least) = (read.rows.len(), self.params.rows);
        let message = format!("{count} rows were played back; more than {least} were expected");
        (count <= least).then(|| finding("rows-few", message).expected(format!("more than {least}"), count))
    }
}

/// Rows that make no sense, or lie outside what was asked for (epoch seconds).
fn invalid(read: &Read, start: i64, end: i64) -> Vec<Finding> {
    let outside = read.rows.iter().filter(|row| row.end <= start * 1000 || row.start >= end * 1000).count();
    let outside = (outside > 0).then(|| format!("{outside} rows lie outside the range that was asked for"));
    read.problems.iter().cloned().chain(outside).map(|problem| finding("rows-invalid", problem)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    fn read(status: u16, rows: &[(i64, i64)]) -> Read {
        let rows = rows.iter().map(|(start, end)| Row { start: *start, end: *end, sensors: 1 }).collect();
        Read { rows, problems: Vec::new(), last: exchange(status, "[]"), took: Duration::from_secs(1) }
    }

    #[test]
    fn a_playback_has_rows_and_an_end() {
        let check = CompletePlayback { params: PlaybackParams { rows: 1, ..PlaybackParams::default() } };
        let code = |finding: Option<Finding>| finding.map(|finding| finding.code);
        assert_eq!(code(check.endless(&read(208, &[]))), None);
        assert_eq!(code(check.endless(&read(201, &[]))).as_deref(), Some("playback-endless"));
        assert_eq!(code(check.endless(&read(404, &[]))).as_deref(), Some("playback-broken"));
        assert_eq!(code(check.few(&read(208, &[(0, 1)]))).as_deref(), Some("rows-few"));
        assert_eq!(code(check.few(&read(208, &[(0, 1), (1, 2)]))), None);
        assert!(invalid(&read(208, &[(1000, 2000)]), 1, 2).is_empty());
        assert_eq!(invalid(&read(208, &[(2000, 3000)]), 1, 2).len(), 1);
        assert!(
            PlaybackParams { range: HumanDuration::secs(0), ..PlaybackParams::default() }.validate().is_err()
        );
    }
}
