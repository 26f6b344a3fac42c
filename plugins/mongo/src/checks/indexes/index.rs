//! An index as the server describes it, and what it is good for.

use crate::brief;
use mongodb::bson::{Bson, Document};

/// An index of a collection.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the server's own flags, which are independent of each other"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    name: String,
    /// The fields in order, and whether each is ordered by value; `hashed`, `text` and the like are not.
    keys: Vec<(String, bool)>,
    unique: bool,
    sparse: bool,
    partial: bool,
    hidden: bool,
}

/// How well a field is indexed for questions about a range of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// An index serves every such question.
    Full,
    /// Only this sparse index serves them: it leaves out the documents without the field.
    Sparse(String),
    /// None; the indexes that look as if they did, and why they do not.
    None(Vec<String>),
}

impl Index {
    /// Reads what `listIndexes` says.
    pub(crate) fn read(document: &Document) -> Self {
        let flag = |name| document.get(name).is_some_and(is_true);
        let keys = document
            .get_document("key")
            .map(|key| key.iter().map(|(field, order)| (field.clone(), is_order(order))).collect());
        Self {
            name: brief::line(document.get_str("name").unwrap_or("(unnamed)"), 128),
            keys: keys.unwrap_or_default(),
            unique: flag("unique"),
            sparse: flag("sparse"),
            partial: document.contains_key("partialFilterExpression"),
            hidden: flag("hidden"),
        }
    }

    /// Whether its first key is the field, so that it can serve questions about that field alone.
    fn leads_with(&self, field: &str) -> bool {
        self.keys.first().is_some_and(|(first, _)| first == field)
    }

    /// Why it does not serve every question about its first key.
    fn defect(&self) -> Option<String> {
        let name = &self.name;
        if self.hidden {
            Some(format!("`{name}` is hidden, so no query uses it"))
        } else if self.partial {
            Some(format!("`{name}` is partial, so only queries within its filter use it"))
        } else if self.keys.first().is_some_and(|(_, ordered)| !ordered) {
            Some(format!("`{name}` is not ordered by value, so queries for a range cannot use it"))
        } else {
            None
        }
    }

    /// Whether it forbids two documents of the same value of this field.
    fn makes_unique(&self, field: &str) -> bool {
        self.unique && !self.partial && self.keys.len() == 1 && self.leads_with(field)
    }

    /// Its keys for a reader: `start_time, deleted`.
    pub(super) fn keys(&self) -> String {
        let fields: Vec<String> = self.keys.iter().map(|(field, _)| brief::line(field, 64)).collect();
        fields.join(", ")
    }
}

/// How well a field is indexed.
pub(crate) fn cover(indexes: &[Index], field: &str) -> Cover {
    let (sound, defective): (Vec<&Index>, Vec<&Index>) =
        indexes.iter().filter(|index| index.leads_with(field)).partition(|index| index.defect().is_none());
    match sound.as_slice() {
        [] => Cover::None(defective.into_iter().filter_map(Index::defect).collect()),
        all if all.iter().all(|index| index.sparse) => Cover::Sparse(all[0].name.clone()),
        _ => Cover::Full,
    }
}

/// Whether an index keeps the values of a field unique. A hidden one does so as well.
pub(super) fn is_unique(indexes: &[Index], field: &str) -> bool {
    indexes.iter().any(|index| index.makes_unique(field))
}

/// Old servers keep `1` where newer ones keep `true`.
fn is_true(value: &Bson) -> bool {
    match value {
        Bson::Boolean(flag) => *flag,
        other => is_order(other),
    }
}

/// Any number but zero orders by value, up or down.
fn is_order(value: &Bson) -> bool {
    match value {
        Bson::Int32(number) => *number != 0,
        Bson::Int64(number) => *number != 0,
        Bson::Double(number) => number.abs() > 0.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    fn read(mut document: Document) -> Index {
        document.insert("name", "i");
        Index::read(&document)
    }

    fn covered(document: Document) -> Cover {
        cover(&[read(doc! { "key": { "_id": 1 } }), read(document)], "end_time")
    }

    #[test]
    fn the_first_key_counts_in_either_direction() {
        assert_eq!(covered(doc! { "key": { "end_time": 1 } }), Cover::Full);
        assert_eq!(covered(doc! { "key": { "end_time": -1.0 } }), Cover::Full);
        assert_eq!(covered(doc! { "key": { "end_time": 1_i64, "deleted": 1 } }), Cover::Full);
        assert_eq!(covered(doc! { "key": { "deleted": 1, "end_time": 1 } }), Cover::None(vec![]));
    }

    #[test]
    fn an_index_that_queries_cannot_use_does_not_count() {
        let why = |document| match covered(document) {
            Cover::None(why) => why.join(""),
            other => panic!("{other:?}"),
        };
        assert!(why(doc! { "key": { "end_time": 1 }, "hidden": true }).contains("hidden"));
        assert!(
            why(doc! { "key": { "end_time": 1 }, "partialFilterExpression": { "deleted": true } })
                .contains("partial")
        );
        assert!(why(doc! { "key": { "end_time": "hashed" } }).contains("not ordered"));
        assert_eq!(covered(doc! { "key": { "end_time": 1 }, "sparse": true }), Cover::Sparse("i".to_owned()));
    }

    #[test]
    fn a_sound_index_outweighs_a_defective_one() {
        let indexes = [
            read(doc! { "key": { "end_time": 1 }, "hidden": true }),
            read(doc! { "key": { "end_time": 1 }, "sparse": true }),
            read(doc! { "key": { "end_time": 1, "x": 1 } }),
        ];
        assert_eq!(cover(&indexes, "end_time"), Cover::Full);
    }

    #[test]
    fn only_a_plain_single_key_makes_a_field_unique() {
        let unique = |document| is_unique(&[read(document)], "uuid");
        assert!(unique(doc! { "key": { "uuid": 1 }, "unique": true }));
        assert!(unique(doc! { "key": { "uuid": -1 }, "unique": 1 }));
        assert!(unique(doc! { "key": { "uuid": 1 }, "unique": true, "sparse": true }));
        assert!(!unique(doc! { "key": { "uuid": 1 } }));
        assert!(!unique(doc! { "key": { "uuid": 1, "deleted": 1 }, "unique": true }));
        assert!(!unique(doc! { "key": { "uuid": 1 }, "unique": true, "partialFilterExpression": {} }));
    }

    #[test]
    fn a_description_that_makes_no_sense_is_no_index() {
        let index = Index::read(&doc! { "key": 1, "name": 5 });
        assert_eq!((index.keys(), cover(&[index], "uuid")), (String::new(), Cover::None(vec![])));
    }
}
