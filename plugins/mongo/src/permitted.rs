//! Whether the user may do what checks do: each kind of question is asked once, in its smallest form.

use crate::answer;
use crate::brief;
use crate::client::MongoClient;
use crate::layout::{BASE_PATHS, BasePath};
use crate::trouble::Trouble;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use shakedown_core::{Cause, Finding, TargetError, TargetErrorKind};
use std::time::Duration;

/// What the user may do, and what not.
#[derive(Default)]
pub(crate) struct Rights {
    /// What was asked and answered, as "list the collections".
    pub(crate) granted: Vec<String>,
    /// What was not, each with the right that is missing.
    pub(crate) refused: Vec<TargetError>,
}

/// What the user may do of what the checks of the data need.
///
/// # Errors
/// The target went away. Whatever else a server objects to is for the checks to report.
pub(crate) async fn to_data(client: &MongoClient, limit: Duration) -> Result<Rights, TargetError> {
    let mut asking = Asking { client, limit, rights: Rights::default() };
    asking
        .listing(
            "list the collections",
            doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true },
        )
        .await?;
    let path = doc! { "base_path": &client.base_path, "is_archive": false };
    let find = |collection: &str, filter: Document| doc! { "find": collection, "filter": filter, "limit": 1, "singleBatch": true };
    let paths = asking.listing("read `base_paths`", find(BASE_PATHS, path)).await?;
    let guid = paths.first().map(BasePath::read).and_then(|path| path.guid);
    let recordings = guid.as_deref().unwrap_or(BASE_PATHS);
    if guid.is_some() {
        asking.listing("read the recordings", find(recordings, doc! { "_id": 0 })).await?;
    }
    asking.listing("list the indexes", doc! { "listIndexes": recordings }).await?;
    Ok(asking.rights)
}

/// What the user may do of what `mongo.server.health` needs.
///
/// # Errors
/// See [`to_data`].
pub(crate) async fn to_health(client: &MongoClient, limit: Duration) -> Result<Rights, TargetError> {
    let mut asking = Asking { client, limit, rights: Rights::default() };
    let busy = doc! { "aggregate": 1, "pipeline": [{ "$currentOp": { "allUsers": true } }, { "$limit": 1 }], "cursor": {} };
    for (what, command) in [
        ("read the status of the server", doc! { "serverStatus": 1 }),
        ("read the status of the replica set", doc! { "replSetGetStatus": 1 }),
        ("see what the server is doing", busy),
    ] {
        let admin = client.database.client().database("admin");
        let answer = client.ask_within(limit, what, answer::command(&admin, command)).await;
        asking.judge(what, answer.map(drop))?;
    }
    Ok(asking.rights)
}

/// One finding for all rights that the user lacks, since one grant mostly mends all.
pub(crate) fn finding(refused: &[TargetError], message: &str, expected: &str) -> Option<Finding> {
    let first = refused.first()?;
    let actual = brief::count(refused.len() as u64, "question is", "questions are");
    let mut remedies: Vec<&str> = refused.iter().filter_map(|error| error.remedy.as_deref()).collect();
    remedies.dedup();
    let subject = format!("user of {}", first.address);
    let finding = Finding::new("right-missing", Cause::Environment, subject, message)
        .expected(expected, format!("{actual} refused"))
        .remedy(remedies.join("; "), "minutes");
    Some(refused.iter().fold(finding, |finding, error| finding.detail(&error.message)))
}

struct Asking<'a> {
    client: &'a MongoClient,
    limit: Duration,
    rights: Rights,
}

impl Asking<'_> {
    async fn listing(&mut self, what: &str, command: Document) -> Result<Vec<Document>, TargetError> {
        let command = self.client.database.run_cursor_command(command);
        let rows = async { answer::rows(command.await?.with_type::<RawDocumentBuf>(), 1).await };
        let answer = self.client.ask_within(self.limit, what, rows).await;
        self.judge(what, answer)
    }

    fn judge<T: Default>(&mut self, what: &str, answer: Result<T, Trouble>) -> Result<T, TargetError> {
        match answer {
            Ok(answer) => {
                self.rights.granted.push(what.to_owned());
                Ok(answer)
            }
            Err(Trouble::Target(error)) if error.kind == TargetErrorKind::Forbidden => {
                self.rights.refused.push(error);
                Ok(T::default())
            }
            Err(Trouble::Target(error)) => Err(error),
            Err(Trouble::Refused { .. }) => Ok(T::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_missing_rights_are_one_finding() {
        let refused = |what: &str| {
            TargetError::new("mongo", "db.example.com", TargetErrorKind::Forbidden, what)
                .remedy("grant `read`")
        };
        assert_eq!(finding(&[], "no", "all"), None);
        let finding = finding(&[refused("no find"), refused("no listIndexes")], "no", "all").unwrap();
        assert_eq!(finding.details, ["no find", "no listIndexes"]);
        assert_eq!(finding.remedy.as_deref(), Some("grant `read`"));
        assert_eq!(finding.actual.as_deref(), Some("2 questions are refused"));
    }
}
