//! Servers on the loopback interface that answer with raw bytes.

use shakedown_http::{HttpClient, HttpSettings, Url};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Long enough for a loaded machine, short enough for a test.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);
/// For exchanges that are to run into their deadline.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A server that stops when dropped.
pub(crate) struct Server {
    pub(crate) url: Url,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Hands every connection to `serve` once the head of a request was read.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                read_head(&mut stream).await;
                tokio::spawn(serve(stream));
            }
        });
        Self { url, task }
    }

    /// Answers with these bytes and closes.
    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                // The client may hang up before it has read everything.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    pub(crate) fn client(&self) -> HttpClient {
        HttpClient::new(HttpSettings::new(self.url.clone())).unwrap()
    }
}

/// Reads until the blank line, the end, or what fits.
async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < 1 << 16 {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
        // A TLS hello has no blank line; one read of it is enough.
        if head.first() == Some(&0x16) {
            return;
        }
    }
}
