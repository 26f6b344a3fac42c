//! `mongo.indexes.create`

use super::{about, kept, restored_document, reverted, text, thousands, unwritable};
use crate::checks::indexes::index::{Cover, Index, cover};
use crate::checks::indexes::list::repeated_values;
use crate::{Mongo, MongoClient, brief, number};
use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use shakedown_core::fix::{Applied, Standing, Step, UndoLog};
use shakedown_core::{CheckError, Context, Effect, Fix, NoParams, async_trait, register_fix};
use std::time::Duration;

/// The indexes that history needs, by the field that each is on.
const WANTED: [Wanted; 4] = [
    Wanted {
        field: "start_time",
        unique: false,
        why: "history queries for a time span read the whole collection without it: 10–60 s instead of 0.01–0.1 s",
    },
    Wanted {
        field: "end_time",
        unique: false,
        why: "history queries for a time span read the whole collection without it: 10–60 s instead of 0.01–0.1 s",
    },
    Wanted {
        field: "uuid",
        unique: true,
        why: "looking a recording up reads the whole collection without it, and nothing keeps one from being stored twice",
    },
    Wanted {
        field: "deleted",
        unique: false,
        why: "queries that leave out what was deleted read it all the same",
    },
];

/// An index that history needs: on one field, ascending.
struct Wanted {
    field: &'static str,
    unique: bool,
    why: &'static str,
}

impl Wanted {
    /// The name that MongoDB itself gives to such an index.
    fn name(&self) -> String {
        format!("{}_1", self.field)
    }

    /// What `createIndexes` is told.
    fn specification(&self) -> Document {
        let mut specification = doc! { "key": { self.field: 1 }, "name": self.name() };
        if self.unique {
            specification.insert("unique", true);
        }
        specification
    }
}

/// How many documents are indexed in a second, told low: a server under load on slow disks.
const PER_SECOND: u64 = 5_000;
/// How often the server is asked how far it is.
const POLL: Duration = Duration::from_millis(500);

register_fix! {
    /// Creates the indexes that `mongo.indexes.required` misses: `start_time`, `end_time`, `uuid` (unique) and `deleted`.
    ///
    /// The server builds them in the background while it goes on answering; the program shows how far it is, and waits. If
    /// the program or the connection ends before, the server goes on building, and applying again waits for what is left.
    /// Before a unique index is built, duplicates are looked for: where there are any, that step is blocked and names
    /// them. An index of the same name or keys that does not count (hidden, partial, …) blocks its step too.
    ///
    /// Undoing drops the indexes that were created here, and no others. The user of the target needs the privileges
    /// `createIndex` and, for undoing, `dropIndex`; the role `readWrite` has both.
    pub(crate) struct CreateIndexes(NoParams) {
        id: "mongo.indexes.create",
        title: "Create the missing indexes of the recordings",
        check: "mongo.indexes.required",
        target: "mongo",
        instead_of: None,
        proofs: &["mongo.index-missing", "mongo.index-deleted-missing"],
    }
}

#[async_trait]
impl Fix for CreateIndexes {
    async fn plan(&self, cx: &Context) -> Result<Vec<Step>, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.guid;
        let present = list(&mongo, cx, collection).await?;
        let number = mongo.count_of(cx, collection, "recordings").await?;
        let mut steps = Vec::new();
        for wanted in &WANTED {
            let Cover::None(defects) = covered(&present, wanted) else { continue };
            let blocked = match in_the_way(&present, wanted, &defects) {
                None if wanted.unique => duplicates(&mongo, cx, collection, wanted.field).await?,
                other => other,
            };
            steps.push(Step {
                action: format!(
                    "create the {}index `{}` on {}, ascending",
                    if wanted.unique { "unique " } else { "" },
                    wanted.name(),
                    wanted.field
                ),
                subject: format!("collection `{collection}`"),
                touches: format!("{} documents are read, none is changed", thousands(number)),
                examples: Vec::new(),
                why: wanted.why.to_owned(),
                risk: "reads the whole collection once, in the background; takes disk space, and a little of every later \
                       insert"
                    .to_owned(),
                duration: about(number, PER_SECOND),
                undo: "drops the index".to_owned(),
                blocked,
                data: json!({ "collection": collection, "field": wanted.field }),
            });
        }
        Ok(steps)
    }

    async fn apply(&self, cx: &Context, step: &Step, undo: &dyn UndoLog) -> Result<Applied, CheckError> {
        cx.require(Effect::Disrupt)?;
        let mongo = cx.target::<Mongo>().await?;
        let (collection, field) = (text(&step.data, "collection")?, text(&step.data, "field")?);
        let wanted = WANTED.iter().find(|wanted| wanted.field == field);
        let wanted = wanted.ok_or_else(|| CheckError::unclear(format!("no index on {field} is wanted")))?;
        let name = wanted.name();
        let present = list(&mongo, cx, collection).await?;
        if !matches!(covered(&present, wanted), Cover::None(_)) {
            let summary = format!("an index on {field} is there already: somebody else has created it");
            return Ok(Applied { changed: 0, passed_over: 1, summary });
        }
        let specification = wanted.specification();
        let change = json!({ "collection": collection, "index": kept(specification.clone().into()) });
        let number = undo.record(&[change]).map_err(|error| unwritable(&error))?;
        let answer = build(&mongo, cx, collection, &specification).await?;
        let count = |name| number::at(&answer, &[name]);
        if count("numIndexesBefore").is_some() && count("numIndexesBefore") == count("numIndexesAfter") {
            undo.withdraw(number).map_err(|error| unwritable(&error))?;
            let summary = format!("`{name}` was created by somebody else at the same time");
            return Ok(Applied { changed: 0, passed_over: 1, summary });
        }
        Ok(Applied { changed: 1, passed_over: 0, summary: format!("created `{name}`") })
    }

    async fn standing(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        standing(&mongo, cx, text(change, "collection")?, &restored_document(change, "index")?).await
    }

    async fn revert(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        cx.require(Effect::Disrupt)?;
        let mongo = cx.target::<Mongo>().await?;
        let (collection, index) = (text(change, "collection")?, restored_document(change, "index")?);
        let before = standing(&mongo, cx, collection, &index).await?;
        if before != Standing::AsChanged {
            return Ok(before);
        }
        let command = doc! { "dropIndexes": collection, "index": name_of(&index) };
        let answer = mongo.ask(cx, "drop an index", mongo.database.run_command(command)).await;
        reverted(answer, standing(&mongo, cx, collection, &index).await?)
    }
}

/// Has the server build an index, shows how far it is, and waits.
async fn build(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    specification: &Document,
) -> Result<Document, CheckError> {
    let name = name_of(specification);
    let command = doc! { "createIndexes": collection, "indexes": [specification] };
    let what = format!("create the index `{name}`");
    let work = mongo.ask(cx, &what, mongo.database.run_command(command));
    tokio::pin!(work);
    loop {
        tokio::select! {
            answer = &mut work => return answer.map_err(|trouble| {
                let going_on = if matches!(trouble, crate::trouble::Trouble::Target(_)) {
                    "; the server may go on building: apply again to wait for it"
                } else {
                    ""
                };
                CheckError::unclear(format!("{}{going_on}", trouble.words()))
            }),
            () = tokio::time::sleep(POLL) => {
                if let Some((done, total)) = progress(mongo, cx, collection).await {
                    cx.progress(done, total, format!("building `{name}`"));
                }
            }
        }
    }
}

/// How far the server is with the index builds of a collection, where it tells.
async fn progress(mongo: &MongoClient, cx: &Context, collection: &str) -> Option<(u64, u64)> {
    let builds = doc! { "command.createIndexes": collection, "progress.total": { "$gt": 0 } };
    // Who may not know still gets the index built.
    let operations = mongo.operations(cx, builds).await.ok()?;
    let figure =
        |name| number::at(operations.first()?, &["progress", name]).and_then(|figure| figure.try_into().ok());
    Some((figure("done")?, figure("total")?))
}

/// The indexes of a collection, as the server describes them.
async fn list(mongo: &MongoClient, cx: &Context, collection: &str) -> Result<Vec<Document>, CheckError> {
    Ok(mongo.listing(cx, "list the indexes of the recordings", doc! { "listIndexes": collection }).await?)
}

/// How well the field is indexed, as the check sees it.
fn covered(present: &[Document], wanted: &Wanted) -> Cover {
    cover(&present.iter().map(Index::read).collect::<Vec<_>>(), wanted.field)
}

/// An index that keeps the wanted one from being created, and what to do about it.
fn in_the_way(present: &[Document], wanted: &Wanted, defects: &[String]) -> Option<String> {
    let name = wanted.name();
    let same_key = |index: &Document| {
        index.get_document("key").is_ok_and(|key| key.len() == 1 && key.get(wanted.field).is_some_and(is_one))
    };
    if present.iter().any(|index| name_of(index) == name || same_key(index)) {
        let why = if defects.is_empty() { format!("`{name}` has other keys") } else { defects.join("; ") };
        return Some(format!("{why}: drop it or make it count by hand, then plan again"));
    }
    None
}

fn name_of(index: &Document) -> &str {
    index.get_str("name").unwrap_or_default()
}

/// Ascending, in whichever type the server tells it.
fn is_one(order: &Bson) -> bool {
    matches!(order, Bson::Int32(1) | Bson::Int64(1))
        || order.as_f64().is_some_and(|order| (order - 1.0).abs() < 1e-9)
}

/// Whether an index has the keys and options that we gave ours, and no others.
fn is_ours(index: &Document, wanted: &Document) -> bool {
    const PLAIN: [&str; 6] = ["v", "key", "name", "ns", "unique", "background"];
    let ascending = |index: &Document| {
        let key = index.get_document("key").ok()?;
        key.values().all(is_one).then(|| key.keys().cloned().collect::<Vec<_>>())
    };
    let unique = |index: &Document| index.get_bool("unique").unwrap_or(false);
    index.keys().all(|option| PLAIN.contains(&option.as_str()))
        && ascending(index).is_some()
        && ascending(index) == ascending(wanted)
        && unique(index) == unique(wanted)
}

/// Values that occur more than once and keep a unique index from being built, and what to do about them.
async fn duplicates(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    field: &str,
) -> Result<Option<String>, CheckError> {
    let documents = mongo.database.collection::<Document>(collection);
    let mut pipeline = repeated_values(field);
    pipeline.extend([
        doc! { "$limit": 5 },
        doc! { "$project": { "_id": { "$cond": [{ "$eq": [{ "$type": "$_id" }, "string"] }, { "$substrCP": ["$_id", 0, 64] }, { "$type": "$_id" }] }, "documents": 1 } },
    ]);
    let question = documents.aggregate(pipeline).allow_disk_use(true);
    let mut cursor = mongo.ask(cx, "look for duplicates", question).await?;
    let mut examples = Vec::new();
    while let Some(row) = mongo.ask(cx, "look for duplicates", cursor.try_next()).await? {
        let times = row.get("documents").map(ToString::to_string).unwrap_or_default();
        examples.push(format!("{} ({times} times)", brief::show(row.get("_id"))));
    }
    if examples.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "{field} is not unique: {}; remove the duplicates first (`mongo.recordings.duplicates` names them)",
        examples.join(", ")
    )))
}

async fn standing(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    wanted: &Document,
) -> Result<Standing, CheckError> {
    let present = list(mongo, cx, collection).await?;
    let name = name_of(wanted);
    Ok(match present.iter().find(|index| name_of(index) == name) {
        None => Standing::AsBefore,
        Some(index) if is_ours(index, wanted) => Standing::AsChanged,
        Some(_) => Standing::MovedOn(format!("the index `{name}` has other keys or options now")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_index_that_was_created_is_dropped() {
        let wanted = WANTED[2].specification();
        let with = |more: Document| {
            let mut index = doc! { "v": 2, "key": { "uuid": 1.0 }, "name": "uuid_1", "unique": true };
            index.extend(more);
            index
        };
        assert!(is_ours(&with(doc! {}), &wanted));
        assert!(!is_ours(&with(doc! { "unique": false }), &wanted));
        assert!(!is_ours(&with(doc! { "key": { "uuid": -1 } }), &wanted));
        assert!(!is_ours(&with(doc! { "key": { "uuid": 1, "deleted": 1 } }), &wanted));
        assert!(!is_ours(&with(doc! { "hidden": true }), &wanted));
    }

    #[test]
    fn an_index_that_does_not_count_blocks_the_step() {
        let hidden = doc! { "v": 2, "key": { "end_time": 1 }, "name": "mine", "hidden": true };
        let Cover::None(defects) = covered(std::slice::from_ref(&hidden), &WANTED[1]) else {
            panic!("covered")
        };
        let blocked = in_the_way(&[hidden], &WANTED[1], &defects).unwrap();
        assert!(blocked.starts_with("`mine` is hidden"), "{blocked}");
        let other = doc! { "v": 2, "key": { "deleted": 1 }, "name": "end_time_1" };
        let blocked = in_the_way(&[other], &WANTED[1], &[]).unwrap();
        assert_eq!(blocked, "`end_time_1` has other keys: drop it or make it count by hand, then plan again");
        assert_eq!(
            in_the_way(&[doc! { "v": 2, "key": { "end_time": -1, "x": 1 }, "name": "b" }], &WANTED[1], &[]),
            None
        );
    }
}
