//! `mongo.schema.metadata`

use crate::checks::survey::{EXAMPLES, GROUP, Survey, TIMEOUT, count, count_if};
use crate::{Mongo, brief};
use mongodb::bson::doc;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

register_check! {
    /// Collections of metadata hold some: every document has a field besides its `_id`.
    ///
    /// Focus Server needs no such collection, and usually there is none: then there is nothing to object to, and the check
    /// passes with that remark. Where collections have `metadata` in their names, the server counts the documents in them
    /// that are empty. Nothing else is expected of them, and no collection of recordings is ever chosen in this way.
    ///
    /// # Why it matters
    /// An empty document says that something was to be stored and was not.
    ///
    /// # How to mend it
    /// Find out what writes the collection. If nothing does any more, drop it.
    pub(crate) struct MetadataSchema(NoParams) {
        id: "mongo.schema.metadata",
        title: "Collections of metadata, where there are any, are not empty",
        severity: Severity::Low,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13686", "PZ-14812"],
        tags: &["data-quality"],
        requires: &["mongo.connect"],
        group: Some(GROUP),
        gate: Gate::Informational,
        timeout: Some(TIMEOUT),
        proofs: &[fault("mongo.metadata-empty", "metadata-empty")],
    }
}

#[async_trait]
impl Check for MetadataSchema {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let names = mongo.collection_names(cx).await?;
        Observation::counted(names.len() as u64, "collections")?;
        let mut verdict = Verdict::of(Observation::seen(in_words(&names)));
        for name in of_metadata(&names).take(EXAMPLES) {
            let survey = Survey::of(mongo.clone(), cx, name.clone());
            let bare = count_if(doc! { "$eq": ["$$ROOT", { "$literal": {} }] });
            let stages = vec![doc! { "$project": { "_id": 0 } }];
            let sums = doc! { "documents": { "$sum": 1 }, "bare": bare };
            let sums = survey.sums("count empty documents of metadata", stages, sums).await?;
            verdict =
                verdict.with_all(judge(&survey.subject(), count(&sums, "documents"), count(&sums, "bare")));
        }
        Ok(verdict)
    }
}

fn of_metadata(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().filter(|name| name.to_lowercase().contains("metadata") && !name.starts_with("system."))
}

fn in_words(names: &[String]) -> String {
    let found: Vec<String> =
        of_metadata(names).take(EXAMPLES).map(|name| format!("`{}`", brief::line(name, 80))).collect();
    if found.is_empty() {
        let collections = brief::count(names.len() as u64, "collection", "collections");
        format!("no collection of metadata among {collections}, which is normal")
    } else {
        format!("metadata in {}", brief::and(&found))
    }
}

fn judge(subject: &str, documents: u64, bare: u64) -> Option<Finding> {
    let message = match (documents, bare) {
        (0, _) => "the collection is there and has no documents".to_owned(),
        (_, 0) => return None,
        _ => format!("{} no field but `_id`", brief::count(bare, "document has", "documents have")),
    };
    Some(
        Finding::new("metadata-empty", Cause::Data, subject, message)
            .expected("documents with at least one field", format!("{bare} of {documents} empty"))
            .remedy("find out what writes it; drop it if nothing does", "30 minutes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_or_collection_is_a_finding() {
        assert_eq!(judge("c", 3, 0), None);
        assert_eq!(judge("c", 3, 1).unwrap().message, "1 document has no field but `_id`");
        assert_eq!(judge("c", 0, 0).unwrap().message, "the collection is there and has no documents");
    }

    #[test]
    fn none_is_normal_and_said() {
        let names = |all: &[&str]| all.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            in_words(&names(&["base_paths", "abc"])),
            "no collection of metadata among 2 collections, which is normal"
        );
        assert_eq!(in_words(&names(&["abc-Metadata", "system.metadata", "x"])), "metadata in `abc-Metadata`");
    }
}
