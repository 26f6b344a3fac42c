//! Starts the parts in the order of their needs, turns faults on, and stops everything.

use crate::focus::{Truth, Witness};
use crate::options::SandboxOptions;
use serde_json::Value;
use shakedown_core::sandbox::{PartContext, PartSpec, RunningPart, Unavailable};
use shakedown_core::suggest::nearest;
use shakedown_core::{Clock, Registry};
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The clock that seeded data and simulated jobs follow.
    pub clock: Clock,
    /// The environment's `sandbox` table; see [`validate_options`](crate::validate_options).
    pub options: Value,
    /// The parts to start, by the kind of target they stand in for, with what those need; all where none are named.
    pub kinds: Option<BTreeSet<String>>,
}

/// Why a sandbox could not be started or broken as asked.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The table cannot be used.
    #[error("{0}")]
    Options(String),
    /// There is no such fault.
    #[error("unknown fault `{fault}`{hint}")]
    UnknownFault {
        /// What was asked for.
        fault: String,
        /// "; did you mean …?" or nothing.
        hint: String,
    },
    /// There is no such incident.
    #[error("unknown incident `{incident}`{hint}")]
    UnknownIncident {
        /// What was asked for.
        incident: String,
        /// "; did you mean …?" or nothing.
        hint: String,
    },
    /// There is no such part.
    #[error("the sandbox has no part `{kind}`{hint}")]
    UnknownPart {
        /// What was asked for.
        kind: String,
        /// "; did you mean …?" or nothing.
        hint: String,
    },
    /// Parts wait for each other.
    #[error("the sandbox parts {0} need each other")]
    Cycle(String),
    /// The fault's part does not run.
    #[error("failed to turn on `{fault}`: the part `{part}` does not run{reason}")]
    NotRunning {
        /// The fault.
        fault: String,
        /// Its part.
        part: String,
        /// ": …" where the part cannot be had, or nothing.
        reason: String,
    },
    /// The part could not turn the fault on.
    #[error("failed to turn on `{fault}`: {reason}")]
    Inject {
        /// The fault.
        fault: String,
        /// Why.
        reason: String,
    },
    /// The sandbox's private directory could not be made.
    #[error("failed to create a directory for the sandbox: {0}")]
    Directory(#[from] std::io::Error),
}

/// A running sandbox. [`stop`](Self::stop) it; dropping it also ends its processes, less tidily.
pub struct Sandbox {
    running: Vec<(&'static PartSpec, Box<dyn RunningPart>)>,
    settings: BTreeMap<String, Value>,
    unavailable: Vec<Unavailable>,
    faults: BTreeMap<&'static str, &'static str>,
    _directory: TempDir,
}

impl Sandbox {
    /// Starts the parts, healthy, and then turns on the faults that the options name. A part that cannot be had does
    /// not stop the others; see [`unavailable`](Self::unavailable).
    ///
    /// An incident leaves out the faults of parts that do not run; a fault named by itself must be possible.
    ///
    /// # Errors
    /// See [`SandboxError`]. Names are looked up before anything is started.
    pub async fn start(registry: &Registry, options: Options) -> Result<Self, SandboxError> {
        let table = SandboxOptions::read(&options.options).map_err(SandboxError::Options)?;
        let faults: BTreeMap<_, _> = registry.faults().iter().map(|fault| (fault.id, fault.part)).collect();
        if let Some(fault) = table.faults.iter().find(|fault| !faults.contains_key(fault.as_str())) {
            return Err(unknown_fault(fault, &faults));
        }
        let replayed = table.incident.as_deref().map(|incident| faults_of(registry, incident)).transpose()?;
        let parts = in_order(registry.parts(), options.kinds.as_ref())?;

        let directory = tempfile::Builder::new().prefix("shakedown-sandbox-").tempdir()?;
        let mut cx = PartContext {
            clock: options.clock,
            directory: directory.path().to_owned(),
            options: serde_json::to_value(&table)
                .map_err(|error| SandboxError::Options(error.to_string()))?,
            settings: BTreeMap::new(),
            handles: BTreeMap::new(),
        };
        let (mut running, mut unavailable) = (Vec::new(), Vec::new());
        for part in parts {
            match (part.start)(&cx).await {
                Ok(started) => {
                    cx.settings.insert(part.kind.to_owned(), started.settings());
                    cx.handles.extend(started.handle().map(|handle| (part.kind.to_owned(), handle)));
                    running.push((part, started));
                }
                Err(missing) => unavailable.push(missing),
            }
        }
        let sandbox = Self { running, settings: cx.settings, unavailable, faults, _directory: directory };
        if let Err(error) = sandbox.break_as_asked(replayed.unwrap_or_default(), &table.faults).await {
            sandbox.stop().await;
            return Err(error);
        }
        Ok(sandbox)
    }

    async fn break_as_asked(&self, replayed: &[&str], faults: &[String]) -> Result<(), SandboxError> {
        for fault in replayed {
            if self.faults.get(fault).is_some_and(|part| self.part(part).is_some()) {
                self.inject(fault).await?;
            }
        }
        for fault in faults {
            self.inject(fault).await?;
        }
        Ok(())
    }

    /// The settings with which plugins reach the parts, by target kind.
    pub const fn settings(&self) -> &BTreeMap<String, Value> {
        &self.settings
    }

    /// What the simulated Focus Server did; none where it does not run. It also says so at `/sandbox/truth`, as JSON,
    /// which no real server does.
    pub fn truth(&self) -> Option<Truth> {
        let handle = self.part("focus-api")?.handle()?;
        handle.downcast::<Witness>().ok().map(|witness| witness.truth())
    }

    /// The parts that cannot be had here, each with the command that would provide it.
    pub fn unavailable(&self) -> &[Unavailable] {
        &self.unavailable
    }

    /// What to export to reach the parts from outside.
    pub fn exports(&self) -> Vec<(String, String)> {
        self.running.iter().flat_map(|(_, part)| part.exports()).collect()
    }

    /// Turns a fault on.
    ///
    /// # Errors
    /// The fault is unknown, its part does not run, or it could not be done.
    pub async fn inject(&self, fault: &str) -> Result<(), SandboxError> {
        let kind = *self.faults.get(fault).ok_or_else(|| unknown_fault(fault, &self.faults))?;
        let Some(part) = self.part(kind) else {
            let missing = self.unavailable.iter().find(|missing| missing.part == kind);
            let reason = missing.map(|missing| format!(": {missing}")).unwrap_or_default();
            return Err(SandboxError::NotRunning { fault: fault.to_owned(), part: kind.to_owned(), reason });
        };
        part.inject(fault).await.map_err(|reason| SandboxError::Inject { fault: fault.to_owned(), reason })
    }

    /// Stops the parts, the last started first, and returns when they are gone.
    pub async fn stop(self) {
        for (_, part) in self.running.into_iter().rev() {
            part.stop().await;
        }
    }

    fn part(&self, kind: &str) -> Option<&dyn RunningPart> {
        self.running.iter().find(|(spec, _)| spec.kind == kind).map(|(_, part)| &**part)
    }
}

/// "; did you mean …?", where a known word is like the unknown one.
fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

fn unknown_fault(fault: &str, known: &BTreeMap<&'static str, &'static str>) -> SandboxError {
    SandboxError::UnknownFault { fault: fault.to_owned(), hint: hint(fault, known.keys().copied()) }
}

fn faults_of(registry: &Registry, incident: &str) -> Result<&'static [&'static str], SandboxError> {
    let known = registry.incidents();
    known.iter().find(|spec| spec.id == incident).map(|spec| spec.faults).ok_or_else(|| {
        SandboxError::UnknownIncident {
            incident: incident.to_owned(),
            hint: hint(incident, known.iter().map(|spec| spec.id)),
        }
    })
}

/// The wanted parts and what they need, each after its needs; where those leave a choice, by kind.
fn in_order(
    parts: &[&'static PartSpec],
    wanted: Option<&BTreeSet<String>>,
) -> Result<Vec<&'static PartSpec>, SandboxError> {
    let find = |kind: &str| {
        parts.iter().find(|part| part.kind == kind).copied().ok_or_else(|| SandboxError::UnknownPart {
            kind: kind.to_owned(),
            hint: hint(kind, parts.iter().map(|part| part.kind)),
        })
    };
    let mut to_visit: Vec<&str> = match wanted {
        Some(kinds) => kinds.iter().map(String::as_str).collect(),
        None => parts.iter().map(|part| part.kind).collect(),
    };
    let mut waiting: BTreeMap<&str, &'static PartSpec> = BTreeMap::new();
    while let Some(kind) = to_visit.pop() {
        let part = find(kind)?;
        if waiting.insert(part.kind, part).is_none() {
            to_visit.extend(part.needs);
        }
    }
    let mut ordered: Vec<&'static PartSpec> = Vec::new();
    while !waiting.is_empty() {
        let free = waiting.values().find(|part| !part.needs.iter().any(|need| waiting.contains_key(need)));
        let Some(part) = free.copied() else {
            return Err(SandboxError::Cycle(waiting.into_keys().collect::<Vec<_>>().join(", ")));
        };
        waiting.remove(part.kind);
        ordered.push(part);
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::source;

    fn part(kind: &'static str, needs: &'static [&'static str]) -> &'static PartSpec {
        Box::leak(Box::new(PartSpec {
            kind,
            needs,
            source: source!(),
            start: |_| unreachable!("ordering starts nothing"),
        }))
    }

    fn order(parts: &[&'static PartSpec], wanted: Option<&[&str]>) -> String {
        let wanted = wanted.map(|kinds| kinds.iter().map(|&kind| kind.to_owned()).collect());
        match in_order(parts, wanted.as_ref()) {
            Ok(parts) => parts.iter().map(|part| part.kind).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn parts_start_after_their_needs() {
        let parts =
            [part("api", &["db", "queue"]), part("db", &[]), part("queue", &["db"]), part("web", &[])];
        assert_eq!(order(&parts, None), "db queue api web");
        assert_eq!(order(&parts, Some(&["queue"])), "db queue");
        insta::assert_snapshot!(order(&parts, Some(&["quue"])), @"the sandbox has no part `quue`; did you mean `queue`?");
        let circle = [part("egg", &["hen"]), part("hen", &["egg"]), part("nest", &[])];
        insta::assert_snapshot!(order(&circle, None), @"the sandbox parts egg, hen need each other");
    }
}
