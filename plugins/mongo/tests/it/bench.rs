//! The bench at the sandbox's MongoDB, or at any other.

use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use serde_json::{Value, json};
use shakedown_core::TargetError;
use shakedown_core::registry::registered_checks;
use shakedown_core::target::LiveTarget;
use shakedown_testkit::{Bench, PATIENCE, Sandbox};
use std::sync::Arc;

/// A sandbox with nothing but MongoDB. None where that cannot be had; in CI that is a failure.
pub(crate) async fn sandbox(options: Value) -> Option<Sandbox> {
    shakedown_testkit::sandbox(&["mongo"], options).await
}

/// A sandbox with these faults, and a runner of checks there.
pub(crate) async fn broken(faults: &[&str]) -> Option<(Sandbox, Bench)> {
    let sandbox = sandbox(json!({ "faults": faults })).await?;
    let bench = at(settings(&sandbox)).await.unwrap();
    Some((sandbox, bench))
}

/// A small one with a Focus Server beside MongoDB.
pub(crate) async fn with_focus(faults: &[&str]) -> Option<Bench> {
    Bench::start(&["mongo", "focus-api"], json!({ "faults": faults, "recordings": 60 })).await
}

/// A runner of checks at a MongoDB.
pub(crate) async fn at(settings: Value) -> Result<Bench, TargetError> {
    Bench::at("mongo", settings).await
}

/// The settings with which the plugin reaches a sandbox.
pub(crate) fn settings(sandbox: &Sandbox) -> Value {
    sandbox.settings()["mongo"].clone()
}

/// The sandbox's database, for a test to change it.
pub(crate) async fn database(sandbox: &Sandbox) -> Database {
    let settings = settings(sandbox);
    let options = ClientOptions::parse(settings["uri"].as_str().unwrap()).await.unwrap();
    Client::with_options(options).unwrap().database(settings["database"].as_str().unwrap())
}

/// Connects as the runner would.
pub(crate) async fn connect(settings: Value) -> Result<Arc<dyn LiveTarget>, TargetError> {
    shakedown_testkit::connect("mongo", settings, PATIENCE).await
}

/// Why connecting fails.
pub(crate) async fn refusal(settings: Value) -> TargetError {
    match connect(settings).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

/// Every check of the plugin.
pub(crate) fn all_checks() -> Vec<&'static str> {
    let mut ids: Vec<_> =
        registered_checks().map(|spec| spec.id).filter(|id| id.starts_with("mongo.")).collect();
    ids.sort_unstable();
    ids
}
