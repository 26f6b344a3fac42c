//! A way to a target through one or two SSH hosts, by the system's own `ssh`.
//!
//! A [`Tunnel`] is a port on the loopback that leads to one address behind the hosts. Host keys are always verified,
//! nothing is ever asked interactively, and the configuration of the user who runs this is not read. The `ssh` that holds
//! the tunnel open ends with it.

mod config;
mod error;
mod hop;
mod process;
mod settings;

pub use error::TunnelError;
pub use process::Tunnel;
pub use settings::TunnelSettings;
