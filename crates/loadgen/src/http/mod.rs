//! HTTP as a load generator needs it: prebuilt requests over connections that belong to one user each.
//!
//! A [`Dialer`] knows the way to a server; each [`Wire`] that it gives out is the connection of one user. The
//! connection is driven by whoever waits for its answer, so that an answer wakes one task and not two.
//! [`Endpoint`] and [`Held`] are ready scenarios over it.

mod answer;
mod dialer;
mod endpoint;
mod held;
mod link;
mod request;
mod settings;
mod stream;
mod tls;
mod wire;

pub use answer::{Answer, Discard, Lines, Reader, Sampling};
pub use dialer::Dialer;
pub use endpoint::Endpoint;
pub use held::Held;
pub use request::Request;
pub use settings::{Connections, Protocol, WireSettings};
pub use wire::Wire;
