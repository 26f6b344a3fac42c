//! Plugins outside this repository: a workspace with a program of its own, and plugins in it.

use super::name::Name;
use super::template::Files;
use super::{Edit, read, refuse_taken, scratch, suite};
use crate::Failure;
use crate::workspace::root;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The crates of Shakedown that such a workspace uses.
const CRATES: [&str; 4] = ["cli", "core", "http", "testkit"];

/// What its plugins use beside them, in the versions that Shakedown uses: types of both meet.
const VERSIONS: [&str; 5] = ["axum", "schemars", "serde", "serde_json", "tokio"];

/// A plugin in a workspace outside, which is made where it is not there.
pub(crate) fn new_plugin(name: &Name, folder: &Path, git: Option<&str>) -> Result<ExitCode, Failure> {
    let folder = resolved(folder)?;
    if folder.starts_with(resolved(&root())?) {
        return Err(format!(
            "{} lies within this repository: leave out `--outside`, or name a directory outside",
            folder.display()
        ));
    }
    if folder.join("Cargo.toml").exists() {
        if git.is_some() {
            let manifest = folder.join("Cargo.toml");
            return Err(format!("{} says where Shakedown comes from; leave out `--git`", manifest.display()));
        }
        add(name, &folder)?;
    } else {
        make(name, &folder, git)?;
    }
    println!(
        "\
{folder}/plugins/{name} is there, linked, and in the suite `{name}` of checks.toml. See it work:
  cd {folder}
  cargo run -- list
  cargo run -- prove
  cargo test",
        folder = folder.display(),
        name = name.kebab()
    );
    Ok(ExitCode::SUCCESS)
}

/// The directory without `..` and links; it need not be there, but its parent must.
fn resolved(folder: &Path) -> Result<PathBuf, Failure> {
    if let Ok(there) = folder.canonicalize() {
        return Ok(there);
    }
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match (absolute.parent().map(Path::canonicalize), absolute.file_name()) {
        (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
        _ => Err(format!(
            "{} cannot be made: the directory that it would lie in is not there",
            folder.display()
        )),
    }
}

/// A workspace with one plugin.
fn make(name: &Name, folder: &Path, git: Option<&str>) -> Result<(), Failure> {
    let program = folder.file_name().unwrap_or_default().to_string_lossy();
    let program = Name::read(&program)?;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is neither empty nor a workspace", folder.display()));
    }
    let root = root();
    let manifest = read(&root.join("Cargo.toml"))?;
    let mut files = Files::of_workspace(&[
        ("__name__", program.kebab()),
        ("__package__", &lines_of(&manifest, &["edition", "rust-version"])?),
        ("__crates__", &crates(&root, git)),
        ("__versions__", &lines_of(&manifest, &VERSIONS)?),
        ("__settings__", settings(&manifest)?),
    ]);
    for (file, link) in [
        ("Cargo.toml", depended as fn(&str, &Name) -> Result<String, Failure>),
        ("src/main.rs", linked),
        ("checks.toml", suite::added),
    ] {
        let text = files.text(file);
        *text = link(text, name)?;
    }
    // The same compiler, the same versions and the same style as here.
    for file in ["Cargo.lock", "rust-toolchain.toml", "rustfmt.toml"] {
        files.add(file, read(&root.join(file))?);
    }
    files.add_all(&format!("plugins/{}", name.kebab()), Files::of_plugin(name));
    let beside = format!(".{}-{}", program.kebab(), std::process::id());
    files.place(&folder.with_file_name(beside), folder, &root)
}

/// One more plugin in a workspace that was made so.
fn add(name: &Name, workspace: &Path) -> Result<(), Failure> {
    let folder = workspace.join("plugins").join(name.kebab());
    refuse_taken(name, &[&folder])?;
    let edits = [
        Edit::of(workspace.join("Cargo.toml"), |text| depended(text, name))?,
        Edit::of(workspace.join("src/main.rs"), |text| linked(text, name))?,
        Edit::of(workspace.join("checks.toml"), |text| suite::added(text, name))?,
    ];
    Files::of_plugin(name).place(&scratch(workspace, name), &folder, &root())?;
    edits.iter().try_for_each(Edit::write)
}

/// Where the crates of Shakedown come from.
fn crates(root: &Path, git: Option<&str>) -> String {
    let mut text = String::new();
    for name in CRATES {
        let place = match git {
            Some(url) => format!("git = {url:?}"),
            None => format!("path = '{}'", root.join("crates").join(name).display()),
        };
        let _ = writeln!(text, "shakedown-{name} = {{ {place} }}");
    }
    text.trim_end().to_owned()
}

/// The lines of this repository's manifest that set these keys.
fn lines_of(manifest: &str, keys: &[&str]) -> Result<String, Failure> {
    let line = |key: &&str| {
        let found =
            manifest.lines().find(|line| line.strip_prefix(*key).is_some_and(|rest| rest.starts_with(" = ")));
        found.ok_or_else(|| format!("Cargo.toml sets no `{key}`"))
    };
    Ok(keys.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// This repository's lints and profiles.
fn settings(manifest: &str) -> Result<&str, Failure> {
    let at = manifest.find("[workspace.lints").ok_or("Cargo.toml sets no lints")?;
    Ok(manifest[at..].trim_end())
}

/// The manifest of the program with the plugin as a dependency.
fn depended(manifest: &str, name: &Name) -> Result<String, Failure> {
    let header = "\n[dependencies]\n";
    let at =
        manifest.find(header).ok_or("there is no `[dependencies]` to which the plugin could be added")?;
    let (before, after) = manifest.split_at(at + header.len());
    Ok(format!("{before}{} = {{ path = \"plugins/{}\" }}\n{after}", name.package(), name.kebab()))
}

/// The source of the program with the plugin named, so that it is linked.
fn linked(main: &str, name: &Name) -> Result<String, Failure> {
    let at =
        main.find("\nfn main()").ok_or("there is no `fn main()` before which the plugin could be named")?;
    let (before, after) = main.split_at(at);
    Ok(format!("{}\nuse shakedown_{} as _;\n{after}", before.trim_end(), name.snake()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_linked_beside_those_that_are() {
        let [moon, sun] = ["moon", "sun"].map(|name| Name::read(name).unwrap());
        let main = "//! A program.\n\n// Named here.\n\nfn main() {}\n";
        let main = linked(&linked(main, &moon).unwrap(), &sun).unwrap();
        assert_eq!(
            main,
            "//! A program.\n\n// Named here.\nuse shakedown_moon as _;\nuse shakedown_sun as _;\n\nfn main() {}\n"
        );
        let manifest = depended("[package]\n\n[dependencies]\nx = \"1\"\n", &moon).unwrap();
        assert_eq!(
            manifest,
            "[package]\n\n[dependencies]\nshakedown-moon = { path = \"plugins/moon\" }\nx = \"1\"\n"
        );
        assert!(linked("", &moon).is_err() && depended("", &moon).is_err());
    }

    #[test]
    fn versions_and_lints_are_those_of_this_repository() {
        let manifest = read(&root().join("Cargo.toml")).unwrap();
        assert_eq!(lines_of(&manifest, &VERSIONS).unwrap().lines().count(), VERSIONS.len());
        assert!(settings(&manifest).unwrap().starts_with("[workspace.lints.rust]"));
        assert_eq!(
            lines_of(&manifest, &["no-such-crate"]).unwrap_err(),
            "Cargo.toml sets no `no-such-crate`"
        );
    }

    #[test]
    fn shakedown_comes_from_a_path_or_from_git() {
        let by_path = crates(Path::new("/src/shakedown"), None);
        assert!(by_path.contains("shakedown-core = { path = '/src/shakedown/crates/core' }"), "{by_path}");
        let by_git = crates(Path::new("/src"), Some("https://git.example.com/x"));
        let cli = "shakedown-cli = { git = \"https://git.example.com/x\" }";
        assert!(by_git.contains(cli), "{by_git}");
    }
}
