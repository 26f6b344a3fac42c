//! `run`: plan, execute, report, and say with the exit code what came of it.

use crate::args::{Format, Globals, RunOptions};
use crate::failure;
use crate::output::{message, print, problem};
use crate::project::{Project, start_sandbox};
use crate::signals;
use crate::verbs::plan;
use anyhow::bail;
use shakedown_config::Profile;
use shakedown_core::event::RunInfo;
use shakedown_core::registry::registered_checks;
use shakedown_core::run::{Exit, Run};
use shakedown_core::sink::Sink;
use shakedown_core::{Clock, Registry};
use shakedown_report::{Style, Written, html, journal, journal::Journal, json, summary, terminal::Terminal};
use shakedown_runner::{Finished, Interrupt, Request};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub(crate) async fn run(globals: &Globals, mut options: RunOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let resumed = options.resume.take().map(|run| Resumed::read(&project.root, &run)).transpose()?;
    if let Some(resumed) = &resumed {
        resumed.choose(&mut options)?;
    }
    let (mut profile, redactor) = project.profile(globals, &options.select.env)?;
    add_faults(&mut profile, &project.registry, &options.fault)?;
    if let Some(count) = options.retries {
        profile.checks.values_mut().for_each(|settings| settings.retries.count = count);
    }
    let (plan, selection) = project.plan(&mut profile, &options.select)?;
    if options.dry_run {
        plan::show(&plan, globals)?;
        return Ok(Exit::Fit);
    }
    if plan.checks.is_empty() {
        message(&plan::text(&plan, globals.look()));
        let why =
            format!("nothing to run: `{selection}` selects no check that {} admits", profile.environment);
        return Ok(failure::because(globals, Exit::Nothing, &why));
    }

    let interrupt = Interrupt::default();
    signals::listen(&interrupt);
    let kinds = plan.targets().into_iter().map(str::to_owned).collect();
    let started = tokio::select! {
        started = start_sandbox(&project.registry, &mut profile, kinds) => started?,
        _ = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    let (info, directory, resume) = if let Some(Resumed { directory, run }) = resumed {
        (run.info.clone(), directory, Some(run))
    } else {
        let info = run_info(&profile, &project.registry, selection.to_string());
        let directory = options.out.unwrap_or_else(|| project.root.join("reports").join(&info.id));
        (info, directory, None)
    };
    let journal = if resume.is_some() {
        Journal::resume(&directory.join(journal::FILE_NAME))
    } else {
        prepare(&directory)
    };
    let (mut reports, sinks) = Reports::open(globals, directory, journal, options.bundle);
    let finished = shakedown_runner::run(Request {
        registry: &project.registry,
        profile: &profile,
        plan,
        info,
        sinks,
        redactor,
        directory: reports.directory.clone(),
        ledgers: Some(project.ledgers()),
        unavailable: started.as_ref().map(|sandbox| sandbox.unavailable().to_vec()).unwrap_or_default(),
        clock: Clock::system(),
        interrupt,
        resume,
        fail_fast: options.fail_fast,
    })
    .await;
    if let Some(sandbox) = started {
        sandbox.stop().await;
    }
    Ok(reports.write(&project.root, &finished?))
}

/// A run to go on with.
struct Resumed {
    directory: PathBuf,
    run: Run,
}

impl Resumed {
    fn read(root: &Path, run: &Path) -> anyhow::Result<Self> {
        let directory = find(root, Some(run))?;
        let run = journal::read(&directory.join(journal::FILE_NAME))?;
        if run.ended().count() == run.checks.len() {
            bail!(
                "the run {} has ended: every check has its answer, and nothing is left to ask",
                run.info.id
            );
        }
        Ok(Self { directory, run })
    }

    /// The same checks under the same faults, in the same environment.
    fn choose(&self, options: &mut RunOptions) -> anyhow::Result<()> {
        let info = &self.run.info;
        if options.select.env != info.environment {
            bail!("the run {} is one of {}: say `--env {}`", info.id, info.environment, info.environment);
        }
        options.select.select = vec![info.selection.clone()];
        options.fault.clone_from(&info.faults);
        Ok(())
    }
}

/// Adds the faults of the command line to those of the environment's sandbox.
pub(crate) fn add_faults(
    profile: &mut Profile,
    registry: &Registry,
    faults: &[String],
) -> anyhow::Result<()> {
    for fault in faults {
        if !registry.faults().iter().any(|known| known.id == fault) {
            let known = registry.faults().iter().map(|known| known.id);
            let hint = shakedown_core::suggest::nearest(fault, known)
                .map(|near| format!("; did you mean `{near}`?"));
            bail!(
                "there is no fault `{fault}`{}",
                hint.unwrap_or_else(|| "; see `list --faults`".to_owned())
            );
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let Some(sandbox) = profile.sandbox.as_mut().and_then(serde_json::Value::as_object_mut) else {
        bail!("faults are injected into the sandbox only; {} is a live environment", profile.environment);
    };
    let list = sandbox.entry("faults").or_insert_with(|| serde_json::json!([]));
    if let Some(list) = list.as_array_mut() {
        for fault in faults.iter().map(|fault| serde_json::Value::from(fault.as_str())) {
            if !list.contains(&fault) {
                list.push(fault);
            }
        }
    }
    Ok(())
}

/// Where the reports of a run go, and whether all of them got there.
struct Reports {
    /// The run's directory; none, where it cannot be written.
    directory: Option<PathBuf>,
    format: Format,
    style: Style,
    /// Whether everything is packed into one archive too.
    bundle: bool,
    complete: bool,
}

impl Reports {
    /// What listens to the run: the journal first.
    fn open(
        globals: &Globals,
        directory: PathBuf,
        journal: io::Result<Journal>,
        bundle: bool,
    ) -> (Self, Vec<Box<dyn Sink>>) {
        let (format, style) = (globals.format, globals.style());
        let mut reports = Self { directory: None, format, style, bundle, complete: true };
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        match journal {
            Ok(journal) => {
                sinks.push(Box::new(journal));
                reports.directory = Some(directory);
            }
            Err(error) => {
                let place = directory.display().to_string();
                reports.failed(&format!("reports cannot be written to {place}"), &error);
            }
        }
        // The live board goes where messages go, the lines of a pipe where data goes.
        match format {
            Format::Text if style.live => sinks.push(Box::new(Terminal::new(style, io::stderr()))),
            Format::Text => sinks.push(Box::new(Terminal::new(style, io::stdout()))),
            Format::Json => {}
        }
        (reports, sinks)
    }

    fn failed(&mut self, what: &str, error: &io::Error) {
        problem(&format!("{what}: {error}"));
        self.complete = false;
    }

    /// Writes every report, prints the summary, and says what the program ends with.
    fn write(&mut self, root: &Path, finished: &Finished) -> Exit {
        for (sink, error) in &finished.failed_sinks {
            self.failed(&format!("the {sink} could not be written"), error);
        }
        if let Some(directory) = self.directory.clone() {
            for written in write_reports(&finished.run, &directory) {
                if let Err(error) = written.result {
                    let path = written.path.display();
                    self.failed(&format!("{} could not be written to {path}", written.what), &error);
                }
            }
            if self.bundle
                && let Err(error) = pack(&directory, &finished.run)
            {
                self.failed("the bundle could not be written", &error);
            }
            point_to_latest(root, &directory);
        }
        let exit = finished.run.exit().after_reports(self.complete);
        print(&match self.format {
            Format::Text => summary::render(&finished.run, &self.style, self.directory.as_deref(), exit),
            Format::Json => json::render(&finished.run),
        });
        exit
    }
}

pub(crate) fn run_info(profile: &Profile, registry: &Registry, selection: String) -> RunInfo {
    let started = Clock::system().now();
    let time = started.strftime("%Y%m%dT%H%M%SZ");
    let unique = &uuid::Uuid::new_v4().simple().to_string()[..6];
    RunInfo {
        id: format!("{}-{time}-{unique}", profile.environment),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        project: profile.project.name.clone(),
        jira: profile.project.jira.clone(),
        jira_url: profile.project.jira_url.clone(),
        environment: profile.environment.clone(),
        role: profile.role.clone(),
        sandbox: profile.sandbox.is_some(),
        faults: injected(profile, registry).into_iter().collect(),
        selection,
    }
}

/// The faults that the sandbox was asked to inject, those of an incident included.
fn injected(profile: &Profile, registry: &Registry) -> BTreeSet<String> {
    let Some(options) = &profile.sandbox else { return BTreeSet::new() };
    let named = options["faults"].as_array().into_iter().flatten().filter_map(|fault| fault.as_str());
    let incident = registry.incidents().iter().find(|incident| options["incident"] == incident.id);
    named
        .chain(incident.into_iter().flat_map(|incident| incident.faults.iter().copied()))
        .map(str::to_owned)
        .collect()
}

/// Writes every report of a run; the pages say what each check asks.
pub(crate) fn write_reports(run: &Run, directory: &Path) -> Vec<Written> {
    let docs = |id: &str| registered_checks().find(|spec| spec.id == id).map(|spec| spec.docs);
    shakedown_report::write_all(run, directory, &html::Options { docs: Some(&docs) })
}

/// Packs a run into one archive, and says where that is.
pub(crate) fn pack(directory: &Path, run: &Run) -> io::Result<()> {
    let archive = shakedown_report::bundle::pack(directory, &run.info.id)?;
    message(&format!("bundle: {}", archive.display()));
    Ok(())
}

/// Makes the run's directory, without what an earlier run left in it, and opens the journal.
pub(crate) fn prepare(directory: &Path) -> io::Result<Journal> {
    fs::create_dir_all(directory)?;
    for file in ["run.json", "report.html", "junit.xml", "xray.xml", "uploads.json", "events.jsonl"] {
        match fs::remove_file(directory.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir_all(directory.join("evidence")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Journal::create(&directory.join("events.jsonl"))
}

/// Makes `reports/latest` point to the run. A convenience: where it cannot be done, nothing is lost.
fn point_to_latest(root: &Path, directory: &Path) {
    let Ok(target) = directory.canonicalize() else { return };
    let link = root.join("reports").join("latest");
    #[cfg(unix)]
    {
        let _ = link.parent().map(fs::create_dir_all);
        if link.is_symlink() {
            let _ = fs::remove_file(&link);
        }
        let parent = link.parent().and_then(|parent| parent.canonicalize().ok());
        let relative = parent.and_then(|parent| target.strip_prefix(parent).map(Path::to_owned).ok());
        let _ = std::os::unix::fs::symlink(relative.unwrap_or(target), link);
    }
    #[cfg(not(unix))]
    let _ = (target, link);
}

/// The directory of a run: a path, or a name under `reports/`.
pub(crate) fn find(root: &Path, run: Option<&Path>) -> anyhow::Result<PathBuf> {
    let reports = root.join("reports");
    let name = run.unwrap_or(Path::new("latest"));
    for candidate in [name.to_owned(), reports.join(name)] {
        let directory =
            if candidate.is_file() { candidate.parent().map(Path::to_owned) } else { Some(candidate) };
        if let Some(directory) = directory.filter(|directory| directory.join("events.jsonl").is_file()) {
            return Ok(directory);
        }
    }
    bail!(
        "no run `{}`: neither a directory with `events.jsonl` nor a name under {}",
        name.display(),
        reports.display()
    )
}
