//! Whether a job's stream is ready: its port accepts a connection and speaks HTTP/2, which gRPC runs on.
//!
//! Only the connection itself is looked at: preface, settings and pings. No call is made and no row is read.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER: usize = 9;
/// The largest frame that a server may send unasked.
const LARGEST: usize = 16_384;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
/// How long to wait before a port that refuses is asked again: jobs take a while to start.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a stream is not ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The port accepts no connection.
    #[error("the port accepts no connection: {0}")]
    Closed(String),
    /// It accepts one and says nothing.
    #[error("the port accepts a connection and says nothing")]
    Silent,
    /// It says something else.
    #[error("the port does not speak HTTP/2: {0}")]
    Foreign(String),
    /// The connection was open, and broke.
    #[error("the connection broke: {0}")]
    Lost(String),
}

/// An open connection to a stream.
#[derive(Debug)]
pub struct Stream {
    connection: TcpStream,
    /// How long it took to get ready.
    pub ready_after: Duration,
}

impl Stream {
    /// Connects, again and again until `within` is over, and exchanges settings.
    pub async fn open(host: &str, port: u16, within: Duration) -> Result<Self, NotReady> {
        let started = Instant::now();
        let deadline = started + within;
        loop {
            match Self::attempt(host, port, deadline).await {
                Ok(connection) => return Ok(Self { connection, ready_after: started.elapsed() }),
                // A port may be forwarded before the stream's server listens behind it.
                Err(NotReady::Closed(_) | NotReady::Lost(_)) if Instant::now() + PAUSE < deadline => {
                    sleep(PAUSE).await;
                }
                Err(why) => return Err(why),
            }
        }
    }

    async fn attempt(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, NotReady> {
        let mut connection = match timeout_at(deadline, TcpStream::connect((host, port))).await {
            Ok(connected) => connected.map_err(|error| NotReady::Closed(error.to_string()))?,
            Err(_) => return Err(NotReady::Closed("no answer".to_owned())),
        };
        let greeting = async {
            connection.write_all(PREFACE).await?;
            connection.write_all(&frame(SETTINGS, 0, &[])).await?;
            let mut header = [0; HEADER];
            connection.read_exact(&mut header).await?;
            if let Some(problem) = foreign(&header) {
                return Ok(Some(problem));
            }
            let mut payload = vec![0; length(&header)];
            connection.read_exact(&mut payload).await?;
            connection.write_all(&frame(SETTINGS, ACK, &[])).await?;
            Ok(None)
        };
        match timeout_at(deadline, greeting).await {
            Ok(Ok(None)) => Ok(connection),
            Ok(Ok(Some(problem))) => Err(NotReady::Foreign(problem)),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(NotReady::Silent),
        }
    }

    /// Sends a ping and waits for its answer.
    pub async fn ping(&mut self, within: Duration) -> Result<(), NotReady> {
        let deadline = Instant::now() + within;
        let sent = self.connection.write_all(&frame(PING, 0, b"shakedwn")).await;
        sent.map_err(|error| lost(&error))?;
        loop {
            match timeout_at(deadline, self.next()).await {
                Ok(Ok((PING, flags))) if flags & ACK != 0 => return Ok(()),
                Ok(Ok((GOAWAY, _))) => return Err(NotReady::Lost("the server says goodbye".to_owned())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(lost(&error)),
                Err(_) => return Err(NotReady::Silent),
            }
        }
    }

    /// Waits until the server ends the connection. Says whether it did within the time.
    pub async fn ended(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            match timeout_at(deadline, self.next()).await {
                Ok(Ok((GOAWAY, _)) | Err(_)) => return true,
                Ok(Ok(_)) => {}
                Err(_) => return false,
            }
        }
    }

    /// The kind and the flags of the next frame. What the server asks for in it is answered.
    async fn next(&mut self) -> io::Result<(u8, u8)> {
        let mut header = [0; HEADER];
        self.connection.read_exact(&mut header).await?;
        let mut payload = vec![0; length(&header)];
        self.connection.read_exact(&mut payload).await?;
        let [_, _, _, kind, flags, ..] = header;
        if flags & ACK == 0 {
            match kind {
                SETTINGS => self.connection.write_all(&frame(SETTINGS, ACK, &[])).await?,
                PING => self.connection.write_all(&frame(PING, ACK, &payload)).await?,
                _ => {}
            }
        }
        Ok((kind, flags))
    }
}

fn lost(error: &io::Error) -> NotReady {
    NotReady::Lost(if error.kind() == io::ErrorKind::UnexpectedEof {
        "the server closed it".to_owned()
    } else {
        error.to_string()
    })
}

/// What is wrong with the first frame of a server, which must be its settings.
fn foreign(header: &[u8; HEADER]) -> Option<String> {
    let [_, _, _, kind, flags, stream @ ..] = *header;
    let is_settings = kind == SETTINGS && flags & ACK == 0 && stream == [0; 4] && length(header) <= LARGEST;
    (!is_settings).then(|| format!("it begins with {:?}", String::from_utf8_lossy(header)))
}

fn length(header: &[u8; HEADER]) -> usize {
    let [high, middle, low, ..] = *header;
    u32::from_be_bytes([0, high, middle, low]) as usize
}

/// A frame of the connection itself, stream 0.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = payload.len().to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_millis(300);

    /// A port at which whoever connects is told this, and then kept waiting or sent away.
    async fn port(says: Vec<u8>, keeps: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut visitor, _)) = listener.accept().await {
                let _ = visitor.write_all(&says).await;
                if keeps {
                    kept.push(visitor);
                }
            }
        });
        port
    }

    async fn opened(port: u16) -> Result<Stream, NotReady> {
        Stream::open("127.0.0.1", port, SOON).await
    }

    #[tokio::test]
    async fn settings_make_it_ready() {
        let mut says = frame(SETTINGS, 0, &[0, 3, 0, 0, 0, 100]);
        says.extend(frame(PING, ACK, b"shakedwn"));
        let mut stream = opened(port(says, true).await).await.unwrap();
        stream.ping(SOON).await.unwrap();
        assert_eq!(stream.ping(SOON).await, Err(NotReady::Silent));
        assert!(!stream.ended(SOON).await);
        let mut says = frame(SETTINGS, 0, &[]);
        says.extend(frame(GOAWAY, 0, &[0; 8]));
        assert!(opened(port(says, true).await).await.unwrap().ended(SOON).await);
    }

    #[tokio::test]
    async fn anything_else_does_not() {
        let http1 = port(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), true).await;
        assert!(matches!(opened(http1).await, Err(NotReady::Foreign(_))));
        assert_eq!(opened(port(Vec::new(), true).await).await.unwrap_err(), NotReady::Silent);
        assert!(matches!(opened(port(Vec::new(), false).await).await, Err(NotReady::Lost(_))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(matches!(opened(closed).await, Err(NotReady::Closed(_))));
    }
}
