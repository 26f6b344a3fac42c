//! An index as the server describes it, and what it is good for.

use crate::{brief, number};
use mongodb::bson::{Bson, Document};

/// An index of a collection.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the server's own flags, which are independent of each other"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: String,
    /// The fields in order, and whether each is ordered by value; `hashed`, `text` and the like are not.
    keys: Vec<(String, bool)>,
    unique: bool,
    sparse: bool,
    partial: bool,
    hidden: bool,
    /// Whether it compares text otherwise than by its bytes.
    collated: bool,
    /// How many seconds after its date the server deletes a document.
    expires: Option<i64>,
    /// Whether the server is still building it.
    pub(crate) building: bool,
}

/// How well a field is indexed for questions about a range of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// An index serves every such question.
    Full,
    /// Only this sparse index serves them: it leaves out the documents without the field.
    Sparse(String),
    /// This index will, as soon as the server has built it.
    Building(String),
    /// None; the indexes that look as if they did, and why they do not.
    None(Vec<String>),
}

/// Whether an index forbids two documents of the same value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uniqueness {
    /// Over all documents.
    Full,
    /// This index will, as soon as the server has built it.
    Building(String),
    /// No; the unique indexes that look as if they did, and why they do not.
    None(Vec<String>),
}

/// The fields whose values are text, which a collation concerns.
const TEXTS: [&str; 1] = ["uuid"];

impl Index {
    /// Reads what `listIndexes` says. Of one that is being built the description is one level deeper.
    pub(crate) fn read(listed: &Document) -> Self {
        let spec = listed.get_document("spec");
        let building =
            spec.is_ok() || ["buildUUID", "indexBuildInfo"].iter().any(|key| listed.contains_key(key));
        let document = spec.unwrap_or(listed);
        let flag = |name| document.get(name).is_some_and(is_true);
        Self {
            name: brief::line(document.get_str("name").unwrap_or("(unnamed)"), 128),
            keys: keys(document),
            unique: flag("unique"),
            sparse: flag("sparse"),
            partial: document.contains_key("partialFilterExpression"),
            hidden: flag("hidden"),
            collated: document
                .get_document("collation")
                .is_ok_and(|collation| collation.get_str("locale").is_ok_and(|locale| locale != "simple")),
            expires: document.get("expireAfterSeconds").and_then(number::whole),
            building,
        }
    }

    /// Whether its first key is the field, so that it can serve questions about that field alone.
    fn leads_with(&self, field: &str) -> bool {
        self.keys.first().is_some_and(|(first, _)| first == field || first == "$**")
    }

    /// Why it does not serve every question about its first key.
    fn defect(&self, field: &str) -> Option<String> {
        let name = &self.name;
        let (first, ordered) = self.keys.first()?;
        if self.hidden {
            Some(format!("`{name}` is hidden, so no query uses it"))
        } else if first == "$**" {
            Some(format!("`{name}` is a wildcard index, which does not find documents without the field"))
        } else if self.partial {
            Some(format!("`{name}` is partial, so only queries within its filter use it"))
        } else if !ordered {
            Some(format!("`{name}` is not ordered by value, so queries for a range cannot use it"))
        } else if self.collated && TEXTS.contains(&field) {
            Some(format!("`{name}` has a collation, so only queries with the same one use it"))
        } else {
            None
        }
    }

    /// Why it does not keep the values of its one field unique over all documents. A hidden one does so as well.
    fn gap(&self) -> Option<String> {
        let name = &self.name;
        if self.keys.len() > 1 {
            Some(format!("`{name}` is unique over ({}) together, not over the first alone", self.keys()))
        } else if self.partial {
            Some(format!("`{name}` is unique within its partial filter only"))
        } else if self.sparse {
            Some(format!("`{name}` is sparse, so it says nothing about documents without the field"))
        } else {
            None
        }
    }

    /// The field by whose date the server deletes documents, and how many seconds after it. Only an index on a single
    /// field does that.
    pub(crate) fn deletes(&self) -> Option<(&str, i64)> {
        match (self.keys.as_slice(), self.expires) {
            ([(field, _)], Some(seconds)) if field != "_id" => Some((field, seconds)),
            _ => None,
        }
    }

    /// Its keys for a reader: `start_time, deleted`.
    pub(crate) fn keys(&self) -> String {
        let fields: Vec<String> = self.keys.iter().map(|(field, _)| brief::line(field, 64)).collect();
        fields.join(", ")
    }
}

/// The fields of an index. Those of a text index stand apart from its key.
fn keys(document: &Document) -> Vec<(String, bool)> {
    let of = |name| document.get_document(name).into_iter().flatten();
    let (text, plain): (Vec<_>, Vec<_>) = of("key").partition(|(field, _)| field.starts_with("_fts"));
    let weighed = of("weights").filter(|_| !text.is_empty()).map(|(field, _)| (field.clone(), false));
    plain.into_iter().map(|(field, order)| (field.clone(), is_order(order))).chain(weighed).collect()
}

/// How well a field is indexed.
pub(crate) fn cover(indexes: &[Index], field: &str) -> Cover {
    let (sound, defective): (Vec<&Index>, Vec<&Index>) = indexes
        .iter()
        .filter(|index| index.leads_with(field))
        .partition(|index| index.defect(field).is_none());
    let (building, ready): (Vec<&Index>, Vec<&Index>) = sound.into_iter().partition(|index| index.building);
    match (ready.as_slice(), building.as_slice()) {
        ([], []) => Cover::None(defective.into_iter().filter_map(|index| index.defect(field)).collect()),
        ([], [index, ..]) => Cover::Building(index.name.clone()),
        (all, _) if all.iter().all(|index| index.sparse) => Cover::Sparse(all[0].name.clone()),
        _ => Cover::Full,
    }
}

/// Whether an index keeps the values of a field unique.
pub(crate) fn uniqueness(indexes: &[Index], field: &str) -> Uniqueness {
    let unique = || indexes.iter().filter(|index| index.unique && index.leads_with(field));
    if unique().any(|index| index.gap().is_none() && !index.building) {
        return Uniqueness::Full;
    }
    match unique().find(|index| index.gap().is_none()) {
        Some(index) => Uniqueness::Building(index.name.clone()),
        None => Uniqueness::None(unique().filter_map(Index::gap).collect()),
    }
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

    const END: &str = "end_time";
    const UUID: &str = "uuid";

    fn read(mut document: Document) -> Index {
        document.insert("name", "i");
        Index::read(&document)
    }

    fn covered(document: Document) -> Cover {
        cover(&[read(doc! { "key": { "_id": 1 } }), read(document)], END)
    }

    fn why(document: Document, field: &str) -> String {
        match cover(&[read(document)], field) {
            Cover::None(why) => why.join(""),
            other => panic!("{other:?}"),
        }
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
        let end = |document| why(document, END);
        assert!(end(doc! { "key": { "end_time": 1 }, "hidden": true }).contains("hidden"));
        let partial = doc! { "key": { "end_time": 1 }, "partialFilterExpression": { "deleted": true } };
        assert!(end(partial).contains("partial"));
        assert!(end(doc! { "key": { "end_time": "hashed" } }).contains("not ordered"));
        assert!(end(doc! { "key": { "$**": 1 } }).contains("wildcard"));
        let text = doc! { "key": { "_fts": "text", "_ftsx": 1 }, "weights": { "uuid": 1 } };
        assert!(why(text, UUID).contains("not ordered"));
        assert_eq!(covered(doc! { "key": { "end_time": 1 }, "sparse": true }), Cover::Sparse("i".to_owned()));
    }

    #[test]
    fn a_collation_matters_for_text_only() {
        let collated = |field| doc! { "key": { field: 1 }, "collation": { "locale": "en", "strength": 2 } };
        assert!(why(collated("uuid"), UUID).contains("collation"));
        assert_eq!(covered(collated("end_time")), Cover::Full);
        let simple = doc! { "key": { "uuid": 1 }, "collation": { "locale": "simple" } };
        assert_eq!(cover(&[read(simple)], UUID), Cover::Full);
    }

    #[test]
    fn a_sound_index_outweighs_a_defective_one() {
        let indexes = [
            read(doc! { "key": { "end_time": 1 }, "hidden": true }),
            read(doc! { "key": { "end_time": 1 }, "sparse": true }),
            read(doc! { "key": { "end_time": 1, "x": 1 } }),
        ];
        assert_eq!(cover(&indexes, END), Cover::Full);
    }

    #[test]
    fn an_index_that_is_being_built_is_neither_missing_nor_of_use() {
        let spec = doc! { "name": "end_time_1", "key": { "end_time": 1 } };
        let building = Index::read(&doc! { "spec": spec, "buildUUID": "x" });
        assert_eq!(cover(std::slice::from_ref(&building), END), Cover::Building("end_time_1".to_owned()));
        assert_eq!(cover(&[building, read(doc! { "key": { "end_time": 1 } })], END), Cover::Full);
        let spec = doc! { "name": "u", "key": { "uuid": 1 }, "unique": true };
        let building = Index::read(&doc! { "spec": spec, "indexBuildInfo": {} });
        assert_eq!(uniqueness(&[building], "uuid"), Uniqueness::Building("u".to_owned()));
    }

    #[test]
    fn only_a_plain_single_key_makes_a_field_unique_over_all_documents() {
        let of = |document| uniqueness(&[read(document)], "uuid");
        assert_eq!(of(doc! { "key": { "uuid": 1 }, "unique": true }), Uniqueness::Full);
        assert_eq!(of(doc! { "key": { "uuid": -1 }, "unique": 1, "hidden": true }), Uniqueness::Full);
        assert_eq!(of(doc! { "key": { "uuid": 1 } }), Uniqueness::None(vec![]));
        for (document, why) in [
            (doc! { "key": { "uuid": 1 }, "unique": true, "sparse": true }, "sparse"),
            (doc! { "key": { "uuid": 1, "deleted": 1 }, "unique": true }, "(uuid, deleted) together"),
            (doc! { "key": { "uuid": 1 }, "unique": true, "partialFilterExpression": {} }, "partial"),
        ] {
            let Uniqueness::None(reasons) = of(document) else { panic!("not unique: {why}") };
            assert!(reasons.join("").contains(why), "{reasons:?}");
        }
    }

    #[test]
    fn only_a_single_field_makes_the_server_delete() {
        let deletes =
            |document| read(document).deletes().map(|(field, seconds)| format!("{field} {seconds}"));
        let after = |key: Document| doc! { "key": key, "expireAfterSeconds": 3600.0 };
        assert_eq!(deletes(after(doc! { "end_time": 1 })).as_deref(), Some("end_time 3600"));
        assert_eq!(deletes(after(doc! { "end_time": 1, "deleted": 1 })), None);
        assert_eq!(deletes(doc! { "key": { "end_time": 1 } }), None);
    }

    #[test]
    fn a_description_that_makes_no_sense_is_no_index() {
        let index = Index::read(&doc! { "key": 1, "name": 5 });
        assert_eq!((index.keys(), cover(&[index], UUID)), (String::new(), Cover::None(vec![])));
    }
}
