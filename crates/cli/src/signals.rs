//! Ctrl-C and SIGTERM: the first finishes tidily, the second ends at once.

use crate::output::message;
use shakedown_core::run::Exit;
use shakedown_runner::Interrupt;

/// Listens from here on, for as long as the program lives.
pub(crate) fn listen(interrupt: &Interrupt) {
    let interrupt = interrupt.clone();
    tokio::spawn(async move {
        let first = next_signal().await;
        interrupt.raise(first);
        message(&format!("{first}: finishing tidily; once more to end at once"));
        next_signal().await;
        #[expect(clippy::disallowed_methods, reason = "the second signal asks for just that")]
        std::process::exit(Exit::Interrupted.code().into());
    });
}

#[cfg(unix)]
async fn next_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(not(unix))]
async fn next_signal() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "SIGINT",
        Err(_) => std::future::pending().await,
    }
}
