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

/// Where the schemas of what the program prints are kept.
const SCHEMAS: &str = "docs/schemas";
/// The schemas of files that users meet by themselves; these are kept where they are looked for.
const OF_FILES: [&str; 2] = ["checks", "run"];

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
fn generate(mode: Mode) -> Result<Vec<String>, Failure> {
    let root = root();
    let mut stale = Vec::new();
    let mut settle = |file: &str, text: &str| -> Result<(), Failure> {
        if !is_current(&root.join(file), text) {
            match mode {
                Mode::Check => stale.push(file.to_owned()),
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
    let ask = |arguments: &[&str]| output(Command::new(&program).args(arguments).current_dir(&root));
    settle("docs/checks.md", &ask(&["catalogue"])?)?;
    let listed = ask(&["schema"])?;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in &names {
        settle(&place(name), &ask(&["schema", name])?)?;
    }
    for file in left_over(&root.join(SCHEMAS), &names)? {
        match mode {
            Mode::Check => stale.push(format!("{SCHEMAS}/{file}")),
            Mode::Write => {
                let path = root.join(SCHEMAS).join(&file);
                fs::remove_file(&path)
                    .map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
                eprintln!("removed: {}", path.display());
            }
        }
    }
    Ok(stale)
}

/// The file of a schema.
fn place(name: &str) -> String {
    let folder = if OF_FILES.contains(&name) { "docs" } else { SCHEMAS };
    format!("{folder}/{name}.schema.json")
}

/// The files in the folder of schemas that are those of no schema.
fn left_over(folder: &Path, names: &[&str]) -> Result<Vec<String>, Failure> {
    let wanted: Vec<String> = names.iter().map(|name| format!("{name}.schema.json")).collect();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", folder.display())),
    };
    let mut files: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    files.retain(|file| !wanted.contains(file));
    files.sort();
    Ok(files)
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
