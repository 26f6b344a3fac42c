//! `bench mongo`: what the data-quality suite costs beside the same questions issued by hand with the official driver.
//!
//! Runs of the suite, each a process of its own whose memory is watched, alternate with the same questions asked again, as
//! many at a time as the suite asks. A cable between program and server notes the questions: what it costs is counted as
//! the suite's.

use super::suite::{self, Pairs, Suite};
use crate::output::message;
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _};
use mongodb::Client;
use mongodb::bson::Document;
use shakedown_core::measurement::Measured;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// As many checks at a time as an environment runs unless it says otherwise.
const CONCURRENCY: usize = 8;
/// The wire protocol's message with a document: OP_MSG.
const OP_MSG: i32 = 2013;
/// What belongs to the connection, not to a check.
const CONNECTION: [&str; 7] =
    ["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "endSessions", "killCursors"];

pub(crate) async fn bench(recordings: u32, rounds: usize) -> anyhow::Result<Vec<Measured>> {
    message(&format!("seeding {recordings} recordings"));
    let sandbox = suite::sandbox("mongo", serde_json::json!({ "recordings": recordings })).await?;
    let exports: BTreeMap<String, String> = sandbox.exports().into_iter().collect();
    let of =
        |name: &str| exports.get(name).cloned().with_context(|| format!("the sandbox exports no {name}"));
    let (uri, database) = (of("SHAKEDOWN_LOCAL_MONGO_URI")?, of("SHAKEDOWN_LOCAL_MONGO_DATABASE")?);
    let target = format!("uri = \"${{LAB}}\"\ndatabase = \"{database}\"");
    let suite = Suite::new("tag(data-quality)", "mongo", &target)?;
    let mut pairs = Pairs::default();
    let mut asked = 0;
    for round in 1..=rounds {
        let cable = Cable::to(&uri).await?;
        let took = suite.run(&cable.uri).await?;
        let questions = cable.questions();
        asked = questions.len();
        message(&format!(
            "round {round} of {rounds}: the suite asked {asked} questions in {:.2} s",
            took.seconds
        ));
        let by_hand = ask_by_hand(&uri, &questions).await?;
        message(&format!("round {round} of {rounds}: by hand {by_hand:.2} s"));
        pairs.add(&took, by_hand);
    }
    sandbox.stop().await;
    Ok(vec![pairs.measured(format!("{recordings} recordings, {asked} questions"), "by hand")?])
}

/// A question to a database.
#[derive(Clone, Debug)]
struct Question {
    database: String,
    command: Document,
}

/// Asks the questions with the driver alone, and says how long that took, in seconds.
async fn ask_by_hand(uri: &str, questions: &[Question]) -> anyhow::Result<f64> {
    let began = Instant::now();
    let client = Client::with_uri_str(uri).await?;
    futures_util::stream::iter(questions.iter().cloned())
        .map(|question| ask(client.clone(), question))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<()>>()
        .await?;
    client.shutdown().await;
    Ok(began.elapsed().as_secs_f64())
}

async fn ask(client: Client, Question { database, command }: Question) -> mongodb::error::Result<()> {
    let database = client.database(&database);
    let name = command.keys().next().map(String::as_str).unwrap_or_default();
    if ["aggregate", "find", "listIndexes", "listCollections"].contains(&name)
        && command.get("explain").is_none()
    {
        let mut rows = database.run_cursor_command(command).await?;
        while rows.try_next().await?.is_some() {}
    } else {
        // What the server refuses to the suite it refuses here too.
        let _ = database.run_command(command).await;
    }
    Ok(())
}

/// Passes bytes on in both directions, and notes what is asked.
struct Cable {
    uri: String,
    noted: Arc<Mutex<Vec<Question>>>,
}

impl Cable {
    /// A cable to the server of that URI.
    async fn to(uri: &str) -> anyhow::Result<Self> {
        let (start, rest) = uri.split_once("://").context("the URI has no scheme")?;
        let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let (server, options) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let at = if user.is_empty() { "" } else { "@" };
        let uri = format!("{start}://{user}{at}{}/{options}", listener.local_addr()?);
        let noted = Arc::new(Mutex::new(Vec::new()));
        let (server, log) = (server.to_owned(), Arc::clone(&noted));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&server).await else { break };
                let ((from_near, mut to_near), (mut from_far, to_far)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_far, &mut to_near).await });
                tokio::spawn(note(from_near, to_far, Arc::clone(&log)));
            }
        });
        Ok(Self { uri, noted })
    }

    /// What was asked so far, without what belongs to connections.
    fn questions(&self) -> Vec<Question> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = |question: &Question| question.command.keys().next().cloned().unwrap_or_default();
        noted
            .into_iter()
            .filter(|question| !CONNECTION.contains(&name(question).as_str()))
            .filter(|question| name(question) != "getMore")
            .collect()
    }
}

async fn note(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    log: Arc<Mutex<Vec<Question>>>,
) -> std::io::Result<()> {
    loop {
        let mut header = [0; 16];
        from.read_exact(&mut header).await?;
        let word =
            |at: usize| i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = usize::try_from(word(0)).unwrap_or_default().saturating_sub(header.len());
        let mut body = vec![0; length];
        from.read_exact(&mut body).await?;
        // Flags take four bytes, then the kind of the first section: 0 is a document.
        if word(12) == OP_MSG
            && body.get(4) == Some(&0)
            && let Ok(mut command) = Document::from_reader(&body[5..])
        {
            let database = command.get_str("$db").unwrap_or_default().to_owned();
            for ours in ["$db", "lsid", "$clusterTime", "$readPreference", "txnNumber"] {
                command.remove(ours);
            }
            log.lock().unwrap_or_else(PoisonError::into_inner).push(Question { database, command });
        }
        to.write_all(&header).await?;
        to.write_all(&body).await?;
    }
}
