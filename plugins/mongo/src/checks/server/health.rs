//! `mongo.server.health`

use super::{cache, connections, engine, operations, replication, version};
use crate::client::MongoClient;
use crate::trouble::Trouble;
use crate::{Mongo, permitted};
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, TargetError,
    Verdict, async_trait, fault, register_check,
};

/// What a healthy server keeps to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HealthParams {
    /// The oldest version that will do, for example `"6.0"`; where it is empty, any that MongoDB still supports.
    pub(crate) min_version: String,
    /// The connections that may be in use, in percent of all that the server takes.
    pub(crate) max_connections_share: u8,
    /// How far a secondary may be behind its primary.
    pub(crate) max_lag: HumanDuration,
    /// How long an operation may take.
    pub(crate) max_operation: HumanDuration,
    /// How full the cache may be, in percent. From 95 on, queries have to make room before they go on.
    pub(crate) max_cache_share: u8,
    /// How much of the cache may wait to be written to disk, in percent. From 20 on, queries have to help writing.
    pub(crate) max_dirty_share: u8,
}

impl Default for HealthParams {
    fn default() -> Self {
        Self {
            min_version: String::new(),
            max_connections_share: 80,
            max_lag: HumanDuration::millis(10_000),
            max_operation: HumanDuration::millis(60_000),
            max_cache_share: 95,
            max_dirty_share: 20,
        }
    }
}

impl Params for HealthParams {
    fn validate(&self) -> Result<(), String> {
        if !self.min_version.is_empty() && version::Version::read(&self.min_version).is_none() {
            return Err(format!("`min_version` is `{}`; write it as \"6.0\" or \"6.0.5\"", self.min_version));
        }
        for (name, share) in [
            ("max_connections_share", self.max_connections_share),
            ("max_cache_share", self.max_cache_share),
            ("max_dirty_share", self.max_dirty_share),
        ] {
            if !(1..=100).contains(&share) {
                return Err(format!("`{name}` is {share}; it must be from 1 to 100, in percent"));
            }
        }
        Ok(())
    }
}

register_check! {
    /// MongoDB is in good health: a supported version, a durable storage engine, connections to spare, replication that
    /// keeps up, no operation that runs for minutes, and a cache with room.
    ///
    /// Each of these is a case with its own answer. What a server does not offer is skipped and named: a single server
    /// has no replication, and not every compatible server tells of its cache or counts its connections. What the user
    /// may not see is one warning that names the rights to grant.
    ///
    /// # Why it matters
    /// Focus Server finds no history while MongoDB refuses connections, has no primary, or is busy with one endless
    /// query. Each of these shows here some time before it shows there.
    ///
    /// # How to mend it
    /// Each finding says what to do. Limits are parameters: `min_version`, `max_connections_share`, `max_lag`,
    /// `max_operation`, `max_cache_share` and `max_dirty_share`. To see everything, the user needs the role
    /// `clusterMonitor` on the database `admin`.
    pub(crate) struct Health(HealthParams) {
        id: "mongo.server.health",
        title: "MongoDB is in good health",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13898"],
        tags: &["smoke", "performance"],
        requires: &["mongo.connect"],
        proofs: &[
            fault("mongo.version-old", "version-end-of-life"),
            fault("mongo.connections-exhausted", "connections-scarce"),
            fault("mongo.replica-lagging", "replica-lagging"),
            fault("mongo.slow-operation", "operation-slow"),
            fault("mongo.cache-pressure", "cache-pressure"),
            fault("mongo.status-denied", "right-missing"),
        ],
    }
}

#[async_trait]
impl Check for Health {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let address = mongo.place.address();
        let mut seen = Seen { mongo: &mongo, cx, refused: Vec::new() };
        let build = seen.command("read its version", "buildInfo").await?;
        let status = seen.command("read its status", "serverStatus").await?;
        let replica = seen.command("read the status of its replica set", "replSetGetStatus").await?;
        let busy = seen.operations(self.params.max_operation).await?;
        let Seen { refused, .. } = seen;

        let takes_more = match status.as_ref().ok().filter(|status| connections::none_left(status)) {
            Some(_) => Some(mongo.connect_once_more(cx).await.map_err(|trouble| trouble.words())),
            None => None,
        };
        let params = &self.params;
        let now = cx.clock.now();
        let mut cases = Cases::new();
        let mut case = |name: &str, answer| cases.push(Case::new(name, &[], answer));
        case("version", build.and_then(|build| version::judge(&build, &params.min_version, now, address)));
        case("storage engine", of(&status, |status| engine::judge(status, address)));
        case(
            "connections",
            of(&status, |status| {
                connections::judge(status, takes_more.as_ref(), params.max_connections_share, address)
            }),
        );
        case("replication", replica.and_then(|status| replication::judge(&status, params.max_lag)));
        case("slow operations", busy.map(|busy| operations::judge(&busy, params.max_operation, address)));
        case(
            "cache",
            of(&status, |status| {
                cache::judge(status, params.max_cache_share, params.max_dirty_share, address)
            }),
        );
        let lacking = permitted::finding(
            &refused,
            "the user may not see all of the server's health",
            "the right to read the status of the server",
        );
        Ok(cases.verdict()?.with_all(lacking.map(Finding::warn)))
    }
}

/// What was read, or why it could not be: the reason of every case that rests on it.
type Reply<T = Document> = Result<T, CheckError>;

fn of(
    status: &Reply,
    judge: impl FnOnce(&Document) -> Result<Verdict, CheckError>,
) -> Result<Verdict, CheckError> {
    status.as_ref().map_err(Clone::clone).and_then(judge)
}

/// Reads what the cases rest on.
struct Seen<'a> {
    mongo: &'a MongoClient,
    cx: &'a Context,
    /// What the user may not do.
    refused: Vec<TargetError>,
}

impl Seen<'_> {
    async fn command(&mut self, what: &str, command: &str) -> Result<Reply, CheckError> {
        let answer = self.mongo.admin(self.cx, what, doc! { command: 1 }).await;
        self.sort(answer)
    }

    async fn operations(&mut self, longer_than: HumanDuration) -> Result<Reply<Vec<Document>>, CheckError> {
        let answer = self.mongo.operations(self.cx, operations::filter(longer_than)).await;
        self.sort(answer)
    }

    /// Lets only through what ends the check as a whole.
    fn sort<T>(&mut self, answer: Result<T, Trouble>) -> Result<Reply<T>, CheckError> {
        Ok(match answer {
            Ok(answer) => Ok(answer),
            Err(trouble) => {
                if let Some(error) = trouble.forbidden() {
                    self.refused.push(error.clone());
                    Err(CheckError::not_applicable(&error.message))
                } else if trouble.is_not_offered() {
                    Err(CheckError::not_applicable(format!(
                        "the server does not offer this: {}",
                        trouble.words()
                    )))
                } else if let Trouble::Target(error) = trouble {
                    return Err(CheckError::Target(error));
                } else {
                    Err(trouble.into())
                }
            }
        })
    }
}
