//! `upload`: the results of a run, sent to another system; now, or again at any later time.

pub(crate) mod record;
pub(crate) mod request;

use crate::args::{Format, Globals, UploadTo};
use crate::failure;
use crate::output::{self, message, print, print_json, problem};
use crate::project::Project;
use crate::verbs::run::find;
use anyhow::{Context as _, anyhow, bail};
use record::{Fate, Records, UploadRecord};
use request::UploadRequest;
use shakedown_config::{Product, Xray};
use shakedown_core::Clock;
use shakedown_core::redact::Redactor;
use shakedown_core::run::{Exit, Run};
use shakedown_report::html::Links;
use shakedown_report::journal;
use shakedown_report::xray::{self, Summary};
use shakedown_xray::{Import, Pace, Prepared, XrayError};
use std::path::Path;

pub(crate) async fn upload(globals: &Globals, to: UploadTo) -> anyhow::Result<Exit> {
    let UploadTo::Xray { ref env, ref run, again, dry_run, .. } = to;
    let project = Project::open(globals)?;
    let directory = find(&project.root, run.as_deref())?;
    let settings = settings(project.xray(env)?, &to);
    output::keep_out(&Redactor::new(settings.secrets().iter().map(String::as_str)));

    let run = journal::read(&directory.join(journal::FILE_NAME))?;
    if run.info.environment != *env {
        let of = &run.info.environment;
        message(&format!("warning: the run is of `{of}`; its results go where those of `{env}` go"));
    }
    let (prepared, tests) = prepare(&settings, &run, &directory)?;
    if dry_run {
        match globals.format {
            Format::Json => print_json(&UploadRequest::new(&prepared, tests))?,
            Format::Text => print(&output::redacted(&prepared.to_string())),
        }
        return Ok(Exit::Fit);
    }
    let mut records = Records::read(&directory)?;
    if settings.execution.is_none()
        && let Some(last) = records.last()
    {
        match &last.key {
            Some(key) => message(&format!(
                "the run is uploaded already, as {key}; this becomes another execution (`--execution {key}` adds to that)"
            )),
            None if again => {}
            None => {
                let why = format!(
                    "nobody knows what became of the upload of this run at {}, and another one may make a second execution. \
                     Look in Jira for the newest execution of {}: where it is there, all is done, and `--execution KEY` \
                     completes it; where not, `--again` uploads",
                    last.at, last.project
                );
                return Ok(failure::because(globals, Exit::Report, &why));
            }
        }
    }
    let (total, id) = (tests.total(), &run.info.id);
    message(&format!("uploading the results of {total} tests of {id} to {}", settings.url));
    let sent = shakedown_xray::upload(&settings, &prepared, Pace::default(), &Clock::system()).await;
    let record = |fate, key: Option<String>| UploadRecord {
        to: "xray".to_owned(),
        at: Clock::system().now(),
        fate,
        project: run.info.jira.clone().unwrap_or_default(),
        link: key.as_deref().and_then(|key| link(&settings, &run, key)),
        key,
        tests,
    };
    let record = match sent {
        Ok(uploaded) => record(Fate::Uploaded, Some(uploaded.key)),
        Err(error) => {
            let why = format!("nothing is known to be uploaded: {error}");
            let exit = failure::because(globals, Exit::Report, &why);
            let again = format!("shakedown upload xray {} --env {env}", directory.display());
            if matches!(error, XrayError::Unknown(_)) {
                note(&mut records, record(Fate::Unknown, None));
                message(&format!("where Jira has no such execution: {again} --again"));
            } else {
                message(&format!("to try again: {again}"));
            }
            return Ok(exit);
        }
    };
    match globals.format {
        Format::Json => print_json(&record)?,
        Format::Text => print(&shown(&record)),
    }
    // It is uploaded all the same; without the record the run only does not say so.
    Ok(if note(&mut records, record) { Exit::Fit } else { Exit::Report })
}

/// What the configuration says, unless an option says otherwise. An option that is empty says nothing: in a pipeline it
/// is a variable that is not set.
fn settings(settings: Xray, to: &UploadTo) -> Xray {
    let UploadTo::Xray { plan, execution, test_environment, revision, fix_version, .. } = to;
    let or = |option: &Option<String>, configured: Option<String>| {
        option.clone().filter(|text| !text.trim().is_empty()).or(configured)
    };
    let environments: Vec<String> =
        test_environment.iter().filter(|name| !name.trim().is_empty()).cloned().collect();
    Xray {
        plan: or(plan, settings.plan),
        execution: or(execution, settings.execution),
        revision: or(revision, settings.revision),
        fix_version: or(fix_version, settings.fix_version),
        environments: if environments.is_empty() { settings.environments } else { environments },
        ..settings
    }
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

/// Where people look at the execution. Data Center's API lives within Jira, so that its address tells.
fn link(settings: &Xray, run: &Run, key: &str) -> Option<String> {
    let within = || settings.url.split_once("/rest/raven/").map(|(jira, _)| jira);
    let jira = match (&run.info.jira_url, settings.product) {
        (Some(jira), _) => jira.as_str(),
        (None, Product::DataCenter) => within()?,
        (None, Product::Cloud) => return None,
    };
    Links::new(Some(jira)).issue(key)
}

fn shown(record: &UploadRecord) -> String {
    let Summary { passed, failed, errored, to_do } = &record.tests;
    let key = record.key.as_deref().unwrap_or_default();
    let told =
        format!("{key}: {passed} passed, {failed} failed, {errored} without an answer, {to_do} to do\n");
    record.link.iter().fold(told, |told, link| format!("{told}{link}\n"))
}

/// Keeps the record with the run; whether that went well.
fn note(records: &mut Records, record: UploadRecord) -> bool {
    let kept = records.keep(record);
    if let Err(error) = &kept {
        problem(&format!("the upload cannot be noted: {error:#}"));
    }
    kept.is_ok()
}
