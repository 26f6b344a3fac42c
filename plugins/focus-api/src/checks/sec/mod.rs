//! Security: what hostile requests can do, what errors give away, who may ask, and who can read along.

mod auth;
mod csrf;
mod exposure;
mod https;
mod injection;
mod malformed;
mod rate;
mod sanitise;
mod xss;

pub(super) use exposure::provocations;
