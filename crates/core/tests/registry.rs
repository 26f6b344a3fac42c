//! The registry refuses what contradicts itself, and names both sides.

use shakedown_core::check::Source;
use shakedown_core::fix::{Applied, Standing, Step, UndoLog};
use shakedown_core::registry::Entries;
use shakedown_core::sandbox::{FaultSpec, Part, PartContext, PartSpec, RunningPart, Unavailable};
use shakedown_core::{
    Check, CheckError, CheckSpec, Context, Docs, Effect, Fix, FixSpec, Gate, NoParams, Observation, Registry,
    Severity,
};
use shakedown_core::{Verdict, async_trait, fault};

struct Nothing;

#[async_trait]
impl Check for Nothing {
    async fn run(&self, _: &Context) -> Result<Verdict, CheckError> {
        Ok(Verdict::of(Observation::seen("nothing")))
    }
}

fn spec(id: &'static str, line: u32) -> CheckSpec {
    CheckSpec {
        id,
        title: "A check",
        severity: Severity::Low,
        effect: Effect::Read,
        target: None,
        also: &[],
        keys: &[],
        tags: &[],
        requires: &[],
        group: None,
        alone: false,
        gate: Gate::Required,
        required_in: None,
        timeout: None,
        proofs: &[],
        docs: Docs(" A check."),
        source: Source { package: "shakedown-moon", file: "plugins/moon/src/lib.rs", line },
        schema: || schemars::schema_for!(NoParams),
        build: |_| Ok(Box::new(Nothing)),
    }
}

fn problems(specs: Vec<CheckSpec>, faults: Vec<&'static FaultSpec>) -> String {
    let checks = specs.into_iter().map(|spec| &*Box::leak(Box::new(spec))).collect();
    match Registry::from_entries(Entries { checks, faults, ..Entries::default() }) {
        Ok(_) => "no problem".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn sorts_by_id() {
    let checks = ["moon.up", "moon.full"].map(|id| &*Box::leak(Box::new(spec(id, 1))));
    let registry = Registry::from_entries(Entries { checks: checks.into(), ..Entries::default() }).unwrap();
    assert_eq!(registry.checks().iter().map(|spec| spec.id).collect::<Vec<_>>(), ["moon.full", "moon.up"]);
    assert!(registry.check("moon.up").is_some() && registry.check("moon.down").is_none());
}

#[test]
fn refuses_an_empty_registry() {
    insta::assert_snapshot!(problems(vec![], vec![]), @r"
    the registered checks contradict each other:
      no check is registered: is the plugin linked (`use plugin as _;`)?
    ");
}

#[test]
fn names_both_sides_of_a_duplicate() {
    insta::assert_snapshot!(problems(vec![spec("moon.up", 1), spec("moon.up", 9)], vec![]), @r"
    the registered checks contradict each other:
      the check `moon.up` is registered twice, by shakedown-moon (plugins/moon/src/lib.rs:1) and by shakedown-moon (plugins/moon/src/lib.rs:9)
    ");
}

#[test]
fn refuses_foreign_and_malformed_ids() {
    insta::assert_snapshot!(problems(vec![spec("mars.up", 1), spec("Moon", 2)], vec![]), @r"
    the registered checks contradict each other:
      `Moon` of shakedown-moon (plugins/moon/src/lib.rs:2) is not of the form `plugin.group.name`
      `mars.up` of shakedown-moon (plugins/moon/src/lib.rs:1) must start with its plugin's name, `moon.`
    ");
}

#[test]
fn refuses_unknown_references_with_a_suggestion() {
    let check = CheckSpec {
        target: Some("moon"),
        requires: &["moon.rised"],
        proofs: const { &[fault("moon.eclipse", "moon-missing"), fault("moon.eclipsed", "Moon Missing")] },
        ..spec("moon.up", 1)
    };
    let known =
        &FaultSpec { id: "moon.eclipsed", part: "moon", keys: &[], docs: Docs(" x"), source: check.source };
    insta::assert_snapshot!(problems(vec![check, spec("moon.risen", 2)], vec![Box::leak(Box::new(*known))]), @r"
    the registered checks contradict each other:
      `moon.up` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown target `moon`
      `moon.up` of shakedown-moon (plugins/moon/src/lib.rs:1) requires the unknown check `moon.rised`; did you mean `moon.risen`?
      `moon.up` of shakedown-moon (plugins/moon/src/lib.rs:1) is proven by the unknown fault `moon.eclipse`; did you mean `moon.eclipsed`?
      `moon.up` of shakedown-moon (plugins/moon/src/lib.rs:1): the finding `Moon Missing` is not kebab-case
      the fault `moon.eclipsed` of shakedown-moon (plugins/moon/src/lib.rs:1) belongs to the unknown part `moon`
    ");
}

struct Mars;

#[async_trait]
impl Part for Mars {
    const KIND: &'static str = "mars";
    const NEEDS: &'static [&'static str] = &[];

    async fn start(_: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        Err(Unavailable { part: "mars".into(), reason: "too far".into(), command: "none".into() })
    }
}

#[test]
fn a_part_must_be_able_to_go_away_and_to_fall_silent() {
    let check = spec("moon.up", 1);
    let source = check.source;
    let fault = FaultSpec { id: "moon.away", part: "mars", keys: &[], docs: Docs(" x"), source };
    let entries = Entries {
        checks: vec![Box::leak(Box::new(check))],
        parts: vec![Box::leak(Box::new(PartSpec::of::<Mars>(source)))],
        faults: vec![Box::leak(Box::new(fault))],
        ..Entries::default()
    };
    let Err(error) = Registry::from_entries(entries) else { panic!("it was accepted") };
    insta::assert_snapshot!(error, @r"
    the registered checks contradict each other:
      the fault `moon.away` of shakedown-moon (plugins/moon/src/lib.rs:1) must be of the form `mars.name`
      the sandbox part `mars` of shakedown-moon (plugins/moon/src/lib.rs:1) lacks the fault `mars.away`
      the sandbox part `mars` of shakedown-moon (plugins/moon/src/lib.rs:1) lacks the fault `mars.silent`
    ");
}

#[test]
fn names_the_members_of_a_cycle() {
    let check = |id, requires| CheckSpec { requires, ..spec(id, 1) };
    let specs = vec![
        check("moon.a", &["moon.b"]),
        check("moon.b", &["moon.c"]),
        check("moon.c", &["moon.b"]),
        check("moon.d", &[]),
    ];
    insta::assert_snapshot!(problems(specs, vec![]), @r"
    the registered checks contradict each other:
      these checks require each other: `moon.b` requires `moon.c` requires `moon.b`
    ");
}

struct Glue;

#[async_trait]
impl Fix for Glue {
    async fn plan(&self, _: &Context) -> Result<Vec<Step>, CheckError> {
        Ok(Vec::new())
    }

    async fn apply(&self, _: &Context, _: &Step, _: &dyn UndoLog) -> Result<Applied, CheckError> {
        Err(CheckError::unclear("nothing to glue"))
    }

    async fn standing(&self, _: &Context, _: &serde_json::Value) -> Result<Standing, CheckError> {
        Ok(Standing::AsBefore)
    }

    async fn revert(&self, _: &Context, _: &serde_json::Value) -> Result<Standing, CheckError> {
        Ok(Standing::AsBefore)
    }
}

#[test]
fn a_fix_must_name_what_there_is_and_have_been_seen_to_mend() {
    let check = spec("moon.up", 1);
    let fix = |id, instead_of, proofs| FixSpec {
        id,
        title: "Glue it",
        check: "moon.pu",
        target: "moon",
        instead_of,
        proofs,
        docs: Docs(" x"),
        source: check.source,
        build: |_| Ok(Box::new(Glue)),
    };
    let fixes = vec![fix("moon.glue", None, &[]), fix("mars.glue", Some("moon.glu"), &["moon.eclipsed"])];
    let fixes = fixes.into_iter().map(|fix| &*Box::leak(Box::new(fix))).collect();
    let checks = vec![&*Box::leak(Box::new(check))];
    let Err(error) = Registry::from_entries(Entries { checks, fixes, ..Entries::default() }) else {
        panic!("it was accepted")
    };
    insta::assert_snapshot!(error, @r"
    the registered checks contradict each other:
      the fix `mars.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown check `moon.pu`; did you mean `moon.up`?
      the fix `mars.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown target `moon`
      the fix `mars.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown fix `moon.glu`; did you mean `moon.glue`?
      the fix `mars.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown fault `moon.eclipsed`
      the fix `mars.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) must be of the form `moon.group.name`
      the fix `moon.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown check `moon.pu`; did you mean `moon.up`?
      the fix `moon.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) names the unknown target `moon`
      the fix `moon.glue` of shakedown-moon (plugins/moon/src/lib.rs:1) was never seen to mend anything: declare `proofs`
    ");
}
