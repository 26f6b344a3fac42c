//! Faults of the server itself. What a small server does not offer, or cannot be brought to in seconds, is put into its
//! answers on their way.

use super::super::rewrite::{Delay, Rewriter, Rule};
use super::super::{Failure, RunningMongo};
use super::drop_index;
use mongodb::IndexModel;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::IndexOptions;
use std::time::Duration;

/// Long enough for nothing to be deleted while anybody looks.
const TEN_YEARS: Duration = Duration::from_hours(24 * 3650);

/// `serverStatus` says that 970 of 1000 connections are in use.
pub(super) const FEW_CONNECTIONS: Rule = Rule {
    concerns: |command| command.contains_key("serverStatus"),
    answer: |_, answer| {
        with(answer, "connections", doc! { "current": 970, "available": 30, "totalCreated": 98_000 })
    },
};

/// `serverStatus` says that the cache is full, and a quarter of it is still to be written.
pub(super) const FULL_CACHE: Rule = Rule {
    concerns: |command| command.contains_key("serverStatus"),
    answer: |_, answer| {
        let cache = doc! {
            "maximum bytes configured": 1_073_741_824_i64,
            "bytes currently in the cache": 1_052_266_988_i64,
            "tracked dirty bytes in the cache": 279_172_874_i64,
        };
        with(answer, "wiredTiger", doc! { "cache": cache })
    },
};

/// `replSetGetStatus` tells of a set whose secondary is seven minutes behind.
pub(super) const LAGGING: Rule = Rule {
    concerns: |command| command.contains_key("replSetGetStatus"),
    answer: |_, _| {
        let member = |id: i32, name: &str, state: (i32, &str), behind: i64| {
            let applied = DateTime::from_millis(DateTime::now().timestamp_millis() - behind * 1000);
            let (state, words) = state;
            doc! {
                "_id": id, "name": name, "health": 1.0, "state": state, "stateStr": words, "optimeDate": applied,
            }
        };
        doc! {
            "set": "rs0",
            "myState": 1,
            "members": [
                member(0, "db1.example.com:27017", (1, "PRIMARY"), 0),
                member(1, "db2.example.com:27017", (2, "SECONDARY"), 420),
            ],
            "ok": 1.0,
        }
    },
};

/// `$currentOp` shows a query that has been scanning for twenty minutes.
pub(super) const SLOW_OPERATION: Rule = Rule {
    concerns: asks_for_operations,
    answer: |_, answer| {
        with_row(
            answer,
            doc! {
                "type": "op",
                "op": "query",
                "ns": "prisma.recordings",
                "active": true,
                "secs_running": 1200_i64,
                "microsecs_running": 1_200_000_000_i64,
                "opid": 4711,
                "appName": "report",
                "planSummary": "COLLSCAN",
                "command": { "find": "recordings", "filter": { "comment": { "$regex": "of no use to an index" } } },
            },
        )
    },
};

/// The index on `end_time` is listed as one that is being built, and `$currentOp` says how far it is.
pub(super) const BUILDING: [Rule; 2] = [
    Rule {
        // Who does not ask for the builds is told of the index as of any other.
        concerns: |command| command.get_bool("includeBuildUUIDs").unwrap_or(false),
        answer: |_, mut answer| {
            if let Ok(rows) = first_batch(&mut answer) {
                for row in rows.iter_mut().filter_map(Bson::as_document_mut) {
                    if row.get_document("key").is_ok_and(|key| key.contains_key("end_time")) {
                        *row = doc! { "spec": row.clone(), "buildUUID": uuid::Uuid::new_v4().to_string() };
                    }
                }
            }
            answer
        },
    },
    Rule {
        concerns: |command| asks_for_operations(command) && format!("{command}").contains("createIndexes"),
        answer: |_, answer| {
            with_row(
                answer,
                doc! {
                    "type": "op",
                    "op": "command",
                    "active": true,
                    "secs_running": 40_i64,
                    "msg": "Index Build: scanning collection Index Build: scanning collection: 1200/3000 40%",
                    "progress": { "done": 1200, "total": 3000 },
                },
            )
        },
    },
];

/// `buildInfo` tells of a release that has had no support for years.
pub(super) const OLD_VERSION: Rule = Rule {
    concerns: |command| command.contains_key("buildInfo"),
    answer: |_, mut answer| {
        answer.insert("version", "4.4.29");
        answer.insert("versionArray", vec![4, 4, 29, 0]);
        answer
    },
};

/// Queries of documents take longer.
pub(super) const SLOW_QUERIES: Delay = Delay {
    // An aggregation of the whole server is no query.
    concerns: |command| ["find", "aggregate", "count"].iter().any(|name| command.get_str(name).is_ok()),
    by: Duration::from_millis(400),
};

/// How many connections there can be at once under `mongo.connections-refused`.
pub(super) const FEW: usize = 10;

/// The user may neither read documents nor list indexes.
pub(super) const NO_READING: Rule = Rule {
    concerns: |command| {
        ["find", "aggregate", "listIndexes", "explain", "count"].iter().any(|name| {
            // An aggregation of the whole server is another right.
            command.get_str(name).is_ok() || (*name == "explain" && command.contains_key(name))
        })
    },
    answer: refused,
};

/// The user may not see how the server is.
pub(super) const NO_STATUS: Rule = Rule {
    concerns: |command| {
        ["serverStatus", "replSetGetStatus"].iter().any(|name| command.contains_key(name))
            || asks_for_operations(command)
    },
    answer: refused,
};

impl RunningMongo {
    /// Puts rules in force.
    pub(super) async fn answer_otherwise(&self, rules: &[Rule]) -> Result<(), Failure> {
        let relay = self.relay().await?;
        for rule in rules {
            relay.add(*rule);
        }
        Ok(())
    }

    /// The relay between proxy and server, which is made where there is none yet.
    pub(super) async fn relay(&self) -> Result<&Rewriter, Failure> {
        let server = self.upstream_address().ok_or("the sandbox has stopped")?;
        let relay = self.rewriter.get_or_try_init(|| Rewriter::start(server)).await?;
        self.proxy.redirect(relay.address());
        Ok(relay)
    }

    /// Replaces the index on a field by one with other options.
    pub(super) async fn replace_index(&self, field: &str, options: IndexOptions) -> Result<(), Failure> {
        let recordings = self.recordings();
        drop_index(&recordings, &format!("{field}_1")).await?;
        recordings
            .create_index(IndexModel::builder().keys(doc! { field: 1 }).options(options).build())
            .await?;
        Ok(())
    }
}

/// An index that leaves out the documents without the field.
pub(super) fn sparse() -> IndexOptions {
    IndexOptions::builder().sparse(true).build()
}

/// An index by which the server deletes documents.
pub(super) fn expiring() -> IndexOptions {
    IndexOptions::builder().expire_after(TEN_YEARS).build()
}

fn asks_for_operations(command: &Document) -> bool {
    let stages = command.get_array("pipeline").ok();
    let first = stages.and_then(|stages| stages.first()?.as_document());
    first.is_some_and(|stage| stage.contains_key("$currentOp"))
}

fn with(mut answer: Document, key: &str, value: Document) -> Document {
    answer.insert(key, value);
    answer
}

fn first_batch(answer: &mut Document) -> Result<&mut Vec<Bson>, mongodb::bson::error::Error> {
    answer.get_document_mut("cursor")?.get_array_mut("firstBatch")
}

fn with_row(mut answer: Document, row: Document) -> Document {
    if let Ok(rows) = first_batch(&mut answer) {
        rows.push(row.into());
    }
    answer
}

/// MongoDB's own words where a user lacks a right. It quotes the command.
fn refused(command: &Document, _: Document) -> Document {
    let database = command.get_str("$db").unwrap_or("admin");
    let fields = command.iter().filter(|(name, _)| *name != "lsid");
    let quoted: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    doc! {
        "ok": 0.0,
        "errmsg": format!("not authorized on {database} to execute command {{ {} }}", quoted.join(", ")),
        "code": 13,
        "codeName": "Unauthorized",
    }
}
