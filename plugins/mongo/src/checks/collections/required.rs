//! `mongo.collections.required`

use super::kinds;
use crate::checks::survey::Survey;
use crate::layout::BASE_PATHS;
use crate::{Mongo, Recordings, brief};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

register_check! {
    /// The collections exist that Focus Server reads: `base_paths`, and the recordings under their GUID; and they are
    /// ordinary collections with something in them.
    ///
    /// The collection of folders that were not recognised (`<guid>-unrecognized_recordings`) is optional: it exists as
    /// soon as there is such a folder. The collections are looked up by the GUID of the base path. No collection is
    /// ever picked because its name looks right. Recordings of other base paths are only named: they are examined where
    /// `base_path` in `[environments.E.targets.mongo]` says so.
    ///
    /// An empty collection of recordings is a warning, and the checks of recordings are then skipped. So is a view, of which
    /// the other checks see what it shows; a time series; and a capped collection, which drops the oldest documents when it
    /// is full. That the recordings are spread over shards is said, with what it means for a unique `uuid`.
    ///
    /// # Why it matters
    /// MongoDB does not complain about a question to a collection that does not exist: it answers that nothing was
    /// found. History is then silently empty. From a capped collection recordings vanish without anybody deleting them.
    ///
    /// # How to mend it
    /// See whether the indexer of recordings has run in this environment, and whether the GUID in `base_paths` is that
    /// of the data. After a restore from a backup, compare the collections of both sides. Copy a capped collection into an
    /// ordinary one, and let the GUID name a collection rather than a view.
    pub(crate) struct RequiredCollections(NoParams) {
        id: "mongo.collections.required",
        title: "The required collections exist and are ordinary collections with documents",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13809", "PZ-13683", "PZ-13598"],
        tags: &["smoke", "data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid"],
        proofs: &[
            fault("mongo.recordings-missing", "collection-missing"),
            fault("mongo.recordings-empty", "recordings-empty"),
            fault("mongo.recordings-capped", "collection-capped"),
            fault("mongo.recordings-view", "collection-is-view"),
        ],
    }
}

#[async_trait]
impl Check for RequiredCollections {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let recordings = mongo.recordings(cx).await?;
        let names = mongo.collection_names(cx).await?;
        let observation = Observation::counted(names.len() as u64, "collections")?;
        let mut verdict = Verdict::of(observation).with_all(judge(mongo.database.name(), recordings, &names));
        for (name, storage) in kinds::storage(&mongo, cx, recordings).await? {
            verdict = verdict.with_all(kinds::judge_storage(&name, &storage));
        }
        if names.contains(&recordings.guid) {
            let survey = Survey::of(mongo.clone(), cx, recordings.guid.clone());
            match survey.population("recordings").await {
                Err(CheckError::NotApplicable(_)) => verdict = verdict.with(empty(&survey.subject())),
                other => drop(other?),
            }
            let sharding = kinds::sharding(&mongo, cx, &recordings.guid).await?;
            verdict =
                verdict.with_all(sharding.map(|sharding| kinds::say_sharding(&recordings.guid, &sharding)));
        }
        Ok(verdict.with_all(elsewhere(&kinds::others(&mongo, cx).await?)))
    }
}

fn empty(subject: &str) -> Finding {
    Finding::new("recordings-empty", Cause::Environment, subject, "the collection of the recordings is empty")
        .warn()
        .severity(Severity::High)
        .expected("recordings", "no document")
        .detail("there is no history to show, and the checks of recordings are skipped")
        .remedy("see whether the indexer of recordings has run here; in a new environment, wait for the first recording", "30 minutes")
}

fn elsewhere(others: &[String]) -> Option<Finding> {
    (!others.is_empty()).then(|| {
        let paths = brief::count(others.len() as u64, "other base path is", "other base paths are");
        let message = format!("{paths} in use, whose recordings are not examined here");
        let finding =
            Finding::new("other-base-paths", Cause::Expected, format!("collection `{BASE_PATHS}`"), message)
                .note();
        others.iter().fold(finding, Finding::detail)
    })
}

fn judge(database: &str, recordings: &Recordings, names: &[String]) -> Vec<Finding> {
    let absent = |wanted: &&str| !names.iter().any(|name| name == wanted);
    let required = [BASE_PATHS, &recordings.guid];
    let missing: Vec<String> = required.into_iter().filter(absent).map(|name| format!("`{name}`")).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let present: Vec<String> = names.iter().take(10).map(|name| brief::line(name, 80)).collect();
        let message = format!("the database `{database}` lacks {}", brief::and(&missing));
        findings.push(
            Finding::new("collection-missing", Cause::Environment, format!("database `{database}`"), message)
                .expected(format!("`{BASE_PATHS}` and `{}` (the recordings)", recordings.guid), brief::and(&present))
                .detail("MongoDB answers for a missing collection as if it were empty, so history is silently empty")
                .remedy("see whether the indexer of recordings has run here, and whether the GUID is that of the data", "30 minutes"),
        );
    }
    if absent(&recordings.unrecognized.as_str()) {
        let message = format!("there is no `{}`: no folder has gone unrecognised", recordings.unrecognized);
        findings.push(
            Finding::new("unrecognized-absent", Cause::Expected, format!("database `{database}`"), message)
                .note(),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        judge("prisma", &Recordings::of("abc"), &names).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn both_required_collections_must_exist() {
        assert!(codes(&["base_paths", "abc", "abc-unrecognized_recordings", "other"]).is_empty());
        assert_eq!(codes(&["base_paths", "abc"]), ["unrecognized-absent"]);
        assert_eq!(codes(&["base_paths", "abc-unrecognized_recordings"]), ["collection-missing"]);
        assert_eq!(codes(&["recordings"]), ["collection-missing", "unrecognized-absent"]);
    }

    #[test]
    fn the_missing_ones_are_named() {
        let findings = judge("prisma", &Recordings::of("abc"), &["old".to_owned()]);
        assert_eq!(findings[0].message, "the database `prisma` lacks `base_paths` and `abc`");
        assert_eq!(findings[0].actual.as_deref(), Some("old"));
    }
}
