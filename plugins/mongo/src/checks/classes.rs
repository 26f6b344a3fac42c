//! The classes of recordings: historical, open or deleted. Each document is in exactly one of them.

use super::survey::{ABSENT, Survey, count, is_one_of};
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::CheckError;

/// How many documents there are of each class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    /// All of them.
    pub(super) total: u64,
    /// Not deleted, ended.
    pub(super) historical: u64,
    /// Not deleted, not ended: live or stale.
    pub(super) open: u64,
    /// Deleted, ended.
    pub(super) deleted_ended: u64,
    /// Deleted, without an end.
    pub(super) deleted_open: u64,
    /// With a field `status`, which no rule knows of.
    pub(super) with_status: u64,
}

/// Deleted, without an end, as an aggregation expression.
pub(super) fn deleted_open() -> Document {
    doc! { "$and": [is_one_of("deleted", &["bool"]), { "$eq": ["$deleted", true] }, is_one_of("end_time", &ABSENT)] }
}

impl Classes {
    /// Counts all documents of the survey in one pass.
    pub(super) async fn count(survey: &Survey<'_>) -> Result<Self, CheckError> {
        let group = doc! { "$group": {
            // The flag with its type: to a server, 1 may be as good as true.
            "_id": [
                { "$type": "$deleted" },
                { "$eq": ["$deleted", true] },
                { "$type": "$end_time" },
                { "$type": "$status" },
            ],
            "documents": { "$sum": 1 },
        } };
        let rows = survey.rows("count the recordings by class", vec![group]).await?;
        Ok(rows.iter().fold(Self::default(), Self::with))
    }

    fn with(mut self, row: &Document) -> Self {
        let documents = count(row, "documents");
        let key = row.get_array("_id").map(Vec::as_slice).unwrap_or_default();
        let kind = |place: usize| key.get(place).and_then(Bson::as_str).unwrap_or("missing");
        let deleted = (kind(0) == "bool").then(|| key.get(1).and_then(Bson::as_bool)).flatten();
        let class = match (deleted, ABSENT.contains(&kind(2))) {
            (Some(false), false) => Some(&mut self.historical),
            (Some(false), true) => Some(&mut self.open),
            (Some(true), false) => Some(&mut self.deleted_ended),
            (Some(true), true) => Some(&mut self.deleted_open),
            (None, _) => None,
        };
        if let Some(class) = class {
            *class += documents;
        }
        if kind(3) != "missing" {
            self.with_status += documents;
        }
        self.total += documents;
        self
    }

    /// Deleted, ended or not.
    pub(super) const fn deleted(&self) -> u64 {
        self.deleted_ended + self.deleted_open
    }

    /// Not deleted, ended or not.
    pub(super) const fn active(&self) -> u64 {
        self.historical + self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::bson;

    #[test]
    fn only_a_boolean_decides_between_deleted_and_not() {
        let row = |key: Bson, documents: i32| doc! { "_id": key, "documents": documents };
        let rows = [
            row(bson!(["bool", false, "date", "missing"]), 1),
            row(bson!(["bool", false, "null", "missing"]), 2),
            row(bson!(["bool", true, "long", "string"]), 4),
            row(bson!(["bool", true, "missing", "missing"]), 8),
            row(bson!(["int", true, "date", "null"]), 16),
            row(bson!(["missing", false, "date", "missing"]), 32),
        ];
        let classes = rows.iter().fold(Classes::default(), Classes::with);
        let expected =
            Classes { total: 63, historical: 1, open: 2, deleted_ended: 4, deleted_open: 8, with_status: 20 };
        assert_eq!(classes, expected);
        assert_eq!((classes.deleted(), classes.active()), (12, 3));
    }
}
