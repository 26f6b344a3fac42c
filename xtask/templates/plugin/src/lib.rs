//! Checks of __Title__: how it is reached, what is asked of it, and what stands in for it in the sandbox.

mod checks;
mod client;
mod sandbox;
mod target;

pub use client::Client;
pub use target::{Service, Settings};
