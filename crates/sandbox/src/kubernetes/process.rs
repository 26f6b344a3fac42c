//! A container that is a process of this machine: our own executable, with what it writes as its log.

use super::logs::Journal;
use rustix::process::{Pid, Signal, kill_process};
use shakedown_core::Clock;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the output of a process that has ended is waited for: a child of it may hold it open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process that has ended.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    /// The UID of its pod.
    pub(super) pod: String,
    pub(super) container: String,
    /// Its exit code; for one that was killed, 128 and the number of the signal.
    pub(super) code: i64,
}

/// A process that runs. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Process {
    terminate: CancellationToken,
    kill: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it, with nothing in its environment but `variables`.
    ///
    /// # Errors
    /// It could not be started.
    pub(super) fn spawn(
        command: &[String],
        variables: Vec<(String, String)>,
        journal: Arc<Journal>,
        clock: Clock,
        ended: (Exit, mpsc::UnboundedSender<Exit>),
    ) -> io::Result<Self> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let readers = [
            child.stdout.take().map(|out| tokio::spawn(read(out, Arc::clone(&journal), clock.clone()))),
            child.stderr.take().map(|out| tokio::spawn(read(out, Arc::clone(&journal), clock))),
        ];
        let (terminate, kill) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(watch(child, terminate.clone(), kill.clone(), async move |code| {
            for reader in readers.into_iter().flatten() {
                let abort = reader.abort_handle();
                if tokio::time::timeout(LAST_WORDS, reader).await.is_err() {
                    abort.abort();
                }
            }
            journal.close();
            let (exit, listener) = ended;
            // Where nobody listens the cluster has ended.
            let _ = listener.send(Exit { code, ..exit });
        }));
        Ok(Self { terminate, kill, task: Some(task) })
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        self.terminate.cancel();
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.kill.cancel();
    }

    /// Ends it, and returns when it is gone.
    pub(super) async fn end(mut self) {
        self.kill.cancel();
        if let Some(task) = self.task.take() {
            // That it panicked would be no reason to wait any longer.
            let _ = task.await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Waits for a process to end, and helps where told to; then says with which code it did.
async fn watch(
    mut child: Child,
    terminate: CancellationToken,
    kill: CancellationToken,
    ended: impl AsyncFnOnce(i64),
) {
    let mut asked = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = kill.cancelled() => {
                // It fails where the process has ended by itself, which the wait shows.
                let _ = child.start_kill();
                break child.wait().await;
            }
            () = terminate.cancelled(), if !asked => {
                asked = true;
                let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                if let Some(id) = id {
                    let _ = kill_process(id, Signal::TERM);
                }
            }
        }
    };
    ended(status.map_or(255, code)).await;
}

fn code(status: ExitStatus) -> i64 {
    status.code().map_or_else(|| 128 + i64::from(status.signal().unwrap_or_default()), i64::from)
}

async fn read(output: impl AsyncRead + Unpin, journal: Arc<Journal>, clock: Clock) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        journal.write(clock.now(), line.trim_end_matches('\r'));
    }
}
