//! The generated files: writes them, or says which are out of date.

use crate::Failure;
use crate::bundle;
use crate::product::{self, Profile};
use crate::workspace::root;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The command that mends a file that is out of date.
const MEND: &str = "cargo xtask codegen";

/// The files that the program itself writes, and its arguments for each.
const BY_THE_PROGRAM: [(&str, &[&str]); 3] = [
    ("docs/checks.schema.json", &["schema", "checks"]),
    ("docs/run.schema.json", &["schema", "run"]),
    ("docs/checks.md", &["catalogue"]),
];

/// Whether to mend what is out of date.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Check,
}

pub(crate) fn codegen(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let stale = generate(mode(arguments)?)?;
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("out of date: {}\nto mend this: {MEND}", stale.join(", "));
    Ok(ExitCode::FAILURE)
}

fn mode(arguments: &[OsString]) -> Result<Mode, Failure> {
    let mut mode = Mode::Write;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("check") => mode = Mode::Check,
            other => return Err(format!("codegen: {}", other.unexpected())),
        }
    }
    Ok(mode)
}

/// Goes through all generated files and returns those that are still out of date.
fn generate(mode: Mode) -> Result<Vec<&'static str>, Failure> {
    let root = root();
    let mut stale = Vec::new();
    let mut settle = |file: &'static str, text: &str| -> Result<(), Failure> {
        if !is_current(&root.join(file), text) {
            match mode {
                Mode::Check => stale.push(file),
                Mode::Write => write(&root.join(file), text)?,
            }
        }
        Ok(())
    };
    // First the bundle: the program is built from it.
    let plugins = bundle::plugins_in(&root.join("plugins"))?;
    settle("crates/bundle/Cargo.toml", &bundle::manifest(&plugins))?;
    settle("crates/bundle/src/lib.rs", &bundle::source(&plugins))?;
    let program = product::build(Profile::Dev)?;
    for (file, arguments) in BY_THE_PROGRAM {
        settle(file, &output(Command::new(&program).args(arguments).current_dir(&root))?)?;
    }
    Ok(stale)
}

fn is_current(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|present| present == text.as_bytes())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    eprintln!("written: {}", path.display());
    Ok(())
}

/// What a command prints, which must be something.
fn output(command: &mut Command) -> Result<String, Failure> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let what = format!("`shakedown {}`", words.join(" "));
    let output = command.output().map_err(|error| format!("cannot run {what}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    match String::from_utf8(output.stdout) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("{what} printed no text")),
    }
}

/// Fails where a file is out of date, naming the command that mends it.
pub(crate) fn check() -> Result<ExitCode, Failure> {
    codegen(&["--check".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_links_exactly_the_plugins() {
        let plugins = bundle::plugins_in(&root().join("plugins")).unwrap();
        assert!(!plugins.is_empty());
        for (file, text) in
            [("Cargo.toml", bundle::manifest(&plugins)), ("src/lib.rs", bundle::source(&plugins))]
        {
            let path = root().join("crates/bundle").join(file);
            assert!(is_current(&path, &text), "{} is out of date; to mend this: {MEND}", path.display());
        }
    }

    #[test]
    fn knows_its_one_flag() {
        assert!(mode(&["--check".into()]).is_ok_and(|mode| mode == Mode::Check));
        assert!(mode(&[]).is_ok_and(|mode| mode == Mode::Write));
        assert_eq!(mode(&["--chek".into()]).err().as_deref(), Some("codegen: invalid option '--chek'"));
    }
}
