//! `mongo.connect`

use crate::Mongo;
use crate::brief;
use crate::client::patience;
use crate::permitted;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Measurement, NoParams, Observation, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};

register_check! {
    /// MongoDB accepts the connection and the login, and shows the collections of the configured database.
    ///
    /// The connection is made once per run, with the configured URI. The check then sends a ping, lists the collections,
    /// and makes sure that the user may read documents and indexes. How long connecting and the ping took is measured,
    /// not judged.
    ///
    /// # Why it matters
    /// Without MongoDB there is no history: Focus Server finds recordings here, and it does not start while MongoDB is
    /// away. Every other check of MongoDB rests on this one. A database without any collection is most often the wrong
    /// one: MongoDB answers for a database that does not exist as if it were empty.
    ///
    /// # How to mend it
    /// If there is no answer, the error says what stood in the way: the address, the name, TLS, the login or the time.
    /// If the database is empty, correct `database` in `[environments.E.targets.mongo]`, or restore the data. If the
    /// user lacks a right, the finding names the action, what it is done to, and the role to grant.
    pub(crate) struct Connect(NoParams) {
        id: "mongo.connect",
        title: "MongoDB accepts connection and login, and its collections can be listed",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13806", "PZ-13807", "PZ-13898"],
        tags: &["smoke"],
        proofs: &[
            fault("mongo.database-empty", "database-empty"),
            fault("mongo.read-denied", "right-missing"),
        ],
    }
}

#[async_trait]
impl Check for Connect {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let ping = mongo.ping(patience(cx).min(mongo.patience)).await?;
        let limit = patience(cx).min(mongo.patience);
        let refused = permitted::to_data(&mongo, limit).await?.refused;
        let lacking = permitted::finding(
            &refused,
            "the login works, but the user may not do all that the checks need",
            "the right to read documents and indexes",
        );
        if let Some(finding) = lacking {
            let seen = format!("connected to {}; some questions are refused", mongo.place.address());
            return Ok(Verdict::of(Observation::seen(seen)).with(finding));
        }
        let names = mongo.collection_names(cx).await?;
        let database = mongo.database.name();
        let collections = brief::count(names.len() as u64, "collection", "collections");
        let seen =
            format!("connected to {}; the database `{database}` has {collections}", mongo.place.address());
        Ok(Verdict::of(Observation::seen(seen))
            .measured(milliseconds("connect", mongo.connected_in))
            .measured(milliseconds("ping", ping))
            .with_all(judge(database, &names)))
    }
}

fn milliseconds(name: &str, time: std::time::Duration) -> Measurement {
    Measurement::new(name, time.as_secs_f64() * 1000.0, Unit::Milliseconds)
}

fn judge(database: &str, collections: &[String]) -> Option<Finding> {
    collections.is_empty().then(|| {
        Finding::new(
            "database-empty",
            Cause::Environment,
            format!("database `{database}`"),
            format!("the server answers, but the database `{database}` has no collections"),
        )
        .expected("`base_paths` and the collections of the recordings", "no collection at all")
        .detail("MongoDB answers for a database that does not exist as if it were empty")
        .remedy(
            "correct `database` in the target's settings, or restore the data of this environment",
            "minutes",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_without_collections_is_wrong() {
        assert_eq!(judge("prisma", &["base_paths".to_owned()]), None);
        assert_eq!(judge("prisma", &[]).unwrap().code, "database-empty");
    }
}
