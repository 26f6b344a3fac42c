//! `explain`: what is known of a name, be it a check, a fix, a fault, a finding, a suite, a tag or an exit code.

pub(crate) mod pages;
mod prose;
mod text;

use crate::args::{Format, Globals};
use crate::output::{print, print_json};
use crate::project::{Project, registry};
use crate::verbs::list;
use anyhow::bail;
use pages::{FaultPage, FindingPage, FixPage, Library, Page};
use shakedown_core::Registry;
use shakedown_core::run::Exit;
use shakedown_core::suggest::nearest;
use std::collections::BTreeSet;

pub(crate) fn explain(globals: &Globals, name: &str, environment: Option<&str>) -> anyhow::Result<Exit> {
    let project = match Project::open(globals) {
        Ok(project) => Some(project),
        // What is registered can be explained without a configuration, unless one was asked for.
        Err(error) if environment.is_some() || globals.config.is_some() => return Err(error),
        Err(_) => None,
    };
    let registry = match &project {
        Some(project) => project.registry.clone(),
        None => registry()?,
    };
    let outline = match (&project, environment) {
        (Some(project), Some(environment)) => Some((environment, project.outline(environment)?)),
        _ => None,
    };
    let library = Library { registry: &registry, project: project.as_ref(), outline };
    let mut pages = library.of_registry(name);
    if let Some(project) = &project {
        pages.extend(of_project(project, name)?);
    }
    pages.extend(name.parse().ok().and_then(pages::exit).map(Page::ExitCode));
    if pages.is_empty() {
        let known = names(&registry, project.as_ref());
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => bail!("there is nothing called `{name}`; did you mean `{near}`?"),
            None => bail!(
                "there is nothing called `{name}`; `list` shows checks, and `list --help` names what else there is"
            ),
        }
    }
    match globals.format {
        Format::Json => print_json(&pages)?,
        Format::Text => {
            let look = globals.look();
            print(&pages.iter().map(|page| text::render(page, look)).collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(Exit::Fit)
}

impl Library<'_> {
    /// The pages of what is registered under a name.
    fn of_registry(&self, name: &str) -> Vec<Page> {
        let registry = self.registry;
        let mut pages = Vec::new();
        pages.extend(registry.check(name).map(|spec| Page::Check(Box::new(self.check(spec)))));
        pages.extend(registry.fix(name).map(|spec| {
            let allowed_in = self.project.map(|project| {
                let names = project.config.environments().into_iter();
                let allows = |name: &&str| {
                    project.outline(name).is_ok_and(|outline| outline.policy.fixes.contains(spec.id))
                };
                names.filter(allows).map(str::to_owned).collect()
            });
            Page::Fix(FixPage { fix: spec.into(), allowed_in })
        }));
        pages.extend(registry.faults().iter().filter(|spec| spec.id == name).map(|spec| {
            let mending = registry.fixes().iter().filter(|fix| fix.proofs.contains(&spec.id));
            let incidents = registry.incidents().iter().filter(|incident| incident.faults.contains(&spec.id));
            Page::Fault(FaultPage {
                fault: (*spec).into(),
                proves: self.found(|proof| proof.fault == spec.id),
                mended_by: mending.map(|fix| fix.id).collect(),
                incidents: incidents.map(|incident| incident.id).collect(),
            })
        }));
        let incidents = registry.incidents().iter().filter(|spec| spec.id == name);
        pages.extend(incidents.map(|spec| Page::Incident((*spec).into())));
        let reported_by = self.found(|proof| proof.finding == name);
        if !reported_by.is_empty() {
            pages.push(Page::Finding(FindingPage { code: name.to_owned(), reported_by }));
        }
        let collectors = registry.collectors().iter().filter(|spec| spec.id == name);
        pages.extend(collectors.map(|spec| Page::Collector((*spec).into())));
        let observers = registry.observers().iter().filter(|spec| spec.id == name);
        pages.extend(observers.map(|spec| Page::Observer((*spec).into())));
        pages
    }
}

/// The pages of what the configuration, or the checks as a whole, know under a name.
fn of_project(project: &Project, name: &str) -> anyhow::Result<Vec<Page>> {
    let checks: Vec<_> = project.registry.checks().to_vec();
    let mut pages = Vec::new();
    pages.extend(list::suites(project).into_iter().filter(|suite| suite.name == name).map(Page::Suite));
    pages.extend(list::tags(&checks).into_iter().filter(|tag| tag.name == name).map(Page::Tag));
    pages.extend(list::keys(project, &checks).into_iter().filter(|key| key.name == name).map(Page::Key));
    let environments = list::environments(project)?;
    let effects = list::effects(&environments, &checks).into_iter();
    pages.extend(effects.filter(|group| group.effect.as_str() == name).map(Page::Effect));
    let targets = list::targets(&project.registry, &environments).into_iter();
    let targets = targets.filter(|target| target.kind == name).map(Page::Target);
    pages.extend(environments.into_iter().filter(|place| place.name == name).map(Page::Environment));
    pages.extend(targets);
    Ok(pages)
}

/// Every name that can be explained, but those of exit codes.
pub(crate) fn names(registry: &Registry, project: Option<&Project>) -> BTreeSet<String> {
    let checks = registry.checks();
    let mut names: BTreeSet<&str> = checks.iter().map(|spec| spec.id).collect();
    names.extend(registry.fixes().iter().map(|spec| spec.id));
    names.extend(registry.faults().iter().map(|spec| spec.id));
    names.extend(registry.incidents().iter().map(|spec| spec.id));
    names.extend(registry.collectors().iter().map(|spec| spec.id));
    names.extend(registry.observers().iter().map(|spec| spec.id));
    names.extend(checks.iter().flat_map(|spec| spec.proofs).map(|proof| proof.finding));
    if let Some(project) = project {
        names.extend(registry.tags());
        names.extend(checks.iter().flat_map(|spec| spec.keys));
        names.extend(project.config.suites().keys().map(String::as_str));
        names.extend(project.config.environments());
        names.extend(registry.targets().iter().map(|spec| spec.kind));
        names.extend(shakedown_core::Effect::ALL.iter().map(|effect| effect.as_str()));
    }
    names.into_iter().map(str::to_owned).collect()
}
