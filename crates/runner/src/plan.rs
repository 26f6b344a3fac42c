//! Which checks run, in which order, and why each other one does not. Pure: nothing is asked but the configuration.

use crate::gate::{Confirmation, Permit, admit};
use shakedown_config::{CheckSettings, Profile, Selection};
use shakedown_core::event::{CheckInfo, ProofInfo};
use shakedown_core::run::LeftOut;
use shakedown_core::{CheckSpec, Registry};
use std::collections::{BTreeMap, BTreeSet};

/// What is going to happen.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The checks in an order in which every requirement comes first, and what runs alone comes last.
    pub checks: Vec<Planned>,
    /// Selected or required checks that are not run, sorted by id.
    pub left_out: Vec<LeftOut>,
}

/// A check that is going to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The check.
    pub spec: &'static CheckSpec,
    /// Its settings in this environment.
    pub settings: CheckSettings,
    /// The permit of the policy gate.
    pub permit: Permit,
    /// The check that requires it, where the selection itself does not name it.
    pub required_by: Option<&'static str>,
    /// The places in the plan of the checks it requires.
    pub requires: Vec<usize>,
}

impl Planned {
    /// What reports need to know of it.
    pub fn info(&self) -> CheckInfo {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        CheckInfo {
            id: self.spec.id.to_owned(),
            title: self.spec.title.to_owned(),
            keys: owned(self.spec.keys),
            tags: owned(self.spec.tags),
            target: self.spec.target.map(str::to_owned),
            effect: self.spec.effect,
            severity: self.settings.severity,
            gate: self.settings.gate.clone(),
            file: self.spec.source.file.to_owned(),
            required_by: self.required_by.map(str::to_owned),
            proofs: self.spec.proofs.iter().map(ProofInfo::from).collect(),
        }
    }
}

/// Plans the selected checks and everything they require.
pub fn plan(registry: &Registry, profile: &Profile, selection: &Selection, confirmed: &Confirmation) -> Plan {
    let selected = registry.checks().iter().copied().filter(|spec| {
        let severity = profile.checks.get(spec.id).map_or(spec.severity, |settings| settings.severity);
        selection.selects(spec, severity)
    });
    assemble(profile, confirmed, &with_requirements(registry, selected))
}

impl Plan {
    /// The plan of one check on its own, whatever it requires; for proofs, which show each check by itself.
    pub fn only(spec: &'static CheckSpec, profile: &Profile) -> Self {
        assemble(profile, &Confirmation::default(), &BTreeMap::from([(spec.id, (spec, None))]))
    }

    /// The kinds of target that the plan talks to.
    pub fn targets(&self) -> BTreeSet<&'static str> {
        self.checks.iter().flat_map(|planned| planned.spec.targets()).collect()
    }
}

/// A check and the one that requires it, where it was not selected itself; by id.
type Wanted = BTreeMap<&'static str, (&'static CheckSpec, Option<&'static str>)>;

fn with_requirements(registry: &Registry, selected: impl Iterator<Item = &'static CheckSpec>) -> Wanted {
    let mut wanted: Wanted = selected.map(|spec| (spec.id, (spec, None))).collect();
    let mut open: Vec<&CheckSpec> = wanted.values().map(|(spec, _)| *spec).collect();
    while let Some(dependent) = open.pop() {
        for required in dependent.requires {
            if !wanted.contains_key(required)
                && let Some(spec) = registry.check(required)
            {
                wanted.insert(spec.id, (spec, Some(dependent.id)));
                open.push(spec);
            }
        }
    }
    wanted
}

fn assemble(profile: &Profile, confirmed: &Confirmation, wanted: &Wanted) -> Plan {
    let mut left_out: BTreeMap<&str, LeftOut> = BTreeMap::new();
    let mut admitted = BTreeMap::new();
    for (&id, &(spec, required_by)) in wanted {
        let reason = match spec.targets().find(|kind| !profile.targets.contains_key(*kind)) {
            Some(kind) => Err(format!("{} has no target `{kind}`", profile.environment)),
            None => admit(spec, profile, confirmed).map_err(|refusal| refusal.to_string()),
        };
        match reason {
            Ok(permit) => drop(admitted.insert(id, (spec, required_by, permit))),
            Err(reason) => drop(left_out.insert(id, leave_out(spec, reason))),
        }
    }
    // What requires a check that is left out cannot run either; the requirements form no cycle.
    loop {
        let stranded: Vec<(&CheckSpec, String)> = admitted
            .values()
            .filter_map(|(spec, ..)| {
                let missing = spec.requires.iter().find_map(|required| left_out.get(required))?;
                Some((*spec, format!("it requires {}, which is left out: {}", missing.check, missing.reason)))
            })
            .collect();
        if stranded.is_empty() {
            break;
        }
        for (spec, reason) in stranded {
            admitted.remove(spec.id);
            left_out.insert(spec.id, leave_out(spec, reason));
        }
    }
    let order = in_order(&admitted.values().map(|(spec, ..)| *spec).collect::<Vec<_>>());
    let place: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, spec)| (spec.id, place)).collect();
    let checks = order
        .into_iter()
        .map(|spec| {
            let (_, required_by, permit) =
                admitted.remove(spec.id).expect("the order holds what was admitted");
            Planned {
                spec,
                settings: profile.checks[spec.id].clone(),
                permit,
                required_by,
                requires: spec.requires.iter().filter_map(|required| place.get(required).copied()).collect(),
            }
        })
        .collect();
    Plan { checks, left_out: left_out.into_values().collect() }
}

fn leave_out(spec: &CheckSpec, reason: String) -> LeftOut {
    LeftOut { check: spec.id.to_owned(), effect: spec.effect, reason }
}

/// Requirements first, what runs alone last, otherwise by id.
fn in_order(specs: &[&'static CheckSpec]) -> Vec<&'static CheckSpec> {
    let present: BTreeSet<&str> = specs.iter().map(|spec| spec.id).collect();
    let mut dependents: BTreeMap<&str, Vec<&'static CheckSpec>> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut free: BTreeMap<(bool, &str), &'static CheckSpec> = BTreeMap::new();
    for spec in specs {
        let requires: BTreeSet<&str> =
            spec.requires.iter().copied().filter(|id| present.contains(id)).collect();
        for required in &requires {
            dependents.entry(required).or_default().push(spec);
        }
        if requires.is_empty() {
            free.insert((spec.runs_alone(), spec.id), spec);
        } else {
            waiting.insert(spec.id, requires.len());
        }
    }
    let mut order = Vec::with_capacity(specs.len());
    while let Some((_, spec)) = free.pop_first() {
        order.push(spec);
        for dependent in dependents.remove(spec.id).unwrap_or_default() {
            let left = waiting.get_mut(dependent.id).expect("a dependent waits");
            *left -= 1;
            if *left == 0 {
                free.insert((dependent.runs_alone(), dependent.id), dependent);
            }
        }
    }
    order
}
