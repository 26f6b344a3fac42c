//! The lower half of the summary: how many ended how, and what stands beside the verdicts.

use super::Page;
use crate::prose;
use crate::text::{clean, counted};
use shakedown_core::Status;
use shakedown_core::duration::brief;
use shakedown_core::finding::Weight;
use shakedown_core::run::{CheckRecord, NotCollected, Run};
use std::time::Duration;

/// More names than this in one list are only counted.
const MOST_NAMES: usize = 10;

/// More reasons than this are only counted.
const MOST_GROUPS: usize = 12;

/// Counts, flaky and skipped checks, what was left out or left behind, and warnings.
pub(super) fn render(page: &mut Page, run: &Run) {
    page.paragraph();
    let style = page.style;
    page.painted(0, 2, &counts(run), |line| style.bold(line));
    how_it_ended(page, run);
    if !run.info.faults.is_empty() {
        let faults = run.info.faults.iter().map(String::as_str);
        page.wrapped(
            0,
            2,
            &format!("faults injected into the sandbox: {}", prose::names(faults, MOST_NAMES)),
        );
    }
    flaky(page, run);
    let skipped = run.checks.iter().filter(|record| record.outcome.status == Status::Skipped);
    groups(
        page,
        "skipped",
        skipped.map(|record| (prose::skip_reason(&record.outcome), record.info.id.as_str())),
    );
    let left_out = run.left_out.iter().map(|left| (clean(&left.reason).into_owned(), left.check.as_str()));
    groups(page, "left out", left_out);
    not_collected(page, run);
    leftovers(page, run);
    mendable(page, run);
    warnings(page, run);
}

/// Which command shows what would mend what was found, where fixes can.
fn mendable(page: &mut Page, run: &Run) {
    let findings = run.checks.iter().flat_map(|record| record.outcome.all_findings());
    let count = findings.filter(|finding| finding.weight > Weight::Note && finding.fix.is_some()).count();
    if count > 0 {
        let findings = counted(count, "finding", "findings");
        let environment = clean(&run.info.environment);
        page.wrapped(
            0,
            2,
            &format!("{findings} can be mended: `cargo xtask fix --env {environment}` shows how"),
        );
    }
}

/// `12 passed, 1 failed (1 decides nothing), 3 skipped, 1 flaky in 12.0 s`.
fn counts(run: &Run) -> String {
    let counts = run.counts();
    if counts.total == 0 {
        return "no check was run".to_owned();
    }
    let mut parts = vec![format!("{} passed", counts.passed)];
    for (status, count) in [
        (Status::Warned, counts.warned),
        (Status::Failed, counts.failed),
        (Status::Errored, counts.errored),
        (Status::Skipped, counts.skipped),
    ] {
        if count > 0 {
            let idle = |record: &&CheckRecord| !record.decides() && record.outcome.status == status;
            let note = match run.checks.iter().filter(idle).count() {
                0 => String::new(),
                _ if matches!(status, Status::Warned | Status::Skipped) => String::new(),
                1 => " (1 decides nothing)".to_owned(),
                idle => format!(" ({idle} decide nothing)"),
            };
            parts.push(format!("{count} {status}{note}"));
        }
    }
    if counts.flaky > 0 {
        parts.push(format!("{} flaky", counts.flaky));
    }
    let took = run.finished.and_then(|end| Duration::try_from(end.duration_since(run.info.started)).ok());
    format!("{}{}", parts.join(", "), took.map(|took| format!(" in {}", brief(took))).unwrap_or_default())
}

fn how_it_ended(page: &mut Page, run: &Run) {
    if let Some(by) = &run.interrupted_by {
        page.wrapped(0, 2, &format!("stopped early: {}", clean(by)));
    }
    if run.finished.is_none() {
        page.wrapped(0, 2, "the process ended before the run did: what was running then is errored");
    }
}

fn flaky(page: &mut Page, run: &Run) {
    let flaky = run.checks.iter().filter(|record| record.flaky);
    let flaky: Vec<String> =
        flaky.map(|record| format!("{} (on attempt {})", record.info.id, record.attempts)).collect();
    if !flaky.is_empty() {
        let names = prose::names(flaky.iter().map(String::as_str), MOST_NAMES);
        page.wrapped(0, 2, &format!("flaky: {names}"));
    }
}

/// `4 skipped: they need mongo.connect, which errored`, and which ones.
fn groups<'a>(page: &mut Page, what: &str, members: impl Iterator<Item = (String, &'a str)>) {
    let groups = prose::by_reason(members);
    for (reason, names) in groups.iter().take(MOST_GROUPS) {
        page.wrapped(0, 2, &format!("{} {what}: {reason}", names.len()));
        page.wrapped(4, 0, &prose::names(names.iter().copied(), MOST_NAMES));
    }
    let rest: usize = groups.iter().skip(MOST_GROUPS).map(|(_, names)| names.len()).sum();
    if rest > 0 {
        page.line(&format!("{rest} {what} for other reasons: see run.json"));
    }
}

fn leftovers(page: &mut Page, run: &Run) {
    if run.leftovers.is_empty() {
        return;
    }
    let names: Vec<String> = run.leftovers.iter().map(prose::resource_name).collect();
    let count = counted(names.len(), "thing", "things");
    let names = prose::names(names.iter().map(String::as_str), MOST_NAMES);
    page.warning(&format!("{count} left behind, which `shakedown cleanup` tries to remove again: {names}"));
}

/// Collectors that failed to collect: what they would have shown is missing above.
fn not_collected(page: &mut Page, run: &Run) {
    for NotCollected { collector, check, error } in run.not_collected.iter().take(MOST_GROUPS) {
        let (collector, check, error) = (clean(collector), clean(check), clean(error));
        page.wrapped(0, 2, &format!("{collector} could not gather evidence for {check}: {error}"));
    }
    let rest = run.not_collected.len().saturating_sub(MOST_GROUPS);
    if rest > 0 {
        page.line(&format!("{rest} more collectors could not gather evidence: see run.json"));
    }
}

fn warnings(page: &mut Page, run: &Run) {
    for (target, info) in &run.targets {
        for warning in &info.warnings {
            page.warning(&format!("{} at {}: {}", clean(target), clean(&info.address), clean(warning)));
        }
    }
}
