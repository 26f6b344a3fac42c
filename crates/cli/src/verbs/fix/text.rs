//! A plan of fixes, and what came of it, for people.

use super::report::{Report, Stage, Stand};
use shakedown_core::Status;
use shakedown_report::Style;
use shakedown_report::text::{clean, wrap};
use std::fmt::Write as _;

/// The width of the labels of a step.
const LABEL: usize = 9;

/// What would be written.
pub(super) fn plan(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for mending in &report.fixes {
        let _ = writeln!(out, "{} — {} (mends {})\n", mending.fix, mending.title, mending.check);
        if let Some(error) = &mending.error {
            line(&mut out, style, 2, "", &format!("cannot be planned: {error}"));
        } else if mending.steps.is_empty() {
            line(&mut out, style, 2, "", "nothing left to mend: somebody else has done it in the meantime");
        }
        for (number, stage) in (1..).zip(&mending.steps) {
            step(&mut out, style, number, stage);
        }
        if let Some(forbidden) = mending.forbidden.as_ref().filter(|_| !report.apply) {
            line(&mut out, style, 2, "", &format!("as things are it would be refused: {forbidden}"));
            out.push('\n');
        }
    }
    if !report.has_plan() {
        stands_unmended(&mut out, style, &report.before);
    } else if !report.apply {
        let _ = writeln!(out, "nothing was written; `--apply` does it");
    } else if !report.has_work() {
        let _ = writeln!(out, "nothing was written: every step is blocked");
    }
    out
}

fn step(out: &mut String, style: Style, number: usize, stage: &Stage) {
    let step = &stage.step;
    line(out, style, 2, "", &format!("{number}. {}", step.action));
    let mut fact = |label: &str, text: &str| line(out, style, 5, label, text);
    fact("on", &step.subject);
    fact("touches", &step.touches);
    for (index, example) in step.examples.iter().enumerate() {
        fact(if index == 0 { "examples" } else { " " }, example);
    }
    fact("why", &step.why);
    fact("risk", &step.risk);
    fact("takes", &step.duration);
    fact("undo", &step.undo);
    if let Some(blocked) = &step.blocked {
        fact("blocked", blocked);
    }
    out.push('\n');
}

/// What came of it.
pub(super) fn outcome(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for mending in &report.fixes {
        for (number, stage) in (1..).zip(&mending.steps) {
            let (symbol, words) = match (&stage.applied, &stage.error, &stage.step.blocked) {
                (Some(applied), ..) => ('✓', applied.summary.clone()),
                (None, Some(error), _) => ('✗', error.clone()),
                (None, None, Some(blocked)) => ('-', format!("blocked: {blocked}")),
                (None, None, None) => ('-', "not begun".to_owned()),
            };
            line(&mut out, style, 0, "", &format!("{symbol} {} {number}. {words}", mending.fix));
        }
    }
    let width = report.before.iter().map(|stand| stand.check.len()).max().unwrap_or_default();
    if !report.after.is_empty() {
        let _ = writeln!(out, "\n{:width$}  before   after", "check");
    }
    for after in &report.after {
        let before = report.before.iter().find(|before| before.check == after.check);
        let before = before.map_or("-", |before| before.status.as_str());
        let _ = writeln!(out, "{:width$}  {before:7}  {}", after.check, after.status);
        if !after.status.satisfies() || after.status == Status::Warned {
            for finding in after.findings.iter().take(10) {
                line(&mut out, style, 4, "", finding);
            }
        }
    }
    if let Some(directory) = &report.directory {
        let directory = directory.display();
        let undo = if report.sandbox {
            "not needed: the sandbox ends with this command".to_owned()
        } else {
            format!("cargo xtask fix --undo {directory}/undo.jsonl --confirm {}", report.environment)
        };
        let _ =
            writeln!(out, "\nundo:   {undo}\nrecord: {directory}/ (audit.jsonl, fix.json, before/, after/)");
    }
    out
}

/// Why there is nothing to mend.
fn stands_unmended(out: &mut String, style: Style, stands: &[Stand]) {
    let well = stands.iter().filter(|stand| stand.status.satisfies()).count();
    let _ = writeln!(
        out,
        "nothing to mend: {well} of {} checks found nothing that a fix could mend",
        stands.len()
    );
    for stand in stands.iter().filter(|stand| !stand.status.satisfies()) {
        line(out, style, 2, "", &format!("{} {}: {}", stand.check, stand.status, stand.summary));
        for finding in stand.findings.iter().take(10) {
            line(out, style, 4, "", finding);
        }
    }
}

/// A text at an indent, under an optional label, wrapped to the width of the terminal.
fn line(out: &mut String, style: Style, indent: usize, label: &str, text: &str) {
    let column = if label.is_empty() { indent } else { indent + LABEL };
    let text = clean(text);
    let lines = wrap(&text, style.width.saturating_sub(column).max(20));
    for (index, part) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = writeln!(out, "{:indent$}{label:<rest$}{part}", "", rest = column - indent);
    }
}
