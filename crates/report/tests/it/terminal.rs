//! The terminal while the run goes on.

use crate::fixture::{Story, check, everything, passed};
use insta::assert_snapshot;
use shakedown_core::Severity;
use shakedown_core::context::Progress;
use shakedown_core::event::{Event, EventKind};
use shakedown_core::sink::Sink;
use shakedown_report::Style;
use shakedown_report::terminal::Terminal;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Remembers what was written.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn log(story: &Story) -> String {
    let paper = Paper::default();
    story.tell(&mut Terminal::new(Style::PLAIN, paper.clone())).unwrap();
    paper.text()
}

#[test]
fn a_log_has_a_line_per_finished_check() {
    assert_snapshot!(log(&everything()), @r"
focus-server on production: tag(smoke)
! WARNING  mongo  at db.example.com:27017: TLS certificates are not verified
✓ passed   mongo.connect                 12 ms  connected to version 7.0.5
✗ failed   mongo.indexes.required        12 ms  recordings: indexes on start_time, end_time and uuid (unique) are missing (and 1 more)
! warned   mongo.ping                    12 ms  ping: p95 612.40 ms (must be below 500 ms)
! retry    mongo.collections  attempt 1 errored: mongo at db.example.com:27017: connection lost: connection reset; again in 500 ms
✓ passed   mongo.collections             49 ms  flaky, on attempt 2: 4 collections
? away     k8s  at https://k8s.example.com:6443: timed out: no answer within 5 s
? errored  k8s.connect                   12 ms  k8s at https://k8s.example.com:6443: timed out: no answer within 5 s
- skipped  k8s.pods                             k8s is away, which k8s.connect reports
- skipped  focus-api.configure.valid            needs focus-api.channels, which failed
- skipped  focus-api.configure.p95              needs focus-api.channels, which failed
✗ failed   focus-api.validation          12 ms  4 cases examined: 1 failed, 1 errored, 1 passed, 1 skipped
✗ failed   focus-api.capacity            12 ms  informational: jobs: 12 at once instead of 200
✗ failed   mongo.recordings.stale        12 ms  waived: recording 8c1f: live for 117.3 h
! left     job 12-4 in focus-api  answered 500
");
}

#[test]
fn a_log_is_not_flooded_by_progress() {
    let paper = Paper::default();
    let mut terminal = Terminal::new(Style::PLAIN, paper.clone());
    let mut story = Story::new();
    story.push(EventKind::Planned { check: check("load.ramp", Severity::High) });
    story.push(EventKind::CheckStarted { check: "load.ramp".to_owned(), attempt: 1 });
    story.tell(&mut terminal).unwrap();
    let before = paper.text();
    for done in 0..10_000 {
        terminal.progress("load.ramp", &Progress { done, total: 10_000, what: "requests".to_owned() });
    }
    let lines = paper.text().lines().count() - before.lines().count();
    assert!(lines < 100, "{lines} lines of progress");
}

#[test]
fn a_log_that_cannot_be_written_says_so() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = everything().tell(&mut Terminal::new(Style::PLAIN, Closed)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_live_terminal_keeps_what_did_not_pass_and_clears_the_board() {
    let paper = Paper::default();
    let style = Style { color: false, live: true, width: 80 };
    let mut terminal = Terminal::new(style, paper.clone());
    let story = everything();
    let (last, events) = story.events.split_last().unwrap();
    let mut tell = |event: &Event| terminal.event(event, "").unwrap();
    events.iter().for_each(&mut tell);
    tell(last);
    drop(terminal);
    let screen = screen(&paper.text());
    assert!(screen.contains("✗ failed   mongo.indexes.required"), "{screen}");
    assert!(screen.contains("flaky, on attempt 2: "), "{screen}");
    assert!(!screen.contains("mongo.connect"), "a plain pass is only counted: {screen}");
    assert!(!screen.contains(" checks "), "the board is gone: {screen}");
}

#[test]
fn the_board_shows_what_is_running() {
    let paper = Paper::default();
    let mut terminal = Terminal::new(Style { color: false, live: true, width: 80 }, paper.clone());
    let mut story = Story::new();
    story.check(check("mongo.connect", Severity::High), passed("connected"));
    story.push(EventKind::Planned { check: check("load.ramp", Severity::High) });
    story.push(EventKind::CheckStarted { check: "load.ramp".to_owned(), attempt: 2 });
    story.tell(&mut terminal).unwrap();
    terminal.progress("load.ramp", &Progress { done: 3, total: 10, what: "requests".to_owned() });
    // Any printed line draws the board below it.
    let warning = EventKind::Interrupted { by: "SIGINT".to_owned() };
    terminal.event(&Event { seq: 9, at: crate::fixture::start(), kind: warning }, "").unwrap();
    let screen = screen(&paper.text());
    assert!(screen.contains("1 of 2 checks"), "{screen}");
    assert!(screen.contains("✓ 1 passed"), "{screen}");
    assert!(screen.contains("attempt 2  3/10 requests"), "{screen}");
}

/// What a wide terminal shows after these bytes: only what the board uses is understood.
fn screen(bytes: &str) -> String {
    let mut lines = vec![String::new()];
    let (mut row, mut rest) = (0, bytes);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => {
                // The driver of a terminal also returns the carriage.
                row += 1;
                lines.resize(lines.len().max(row + 1), String::new());
            }
            '\r' => {}
            '\x1b' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                let count = rest[1..end].parse().unwrap_or(1);
                match &rest[end..=end] {
                    "A" => row -= count,
                    "B" => row += count,
                    "K" => lines[row].clear(),
                    other => panic!("the board uses `{other}`"),
                }
                rest = &rest[end + 1..];
            }
            c => lines[row].push(c),
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}
