//! `keys check`: which keys of a list have no check, which checks have no key, and which key stands on several checks.

pub(crate) mod answer;
mod list;

use crate::args::{Format, Globals, KeysCheckOptions, Strict};
use crate::failure;
use crate::output::{self, message, print, print_json};
use crate::project::Project;
use answer::KeysAnswer;
use anyhow::{anyhow, bail};
use list::Listed;
use shakedown_core::Clock;
use shakedown_core::key::is_key;
use shakedown_core::redact::Redactor;
use shakedown_core::run::Exit;
use shakedown_xray::{Pace, XrayError, tests_of};

pub(crate) async fn check(globals: &Globals, options: &KeysCheckOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let selection = project.selection(&[], &options.select)?;
    let checks: Vec<(&str, &[&str])> = project
        .registry
        .checks()
        .iter()
        .filter(|spec| selection.selects(spec, spec.severity))
        .map(|spec| (spec.id, spec.keys))
        .collect();
    if checks.is_empty() {
        let why = "the selection selects no check: `list -E EXPR` shows what an expression selects";
        return Ok(failure::because(globals, Exit::Nothing, why));
    }
    let (source, listed) = match &options.csv {
        Some(path) => (path.display().to_string(), list::read(path, options.column.as_deref())?),
        None => match fetch(&project, globals, options).await? {
            Ok(plan) => plan,
            Err(exit) => return Ok(exit),
        },
    };
    let answer = KeysAnswer::new(source, &listed, &checks, project.config.project().jira.as_deref());
    match globals.format {
        Format::Json => print_json(&answer)?,
        Format::Text => print(&answer.text()),
    }
    let strict =
        |what, found: bool| found && options.strict.iter().any(|strict| [what, Strict::All].contains(strict));
    let is_wrong = !answer.missing.is_empty()
        || strict(Strict::Keyless, !answer.keyless.is_empty())
        || strict(Strict::Unlisted, !answer.unlisted.is_empty())
        || strict(Strict::Shared, !answer.shared.is_empty());
    Ok(if is_wrong { Exit::Failed } else { Exit::Fit })
}

/// The tests of the plan, or the exit code where they could not be fetched.
async fn fetch(
    project: &Project,
    globals: &Globals,
    options: &KeysCheckOptions,
) -> anyhow::Result<Result<(String, Listed), Exit>> {
    let Some(environment) = &options.env else {
        bail!("nothing to compare with: name a file with `--csv FILE`, or an environment with `--env NAME`");
    };
    let settings = project.xray(environment)?;
    output::keep_out(&Redactor::new(settings.secrets().iter().map(String::as_str)));
    let plan = options.plan.clone().or_else(|| settings.plan.clone()).ok_or_else(|| {
        anyhow!("`{environment}` names no test plan: give `--plan KEY`, or `plan` in `[environments.{environment}.xray]`")
    })?;
    if !is_key(&plan) {
        bail!("`{plan}` is no key of a test plan, as `PZ-14024` is one");
    }
    message(&format!("reading the test plan {plan} from {}", settings.url));
    match tests_of(&settings, &plan, Pace::default(), &Clock::system()).await {
        Ok(tests) => {
            let listed = tests.into_iter().map(|test| (test.key, test.summary)).collect();
            Ok(Ok((format!("the test plan {plan}"), listed)))
        }
        Err(XrayError::Settings(why)) => Err(anyhow!(why)),
        Err(error) => {
            let why = format!("the test plan could not be read, so nothing is known of its keys: {error}");
            let exit = failure::because(globals, Exit::Report, &why);
            message("a list that was exported from Jira does as well: `keys check --csv FILE`");
            Ok(Err(exit))
        }
    }
}
