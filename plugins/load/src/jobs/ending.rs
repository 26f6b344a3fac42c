//! How jobs come to an end: cancelled where the server offers that, left where it does not, or by the server's timer.

use super::books::{Books, Living};
use futures_util::{StreamExt as _, stream};
use shakedown_core::{CheckError, Context};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::Job;
use shakedown_focus::stream::Stream;
use shakedown_http::{Method, StatusCode};
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Wire};
use std::time::Duration;
use tokio::time::Instant;

/// How long a stream may take to get ready before its job is left to the server's timer.
const READY: Duration = Duration::from_secs(15);
/// How many jobs are ended at once after a load.
const AT_ONCE: usize = 8;
/// How long ending all jobs may take.
const ALL: Duration = Duration::from_secs(30);

/// How jobs are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `DELETE /job/{id}`.
    Cancel,
    /// A client connects to the stream and leaves it again.
    Leave,
    /// Neither works: the server ends a job to which nobody connects.
    Timer,
}

impl Ending {
    /// Ends a job that was started by itself, and learns from it.
    pub(super) async fn find_out(cx: &Context, client: &FocusClient, job: Job) -> Result<Self, CheckError> {
        // An id that is more than a word could lead the path astray.
        job.metadata_path()?;
        let answer = client.delete_job(&job.id).await?;
        let ending = if answer.status.is_success() {
            Self::Cancel
        } else if [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status)
            && job.stream(READY.min(cx.remaining().mul_f32(0.3))).await.is_ok()
        {
            Self::Leave
        } else {
            return Ok(Self::Timer);
        };
        job.ended(cx)?;
        Ok(ending)
    }

    /// How long a job may live on after it was decided to end it, at a guess.
    pub(super) const fn takes(self) -> Duration {
        match self {
            Self::Cancel => Duration::from_millis(200),
            Self::Leave => Duration::from_secs(6),
            Self::Timer => Duration::ZERO,
        }
    }

    /// In words, for a reader who wonders why jobs live so long.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Cancel => "jobs are cancelled",
            Self::Leave => {
                "jobs cannot be cancelled here; they are ended by connecting to their stream and leaving it"
            }
            Self::Timer => {
                "jobs can neither be cancelled nor left here; they live until the server's timer ends them"
            }
        }
    }

    /// Ends a job. One that cannot be ended stays on the ledger, and its room taken as long as it may live.
    pub(crate) async fn end(
        self,
        books: &Books,
        dialer: &Dialer,
        wire: &mut Wire,
        job: Living,
    ) -> Result<(), Failure> {
        match self {
            Self::Timer => return Ok(()),
            Self::Cancel => {
                let path = format!("/job/{}", job.resource.id);
                let request = dialer.request(Method::DELETE, &path).map_err(Failure::Other)?;
                wire.send(&request).await.and_then(Answer::success)?;
            }
            Self::Leave => {
                let (host, port) = job
                    .place
                    .as_ref()
                    .ok_or_else(|| Failure::Content("no host and port of a stream".to_owned()))?;
                let stream = Stream::open(host, *port, READY).await;
                stream.map_err(|why| Failure::Other(why.to_string()))?;
            }
        }
        books.ended(job).map_err(|error| Failure::Other(error.to_string()))
    }

    /// Ends all jobs that live, and says how many could not be ended.
    pub(super) async fn end_all(self, books: &Books, dialer: &Dialer) -> usize {
        let jobs = books.take_all();
        let mut left = jobs.len();
        if self == Self::Timer {
            return left;
        }
        let (started, pause) = (Instant::now(), books.pause_between_requests());
        let mut ending = stream::iter((0_u32..).zip(jobs))
            .map(|(number, job)| async move {
                // The policy's rate holds here, too.
                tokio::time::sleep_until(started + pause * number).await;
                let mut wire = dialer.wire();
                self.end(books, dialer, &mut wire, job).await.is_ok()
            })
            .buffer_unordered(AT_ONCE);
        let all = async {
            while let Some(ended) = ending.next().await {
                left -= usize::from(ended);
            }
        };
        // What does not end in time stays on the ledger.
        let _ = tokio::time::timeout(ALL, all).await;
        left
    }
}
