//! Sending: many requests a few at a time, then some by themselves.

use super::samples::{End, Sample};
use futures_util::{StreamExt as _, stream};
use shakedown_core::{CheckError, Context};
use shakedown_focus::client::FocusClient;
use shakedown_http::Exchange;
use std::time::{Duration, Instant};

/// How often the request is repeated by itself.
const REPEATS: usize = 10;
/// How long a repeat waits for room.
const ROOM: Duration = Duration::from_secs(2);

/// How many requests to send: as many as were asked for, and as jobs are allowed.
///
/// # Errors
/// [`CheckError::NotApplicable`] where those are too few to say anything.
pub(super) fn planned(cx: &Context, requests: usize, fewest: usize) -> Result<usize, CheckError> {
    let planned = requests.min(cx.jobs.limit());
    if planned < fewest {
        return Err(CheckError::not_applicable(format!(
            "max_concurrent_jobs = {planned} allows too few samples; at least {fewest} are needed"
        )));
    }
    Ok(planned)
}

/// What is sent, and how.
pub(super) struct Survey<'a> {
    pub(super) cx: &'a Context,
    pub(super) client: &'a FocusClient,
    /// The request.
    pub(super) body: String,
    /// How many are to be sent at a time.
    pub(super) concurrency: usize,
    /// How long each may take.
    pub(super) timeout: Duration,
}

/// What came of it.
pub(super) struct Surveyed {
    /// Every request that was sent.
    pub(super) samples: Vec<Sample>,
    /// An exchange in which the server failed, if there was one.
    pub(super) failing: Option<Exchange>,
}

/// What came of sending the same request by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated {
    pub(super) sent: usize,
    pub(super) failed: usize,
}

impl Survey<'_> {
    /// Sends `planned` requests, or as many as there is time for.
    pub(super) async fn send(&self, planned: usize) -> Result<Surveyed, CheckError> {
        let started = Instant::now();
        // The rest of the time is for the last answers, and for asking again one at a time.
        let until = started + self.cx.remaining().mul_f32(0.7);
        let requests = stream::iter(1..=planned).map(|number| self.one(number, started, until));
        let mut requests = requests.buffer_unordered(self.concurrency);
        let mut surveyed = Surveyed { samples: Vec::with_capacity(planned), failing: None };
        while let Some(sent) = requests.next().await {
            let Some((sample, failing)) = sent? else { continue };
            surveyed.samples.push(sample);
            surveyed.failing = surveyed.failing.or(failing);
            self.cx.progress(surveyed.samples.len() as u64, planned as u64, "requests to /configure");
        }
        surveyed.samples.sort_by_key(|sample| sample.number);
        Ok(surveyed)
    }

    /// Sends one, unless the time is up or there is no room before it is.
    async fn one(
        &self,
        number: usize,
        started: Instant,
        until: Instant,
    ) -> Result<Option<(Sample, Option<Exchange>)>, CheckError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let Ok(room) = self.client.room(self.cx, left).await else {
            return Ok(None);
        };
        let sent_ms = started.elapsed().as_secs_f64() * 1000.0;
        let sent = self.client.configure_in(self.cx, room, &self.body, self.timeout).await?;
        let end = End::of(&sent);
        let failing = sent.ok().filter(|_| end.is_server_error()).map(|configured| configured.exchange);
        Ok(Some((Sample { number, sent_ms, end }, failing)))
    }

    /// Asks again, one at a time, as often as time and room allow.
    pub(super) async fn repeat(&self) -> Result<Repeated, CheckError> {
        let until = Instant::now() + self.cx.remaining().mul_f32(0.8);
        let mut repeated = Repeated { sent: 0, failed: 0 };
        while repeated.sent < REPEATS {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Ok(room) = self.client.room(self.cx, ROOM.min(left)).await else {
                break;
            };
            let sent = self.client.configure_in(self.cx, room, &self.body, self.timeout.min(left)).await?;
            repeated.sent += 1;
            repeated.failed += usize::from(End::of(&sent).is_server_error());
            self.cx.progress(repeated.sent as u64, REPEATS as u64, "repeats, one at a time");
        }
        Ok(repeated)
    }
}
