//! The `shakedown` program: builds it in the right profile and becomes it.

use crate::Failure;
use crate::workspace::cargo;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// How the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build: the default.
    Dev,
    /// Optimised.
    Release,
}

impl Profile {
    /// The profile that `SHAKEDOWN_PROFILE` asks for.
    pub(crate) fn chosen() -> Result<Self, Failure> {
        Self::of(std::env::var_os("SHAKEDOWN_PROFILE").as_ref())
    }

    fn of(word: Option<&OsString>) -> Result<Self, Failure> {
        let Some(word) = word else { return Ok(Self::Dev) };
        match word.to_str() {
            Some("" | "dev") => Ok(Self::Dev),
            Some("release") => Ok(Self::Release),
            _ => Err(format!("SHAKEDOWN_PROFILE is `{}`, but must be `dev` or `release`", word.display())),
        }
    }

    /// The folder below the target directory.
    const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds the program and returns its path.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, Failure> {
    let mut command = cargo("build");
    command.args(["--package", "shakedown"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(
            "the shakedown program was not built, so nothing was run; cargo's messages above say why"
                .to_owned(),
        );
    }
    beside_us(profile)
}

/// The program lies in the target directory that we were built into, wherever the user has put that.
fn beside_us(profile: Profile) -> Result<PathBuf, Failure> {
    let us = std::env::current_exe().map_err(|error| format!("cannot tell where xtask lies: {error}"))?;
    let target =
        us.ancestors().nth(2).ok_or_else(|| format!("{} lies in no target directory", us.display()))?;
    Ok(target.join(profile.folder()).join(format!("shakedown{}", std::env::consts::EXE_SUFFIX)))
}

/// Builds the program and becomes it, so that signals and the exit code are its own.
pub(crate) fn hand_over(profile: Profile, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let program = build(profile)?;
    let mut command = Command::new(&program);
    command.args(arguments);
    become_it(&mut command).map_err(|error| format!("cannot start {}: {error}", program.display()))
}

#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    // Returns only if it fails.
    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(crate::USAGE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_profile_is_refused_by_name() {
        assert_eq!(Profile::of(None), Ok(Profile::Dev));
        assert_eq!(Profile::of(Some(&"release".into())), Ok(Profile::Release));
        let failure = Profile::of(Some(&"fast".into())).unwrap_err();
        assert_eq!(failure, "SHAKEDOWN_PROFILE is `fast`, but must be `dev` or `release`");
    }
}
