//! `fix --undo`: restores exactly what an application changed, or nothing at all where the data has moved on.

use super::{Call, why};
use crate::args::{FixOptions, Format, Globals};
use crate::output::{print, print_json, problem, redacted};
use crate::project::{Project, start_sandbox};
use crate::signals;
use anyhow::{Context as _, bail};
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::FixSpec;
use shakedown_core::fix::Standing;
use shakedown_core::run::Exit;
use shakedown_runner::{
    AuditEntry, Change, Confirmation, Interrupt, Mender, Permit, UndoHeader, admit_fix, read_undo,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// No more changes than this are named that cannot be taken back.
const EXAMPLES: usize = 10;

pub(super) async fn undo(globals: &Globals, options: &FixOptions, file: &Path) -> anyhow::Result<Exit> {
    let (header, changes) = read_undo(file)?;
    if let Some(environment) = options.env.as_ref().filter(|name| **name != header.environment) {
        bail!("{} undoes what was written to {}, not to {environment}", file.display(), header.environment);
    }
    let project = Project::open(globals)?;
    let (mut profile, redactor) = project.profile(globals, &header.environment)?;
    let confirmed = Confirmation { environment: options.confirm.clone() };
    // The order of the changes matters; that of the fixes among which they are looked up does not.
    let mut fixes: BTreeMap<&str, (&'static FixSpec, Permit)> = BTreeMap::new();
    for change in &changes {
        let spec = project.registry.fix(&change.fix);
        let spec =
            spec.with_context(|| format!("{} names the unknown fix `{}`", file.display(), change.fix))?;
        if !fixes.contains_key(spec.id) {
            let permit = admit_fix(spec, &profile, &confirmed).context("nothing was written")?;
            fixes.insert(spec.id, (spec, permit));
        }
    }
    let interrupt = Interrupt::default();
    signals::listen(&interrupt);
    let kinds: BTreeSet<String> = fixes.values().map(|(spec, _)| spec.target.to_owned()).collect();
    let sandbox = start_sandbox(&project.registry, &mut profile, kinds).await?;
    let call = Call {
        globals,
        registry: &project.registry,
        profile: &profile,
        redactor,
        confirmed,
        interrupt,
        id: header.id.clone(),
        directory: None,
    };
    let work = Undo { call, header, changes, fixes };
    let exit = work.carry_out(file).await;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    exit
}

struct Undo<'a> {
    call: Call<'a>,
    header: UndoHeader,
    changes: Vec<Change>,
    fixes: BTreeMap<&'a str, (&'static FixSpec, Permit)>,
}

impl Undo<'_> {
    async fn carry_out(&self, file: &Path) -> anyhow::Result<Exit> {
        let call = &self.call;
        let mender = call.mender();
        let (mut to_do, mut as_before, mut moved_on) = (Vec::new(), 0, Vec::new());
        for change in &self.changes {
            let (spec, _) = &self.fixes[change.fix.as_str()];
            match mender.standing(spec, change).await {
                Ok(Standing::AsChanged) => to_do.push(change),
                Ok(Standing::AsBefore) => as_before += 1,
                Ok(Standing::MovedOn(now)) => moved_on.push(now),
                Err(error) => {
                    problem(&format!("nothing was written: {}", why(&error)));
                    return Ok(Exit::Errored);
                }
            }
        }
        if !moved_on.is_empty() {
            self.show(&refusal(&moved_on), 0, as_before, &moved_on)?;
            return Ok(Exit::Failed);
        }
        let reverted = self.revert(&mender, &to_do, file).await?;
        let Reverted { done, errors } = reverted;
        let mut text = format!("{done} of {} changes taken back", self.changes.len());
        if as_before > 0 {
            let _ = write!(text, ", {as_before} as before already");
        }
        text.push('\n');
        for error in errors.iter().take(EXAMPLES) {
            let _ = writeln!(text, "  {error}");
        }
        self.show(&text, done, as_before, &errors)?;
        Ok(match call.interrupt.raised() {
            Some(_) => Exit::Interrupted,
            None if errors.is_empty() => Exit::Fit,
            None => Exit::Failed,
        })
    }

    async fn revert(&self, mender: &Mender, to_do: &[&Change], file: &Path) -> anyhow::Result<Reverted> {
        let mut reverted = Reverted { done: 0, errors: Vec::new() };
        if to_do.is_empty() {
            return Ok(reverted);
        }
        let record = file.with_file_name("audit.jsonl");
        let audit = self.call.audit(&record, &self.header.id, true, self.header.targets.clone())?;
        for change in to_do {
            let (spec, permit) = &self.fixes[change.fix.as_str()];
            let fix = change.fix.clone();
            match mender.revert(permit, spec, change).await {
                Ok(standing) => {
                    match &standing {
                        Standing::AsBefore => reverted.done += 1,
                        Standing::AsChanged => {
                            reverted.errors.push(format!("{fix}: the target left it as it was"));
                        }
                        Standing::MovedOn(now) => reverted.errors.push(format!("{fix}: {now}")),
                    }
                    audit.write(AuditEntry::Reverted { fix, change: change.number, standing })?;
                }
                Err(error) => {
                    let error = why(&error);
                    audit.write(AuditEntry::Failed { fix: fix.clone(), error: error.clone() })?;
                    reverted
                        .errors
                        .push(format!("{fix}: {error}; the same command goes on where this one ended"));
                    break;
                }
            }
        }
        audit.write(AuditEntry::Ended)?;
        Ok(reverted)
    }

    fn show(&self, text: &str, done: usize, as_before: usize, problems: &[String]) -> anyhow::Result<()> {
        match self.call.globals.format {
            Format::Text => print(&redacted(text)),
            Format::Json => {
                print_json(&Undone {
                    id: &self.header.id,
                    environment: &self.header.environment,
                    changes: self.changes.len(),
                    taken_back: done,
                    as_before,
                    problems,
                })?;
            }
        }
        Ok(())
    }
}

/// What came of taking changes back, for programs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Undone<'a> {
    /// The id of the application that is undone.
    id: &'a str,
    /// The environment.
    environment: &'a str,
    /// How many changes it had made.
    changes: usize,
    /// How many of them were taken back now.
    taken_back: usize,
    /// How many were as before already.
    as_before: usize,
    /// Why the others were not, in a line each.
    problems: &'a [String],
}

/// What came of taking changes back.
struct Reverted {
    done: usize,
    errors: Vec<String>,
}

fn refusal(moved_on: &[String]) -> String {
    let number = moved_on.len();
    let one = number == 1;
    let mut text = format!(
        "nothing was written: the data has moved on since, and {number} {} cannot be taken back:\n",
        if one { "change" } else { "changes" }
    );
    for now in moved_on.iter().take(EXAMPLES) {
        let _ = writeln!(text, "  {}", shakedown_report::text::clean(now));
    }
    if number > EXAMPLES {
        let _ = writeln!(text, "  … and {} more", number - EXAMPLES);
    }
    text
}
