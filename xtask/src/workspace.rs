//! Where the workspace is, and how to run cargo in it.

use crate::Failure;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The beginnings of the names of variables in which cargo describes the package that it runs.
const OURS: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The workspace's directory.
pub(crate) fn root() -> PathBuf {
    // Cargo says where it runs us from; the place where we were compiled may have moved, with a restored cache.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().unwrap_or(&here).to_owned()
}

/// A cargo command on this workspace. It runs in the caller's directory, as the cargo that runs us does.
pub(crate) fn cargo(verb: &str) -> Command {
    // Cargo names itself, so that a toolchain chosen on the command line is kept.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(verb).arg("--manifest-path").arg(root().join("Cargo.toml"));
    // What the cargo that runs us says of our own package: build scripts that look at it would run again, and what depends on
    // them would be compiled again, whenever cargo is run by hand in between.
    for (name, _) in std::env::vars_os() {
        let said = name.to_str().is_some_and(|name| OURS.iter().any(|prefix| name.starts_with(prefix)));
        if said {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command after printing it.
pub(crate) fn run_shown(command: &mut Command) -> Result<ExitStatus, Failure> {
    eprintln!("$ {}", shown(command));
    command.status().map_err(|error| format!("cannot run {}: {error}", shown(command)))
}

/// A command as a person would type it, without the path to the manifest.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    let mut arguments = command.get_args();
    while let Some(argument) = arguments.next() {
        if argument == "--manifest-path" {
            arguments.next();
        } else {
            words.push(argument.to_string_lossy().into_owned());
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_builds_the_same_whoever_runs_it() {
        // This test is run by cargo, too.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let command = cargo("test");
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert!(removed.iter().any(|(name, _)| *name == "CARGO_PKG_NAME"), "{removed:?}");
        assert!(removed.iter().any(|(name, _)| *name == "CARGO_MANIFEST_DIR"), "{removed:?}");
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = cargo("test");
        command.args(["--workspace", "--no-fail-fast"]);
        assert_eq!(shown(&command), "cargo test --workspace --no-fail-fast");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.starts_with("[workspace]"), "{manifest}");
    }
}
