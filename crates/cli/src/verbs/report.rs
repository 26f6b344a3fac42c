//! `report`: every report of a run, rendered again from its journal.

use crate::args::{Format, Globals};
use crate::output::{message, print, problem};
use crate::verbs::run::{find, pack, write_reports};
use shakedown_core::run::Exit;
use shakedown_report::{compare, journal, json, summary};
use std::path::Path;

pub(crate) fn report(globals: &Globals, run: Option<&Path>, bundle: bool) -> anyhow::Result<Exit> {
    let directory = find(Path::new(""), run)?;
    let run = journal::read(&directory.join("events.jsonl"))?;
    let mut all_written = true;
    for written in write_reports(&run, &directory) {
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

/// What has changed from one run to another: in text or JSON on standard output, and as a page beside the later run.
pub(crate) fn compare_runs(globals: &Globals, before: &Path, after: &Path) -> anyhow::Result<Exit> {
    let read = |run: &Path| -> anyhow::Result<_> {
        let directory = find(Path::new(""), Some(run))?;
        Ok((journal::read(&directory.join(journal::FILE_NAME))?, directory))
    };
    let ((before, _), (after, directory)) = (read(before)?, read(after)?);
    let comparison = compare::compare(&before, &after);
    print(&match globals.format {
        Format::Text => compare::render(&comparison, &globals.style()),
        Format::Json => compare::to_json(&comparison),
    });
    let page = directory.join(format!("compared-with-{}.html", before.info.id));
    if let Err(error) = std::fs::write(&page, compare::render_html(&comparison)) {
        problem(&format!("the page could not be written to {}: {error}", page.display()));
        return Ok(Exit::Report);
    }
    message(&format!("page: {}", page.display()));
    Ok(if comparison.is_no_worse() { Exit::Fit } else { Exit::Failed })
}
