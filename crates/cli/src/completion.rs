//! What a shell may propose where a name is expected: what is registered, and what the nearest `checks.toml` says. Nobody
//! who presses Tab wants to read of errors, so where something cannot be read there is nothing to propose.

use crate::project::{Project, config_path, registry};
use crate::verbs::explain;
use clap::CommandFactory as _;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use shakedown_config::Config;
use shakedown_core::{Effect, Registry, Severity};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The variable by which the scripts tell the program that it is asked for completions, and by which shell.
const VARIABLE: &str = "SHAKEDOWN_COMPLETE";

/// No more runs than this are proposed, the newest first.
const RUNS: usize = 20;

/// Answers a shell that asks for completions. Returns whether one did; then nothing else is to be done.
pub(crate) fn answer() -> bool {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(crate::args::Arguments::command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), here.as_deref());
    // A shell that is not known gets nothing, and shows nothing.
    asked.unwrap_or(true)
}

/// The script that makes a shell ask.
pub(crate) fn script(shell: Shell) -> std::io::Result<String> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let known =
        shells.completer(&name).ok_or_else(|| std::io::Error::other(format!("unknown shell `{name}`")))?;
    let mut script = Vec::new();
    let (called, path) = program();
    known.write_registration(VARIABLE, &called, &called, &path, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// What users call this program, and how the script calls it: by its name where it was called so, otherwise by its whole
/// path.
fn program() -> (String, String) {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let name = called.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if called.components().count() == 1 {
        return (name.clone(), name);
    }
    let path = std::env::current_exe().unwrap_or(called);
    (name, path.to_string_lossy().into_owned())
}

/// The configuration that the command line names, or the nearest.
fn project() -> Option<Project> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let named = arguments.windows(2).find(|pair| pair[0] == "--config").map(|pair| PathBuf::from(&pair[1]));
    let path = config_path(named.as_deref()).ok()?;
    let registry = registry().ok()?;
    let config = Config::read(&path, &registry).ok()?;
    Some(Project { registry, config, root: path.parent().map(Path::to_owned).unwrap_or_default() })
}

fn candidate(value: impl Into<OsString>, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.to_owned().into()))
}

/// The environments of the configuration.
pub(crate) fn environments() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(project) = project() else { return Vec::new() };
        project.config.environments().into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The suites of the configuration.
pub(crate) fn suites() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(project) = project() else { return Vec::new() };
        let suites = project.config.suites().iter();
        suites
            .map(|(name, suite)| candidate(name, suite.description.as_deref().unwrap_or_default()))
            .collect()
    })
}

/// The faults of the sandbox.
pub(crate) fn faults() -> ArgValueCandidates {
    of_registry(|registry| {
        let faults = registry.faults().iter();
        faults.map(|fault| candidate(fault.id, &fault.docs.summary())).collect()
    })
}

/// The incidents that the sandbox can replay.
pub(crate) fn incidents() -> ArgValueCandidates {
    of_registry(|registry| {
        let incidents = registry.incidents().iter();
        incidents.map(|incident| candidate(incident.id, &incident.docs.summary())).collect()
    })
}

/// The fixes.
pub(crate) fn fixes() -> ArgValueCandidates {
    of_registry(|registry| registry.fixes().iter().map(|fix| candidate(fix.id, fix.title)).collect())
}

fn of_registry(propose: fn(&Registry) -> Vec<CompletionCandidate>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || registry().map(|registry| propose(&registry)).unwrap_or_default())
}

/// Everything that can be explained.
pub(crate) fn names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let project = project();
        let registry = match &project {
            Some(project) => project.registry.clone(),
            None => match registry() {
                Ok(registry) => registry,
                Err(_) => return Vec::new(),
            },
        };
        let title = |name: &str| registry.check(name).map_or("", |spec| spec.title);
        let names = explain::names(&registry, project.as_ref());
        names.into_iter().map(|name| candidate(&name, title(&name))).collect()
    })
}

/// The runs under `reports/`.
pub(crate) fn runs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let reports = project().map(|project| project.root).unwrap_or_default().join("reports");
        let entries = std::fs::read_dir(reports).into_iter().flatten().flatten();
        let mut runs: Vec<(Option<std::time::SystemTime>, OsString)> = entries
            .filter(|entry| entry.path().join("events.jsonl").is_file())
            .map(|entry| (entry.metadata().and_then(|data| data.modified()).ok(), entry.file_name()))
            .collect();
        runs.sort();
        runs.into_iter().rev().take(RUNS).map(|(_, name)| CompletionCandidate::new(name)).collect()
    })
}

/// A selection, as far as it is written: the predicates, and what stands between their parentheses.
pub(crate) fn selection() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some((text, project)) = current.to_str().zip(project()) else { return Vec::new() };
        proposals(text, &project.registry, project.config.suites().keys().map(String::as_str))
            .into_iter()
            .map(CompletionCandidate::new)
            .collect()
    })
}

/// The ways in which the last word of a selection can go on, each with all that stands before it.
fn proposals<'a>(text: &str, registry: &'a Registry, suites: impl Iterator<Item = &'a str>) -> Vec<String> {
    let start = text.rfind(|c: char| "&|!(".contains(c) || c.is_whitespace()).map_or(0, |at| at + 1);
    let (before, word) = text.split_at(start);
    let opened = before
        .strip_suffix('(')
        .map(|head| head.rsplit(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default());
    let values: Vec<&str> = match opened {
        Some("plugin") => registry.plugins().into_iter().collect(),
        Some("tag") => registry.tags().into_iter().collect(),
        Some("id") => registry.checks().iter().map(|spec| spec.id).collect(),
        Some("key") => registry.checks().iter().flat_map(|spec| spec.keys).copied().collect(),
        Some("effect") => Effect::ALL.iter().map(|effect| effect.as_str()).collect(),
        Some("severity") => Severity::ALL.iter().map(|severity| severity.as_str()).collect(),
        Some("suite") => suites.collect(),
        _ => {
            let predicates = ["plugin(", "tag(", "id(", "key(", "effect(", "severity(", "suite(", "all()"];
            let fitting = predicates.into_iter().filter(|predicate| predicate.starts_with(word));
            return fitting.map(|predicate| format!("{before}{predicate}")).collect();
        }
    };
    let fitting = values.into_iter().filter(|value| value.starts_with(word));
    fitting.map(|value| format!("{before}{value})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{
        Check, CheckError, Context, NoParams, Observation, Verdict, async_trait, register_check,
    };

    register_check! {
        /// There is something to propose.
        struct Proposed(NoParams) {
            id: "cli.proposed",
            title: "There is something to propose",
            severity: Severity::Low,
            effect: Effect::Read,
            tags: &["smoke"],
        }
    }

    #[async_trait]
    impl Check for Proposed {
        async fn run(&self, _cx: &Context) -> Result<Verdict, CheckError> {
            Ok(Verdict::of(Observation::seen("something")))
        }
    }

    #[test]
    fn the_last_word_of_a_selection_goes_on() {
        let registry = registry().unwrap();
        let of = |text: &str| proposals(text, &registry, ["nightly", "smoke"].into_iter());
        assert_eq!(of("ta"), ["tag("]);
        assert_eq!(of("tag(smo"), ["tag(smoke)"]);
        assert_eq!(of("tag(smoke) & !suite(n"), ["tag(smoke) & !suite(nightly)"]);
        assert_eq!(of("(effect(re"), ["(effect(read)"]);
        assert_eq!(of("tag(nosuch"), [] as [&str; 0]);
        assert!(of("tag(smoke) & (").contains(&"tag(smoke) & (all()".to_owned()));
    }
}
