//! The journal: nothing is lost, and nothing foreign is believed.

use crate::fixture::{Story, check, everything};
use shakedown_core::event::EventKind;
use shakedown_core::sink::Sink;
use shakedown_core::{Severity, Status};
use shakedown_report::journal::{Journal, JournalError, read};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

#[test]
fn the_run_read_back_is_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let story = everything();
    story.tell(&mut Journal::create(&path).unwrap()).unwrap();
    let (read, told) = (read(&path).unwrap(), story.run());
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&told).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), story.events.len());
}

#[test]
fn each_event_is_there_at_once_and_a_torn_line_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let mut journal = Journal::create(&path).unwrap();
    let mut story = Story::new();
    story.push(EventKind::Planned { check: check("mongo.ping", Severity::High) });
    story.push(EventKind::Planned { check: check("mongo.slow", Severity::High) });
    story.push(EventKind::CheckStarted { check: "mongo.ping".to_owned(), attempt: 1 });
    story.tell(&mut journal).unwrap();
    // The journal is still open: what a killed process leaves, with half a line after it.
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":4,\"at\":\"2025-").unwrap();
    let run = read(&path).unwrap();
    let ended: Vec<_> = run.checks.iter().map(|record| record.outcome.status).collect();
    assert_eq!(ended, [Status::Errored, Status::Skipped]);
    assert_eq!(run.finished, None);
    drop(journal);
}

#[test]
fn a_last_line_that_only_lacks_its_end_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let story = everything();
    let lines: Vec<_> = story.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    assert!(read(&path).unwrap().finished.is_some());
}

#[test]
fn a_foreign_line_is_named_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let first = serde_json::to_string(&Story::new().events[0]).unwrap();
    for foreign in ["{\"seq\":1}\n", "hello\n", "\n", "\u{0}\u{0}\n", "[1, 2]\nmore"] {
        fs::write(&path, format!("{first}\n{foreign}")).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, JournalError::Foreign { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("events.jsonl, line 2: not an event of a run: "), "{error}");
    }
    fs::write(&path, b"\xff\xfe\n").unwrap();
    assert!(matches!(read(&path).unwrap_err(), JournalError::Foreign { line: 1, .. }));
}

#[test]
fn a_file_without_a_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    assert!(matches!(read(&path).unwrap_err(), JournalError::Io { .. }));
    for nothing in ["", "{\"seq\":0,"] {
        fs::write(&path, nothing).unwrap();
        assert!(matches!(read(&path).unwrap_err(), JournalError::Empty { .. }));
    }
    let last = serde_json::to_string(everything().events.last().unwrap()).unwrap();
    fs::write(&path, format!("{last}\n")).unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.to_string().ends_with("does not begin with `run-started`"), "{error}");
}

#[test]
fn another_runs_journal_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    fs::write(&path, "what is left\n").unwrap();
    let error = Journal::create(&path).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "what is left\n");
}

#[test]
fn a_full_disk_ends_the_journal_and_names_it() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let mut journal = Journal::create(full).unwrap();
    let event = &Story::new().events[0];
    let error = journal.event(event, "{}").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("cannot write the journal /dev/full: "), "{error}");
    assert!(journal.event(event, "{}").unwrap_err().to_string().contains("closed after an error"));
}
