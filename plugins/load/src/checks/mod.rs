//! The checks, one to a file; the path of the file is the rest of the id.
//!
//! One cause is one failure: a check of much load requires the one of less, so that whatever the server does not bear is
//! reported by the first that finds it, and the others are skipped, naming that one.

mod cancel_many;
mod capacity;
mod concurrent;
mod data_quality;
mod exhaustion;
mod gets;
mod historic;
mod live;
mod mixed;
mod network;
mod pattern;
mod payload;
mod peak;
mod ramp;
mod recovery;
mod requests;
mod soak;
mod spike;
mod standing;
mod steady;
mod sustained;
mod tasks;
mod users;
mod waterfall;

/// What every check requires that starts jobs: a server that does so for somebody who asks alone.
const STARTS: &[&str] =
    &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.config.valid"];

/// What every check requires that starts many at once.
const STARTS_SEVERAL: &[&str] = &["focus-api.config.valid", "load.concurrent.create"];
