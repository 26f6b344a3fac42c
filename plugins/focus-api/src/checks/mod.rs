//! The checks, one to a file; the path of the file is the rest of the id.

mod ack;
mod channels;
mod config;
mod fiber;
mod latency;
mod livemeta;
mod prelaunch;

/// What every check that starts jobs requires: a server that answers, and a fiber that a valid request can be made for.
const READY: &[&str] = &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready"];

/// The group of checks that start jobs.
const JOBS: Option<&str> = Some("focus-jobs");
