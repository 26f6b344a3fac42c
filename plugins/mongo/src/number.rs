//! Numbers in the server's answers, which come as any of BSON's types of numbers.

use mongodb::bson::{Bson, Document};

/// The whole number that a value holds.
pub(crate) fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, which is as good as the truth here"
        )]
        Bson::Double(number) if number.is_finite() => Some(*number as i64),
        _ => None,
    }
}

/// The number at the end of a path through documents.
pub(crate) fn at(document: &Document, path: &[&str]) -> Option<i64> {
    let (last, way) = path.split_last()?;
    let inner = way.iter().try_fold(document, |document, name| document.get_document(name).ok())?;
    whole(inner.get(last)?)
}

/// `part` of `all` in percent; `None` where there is nothing to be a part of.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes of a server are far below 2^53")]
pub(crate) fn percent(part: i64, all: i64) -> Option<f64> {
    (all > 0).then(|| part as f64 * 100.0 / all as f64)
}
