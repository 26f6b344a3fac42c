//! What users write.

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// A table `tunnel` of a target: the SSH hosts that lead to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TunnelSettings {
    /// The hosts in order, one or two, each as `user@host:port`. User and port may be left out.
    pub hops: Vec<String>,
    /// The private key to log in with. Without one, the agent's keys and those of `~/.ssh` are tried.
    #[serde(default)]
    pub identity_file: Option<PathBuf>,
    /// The file that the hosts' keys are known from; `~/.ssh/known_hosts` and the system's where it is not set.
    #[serde(default)]
    pub known_hosts: Option<PathBuf>,
    /// Whether the keys of a running SSH agent may be used.
    #[serde(default = "yes")]
    pub agent: bool,
}

const fn yes() -> bool {
    true
}
