//! What containers have logged: bounded, with the log of the container before, and followed as it grows.

use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many lines and how many bytes of a container's log are kept.
const LINES: usize = 5_000;
const BYTES: usize = 2 << 20;
/// How much of a line is kept.
const LONGEST_LINE: usize = 16 << 10;

/// A line, and when it was written.
pub(crate) type Line = (Timestamp, String);

/// The log of one life of a container.
#[derive(Debug)]
pub(crate) struct Journal {
    kept: Mutex<Kept>,
    /// Moves with every line, and when the log is closed.
    grown: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
    /// How many lines were dropped at the beginning.
    dropped: u64,
    closed: bool,
}

impl Journal {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), grown: watch::Sender::new(0) })
    }

    /// Adds a line. What is too long is cut; what is too much pushes out what is oldest.
    pub(super) fn write(&self, now: Timestamp, line: impl Into<String>) {
        let mut line = line.into();
        if line.len() > LONGEST_LINE {
            line.truncate(line.floor_char_boundary(LONGEST_LINE));
        }
        let mut kept = self.lock();
        kept.bytes += line.len();
        kept.lines.push_back((now, line));
        while kept.lines.len() > LINES || kept.bytes > BYTES {
            let Some((_, lost)) = kept.lines.pop_front() else { break };
            kept.bytes -= lost.len();
            kept.dropped += 1;
        }
        drop(kept);
        self.grown.send_modify(|grown| *grown += 1);
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.grown.send_modify(|grown| *grown += 1);
    }

    /// The lines from the `from`th on, the number of the next one, and whether more may come.
    fn since(&self, from: u64) -> (Vec<Line>, u64, bool) {
        let kept = self.lock();
        let skipped = usize::try_from(from.saturating_sub(kept.dropped)).unwrap_or(usize::MAX);
        let lines: Vec<Line> = kept.lines.iter().skip(skipped).cloned().collect();
        (lines, kept.dropped + kept.lines.len() as u64, !kept.closed)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log as it is read: what is there, and a way to wait for more.
#[derive(Debug)]
pub(crate) struct Log {
    /// What was logged before it was opened.
    pub(crate) lines: Vec<Line>,
    journal: Arc<Journal>,
    next: u64,
}

impl Log {
    pub(super) fn of(journal: Arc<Journal>) -> Self {
        let (lines, next, _) = journal.since(0);
        Self { lines, journal, next }
    }

    /// Waits for the lines that come next. None when the container has ended and nothing more will come.
    pub(crate) async fn more(&mut self) -> Option<Vec<Line>> {
        let mut grown = self.journal.grown.subscribe();
        loop {
            grown.borrow_and_update();
            let (lines, next, is_open) = self.journal.since(self.next);
            self.next = next;
            if !lines.is_empty() {
                return Some(lines);
            }
            if !is_open || grown.changed().await.is_err() {
                return None;
            }
        }
    }
}

/// The logs of all containers, by the UID of the pod and the name of the container.
#[derive(Debug, Default)]
pub(super) struct Logs(Mutex<HashMap<String, HashMap<String, Lives>>>);

#[derive(Debug)]
struct Lives {
    current: Arc<Journal>,
    previous: Option<Arc<Journal>>,
}

impl Logs {
    /// A container begins a new life.
    pub(super) fn begin(&self, pod: &str, container: &str) -> Arc<Journal> {
        let journal = Journal::new();
        let mut logs = self.lock();
        let lives = logs.entry(pod.to_owned()).or_default();
        let previous = lives.remove(container).map(|lives| lives.current);
        if let Some(previous) = &previous {
            previous.close();
        }
        lives.insert(container.to_owned(), Lives { current: Arc::clone(&journal), previous });
        journal
    }

    /// The log of the present life of a container or, if asked for, of the one before.
    pub(super) fn of(&self, pod: &str, container: &str, previous: bool) -> Option<Arc<Journal>> {
        let logs = self.lock();
        let lives = logs.get(pod)?.get(container)?;
        if previous { lives.previous.clone() } else { Some(Arc::clone(&lives.current)) }
    }

    /// Drops the logs of a pod that is gone.
    pub(super) fn forget(&self, pod: &str) {
        for lives in self.lock().remove(pod).into_iter().flatten().map(|(_, lives)| lives) {
            lives.current.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Lives>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn a_log_is_bounded_in_lines_and_in_bytes() {
        let journal = Journal::new();
        for number in 0..LINES + 10 {
            journal.write(at(0), number.to_string());
        }
        let log = Log::of(Arc::clone(&journal));
        assert_eq!((log.lines.len(), log.lines[0].1.as_str()), (LINES, "10"));
        for _ in 0..200 {
            journal.write(at(1), "é".repeat(LONGEST_LINE));
        }
        let kept: usize = Log::of(journal).lines.iter().map(|(_, line)| line.len()).sum();
        assert!(kept <= BYTES, "{kept}");
    }

    #[tokio::test]
    async fn a_follower_sees_every_line_once_and_the_end() {
        let journal = Journal::new();
        journal.write(at(0), "one");
        let mut log = Log::of(Arc::clone(&journal));
        assert_eq!(texts(&log.lines), ["one"]);
        let writer = tokio::spawn(async move {
            journal.write(at(1), "two");
            tokio::task::yield_now().await;
            journal.write(at(2), "three");
            journal.close();
        });
        let mut seen = Vec::new();
        while let Some(lines) = log.more().await {
            seen.extend(lines);
        }
        assert_eq!(texts(&seen), ["two", "three"]);
        writer.await.unwrap();
    }

    #[test]
    fn the_life_before_is_kept_and_the_one_before_that_is_not() {
        let logs = Logs::default();
        for life in ["first", "second", "third"] {
            logs.begin("pod", "main").write(at(0), life);
        }
        let read = |previous| Log::of(logs.of("pod", "main", previous).unwrap()).lines[0].1.clone();
        assert_eq!((read(false).as_str(), read(true).as_str()), ("third", "second"));
        logs.forget("pod");
        assert!(logs.of("pod", "main", false).is_none());
    }
}
