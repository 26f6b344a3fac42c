//! A sandbox whose data a test may spoil, and a runner of checks at it.

use crate::bench;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use serde_json::{Value, json};
use shakedown_core::Outcome;
use shakedown_testkit::{Bench, Sandbox};

pub(crate) struct Site {
    sandbox: Sandbox,
    pub(crate) database: Database,
    bench: Bench,
}

impl Site {
    /// None where there is no MongoDB.
    pub(crate) async fn with(options: Value) -> Option<Self> {
        let sandbox = bench::sandbox(options).await?;
        let database = bench::database(&sandbox).await;
        let bench = bench::at(bench::settings(&sandbox)).await.unwrap();
        Some(Self { sandbox, database, bench })
    }

    /// A small healthy one.
    pub(crate) async fn healthy() -> Option<Self> {
        Self::with(json!({ "recordings": 60 })).await
    }

    /// A small one whose recordings have no index that would refuse a document.
    pub(crate) async fn unindexed() -> Option<Self> {
        Self::with(json!({ "recordings": 60, "faults": ["mongo.index-missing"] })).await
    }

    pub(crate) async fn inject(&self, fault: &str) {
        self.sandbox.inject(fault).await.unwrap();
    }

    /// The collection of the recordings.
    pub(crate) async fn recordings(&self) -> Collection<Document> {
        let paths = self.database.collection::<Document>("base_paths");
        let path = paths.find_one(doc! { "is_archive": false }).await.unwrap().unwrap();
        self.database.collection(path.get_str("guid").unwrap())
    }

    pub(crate) async fn run(&self, id: &str) -> Outcome {
        self.bench.run(id).await
    }

    pub(crate) async fn run_with(&self, id: &str, params: Value) -> Outcome {
        self.bench.run_with(id, params).await
    }

    pub(crate) async fn stop(self) {
        self.sandbox.stop().await;
    }
}
