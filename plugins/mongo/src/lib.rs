//! Checks of the MongoDB behind Focus Server.
//!
//! [`Mongo`] is the target and [`MongoClient`] what checks talk to it with; `checks` holds one file per check. Asking
//! and judging are kept apart: what a check reads from the server becomes a plain value, and a pure function judges it.
//!
//! Nothing here writes to the database, fetches a whole collection, or picks a collection by what its name looks like.

mod answer;
mod brief;
mod checks;
mod client;
mod collect;
mod connection;
mod fixes;
mod layout;
mod monitor;
mod number;
mod observe;
mod permitted;
mod place;
mod right;
mod secrets;
mod target;
mod time;
mod tls;
mod trouble;

pub use client::MongoClient;
pub use layout::Recordings;
pub use target::{Mongo, Settings};

shakedown_core::register_target!(Mongo, "MongoDB");
