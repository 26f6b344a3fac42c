//! Playing back recorded time under load.

mod many;
mod waves;
mod windows;

use crate::jobs::Jobs;
use shakedown_core::{CheckError, Context};
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;

/// What every check requires that plays back recorded time.
const HISTORY: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.config.valid",
    "focus-api.prelaunch.historic-data",
];

/// Jobs that play back so many seconds of recorded time.
async fn investigations(cx: &Context, seconds: u64) -> Result<Jobs, CheckError> {
    let jobs = Jobs::prepare(cx).await?;
    let length = i64::try_from(seconds).unwrap_or(i64::MAX);
    let (start, end) = recorded(cx, &jobs.books.client, length).await?;
    let request = ConfigureRequest::live(&jobs.fiber).historic(start, end);
    Ok(jobs.asking(&request))
}
