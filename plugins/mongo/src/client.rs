//! What checks ask MongoDB with. Every question has a time limit, and every failure is told apart: the target is away,
//! or this question was refused.

use crate::answer;
use crate::brief;
use crate::layout::{BASE_PATHS, BasePath, Recordings};
use crate::monitor::Monitor;
use crate::place::Place;
use crate::trouble::Trouble;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use mongodb::error::Result as Answer;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use shakedown_core::{CheckError, Context, TargetErrorKind, duration};
use std::future::IntoFuture;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// No check reads more rows than this from one query.
pub(crate) const MOST_ROWS: usize = 20_000;

/// Nobody reads more operations than this.
const MOST_OPERATIONS: i64 = 200;

/// More documents of the same base path than this are not read.
const MOST_BASE_PATHS: i64 = 100;

/// A connected MongoDB, shared by all checks of a run.
pub struct MongoClient {
    pub(crate) database: Database,
    pub(crate) base_path: String,
    pub(crate) place: Place,
    pub(crate) monitor: Monitor,
    /// How long a question outside of a check may take.
    pub(crate) patience: Duration,
    /// How long connecting took.
    pub(crate) connected_in: Duration,
    pub(crate) recordings: OnceCell<Recordings>,
    /// What the connection was made with.
    pub(crate) options: ClientOptions,
}

impl MongoClient {
    /// Asks within the time that the check has left, less a reserve for saying what went wrong. `what` completes
    /// "cannot …".
    pub(crate) async fn ask<T>(
        &self,
        cx: &Context,
        what: &str,
        question: impl IntoFuture<Output = Answer<T>>,
    ) -> Result<T, Trouble> {
        self.ask_within(patience(cx), what, question).await
    }

    /// Asks within a time limit.
    pub(crate) async fn ask_within<T>(
        &self,
        limit: Duration,
        what: &str,
        question: impl IntoFuture<Output = Answer<T>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(limit, answer::on_ample_stack(question.into_future())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Trouble::of(&self.monitor.reveal(error), what, &self.place)),
            Err(_) => {
                let message = format!("cannot {what}: no answer within {}", duration::brief(limit));
                Err(Trouble::Target(self.place.error(TargetErrorKind::TimedOut, message)))
            }
        }
    }

    /// One ping, and how long it took.
    pub(crate) async fn ping(&self, limit: Duration) -> Result<Duration, Trouble> {
        let start = Instant::now();
        self.ask_within(limit, "ping", self.database.run_command(doc! { "ping": 1 })).await?;
        Ok(start.elapsed())
    }

    /// A connection besides those that there are, made and closed at once.
    pub(crate) async fn connect_once_more(&self, cx: &Context) -> Result<(), Trouble> {
        let mut options = self.options.clone();
        options.sdam_event_handler = None;
        let more = async {
            let client = Client::with_options(options)?;
            let answer = client.database("admin").run_command(doc! { "ping": 1 }).await;
            client.shutdown().immediate(true).await;
            answer
        };
        self.ask(cx, "connect once more", more).await.map(drop)
    }

    /// The names of the collections of the database, as far as the user may see them.
    pub(crate) async fn collection_names(&self, cx: &Context) -> Result<Vec<String>, Trouble> {
        let command = doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true };
        let rows = self.listing(cx, "list the collections", command).await?;
        let name = |row: &Document| row.get_str("name").ok().map(str::to_owned);
        Ok(rows.iter().filter_map(name).collect())
    }

    /// The rows that a command of the database lists.
    pub(crate) async fn listing(
        &self,
        cx: &Context,
        what: &str,
        command: Document,
    ) -> Result<Vec<Document>, Trouble> {
        let command = self.database.run_cursor_command(command);
        self.ask(cx, what, async {
            answer::rows(command.await?.with_type::<RawDocumentBuf>(), MOST_ROWS).await
        })
        .await
    }

    /// What the server answers to a command about itself.
    pub(crate) async fn admin(
        &self,
        cx: &Context,
        what: &str,
        command: Document,
    ) -> Result<Document, Trouble> {
        let admin = self.database.client().database("admin");
        self.ask(cx, what, answer::command(&admin, command)).await
    }

    /// What the server is busy with, as far as `filter` asks for it, from all of its users.
    pub(crate) async fn operations(&self, cx: &Context, filter: Document) -> Result<Vec<Document>, Trouble> {
        let all = doc! { "$currentOp": { "allUsers": true, "idleConnections": false } };
        let pipeline = vec![all, doc! { "$match": filter }, doc! { "$limit": MOST_OPERATIONS }];
        let admin = self.database.client().database("admin");
        let aggregate = admin.aggregate(pipeline).with_type::<RawDocumentBuf>();
        self.ask(cx, "see what the server is doing", async {
            answer::rows(aggregate.await?, MOST_ROWS).await
        })
        .await
    }

    /// The rows that an aggregation gives. The pipeline bounds their number and their size.
    pub(crate) async fn rows(
        &self,
        cx: &Context,
        what: &str,
        collection: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<Document>, Trouble> {
        let collection: Collection<Document> = self.database.collection(collection);
        let aggregate = collection.aggregate(pipeline).with_type::<RawDocumentBuf>();
        let aggregate = aggregate.max_time(patience(cx)).allow_disk_use(false);
        self.ask(cx, what, async { answer::rows(aggregate.await?, MOST_ROWS).await }).await
    }

    /// About how many documents a collection holds, by its metadata; refuses to answer for one that is empty.
    ///
    /// # Errors
    /// [`CheckError::NoData`] where the collection is empty or does not exist.
    pub(crate) async fn count_of(
        &self,
        cx: &Context,
        collection: &str,
        what: &str,
    ) -> Result<u64, CheckError> {
        let documents: Collection<Document> = self.database.collection(collection);
        let first = documents.find_one(doc! {}).projection(doc! { "_id": 1 });
        if self.ask(cx, &format!("read {what}"), first).await?.is_none() {
            return Err(CheckError::no_data(format!(
                "no {what} to examine: the collection `{collection}` is empty"
            )));
        }
        let count = self.ask(cx, &format!("count {what}"), documents.estimated_document_count()).await?;
        Ok(count.max(1))
    }

    /// The documents of `base_paths` with the wanted base path, read anew.
    pub(crate) async fn base_paths(&self, cx: &Context) -> Result<Vec<BasePath>, Trouble> {
        let pipeline = vec![
            doc! { "$match": { "base_path": &self.base_path } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": MOST_BASE_PATHS },
            // A collection's name has at most 255 bytes, so a longer GUID is no GUID.
            doc! { "$project": { "is_archive": brief::field("is_archive"), "guid": brief::field_up_to("guid", 256) } },
        ];
        let rows = self.rows(cx, "read the base paths", BASE_PATHS, pipeline).await?;
        Ok(rows.iter().map(BasePath::read).collect())
    }

    /// Some base paths that exist, whichever is wanted.
    pub(crate) async fn other_base_paths(&self, cx: &Context) -> Result<Vec<String>, Trouble> {
        let pipeline =
            vec![doc! { "$limit": 5 }, doc! { "$project": { "base_path": brief::field("base_path") } }];
        let rows = self.rows(cx, "read the base paths", BASE_PATHS, pipeline).await?;
        Ok(rows.iter().map(|row| format!("`{}`", brief::show(row.get("base_path")))).collect())
    }

    /// The collections of the recordings, found once per run by way of `base_paths`.
    ///
    /// # Errors
    /// [`CheckError::NoData`] where no current base path has a GUID.
    pub(crate) async fn recordings(&self, cx: &Context) -> Result<&Recordings, CheckError> {
        self.recordings
            .get_or_try_init(|| async {
                let paths = self.base_paths(cx).await?;
                Recordings::among(&paths).ok_or_else(|| {
                    CheckError::no_data(format!(
                        "no unarchived base path `{}` with a GUID",
                        brief::line(&self.base_path, 200)
                    ))
                })
            })
            .await
    }
}

/// What a check may spend on a question: nine tenths of the time it has left.
pub(crate) fn patience(cx: &Context) -> Duration {
    cx.remaining().mul_f64(0.9)
}
