//! The reports that a run leaves in its directory.

use crate::{html, json, junit, xray};
use shakedown_core::run::Run;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What became of one report.
#[derive(Debug)]
pub struct Written {
    /// The report, for example `run.json`.
    pub what: &'static str,
    /// Where it was to be.
    pub path: PathBuf,
    /// Whether it is there; the message of an error names the path.
    pub result: io::Result<()>,
}

/// Writes `run.json`, `report.html`, `junit.xml` and `xray.xml` into the run's directory, each whatever becomes of the
/// others. A report appears whole or not at all, and replaces an earlier one.
pub fn write_all(run: &Run, dir: &Path, options: &html::Options<'_>) -> Vec<Written> {
    let attachments = within_project(dir);
    let write = |what: &'static str, content: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let path = dir.join(what);
        let result = replace(&path, content).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
        });
        Written { what, path, result }
    };
    vec![
        write("run.json", &|out| json::write(run, out)),
        write("report.html", &|out| html::write(run, options, out)),
        write("junit.xml", &|out| junit::write(run, attachments.as_deref(), out)),
        write("xray.xml", &|out| xray::write(run, dir, out).map(drop)),
    ]
}

/// Writes beside the file and renames, so that a reader never meets half a report.
fn replace(path: &Path, content: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = path.with_file_name(name);
    let written = (|| {
        let mut out = BufWriter::with_capacity(1 << 16, File::create(&draft)?);
        content(&mut out)?;
        out.into_inner()?.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        // It may never have come to be; the error that matters is the first.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// The directory as seen from the current one, which CI makes the project's; attachments must lie within.
fn within_project(dir: &Path) -> Option<PathBuf> {
    if dir.is_relative() {
        return Some(dir.to_owned());
    }
    dir.strip_prefix(env::current_dir().ok()?).ok().map(Path::to_owned)
}
