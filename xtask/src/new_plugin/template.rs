//! The files of a new plugin and of a new workspace, from the templates beside the sources.

use super::name::Name;
use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A template: the path of the file that it becomes, and its text.
type Template = (&'static str, &'static str);

macro_rules! template {
    ($folder:literal, $path:literal, $from:literal) => {
        ($path, include_str!(concat!("../../templates/", $folder, "/", $from)))
    };
    ($folder:literal, $path:literal) => {
        template!($folder, $path, $path)
    };
}

const PLUGIN: [Template; 10] = [
    // Not called `Cargo.toml`: who depends on this repository by git would have it read as a package.
    template!("plugin", "Cargo.toml", "Cargo.toml.in"),
    template!("plugin", "README.md"),
    template!("plugin", "src/lib.rs"),
    template!("plugin", "src/target.rs"),
    template!("plugin", "src/client.rs"),
    template!("plugin", "src/sandbox.rs"),
    template!("plugin", "src/checks/mod.rs"),
    template!("plugin", "src/checks/backlog.rs"),
    template!("plugin", "tests/it/main.rs"),
    template!("plugin", "tests/it/backlog.rs"),
];

const WORKSPACE: [Template; 5] = [
    template!("workspace", "Cargo.toml", "Cargo.toml.in"),
    template!("workspace", "README.md"),
    template!("workspace", ".gitignore", "gitignore"),
    template!("workspace", "checks.toml"),
    template!("workspace", "src/main.rs"),
];

/// Files that are about to be written.
pub(crate) struct Files(Vec<(PathBuf, String)>);

impl Files {
    /// A plugin of that name.
    pub(crate) fn of_plugin(name: &Name) -> Self {
        let (snake, upper, title) = (name.snake(), name.upper(), name.title());
        Self::rendered(
            &PLUGIN,
            &[
                ("__name__", name.kebab()),
                ("__snake__", &snake),
                ("__UPPER__", &upper),
                ("__Title__", &title),
            ],
        )
    }

    /// A workspace outside this repository; `words` are what its templates leave open.
    pub(crate) fn of_workspace(words: &[(&str, &str)]) -> Self {
        Self::rendered(&WORKSPACE, words)
    }

    fn rendered(templates: &[Template], words: &[(&str, &str)]) -> Self {
        let render = |text: &str| {
            words.iter().fold(text.to_owned(), |text, (placeholder, word)| text.replace(placeholder, word))
        };
        Self(templates.iter().map(|(path, text)| (path.into(), render(text))).collect())
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, path: impl Into<PathBuf>, text: String) {
        self.0.push((path.into(), text));
    }

    /// Adds files in a folder.
    pub(crate) fn add_all(&mut self, folder: &str, files: Self) {
        self.0.extend(files.0.into_iter().map(|(path, text)| (Path::new(folder).join(path), text)));
    }

    /// The text of a file, to be changed.
    pub(crate) fn text(&mut self, path: &str) -> &mut String {
        let found = self.0.iter_mut().find(|(name, _)| name == Path::new(path));
        &mut found.unwrap_or_else(|| panic!("no template for {path}")).1
    }

    /// Writes and formats them in a folder that does not exist yet. They are made in `scratch`, which is on the same disk,
    /// so that the folder is there with all that belongs into it, or not at all.
    pub(crate) fn place(&self, scratch: &Path, folder: &Path, style: &Path) -> Result<(), Failure> {
        let placed = self.write(scratch).and_then(|()| format(scratch, style)).and_then(|()| {
            if let Some(parent) = folder.parent() {
                fs::create_dir_all(parent)
                    .map_err(|error| format!("cannot make {}: {error}", parent.display()))?;
            }
            // An empty directory makes way; anything else does not.
            fs::rename(scratch, folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
        });
        if placed.is_err() {
            // What has failed is told; what is left of it is nobody's.
            drop(fs::remove_dir_all(scratch));
        }
        placed
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        for (path, text) in &self.0 {
            let path = folder.join(path);
            let written =
                fs::create_dir_all(path.parent().unwrap_or(folder)).and_then(|()| fs::write(&path, text));
            written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Formats every Rust source in a folder: how long a name is decides where lines break.
fn format(folder: &Path, style: &Path) -> Result<(), Failure> {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path"]).arg(style).current_dir(style);
    command.args(sources(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("rustfmt has refused the new sources; its messages above say why".to_owned()),
        Err(error) => Err(format!("cannot run rustfmt: {error}; `rustup component add rustfmt` provides it")),
    }
}

fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_keeps_no_placeholder_and_lacks_no_file() {
        let files = Files::of_plugin(&Name::read("moon-base").unwrap());
        for (path, text) in &files.0 {
            assert!(!text.contains("__"), "{}:\n{text}", path.display());
        }
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/plugin");
        let mut there = sources(&templates).unwrap();
        there.retain(|path| !files.0.iter().any(|(name, _)| templates.join(name) == *path));
        assert_eq!(there, Vec::<PathBuf>::new(), "a template is not used");
    }
}
