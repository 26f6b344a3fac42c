//! The bench at a server of the test's own.

use crate::server::Server;
use jiff::Timestamp;
use serde_json::Value;
use shakedown_core::budget::Budget;
use shakedown_core::target::LiveTarget;
use shakedown_core::{Clock, TargetError};
use shakedown_testkit::{Bench, PATIENCE};
use std::sync::Arc;

/// Connects as the runner would.
pub(crate) async fn connect(settings: Value) -> Result<Arc<dyn LiveTarget>, TargetError> {
    shakedown_testkit::connect("focus-api", settings, PATIENCE).await
}

/// A bench for this server.
pub(crate) async fn at(server: &Server) -> Bench {
    with_jobs(server, 500).await
}

/// The same where so many jobs may exist at once.
pub(crate) async fn with_jobs(server: &Server, limit: usize) -> Bench {
    on(server.settings(), limit).await
}

/// A bench for whatever these settings lead to. Its time passes only where a test says so.
pub(crate) async fn on(settings: Value, limit: usize) -> Bench {
    let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
    let mut bench = Bench::at("focus-api", settings).await.unwrap();
    bench.jobs = Budget::new(limit, clock.clone());
    bench.clock = clock;
    bench
}
