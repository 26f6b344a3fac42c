//! `list`: checks, faults, fixes, orphans.

use crate::args::{Format, Globals, ListOptions};
use crate::output::print;
use crate::project::{Project, registry};
use serde_json::json;
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, FixSpec, Registry};
use std::fmt::Write as _;

pub(crate) fn list(globals: &Globals, options: &ListOptions) -> anyhow::Result<Exit> {
    if options.faults {
        print(&faults(&registry()?, globals.format));
        return Ok(Exit::Fit);
    }
    if options.fixes {
        print(&fixes(&registry()?, globals.format));
        return Ok(Exit::Fit);
    }
    let project = Project::open(globals)?;
    let selection = project.selection(&[], &options.select)?;
    let orphans = project.config.orphans(&project.registry);
    let checks: Vec<&CheckSpec> = project
        .registry
        .checks()
        .iter()
        .copied()
        .filter(|spec| selection.selects(spec, spec.severity))
        .filter(|spec| !options.orphans || orphans.contains(&spec.id))
        .collect();
    print(&render(&checks, globals.format));
    Ok(if checks.is_empty() && !options.orphans { Exit::Nothing } else { Exit::Fit })
}

fn render(checks: &[&CheckSpec], format: Format) -> String {
    if format == Format::Json {
        let list: Vec<_> = checks.iter().map(|spec| described(spec)).collect();
        return format!("{:#}\n", json!(list));
    }
    let mut out = String::new();
    let width = checks.iter().map(|spec| spec.id.len()).max().unwrap_or_default();
    for spec in checks {
        let _ = writeln!(out, "{:width$}  {:8} {:8} {}", spec.id, spec.effect, spec.severity, spec.title);
    }
    let _ = writeln!(out, "{} checks; `explain ID` tells more", checks.len());
    out
}

/// Everything the registry knows of a check.
pub(crate) fn described(spec: &CheckSpec) -> serde_json::Value {
    let proofs: Vec<_> =
        spec.proofs.iter().map(|proof| json!({ "fault": proof.fault, "finding": proof.finding })).collect();
    json!({
        "id": spec.id,
        "plugin": spec.plugin(),
        "title": spec.title,
        "summary": spec.docs.summary(),
        "severity": spec.severity,
        "effect": spec.effect,
        "gate": spec.gate.as_str(),
        "target": spec.target,
        "also": spec.also,
        "keys": spec.keys,
        "tags": spec.tags,
        "requires": spec.requires,
        "group": spec.group,
        "alone": spec.runs_alone(),
        "proofs": proofs,
        "file": spec.source.file,
        "params": (spec.schema)(),
    })
}

/// Everything the registry knows of a fix.
pub(crate) fn described_fix(spec: &FixSpec) -> serde_json::Value {
    json!({
        "id": spec.id,
        "title": spec.title,
        "check": spec.check,
        "target": spec.target,
        "instead_of": spec.instead_of,
        "proofs": spec.proofs,
        "file": spec.source.file,
        "docs": spec.docs.text(),
    })
}

fn fixes(registry: &Registry, format: Format) -> String {
    if format == Format::Json {
        let list: Vec<_> = registry.fixes().iter().map(|spec| described_fix(spec)).collect();
        return format!("{:#}\n", json!(list));
    }
    let mut out = String::new();
    let width = registry.fixes().iter().map(|spec| spec.id.len()).max().unwrap_or_default();
    for spec in registry.fixes() {
        let only = if spec.instead_of.is_some() { ", only when asked for by name" } else { "" };
        let _ = writeln!(out, "{:width$}  {} (mends {}{only})", spec.id, spec.title, spec.check);
    }
    let _ = writeln!(out, "{} fixes; `fix --env NAME` shows what they would do", registry.fixes().len());
    out
}

fn faults(registry: &Registry, format: Format) -> String {
    if format == Format::Json {
        let faults: Vec<_> = registry
            .faults()
            .iter()
            .map(|fault| json!({ "id": fault.id, "part": fault.part, "keys": fault.keys, "docs": fault.docs.text() }))
            .collect();
        let incidents: Vec<_> = registry
            .incidents()
            .iter()
            .map(|incident| json!({ "id": incident.id, "faults": incident.faults, "docs": incident.docs.text() }))
            .collect();
        return format!("{:#}\n", json!({ "faults": faults, "incidents": incidents }));
    }
    let mut out = String::new();
    let width = registry.faults().iter().map(|fault| fault.id.len()).max().unwrap_or_default();
    for fault in registry.faults() {
        let _ = writeln!(out, "{:width$}  {}", fault.id, fault.docs.summary());
    }
    for incident in registry.incidents() {
        let _ = writeln!(
            out,
            "\nincident {}: {}\n  {}",
            incident.id,
            incident.docs.summary(),
            incident.faults.join(", ")
        );
    }
    out
}
