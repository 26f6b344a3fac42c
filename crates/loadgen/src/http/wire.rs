//! The connection of one user: sends a request, reads its answer, and keeps to the bounds.

use super::answer::{Answer, Reader, Whole};
use super::dialer::Dialer;
use super::link::{Idle, Link, Unanswered};
use super::request::Request;
use super::settings::Connections;
use crate::failure::Failure;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// The connection of one user.
///
/// It is made when it is needed. One that the server closed between two requests is made anew without a failure, as
/// long as the request had not left. Dropping a call closes the connection.
#[derive(Debug)]
pub struct Wire {
    dialer: Dialer,
    idle: Option<Idle>,
    deadline: Deadline,
}

impl Wire {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer, idle: None, deadline: Deadline::default() }
    }

    /// Makes the connection now, where there is none.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&mut self) -> Result<(), Failure> {
        if self.idle.is_none() {
            let link = self.dialer.dial().await?;
            self.idle = link.idle(self.dialer.settings().connections);
        }
        Ok(())
    }

    /// Whether there is a connection, as far as is known without asking.
    pub const fn is_connected(&self) -> bool {
        self.idle.is_some()
    }

    /// Sends a request and keeps the whole answer, whatever its status.
    ///
    /// # Errors
    /// Where no whole answer came within the bounds.
    pub async fn send(&mut self, request: &Request) -> Result<Answer, Failure> {
        let mut whole = Whole::default();
        let mut answer = self.read(request, &mut whole).await?;
        answer.body = whole.take();
        Ok(answer)
    }

    /// Sends a request and hands the body of its answer, whatever its status, to `reader` as it arrives.
    ///
    /// # Errors
    /// Where no whole answer came within the bounds.
    pub async fn read(&mut self, request: &Request, reader: &mut dyn Reader) -> Result<Answer, Failure> {
        let began = Instant::now();
        if let Some(idle) = self.idle.take() {
            let link = idle.wake().await?;
            match self.exchange(link, request, reader, began, began).await {
                // The server had closed it. Nobody is to blame for that.
                Err(Unanswered::Unsent(_)) => {}
                Err(Unanswered::Failed(failure)) => return Err(failure),
                Ok(answer) => return Ok(answer),
            }
        }
        let link = self.dialer.dial().await?;
        self.exchange(link, request, reader, began, Instant::now()).await.map_err(Failure::from)
    }

    async fn exchange(
        &mut self,
        mut link: Link,
        request: &Request,
        reader: &mut dyn Reader,
        began: Instant,
        connected: Instant,
    ) -> Result<Answer, Unanswered> {
        let Self { dialer, idle, deadline } = self;
        let settings = dialer.settings();
        deadline.set(connected + request.timeout.unwrap_or(settings.timeout));
        let is_last = settings.connections == Connections::Fresh;
        let (head, mut body) = deadline.bound(pin!(link.send(request, is_last))).await??.into_parts();
        let first_byte = began.elapsed();
        let (bytes, is_whole) =
            deadline.bound(pin!(read_body(&mut link, &mut body, reader, settings.most_bytes))).await??;
        let elapsed = began.elapsed();
        if let Some(failure) = link.uncalled_for() {
            return Err(failure.into());
        }
        drop(body);
        if is_whole {
            *idle = link.idle(settings.connections);
        }
        if settings.connections == Connections::Resting {
            deadline.rest();
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Bytes::new(),
            bytes,
            rows: reader.rows(),
            connecting: connected - began,
            first_byte,
            elapsed,
        })
    }
}

/// Reads a body until its end, or until it is enough. Returns its length, and whether that is the end.
async fn read_body(
    link: &mut Link,
    body: &mut Incoming,
    reader: &mut dyn Reader,
    most_bytes: u64,
) -> Result<(u64, bool), Failure> {
    let mut bytes = 0;
    while let Some(piece) = link.next(body).await {
        let piece = piece.map_err(|error| match (Failure::from(error), link.ended()) {
            // The connection knows more than the body that it was to bring.
            (Failure::Other(_), Some(ended)) => ended,
            (failure, _) => failure,
        })?;
        // What is no data are trailers.
        let Ok(data) = piece.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > most_bytes {
            return Err(Failure::TooLarge(most_bytes));
        }
        if reader.chunk(data).is_break() {
            return Ok((bytes, body.is_end_stream()));
        }
    }
    Ok((bytes, true))
}

/// When an answer must be there.
///
/// Setting a timer for each request costs. So the timer of an earlier one is left to run, and is set again when it
/// rings too early: once in a time-out, instead of once in a request.
#[derive(Debug, Default)]
struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    const fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    fn rest(&mut self) {
        *self = Self::default();
    }

    /// Takes the work pinned: moving a request costs, since it is large.
    async fn bound<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> Result<T, Failure> {
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(cx).map(|()| Err(Failure::TimedOut)),
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }
}
