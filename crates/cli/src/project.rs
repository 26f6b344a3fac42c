//! What every verb starts from: the registry, the configuration, and where things are.

use crate::args::{Globals, SelectOptions};
use crate::output;
use anyhow::{Context as _, anyhow, bail};
use shakedown_config::{Config, Diagnostics, Outline, Profile, Selection, TargetConfig, Unreachable, Xray};
use shakedown_core::redact::Redactor;
use shakedown_core::{Clock, Registry};
use shakedown_report::html::Links;
use shakedown_runner::{Confirmation, Plan};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The registered checks and the configuration that selects from them.
pub(crate) struct Project {
    pub(crate) registry: Registry,
    pub(crate) config: Config,
    /// The directory of the configuration; empty where that is the current one.
    pub(crate) root: PathBuf,
}

/// What was linked into this program.
pub(crate) fn registry() -> anyhow::Result<Registry> {
    Ok(Registry::collect()?)
}

impl Project {
    /// Reads the configuration.
    pub(crate) fn open(globals: &Globals) -> anyhow::Result<Self> {
        let registry = registry()?;
        let path = config_path(globals.config.as_deref())?;
        let config = Config::read(&path, &registry).map_err(Unusable)?;
        let root = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { registry, config, root })
    }

    /// The environment, with its variables and files filled in. From here on its secrets stay out of every output.
    pub(crate) fn profile(
        &self,
        globals: &Globals,
        environment: &str,
    ) -> anyhow::Result<(Profile, Redactor)> {
        let profile = self.config.profile(environment, &variable, today()).map_err(Unusable)?;
        let redactor = Redactor::new(profile.secrets.iter().map(String::as_str));
        output::keep_out(&redactor);
        for warning in &profile.warnings {
            output::message(warning.render(globals.error_style().color).trim_end());
        }
        Ok((profile, redactor))
    }

    /// What is known of an environment without its variables.
    pub(crate) fn outline(&self, environment: &str) -> anyhow::Result<Outline> {
        Ok(self.config.outline(environment, today()).map_err(Unusable)?)
    }

    /// Where the results of an environment are uploaded.
    pub(crate) fn xray(&self, environment: &str) -> anyhow::Result<Xray> {
        let found = self.config.xray(environment, &variable).map_err(Unusable)?;
        found.ok_or_else(|| {
            anyhow!(
                "`{environment}` does not say where its results go: add `[environments.{environment}.xray]`"
            )
        })
    }

    /// The selection that the options ask for; everything where they ask for nothing.
    pub(crate) fn selection(&self, suites: &[String], expressions: &[String]) -> anyhow::Result<Selection> {
        let suites: Vec<String> = suites.iter().map(|suite| format!("suite({suite})")).collect();
        let parts: Vec<String> = [suites.as_slice(), expressions]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| part.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" | "))
            .collect();
        // Each part is parsed by itself first, so that an error points into what was typed.
        for text in suites.iter().chain(expressions) {
            self.parse(text)?;
        }
        match parts.as_slice() {
            [] => Ok(Selection::all()),
            [one] => self.parse(one),
            several => {
                self.parse(&several.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" & "))
            }
        }
    }

    fn parse(&self, text: &str) -> anyhow::Result<Selection> {
        Ok(Selection::parse(text, &self.registry, self.config.suites())?)
    }

    /// The plan for an environment. A sandbox has a target for each of its parts, connected or not.
    pub(crate) fn plan(
        &self,
        profile: &mut Profile,
        options: &SelectOptions,
    ) -> anyhow::Result<(Plan, Selection)> {
        if let Some(confirmed) = &options.confirm
            && *confirmed != profile.environment
        {
            bail!("`--confirm {confirmed}` does not name the environment, `{}`", profile.environment);
        }
        if profile.sandbox.is_some() {
            for part in self.registry.parts() {
                profile
                    .targets
                    .entry(part.kind.to_owned())
                    .or_insert_with(|| sandbox_target(serde_json::Value::Null));
            }
        }
        let selection = self.selection(&options.suite, &options.select)?;
        let confirmation = Confirmation { environment: options.confirm.clone() };
        let plan = shakedown_runner::plan(&self.registry, profile, &selection, &confirmation);
        Ok((plan, selection))
    }

    /// Where the ledgers of runs are kept.
    pub(crate) fn ledgers(&self) -> PathBuf {
        self.root.join(".shakedown").join("ledger")
    }
}

/// Settings of a target that the sandbox provides.
pub(crate) fn sandbox_target(settings: serde_json::Value) -> TargetConfig {
    TargetConfig {
        settings,
        connect_timeout: Duration::from_secs(5),
        identity: BTreeMap::new(),
        unreachable: Unreachable::Error,
    }
}

/// Starts the sandbox parts that `kinds` names, and gives the profile their addresses.
pub(crate) async fn start_sandbox(
    registry: &Registry,
    profile: &mut Profile,
    kinds: BTreeSet<String>,
) -> anyhow::Result<Option<Sandbox>> {
    let Some(options) = profile.sandbox.clone() else { return Ok(None) };
    let options = Options { clock: Clock::system(), options, kinds: Some(kinds) };
    let sandbox = Sandbox::start(registry, options).await.context("the sandbox failed to start")?;
    for (kind, settings) in sandbox.settings() {
        profile.targets.insert(kind.clone(), sandbox_target(settings.clone()));
    }
    Ok(Some(sandbox))
}

/// A variable that the configuration names.
fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the configuration's variables are read"
    )]
    std::env::var(name).ok()
}

/// The file that was named, or the nearest `checks.toml`.
pub(crate) fn config_path(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir().context("the current directory cannot be read")?;
    let found = here.ancestors().map(|directory| directory.join("checks.toml")).find(|path| path.exists());
    let path = found.ok_or_else(|| {
        anyhow!("no `checks.toml` in {} or above it; name one with `--config FILE`", here.display())
    })?;
    // A path as the user would write it reads better in messages.
    Ok(path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path))
}

/// A configuration that cannot be used, and everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Unusable(pub(crate) Diagnostics);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable; nothing was run")
    }
}

impl std::error::Error for Unusable {}

/// The address of a Jira key, where the configuration says where Jira is.
pub(crate) fn jira_link(project: &shakedown_config::Project, key: &str) -> Option<String> {
    Links::new(project.jira_url.as_deref()).issue(key)
}

/// The day, in UTC.
fn today() -> jiff::civil::Date {
    Clock::system().now().to_zoned(jiff::tz::TimeZone::UTC).date()
}
