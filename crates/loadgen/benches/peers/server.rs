//! A server on the loopback interface that records how long it took over each request.

use crate::{Trouble, runtime};
use shakedown_loadgen::Histogram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntruth";

/// When the server stops, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    pub(crate) at: Instant,
    pub(crate) during: Duration,
}

/// A server on a thread of its own; it ends when dropped.
pub(crate) struct Recording {
    pub(crate) address: String,
    times: Arc<Mutex<Histogram>>,
    ended: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.ended.cancel();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say when it panicked: its numbers are what counts.
            let _ = thread.join();
        }
    }
}

impl Recording {
    /// Records what comes after `from`, and answers nothing while it is stopped.
    pub(crate) fn start(from: Instant, stop: Option<Stop>) -> Result<Self, Trouble> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let runtime = runtime()?;
        let (times, ended) = (Arc::<Mutex<Histogram>>::default(), CancellationToken::new());
        let (own, end) = (Arc::clone(&times), ended.clone());
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                if let Some(stop) = stop {
                    tokio::spawn(async move {
                        tokio::time::sleep_until(stop.at.into()).await;
                        // The whole thread: nothing is accepted, read or written.
                        std::thread::sleep(stop.during);
                    });
                }
                tokio::select! {
                    () = end.cancelled() => {}
                    () = accept(listener, own, from) => {}
                }
            });
        });
        Ok(Self { address, times, ended, thread: Some(thread) })
    }

    /// How long it took over the requests so far: from the moment that it had one to the moment that it had answered.
    pub(crate) fn times(&self) -> Histogram {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: std::net::TcpListener, times: Arc<Mutex<Histogram>>, from: Instant) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&times), from));
    }
}

async fn serve(mut stream: TcpStream, times: Arc<Mutex<Histogram>>, from: Instant) {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while let Ok(count) = stream.read(&mut buffer[filled..]).await
        && count > 0
    {
        let began = Instant::now();
        filled += count;
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
        if began >= from {
            times.lock().unwrap_or_else(PoisonError::into_inner).record(began.elapsed());
        }
    }
}
