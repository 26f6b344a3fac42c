//! Servers on the loopback interface that answer with raw bytes, as badly as a test wants.

use shakedown_loadgen::http::{Dialer, WireSettings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Long enough for a loaded machine: a test that waits this long has failed.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);
/// For answers that are to run into their time-out.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A server that stops when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Hands each connection to `serve`, with its number.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, usize) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                // It ends with the test's runtime at the latest.
                tokio::spawn(serve(stream, number));
            }
        });
        Self { port, connections, task }
    }

    /// Answers each request with these bytes, over and over.
    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::start(move |mut stream, _| {
            let bytes = Arc::clone(&bytes);
            async move {
                while read_head(&mut stream).await.is_some() && stream.write_all(&bytes).await.is_ok() {}
            }
        })
        .await
    }

    /// Answers the first request of each connection with these bytes, and closes.
    pub(crate) async fn answering_once(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::start(move |mut stream, _| {
            let bytes = Arc::clone(&bytes);
            async move {
                read_head(&mut stream).await;
                // The client may have hung up.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn settings(&self) -> WireSettings {
        let mut settings = WireSettings::new(format!("http://127.0.0.1:{}", self.port).parse().unwrap());
        (settings.connect_timeout, settings.timeout) = (AMPLE, AMPLE);
        settings
    }

    pub(crate) fn dialer(&self) -> Dialer {
        Dialer::new(self.settings()).unwrap()
    }
}

/// An answer with this body.
pub(crate) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The head of the next request; none where the client hung up.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Ends a connection with a reset instead of a farewell.
pub(crate) fn reset(stream: TcpStream) {
    // What was not read when a socket is closed makes the system reset it; zero linger makes it do so always.
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
