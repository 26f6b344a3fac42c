//! Waiting for a plugin, which may take too long or panic.

use std::future::Future;
use std::time::Duration;
use tokio::runtime::Handle;

/// Why a plugin gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It panicked.
    Panicked,
    /// It took too long, and was ended at its next `await`.
    TimedOut,
}

/// Does a plugin's work on `workers`, apart from the caller, who waits no longer than `patience`.
pub(crate) async fn bounded<T: Send + 'static>(
    workers: &Handle,
    patience: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Unanswered> {
    let mut task = workers.spawn(work);
    if let Ok(joined) = tokio::time::timeout(patience, &mut task).await {
        return joined.map_err(|_| Unanswered::Panicked);
    }
    task.abort();
    Err(Unanswered::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_a_panic_and_silence_are_told_apart() {
        let workers = Handle::current();
        let long = Duration::from_mins(1);
        assert_eq!(bounded(&workers, long, async { 7 }).await, Ok(7));
        assert_eq!(
            bounded(&workers, long, async { panic!("the sky fell down") }).await,
            Err::<(), _>(Unanswered::Panicked)
        );
        let silence = std::future::pending::<()>();
        assert_eq!(bounded(&workers, Duration::from_millis(1), silence).await, Err(Unanswered::TimedOut));
    }
}
