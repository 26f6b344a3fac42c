//! What was linked: checks, fixes, collectors, observers, targets, sandbox parts, faults and incidents, sorted, and checked for contradictions.

use crate::check::{CheckSpec, Source};
use crate::collect::CollectorSpec;
use crate::fix::FixSpec;
use crate::id::{is_dotted, is_kebab, plugin_of};
use crate::observe::ObserverSpec;
use crate::sandbox::{FaultSpec, IncidentSpec, PartSpec};
use crate::suggest::nearest;
use crate::target::TargetSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Every check that was linked, in no particular order.
pub fn registered_checks() -> impl Iterator<Item = &'static CheckSpec> {
    inventory::iter::<CheckSpec>()
}

/// What a registry is made of; tests assemble their own.
#[derive(Default)]
pub struct Entries {
    /// Checks.
    pub checks: Vec<&'static CheckSpec>,
    /// Fixes of what checks find.
    pub fixes: Vec<&'static FixSpec>,
    /// Collectors of evidence.
    pub collectors: Vec<&'static CollectorSpec>,
    /// Observers of resources.
    pub observers: Vec<&'static ObserverSpec>,
    /// Targets.
    pub targets: Vec<&'static TargetSpec>,
    /// Parts of the sandbox.
    pub parts: Vec<&'static PartSpec>,
    /// Faults of those parts.
    pub faults: Vec<&'static FaultSpec>,
    /// Named sets of faults.
    pub incidents: Vec<&'static IncidentSpec>,
}

impl Entries {
    /// Everything that was linked into this program.
    pub fn linked() -> Self {
        Self {
            checks: registered_checks().collect(),
            fixes: inventory::iter::<FixSpec>().collect(),
            collectors: inventory::iter::<CollectorSpec>().collect(),
            observers: inventory::iter::<ObserverSpec>().collect(),
            targets: inventory::iter::<TargetSpec>().collect(),
            parts: inventory::iter::<PartSpec>().collect(),
            faults: inventory::iter::<FaultSpec>().collect(),
            incidents: inventory::iter::<IncidentSpec>().collect(),
        }
    }
}

/// All there is, sorted by id. It exists only if it is free of contradictions. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    checks: Vec<&'static CheckSpec>,
    fixes: Vec<&'static FixSpec>,
    collectors: Vec<&'static CollectorSpec>,
    observers: Vec<&'static ObserverSpec>,
    targets: Vec<&'static TargetSpec>,
    parts: Vec<&'static PartSpec>,
    faults: Vec<&'static FaultSpec>,
    incidents: Vec<&'static IncidentSpec>,
}

/// Everything that is wrong with the entries, one sentence each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct RegistryError(pub Vec<String>);

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the registered checks contradict each other:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl Registry {
    /// Collects what was linked into this program.
    ///
    /// # Errors
    /// Every contradiction, naming both sides.
    pub fn collect() -> Result<Self, RegistryError> {
        Self::from_entries(Entries::linked())
    }

    /// A registry of the given entries.
    ///
    /// # Errors
    /// Every contradiction, naming both sides: an empty set, duplicate ids, an id that is not its plugin's, an unknown
    /// target, requirement or fault, a cycle of requirements.
    pub fn from_entries(mut entries: Entries) -> Result<Self, RegistryError> {
        entries.checks.sort_by_key(|spec| (spec.id, spec.source.package, spec.source.line));
        entries.fixes.sort_by_key(|spec| (spec.id, spec.source.package, spec.source.line));
        entries.collectors.sort_by_key(|spec| spec.id);
        entries.observers.sort_by_key(|spec| spec.id);
        entries.targets.sort_by_key(|spec| spec.kind);
        entries.parts.sort_by_key(|spec| spec.kind);
        entries.faults.sort_by_key(|spec| spec.id);
        entries.incidents.sort_by_key(|spec| spec.id);
        let problems = problems(&entries);
        if !problems.is_empty() {
            return Err(RegistryError(problems));
        }
        let Entries { checks, fixes, collectors, observers, targets, parts, faults, incidents } = entries;
        Ok(Self { checks, fixes, collectors, observers, targets, parts, faults, incidents })
    }

    /// The checks, sorted by id.
    pub fn checks(&self) -> &[&'static CheckSpec] {
        &self.checks
    }

    /// The fixes, sorted by id.
    pub fn fixes(&self) -> &[&'static FixSpec] {
        &self.fixes
    }

    /// The fix of that id.
    pub fn fix(&self, id: &str) -> Option<&'static FixSpec> {
        self.fixes.iter().find(|spec| spec.id == id).copied()
    }

    /// The observers, sorted by id.
    pub fn observers(&self) -> &[&'static ObserverSpec] {
        &self.observers
    }

    /// The collectors, sorted by id.
    pub fn collectors(&self) -> &[&'static CollectorSpec] {
        &self.collectors
    }

    /// The targets, sorted by kind.
    pub fn targets(&self) -> &[&'static TargetSpec] {
        &self.targets
    }

    /// The sandbox parts, sorted by kind.
    pub fn parts(&self) -> &[&'static PartSpec] {
        &self.parts
    }

    /// The faults, sorted by id.
    pub fn faults(&self) -> &[&'static FaultSpec] {
        &self.faults
    }

    /// The incidents, sorted by id.
    pub fn incidents(&self) -> &[&'static IncidentSpec] {
        &self.incidents
    }

    /// The check of that id.
    pub fn check(&self, id: &str) -> Option<&'static CheckSpec> {
        self.checks.binary_search_by_key(&id, |spec| spec.id).ok().map(|index| self.checks[index])
    }

    /// The target of that kind.
    pub fn target(&self, kind: &str) -> Option<&'static TargetSpec> {
        self.targets.iter().find(|spec| spec.kind == kind).copied()
    }

    /// The plugins that have registered checks.
    pub fn plugins(&self) -> BTreeSet<&'static str> {
        self.checks.iter().map(|spec| spec.plugin()).collect()
    }

    /// The tags that checks carry.
    pub fn tags(&self) -> BTreeSet<&'static str> {
        self.checks.iter().flat_map(|spec| spec.tags).copied().collect()
    }
}

/// The plugin name that ids of a package must start with.
fn plugin_of_package(package: &str) -> &str {
    package.strip_prefix("shakedown-").unwrap_or(package)
}

fn problems(entries: &Entries) -> Vec<String> {
    let mut problems = Vec::new();
    if entries.checks.is_empty() {
        problems.push("no check is registered: is the plugin linked (`use plugin as _;`)?".to_owned());
    }
    duplicates(&mut problems, "check", entries.checks.iter().map(|spec| (spec.id, spec.source)));
    duplicates(&mut problems, "fix", entries.fixes.iter().map(|spec| (spec.id, spec.source)));
    duplicates(&mut problems, "collector", entries.collectors.iter().map(|spec| (spec.id, spec.source)));
    duplicates(&mut problems, "observer", entries.observers.iter().map(|spec| (spec.id, spec.source)));
    duplicates(&mut problems, "target", entries.targets.iter().map(|spec| (spec.kind, spec.source)));
    duplicates(&mut problems, "sandbox part", entries.parts.iter().map(|spec| (spec.kind, spec.source)));
    duplicates(&mut problems, "fault", entries.faults.iter().map(|spec| (spec.id, spec.source)));
    duplicates(&mut problems, "incident", entries.incidents.iter().map(|spec| (spec.id, spec.source)));

    let ids: BTreeSet<&str> = entries.checks.iter().map(|spec| spec.id).collect();
    let targets: BTreeSet<&str> = entries.targets.iter().map(|spec| spec.kind).collect();
    let parts: BTreeSet<&str> = entries.parts.iter().map(|spec| spec.kind).collect();
    let faults: BTreeSet<&str> = entries.faults.iter().map(|spec| spec.id).collect();
    for spec in &entries.checks {
        let (id, source) = (spec.id, spec.source);
        let plugin = plugin_of_package(source.package);
        if !is_dotted(id) {
            problems.push(format!("`{id}` of {source} is not of the form `plugin.group.name`"));
        } else if spec.plugin() != plugin {
            problems.push(format!("`{id}` of {source} must start with its plugin's name, `{plugin}.`"));
        }
        for target in spec.targets().filter(|target| !targets.contains(target)) {
            problems.push(format!("`{id}` of {source} names {}", unknown("target", target, &targets)));
        }
        for required in spec.requires.iter().filter(|required| !ids.contains(*required)) {
            problems.push(format!("`{id}` of {source} requires {}", unknown("check", required, &ids)));
        }
        for proof in spec.proofs {
            if !faults.contains(proof.fault) {
                problems.push(format!(
                    "`{id}` of {source} is proven by {}",
                    unknown("fault", proof.fault, &faults)
                ));
            }
            if !is_kebab(proof.finding) {
                problems
                    .push(format!("`{id}` of {source}: the finding `{}` is not kebab-case", proof.finding));
            }
        }
    }
    problems.extend(fix_problems(entries));
    let collectors = entries.collectors.iter().map(|spec| ("collector", spec.id, spec.target, spec.source));
    let observers = entries.observers.iter().map(|spec| ("observer", spec.id, spec.target, spec.source));
    for (what, id, target, source) in collectors.chain(observers) {
        let plugin = plugin_of_package(source.package);
        if !is_dotted(id) || plugin_of(id) != plugin {
            problems.push(format!("the {what} `{id}` of {source} must be of the form `{plugin}.name`"));
        }
        if !targets.contains(target) {
            problems
                .push(format!("the {what} `{id}` of {source} names {}", unknown("target", target, &targets)));
        }
    }
    for fault in entries.faults.iter().filter(|fault| !parts.contains(fault.part)) {
        problems.push(format!(
            "the fault `{}` of {} belongs to {}",
            fault.id,
            fault.source,
            unknown("part", fault.part, &parts)
        ));
    }
    for fault in
        entries.faults.iter().filter(|fault| plugin_of(fault.id) != fault.part || !is_dotted(fault.id))
    {
        let FaultSpec { id, part, source, .. } = fault;
        problems.push(format!("the fault `{id}` of {source} must be of the form `{part}.name`"));
    }
    // Every check of a target is proven against one that is away, and against one that never answers.
    for part in &entries.parts {
        for fault in ["away", "silent"].map(|name| format!("{}.{name}", part.kind)) {
            if !faults.contains(fault.as_str()) {
                problems.push(format!(
                    "the sandbox part `{}` of {} lacks the fault `{fault}`",
                    part.kind, part.source
                ));
            }
        }
    }
    for incident in &entries.incidents {
        for fault in incident.faults.iter().filter(|fault| !faults.contains(*fault)) {
            let (id, source) = (incident.id, incident.source);
            problems.push(format!(
                "the incident `{id}` of {source} turns on {}",
                unknown("fault", fault, &faults)
            ));
        }
    }
    problems.extend(cycle(&entries.checks));
    problems
}

/// What is wrong with the fixes.
fn fix_problems(entries: &Entries) -> Vec<String> {
    let mut problems = Vec::new();
    let fixes: BTreeSet<&str> = entries.fixes.iter().map(|spec| spec.id).collect();
    let ids: BTreeSet<&str> = entries.checks.iter().map(|spec| spec.id).collect();
    let targets: BTreeSet<&str> = entries.targets.iter().map(|spec| spec.kind).collect();
    let faults: BTreeSet<&str> = entries.faults.iter().map(|spec| spec.id).collect();
    for spec in &entries.fixes {
        let (id, source) = (spec.id, spec.source);
        let plugin = plugin_of_package(source.package);
        let mut names = |what: &str, word: &str, known: &BTreeSet<&str>| {
            if !known.contains(word) {
                problems.push(format!("the fix `{id}` of {source} names {}", unknown(what, word, known)));
            }
        };
        names("check", spec.check, &ids);
        names("target", spec.target, &targets);
        spec.instead_of.iter().for_each(|other| names("fix", other, &fixes));
        spec.proofs.iter().for_each(|fault| names("fault", fault, &faults));
        if !is_dotted(id) || plugin_of(id) != plugin {
            problems.push(format!("the fix `{id}` of {source} must be of the form `{plugin}.group.name`"));
        }
        if spec.proofs.is_empty() {
            problems.push(format!(
                "the fix `{id}` of {source} was never seen to mend anything: declare `proofs`"
            ));
        }
    }
    problems
}

/// "the unknown check `x`; did you mean `y`?"
fn unknown(what: &str, word: &str, known: &BTreeSet<&str>) -> String {
    let hint = nearest(word, known.iter().copied())
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    format!("the unknown {what} `{word}`{hint}")
}

/// Names both registrations of every id that occurs twice; the entries come sorted.
fn duplicates(problems: &mut Vec<String>, what: &str, entries: impl Iterator<Item = (&'static str, Source)>) {
    let mut seen: BTreeMap<&str, Source> = BTreeMap::new();
    for (id, source) in entries {
        if let Some(first) = seen.insert(id, source) {
            problems.push(format!("the {what} `{id}` is registered twice, by {first} and by {source}"));
        }
    }
}

/// Names the members of a cycle of requirements, where there is one.
fn cycle(checks: &[&'static CheckSpec]) -> Option<String> {
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> =
        checks.iter().map(|spec| (spec.id, spec.requires.iter().copied().collect())).collect();
    loop {
        let free: Vec<&str> = waiting
            .iter()
            .filter(|(_, requires)| requires.iter().all(|required| !waiting.contains_key(required)))
            .map(|(id, _)| *id)
            .collect();
        if free.is_empty() {
            break;
        }
        waiting.retain(|id, _| !free.contains(id));
    }
    // What is left depends on the cycle; walking along the requirements ends in it.
    let mut at = *waiting.keys().next()?;
    let mut path = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        at = waiting[at].iter().find(|required| waiting.contains_key(*required))?;
    }
    let start = path.iter().position(|id| *id == at)?;
    let members: Vec<String> = path[start..].iter().chain([&at]).map(|id| format!("`{id}`")).collect();
    Some(format!("these checks require each other: {}", members.join(" requires ")))
}
