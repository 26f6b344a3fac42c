//! The reports of a large run: how large they are, and what rendering them needs of memory beside small evidence and large.
//!
//! Each is rendered by a process of its own, as `report` does it, so that its peak is that of nothing else.

use super::{info, memory};
use crate::output::print;
use anyhow::Context as _;
use shakedown_core::event::{CheckInfo, Event, EventKind};
use shakedown_core::measurement::{Measured, Unit};
use shakedown_core::run::Exit;
use shakedown_core::sink::Sink as _;
use shakedown_core::{Cause, Clock, Effect, EvidenceRef, Finding, Gate, Observation, Severity, Verdict};
use shakedown_report::html::Options;
use shakedown_report::journal::{self, Journal};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// One in so many checks fails, with a file of evidence.
const FAILING: usize = 20;

/// Bytes of a file of evidence.
const EVIDENCE: [u64; 2] = [1 << 10, 1 << 20];

/// What is rendered.
const REPORTS: [&str; 4] = ["run.json", "report.html", "junit.xml", "xray.xml"];

pub(super) fn bench(results: usize) -> anyhow::Result<Vec<Measured>> {
    let mut all = Vec::new();
    for bytes in EVIDENCE {
        let directory = std::env::temp_dir().join(format!("shakedown-bench-{}-{bytes}", std::process::id()));
        let measured = finish(results, bytes, &directory).and_then(|()| measure(&directory));
        fs::remove_dir_all(&directory)?;
        let (peak, sizes) = measured?;
        let subject = format!("{results} results, {} kB of evidence each that fails", bytes >> 10);
        let measured = Measured::of(subject).with("peak memory", peak, Unit::Bytes);
        all.push(
            REPORTS
                .into_iter()
                .zip(sizes)
                .fold(measured, |measured, (report, size)| measured.with(report, size, Unit::Bytes)),
        );
    }
    Ok(all)
}

/// Renders in another process: its peak, and how large its reports are, in bytes.
fn measure(directory: &Path) -> anyhow::Result<(Option<f64>, Vec<f64>)> {
    let mut program = Command::new(std::env::current_exe()?);
    let output = program.args(["bench", "reports", "--directory"]).arg(directory).output()?;
    anyhow::ensure!(output.status.success(), "rendering ended with {}", output.status);
    let peak = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    let sizes = REPORTS.map(|report| {
        let bytes =
            fs::metadata(directory.join(report)).with_context(|| format!("{report} is missing"))?.len();
        Ok(f64::from(u32::try_from(bytes)?))
    });
    Ok((peak, sizes.into_iter().collect::<anyhow::Result<_>>()?))
}

/// Only renders the run that lies there, and prints how much memory that took, in bytes.
pub(super) fn render(directory: &Path) -> anyhow::Result<Exit> {
    let run = journal::read(&directory.join(journal::FILE_NAME))?;
    for report in shakedown_report::write_all(&run, directory, &Options::default()) {
        report.result?;
    }
    print(&memory("self", "VmHWM:").map_or_else(|| "unknown".to_owned(), |peak| peak.to_string()));
    Ok(Exit::Fit)
}

/// Leaves a run of so many results, whose files of evidence take no room on the disk.
fn finish(results: usize, bytes: u64, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory.join("evidence"))?;
    let mut journal = Journal::create(&directory.join(journal::FILE_NAME))?;
    let clock = Clock::system();
    let mut seq = 0;
    let mut push = |kind: EventKind| -> anyhow::Result<()> {
        let event = Event { seq, at: clock.now(), kind };
        seq += 1;
        Ok(journal.event(&event, &serde_json::to_string(&event)?)?)
    };
    push(EventKind::RunStarted { run: info() })?;
    for number in 0..results {
        let check = check(number);
        let path = format!("evidence/{number}-answer.json");
        let evidence = EvidenceRef {
            name: "answer.json".to_owned(),
            path: path.clone(),
            media_type: "application/json".to_owned(),
            bytes,
            truncated: false,
        };
        let mut verdict = Verdict::of(Observation::seen("answered 200 in 12 ms")).evidence(evidence);
        if number % FAILING == 0 {
            File::create(directory.join(path))?.set_len(bytes)?;
            let finding = Finding::new("field-missing", Cause::Product, "GET /things", "`name` is missing")
                .expected("a text", "nothing")
                .remedy("let the server send it", "about an hour");
            verdict = verdict.with(finding);
        }
        let id = check.id.clone();
        push(EventKind::Planned { check })?;
        push(EventKind::CheckStarted { check: id.clone(), attempt: 1 })?;
        push(EventKind::CheckFinished {
            check: id,
            outcome: verdict.into(),
            attempts: 1,
            duration_ms: 12.0,
        })?;
    }
    push(EventKind::RunFinished)
}

fn check(number: usize) -> CheckInfo {
    CheckInfo {
        id: format!("bench.group{}.check{number}", number % 100),
        title: "A check that was made up".to_owned(),
        keys: vec![format!("PZ-{number}")],
        tags: vec!["bench".to_owned()],
        target: None,
        effect: Effect::Read,
        severity: Severity::Medium,
        gate: Gate::Required,
        file: "bench.rs".to_owned(),
        required_by: None,
        proofs: Vec::new(),
    }
}
