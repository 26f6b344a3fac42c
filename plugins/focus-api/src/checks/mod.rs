//! The checks, one to a file; the path of the file is the rest of the id.

mod ack;
mod calc;
mod channels;
mod config;
mod data;
mod e2e;
mod err;
mod fiber;
mod historic;
mod jobmeta;
mod jobs;
mod latency;
mod live;
mod livemeta;
mod orchestration;
mod prelaunch;
mod recordings;
mod response;
mod rollback;
mod sec;
mod sensors;
mod single;
mod stability;
mod startup;
mod task;
mod taskmeta;
mod view;
mod waterfall;

/// What every check that starts jobs requires: a server that answers, and a fiber that a valid request can be made for.
const READY: &[&str] = &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready"];

/// What every check requires whose question begins with a job.
const STARTS: &[&str] =
    &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.config.valid"];

/// What every check requires that plays back recorded time.
const HISTORY: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.config.valid",
    "focus-api.prelaunch.historic-data",
];

/// What every check requires of the planned interface.
const SENSORS: &[&str] =
    &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.sensors.list"];

/// What every check requires whose question begins with a task of the planned interface.
const TASKS: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.sensors.list",
    "focus-api.task.valid",
];

/// What every check requires that reads the rows of a task.
const ROWS: &[&str] = &[
    "focus-api.ack.ok",
    "focus-api.channels.ok",
    "focus-api.fiber.ready",
    "focus-api.sensors.list",
    "focus-api.task.valid",
    "focus-api.taskmeta.valid",
];

/// The group of checks that start jobs.
const JOBS: Option<&str> = Some("focus-jobs");
