//! `list`: checks and what they are found by, what the sandbox can break, what can be mended, what is configured.

mod text;
pub(crate) mod views;

use crate::args::{Format, Globals, ListOptions};
use crate::output::{print, print_json};
use crate::project::{Project, jira_link, registry};
use serde::Serialize;
use shakedown_config::Selection;
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, Effect, Registry};
use std::collections::{BTreeMap, BTreeSet};
use views::{Check, EffectGroup, Environment, Faults, Fix, Group, Helper, Suite, Target};

/// A list: for programs always an array, also where it is empty, but for faults and incidents, which are two.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    /// Without an option, and with `--orphans`.
    Checks(Vec<Check>),
    /// With `--keys` or `--tags`.
    Groups(Vec<Group>),
    /// With `--effects`.
    Effects(Vec<EffectGroup>),
    /// With `--suites`.
    Suites(Vec<Suite>),
    /// With `--environments`.
    Environments(Vec<Environment>),
    /// With `--targets`.
    Targets(Vec<Target>),
    /// With `--collectors` or `--observers`.
    Helpers(Vec<Helper>),
    /// With `--faults`.
    Faults(Faults),
    /// With `--fixes`.
    Fixes(Vec<Fix>),
}

pub(crate) fn list(globals: &Globals, options: &ListOptions) -> anyhow::Result<Exit> {
    let listed = match of_registry(&registry()?, options) {
        Some(listed) => listed,
        None => of_project(&Project::open(globals)?, options)?,
    };
    match globals.format {
        Format::Json => print_json(&listed)?,
        Format::Text => print(&text::render(&listed, options, globals.look())),
    }
    // That every check is in a suite is what was hoped for.
    Ok(if listed.is_empty() && !options.orphans { Exit::Nothing } else { Exit::Fit })
}

impl Listed {
    fn is_empty(&self) -> bool {
        match self {
            Self::Checks(checks) => checks.is_empty(),
            Self::Groups(groups) => groups.is_empty(),
            Self::Effects(effects) => effects.is_empty(),
            Self::Suites(suites) => suites.is_empty(),
            Self::Environments(environments) => environments.is_empty(),
            Self::Targets(targets) => targets.is_empty(),
            Self::Helpers(helpers) => helpers.is_empty(),
            Self::Faults(Faults { faults, incidents }) => faults.is_empty() && incidents.is_empty(),
            Self::Fixes(fixes) => fixes.is_empty(),
        }
    }
}

/// The lists that need no configuration.
fn of_registry(registry: &Registry, options: &ListOptions) -> Option<Listed> {
    let what = &options.what;
    if what.faults {
        let faults = registry.faults().iter().map(|fault| (*fault).into()).collect();
        let incidents = registry.incidents().iter().map(|incident| (*incident).into()).collect();
        return Some(Listed::Faults(Faults { faults, incidents }));
    }
    if what.fixes {
        return Some(Listed::Fixes(registry.fixes().iter().map(|spec| (*spec).into()).collect()));
    }
    if what.collectors {
        return Some(Listed::Helpers(registry.collectors().iter().map(|spec| (*spec).into()).collect()));
    }
    if what.observers {
        return Some(Listed::Helpers(registry.observers().iter().map(|spec| (*spec).into()).collect()));
    }
    None
}

fn of_project(project: &Project, options: &ListOptions) -> anyhow::Result<Listed> {
    let what = &options.what;
    if what.suites {
        return Ok(Listed::Suites(suites(project)));
    }
    if what.environments {
        return Ok(Listed::Environments(environments(project)?));
    }
    if what.targets {
        return Ok(Listed::Targets(targets(&project.registry, &environments(project)?)));
    }
    let selection = project.selection(&[], &options.select)?;
    let orphans = project.config.orphans(&project.registry);
    let checks: Vec<&'static CheckSpec> = selected(&project.registry, &selection)
        .filter(|spec| !options.orphans || orphans.contains(&spec.id))
        .collect();
    if what.keys {
        return Ok(Listed::Groups(keys(project, &checks)));
    }
    if what.tags {
        return Ok(Listed::Groups(tags(&checks)));
    }
    if what.effects {
        return Ok(Listed::Effects(effects(&environments(project)?, &checks)));
    }
    Ok(Listed::Checks(checks.into_iter().map(Check::from).collect()))
}

fn selected<'a>(
    registry: &'a Registry,
    selection: &'a Selection,
) -> impl Iterator<Item = &'static CheckSpec> + 'a {
    registry.checks().iter().copied().filter(|spec| selection.selects(spec, spec.severity))
}

/// The Jira keys of these checks.
pub(crate) fn keys(project: &Project, checks: &[&'static CheckSpec]) -> Vec<Group> {
    let mut keys = groups(checks, |spec| spec.keys, |key| jira_link(project.config.project(), key));
    // PZ-9 stands before PZ-10.
    keys.sort_by_key(|group| {
        group.name.rsplit_once('-').map(|(project, number)| (project, number.parse::<u64>().ok()))
    });
    keys
}

/// The tags of these checks.
pub(crate) fn tags(checks: &[&'static CheckSpec]) -> Vec<Group> {
    groups(checks, |spec| spec.tags, |_| None)
}

/// The checks under each of the words that `words` gives them.
fn groups(
    checks: &[&'static CheckSpec],
    words: impl Fn(&'static CheckSpec) -> &'static [&'static str],
    link: impl Fn(&str) -> Option<String>,
) -> Vec<Group> {
    let groups = by_word(checks.iter().map(|spec| (spec.id, words(spec)))).into_iter();
    let group = |(name, checks): (_, BTreeSet<_>)| Group {
        name,
        link: link(name),
        checks: checks.into_iter().collect(),
    };
    groups.map(group).collect()
}

/// Who has which word, of checks with their words.
pub(crate) fn by_word<'a>(
    checks: impl IntoIterator<Item = (&'a str, &'a [&'a str])>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut by_word: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (check, words) in checks {
        for word in words {
            by_word.entry(word).or_default().insert(check);
        }
    }
    by_word
}

/// The effects, and which of these checks have them.
pub(crate) fn effects(environments: &[Environment], checks: &[&'static CheckSpec]) -> Vec<EffectGroup> {
    let group = |&effect: &Effect| {
        let allowing = environments.iter().filter(|environment| environment.allow.contains(&effect));
        let having = checks.iter().filter(|spec| spec.effect == effect);
        EffectGroup {
            effect,
            meaning: meaning(effect),
            allowed_in: allowing.map(|environment| environment.name.clone()).collect(),
            checks: having.map(|spec| spec.id).collect(),
        }
    };
    Effect::ALL.iter().map(group).collect()
}

/// What an effect means for whoever owns the target.
pub(crate) const fn meaning(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "looks, and changes nothing",
        Effect::Create => "creates something small, and removes it again",
        Effect::Load => "puts on load, within the limits of the policy",
        Effect::Disrupt => "takes something away that others may need",
    }
}

/// The suites of the configuration.
pub(crate) fn suites(project: &Project) -> Vec<Suite> {
    let suites = project.config.suites().iter();
    let suite = |(name, suite): (&String, &shakedown_config::Suite)| Suite {
        name: name.clone(),
        description: suite.description.clone(),
        select: suite.select.clone(),
        checks: selected(&project.registry, &suite.selection).map(|spec| spec.id).collect(),
    };
    suites.map(suite).collect()
}

/// The environments of the configuration.
pub(crate) fn environments(project: &Project) -> anyhow::Result<Vec<Environment>> {
    let names = project.config.environments().into_iter();
    names
        .map(|name| {
            let outline = project.outline(name)?;
            Ok(Environment {
                name: name.to_owned(),
                role: outline.role,
                sandbox: outline.sandbox,
                targets: outline.targets,
                allow: outline.policy.allow.into_iter().collect(),
            })
        })
        .collect()
}

/// The kinds of targets.
pub(crate) fn targets(registry: &Registry, environments: &[Environment]) -> Vec<Target> {
    let target = |spec: &&'static shakedown_core::TargetSpec| {
        let configuring =
            environments.iter().filter(|place| place.targets.iter().any(|kind| kind == spec.kind));
        let talking = registry.checks().iter().filter(|check| check.targets().any(|kind| kind == spec.kind));
        Target {
            kind: spec.kind,
            title: spec.title,
            environments: configuring.map(|environment| environment.name.clone()).collect(),
            in_sandbox: registry.parts().iter().any(|part| part.kind == spec.kind),
            checks: talking.count(),
            file: spec.source.file,
            settings: (spec.schema)().to_value(),
        }
    };
    registry.targets().iter().map(target).collect()
}
