//! What holds for the manifest of every crate.

use crate::{File, assert_none, files, manifests};

/// The folder of a manifest.
fn folder(file: &File) -> &str {
    file.path.trim_end_matches("/Cargo.toml")
}

/// The lines of a section.
fn section<'a>(file: &'a File, name: &str) -> Vec<&'a str> {
    let header = format!("[{name}]");
    file.text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn every_crate_inherits_what_the_workspace_sets() {
    let mut problems = Vec::new();
    for file in manifests() {
        if !section(&file, "lints").contains(&"workspace = true") {
            problems.push(format!("{}: lacks `[lints] workspace = true`", file.path));
        }
        let package = section(&file, "package");
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !package.contains(&format!("{key}.workspace = true").as_str()) {
                problems.push(format!("{}: lacks `{key}.workspace = true`", file.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn a_package_is_named_after_its_folder() {
    let mut problems = Vec::new();
    for file in manifests() {
        let name = match folder(&file).rsplit_once('/') {
            // The program.
            Some((_, "shakedown")) => "shakedown".to_owned(),
            Some((_, name)) => format!("shakedown-{name}"),
            None => folder(&file).to_owned(),
        };
        let line = format!("name = \"{name}\"");
        if !section(&file, "package").contains(&line.as_str()) {
            problems.push(format!("{}: must say `{line}`", file.path));
        }
    }
    assert_none(&problems);
}

/// What is not there is not built and linked; what is there is run.
#[test]
fn no_unit_test_and_no_example_is_switched_off() {
    let mut problems = Vec::new();
    for file in manifests() {
        let library = section(&file, "lib");
        let sources = format!("{}/src/", folder(&file));
        for source in files().iter().filter(|source| source.is_rust() && source.path.starts_with(&sources)) {
            if library.contains(&"test = false") && source.text.contains("#[cfg(test)]") {
                problems
                    .push(format!("{}: has unit tests, and its manifest says `test = false`", source.path));
            }
            if library.contains(&"doctest = false") && has_example(&source.text) {
                problems.push(format!(
                    "{}: has an example, and its manifest says `doctest = false`",
                    source.path
                ));
            }
        }
    }
    assert_none(&problems);
}

/// Whether a doc comment has a block of Rust.
fn has_example(text: &str) -> bool {
    let mut fences = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("/// ```").or_else(|| line.strip_prefix("//! ```"))
    });
    // Every second fence closes a block.
    std::iter::from_fn(|| {
        let opens = fences.next()?;
        fences.next();
        Some(opens)
    })
    .any(|language| ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&language.trim()))
}

/// Which crates of the workspace a crate may be built on. Tests may use more.
fn may_use(folder: &str) -> &'static [&'static str] {
    match folder {
        "xtask" | "crates/core" => &[],
        "crates/runner" => &["core", "config"],
        "crates/shakedown" => &["bundle", "cli"],
        "crates/cli" => &["config", "core", "http", "loadgen", "report", "runner", "sandbox", "xray"],
        "crates/xray" => &["config", "core", "http", "report"],
        "crates/focus" => &["core", "http"],
        "crates/testkit" => &["core", "sandbox"],
        plugin if plugin.starts_with("plugins/") => {
            &["capacity", "core", "focus", "http", "loadgen", "tunnel"]
        }
        _ => &["core"],
    }
}

#[test]
fn crates_depend_on_each_other_as_the_map_says() {
    let mut problems = Vec::new();
    for file in manifests().iter().filter(|file| folder(file) != "crates/bundle") {
        let allowed = may_use(folder(file));
        for line in section(file, "dependencies") {
            let name = line.split([' ', '.', '=']).next().unwrap_or_default();
            if let Some(used) = name.strip_prefix("shakedown-")
                && !allowed.contains(&used)
            {
                problems.push(format!("{}: must not depend on {name} (see ARCHITECTURE.md)", file.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn versions_stand_in_one_place() {
    let mut problems = Vec::new();
    for file in manifests() {
        for name in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let own = section(&file, name)
                .into_iter()
                .filter(|line| !line.contains("workspace = true") && !line.contains("path = "));
            problems.extend(
                own.map(|line| format!("{}: `{line}` must take its version from the workspace", file.path)),
            );
        }
    }
    assert_none(&problems);
}
