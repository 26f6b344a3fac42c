//! The reports on disk.

use crate::fixture::everything;
use shakedown_report::{json, write_all};
use std::fs;
use std::path::Path;

#[test]
fn all_reports_are_written_and_no_draft_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let run = everything().run();
    for _ in 0..2 {
        let written = write_all(&run, dir.path(), &shakedown_report::html::Options::default());
        assert!(written.iter().all(|report| report.result.is_ok()), "{written:?}");
    }
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["junit.xml", "report.html", "run.json", "xray.xml"]);
    assert_eq!(fs::read_to_string(dir.path().join("run.json")).unwrap(), json::render(&run));
}

#[test]
fn one_report_that_fails_does_not_silence_the_others() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("run.json")).unwrap();
    let written = write_all(&everything().run(), dir.path(), &shakedown_report::html::Options::default());
    let error = written[0].result.as_ref().unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("run.json: "), "{error}");
    assert!(written[1..].iter().all(|report| report.result.is_ok()), "{written:?}");
    assert!(written[1..].iter().all(|report| report.path.is_file()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "a draft was left");
}

#[test]
fn a_directory_that_takes_no_files_is_an_error_each() {
    // A read-only directory stops nobody who runs as root; this one stops everybody.
    let written =
        write_all(&everything().run(), Path::new("/proc/self"), &shakedown_report::html::Options::default());
    let errors: Vec<_> =
        written.iter().map(|report| report.result.as_ref().unwrap_err().to_string()).collect();
    for (error, name) in errors.iter().zip(["run.json", "report.html", "junit.xml", "xray.xml"]) {
        assert!(error.starts_with(&format!("cannot write /proc/self/{name}: ")), "{errors:?}");
    }
}
