//! `fix`: from findings to a plan of what would be written, and with `--apply` to a mended target, with before and after,
//! an audit record and an undo file.

mod report;
mod text;
mod undo;

pub(crate) use report::Report;
pub(crate) use undo::Undone;

use crate::args::{FixOptions, Format, Globals, SelectOptions};
use crate::output::{print, problem, redacted};
use crate::project::{Project, start_sandbox};
use crate::signals;
use crate::verbs::run::{add_faults, prepare, run_info, write_reports};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use report::{Mending, Stage, stands};
use shakedown_config::Profile;
use shakedown_core::context::Progress;
use shakedown_core::redact::Redactor;
use shakedown_core::run::{Exit, Run};
use shakedown_core::sink::Sink;
use shakedown_core::suggest::nearest;
use shakedown_core::{CheckSpec, Clock, FixSpec, Registry};
use shakedown_runner::{
    Audit, AuditEntry, Confirmation, Interrupt, MendError, MendRequest, Mender, Plan, Request, UndoFile,
    UndoHeader, admit_fix, due,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) async fn fix(globals: &Globals, options: FixOptions) -> anyhow::Result<Exit> {
    if let Some(file) = &options.undo {
        return undo::undo(globals, &options, file).await;
    }
    let project = Project::open(globals)?;
    let environment = options.env.as_deref().context("`--env NAME` is missing")?;
    let (mut profile, redactor) = project.profile(globals, environment)?;
    add_faults(&mut profile, &project.registry, &options.fault)?;
    let wanted = wanted(&project.registry, &options.fix)?;
    let Some(select) = selection(&project, &wanted, &options)? else { return Ok(Exit::Nothing) };
    let (plan, selection) = project.plan(&mut profile, &select)?;
    let confirmed = Confirmation { environment: options.confirm.clone() };
    let planned: BTreeSet<&str> = plan.checks.iter().map(|planned| planned.spec.id).collect();
    if options.apply {
        refuse(&wanted, &planned, &profile, &confirmed)?;
    }

    let interrupt = Interrupt::default();
    signals::listen(&interrupt);
    let kinds = plan.targets().into_iter().map(str::to_owned).collect();
    let sandbox = tokio::select! {
        started = start_sandbox(&project.registry, &mut profile, kinds) => started?,
        _ = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    let info = run_info(&profile, &project.registry, selection.to_string());
    let directory =
        options.out.clone().unwrap_or_else(|| project.root.join("reports").join(format!("fix-{}", info.id)));
    let call = Call {
        globals,
        registry: &project.registry,
        profile: &profile,
        redactor,
        confirmed,
        interrupt,
        id: info.id.clone(),
        directory: options.apply.then_some(directory),
    };
    let unavailable = sandbox.as_ref().map(|sandbox| sandbox.unavailable().to_vec()).unwrap_or_default();
    let exit = call.mend(plan, &wanted, unavailable).await;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    exit
}

/// The fixes that may be used: those that were asked for, or all but those that take the place of another.
fn wanted(registry: &Registry, asked: &[String]) -> anyhow::Result<Vec<&'static FixSpec>> {
    for id in asked {
        if registry.fix(id).is_none() {
            let known: Vec<&str> = registry.fixes().iter().map(|spec| spec.id).collect();
            match nearest(id, known.iter().copied()) {
                Some(near) => bail!("there is no fix `{id}`; did you mean `{near}`?"),
                None => bail!("there is no fix `{id}`; there are {}", known.join(", ")),
            }
        }
    }
    let all = registry.fixes().iter().copied();
    Ok(if asked.is_empty() {
        all.filter(|spec| spec.instead_of.is_none()).collect()
    } else {
        all.filter(|spec| asked.iter().any(|id| id == spec.id)).collect()
    })
}

/// The checks that the fixes mend, as far as the expressions select them.
fn selection(
    project: &Project,
    wanted: &[&'static FixSpec],
    options: &FixOptions,
) -> anyhow::Result<Option<SelectOptions>> {
    let asked = project.selection(&[], &options.select)?;
    let of_fix = |spec: &&'static FixSpec| project.registry.check(spec.check);
    let selected = |spec: &&'static CheckSpec| asked.selects(spec, spec.severity);
    let checks: BTreeSet<&str> =
        wanted.iter().filter_map(of_fix).filter(selected).map(|spec| spec.id).collect();
    if checks.is_empty() {
        let all: BTreeSet<&str> = wanted.iter().map(|spec| spec.check).collect();
        let all: Vec<&str> = all.into_iter().collect();
        problem(&format!(
            "nothing to mend: `{asked}` selects none of the checks that a fix can mend: {}",
            all.join(", ")
        ));
        return Ok(None);
    }
    let ids: Vec<String> = checks.into_iter().map(|id| format!("id({id})")).collect();
    Ok(Some(SelectOptions {
        env: String::new(),
        suite: Vec::new(),
        select: vec![ids.join(" | ")],
        confirm: options.confirm.clone(),
    }))
}

/// Ends with every reason why the policy does not let these fixes write, before anything is sent.
fn refuse(
    wanted: &[&'static FixSpec],
    planned: &BTreeSet<&str>,
    profile: &Profile,
    confirmed: &Confirmation,
) -> anyhow::Result<()> {
    let concerned = wanted.iter().filter(|spec| planned.contains(spec.check));
    let refusals: BTreeSet<String> = concerned
        .filter_map(|spec| admit_fix(spec, profile, confirmed).err())
        .map(|refusal| refusal.to_string())
        .collect();
    if refusals.is_empty() {
        return Ok(());
    }
    bail!("nothing was written: {}", refusals.into_iter().collect::<Vec<_>>().join("; "))
}

/// One call of the verb.
struct Call<'a> {
    globals: &'a Globals,
    registry: &'a Registry,
    profile: &'a Profile,
    redactor: Redactor,
    confirmed: Confirmation,
    interrupt: Interrupt,
    id: String,
    /// Where everything goes; none, where nothing is to be written.
    directory: Option<PathBuf>,
}

impl Call<'_> {
    async fn mend(
        &self,
        plan: Plan,
        wanted: &[&'static FixSpec],
        unavailable: Vec<shakedown_core::sandbox::Unavailable>,
    ) -> anyhow::Result<Exit> {
        let before = self.ask(plan.clone(), "before", &unavailable).await?;
        let mender = self.mender();
        let mut report = Report {
            id: self.id.clone(),
            environment: self.profile.environment.clone(),
            sandbox: self.profile.sandbox.is_some(),
            apply: self.directory.is_some(),
            fixes: Vec::new(),
            before: stands(&before),
            after: Vec::new(),
            directory: None,
        };
        for spec in due(wanted, &before) {
            report.fixes.push(self.plan(&mender, spec).await);
        }
        if let Some(by) = self.interrupt.raised() {
            problem(&format!("interrupted by {by}; nothing was written"));
            return Ok(Exit::Interrupted);
        }
        let Some(directory) = self.directory.as_deref().filter(|_| report.has_work()) else {
            self.show(&text::plan(&report, self.globals.style()), &report)?;
            return Ok(if report.has_plan() { Exit::Fit } else { before.exit() });
        };
        if self.globals.format == Format::Text {
            print(&redacted(&text::plan(&report, self.globals.style())));
        }
        report.directory = Some(directory.to_owned());
        let complete = self.apply(&mender, &mut report, directory).await?;
        let interrupted = self.interrupt.raised();
        let mut exit = Exit::Interrupted;
        if interrupted.is_none() {
            let after = self.ask(plan, "after", &unavailable).await?;
            report.after = stands(&after);
            exit = after.exit();
        }
        fs::write(directory.join("fix.json"), self.document(&report)?)
            .with_context(|| format!("{} cannot be written", directory.join("fix.json").display()))?;
        self.show(&text::outcome(&report, self.globals.style()), &report)?;
        Ok(if exit == Exit::Fit && !complete { Exit::Failed } else { exit })
    }

    /// Runs the checks.
    async fn ask(
        &self,
        plan: Plan,
        when: &str,
        unavailable: &[shakedown_core::sandbox::Unavailable],
    ) -> anyhow::Result<Run> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let directory = self.directory.as_ref().map(|directory| directory.join(when));
        if let Some(directory) = &directory {
            let journal = prepare(directory);
            sinks.push(Box::new(
                journal.with_context(|| format!("{} cannot be written", directory.display()))?,
            ));
        }
        let finished = shakedown_runner::run(Request {
            registry: self.registry,
            profile: self.profile,
            plan,
            info: run_info(self.profile, self.registry, "fix".to_owned()),
            sinks,
            redactor: self.redactor.clone(),
            directory: directory.clone(),
            ledgers: None,
            unavailable: unavailable.to_vec(),
            clock: Clock::system(),
            interrupt: self.interrupt.clone(),
            resume: None,
            fail_fast: false,
        })
        .await?;
        if let Some((sink, error)) = finished.failed_sinks.into_iter().next() {
            bail!("the {sink} could not be written: {error}");
        }
        for written in directory.iter().flat_map(|directory| write_reports(&finished.run, directory)) {
            written.result?;
        }
        Ok(finished.run)
    }

    async fn plan(&self, mender: &Mender, spec: &'static FixSpec) -> Mending {
        let forbidden =
            admit_fix(spec, self.profile, &self.confirmed).err().map(|refusal| refusal.to_string());
        let (steps, error) = match mender.plan(spec).await {
            Ok(steps) => (steps, None),
            Err(error) => (Vec::new(), Some(why(&error))),
        };
        let steps = steps.into_iter().map(|step| Stage { step, applied: None, error: None }).collect();
        Mending { fix: spec.id, title: spec.title, check: spec.check, forbidden, error, steps }
    }

    /// Does every step that can be done, and says whether all of them were done.
    async fn apply(&self, mender: &Mender, report: &mut Report, directory: &Path) -> anyhow::Result<bool> {
        let mut targets = BTreeMap::new();
        for mending in &report.fixes {
            if let Some(spec) = self.registry.fix(mending.fix) {
                targets.insert(spec.target.to_owned(), mender.address(spec.target).await?);
            }
        }
        let header =
            UndoHeader::new(&self.id, &self.profile.environment, Clock::system().now(), targets.clone());
        let undo = Arc::new(UndoFile::create(&directory.join("undo.jsonl"), &header)?);
        let audit = self.audit(&directory.join("audit.jsonl"), &self.id, false, targets)?;
        let mut complete = true;
        for mending in &mut report.fixes {
            let Some(spec) = self.registry.fix(mending.fix) else { continue };
            let permit = admit_fix(spec, self.profile, &self.confirmed)?;
            complete &= mending.error.is_none();
            for stage in &mut mending.steps {
                if stage.step.blocked.is_some() {
                    complete = false;
                    continue;
                }
                let fix = spec.id.to_owned();
                audit.write(AuditEntry::Step { fix: fix.clone(), step: stage.step.clone() })?;
                match mender.apply(&permit, spec, stage.step.clone(), &undo).await {
                    Ok(applied) => {
                        audit.write(AuditEntry::Applied { fix, applied: applied.clone() })?;
                        stage.applied = Some(applied);
                    }
                    Err(error) => {
                        let error = why(&error);
                        audit.write(AuditEntry::Failed { fix, error: error.clone() })?;
                        stage.error = Some(error);
                        complete = false;
                    }
                }
            }
        }
        audit.write(AuditEntry::Ended)?;
        Ok(complete)
    }

    /// Opens the audit record, and writes down who begins what.
    fn audit(
        &self,
        path: &Path,
        id: &str,
        undo: bool,
        targets: BTreeMap<String, String>,
    ) -> anyhow::Result<Audit> {
        let audit = Audit::open(path, self.redactor.clone(), Clock::system())?;
        #[expect(clippy::disallowed_methods, reason = "the program's own environment: who it is run by")]
        let by = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        audit.write(AuditEntry::Began {
            id: id.to_owned(),
            undo,
            by,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: self.profile.environment.clone(),
            targets,
        })?;
        Ok(audit)
    }

    /// What carries fixes out, and shows on a terminal how far it is.
    fn mender(&self) -> Mender {
        let style = self.globals.error_style();
        let bar = if style.live { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let template = ProgressStyle::with_template("{msg}  {pos}/{len}  {wide_bar}");
        let bar = bar.with_style(template.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let progress = move |_: &str, progress: Progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(progress.what);
            if progress.done >= progress.total {
                bar.finish_and_clear();
            }
        };
        Mender::new(MendRequest {
            registry: self.registry,
            profile: self.profile,
            id: self.id.rsplit('-').next().unwrap_or(&self.id),
            directory: self.directory.clone(),
            redactor: self.redactor.clone(),
            clock: Clock::system(),
            interrupt: self.interrupt.clone(),
            progress: Box::new(progress),
        })
    }

    fn document(&self, report: &Report) -> anyhow::Result<String> {
        let (value, _) = self.redactor.json(serde_json::to_value(report)?)?;
        Ok(format!("{value:#}\n"))
    }

    fn show(&self, text: &str, report: &Report) -> anyhow::Result<()> {
        match self.globals.format {
            Format::Text => print(&redacted(text)),
            Format::Json => print(&self.document(report)?),
        }
        Ok(())
    }
}

/// What came of a call, in words.
fn why(error: &MendError) -> String {
    redacted(&error.to_string())
}
