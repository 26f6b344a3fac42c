//! The reports on disk.

use crate::fixture::everything;
use shakedown_report::{json, write_all};
use std::fs;
use std::path::Path;

#[test]
fn both_reports_are_written_and_no_draft_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let run = everything().run();
    for _ in 0..2 {
        let written = write_all(&run, dir.path());
        assert!(written.iter().all(|report| report.result.is_ok()), "{written:?}");
    }
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["junit.xml", "run.json"]);
    assert_eq!(fs::read_to_string(dir.path().join("run.json")).unwrap(), json::render(&run));
}

#[test]
fn one_report_that_fails_does_not_silence_the_other() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("run.json")).unwrap();
    let written = write_all(&everything().run(), dir.path());
    let error = written[0].result.as_ref().unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("run.json: "), "{error}");
    assert!(written[1].result.is_ok());
    assert!(dir.path().join("junit.xml").is_file());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "a draft was left");
}

#[test]
fn a_directory_that_takes_no_files_is_an_error_each() {
    // A read-only directory stops nobody who runs as root; this one stops everybody.
    let written = write_all(&everything().run(), Path::new("/proc/self"));
    let errors: Vec<_> =
        written.iter().map(|report| report.result.as_ref().unwrap_err().to_string()).collect();
    assert!(errors[0].starts_with("cannot write /proc/self/run.json: "), "{errors:?}");
    assert!(errors[1].starts_with("cannot write /proc/self/junit.xml: "), "{errors:?}");
}
