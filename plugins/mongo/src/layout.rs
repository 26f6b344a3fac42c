//! How Focus Server lays out its data: `base_paths` names a GUID, and the GUID names the collections.

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
}
