//! The sandbox: an environment that can be had anywhere, and be broken on purpose.
//!
//! A [`Sandbox`] starts the registered parts, each on a free port of the loopback interface, and says with which
//! settings the plugins reach them. A fault is a named switch that makes one part misbehave; an incident is a named
//! set of faults. MongoDB is a real server, shared by all sandboxes of a process, with a database for each; Focus
//! Server and the Kubernetes cluster are simulated. Every part stands behind a proxy, so that it can go away while its server runs on.

mod faults;
mod focus;
mod incidents;
mod kubernetes;
mod mongo;
mod options;
mod proxy;
mod sandbox;
mod serving;

pub use focus::{JobTruth, OperationTruth, RowTruth, Served, Stall, Times, Truth};
pub use options::validate_options;
pub use sandbox::{Options, Sandbox, SandboxError};
