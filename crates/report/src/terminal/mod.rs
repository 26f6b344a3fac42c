//! The run on the terminal while it goes on: a log with a line per finished check, or, live, what is running right now.

mod live;

use crate::prose;
pub use crate::style::Style;
use crate::style::symbol;
use crate::text::{clean, clip, fit};
use live::Live;
use shakedown_core::context::Progress;
use shakedown_core::duration::brief;
use shakedown_core::event::{CheckInfo, Event, EventKind, RunInfo};
use shakedown_core::outcome::Outcome;
use shakedown_core::sink::Sink;
use shakedown_core::{Gate, Status};
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

/// A check that takes long says so at most this often in a log.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Ids are aligned up to this width.
const WIDEST_ID: usize = 44;

/// Characters of one text in a line of the log.
const LONGEST_TEXT: usize = 300;

/// Shows a run as it happens.
pub struct Terminal {
    style: Style,
    screen: Screen,
    /// Why a check does not decide, for those that do not.
    gates: HashMap<String, &'static str>,
    id_width: usize,
    /// The running checks, and when each last said how far it is.
    running: HashMap<String, Running>,
    progress_every: Duration,
}

struct Running {
    since: Instant,
    said: Instant,
}

enum Screen {
    Log(Box<dyn Write + Send>),
    Live(Live),
}

impl Terminal {
    /// A terminal that writes to `out`: standard error where it is live, else wherever the log belongs.
    pub fn new(style: Style, out: impl Write + Send + 'static) -> Self {
        let out: Box<dyn Write + Send> = Box::new(out);
        let screen = if style.live { Screen::Live(Live::new(style, out)) } else { Screen::Log(out) };
        Self {
            style,
            screen,
            gates: HashMap::new(),
            id_width: 0,
            running: HashMap::new(),
            progress_every: PROGRESS_EVERY,
        }
    }

    /// Prints a line that stays; its head has the colour of the status. A live line is cut to the width, since the
    /// summary says it all again.
    fn say(&mut self, status: Option<Status>, head: &str, rest: &str) -> io::Result<()> {
        let painted = status.map_or_else(|| head.to_owned(), |status| self.style.status(status, head));
        match &mut self.screen {
            // One write per line, so that lines of other writers do not come between.
            Screen::Log(out) => {
                out.write_all(format!("{painted}{rest}\n").as_bytes()).and_then(|()| out.flush())
            }
            Screen::Live(board) => {
                let columns = self.style.width.saturating_sub(head.width());
                board.print(&format!("{painted}{}", fit(rest, columns)));
                Ok(())
            }
        }
    }

    /// Prints a line with a symbol, a word, the name of what it is about, and something about it.
    fn line(&mut self, status: Status, word: &str, name: &str, text: &str) -> io::Result<()> {
        let head = format!("{} {word:<8}", symbol(status));
        self.say(Some(status), &head, &format!(" {name}  {text}"))
    }

    fn planned(&mut self, check: &CheckInfo) {
        self.id_width = self.id_width.max(check.id.width().min(WIDEST_ID));
        if check.gate != Gate::Required {
            self.gates.insert(check.id.clone(), check.gate.as_str());
        }
    }

    fn finished(
        &mut self,
        check: &str,
        outcome: &Outcome,
        attempts: u32,
        duration_ms: f64,
    ) -> io::Result<()> {
        self.running.remove(check);
        if let Screen::Live(live) = &self.screen {
            live.finished(check, outcome.status);
            if outcome.status == Status::Passed && attempts < 2 {
                return Ok(());
            }
        }
        let took = Duration::try_from_secs_f64(duration_ms / 1000.0).unwrap_or_default();
        let took = if attempts == 0 { String::new() } else { brief(took) };
        let gate =
            self.gates.get(check).filter(|_| matches!(outcome.status, Status::Failed | Status::Errored));
        let gate = gate.map(|gate| format!("{gate}: ")).unwrap_or_default();
        let flaky = attempts > 1 && outcome.status.satisfies();
        let flaky = if flaky { format!("flaky, on attempt {attempts}: ") } else { String::new() };
        let name = format!("{:<width$}  {took:>8}", clean(check), width = self.id_width);
        let text = format!("{gate}{flaky}{}", in_short(outcome));
        self.line(outcome.status, outcome.status.as_str(), &name, &text)
    }

    fn take(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::RunStarted { run } => self.say(None, "", &title(run)),
            EventKind::Resumed { run, after } => {
                let since = after.strftime("%Y-%m-%d %H:%M:%SZ");
                self.say(None, "", &format!("{}; going on with the run that ended at {since}", title(run)))
            }
            EventKind::Planned { check } => {
                self.planned(check);
                self.live(Live::planned);
                Ok(())
            }
            EventKind::TargetConnected { target, info } => {
                for warning in &info.warnings {
                    let text = format!("at {}: {}", clean(&info.address), short(warning));
                    self.line(Status::Warned, "WARNING", &clean(target), &text)?;
                }
                Ok(())
            }
            EventKind::TargetLost { target, address, kind, message } => {
                let text = format!("at {}: {kind}: {}", clean(address), short(message));
                self.line(Status::Errored, "away", &clean(target), &text)
            }
            EventKind::CheckStarted { check, attempt } => {
                let now = Instant::now();
                self.running.insert(check.clone(), Running { since: now, said: now });
                self.live(|live| live.started(check, *attempt));
                Ok(())
            }
            EventKind::CheckRetried { check, attempt, outcome, wait_ms } => {
                self.running.remove(check);
                let wait = brief(Duration::from_millis(*wait_ms));
                let text =
                    format!("attempt {attempt} {}: {}; again in {wait}", outcome.status, in_short(outcome));
                self.line(Status::Warned, "retry", &clean(check), &text)
            }
            EventKind::CheckFinished { check, outcome, attempts, duration_ms } => {
                self.finished(check, outcome, *attempts, *duration_ms)
            }
            EventKind::CleanedUp { resource, error: Some(error), .. } => {
                self.line(Status::Warned, "left", &prose::resource_name(resource), &short(error))
            }
            EventKind::Interrupted { by } => {
                self.line(Status::Skipped, "stopping", &clean(by), "finishing what has begun, then reports")
            }
            EventKind::RunFinished => {
                self.live(Live::end);
                Ok(())
            }
            EventKind::LeftOut { .. }
            | EventKind::Created { .. }
            | EventKind::CleanedUp { error: None, .. }
            | EventKind::Evidence { .. }
            | EventKind::Checkpoint { .. }
            | EventKind::Collected { .. } => Ok(()),
        }
    }

    fn live(&self, act: impl FnOnce(&Live)) {
        if let Screen::Live(live) = &self.screen {
            act(live);
        }
    }
}

impl Sink for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn event(&mut self, event: &Event, _line: &str) -> io::Result<()> {
        self.take(event)
    }

    fn progress(&mut self, check: &str, progress: &Progress) {
        if let Screen::Live(live) = &self.screen {
            live.progress(check, progress);
            return;
        }
        let now = Instant::now();
        let Some(running) = self.running.get_mut(check) else {
            return;
        };
        if now.duration_since(running.said) < self.progress_every {
            return;
        }
        running.said = now;
        let text = format!("{}  {}", brief(now.duration_since(running.since)), how_far(progress));
        // A log that cannot be written says so at the next event.
        let _ = self.say(None, "  running  ", &format!("{}  {text}", clean(check)));
    }
}

/// `12/100 recordings`.
fn how_far(progress: &Progress) -> String {
    match progress.total {
        // Nobody knows how much there is.
        0 => clean(&progress.what).into_owned(),
        total => format!("{}/{total} {}", progress.done, clean(&progress.what)),
    }
}

/// What is run where, on one line.
fn title(run: &RunInfo) -> String {
    let faults = match run.faults.as_slice() {
        [] => String::new(),
        faults => format!(" (with faults: {})", prose::names(faults.iter().map(String::as_str), 8)),
    };
    format!("{} on {}: {}{faults}", clean(&run.project), clean(&run.environment), clean(&run.selection))
}

/// Text from outside, on one line of the log.
fn short(text: &str) -> String {
    clip(&clean(text), LONGEST_TEXT).into_owned()
}

/// An outcome on one line.
fn in_short(outcome: &Outcome) -> String {
    let findings = prose::by_weight(outcome);
    match (outcome.status, findings.as_slice()) {
        (Status::Skipped, _) => short(&prose::skip_reason(outcome)),
        (Status::Failed | Status::Warned, [only]) if outcome.cases.is_empty() => {
            prose::headline(only, LONGEST_TEXT)
        }
        (Status::Failed | Status::Warned, [first, more @ ..]) if outcome.cases.is_empty() => {
            format!("{} (and {} more)", prose::headline(first, LONGEST_TEXT), more.len())
        }
        _ => short(&outcome.summary),
    }
}
