//! `report`: every report of a run, rendered again from its journal.

use crate::args::{Format, Globals};
use crate::output::{print, problem};
use crate::verbs::run::{find, pack};
use shakedown_core::run::Exit;
use shakedown_report::{journal, json, summary};
use std::path::Path;

pub(crate) fn report(globals: &Globals, run: Option<&Path>, bundle: bool) -> anyhow::Result<Exit> {
    let directory = find(Path::new(""), run)?;
    let run = journal::read(&directory.join("events.jsonl"))?;
    let mut all_written = true;
    for written in shakedown_report::write_all(&run, &directory) {
        if let Err(error) = written.result {
            problem(&format!("{} could not be written to {}: {error}", written.what, written.path.display()));
            all_written = false;
        }
    }
    if bundle && let Err(error) = pack(&directory, &run) {
        problem(&format!("the bundle could not be written: {error}"));
        all_written = false;
    }
    match globals.format {
        Format::Text => print(&summary::render(&run, &globals.style(), Some(&directory), run.exit())),
        Format::Json => print(&json::render(&run)),
    }
    // Rendering is what was asked for; what the run said has had its own exit code.
    Ok(if all_written { Exit::Fit } else { Exit::Report })
}
