//! Installs the MongoDB-compatible server `secantusdb` into a private virtual environment, once per user.

use super::cache::Cache;
use super::{PrivateServer, unavailable};
use shakedown_core::sandbox::Unavailable;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The release whose behaviour the sandbox's tests have seen.
const RELEASE: &str = "secantusdb==0.7.0b3";
/// The directory in the cache; it names the release, so that another one is installed beside it.
const DIRECTORY: &str = "secantusdb-0.7.0b3";
/// Long enough for slow networks; an installation takes about 15 s.
const INSTALLATION: Duration = Duration::from_mins(5);

/// How to run the installed server, after installing it where that has not been done.
pub(super) async fn secantusdb(cache: &Cache) -> Result<PrivateServer, Unavailable> {
    let home = cache.path(DIRECTORY);
    if !is_complete(&home) {
        let waiting = cache.clone();
        let lock = spawn_blocking(move || waiting.lock("install")).await;
        let command = by_hand(&home);
        let _lock = match lock {
            Ok(Ok(lock)) => lock,
            Ok(Err(error)) => {
                return Err(unavailable(format!("no lock for the installation: {error}"), command));
            }
            Err(error) => {
                return Err(unavailable(format!("the installation was given up: {error}"), command));
            }
        };
        if !is_complete(&home) {
            install(cache, &home).await.map_err(|reason| unavailable(reason, command))?;
        }
    }
    Ok(PrivateServer {
        name: "secantusdb",
        command: [python_of(&home).as_os_str(), "-I".as_ref(), "-m".as_ref(), "secantus".as_ref()]
            .map(OsStr::to_owned)
            .into(),
        arguments: |port, storage| {
            let mut arguments: Vec<_> = ["--host", "127.0.0.1", "--port"]
                .iter()
                .map(Into::into)
                .chain([port.to_string().into()])
                .collect();
            // An empty configuration of our own keeps one that the user may have from being read.
            arguments.extend(["--standalone".into(), "--cache-size".into(), "256M".into()]);
            arguments.extend(["--config".into(), storage.join("config.toml").into()]);
            arguments.extend(["--storage-path".into(), storage.join("data").into()]);
            arguments
        },
        ready: "listening on",
    })
}

/// The command that does the same by hand.
fn by_hand(home: &Path) -> String {
    let home = home.display();
    format!("python3 -m venv '{home}' && '{home}/bin/python' -m pip install {RELEASE}")
}

fn python_of(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// Whether it is installed; its Python may have been removed or replaced since.
fn is_complete(home: &Path) -> bool {
    let python = python_of(home);
    python.exists()
        && fs::read_dir(home.join("lib")).is_ok_and(|versions| {
            versions
                .flatten()
                .any(|version| version.path().join("site-packages/secantus/__main__.py").exists())
        })
}

/// Installs beside `home` and renames, so that `home` is never half done. The caller holds the lock.
async fn install(cache: &Cache, home: &Path) -> Result<(), String> {
    let python = which::which("python3").or_else(|_| which::which("python")).map_err(|_| {
        "neither `mongod` nor `python3` is on the PATH, and SHAKEDOWN_SANDBOX_MONGO_URI is not set".to_owned()
    })?;
    let partial = cache.path(&format!("{DIRECTORY}.partial"));
    let remove = |path: &Path| match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("failed to remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    };
    remove(&partial)?;
    remove(home)?;
    tracing::info!("installing {RELEASE} for the sandbox's MongoDB into {} (once)", home.display());
    run(Command::new(python).args(["-I", "-m", "venv"]).arg(&partial)).await?;
    run(Command::new(python_of(&partial)).args([
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        RELEASE,
    ]))
    .await?;
    // Only scripts in `bin` would mind the new name, and none of them is used.
    fs::rename(&partial, home).map_err(|error| format!("failed to create {}: {error}", home.display()))
}

/// Runs a step of the installation; where it fails, the error quotes the end of what it said.
async fn run(command: &mut Command) -> Result<(), String> {
    // Settings that would send packages elsewhere than into the virtual environment.
    command.env_remove("PIP_TARGET").env_remove("PIP_PREFIX").env("PIP_USER", "0");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let words: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
    let shown = format!("`python3 {}`", words.join(" "));
    let output = match timeout(INSTALLATION, command.output()).await {
        Err(_) => return Err(format!("{shown} did not end within {} s", INSTALLATION.as_secs())),
        Ok(Err(error)) => return Err(format!("failed to run {shown}: {error}")),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{shown} failed: {}", super::last_lines(&String::from_utf8_lossy(&said), 4)))
}
