//! The sandbox as its users see it.

mod cluster;
mod focus;
mod kubernetes;
mod mongo;
mod sandbox;
mod support;
