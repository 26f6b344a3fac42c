//! `plan`: what would run, in which order, and why the rest would not.

use crate::args::{Format, Globals, SelectOptions};
use crate::output::print;
use crate::project::Project;
use serde_json::json;
use shakedown_core::run::Exit;
use shakedown_runner::Plan;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) fn plan(globals: &Globals, options: &SelectOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (mut profile, _) = project.profile(globals, &options.env)?;
    let (plan, _) = project.plan(&mut profile, options)?;
    print(&render(&plan, globals.format));
    Ok(if plan.checks.is_empty() { Exit::Nothing } else { Exit::Fit })
}

/// The plan as text or JSON.
pub(crate) fn render(plan: &Plan, format: Format) -> String {
    match format {
        Format::Text => text(plan),
        Format::Json => {
            let checks: Vec<_> = plan.checks.iter().map(shakedown_runner::Planned::info).collect();
            format!("{:#}\n", json!({ "checks": checks, "left_out": plan.left_out }))
        }
    }
}

fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let width = plan.checks.iter().map(|planned| planned.spec.id.len()).max().unwrap_or_default();
    let _ = writeln!(out, "{} checks, in this order:", plan.checks.len());
    for planned in &plan.checks {
        let mut remarks = vec![planned.spec.effect.to_string(), planned.settings.severity.to_string()];
        remarks.push(planned.settings.gate.as_str().to_owned());
        if planned.spec.runs_alone() {
            remarks.push("alone".to_owned());
        }
        if let Some(dependent) = planned.required_by {
            remarks.push(format!("required by {dependent}"));
        }
        let _ = writeln!(out, "  {:width$}  {}", planned.spec.id, remarks.join(", "));
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left in &plan.left_out {
        reasons.entry(&left.reason).or_default().push(&left.check);
    }
    for (reason, checks) in reasons {
        let _ = writeln!(out, "{} left out: {reason}", checks.len());
        for check in checks {
            let _ = writeln!(out, "  {check}");
        }
    }
    out
}
