//! How Focus Server lays out its data: `base_paths` names a GUID, and the GUID names the collections.

use crate::{brief, number};
use mongodb::bson::{Bson, Document};

/// The collection that maps base paths to GUIDs.
pub(crate) const BASE_PATHS: &str = "base_paths";

/// A document of `base_paths` with the wanted base path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BasePath {
    /// Whether it is archived; `None` where the document does not say so with a boolean.
    pub(crate) is_archive: Option<bool>,
    /// Its GUID; `None` where that is missing, empty or not text.
    pub(crate) guid: Option<String>,
}

impl BasePath {
    /// Reads a document; other types than the right ones count as absent.
    pub(crate) fn read(document: &Document) -> Self {
        let guid = match document.get("guid") {
            Some(Bson::String(guid)) if !guid.trim().is_empty() => Some(guid.clone()),
            _ => None,
        };
        Self { is_archive: document.get("is_archive").and_then(Bson::as_bool), guid }
    }

    /// Whether it is in use.
    pub(crate) fn is_current(&self) -> bool {
        self.is_archive == Some(false)
    }
}

/// The collections of the recordings in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// The GUID; also the name of the collection of recordings.
    pub guid: String,
    /// The name of the collection of folders that were not recognised as recordings.
    pub unrecognized: String,
}

impl Recordings {
    /// The collections that belong to a GUID.
    pub fn of(guid: &str) -> Self {
        Self { guid: guid.to_owned(), unrecognized: format!("{guid}-unrecognized_recordings") }
    }

    /// The collections of the first current base path that has a GUID.
    pub(crate) fn among(paths: &[BasePath]) -> Option<Self> {
        paths.iter().filter(|path| path.is_current()).find_map(|path| path.guid.as_deref()).map(Self::of)
    }
}

/// What stands behind the name of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Documents, without limit.
    Plain,
    /// Documents, of which the oldest are dropped when it is full; the limits in words.
    Capped(String),
    /// Nothing of its own: it shows what it makes of another collection.
    View(String),
    /// Measurements in buckets, without unique indexes.
    TimeSeries,
}

impl Storage {
    /// Reads a row of `listCollections`.
    pub(crate) fn read(row: &Document) -> Self {
        let empty = Document::new();
        let options = row.get_document("options").unwrap_or(&empty);
        let limit = |name| options.get(name).and_then(number::whole);
        if let Ok(on) = options.get_str("viewOn") {
            return Self::View(brief::line(on, 80));
        }
        if row.get_str("type").is_ok_and(|kind| kind == "timeseries") {
            return Self::TimeSeries;
        }
        if !options.get_bool("capped").unwrap_or(false) {
            return Self::Plain;
        }
        let documents = limit("max").filter(|max| *max > 0).map(|max| format!("{max} documents"));
        let bytes = limit("size").map(|size| format!("{size} bytes"));
        Self::Capped(brief::and(&[documents, bytes].into_iter().flatten().collect::<Vec<_>>()))
    }
}

/// How the documents of a collection are spread over the shards of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sharding {
    /// How many shards hold some of them.
    pub(crate) shards: usize,
    /// The shard key, in words; `None` where we may not read it.
    pub(crate) key: Option<String>,
    /// Whether the shards together can keep `uuid` unique: the key is on `uuid`, by value.
    pub(crate) by_uuid: bool,
}

impl Sharding {
    /// Reads the answer to `collStats`, and the cluster's own entry of the collection where that can be read; `None`
    /// where the collection is not sharded.
    pub(crate) fn read(stats: &Document, entry: Option<&Document>) -> Option<Self> {
        if !stats.get_bool("sharded").unwrap_or(false) {
            return None;
        }
        let key = entry.and_then(|entry| entry.get_document("key").ok());
        let words = |key: &Document| brief::line(&key.to_string(), 120);
        Some(Self {
            shards: stats.get_document("shards").map_or(1, Document::len),
            by_uuid: key.is_some_and(|key| {
                matches!(key.iter().next(), Some((field, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_))) if field == "uuid")
            }),
            key: key.map(words),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    #[test]
    fn only_a_current_path_with_a_guid_counts() {
        let read = |documents: &[Document]| {
            let paths: Vec<BasePath> = documents.iter().map(BasePath::read).collect();
            Recordings::among(&paths).map(|recordings| recordings.unrecognized)
        };
        let archived = doc! { "is_archive": true, "guid": "old" };
        let unclear = doc! { "is_archive": "false", "guid": "text" };
        let without = doc! { "is_archive": false, "guid": Bson::Null };
        let current = doc! { "is_archive": false, "guid": "abc" };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[archived.clone(), unclear.clone(), without.clone()]), None);
        assert_eq!(
            read(&[archived, unclear, without, current]).as_deref(),
            Some("abc-unrecognized_recordings")
        );
    }
    #[test]
    fn views_and_limits_are_told_from_plain_collections() {
        let read = |row: Document| Storage::read(&row);
        assert_eq!(read(doc! { "name": "a", "type": "collection", "options": {} }), Storage::Plain);
        assert_eq!(read(doc! { "name": "a" }), Storage::Plain);
        assert_eq!(
            read(doc! { "type": "view", "options": { "viewOn": "b\n" } }),
            Storage::View(r"b\n".to_owned())
        );
        assert_eq!(read(doc! { "type": "timeseries", "options": { "timeseries": {} } }), Storage::TimeSeries);
        let capped = doc! { "options": { "capped": true, "size": 4096.0, "max": 10 } };
        assert_eq!(read(capped), Storage::Capped("10 documents and 4096 bytes".to_owned()));
        let by_size = doc! { "options": { "capped": true, "size": 4096_i64, "max": 0 } };
        assert_eq!(read(by_size), Storage::Capped("4096 bytes".to_owned()));
    }

    #[test]
    fn a_shard_key_on_uuid_keeps_it_unique() {
        let stats = doc! { "sharded": true, "shards": { "a": {}, "b": {} } };
        let read = |entry: Option<Document>| Sharding::read(&stats, entry.as_ref()).unwrap();
        assert_eq!(read(None), Sharding { shards: 2, key: None, by_uuid: false });
        assert!(read(Some(doc! { "key": { "uuid": 1 } })).by_uuid);
        assert!(!read(Some(doc! { "key": { "uuid": "hashed" } })).by_uuid);
        let other = read(Some(doc! { "key": { "start_time": 1, "uuid": 1 } }));
        assert_eq!((other.key.as_deref(), other.by_uuid), (Some(r#"{ "start_time": 1, "uuid": 1 }"#), false));
        assert_eq!(Sharding::read(&doc! { "sharded": false }, None), None);
        assert_eq!(Sharding::read(&doc! {}, None), None);
    }
}
