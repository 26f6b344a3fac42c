//! `checks.toml`: what is run where, with which settings, and what may be done to it.
//!
//! [`Config::read`] reads the file and validates it for every environment without connecting to anything: unknown keys,
//! ids and words are errors, all of them at once, each with its place and what would be right ([`Diagnostics`]).
//! [`Config::profile`] then resolves one environment into a [`Profile`]: inheritance, variables, overrides and waivers
//! applied. [`Selection`] is the language that suites, overrides and the command line select checks with.
//!
//! The way of the data: `source` (bytes to text) → `tree` (TOML with places) → `interpolate` (`${…}` found) → `inherit`
//! (`extends` merged) → `environment` (typed) → `params` (every check's settings) → `profile`. Validation and resolution
//! take the same way; only what a `${…}` will be is left open in the first.

mod config;
mod diagnostic;
mod environment;
mod escape;
mod fields;
mod hint;
mod inherit;
mod interpolate;
mod outline;
mod params;
mod profile;
mod reader;
mod schema;
mod secrets;
mod selection;
mod source;
mod suite;
mod target;
mod template;
mod tree;
mod xray;

pub use config::Config;
pub use diagnostic::{Described, Diagnostic, Diagnostics, Level};
pub use outline::Outline;
pub use profile::{CheckSettings, Policy, Profile, Project, Retries, TargetConfig, Unreachable};
pub use schema::schema;
pub use selection::{Selection, SelectionError, SelectionProblem};
pub use suite::Suite;
pub use xray::{Credentials, Product, Xray};
