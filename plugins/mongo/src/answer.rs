//! What a server may answer: however many rows it sends, however large and however deep, they cost only so much.

use futures_util::TryStreamExt;
use mongodb::bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use mongodb::bson::{Bson, Document};
use mongodb::error::{Error, Result as Answer};
use mongodb::{Cursor, Database};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

/// All rows of one question together. They are small by the question's own bounds, so that only a server that does not
/// keep to them comes near.
const MOST_BYTES: usize = 32 << 20;

/// Nobody stores deeper documents: MongoDB itself refuses them at 180.
const DEEPEST: usize = 200;

/// Enough for documents a hundred times deeper than any honest one. Only what is used of it takes memory.
const STACK: usize = 64 << 20;

/// An answer of a size that no honest server gives to our questions.
#[derive(Debug)]
pub(crate) enum Flood {
    /// More bytes than [`MOST_BYTES`].
    Bytes,
    /// A document deeper than [`DEEPEST`].
    Depth,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => write!(f, "the answer has more than {} MB", MOST_BYTES >> 20),
            Self::Depth => write!(f, "the answer has a document of more than {DEEPEST} levels"),
        }
    }
}

/// Waits on a stack of its own: the driver takes an answer apart by recursion, as deep as the answer goes.
pub(crate) async fn on_ample_stack<F: Future>(question: F) -> F::Output {
    let mut question = pin!(question);
    poll_fn(|cx| stacker::grow(STACK, || question.as_mut().poll(cx))).await
}

/// What the server answers to a command.
pub(crate) async fn command(database: &Database, command: Document) -> Answer<Document> {
    let answer = database.run_command(command).await?;
    // Whoever goes through it later does so by recursion, on a stack of ordinary size.
    if is_too_deep_to_walk(&answer) { Err(Error::custom(Flood::Depth)) } else { Ok(answer) }
}

/// The rows of a cursor, at most `most` of them.
pub(crate) async fn rows(mut cursor: Cursor<RawDocumentBuf>, most: usize) -> Answer<Vec<Document>> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while rows.len() < most
        && let Some(row) = cursor.try_next().await?
    {
        bytes += row.as_bytes().len();
        if bytes > MOST_BYTES {
            return Err(Error::custom(Flood::Bytes));
        }
        if is_too_deep(&row)? {
            return Err(Error::custom(Flood::Depth));
        }
        rows.push(Document::try_from(row.as_ref())?);
    }
    Ok(rows)
}

/// Whether converting a document would go too deep. It is walked without recursion, which is what is to be avoided.
fn is_too_deep(document: &RawDocument) -> Answer<bool> {
    let mut open = vec![document.iter()];
    while let Some(level) = open.last_mut() {
        let inner = match level.next().transpose()? {
            None => {
                open.pop();
                continue;
            }
            Some((_, RawBsonRef::Document(inner))) => inner,
            // An array is a document whose keys are numbers.
            Some((_, RawBsonRef::Array(inner))) => RawDocument::from_bytes(inner.as_bytes())?,
            Some(_) => continue,
        };
        if open.len() == DEEPEST {
            return Ok(true);
        }
        open.push(inner.iter());
    }
    Ok(false)
}

/// As [`is_too_deep`], of a document that has been converted.
fn is_too_deep_to_walk(document: &Document) -> bool {
    let mut level: Vec<&Document> = vec![document];
    for _ in 0..DEEPEST {
        level = level.into_iter().flat_map(Document::values).flat_map(inner).collect();
        if level.is_empty() {
            return false;
        }
    }
    true
}

/// The documents that stand next below a value; lists of lists count as one level.
fn inner(value: &Bson) -> Vec<&Document> {
    let (mut found, mut open) = (Vec::new(), vec![value]);
    while let Some(value) = open.pop() {
        match value {
            Bson::Document(document) => found.push(document),
            Bson::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    fn nested(levels: usize) -> RawDocumentBuf {
        let value = (1..levels).fold(doc! {}, |inner, level| {
            if level % 2 == 0 {
                doc! { "a": inner }
            } else {
                doc! { "a": [Bson::Document(inner)] }
            }
        });
        RawDocumentBuf::try_from(&value).unwrap()
    }

    #[test]
    fn only_what_nobody_stores_is_too_deep() {
        assert!(!is_too_deep(&nested(100)).unwrap());
        assert!(is_too_deep(&nested(1000)).unwrap());
        let wide = doc! { "a": [{ "b": 1 }, { "b": 2 }], "c": { "d": [[], []] } };
        assert!(!is_too_deep(&RawDocumentBuf::try_from(&wide).unwrap()).unwrap());
        assert!(!is_too_deep_to_walk(&wide));
        assert!(!is_too_deep_to_walk(&Document::try_from(nested(100).as_ref()).unwrap()));
        assert!(is_too_deep_to_walk(&Document::try_from(nested(500).as_ref()).unwrap()));
    }

    #[tokio::test]
    async fn an_ample_stack_bears_what_no_ordinary_one_does() {
        fn dig(levels: usize) -> usize {
            let room = std::hint::black_box([0_u8; 4096]);
            if levels == 0 { room.len() } else { dig(levels - 1) }
        }
        assert_eq!(on_ample_stack(async { dig(5_000) }).await, 4096);
    }
}
