//! `cleanup`: removes what earlier runs left behind.

use crate::args::{Format, Globals};
use crate::output::{print, print_json, problem};
use crate::project::Project;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::Clock;
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::run::Exit;
use shakedown_runner::{Debt, Ledger, Pool, Reached};
use tokio::runtime::Handle;

/// What came of a cleanup, for programs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Document {
    /// The environment.
    environment: String,
    /// What earlier runs had left behind there.
    leftovers: Vec<Leftover>,
}

/// Something that a run had left behind.
#[derive(Serialize, JsonSchema)]
struct Leftover {
    /// The check that created it.
    check: String,
    /// What it is.
    #[serde(flatten)]
    resource: Resource,
    /// What came of removing it; none, where that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removal: Option<Removal>,
    /// Why it could not be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn cleanup(globals: &Globals, environment: &str) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (profile, _) = project.profile(globals, environment)?;
    let mut debts = Ledger::debts(&project.ledgers())?;
    debts.retain(|debt| debt.environment == environment);
    let clock = Clock::system();
    let pool = Pool::new(&project.registry, &profile, clock.clone(), Handle::current());
    let mut document = Document { environment: environment.to_owned(), leftovers: Vec::new() };
    for debt in debts {
        let over = debt.is_over(profile.sandbox.is_some(), &clock);
        let removal = if over { Ok(Removal::Gone) } else { remove(&pool, &debt).await };
        if removal.as_ref().is_ok_and(|removal| removal.settles()) {
            Ledger::settle(&debt)?;
        }
        let (removal, error) = match removal {
            Ok(removal) => (Some(removal), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let leftover = Leftover { check: debt.check, resource: debt.resource, removal, error };
        if globals.format == Format::Text {
            leftover.tell();
        }
        document.leftovers.push(leftover);
    }
    match globals.format {
        Format::Json => print_json(&document)?,
        Format::Text if document.leftovers.is_empty() => {
            print(&format!("nothing is left behind in {environment}\n"));
        }
        Format::Text => {}
    }
    let all = document.leftovers.iter().all(Leftover::is_settled);
    Ok(if all { Exit::Fit } else { Exit::Errored })
}

impl Leftover {
    fn is_settled(&self) -> bool {
        self.removal.is_some_and(Removal::settles)
    }

    fn tell(&self) {
        let Resource { target, kind, id, .. } = &self.resource;
        let came = self.removal.map(words).or(self.error.as_deref()).unwrap_or_default();
        let line = format!("{target} {kind} {id}: {came}");
        if self.is_settled() {
            print(&format!("{line}\n"));
        } else {
            problem(&line);
        }
    }
}

const fn words(removal: Removal) -> &'static str {
    match removal {
        Removal::Removed => "removed",
        Removal::Gone => "gone already",
        Removal::EndsByItself => "cannot be removed, but ends by itself",
        Removal::Unsupported => "cannot be removed: the target offers no way",
    }
}

async fn remove(pool: &Pool, debt: &Debt) -> Result<Removal, shakedown_core::TargetError> {
    match pool.reach(&debt.resource.target, "cleanup").await? {
        Reached::Known(target) | Reached::Connected(target) => target.remove(&debt.resource).await,
        Reached::Lost(absence) | Reached::Away(absence) => Err(absence.error),
    }
}
