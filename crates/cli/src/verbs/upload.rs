//! `upload`: the results of a run, sent to another system; now, or again at any later time.

use crate::args::{Format, Globals, UploadTo};
use crate::output::{self, message, print, problem};
use crate::project::Project;
use crate::verbs::run::find;
use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shakedown_config::Xray;
use shakedown_core::Clock;
use shakedown_core::redact::Redactor;
use shakedown_core::run::{Exit, Run};
use shakedown_report::journal;
use shakedown_report::xray::{self, Summary};
use shakedown_xray::{Import, Pace, Prepared};
use std::fs;
use std::path::{Path, PathBuf};

/// What was uploaded, beside the run that it was made of.
const RECORD: &str = "uploads.json";

/// One upload that the other system took.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Which system.
    to: String,
    /// When, in UTC.
    at: Timestamp,
    /// What it became there.
    key: String,
    /// Where to look at it.
    link: Option<String>,
    /// What was said of each test.
    tests: Summary,
}

pub(crate) async fn upload(globals: &Globals, to: UploadTo) -> anyhow::Result<Exit> {
    let UploadTo::Xray { run, env, plan, execution, test_environment, revision, fix_version, dry_run } = to;
    let project = Project::open(globals)?;
    let mut settings = project.xray(globals, &env)?;
    settings.plan = plan.or(settings.plan);
    settings.execution = execution.or(settings.execution);
    settings.revision = revision.or(settings.revision);
    settings.fix_version = fix_version.or(settings.fix_version);
    if !test_environment.is_empty() {
        settings.environments = test_environment;
    }
    output::keep_out(&Redactor::new(settings.secrets().iter().map(String::as_str)));

    let directory = find(&project.root, run.as_deref())?;
    let run = journal::read(&directory.join(journal::FILE_NAME))?;
    let (prepared, tests) = prepare(&settings, &run, &directory)?;
    if dry_run {
        print(&prepared.to_string());
        return Ok(Exit::Fit);
    }
    message(&format!(
        "uploading the results of {} tests of {} to {}",
        tests.total(),
        run.info.id,
        settings.url
    ));
    let uploaded = match shakedown_xray::upload(&settings, &prepared, Pace::default(), &Clock::system()).await
    {
        Ok(uploaded) => uploaded,
        Err(error) => {
            problem(&format!("nothing is known to be uploaded: {error}"));
            message(&format!("to try again: shakedown upload xray {} --env {env}", directory.display()));
            return Ok(Exit::Report);
        }
    };
    let record = Record {
        to: "xray".to_owned(),
        at: Clock::system().now(),
        key: uploaded.key.clone(),
        link: run.info.jira_url.as_ref().map(|jira| format!("{jira}/browse/{}", uploaded.key)),
        tests,
    };
    print(&match globals.format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&record)?),
        Format::Text => {
            let Summary { passed, failed, errored, to_do } = &record.tests;
            let place = record.link.as_deref().unwrap_or(&record.key);
            format!(
                "{}: {passed} passed, {failed} failed, {errored} without an answer, {to_do} to do\n{place}\n",
                record.key
            )
        }
    });
    // It is uploaded all the same; without the record the run only does not say so.
    if let Err(error) = keep(&directory, record) {
        problem(&format!("the upload cannot be noted: {error:#}"));
        return Ok(Exit::Report);
    }
    Ok(Exit::Fit)
}

/// The request, from the run as it is kept.
fn prepare(settings: &Xray, run: &Run, directory: &Path) -> anyhow::Result<(Prepared, Summary)> {
    let project =
        run.info.jira.as_deref().context("`project.jira` of the configuration names no Jira project")?;
    let mut results = Vec::new();
    let tests = xray::write(run, directory, &mut results)?;
    if tests.total() == 0 {
        bail!("the run {} has nothing for Xray: none of its checks has a key of {project}", run.info.id);
    }
    let import = Import::new(settings, run, project);
    let prepared = Prepared::new(settings, &import, &results.into()).map_err(|error| anyhow!(error))?;
    Ok((prepared, tests))
}

/// Adds to what the run's directory tells of uploads.
fn keep(directory: &Path, record: Record) -> anyhow::Result<()> {
    let path: PathBuf = directory.join(RECORD);
    let mut records: Vec<Record> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is no record of uploads", path.display()))?,
        Err(_) => Vec::new(),
    };
    records.push(record);
    fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&records)?))
        .with_context(|| format!("cannot write {}", path.display()))
}
