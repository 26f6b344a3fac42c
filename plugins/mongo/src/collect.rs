//! What is gathered when a check of MongoDB has failed: how the server is, what it is doing, which indexes there are.

use crate::answer;
use crate::client::MongoClient;
use crate::target::Mongo;
use crate::trouble::Trouble;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use shakedown_core::{CollectContext, Collector, Evidence, TargetError, async_trait, register_collector};

/// More collections than this are not asked for their indexes.
const MOST_COLLECTIONS: usize = 100;
/// More operations, or indexes of one collection, than this are not listed.
const MOST: usize = 200;

register_collector! {
    /// The server's status: version, connections, operations, memory, cache, replication, as `serverStatus` tells.
    pub(crate) struct ServerStatus: "mongo.server-status"
}

register_collector! {
    /// What the server is busy with, as `$currentOp` tells, from all of its users.
    pub(crate) struct Operations: "mongo.operations"
}

register_collector! {
    /// The indexes of every collection of the database.
    pub(crate) struct Indexes: "mongo.indexes"
}

#[async_trait]
impl Collector for ServerStatus {
    type Target = Mongo;

    async fn collect(client: &MongoClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let admin = client.database.client().database("admin");
        // Every metric and every statistic of the storage engine would be thousands of lines.
        let command = doc! { "serverStatus": 1, "metrics": 0, "tcmalloc": 0 };
        let status =
            client.ask_within(cx.remaining(), "read the server's status", answer::command(&admin, command));
        let status = status.await.map_err(|trouble| trouble.of_target(&client.place))?;
        Ok(vec![Evidence::json("server-status.json", &json(status))])
    }
}

#[async_trait]
impl Collector for Operations {
    type Target = Mongo;

    async fn collect(client: &MongoClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let admin = client.database.client().database("admin");
        let all = doc! { "$currentOp": { "allUsers": true, "idleConnections": false } };
        let aggregate = admin.aggregate([all]).with_type::<RawDocumentBuf>();
        let rows = async { answer::rows(aggregate.await?, MOST).await };
        let rows = client.ask_within(cx.remaining(), "see what the server is doing", rows).await;
        let rows = rows.map_err(|trouble| trouble.of_target(&client.place))?;
        Ok(vec![Evidence::json("operations.json", &rows.into_iter().map(json).collect())])
    }
}

#[async_trait]
impl Collector for Indexes {
    type Target = Mongo;

    async fn collect(client: &MongoClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let names = client.database.list_collection_names();
        let names = client.ask_within(cx.remaining(), "list the collections", names).await;
        let mut names = names.map_err(|trouble| trouble.of_target(&client.place))?;
        names.sort();
        let mut listed = serde_json::Map::new();
        for name in names.into_iter().take(MOST_COLLECTIONS) {
            let indexes = match indexes_of(client, cx, &name).await {
                Ok(rows) => rows.into_iter().map(json).collect(),
                // A view has none, and says so.
                Err(trouble) => Value::String(trouble.of_target(&client.place).message),
            };
            listed.insert(name, indexes);
        }
        Ok(vec![Evidence::json("indexes.json", &Value::Object(listed))])
    }
}

async fn indexes_of(
    client: &MongoClient,
    cx: &CollectContext,
    collection: &str,
) -> Result<Vec<Document>, Trouble> {
    let command = client.database.run_cursor_command(doc! { "listIndexes": collection });
    let rows = async { answer::rows(command.await?.with_type::<RawDocumentBuf>(), MOST).await };
    client.ask_within(cx.remaining(), "list the indexes", rows).await
}

fn json(document: Document) -> Value {
    Bson::Document(document).into_relaxed_extjson()
}
