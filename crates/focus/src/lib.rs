//! The target Focus Server, and what its contract says: for every plugin whose checks ask it or start jobs on it.
//!
//! [`target`] connects; [`client`] is the only way to `/configure` and keeps the books of the jobs that a check starts.
//! [`channels`], [`metadata`], [`recordings`], [`request`] and [`response`] know the contract of one message each, [`job`] what a valid
//! request starts, and [`stream`] the port of that,
//! [`planned`] the planned interface. [`document`] and [`wording`] read answers, [`outage`] puts a 503 down
//! to its cause with what [`suspects`] names, and [`doors`] are the other ways into the server.

pub mod channels;
pub mod client;
pub mod document;
pub mod doors;
pub mod job;
pub mod metadata;
pub mod outage;
pub mod planned;
pub mod recordings;
pub mod request;
pub mod response;
pub mod stream;
pub mod suspects;
pub mod target;
pub mod testing;
pub mod wording;
