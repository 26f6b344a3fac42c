//! Processes that are started for a measurement and that end with it.

use crate::Trouble;
use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core that servers run on, where there are two.
pub(crate) const SERVER_CORE: &str = "1";
/// The core that clients run on.
pub(crate) const CLIENT_CORE: &str = "0";

/// A process that is killed when dropped.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Trouble> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.spawn().map(Self).map_err(|error| format!("`{program}` does not start: {error}"))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

/// A program that keeps to one core, where this machine has two and lets processes be placed.
pub(crate) fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let has_two = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    if has_two && is_there("taskset") {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// This program again, in another role.
pub(crate) fn this_program() -> Result<std::path::PathBuf, Trouble> {
    std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))
}

pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok_and(
        |mut child| {
            // Only that it starts matters.
            let _ = child.wait();
            true
        },
    )
}

/// What a program prints, which has to end in time.
pub(crate) fn output(command: &mut Command, within: Duration) -> Result<String, Trouble> {
    let shown = format!("{command:?}");
    let mut process =
        Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    let mut stdout = process.child().stdout.take().ok_or("no output")?;
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let until = Instant::now() + within;
    while process.is_running() {
        if Instant::now() > until {
            return Err(format!("{shown} did not end within {within:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = process.child().wait().map_err(|error| error.to_string())?;
    let text = reading.join().map_err(|_| "the output was not read")?.map_err(|error| error.to_string())?;
    if status.success() { Ok(text) } else { Err(format!("{shown} ended with {status}:\n{text}")) }
}
