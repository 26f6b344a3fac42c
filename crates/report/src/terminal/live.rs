//! The board below the log of a live terminal: how far the run is, and what is running.

use super::{how_far, symbol};
use crate::style::Style;
use crate::text::{clean, fit};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use shakedown_core::Status;
use shakedown_core::context::Progress;
use shakedown_core::duration::brief;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

/// More running checks than this are only counted.
const MOST_RUNNING: usize = 8;

/// How often the board is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);

/// The board. It vanishes when the run ends, or when it is dropped.
pub(super) struct Live {
    bar: ProgressBar,
    board: Arc<Mutex<Board>>,
}

impl Live {
    pub(super) fn new(style: Style, out: Box<dyn Write + Send>) -> Self {
        let board = Arc::new(Mutex::new(Board::new(style)));
        let pen = Mutex::new(Pen { out, at_end: false });
        let canvas = Canvas { pen, width: u16::try_from(style.width).unwrap_or(u16::MAX) };
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 10));
        let drawn = Arc::clone(&board);
        let template = ProgressStyle::with_template("{board}").expect("the template is valid");
        bar.set_style(template.with_key("board", move |_: &_, out: &mut dyn fmt::Write| {
            // A board that cannot be formatted is drawn at the next tick.
            let _ = out.write_str(&lock(&drawn).draw(Instant::now()));
        }));
        bar.enable_steady_tick(REDRAW);
        Self { bar, board }
    }

    pub(super) fn planned(&self) {
        lock(&self.board).planned += 1;
    }

    pub(super) fn started(&self, check: &str, attempt: u32) {
        let mut board = lock(&self.board);
        board.running.retain(|running| running.check != check);
        board.running.push(Running {
            check: check.to_owned(),
            attempt,
            since: Instant::now(),
            progress: None,
        });
    }

    pub(super) fn progress(&self, check: &str, progress: &Progress) {
        if let Some(running) = lock(&self.board).running.iter_mut().find(|running| running.check == check) {
            running.progress = Some(progress.clone());
        }
    }

    pub(super) fn finished(&self, check: &str, status: Status) {
        let mut board = lock(&self.board);
        board.running.retain(|running| running.check != check);
        board.ended[status as usize] += 1;
    }

    /// Prints a line above the board.
    pub(super) fn print(&self, line: &str) {
        self.bar.println(line);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

/// The board is only ever read and counted up: what a panicking thread left is as good as any.
fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the board shows.
struct Board {
    style: Style,
    began: Instant,
    planned: usize,
    /// How many checks ended how, by status.
    ended: [usize; Status::ALL.len()],
    running: Vec<Running>,
}

struct Running {
    check: String,
    attempt: u32,
    since: Instant,
    progress: Option<Progress>,
}

impl Board {
    fn new(style: Style) -> Self {
        Self { style, began: Instant::now(), planned: 0, ended: [0; Status::ALL.len()], running: Vec::new() }
    }

    fn draw(&self, now: Instant) -> String {
        let columns = self.style.width.saturating_sub(1);
        let ended: usize = self.ended.iter().sum();
        let head = format!("{ended} of {} checks  {}", self.planned, brief(now.duration_since(self.began)));
        let (mut board, mut used) = (fit(&head, columns).into_owned(), head.width());
        for &status in Status::ALL.iter().rev().filter(|&&status| self.ended[status as usize] > 0) {
            let tally = format!("{} {} {status}", symbol(status), self.ended[status as usize]);
            used += 2 + tally.width();
            // The worst come first, so what does not fit is what matters least.
            if used <= columns {
                let _ = write!(board, "  {}", self.style.status(status, &tally));
            }
        }
        for running in self.running.iter().take(MOST_RUNNING) {
            let mut line =
                format!("  {}  {}", clean(&running.check), brief(now.duration_since(running.since)));
            if running.attempt > 1 {
                let _ = write!(line, "  attempt {}", running.attempt);
            }
            if let Some(progress) = &running.progress {
                line.push_str("  ");
                line.push_str(&how_far(progress));
            }
            board.push('\n');
            board.push_str(&self.style.dim(&fit(&line, columns)));
        }
        if let Some(more) = self.running.len().checked_sub(MOST_RUNNING).filter(|&more| more > 0) {
            let _ = write!(board, "\n  and {more} more running");
        }
        board
    }
}

/// A terminal that is written to with the few control sequences that every terminal knows.
///
/// The progress bar fills each line with blanks and counts on the terminal to wrap at exactly the width it was told. The
/// real terminal may be wider, or be resized: the blanks are not written, and the line break is.
struct Canvas {
    pen: Mutex<Pen>,
    width: u16,
}

struct Pen {
    out: Box<dyn Write + Send>,
    /// The line is written, and what follows belongs on the next.
    at_end: bool,
}

impl Canvas {
    fn pen(&self) -> MutexGuard<'_, Pen> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control(&self, sequence: &str) -> io::Result<()> {
        let mut pen = self.pen();
        pen.at_end = false;
        pen.out.write_all(sequence.as_bytes())
    }

    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.control(&format!("\x1b[{count}{direction}")) }
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas").field("width", &self.width).finish_non_exhaustive()
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.width
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.control(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        let mut pen = self.pen();
        if s.bytes().all(|byte| byte == b' ') {
            pen.at_end = true;
            return Ok(());
        }
        let line_break = if std::mem::take(&mut pen.at_end) { "\n" } else { "" };
        pen.out.write_all(format!("{line_break}{s}").as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.control("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.pen().out.flush()
    }
}
