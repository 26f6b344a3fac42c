//! `focus-api.prelaunch.future`

use crate::checks::{JOBS, READY};
use crate::refusal::{Nonsense, examine};
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A range of time that has not happened yet is refused.
    ///
    /// An hour that begins tomorrow is asked for. A refusal with 400, 422 or 404 will do.
    ///
    /// # Why it matters
    /// An analyzer that is started for it finds no recording and occupies a place until a timer ends it, while the user
    /// waits for a picture that cannot come.
    ///
    /// # How to mend it
    /// Compare `end_time` with the server's present time, allowing for a few seconds between clocks, before a job starts.
    pub(super) struct FutureRange(NoParams) {
        id: "focus-api.prelaunch.future",
        title: "A range of time in the future is refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14089", "PZ-13984", "PZ-13870"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.accepts-future", "future-accepted")],
    }
}

const DAY: i64 = 24 * 3600;
const HOUR: i64 = 3600;

#[async_trait]
impl Check for FutureRange {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let tomorrow = cx.clock.epoch_seconds() + DAY;
        let request = ConfigureRequest::live(&client.fiber(cx).await?).historic(tomorrow, tomorrow + HOUR);
        let nonsense = Nonsense {
            what: "an hour of tomorrow",
            accepted: "future-accepted",
            fields: &["start_time", "end_time", "time"],
        };
        examine(cx, &client, &request, nonsense).await
    }
}
