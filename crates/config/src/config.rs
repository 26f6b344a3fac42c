//! The whole file: read once and validated for every environment, then asked for the profile of one.

use crate::diagnostic::{Diagnostic, Diagnostics, Problems};
use crate::environment::{Environment, Lookup, Waiver};
use crate::hint::hint;
use crate::inherit::Environments;
use crate::outline::Outline;
use crate::profile::{CheckSettings, Profile, Project};
use crate::reader::{Reader, array, check_name, filled_text, text, unknown};
use crate::selection::Selection;
use crate::source::{self, Source};
use crate::suite::{self, Suite, SuiteTable};
use crate::tree::{self, Node, Table, Value};
use crate::xray::{self, Xray};
use crate::{interpolate, params, target};
use jiff::civil::Date;
use shakedown_core::{Gate, Registry};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the format.
const VERSION: i64 = 1;

/// The table that only an upload reads.
const XRAY: &str = "xray";

/// How many checks may run at the same time, unless the file says otherwise.
const CONCURRENCY: usize = 8;

/// A configuration file, validated for every environment in it.
pub struct Config {
    source: Source,
    registry: Registry,
    project: Project,
    unselected: Vec<String>,
    suites: SuiteTable,
    environments: Environments,
}

impl Config {
    /// Reads and validates a file, offline.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn read(path: &Path, registry: &Registry) -> Result<Self, Diagnostics> {
        Self::parse(&path.display().to_string(), &source::read(path)?, registry)
    }

    /// Validates a text, offline.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn parse(path_for_messages: &str, text: &str, registry: &Registry) -> Result<Self, Diagnostics> {
        let source = Source::new(path_for_messages, text);
        let mut problems = Problems::default();
        let Some(root) = tree::parse(&source.text, &mut problems) else {
            return Err(problems.finish(&source));
        };
        let config = Self::from_tree(&root, source, registry, &mut problems);
        for name in config.environments.names() {
            config.validate(name, &mut problems);
        }
        if problems.has_errors() { Err(problems.finish(&config.source)) } else { Ok(config) }
    }

    fn from_tree(root: &Table, source: Source, registry: &Registry, problems: &mut Problems) -> Self {
        let whole = 0..0;
        let reader = Reader::new(root, &whole, "the file");
        check_version(&reader, problems);
        for key in ["project", "suites"] {
            if let Some(entry) = root.get(key) {
                interpolate::forbid(&entry.node, problems);
            }
        }
        let (project, unselected) = match reader.table("project", problems) {
            Some(project) => read_project(project, registry, problems),
            None => (Project::default(), Vec::new()),
        };
        let suites = match reader.table("suites", problems) {
            Some(suites) => suite::read(&suites, &source.text, registry, problems),
            None => SuiteTable::default(),
        };
        let environments = reader.get("environments").map(|entry| entry.node.clone());
        reader.finish(problems);
        let environments = read_environments(environments, &source, problems);
        Self { source, registry: registry.clone(), project, unselected, suites, environments }
    }

    /// Notes what is wrong with an environment, as far as that can be known without its variables.
    fn validate(&self, name: &str, problems: &mut Problems) {
        let (Some(table), Some(entry)) =
            (self.environments.merged(name), self.environments.entries.get(name))
        else {
            return;
        };
        let complete = self.environments.is_complete(name);
        if let Some(entry) = table.get(XRAY) {
            xray::read(&entry.node, name, false, problems);
        }
        let environment = Environment::read(&table, &entry.node.span, complete, self.lookup(), problems);
        params::settings(&environment, &self.registry, problems);
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup { registry: &self.registry, suites: &self.suites, source: &self.source }
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The names of the environments, in the order of the file.
    pub fn environments(&self) -> Vec<&str> {
        self.environments.names()
    }

    /// The suites by name.
    pub fn suites(&self) -> &BTreeMap<String, Suite> {
        &self.suites.suites
    }

    /// What a run selects that names neither suite nor expression: everything.
    pub fn default_selection(&self) -> Selection {
        Selection::all()
    }

    /// The checks that no suite selects and that are not listed as `unselected` on purpose, sorted by id.
    pub fn orphans(&self, registry: &Registry) -> Vec<&'static str> {
        let in_a_suite = |id: &str| {
            let spec = registry.check(id);
            spec.is_some_and(|spec| {
                self.suites().values().any(|suite| suite.selection.selects(spec, spec.severity))
            })
        };
        let ids = registry.checks().iter().map(|spec| spec.id);
        ids.filter(|id| !self.unselected.iter().any(|listed| listed == id) && !in_a_suite(id)).collect()
    }

    /// Where the results of an environment are uploaded, with `variables` filled in; none where the file does not say.
    ///
    /// # Errors
    /// An unknown environment, and everything that is wrong with the table.
    pub fn xray(
        &self,
        environment: &str,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Xray>, Diagnostics> {
        let Some(mut table) = self.environments.merged(environment) else {
            return Err(self.unknown(environment));
        };
        table.0.retain(|key, _| key == XRAY);
        let mut problems = Problems::default();
        interpolate::fill(&mut table, environment, variables, &mut problems);
        let Some(entry) = table.get(XRAY) else { return Ok(None) };
        let read = xray::read(&entry.node, environment, !problems.has_errors(), &mut problems);
        if problems.has_errors() { Err(problems.finish(&self.source)) } else { Ok(read) }
    }

    /// What is known of an environment without its variables, waivers as they stand on a day (UTC).
    ///
    /// # Errors
    /// An unknown environment.
    pub fn outline(&self, environment: &str, today: Date) -> Result<Outline, Diagnostics> {
        let (Some(table), Some(entry)) =
            (self.environments.merged(environment), self.environments.entries.get(environment))
        else {
            return Err(self.unknown(environment));
        };
        // The file was validated, and what is open stays open: there is nothing new to say.
        let mut problems = Problems::default();
        let read = Environment::read(&table, &entry.node.span, false, self.lookup(), &mut problems);
        let mut checks = params::settings(&read, &self.registry, &mut problems);
        waive(&mut checks, &read, today, &mut problems);
        Ok(Outline {
            role: read.role,
            sandbox: read.sandbox.is_some(),
            targets: read.targets.into_keys().collect(),
            policy: read.policy,
            checks,
        })
    }

    fn unknown(&self, environment: &str) -> Diagnostics {
        let help = hint(environment, self.environments()).unwrap_or_default();
        let message = format!("unknown environment `{environment}`");
        Diagnostic::without_place(&self.source.name, message, &help).into()
    }

    /// One environment, with `variables` filled in and waivers as they stand on a day (UTC).
    ///
    /// # Errors
    /// An unknown environment, and everything that only its variables' values could show, at once.
    pub fn profile(
        &self,
        environment: &str,
        variables: &dyn Fn(&str) -> Option<String>,
        today: Date,
    ) -> Result<Profile, Diagnostics> {
        let (Some(mut table), Some(entry)) =
            (self.environments.merged(environment), self.environments.entries.get(environment))
        else {
            return Err(self.unknown(environment));
        };
        // Only an upload needs it: without its secrets, a run runs.
        table.0.remove(XRAY);
        let mut problems = Problems::default();
        let mut secrets = interpolate::fill(&mut table, environment, variables, &mut problems);
        secrets.extend(target::secrets(&table, &self.registry));
        let span = &entry.node.span;
        let read = Environment::read(&table, span, true, self.lookup(), &mut problems);
        let mut checks = params::settings(&read, &self.registry, &mut problems);
        waive(&mut checks, &read, today, &mut problems);
        if read.targets.is_empty()
            && read.sandbox.is_none()
            && self.registry.checks().iter().any(|spec| spec.target.is_some())
        {
            problems
                .warning(&entry.key, format!("environment `{environment}` has neither targets nor a sandbox"))
                .help("checks that talk to a target have nothing to talk to");
        }
        if problems.has_errors() {
            return Err(problems.finish(&self.source));
        }
        secrets.sort();
        secrets.dedup();
        Ok(Profile {
            project: self.project.clone(),
            environment: environment.to_owned(),
            role: read.role,
            concurrency: read.concurrency.unwrap_or(CONCURRENCY),
            run_timeout: read.run_timeout,
            groups: read.groups,
            targets: read.targets,
            policy: read.policy,
            sandbox: read.sandbox,
            checks,
            secrets,
            warnings: problems.finish(&self.source).0,
        })
    }
}

fn check_version(reader: &Reader<'_>, problems: &mut Problems) {
    let Some(entry) = reader.get("version") else {
        problems
            .error_of_file("`version` is missing")
            .help(format!("begin the file with `version = {VERSION}`"));
        return;
    };
    if !matches!(entry.node.value, Value::Integer(VERSION)) {
        let found = match entry.node.value {
            Value::Integer(number) => number.to_string(),
            _ => entry.node.kind().to_owned(),
        };
        let message = format!("`version` must be {VERSION}, not {found}");
        problems.error(&entry.node.span, message).help("this program reads no other version of the format");
    }
}

fn read_project(reader: Reader<'_>, registry: &Registry, problems: &mut Problems) -> (Project, Vec<String>) {
    let name = reader.require("name", "\"focus-server\"", problems);
    let name = name.and_then(|node| filled_text(node, "name", problems));
    let jira = reader.optional("jira", problems, filled_text);
    let jira_url = reader.optional("jira_url", problems, filled_text);
    let unselected = reader.optional("unselected", problems, |node, key, problems| {
        array(node, key, problems, |node, key, problems| {
            let id = text(node, key, problems)?;
            if registry.check(id).is_none() {
                unknown(&node.span, "check", id, "", registry.checks().iter().map(|spec| spec.id), problems);
            }
            Some(id.to_owned())
        })
    });
    reader.finish(problems);
    let project = Project {
        name: name.map_or(Project::default().name, str::to_owned),
        jira: jira.map(str::to_owned),
        jira_url: jira_url.map(|url| url.trim_end_matches('/').to_owned()),
    };
    (project, unselected.unwrap_or_default())
}

fn read_environments(node: Option<Node>, source: &Source, problems: &mut Problems) -> Environments {
    let example = "for example `[environments.local]` with `sandbox = {}`";
    let Some(mut node) = node else {
        problems.error_of_file("no environment is defined").help(example);
        return Environments::default();
    };
    interpolate::find(&mut node, &source.text, problems);
    let kind = node.kind();
    let Value::Table(Table(entries)) = node.value else {
        problems.error(&node.span, format!("`environments` must be a table, not {kind}")).help(example);
        return Environments::default();
    };
    if entries.is_empty() {
        problems.error(&node.span, "no environment is defined").help(example);
    }
    for (name, entry) in &entries {
        check_name("an environment", name, &entry.key, problems);
        Reader::of(&entry.node, format!("`environments.{name}`"), problems);
    }
    let environments = Environments { entries };
    environments.check(problems);
    environments
}

/// Makes waived what a waiver still covers; one that has expired is told and counts as none.
fn waive(
    checks: &mut BTreeMap<&'static str, CheckSettings>,
    environment: &Environment<'_>,
    today: Date,
    problems: &mut Problems,
) {
    for waiver in &environment.waivers {
        let Waiver { check, reason, ticket, expires, expires_at } = waiver;
        if *expires < today {
            problems
                .warning(
                    expires_at,
                    format!("the waiver of `{check}` expired on {expires} and counts no more"),
                )
                .help(format!("see {ticket}: mend what it tolerates, or set a new date"));
        } else if let Some(settings) = checks.get_mut(check.as_str()) {
            settings.gate =
                Gate::Waived { reason: reason.clone(), ticket: ticket.clone(), expires: expires.to_string() };
        }
    }
}
