//! What kind of collection the required ones are, and what that means for the rules.

use crate::brief;
use crate::client::MongoClient;
use crate::layout::{BASE_PATHS, Recordings, Sharding, Storage};
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{Cause, CheckError, Context, Finding, Severity};

/// The storage of the required collections that exist, by name.
pub(super) async fn storage(
    mongo: &MongoClient,
    cx: &Context,
    recordings: &Recordings,
) -> Result<Vec<(String, Storage)>, CheckError> {
    let wanted = vec![BASE_PATHS, &recordings.guid];
    let list = doc! { "listCollections": 1, "filter": { "name": { "$in": wanted } } };
    let rows = mongo.listing(cx, "list the collections with their options", list).await?;
    let named = |row: &Document| Some((row.get_str("name").ok()?.to_owned(), Storage::read(row)));
    Ok(rows.iter().filter_map(named).collect())
}

/// How the recordings are spread over shards; `None` where the server is no router of a cluster, or they are not.
pub(super) async fn sharding(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
) -> Result<Option<Sharding>, CheckError> {
    let hello = mongo.admin(cx, "ask what kind of server it is", doc! { "hello": 1 }).await?;
    if !hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
        return Ok(None);
    }
    let stats = mongo.database.run_command(doc! { "collStats": collection });
    let stats = mongo.ask(cx, "see whether the recordings are sharded", stats).await?;
    let known = mongo.database.client().database("config").collection::<Document>("collections");
    let entry = known.find_one(doc! { "_id": format!("{}.{collection}", mongo.database.name()) });
    // Reading the cluster's configuration is a right of its own; without it the key is unknown.
    let entry = mongo.ask(cx, "read the shard key", entry).await.ok().flatten();
    Ok(Sharding::read(&stats, entry.as_ref()))
}

/// Some base paths that are in use besides the configured one, each with its GUID.
pub(super) async fn others(mongo: &MongoClient, cx: &Context) -> Result<Vec<String>, CheckError> {
    let others = vec![
        doc! { "$match": { "base_path": { "$ne": &mongo.base_path }, "is_archive": false } },
        doc! { "$sort": { "_id": 1 } },
        doc! { "$limit": 10 },
        doc! { "$project": { "base_path": brief::field("base_path"), "guid": brief::field("guid") } },
    ];
    let rows = mongo.rows(cx, "read the other base paths", BASE_PATHS, others).await?;
    let line = |row: &Document| {
        let guid = row.get("guid").filter(|guid| matches!(guid, Bson::String(_)));
        let guid = guid
            .map_or_else(|| "without a GUID".to_owned(), |guid| format!("in `{}`", brief::show(Some(guid))));
        format!("`{}`, {guid}", brief::show(row.get("base_path")))
    };
    Ok(rows.iter().map(line).collect())
}

/// What is wrong with the kind of a collection.
pub(super) fn judge_storage(name: &str, storage: &Storage) -> Option<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Environment, format!("collection `{name}`"), message)
            .warn()
            .severity(Severity::High)
    };
    match storage {
        Storage::Plain => None,
        Storage::View(on) => Some(
            finding("collection-is-view", format!("it is a view of `{on}`"))
                .expected("a collection with indexes of its own", "a view")
                .detail("the rules see what the view shows; what it leaves out is not examined")
                .detail("a view has no indexes and cannot keep uuid unique: that is up to what is behind it")
                .remedy("let `guid` in `base_paths` name the collection itself", "30 minutes"),
        ),
        Storage::Capped(limits) => Some(
            finding("collection-capped", format!("it is capped at {limits}"))
                .expected("a collection without a limit", "a capped one")
                .detail("when it is full, the server silently drops the oldest documents, deleted or not")
                .remedy(
                    "copy the documents into a collection without a limit, and build its indexes",
                    "1 hour",
                ),
        ),
        Storage::TimeSeries => Some(
            finding("collection-is-time-series", "it is a time series".to_owned())
                .expected("a collection of documents", "a time series, which has no unique index")
                .remedy("copy the documents into an ordinary collection, and build its indexes", "1 hour"),
        ),
    }
}

/// What it means that the recordings are spread over shards: worth knowing, not wrong.
pub(super) fn say_sharding(collection: &str, sharding: &Sharding) -> Finding {
    let Sharding { shards, key, by_uuid } = sharding;
    let key = key.as_deref().unwrap_or("that we may not read");
    let message = format!(
        "the recordings are spread over {} by the key {key}",
        brief::count(*shards as u64, "shard", "shards")
    );
    let unique = if *by_uuid {
        "a unique index on uuid holds over all shards, since the key begins with it"
    } else {
        "nothing keeps uuid unique over all shards, since the key does not begin with it"
    };
    Finding::new("collection-sharded", Cause::Expected, format!("collection `{collection}`"), message)
        .note()
        .detail("the rules run on every shard, and their counts are sums over all of them")
        .detail(unique)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_code() {
        let code = |storage: Storage| judge_storage("abc", &storage).map(|finding| finding.code);
        assert_eq!(code(Storage::Plain), None);
        assert_eq!(code(Storage::View("x".to_owned())).as_deref(), Some("collection-is-view"));
        assert_eq!(code(Storage::TimeSeries).as_deref(), Some("collection-is-time-series"));
        let capped = judge_storage("abc", &Storage::Capped("10 documents".to_owned())).unwrap();
        assert_eq!(
            (capped.code.as_str(), capped.message.as_str()),
            ("collection-capped", "it is capped at 10 documents")
        );
    }

    #[test]
    fn shards_are_said_and_nothing_more() {
        let finding = say_sharding("abc", &Sharding { shards: 3, key: None, by_uuid: false });
        assert_eq!(
            finding.message,
            "the recordings are spread over 3 shards by the key that we may not read"
        );
        assert_eq!(finding.weight, shakedown_core::finding::Weight::Note);
        assert!(finding.details[1].starts_with("nothing keeps uuid unique"));
    }
}
