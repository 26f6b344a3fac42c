//! The targets of a run: each connected at most once, and known to be away from then on where it is.

use crate::bounded::{Unanswered, bounded};
use crate::gate::Mistake;
use shakedown_config::{Profile, Unreachable};
use shakedown_core::target::{ConnectContext, LiveTarget, TargetInfo};
use shakedown_core::{Clock, Registry, TargetError, TargetErrorKind, TargetSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OnceCell};

/// The targets of an environment.
pub struct Pool {
    entries: BTreeMap<&'static str, Entry>,
    clock: Clock,
    workers: Handle,
    /// Whether all pinned targets were found to be the right ones, once somebody has asked.
    identities: OnceCell<Result<(), Mistake>>,
}

struct Entry {
    spec: &'static TargetSpec,
    settings: serde_json::Value,
    timeout: Duration,
    /// What the target must say of itself.
    pinned: BTreeMap<String, String>,
    unreachable: Unreachable,
    state: Mutex<State>,
}

#[derive(Clone)]
enum State {
    Untried,
    Live(Arc<dyn LiveTarget>),
    Away(Absence),
}

/// A target is away.
#[derive(Clone, Debug)]
pub struct Absence {
    /// Why.
    pub error: TargetError,
    /// The check that carries the error.
    pub reported_by: String,
    /// What the configuration wants of it.
    pub unreachable: Unreachable,
}

/// What came of asking for a target.
pub enum Reached {
    /// It was there already.
    Known(Arc<dyn LiveTarget>),
    /// It was connected just now.
    Connected(Arc<dyn LiveTarget>),
    /// It could not be reached just now: the first to learn it.
    Lost(Absence),
    /// It is known to be away.
    Away(Absence),
}

impl Pool {
    /// The targets that the profile configures; nothing is connected yet. Connections live on `workers`.
    pub fn new(registry: &Registry, profile: &Profile, clock: Clock, workers: Handle) -> Self {
        let entries = profile.targets.iter().filter_map(|(kind, config)| {
            let spec = registry.target(kind)?;
            let entry = Entry {
                spec,
                settings: config.settings.clone(),
                timeout: config.connect_timeout,
                pinned: config.identity.clone(),
                unreachable: config.unreachable,
                state: Mutex::new(State::Untried),
            };
            Some((spec.kind, entry))
        });
        Self { entries: entries.collect(), clock, workers, identities: OnceCell::new() }
    }

    fn entry(&self, kind: &str) -> Result<&Entry, TargetError> {
        let missing = || {
            TargetError::new(
                kind,
                "(not configured)",
                TargetErrorKind::Settings,
                "the environment has no such target",
            )
        };
        self.entries.get(kind).ok_or_else(missing)
    }

    /// Connects the target if nobody has tried yet. `asker` is the check that carries the error where it is away.
    ///
    /// # Errors
    /// Where the environment has no such target.
    pub async fn reach(&self, kind: &str, asker: &str) -> Result<Reached, TargetError> {
        let entry = self.entry(kind)?;
        let mut state = entry.state.lock().await;
        match &*state {
            State::Live(target) => return Ok(Reached::Known(Arc::clone(target))),
            State::Away(absence) => return Ok(Reached::Away(absence.clone())),
            State::Untried => {}
        }
        match self.connect(entry).await {
            Ok(target) => {
                *state = State::Live(Arc::clone(&target));
                Ok(Reached::Connected(target))
            }
            Err(error) => {
                let absence =
                    Absence { error, reported_by: asker.to_owned(), unreachable: entry.unreachable };
                *state = State::Away(absence.clone());
                Ok(Reached::Lost(absence))
            }
        }
    }

    async fn connect(&self, entry: &Entry) -> Result<Arc<dyn LiveTarget>, TargetError> {
        let cx = ConnectContext { timeout: entry.timeout, clock: self.clock.clone() };
        let failed = |kind, message: String| {
            Err(TargetError::new(entry.spec.kind, "its configured address", kind, message))
        };
        // The plugin bounds its own attempt; this bound is for one that does not keep its word.
        let patience = entry.timeout + Duration::from_millis(500);
        match bounded(&self.workers, patience, (entry.spec.connect)(entry.settings.clone(), cx)).await {
            Ok(result) => result,
            Err(Unanswered::Panicked) => {
                failed(TargetErrorKind::Protocol, "the plugin panicked while connecting".to_owned())
            }
            Err(Unanswered::TimedOut) => {
                failed(TargetErrorKind::TimedOut, format!("no connection within {:?}", entry.timeout))
            }
        }
    }

    /// The target for one that only looks at it, and whether it was connected just now. Where that fails the target stays
    /// untried, so that a check that asks for it carries the error.
    ///
    /// # Errors
    /// Where it is away, or the environment has no such target.
    pub(crate) async fn look(&self, kind: &str) -> Result<(Arc<dyn LiveTarget>, bool), TargetError> {
        let entry = self.entry(kind)?;
        let mut state = entry.state.lock().await;
        match &*state {
            State::Live(target) => Ok((Arc::clone(target), false)),
            State::Away(absence) => Err(absence.error.clone()),
            State::Untried => {
                let target = self.connect(entry).await?;
                *state = State::Live(Arc::clone(&target));
                Ok((target, true))
            }
        }
    }

    /// A check says that a live target is away: asks the target itself, once, and remembers if that is so.
    pub async fn confirm_away(&self, kind: &str, asker: &str) -> Option<Reached> {
        let entry = self.entries.get(kind)?;
        let mut state = entry.state.lock().await;
        let target = match &*state {
            State::Live(target) => Arc::clone(target),
            State::Away(absence) => return Some(Reached::Away(absence.clone())),
            State::Untried => return None,
        };
        let address = target.info().address.clone();
        let failed =
            |kind_of_error, message: String| TargetError::new(kind, &address, kind_of_error, message);
        let error = match bounded(&self.workers, entry.timeout, async move { target.probe().await }).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(Unanswered::Panicked) => {
                failed(TargetErrorKind::Protocol, "the plugin panicked while probing".to_owned())
            }
            Err(Unanswered::TimedOut) => {
                failed(TargetErrorKind::TimedOut, format!("no answer within {:?}", entry.timeout))
            }
        };
        let absence = Absence { error, reported_by: asker.to_owned(), unreachable: entry.unreachable };
        *state = State::Away(absence.clone());
        Some(Reached::Lost(absence))
    }

    /// Whether every target whose identity is pinned is the one that is meant, and the targets that were connected to
    /// find out. Asked once; `asker` is the check that carries the error.
    pub(crate) async fn identities(
        &self,
        asker: &str,
    ) -> (Result<(), Mistake>, Vec<(&'static str, TargetInfo)>) {
        let mut met = Vec::new();
        let confirmed = self.identities.get_or_init(|| self.identify(asker, &mut met)).await;
        (confirmed.clone(), met)
    }

    async fn identify(&self, asker: &str, met: &mut Vec<(&'static str, TargetInfo)>) -> Result<(), Mistake> {
        for (&kind, entry) in self.entries.iter().filter(|(_, entry)| !entry.pinned.is_empty()) {
            let mistake = |error| Mistake { error, reported_by: asker.to_owned() };
            let (target, is_new) = self.look(kind).await.map_err(|error| {
                let message = format!("its identity cannot be confirmed: {}: {}", error.kind, error.message);
                mistake(TargetError { kind: TargetErrorKind::Mistaken, message, ..error })
            })?;
            if is_new {
                met.push((kind, target.info().clone()));
            }
            if let Some(message) = other_than(&entry.pinned, target.info()) {
                let error =
                    TargetError::new(kind, &target.info().address, TargetErrorKind::Mistaken, message);
                return Err(mistake(error.remedy(format!(
                    "point the target at the right system, or correct `identity` in its table; `doctor` shows what \
                     {kind} says of itself"
                ))));
            }
        }
        Ok(())
    }

    /// Where a target is another one than the configuration pins, in words; none where it is the right one.
    pub fn mistaken(&self, target: &dyn LiveTarget, kind: &str) -> Option<String> {
        other_than(&self.entries.get(kind)?.pinned, target.info())
    }

    /// The target, if it is connected.
    pub async fn live(&self, kind: &str) -> Option<Arc<dyn LiveTarget>> {
        match &*self.entries.get(kind)?.state.lock().await {
            State::Live(target) => Some(Arc::clone(target)),
            State::Untried | State::Away(_) => None,
        }
    }

    /// The client of a connected target, for a running check.
    pub(crate) async fn client(&self, kind: &str) -> Result<Arc<dyn LiveTarget>, TargetError> {
        let entry = self.entry(kind)?;
        match &*entry.state.lock().await {
            State::Live(target) => Ok(Arc::clone(target)),
            State::Away(absence) => Err(absence.error.clone()),
            State::Untried => {
                Err(TargetError::new(kind, "(not connected)", TargetErrorKind::Lost, "asked for too early"))
            }
        }
    }

    /// The kinds of the configured targets.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }
}

/// What a target says of itself, where it is something else than what is pinned.
fn other_than(pinned: &BTreeMap<String, String>, info: &TargetInfo) -> Option<String> {
    let differs = |(name, pinned): (&String, &String)| match info.identity.get(name) {
        Some(said) if said.eq_ignore_ascii_case(pinned) => None,
        Some(said) => Some(format!("its {name} is {said}, and the configuration pins {pinned}")),
        None => Some(format!("it does not say its {name}, which the configuration pins")),
    };
    pinned.iter().find_map(differs)
}

impl Reached {
    /// What the target says of itself, where it has just been connected.
    pub fn news(&self) -> Option<&TargetInfo> {
        match self {
            Self::Connected(target) => Some(target.info()),
            Self::Known(_) | Self::Lost(_) | Self::Away(_) => None,
        }
    }
}
