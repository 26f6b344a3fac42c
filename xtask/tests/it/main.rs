//! What holds for every file of the repository, whoever wrote it.

mod contents;
mod manifests;
mod sources;
mod tutorial;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's directory.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A text file of the repository.
struct File {
    /// The path from the root, with forward slashes.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// Every text file that is, or would be, committed.
fn files() -> Vec<File> {
    let output = Command::new("git")
        // In a container the sources may belong to somebody else.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is there");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let files: Vec<File> = paths
        .split_terminator('\0')
        // A file that is deleted but not yet committed cannot be read; one that is not text is not judged.
        .filter_map(|path| {
            Some(File { path: path.to_owned(), text: std::fs::read_to_string(root().join(path)).ok()? })
        })
        .collect();
    assert!(
        files.iter().any(|file| file.path == "xtask/tests/it/main.rs"),
        "the list of files lacks this one"
    );
    files
}

/// The manifests of all crates of the workspace.
fn manifests() -> Vec<File> {
    let mut folders = vec![PathBuf::from("xtask")];
    for parent in ["crates", "plugins"] {
        for entry in std::fs::read_dir(root().join(parent)).expect("the folder is there") {
            folders.push(Path::new(parent).join(entry.expect("the folder is readable").file_name()));
        }
    }
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let path = folder.join("Cargo.toml");
            let text = std::fs::read_to_string(root().join(&path))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            File { path: path.to_string_lossy().replace('\\', "/"), text }
        })
        .collect()
}

/// Fails with all problems at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}
