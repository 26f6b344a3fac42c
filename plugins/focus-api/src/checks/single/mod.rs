//! Views of a single channel.

mod accepted;
mod consistent;
mod refused;
