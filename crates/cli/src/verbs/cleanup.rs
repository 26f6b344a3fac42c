//! `cleanup`: removes what earlier runs left behind.

use crate::args::Globals;
use crate::output::{print, problem};
use crate::project::Project;
use shakedown_core::Clock;
use shakedown_core::ledger::Removal;
use shakedown_core::run::Exit;
use shakedown_runner::{Debt, Ledger, Pool, Reached};
use tokio::runtime::Handle;

pub(crate) async fn cleanup(globals: &Globals, environment: &str) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (profile, _) = project.profile(globals, environment)?;
    let mut debts = Ledger::debts(&project.ledgers())?;
    debts.retain(|debt| debt.environment == environment);
    if debts.is_empty() {
        print(&format!("nothing is left behind in {environment}\n"));
        return Ok(Exit::Fit);
    }
    let clock = Clock::system();
    let pool = Pool::new(&project.registry, &profile, clock.clone(), Handle::current());
    let mut exit = Exit::Fit;
    for debt in &debts {
        let what = format!("{} {} {}", debt.resource.target, debt.resource.kind, debt.resource.id);
        let over = debt.is_over(profile.sandbox.is_some(), &clock);
        let removal = if over { Ok(Removal::Gone) } else { remove(&pool, debt).await };
        match removal {
            Ok(removal) if removal.settles() => {
                Ledger::settle(debt)?;
                print(&format!("{what}: {}\n", words(removal)));
            }
            Ok(removal) => {
                problem(&format!("{what}: {}", words(removal)));
                exit = Exit::Errored;
            }
            Err(error) => {
                problem(&format!("{what}: {error}"));
                exit = Exit::Errored;
            }
        }
    }
    Ok(exit)
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
