//! Runs every test of the workspace.

use crate::parts::{self, Part};
use crate::tally::Tally;
use crate::workspace::cargo;
use crate::{Failure, USAGE};
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// Runs the tests, doc tests included, and closes with what they came to.
pub(crate) fn test(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let parts = parts::look();
    let mut missing = Vec::new();
    for Part { name, provider } in &parts {
        match provider {
            Ok(provider) => println!("{name}: {provider}"),
            Err(command) => {
                println!("{name}: not to be had here; its tests are skipped. To provide it: {command}");
                missing.push(format!("{name} (to provide it: {command})"));
            }
        }
    }
    if in_ci() && !missing.is_empty() {
        eprintln!("in CI every part must be there; missing: {}", missing.join(", "));
        return Ok(ExitCode::from(USAGE));
    }
    let (status, tally) = counted(&mut command(arguments))?;
    if tally.is_empty() && arguments.is_empty() {
        return Err("no test was run".to_owned());
    }
    if !tally.is_empty() {
        println!("\n{tally}");
    }
    for part in missing {
        println!("skipped, for want of {part}");
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// `cargo test` on everything, or on the packages that the caller names.
fn command(arguments: &[OsString]) -> Command {
    let mut command = cargo("test");
    command.arg("--no-fail-fast");
    let names_packages = arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("-p") || argument == "--package" || argument.starts_with("--package=")
    });
    if !names_packages {
        command.arg("--workspace");
    }
    command.args(arguments);
    command
}

/// Runs a command, passes its output on and adds it up.
fn counted(command: &mut Command) -> Result<(ExitStatus, Tally), Failure> {
    let failed = |error: io::Error| format!("cannot run the tests: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut screen = io::stdout().lock();
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            screen.write_all(&line).map_err(failed)?;
            tally.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    Ok((child.wait().map_err(failed)?, tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        command(&arguments).get_args().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn tests_everything_unless_packages_are_named() {
        assert!(words(&[]).contains(&"--workspace".to_owned()));
        assert!(words(&["--", "-part"]).contains(&"--workspace".to_owned()));
        for narrow in
            [vec!["-p", "shakedown-core"], vec!["-pshakedown-core"], vec!["--package=shakedown-core", "id"]]
        {
            assert!(!words(&narrow).contains(&"--workspace".to_owned()), "{narrow:?}");
        }
    }
}
