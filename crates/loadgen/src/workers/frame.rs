//! One message, one line of JSON, over any pair of byte streams; bounded in length.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shakedown_core::text::line;
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

/// No message is longer: the histograms of a hundred operations with every class of failure fit several times.
pub const MAX_FRAME: usize = 16 << 20;

/// How much of a line that is no message is shown.
const SHOWN: usize = 120;

/// Why no message was read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the stream, or is gone.
    #[error("it closed the connection")]
    Closed,
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// A line without end.
    #[error("it sent more than {} MiB without the end of a line", MAX_FRAME >> 20)]
    TooLong,
    /// A line that is no message.
    #[error("it sent `{0}`, which is no message: {1}")]
    Garbage(String, String),
}

/// Reads messages.
pub(super) struct Reader<R> {
    stream: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from this stream.
    pub(super) fn new(stream: R) -> Self {
        Self { stream: BufReader::with_capacity(64 << 10, stream), line: Vec::new() }
    }

    /// The next message. May be dropped while it waits: what was read so far is kept.
    ///
    /// # Errors
    /// Why there is none. After [`FrameError::Garbage`] the next line can still be read.
    pub(super) async fn next<M: DeserializeOwned>(&mut self) -> Result<M, FrameError> {
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() {
                return Err(FrameError::Closed);
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            if self.line.len() + taken > MAX_FRAME {
                return Err(FrameError::TooLong);
            }
            self.line.extend_from_slice(&chunk[..taken]);
            self.stream.consume(taken);
            if end.is_none() {
                continue;
            }
            let whole = std::mem::take(&mut self.line);
            if whole.trim_ascii().is_empty() {
                continue;
            }
            return serde_json::from_slice(&whole).map_err(|error| {
                let text = String::from_utf8_lossy(whole.trim_ascii());
                FrameError::Garbage(line(&text, SHOWN), line(&error.to_string(), SHOWN))
            });
        }
    }
}

/// A message as the line that stands for it.
pub(super) fn frame(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = serde_json::to_vec(message).map_err(io::Error::from)?;
    bytes.push(b'\n');
    if bytes.len() > MAX_FRAME { Err(FrameError::TooLong) } else { Ok(bytes) }
}

/// Writes one message at once.
pub(super) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> Result<(), FrameError> {
    stream.write_all(&frame(message)?).await?;
    stream.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_whole_whatever_the_pieces() {
        let (mut near, far) = tokio::io::duplex(3);
        let writer = tokio::spawn(async move {
            near.write_all(b"\n\n[1,").await.unwrap();
            near.write_all(b"2]\n[3]\nhello world\n[4]\n[5").await.unwrap();
        });
        let mut reader = Reader::new(far);
        assert_eq!(reader.next::<Vec<u8>>().await.unwrap(), [1, 2]);
        assert_eq!(reader.next::<Vec<u8>>().await.unwrap(), [3]);
        let garbage = reader.next::<Vec<u8>>().await.unwrap_err().to_string();
        insta::assert_snapshot!(garbage, @"it sent `hello world`, which is no message: expected value at line 1 column 1");
        assert_eq!(reader.next::<Vec<u8>>().await.unwrap(), [4]);
        assert!(matches!(reader.next::<Vec<u8>>().await, Err(FrameError::Closed)));
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_off() {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let writer = tokio::spawn(async move {
            let chunk = vec![b'x'; 1 << 20];
            while near.write_all(&chunk).await.is_ok() {}
        });
        let mut reader = Reader::new(far);
        assert!(matches!(reader.next::<Vec<u8>>().await, Err(FrameError::TooLong)));
        drop(reader);
        writer.await.unwrap();
    }
}
