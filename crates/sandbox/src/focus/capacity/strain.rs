//! What every request goes through: the book that is kept of it, and the faults that strike under load whatever is asked.

use super::book::{Book, Operation};
use super::doors::Doom;
use super::freeze::Freezer;
use crate::focus::faults::{Fault, Faults};
use crate::focus::routes::PREFIX;
use crate::focus::server::Server;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How many reads at once are not too many under [`Fault::ReadsCrowded`], and how long one takes then.
const READS: usize = 4;
const READ: Duration = Duration::from_millis(30);
/// How long a read takes beyond that, and how much longer for a while after a configuration under [`Fault::ReadsWait`].
const SLOW_READ: Duration = Duration::from_millis(400);
const WHILE: Duration = Duration::from_secs(1);
/// Which configuration is reset under [`Fault::Resets`].
const RESET_EVERY: usize = 4;

/// What these faults remember.
#[derive(Debug, Default)]
pub(in crate::focus) struct Strain {
    freezer: Freezer,
    reading: AtomicUsize,
    resettable: AtomicUsize,
    configured: Mutex<Option<Instant>>,
}

/// Serves a request, and keeps the book of it. Where its connection is reset, the answer is never sent.
pub(in crate::focus) async fn layer(
    State(server): State<Arc<Server>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
    let operation = Operation::of(request.method(), path);
    let arrival = server.book.received(operation);
    request.extensions_mut().insert(arrival.visit());
    let faults = server.faults();
    if faults.is_empty() {
        let response = next.run(request).await;
        arrival.answered(response.status().as_u16());
        return response;
    }
    let (response, is_reset) = strained(&server, &faults, operation, request, next).await;
    if is_reset {
        arrival.reset();
    } else {
        arrival.answered(response.status().as_u16());
    }
    response
}

async fn strained(
    server: &Server,
    faults: &Faults,
    operation: Operation,
    request: Request,
    next: Next,
) -> (Response, bool) {
    let strain = &server.strain;
    let is_configuration = operation == Operation::Configure;
    let is_read = request.method() == Method::GET;
    let doom = request.extensions().get::<ConnectInfo<Doom>>().map(|ConnectInfo(doom)| doom.clone());
    if is_configuration {
        strain.configures(Instant::now());
    }
    if faults.has(Fault::Freezes) {
        strain.stand_still(&server.book).await;
    }
    let read = is_read.then(|| Read::begin(&strain.reading));
    let others = read.as_ref().map_or(0, |read| read.others);
    if is_read && faults.has(Fault::ReadsCrowded) {
        sleep(if others < READS { READ } else { SLOW_READ }).await;
    }
    if is_read && faults.has(Fault::ReadsWait) && strain.has_configured_lately(Instant::now()) {
        sleep(SLOW_READ).await;
    }
    let response = next.run(request).await;
    if faults.has(Fault::Freezes) {
        strain.stand_still(&server.book).await;
    }
    let is_reset = faults.has(Fault::Resets)
        && is_configuration
        && (strain.resettable.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(RESET_EVERY);
    // Of the server's other doors, connections cannot be reset.
    let doom = doom.filter(|_| is_reset);
    if let Some(doom) = &doom {
        doom.seal();
    }
    (response, doom.is_some())
}

impl Strain {
    /// A configuration comes in.
    fn configures(&self, now: Instant) {
        self.freezer.configured(now);
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn has_configured_lately(&self, now: Instant) -> bool {
        let configured = *self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        configured.is_some_and(|then| now.saturating_duration_since(then) < WHILE)
    }

    /// Waits until the present freeze is over.
    async fn stand_still(&self, book: &Book) {
        if let Some((from, until)) = self.freezer.at(Instant::now()) {
            book.stalled(from, until);
            sleep_until(until).await;
        }
    }
}

/// A read that is being served.
struct Read<'a> {
    reading: &'a AtomicUsize,
    others: usize,
}

impl<'a> Read<'a> {
    fn begin(reading: &'a AtomicUsize) -> Self {
        Self { reading, others: reading.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        self.reading.fetch_sub(1, Ordering::Relaxed);
    }
}
