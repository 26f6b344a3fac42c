//! What reports need of memory: as much as the run has to say, and nothing of its evidence.

use crate::fixture::{Story, check, evidence};
use shakedown_core::event::EventKind;
use shakedown_core::{Cause, EvidenceRef, Finding, Observation, Severity, Verdict};
use shakedown_report::journal::{FILE_NAME, Journal, read};
use shakedown_report::{html, write_all};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// The most memory that this process has had, in kB; none where the system does not tell.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A run whose failures have files of so many bytes each, which take no room on the disk.
fn finished(dir: &Path, bytes: u64) {
    let mut story = Story::new();
    for number in 0..5_000 {
        let id = format!("bench.check-{number}");
        let path = format!("evidence/{id}.bin");
        let file = EvidenceRef { bytes, ..evidence(&path) };
        let mut verdict = Verdict::of(Observation::seen("answered 200")).evidence(file.clone());
        if number % 20 == 0 {
            fs::create_dir_all(dir.join("evidence")).unwrap();
            File::create(dir.join(&path)).unwrap().set_len(bytes).unwrap();
            verdict = verdict.with(Finding::new("x", Cause::Product, "s", "m").evidence(file));
        }
        let info = shakedown_core::event::CheckInfo {
            keys: vec![format!("PZ-{number}")],
            ..check(&id, Severity::Low)
        };
        story.check(info, verdict.into());
    }
    story.push(EventKind::RunFinished);
    story.tell(&mut Journal::create(&dir.join(FILE_NAME)).unwrap()).unwrap();
}

#[test]
fn memory_does_not_grow_with_evidence() {
    if peak().is_none() {
        eprintln!("skipped: this system does not tell how much memory a process has had");
        return;
    }
    let peaks = [100, 1 << 20].map(|bytes| {
        let dir = tempfile::tempdir().unwrap();
        finished(dir.path(), bytes);
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["memory::renders_the_run_that_lies_here", "--exact", "--ignored", "--nocapture"]);
        let output = child.current_dir(dir.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        let (_, peak) = told.split_once("peak: ").unwrap_or_else(|| panic!("no peak in {told}"));
        peak.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    let [small, large] = peaks;
    assert!(large * 10 < small * 11, "{small} kB beside 25 kB of evidence, {large} kB beside 250 MB");
}

/// A part of the test above, in a process of its own.
#[test]
#[ignore = "a part of another test, which starts it where a run lies"]
fn renders_the_run_that_lies_here() {
    let dir = std::env::current_dir().unwrap();
    if !dir.join(FILE_NAME).is_file() {
        return;
    }
    let run = read(&dir.join(FILE_NAME)).unwrap();
    let written = write_all(&run, &dir, &html::Options::default());
    assert!(written.iter().all(|report| report.result.is_ok()), "{written:?}");
    println!("peak: {} kB", peak().unwrap_or_default());
}
