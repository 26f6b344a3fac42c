//! A project directory of its own for every test, and the program run in it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// A directory with a copy of the project's `checks.toml`.
pub(crate) struct Scene {
    pub(crate) directory: TempDir,
}

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(&std::fs::read_to_string(workspace().join("checks.toml")).unwrap())
    }

    /// With other content in `checks.toml`.
    pub(crate) fn with(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("checks.toml"), config).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
        command.current_dir(self.directory.path()).args(arguments).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("COLUMNS", "100").env_remove("SHAKEDOWN_LOG");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn shakedown(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// The run that was written to `out`.
    pub(crate) fn run_json(&self, out: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path(out).join("run.json")).unwrap()).unwrap()
    }
}

/// What a run tells of a check.
pub(crate) fn check<'a>(run: &'a Value, id: &str) -> &'a Value {
    run["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

/// The ids of the checks that ended so, in the order of the run.
pub(crate) fn with_status<'a>(run: &'a Value, status: &str) -> Vec<&'a str> {
    let checks = run["checks"].as_array().unwrap().iter().filter(|check| check["status"] == status);
    checks.map(|check| check["id"].as_str().unwrap()).collect()
}

/// What a program that has ended left.
pub(crate) struct Ran(pub(crate) Output);

impl Ran {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Panics with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr());
        self
    }
}

/// Waits until no other test holds this, and keeps them from it: for what judges times on a machine that is busy enough.
pub(crate) fn quiet() -> MutexGuard<'static, ()> {
    static QUIET: Mutex<()> = Mutex::new(());
    QUIET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this is CI, where a part that is missing is a failure.
pub(crate) fn in_ci() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "CI is a convention of the surroundings, not of the product"
    )]
    let ci = std::env::var_os("CI");
    ci.is_some()
}

/// Whether the real MongoDB-compatible server is there. In CI it must be.
pub(crate) fn mongo_is_there() -> bool {
    use std::sync::OnceLock;
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let scene = Scene::new();
        let ran = scene.shakedown(&["run", "--env", "local", "-E", "id(mongo.connect)", "--out", "out"]);
        let run = scene.run_json("out");
        let there = run["checks"][0]["status"] == "passed";
        assert!(
            there || !in_ci(),
            "in CI the MongoDB-compatible server must be there:\n{}\n{}",
            ran.stdout(),
            ran.stderr()
        );
        if !there {
            eprintln!("skipped: no MongoDB-compatible server: {}", run["checks"][0]["summary"]);
        }
        there
    })
}

/// The text with everything replaced that differs from run to run.
pub(crate) fn scrubbed(text: &str, scene: &Scene) -> String {
    let mut text = text.replace(scene.directory.path().to_str().unwrap(), "[DIR]");
    for (pattern, replacement) in [
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|\+00:00)?( UTC)?", "[TIME]"),
        (r"\b[0-9a-f]{24}\b", "[ID]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[UUID]"),
        (r"prisma_[0-9a-z_]+", "[DATABASE]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        (r"(timestamp|time)=.[0-9.]+.", "$1=\"[TIME]\""),
        (r"\b\d+m \d+s\b", "[DURATION]"),
        (r"(< |&lt; )?\b\d+(\.\d+)? ?(ms|s)\b", "[DURATION]"),
        (r" +\[DURATION\]", " [DURATION]"),
        // What a race decides: how many requests met another one.
        (
            r"\d+ of 100 valid requests failed with 5xx \(\d+ %\)",
            "[SHARE] of 100 valid requests failed with 5xx",
        ),
        (r"errors \d+ % ", "errors [SHARE] "),
        (r"500 × \d+", "500 × [SHARE]"),
        (r"\(request \d+\)", "(request [NUMBER])"),
        (r"for \d+ returned", "for [NUMBER] returned"),
        (r"[a-z0-9-]+-\d{8}T\d{6}Z-[0-9a-f]{6}", "[RUN]"),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}
