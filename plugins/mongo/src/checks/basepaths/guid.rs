//! `mongo.basepaths.guid`

use crate::layout::BasePath;
use crate::{Mongo, brief};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

register_check! {
    /// `base_paths` names the GUID of the recordings: one document with the configured base path that is not archived.
    ///
    /// The GUID is the name of the collection of recordings, and there is no other way to find it: the names of these
    /// collections do not say what they hold. Every check of recordings uses the GUID that is found here.
    ///
    /// # Why it matters
    /// Without the GUID Focus Server finds no recording. With two documents in use it may read another collection than
    /// the one that is written.
    ///
    /// # How to mend it
    /// If the document is missing, compare `base_path` in `[environments.E.targets.mongo]` with the base paths that
    /// exist, which the finding names. If the document is archived or has no GUID, the recordings have to be indexed
    /// anew. If there are several, archive those that are no longer written.
    pub(crate) struct Guid(NoParams) {
        id: "mongo.basepaths.guid",
        title: "The base path leads to the GUID of the recordings",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13598"],
        tags: &["smoke", "data-quality"],
        requires: &["mongo.connect"],
        proofs: &[
            fault("mongo.base-path-missing", "base-path-missing"),
            fault("mongo.base-path-ambiguous", "base-path-ambiguous"),
            fault("mongo.guid-missing", "guid-missing"),
        ],
    }
}

#[async_trait]
impl Check for Guid {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let wanted = brief::line(&mongo.base_path, 200);
        let paths = mongo.base_paths(cx).await?;
        let finding = match judge(&wanted, &paths) {
            Some(finding) if paths.is_empty() => {
                Some(finding.detail(others(&mongo.other_base_paths(cx).await?)))
            }
            other => other,
        };
        let found = brief::count(paths.len() as u64, "document", "documents");
        let guid = crate::Recordings::among(&paths).map(|recordings| format!("; GUID {}", recordings.guid));
        let seen = format!("`base_paths` has {found} for `{wanted}`{}", guid.unwrap_or_default());
        Ok(Verdict::of(Observation::seen(seen)).with_all(finding))
    }
}

fn judge(wanted: &str, paths: &[BasePath]) -> Option<Finding> {
    let current: Vec<&BasePath> = paths.iter().filter(|path| path.is_current()).collect();
    let finding = |code, message: String| {
        Finding::new(code, Cause::Environment, format!("base path `{wanted}`"), message)
    };
    match current.as_slice() {
        [] => {
            let archived = paths.iter().filter(|path| path.is_archive == Some(true)).count();
            let actual = match (archived, paths.len() - archived) {
                (0, 0) => "no document with this base path".to_owned(),
                (archived, unclear) => {
                    format!("{archived} archived, {unclear} without a boolean `is_archive`")
                }
            };
            let message = format!("`base_paths` has no unarchived document for `{wanted}`");
            Some(
                finding("base-path-missing", message)
                    .expected("one document with `is_archive` false", actual)
                    .remedy(
                        "correct `base_path` in the target's settings, or index the recordings anew",
                        "30 minutes",
                    ),
            )
        }
        [one] if one.guid.is_none() => Some(guid_missing(finding(
            "guid-missing",
            format!("the document of `{wanted}` in `base_paths` has no GUID"),
        ))),
        [_] => None,
        several if several.iter().all(|path| path.guid.is_none()) => Some(guid_missing(finding(
            "guid-missing",
            format!(
                "none of the {} unarchived documents of `{wanted}` in `base_paths` has a GUID",
                several.len()
            ),
        ))),
        several => {
            let guids: Vec<String> = several
                .iter()
                .take(10)
                .map(|path| path.guid.as_deref().map_or("(none)".to_owned(), |guid| brief::line(guid, 64)))
                .collect();
            Some(
                finding(
                    "base-path-ambiguous",
                    format!("`base_paths` has {} unarchived documents for `{wanted}`", several.len()),
                )
                .warn()
                .expected("one document with `is_archive` false", format!("the GUIDs {}", brief::and(&guids)))
                .detail("the checks of recordings use the first of them that has a GUID")
                .remedy("archive the documents whose recordings are no longer written", "15 minutes"),
            )
        }
    }
}

fn guid_missing(finding: Finding) -> Finding {
    finding
        .expected("`guid` with the name of the collection of recordings", "`guid` missing, empty or not text")
        .remedy("index the recordings anew, or restore the document from a backup", "30 minutes")
}

/// What there is instead, for a reader who has mistyped the base path.
fn others(paths: &[String]) -> String {
    if paths.is_empty() {
        "`base_paths` has no document at all".to_owned()
    } else {
        format!("there is: {}", brief::and(paths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(is_archive: Option<bool>, guid: Option<&str>) -> BasePath {
        BasePath { is_archive, guid: guid.map(str::to_owned) }
    }

    fn code(paths: &[BasePath]) -> Option<String> {
        judge("/x", paths).map(|finding| finding.code)
    }

    #[test]
    fn one_unarchived_document_with_a_guid_is_right() {
        assert_eq!(code(&[path(Some(true), Some("old")), path(Some(false), Some("new"))]), None);
    }

    #[test]
    fn archived_or_unclear_documents_do_not_count() {
        assert_eq!(code(&[]).as_deref(), Some("base-path-missing"));
        let finding = judge("/x", &[path(Some(true), Some("a")), path(None, Some("b"))]).unwrap();
        assert_eq!(finding.code, "base-path-missing");
        assert_eq!(finding.actual.as_deref(), Some("1 archived, 1 without a boolean `is_archive`"));
    }

    #[test]
    fn a_document_without_guid_leads_nowhere() {
        assert_eq!(code(&[path(Some(false), None)]).as_deref(), Some("guid-missing"));
        assert_eq!(
            code(&[path(Some(false), None), path(Some(false), None)]).as_deref(),
            Some("guid-missing")
        );
    }

    #[test]
    fn several_documents_are_a_warning() {
        use shakedown_core::{Outcome, Status};
        let finding = judge("/x", &[path(Some(false), Some("a")), path(Some(false), None)]).unwrap();
        assert_eq!(
            (finding.code.as_str(), finding.actual.as_deref()),
            ("base-path-ambiguous", Some("the GUIDs a and (none)"))
        );
        let outcome = Outcome::from(Verdict::of(Observation::seen("x")).with(finding));
        assert_eq!(outcome.status, Status::Warned);
    }
}
