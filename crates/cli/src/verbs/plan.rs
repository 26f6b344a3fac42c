//! `plan`: what would run, in which order, and why the rest would not.

use crate::args::{Format, Globals, SelectOptions};
use crate::look::{CODE, Look, of_effect, of_severity};
use crate::output::{print, print_json};
use crate::project::Project;
use crate::table::{Cell, Table};
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::event::CheckInfo;
use shakedown_core::run::{Exit, LeftOut};
use shakedown_runner::{Plan, Planned};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A plan, for programs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Document<'a> {
    /// What would run, in this order.
    checks: Vec<CheckInfo>,
    /// What would not, and why.
    left_out: &'a [LeftOut],
}

pub(crate) fn plan(globals: &Globals, options: &SelectOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (mut profile, _) = project.profile(globals, &options.env)?;
    let (plan, _) = project.plan(&mut profile, options)?;
    show(&plan, globals)?;
    Ok(if plan.checks.is_empty() { Exit::Nothing } else { Exit::Fit })
}

/// Prints the plan as text or JSON.
pub(crate) fn show(plan: &Plan, globals: &Globals) -> anyhow::Result<()> {
    match globals.format {
        Format::Text => print(&text(plan, globals.look())),
        Format::Json => {
            let checks = plan.checks.iter().map(Planned::info).collect();
            print_json(&Document { checks, left_out: &plan.left_out })?;
        }
    }
    Ok(())
}

/// The plan as text.
pub(crate) fn text(plan: &Plan, look: Look) -> String {
    let mut table = Table::default();
    for planned in &plan.checks {
        let (effect, severity) = (planned.spec.effect, planned.settings.severity);
        let mut remarks = vec![planned.settings.gate.as_str().to_owned()];
        if planned.spec.runs_alone() {
            remarks.push("alone".to_owned());
        }
        if let Some(dependent) = planned.required_by {
            remarks.push(format!("required by {dependent}"));
        }
        table.row([
            Cell::painted(planned.spec.id, CODE),
            Cell::painted(effect.as_str(), of_effect(effect)),
            Cell::painted(severity.as_str(), of_severity(severity)),
            remarks.join(", ").into(),
        ]);
    }
    let mut out = match plan.checks.len() {
        0 => "no check would run\n".to_owned(),
        1 => "1 check would run:\n".to_owned(),
        count => format!("{count} checks would run, in this order:\n"),
    };
    for line in table.render(look).lines() {
        let _ = writeln!(out, "  {line}");
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left in &plan.left_out {
        reasons.entry(&left.reason).or_default().push(&left.check);
    }
    for (reason, checks) in reasons {
        let _ = writeln!(out, "\n{} left out: {reason}", checks.len());
        for check in checks {
            let _ = writeln!(out, "  {}", look.dim(check));
        }
    }
    out
}
