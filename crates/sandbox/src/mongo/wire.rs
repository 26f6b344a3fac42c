//! Messages between MongoDB and its clients: as much of the wire protocol as it takes to change an answer.

use mongodb::bson::Document;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Length, id, the id that is answered, and the kind of message: four little-endian integers.
const HEADER: usize = 16;
/// The kind of message that carries a command or its answer.
const OP_MSG: i32 = 2013;
/// The longest message that MongoDB sends.
const LONGEST: usize = 48_000_000;
/// The flag that a checksum follows the sections.
const CHECKSUM: u32 = 1;

/// A message, with its header.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Reads the next message; `None` where the other side has ended the connection.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        if let Err(error) = from.read_exact(&mut header).await {
            let ended = error.kind() == io::ErrorKind::UnexpectedEof;
            return if ended { Ok(None) } else { Err(error) };
        }
        let length = usize::try_from(number(&header, 0)).unwrap_or(0);
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of an impossible length"));
        }
        let mut bytes = header.to_vec();
        bytes.resize(length, 0);
        from.read_exact(&mut bytes[HEADER..]).await?;
        Ok(Some(Self(bytes)))
    }

    /// Sends it on.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        to.write_all(&self.0).await
    }

    /// Its id.
    pub(super) fn id(&self) -> i32 {
        number(&self.0, 4)
    }

    /// The id of the message that it answers.
    pub(super) fn answers(&self) -> i32 {
        number(&self.0, 8)
    }

    /// The command, or the answer to one, where it is written as nothing but one document.
    pub(super) fn document(&self) -> Option<Document> {
        let body = &self.0[HEADER..];
        let is_plain = number(&self.0, 12) == OP_MSG && body.get(4) == Some(&0);
        let end = body.len() - if self.has_checksum() { 4 } else { 0 };
        is_plain.then(|| Document::from_reader(body.get(5..end)?).ok()).flatten()
    }

    /// The same message with another document.
    pub(super) fn with(&self, document: &Document) -> io::Result<Self> {
        let document = document.to_vec().map_err(io::Error::other)?;
        let mut bytes = self.0[..HEADER].to_vec();
        let flags = u32::from_le_bytes(self.flags()) & !CHECKSUM;
        bytes.extend(flags.to_le_bytes());
        bytes.push(0);
        bytes.extend(document);
        let length = i32::try_from(bytes.len()).map_err(io::Error::other)?;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        Ok(Self(bytes))
    }

    fn flags(&self) -> [u8; 4] {
        self.0.get(HEADER..HEADER + 4).and_then(|flags| flags.try_into().ok()).unwrap_or_default()
    }

    fn has_checksum(&self) -> bool {
        u32::from_le_bytes(self.flags()) & CHECKSUM != 0
    }
}

/// One of the header's integers.
fn number(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, i32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    fn message(document: &Document, flags: u32, tail: &[u8]) -> Vec<u8> {
        let document = document.to_vec().unwrap();
        let body = [&flags.to_le_bytes(), [0].as_slice(), &document, tail].concat();
        let length = i32::try_from(HEADER + body.len()).unwrap();
        let header: Vec<u8> = [length, 7, 3, OP_MSG].iter().flat_map(|number| number.to_le_bytes()).collect();
        [header, body].concat()
    }

    #[tokio::test]
    async fn a_document_is_read_and_replaced() {
        let sent = message(&doc! { "ping": 1 }, CHECKSUM, &[1, 2, 3, 4]);
        let read = Message::read(&mut sent.as_slice()).await.unwrap().unwrap();
        assert_eq!((read.id(), read.answers(), read.document()), (7, 3, Some(doc! { "ping": 1 })));
        let other = read.with(&doc! { "ok": 1.0, "text": "longer" }).unwrap();
        let mut written = Vec::new();
        other.write(&mut written).await.unwrap();
        assert_eq!(written, message(&doc! { "ok": 1.0, "text": "longer" }, 0, &[]));
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error_and_an_end_is_none() {
        assert!(Message::read(&mut [].as_slice()).await.unwrap().is_none());
        let garbage = [0xff; 64];
        assert!(Message::read(&mut garbage.as_slice()).await.is_err());
        let mut other = message(&doc! {}, 0, &[]);
        other[12] = 1;
        assert_eq!(Message::read(&mut other.as_slice()).await.unwrap().unwrap().document(), None);
    }
}
