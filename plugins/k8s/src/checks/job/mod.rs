//! The jobs of Focus Server as the cluster sees them. Each check starts one, through the books of the target `focus-api`.

mod auto_cleanup;
mod cancel;
mod events;
mod label;
pub(super) mod names;
mod observability;
mod pending;
mod pod_spawn;
mod port;
mod resources;
mod started;
mod r#type;

pub(super) use names::{CLEANUP, GRPC};

/// What every check requires whose question begins with a job: a server that starts them, and a cluster that shows pods.
const STARTS: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.config.valid",
    "k8s.list.pods",
];

/// What every check requires that looks at the pod of a job.
const RUNS: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.config.valid",
    "k8s.list.pods",
    "k8s.job.pod-spawn",
    "k8s.job.pending",
];

/// The further target of all of them.
const ALSO: &[&str] = &["focus-api"];

/// The group of checks that start jobs.
const JOBS: Option<&str> = Some("focus-jobs");
