//! `new-plugin`: a plugin that is linked, tested and proven from the start, to be made one's own.

mod name;
mod outside;
mod suite;
mod template;

use crate::workspace::root;
use crate::{Failure, codegen};
use name::Name;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use template::Files;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    name: Name,
    /// A workspace outside this repository, which is made where it is not there.
    outside: Option<PathBuf>,
    /// From where that workspace takes Shakedown; without it, from this directory.
    git: Option<String>,
    /// Leave what needs the program to a later `codegen`.
    no_build: bool,
}

pub(crate) fn new_plugin(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let request = Request::read(arguments)?;
    match &request.outside {
        Some(folder) => outside::new_plugin(&request.name, folder, request.git.as_deref()),
        None => new_plugin_here(&request.name, request.no_build),
    }
}

impl Request {
    fn read(arguments: &[OsString]) -> Result<Self, Failure> {
        use lexopt::prelude::{Long, Value};
        let told = |error: lexopt::Error| format!("new-plugin: {error}");
        let (mut name, mut outside, mut git, mut no_build) = (None, None, None, false);
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(told)? {
            match argument {
                Value(text) if name.is_none() => name = Some(Name::read(&text.to_string_lossy())?),
                Long("outside") => outside = Some(parser.value().map_err(told)?.into()),
                Long("git") => git = Some(parser.value().map_err(told)?.to_string_lossy().into_owned()),
                Long("no-build") => no_build = true,
                other => return Err(told(other.unexpected())),
            }
        }
        let name = name.ok_or("new-plugin: which? `cargo xtask new-plugin NAME`")?;
        if git.is_some() && outside.is_none() {
            return Err(
                "new-plugin: `--git` says where a workspace outside takes Shakedown from; name it with \
                        `--outside DIR`"
                    .to_owned(),
            );
        }
        Ok(Self { name, outside, git, no_build })
    }
}

/// A plugin in this repository.
fn new_plugin_here(name: &Name, no_build: bool) -> Result<ExitCode, Failure> {
    let root = root();
    let folder = root.join("plugins").join(name.kebab());
    // Everything that can go wrong is looked at before anything is written.
    refuse_taken(name, &[&folder, &root.join("crates").join(name.kebab())])?;
    let checks = Edit::of(root.join("checks.toml"), |text| suite::added(text, name))?;
    Files::of_plugin(name).place(&scratch(&root, name), &folder, &root)?;
    checks.write()?;
    // Links it, builds the program, and writes what is generated from it.
    if no_build {
        println!("cargo xtask codegen                       links it");
    } else if codegen::codegen(&[])? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", advice(name));
    Ok(ExitCode::SUCCESS)
}

/// Nothing is ever overwritten, and no two packages may have one name.
fn refuse_taken(name: &Name, folders: &[&Path]) -> Result<(), Failure> {
    match folders.iter().find(|folder| folder.exists()) {
        Some(there) => Err(format!(
            "the name `{}` is taken by {}; choose another, or remove that first",
            name.kebab(),
            there.display()
        )),
        None => Ok(()),
    }
}

/// Where a plugin is made before it is put into its place; version control ignores it.
fn scratch(workspace: &Path, name: &Name) -> PathBuf {
    workspace.join(".shakedown").join(format!("new-{}-{}", name.kebab(), std::process::id()))
}

/// A file of the user's that is to be changed: what it will be, before anything is written.
struct Edit {
    path: PathBuf,
    text: String,
}

impl Edit {
    fn of(path: PathBuf, change: impl FnOnce(&str) -> Result<String, Failure>) -> Result<Self, Failure> {
        let text = read(&path)?;
        let text = change(&text).map_err(|problem| format!("{}: {problem}", path.display()))?;
        Ok(Self { path, text })
    }

    fn write(&self) -> Result<(), Failure> {
        fs::write(&self.path, &self.text)
            .map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// What to do next.
fn advice(name: &Name) -> String {
    let (kebab, upper, package, title) = (name.kebab(), name.upper(), name.package(), name.title());
    format!(
        "\
plugins/{kebab} is there: linked, documented, and in the suite `{kebab}` of checks.toml. See it work:
  cargo xtask list -E 'plugin({kebab})'
  cargo xtask prove -E 'plugin({kebab})'
  cargo xtask test -p {package}
Then make it yours, in this order:
  plugins/{kebab}/src/client.rs             what can be asked of {title}
  plugins/{kebab}/src/sandbox.rs            what stands in for it, and its faults
  plugins/{kebab}/src/checks/backlog.rs     what is asked, why it matters, how to mend it
  cargo xtask codegen                       after every change of an id, a parameter or a doc comment
Where it runs for real, checks.toml must say how to reach it:
  [environments.staging.targets.{kebab}]
  base_url = \"${{SHAKEDOWN_STAGING_{upper}_URL}}\"
docs/plugin.md leads through all of it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Request, Failure> {
        Request::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn reads_what_is_asked_for() {
        let name = Name::read("moon").unwrap();
        assert_eq!(
            read(&["moon"]),
            Ok(Request { name: name.clone(), outside: None, git: None, no_build: false })
        );
        let git = Some("https://git.example.com/shakedown".to_owned());
        let outside = Some("../acme".into());
        let words = ["--outside", "../acme", "moon", "--git", "https://git.example.com/shakedown"];
        assert_eq!(read(&words), Ok(Request { name, outside, git, no_build: false }));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (words, refusal) in [
            (&[][..], "new-plugin: which? `cargo xtask new-plugin NAME`"),
            (&["moon", "sun"], "new-plugin: unexpected argument \"sun\""),
            (&["moon", "--outsid", "x"], "new-plugin: invalid option '--outsid'"),
            (&["moon", "--outside"], "new-plugin: missing argument for option '--outside'"),
        ] {
            assert_eq!(read(words).unwrap_err(), refusal);
        }
        assert!(read(&["moon", "--git", "x"]).unwrap_err().ends_with("`--outside DIR`"));
    }
}
