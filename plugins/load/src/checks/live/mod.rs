//! Live views under load: [`climb`] holds more and more of them open, by four plans; [`lifecycle`] times the phases of one.
//! [`held`] is a job whose stream is held open, for other checks too.

mod burst;
mod climb;
mod gradual;
pub(in crate::checks) mod held;
mod lifecycle;
mod quick;
mod sla;
mod stability;
mod step;
