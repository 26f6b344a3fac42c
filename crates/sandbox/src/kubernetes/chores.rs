//! What is done again and again.

use super::keeper::{Keeper, Task};
use super::kinds::POD;
use super::objects::{items, text, uid};
use super::recorder::{Happened, Source};
use super::seed::FOCUS_SERVER;
use super::voices;
use std::time::Duration;

/// How often components say that they are there.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often an error is logged by a component that has one.
const ERROR: Duration = Duration::from_secs(1);
/// How often an event warns of the same thing.
const WARNING: Duration = Duration::from_secs(5);

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chore {
    /// The components log that they are there.
    Heartbeat,
    /// The Focus Server logs an error.
    LogError,
    /// An event of the Focus Server warns.
    Warn,
}

/// Does it, and sees to it that it is done again.
pub(super) fn look(keeper: &mut Keeper, chore: Chore) {
    let every = match chore {
        Chore::Heartbeat => {
            for component in super::seed::COMPONENTS {
                if let Some(line) = voices::now_and_then(component) {
                    log(keeper, component, line);
                }
            }
            HEARTBEAT
        }
        Chore::LogError => {
            let line = "ERROR:    Failed to publish to exchange analyzer-commands: timeout after 5s";
            log(keeper, FOCUS_SERVER, line);
            ERROR
        }
        Chore::Warn => {
            let message =
                "MountVolume.SetUp failed for volume \"segy-storage\" : mount failed: exit status 32";
            for pod in keeper.pods_of(FOCUS_SERVER) {
                keeper.tell(&POD, &pod, Happened::warning("FailedMount", message), Source::Kubelet);
            }
            WARNING
        }
    };
    let again = keeper.now() + every;
    keeper.later(again, Task::Chore(chore));
}

/// The running containers of a component log a line.
pub(super) fn log(keeper: &mut Keeper, component: &str, line: &str) {
    let now = keeper.now();
    for pod in keeper.pods_of(component) {
        for status in items(&pod, "/status/containerStatuses") {
            if status["state"].get("running").is_some()
                && let Some(journal) = keeper.kubelet.logs.of(uid(&pod), text(status, "/name"), false)
            {
                journal.write(now, line);
            }
        }
    }
}
