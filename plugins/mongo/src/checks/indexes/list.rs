//! The indexes of the recordings, and what the server says about those that it is building.

use super::index::Index;
use crate::client::MongoClient;
use crate::trouble::Trouble;
use crate::{brief, number};
use mongodb::bson::{Document, doc};
use shakedown_core::{CheckError, Context};

/// Every index of a collection; those that are being built are told apart.
///
/// # Errors
/// [`CheckError::NoData`] where the collection does not exist, [`CheckError::NotApplicable`] where it is a view.
pub(super) async fn indexes(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
) -> Result<Vec<Index>, CheckError> {
    const WHAT: &str = "list the indexes of the recordings";
    // Without being asked for the builds, MongoDB lists an index that is being built like any other.
    let with_builds = doc! { "listIndexes": collection, "includeBuildUUIDs": true };
    let listed = match mongo.listing(cx, WHAT, with_builds).await {
        Err(trouble) if trouble.is_unknown_option() => {
            mongo.listing(cx, WHAT, doc! { "listIndexes": collection }).await
        }
        other => other,
    };
    match listed {
        Ok(documents) => Ok(documents.iter().map(Index::read).collect()),
        Err(trouble) if trouble.is_missing_namespace() => Err(CheckError::no_data(format!(
            "the collection `{collection}` of the recordings does not exist"
        ))),
        Err(trouble) if trouble.is_about_a_view() => Err(CheckError::not_applicable(format!(
            "`{collection}` is a view, which has no indexes of its own"
        ))),
        Err(trouble) => Err(trouble.into()),
    }
}

/// How far the server is with the indexes that it is building on a collection.
pub(super) async fn progress(mongo: &MongoClient, cx: &Context, collection: &str) -> String {
    let builds = doc! { "command.createIndexes": collection, "progress": { "$exists": true } };
    match mongo.operations(cx, builds).await {
        Ok(operations) => progress_words(&operations),
        Err(Trouble::Target(error)) if error.remedy.is_some() => {
            format!("how far it is cannot be said: {}; {}", error.message, error.remedy.unwrap_or_default())
        }
        Err(trouble) => format!("how far it is cannot be said: {}", trouble.words()),
    }
}

fn progress_words(operations: &[Document]) -> String {
    let build = |operation: &Document| {
        let (done, total) =
            (number::at(operation, &["progress", "done"])?, number::at(operation, &["progress", "total"])?);
        let message = operation.get_str("msg").unwrap_or("index build");
        let step = brief::line(message.split(':').next().unwrap_or(message), 60);
        let share = number::percent(done, total)?;
        Some(format!("{step}: {done} of {total} ({share:.0} %)"))
    };
    let builds: Vec<String> = operations.iter().filter_map(build).take(5).collect();
    if builds.is_empty() { "the server does not say how far it is".to_owned() } else { builds.join("; ") }
}

/// How many values stand in the way of a unique index on a field: those that several documents have.
pub(super) async fn repeated(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    field: &str,
) -> Result<i64, Trouble> {
    let mut steps = repeated_values(field);
    steps.push(doc! { "$count": "values" });
    let rows = mongo.rows(cx, "look for duplicates", collection, steps).await?;
    Ok(rows.first().and_then(|row| number::at(row, &["values"])).unwrap_or(0))
}

/// The aggregation that finds the values of a field which several `documents` have, and how many have each.
pub(crate) fn repeated_values(field: &str) -> Vec<Document> {
    vec![
        doc! { "$group": { "_id": format!("${field}"), "documents": { "$sum": 1 } } },
        doc! { "$match": { "documents": { "$gt": 1 } } },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_where_the_server_tells_it() {
        let build = doc! {
            "msg": "Index Build: scanning collection Index Build: scanning collection: 1200/3000 40%",
            "progress": { "done": 1200, "total": 3000_i64 },
        };
        assert_eq!(progress_words(&[build]), "Index Build: 1200 of 3000 (40 %)");
        let none = "the server does not say how far it is";
        assert_eq!(progress_words(&[doc! { "progress": { "done": 0, "total": 0 } }]), none);
        assert_eq!(progress_words(&[]), none);
    }
}
