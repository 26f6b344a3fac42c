//! What is known of an environment without its variables: nothing is asked for, and no secret is read.

use crate::profile::{CheckSettings, Policy};
use std::collections::BTreeMap;

/// One environment as far as it can be read without its variables.
#[derive(Clone, Debug)]
pub struct Outline {
    /// What it is for, for example `capacity-target`.
    pub role: Option<String>,
    /// Whether it is the embedded sandbox.
    pub sandbox: bool,
    /// The kinds of the targets that it configures, sorted.
    pub targets: Vec<String>,
    /// What may be done to it.
    pub policy: Policy,
    /// The settings of every check by id; a parameter that stands on a variable is as it is written.
    pub checks: BTreeMap<&'static str, CheckSettings>,
}
