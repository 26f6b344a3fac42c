//! A server that speaks MongoDB's protocol and says whatever a test wants.

use mongodb::bson::{Bson, Document, doc};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OP_MSG: i32 = 2013;
const HEADER: usize = 16;

/// What to answer to a command.
pub(crate) enum Say {
    /// A document, as the protocol wants it.
    Document(Document),
    /// The bytes of a document, as the protocol wants it.
    Encoded(Vec<u8>),
    /// Bytes in place of a message.
    Bytes(Vec<u8>),
    /// A header that announces this many bytes, and then as many as anybody takes in.
    Endless(i32),
    /// Nothing, ever.
    Nothing,
}

type Answers = dyn Fn(&Document) -> Option<Say> + Send + Sync;

/// A running liar. It ends with the test's runtime.
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Liar {
    /// Answers what `lie` answers; to what it leaves alone, as an honest server with one collection of recordings.
    pub(crate) async fn start(lie: impl Fn(&Document) -> Option<Say> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lie, sent): (Arc<Answers>, _) = (Arc::new(lie), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&lie), Arc::clone(&counter)));
            }
        });
        Self { address, sent }
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://{}/?directConnection=true", self.address)
    }

    /// How many bytes clients have taken in.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

async fn serve(mut client: TcpStream, lie: Arc<Answers>, sent: Arc<AtomicU64>) {
    let mut header = [0; HEADER];
    while client.read_exact(&mut header).await.is_ok() {
        let number = |at: usize| i32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let mut body = vec![0; usize::try_from(number(0)).unwrap() - HEADER];
        if client.read_exact(&mut body).await.is_err() {
            return;
        }
        let command = Document::from_reader(&body[5..]).unwrap();
        let message = |document: &[u8]| {
            let length = i32::try_from(HEADER + 5 + document.len()).unwrap();
            let header: Vec<u8> =
                [length, 1, number(4), OP_MSG].iter().flat_map(|it| it.to_le_bytes()).collect();
            [header.as_slice(), &[0; 5], document].concat()
        };
        let bytes = match lie(&command).unwrap_or_else(|| Say::Document(truth(&command))) {
            Say::Document(document) => message(&document.to_vec().unwrap()),
            Say::Encoded(document) => message(&document),
            Say::Bytes(bytes) => bytes,
            Say::Nothing => continue,
            Say::Endless(length) => {
                let start: Vec<u8> =
                    [length, 1, number(4), OP_MSG].iter().flat_map(|it| it.to_le_bytes()).collect();
                if client.write_all(&start).await.is_err() {
                    return;
                }
                let drop = [0; 1024];
                while client.write_all(&drop).await.is_ok() {
                    sent.fetch_add(drop.len() as u64, Ordering::Relaxed);
                    // Slowly, so that it is time that runs out and not memory.
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                return;
            }
        };
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if client.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// A first batch of rows, and the last.
pub(crate) fn rows(rows: Vec<Document>) -> Document {
    doc! { "ok": 1.0, "cursor": { "id": 0_i64, "ns": "prisma.x", "firstBatch": rows } }
}

/// What an honest server says of itself.
pub(crate) fn hello() -> Document {
    doc! {
        "ok": 1.0, "helloOk": true, "isWritablePrimary": true, "ismaster": true, "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 25,
        "readOnly": false,
    }
}

fn truth(command: &Document) -> Document {
    let (name, value) = command.iter().next().unwrap();
    let base_path = doc! { "base_path": "/prisma/root/recordings", "is_archive": false, "guid": "abc" };
    match (name.as_str(), value) {
        ("hello" | "ismaster" | "isMaster", _) => hello(),
        ("buildInfo", _) => doc! { "ok": 1.0, "version": "8.0.0" },
        ("listCollections", _) => {
            let named = |name: &str| doc! { "name": name, "type": "collection" };
            rows(vec![named("base_paths"), named("abc")])
        }
        ("listIndexes", _) => rows(vec![doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" }]),
        ("aggregate" | "find", Bson::String(collection)) if collection == "base_paths" => {
            rows(vec![base_path])
        }
        ("aggregate" | "find", _) => rows(Vec::new()),
        _ => doc! { "ok": 1.0 },
    }
}
