//! The sandbox as its users see it.

mod focus;
mod mongo;
mod sandbox;
mod support;
