//! `docs/plugin.md`, followed to the letter: its commands are run in a copy of the workspace, its changes are made there, and
//! what it quotes is compared with what is there.
//!
//! The copy keeps the times of the files, and its builds share what this one has built: only the new plugin and what links it
//! are compiled, and that once: what needs the program waits until all changes are made. For the workspace outside,
//! everything would be compiled: it is only resolved. With `SHAKEDOWN_TUTORIAL=whole` all is done as it stands there.

mod page;

use crate::{files, root};
use page::{Step, steps};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn the_page_for_plugin_authors_can_be_followed() {
    let desk = Desk::set_up();
    let page = fs::read_to_string(desk.workspace.join("docs/plugin.md")).unwrap();
    let mut steps = steps(&page);
    assert!(steps.len() >= 10, "{steps:#?}");
    if !is_whole() {
        steps = built_once(steps);
    }
    for step in &steps {
        desk.take(step);
    }
    desk.expect(0, "rustfmt --check --edition 2024 plugins/moon/src/lib.rs plugins/moon/tests/it/main.rs");

    // What the page says in words.
    let listed = desk.expect(0, "$XTASK list -E 'plugin(moon)' --format json");
    assert!(listed.contains("moon.backlog") && listed.contains("moon.version"), "{listed}");
    desk.expect(1, "$XTASK run --env local --suite moon --fault moon.backlogged");
    desk.expect(0, "$XTASK validate");
    let before = desk.plugin_files();
    let refusal = desk.expect(2, "$XTASK new-plugin moon");
    assert!(refusal.contains("the name `moon` is taken by"), "{refusal}");
    for name in ["core", "Mars", "match"] {
        desk.expect(2, &format!("$XTASK new-plugin {name}"));
        assert!(!desk.workspace.join("plugins").join(name).exists());
    }
    assert_eq!(desk.plugin_files(), before);
    // A second plugin in the workspace outside.
    desk.expect(0, "$XTASK new-plugin sun --outside ../moonbase");
    let main = fs::read_to_string(desk.workspace.join("../moonbase/src/main.rs")).unwrap();
    assert!(main.contains("use shakedown_moon as _;\nuse shakedown_sun as _;\n"), "{main}");
    desk.expect(2, "$XTASK new-plugin sun --outside ../moonbase");
    desk.expect(0, "cd ../moonbase; cargo metadata --offline --format-version 1 >../moonbase.json");
}

/// The same steps, in an order in which the program is built once.
fn built_once(steps: Vec<Step>) -> Vec<Step> {
    let (mut ordered, mut waiting, mut is_built) = (Vec::new(), Vec::new(), false);
    for step in steps {
        match step {
            Step::Run(commands) if commands == "cargo xtask new-plugin moon\n" => {
                ordered.push(Step::Run("cargo xtask new-plugin moon --no-build".to_owned()));
            }
            Step::Run(commands) if commands.contains("cargo xtask codegen") => {
                is_built = true;
                ordered.push(Step::Run(commands));
                ordered.append(&mut waiting);
            }
            Step::Run(commands) if !is_built => waiting.push(Step::Run(commands)),
            step => ordered.push(step),
        }
    }
    assert!(is_built && waiting.is_empty(), "{waiting:#?}");
    ordered
}

/// A place to work at: a copy of the workspace, and room beside it. One test works there at a time.
struct Desk {
    workspace: PathBuf,
    /// Where this build, and everything that it shares, lies.
    shared: PathBuf,
    _mine: File,
}

impl Desk {
    fn set_up() -> Self {
        // `TARGET/debug/deps/it-…`: not where it was compiled, which may have moved with a restored cache.
        let us = std::env::current_exe().unwrap();
        let shared = us.ancestors().nth(3).unwrap().to_owned();
        // One place for good: what is compiled for one path is of no use at another.
        let place = shared.join("tmp/tutorial");
        fs::create_dir_all(&place).unwrap();
        let mine = File::create(shared.join("tmp/tutorial.lock")).unwrap();
        mine.lock().unwrap();
        fs::remove_dir_all(&place).unwrap();

        let desk = Self { workspace: place.join("shakedown"), shared, _mine: mine };
        for file in files() {
            copy(&root().join(&file.path), &desk.workspace.join(&file.path));
        }
        // Beside the program that it builds, as it lies where it was built.
        copy(&desk.shared.join("debug/xtask"), &place.join("target/debug/xtask"));
        desk
    }

    /// Does what a step says.
    fn take(&self, step: &Step) {
        match step {
            Step::Run(commands) if commands.contains("cargo run") && !is_whole() => {
                // What cargo makes of its manifests, with nothing to be fetched.
                self.expect(
                    0,
                    "cd ../moonbase; cargo metadata --offline --format-version 1 >../moonbase.json",
                );
            }
            Step::Run(commands) => {
                self.expect(0, &commands.replace("cargo xtask", "$XTASK"));
            }
            Step::Quote { path, text } => {
                let there = self.read(path);
                assert!(
                    there.contains(text),
                    "{path} is not as the page quotes it:\n{text}\n--- but\n{there}"
                );
            }
            Step::Write { path, text } => {
                let path = self.workspace.join(path);
                assert!(!path.exists(), "{} is there already", path.display());
                fs::write(path, text).unwrap();
            }
            Step::Change { path, hunks } => {
                let mut text = self.read(path);
                for (old, new) in hunks {
                    assert_eq!(
                        text.matches(old.as_str()).count(),
                        1,
                        "{path}: where is this?\n{old}\n--- in\n{text}"
                    );
                    text = text.replace(old.as_str(), new);
                }
                fs::write(self.workspace.join(path), text).unwrap();
            }
        }
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.workspace.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Runs commands in the copy; they must end with this code. Returns what they print.
    fn expect(&self, code: i32, commands: &str) -> String {
        let beside = self.workspace.join("../target");
        let mut shell = Command::new("sh");
        shell.args(["-euc", commands]).current_dir(&self.workspace);
        shell.env("XTASK", beside.join("debug/xtask"));
        // What is compiled is shared; the program that is made of it is not, since others use that one.
        shell.env("CARGO_BUILD_BUILD_DIR", &self.shared).env("CARGO_TARGET_DIR", beside);
        // Cargo would say so of the copy's own xtask.
        shell.env("CARGO_MANIFEST_DIR", self.workspace.join("xtask"));
        let Output { status, stdout, stderr } = shell.output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert_eq!(status.code(), Some(code), "{commands}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        stdout + &stderr
    }

    /// Everything in `plugins/`, and the file that says what runs.
    fn plugin_files(&self) -> Vec<(PathBuf, String)> {
        fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((path, text));
                }
            }
        }
        let mut found = vec![("checks.toml".into(), self.read("checks.toml"))];
        walk(&self.workspace.join("plugins"), &mut found);
        found.sort();
        found
    }
}

/// Whether the workspace outside is to be built, too. That takes minutes.
fn is_whole() -> bool {
    #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
    let asked = std::env::var_os("SHAKEDOWN_TUTORIAL");
    asked.is_some_and(|word| word == "whole")
}

/// Copies a file with the time of its last change, by which cargo knows what is to be compiled.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    let changed = fs::metadata(from).unwrap().modified().unwrap();
    let copied = File::options().write(true).open(to).unwrap();
    copied.set_times(FileTimes::new().set_modified(changed)).unwrap();
}
