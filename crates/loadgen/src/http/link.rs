//! One HTTP connection, driven by whoever waits for its answer.
//!
//! hyper's HTTP/1 connection is a future that must be polled for anything to happen. It is polled here in the same
//! task that waits for the answer: a task of its own would cost two more wake-ups for each request.

use super::request::Request;
use super::settings::Connections;
use super::stream::Stream;
use crate::failure::Failure;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// The most that the head of an answer may take.
const MOST_HEADER_BYTES: u32 = 16 << 10;
/// How large the read buffer of a connection may grow.
const MOST_BUFFER_BYTES: usize = 64 << 10;

type Head = Response<Incoming>;
type Piece = Result<Frame<Bytes>, hyper::Error>;
type Connection = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// One HTTP connection that is in use.
#[derive(Debug)]
pub(super) enum Link {
    /// Boxed, since it is moved several times in each request and is large.
    Http1(Box<Http1>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection between two requests.
#[derive(Debug)]
pub(super) enum Idle {
    Ready(Link),
    /// Only the socket of an HTTP/1.1 connection, without buffers.
    Resting(Stream),
}

/// Why there was no answer.
pub(super) enum Unanswered {
    /// The request never left: it may be sent again over another connection.
    Unsent(Failure),
    /// The server may have seen it.
    Failed(Failure),
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Unsent(failure) | Unanswered::Failed(failure) => failure,
        }
    }
}

impl Idle {
    pub(super) async fn wake(self) -> Result<Link, Failure> {
        match self {
            Self::Ready(link) => Ok(link),
            Self::Resting(stream) => Link::new(stream, false).await,
        }
    }
}

impl Link {
    pub(super) async fn new(stream: Stream, is_http2: bool) -> Result<Self, Failure> {
        if is_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(MOST_HEADER_BYTES)
                .handshake(TokioIo::new(stream))
                .await?;
            // It answers pings between requests. It ends when its sender is dropped.
            tokio::spawn(connection);
            return Ok(Self::Http2(sender));
        }
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MOST_BUFFER_BYTES)
            .max_header_size(MOST_HEADER_BYTES as usize)
            // Requests are small: one buffer costs less than two.
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self::Http1(Box::new(Http1 { sender, connection: Some(connection), ended: None })))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: &Request, is_last: bool) -> Result<Head, Unanswered> {
        match self {
            Self::Http1(link) => link.send(request.over_http1(is_last)).await,
            Self::Http2(sender) => {
                sender.ready().await.map_err(|error| Unanswered::Unsent(error.into()))?;
                sender.try_send_request(request.over_http2()).await.map_err(unanswered)
            }
        }
    }

    /// The next piece of a body; none at its end.
    pub(super) async fn next(&mut self, body: &mut Incoming) -> Option<Piece> {
        // Where the length is known, the end is known without asking.
        if body.is_end_stream() {
            return None;
        }
        match self {
            Self::Http1(link) => link.next(body).await,
            Self::Http2(_) => body.frame().await,
        }
    }

    /// Why the connection ended, where it has and that was a failure.
    pub(super) fn ended(&self) -> Option<Failure> {
        match self {
            Self::Http1(link) => link.ended.clone(),
            Self::Http2(_) => None,
        }
    }

    /// The same, where the server sent what nobody asked for.
    pub(super) fn uncalled_for(&self) -> Option<Failure> {
        self.ended().filter(|failure| matches!(failure, Failure::Protocol(_)))
    }

    /// The connection after an answer that was read to its end, where it can be used again.
    pub(super) fn idle(self, connections: Connections) -> Option<Idle> {
        match (self, connections) {
            (_, Connections::Fresh) => None,
            (Self::Http1(link), Connections::Resting) => link.rest().map(Idle::Resting),
            (Self::Http1(link), _) if link.connection.is_none() => None,
            (link, _) => Some(Idle::Ready(link)),
        }
    }
}

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once it has ended.
    connection: Option<Connection>,
    /// Why it ended, where that was a failure.
    ended: Option<Failure>,
}

impl Http1 {
    async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Result<Head, Unanswered> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        let mut head = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            drive(&mut self.connection, &mut self.ended, cx);
            head.as_mut().poll(&mut nobody())
        })
        .await
        .map_err(unanswered)
    }

    async fn next(&mut self, body: &mut Incoming) -> Option<Piece> {
        poll_fn(|cx| {
            // A small body came with its head.
            if let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(&mut nobody()) {
                return Poll::Ready(piece);
            }
            drive(&mut self.connection, &mut self.ended, cx);
            Pin::new(&mut *body).poll_frame(&mut nobody())
        })
        .await
    }

    /// Waits until it takes a request. It nearly always does at once; a server may have closed it in the meantime.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        // Whatever it is told now wakes nobody: the caller is about to poll it again.
        drive(&mut self.connection, &mut self.ended, &mut nobody());
        if self.connection.is_some() && !self.sender.is_ready() {
            drive(&mut self.connection, &mut self.ended, cx);
        }
        if self.connection.is_none() {
            let failure = self.ended.clone().unwrap_or(Failure::Closed);
            // What nobody asked for must be seen, and not be lost with the connection.
            let is_seen = matches!(failure, Failure::Protocol(_));
            return Poll::Ready(Err(if is_seen {
                Unanswered::Failed(failure)
            } else {
                Unanswered::Unsent(failure)
            }));
        }
        if self.sender.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The socket alone, where nothing is under way.
    fn rest(self) -> Option<Stream> {
        let parts = self.connection?.into_parts();
        parts.read_buf.is_empty().then(|| parts.io.into_inner())
    }
}

/// Lets a connection read and write what it can. One that ends is dropped, which answers whoever waits for it.
fn drive(connection: &mut Option<Connection>, ended: &mut Option<Failure>, cx: &mut Context<'_>) {
    if let Some(running) = connection
        && let Poll::Ready(outcome) = Pin::new(running).poll(cx)
    {
        *ended = outcome.err().map(Failure::from);
        *connection = None;
    }
}

/// What is woken where the connection itself wakes the task: nobody.
///
/// hyper hands over heads and pieces of bodies only while its connection is polled, which is always done first.
fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn unanswered<T>(mut error: TrySendError<T>) -> Unanswered {
    let is_unsent = error.take_message().is_some();
    let failure = Failure::from(error.into_error());
    if is_unsent { Unanswered::Unsent(failure) } else { Unanswered::Failed(failure) }
}
