//! The controllers: each looks at one object and brings the cluster closer to what it asks for.

pub(super) mod deployments;
pub(super) mod garbage;
pub(super) mod jobs;
pub(super) mod pods;
pub(super) mod replica_sets;
pub(super) mod scheduler;
pub(super) mod services;
pub(super) mod stateful_sets;
